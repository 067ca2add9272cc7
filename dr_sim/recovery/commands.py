"""The commands of a recovery machine, beside those that every machine may give
(machines/commands.py).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dr_sim.backups.model import Kind
from dr_sim.machines import (
    CancelAlarm,
    Command,
    Save,
    SaveAll,
    SetAlarm,
    TakeInventory,
    observed,
)
from dr_sim.recovery.failover.failover_table import FailoverPhase
from dr_sim.recovery.repair.refusals import OrderRefused

__all__ = [  # some come from machines/; the others are defined here
    "COMMANDS",
    "CancelAlarm",
    "Command",
    "Save",
    "SaveAll",
    "SetAlarm",
    "TakeInventory",
]


class Level(enum.StrEnum):
    """How urgent an alert is."""

    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class PageReason:
    """Why the operator is paged: these machines are silent. ways: the ways back that are open, in
    words, where the copies have said what they offer; the one that will be taken comes first.
    """

    machines: tuple[str, ...]
    ways: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        ways = _WAYS + _NEXT_WAY.join(self.ways) if self.ways else ""
        return _NO_HEARTBEAT + ", ".join(self.machines) + ways

    @classmethod
    def from_words(cls, words: str) -> PageReason:
        """Return the reason that was written so. Raises ValueError."""
        if not words.startswith(_NO_HEARTBEAT):
            raise ValueError(f"{words!r} is no reason for a page")
        silent, *ways = words.removeprefix(_NO_HEARTBEAT).split(_WAYS, 1)
        found = tuple(ways[0].split(_NEXT_WAY)) if ways else ()
        return cls(tuple(silent.split(", ")), found)


_NO_HEARTBEAT = "no heartbeat of "
_WAYS = "; the first of these ways will be taken: "
_NEXT_WAY = "; "


# ---- files
@dataclass(slots=True)
class Validate(Command):
    """Hash a landed file (and compare properties); answered by Validated or ValidationFailed."""

    database: str
    name: str


@dataclass(slots=True)
class Recopy(Command):
    """Send the file again from the primary's share; answered by a new Landed, or by
    RecopyFailed.
    """

    database: str
    name: str


@dataclass(slots=True)
class RenameWorkingCopy(Command):
    """Give the working copy in the restore folder the name that carries this number of attempts. A
    copy that an earlier attempt has left is renamed; otherwise the copy will be made under that
    name when a worker takes the file. The replicated share is never written to.
    """

    database: str
    name: str
    attempts: int


@dataclass(slots=True)
class Delete(Command):
    """Remove a file from the secondary's share (retention)."""

    database: str
    name: str


@dataclass(slots=True)
class ClearRestoreFolder(Command):
    """Remove every working copy that an earlier life of the manager has left, whole or not. It is
    the first command of every resume.
    """


# ---- the engine
@dataclass(slots=True)
class Restore(Command):
    """Hand a backup's working copy to the engine: this is the read that the counter counts. It is
    answered by Restored, and the copy is gone, or by RestoreFailed, and the copy stays for the next
    attempt unless the file lands again or is deleted.

    replace: this full replaces the existing database; the engine drops the old copy only when the
    restore is done.
    """

    database: str
    name: str
    replace: bool


@dataclass(slots=True)
class RestoreUntil(Command):
    """Restore a log, but stop just before the first commit at or after an instant, by the primary's
    clock (STOPAT). It is answered like Restore.
    """

    database: str
    name: str
    stop_before_utc_us: int


@dataclass(slots=True)
class Drop(Command):
    """Drop the database's copy here: its replacement has landed and is verified, and the disk
    cannot hold both (R11); or a store has restored it in a failover that was left.
    """

    database: str


@dataclass(slots=True)
class LookAtCopy(Command):
    """Find out whether the database's copy here can still be restored into; answered by CopySeen.
    No file is looked at.
    """

    database: str


@dataclass(slots=True)
class EndRestore(Command):
    """Kill the engine's session that restores that file, if the session began before an instant. It
    is answered by RestoreFailed, or by RestoreGoesOn if the session began later.
    """

    database: str
    name: str
    begun_before_mono_us: int


@dataclass(slots=True)
class Recover(Command):
    """Bring the database online here on a new fork; answered by Recovered or RecoverFailed."""

    database: str


@dataclass(slots=True)
class Disconnect(Command):
    """Disconnect everyone who reads the database here; from now on only its restores have
    access.
    """

    database: str


@dataclass(slots=True)
class AdmitReaders(Command):
    """Let people read the standby again after Disconnect: the failover was called off."""

    database: str


# ---- the primary
@dataclass(slots=True)
class AskPrimary(Command):
    """Look at the backup jobs at the primary, and for the file that covers an LSN on a fork;
    answered by PrimaryAnswered.
    """

    database: str
    fork: int
    lsn: int


@dataclass(slots=True)
class TakeBackup(Command):
    """Ask the primary for a backup outside the schedule; answered by BackupTaken or
    BackupFailed.
    """

    database: str
    kind: Kind


@dataclass(slots=True)
class AskShare(Command):
    """List the files that are finished in the primary's share and have not landed; answered by
    ShareAnswered.
    """

    database: str


@dataclass(slots=True)
class ListShare(Command):
    """Read the headers of all whole backups in the primary's share; answered by ShareListed. A
    share may answer while its machine is dead.
    """

    database: str


