"""The still pictures of a run: what happened when (timeline), and how exposed it was (exposure)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dr_sim.figures.charts import MS_US, Chart
from dr_sim.figures.drawing import Panel, picture_of
from dr_sim.figures.failover import failover_charts, zoom_window
from dr_sim.figures.shapes import Picture
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import Views
from dr_sim.measures.exposure.exposure import Curve
from dr_sim.units import DAY_US, HOUR_US

MOST_FAILOVERS = 4  # of which each has panels of its own
NEAR_A_FAILOVER = ("events", "alerts")  # and its exposure


def timeline_picture(timeline: Timeline) -> Picture:
    """Every lane over the run, and some of them around each failover, with its files and phases."""
    seen, lanes = timeline.seen, timeline.lanes
    panels = [Panel(chart) for chart in lanes]
    found = [(view, f) for view in seen.legs for f in view.found]
    for number, (view, failover) in enumerate(found[:MOST_FAILOVERS], 1):
        begins_us = view.leg.begins_us
        begin, end = zoom_window(view.causes, failover)
        window_us = begin + begins_us, end + begins_us
        window = window_us[0] / MS_US, window_us[1] / MS_US
        which = f" {number}" if len(found) > 1 else ""
        near = [
            _in_sight(chart, window)
            for chart in lanes
            if chart.key in NEAR_A_FAILOVER
        ]
        near.insert(1, timeline.exposure_near(window_us, capped=True))
        for chart in (*near, *failover_charts(view, failover)):
            heading = (
                f"Around the failover{which}" if chart is near[0] else ""
            )
            panels.append(Panel(chart, window, heading))
    return picture_of(_title(seen, "the run"), panels, timeline.axis([]))


def exposure_picture(timeline: Timeline) -> Picture:
    """Draw the true and the reported exposure to the loss of the site with the SLA's lines, and its
    shares.
    """
    seen = timeline.seen
    panels = [Panel(timeline.exposure)]
    true = seen.whole.exposure()
    if true.duration_us and seen.end_us > 2 * DAY_US:
        peak = _peak(true)
        reach = max(3 * true.max_us(), 2 * HOUR_US)
        reach = min(
            reach, seen.end_us // 10
        )  # else it is the whole run again
        window = max(0, peak - reach), min(seen.end_us, peak + reach // 2)
        near = window[0] / MS_US, window[1] / MS_US
        chart = timeline.exposure_near(window)
        panels.append(Panel(chart, near, "Around the highest"))
    panels += [Panel(chart) for chart in timeline.shares]
    return picture_of(_title(seen, "exposure"), panels, timeline.axis([]))


def _in_sight(chart: Chart, window: tuple[float, float]) -> Chart:
    """Return a chart of bars without the rows in which nothing is in the window."""
    marks = chart.spec["marks"]
    if any(mark["type"] != "bars" for mark in marks):
        return chart
    kept = []
    used: set[int] = set()
    for mark in marks:
        bars = [bar for bar in mark["items"] if _meets(bar, window)]
        kept.append(bars)
        used.update(bar["row"] for bar in bars)
    rows = [chart.spec["y"]["rows"][row] for row in sorted(used)] or [
        "nothing"
    ]
    place = {row: i for i, row in enumerate(sorted(used))}
    drawn = []
    for mark, bars in zip(marks, kept, strict=True):
        items = [{**bar, "row": place[bar["row"]]} for bar in bars]
        drawn.append({**mark, "items": items})
    return replace(
        chart, spec={**chart.spec, "y": {"rows": rows}, "marks": drawn}
    )


def _meets(bar: dict[str, Any], window: tuple[float, float]) -> bool:
    return bool(bar["to"] >= window[0] and bar["from"] <= window[1])


def _title(seen: Views, what: str) -> str:
    failures = len(seen.failures_us)
    drawn = []
    if failures:
        drawn.append(
            "dashed: "
            + (
                "the failures, and failback"
                if failures > 1
                else "the failure"
            )
        )
    if seen.unprotected:
        drawn.append("shaded: unprotected")
    told = f" ({'; '.join(drawn)})" if drawn else ""
    return f"{seen.whole.scenario.name}: {what}{told}"


def _peak(curve: Curve) -> int:
    """Return when a curve is at its highest."""
    x, y = curve.points()
    return int(x[int(np.argmax(y))])
