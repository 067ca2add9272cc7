"""A real engine on the standard library: SQLite files, shipped as copies, changed pages and
write-ahead log frames.

- Full: SQLite's backup API, at finish. Incremental: the pages that the log has touched since the
last full that was not copy-only. Log: the write-ahead log's segments since the last log backup
(sqlite_store.py); finishing it lets them go. Tail: a log, after which the database is closed for
good.
- Restore: fulls and incrementals are assembled beside the database and put in its place if SQLite
can open them; segments are given to SQLite's own recovery one by one. A killed restore has changed
nothing, a killed full with replace has taken the old copy away.
- SQLite knows no chain and checks no copy. The rules of the chain are those of the other engines
(backup_set.py), refused with dr_sim's own numbers from 60001 on; numbers below 100 are SQLite's own
result codes and texts.
- SQLite is silent about damaged frames: without `checksum` a damaged log replays up to the damage
and reports success, and the position the database then gives is where it really stands. With
`checksum` the body is validated first.

All bytes of a database lie under `home`. One connection stays open per database that is online.
With a scale (nominal bytes for each on disk) databases and logs weigh what they should; without one
only the witness's rows are there.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.engines import backup_set
from dr_sim.engines.backup_set import BackupSet, DamagedError, obstacle
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
from dr_sim.engines.real_headers import header_of
from dr_sim.engines.restoring import RestoringUntil
from dr_sim.engines.sqlite_store import PAGE_BYTES, PageStore, segment_pages

MAGIC = b"DRBL"
_FULL, _INCREMENTAL, _LOG = Kind.FULL, Kind.INCREMENTAL, Kind.LOG
_PAGES = struct.Struct(
    "<III"
)  # size of a page, pages of the database, pages that follow


@dataclass(slots=True)
class _Segment:
    """A piece of write-ahead log that no finished log backup holds yet."""

    file: Path
    last_lsn: int


class _Database:
    __slots__ = (
        "base_checkpoint_lsn",
        "base_lsn",
        "changed",
        "folder",
        "has_base",
        "log_commits",
        "log_fork",
        "log_lsn",
        "name",
        "online",
        "segments",
        "store",
        "written",
    )

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.store = PageStore(folder)
        self.online = True
        self.has_base = False
        # of the full that incrementals are taken against, or restored
        self.base_lsn = self.base_checkpoint_lsn = 0
        self.changed: set[int] = set()  # pages touched since the base
        self.log_fork, self.log_lsn, self.log_commits = 1, 0, 0
        self.segments: list[_Segment] = []
        self.written = 0

    def cut(self) -> None:
        data = self.store.cut()
        if data:
            self.changed |= segment_pages(data)
            self.written += 1
            file = self.folder / f"log{self.written}"
            file.write_bytes(data)
            self.segments.append(_Segment(file, self.store.position.lsn))

    def truncate_log(self, count: int) -> None:
        """Note that this number of the oldest segments is in a finished backup."""
        for segment in self.segments[:count]:
            segment.file.unlink()
        del self.segments[:count]


class SqliteBackup:
    """A backup that is being made; a log's bytes are those cut at its begin."""

    __slots__ = (
        "_base_lsn",
        "_body",
        "_changed",
        "_db",
        "_engine",
        "_n0",
        "_n1",
        "_path",
        "_segments",
        "header",
    )

    def __init__(
        self,
        engine: SqliteEngine,
        db: _Database,
        path: str,
        header: BackupHeader,
    ) -> None:
        self._engine = engine
        self._db = db
        self._path = path
        self.header = header
        self._n0 = db.log_commits if header.kind is _LOG else 0
        self._n1 = db.store.position.commits
        # a full may finish meanwhile
        self._changed = (
            set(db.changed) if header.kind is _INCREMENTAL else set()
        )
        self._body = b""
        self._segments: list[_Segment] = []
        self._base_lsn = 0
        if header.kind is _LOG:
            self._base_lsn = db.base_lsn
            db.cut()
            self._segments = list(db.segments)
            self._body = _log_body(self._segments)

    def finish(self, commits: int, lsn: int, finished_utc_us: int) -> Made:
        db, header = self._db, self.header
        header.finished_utc_us = finished_utc_us
        if header.kind is _LOG:
            if backup_set.log_ends(db, header, self._n1):
                db.truncate_log(
                    sum(
                        segment in self._segments for segment in db.segments
                    )
                )
        else:
            at = db.store.position
            if commits > at.commits or lsn > at.lsn:
                db.store.commit_to(
                    db.name, max(commits, at.commits), max(lsn, at.lsn)
                )
            self._take_pages()
            header.last_lsn, self._n1 = (
                db.store.position.lsn,
                db.store.position.commits,
            )
            base_lsn = backup_set.base_of(db)
            backup_set.tell_apart(header, base_lsn, links=False)
            if header.kind is _FULL and not header.copy_only:
                db.has_base, db.base_lsn, db.base_checkpoint_lsn = (
                    True,
                    header.first_lsn,
                    header.checkpoint_lsn,
                )
                db.changed = set()
        data = self._bytes(True)
        self._engine.files.write(self._path, data)
        return Made(header, len(data))

    def abort(self, fraction_ppm: int) -> None:
        if self.header.is_tail:
            self._db.online = True
            self._db.store.open()
        if self.header.kind is not _LOG:
            self._take_pages()
        data = self._bytes(False)
        self._engine.files.write(
            self._path, data[: len(data) * fraction_ppm // 1_000_000]
        )

    def _take_pages(self) -> None:
        db = self._db
        db.cut()
        if self.header.kind is _FULL:
            self._body = db.store.copy()
            return
        total, pages = db.store.pages(self._changed | db.changed)
        numbers = struct.pack(f"<{len(pages)}I", *(n for n, _ in pages))
        self._body = (
            _PAGES.pack(PAGE_BYTES, total, len(pages))
            + numbers
            + b"".join(page for _, page in pages)
        )

    def _bytes(self, ended: bool) -> bytes:
        forks, checksum = (
            self._db.store.position.forks,
            self._engine.checksum,
        )
        written = backup_set.SetContents(
            forks, self._n0, self._n1, self._base_lsn
        )
        return backup_set.encode(
            MAGIC,
            self.header,
            written,
            self._body,
            ended=ended,
            checksum=checksum,
        )


class SqliteRestore(RestoringUntil["SqliteEngine"]):
    __slots__ = ()
    magic = MAGIC

    def finish(self) -> RestoreState:
        db = self._engine.databases.get(self._name)
        try:
            s = backup_set.decode(MAGIC, self._data)
            body = backup_set.read_body(s, self._data)
            if s.database != self._name:
                raise refusal(60015, db=self._name)
            if s.kind == _FULL:
                self._engine.take_full(s, body, self._replace)
            else:
                if db is None or db.online:
                    raise refusal(60019, db=self._name)
                at = db.store.position
                what = obstacle(
                    s,
                    at.forks,
                    at.lsn,
                    backup_set.base_of(db),
                )
                if what is not None:
                    lsn = s.first_lsn if what == "gap" else s.last_lsn
                    raise refusal(OBSTACLES[what], lsn=lsn, redo=at.lsn)
                if s.kind == _LOG:
                    _replay(db, s, body, self._stop_lsn)
                else:
                    _put_pages(db, s, body)
        except DamagedError as damage:
            raise refusal(DAMAGE[damage.what], path=self._path) from None
        return self._engine.state(self._name)


def _log_body(segments: list[_Segment]) -> bytes:
    """Return where each segment ends and how long it is, as text (LSNs have no bound), then the
    segments.
    """
    parts = [segment.file.read_bytes() for segment in segments]
    table = ";".join(
        f"{segment.last_lsn},{len(part)}"
        for segment, part in zip(segments, parts, strict=True)
    ).encode()
    return b"".join((struct.pack("<I", len(table)), table, *parts))


def _replay(
    db: _Database, s: BackupSet, body: bytes, stop_lsn: int | None
) -> None:
    """Apply the segments that the database lacks, as long as each brings it to where that segment
    ends. stop_lsn: no transaction that ends beyond it is applied.

    Once all are in, the base that the log tells of is the database's, if it is newer than its own;
    `changed` then holds pages that were touched before it too: too many do no harm. Raises
    DamagedError 'mark' if the table of segments does not add up to the body.
    """
    segments: list[tuple[int, bytes]] = []
    try:
        begin = 4 + struct.unpack_from("<I", body)[0]
        for entry in body[4:begin].decode().split(";") if begin > 4 else ():
            lsn, length = map(int, entry.split(","))
            segments.append((lsn, body[begin : begin + length]))
            begin += length
    except (struct.error, ValueError):
        raise DamagedError("mark") from None
    if begin != len(body):
        raise DamagedError("mark")
    for lsn, segment in segments:
        at = db.store.position
        if lsn > at.lsn or (lsn == at.lsn and s.path != at.forks):
            db.changed |= segment_pages(segment)
            if stop_lsn is not None and lsn > stop_lsn:
                db.store.apply_until(segment, stop_lsn)
                return
            db.store.apply(segment)
            if (
                db.store.position.lsn != lsn
            ):  # SQLite has dropped a part of it, in silence
                return
    if s.base_lsn > db.base_lsn:
        db.has_base, db.base_lsn, db.base_checkpoint_lsn = (
            True,
            s.base_lsn,
            s.database_backup_lsn,
        )


def _put_pages(db: _Database, s: BackupSet, body: bytes) -> None:
    """Raises DamagedError 'mark' if the body does not add up, EngineError if SQLite cannot open the
    outcome.
    """
    try:
        size, total, count = _PAGES.unpack_from(body)
        begin = _PAGES.size + 4 * count
        if size != PAGE_BYTES or len(body) != begin + count * size:
            raise DamagedError("mark")
        numbers = struct.unpack_from(f"<{count}I", body, _PAGES.size)
    except struct.error:
        raise DamagedError("mark") from None
    data = bytearray(db.store.file.read_bytes())
    if (
        not all(1 <= n <= total for n in numbers)
        or total > len(data) // size + count
    ):
        raise DamagedError("mark")
    data[total * size :] = bytes(max(0, total * size - len(data)))
    for i, n in enumerate(numbers):
        data[(n - 1) * size : n * size] = body[
            begin + i * size : begin + (i + 1) * size
        ]
    db.store.replace(bytes(data))
    db.changed |= set(numbers)


class SqliteEngine:
    """port.Engine on SQLite files under `home`, which must be empty or new; close() ends it."""

    name = "sqlite"
    version = sqlite3.sqlite_version

    def __init__(
        self,
        files: Files,
        home: Path,
        *,
        checksum: bool = False,
        scale: int = 0,
    ) -> None:
        self.files = files
        self.home = home
        self.checksum = checksum
        self.scale = scale
        self.databases: dict[str, _Database] = {}
        self._folders = itertools.count()

    def _new(self, database: str) -> _Database:
        return _Database(database, self.home / str(next(self._folders)))

    def close(self) -> None:
        """Close all databases and delete their files and the folder they were in."""
        for name in list(self.databases):
            self.destroy(name)
        shutil.rmtree(self.home, ignore_errors=True)

    def create(self, database: str, size_bytes: int = 0) -> None:
        if database in self.databases:
            raise refusal(60023, db=database)
        db = self.databases[database] = self._new(database)
        db.store.create(((1, 0, 0),), Payload.of(size_bytes, self.scale))
        db.store.open()

    def _online(self, database: str) -> _Database:
        db = self._known(database)
        if not db.online:
            raise refusal(60022, db=database)
        return db

    def _known(self, database: str) -> _Database:
        db = self.databases.get(database)
        if db is None:
            raise refusal(60021, db=database)
        return db

    def commit_to(self, database: str, commits: int, lsn: int) -> None:
        db = self._online(database)
        at = db.store.position
        if commits < at.commits or lsn < at.lsn:
            raise ValueError(
                f"{database}: commits never go back, from {at.commits, at.lsn} to {commits, lsn}"
            )
        if commits > at.commits or lsn > at.lsn:
            db.store.commit_to(database, commits, lsn)

    def begin_backup(
        self, database: str, order: BackupOrder
    ) -> SqliteBackup:
        db = self._online(database)
        if order.tail and order.kind is not _LOG:
            raise ValueError("only a log backup can be a tail")
        begun = db.has_base or order.kind is _FULL
        if order.kind is _LOG:
            begun = backup_set.log_has_begun(db)
        if not begun:
            raise refusal(60020, db=database)
        header = header_for(
            database, order, db.store.position, db, logs_carry_base=True
        )
        backup = SqliteBackup(self, db, order.path, header)
        if order.tail:
            db.store.close()
            db.online = False
        return backup

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
    ) -> SqliteRestore:
        stop_lsn = None if stop_at is None else stop_at[1]
        return SqliteRestore(
            self, database, path, self._read(path), replace, stop_lsn
        )

    def take_full(self, s: BackupSet, body: bytes, replace: bool) -> None:
        """Put the full's copy in the place of what is there. Raises EngineError, SQLite's own, if
        it cannot be opened.
        """
        old = self.databases.get(s.database)
        if old is not None and old.online and not replace:
            raise refusal(60023, db=s.database)
        db = self._new(s.database)
        try:
            db.store.replace(body)
        except EngineError:
            shutil.rmtree(db.folder)
            raise
        db.online = False
        db.base_lsn = s.first_lsn
        if not backup_set.is_copy_only(s):
            db.has_base, db.base_checkpoint_lsn = True, s.checkpoint_lsn
        else:
            db.base_checkpoint_lsn = s.database_backup_lsn
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
        at = db.store.position
        return RestoreState(
            at.forks[-1][0],
            at.lsn,
            backup_set.base_of(db) or 0,
            not db.online,
        )

    def recover(self, database: str, fork: int, size_bytes: int = 0) -> int:
        db = self._known(database)
        if db.online:
            raise refusal(60019, db=database)
        at = db.store.position
        if any(step[0] == fork for step in at.forks):
            raise ValueError(
                f"fork {fork} is on the path of {database} already"
            )
        db.log_fork, db.log_lsn, db.log_commits = (
            at.forks[-1][0],
            at.lsn,
            at.commits,
        )
        db.store.open()
        db.store.commit_to(
            database,
            at.commits,
            at.lsn,
            (*at.forks, (fork, at.lsn, at.commits)),
        )
        db.truncate_log(len(db.segments))
        if size_bytes and db.store.payload is None:
            db.store.payload = Payload.of(size_bytes, self.scale)
        db.online = True
        return at.lsn

    def serve_again(self, database: str) -> None:
        db = self._known(database)
        if not db.online:
            db.store.open()
            db.online = True

    def read_witness(self, database: str) -> WitnessReading:
        return self._known(database).store.read_witness()

    def destroy(self, database: str) -> None:
        db = self.databases.pop(database, None)
        if db is not None:
            db.store.close()
            shutil.rmtree(db.folder, ignore_errors=True)

    def no_space(self, what: str, **holes: object) -> EngineError:
        db = self.databases.get(str(holes.get("db", "")))
        if what == "log" and db is not None and db.online:
            return db.store.run_out()
        return refusal(60007)  # no disk is really full, so it was not asked
