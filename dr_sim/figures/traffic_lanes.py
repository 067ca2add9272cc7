"""The lanes of the link and of the logs that wait for it, or for their restore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dr_sim.figures.charts import (
    MOST_POINTS,
    Chart,
    LineStyle,
    line,
    packed,
    spans,
    thinned,
)
from dr_sim.figures.views import Views
from dr_sim.formatting.words import counted, size
from dr_sim.measures.exposure.backlog import Backlog, backlog
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Tables
from dr_sim.units import BIT_RATES, SECOND_US, clock, format_bandwidth

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

LINK_SLICES = 2_000


def _unit(bandwidth_bit_s: int) -> tuple[str, int]:
    """Return the unit of an axis that ends at a bandwidth, and how many bit/s it is."""
    for unit in ("Gbit/s", "Mbit/s", "kbit/s"):
        if bandwidth_bit_s >= BIT_RATES[unit]:
            return unit, BIT_RATES[unit]
    return "bit/s", 1


def link_lane(timeline: Timeline) -> Chart:
    unit, bit_s = _unit(timeline.scenario.link.bandwidth_bit_s)
    capacity = timeline.scenario.link.bandwidth_bit_s / bit_s
    rate, edges = sent_rate(
        timeline.seen, (0, timeline.end_us), LINK_SLICES, capacity * bit_s
    )
    rate = rate / bit_s
    marks = [
        line(
            packed(edges, np.append(rate, rate[-1:])),
            LineStyle("sent", "blue", width=1.5, steps=True),
        )
    ]
    ends = packed([0, timeline.end_us], [capacity, capacity])
    marks.append(line(ends, LineStyle("bandwidth", "grey", "dotted")))
    down = []
    for v in timeline.seen.legs:  # a lost site has no link
        lost_us = min(
            [
                v.ends_us,
                *(
                    f.failed_us
                    for f in v.found
                    if f.failure_class == "site"
                ),
            ]
        )
        mine = [
            (begin, min(end, lost_us))
            for begin, end in v.causes.link_down
            if begin < lost_us
        ]
        down += [
            (v.leg.begins_us + begin, v.leg.begins_us + end)
            for begin, end in mine
        ]
    if down:
        marks.append(spans(down, "down", "red"))
    total = sum(end - begin for begin, end in down)
    return Chart(
        "link",
        _link_title(timeline),
        f"{size(sum(int(v.t['truth.transfer_bytes']['bytes'].sum()) for v in timeline.seen.legs))} "
        f"crossed a link of {format_bandwidth(timeline.scenario.link.bandwidth_bit_s)}; it was "
        f"{f'down for {clock(total)}' if total else 'never down'}.",
        timeline.lane(
            {"kind": "number", "title": unit, "least": 0.001}, marks
        ),
    )


def _link_title(timeline: Timeline) -> str:
    """Name the ends of the link that is drawn, where there are several."""
    if len(timeline.scenario.standbys) < 2:
        return "Link"
    ends = [
        f"from {v.leg.primary} to {v.leg.secondary}"
        for v in timeline.seen.legs
    ]
    return f"Link {', then '.join(dict.fromkeys(ends))}"


def backlog_lane(timeline: Timeline) -> Chart:
    to_land: list[tuple[int, int, Backlog]] = []
    to_restore: list[tuple[int, int, Backlog]] = []
    for view in timeline.seen.legs:
        not_landed, not_restored = backlog(view.t, view.leg.scenario)
        to_land.append((view.leg.begins_us, view.ends_us, not_landed))
        to_restore.append((view.leg.begins_us, view.ends_us, not_restored))
    landing, restoring = over_legs(to_land), over_legs(to_restore)
    marks = []
    for part, colour, word, dash in (
        (landing, "orange", "not landed", "solid"),
        (restoring, "blue", "landed, not restored", "dashed"),
    ):
        looks = LineStyle(word, colour, dash, 1.5, steps=True)
        marks.append(line(packed(*_steps(timeline, part)), looks))
    staging = _staging(timeline)
    if staging:
        marks.append(spans(staging, "staging full", "purple"))
    full = sum(end - begin for begin, end in staging)
    held = f"full for {clock(full)}" if staging else "never full"
    if len(staging) > 1:
        held += f", {len(staging):,} times"
    of = " of all databases" if len(timeline.scenario.databases) > 1 else ""
    words = (
        f"At most {counted(landing.most, 'log')}{of} waited to land and {restoring.most:,} "
        f"to be restored; staging was {held}."
    )
    spec = timeline.lane(
        {"kind": "number", "title": "logs", "least": 1}, marks, 170
    )
    return Chart("backlog", "Backlog and staging", words, spec)


def _steps(timeline: Timeline, part: Backlog) -> tuple[Any, Any]:
    x = np.append(np.insert(part.at_us, 0, 0), timeline.end_us)
    return thinned(
        x,
        np.append(np.insert(part.count, 0, 0), part.last),
        MOST_POINTS // 2,
    )


def _staging(timeline: Timeline) -> list[tuple[int, int]]:
    """The maximal intervals in which some file waited because staging was full."""
    held: list[tuple[int, int]] = []
    for v in timeline.seen.legs:
        held += [
            (v.leg.begins_us + begin, v.leg.begins_us + end)
            for begin, end in _held(v.t, v.ends_us)
        ]
    return maximal(sorted(held))


def _held(t: Tables, end_us: int) -> list[tuple[int, int]]:
    """Return when single files waited because staging was full."""
    rows = t["truth.file_state"]
    order = np.lexsort((rows["seq"], rows["file"]))
    file, time = rows["file"][order], rows["time_us"][order]
    held = t.has_text(rows["state"][order], "staging")
    same = np.append(file[1:] == file[:-1], False)
    stop = np.where(same, np.append(time[1:], end_us), end_us)
    return list(zip(time[held].tolist(), stop[held].tolist(), strict=True))


def over_legs(each: Sequence[tuple[int, int, Backlog]]) -> Backlog:
    """(begins_us, ends_us, backlog in the leg's time) of every leg, as one in the run's time; each
    begins with nothing.
    """
    at, count = [], []
    for begins, ends, of in each:
        there = of.at_us < ends
        first = np.zeros(int(begins > 0), np.int64)
        at += [first + begins, of.at_us[there] + begins]
        count += [first, of.count[there]]
    return Backlog(np.concatenate(at), np.concatenate(count))


def sent_rate(
    views: Views, window: tuple[int, int], slices: int, capacity: float
) -> tuple[Any, Any]:
    """(bit/s in each slice, the slices' edges) over all legs. capacity: of the link, in bit/s."""
    rate = np.zeros(slices)
    edges = np.linspace(*window, slices + 1)
    width_s = (window[1] - window[0]) / slices / SECOND_US
    for v in views.legs:
        sent = v.t["truth.transfer_bytes"]
        bits, _ = np.histogram(
            sent["time_us"] + v.leg.begins_us,
            bins=slices,
            range=window,
            weights=8.0 * sent["bytes"],
        )
        # what it sent it sent since it began
        first = (
            int(np.searchsorted(edges, v.leg.begins_us, side="right")) - 1
        )
        rate[first:] += spread(bits[first:] / width_s, capacity)
    return rate, edges


def spread(rate: Any, capacity: float) -> Any:
    """Bytes are recorded when a transfer ends; what is more than the link carries in a slice was
    sent in those before.
    """
    out = np.array(rate, dtype=np.float64)
    over = 0.0
    for i in range(len(out) - 1, -1, -1):
        out[i] += over
        over = max(0.0, float(out[i]) - capacity)
        out[i] -= over
    return out
