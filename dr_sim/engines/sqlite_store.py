"""One SQLite database as the engine needs it: its file, its write-ahead log cut into segments, the
witness inside it.

The database is in WAL mode and nothing is checkpointed but by `cut`: it takes the whole write-ahead
log file as one segment and then has SQLite move its pages into the database file, so a segment
holds exactly what was committed between two cuts, as SQLite wrote it, with its salts and running
checksums. Applying a segment is laying it beside a database file as its -wal and opening that:
SQLite's own recovery takes over what is whole, and nothing of the rest, and says nothing.

Rows of payload (payload.py) give it its weight. Inside are a row for every batch of commits (first,
next, fork, content in two halves, running digest) and the position. Positions are text: LSNs have
no bound.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from dr_sim.engines.backup_set import Path as Forks
from dr_sim.engines.commits import MASK, content
from dr_sim.engines.payload import ROW_BYTES, Payload
from dr_sim.engines.port import EngineError, WitnessReading

PAGE_BYTES = 1024
"""Small, so that a log is a few kilobytes (SQLite allows 512 to 65,536; its own default is 4,096).
"""

_WAL_HEADER_BYTES = 32  # sqlite.org/fileformat2.html, section 4.1
_FRAME_HEADER_BYTES = 24

_SCHEMA = """
CREATE TABLE witness (
    next INTEGER PRIMARY KEY, first INTEGER, fork INTEGER, high INTEGER, low INTEGER, running TEXT);
CREATE TABLE payload (id INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE position (
    id INTEGER PRIMARY KEY CHECK (id = 1), commits INTEGER, lsn TEXT, forks TEXT);
INSERT INTO position VALUES (1, 0, '0', '');
"""


@dataclass(slots=True)
class SqlitePosition:
    commits: int
    lsn: int
    forks: Forks


@contextmanager
def native_errors() -> Iterator[None]:
    """SQLite's own error codes and texts as EngineError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = (
            getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        )
        raise EngineError(code, str(error)) from error


def segment_pages(wal: bytes) -> set[int]:
    """The numbers of the pages in a segment's frames."""
    step = _FRAME_HEADER_BYTES + PAGE_BYTES
    return {
        struct.unpack_from(">I", wal, at)[0]
        for at in range(_WAL_HEADER_BYTES, len(wal) - step + 1, step)
    }


