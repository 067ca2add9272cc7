"""The time that a failover at this instant would wait for the configuration of its site.

Theory of operation. The manager adds what the second side lacks (missing.py) in the way of its
mirror mode. `jobs` runs the script of each change, those of one thing one after another.
`reconcile` sets each thing once. `runbook` asks people, who do one change after the other, for all
networks. A thing that was found to differ is set once in every mode (by people in `runbook`). If
nothing of a thing is at a new second side, or a change of it was skipped there, a script makes the
thing again in every mode. People do what cannot be translated: each change (`jobs`), or the thing
as a whole. At one side of a network a limited number of scripts run at one time. The usual length
of each script counts, not the drawn one. tests/test_cloud_provision.py plays the failovers.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Law


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
    spec: Cloud, networks: Sequence[Sequence[MissingThing]]
) -> int:
    """networks: of each, the things that lack something, the one that lacks it longest first."""
    by_scripts = 0
    by_hand = 0
    for things in networks:
        chains = [_scripts(spec, thing) for thing in things]
        by_scripts = max(by_scripts, _run_us(chains, spec.jobs.at_once))
        by_hand += sum(thing.by_hand for thing in things)
        if spec.mirror.mode == "runbook":
            by_hand += sum(thing.changes + thing.is_set for thing in things)
    return max(by_scripts, by_hand * spec.jobs.by_hand.a)


def _scripts(spec: Cloud, thing: MissingThing) -> list[int]:
    """Return the lengths of the scripts that bring a thing in, one after another."""
    found = [_one_us(spec, spec.jobs.rebuild)] if thing.anew else []
    if thing.is_set and spec.mirror.mode != "runbook":
        found.append(_one_us(spec, spec.jobs.set))
    if spec.mirror.mode == "jobs":
        found += [_one_us(spec, spec.takes)] * thing.changes
    elif spec.mirror.mode == "reconcile" and thing.changes:
        found.append(_one_us(spec, spec.jobs.set))
    return found


def _one_us(spec: Cloud, usual: Law) -> int:
    """Return how long a script takes from its order to the word that it is done."""
    return spec.rtt_us // 2 * 2 + spec.jobs.start_us + usual.a


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
