"""A caller uses the id of its last request again, for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import Share, disturb, draw_share
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class IdReused(Share):
    pass


def happen(event: Occurrence, params: IdReused) -> None:
    disturb(event, "other parameters", params)


KIND = EventKind(
    "id_reused",
    IdReused,
    "share",
    True,
    "a client uses an id again for another request, because it generates "
    "ids badly or keeps one across restarts",
    "hashicorp/terraform-provider-aws issue 39625: one token, two resources",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw_share,
)
