"""What a recovery machine is told, beside what every machine is (machines/events.py).

The clocks on an event are the secondary's. Field types are limited to int, bool, str, Kind,
BackupHeader and Json so that the journal can hold them whole; fields marked observed() differ
between real engines from run to run and stay outside the digest.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader
from dr_sim.machines import Alarm, Event, Observation, OwnNumber, observed

__all__ = ["EVENTS", "Alarm", "Event", "type_json"]  # the others are defined here

type_json = str  # a JSON text


# ---- files
@dataclass(slots=True)
class Landed(Event):
    """The replication service reports a file of the usual size, closed, in the secondary's
    share.
    """

    database: str
    name: str  # the replicated name, attempts 0
    # file property: when the primary finished writing it, by the primary's clock
    modified_utc_us: int
    size_bytes: int  # nominal


@dataclass(slots=True)
class Validated(Event):
    """Validation passed: the hash agrees (and the properties, where configured) and the header is
    readable.
    """

    database: str
    name: str
    header: BackupHeader


@dataclass(slots=True)
class ValidationFailed(Event):
    """outcome: 'hash_mismatch', 'properties_mismatch', 'no_manifest' (its backup never finished),
    'missing'.
    """

    database: str
    name: str
    outcome: str
    error_number: OwnNumber
    error_text: str = observed()


@dataclass(slots=True)
class RecopyFailed(Event):
    """reason: 'unreachable' or 'missing' (the primary's share no longer has the file)."""

    database: str
    name: str
    reason: str


# ---- the engine
@dataclass(slots=True)
class Restored(Event):
    """The engine took the backup; where the database stands now."""

    database: str
    name: str
    fork: int
    redo_lsn: int
    differential_base_lsn: int


@dataclass(slots=True)
class RestoreFailed(Event):
    """The engine refused or failed; the database stands where it stood, unless position_lost."""

    database: str
    name: str
    error_number: OwnNumber
    position_lost: bool  # a failed restore of a full with replace leaves nothing usable
    error_text: str = observed()


@dataclass(slots=True)
class Recovered(Event):
    """The database was brought online here: it is on a new fork that begins at fork_point_lsn."""

    database: str
    fork: int
    fork_point_lsn: int


@dataclass(slots=True)
class RecoverFailed(Event):
    database: str
    error_number: OwnNumber
    error_text: str = observed()


# ---- the primary, asked over the management path
@dataclass(slots=True)
class PrimaryAnswered(Event):
    """Answer to AskPrimary. If not reachable, nothing else in it means anything.

    covering_name: the file in the primary's share whose range holds the LSN asked for ('' if there
    is none); copying: that file is in transfer or queued for it now. remakeable: the log still
    holds that LSN, so the next log backup will cover it. jobs_paused: why log backups are paused
    ('move', 'upgrade', ...), '' if not. clock_there_utc_us: what the primary's wall clock shows.
    """

    database: str
    reachable: bool
    covering_name: str
    copying: bool
    remakeable: bool
    jobs_paused: str
    clock_there_utc_us: int


@dataclass(slots=True)
class BackupTaken(Event):
    """Answer to TakeBackup: it is finished at the primary; it will land like any other."""

    database: str
    kind: int
    name: str


@dataclass(slots=True)
class BackupFailed(Event):
    database: str
    kind: int
    reason: str


@dataclass(slots=True)
class ShareAnswered(Event):
    """Answer to AskShare: names finished in the primary's share that have not landed yet, oldest
    first, and when each was last written, UTC us by the primary's clock (JSON object).
    """

    database: str
    reachable: bool
    waiting: type_json


# ---- detection and failover
@dataclass(slots=True)
class HeartbeatLost(Event):
    """The first expected heartbeat of a machine did not come; last_seen is on the secondary's
    monotonic clock.
    """

    machine: str
    last_seen_mono_us: int


@dataclass(slots=True)
class HeartbeatBack(Event):
    machine: str


@dataclass(slots=True)
class FailoverOrdered(Event):
    operator: str
    planned: bool


@dataclass(slots=True)
class FailoverOrderedToPoint(Event):
    """An unplanned failover in which replay stops just before an instant, by the primary's clock.
    target: the database that stops there; '': every one.
    """

    operator: str
    target: str
    stop_before_utc_us: int


@dataclass(slots=True)
class OperatorAnswered(Event):
    """Answer to PageOperator."""

    operator: str
    approve: bool


@dataclass(slots=True)
class Fenced(Event):
    """The old primary takes no more writes (switched off, or quiesced if planned)."""


@dataclass(slots=True)
class FenceFailed(Event):
    """reason: 'unreachable' (the order was never delivered) or 'no answer' (it may have been
    obeyed).
    """

    reason: str


@dataclass(slots=True)
class TailTaken(Event):
    """The tail-log backup is finished and on its way under this name. If the log held nothing new:
    the last log backup's if that is on its way still, '' if it has landed.
    """

    database: str
    name: str


@dataclass(slots=True)
class TailFailed(Event):
    database: str
    reason: str


@dataclass(slots=True)
class Provisioned(Event):
    """The directory here lacks nothing any more; entries: those that were made by hand."""

    entries: int


@dataclass(slots=True)
class Redirected(Event):
    """Users' requests are being sent to this side."""


# ---- restart
@dataclass(slots=True)
class Inventory(Observation):
    """Answer to TakeInventory: what is really there.

    databases: JSON {database: {fork, redo_lsn, differential_base_lsn, restoring, exists}}; files:
    JSON {database: [[name, modified_utc_us, size_bytes], ...]} of what lies in the secondary's
    share; silent: JSON {machine: last_seen_mono_us} of machines whose heartbeats are missing now.
    """

    databases: type_json
    files: type_json
    silent: type_json


# ---- added later
@dataclass(slots=True)
class NoRoom(Event):
    """A full was not restored: the disk has not the room for it beside the old copy. The database
    stands where it stood.

    required_bytes: what it takes; free_bytes: what there is; old_copy_bytes: what dropping the old
    copy would free.
    """

    database: str
    name: str
    error_number: OwnNumber
    required_bytes: int
    free_bytes: int
    old_copy_bytes: int
    error_text: str = observed()


@dataclass(slots=True)
class PrimaryError(Event):
    """The primary's own error log, over the management path. what: 'full', 'incremental' or 'log',
    a backup that failed there; 'writes', its transaction log is full and commits are refused.
    """

    database: str
    what: str
    error_number: OwnNumber
    error_text: str = observed()


@dataclass(slots=True)
class ShareListed(Event):
    """Answer to ListShare: the whole backups in the primary's share, name to header as
    saved.header_text writes it (JSON object). A backup that was cut off has no header and is not in
    the list; damage further inside does not show.
    """

    database: str
    reachable: bool
    files: type_json


@dataclass(slots=True)
class RestoreGoesOn(Event):
    """Answer to EndRestore: the session was left alone. begun_mono_us: when it began; -1: it waits
    for a worker.
    """

    database: str
    name: str
    begun_mono_us: int


EVENTS: tuple[type[Event], ...] = (
    Landed,
    Validated,
    ValidationFailed,
    RecopyFailed,
    Restored,
    RestoreFailed,
    Recovered,
    RecoverFailed,
    PrimaryAnswered,
    BackupTaken,
    BackupFailed,
    ShareAnswered,
    HeartbeatLost,
    HeartbeatBack,
    FailoverOrdered,
    OperatorAnswered,
    Fenced,
    FenceFailed,
    TailTaken,
    TailFailed,
    Redirected,
    Alarm,
    Inventory,
    NoRoom,
    PrimaryError,
    Provisioned,
    FailoverOrderedToPoint,
    ShareListed,
    RestoreGoesOn,
)
"""Every event there is, in an order that journals rely on: add at the end."""
