"""report.html of many replications: the verdict with its intervals, what a failure costs as
distributions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dr_sim.errors.bugs import breaker
from dr_sim.experiments.judging.judge import LineVerdict
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.estimates import CONFIDENCE
from dr_sim.figures.many import many_charts, seconds
from dr_sim.formatting.numbers import (
    figures,
    interval_beside,
    value_and_bound,
    value_text,
)
from dr_sim.formatting.words import counted, span
from dr_sim.report.page import MARKS, rendered
from dr_sim.scenario import dump_resolved
from dr_sim.screen.standing import how_to_meet
from dr_sim.units import clock
from dr_sim.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")


def distribution_html(found: Distribution) -> str:
    """The page of these replications."""
    scenario = found.scenario
    charts = many_charts(found)
    outcomes = [v.outcome for v in found.verdict]
    return rendered(
        "many.html",
        charts,
        scenario=scenario,
        verdict=_verdict(found),
        marks=MARKS,
        version=VERSION,
        charts=charts,
        sla=[_line(v) for v in found.verdict],
        statistics=STATISTICS,
        estimates=list(_estimates(found.estimates)),
        missed=list(_missed(found)),
        rare=list(_rare(found)),
        how=how_to_meet(outcomes, "scenario.yaml", found.n),
        worst=list(_worst(found)),
        confidence=round(100 * CONFIDENCE),
        runs=found.n,
        resolved=dump_resolved(scenario),
    )


def _verdict(found: Distribution) -> tuple[str, str]:
    scenario = found.scenario
    runs = f"{counted(found.n, 'independent run')} of {span(scenario.run_for_us)}"
    if found.broken:
        return (
            "fail",
            f"{len(found.broken)} of {found.n + len(found.broken):,} runs ended in an "
            f"error: {found.broken[0].error}.",
        )
    if found.violations:
        return (
            "fail",
            f"In {runs} an invariant broke: {breaker(scenario.manager)}; no number below "
            "can be trusted.",
        )
    if found.silent:
        return (
            "fail",
            f"In {runs} {counted(found.silent, 'time')} a recovery reported success but held less "
            "than it claimed.",
        )
    outcome = found.outcome.name.lower() if scenario.sla else "done"
    said = {
        "pass": "the SLA is met.",
        "fail": "the SLA is missed.",
        "done": "measured; the scenario names no SLA to be judged by.",
        "unknown": "the SLA cannot be judged yet: see below how many more runs would decide.",
    }[outcome]
    return outcome, f"{runs}: {said}"


@dataclass(slots=True)
class SlaText:
    name: str
    value: str
    interval: str
    bound: str
    runs: int
    outcome: str
    reason: str


def _line(v: LineVerdict) -> SlaText:
    line = v.line
    of = "".join(
        f" of {x}"
        for x in (
            line.database,
            line.tenant,
            line.failure_class,
            line.fault,
        )
        if x
    )
    value, bound = value_and_bound(
        v.value, line.bound, line.at_most, v.unit
    )
    ends = _shown(v.low, v.unit), _shown(v.high, v.unit)
    interval = interval_beside(value, *ends)
    return SlaText(
        f"{line.measure}{of}",
        value,
        interval,
        bound,
        v.n,
        v.outcome.name.lower(),
        v.reason,
    )


def _shown(value: float | None, unit: str) -> str:
    return (
        "?"
        if value is None or not math.isfinite(value)
        else value_text(round(value), unit)
    )


@dataclass(slots=True)
class EstimateCell:
    """An estimate in words, its interval, and the number by which a column is sorted."""

    text: str = ""
    interval: str = ""
    value: float = -math.inf


@dataclass(slots=True)
class TableRow:
    measure: str
    failure_class: str
    n: int
    cells: list[EstimateCell]


def _estimates(table: pd.DataFrame) -> Iterator[TableRow]:
    """Durations of the whole service, a row a measure and class of failure; a phase of an outage
    only where one had it.
    """
    of = table[(table["unit"] == "s") & (table["database"] == "")]
    for (measure, failure_class), rows in of.groupby(
        ["measure", "class"], sort=False
    ):
        by = {row["statistic"]: row for row in rows.to_dict("records")}
        is_part = "." in str(measure)
        if is_part and "max" in by and not by["max"]["estimate"]:
            continue  # a phase that no outage had
        cells = [
            _cell(by[statistic], statistic)
            if statistic in by
            else EstimateCell()
            for statistic in STATISTICS
        ]
        yield TableRow(
            str(measure).replace("_", " ").replace(".", ": "),
            str(failure_class),
            int(rows["n"].max()),
            cells,
        )


def _cell(row: Any, statistic: str) -> EstimateCell:
    """Return an estimate and its interval; the most of these runs has none: nothing bounds it."""
    value = row["estimate"]
    if math.isnan(value):
        return EstimateCell("?")
    estimate = seconds(value)
    if statistic == "max":
        return EstimateCell(estimate, value=value)
    ends = seconds(row["low"]), seconds(row["high"])
    return EstimateCell(estimate, interval_beside(estimate, *ends), value)


def _missed(found: Distribution) -> Iterator[str]:
    table = found.estimates
    for row in table[table["measure"] == "rpo_missed"].to_dict("records"):
        low, high = max(0.0, row["low"]), min(1.0, row["high"])
        part = f"{figures(100 * row['estimate'])} % [{figures(100 * low)}, {figures(100 * high)}]"
        yield f"The RPO would be missed at least once in a year by a lost {row['class']}: {part}."


def _rare(found: Distribution) -> Iterator[tuple[str, ...]]:
    """(what is asked, probability, interval, how it was found)"""
    for each in found.rare:
        yield (each.question.text, *each.texts)


def _worst(found: Distribution) -> Iterator[tuple[str, str, int]]:
    """(measure, value, replication) of the runs that an engineer wants to see whole."""
    for measure in ("data_loss", "outage", "exposure.max"):
        of = [
            (v.low, -s.number)
            for s in found.samples
            for v in s.values
            if v.measure == measure
            and not (v.database or v.tenant)
            and v.failure_class in ("", "site")
        ]
        if of:
            value, number = max(of)
            yield (
                f"{measure.partition('.')[0].replace('_', ' ')}",
                clock(value),
                -number,
            )
