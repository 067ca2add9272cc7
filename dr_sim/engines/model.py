"""The model engine: behaves like SQL Server in full recovery model, on real bytes, in microseconds.

A database is a number of commits, an LSN and a digest that telescopes (dr_sim/engines/commits.py).
Backups hold ranges of commits as contents (backup_set.py), restores add those up: what was skipped,
repeated or changed shows in the digest and nowhere else, so the engine's own checks are exactly SQL
Server's and no better:

- a log applies if it covers the position, first_lsn <= redo_lsn < last_lsn (4305, 4326); overlap is
fine; an empty log at the position restores and changes nothing; on another recovery path: 4330;
- an incremental applies over whatever has been replayed, if its base is the one the database
carries (3136) and it ends past the position (4326). A copy-only full is no base. Its pages replace
those changed since the base;
- a full's range begins and its base is taken at its begin (first_lsn = checkpoint_lsn); it holds
everything up to its end, moves the differential base when it finishes and does not touch the log
chain;
- the log carries the base: once a log is restored that was cut after such a full had finished, that
full is the base;
- a log backup truncates the log when it finishes; one that was cut off truncates nothing;
- without checksums a damaged log is applied up to the damage, as PostgreSQL and SQLite do, and the
restore succeeds;
- restoring a log or an incremental over a recovered or a missing database: 3117.

imitates="postgres": the same, in PostgreSQL's words, but where PostgreSQL's rules are others, as
its conformance suite declares them: an incremental is taken against the last backup, which may be
an incremental itself, and fits a copy that carries that one; a log tells of no base; after a
promotion an incremental on the older backup is refused (3035) until the new primary has a full of
its own, if the promotion fell on a segment's first byte (as it does after closed logs: only a tail
ends in mid-segment): the summaries of the log that it needs do not reach back. It knows several
chains: each archive and each tool's incrementals continue by themselves.

Left out: standby mode and its undo, simple recovery model (4208), 3101; how much room there is the
world knows, and asks for the words (`no_space`). And one rule is stricter: a backup is restored
only under the database name it holds (3154), even with replace. Databases, and what a restore makes
of them: model_database.py; errors: sql_server_errors.py, and those of PostgreSQL postgres_words.py.
"""

from __future__ import annotations

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.engines import backup_set, own_errors, postgres_words
from dr_sim.engines.backup_set import BackupSet, DamagedError, left_at
from dr_sim.engines.commits import MASK, mark, rot
from dr_sim.engines.model_database import (
    MAGIC,
    BackupChain,
    ModelDatabase,
    Words,
    content_of,
    odd_page,
    pages,
    restore_incremental,
    restore_log,
    restored_full,
    stand_on_incremental,
    stop_log,
)
from dr_sim.engines.port import (
    BackupOrder,
    EngineError,
    Files,
    Made,
    WitnessReading,
)
from dr_sim.engines.restoring import Restoring
from dr_sim.engines.sql_server_errors import refusal

_FULL, _INCREMENTAL, _LOG = Kind.FULL, Kind.INCREMENTAL, Kind.LOG
_DAMAGE = {
    "header": 3241,
    "cut": 3203,
    "not_ended": 3256,
    "mark": 3189,
    "checksum": 3189,
}
_NO_SPACE = {"backup": 3202, "restore": 3257, "log": 9002}


MOST_PARSED = 4096
"""The number of backups whose headers stay parsed: those that are hashed and restored at one
time, and those that wait for a worker in between. A header takes less than one kB.
"""


