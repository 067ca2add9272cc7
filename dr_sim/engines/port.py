"""The port every database engine stands behind: a contract in a few methods.

An operation has a begin and an end in virtual time. `begin_backup` snapshots at begin and writes
the file's bytes at finish (or a truncated part of them at abort); `begin_restore` reads the file
and changes the database at finish, in part or not at all at abort. Callers may rely on: an
operation that raised changed nothing; EngineError carries the engine's own number and text; nothing
here knows virtual time, it is the world's business how long it took.

Engines know bytes and their own rules, nothing else: they import neither recovery nor the chain
logic, trust no metadata handed beside a file, and parse what they are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dr_sim.backups.model import BackupHeader, Kind, RestoreState


class EngineError(Exception):
    """An engine's refusal: its own error number and text."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"{number} {text}")
        self.number = number
        self.text = text


class Files(Protocol):
    """The files of one side: bytes by path. Paths are plain strings with '/' between folders."""

    def read(self, path: str) -> bytes: ...  # KeyError if it is not there
    def write(self, path: str, data: bytes) -> None: ...
    def copy(
        self, old: str, new: str
    ) -> None: ...  # KeyError if it is not there
    def rename(self, old: str, new: str) -> None: ...
    def delete(self, path: str) -> None: ...  # no error if it is not there
    def exists(self, path: str) -> bool: ...


@dataclass(slots=True)
class Made:
    """A finished backup: its header and the bytes that lie at its path (actual size, not
    nominal).
    """

    header: BackupHeader
    actual_bytes: int


@dataclass(slots=True)
class BackupOrder:
    """A backup to be made. started_utc_us: as the server's clock shows it. tail: a log backup that
    leaves the database restoring. chain: by PostgreSQL's rules, which archive and which backups it
    continues; '' the first ones. SQL Server knows one chain, whoever takes the backups.
    """

    kind: Kind
    path: str
    started_utc_us: int
    nominal_bytes: int
    backup_id: int
    copy_only: bool = False
    tail: bool = False
    chain: str = ""


class Backup(Protocol):
    # all but finished_utc_us is known at begin; for fulls and incrementals last_lsn too
    header: BackupHeader

    def finish(self, commits: int, lsn: int, finished_utc_us: int) -> Made:
        """Write the whole file. commits and lsn: how far the database has come by now; a full or an
        incremental holds everything up to its end (SQL Server reads the log written meanwhile), a
        log what was cut at begin.
        """

    def abort(self, fraction_ppm: int) -> None:
        """Cut off: the first fraction of the file's bytes is left at its path. The log is not
        truncated.
        """


class RestoreOp(Protocol):
    def finish(self) -> RestoreState:
        """The backup is applied. Raises EngineError with the database where it stood.

        A log that was cut after a full (not copy-only) had finished carries that base: the database
        has it from then on. An engine that cannot declares so in the conformance suite, and its
        logs have database_backup_lsn 0.
        """

    def abort(self, fraction_ppm: int) -> None:
        """The restore was killed in the middle. A log or incremental leaves the database where it
        stood; a full with replace leaves it not existing.
        """


@dataclass(slots=True)
class WitnessReading:
    """Holds what the database itself says it holds: the number of commits and a digest over exactly
    those.
    """

    commits: int
    digest: int


class Engine(Protocol):
    """One side's database server."""

    name: str
    version: str  # of what is behind it, "" if that is dr_sim itself; outside the digest

    def create(self, database: str, size_bytes: int = 0) -> None:
        """A database in full recovery model, on a fork of its own (1), at LSN 0, no commits.

        size_bytes: nominal size of its data; real engines that were given a scale keep that many
        times less on disk.
        """

    def commit_to(self, database: str, commits: int, lsn: int) -> None:
        """The database has now acknowledged commits 0..commits-1 and its log ends at lsn. Never
        goes back.
        """

    def begin_backup(self, database: str, order: BackupOrder) -> Backup:
        """Snapshot. Raises EngineError 4214 (log before any full), 4208."""

    def log_starts_at(self, database: str, chain: str = "") -> int:
        """The oldest LSN the log still holds for that chain: its next log backup begins here."""

    def log_has_begun(self, database: str, chain: str = "") -> bool:
        """Return whether a log backup of that chain may be taken: a full has begun it."""

    def read_header(self, path: str) -> BackupHeader:
        """RESTORE HEADERONLY. Raises EngineError 3241 (header unreadable), 3201 (no file), 3203
        (cut off).
        """

    def begin_restore(
        self,
        database: str,
        path: str,
        *,
        replace: bool = False,
        stop_at: tuple[int, int] | None = None,
    ) -> RestoreOp:
        """Open the file for restore. Raises EngineError 3201 if there is none; every other error is
        raised at finish.

        stop_at: for a log, (commits, LSN): stop where the database holds that many commits, up to
        that LSN. The model can stop anywhere, a real engine where a transaction has ended
        (commit_to).
        """

    def state(self, database: str) -> RestoreState: ...

    def recover(self, database: str, fork: int, size_bytes: int = 0) -> int:
        """Bring online on a new fork; returns the LSN at which it begins. Raises EngineError if
        nothing is restored.

        size_bytes: as for `create`, so that what is written here from now on weighs what it did at
        the old primary.
        """

    def serve_again(self, database: str) -> None:
        """Take writes again, where a tail has left it restoring: on the same fork, from where it
        was stopped, and the next log follows the tail. Nothing happens if it is online.
        """

    def read_witness(self, database: str) -> WitnessReading: ...

    def destroy(self, database: str) -> None: ...

    def close(self) -> None:
        """Give everything back: no process, no open file and no folder of it is left. A second time
        nothing happens; after it nothing else may be asked.
        """

    def no_space(self, what: str, **holes: object) -> EngineError:
        """Return what it says where a disk is full, in its own words or, if it was not asked,
        dr_sim's: of a 'backup' (path), of a 'restore' (db, volume, required and free bytes), of a
        'log' (db) that has reached its most.
        """
