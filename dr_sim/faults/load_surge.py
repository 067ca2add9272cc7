"""The load of a farm is a multiple of what it usually is, for a time."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import HowLong, check_named, hardware_of
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.laws import FactorLaw
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)
from dr_sim.units import PPM

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence

MOST = 100
"""The most that a load is multiplied by."""


class LoadSurge(Params):
    farm: str = Field(description="the farm; it must follow a load")
    by: FactorLaw = default("2", "assumed")
    duration: HowLong = None


def happen(event: Occurrence, params: LoadSurge) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    name, lane = f"fault {event.kind}", f"{event.lane} {event.index}"
    streams = event.world.context.streams
    drawn_ppm = streams.of(name, "factor", lane).law(0, params.by)
    factor_ppm = min(drawn_ppm, MOST * PPM)
    farm = params.farm
    event.while_on(
        params.duration,
        lambda: hardware.loads.surge(farm, factor_ppm, 1),
        lambda: hardware.loads.surge(farm, factor_ppm, -1),
        f"the load of {farm} is another",
    )


def check(params: LoadSurge, around: RestOfScenario) -> list[str]:
    """Refuse a farm that follows no load, and more than can be played."""
    wrong = check_named("farm", params.farm, tuple(around.farms))
    if wrong:
        return wrong
    if params.farm not in around.loads:
        return [
            f"{params.farm} follows no load; write for example farms.{params.farm}.load: 400 per s"
        ]
    if params.by.a > MOST * PPM:
        return [f"by: more than can be played; write {MOST} at most"]
    return []


def draw(r: Random, there: MachinesThere) -> dict[str, str] | None:
    """Draw a farm that follows a load, how much more it is and for how long."""
    if not there.loads:
        return None
    return {
        "farm": r.choice(there.loads),
        "by": r.choice(["0.3", "2", "5"]),
        "duration": r.choice(["4 min", "40 min", "3 h"]),
    }


KIND = EventKind(
    "load_surge",
    LoadSurge,
    None,
    False,
    "more requests, because of an offer, a holiday, or the users of "
    "another site. The goal follows at both sides; until the machines "
    "are deployed, fewer run than the load needs (requirement C8)",
    "assumed",
    happen,
    example="farm: content, by: 3, duration: 2 h",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    needs_load=True,
    draws_of_machines=draw,
)
