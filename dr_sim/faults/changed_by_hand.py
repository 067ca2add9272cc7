"""Somebody changes the configuration at one side by hand, and tells nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import (
    OfNetwork,
    check_place,
    check_thing,
    cloud_of,
)
from dr_sim.scenario.cloud_model import FIRST
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import EventKind, RestOfScenario

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class ChangedByHand(Params):
    entity: str = Field(description="a database or a farm")
    network: OfNetwork = ""
    site: str = Field(FIRST, description="the side, A or a standby's site")


def happen(event: Occurrence, params: ChangedByHand) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    network = params.network or cloud.names.network_of(params.entity)
    if not network:
        event.nothing(f"no network has {params.entity}")
        return
    told = f"{cloud.names.named(network, params.entity)} changed by hand at {params.site}"
    event.begins(told)
    change = f"hand/{event.world.context.now_us}/{event.index}"
    cloud.changed_by_hand(network, params.site, params.entity, change)
    event.ends(told)


def check(params: ChangedByHand, around: RestOfScenario) -> list[str]:
    """Refuse a thing that nobody has, or a site at which nobody is."""
    return check_thing(params, around) or check_place(params, around)


KIND = EventKind(
    "changed_by_hand",
    ChangedByHand,
    "entity",
    True,
    "a change that bypasses the cloud manager: only a comparison of both "
    "sides finds it",
    "dbatools issues 5555, 9586, 9648: what is synchronised adds, and never removes",
    happen,
    example="entity: crm",
    check=check,
    needs_cloud=True,
    draws=lambda r, db: {"entity": db, "site": r.choice("AB")},
)
