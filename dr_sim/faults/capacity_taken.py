"""Others take part of a site's physical machines: the machine manager does not know of it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import HowLong, check_site, hardware_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.quantities import Ppm
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CapacityTaken(Params):
    site: str = Field(description="the site")
    part: Ppm = Field(
        description="share of each physical machine's processors that "
        "others use"
    )
    duration: HowLong = None


def happen(event: Occurrence, params: CapacityTaken) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    site, part = params.site, params.part
    event.while_on(
        params.duration,
        lambda: hardware.take(site, part),
        lambda: hardware.take(site, -part),
        f"others have taken capacity at {site}",
    )


def check(params: CapacityTaken, around: RestOfScenario) -> list[str]:
    """Refuse a site without physical machines."""
    return check_site(params.site, around)


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw a site, and how much of it others take for how long."""
    return {
        "site": r.choice(there.sites),
        "part": r.choice(["50 %", "100 %"]),
        "duration": r.choice(["20 min", "3 h"]),
    }


KIND = EventKind(
    "capacity_taken",
    CapacityTaken,
    None,
    False,
    "others use capacity that was planned for a failover (C7): a "
    "deployment there is refused because there is no room",
    "MicrosoftDocs/azure-docs issues 30841 and 6102: no assured capacity at the recovery site",
    happen,
    example="site: B, part: 100 %",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
