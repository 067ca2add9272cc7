"""What a kind of event is: a fault, an order, a burst of work. One file each; the visible tuple in
__init__ lists them all.

A fault changes bytes, times or reachability, never a flag that the recovery logic could read.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dr_sim.scenario.fields import Params
from dr_sim.scenario.model import Law
from dr_sim.streams import Stream

if TYPE_CHECKING:
    from dr_sim.world.world import World


class Explains(enum.Enum):
    """What a kind of event is the reason of, in a ledger of causes: a line of that cause names the
    event.
    """

    LINK_DOWN = "link down"
    SLOW_LINK = "the link is slower"
    STOPPED = "replication stands still"
    SWITCHED_OFF = "a membership is switched off"
    STAGING_FULL = "nothing more can be staged"
    HELD_BACK = "a file is held back on its way"
    DAMAGED_COPY = "a copy lands damaged, or is damaged where it lies"
    FILE_LOST = "a backup is not where the others are looked for"
    COPY_LOST = "the secondary's copy of a database, or its files, are lost"
    CUT_OFF = "a backup is cut off"
    EMPTY_BACKUP = "a backup holds nothing"
    PAUSED = "backup jobs are paused"
    REFUSED = "the engine refuses a log backup"
    NO_ROOM = "a disk has no room"
    RESTORE_REFUSED = "nothing can be restored"
    RESTORES_OFF = "restores that are ordered are not begun"
    SLOW_RESTORE = "a restore takes longer"
    LOSS = "the primary, or part of it, is lost"
    ORDER = "a person orders a failover"


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that lasts. cause: the index of its line under events, or -1 minus that under
    faults; until_us -1: the end.
    """

    cause: int
    began_us: int
    until_us: int


class Occurrence:
    """One happening of a kind: the number-th line under `events:` (0 if drawn).

    lane and index name its draws: the instant and which of several there, or the line under
    `faults:` and which of its arrivals. So one more event or fault shifts nobody's.
    """

    __slots__ = ("cause", "index", "kind", "lane", "number", "world")

    def __init__(
        self, world: World, kind: str, number: int, lane: str, index: int, cause: int
    ) -> None:
        """cause: the index of its line under `events:`, or -1 minus that under `faults:`."""
        self.world = world
        self.kind = kind
        self.number = number
        self.lane = lane
        self.index = index
        self.cause = cause

    def law(self, law: Law, purpose: str) -> int:
        """A value of a law, drawn under this occurrence's own name."""
        return self._stream(purpose).law(self.index, law)

    def below(self, n: int, purpose: str) -> int:
        return self._stream(purpose).below(self.index, n)

    def _stream(self, purpose: str) -> Stream:
        return self.world.context.streams.of(f"fault {self.kind}", purpose, self.lane)

    def begins(self, detail: str, database: int = -1) -> None:
        self.world.context.note("truth.event", database, self.number, self.kind, 1, detail)

    def ends(self, detail: str, database: int = -1) -> None:
        self.world.context.note("truth.event", database, self.number, self.kind, 0, detail)

    def nothing(self, why: str) -> None:
        """There is nothing that it could do now; that is recorded."""
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
        """Start now, stop after a time by that law, both recorded. database: the one that it
        concerns, -1: the service.
        """
        self.begins(detail, database)
        start()
        lasts_us = self.law(law, "duration")
        self.lasts(lasts_us)

        def end() -> None:
            stop()
            self.ends(detail, database)

        self.world.later(lasts_us, end)

    def lasts(self, for_us: int | None) -> None:
        """What begins now is on for so long; None: to the end."""
        now = self.world.context.now_us
        self.world.effects.append(Effect(self.cause, now, -1 if for_us is None else now + for_us))


@dataclass(frozen=True, slots=True)
class Kind:
    """scalar: the field that a bare value fills. drawable: may stand under `faults:` with a rate.

    needs_log: it does something to log backups, so its database must have some; needs_primary: to a
    database of the primary or to its backup jobs, so there is nothing to do it to when that has
    been lost. models: what it stands for in the world outside; source: where its figures come from.
    place: where something that lasts is, so that it outlasts a failover (dr_sim/runs/legs.py):
    'link', 'alerts', 'primary' or 'secondary' for the site on that side, '' for what it befell and
    ends with. turned: the parameters by which it is the same when the two sides have changed
    places; None: it is not felt there. explains: the causes in a ledger whose reason it is.
    """

    name: str
    params: type[Params]
    scalar: str | None
    drawable: bool
    models: str
    source: str
    happen: Callable[[Occurrence, Any], None]
    needs_log: bool = False
    needs_primary: bool = False
    place: Callable[[Any], str] = lambda params: ""
    turned: Callable[[Any], Any | None] = lambda params: params
    example: str = ""  # of its keys, where the required ones alone say too little
    explains: tuple[Explains, ...] = ()
