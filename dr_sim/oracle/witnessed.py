"""Things that the world reports to the witness as they are: a hand-over, a stretch of logs, the
origin of a new primary, the logs that it takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.oracle.survival import Branch, WitnessedReading


@dataclass(slots=True)
class HandOver:
    """A file that an engine is about to open for restore. validated: these bytes have passed
    validation. content: the backup in these bytes, if it is not the one that the file was made as.
    of_another: it is a backup of another database.
    """

    file: int
    attempts_in_store: int
    bytes_intact: bool
    validated: bool
    content: int = -1
    of_another: bool = False


@dataclass(frozen=True, slots=True)
class WitnessedLogs:
    """Quiet logs, each restored before the next one landed: all but the last as a run, if there
    are others, and the last. commits, lsn: up to which each goes.
    """

    run: LogRun | None
    last: BackupHeader
    commits: Sequence[int]
    lsn: Sequence[int]


@dataclass(frozen=True, slots=True)
class LastOfStretch:
    """The restore of the last of some logs: its instant, and the state and reading after it."""

    at_us: int
    state: RestoreState
    reading: WitnessedReading


@dataclass(frozen=True, slots=True)
class Lineage:
    """The origin of a primary that a failover has brought online: its fork, where that begins and
    with what digest. parents: for each fork, on its path and off it, where it left another one.
    """

    fork: int
    lsn: int
    commits: int
    digest: int
    parents: dict[int, Branch]
    anchors: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Carried:
    """A backup of an earlier primary that is whole, and where intact bytes of it lie: at the new
    primary, at the secondary. rotten: it holds pages that had rotted at the earlier primary.
    """

    file: int
    header: BackupHeader
    commits: int
    primary: bool
    secondary: bool
    rotten: bool = False
