"""People who configure the second side by hand, one change after the other.

They take their time, and forget some of the work that they report as done. Work that a failover
waits for is done first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.cloud.commands import DoByHand
from dr_sim.cloud.events import HandsDone
from dr_sim.world.kernel.agenda import Class

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld

_PPM = 1_000_000


class People:
    def __init__(self, world: CloudWorld) -> None:
        self._world = world
        self._context = world.context
        self._list: list[DoByHand] = []
        self._busy: DoByHand | None = None
        self._said: set[str] = (
            set()
        )  # work of which they have said that it is done

    def asked(self, command: DoByHand) -> None:
        """Add a piece of work to the list; one that is on it, or in hand, is not added twice. Work
        that was done is reported again.
        """
        if command.work in self._said:
            agenda = self._context.agenda
            agenda.at(
                self._context.now_us, Class.ANSWER, -1, self._say, command
            )
            return
        same = [w for w in self._list if w.work == command.work]
        if same and not command.urgent:
            return
        for work in same:
            self._list.remove(work)
        if self._busy is not None and self._busy.work == command.work:
            return
        self._world.is_asked(command)
        urgent = sum(work.urgent for work in self._list)
        self._list.insert(
            urgent if command.urgent else len(self._list), command
        )
        self._next()

    def takes_us(self, work: str) -> int:
        """Return how long a piece of work takes; the draw is named by the work."""
        return self._context.streams.once(f"cloud {work}", "by hand").law(
            0, self._world.spec.jobs.by_hand
        )

    def _next(self) -> None:
        if self._busy is not None or not self._list:
            return
        self._busy = self._list.pop(0)
        at = self._context.now_us + self.takes_us(self._busy.work)
        self._context.agenda.at(at, Class.ANSWER, -1, self._done)

    def _done(self) -> None:
        work, self._busy = self._busy, None
        assert work is not None
        if self._forget(work):
            self._world.forgotten(work)
        else:
            self._world.by_hand(work)
        self._said.add(work.work)
        self._say(work)
        self._next()

    def _forget(self, work: DoByHand) -> bool:
        stream = self._context.streams.once(
            f"cloud {work.work}", "forgotten"
        )
        return stream.below(0, _PPM) < self._world.spec.jobs.forgotten_ppm

    def _say(self, work: DoByHand) -> None:
        self._world.lives.tell_until_heard(
            HandsDone, work.network, work.work
        )
