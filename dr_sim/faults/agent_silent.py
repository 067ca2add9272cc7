"""The agents of a site cannot be reached for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import (
    check_place,
    cloud_of,
    second_side,
)
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class AgentSilent(Params):
    duration: Law = Field(description="duration")
    site: str = Field(
        "",
        description="the site whose agents are silent, A or a standby's; if left out: the first "
        "second side",
    )


def happen(event: Occurrence, params: AgentSilent) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    site = params.site or second_side(event, cloud)
    if not site:
        return
    event.for_a_time(
        params.duration,
        lambda: cloud.cut(site, 1),
        lambda: cloud.cut(site, -1),
        f"the agents of {site} are silent",
    )


KIND = EventKind(
    "agent_silent",
    AgentSilent,
    "duration",
    True,
    "a management network is down: orders to agents and their answers "
    "are lost, and scripts continue",
    "riverqueue/river issues 1302 and 1258: jobs that are rescued while they live",
    happen,
    check=check_place,
    needs_cloud=True,
    draws=lambda r, db: {
        "duration": r.choice(["3 min", "30 min"]),
        "site": r.choice("AB"),
    },
)
