"""Tells what a sweep answers: the smallest (or largest) value of a key that surely meets what is
asked, and what cannot be told.

Each point is judged as a check judges a scenario: what is asked is met where every line passes,
missed where one fails. The points are asked in a fixed order from the best end on (edge.py), so the
chance that the value named does not meet it is that of one point. Where nobody said which end is
the best, both are tried, and each has half of that chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dr_sim.experiments.judging.judge import (
    Errors,
    LineVerdict,
    judge_lines,
)
from dr_sim.experiments.judging.words import sentence
from dr_sim.experiments.replications.estimates import CONFIDENCE
from dr_sim.experiments.sweeps.edge import Edge, edge_of
from dr_sim.formatting.numbers import in_order, numbers, value_text
from dr_sim.formatting.words import counted
from dr_sim.measures.verdict import UNITS, Outcome
from dr_sim.scenario.asked_model import SlaLine, SweepAnswer
from dr_sim.scenario.sla_measures import (
    is_curve,
    kind_of,
    split,
)

if TYPE_CHECKING:
    from dr_sim.experiments.replications.distribution import Distribution
    from dr_sim.experiments.sweeps.sweep import Swept

_MET = {Outcome.PASS: "yes", Outcome.UNKNOWN: "unknown", Outcome.FAIL: "no"}


@dataclass(slots=True)
class SweepVerdict:
    """The answer along one key. at: the values of the others; edge: see there; because: by value,
    the verdict that decided it (the worst line's).
    """

    at: dict[str, str]
    smallest: bool
    edge: Edge
    because: dict[str, LineVerdict] = field(default_factory=dict)
    ordered: bool = (
        True  # words have no smallest: each is judged, and there is no edge
    )

    def to_json(self) -> dict[str, Any]:
        e = self.edge
        verdicts = {
            value: v.outcome.name.lower()
            for value, v in self.because.items()
        }
        if not self.ordered:
            return {
                **self.at,
                "key": e.key,
                "asked": "each",
                "verdicts": verdicts,
            }
        return {
            **self.at,
            "key": e.key,
            "asked": "smallest" if self.smallest else "largest",
            "meets": e.meets,
            "not_known": list(e.unknown),
            "misses": e.misses,
            "verdicts": verdicts,
        }


def judged_point(
    found: Distribution, lines: Sequence[SlaLine], asked: SweepAnswer | None
) -> list[LineVerdict]:
    """Return the verdicts on some lines at one point. Where nobody says which end is the best, both
    are tried, and each has half of the error.
    """
    error = (1 - CONFIDENCE) / (1 if asked is not None else 2)
    errors = Errors(error, error / max(1, len(lines)))
    return judge_lines(found.samples, lines, errors, found.luck)


def answers(swept: Swept, asked: SweepAnswer | None) -> list[SweepVerdict]:
    """One for each combination of the other keys' values. asked: None is the whole SLA along the
    first key whose values are numbers, at whichever end it is met; where no key has such values,
    each value of the first is judged by itself. A sweep over the SLA holds each point against its
    own. Empty if there is nothing to ask: no SLA.
    """
    key = (
        asked.key
        if asked is not None
        else next(
            (k for k in swept.keys if numbers(_values(swept, k))), None
        )
    )
    each = [
        p.scenario.sla
        if asked is None or asked.line is None
        else (asked.line,)
        for p in swept.points
    ]
    if not swept.keys or not all(each):
        return []
    sides = [asked.smallest] if asked is not None else [True, False]
    groups: dict[tuple[tuple[str, str], ...], dict[str, LineVerdict]] = {}
    along = key or swept.keys[0]
    for point, found, lines in zip(
        swept.points, swept.distributions, each, strict=True
    ):
        others = tuple(
            (k, v) for k, v in point.values.items() if k != along
        )
        groups.setdefault(others, {})[point.values[along]] = max(
            judged_point(found, lines, asked), key=_decides
        )
    if key is None:
        return [
            SweepVerdict(
                dict(at),
                True,
                Edge(along, None, (), None),
                because,
                ordered=False,
            )
            for at, because in groups.items()
        ]
    return [
        _told(dict(at), key, sides, because)
        for at, because in groups.items()
    ]


def _decides(v: LineVerdict) -> tuple[Outcome, float]:
    """Sort a point's lines by which decides: a line that fails, then the one that is unknown after
    the most runs.
    """
    return v.outcome, math.inf if v.more is None else v.more


def _told(
    at: dict[str, str],
    key: str,
    sides: list[bool],
    because: dict[str, LineVerdict],
) -> SweepVerdict:
    values = in_order(list(because))
    verdicts = [_MET[because[v].outcome] for v in values]
    each = [
        SweepVerdict(
            at,
            smallest,
            edge_of(key, values, verdicts, "last" if smallest else "first"),
            because,
        )
        for smallest in sides
    ]
    return next(
        (told for told in each if told.edge.meets is not None), each[0]
    )


def _values(swept: Swept, key: str) -> list[str]:
    return list(dict.fromkeys(p.values[key] for p in swept.points))


# ---- words
def text(
    told: Sequence[SweepVerdict], asked: SweepAnswer | None, runs: int
) -> str:
    """Return what the command prints."""
    if not told:
        return (
            "ANSWER  none: the scenario has no sla; ask for one with --answer 'smallest KEY "
            "with MEASURE at most BOUND'"
        )
    what = (
        "the SLA is met"
        if asked is None or asked.line is None
        else _said(asked.line)
    )
    confidence = f"{100 * CONFIDENCE:.0f} % confidence, {counted(runs, 'run')} a point"
    if runs == 1:
        confidence = (
            "one run a point, and nothing is said of other luck: "
            "ask for more with --replications"
        )
    wanted = f"{'smallest' if told[0].smallest else 'largest'} {told[0].edge.key} with which {what}"
    out = [
        "ANSWER  "
        f"{wanted if told[0].ordered else f'with which {told[0].edge.key} {what}'} "
        f"({confidence})"
    ]
    if runs > 1 and any(
        is_curve(split(v.line.measure)[0])
        for of in told
        for v in of.because.values()
    ):
        out.append(
            "  (a verdict's interval holds whatever no run has shown yet; so it is wider "
            "than the table's)"
        )
    for of in told:
        at = ", ".join(f"{key} {value}" for key, value in of.at.items())
        out += [f"  at {at}:"] if at else []
        out += [f"  {line}" for line in _lines(of)]
    return "\n".join(out)


def _said(line: SlaLine) -> str:
    return (
        f"{line.measure} is {'at most' if line.at_most else 'at least'} "
        f"{value_text(line.bound, UNITS[kind_of(line.measure)])}"
    )


def _lines(told: SweepVerdict) -> list[str]:
    e, values = told.edge, in_order(list(told.because))
    if not told.ordered:
        return [f"{value}: {_why(told, value)}" for value in values]
    best = values[-1] if told.smallest else values[0]
    out = []
    if e.meets is None:
        out.append(
            f"none of {len(values)}: not even {best} surely does: {_why(told, best)}"
        )
    else:
        every = (
            " (every value here does; the limit lies beyond)"
            if e.meets == (values[0] if told.smallest else values[-1])
            else ""
        )
        out.append(f"{e.meets}{every}: {_why(told, e.meets)}")
    out += [
        f"not known at {value}: {_why(told, value)}"
        for value in e.unknown
        if value != best or e.meets is not None
    ]
    if e.misses is not None:
        out.append(
            f"too {'small up to' if told.smallest else 'large from'} {e.misses}: "
            f"{_why(told, e.misses)}"
        )
    return out


def _why(told: SweepVerdict, value: str) -> str:
    return sentence(told.because[value])
