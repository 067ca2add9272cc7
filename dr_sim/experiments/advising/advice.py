"""Advice: sets of changes, what the SLA's lines say to each, and the best of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from dr_sim.experiments.advising.costs import cost_now
from dr_sim.experiments.advising.usual_change import UsualChange, sets_of
from dr_sim.experiments.judging.judge import LineVerdict
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.model import Scenario


@dataclass(slots=True)
class Tried:
    """A set of changes (none: as it is) and what the SLA's lines say to it."""

    changes: tuple[UsualChange, ...]
    verdicts: list[LineVerdict]

    @property
    def name(self) -> str:
        return (
            " + ".join(change.name for change in self.changes) or "as it is"
        )

    @property
    def sets(self) -> list[str]:
        """Return what to write after --set."""
        return sets_of(self.changes)

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
        missed = [
            v.line.id
            for v in best.verdicts
            if v.outcome is not Outcome.PASS
        ]
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
            "alone": list(map(_tried_json, self.alone)),
            "together": list(map(_tried_json, self.together)),
            "smallest": None
            if self.smallest is None
            else _tried_json(self.smallest),
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
        "lines": list(map(_line_json, tried.verdicts)),
    }


def _line_json(verdict: LineVerdict) -> dict[str, Any]:
    return {
        "id": verdict.line.id,
        "outcome": verdict.outcome.name.lower(),
        "value": None if math.isnan(verdict.value) else verdict.value,
        "unit": verdict.unit,
    }
