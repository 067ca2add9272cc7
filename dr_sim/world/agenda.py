"""One agenda owns the order of everything that happens, on top of SimPy's event queue.

Events at one instant are the normal case: everything happens on five-minute marks. Their order is (round, class of
event, entity, order of entry), encoded as SimPy's integer priority. What happens at an instant may cause more at the
same instant: consequences without delay form the next round, and rounds go on until it is quiet.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import simpy


class Class(enum.IntEnum):
    """The order of things at one instant. What ends comes before what begins; damage before what would read it;
    machines hear of an instant when the world has settled it."""

    LINK = 0  # capacity changes
    TRANSFER = 1  # bytes that arrive at this instant have arrived
    DISK = 2  # disk work that ends at this instant has ended
    HEARTBEAT = 3
    JOB = 4  # backup jobs start: the log is cut
    FAULT = 5  # so a failure at a cut's instant finds the log cut
    ANSWER = 6  # what machines are told
    ALARM = 7
    HOUSEKEEPING = 8
    END = 9


ENTITY_BITS = 20
_CLASS = tuple(int(c) << ENTITY_BITS for c in Class)
_ROUND = 1 << (ENTITY_BITS + 8)


class Entry(simpy.Event):
    """One thing on the agenda; `cancel` takes it off again."""

    __slots__ = ("agenda", "args", "callbacks", "do", "round")
    _ok = True
    _value = None

    def __init__(self, agenda: Agenda, round_: int, do: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.agenda = agenda
        self.round = round_
        self.do = do
        self.args = args
        self.callbacks = _FIRE  # SimPy puts None in its place when it is due; the shared list stays as it is

    def cancel(self) -> None:
        if self.callbacks is not None:
            self.callbacks = []


def _fire(entry: Any) -> None:
    entry.agenda.round = entry.round
    entry.do(*entry.args)


_FIRE: Any = [_fire]


class Agenda:
    """SimPy's environment with an order of its own. Time is whole microseconds since the scenario's start."""

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.round = 0  # of the entry that is being done now

    @property
    def now_us(self) -> int:
        return self.env._now  # type: ignore[return-value]

    def at(self, time_us: int, cls: int, entity: int, do: Callable[..., None], *args: Any) -> Entry:
        """Have do(*args) happen at that instant (now or later). entity: a database's index, or -1."""
        env = self.env
        delay = time_us - env._now  # type: ignore[operator]
        priority = _CLASS[cls] + entity + 1
        round_ = 0
        if delay <= 0:
            if delay < 0:
                raise ValueError(f"{time_us} us is past, it is {env.now} us")
            round_ = self.round + 1
            priority += round_ * _ROUND
        entry = Entry(self, round_, do, args)
        env.schedule(entry, priority, delay)  # type: ignore[arg-type]
        return entry

    def run(self, until_us: int) -> None:
        """Do everything up to and including that instant."""
        env = self.env
        queue = env._queue
        while queue and queue[0][0] <= until_us:
            env.step()
        env._now = until_us
        self.round = 0
