"""Tells what would help: the usual changes, tried under the same random events, held against each
SLA line.

Every change is a scenario of its own with the same seed, so replication i of each meets the same
faults. First each change is tried by itself. Then, if the SLA is not met yet, the changes that
helped are tried together: all pairs, then all triples of the six best. The answer is the smallest
set that surely meets every line, and the cheapest of those where prices are known. Several sets are
looked at, so each look gets its part of the error that a pass may make.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from dr_sim.errors import input_error
from dr_sim.experiments.advising.advice import Advice, Tried
from dr_sim.experiments.advising.changes import usual_changes
from dr_sim.experiments.advising.usual_change import UsualChange, sets_of
from dr_sim.experiments.judging.judge import Errors, judge_lines
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.executor import Executor
from dr_sim.experiments.replications.replicate import Progress
from dr_sim.experiments.sweeps.sweep import Point, Swept, play_sweep
from dr_sim.loading import load_scenario
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario

MOST_TOGETHER = 3
BEST = 6
"""Changes of which pairs and triples are tried: 15 and 20 sets."""


@dataclass(frozen=True, slots=True)
class AdviceQuestion:
    """Holds what is asked: a scenario file as `run` would take it, and how many runs of each set.

    played: makes of a scenario what is to be played (every fast path off, another manager).
    """

    path: Path
    overrides: tuple[str, ...]
    seed: int | None
    runs: int
    played: Callable[[Scenario], Scenario] = lambda scenario: scenario


def advise(
    asked: AdviceQuestion,
    executor: Executor,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Advice:
    """Try the changes. folder: keeps what was played, so that the same call continues from there.

    Raises InputError if the scenario has no SLA.
    """
    scenario = _load(asked, ())
    if not scenario.sla:
        told = "has no sla; write what must be met, as in sla: {data_loss: at most 15 min}"
        raise input_error(str(asked.path), told)
    trying = _Trying(asked, executor, folder, progress)
    changes = usual_changes(asked.path, scenario, asked.overrides)
    base, *alone = trying.play([(), *((change,) for change in changes)])
    assert base is not None, "a base that cannot be played raises"
    found = [tried for tried in alone if tried is not None]
    advice = Advice(
        scenario, asked.runs, base, sorted(found, key=Tried.order)
    )
    if not base.met:
        advice.smallest = _smallest(advice.alone)
        if advice.smallest is None:
            _together(advice, trying)
    advice.broken = trying.broken
    return advice


def _changes_of(chosen: Iterable[Tried]) -> tuple[UsualChange, ...]:
    """Return all changes of several sets."""
    return tuple(change for tried in chosen for change in tried.changes)


def _together(advice: Advice, trying: _Trying) -> None:
    """Try sets of several changes, size by size, until one meets the SLA."""
    helped = [
        tried
        for tried in advice.alone
        if tried.order() < advice.base.order()
    ][:BEST]
    for size in range(2, MOST_TOGETHER + 1):
        sets = [
            _changes_of(chosen) for chosen in combinations(helped, size)
        ]
        played = [tried for tried in trying.play(sets) if tried is not None]
        advice.together += sorted(played, key=Tried.order)
        advice.smallest = _smallest(played)
        if advice.smallest is not None:
            return


def _smallest(tried: Sequence[Tried]) -> Tried | None:
    """Return the cheapest of those that meet the SLA; where prices are not known, the best."""
    meeting = [each for each in tried if each.met]
    return min(
        meeting,
        key=lambda each: (
            math.inf if each.cost is None else each.cost,
            each.order(),
        ),
        default=None,
    )


class _Trying:
    """Plays sets of changes and judges them."""

    def __init__(
        self,
        asked: AdviceQuestion,
        executor: Executor,
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self._asked = asked
        self._executor = executor
        self._folder = folder
        self._progress = progress
        self.broken: list[str] = []

    def play(
        self, sets: Sequence[tuple[UsualChange, ...]]
    ) -> list[Tried | None]:
        """Return a verdict for each set; None where every replication of it broke."""
        if not sets:
            return []
        points = [
            Point(
                {"changes": Tried(changes, []).name},
                _load(self._asked, changes),
            )
            for changes in sets
        ]
        swept = play_sweep(
            points,
            self._asked.runs,
            self._executor,
            self._folder,
            self._progress,
        )
        self.broken += _broken(swept)
        by_name = {
            point.values["changes"]: found
            for point, found in zip(
                swept.points, swept.distributions, strict=True
            )
        }
        verdicts: list[Tried | None] = []
        for changes, point in zip(sets, points, strict=True):
            found = by_name.get(point.values["changes"])
            verdicts.append(
                None
                if found is None
                else self._judged(changes, found, len(sets))
            )
        return verdicts

    def _judged(
        self,
        changes: tuple[UsualChange, ...],
        found: Distribution,
        looks: int,
    ) -> Tried:
        lines: Sequence[SlaLine] = found.scenario.sla
        errors = Errors.shared(len(lines), looks if changes else 1)
        judged = judge_lines(found.samples, lines, errors, found.luck)
        return Tried(changes, judged)


def _broken(swept: Swept) -> list[str]:
    both = [
        *zip(swept.points, swept.distributions, strict=True),
        *swept.without,
    ]
    return [
        f"{point.values['changes']}: {found.told_broken}"
        for point, found in both
        if found.broken
    ]


def _load(
    asked: AdviceQuestion, changes: Sequence[UsualChange]
) -> Scenario:
    sets = sets_of(changes)
    scenario = load_scenario(
        asked.path, [*asked.overrides, *sets], asked.seed
    )
    return asked.played(scenario)
