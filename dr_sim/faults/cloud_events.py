"""The common part of the cloud manager's events: they do nothing where there is none."""

from __future__ import annotations

from pydantic import Field

from dr_sim.scenario.fields import Law, Params, Ppm, did_you_mean
from dr_sim.scenario.kind import RestOfScenario
from dr_sim.scenario.model import Law as LawValue
from dr_sim.units import MINUTE_US
from dr_sim.world.cloud.agents import Mishap
from dr_sim.world.cloud.front import Disturbance
from dr_sim.world.cloud.service import CloudWorld
from dr_sim.world.occurrence import Occurrence


class Share(Params):
    """A share of messages, for a time."""

    share: Ppm = Field(description="the part of them that it befalls")
    duration: Law | None = Field(None, description="how long; left out: to the end of the run")


def check(params: Params, around: RestOfScenario) -> list[str]:
    """Refuse an event of the cloud manager where there is none, and a thing that nobody has."""
    if not around.things:
        return ["there is no cloud manager; write for example cloud: {}"]
    thing = getattr(params, "entity", None)
    if thing is None or thing in around.things:
        return []
    return [f"unknown database or farm {thing!r}; {did_you_mean(thing, around.things)}"]


def cloud_of(event: Occurrence) -> CloudWorld | None:
    """None, and that is recorded, where there is no cloud manager in this part of the run."""
    cloud = event.world.cloud
    if cloud is None:
        event.nothing("there is no cloud manager")
    return cloud


def disturb(event: Occurrence, kind: str, share: Share, delay: LawValue | None = None) -> None:
    """Messages are disturbed while the event is on."""
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


def befall(event: Occurrence, mishap: Mishap, duration: LawValue | None) -> None:
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
