"""The clean-up of a job fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import (
    AtSite,
    HowLong,
    HowMany,
    befall,
    check_place,
    draw_mishap,
)
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CleanUpFails(Params):
    site: AtSite = ""
    times: HowMany = 1
    duration: HowLong = None


def happen(event: Occurrence, params: CleanUpFails) -> None:
    from dr_sim.world.cloud.mishaps import Mishap

    mishap = Mishap("clean-up fails", params.site, "", params.times)
    befall(event, mishap, params.duration)


KIND = EventKind(
    "clean_up_fails",
    CleanUpFails,
    None,
    True,
    "a clean-up ends with an error; it is tried again, and somebody is "
    "notified",
    "requirement C3: past its time limit a job is cancelled and its clean-up runs",
    happen,
    check=check_place,
    steady=True,
    needs_cloud=True,
    draws=draw_mishap,
)
