"""The words of a log chain: kinds of backup, positions, headers.

Pure values, shared by the recovery logic, the engines and the importers. LSNs are unbounded Python
integers here (a real SQL Server LSN needs 74 bits); a position is (fork, lsn) and forks are only
ever compared for equality: two forks have no order.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.IntEnum):
    """The three kinds of backup. INCREMENTAL is SQL Server's differential (since the last full)."""

    FULL = 0
    INCREMENTAL = 1
    LOG = 2

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS = {
    Kind.FULL: "full",
    Kind.INCREMENTAL: "incremental",
    Kind.LOG: "log",
}
KIND_OF_WORD = {kind.word: kind for kind in Kind}


@dataclass(slots=True)
class BackupHeader:
    """Holds what a backup file says of itself, as the engine reads it out of the bytes.

    A log covers [first_lsn, last_lsn); last_lsn is the first LSN after the set, for every kind.
    """

    database: str
    backup_id: int  # unique per run, what msdb calls backup_set_uuid
    kind: Kind
    fork: int  # recovery fork on which last_lsn lies
    first_lsn: int
    last_lsn: int
    checkpoint_lsn: int
    # checkpoint_lsn of the latest full before it that was not copy-only (0: none)
    database_backup_lsn: int
    # incrementals: first_lsn of the backup they stand on; 0 for others
    differential_base_lsn: int
    # fork on which first_lsn lies; differs from fork in the log that crosses a failover
    first_fork: int
    fork_point_lsn: (
        int  # where fork left first_fork; 0 if first_fork == fork
    )
    started_utc_us: (
        int  # when the log was cut; when a full or incremental began
    )
    finished_utc_us: int
    copy_only: bool = False
    is_tail: bool = False
    nominal_bytes: int = 0


def finishing_order(header: BackupHeader) -> tuple[int, int]:
    """Sort backups by when they were finished; those of one instant by their numbers."""
    return header.finished_utc_us, header.backup_id


@dataclass(slots=True)
class RestoreState:
    """Where a database that is being restored stands, as its engine reports it."""

    fork: int
    redo_lsn: int  # next LSN it needs
    # first_lsn of the backup that the next incremental must stand on; 0 before any full
    differential_base_lsn: int
    restoring: bool = True  # False once recovered: nothing applies any more
    exists: bool = True  # False: nothing restored yet
