"""What would help: the usual changes, tried on the same luck, held against each SLA line.

Every change is a scenario of its own with the same seed, so replication i of each meets the same
faults. First each change is tried by itself. Then, if the SLA is not met yet, the changes that
helped are tried together: all pairs, then all triples of the six best. The answer is the smallest
set that surely meets every line, and the cheapest of those where prices are known. Several sets are
looked at, so each look gets its part of the error that a pass may make.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from dr_sim.errors import InputError, Problem
from dr_sim.experiments.changes import Change, cost_now, usual_changes
from dr_sim.experiments.distribution import Distribution
from dr_sim.experiments.executor import Executor
from dr_sim.experiments.judge import Errors, LineVerdict, judge_line
from dr_sim.experiments.replicate import Progress
from dr_sim.experiments.sweep import Point, Swept, play_sweep
from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.model import Scenario, SlaLine

MOST_TOGETHER = 3
BEST = 6
"""Changes of which pairs and triples are tried: 15 and 20 sets."""


@dataclass(slots=True)
class Tried:
    """A set of changes (none: as it is) and what the SLA's lines say to it."""

    changes: tuple[Change, ...]
    verdicts: list[LineVerdict]

    @property
    def name(self) -> str:
        return " + ".join(change.name for change in self.changes) or "as it is"

    @property
    def sets(self) -> list[str]:
        """What to write after --set."""
        return [text for change in self.changes for text in change.sets]

    @property
    def cost(self) -> int | None:
        """More money a month, in millionths of the unit; None: a price is not known."""
        costs = [change.cost for change in self.changes]
        if None in costs:
            return None
        return sum(cost for cost in costs if cost is not None)

    @property
    def met(self) -> bool:
        return all(v.outcome is Outcome.PASS for v in self.verdicts)

    def order(self) -> tuple[int, int, float]:
        """Better sets come first: fewer lines missed, fewer undecided, further from the bounds."""
        failed = sum(v.outcome is Outcome.FAIL for v in self.verdicts)
        unknown = sum(v.outcome is Outcome.UNKNOWN for v in self.verdicts)
        return failed, unknown, sum(used(v) for v in self.verdicts)


def used(verdict: LineVerdict) -> float:
    """Return which part of its bound a line uses: 1 is just met, less is better. What was never
    measured uses nothing of it.
    """
    value, bound = verdict.value, float(verdict.line.bound)
    if math.isnan(value):
        return 0.0
    if verdict.line.at_most:
        return value / bound if bound else 1 + value
    return bound / value if value > 0 else math.inf


@dataclass(slots=True)
class Advice:
    """base: the scenario as it is. alone: each change by itself, the best first. together: sets of
    several. smallest: the smallest set that meets the SLA, None if none of these does.
    """

    scenario: Scenario
    runs: int
    base: Tried
    alone: list[Tried]
    together: list[Tried] = field(default_factory=list)
    smallest: Tried | None = None
    broken: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """Return the answer in one sentence."""
        if self.base.met:
            return "The SLA is met as it is."
        if self.smallest is not None:
            cost = self.smallest.cost
            money = f", {money_text(cost)} more a month" if cost else ""
            return (
                f"The SLA would be met with {self.smallest.name} "
                f"({'; '.join(self.smallest.sets)}{money})."
            )
        tried = [*self.alone, *self.together]
        if not tried:
            return "None of the usual changes applies to this scenario."
        best = min(tried, key=Tried.order)
        missed = [v.line.id for v in best.verdicts if v.outcome is not Outcome.PASS]
        return (
            f"None of {len(tried)} sets of usual changes surely meets the SLA. The best is "
            f"{best.name}, which leaves {', '.join(missed)}."
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "runs": self.runs,
            "sentence": self.sentence,
            "cost_now": _money(cost_now(self.scenario)),
            "as_it_is": _tried_json(self.base),
            "alone": [_tried_json(tried) for tried in self.alone],
            "together": [_tried_json(tried) for tried in self.together],
            "smallest": None if self.smallest is None else _tried_json(self.smallest),
            "broken": self.broken,
        }


def _money(millionths: int | None) -> float | None:
    return None if millionths is None else millionths / 1_000_000


