"""Cut sets against trying everything, and each against a run."""

from __future__ import annotations

import random
from itertools import combinations

from world.build import MINUTE, scenario

from dr_sim.backups.model import Kind
from dr_sim.explore.cutsets import COPY, Holding, a_way, breaks, cut_sets, smallest_cuts
from dr_sim.world.world import World

TEXT = """\
run_for: 4 h
start: 2026-01-05 00:00
databases: {crm: {size: 200 MB, full: every 2 h, incremental: none, log: every 15 min}}
link: {bandwidth: 100 Mbit/s}
"""


def test_the_smallest_sets_are_those_that_trying_everything_finds() -> None:
    r = random.Random(5)
    for _ in range(40):
        things = [Holding("full", Kind.FULL, 0, 10, 0, 10), Holding(COPY, -1, 0, 30, 0, 30)]
        for i in range(r.randint(3, 6)):
            first = r.randrange(0, 60, 10)
            last = first + r.choice([10, 20])
            things.append(Holding(f"log {i}", Kind.LOG, first, last, 0, last))
        things.append(Holding("inc", Kind.INCREMENTAL, 0, 40, 0, 40))
        needed = r.choice([20, 40, 50])
        best = _by_trying(things, needed)
        found = list(smallest_cuts(things, needed, 3))
        assert {frozenset(cut) for cut in found if len(cut) == len(found[0])} <= best
        assert len(found[0]) == len(next(iter(best)))


def _by_trying(things: list[Holding], needed: int) -> set[frozenset[int]]:
    for size in range(len(things) + 1):
        cuts = {
            frozenset(cut)
            for cut in combinations(range(len(things)), size)
            if a_way([t for i, t in enumerate(things) if i not in cut], needed) is None
        }
        if cuts:
            return cuts
    raise AssertionError("to take everything breaks everything")


def test_the_sets_of_a_run_break_its_rpo_and_less_does_not() -> None:
    of = scenario(TEXT)
    journal = World(of, express=False).run()
    at_us, rpo_us = 190 * MINUTE, 16 * MINUTE
    found = cut_sets(journal, of, 0, at_us, rpo_us, 3)
    assert found.sets and all(found.confirmed)
    assert found.certificate == len(found.sets[0]) == 2 and COPY in found.sets[0]
    for names in found.sets:
        for name in names:
            less = tuple(each for each in names if each != name)
            assert not breaks(of, 0, at_us, rpo_us, less)
