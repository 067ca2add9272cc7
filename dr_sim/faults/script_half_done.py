"""A script fails when half of its work is done."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dr_sim.faults.cloud_events import befall, check_scripts
from dr_sim.scenario.fields import Law, Params, Times
from dr_sim.scenario.kind import EventKind
from dr_sim.world.cloud.agents import Mishap
from dr_sim.world.occurrence import Occurrence


class ScriptHalfDone(Params):
    script: str = Field(
        "", description="only scripts of that name; left out: any"
    )
    site: Literal["A", "B", ""] = Field(
        "", description="only at that site; left out: at both"
    )
    times: Times = Field(
        1, description="how many it befalls; all: each one while it is on"
    )
    duration: Law | None = Field(
        None, description="how long; left out: to the end of the run"
    )


def happen(event: Occurrence, params: ScriptHalfDone) -> None:
    mishap = Mishap("half", params.site, params.script, params.times)
    befall(event, mishap, params.duration)


KIND = EventKind(
    "script_half_done",
    ScriptHalfDone,
    "script",
    True,
    "a script that leaves a thing half changed; the next attempt, or the clean-up, must cope",
    "Azure/terraform-provider-azapi issue 1110: exists, unrecorded",
    happen,
    steady=True,
    check=check_scripts,
)
