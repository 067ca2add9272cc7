"""The link carries less than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import Bandwidth
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class Throttle(Params):
    to: Bandwidth
    duration: Law


def happen(event: Occurrence, params: Throttle) -> None:
    link = event.world.link
    event.acts_on(link.link, link.notify)
    event.for_a_time(
        params.duration,
        lambda: link.throttle(params.to),
        lambda: link.unthrottle(params.to),
        "link throttled",
    )


KIND = EventKind(
    "throttle",
    Throttle,
    None,
    True,
    "other traffic or a carrier's shaping takes most of the bandwidth",
    "assumed; cloud region pairs differ 250-fold (Skyplane profiles, min 0.11, max 28.7 Gbit/s)",
    happen,
    place=lambda params: "link",
    explains=(Explains.SLOW_LINK,),
    draws=lambda r, db: {
        "to": r.choice(["300 kbit/s", "2 Mbit/s"]),
        "duration": "25 min",
    },
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
