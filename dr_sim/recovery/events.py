"""The events of a recovery machine, beside those of every machine (machines/events.py).

The clocks on an event are the secondary's. Reasons and outcomes are enums; lists are dicts or
tuples. record/encoding.py says how a journal writes each type. Fields marked observed() differ
between runs of a real engine and stay outside the digest.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.machines import Alarm, Event, Observation, OwnNumber, observed
from dr_sim.recovery.failover.policy import Offer
from dr_sim.recovery.repair.refusals import Refused

__all__ = [
    "EVENTS",
    "Alarm",
    "Event",
]  # some come from machines/; the others are defined here


class ValidationOutcome(enum.StrEnum):
    """Why validation failed."""

    HASH_MISMATCH = "hash_mismatch"
    PROPERTIES_MISMATCH = "properties_mismatch"
    NO_MANIFEST = "no_manifest"  # its backup never finished
    MISSING = "missing"


class NotSent(enum.StrEnum):
    """Why a file is not sent again."""

    UNREACHABLE = "unreachable"
    MISSING = "missing"  # the primary's share no longer has it


class NotFenced(enum.StrEnum):
    """Why it is not known whether the old primary has stopped."""

    UNREACHABLE = "unreachable"  # the order was never delivered
    NO_ANSWER = "no answer"  # it may have been obeyed


class NotUnfenced(enum.StrEnum):
    """Why it is not known whether the old primary takes writes again."""

    UNREACHABLE = "unreachable"  # the order was never delivered
    NO_ANSWER = "no answer"  # it may have been obeyed
    REFUSED = "refused"  # it is lost, or another copy has stopped it


class PrimaryTrouble(enum.StrEnum):
    """The operation that failed at the primary."""

    FULL = "full"
    INCREMENTAL = "incremental"
    LOG = "log"
    PAGES = "pages"  # one was read that has rotted
    WRITES = "writes"  # its transaction log is full and commits are refused


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
    """Validation failed; error_text is the engine's, or says what was compared."""

    database: str
    name: str
    outcome: ValidationOutcome
    error_number: OwnNumber
    error_text: str = observed()


@dataclass(slots=True)
class RecopyFailed(Event):
    """The file is not sent again."""

    database: str
    name: str
    reason: NotSent


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
class RestoreGoesOn(Event):
    """Answer to EndRestore: the session was left alone. begun_mono_us: when it began; -1: it waits
    for a worker.
    """

    database: str
    name: str
    begun_mono_us: int


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
    holds that LSN and may be backed up, so the next log backup will cover it. jobs_paused: why log
    backups are paused ('move', 'upgrade', ...), '' if not. clock_there_utc_us: what the primary's
    wall clock shows.
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
    """Answer to TakeBackup: the backup is finished at the primary; it will land like any other."""

    database: str
    kind: Kind
    name: str


@dataclass(slots=True)
class BackupFailed(Event):
    """Answer to TakeBackup: the primary has taken no backup."""

    database: str
    kind: Kind
    reason: Refused


@dataclass(slots=True)
class ShareAnswered(Event):
    """Answer to AskShare.

    waiting: names finished in the primary's share that have not landed yet, oldest first, and when
    each was last written, UTC us by the primary's clock.
    """

    database: str
    reachable: bool
    waiting: dict[str, int]


@dataclass(slots=True)
class PrimaryError(Event):
    """The primary's own error log, over the management path."""

    database: str
    what: PrimaryTrouble
    error_number: OwnNumber
    error_text: str = observed()


@dataclass(slots=True)
class PagesRot(Event):
    """People say which fulls hold pages that have rotted at the primary, by name. copy: so does the
    copy here.
    """

    database: str
    fulls: tuple[str, ...]
    copy: bool


@dataclass(slots=True)
class PagesSound(Event):
    """The pages at the primary are sound again."""

    database: str


