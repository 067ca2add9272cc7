"""A real engine on PostgreSQL 17 or later: a primary that archives, standbys that are given
segments, promotion.

- A database is a cluster of its own (PostgreSQL's physical backups hold whole clusters), one server
for each.
- Full: pg_basebackup; incremental: pg_basebackup --incremental against the last backup, full (not
copy-only) or incremental. Both are taken natively in one instant, at finish. Log: the write-ahead
log's segments since the last log backup, the last of them closed at begin (pg_switch_wal) and
archived; finishing it lets them go. Tail: the server is stopped at once and its log taken from
disk, the segment it was writing included.
- Restore: pg_verifybackup on a full or an incremental, which pg_combinebackup combines with the
full that was restored last and the incrementals after it (a running standby cannot be bridged: it
is rebuilt; a base that only a log names is no help); a log's segments are released to a standby.
A killed restore has changed nothing, a killed full with replace has taken the old copy away.
- PostgreSQL would wait for ever at a gap and never asks for what is stale or on another timeline,
so the rules of the chain are those of the other engines (backup_set.py), in dr_sim's own words. An
incremental on the wrong backup pg_combinebackup refuses itself. With `checksum` bodies are
validated before anything is released; without it the server meets the damage: it replays up to it,
complains, and stops. If that got it nowhere the restore is refused in its words, otherwise the
state says how far it came.
- After a promotion incrementals may need a full of their own: 18.6 refuses one against the older
backup if the promotion fell on the very beginning of a segment (as it does after closed segments
alone).
- Promotion succeeds over whatever is missing. `Recovery.outcome` tells where that is short of what
had been handed over.

LSNs told to and by this engine are the world's; PostgreSQL's own are `native` (observed: they
differ from run to run).
"""

from __future__ import annotations

import os
import shutil
import weakref
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.engines import backup_set
from dr_sim.engines.backup_set import BackupSet, DamagedError
from dr_sim.engines.headers import header_for
from dr_sim.engines.own_errors import DAMAGE, OBSTACLES, refusal
from dr_sim.engines.payload import Payload
from dr_sim.engines.port import (
    BackupOrder,
    EngineError,
    Files,
    Made,
    WitnessReading,
)
from dr_sim.engines.postgres.database import PostgresDatabase
from dr_sim.engines.postgres.errors import ServerError
from dr_sim.engines.postgres.full_disk import no_room_for_a_file
from dr_sim.engines.postgres.home import home
from dr_sim.engines.postgres.native import MANIFEST, Native, manifest
from dr_sim.engines.postgres.template import copy_template
from dr_sim.engines.real_headers import header_of
from dr_sim.engines.restoring import RestoringUntil

