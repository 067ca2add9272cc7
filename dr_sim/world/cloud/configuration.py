"""The real configuration of both sides of a network, and how far the second side is behind.

Theory of operation. For each thing, a side holds the changes that took effect there, in order. As
long as both sides made the same changes in the same order, there is no difference. Changes that
only one side has are kept with their instants. A thing that is set as a whole has exactly the
changes that led to that value; changes that it loses may take effect once more. The second side has
been behind since the oldest instant of a change that only one side has. Each effect leads to one
record of this, so drift is known exactly between effects: it grows with time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from dr_sim.cloud.events import FoundThing
from dr_sim.scenario.cloud_model import FIRST, Cloud

EMPTY = "0" * 16
_HALF = "~half"
ANEW = "made anew"
"""A placeholder for a change: everything that a new second side lacks of a thing."""


def after(value: str, change: str) -> str:
    """Return the value of a thing after one more change."""
    return hashlib.blake2b(
        f"{value} {change}".encode(), digest_size=8
    ).hexdigest()


@dataclass(slots=True)
class Beyond:
    """A change that one side has and the other has not at that place: value after it."""

    at_us: int
    change: str
    value: str


class ThingHistory:
    """The changes that led to a thing's value, in order."""

    __slots__ = ("_after", "_changes", "_values")

    def __init__(self) -> None:
        self._changes: list[str] = []
        self._values: list[str] = []  # after each of them
        self._after = {
            EMPTY: 0
        }  # value -> the number of changes that led to it

    def add(self, change: str, value: str) -> None:
        self._changes.append(change)
        self._values.append(value)
        self._after[value] = len(self._changes)

    def place(self, value: str) -> int | None:
        """Return the number of changes that led to a value; None if it never was."""
        return self._after.get(value)

    def cut(self, upto: int) -> list[str]:
        """Lose the changes after that many, and return them."""
        lost = self._changes[upto:]
        for value in self._values[upto:]:
            del self._after[value]
        del self._changes[upto:], self._values[upto:]
        return lost

    def part(self, start: int, end: int) -> list[tuple[str, str]]:
        """Return changes, each with the value after it."""
        return list(
            zip(
                self._changes[start:end],
                self._values[start:end],
                strict=True,
            )
        )


@dataclass(slots=True)
class Thing:
    """One thing at one side."""

    value: str = EMPTY
    base: str = EMPTY  # the value up to which both sides agree
    beyond: list[Beyond] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    half: str = ""  # the job that has left it half changed
    history: ThingHistory = field(init=False)

    def __post_init__(self) -> None:
        self.history = ThingHistory()


class Side:
    """applied: the changes that are in effect here; none takes effect a second time."""

    def __init__(self, entities: tuple[str, ...]) -> None:
        self.things = {entity: Thing() for entity in entities}
        self.applied: set[str] = set()

    def found(self) -> dict[str, FoundThing]:
        """Return the report of an agent."""
        found = {}
        for entity, thing in self.things.items():
            value = thing.value + _HALF if thing.half else thing.value
            found[entity] = FoundThing(value, tuple(sorted(thing.ids)))
        return found


