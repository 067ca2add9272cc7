"""Scripts are not at a site, or older ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import (
    check_scripts,
    cloud_of,
    second_side,
)
from dr_sim.scenario.cloud_model import OPERATIONS
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class ScriptMissing(Params):
    script: str = Field(
        "", description="the script; if left out: all of them"
    )
    site: str = Field(
        "",
        description="the site, A or a standby's; if left out: the first second side",
    )


def happen(event: Occurrence, params: ScriptMissing) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    at = params.site or second_side(event, cloud)
    if not at:
        return
    event.begins(f"scripts are missing at {at}")
    for (_, site), agent in cloud.agents.items():
        if site == at:
            for name, _, _ in OPERATIONS:
                if params.script in ("", name):
                    agent.scripts[name] = 0
    event.ends(f"scripts are missing at {at}")


KIND = EventKind(
    "script_missing",
    ScriptMissing,
    "script",
    True,
    "a site was rebuilt without its scripts (C4: the script itself must "
    "be there too)",
    "requirement C4",
    happen,
    check=check_scripts,
    needs_cloud=True,
    draws=lambda r, db: {"site": r.choice("AB")},
)
