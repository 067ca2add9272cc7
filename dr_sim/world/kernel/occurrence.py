"""One occurrence of a fault or another event in the world: its draws, its records and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.scenario.model import Law
from dr_sim.streams import Stream

if TYPE_CHECKING:
    from dr_sim.world.kernel.context import Context
    from dr_sim.world.roles.pair import Pair


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that lasts. cause: the index of its line under `events:`, or -1 minus that under
    `faults:`; until_us -1: to the end. on: the disks, clocks or links that it is on, which
    outlive the pair; none: it ends with the pair, and begins again in the next one.
    """

    cause: int
    began_us: int
    until_us: int
    on: tuple[object, ...] = ()


def _nothing() -> None:
    """Do nothing."""


class Occurrence:
    """One occurrence of a kind: the number-th line under `events:` (0 if drawn). world: the pair in
    service.

    lane and index name its draws: the instant and its number there, or the line under `faults:` and
    the number of the arrival. So one more event or fault shifts no other draw.
    """

    __slots__ = (
        "_on",
        "_show",
        "already_on",
        "cause",
        "index",
        "kind",
        "lane",
        "number",
        "of_all",
        "world",
    )

    def __init__(
        self,
        world: Pair,
        kind: str,
        number: int,
        lane: str,
        index: int,
        cause: int,
    ) -> None:
        """cause: the index of its line under `events:`, or -1 minus that under `faults:`."""
        self.world = world
        self.kind = kind
        self.number = number
        self.lane = lane
        self.index = index
        self.cause = cause
        # what an earlier pair's effect is on already, where this one is the same that continues
        self.already_on: tuple[object, ...] = ()
        self._on: object | None = None
        self._show: Callable[[], None] = _nothing
        self.of_all = False  # it affects the primary: each of its standbys has it in its rows

    @property
    def context(self) -> Context:
        """Return the context in which it is recorded, and to which it is done."""
        return self.world.shared if self.of_all else self.world.context

    def law(self, law: Law, purpose: str) -> int:
        """Draw a value of a law, under this occurrence's own name."""
        return self._stream(purpose).law(self.index, law)

    def below(self, n: int, purpose: str) -> int:
        return self._stream(purpose).below(self.index, n)

    def _stream(self, purpose: str) -> Stream:
        return self.world.context.streams.of(
            f"fault {self.kind}", purpose, self.lane
        )

    def begins(self, detail: str, database: int = -1) -> None:
        self.context.note(
            "truth.event", database, self.number, self.kind, 1, detail
        )

    def ends(self, detail: str, database: int = -1) -> None:
        self.context.note(
            "truth.event", database, self.number, self.kind, 0, detail
        )

    def acts_on(
        self, what: object, show: Callable[[], None] = _nothing
    ) -> None:
        """Note what the effect acts on, that outlives the pair. show: called instead of the start
        where the effect of an earlier pair is on there already.
        """
        self._on, self._show = what, show

    def while_on(
        self,
        law: Law | None,
        start: Callable[[], None],
        stop: Callable[[], None],
        detail: str,
    ) -> None:
        """Turn the effect on for a time, as for_a_time does; without a law it lasts to the end of
        the run.
        """
        if law is not None:
            self.for_a_time(law, start, stop, detail)
            return
        self.begins(detail)
        self._started(start)
        self.lasts(None)

    def nothing(self, why: str) -> None:
        """Record that the event can have no effect now."""
        self.begins(f"nothing: {why}")
        self.ends(f"nothing: {why}")

    def for_a_time(
        self,
        law: Law,
        start: Callable[[], None],
        stop: Callable[[], None],
        detail: str,
        database: int = -1,
    ) -> None:
        """Start now and stop after a time by that law; both are recorded. database: the one that it
        concerns, -1: the service.
        """
        self.begins(detail, database)
        ours = self._started(start)
        lasts_us = self.law(law, "duration")
        self.lasts(lasts_us)

        def end() -> None:
            if ours:
                stop()
            self.ends(detail, database)

        self.world.later(lasts_us, end)

    def _started(self, start: Callable[[], None]) -> bool:
        """Start the effect; return False if it was on already, and stops by itself."""
        if any(self._on is one for one in self.already_on):
            self._show()
            return False
        start()
        return True

    def lasts(self, for_us: int | None) -> None:
        """Note that an effect which begins now lasts for that long; None: to the end."""
        now = self.world.context.now_us
        self.world.effects.append(
            Effect(
                self.cause,
                now,
                -1 if for_us is None else now + for_us,
                self._all_on(),
            )
        )

    def _all_on(self) -> tuple[object, ...]:
        if self._on is None or any(self._on is o for o in self.already_on):
            return self.already_on
        return *self.already_on, self._on
