"""The link passes one way only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class Partition(Params):
    cut: Literal["to_secondary", "to_primary", "both"] = Field(
        "to_secondary", description="the direction in which nothing passes"
    )
    duration: Law


def happen(event: Occurrence, params: Partition) -> None:
    link = event.world.link
    event.acts_on(link.link, link.notify)
    forward, back = params.cut != "to_primary", params.cut != "to_secondary"
    event.for_a_time(
        params.duration,
        lambda: link.down(forward, back),
        lambda: link.up(forward, back),
        {
            "to_secondary": "link down towards the secondary",
            "to_primary": "link down towards the primary",
        }.get(params.cut, "link down"),
    )


def turned(params: Partition) -> Partition:
    other: dict[str, str] = {
        "to_secondary": "to_primary",
        "to_primary": "to_secondary",
    }
    return params.model_copy(
        update={"cut": other.get(params.cut, params.cut)}
    )


KIND = EventKind(
    "partition",
    Partition,
    "duration",
    True,
    "a half-broken route or firewall rule: messages pass in one "
    "direction only",
    "assumed; one-way partitions are a staple of distributed-systems testing (Jepsen)",
    happen,
    place=lambda params: "link",
    turned=turned,
    explains=(Explains.LINK_DOWN,),
    draws=lambda r, db: {
        "cut": r.choice(["to_secondary", "to_primary", "both"]),
        "duration": r.choice(["40 s", "3 min", "6 min", "20 min"]),
    },
    leads_over=True,
    affects=lambda params: COPY,
    at_stores=lambda params: True,
    heals=False,
)
