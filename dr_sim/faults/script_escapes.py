"""A process of a script continues after its agent said that it is gone."""

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
    befall_scripts(event, "survives", params)


KIND = EventKind(
    "script_escapes",
    ScriptMishap,
    "script",
    True,
    "a child process left its process group: its work is done later, "
    "without the manager's knowledge",
    "kubernetes issue 120790: orphans",
    happen,
    steady=True,
    check=check_scripts,
    needs_cloud=True,
    draws=draw_mishap,
)
