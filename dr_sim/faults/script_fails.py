"""A script fails."""

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
    befall_scripts(event, "fails", params)


KIND = EventKind(
    "script_fails",
    ScriptMishap,
    "script",
    True,
    "a script ends with an error; it is tried again, and given up after "
    "the last attempt",
    "requirement C3",
    happen,
    steady=True,
    check=check_scripts,
    needs_cloud=True,
    draws=draw_mishap,
)
