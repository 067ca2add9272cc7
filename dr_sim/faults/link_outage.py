"""The link is down in both directions; transfers are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LinkOutage(Params):
    duration: Law


def happen(event: Occurrence, params: LinkOutage) -> None:
    link = event.world.link
    event.acts_on(link.link, link.notify)
    event.for_a_time(params.duration, link.down, link.up, "link down")


KIND = EventKind(
    "link_outage",
    LinkOutage,
    "duration",
    True,
    "an outage of a carrier or router: nothing passes in either direction",
    "two public uptime logs: endpoint outages of 1.8 / 12.8 / 117 min (min, median, max "
    "of 47) and 3.4 / 25.5 / 317 min (of 27)",
    happen,
    place=lambda params: "link",
    explains=(Explains.LINK_DOWN,),
    draws=lambda r, db: r.choice(
        ["1 min", "4 min", "11 min", "40 min", "3 h"]
    ),
    affects=lambda params: COPY,
    at_stores=lambda params: True,
    also=("network_down", "vpn_down", "wan_outage", "isp_outage"),
)
