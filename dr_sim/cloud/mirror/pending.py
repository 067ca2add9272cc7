"""The work that is not in effect at the other side of a network, as far as is known: changes by
number, and things that are to be set as a whole. Each is durable from the event that caused it.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted

from dr_sim.cloud.out import Out
from dr_sim.cloud.texts import listed

CHANGE, FOUND = "change/", "found/"
"""Keys in the store: of a pending change, and of a thing that is to be set."""


class PendingWay(enum.StrEnum):
    """Where a pending change stands on its way."""

    WAITING = "waiting"
    SUBMITTED = "submitted"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    BY_HAND = "by hand"


@dataclass(slots=True)
class Pending:
    """One change. params: as they were at the source. since_utc_us: when it was done there. before:
    what the thing was before it. round: how often it was submitted again.
    """

    number: int
    entity: str
    script: str
    params: str
    change: str
    since_utc_us: int
    before: str
    way: PendingWay = PendingWay.WAITING
    round: int = 0

    def text(self) -> str:
        """Return what `listed` gives for all of it but its number."""
        return (
            f"[{quoted(self.entity)}, {quoted(self.script)}, {quoted(self.params)}, "
            f"{quoted(self.change)}, {self.since_utc_us}, {quoted(self.before)}, "
            f'"{self.way._value_}", {self.round}]'
        )

    @classmethod
    def from_text(cls, number: int, text: str) -> Pending:
        entity, script, params, change, since_utc_us, before, way, again = (
            json.loads(text)
        )
        return cls(
            number,
            entity,
            script,
            params,
            change,
            since_utc_us,
            before,
            PendingWay(way),
            again,
        )


@dataclass(slots=True)
class ToSet:
    """A thing that is to be set. number: of the set that does it, 0: none has been submitted.
    work: the work that people have been asked for, '' if a script does it.
    """

    since_utc_us: int
    number: int
    work: str = ""

    @property
    def is_on_its_way(self) -> bool:
        return bool(self.number or self.work)

    def text(self) -> str:
        if not self.work:
            return listed(self.since_utc_us, self.number)
        return listed(self.since_utc_us, self.number, self.work)


class PendingChanges:
    """All of one network. changes: by number, the oldest first; things: by name. changed: since
    whoever watches took the flag down.
    """

    def __init__(self, network: str, stored: dict[str, str]) -> None:
        self._change_key = f"{CHANGE}{network}/"
        self._found_key = f"{FOUND}{network}/"
        self.changed = True
        self.changes: dict[int, Pending] = {}
        self.things: dict[str, ToSet] = {}
        for key, text in stored.items():
            if key.startswith(self._change_key):
                number = int(key.removeprefix(self._change_key))
                self.changes[number] = Pending.from_text(number, text)
            elif key.startswith(self._found_key):
                self.things[key.removeprefix(self._found_key)] = ToSet(
                    *json.loads(text)
                )
        self.changes = dict(sorted(self.changes.items()))
        self.things = dict(sorted(self.things.items()))

    def __bool__(self) -> bool:
        return bool(self.changes or self.things)

    def of(self, entity: str) -> list[Pending]:
        """The pending changes of a thing, the oldest first."""
        return [
            change
            for change in self.changes.values()
            if change.entity == entity
        ]

    def holds(self, entity: str) -> bool:
        """Return whether something of a thing is pending."""
        return entity in self.things or bool(self.of(entity))

    def made_by(self, number: int, change: str) -> Pending | None:
        """Return the pending change that a job makes. number: of the change, 0 if the job was found
        at its agent, which knows only the change.
        """
        if number:
            return self.changes.get(number)
        found = (c for c in self.changes.values() if c.change == change)
        return next(found, None)

    def behind(self) -> tuple[int, int]:
        """(since when the oldest is pending, 0 if nothing is; how many are)."""
        waits: list[Pending | ToSet] = [
            *self.changes.values(),
            *self.things.values(),
        ]
        if not waits:
            return 0, 0
        return min([each.since_utc_us for each in waits]), len(waits)

    # ---- what alters it
    def add(self, change: Pending, out: Out) -> None:
        self.changes[change.number] = change
        self.changed = True
        out.saves[f"{self._change_key}{change.number}"] = change

    def goes(self, change: Pending, way: PendingWay, out: Out) -> None:
        """A change goes that way from now on."""
        change.way = way
        out.saves[f"{self._change_key}{change.number}"] = change

    def anew(self, change: Pending, out: Out) -> None:
        """A change that was refused waits for its next round."""
        change.round += 1
        self.goes(change, PendingWay.WAITING, out)

    def in_effect(self, number: int, out: Out) -> None:
        del self.changes[number]
        self.changed = True
        out.saves[f"{self._change_key}{number}"] = ""

    def to_set(
        self, entity: str, since_utc_us: int, number: int, out: Out
    ) -> None:
        """A thing is to be set, by the set of that number (0: by none yet)."""
        thing = self.things[entity] = ToSet(since_utc_us, number)
        self.changed = True
        out.saves[f"{self._found_key}{entity}"] = thing

    def asked_of_people(self, entity: str, work: str, out: Out) -> None:
        """People have been asked to set a thing."""
        thing = self.things[entity]
        thing.work = work
        out.saves[f"{self._found_key}{entity}"] = thing

    def was_set(self, entity: str, upto: int, out: Out) -> None:
        """A thing was set, with all changes of it up to that number."""
        if self.things.pop(entity, None) is not None:
            self.changed = True
            out.saves[f"{self._found_key}{entity}"] = ""
        for change in self.of(entity):
            if change.number <= upto:
                self.in_effect(change.number, out)

    def forget(self, out: Out) -> None:
        """Note that there is no other side any more."""
        for number in list(self.changes):
            self.in_effect(number, out)
        for entity in list(self.things):
            self.was_set(entity, 0, out)
