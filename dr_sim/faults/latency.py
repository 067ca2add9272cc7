"""The way to the secondary gets longer: with packet loss every stream slows down in proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import Detour
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class Latency(Params):
    more: Detour
    duration: Law


def happen(event: Occurrence, params: Latency) -> None:
    link = event.world.link
    event.acts_on(link.link)
    event.for_a_time(
        params.duration,
        lambda: link.add_latency(params.more),
        lambda: link.remove_latency(params.more),
        "latency",
    )


KIND = EventKind(
    "latency",
    Latency,
    None,
    True,
    "a detour: this is added to the round trip, and a stream carries MSS / RTT * 1.22 / sqrt(p)",
    "Mathis et al. 1997; round trips between cloud regions: 0.93 / 153 / 491 ms (min, "
    "median, max of 8,010; Skyplane)",
    happen,
    place=lambda params: "link",
    explains=(Explains.SLOW_LINK,),
    affects=lambda params: COPY,
    at_stores=lambda params: True,
    draws=lambda r, db: {
        "more": r.choice(["200 ms", "2 s"]),
        "duration": "40 min",
    },
)
