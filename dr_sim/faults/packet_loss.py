"""The link loses packets: every TCP stream slows down by the throughput law, nothing is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import Loss
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class PacketLoss(Params):
    loss: Loss
    duration: Law


def happen(event: Occurrence, params: PacketLoss) -> None:
    link = event.world.link
    event.acts_on(link.link)
    event.for_a_time(
        params.duration,
        lambda: link.add_loss(params.loss),
        lambda: link.remove_loss(params.loss),
        "packet loss",
    )


KIND = EventKind(
    "packet_loss",
    PacketLoss,
    None,
    True,
    "a congested or faulty path: loss caps each stream at MSS / RTT * 1.22 / sqrt(p)",
    "Mathis et al. 1997; carriers promise below 0.1 % and call above 1 % excess",
    happen,
    place=lambda params: "link",
    explains=(Explains.SLOW_LINK,),
    affects=lambda params: COPY,
    at_stores=lambda params: True,
    draws=lambda r, db: {
        "loss": r.choice(["0.1 %", "1 %", "5 %"]),
        "duration": "30 min",
    },
)
