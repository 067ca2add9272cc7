"""The common part of the cloud manager's events: they do nothing where there is none."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import Field

from dr_sim.cloud.words import (
    DEPLOY_MACHINE,
    REMOVE_MACHINE,
    UPGRADE_MACHINE,
    JobKind,
)
from dr_sim.scenario.cloud_model import FIRST, OPERATIONS
from dr_sim.scenario.fields.fields import Params, did_you_mean
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import Ppm, Times
from dr_sim.scenario.kind import RestOfScenario
from dr_sim.scenario.model import Law as LawValue
from dr_sim.units import MINUTE_US

# the cloud's world is loaded by scenarios that have a cloud manager: see world/roles/pair.py
if TYPE_CHECKING:
    from dr_sim.world.cloud.hardware import Hardware
    from dr_sim.world.cloud.mishaps import Mishap
    from dr_sim.world.cloud.service import CloudWorld
    from dr_sim.world.kernel.occurrence import Occurrence

SCRIPTS = (
    *(name for name, _, _ in OPERATIONS),
    JobKind.SET.value,
    JobKind.REBUILD.value,
    DEPLOY_MACHINE,
    REMOVE_MACHINE,
    UPGRADE_MACHINE,
)
"""Names the scripts of jobs: one for each operation, those that set a thing or make it again, and
those that deploy, remove and upgrade a machine.
"""


AtSite = Annotated[
    str,
    Field(
        description="only at that site, A or a standby's; if left out: at any"
    ),
]
HowMany = Annotated[
    Times,
    Field(
        description="number of scripts that it affects; all: every "
        "script in this time"
    ),
]
HowLong = Annotated[
    Law | None,
    Field(description="duration; if left out: to the end of the run"),
]
OfNetwork = Annotated[
    str,
    Field(
        description="the network; if left out: the first network that "
        "has it"
    ),
]


class Share(Params):
    """A share of messages, for a time."""

    share: Ppm = Field(description="share of the requests that it affects")
    duration: HowLong = None


class ScriptMishap(Params):
    """A mishap that affects scripts, for a time."""

    script: str = Field(
        "", description="only scripts of that name; if left out: any"
    )
    site: AtSite = ""
    times: HowMany = 1
    duration: HowLong = None


class OfThing(Protocol):
    """Parameters of an event about one thing that the cloud manager changes."""

    @property
    def entity(self) -> str: ...
    @property
    def network(self) -> str: ...


class OfOperation(OfThing, Protocol):
    """Parameters of an event that does an operation to a thing."""

    @property
    def operation(self) -> str: ...


def draw_share(r: Random, db: str) -> dict[str, str]:
    """Draw what an exploration disturbs of the messages."""
    return {"share": r.choice(["5 %", "50 %"]), "duration": "1 h"}


def draw_mishap(r: Random, db: str) -> dict[str, str]:
    """Draw what an exploration makes scripts meet."""
    return {"times": r.choice("13"), "duration": "40 min"}


def check_named(what: str, name: str, known: tuple[str, ...]) -> list[str]:
    """Refuse a name that there is not. what: kind of thing that it is the name of."""
    if name in known:
        return []
    return [f"unknown {what} {name!r}; {did_you_mean(name, known)}"]


def check_site(site: str, around: RestOfScenario) -> list[str]:
    """Refuse a site without physical machines."""
    sites = tuple(dict.fromkeys(name[0] for name in around.physical))
    return check_named("site", site, sites)


def second_side(event: Occurrence, cloud: CloudWorld) -> str:
    """Return the first second side, which an event without a site affects; '' if there is none:
    then nothing happens.
    """
    site = cloud.spec.sites[1]
    if not site:
        event.nothing("there is no second side")
    return site


class AtOneSite(Protocol):
    """Parameters of an event at a site of the first primary or of a standby. site: '' is any one,
    or the second side's.
    """

    @property
    def site(self) -> str: ...


def check_place(params: AtOneSite, around: RestOfScenario) -> list[str]:
    """Refuse a site at which nobody is when the run begins."""
    sites = (FIRST, *around.standbys)
    return check_named("site", params.site, sites) if params.site else []


class OfScripts(AtOneSite, Protocol):
    """Parameters of an event that affects scripts. script: of that name alone; '': any."""

    @property
    def script(self) -> str: ...


def check_scripts(params: OfScripts, around: RestOfScenario) -> list[str]:
    """Refuse a script that there is not, or a site."""
    if params.script:
        wrong = check_named("script", params.script, SCRIPTS)
        if wrong:
            return wrong
    return check_place(params, around)


def check_thing(params: OfThing, around: RestOfScenario) -> list[str]:
    """Refuse a database or farm that nobody has."""
    wrong = check_named("database or farm", params.entity, around.things)
    return wrong or _not_there(params, around)


def _not_there(params: OfThing, around: RestOfScenario) -> list[str]:
    """Refuse a network that there is not, or one that does not have the thing."""
    network, thing = params.network, params.entity
    if not network:
        return []
    wrong = check_named("network", network, tuple(around.networks))
    if wrong or thing in around.networks[network]:
        return wrong
    has = [n for n, things in around.networks.items() if thing in things]
    return [f"network {network!r} has no {thing!r}; {has[0]!r} has one"]


def check_operation(
    params: OfOperation, around: RestOfScenario
) -> list[str]:
    """Refuse an operation that is not one of that thing, too."""
    wrong = check_thing(params, around)
    return wrong or _of_another_kind(
        params.operation, params.entity, around
    )


def _of_another_kind(
    operation: str, thing: str, around: RestOfScenario
) -> list[str]:
    """Refuse an operation of databases on a farm, and the other way round. Where no database could
    be read nobody knows what is one.
    """
    if not around.databases:
        return []
    kind = "database" if thing in around.databases else "farm"
    wanted = {name: of for name, of, _ in OPERATIONS}.get(operation, kind)
    if wanted == kind:
        return []
    named = [
        each
        for each in around.things
        if (each in around.databases) is (kind == "farm")
    ]
    return [
        f"{operation}: {thing!r} is a {kind}; name a {wanted}, for example {named[0]!r}"
    ]


def cloud_of(event: Occurrence) -> CloudWorld | None:
    """Return the cloud manager; None, which is recorded, where there is none in this part of the
    run.
    """
    cloud = event.world.cloud
    if cloud is None:
        event.nothing("there is no cloud manager")
    return cloud


def hardware_of(event: Occurrence) -> Hardware | None:
    """Return the hardware at the sites; None where there is no cloud manager in this part of the
    run.
    """
    cloud = cloud_of(event)
    return None if cloud is None else cloud.hardware


def disturb(
    event: Occurrence,
    kind: str,
    share: Share,
    delay: LawValue | None = None,
) -> None:
    """Messages are disturbed while the event is on."""
    from dr_sim.world.cloud.mishaps import Disturbance

    cloud = cloud_of(event)
    if cloud is None:
        return
    lane = f"{event.lane} {event.index}"
    late = delay or LawValue("fixed", MINUTE_US)
    disturbance = Disturbance(kind, share.share, lane, late)
    event.while_on(
        share.duration,
        lambda: cloud.front.disturb(disturbance, True),
        lambda: cloud.front.disturb(disturbance, False),
        kind,
    )


def befall(
    event: Occurrence, mishap: Mishap, duration: LawValue | None
) -> None:
    """Scripts meet a mishap while the event is on."""
    cloud = cloud_of(event)
    if cloud is None:
        return
    event.while_on(
        duration,
        lambda: cloud.mishaps.on.append(mishap),
        lambda: cloud.mishaps.on.remove(mishap),
        mishap.kind,
    )


def befall_scripts(
    event: Occurrence, kind: str, params: ScriptMishap
) -> None:
    """The scripts that the parameters name meet that kind of mishap."""
    from dr_sim.world.cloud.mishaps import Mishap

    mishap = Mishap(kind, params.site, params.script, params.times)
    befall(event, mishap, params.duration)
