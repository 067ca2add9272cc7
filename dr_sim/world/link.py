"""The link from the primary's site to the secondary's: capacity, loss, outages, one-way partitions.

Packet loss slows a stream before it loses a file (dr_sim/scenario/throughput.py).

A round trip of up to 30 ms is included in a scenario's figures: people measure transfers, answers
and fences over such a link, and 30 ms is one part in ten thousand of a log's interval. The part of
a round trip beyond 30 ms is added once for each exchange that waits for the other side. A file's
first byte comes a round trip after it is offered (the receiver asks for it, as in Windows' DFS
Replication). A question or an order takes half of one, and its answer the other half. A heartbeat
and a line of the primary's error log take half of one. That is the physics of distance alone:
further exchanges of a protocol are not modelled.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.record.kinds import KIND_ID
from dr_sim.scenario.model import USUAL_RTT_US, LinkSpec
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.world.agenda import Class
from dr_sim.world.context import Context
from dr_sim.world.sharing import SharedRate

_LINK = KIND_ID["truth.link"]


class Link:
    """The link. `forward` carries data and heartbeats to the secondary, `back` the secondary's
    questions and orders to the primary.
    """

    def __init__(self, context: Context, spec: LinkSpec) -> None:
        self._context = context
        self._spec = spec
        self._down_forward = 0
        self._down_back = 0
        self._losses: list[int] = []
        self._latencies: list[int] = []
        self._bandwidth_bit_s = spec.bandwidth_bit_s
        self._throttles: list[int] = []
        self.shared = SharedRate(
            context.agenda,
            Class.TRANSFER,
            spec.bandwidth_bit_s,
            spec.sharing,
        )
        self.cap_bit_s = stream_cap_bit_s(
            spec.mss_bytes, spec.rtt_us, spec.loss_ppb
        )
        self.on_change: list[Callable[[], None]] = []

    @property
    def forward_up(self) -> bool:
        return not self._down_forward

    @property
    def back_up(self) -> bool:
        return not self._down_back

    @property
    def wait_us(self) -> int:
        """Return how much longer a round trip takes than the usual one."""
        return max(
            0, self._spec.rtt_us + sum(self._latencies) - USUAL_RTT_US
        )

    @property
    def distance_us(self) -> int:
        """Return the same for a separate path: the sites are as far apart, but faults of the link
        do not act on it.
        """
        return self._spec.distance_us

    def down(self, forward: bool = True, back: bool = True) -> None:
        """Add a reason for the link to be down; `up` takes one away."""
        self._down_forward += forward
        self._down_back += back
        self._changed()

    def up(self, forward: bool = True, back: bool = True) -> None:
        self._down_forward -= forward
        self._down_back -= back
        self._changed()

    def add_loss(self, loss_ppb: int) -> None:
        self._losses.append(loss_ppb)
        self._loss_changed()

    def remove_loss(self, loss_ppb: int) -> None:
        self._losses.remove(loss_ppb)
        self._loss_changed()

    def add_latency(self, rtt_us: int) -> None:
        self._latencies.append(rtt_us)
        self._loss_changed()

    def remove_latency(self, rtt_us: int) -> None:
        self._latencies.remove(rtt_us)
        self._loss_changed()

    def _loss_changed(self) -> None:
        loss = min(999_999_999, self._spec.loss_ppb + sum(self._losses))
        self.cap_bit_s = stream_cap_bit_s(
            self._spec.mss_bytes,
            self._spec.rtt_us + sum(self._latencies),
            loss,
        )
        self.shared.set_cap(self.cap_bit_s)

    def set_bandwidth(self, bit_s: int) -> None:
        """Set the bandwidth from now on."""
        self._bandwidth_bit_s = bit_s
        self._changed()

    def throttle(self, to_bit_s: int) -> None:
        self._throttles.append(to_bit_s)
        self._changed()

    def unthrottle(self, to_bit_s: int) -> None:
        self._throttles.remove(to_bit_s)
        self._changed()

    def _changed(self) -> None:
        capacity = min([self._bandwidth_bit_s, *self._throttles])
        self.shared.set_capacity(capacity)
        context = self._context
        context.journal.append(
            _LINK, context.agenda.now_us, -1, int(self.forward_up), capacity
        )
        for listener in self.on_change:
            listener()
