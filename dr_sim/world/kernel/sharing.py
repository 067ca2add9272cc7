"""A rate that several flows share: a link's bits a second, a disk's bytes a second.

Work left is counted in millionths of a unit and rates in whole units a second, so a flow does rate
millionths each microsecond and everything stays an integer. Shares are rounded down to whole units
a second, ends up to whole microseconds; with one flow the end is start + ceil(amount / rate), which
on a FIFO link is the Lindley recursion.

'fair': max-min fair among all flows, each within its cap. 'fifo': one after the other. 'priority':
max-min fair within a class, what a class leaves goes to the next. Files come in crowds: what begins
and ends at one instant is shared out once, when that is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from dr_sim.world.kernel.agenda import Agenda, Entry

MICRO = 1_000_000
_CAP, _ENTITY = attrgetter("cap"), attrgetter("entity")


@dataclass(slots=True, eq=False)
class Flow:
    """A flow of work, which has done nothing before `begins_us`; `left` is up to date only when the
    sharing has settled.
    """

    entity: int
    left: int
    cap: int
    begins_us: int
    priority: int
    done: Callable[[Any], None]
    what: Any
    rate: int = 0


class SharedRate:
    def __init__(
        self,
        agenda: Agenda,
        event_class: int,
        capacity: int,
        sharing: str = "fair",
    ) -> None:
        self._agenda = agenda
        self._class = event_class
        self._capacity = capacity
        self._sharing = sharing
        self._flows: list[Flow] = []  # in order of arrival
        self._settled_us = 0
        self._next: Entry | None = None
        self._next_us = -1
        self._due = (
            False  # the rates of this instant will be known when it is over
        )
        self.replanned: Callable[[], None] | None = (
            None  # called each time that rates have changed
        )

    def start(  # noqa: PLR0913, one of the hottest calls of a run: no object is made for it
        self,
        entity: int,
        amount: int,
        cap: int,
        done: Callable[[Any], None],
        what: Any,
        priority: int = 0,
        wait_us: int = 0,
    ) -> Flow:
        """Begin a flow of `amount` units at no more than `cap` units a second; done(what) is called
        when it ends.

        wait_us: a fixed cost that comes first and takes nothing of the shared rate.
        """
        now = self._agenda._now
        flow = Flow(
            entity, amount * MICRO, cap, now + wait_us, priority, done, what
        )
        if self._flows or self._due:
            if self._settled_us != now:
                self._settle()
            self._flows.append(flow)
            if not flow.left or self._next_us == now:
                self._plan()  # something ends at this very instant
            else:
                self._plan_later()
            return flow
        # alone, as nearly always: its end is known at once
        self._flows.append(flow)
        self._settled_us = now
        flow.rate = rate = self._rate_alone(cap)
        if rate or not flow.left:
            self._next_us = at_us = ends_us(now + wait_us, flow.left, rate)
            self._next = self._agenda.at(
                at_us, self._class, entity, self._end
            )
        return flow

    def _plan_later(self) -> None:
        """Plan when this instant is over: until then no flow that is under way ends."""
        if self.replanned is not None:
            self._plan()
        elif not self._due:
            self._due = True
            self._agenda.before_leaving(self._plan_due)

    def _plan_due(self) -> None:
        if self._due:
            self._plan()

    def _rate_alone(self, cap: int) -> int:
        capacity = self._capacity
        return cap if cap < capacity else capacity

    def alike(self, agenda: Agenda) -> SharedRate:
        """Return a rate of the same capacity, shared in the same way, on that agenda; it has no
        flows.
        """
        return SharedRate(
            agenda, self._class, self._capacity, self._sharing
        )

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def idle(self) -> bool:
        return not self._flows

    def lone_rate(self, cap: int) -> int:
        """Return the rate of a flow that would begin now and stay alone; 0 if others are under way
        or nothing moves.
        """
        return 0 if self._flows else self._rate_alone(cap)

    def stop(self, flow: Flow) -> int:
        """Take a flow off; return the units that were not done, rounded up. If it has ended at this
        instant and its done() was not called yet, it never will be.
        """
        if flow not in self._flows:
            flow.done = _never_mind
            return 0
        self._settle()
        self._flows.remove(flow)
        self._plan()
        flow.what = None
        return -(-flow.left // MICRO)

    def left(self, flow: Flow) -> int:
        """Return the millionths of a unit that are left now."""
        if flow not in self._flows:
            return 0
        self._settle()
        self._plan_due()
        return flow.left

    def set_capacity(self, capacity: int) -> None:
        self._settle()
        self._capacity = capacity
        self._plan()

    def set_cap(self, cap: int) -> None:
        """Set a new cap for every flow under way."""
        self._settle()
        for flow in self._flows:
            flow.cap = cap
        self._plan()

    def _settle(self) -> None:
        now = self._agenda._now
        if now == self._settled_us:
            return
        for flow in self._flows:
            since = (
                flow.begins_us
                if flow.begins_us > self._settled_us
                else self._settled_us
            )
            if now > since:
                left = flow.left - flow.rate * (now - since)
                flow.left = left if left > 0 else 0
        self._settled_us = now

    def _plan(self) -> None:
        """Share the rate out again and set the alarm for the first end or beginning. The work up to
        now has been settled.
        """
        self._due = False
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._next_us = -1
        soonest, who = self._plan_each()
        if soonest >= 0:
            self._next_us = soonest
            self._next = self._agenda.at(
                soonest, self._class, who, self._end
            )
        if self.replanned is not None:
            self.replanned()

    def _plan_each(self) -> tuple[int, int]:
        """Return (instant of the first end or beginning, its flow's entity); (-1, -1) if there is
        none.
        """
        now = self._settled_us
        begun = []
        soonest, who = -1, -1
        for flow in self._flows:
            begins = flow.begins_us
            if begins <= now:
                begun.append(flow)
            else:
                flow.rate = 0
                if begins < soonest or soonest < 0:
                    soonest, who = begins, flow.entity
        self._share(begun)
        for flow in self._may_end(begun):
            left, rate = flow.left, flow.rate
            if rate or not left:
                ends = (
                    now - (-left // rate) if left else now
                )  # ends_us, written out
                if ends < soonest or soonest < 0:
                    soonest, who = ends, flow.entity
        return soonest, who

    def _take_ended(self, now: int) -> list[Flow]:
        """Take off the flows that have nothing left now; return them in the order of arrival."""
        ended: list[Flow] = []
        others: list[Flow] = []
        in_turn = self._sharing == "fifo"
        first = True
        for flow in self._flows:
            if flow.begins_us > now:
                others.append(flow)
                continue
            over = not flow.left and (first or not in_turn)
            first = False
            (ended if over else others).append(flow)
        self._flows = others
        return ended

    def _may_end(self, begun: list[Flow]) -> list[Flow]:
        """Return the flows that may end. In a queue nothing overtakes, not even a flow without size
        (the log of an idle database).
        """
        return begun[:1] if self._sharing == "fifo" else begun

    def _share(self, flows: list[Flow]) -> None:
        left = self._capacity
        if self._sharing == "fair" or len(flows) < 2:
            _water_fill(flows, left)
        elif self._sharing == "fifo":
            for flow in flows:
                flow.rate = 0
            flows[0].rate = min(flows[0].cap, left)
        else:
            for priority in sorted({f.priority for f in flows}):
                left -= _water_fill(
                    [f for f in flows if f.priority == priority], left
                )

    def _end(self) -> None:
        """End every flow that has nothing left, in the order of entity and arrival."""
        self._next = None
        self._next_us = -1
        flows = self._flows
        now = self._agenda._now
        if len(flows) == 1 and flows[0].rate:
            flow = flows[0]
            since = (
                flow.begins_us
                if flow.begins_us > self._settled_us
                else self._settled_us
            )
            if flow.left <= flow.rate * (now - since):
                flows.clear()
                self._settled_us = now
                _over(flow)
                return
        self._settle()
        ended = self._take_ended(now)
        if self._sharing == "fair":
            self._plan_later()
        else:
            self._plan()  # in a queue the next may end at this instant, too
        if len(ended) > 1:
            ended.sort(key=_ENTITY)
        for flow in ended:
            _over(flow)


def ends_us(begins_us: int, left: int, rate: int) -> int:
    """Return the instant at which that many millionths of a unit are done at that rate, rounded up
    to a microsecond; a flow without size takes no time.
    """
    return begins_us - (-left // rate) if left else begins_us


def _water_fill(flows: list[Flow], capacity: int) -> int:
    """Compute max-min fair rates within the caps; return the sum of the rates."""
    wanted = 0
    for flow in flows:
        flow.rate = cap = flow.cap
        wanted += cap
    if wanted <= capacity:
        return wanted
    left, n = capacity, len(flows)
    for flow in sorted(flows, key=_CAP):
        share = left // n
        cap = flow.cap
        flow.rate = rate = cap if cap < share else share
        left -= rate
        n -= 1
    return capacity - left


def _over(flow: Flow) -> None:
    """Call done(what). A flow that is over lets go of what it was for, which may know the flow: a
    run has no collector of cycles (play.py), and each log would leave several.
    """
    what, flow.what = flow.what, None
    flow.done(what)


def _never_mind(what: Any) -> None:
    """Do nothing: the flow was taken off while its end was being handled."""