class Configuration:
    """The configuration of one network. changed is called after every effect that may have changed
    how far the second side is behind.
    """

    def __init__(
        self,
        entities: tuple[str, ...],
        spec: Cloud,
        now: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._entities = entities
        self.sides = {
            site: Side(entities) for site in (FIRST, *spec.places)
        }
        self.source, self.target = spec.sites
        self._now = now
        self._changed = changed
        self._apart: set[str] = set()  # things that differ

    def apply(self, site: str, entity: str, change: str) -> bool:
        """Let a change take effect at a side. Return False, with no effect, if it took effect
        before.
        """
        side = self.sides[site]
        if change in side.applied:
            return False
        side.applied.add(change)
        thing = side.things[entity]
        thing.value = after(thing.value, change)
        thing.history.add(change, thing.value)
        thing.half = ""
        if self.target and site in (self.source, self.target):
            thing.beyond.append(Beyond(self._now(), change, thing.value))
            its = self._other(site).things[entity]
            if its.beyond:
                self._agree(entity)
                if thing.beyond:
                    self._is_like_the_other(site, entity)
                self._see_whether_apart(entity)
            elif its.base == thing.value:  # that side had it before
                thing.base, thing.beyond = its.base, []
                self._apart.discard(entity)
            else:
                self._apart.add(entity)
            self._changed()
        return True

    def set(self, site: str, entity: str, value: str) -> None:
        """Make a thing equal to the other side's, as of that value."""
        side = self.sides[site]
        thing = side.things[entity]
        thing.half = ""
        self._takes(site, entity, value)
        thing.value = value
        if not self.target or site not in (self.source, self.target):
            return  # there is no other side to be like
        its = self._other(site).things[entity]
        if value == its.value:
            thing.base = its.base = value
            thing.beyond, its.beyond = [], []
        elif value == its.base:
            thing.base = value
            thing.beyond = []
        elif not self._is_like_the_other(site, entity):
            thing.beyond = [Beyond(self._now(), f"set {value}", value)]
        self._see_whether_apart(entity)
        self._changed()

    def _takes(self, site: str, entity: str, value: str) -> None:
        """Take up the changes that led to a value, and lose all others. Nothing if the other side
        never had it either: then nobody knows which they are.
        """
        side = self.sides[site]
        thing = side.things[entity]
        mine = thing.history
        kept = mine.place(value)
        if kept is not None:
            side.applied.difference_update(mine.cut(kept))
            return
        if not self.target or site not in (self.source, self.target):
            return
        its = self._other(site).things[entity].history
        upto, same = its.place(value), its.place(thing.value)
        if upto is None:
            return
        if same is None or same > upto or same != mine.place(thing.value):
            side.applied.difference_update(mine.cut(0))
            same = 0
        for change, led_to in its.part(same, upto):
            mine.add(change, led_to)
            side.applied.add(change)

    def _other(self, site: str) -> Side:
        return self.sides[
            self.source if site == self.target else self.target
        ]

    def _is_like_the_other(self, site: str, entity: str) -> bool:
        """Tell whether a thing is what the other side's is, or was since they were last the same;
        forget what both have then.
        """
        side, its = self.sides[site], self._other(site).things[entity]
        thing = side.things[entity]
        values = [b.value for b in its.beyond]
        if thing.value not in values:
            return False
        upto = values.index(thing.value) + 1
        its.beyond = its.beyond[upto:]
        thing.base = its.base = thing.value
        thing.beyond = []
        return True

    def _see_whether_apart(self, entity: str) -> None:
        """Note whether the two sides differ in a thing."""
        mine = self.sides[self.source].things[entity]
        theirs = self.sides[self.target].things[entity]
        if mine.beyond or theirs.beyond:
            self._apart.add(entity)
        else:
            self._apart.discard(entity)

    def _agree(self, entity: str) -> None:
        """Forget what both sides have in the same order."""
        mine = self.sides[self.source].things[entity]
        theirs = self.sides[self.target].things[entity]
        while mine.beyond and theirs.beyond:
            if mine.beyond[0].change != theirs.beyond[0].change:
                return
            mine.base = theirs.base = mine.beyond.pop(0).value
            theirs.beyond.pop(0)

    def behind(self) -> tuple[int, int]:
        """Return (since when the second side is behind, -1 if it is not; how many changes only one
        side has).
        """
        if not self.target or not self._apart:
            return -1, 0
        since: list[int] = []
        count = 0
        sources = self.sides[self.source].things
        targets = self.sides[self.target].things
        for entity in self._apart:
            mine, theirs = sources[entity].beyond, targets[entity].beyond
            if mine and theirs:
                changes = {each.change for each in mine}
                changes ^= {each.change for each in theirs}
                count += max(1, len(changes))
            else:
                count += len(mine) or len(theirs)
            since += [
                beyond[0].at_us for beyond in (mine, theirs) if beyond
            ]
        return min(since, default=-1), count

    def missing(self) -> list[tuple[str, str]]:
        """Return (entity, change) that the second side lacks, the oldest first."""
        if not self.target:
            return []
        theirs = self.sides[self.target].applied
        things = self.sides[self.source].things
        found = []
        for entity in self._entities:
            if entity not in self._apart:
                continue
            for b in things[entity].beyond:
                if b.change not in theirs:
                    found.append((b.at_us, entity, b.change))
        if len(found) > 1:
            found.sort(key=lambda each: each[0])
        return [(entity, change) for _, entity, change in found]

    def tell(self) -> None:
        """Say again how far the second side is behind: what it would take has changed."""
        self._changed()

    def go_over(self, site: str) -> None:
        """Make that side the only one from now on."""
        if (self.source, self.target) == (site, ""):
            return
        self.source, self.target = site, ""
        for thing in self.sides[site].things.values():
            thing.base, thing.beyond = thing.value, []
        self._apart.clear()
        self._changed()

    def stands(self, site: str, fresh: bool) -> None:
        """Add a second side again. fresh: nothing of the previous one is left."""
        if fresh or site not in self.sides:
            self.sides[site] = Side(self._entities)
        self.target = site
        theirs = self.sides[site].things
        for entity, mine in self.sides[self.source].things.items():
            thing = theirs[entity]
            thing.base, thing.beyond = thing.value, []
            mine.base, mine.beyond = mine.value, []
            if mine.value != thing.value:
                mine.base, mine.beyond = (
                    EMPTY,
                    [Beyond(self._now(), ANEW, mine.value)],
                )
            self._see_whether_apart(entity)
        self._changed()
