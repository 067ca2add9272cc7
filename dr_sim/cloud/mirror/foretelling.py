"""The time that a failover at this instant would wait for the configuration of its site.

Theory of operation. The manager adds what a site lacks in the way of its mirror mode. `jobs` runs
the script of each change, those of one thing one after another. `reconcile` sets each thing once.
`runbook` asks people, who do one change after the other, for all networks. A thing that was found
to differ is set once in every mode (by people in `runbook`). If nothing of a thing is at a new
second side, or a change of it was skipped there, a script makes the thing again in every mode.
People do what cannot be translated: each change (`jobs`), or the thing as a whole. At one side of a
network a limited number of scripts run at one time. The usual length of each script counts.

The manager says this of a site when it is asked, by what it knows. The world says it by what is
really missing there. tests/test_cloud_provision.py plays the failovers.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dr_sim.cloud.config import UsualTimes
from dr_sim.cloud.mirror.mapping import Mapping
from dr_sim.cloud.mirror.pending import PendingChanges, PendingWay
from dr_sim.cloud.mirror.sending import Direction
from dr_sim.cloud.words import MirrorMode


class MissingThing(NamedTuple):
    """Part of one thing that a second side lacks. anew: the thing is made again. is_set: it is set
    as a whole, as it was found to differ. changes: those that are missing beside that. by_hand:
    pieces of work that people do, as no script can.
    """

    anew: bool
    changes: int
    by_hand: int = 0
    is_set: bool = False


def would_take_us(
    usual: UsualTimes, networks: Sequence[Sequence[MissingThing]]
) -> int:
    """networks: of each, the things that lack something, the one that lacks it longest first."""
    by_scripts = 0
    by_hand = 0
    for things in networks:
        chains = [_scripts(usual, thing) for thing in things]
        by_scripts = max(by_scripts, _run_us(chains, usual.at_once))
        by_hand += sum(thing.by_hand for thing in things)
        if usual.mode is MirrorMode.RUNBOOK:
            by_hand += sum(thing.changes + thing.is_set for thing in things)
    return max(by_scripts, by_hand * usual.by_hand_us)


def by_people(usual: UsualTimes, lacks: MissingThing) -> MissingThing:
    """Return it as the work of people: no script can be given the right identifier."""
    each = lacks.changes
    if lacks.anew or usual.mode is MirrorMode.RECONCILE:
        each = int(lacks.anew or lacks.changes > 0)
    return MissingThing(False, 0, by_hand=each + lacks.is_set)


def _scripts(usual: UsualTimes, thing: MissingThing) -> list[int]:
    """Return the lengths of the scripts that bring a thing in, one after another. Each counts from
    its order to the word that it is done.
    """
    order_us = usual.asks_us + usual.starts_us
    found = [order_us + usual.rebuild_us] if thing.anew else []
    if thing.is_set and usual.mode is not MirrorMode.RUNBOOK:
        found.append(order_us + usual.set_us)
    if usual.mode is MirrorMode.JOBS:
        found += [order_us + usual.change_us] * thing.changes
    elif usual.mode is MirrorMode.RECONCILE and thing.changes:
        found.append(order_us + usual.set_us)
    return found


def _run_us(chains: Sequence[Sequence[int]], at_once: int) -> int:
    """Return how long all chains take, where that many of their links run at one time. The next
    link of a chain waits behind what waits already, as in the job manager's queue.
    """
    ready = deque(
        (number, 0) for number, chain in enumerate(chains) if chain
    )
    running: list[tuple[int, int, int]] = []
    now_us = 0
    while ready or running:
        while ready and len(running) < at_once:
            number, link = ready.popleft()
            end_us = now_us + chains[number][link]
            heapq.heappush(running, (end_us, number, link))
        now_us, number, link = heapq.heappop(running)
        if link + 1 < len(chains[number]):
            ready.append((number, link + 1))
    return now_us


# ---- what the manager knows
class Known:
    """Knowledge of what each site of one network lacks. things: the names of all."""

    def __init__(
        self,
        direction: Direction,
        backlog: PendingChanges,
        mapping: Mapping,
        things: Iterable[str],
    ) -> None:
        self._direction = direction
        self._backlog = backlog
        self._mapping = mapping
        self._things = things

    def lacks(self, site: str, usual: UsualTimes) -> list[MissingThing]:
        """Return what a site lacks. Of one that is not mirrored nobody knows what is there: it
        lacks everything.
        """
        if site == self._direction.active:
            return []
        is_target = site == self._direction.target
        found = []
        for name in self._waiting() if is_target else self._things:
            one = MissingThing(True, 0)
            if is_target:
                one = self._thing(name)
            if self._mapping.leads_astray(name, site):
                one = by_people(usual, one)
            found.append(one)
        return found

    def _waiting(self) -> list[str]:
        """Return the things of which something is pending, the oldest first."""
        changed = [each.entity for each in self._backlog.changes.values()]
        return list(dict.fromkeys((*changed, *self._backlog.things)))

    def _thing(self, name: str) -> MissingThing:
        changes = self._backlog.of(name)
        if name in self._backlog.things:
            anew = self._direction.is_new_side
            return MissingThing(anew, 0, is_set=not anew)
        if any(change.way is PendingWay.SKIPPED for change in changes):
            return MissingThing(True, 0)
        return MissingThing(False, len(changes))
