"""A rate that several flows share: a link's bits a second, a disk's bytes a second.

Work left is counted in millionths of a unit and rates in whole units a second, so a flow does rate millionths each
microsecond and everything stays an integer. Shares are rounded down to whole units a second, ends up to whole
microseconds; with one flow the end is start + ceil(amount / rate), which on a FIFO link is the Lindley recursion.

'fair': max-min fair among all flows, each within its cap. 'fifo': one after the other. 'priority': max-min fair
within a class, what a class leaves goes to the next.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.world.agenda import Agenda, Entry

MICRO = 1_000_000


class Flow:
    """Some work on its way; `left` is up to date only when the sharing has settled."""

    __slots__ = ("cap", "done", "entity", "left", "number", "priority", "rate")

    def __init__(self, entity: int, left: int, cap: int, priority: int, number: int, done: Callable[[], None]) -> None:
        self.entity = entity
        self.left = left
        self.cap = cap
        self.priority = priority
        self.number = number
        self.done = done
        self.rate = 0


class SharedRate:
    def __init__(self, agenda: Agenda, event_class: int, capacity: int, sharing: str = "fair") -> None:
        self._agenda = agenda
        self._class = event_class
        self._capacity = capacity
        self._sharing = sharing
        self._flows: list[Flow] = []
        self._settled_us = 0
        self._count = 0
        self._next: Entry | None = None

    def start(self, entity: int, amount: int, cap: int, done: Callable[[], None], priority: int = 0) -> Flow:
        """Begin a flow of `amount` units at no more than `cap` units a second; done() is called when it ends."""
        self._settle()
        self._count += 1
        flow = Flow(entity, amount * MICRO, cap, priority, self._count, done)
        self._flows.append(flow)
        self._plan()
        return flow

    def stop(self, flow: Flow) -> int:
        """Take a flow off; returns the units that were not done, rounded up."""
        self._settle()
        self._flows.remove(flow)
        self._plan()
        return -(-flow.left // MICRO)

    def set_capacity(self, capacity: int) -> None:
        self._settle()
        self._capacity = capacity
        self._plan()

    def set_cap(self, cap: int) -> None:
        """A new cap for every flow under way."""
        self._settle()
        for flow in self._flows:
            flow.cap = cap
        self._plan()

    @property
    def active(self) -> int:
        return len(self._flows)

    def _settle(self) -> None:
        now = self._agenda.env._now
        passed = now - self._settled_us  # type: ignore[operator]
        if passed:
            for flow in self._flows:
                left = flow.left - flow.rate * passed
                flow.left = left if left > 0 else 0
            self._settled_us = now  # type: ignore[assignment]

    def _plan(self) -> None:
        """Share the rate out anew and set the alarm for the first end."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        flows = self._flows
        if not flows:
            return
        if len(flows) == 1:
            flow = flows[0]
            flow.rate = min(flow.cap, self._capacity)
        else:
            self._share()
        soonest, who = -1, flows[0]
        for flow in flows:
            if flow.rate or not flow.left:
                takes = -(-flow.left // flow.rate) if flow.left else 0
                if soonest < 0 or takes < soonest:
                    soonest, who = takes, flow
        if soonest >= 0:
            self._next = self._agenda.at(self._settled_us + soonest, self._class, who.entity, self._end)

    def _share(self) -> None:
        left = self._capacity
        if self._sharing == "fifo":
            for flow in self._flows:  # the list is in order of arrival
                flow.rate = 0
            self._flows[0].rate = min(self._flows[0].cap, left)
            return
        if self._sharing == "fair":
            _water_fill(self._flows, left)
            return
        for priority in sorted({f.priority for f in self._flows}):
            left -= _water_fill([f for f in self._flows if f.priority == priority], left)

    def _end(self) -> None:
        """Every flow with nothing left has ended, in the order of entity and arrival."""
        self._next = None
        self._settle()
        ended = [f for f in self._flows if not f.left]
        if len(ended) == 1:
            self._flows.remove(ended[0])
            self._plan()
            ended[0].done()
            return
        self._flows = [f for f in self._flows if f.left]
        self._plan()
        for flow in sorted(ended, key=lambda f: (f.entity, f.number)):
            flow.done()


def _water_fill(flows: list[Flow], capacity: int) -> int:
    """Max-min fair rates within the caps; returns what was given out."""
    left, n = capacity, len(flows)
    for flow in sorted(flows, key=lambda f: f.cap):
        share = left // n
        flow.rate = flow.cap if flow.cap < share else share
        left -= flow.rate
        n -= 1
    return capacity - left
