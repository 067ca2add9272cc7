"""Somebody sets how many machines a farm is to have, by role: it grows, or shrinks."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import check_named, hardware_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.quantities import Count
from dr_sim.scenario.keys.machine_keys import MOST_MACHINES
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)
from dr_sim.scenario.machine_model import ROLES

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class GoalsOfFarm(Params):
    farm: str = Field(description="the farm")
    front_end: Count | None = Field(
        None,
        description="number of front ends from now on; if left out: as "
        "before",
    )
    application: Count | None = Field(
        None, description="number of application servers"
    )
    timer: Count | None = Field(
        None, description="number of timer machines"
    )
    search: Count | None = Field(
        None, description="number of search machines"
    )
    directory: Count | None = Field(
        None, description="number of directory machines"
    )

    def goals(self) -> dict[str, int]:
        """Return those that are set, by role."""
        given = {role: getattr(self, role) for role in ROLES}
        return {
            role: count
            for role, count in given.items()
            if count is not None
        }


def happen(event: Occurrence, params: GoalsOfFarm) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    goals = params.goals()
    words = ", ".join(f"{role} {count}" for role, count in goals.items())
    told = f"the goals of {params.farm} are set: {words}"
    event.begins(told)
    hardware.farms.set_goals(params.farm, goals)
    event.ends(told)


def check(params: GoalsOfFarm, around: RestOfScenario) -> list[str]:
    """Refuse a farm that there is not, and a line that sets nothing, or too much."""
    wrong = check_named("farm", params.farm, tuple(around.farms))
    if wrong:
        return wrong
    goals = params.goals()
    if not goals:
        return ["no role is set; write for example front_end: 40"]
    if sum(goals.values()) > MOST_MACHINES:
        return [
            f"more machines than can be played; write {MOST_MACHINES:,} in all at most"
        ]
    return []


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw a farm, and how many front ends it is to have."""
    farm = r.choice(list(there.farms))
    return {"farm": farm, "front_end": r.choice("138")}


KIND = EventKind(
    "set_goals",
    GoalsOfFarm,
    None,
    False,
    "people change the goals of a farm: machines are deployed at both "
    "sides until the farm has them, within the limit of the balancer "
    "(networks.*.most_machines); surplus machines are retired",
    "requirement C7, C8",
    happen,
    example="farm: content, front_end: 40",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
