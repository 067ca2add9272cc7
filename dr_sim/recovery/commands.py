"""What a recovery machine asks for, beside what every machine may (machines/commands.py)."""

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
from dr_sim.recovery.failover_table import FailoverPhase
from dr_sim.recovery.refusals import OrderRefused

__all__ = [  # what comes from machines/; the others are defined here
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
    """Why the operator is paged: these machines are silent."""

    machines: tuple[str, ...]

    @property
    def words(self) -> str:
        return _NO_HEARTBEAT + ", ".join(self.machines)

    @classmethod
    def from_words(cls, words: str) -> PageReason:
        """Return the reason that was written so. Raises ValueError."""
        if not words.startswith(_NO_HEARTBEAT):
            raise ValueError(f"{words!r} is no reason for a page")
        return cls(tuple(words.removeprefix(_NO_HEARTBEAT).split(", ")))


_NO_HEARTBEAT = "no heartbeat of "


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
    """The working copy in the restore folder bears the name that carries these attempts: one that
    an earlier attempt has left is renamed, otherwise it will be made under that name when a worker
    takes the file up. The replicated share is never written to.
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
    """Remove every working copy: what an earlier life of the manager has left there, whole or not.
    The first command of every resume.
    """


# ---- the engine
@dataclass(slots=True)
class Restore(Command):
    """Hand a backup's working copy to the engine: this is the read that the counter counts.
    Answered by Restored, and the copy is gone, or by RestoreFailed, and it stays for the next
    attempt unless the file lands anew or is deleted.

    replace: a full that takes the place of what is there; the engine drops the old copy only when
    it is done.
    """

    database: str
    name: str
    replace: bool


@dataclass(slots=True)
class RestoreUntil(Command):
    """As Restore, of a log, but the engine stops just before the first commit at or after an
    instant, by the primary's clock (STOPAT). Answered likewise.
    """

    database: str
    name: str
    stop_before_utc_us: int


@dataclass(slots=True)
class Drop(Command):
    """Drop the database's copy here: its replacement is landed and verified, and the disk cannot
    hold both (R11).
    """

    database: str


@dataclass(slots=True)
class EndRestore(Command):
    """Kill the engine's session that restores that file, if it began before an instant; answered by
    RestoreFailed, or by RestoreGoesOn if it did not.
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
    """Throw everyone out who reads the database here; from now on nobody gets in but its
    restores.
    """

    database: str


@dataclass(slots=True)
class AdmitReaders(Command):
    """The failover was called off: people may read the standby again, whom Disconnect had kept
    out.
    """

    database: str


# ---- the primary
@dataclass(slots=True)
class AskPrimary(Command):
    """Look at the backup jobs there and for the file that covers an LSN on a fork; answered by
    PrimaryAnswered.
    """

    database: str
    fork: int
    lsn: int


@dataclass(slots=True)
class TakeBackup(Command):
    """Have the primary take one out of schedule; answered by BackupTaken or BackupFailed."""

    database: str
    kind: Kind


@dataclass(slots=True)
class AskShare(Command):
    """What is finished in the primary's share and has not landed? Answered by ShareAnswered."""

    database: str


@dataclass(slots=True)
class ListShare(Command):
    """Read the headers of all whole backups in the primary's share; answered by ShareListed. A
    share may answer while its machine is dead.
    """

    database: str


@dataclass(slots=True)
class Fetch(Command):
    """Send these files of the primary's share, in this order, and nothing else of the database
    before them; each is answered by a new Landed, or by RecopyFailed.
    """

    database: str
    names: tuple[str, ...]


# ---- people and failover
@dataclass(slots=True)
class RaiseAlert(Command):
    """Tell people.

    source, event_id: SOURCE and AlertId of recovery/alerts.py (R13). minutes: whole minutes since
    the last successful restore (R12). database '': it is about the service as a whole.
    """

    source: str
    database: str
    event_id: int
    level: Level
    minutes: int
    name: str  # the file it is about, '' if none
    text: str = observed()


@dataclass(slots=True)
class PageOperator(Command):
    """Ask the operator on duty whether to fail over; answered by OperatorAnswered, if ever."""

    reason: PageReason


@dataclass(slots=True)
class RefuseOrder(Command):
    """An order to fail over was not obeyed; recorded."""

    operator: str
    reason: OrderRefused


@dataclass(slots=True)
class EnterPhase(Command):
    """The failover has moved on to this phase (failover_table.py); recorded, outage phases are cut
    by it.
    """

    phase: FailoverPhase


@dataclass(slots=True)
class Fence(Command):
    """Stop the old primary from taking writes; answered by Fenced or FenceFailed."""

    planned: bool


@dataclass(slots=True)
class TakeTail(Command):
    """Tail-log backup of the old primary; answered by TailTaken or TailFailed."""

    database: str


@dataclass(slots=True)
class Provision(Command):
    """Have made what the directory here lacks (accounts, computers); answered by Provisioned."""


@dataclass(slots=True)
class Redirect(Command):
    """Send users' requests to this side; answered by Redirected."""


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
    Fence,
    TakeTail,
    Provision,
    Redirect,
)
"""Every command there is."""
