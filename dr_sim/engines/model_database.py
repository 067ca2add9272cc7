"""A database of the model engine, the pages of its backups, and what a restore makes of it.

The rules are described in model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from dr_sim.backups.model import BackupHeader
from dr_sim.engines import backup_set
from dr_sim.engines.backup_set import BackupSet, Path, obstacle, path_digest
from dr_sim.engines.commits import MASK, mark
from dr_sim.engines.port import EngineError

_OBSTACLES = {
    "wrong_fork": 4330,
    "wrong_base": 3136,
    "gap": 4305,
    "stale": 4326,
}
MAGIC = b"DRBM"
PAGES = 16
Words = Callable[..., EngineError]
"""The error of a number of SQL Server's, in the words of whom the engine imitates."""


def pages(content: int) -> bytes:
    """The body of a backup: 16 pages of 8 bytes, each of which holds the content digest."""
    return content.to_bytes(8, "little") * PAGES


def log_bytes(
    header: BackupHeader,
    written: backup_set.SetContents,
    content: int,
    checksum: bool,
) -> bytes:
    """Return a whole log backup."""
    return backup_set.encode(
        MAGIC, header, written, pages(content), checksum=checksum
    )


def content_of(body: bytes) -> int:
    """Return what the pages hold; pages that disagree hold some other content, as if damaged."""
    page = body[:8]
    if page * PAGES == body:
        return int.from_bytes(page, "little")
    return int.from_bytes(blake2b(body, digest_size=8).digest(), "little")


def odd_page(body: bytes) -> int:
    """The first page that is unlike most."""
    each = [body[i : i + 8] for i in range(0, len(body), 8)]
    usual = max(each, key=each.count)
    return next((i for i, page in enumerate(each) if page != usual), 0)


class BackupChain:
    """The backups that continue one another, as the server knows them: where the next log begins,
    and what the next incremental stands on. fork, lsn, commits, digest: where its log begins;
    base_checkpoint_lsn: that of the backup from which the database was restored.
    """

    __slots__ = (
        "base_checkpoint_lsn",
        "base_commits",
        "base_digest",
        "base_lsn",
        "fulls_begun",
        "has_base",
        "log_commits",
        "log_digest",
        "log_fork",
        "log_lsn",
        "needs_full",
    )

    def __init__(
        self,
        fork: int,
        lsn: int = 0,
        commits: int = 0,
        digest: int = 0,
        base_checkpoint_lsn: int = 0,
    ) -> None:
        self.has_base = False
        self.fulls_begun: list[
            int
        ] = []  # where those that are being taken began
        # first_lsn of the backup that incrementals are taken against (or restored: of a copy-only
        # full)
        self.base_lsn = 0
        self.base_checkpoint_lsn = base_checkpoint_lsn
        self.base_commits = 0  # at that backup's end, like its digest
        self.base_digest = 0
        # what PostgreSQL's incrementals ask for
        self.needs_full = False
        self.log_fork = fork
        self.log_lsn = lsn
        self.log_commits = commits
        self.log_digest = digest


class ModelDatabase(BackupChain):
    """One database; online: it takes writes and backups; otherwise restoring. Its own chain is the
    first one.
    """

    __slots__ = (
        "_begun",
        "_others",
        "commits",
        "lsn",
        "mid_segment",
        "name",
        "offset",
        "online",
        "path",
        "restored_digest",
        "rot",
    )

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(path[-1][0])
        self.name = name
        self.path = path
        self.online = True
        self.commits = 0
        self.lsn = 0  # online: end of the log; restoring: the redo LSN
        # online: what its digest differs from the mark of as many commits of the path's last fork
        self.offset = 0
        self.restored_digest = 0  # restoring: its digest
        self.rot = 0  # online: what its rotten pages add to a full
        self.mid_segment = False
        # other chains by name, and how each began when the database came online here
        self._others: dict[str, BackupChain] = {}
        self._begun = (self.log_fork, 0, 0, 0, 0)

    def chain(self, name: str) -> BackupChain:
        """Return the chain of that name, '' the first one. One that has no backup yet begins where
        the database came online.
        """
        if not name:
            return self
        if name not in self._others:
            self._others[name] = BackupChain(*self._begun)
        return self._others[name]

    def log_begins_here(self) -> None:
        """Note that the database comes online: the log of every chain begins here."""
        self.log_fork, self.log_lsn = self.fork, self.lsn
        self.log_commits, self.log_digest = self.commits, self.digest
        self._others.clear()
        self._begun = (
            self.log_fork,
            self.log_lsn,
            self.log_commits,
            self.log_digest,
            self.base_checkpoint_lsn,
        )

    @property
    def fork(self) -> int:
        return self.path[-1][0]

    @property
    def digest(self) -> int:
        if self.online:
            return (
                mark(self.name, self.path[-1][0], self.commits)
                + self.offset
            ) & MASK
        return self.restored_digest


