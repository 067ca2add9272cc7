"""The cloud manager dies where it stands and is started again from its store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import cloud_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CloudCrash(Params):
    duration: Law | None = Field(
        None,
        description="how long it is down; if left out: cloud.restart_after",
    )


def happen(event: Occurrence, params: CloudCrash) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    event.begins("the cloud manager crashed")
    cloud.lives.crash(
        event.law(params.duration, "duration") if params.duration else None
    )
    event.ends("the cloud manager crashed")


KIND = EventKind(
    "cloud_crash",
    CloudCrash,
    None,
    True,
    "the cloud manager crashes at any instant; it resumes from its store",
    "requirement C2; Sieve: crashes between two writes",
    happen,
    needs_cloud=True,
    at_api=True,
    draws=lambda r, db: r.choice([{}, {"duration": "5 min"}]),
)
