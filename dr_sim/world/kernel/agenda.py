"""One agenda owns the order of everything that happens, on top of SimPy's event queue.

Events at one instant are the normal case: everything happens on five-minute marks. Their order is
(round, class of event, entity, order of entry), encoded as SimPy's integer priority. What happens
at an instant may cause more at the same instant: consequences without delay form the next round,
and rounds continue until it is quiet.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy


class Class(enum.IntEnum):
    """The order of things at one instant. Work that ends comes before work that begins, and damage
    before anything that would read it; machines learn of an instant when the world has settled it.
    """

    LINK = 0  # capacity changes
    TRANSFER = 1  # bytes that arrive at this instant have arrived
    DISK = 2  # disk work that ends at this instant has ended
    HEARTBEAT = 3
    JOB = 4  # backup jobs start: the log is cut
    FAULT = 5  # so a failure at a cut's instant finds the log cut
    ANSWER = 6  # answers to machines
    ALARM = 7
    HOUSEKEEPING = 8
    END = 9


ENTITY_BITS = 20
_CLASS = tuple(int(c) << ENTITY_BITS for c in Class)
NEVER_US = 1 << 62
_ROUND = 1 << (ENTITY_BITS + 8)
MOST_ROUNDS = 10_000
"""Rounds at one instant, beyond which a run is taken for endless: a busy instant has some tens."""


class EndlessRunError(Exception):
    """Each thing that is done at an instant causes another at that instant, without end."""

    def __init__(self, at_us: int) -> None:
        super().__init__(
            f"the run does not end: at {at_us / 1_000_000:.6f} s each thing that is done causes "
            "the next one at the same instant, as an alarm that is set again for now"
        )


class Entry(list[Any]):
    """One thing on the agenda, as [do, args]; `cancel` takes it off again. A list is made in a
    third of the time of an object with attributes, and a log takes five of them.
    """

    __slots__ = ()

    def cancel(self) -> None:
        self[0] = None

    def instead(self, do: Callable[..., None], *args: Any) -> None:
        """Do do(*args) at its time instead of what was planned."""
        self[:] = (do, args)


class Agenda(simpy.Environment):
    """SimPy's environment with an order of its own. Time is whole microseconds since the scenario's
    start.

    SimPy's own events and processes work on it as on any environment; entries skip the list of
    callbacks.
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.round = 0  # of the entry that is being done now
        self.until_us = -1  # how far it is being run
        # SimPy's own queue: (time, priority, order of entry, event or Entry)
        self._entries: list[Any] = self._queue
        self._next_id = self._eid.__next__
        self._leaving: list[Callable[[], None]] = []

    @property
    def now_us(self) -> int:
        return self._now

    def at(
        self,
        time_us: int,
        cls: int,
        entity: int,
        do: Callable[..., None],
        *args: Any,
    ) -> Entry:
        """Put do(*args) on the agenda at that instant, now or later. entity: a database's index, or
        -1.
        """
        priority = _CLASS[cls] + entity + 1
        if time_us <= self._now:
            if time_us < self._now:
                raise ValueError(
                    f"{time_us} us is past, it is {self._now} us"
                )
            priority += (self.round + 1) * _ROUND
        entry = Entry((do, args))
        heappush(self._entries, (time_us, priority, self._next_id(), entry))
        return entry

    def before_leaving(self, do: Callable[[], None]) -> None:
        """Call do() when everything of this instant is done, before the next instant. It may add
        nothing to this instant.
        """
        self._leaving.append(do)

    def _leave(self) -> None:
        leaving = self._leaving[:]
        self._leaving.clear()
        for do in leaving:
            do()

    def ahead(self, but: Entry | None) -> tuple[tuple[int, int], int]:
        """Return the limit for something that would act alone for a while: (instant, priority) of
        the next entry that is not `but`, and the instant of `but` if that comes before it, else
        NEVER_US. If there is no entry, it is the end of the run, with a priority before every
        other.
        """
        queue = self._entries
        self._leave()
        first = self._first()
        at_us = NEVER_US
        if first is not None and first[3] is but:
            heappop(queue)
            at_us = first[0]
            after = self._first()
            heappush(queue, first)
            first = after
        end = (self.until_us + 1, -1)
        return (end if first is None else min(end, first[:2])), at_us

    def beside(self, these: set[int]) -> tuple[int, dict[int, int]]:
        """Return the limit for several things that would act together for a while: the first
        instant of any entry but these (given by id), or the one after the run's end; and the
        instants of these.
        """
        self._leave()
        until_us, found = self.until_us + 1, {}
        for at_us, _, _, entry in self._entries:
            if id(entry) in these:
                found[id(entry)] = at_us
            elif at_us < until_us and not (
                entry.__class__ is Entry and entry[0] is None
            ):
                until_us = at_us
        return until_us, found

    def _first(self) -> Any:
        """Return the first entry that was not cancelled, with its place."""
        queue = self._entries
        while (
            queue
            and queue[0][3].__class__ is Entry
            and queue[0][3][0] is None
        ):
            heappop(queue)
        return queue[0] if queue else None

    @staticmethod
    def priority(cls: int, entity: int) -> int:
        """Return the priority of an entry in the first round of its instant."""
        return _CLASS[cls] + entity + 1

    def run_until(self, until_us: int) -> None:
        """Do everything up to and including that instant."""
        queue, leaving = self._entries, self._leaving
        self.until_us = until_us
        while True:
            if leaving and (not queue or queue[0][0] > self._now):
                self._leave()
            if not queue:
                break
            at_us, priority, _, entry = queue[0]
            if at_us > until_us:
                break
            if entry.__class__ is Entry:
                heappop(queue)
                self._now = at_us
                do, args = entry
                if do is not None:
                    self.round = priority // _ROUND
                    if self.round > MOST_ROUNDS:
                        raise EndlessRunError(at_us)
                    do(*args)
            else:
                self.round = 0
                self.step()
        self._now = until_us
        self.round = 0

    def run_up_to(self, now_us: int) -> None:
        """Do everything before that instant, and stand at that instant."""
        if now_us > self._now:
            self.run_until(now_us - 1)
            self._now = now_us

    def first_us(self) -> int | None:
        """Return when the next entry is due; None if there is none."""
        first = self._first()
        return None if first is None else int(first[0])

    def settle(self) -> None:
        """Do what was to be done before this instant is left."""
        self._leave()