def money_text(millionths: int) -> str:
    """'12.50', '1,300': whole from a hundred on."""
    value = millionths / 1_000_000
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _tried_json(tried: Tried) -> dict[str, Any]:
    return {
        "changes": [change.name for change in tried.changes],
        "set": tried.sets,
        "cost_a_month": _money(tried.cost),
        "meets": tried.met,
        "lines": [
            {
                "id": v.line.id,
                "outcome": v.outcome.name.lower(),
                "value": None if math.isnan(v.value) else v.value,
                "unit": v.unit,
            }
            for v in tried.verdicts
        ],
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: a scenario file as `run` would take it, and how many runs of each set."""

    path: Path
    overrides: tuple[str, ...]
    seed: int | None
    runs: int
    steps: bool = False


def advise(
    asked: Asked,
    executor: Executor,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Advice:
    """Try the changes. folder: keeps what was played, so that the same call goes on from there.

    Raises InputError if the scenario has no SLA.
    """
    scenario = _load(asked, ())
    if not scenario.sla:
        told = "has no sla; write what must be met, as in sla: {data_loss: at most 15 min}"
        raise InputError([Problem(str(asked.path), 0, 0, told)])
    trying = _Trying(asked, executor, folder, progress)
    changes = usual_changes(asked.path, scenario, asked.overrides)
    base, *alone = trying.play([(), *((change,) for change in changes)])
    assert base is not None, "a base that cannot be played raises"
    found = [tried for tried in alone if tried is not None]
    advice = Advice(scenario, asked.runs, base, sorted(found, key=Tried.order))
    if not base.met:
        advice.smallest = _smallest(advice.alone)
        if advice.smallest is None:
            _together(advice, trying)
    advice.broken = trying.broken
    return advice


def _together(advice: Advice, trying: _Trying) -> None:
    """Try sets of several changes, size by size, until one meets the SLA."""
    helped = [tried for tried in advice.alone if tried.order() < advice.base.order()][:BEST]
    for size in range(2, MOST_TOGETHER + 1):
        sets = [
            tuple(change for tried in chosen for change in tried.changes)
            for chosen in combinations(helped, size)
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
        key=lambda each: (math.inf if each.cost is None else each.cost, each.order()),
        default=None,
    )


class _Trying:
    """Plays sets of changes and judges them."""

    def __init__(
        self, asked: Asked, executor: Executor, folder: Path | None, progress: Progress | None
    ) -> None:
        self._asked = asked
        self._executor = executor
        self._folder = folder
        self._progress = progress
        self.broken: list[str] = []

    def play(self, sets: Sequence[tuple[Change, ...]]) -> list[Tried | None]:
        """Return a verdict for each set; None where every replication of it broke."""
        if not sets:
            return []
        points = [
            Point({"changes": Tried(changes, []).name}, _load(self._asked, changes))
            for changes in sets
        ]
        swept = play_sweep(points, self._asked.runs, self._executor, self._folder, self._progress)
        self.broken += _broken(swept)
        by_name = {
            point.values["changes"]: found
            for point, found in zip(swept.points, swept.distributions, strict=True)
        }
        verdicts: list[Tried | None] = []
        for changes, point in zip(sets, points, strict=True):
            found = by_name.get(point.values["changes"])
            verdicts.append(None if found is None else self._judged(changes, found, len(sets)))
        return verdicts

    def _judged(self, changes: tuple[Change, ...], found: Distribution, looks: int) -> Tried:
        lines: Sequence[SlaLine] = found.scenario.sla
        errors = Errors.shared(len(lines), looks if changes else 1)
        judged = [judge_line(found.samples, line, errors, luck=found.luck) for line in lines]
        return Tried(changes, judged)


def _broken(swept: Swept) -> list[str]:
    both = [*zip(swept.points, swept.distributions, strict=True), *swept.without]
    return [
        f"{point.values['changes']}: {found.told_broken}" for point, found in both if found.broken
    ]


def _load(asked: Asked, changes: Sequence[Change]) -> Scenario:
    from dataclasses import replace

    sets = [text for change in changes for text in change.sets]
    scenario = load_scenario(asked.path, [*asked.overrides, *sets], asked.seed)
    return replace(scenario, steps=asked.steps)
