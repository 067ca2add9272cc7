"""A row of the mapping table is wrong, for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.faults.cloud_events import (
    HowLong,
    OfNetwork,
    check_thing,
    cloud_of,
)
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class WrongMapping(Params):
    entity: str = Field(description="the database or farm of the row")
    network: OfNetwork = ""
    leads_to: Literal["primary", "nothing", "other"] = Field(
        "primary",
        description="what the row holds: the identifier at the primary, "
        "none, or the identifier of another thing",
    )
    duration: HowLong = None


def happen(event: Occurrence, params: WrongMapping) -> None:
    from dr_sim.world.cloud.names import identifier

    cloud = cloud_of(event)
    if cloud is None:
        return
    entity = params.entity
    network = params.network or cloud.names.network_of(entity)
    if not network:
        event.nothing(f"no network has {entity}")
        return
    first, second = cloud.sites.active, cloud.sites.second
    if not second:
        event.nothing("there is no second side")
        return
    right = identifier(second, network, entity)
    others = [
        e
        for names in cloud.names.things(network).values()
        for e in names
        if e != entity
    ]
    wrong = {
        "primary": identifier(first, network, entity),
        "nothing": "",
        "other": identifier(second, network, (others or [entity])[0]),
    }[params.leads_to]

    def edit(leads_to: str) -> None:
        cloud.edit_mapping(network, entity, second, leads_to)

    event.while_on(
        params.duration,
        lambda: edit(wrong),
        lambda: edit(right),
        f"wrong mapping of {cloud.names.named(network, entity)}",
    )


KIND = EventKind(
    "wrong_mapping",
    WrongMapping,
    "entity",
    True,
    "a row of the mapping table was copied and not changed, is missing, "
    "or leads to another thing",
    "requirement C5: parameters translated by the mapping table",
    happen,
    example="entity: crm",
    check=check_thing,
    needs_cloud=True,
    draws=lambda r, db: {
        "entity": db,
        "leads_to": r.choice(["primary", "nothing", "other"]),
        "duration": "1 h",
    },
)
