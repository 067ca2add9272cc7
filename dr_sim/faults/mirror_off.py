"""Somebody switches the mirror of a network off, and on again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.cloud.events import MirrorSwitched
from dr_sim.faults.cloud_events import check_named, cloud_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import EventKind, RestOfScenario

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld
    from dr_sim.world.kernel.occurrence import Occurrence


class MirrorOff(Params):
    duration: Law = Field(description="how long it is off")
    network: str = Field("", description="the network; if left out: all")


def check(params: MirrorOff, around: RestOfScenario) -> list[str]:
    """Refuse a network that there is not."""
    network = params.network
    if not network:
        return []
    return check_named("network", network, tuple(around.networks))


def happen(event: Occurrence, params: MirrorOff) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    networks = [
        n.name
        for n in cloud.spec.networks
        if params.network in ("", n.name)
    ]
    event.for_a_time(
        params.duration,
        lambda: _switch(cloud, networks, False),
        lambda: _switch(cloud, networks, True),
        "the mirror is off",
    )


def _switch(cloud: CloudWorld, networks: list[str], on: bool) -> None:
    for network in networks:
        cloud.lives.tell_until_heard(MirrorSwitched, network, on)


KIND = EventKind(
    "mirror_off",
    MirrorOff,
    "duration",
    True,
    "the mirror is switched off for a change or a move, and perhaps "
    "forgotten",
    "operators: schedules change, thresholds and people are left behind",
    happen,
    needs_cloud=True,
    check=check,
    draws=lambda r, db: {"duration": r.choice(["10 min", "1 h"])},
)
