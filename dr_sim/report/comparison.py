"""report.html of two scenarios under the same random events: what differs, both verdicts, every
difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from dr_sim.experiments.comparing.comparison import Comparison
from dr_sim.experiments.comparing.paired import (
    PairedDifference,
    differing,
    mean_texts,
    named,
    ranked,
)
from dr_sim.experiments.judging.words import promise, shown_value_and_bound
from dr_sim.experiments.replications.distribution import (
    Distribution,
    in_units,
)
from dr_sim.figures.comparison import comparison_chart
from dr_sim.formatting.numbers import signed_text, with_interval
from dr_sim.formatting.words import counted
from dr_sim.report.page import MARKS, Heading, SortedCell, rendered
from dr_sim.scenario import dump_resolved
from dr_sim.screen.distribution import headline
from dr_sim.version import VERSION


@dataclass(slots=True)
class LineOfBoth:
    """A promise, and what A and B make of it; '–' for one that does not promise it."""

    promised: str
    a: str
    b: str


@dataclass(slots=True)
class DifferenceRow:
    """A measure, and its cells: the mean of A, of B, the difference, and in how many runs."""

    name: str
    cells: list[SortedCell]


def comparison_html(found: Comparison, a: str, b: str) -> str:
    """The page. a, b: what the two are called."""
    chart = comparison_chart(found.changes())
    worst = max(of.outcome for of in (found.a, found.b))
    judged = found.a.scenario.sla or found.b.scenario.sla
    outcome = worst.name.lower() if judged else "done"
    pairs = counted(min(found.a.n, found.b.n), "pair")
    rows = list(map(_row, ranked(differing(found.found))))
    resolved = [
        (a, dump_resolved(found.a.scenario)),
        (b, dump_resolved(found.b.scenario)),
    ]
    return rendered(
        "comparison.html",
        [chart],
        scenario=Heading(
            title(a, b),
            f"A is {a}, B is {b}; {pairs} of runs under the same random events.",
        ),
        verdict=(outcome, f"{headline(found)}.{_both(found)}"),
        marks=MARKS,
        version=VERSION,
        chart=chart,
        sla=_lines(found),
        rows=rows,
        resolved=resolved,
    )


def _both(found: Comparison) -> str:
    """Say what the mark beside the headline means: how A and B stand with their SLA."""
    words = {"pass": "meets", "fail": "misses", "unknown": "may miss"}
    of_a, of_b = (
        words[of.outcome.name.lower()] if of.scenario.sla else ""
        for of in (found.a, found.b)
    )
    if of_a and of_a == of_b:
        return f" Each {of_a} its SLA."
    said = [
        f"{name} {how} its SLA"
        for name, how in (("A", of_a), ("B", of_b))
        if how
    ]
    return f" {', '.join(said)}." if said else ""


def title(a: str, b: str) -> str:
    """'new.yaml against old.yaml': with folders only where the files have one name."""
    names = PurePath(a).name, PurePath(b).name
    short_a, short_b = names if names[0] != names[1] else (a, b)
    return f"{short_b} against {short_a}"


def _lines(found: Comparison) -> list[LineOfBoth]:
    """Each promise of either, those of databases too."""
    of_a, of_b = _verdicts(found.a), _verdicts(found.b)
    names = dict.fromkeys([*of_a, *of_b])
    return [
        LineOfBoth(name, of_a.get(name, "–"), of_b.get(name, "–"))
        for name in names
    ]


def _verdicts(of: Distribution) -> dict[str, str]:
    out = {}
    for v in of.verdict:
        word = v.outcome.name.lower()
        out[promise(v.line)] = (
            f"{MARKS[word]} {word} {shown_value_and_bound(v)[0]}"
        )
    return out


def _row(d: PairedDifference) -> DifferenceRow:
    i = d.interval
    a, b = mean_texts(d)
    by, low, high = (
        signed_text(x, d.unit) for x in (i.estimate, i.low, i.high)
    )
    means = [
        SortedCell(text, in_units(value, d.unit))
        for text, value in ((a, d.a), (b, d.b))
    ]
    change = SortedCell(
        with_interval(by, low, high), in_units(i.estimate, d.unit)
    )
    runs = SortedCell(f"{d.differing:,} of {d.pairs:,}", d.differing)
    return DifferenceRow(named(d), [*means, change, runs])
