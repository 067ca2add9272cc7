"""The cloud manager is upgraded, in place or by a new one that takes over from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.faults.cloud_events import cloud_of
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CloudUpgrade(Params):
    style: Literal["side_by_side", "in_place"] = Field(
        "side_by_side",
        description="side by side: a new one is started beside it; in "
        "place: it is down during the upgrade",
    )
    takes: Law = default(
        "4 min", "assumed", "time that the new version needs to start"
    )


def happen(event: Occurrence, params: CloudUpgrade) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    if cloud.lives.upgrading:
        event.nothing("the cloud manager is being upgraded already")
        return
    event.begins(f"the cloud manager is upgraded, {params.style}")
    takes_us = event.law(params.takes, "takes")
    cloud.lives.upgrade(params.style == "side_by_side", takes_us)
    event.world.later(
        takes_us, lambda: event.ends("the cloud manager is upgraded")
    )


KIND = EventKind(
    "cloud_upgrade",
    CloudUpgrade,
    "takes",
    True,
    "the cloud manager is upgraded while it serves (C2): side by side, "
    "or in place",
    "requirement C2, C9",
    happen,
    needs_cloud=True,
    at_api=True,
    draws=lambda r, db: {
        "style": r.choice(["side_by_side", "in_place"]),
        "takes": r.choice(["20 s", "4 min"]),
    },
)