MAGIC = b"DRBP"
_FULL, _INCREMENTAL, _LOG = Kind.FULL, Kind.INCREMENTAL, Kind.LOG


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a promotion that the server reported as a success went. offered_lsn: the furthest end of
    a backup handed over.
    """

    native: str
    lsn: int
    offered_lsn: int

    @property
    def outcome(self) -> str:
        return (
            "silent short recovery"
            if self.lsn < self.offered_lsn
            else "complete"
        )


class PostgresBackup:
    """A backup that is being made; a log's segments are those closed at its begin."""

    __slots__ = (
        "_base",
        "_db",
        "_engine",
        "_n0",
        "_n1",
        "_native",
        "_path",
        "_segments",
        "header",
    )

    def __init__(
        self,
        engine: PostgresEngine,
        db: PostgresDatabase,
        path: str,
        header: BackupHeader,
    ) -> None:
        self._engine = engine
        self._db = db
        self._path = path
        self.header = header
        self._n0 = db.log_commits if header.kind is _LOG else 0
        self._n1 = db.at.commits
        self._native = Native(db.spool.timeline, 0, 0)
        self._segments = db.spool.segments
        # another full may finish before this incremental does, which stays on the one it began on
        self._base = (
            db.manifest.read_bytes()
            if header.kind is _INCREMENTAL
            else None
        )
        if header.kind is _FULL:
            db.fulls_begun.append(header.first_lsn)
        if header.is_tail:
            self._native = db.tail()
            self._native.ends = db.ends_in(header)
            db.online = False
        elif header.kind is _LOG:
            end = db.spool.cut() if db.spool.unread else 0
            self._segments = list(db.spool.segments)
            self._native = Native(
                db.spool.timeline,
                0,
                end,
                db.spool.parts(self._segments) if self._segments else [],
                db.ends_in(header),
            )

    def finish(self, commits: int, lsn: int, finished_utc_us: int) -> Made:
        db, header = self._db, self.header
        header.finished_utc_us = finished_utc_us
        if header.kind is _LOG:
            if backup_set.log_ends(db, header, self._n1):
                db.truncate_log(self._segments)
        else:
            if commits > db.at.commits or lsn > db.at.lsn:
                db.commit_to(
                    max(commits, db.at.commits), max(lsn, db.at.lsn)
                )
            self._native = db.base_backup(self._base)
            header.last_lsn, self._n1 = db.at.lsn, db.at.commits
            base_lsn = backup_set.base_of(db)
            backup_set.tell_apart(header, base_lsn, True, db.fulls_begun)
            if backup_set.becomes_base(db, header, links=True):
                db.base_lsn = header.first_lsn
                db.carry_base(manifest(self._native.parts[0][1]))
        data = self._bytes(True)
        self._engine.files.write(self._path, data)
        return Made(header, len(data))

    def abort(self, fraction_ppm: int) -> None:
        if self.header.is_tail:
            self._db.reopen()
        if self.header.kind is _FULL:
            self._db.fulls_begun.remove(self.header.first_lsn)
        if self.header.kind is not _LOG:
            self._native = self._db.base_backup(self._base)
        data = self._bytes(False)
        self._engine.files.write(
            self._path, data[: len(data) * fraction_ppm // 1_000_000]
        )

    def _bytes(self, ended: bool) -> bytes:
        forks, body = self._db.at.forks, self._native.encode()
        written = backup_set.SetContents(forks, self._n0, self._n1)
        return backup_set.encode(
            MAGIC,
            self.header,
            written,
            body,
            ended=ended,
            checksum=self._engine.checksum,
        )


class PostgresRestore(RestoringUntil["PostgresEngine"]):
    __slots__ = ()
    magic = MAGIC

    def finish(self) -> RestoreState:
        try:
            s = backup_set.decode(MAGIC, self._data)
            if s.database != self._name:
                raise refusal(60015, db=self._name)
            db = self._engine.databases.get(self._name)
            if s.kind != _FULL and db is not None and not db.online:
                db.offered_lsn = max(db.offered_lsn, s.last_lsn)
            log = Native.decode(backup_set.read_body(s, self._data))
            if s.kind == _FULL:
                self._engine.take_full(s, log, self._replace)
            else:
                if db is None or db.online:
                    raise refusal(60019, db=self._name)
                _apply(db, s, log, self._stop_lsn)
        except DamagedError as damage:
            raise refusal(DAMAGE[damage.what], path=self._path) from None
        return self._engine.state(self._name)


def _apply(
    db: PostgresDatabase, s: BackupSet, native: Native, stop_lsn: int | None
) -> None:
    base_lsn = backup_set.base_of(db)
    what = backup_set.obstacle(s, db.at.forks, db.redo_lsn, base_lsn)
    if (
        what is not None and what != "wrong_base"
    ):  # that is for pg_combinebackup to say
        lsn = s.first_lsn if what == "gap" else s.last_lsn
        raise refusal(OBSTACLES[what], lsn=lsn, redo=db.redo_lsn)
    if s.kind == _LOG:
        if stop_lsn is not None and s.last_lsn > stop_lsn:
            db.replay_until(native, stop_lsn)
        elif native.parts:
            db.replay(native, s.last_lsn, s.path)
    elif not db.base.exists():
        raise refusal(60017)  # a stopped primary: its full is not here
    else:
        db.combine(native.parts[0][1] if native.parts else b"")
        db.base_lsn = backup_set.base_after(s.header(), db.base_lsn)


class PostgresEngine:
    """port.Engine on servers of this process's own (home.py); close() ends it, and so does the end
    of the process.

    Raises ServerError, with a remedy, if there is no PostgreSQL to run.
    """

    name = "postgres"

    def __init__(
        self, files: Files, *, checksum: bool = False, scale: int = 0
    ) -> None:
        self.files = files
        self.scale = scale
        self.checksum = checksum
        self.databases: dict[str, PostgresDatabase] = {}
        self.recoveries: dict[str, Recovery] = {}
        self._home = home()
        self.version = self._home.binaries.version
        self._finalizer = weakref.finalize(
            self, _close, self.databases, os.getpid()
        )

    def close(self) -> None:
        """Stop all servers and delete their files."""
        self._finalizer()

    def _new(self, database: str) -> PostgresDatabase:
        return PostgresDatabase(
            self._home, database, self._home.new_folder()
        )

    def create(self, database: str, size_bytes: int = 0) -> None:
        if database in self.databases:
            raise refusal(60023, db=database)
        db = self._new(database)
        db.payload = Payload.of(size_bytes, self.scale)
        try:
            copy_template(self._home, db.server.data)
            db.open()
        except (
            EngineError
        ) as error:  # nothing of the scenario has met it yet
            db.destroy()
            raise ServerError(
                f"PostgreSQL {self.version} makes no database here: {error.text}"
            ) from error
        self.databases[database] = db

    def _known(self, database: str) -> PostgresDatabase:
        db = self.databases.get(database)
        if db is None:
            raise refusal(60021, db=database)
        return db

    def _online(self, database: str) -> PostgresDatabase:
        db = self._known(database)
        if not db.online:
            raise refusal(60022, db=database)
        return db

    def commit_to(self, database: str, commits: int, lsn: int) -> None:
        db = self._online(database)
        if commits < db.at.commits or lsn < db.at.lsn:
            raise ValueError(
                f"{database}: commits never go back, from {db.at.commits, db.at.lsn} to "
                f"{commits, lsn}"
            )
        if commits > db.at.commits or lsn > db.at.lsn:
            db.has_room()
            db.commit_to(commits, lsn)

    def begin_backup(
        self, database: str, order: BackupOrder
    ) -> PostgresBackup:
        db = self._online(database)
        if order.tail and order.kind is not _LOG:
            raise ValueError("only a log backup can be a tail")
        begun = db.has_base or order.kind is _FULL
        if order.kind is _LOG:
            begun = backup_set.log_has_begun(db)
        if not begun:
            raise refusal(60020, db=database)
        if not order.tail:
            db.has_room()
        if order.kind is _INCREMENTAL:
            db.check_incremental()
        header = header_for(
            database, order, db.at, db, logs_carry_base=False
        )
        return PostgresBackup(self, db, order.path, header)

    def log_starts_at(self, database: str, chain: str = "") -> int:
        return self._known(database).log_lsn

    def log_has_begun(self, database: str, chain: str = "") -> bool:
        return backup_set.log_has_begun(self._known(database))

    def read_header(self, path: str) -> BackupHeader:
        return header_of(MAGIC, self._read(path), path)

    def begin_restore(
        self,
        database: str,
        path: str,
        *,
        replace: bool = False,
        stop_at: tuple[int, int] | None = None,
    ) -> PostgresRestore:
        stop_lsn = None if stop_at is None else stop_at[1]
        return PostgresRestore(
            self, database, path, self._read(path), replace, stop_lsn
        )

    def take_full(
        self, s: BackupSet, native: Native, replace: bool
    ) -> None:
        """Put the full's copy in the place of what is there. Raises EngineError, DamagedError:
        nothing has changed.
        """
        old = self.databases.get(s.database)
        if old is not None and old.online and not replace:
            raise refusal(60023, db=s.database)
        db = self._new(s.database)
        tar = native.parts[0][1] if native.parts else b""
        try:
            db.lay_out(tar, "data")
            db.base.write_bytes(tar)
            shutil.copyfile(db.server.data / MANIFEST, db.base_manifest)
            db.start_restored()
        except BaseException:
            db.destroy()
            raise
        if not backup_set.is_copy_only(s):
            db.has_base, db.base_lsn, db.base_checkpoint_lsn = (
                True,
                s.first_lsn,
                s.checkpoint_lsn,
            )
        else:
            db.base_checkpoint_lsn = s.database_backup_lsn
        db.offered_lsn = s.last_lsn
        self.destroy(s.database)
        self.databases[s.database] = db

    def _read(self, path: str) -> bytes:
        try:
            return self.files.read(path)
        except KeyError:
            raise refusal(60005, path=path) from None

    def state(self, database: str) -> RestoreState:
        db = self.databases.get(database)
        if db is None:
            return RestoreState(0, 0, 0, exists=False)
        return RestoreState(
            db.at.forks[-1][0],
            db.redo_lsn,
            backup_set.base_of(db) or 0,
            not db.online,
        )

    def recover(self, database: str, fork: int, size_bytes: int = 0) -> int:
        db = self._known(database)
        if db.online:
            raise refusal(60019, db=database)
        if any(step[0] == fork for step in db.at.forks):
            raise ValueError(
                f"fork {fork} is on the path of {database} already"
            )
        db.log_fork = db.at.forks[-1][0]
        native = db.promote(fork)
        if size_bytes and db.payload is None:
            db.payload = Payload.of(size_bytes, self.scale)
        db.log_lsn, db.log_commits = db.at.lsn, db.at.commits
        self.recoveries[database] = Recovery(
            native, db.at.lsn, max(db.offered_lsn, db.at.lsn)
        )
        return db.at.lsn

    def serve_again(self, database: str) -> None:
        db = self._known(database)
        if not db.online:
            db.server.stop()  # it may have come up as a standby
            db.reopen()

    def read_witness(self, database: str) -> WitnessReading:
        return self._known(database).read()

    def fence(self, database: str) -> None:
        """Stop the server at once, as a power switch does: it acknowledges nothing any more, its
        tail can be taken.
        """
        self._known(database).server.stop()

    def destroy(self, database: str) -> None:
        db = self.databases.pop(database, None)
        if db is not None:
            db.destroy()

    def no_space(self, what: str, **holes: object) -> EngineError:
        """A log: the database's disk is really filled, and its server falls (full_disk.py)."""
        db = self.databases.get(str(holes.get("db", "")))
        if what == "log" and db is not None and db.online:
            return db.run_out()
        if what == "backup":
            return no_room_for_a_file(
                self._home, self._home.folder / "template/data/PG_VERSION"
            )
        return refusal(
            60007
        )  # the standby's disk is not really full, so it was not asked


def _close(databases: dict[str, PostgresDatabase], pid: int) -> None:
    while (
        databases and os.getpid() == pid
    ):  # a forked child does not own them
        databases.popitem()[1].destroy()
