"""Somebody rolls back the upgrade of a farm while it is in progress."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import check_named, hardware_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class RolledBack(Params):
    farm: str = Field(description="the farm")


def happen(event: Occurrence, params: RolledBack) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    if not hardware.farms.roll_back(params.farm):
        event.nothing(f"no upgrade of {params.farm} goes on")
        return
    told = f"the upgrade of {params.farm} is taken back"
    event.begins(told)
    event.ends(told)


def check(params: RolledBack, around: RestOfScenario) -> list[str]:
    """Refuse a farm that there is not."""
    return check_named("farm", params.farm, tuple(around.farms))


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw a farm."""
    return {"farm": r.choice(list(there.farms))}


KIND = EventKind(
    "roll_back_upgrade",
    RolledBack,
    "farm",
    False,
    "an upgrade is rolled back before it is over, for example because "
    "its image is bad: databases that were moved are moved back, which "
    "pauses their backups once more, and the new machines are retired",
    "requirement C9, C10",
    happen,
    example="farm: content",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
