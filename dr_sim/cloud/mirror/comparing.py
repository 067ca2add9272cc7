"""Comparison of both sides of a network, as they really are, with what they should be.

Theory of operation. The agent of a side reads it, and its answer takes a while. A thing that is
being changed in that time cannot be compared: it is read again as soon as it is stable. The
expected state of the target is known: it is the state of the source before the oldest pending
change. If the target has another state, or the source has not the state that it should have, there
are two possible causes: somebody has bypassed the manager, or the manager has forgotten what it
did. The mirror decides what follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dr_sim.cloud.commands import ReadSide
from dr_sim.cloud.events import FoundThing, SideRead
from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.mirror.mapping import Mapping
from dr_sim.cloud.out import Out

Side = dict[str, FoundThing]


@dataclass(slots=True)
class Both:
    """Both sides, read. still: the things that can be compared."""

    source: Side
    target: Side
    still: tuple[str, ...]


def foreign_at(site: str, read: FoundThing, mapping: Mapping) -> str:
    """The first identifier in use there that belongs to another site; '' if none does."""
    for name in read.ids:
        if not mapping.is_of(name, site):
            return name
    return ""


class SideComparison:
    """Readings of one network, one at a time. correcting: what differs is to be set, pending or
    not. unsure: what could not be compared, being changed. upto: the number of the last change when
    the reading began.
    """

    def __init__(
        self, network: str, things: Iterable[str], book: JobBook
    ) -> None:
        self._network = network
        self._things = tuple(things)
        self._book = book
        self._reading = 0
        self._sites: tuple[str, str] = ("", "")
        self._read: dict[str, Side | None] = {}
        self.upto = 0
        self.correcting = False
        self._moved: set[str] = (
            set()
        )  # things that were changed since the reading began
        self.unsure: set[str] = (
            set()
        )  # things that could not be compared, being changed
        self._compared: set[str] = (
            set()
        )  # things that were, since the last audit

    @property
    def under_way(self) -> bool:
        """Return whether a reading has begun that is not over."""
        return self._reading > 0 and len(self._read) < 2

    @property
    def came_to_nothing(self) -> bool:
        """Return whether the last reading is over, and a side did not answer."""
        return len(self._read) == 2 and None in self._read.values()

    @property
    def correcting_now(self) -> bool:
        return self.correcting and len(self._read) == 1

    def begin(
        self, sites: tuple[str, str], upto: int, correcting: bool, out: Out
    ) -> None:
        """sites: the source and the target."""
        self._reading += 1
        self._sites = sites
        self._read = {}
        self._moved = set()
        self.upto = upto
        self.correcting = correcting
        for site in sites:
            out.commands.append(
                ReadSide(self._network, site, self._reading)
            )

    def moved(self, entity: str) -> None:
        """A job of a thing has ended."""
        self._moved.add(entity)

    def heard(self, e: SideRead) -> Both | None:
        """Note that a side has been read. Return both; None: the other one has not answered yet, or
        one of them never will.
        """
        if e.number != self._reading:
            return None
        self._read[e.site] = e.entities
        if len(self._read) < 2:
            return None
        source, target = (self._read.get(site) for site in self._sites)
        if source is None or target is None:
            self.unsure.clear()  # nobody answers there; the next audit will tell
            return None
        moving = self._moved | self._changing()
        self.unsure |= moving
        self.unsure &= moving
        still = tuple(
            thing for thing in self._things if thing not in moving
        )
        self._compared.update(still)
        return Both(source, target, still)

    def never_still(self) -> list[str]:
        """Return the things that were being changed at each look since this was last asked."""
        left = sorted(self.unsure - self._compared)
        self._compared.clear()
        return left

    def _changing(self) -> set[str]:
        changing = self._book.changing(self._network, self._sites)
        return changing.intersection(self._things)

    @property
    def is_to_be_repeated(self) -> bool:
        """Return whether something that could not be compared stands still by now."""
        if self.under_way:
            return False
        return not self.unsure <= self._changing()
