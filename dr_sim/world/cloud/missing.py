"""Parts that the second side of each network lacks, and the time that a failover would need to add
them.

Theory of operation. A missing change is added by itself, as long as the manager knows it as a
change. When a comparison of both sides has found a thing that differs, that thing is set as a
whole: one piece of work for everything that is missing of it. A change that is made after that
piece was ordered is added by itself again. The notices of the manager say what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.cloud.config import UsualTimes
from dr_sim.cloud.mirror.foretelling import (
    MissingThing,
    by_people,
    would_take_us,
)
from dr_sim.world.cloud.configuration import ANEW

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld

_MOST_KNOWN = 1_000
At = tuple[int, str, str]
"""A thing at a site of a network."""


class Shortfall:
    def __init__(self, world: CloudWorld, usual: UsualTimes) -> None:
        self._world = world
        self._spec = world.spec
        self._usual = usual
        mirror = world.spec.mirror
        # the second side may be left without a change
        self._may_skip = (
            mirror.on_failure == "skip" and mirror.mode == "jobs"
        )
        # whose row of the mapping table leads to no identifier there
        self._astray: set[At] = set()
        # what differs and is to be set: the changes that the set brings in, None: it is not ordered
        self._found: dict[At, frozenset[str] | None] = {}
        # by what the second sides lack: how long that would take
        self._takes_us: dict[tuple[tuple[MissingThing, ...], ...], int] = {}
        # by standby that is not mirrored: how long all of it would take
        self._elsewhere_us: dict[str, int] = {}

    # ---- what comes about
    def lead_astray(self, at: At, astray: bool) -> None:
        """The row of a thing in the mapping table leads to no identifier there, or to the right
        one again.
        """
        if astray:
            self._astray.add(at)
        else:
            self._astray.discard(at)
        self._elsewhere_us.clear()

    def astray(self) -> frozenset[At]:
        """Return all things whose row leads to no identifier of their site."""
        return frozenset(self._astray)

    def put_back(self, astray: frozenset[At]) -> None:
        """The mapping table is an old copy, in which the rows of those things lead to none."""
        self._astray = set(astray)
        self._elsewhere_us.clear()

    def found(self, at: At) -> None:
        """The manager has found that a thing differs there."""
        if at not in self._found:
            self._found[at] = None
            self._say_again(at)

    def set_is_ordered(self, at: At) -> None:
        """A thing there is about to be set to what the other side's is now."""
        if at in self._found:
            self._found[at] = frozenset(self._changes_of(at))
            self._say_again(at)

    def was_set(self, at: At) -> None:
        """A thing there was set as a whole, or the manager believes so."""
        self._found.pop(at, None)

    def forget(self) -> None:
        """The manager has forgotten what it had found, or there is no such side any more."""
        self._found.clear()

    def _say_again(self, at: At) -> None:
        self._world.configurations[at[0]].tell()

    def _changes_of(self, at: At) -> list[str]:
        configuration = self._world.configurations[at[0]]
        return [
            change
            for entity, change in configuration.missing()
            if entity == at[2]
        ]

    # ---- what it takes
    def takes_us(self) -> int:
        """Return how long a failover would wait now until its site is configured."""
        networks = range(len(self._world.configurations))
        return self._would_take(tuple([self._lacks(i) for i in networks]))

    def elsewhere_us(self, site: str) -> int:
        """Return the same of a standby that is not mirrored. Nobody knows what is there: its agents
        are asked what they are doing, and each thing is made anew. No change alters that.
        """
        known = self._elsewhere_us.get(site)
        if known is None:
            known = self._elsewhere_us[site] = self._all_anew_us(site)
        return known

    def _all_anew_us(self, site: str) -> int:
        world = self._world
        lacks = []
        for index, network in enumerate(self._spec.networks):
            things = world.names.entities(network)
            anew = [self._anew((index, site, entity)) for entity in things]
            lacks.append(tuple(anew))
        return self._usual.asks_us + self._would_take(tuple(lacks))

    def _anew(self, at: At) -> MissingThing:
        one = MissingThing(True, 0)
        return by_people(self._usual, one) if at in self._astray else one

    def _would_take(
        self, lacks: tuple[tuple[MissingThing, ...], ...]
    ) -> int:
        known = self._takes_us.get(lacks)
        if known is None:
            if len(self._takes_us) >= _MOST_KNOWN:
                self._takes_us.clear()
            known = would_take_us(self._usual, lacks)
            self._takes_us[lacks] = known
        return known

    def is_found(self) -> bool:
        """Return whether a thing is to be set as a whole."""
        return bool(self._found)

    def _lacks(self, index: int) -> tuple[MissingThing, ...]:
        """Return what the second side of a network lacks, what it lacks longest first."""
        configuration = self._world.configurations[index]
        missing = configuration.missing()
        if not missing and not self._found:
            return ()
        lacks: dict[str, list[str]] = {}
        for entity, change in missing:
            lacks.setdefault(entity, []).append(change)
        target = configuration.target
        for network, site, entity in self._found:
            if (network, site) == (index, target):
                lacks.setdefault(entity, [])
        return tuple(
            [
                self._thing((index, target, entity), changes)
                for entity, changes in lacks.items()
            ]
        )

    def _thing(self, at: At, changes: list[str]) -> MissingThing:
        anew = ANEW in changes
        one = MissingThing(anew, len(changes) - anew)
        if self._may_skip and self._has_skipped(at, changes):
            one = MissingThing(True, 0)
        elif at in self._found and not anew:
            brings_in = self._found[at]
            later = [] if brings_in is None else changes
            later = [c for c in later if c not in (brings_in or ())]
            one = MissingThing(False, len(later), is_set=True)
        if self._astray and at in self._astray:
            return by_people(self._usual, one)
        return one

    def _has_skipped(self, at: At, changes: list[str]) -> bool:
        """Tell whether one of these changes was given up there: all its attempts were made."""
        index, site, _ = at
        agent = self._world.agents[self._spec.networks[index].name, site]
        attempts = self._spec.jobs.attempts
        return any(agent.tried(change) >= attempts for change in changes)
