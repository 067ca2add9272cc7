"""Events that the cloud manager receives.

Reasons and outcomes are enums; lists are tuples and dicts of the types that stand here.
record/cloud_encoding.py says how a journal writes each type. Only params is a text that holds JSON:
the parameters of a script, which callers choose.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.cloud.words import ImageWord, UpgradeStyle, WhyFailed, Word
from dr_sim.machines import Alarm, Event, Observation


@dataclass(slots=True)
class Called(Event):
    """A request has arrived. call: the connection on which its answer goes back.

    request: the caller's own id of it; '' for a put, whose name is its id. put_on: the number of
    changes of the entity that the caller has seen, -1 if it does not say.
    """

    call: int
    caller: str
    request: str
    operation: str
    network: str
    entity: str
    params: str
    put_on: int


@dataclass(slots=True)
class CallsAlike(Event):
    """The number of calls of one caller, since the last such event, that only asked how that
    request stands; each was answered.
    """

    caller: str
    request: str
    calls: int


@dataclass(slots=True)
class AgentSaid(Event):
    """An agent tells of an attempt; asked or not."""

    network: str
    site: str
    job: str
    attempt: int
    word: Word
    reason: WhyFailed


@dataclass(slots=True)
class AgentsObserved(Observation):
    """Answer to TakeInventory. attempts: each attempt at a job that the store has open, and the
    last attempt at each other job that is not over; silent: agents that do not answer.
    """

    attempts: tuple[FoundAttempt, ...]
    silent: tuple[SilentAgent, ...]


@dataclass(slots=True)
class FoundAttempt:
    """An attempt that an agent knows of. From network on: only of a job that the store does not
    have, so that the manager can take it up again. script, change, params: of its StartScript.
    """

    job: str
    attempt: int
    word: Word
    reason: WhyFailed
    network: str = ""
    site: str = ""
    script: str = ""
    change: str = ""
    params: str = ""

    def said(self, e: Event) -> AgentSaid:
        """Return it as the answer of an agent, heard with that event."""
        return AgentSaid(
            e.mono_us,
            e.utc_us,
            0,
            self.network,
            self.site,
            self.job,
            self.attempt,
            self.word,
            self.reason,
        )


@dataclass(slots=True)
class SilentAgent:
    """An agent that does not answer: of that network, at that site."""

    network: str
    site: str


@dataclass(slots=True)
class FoundThing:
    """A thing at one side as it was read: its value, and the identifiers in use there."""

    value: str
    ids: tuple[str, ...]


@dataclass(slots=True)
class SideRead(Event):
    """Answer to ReadSide. entities: None if nobody answers. number: of the reading."""

    network: str
    site: str
    number: int
    entities: dict[str, FoundThing] | None


@dataclass(slots=True)
class HandsDone(Event):
    """People say that they have done a piece of work by hand."""

    network: str
    work: str


@dataclass(slots=True)
class MirrorSwitched(Event):
    """A person switches the mirror of a network off or on."""

    network: str
    on: bool


@dataclass(slots=True)
class MappingEdited(Event):
    """A person changed a row of the mapping table; identifier '': the row is gone."""

    network: str
    entity: str
    site: str
    identifier: str


@dataclass(slots=True)
class ProvisionAsked(Event):
    """A failover goes to that site, and waits until it is configured as the other one was.

    old_answers: the agents of the site before can still be reached.
    """

    site: str
    old_answers: bool


@dataclass(slots=True)
class SiteStands(Event):
    """A new second site stands ready: it is to be configured as the active one is. identifiers:
    those of each thing there, by network. A failover to another site that has not ended by then is
    given up: that site is lost, or is the active one with what it has.
    """

    site: str
    identifiers: dict[str, dict[str, str]]


@dataclass(slots=True)
class FoundMachine:
    """A virtual machine as its site tells of it."""

    name: str
    runs: bool
    physical: str
    image: str
    farm: str
    role: str


@dataclass(slots=True)
class MachinesAtSite:
    """The machines of a network at a site, and the images at the site's install point."""

    machines: tuple[FoundMachine, ...]
    images: tuple[str, ...]


@dataclass(slots=True)
class MachinesRead(Event):
    """Answer to ReadMachines. machines: None if nobody answers."""

    network: str
    site: str
    number: int
    machines: MachinesAtSite | None


@dataclass(slots=True)
class MachinesSilent(Event):
    """Virtual machines of these names have not answered for a while."""

    network: str
    site: str
    machines: tuple[str, ...]


@dataclass(slots=True)
class MachinesBack(Event):
    """Virtual machines of these names answer again."""

    network: str
    site: str
    machines: tuple[str, ...]


@dataclass(slots=True)
class ImageSaid(Event):
    """Answer to CopyImage: the image lies at the site's install point, or why not."""

    site: str
    image: str
    word: ImageWord


@dataclass(slots=True)
class UpgradeAsked(Event):
    """A person asks for an upgrade of a farm to another image. at_once: the number of tenants whose
    databases are moved at one time, or of machines of a role that are replaced at one time at a
    side.
    """

    network: str
    farm: str
    image: str
    at_once: int
    style: UpgradeStyle


@dataclass(slots=True)
class RollBackAsked(Event):
    """A person asks to roll the upgrade of a farm back to the image before it."""

    network: str
    farm: str


@dataclass(slots=True)
class GoalsSet(Event):
    """A person sets how many machines of some roles a farm is to have."""

    network: str
    farm: str
    goals: dict[str, int]


@dataclass(slots=True)
class LoadSeen(Event):
    """The load of a farm has changed: requests an hour, as the balancer has measured it last."""

    network: str
    farm: str
    per_hour: int


@dataclass(slots=True)
class SitesToBuild(Event):
    """The sites that are put up beside the two sides: they get the machines of all farms."""

    sites: tuple[str, ...]


@dataclass(slots=True)
class ConfigurationTimeAsked(Event):
    """A recovery manager asks how long a failover to its place would wait for the configuration."""

    site: str


EVENTS: tuple[type[Event], ...] = (
    Alarm,
    Called,
    CallsAlike,
    AgentSaid,
    AgentsObserved,
    SideRead,
    HandsDone,
    MirrorSwitched,
    MappingEdited,
    ProvisionAsked,
    SiteStands,
    MachinesRead,
    MachinesSilent,
    MachinesBack,
    ImageSaid,
    UpgradeAsked,
    RollBackAsked,
    GoalsSet,
    LoadSeen,
    ConfigurationTimeAsked,
    SitesToBuild,
)