@dataclass(slots=True)
class Fetch(Command):
    """Send these files of the primary's share, in this order, before any other file of the
    database. Each is answered by a new Landed, or by RecopyFailed.
    """

    database: str
    names: tuple[str, ...]


# ---- people and failover
@dataclass(slots=True)
class RaiseAlert(Command):
    """Alert people.

    source, event_id: SOURCE and AlertId of recovery/alerts/alerts.py (R13); minutes: whole minutes
    since the last successful restore (R12); database '': the alert is about the service as a whole.
    """

    source: str
    database: str
    event_id: int
    level: Level
    minutes: int
    name: str  # the file concerned, '' if none
    text: str = observed()


@dataclass(slots=True)
class PageOperator(Command):
    """Ask the operator on duty whether to fail over; OperatorAnswered may answer it, or nothing."""

    reason: PageReason


@dataclass(slots=True)
class RefuseOrder(Command):
    """Record that an order to fail over was not obeyed."""

    operator: str
    reason: OrderRefused


@dataclass(slots=True)
class EnterPhase(Command):
    """Record that the failover has moved on to this phase (failover_table.py); the outage is
    divided into phases by these records.
    """

    phase: FailoverPhase


@dataclass(slots=True)
class AskConfigurationTime(Command):
    """Ask the cloud manager how long a failover to here would wait until the site is configured;
    answered by ConfigurationTimeTold.
    """


@dataclass(slots=True)
class MakeOffer(Command):
    """Say to all other copies what this one offers (policy.Offer, whose place is this one); each of
    them that has said so too hears it, and so does this one (OffersHeard).
    """

    rank: int
    open: bool
    holds_until_utc_us: int
    takes_us: int


@dataclass(slots=True)
class Claim(Command):
    """Claim to take over, as there are other standbys; answered by ClaimGiven or ClaimRefused.
    ready: a copy of every database stands here, so none has to be restored from a full.
    even_if_heard: claim also while another copy hears the old primary. It is an order, or goes on
    with what was begun before. A claim by silence alone is refused then.
    """

    ready: bool
    even_if_heard: bool = False


@dataclass(slots=True)
class ReleaseClaim(Command):
    """Let go what was claimed: another standby may take over. What was offered is withdrawn.
    declined: the operator said no.
    """

    declined: bool


@dataclass(slots=True)
class YieldClaim(Command):
    """Let go what was claimed if another copy waits for it; answered by ClaimYielded if so."""


@dataclass(slots=True)
class OfferToYield(Command):
    """Say that the claim would be let go for a copy that stands ready; answered by ReadyCopyWaits
    as soon as one waits for it.
    """


@dataclass(slots=True)
class Fence(Command):
    """Stop the old primary from taking writes; answered by Fenced or FenceFailed."""

    planned: bool


@dataclass(slots=True)
class Unfence(Command):
    """Let the old primary take writes again, where it was stopped; answered by Unfenced or
    UnfenceFailed.
    """


@dataclass(slots=True)
class TakeTail(Command):
    """Tail-log backup of the old primary; answered by TailTaken or TailFailed."""

    database: str


@dataclass(slots=True)
class GetMachine(Command):
    """Have a machine set up here to restore onto; answered by MachineIsThere."""


@dataclass(slots=True)
class Provision(Command):
    """Have created what the directory here lacks (accounts, computers); answered by Provisioned."""


@dataclass(slots=True)
class Redirect(Command):
    """Send users' requests to this side; answered by Redirected."""


# ---- a restore beside the service
@dataclass(slots=True)
class GetServerBeside(Command):
    """Have an empty server set up here beside the service; answered by ServerBesideIsThere. What
    was on it before is gone.
    """

    database: str


@dataclass(slots=True)
class RestoreBeside(Command):
    """Restore a backup onto the server beside the service; answered by RestoredBeside or
    NotRestoredBeside. stop_before_utc_us: a log is restored up to just before that instant only; 0:
    all of it.
    """

    database: str
    name: str
    stop_before_utc_us: int


@dataclass(slots=True)
class CopyBack(Command):
    """Copy what was lost from the server beside to the primary; answered by CopiedBack,
    NotCopiedBack or BesideIsWrong.
    """

    database: str


@dataclass(slots=True)
class RefuseBeside(Command):
    """Record that an order to restore beside the service was not obeyed."""

    database: str
    operator: str
    reason: OrderRefused


@dataclass(slots=True)
class GiveUpBeside(Command):
    """Tell people that the backups here do not lead to the instant: a restore beside is given
    up.
    """

    database: str


COMMANDS: tuple[type[Command], ...] = (
    Save,
    SaveAll,
    SetAlarm,
    CancelAlarm,
    TakeInventory,
    Validate,
    Recopy,
    RenameWorkingCopy,
    Delete,
    ClearRestoreFolder,
    Restore,
    RestoreUntil,
    Drop,
    LookAtCopy,
    EndRestore,
    Recover,
    Disconnect,
    AdmitReaders,
    AskPrimary,
    TakeBackup,
    AskShare,
    ListShare,
    Fetch,
    RaiseAlert,
    PageOperator,
    RefuseOrder,
    EnterPhase,
    Claim,
    ReleaseClaim,
    Fence,
    Unfence,
    TakeTail,
    Provision,
    Redirect,
    GetMachine,
    GetServerBeside,
    RestoreBeside,
    CopyBack,
    RefuseBeside,
    GiveUpBeside,
    MakeOffer,
    YieldClaim,
    OfferToYield,
    AskConfigurationTime,
)
"""All commands."""
