"""Commands that the cloud manager gives."""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.cloud.words import CallOutcome, JobState, Notice, UpgradePhase
from dr_sim.machines import (
    CancelAlarm,
    Command,
    Save,
    SaveAll,
    SetAlarm,
    TakeInventory,
)


@dataclass(slots=True)
class AnswerCall(Command):
    """Answer a call. job, state: of the work it asked for; '' and QUEUED if there is none."""

    call: int
    outcome: CallOutcome
    job: str
    state: JobState


@dataclass(slots=True)
class StartScript(Command):
    """Start an attempt at a job on an agent, in a process of its own. version: of the script.
    change: what it makes, the same at both sides; a side that has it takes it no second time.
    """

    network: str
    site: str
    job: str
    attempt: int
    script: str
    version: int
    change: str
    params: str


@dataclass(slots=True)
class AskScript(Command):
    """Ask an agent about an attempt. One that it does not know it never starts afterwards."""

    network: str
    site: str
    job: str
    attempt: int


@dataclass(slots=True)
class KillScript(Command):
    """End all processes of an attempt."""

    network: str
    site: str
    job: str
    attempt: int


@dataclass(slots=True)
class CleanUp(Command):
    """Run a job's clean-up; its processes are dead."""

    network: str
    site: str
    job: str
    attempt: int
    params: str


@dataclass(slots=True)
class CopyScript(Command):
    """Put that version of a script at a site."""

    network: str
    site: str
    script: str
    version: int


@dataclass(slots=True)
class ReadSide(Command):
    """Read the configuration of one side as it really is."""

    network: str
    site: str
    number: int


@dataclass(slots=True)
class DoByHand(Command):
    """Ask people to do a piece of work. work: its name; urgent: a failover waits for it."""

    network: str
    site: str
    work: str
    entity: str
    params: str
    urgent: bool


@dataclass(slots=True)
class Notify(Command):
    """Tell somebody. since_utc_us: since when it is so."""

    network: str
    notice: Notice
    about: str
    since_utc_us: int


@dataclass(slots=True)
class ReportDrift(Command):
    """Say what the manager believes: that many changes are not in effect at the other side, the
    oldest since then (0: none).
    """

    network: str
    since_utc_us: int
    changes: int


@dataclass(slots=True)
class SiteProvisioned(Command):
    """The site that was asked for is configured. changes, rebuilt, by_hand: what it took."""

    site: str
    changes: int
    rebuilt: int
    by_hand: int


@dataclass(slots=True)
class CopyImage(Command):
    """Copy an image from the active site's install point to that site's; once, as often as it is
    said.
    """

    site: str
    image: str


@dataclass(slots=True)
class ReadMachines(Command):
    """Read which machines of a network there are at a site, and which images."""

    network: str
    site: str
    number: int


@dataclass(slots=True)
class ReportUpgrade(Command):
    """Say how far the upgrade of a farm to an image is."""

    network: str
    farm: str
    image: str
    phase: UpgradePhase


@dataclass(slots=True)
class TellConfigurationTime(Command):
    """Answer how long a failover to a site would wait for its configuration."""

    site: str
    takes_us: int


COMMANDS: tuple[type[Command], ...] = (
    Save,
    SaveAll,
    SetAlarm,
    CancelAlarm,
    TakeInventory,
    AnswerCall,
    StartScript,
    AskScript,
    KillScript,
    CleanUp,
    CopyScript,
    ReadSide,
    DoByHand,
    Notify,
    ReportDrift,
    SiteProvisioned,
    CopyImage,
    ReadMachines,
    ReportUpgrade,
    TellConfigurationTime,
)
