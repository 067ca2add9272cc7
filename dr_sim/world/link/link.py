"""The link between two sites: capacity, loss, outages, one-way partitions.

A link outlives the pairs that use it. It carries data in both directions, each with a capacity of
its own. Each pair uses it in one of them, and refers to it by a `PairLink`. An event that affects
the link of a pair affects the link itself, and so every pair that uses it: a failover to the other
side does not mend a line.

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
from dataclasses import dataclass, field

from dr_sim.record.kinds import KIND_ID
from dr_sim.scenario.model import USUAL_RTT_US, LinkSpec
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.sharing import SharedRate

_LINK = KIND_ID["truth.link"]
_MOST_LOSS_PPB = 999_999_999


@dataclass(slots=True)
class Trouble:
    """The trouble that the events of one pair make on its link. down: by the site that sends, the
    number of reasons for nothing to get through.
    """

    down: dict[str, int]
    losses_ppb: list[int] = field(default_factory=list)
    latencies_us: list[int] = field(default_factory=list)
    throttles_bit_s: list[int] = field(default_factory=list)

    @property
    def is_any(self) -> bool:
        lists = self.losses_ppb, self.latencies_us, self.throttles_bit_s
        return any(self.down.values()) or any(lists)


class OneWay:
    """One direction of a link: what one of its sites sends to the other."""

    def __init__(self, agenda: Agenda, spec: LinkSpec) -> None:
        self.spec = spec
        self.bandwidth_bit_s = spec.bandwidth_bit_s
        self.shared = SharedRate(
            agenda, Class.TRANSFER, spec.bandwidth_bit_s, spec.sharing
        )
        self.cap_bit_s = stream_cap_bit_s(
            spec.mss_bytes, spec.rtt_us, spec.loss_ppb
        )


class Link:
    """The link between two sites."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._directions: dict[str, OneWay] = {}
        self.users: list[PairLink] = []

    def direction(self, sender: str, spec: LinkSpec) -> OneWay:
        """Return the direction in which that site sends. spec: as the scenario has it."""
        if sender not in self._directions:
            self._directions[sender] = OneWay(self._agenda, spec)
        return self._directions[sender]

    def up_from(self, sender: str) -> bool:
        """Return whether what that site sends arrives at the other one."""
        # asked for each file and each question: a generator would take most of its time
        for user in self.users:
            if user.trouble.down[sender]:
                return False
        return True

    @property
    def more_latency_us(self) -> int:
        """Return how much longer than usual a round trip takes."""
        return sum(sum(user.trouble.latencies_us) for user in self.users)

    def capacity_bit_s(self, direction: OneWay) -> int:
        """Return the capacity of a direction now."""
        capacity = direction.bandwidth_bit_s
        for user in self.users:
            capacity = min([capacity, *user.trouble.throttles_bit_s])
        return capacity

    def changed(self) -> None:
        """Share the capacity again, and notify everybody who uses the link."""
        for direction in self._directions.values():
            direction.shared.set_capacity(self.capacity_bit_s(direction))
        for user in list(self.users):
            user.notify()

    def caps_changed(self) -> None:
        """Compute again what loss and latency leave of a single stream."""
        loss_ppb = sum(sum(user.trouble.losses_ppb) for user in self.users)
        for direction in self._directions.values():
            spec = direction.spec
            direction.cap_bit_s = stream_cap_bit_s(
                spec.mss_bytes,
                spec.rtt_us + self.more_latency_us,
                min(_MOST_LOSS_PPB, spec.loss_ppb + loss_ppb),
            )
            direction.shared.set_cap(direction.cap_bit_s)


class PairLink:
    """The link as one pair uses it. `forward` carries data and heartbeats to the secondary, `back`
    the secondary's questions and orders to the primary. sender, receiver: the sites at its ends.
    """

    def __init__(
        self, context: Context, link: Link, sender: str, receiver: str
    ) -> None:
        self._context = context
        self._spec = context.scenario.link
        self.sender = sender
        self.receiver = receiver
        self.on_change: list[Callable[[], None]] = []
        # whether changes are recorded in the rows of the pair
        self.recorded = True
        self._use(link, Trouble({sender: 0, receiver: 0}))

    def _use(self, link: Link, trouble: Trouble) -> None:
        self.link = link
        self.trouble = trouble
        self._direction = link.direction(self.sender, self._spec)
        self.shared = self._direction.shared
        link.users.append(self)

    def moved(self, link: Link, receiver: str) -> None:
        """Use another link from now on: another site is the second side. Nothing has been sent yet.
        What has affected the pair's link goes along.
        """
        before, trouble = self.link, self.trouble
        before.users.remove(self)
        trouble.down[receiver] = trouble.down.pop(self.receiver)
        self.receiver = receiver
        self._use(link, trouble)
        if any(user.trouble.is_any for user in link.users):
            for each in (before, link):
                each.caps_changed()
                each.changed()

    @property
    def forward_up(self) -> bool:
        return self.link.up_from(self.sender)

    @property
    def back_up(self) -> bool:
        return self.link.up_from(self.receiver)

    @property
    def cap_bit_s(self) -> int:
        """Return the most that one stream gets through."""
        return self._direction.cap_bit_s

    @property
    def wait_us(self) -> int:
        """Return how much longer a round trip takes than the usual one."""
        more_us = self.link.more_latency_us
        return max(0, self._spec.rtt_us + more_us - USUAL_RTT_US)

    @property
    def distance_us(self) -> int:
        """Return the same for a separate path: the sites are as far apart, but faults of the link
        do not act on it.
        """
        return self._spec.distance_us

    def down(self, forward: bool = True, back: bool = True) -> None:
        """Add a reason for the link to be down; `up` takes one away."""
        self.trouble.down[self.sender] += forward
        self.trouble.down[self.receiver] += back
        self.link.changed()

    def up(self, forward: bool = True, back: bool = True) -> None:
        self.trouble.down[self.sender] -= forward
        self.trouble.down[self.receiver] -= back
        self.link.changed()

    def add_loss(self, loss_ppb: int) -> None:
        self.trouble.losses_ppb.append(loss_ppb)
        self.link.caps_changed()

    def remove_loss(self, loss_ppb: int) -> None:
        self.trouble.losses_ppb.remove(loss_ppb)
        self.link.caps_changed()

    def add_latency(self, rtt_us: int) -> None:
        self.trouble.latencies_us.append(rtt_us)
        self.link.caps_changed()

    def remove_latency(self, rtt_us: int) -> None:
        self.trouble.latencies_us.remove(rtt_us)
        self.link.caps_changed()

    def set_bandwidth(self, bit_s: int) -> None:
        """Set the bandwidth of the pair's direction from now on."""
        self._direction.bandwidth_bit_s = bit_s
        self.link.changed()

    def throttle(self, to_bit_s: int) -> None:
        self.trouble.throttles_bit_s.append(to_bit_s)
        self.link.changed()

    def unthrottle(self, to_bit_s: int) -> None:
        self.trouble.throttles_bit_s.remove(to_bit_s)
        self.link.changed()

    def notify(self) -> None:
        """Record the state of the link in the pair's rows, and notify everybody there."""
        context = self._context
        if self.recorded:
            context.journal.append(
                _LINK,
                context.agenda.now_us,
                -1,
                int(self.forward_up),
                self.link.capacity_bit_s(self._direction),
            )
        for listener in self.on_change:
            listener()
