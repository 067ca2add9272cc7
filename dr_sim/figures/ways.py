"""Lanes of the outage that a loss of the site would mean at any time: of the service, by the best
way back, and of each way by itself.

Each way has a lane and an axis of its own: a promotion takes minutes and a restore hours, so lines
in one lane would lie on each other at its bottom. While a way is closed its line is broken, and the
time is shaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dr_sim.figures.charts import (
    Chart,
    LineStyle,
    level,
    line,
    points_of,
    spans,
)
from dr_sim.figures.timeline import Timeline
from dr_sim.measures.outage_now.each_way import outage_of_place
from dr_sim.measures.outage_now.falling import Falling
from dr_sim.measures.outage_now.way_over import NO_WAY_US, SITE
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.sla_measures import (
    head_of,
    place_of,
    split,
)
from dr_sim.units import clock

MOST_POINTS_OF_A_WAY = 2_000
_SERVICE_PX, _WAY_PX = 170, 110


@dataclass(frozen=True, slots=True)
class _Lane:
    """Content of one lane."""

    key: str
    title: str
    curve: Falling
    colour: str
    height: int


def way_charts(timeline: Timeline) -> list[Chart]:
    """Return the lane of the service, and where there are several copies one for each of them."""
    whole, scenario = timeline.seen.whole, timeline.scenario
    service = _Lane(
        "outage_if_now",
        "Outage if the site were lost now, by the best way back",
        whole.outage_if_now(),
        "blue",
        _SERVICE_PX,
    )
    found = [_chart(timeline, service, "")]
    for spec in scenario.standbys if len(scenario.standbys) > 1 else ():
        way = "promoting" if spec.store is None else "a restore from"
        lane = _Lane(
            f"way_{len(found)}",
            f"Outage if the site were lost now, by {way} {spec.name}",
            outage_of_place(whole, spec.name),
            "green" if spec.store is None else "purple",
            _WAY_PX,
        )
        found.append(_chart(timeline, lane, spec.name))
    return found


def _chart(timeline: Timeline, lane: _Lane, place: str) -> Chart:
    each = None
    if not place:
        each = timeline.of_each(
            lambda name: ends(timeline.seen.whole.outage_if_now(name))
        )
    known = ends(lane.curve)
    looks = LineStyle("outage", lane.colour, width=1.8)
    marks = [line(points_of(known, MOST_POINTS_OF_A_WAY), looks, each)]
    closed = lane.curve.above(NO_WAY_US // 2)
    if closed:
        marks.append(spans(closed, "no way back", "red"))
    for j in _bounds(timeline.scenario.sla, place):
        marks.append(level(j.bound, f"SLA {j.id}", "black"))
    y = {"kind": "duration", "title": "", "least": 1}
    return Chart(
        lane.key,
        lane.title,
        _in_words(known, closed),
        timeline.lane(y, marks, lane.height),
    )


def ends(curve: Falling) -> Falling:
    """Return a curve without the time in which there is no way back."""
    at_begin = np.maximum(curve.floor_us, curve.until_us - curve.start_us)
    there = at_begin < NO_WAY_US // 2
    return Falling(
        curve.start_us[there],
        curve.stop_us[there],
        curve.floor_us[there],
        curve.until_us[there],
    )


def _bounds(lines: Sequence[SlaLine], place: str) -> list[SlaLine]:
    """Return the SLA's bounds on that outage: of the service also those on an outage that came."""
    found = []
    for j in lines:
        base, statistic = split(j.measure)
        of_it = head_of(base) == "outage_if_now" and statistic == "max"
        of_it = of_it or j.measure == "outage"
        whole = not (j.database or j.tenant or j.fault)
        site = j.failure_class in ("", SITE)
        same = place_of(j.measure) == place
        if of_it and whole and site and same and j.at_most:
            found.append(j)
    return found


def _in_words(known: Falling, closed: Sequence[tuple[int, int]]) -> str:
    never = sum(end - begin for begin, end in closed)
    if not known.duration_us and not never:
        return "Nothing was measured."
    if not known.duration_us:
        return "There was no way back at any time."
    told = f"At most {clock(known.max_us())}"
    if not never:
        return f"{told}."
    return f"{told}; for {clock(never)} there was no way back."