class PageStore:
    """A database file in a folder of its own. Open (a connection is kept) while it is online."""

    __slots__ = ("_connection", "file", "payload", "position", "running")

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.payload: Payload | None = None
        self.file = folder / "data.db"
        self._connection: sqlite3.Connection | None = None
        self.position = SqlitePosition(0, 0, ())
        self.running = 0

    @property
    def wal(self) -> Path:
        return self.file.with_name("data.db-wal")

    def create(self, forks: Forks, payload: Payload | None) -> None:
        self.payload = payload
        with self._connect() as connection:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.executescript(_SCHEMA)
            connection.execute(
                "UPDATE position SET forks = ?", (_forks_text(forks),)
            )
            if payload is not None:
                connection.execute("BEGIN")
                connection.executemany(
                    "INSERT INTO payload VALUES (?, ?)",
                    ((i, _row(0)) for i in range(payload.rows)),
                )
                connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
        self.read_position()

    @contextmanager
    def _connect(self, uri: str = "") -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(
            uri or self.file, isolation_level=None, uri=bool(uri)
        )
        try:
            # a crash of this process is no part of the simulation
            connection.execute("PRAGMA synchronous = OFF")
            yield connection
        finally:
            connection.close()

    # ---- online
    def open(self) -> None:
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._connection = connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def commit_to(
        self,
        database: str,
        commits: int,
        lsn: int,
        forks: Forks | None = None,
    ) -> None:
        """One transaction that holds all commits up to `commits`; forks: the path from now on, if
        it changes.
        """
        assert self._connection is not None
        at = self.position
        forks = at.forks if forks is None else forks
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        if commits > at.commits:
            fork = forks[-1][0]
            added = content(database, fork, at.commits, commits)
            self.running = (self.running + added) & MASK
            execute(
                "INSERT INTO witness VALUES (?, ?, ?, ?, ?, ?)",
                (
                    commits,
                    at.commits,
                    fork,
                    added >> 32,
                    added & 0xFFFFFFFF,
                    str(self.running),
                ),
            )
        if self.payload is not None:
            data = _row(lsn)
            for first, end in self.payload.due(at.lsn, lsn):
                execute(
                    "UPDATE payload SET data = ? WHERE id >= ? AND id < ?",
                    (data, first, end),
                )
        execute(
            "UPDATE position SET commits = ?, lsn = ?, forks = ?",
            (commits, str(lsn), _forks_text(forks)),
        )
        execute("COMMIT")
        self.position = SqlitePosition(commits, lsn, forks)

    def run_out(self) -> EngineError:
        """Return what SQLite says where the file may grow no more (max_page_count). Nothing has
        changed.
        """
        assert self._connection is not None
        execute = self._connection.execute
        (pages,) = execute("PRAGMA page_count").fetchone()
        (most,), (unused,) = (
            execute("PRAGMA max_page_count").fetchone(),
            execute("PRAGMA freelist_count").fetchone(),
        )
        execute(f"PRAGMA max_page_count = {pages}")
        execute("BEGIN IMMEDIATE")
        try:
            with native_errors():
                execute(
                    "INSERT INTO payload VALUES (-1, zeroblob(?))",
                    ((unused + 10) * PAGE_BYTES,),
                )
        except EngineError as error:
            return error
        finally:
            if (
                self._connection.in_transaction
            ):  # SQLite may have rolled it back itself
                execute("ROLLBACK")
            execute(f"PRAGMA max_page_count = {most}")
        raise AssertionError("SQLite found room where there is none")

    def cut(self) -> bytes:
        """The write-ahead log since the last cut, which is moved into the database file."""
        assert self._connection is not None
        try:
            segment = self.wal.read_bytes()
        except FileNotFoundError:
            return b""
        if segment:
            busy = self._connection.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            ).fetchone()[0]
            if busy:
                raise RuntimeError(
                    f"{self.file}: the write-ahead log could not be cut, someone else "
                    "reads the database"
                )
        return segment

    def copy(self) -> bytes:
        """The whole database by SQLite's backup API."""
        assert self._connection is not None
        with self._memory() as target:
            self._connection.backup(target)
            return target.serialize()

    @contextmanager
    def _memory(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(":memory:")
        try:
            yield connection
        finally:
            connection.close()

    def pages(
        self, numbers: set[int]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """Return how many pages the database file has (nothing is in the log: after a cut), and
        those of these numbers.
        """
        data = self.file.read_bytes()
        total = len(data) // PAGE_BYTES
        return total, [
            (n, data[(n - 1) * PAGE_BYTES : n * PAGE_BYTES])
            for n in sorted(numbers)
            if n <= total
        ]

    # ---- being restored
    def replace(self, data: bytes) -> None:
        """Take data as the database file. Raises EngineError, SQLite's own, if SQLite cannot read
        it: nothing changed.
        """
        candidate = self.file.with_name("candidate.db")
        candidate.write_bytes(data)
        try:
            with (
                native_errors(),
                self._connect(
                    f"{candidate.as_uri()}?mode=ro&immutable=1"
                ) as connection,
            ):
                position, running = _position(connection)
        except BaseException:
            candidate.unlink()
            raise
        candidate.replace(self.file)
        self.position, self.running = position, running

    def apply(self, segment: bytes) -> None:
        """Have SQLite recover the database from the segment as its write-ahead log."""
        self.wal.write_bytes(segment)
        with native_errors(), self._connect() as connection:
            self.position, self.running = _position(connection)
            # closing the last connection moves the recovered pages into the file and removes the
            # log

    def apply_until(self, segment: bytes, lsn: int) -> None:
        """Have SQLite recover the database from those transactions of a segment that end at that
        LSN or before it. Each is looked at in a copy first: nothing takes a transaction back.
        """
        probe = PageStore(self.file.parent / "probe")
        good = 0
        try:
            for end in _transaction_ends(segment):
                probe.file.write_bytes(self.file.read_bytes())
                probe.apply(segment[:end])
                if probe.position.lsn > lsn:
                    break
                good = end
        finally:
            shutil.rmtree(probe.file.parent)
        if good:
            self.apply(segment[:good])

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if self._connection is not None:
            yield self._connection
        else:
            with self._connect(
                f"{self.file.as_uri()}?mode=ro&immutable=1"
            ) as connection:
                yield connection

    def read_position(self) -> None:
        with self._reader() as connection:
            self.position, self.running = _position(connection)

    def read_witness(self) -> WitnessReading:
        """Read all rows through SQL. A digest that disagrees with the running one in the last row
        is no digest at all.
        """
        with native_errors(), self._reader() as connection:
            row = connection.execute(
                "SELECT coalesce(max(next), 0), coalesce(sum(next - first), 0), "
                "coalesce(sum(high), 0),"
                " coalesce(sum(low), 0), coalesce((SELECT running FROM witness ORDER BY "
                "next DESC LIMIT 1), '0')"
                " FROM witness"
            ).fetchone()
        commits, held, high, low, running = row
        digest = ((high << 32) + low) & MASK
        if held != commits or running != str(digest):
            digest = int.from_bytes(
                blake2b(repr(row).encode(), digest_size=8).digest(),
                "little",
            )
        return WitnessReading(commits, digest)


def _transaction_ends(segment: bytes) -> Iterator[int]:
    """Yield where each transaction in a segment ends: its last frame says how large the database
    is.
    """
    step = _FRAME_HEADER_BYTES + PAGE_BYTES
    for at in range(_WAL_HEADER_BYTES, len(segment) - step + 1, step):
        if struct.unpack_from(">I", segment, at + 4)[0]:
            yield at + step


def _row(lsn: int) -> bytes:
    """A row of payload as written by the log that ends there."""
    return (b"%032d" % lsn * (ROW_BYTES // 32 + 1))[:ROW_BYTES]


def _forks_text(forks: Forks) -> str:
    return ";".join(",".join(map(str, step)) for step in forks)


def _position(connection: sqlite3.Connection) -> tuple[SqlitePosition, int]:
    row = connection.execute(
        "SELECT commits, lsn, forks, coalesce((SELECT running FROM witness ORDER BY next "
        "DESC LIMIT 1), '0') FROM position"
    ).fetchone()
    try:
        commits, lsn, text, running = row
        steps = [
            tuple(map(int, step.split(","))) for step in text.split(";")
        ]
        forks = tuple((fork, begins, n) for fork, begins, n in steps)
        return SqlitePosition(commits, int(lsn), forks), int(running)
    except (TypeError, ValueError, AttributeError):
        # what is stored there is not ours
        raise sqlite3.DatabaseError(
            "database disk image is malformed"
        ) from None
