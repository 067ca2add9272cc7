"""report.html of many replications: the verdict with its intervals, what a failure costs as
distributions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from dr_sim.bugs import breaker
from dr_sim.experiments.distribution import Distribution
from dr_sim.experiments.estimates import CONFIDENCE
from dr_sim.experiments.judge import LineVerdict
from dr_sim.measures.outcome import PHASES
from dr_sim.number_text import figures, value_and_bound, value_text
from dr_sim.report.charts import Chart, LineStyle, line, packed, waterfall
from dr_sim.report.page import MARKS, rendered
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.sla import CLASSES, split
from dr_sim.screen.run import span
from dr_sim.units import SECOND_US, clock
from dr_sim.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_COLOURS = {"site": "blue", "host": "green", "database": "purple"}
_DASHES = {"site": "solid", "host": "dashed", "database": "dotted"}


def distribution_html(found: Distribution) -> str:
    """The page of these replications."""
    scenario = found.scenario
    charts = [_exposure(found), *_costs(found), *_phases(found)]
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
        worst=list(_worst(found)),
        confidence=round(100 * CONFIDENCE),
        runs=found.n,
        resolved=dump_resolved(scenario),
    )


def _verdict(found: Distribution) -> tuple[str, str]:
    scenario = found.scenario
    runs = f"{found.n:,} independent runs of {span(scenario.run_for_us)}"
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
            f"In {runs} {found.silent} recoveries held less than they claimed, and told nobody.",
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
        f" of {x}" for x in (line.database, line.tenant, line.failure_class, line.fault) if x
    )
    value, bound = value_and_bound(v.value, line.bound, line.at_most, v.unit)
    interval = f"{_shown(v.low, v.unit)} to {_shown(v.high, v.unit)}"
    return SlaText(
        f"{line.measure.replace('_', ' ')}{of}",
        value,
        interval,
        bound,
        v.n,
        v.outcome.name.lower(),
        v.reason,
    )


def _shown(value: float | None, unit: str) -> str:
    return "?" if value is None or not math.isfinite(value) else value_text(round(value), unit)


@dataclass(slots=True)
class TableRow:
    measure: str
    failure_class: str
    n: int
    cells: list[str]


def _estimates(table: pd.DataFrame) -> Iterator[TableRow]:
    """Durations of the whole service, a row a measure and class of failure."""
    of = table[(table["unit"] == "s") & (table["database"] == "")]
    for (measure, failure_class), rows in of.groupby(["measure", "class"], sort=False):
        by = {row["statistic"]: row for row in rows.to_dict("records")}
        cells = [_cell(by[statistic]) if statistic in by else "" for statistic in STATISTICS]
        yield TableRow(
            str(measure).replace("_", " ").replace(".", ": "),
            str(failure_class),
            int(rows["n"].max()),
            cells,
        )


def _cell(row: Any) -> str:
    if math.isnan(row["estimate"]):
        return "?"
    return (
        f"{seconds(row['estimate'], '?')} [{seconds(row['low'], '?')}, {seconds(row['high'], '?')}]"
    )


def seconds(value_s: float, unlimited: str = "no known limit") -> str:
    """A duration from 0 on, or what stands for one without an upper limit."""
    return (
        clock(max(0, round(value_s * SECOND_US)))
        if abs(value_s) < math.inf
        else "0:00"
        if value_s < 0
        else unlimited
    )


def _missed(found: Distribution) -> Iterator[str]:
    table = found.estimates
    for row in table[table["measure"] == "rpo_missed"].to_dict("records"):
        low, high = max(0.0, row["low"]), min(1.0, row["high"])
        part = f"{figures(100 * row['estimate'])} % [{figures(100 * low)}, {figures(100 * high)}]"
        yield f"The RPO would be missed at least once in a year by a lost {row['class']}: {part}."


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
            yield f"{measure.partition('.')[0].replace('_', ' ')}", clock(value), -number


# ---- charts
def _axis(most_s: float, bounds: list[dict[str, Any]], title: str) -> dict[str, Any]:
    """An axis of durations from half a second on, with room for ten minutes and every bound."""
    most_ms = max(2_000 * most_s, 600_000.0, *(1.5 * bound["x"] for bound in bounds), 0.0)
    return {"kind": "log_duration", "from": 500, "to": most_ms, "title": title}


def _bounds(found: Distribution, measures: tuple[str, ...]) -> list[dict[str, Any]]:
    """An upright line for each bound of the SLA, those of single databases too."""
    lines = {
        (line.bound, line.measure, line.database or line.tenant)
        for line in found.scenario.sla
        if split(line.measure)[0] in measures and ".above_" not in line.measure
    }
    return [
        {
            "type": "upright",
            "x": bound / 1_000,
            "label": " ".join(filter(None, ("SLA", measure, whose, clock(bound)))),
            "colour": "black",
            "dash": dash,
        }
        for (bound, measure, whose), dash in zip(
            sorted(lines), cycle(("solid", "dashed", "dotted", "dotdash")), strict=False
        )
    ]


def _exposure(found: Distribution) -> Chart:
    curves = {c: found.exposure_curve(c) for c in CLASSES}
    curves = {c: curve for c, curve in curves.items() if len(curve)}
    most = max((float(curve["above"].iloc[-1]) for curve in curves.values()), default=1.0)
    least = min(
        (float(s[s > 0].min()) for curve in curves.values() if (s := curve["share"]).gt(0).any()),
        default=1e-3,
    )
    marks = []
    for failure_class, curve in curves.items():
        x, y = curve["above"].to_numpy()[1:], 100 * curve["share"].to_numpy()[1:]
        looks = LineStyle(f"{failure_class} lost", _COLOURS[failure_class], _DASHES[failure_class])
        marks.append(line(packed(x * SECOND_US, np.where(y > 0, y, np.nan)), looks))
    bounds = _bounds(found, ("data_loss", "exposure"))
    spec = {
        "x": _axis(most, bounds, "more than"),
        "y": {"kind": "log_percent", "from": 50 * least, "to": 130, "title": "% of the time"},
        "height": 300,
        "marks": [*marks, *bounds],
    }
    told = "; ".join(
        f"for a lost {c} at most {clock(round(float(curve['above'].iloc[-1]) * SECOND_US))}"
        for c, curve in curves.items()
    )
    words = (
        f"What a failure at a random instant would cost, over all the time of all {found.n:,} "
        f"runs: {told or 'nothing was measured'}."
    )
    title = "Exposure: the data loss of a failure at any instant"
    return Chart("many_exposure", title, words, spec)


def _phases(found: Distribution) -> Iterator[Chart]:
    """The mean outage as a waterfall of its phases' means; they add up where every outage came to
    its end.
    """
    names = [p for p in PHASES if len(found.values(f"outage.{p}"))]
    means = {p.replace("_", " "): found.interval(f"outage.{p}.mean") for p in names}
    parts = [(name, round(i.estimate * SECOND_US)) for name, i in means.items() if i.estimate > 0]
    if parts:
        told = "; ".join(
            f"{name} {seconds(means[name].estimate)} (from {seconds(means[name].low)} to "
            f"{seconds(means[name].high)})"
            for name, _ in parts
        )
        whole = found.interval("outage.mean")
        open_ended = (
            ""
            if math.isfinite(whole.high)
            else " Some outages were not over by the end of their run: these are the least "
            "they can be."
        )
        yield waterfall(
            "many_phases",
            "Outage: phase by phase, means",
            parts,
            f"Mean outage {seconds(whole.estimate)}: {told}.{open_ended}",
        )


def _costs(found: Distribution) -> Iterator[Chart]:
    """Data loss and outage of the failovers that happened: each run's share that cost at most so
    much, with the interval of each quantile.
    """
    for measure, colour in (("data_loss", "blue"), ("outage", "orange")):
        values = np.sort(found.values(measure))
        if not len(values):
            continue
        shares = 100 * np.arange(1, len(values) + 1) / len(values)
        name = f"{measure.replace('_', ' ')} of {len(values)} runs"
        at_us = np.maximum(values, 0.5) * SECOND_US
        marks = [line(packed(at_us, shares), LineStyle(name, colour, steps=True))]
        told = []
        for statistic, share in QUANTILES.items():
            i = found.interval(f"{measure}.{statistic}")
            high = i.high if math.isfinite(i.high) else 4 * max(float(values[-1]), 150.0)
            ends = packed([max(i.low, 0.5) * SECOND_US, high * SECOND_US], [100 * share] * 2)
            marks.append(line(ends, LineStyle("interval of a quantile", "black", width=1.5)))
            told.append(
                f"{statistic} {seconds(i.estimate)} (from {seconds(i.low)} to {seconds(i.high)})"
            )
        bounds = _bounds(found, (measure,))
        spec = {
            "x": _axis(float(values[-1]), bounds, measure.replace("_", " ")),
            "y": {"kind": "percent", "to": 105, "title": "% of failovers at or below"},
            "height": 300,
            "marks": [*marks, *bounds],
        }
        title = f"{measure.replace('_', ' ').capitalize()} of the failovers that happened"
        yield Chart(f"many_{measure}", title, f"{', '.join(told)}.", spec)
