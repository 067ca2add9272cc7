"""The clean-up of a job fails."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dr_sim.faults.cloud_events import befall, draw_mishap
from dr_sim.scenario.fields import Params
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.laws import Law
from dr_sim.scenario.quantities import Times
from dr_sim.world.cloud.agents import Mishap
from dr_sim.world.occurrence import Occurrence


class CleanUpFails(Params):
    site: Literal["A", "B", ""] = Field(
        "", description="only at that site; left out: at both"
    )
    times: Times = Field(
        1, description="how many it befalls; all: each one while it is on"
    )
    duration: Law | None = Field(
        None, description="how long; left out: to the end of the run"
    )


def happen(event: Occurrence, params: CleanUpFails) -> None:
    mishap = Mishap("clean-up fails", params.site, "", params.times)
    befall(event, mishap, params.duration)


KIND = EventKind(
    "clean_up_fails",
    CleanUpFails,
    None,
    True,
    "a clean-up that ends with an error; it is tried again, and somebody is told",
    "mission C3: past its time limit a job is cancelled and its clean-up runs",
    happen,
    steady=True,
    needs_cloud=True,
    draws=draw_mishap,
)
