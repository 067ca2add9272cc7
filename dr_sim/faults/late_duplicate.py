"""A second copy of a request arrives long after the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import Share, disturb, draw_share
from dr_sim.scenario.fields.fields import default
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LateDuplicate(Share):
    later: Law = default(
        "10 min", "assumed", "time until the second copy arrives"
    )


def happen(event: Occurrence, params: LateDuplicate) -> None:
    disturb(event, "late duplicate", params, params.later)


KIND = EventKind(
    "late_duplicate",
    LateDuplicate,
    "share",
    True,
    "a second copy of a request waits in a queue, and arrives long after "
    "the work is done",
    "requirement C1: the same call may arrive many times",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=lambda r, db: (
        draw_share(r, db) | {"later": r.choice(["2 min", "20 min"])}
    ),
    heals=False,
)
