"""A script hangs: its process is there and does nothing."""

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
    befall_scripts(event, "hangs", params)


KIND = EventKind(
    "script_hangs",
    ScriptMishap,
    "script",
    True,
    "a script waits for ever; its time limit ends it (C3)",
    "kubernetes issues 62772 and 120790",
    happen,
    steady=True,
    check=check_scripts,
    needs_cloud=True,
    draws=draw_mishap,
)
