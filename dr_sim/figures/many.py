"""The charts of many replications: exposure over all their time, and what the failovers cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from dr_sim.figures.axes import LOG_DURATIONS
from dr_sim.figures.charts import (
    MS_US,
    Chart,
    LineStyle,
    line,
    packed,
    waterfall,
)
from dr_sim.figures.many_runs import DrawnInterval, ManyRuns
from dr_sim.formatting.numbers import with_interval
from dr_sim.scenario.model import FAILURE_CLASSES
from dr_sim.scenario.sla_measures import (
    PHASES,
    split,
)
from dr_sim.units import SECOND_US, clock

LEAST_MS = 500.0  # where an axis of durations begins at the latest: it is logarithmic
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_COLOURS = {"site": "blue", "host": "green", "database": "purple"}
_DASHES = {"site": "solid", "host": "dashed", "database": "dotted"}


def many_charts(found: ManyRuns) -> list[Chart]:
    """All of them, as far as there is something to show."""
    return [_exposure(found), *_costs(found), *_phases(found)]


def _with_interval(i: DrawnInterval) -> str:
    """Return an estimate in seconds with its interval: '2:08 [2:05, 2:11]'."""
    return with_interval(*(seconds(x) for x in (i.estimate, i.low, i.high)))


def seconds(value_s: float) -> str:
    """Return a duration from 0 on; '?' where it has no upper limit."""
    return (
        clock(max(0, round(value_s * SECOND_US)))
        if abs(value_s) < math.inf
        else "0:00"
        if value_s < 0
        else "?"
    )


def _axis(
    ends_s: tuple[float, float], bounds: list[dict[str, Any]], title: str
) -> dict[str, Any]:
    """An axis of durations with room for ten minutes, for every bound, and for what lies between
    ends_s; it begins at the tick below all of them.
    """
    at = [bound["x"] for bound in bounds]
    most_ms = max(2_000 * ends_s[1], 600_000.0, *(1.5 * x for x in at), 0.0)
    least_ms = min(600_000.0, 1_000 * ends_s[0], *at)
    below = [tick for tick in LOG_DURATIONS if tick < least_ms]
    low = max(LEAST_MS, below[-1] if below else 0.0)
    return {
        "kind": "log_duration",
        "from": low,
        "to": most_ms,
        "title": title,
    }


def _bounds(
    found: ManyRuns, measures: tuple[str, ...]
) -> list[dict[str, Any]]:
    """An upright line for each bound of the SLA, those of single databases too."""
    lines = {
        (line.bound, line.measure, line.database or line.tenant)
        for line in found.scenario.sla
        if split(line.measure)[0] in measures
        and ".above_" not in line.measure
    }
    return [
        {
            "type": "upright",
            "x": bound / 1_000,
            "label": " ".join(
                filter(None, ("SLA", measure, whose, clock(bound)))
            ),
            "colour": "black",
            "dash": dash,
        }
        for (bound, measure, whose), dash in zip(
            sorted(lines),
            cycle(("solid", "dashed", "dotted", "dotdash")),
            strict=False,
        )
    ]


def _exposure(found: ManyRuns) -> Chart:
    curves = {c: found.exposure_curve(c) for c in FAILURE_CLASSES}
    curves = {c: curve for c, curve in curves.items() if len(curve)}
    most = max(
        (float(curve["above"].iloc[-1]) for curve in curves.values()),
        default=1.0,
    )
    least = min(
        (
            float(s[s > 0].min())
            for curve in curves.values()
            if (s := curve["share"]).gt(0).any()
        ),
        default=1e-3,
    )
    marks = []
    for failure_class, curve in curves.items():
        x, y = (
            curve["above"].to_numpy()[1:],
            100 * curve["share"].to_numpy()[1:],
        )
        looks = LineStyle(
            f"{failure_class} lost",
            _COLOURS[failure_class],
            _DASHES[failure_class],
        )
        marks.append(
            line(packed(x * SECOND_US, np.where(y > 0, y, np.nan)), looks)
        )
    bounds = _bounds(found, ("data_loss", "exposure"))
    spec = {
        "x": _axis((0.0, most), bounds, "more than"),
        "y": {
            "kind": "log_percent",
            "from": 50 * least,
            "to": 130,
            "title": "% of the time",
        },
        "height": 300,
        "marks": [*marks, *bounds],
    }
    told = "; ".join(
        f"for a lost {c} at most {_longest(found, c, float(curve['above'].iloc[-1]))}"
        for c, curve in curves.items()
    )
    words = (
        f"What a failure at a random instant would cost, over all the time of all {found.n:,} "
        f"runs: {told or 'nothing was measured'}."
    )
    title = "Exposure: the data loss of a failure at any instant"
    return Chart("many_exposure", title, words, spec)


def _longest(found: ManyRuns, failure_class: str, end_s: float) -> str:
    """Return the highest exposure of these runs; end_s, where the curve ends, if a run had no way
    over.
    """
    most = found.interval("exposure.max", "", failure_class).estimate
    return clock(
        round((most if math.isfinite(most) else end_s) * SECOND_US)
    )


def _phases(found: ManyRuns) -> Iterator[Chart]:
    """The mean outage as a waterfall of its phases' means; they add up where every outage came to
    its end.
    """
    names = [p for p in PHASES if len(found.values(f"outage.{p}"))]
    means = {
        p.replace("_", " "): found.interval(f"outage.{p}.mean")
        for p in names
    }
    parts = [
        (name, round(i.estimate * SECOND_US))
        for name, i in means.items()
        if i.estimate > 0
    ]
    if parts:
        told = "; ".join(
            f"{name} {_with_interval(means[name])}" for name, _ in parts
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


def _costs(found: ManyRuns) -> Iterator[Chart]:
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
        marks = [
            line(packed(at_us, shares), LineStyle(name, colour, steps=True))
        ]
        bounds = _bounds(found, (measure,))
        each = {s: found.interval(f"{measure}.{s}") for s in QUANTILES}
        lows = [i.low for i in each.values() if i.low > 0]
        least_s = min([float(values[0]), *lows])
        ends_s = least_s, float(values[-1])
        x_axis = _axis(ends_s, bounds, measure.replace("_", " "))
        told = []
        for statistic, share in QUANTILES.items():
            i = each[statistic]
            # without a limit it continues to the end of the axis
            low_us = max(i.low * SECOND_US, x_axis["from"] * MS_US)
            high_us = min(i.high * SECOND_US, x_axis["to"] * MS_US)
            ends = packed([low_us, high_us], [100 * share] * 2)
            marks.append(
                line(
                    ends,
                    LineStyle("interval of a quantile", "black", width=1.5),
                )
            )
            told.append(f"{statistic} {_with_interval(i)}")
        spec = {
            "x": x_axis,
            "y": {
                "kind": "percent",
                "to": 105,
                "title": "% of failovers at or below",
            },
            "height": 300,
            "marks": [*marks, *bounds],
        }
        title = f"{measure.replace('_', ' ').capitalize()} of the failovers that happened"
        yield Chart(f"many_{measure}", title, f"{', '.join(told)}.", spec)
