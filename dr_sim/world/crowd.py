"""Many flows on one shared rate: what each has left as a column of one array, so that an event costs microseconds.

Nothing differs from sharing.py's way flow by flow, not even the rounding (a test holds the two together): flows stand in
the order in which the rate is shared out, by cap and then by arrival. Max-min fair shares in whole units are then: the
first k flows have their caps, of the m that follow the first have `rest // m` and the last `rest % m` one unit more.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dr_sim.world.sharing import Flow

MOST_LEFT = 1 << 62  # millionths of a unit that a column of 64 bits takes, with room for one settling too much
_NEVER = np.iinfo(np.int64).max


class Crowd:
    """The flows of one fair SharedRate; those that have not begun wait apart."""

    __slots__ = ("_arrival", "_caps", "_flows", "_left", "_n", "_pending", "_rates", "_settled_us")

    def __init__(self, flows: list[Flow], now_us: int) -> None:
        self._flows: list[Flow] = []  # in the order of the columns
        self._pending: list[tuple[int, int, Flow]] = []  # a heap of (begins, arrival, flow)
        self._n = 0
        self._caps, self._arrival, self._left, self._rates = (np.zeros(128, np.int64) for _ in range(4))
        self._settled_us = now_us
        self.add(flows)

    def add(self, flows: list[Flow]) -> None:
        """They come last, in the order of their arrival."""
        begun = []
        for flow in flows:
            if flow.begins_us > self._settled_us:
                heappush(self._pending, (flow.begins_us, flow.arrival, flow))
            else:
                begun.append(flow)
        if begun:
            self._insert(begun)

    def _insert(self, flows: list[Flow]) -> None:
        """Each behind those that come before it by (cap, arrival)."""
        n, more = self._n, len(flows)
        while n + more > len(self._caps):
            self._grow()
        for column, name in zip(self._columns(), ("cap", "arrival", "left", ""), strict=True):
            column[n : n + more] = [getattr(flow, name) for flow in flows] if name else 0
        self._flows += flows
        self._n = n + more
        caps, arrival = self._caps[: n + more], self._arrival[: n + more]
        order = np.lexsort((arrival, caps))
        if (order[1:] < order[:-1]).any():
            self._reorder(order)

    def _reorder(self, order: NDArray[np.int64]) -> None:
        self._flows = [self._flows[i] for i in order.tolist()]
        for column in self._columns():
            column[: self._n] = column[: self._n][order]

    def _columns(self) -> tuple[NDArray[np.int64], ...]:
        return self._caps, self._arrival, self._left, self._rates

    def _grow(self) -> None:
        self._caps, self._arrival, self._left, self._rates = (np.concatenate((c, np.zeros_like(c))) for c in self._columns())

    def remove(self, flow: Flow) -> None:
        """Take a flow off, its `left` brought up to date."""
        if flow.begins_us > self._settled_us:
            self._pending = [p for p in self._pending if p[2] is not flow]
            self._pending.sort()
            return
        at = self._flows.index(flow)
        flow.left = int(self._left[at])
        self._drop(np.arange(self._n) != at)

    def _drop(self, kept: NDArray[np.bool_]) -> None:
        n, self._n = self._n, int(kept.sum())
        for column in self._columns():
            column[: self._n] = column[:n][kept]
        self._flows = [flow for flow, stays in zip(self._flows, kept.tolist(), strict=True) if stays]

    def settle(self, now_us: int) -> None:
        """Everything up to now is done; what begins by now has begun."""
        left = self._left[: self._n]
        if now_us > self._settled_us:
            left -= self._rates[: self._n] * (now_us - self._settled_us)
            np.maximum(left, 0, out=left)
        self._settled_us = now_us
        begun = []
        while self._pending and self._pending[0][0] <= now_us:
            begun.append(heappop(self._pending)[2])
        if begun:
            self._insert(begun)

    def ended(self) -> list[Flow]:
        """The flows with nothing left, in the order of arrival; they are taken off."""
        over = self._left[: self._n] == 0
        if not over.any():
            return []
        found = [self._flows[i] for i in np.flatnonzero(over).tolist()]
        self._drop(~over)
        return sorted(found, key=lambda flow: flow.arrival)

    def plan(self, capacity: int) -> tuple[int, int]:
        """Share the rate out anew: (instant of the first end or beginning, its flow's entity), (-1, -1) if there is none."""
        soonest, who = (self._pending[0][0], self._pending[0][2].entity) if self._pending else (-1, -1)
        n = self._n
        if not n:
            return soonest, who
        rates, left = self._share(capacity), self._left[:n]
        takes = np.where(left == 0, 0, _NEVER)
        moving = (rates > 0) & (left > 0)
        takes[moving] = -(-left[moving] // rates[moving])
        first = int(takes.min())
        if first != _NEVER and (soonest < 0 or self._settled_us + first < soonest):
            of_them = np.flatnonzero(takes == first)
            soonest, who = self._settled_us + first, self._flows[int(of_them[np.argmin(self._arrival[of_them])])].entity
        return soonest, who

    def _share(self, capacity: int) -> NDArray[np.int64]:
        n = self._n
        caps, rates = np.minimum(self._caps[:n], capacity), self._rates[:n]
        k, rest = 0, capacity
        if caps[0] < capacity // n:
            before = np.cumsum(caps) - caps
            k = int(np.argmax(np.append(caps >= (capacity - before) // np.arange(n, 0, -1), True)))
            rest = capacity - int(caps[:k].sum())
            rates[:k] = caps[:k]
        if k == n:
            return rates
        share, more = divmod(rest, n - k)
        rates[k:] = share
        if more and caps[n - more] <= share:  # a cap of just that share takes no unit more: another does
            return self._one_by_one(capacity)
        rates[n - more :] += 1
        return rates

    def _one_by_one(self, capacity: int) -> NDArray[np.int64]:
        left, n = capacity, self._n
        for i, cap in enumerate(self._caps[:n].tolist()):
            rate = min(cap, left // (n - i))
            self._rates[i] = rate
            left -= rate
        return self._rates[:n]

    def dissolve(self) -> None:
        """Write back to each flow what it has left and at which rate it goes."""
        for flow, left, rate in zip(self._flows, self._left.tolist(), self._rates.tolist(), strict=False):
            flow.left, flow.rate = left, rate
        for _, _, flow in self._pending:
            flow.rate = 0

    def set_cap(self, cap: int) -> None:
        """A new cap for all: the order is that of arrival."""
        self.dissolve()
        self._reorder(np.argsort(self._arrival[: self._n], kind="stable"))
        self._caps[: self._n] = cap
