"""Plans over forks against trying everything: random trees of forks on a small grid of positions,
logs that cross a fork in both engines' ways, files that are lost, and fork histories.

A cell is one LSN; the fork that wrote it on the way to an end is found by walking up the tree.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from dr_sim.backups.chain import unseen_continuations
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.outlook import look_ahead
from dr_sim.backups.target import Target, Told
from tests.backups.test_plan import full, header, log

CASES = 1_500


@dataclass(frozen=True)
class Tree:
    """parents: child -> (parent, position at which it left it); ends: where each fork ends."""

    parents: dict[int, tuple[int, int]]
    ends: dict[int, int]

    def begin(self, fork: int) -> int:
        return self.parents[fork][1] if fork in self.parents else 0

    def writer(self, end: int, cell: int) -> int:
        """The fork that wrote a cell on the way to an end."""
        while cell < self.begin(end):
            end = self.parents[end][0]
        return end

    def leads(self, fork: int, lsn: int, end: int) -> bool:
        while end != fork:
            if end not in self.parents:
                return False
            end, point = self.parents[end]
            if lsn > point:
                return False
        return True


def a_tree(rng: random.Random, most: int) -> Tree:
    parents: dict[int, tuple[int, int]] = {}
    ends = {1: rng.randint(3, most)}
    for fork in range(2, rng.randint(1, 4) + 1):
        parent = rng.randint(1, fork - 1)
        begin = parents[parent][1] if parent in parents else 0
        point = rng.randint(begin, max(begin, ends[parent]))
        parents[fork] = (parent, point)
        ends[fork] = rng.randint(point, max(point, most))
    return Tree(parents, ends)


def fulls_of(rng: random.Random, tree: Tree) -> list[BackupHeader]:
    found = []
    for _ in range(rng.randint(1, 3)):
        fork = rng.choice(list(tree.ends))
        begin, end = tree.begin(fork), tree.ends[fork]
        if begin < end:
            first = rng.randint(begin, end - 1)
            found.append(full(first, rng.randint(first, end), fork=fork))
    return found


def logs_of(rng: random.Random, tree: Tree, fork: int, segments: bool) -> list[BackupHeader]:
    """segments: PostgreSQL's, the first of a timeline holds the parent's end too; else SQL Server's,
    whose first log of a fork names both.
    """
    found = []
    at = tree.begin(fork)
    crosses = fork in tree.parents
    if segments and crosses:
        at = max(0, at - rng.randint(0, 2))
    while at < tree.ends[fork]:
        last = min(tree.ends[fork], at + rng.randint(1, 4))
        if crosses and not segments:
            parent, point = tree.parents[fork]
            first = max(tree.begin(parent), point - rng.randint(0, 2))
            made = header(Kind.LOG, first, last, fork, 0, 0, 1, first_fork=parent, fork_point=point)
        else:
            made = log(at, last, fork=fork)
        crosses = False
        if rng.random() < 0.7:
            found.append(made)
        at = last
    return found


def usable(tree: Tree, logs: list[BackupHeader], end: int) -> list[BackupHeader]:
    """Logs each cell of which was written on the way to that end."""
    found = []
    for one in logs:
        cells = range(one.first_lsn, one.last_lsn)
        own = [tree.writer(one.fork, cell) for cell in cells]
        if one.first_fork != one.fork:
            own = [
                one.fork if cell >= one.fork_point_lsn else tree.writer(one.first_fork, cell)
                for cell in cells
            ]
        right = own == [tree.writer(end, cell) for cell in cells]
        if right and tree.leads(one.fork, one.last_lsn, end):
            found.append(one)
    return found


def furthest(fulls: list[BackupHeader], logs: list[BackupHeader], goal: int | None) -> int | None:
    """Whatever can be reached from any full by any logs; not beyond the goal by a full."""
    reached = []
    for one in fulls:
        at = one.last_lsn
        if goal is not None and at > goal:
            continue
        while goal is None or at < goal:
            ways = [each.last_lsn for each in logs if each.first_lsn <= at < each.last_lsn]
            if not ways:
                break
            at = max(ways)
        reached.append(at)
    return max(reached, default=None)


def uncovered(
    tree: Tree, logs: list[BackupHeader], end: int, span: tuple[int, int]
) -> list[tuple[int, int, int]]:
    """Stretches that no log holds, by the fork that wrote them."""
    held = {cell for each in logs for cell in range(each.first_lsn, each.last_lsn)}
    found: list[tuple[int, int, int]] = []
    for cell in range(*span):
        if cell in held:
            continue
        fork = tree.writer(end, cell)
        if found and found[-1][0] == fork and found[-1][2] == cell:
            found[-1] = (fork, found[-1][1], cell + 1)
        else:
            found.append((fork, cell, cell + 1))
    return found


@pytest.mark.parametrize("chosen", [True, False], ids=["a fork is named", "none is named"])
def test_plans_over_forks_get_as_far_as_trying_everything_and_name_each_hole(chosen: bool) -> None:
    compared = holes = 0
    for seed in range(CASES):
        rng = random.Random(f"forks {seed}")
        most = rng.randint(6, 18)
        tree, segments = a_tree(rng, most), rng.random() < 0.5
        logs = [made for fork in tree.ends for made in logs_of(rng, tree, fork, segments)]
        fulls = fulls_of(rng, tree)
        at_hand = list({made.backup_id: made for made in [*fulls, *logs]}.values())
        goal = rng.choice([None, None, rng.randint(0, most)])
        end: int | None = rng.choice(list(tree.ends)) if chosen else None
        found = look_ahead(
            at_hand, fork=end, told=Told(dict(tree.parents)), target=Target(lsn=goal)
        )
        end = found.plan.fork if end is None else end
        if end is None or not at_hand:
            continue
        fits = usable(tree, logs, end)
        roots = [
            made
            for made in fulls
            if tree.leads(made.fork, made.last_lsn, end) and made.first_lsn >= tree.begin(made.fork)
        ]
        best, reaches = furthest(roots, fits, goal), found.plan.reaches
        assert (reaches is None) == (best is None), seed
        if reaches is None or best is None:
            continue
        compared += 1
        assert goal is not None or reaches[1] == best, seed
        assert goal is None or found.plan.met == (best >= goal), seed
        last = max(each.last_lsn for each in [*fits, *roots])
        stop = last if goal is None else min(goal, last)
        # the end of a newer fork that nothing leads to is missed, too, and no hole of this one
        wanted = [] if found.plan.met else uncovered(tree, fits, end, (reaches[1], stop))
        told = [(gap.fork, gap.first_lsn, gap.last_lsn) for gap in found.missing]
        assert told == wanted, seed
        holes += len(wanted)
    assert compared > CASES // 3 and holes > 50


def test_a_fork_that_only_a_history_tells_of_is_newer_where_it_goes_on() -> None:
    headers = [full(0, 10), log(10, 40)]
    goes_on, older = {2: (1, 40)}, {2: (1, 30)}
    assert unseen_continuations(headers, goes_on) == {1: 2}
    assert unseen_continuations(headers, older) == {}
    found = look_ahead(headers, told=Told(goes_on))
    assert found.plan.reaches == (1, 40) and not found.plan.met and found.newer_fork == 2
    found = look_ahead(headers, told=Told(goes_on), target=Target(lsn=35))
    assert found.plan.met
    assert look_ahead(headers, told=Told(older)).plan.met
    # one of which something is at hand continues the other
    beyond = look_ahead([*headers, log(40, 50, fork=3)], told=Told({2: (1, 40), 3: (2, 40)}))
    assert beyond.plan.met and beyond.plan.reaches == (3, 50)
