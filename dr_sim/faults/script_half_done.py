"""A script fails when half of its work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import (
    ScriptMishap,
    befall_scripts,
    check_scripts,
    draw_mishap,
)
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


def happen(event: Occurrence, params: ScriptMishap) -> None:
    befall_scripts(event, "half", params)


KIND = EventKind(
    "script_half_done",
    ScriptMishap,
    "script",
    True,
    "a script leaves a thing half changed; the next attempt or the "
    "clean-up must handle this",
    "Azure/terraform-provider-azapi issue 1110: exists, unrecorded",
    happen,
    steady=True,
    check=check_scripts,
    needs_cloud=True,
    draws=draw_mishap,
)