class ModelBackup:
    """A backup that is being made."""

    __slots__ = (
        "_base_commits",
        "_base_lsn",
        "_before",
        "_chain",
        "_db",
        "_digest",
        "_engine",
        "_forks",
        "_n0",
        "_n1",
        "_path",
        "header",
    )

    def __init__(
        self,
        engine: ModelEngine,
        db: ModelDatabase,
        path: str,
        header: BackupHeader,
        chain: BackupChain,
    ) -> None:
        self._engine = engine
        self._db = db
        self._chain = chain
        self._path = path
        self.header = header
        self._forks = db.path
        self._n1 = db.commits
        self._digest = db.digest
        self._base_lsn = self._base_commits = 0
        if header.kind is _LOG:
            self._n0, self._before = chain.log_commits, chain.log_digest
            if engine.carries_base:
                self._base_lsn, self._base_commits = (
                    db.base_lsn,
                    db.base_commits,
                )
        elif header.kind is _FULL:
            self._n0, self._before = 0, 0
            chain.fulls_begun.append(header.first_lsn)
        else:
            self._n0, self._before = chain.base_commits, chain.base_digest

    def finish(self, commits: int, lsn: int, finished_utc_us: int) -> Made:
        db, header, chain = self._db, self.header, self._chain
        header.finished_utc_us = finished_utc_us
        if header.kind is _LOG:
            data = self._bytes(True)
            if backup_set.log_ends(chain, header, self._n1):
                chain.log_digest = self._digest
        else:
            if commits > db.commits or lsn > db.lsn:
                db.commits, db.lsn = (
                    max(commits, db.commits),
                    max(lsn, db.lsn),
                )
            header.last_lsn, self._n1, self._digest = (
                db.lsn,
                db.commits,
                db.digest,
            )
            links = not self._engine.carries_base
            base_lsn = backup_set.base_of(chain)
            backup_set.tell_apart(
                header, base_lsn, links, chain.fulls_begun
            )
            data = self._bytes(True, db.rot if header.kind is _FULL else 0)
            if backup_set.becomes_base(chain, header, links):
                chain.needs_full &= header.kind is not _FULL
                chain.base_lsn = header.first_lsn
                chain.base_commits = self._n1
                chain.base_digest = self._digest
        self._engine.files.write(self._path, data)
        return Made(header, len(data))

    def abort(self, fraction_ppm: int) -> None:
        data = self._bytes(False)
        if self.header.is_tail:
            self._db.online = True
        if self.header.kind is _FULL:
            self._chain.fulls_begun.remove(self.header.first_lsn)
        self._engine.files.write(
            self._path, data[: len(data) * fraction_ppm // 1_000_000]
        )

    def _bytes(self, ended: bool, rotten: int = 0) -> bytes:
        changed = (self._digest - self._before + rotten) & MASK
        checksum = self._engine.checksum
        written = backup_set.SetContents(
            self._forks,
            self._n0,
            self._n1,
            self._base_lsn,
            self._base_commits,
        )
        return backup_set.encode(
            MAGIC,
            self.header,
            written,
            pages(changed),
            ended=ended,
            checksum=checksum,
        )


class ModelRestore(Restoring["ModelEngine"]):
    __slots__ = ("_stop_at",)
    magic = MAGIC

    def __init__(
        self,
        engine: ModelEngine,
        name: str,
        path: str,
        data: bytes,
        replace: bool,
        stop_at: tuple[int, int] | None,
    ) -> None:
        super().__init__(engine, name, path, data, replace)
        self._stop_at = stop_at

    def finish(self) -> RestoreState:
        name, db = self._name, self._engine.databases.get(self._name)
        try:
            s = self._engine.parse(self._data)
            body = backup_set.read_body(s, self._data)
        except DamagedError as damage:
            raise self._damage(damage) from None
        if s.database != name:
            raise self._engine.refusal(3154, db=name)
        if s.kind == _FULL:
            if db is not None and db.online and not self._replace:
                raise self._engine.refusal(3159, db=name)
            db = self._engine.databases[name] = restored_full(
                s, content_of(body)
            )
        elif db is None or db.online:
            raise self._engine.refusal(3117)
        elif s.kind == _LOG:
            restore_log(db, s, body, self._engine.refusal)
            if self._stop_at is not None:
                stop_log(db, s, *self._stop_at)
        else:
            restore_incremental(
                db, s, content_of(body), self._engine.refusal
            )
            if not self._engine.carries_base:
                stand_on_incremental(db, s)
        return self._engine.state(name)

    def _damage(self, damage: DamagedError) -> EngineError:
        if damage.what == "checksum":
            s = backup_set.decode(MAGIC, self._data)
            if s.kind != _LOG:  # logs have no pages
                page = odd_page(
                    self._data[s.body_at : s.body_at + s.body_bytes]
                )
                return self._engine.refusal(
                    3183, file=1, page=page, db=s.database
                )
        return self._engine.refusal(
            _DAMAGE[damage.what], path=self._path, size=len(self._data)
        )


class ModelEngine:
    """port.Engine over any port.Files. checksum: backups are made WITH CHECKSUM, so damaged pages
    are noticed. imitates: whose rules it follows, see the module.
    """

    name = "model"
    version = ""  # it is a part of dr_sim

    def __init__(
        self,
        files: Files,
        *,
        checksum: bool = False,
        imitates: str = "sql_server",
    ) -> None:
        self.files = files
        self.carries_base = imitates != "postgres"
        self.refusal: Words = (
            postgres_words.refusal if imitates == "postgres" else refusal
        )
        self.checksum = checksum
        self.databases: dict[str, ModelDatabase] = {}
        # by the id of the bytes, which are kept as long as it is
        self._parsed: dict[int, tuple[bytes, BackupSet]] = {}

    def parse(self, data: bytes) -> BackupSet:
        """The header. Each of the last bytes (these very ones, not a copy, not a path) is parsed
        once. Raises DamagedError.
        """
        known = self._parsed.get(id(data))
        if known is not None:
            return known[1]
        s = backup_set.decode(MAGIC, data)
        if len(self._parsed) >= MOST_PARSED:
            self._parsed.clear()
        self._parsed[id(data)] = data, s
        return s

    def create(self, database: str, size_bytes: int = 0) -> None:
        if database in self.databases:
            raise self.refusal(1801, db=database)
        self.databases[database] = ModelDatabase(database, ((1, 0, 0),))

    def _online(self, database: str) -> ModelDatabase:
        db = self.databases.get(database)
        if db is None:
            raise self.refusal(911, db=database)
        if not db.online:
            raise self.refusal(927, db=database)
        return db

    def commit_to(self, database: str, commits: int, lsn: int) -> None:
        db = self._online(database)
        if commits < db.commits or lsn < db.lsn:
            raise ValueError(
                f"{database}: commits never go back, from {db.commits, db.lsn} to {commits, lsn}"
            )
        db.commits = commits
        db.lsn = lsn

    def _no_full(self, database: str) -> EngineError:
        """Return the answer to a log backup before any full. PostgreSQL has no words for it: the
        engine for a real server refuses it in dr_sim's own words.
        """
        if self.carries_base:
            return self.refusal(4214)
        return own_errors.refusal(60020, db=database)

    def close(self) -> None:
        """Forget all databases: they are in memory."""
        self.databases.clear()

    def begin_backup(
        self, database: str, order: BackupOrder
    ) -> ModelBackup:
        db = self._online(database)
        chain = self._chain(db, order.chain)
        fork, lsn = db.path[-1][0], db.lsn
        if order.kind is _LOG:
            if not backup_set.log_has_begun(chain):
                raise self._no_full(database)
            first_fork = chain.log_fork
            header = BackupHeader(
                database,
                order.backup_id,
                order.kind,
                fork,
                chain.log_lsn,
                lsn,
                chain.base_checkpoint_lsn,
                chain.base_checkpoint_lsn if self.carries_base else 0,
                0,
                first_fork,
                0 if first_fork == fork else left_at(db.path, first_fork),
                order.started_utc_us,
                0,
                order.copy_only,
                order.tail,
                order.nominal_bytes,
            )
        else:
            if order.tail:
                raise ValueError("only a log backup can be a tail")
            if order.kind is _INCREMENTAL and (
                not chain.has_base or chain.needs_full
            ):
                raise self.refusal(3035, db=database)
            header = BackupHeader(
                database,
                order.backup_id,
                order.kind,
                fork,
                lsn,
                lsn,
                lsn,
                chain.base_checkpoint_lsn,
                chain.base_lsn if order.kind is _INCREMENTAL else 0,
                fork,
                0,
                order.started_utc_us,
                0,
                order.copy_only,
                False,
                order.nominal_bytes,
            )
        backup = ModelBackup(self, db, order.path, header, chain)
        if order.tail:
            db.restored_digest = db.digest
            db.online = False
        return backup

    def log_starts_at(self, database: str, chain: str = "") -> int:
        db = self.databases.get(database)
        if db is None:
            raise self.refusal(911, db=database)
        return self._chain(db, chain).log_lsn

    def log_has_begun(self, database: str, chain: str = "") -> bool:
        db = self.databases.get(database)
        if db is None:
            raise self.refusal(911, db=database)
        return backup_set.log_has_begun(self._chain(db, chain))

    def _chain(self, db: ModelDatabase, name: str) -> BackupChain:
        """Return the chain of that name. SQL Server knows one, whoever takes the backups."""
        return db if self.carries_base else db.chain(name)

    def read_header(self, path: str) -> BackupHeader:
        """RESTORE HEADERONLY. Also raises 3256 for a backup that was cut off while it was made."""
        data = self._read(path)
        try:
            s = self.parse(data)
            backup_set.check_length(s, data)
        except DamagedError as damage:
            raise self.refusal(
                _DAMAGE[damage.what], path=path, size=len(data)
            ) from None
        return s.header()

    def begin_restore(
        self,
        database: str,
        path: str,
        *,
        replace: bool = False,
        stop_at: tuple[int, int] | None = None,
    ) -> ModelRestore:
        return ModelRestore(
            self, database, path, self._read(path), replace, stop_at
        )

    def _read(self, path: str) -> bytes:
        try:
            return self.files.read(path)
        except KeyError:
            raise self.refusal(3201, path=path) from None

    def state(self, database: str) -> RestoreState:
        db = self.databases.get(database)
        if db is None:
            return RestoreState(0, 0, 0, exists=False)
        return RestoreState(
            db.path[-1][0],
            db.lsn,
            backup_set.base_of(db) or 0,
            not db.online,
        )

    def recover(self, database: str, fork: int, size_bytes: int = 0) -> int:
        db = self.databases.get(database)
        if db is None:
            raise self.refusal(3118, db=database)
        if db.online:
            raise self.refusal(3153)
        if any(step[0] == fork for step in db.path):
            raise ValueError(
                f"fork {fork} is on the path of {database} already"
            )
        digest = db.digest
        db.log_begins_here()
        db.path = (*db.path, (fork, db.lsn, db.commits))
        db.offset = digest - mark(database, fork, db.commits)
        db.online = True
        db.needs_full = not self.carries_base and not db.mid_segment
        return db.lsn

    def serve_again(self, database: str) -> None:
        db = self.databases.get(database)
        if db is None:
            raise self.refusal(911, db=database)
        db.online = True

    def read_witness(self, database: str) -> WitnessReading:
        db = self.databases.get(database)
        if db is None:
            raise self.refusal(911, db=database)
        return WitnessReading(db.commits, db.digest)

    def destroy(self, database: str) -> None:
        self.databases.pop(database, None)

    # ---- pages that rot: only here, so no part of the port
    def rot(self, database: str) -> None:
        """Let pages of a database rot. A full takes them as they are. A log holds changes, and no
        page; an incremental holds the pages that were changed, and a page that cannot be read
        cannot be changed.
        """
        self._online(database).rot = rot(database)

    def restore_pages(self, database: str) -> None:
        """Put sound pages in the place of those that have rotted."""
        self._online(database).rot = 0

    def rot_found(
        self, database: str, page: int, path: str = ""
    ) -> EngineError:
        """Return what is said of a page that has rotted: by a backup that verifies checksums and
        is written to a path, otherwise by a query.
        """
        holes = {"db": database, "file": 1, "page": page, "path": path}
        return self.refusal(3043 if path else 824, **holes)

    def no_space(self, what: str, **holes: object) -> EngineError:
        return self.refusal(_NO_SPACE[what], **holes)
