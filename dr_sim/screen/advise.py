"""The screen of `dr-sim advise`. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.experiments.advising.advice import Advice, Tried, money_text
from dr_sim.experiments.advising.costs import cost_now
from dr_sim.experiments.judging.judge import LineVerdict
from dr_sim.experiments.judging.words import shown_value_and_bound
from dr_sim.formatting.layout import table_lines

MOST_SETS = 8
"""Sets of several changes that are shown: the best."""


def advice_text(advice: Advice, seconds: float, scenario: str) -> str:
    """Return the whole screen."""
    runs = (
        f"{advice.runs:,} run{'s' if advice.runs != 1 else ''} of each set"
    )
    head = f"ADVICE  {scenario}  seed {advice.scenario.seed}  {runs}  ({seconds:.1f} s)"
    parts = [head, "", *_table(advice), ""]
    now = cost_now(advice.scenario)
    if now is not None:
        parts.append(
            f"As it is, recovery costs {money_text(now)} a month, by the scenario's prices. "
            "'a month' is what a set costs on top of that."
        )
    parts += list(_parts_of_costs(advice))
    parts.append(advice.sentence)
    parts += [f"BROKEN  {told}" for told in advice.broken]
    return "\n".join(parts)


def _parts_of_costs(advice: Advice) -> Iterator[str]:
    """Yield what makes up the cost of each copy that was tried: a store needs no machine before a
    failure, and keeps backups for longer.
    """
    for tried in advice.alone:
        for change in tried.changes:
            if change.cost and change.cost_parts:
                parts = [
                    f"{name} {money_text(cost)}"
                    for name, cost in change.cost_parts
                ]
                yield f"{change.name} (+{money_text(change.cost)}): {', '.join(parts)}"


def _table(advice: Advice) -> list[str]:
    heads = [_line_head(v) for v in advice.base.verdicts]
    rows = [["", *heads, "a month"], _row(advice.base, "as it is", "")]
    rows += [
        _row(tried, tried.name, _cost(tried)) for tried in advice.alone
    ]
    rows += [
        _row(tried, tried.name, _cost(tried))
        for tried in advice.together[:MOST_SETS]
    ]
    hidden = len(advice.together) - MOST_SETS
    lines = table_lines(rows)
    if hidden > 0:
        lines.append(f"{hidden} more sets (--json has all)")
    return lines


def _line_head(verdict: LineVerdict) -> str:
    _, bound = shown_value_and_bound(verdict)
    return f"{verdict.line.id} {bound}"


def _row(tried: Tried, name: str, cost: str) -> list[str]:
    cells = []
    for verdict in tried.verdicts:
        value, _ = shown_value_and_bound(verdict)
        cells.append(f"{verdict.outcome.name:<7} {value}")
    return [name, *cells, cost]


def _cost(tried: Tried) -> str:
    if tried.cost is None:
        return "?"
    return f"+{money_text(tried.cost)}" if tried.cost else "+0"