@dataclass(slots=True)
class ShareListed(Event):
    """Answer to ListShare: the whole backups in the primary's share, name to header. A backup that
    was cut off has no header and is not in the list; damage further inside does not show.
    """

    database: str
    reachable: bool
    files: dict[str, BackupHeader]


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
    target: the database that stops there; '': every one. again: a copy that holds later writes is
    restored again, from a full of before.
    """

    operator: str
    target: str
    stop_before_utc_us: int
    anew: bool


@dataclass(slots=True)
class BesideOrdered(Event):
    """A restore of one database beside the service, up to just before an instant, by the primary's
    clock.
    """

    operator: str
    database: str
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
    """It is not known whether the old primary has stopped."""

    reason: NotFenced


@dataclass(slots=True)
class UnfenceOrdered(Event):
    """An operator orders that the old primary serves again, and that a failover is called off."""

    operator: str


@dataclass(slots=True)
class Unfenced(Event):
    """The old primary takes writes again."""


@dataclass(slots=True)
class UnfenceFailed(Event):
    """It is not known whether the old primary takes writes again, or it does not."""

    reason: NotUnfenced


@dataclass(slots=True)
class TailTaken(Event):
    """The tail-log backup is finished and on its way under this name. If the log held nothing new,
    the name is that of the last log backup if that is still on its way, or '' if it has landed.
    """

    database: str
    name: str


@dataclass(slots=True)
class TailFailed(Event):
    """There is no tail-log backup."""

    database: str
    reason: Refused


@dataclass(slots=True)
class ClaimGiven(Event):
    """No other standby can take over now."""


@dataclass(slots=True)
class ClaimRefused(Event):
    """Another standby takes over: the one at that place. Or nobody does: the old primary serves
    again, or another copy still hears it.
    """

    holder: str


@dataclass(slots=True)
class ClaimFreed(Event):
    """The standby that was to take over does so no more, or no other copy hears the old primary any
    more. declined: the operator said no.
    """

    declined: bool


@dataclass(slots=True)
class OrderPassedOn(Event):
    """The copy that was ordered to take over cannot: its place is lost, or nothing could be
    restored there. The old primary is stopped, so another copy is to carry out the order.
    """

    operator: str
    planned: bool


@dataclass(slots=True)
class ClaimYielded(Event):
    """Another copy has waited for the claim: it may take over now."""


@dataclass(slots=True)
class ReadyCopyWaits(Event):
    """Another copy waits for the claim, and stands ready: it restores nothing from a full."""


@dataclass(slots=True)
class OffersHeard(Event):
    """The open offers of all copies that have made one by now, this one's too. awaited: how many
    copies could make one yet: those whose managers are not known to be dead.
    """

    offers: tuple[Offer, ...]
    awaited: int


@dataclass(slots=True)
class ConfigurationTimeTold(Event):
    """Answer to AskConfigurationTime. takes_us: -1 if the cloud manager does not answer."""

    takes_us: int


@dataclass(slots=True)
class MachineIsThere(Event):
    """A machine to restore onto is there."""


@dataclass(slots=True)
class Provisioned(Event):
    """The directory here is complete. entries: those that were made by hand."""

    entries: int


@dataclass(slots=True)
class Redirected(Event):
    """Users' requests are being sent to this side."""


# ---- a restore beside the service
@dataclass(slots=True)
class ServerBesideIsThere(Event):
    """Answer to GetServerBeside: it is empty."""

    database: str


@dataclass(slots=True)
class RestoredBeside(Event):
    """The server beside has applied the backup; the state is its own."""

    database: str
    name: str
    fork: int
    redo_lsn: int
    differential_base_lsn: int


@dataclass(slots=True)
class NotRestoredBeside(Event):
    """The server beside has refused the backup; its database stands where it stood."""

    database: str
    name: str
    error_number: OwnNumber
    error_text: str = observed()


@dataclass(slots=True)
class CopiedBack(Event):
    """The data that was lost is back at the primary."""

    database: str


@dataclass(slots=True)
class BesideIsWrong(Event):
    """Answer to CopyBack: people have looked at what was restored, and it is not what they want.
    stop_before_utc_us: the instant that they want.
    """

    database: str
    stop_before_utc_us: int


@dataclass(slots=True)
class BesideCalledOff(Event):
    """People have gone over to another way while this place was lost: what was begun beside the
    service is not wanted any more.
    """

    database: str


@dataclass(slots=True)
class NotCopiedBack(Event):
    """The primary could not be reached, or takes no writes."""

    database: str


@dataclass(slots=True)
class CopySeen(Event):
    """Answer to LookAtCopy. usable: the copy is there, and backups can be restored into it."""

    database: str
    usable: bool


# ---- restart
@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in the secondary's share, as it lies there."""

    name: str
    modified_utc_us: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The inventory of one database: where its copy stands, and its files."""

    state: RestoreState
    files: tuple[FoundFile, ...]


@dataclass(slots=True)
class Inventory(Observation):
    """Answer to TakeInventory: the state that was found.

    databases: where each copy stands; files: those in the secondary's share, by database; silent:
    machines whose heartbeats are missing now, and when each was last seen, on the monotonic clock.
    """

    databases: dict[str, RestoreState]
    files: dict[str, tuple[FoundFile, ...]]
    silent: dict[str, int]

    def of(self, database: str) -> Seen:
        """Return the inventory of one database; no copy and no file if it is not named."""
        state = self.databases.get(database)
        if state is None or not state.exists:
            state = RestoreState(0, 0, 0, exists=False)
        return Seen(state, self.files.get(database, ()))


EVENTS: tuple[type[Event], ...] = (
    Landed,
    Validated,
    ValidationFailed,
    RecopyFailed,
    Restored,
    RestoreFailed,
    NoRoom,
    RestoreGoesOn,
    Recovered,
    RecoverFailed,
    PrimaryAnswered,
    BackupTaken,
    BackupFailed,
    ShareAnswered,
    PrimaryError,
    PagesRot,
    PagesSound,
    ShareListed,
    HeartbeatLost,
    HeartbeatBack,
    FailoverOrdered,
    FailoverOrderedToPoint,
    BesideOrdered,
    OperatorAnswered,
    Fenced,
    FenceFailed,
    UnfenceOrdered,
    Unfenced,
    UnfenceFailed,
    TailTaken,
    TailFailed,
    ClaimGiven,
    ClaimRefused,
    ClaimFreed,
    Provisioned,
    Redirected,
    MachineIsThere,
    ServerBesideIsThere,
    RestoredBeside,
    NotRestoredBeside,
    CopiedBack,
    BesideIsWrong,
    NotCopiedBack,
    CopySeen,
    Inventory,
    Alarm,
    OffersHeard,
    ClaimYielded,
    ReadyCopyWaits,
    OrderPassedOn,
    BesideCalledOff,
    ConfigurationTimeTold,
)
"""All events."""
