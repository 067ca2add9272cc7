"""The lanes of machines: which part of the front ends ran at each side, how many machines of each
role and version were in which state, and the jobs that deploy and remove machines and move
databases. The lane of drift: how far the other side's configuration was behind.
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
    points_of,
    spans,
)
from dr_sim.formatting.words import counted
from dr_sim.measures.cloud.machines import (
    ImageMoved,
    MachineCount,
    MachineFindings,
    Pause,
    Short,
    machine_counts,
    machine_jobs,
    machines_found,
    pauses,
)
from dr_sim.units import clock

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

_PERCENT = 10_000  # millionths
MOST_JOBS = 5_000  # that are drawn
MOST_COUNTS = 8  # lines in a chart: more cannot be told apart
_COLOURS = ("blue", "green", "purple", "orange", "grey")
_STATE_DASHES = {"running": "solid", "down": "dashed", "stopped": "dotdash"}


def machine_lanes(timeline: Timeline) -> Iterator[Chart]:
    """Yield nothing where there are no machines."""
    t, scenario = timeline.seen.legs[0].t, timeline.scenario
    found = machines_found(t, scenario)
    if found is None:
        return
    yield _front_ends(timeline, found)
    counts = machine_counts(t)
    for site in dict.fromkeys(each.site for each in counts):
        of_site = [each for each in counts if each.site == site]
        yield _states(timeline, site, of_site)
    jobs = machine_jobs(t, timeline.end_us)
    if jobs:
        yield _jobs(timeline, jobs)


def _front_ends(timeline: Timeline, found: MachineFindings) -> Chart:
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


def _states(
    timeline: Timeline, site: str, counts: list[MachineCount]
) -> Chart:
    """Return a line for each role, version and state; the version's colour, the state's dash."""
    kinds = list(dict.fromkeys((each.role, each.image) for each in counts))
    drawn = sorted(counts, key=lambda each: -each.most)[:MOST_COUNTS]
    marks = []
    for each in sorted(drawn, key=counts.index):
        at = [at_us for at_us, _ in each.steps] + [timeline.end_us]
        many = [count for _, count in each.steps]
        colour = _COLOURS[
            kinds.index((each.role, each.image)) % len(_COLOURS)
        ]
        label = f"{each.role.replace('_', ' ')}, {each.image}: {each.state}"
        dash = _STATE_DASHES.get(each.state, "dotted")
        looks = LineStyle(label, colour, dash, 1.5, steps=True)
        marks.append(line(packed(at, [*many, many[-1]]), looks))
    most = "; ".join(
        f"{each.role.replace('_', ' ')}, {each.image}: at most {each.most:,} {each.state}"
        for each in drawn
    )
    left_out = len(counts) - len(drawn)
    more = (
        f" {counted(left_out, 'more line')} with fewer machines."
        if left_out
        else ""
    )
    return Chart(
        f"machines_{site}",
        f"Machines at {site}: how many, by role, version and state",
        f"{most[:1].upper()}{most[1:]}.{more}",
        timeline.lane(
            {"kind": "number", "title": "", "least": 1}, marks, 190
        ),
    )


def drift_lane(timeline: Timeline) -> Iterator[Chart]:
    """Yield nothing where no cloud manager mirrors its configuration."""
    if timeline.scenario.cloud is None:
        return
    whole = timeline.seen.whole
    true, told = whole.drift(), whole.reported_drift()
    if not true.duration_us:
        return
    believed = LineStyle("reported", "sky", width=6, edge=True)
    marks = [
        line(points_of(told), believed),
        line(points_of(true), LineStyle("true", "orange", width=1.8)),
    ]
    words = (
        f"The second side's configuration was at most {clock(true.max_us())} behind; "
        f"the cloud manager's own estimate was at most {clock(told.max_us())}."
    )
    yield Chart(
        "drift",
        "Configuration drift: true beside reported",
        words,
        timeline.lane({"kind": "duration", "title": ""}, marks),
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
    words = f"{counted(len(jobs), 'script')} deployed, removed or moved something."
    if len(jobs) > MOST_JOBS:
        words += f" The first {MOST_JOBS:,} are drawn."
    return Chart("machine_jobs", "Jobs of machines and moves", words, spec)
