"""The lanes of machines: which part of the front ends ran at each side, and the jobs that deploy
and remove machines and move databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dr_sim.figures.backup_lane import coloured_bars
from dr_sim.figures.charts import (
    Chart,
    LineStyle,
    line,
    packed,
    spans,
)
from dr_sim.measures.cloud.machines import (
    FoundMachines,
    ImageMoved,
    Pause,
    Short,
    machine_jobs,
    machines_found,
    pauses,
)
from dr_sim.units import clock

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

_PERCENT = 10_000  # millionths
MOST_JOBS = 5_000  # that are drawn


def machine_lanes(timeline: Timeline) -> Iterator[Chart]:
    """Yield nothing where there are no machines."""
    t, scenario = timeline.seen.legs[0].t, timeline.scenario
    found = machines_found(t, scenario)
    if found is None:
        return
    yield _front_ends(timeline, found)
    jobs = machine_jobs(t, timeline.end_us)
    if jobs:
        yield _jobs(timeline, jobs)


def _front_ends(timeline: Timeline, found: FoundMachines) -> Chart:
    at = [level.at_us for level in found.levels]
    active = [level.serves_ppm for level in found.levels]
    second = [level.would_serve_ppm for level in found.levels]
    marks = [
        _part(timeline, at, active, LineStyle("active side", "blue")),
        _part(
            timeline,
            at,
            second,
            LineStyle("second side", "orange", "dashed", 1.5),
        ),
    ]
    end_us = timeline.end_us
    on_link = [_stretch(each, end_us) for each in found.images]
    if on_link:
        marks.append(spans(on_link, "image on the link", "grey"))
    t, scenario = timeline.seen.legs[0].t, timeline.scenario
    paused = [_stretch(each, end_us) for each in pauses(t, scenario)]
    if paused:
        marks.append(spans(paused, "backups paused by a move", "purple"))
    degraded = [_stretch(each, end_us) for each in found.degraded]
    short = sum(stop_us - begin_us for begin_us, stop_us in degraded)
    words = "As many front ends served as the goals say, all the time."
    if short:
        words = f"Fewer front ends served than the goals say for {clock(short)}."
    return Chart(
        "machines",
        "Machines: front ends that served, of their goal",
        words,
        timeline.lane(
            {"kind": "number", "title": "%", "least": 1}, marks, 170
        ),
    )


def _stretch(
    each: ImageMoved | Pause | Short, end_us: int
) -> tuple[int, int]:
    """Return (from, until); what had not ended lasted to the end of the run."""
    stop_us = end_us if each.ended_us is None else each.ended_us
    return each.began_us, stop_us


def _part(
    timeline: Timeline,
    at_us: list[int],
    ppm: list[int | None],
    looks: LineStyle,
) -> dict[str, Any]:
    """Return a line in steps, broken where there is no such side."""
    y = [np.nan if each is None else each / _PERCENT for each in ppm]
    stepped = LineStyle(
        looks.label, looks.colour, looks.dash, looks.width, steps=True
    )
    return line(packed([*at_us, timeline.end_us], [*y, *y[-1:]]), stepped)


def _jobs(
    timeline: Timeline, jobs: list[tuple[str, int, int, str]]
) -> Chart:
    """Return the jobs as bars, a row for each kind at each site."""
    rows = sorted({row for row, _, _, _ in jobs})
    bars = [
        timeline.bar(rows.index(row), begin, end, words)
        for row, begin, end, words in jobs[:MOST_JOBS]
    ]
    spec = timeline.lane({"rows": rows}, [coloured_bars(bars, "blue")])
    words = f"{len(jobs):,} scripts deployed, removed or moved something."
    if len(jobs) > MOST_JOBS:
        words += f" The first {MOST_JOBS:,} are drawn."
    return Chart("machine_jobs", "Jobs of machines and moves", words, spec)