def restored_full(s: BackupSet, held: int) -> ModelDatabase:
    """The database that a full makes. held: the content of its pages."""
    db = ModelDatabase(s.database, s.path)
    db.online = False
    db.commits, db.lsn, db.restored_digest = s.n1, s.last_lsn, held
    db.base_lsn = s.first_lsn
    if not backup_set.is_copy_only(s):
        db.has_base, db.base_checkpoint_lsn = True, s.checkpoint_lsn
        db.base_commits, db.base_digest = s.n1, held
    else:
        db.base_checkpoint_lsn = s.database_backup_lsn
    return db


def _check(db: ModelDatabase, s: BackupSet, refusal: Words) -> None:
    what = obstacle(s, db.path, db.lsn, backup_set.base_of(db))
    if what is not None:
        lsn = s.first_lsn if what == "gap" else s.last_lsn
        base, carried = s.differential_base_lsn, db.base_lsn
        raise refusal(
            _OBSTACLES[what],
            lsn=lsn,
            redo=db.lsn,
            base=base,
            carried=carried,
            fork=s.fork,
        )


def restore_incremental(
    db: ModelDatabase, s: BackupSet, held: int, refusal: Words
) -> None:
    _check(db, s, refusal)
    db.path = s.path
    db.commits, db.lsn, db.restored_digest = (
        s.n1,
        s.last_lsn,
        (db.base_digest + held) & MASK,
    )
    db.mid_segment = False


def stand_on_incremental(db: ModelDatabase, s: BackupSet) -> None:
    """Note the base of the next incremental. By PostgreSQL's rule the incremental that was restored
    is what the next one stands on.
    """
    base_lsn = backup_set.base_after(s.header(), db.base_lsn)
    if base_lsn != db.base_lsn:
        db.base_lsn, db.base_commits, db.base_digest = (
            base_lsn,
            s.n1,
            db.restored_digest,
        )


def restore_log(
    db: ModelDatabase, s: BackupSet, body: bytes, refusal: Words
) -> None:
    _check(db, s, refusal)
    held = content_of(body)
    if body != pages(held):
        _part_of_log(db, s, body, refusal)
        return
    digest = db.restored_digest + held
    if (
        s.n0 != db.commits
    ):  # redo begins inside this log: its first commits are there already
        digest -= path_digest(s.database, s.path, db.commits) - path_digest(
            s.database, s.path, s.n0
        )
    db.path = s.path
    db.commits, db.lsn, db.restored_digest = s.n1, s.last_lsn, digest & MASK
    db.mid_segment = bool(backup_set.is_tail(s))
    if s.base_lsn > db.base_lsn:
        _move_base(db, s)


def stop_log(
    db: ModelDatabase, s: BackupSet, commits: int, lsn: int
) -> None:
    """Take back what a log brought after a place in it: the log was applied up to there only
    (STOPAT).
    """
    if not s.n0 <= commits < s.n1 or not s.first_lsn <= lsn < s.last_lsn:
        return  # the place is not in this log
    later = path_digest(s.database, s.path, s.n1) - path_digest(
        s.database, s.path, commits
    )
    db.commits, db.lsn, db.restored_digest = (
        commits,
        lsn,
        (db.restored_digest - later) & MASK,
    )
    db.mid_segment = True


def _part_of_log(
    db: ModelDatabase, s: BackupSet, body: bytes, refusal: Words
) -> None:
    """Nobody has validated this log: its records are applied up to the first damaged one, and that
    is called a success. Refused if it gets the database nowhere. The position told is where it
    stands.
    """
    whole = (
        path_digest(s.database, s.path, s.n1)
        - path_digest(s.database, s.path, s.n0)
    ) & MASK
    good = next(
        i
        for i in range(PAGES)
        if body[8 * i : 8 * i + 8] != whole.to_bytes(8, "little")
    )
    lsn = s.first_lsn + (s.last_lsn - s.first_lsn) * good // PAGES
    commits = s.n0 + (s.n1 - s.n0) * good // PAGES
    if lsn <= db.lsn or commits < db.commits:
        raise refusal(3183, file=2, page=good, db=s.database)
    applied = path_digest(s.database, s.path, commits) - path_digest(
        s.database, s.path, db.commits
    )
    db.path = s.path
    db.commits, db.lsn, db.restored_digest = (
        commits,
        lsn,
        (db.restored_digest + applied) & MASK,
    )


def _move_base(db: ModelDatabase, s: BackupSet) -> None:
    """The log tells of a newer full. What that held is what is here now less what came since:
    should anything be wrong here, an incremental on that full leaves it wrong.
    """
    since = path_digest(s.database, s.path, s.n1) - path_digest(
        s.database, s.path, s.base_commits
    )
    db.has_base, db.base_lsn, db.base_checkpoint_lsn = (
        True,
        s.base_lsn,
        s.database_backup_lsn,
    )
    db.base_commits, db.base_digest = (
        s.base_commits,
        (db.restored_digest - since) & MASK,
    )
