"""A physical machine dies, or no deployment succeeds on it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.faults.cloud_events import HowLong, check_named, hardware_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class BadMachine(Params):
    machine: str = Field(
        description="the physical machine, by site, class and number"
    )
    how: Literal["dies", "refuses"] = Field(
        "dies",
        description="everything on it is lost, or each deployment on it "
        "fails at its end",
    )
    duration: HowLong = None


def happen(event: Occurrence, params: BadMachine) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    name = params.machine
    site = name.partition("-")[0]
    if params.how == "dies":
        event.while_on(
            params.duration,
            lambda: hardware.lose_physical(site, name),
            lambda: hardware.physical_back(site, name),
            f"{name} is dead",
        )
        return
    event.while_on(
        params.duration,
        lambda: hardware.refuse(site, name, 1),
        lambda: hardware.refuse(site, name, -1),
        f"deployments on {name} fail",
    )


def check(params: BadMachine, around: RestOfScenario) -> list[str]:
    """Refuse a physical machine that there is not."""
    return check_named("physical machine", params.machine, around.physical)


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw one of the physical machines, and what is wrong with it."""
    return {
        "machine": r.choice(there.physical),
        "how": r.choice(["dies", "refuses"]),
        "duration": r.choice(["4 min", "30 min", "3 h"]),
    }


KIND = EventKind(
    "bad_machine",
    BadMachine,
    "machine",
    False,
    "a physical machine dies with everything that runs on it, or every "
    "deployment on it fails (C7): the next attempt must use another "
    "physical machine",
    "kubernetes-sigs/cluster-api issues 5483 and 7559: health checks that replace machines",
    happen,
    example="machine: A-compute-1",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
