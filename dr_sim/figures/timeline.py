"""The run in lanes: events, backups, link, how far behind, alerts; and below them the hours around
the failover.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dr_sim.backups.model import Kind
from dr_sim.figures.failover import MOST_LINES, draw_failover, near, zoom_window
from dr_sim.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SKY,
    SLICES,
    AxisClock,
    Window,
    band,
    bare,
    clock_of,
    dashed,
    draw_alerts,
    lane,
    over,
    shade,
    stacked,
    top_of,
)
from dr_sim.figures.views import Views
from dr_sim.units import DAY_US, MINUTE_US, SECOND_US

MOST_FAILOVERS = 4  # of which each has panels of its own


def draw_timeline(views: Views) -> Figure:
    scenario, end = views.whole.legs[0].scenario, views.end_us
    zooms = [(v, f, zoom_window(v.causes, f)) for v in views.legs for f in v.found][:MOST_FAILOVERS]
    drawn: list[Callable[[Axes, Views, AxisClock, Window], None]] = [
        _events,
        _backups,
        _link,
        _behind,
        _alerts,
    ]
    lanes, gaps = [0.9, 1.1, 1.6, 2.2, 0.7], [0.35, 0.15, 0.15, 0.15, 0.15]
    if len(views.legs) > 1:
        drawn, lanes, gaps = [_sites, *drawn], [0.35, *lanes], [0.35, 0.15, *gaps[1:]]
    for v, f, window in zooms:
        lanes += [0.55, 1.5 + 0.15 * min(len(near(v.t, v.causes, f, window)), MOST_LINES), 0.7]
        gaps += [0.7, 0.12, 0.12]
    figure, axes = stacked(lanes, gaps)
    time = clock_of(scenario)
    for ax, draw in zip(axes, drawn, strict=False):
        draw(ax, views, time, (0, end))
        time.axis(ax, 0, end)
        bare(ax, time, views.unprotected, (0, end))
        for failed_us in views.failures_us:
            ax.axvline(float(time.days(failed_us)), color=BLACK, lw=1, ls="--", zorder=5)
    for ax in axes[: len(drawn) - 1]:
        ax.tick_params(labelbottom=False)
    dotted = "; dotted: unprotected" if views.unprotected else ""
    axes[0].set_title(f"{scenario.name}: the run" + dashed(views).replace(")", dotted + ")"))
    for i, (v, f, window) in enumerate(zooms):
        at = len(drawn) + 3 * i
        number = f" {i + 1}" if len(zooms) > 1 else ""
        draw_failover(axes[at : at + 3], v, time.later(v.leg.begins_us), f, window, number)
    return figure


def _sites(ax: Axes, views: Views, time: AxisClock, window: Window) -> None:
    """Which site is the primary and which the secondary."""
    for i, (begin, end, words) in enumerate(views.sites()):
        ax.barh(
            0,
            (end - begin) / DAY_US,
            left=float(time.days(begin)),
            height=0.9,
            color="#F2F2F2" if i % 2 else "#D9D9D9",
            edgecolor=BLACK,
            lw=0.5,
            alpha=0.8,
        )
        short = words if end - begin > (window[1] - window[0]) // 6 else words.partition(",")[0]
        ax.text(float(time.days(begin)), 0, f" {short}", va="center", fontsize=8)
    ax.set_ylim(-0.6, 0.6)
    ax.set_yticks([])
    lane(ax, "sites")


def _events(ax: Axes, views: Views, time: AxisClock, window: Window) -> None:
    """Faults and orders as spans, with the number they bear in the scenario; what lies close
    together is stacked.
    """
    shortest = (window[1] - window[0]) // 250
    rows: list[int] = []  # where each row is free again
    for h in sorted(views.happenings, key=lambda h: h.begin_us):
        label = f"{h.number} {h.what.replace('_', ' ')}" if h.number else ""
        # what is lost stays lost: the instant matters
        ends_us = h.begin_us if h.fatal else h.end_us
        width = max(ends_us - h.begin_us, shortest)
        needs = width + (len(label) * (window[1] - window[0]) // 140 if label else 0)
        row = next((i for i, free in enumerate(rows) if free <= h.begin_us), len(rows))
        rows[row : row + 1] = [h.begin_us + needs]
        colour = BLACK if h.fatal else RED
        ax.barh(
            row,
            width / DAY_US,
            left=float(time.days(h.begin_us)),
            height=0.7,
            color=colour,
            alpha=0.85,
        )
        if label and h.begin_us + needs < window[1]:
            ax.text(
                float(time.days(h.begin_us + width + shortest)), row, label, va="center", fontsize=8
            )
        elif label:
            ax.text(
                float(time.days(h.begin_us - shortest)),
                row,
                label,
                va="center",
                ha="right",
                fontsize=8,
            )
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.set_yticks([])
    lane(ax, "events")
    if not views.happenings:
        ax.text(0.01, 0.5, "none", transform=ax.transAxes, va="center", color=GREY)


def _backups(ax: Axes, views: Views, time: AxisClock, window: Window) -> None:
    """Fulls and incrementals as bars; of logs how many were finished in each slice."""
    shortest = (window[1] - window[0]) / 500
    colours = {Kind.FULL: BLUE, Kind.INCREMENTAL: SKY}
    logs: list[int] = []
    for v in views.legs:
        began_us = v.leg.begins_us
        for f in (
            f for database in range(len(v.leg.scenario.databases)) for f in v.causes.files(database)
        ):
            if f.kind == Kind.LOG:
                if f.finished_us is not None:
                    logs.append(began_us + f.finished_us)
                continue
            stop = min(f.finished_us or f.cut_off_us or v.ends_us, v.ends_us)
            left = float(time.days(began_us + f.begin_us))
            ax.barh(
                1 - f.kind,
                max(stop - f.begin_us, shortest) / DAY_US,
                left=left,
                height=0.7,
                color=colours[Kind(f.kind)],
            )
    count, edges = np.histogram(logs, bins=min(200, SLICES), range=window)
    if count.max(initial=0):
        ax.stairs(
            -0.4 - 0.0 * count + 0.8 * count / count.max() - 1.0,
            time.days(edges),
            baseline=-1.4,
            fill=True,
            color=GREEN,
        )
    ax.set_ylim(-1.6, 1.6)
    ax.set_yticks([1, 0, -1], ["full", "incremental", "logs"])
    lane(ax, "backups")


def _link(ax: Axes, views: Views, time: AxisClock, window: Window) -> None:
    """Draw what crossed the link in each slice, against its capacity; hatched where it was down."""
    capacity = views.whole.legs[0].scenario.link.bandwidth_bit_s / 1e6
    ax.stairs(*sent_rate(views, window, SLICES // 3, capacity, time.days), fill=True, color=BLUE)
    ax.axhline(capacity, color=GREY, lw=1, ls=":")
    for v in views.legs:
        mine = time.later(v.leg.begins_us)
        shade(ax, mine, v.causes.link_down, (0, min([v.ends_us, *(f.failed_us for f in v.found)])))
    ax.set_ylim(0, capacity * 1.15)
    lane(ax, "link\nMbit/s")


def sent_rate(
    views: Views, window: Window, slices: int, capacity: float, at: Callable[[Any], Any]
) -> tuple[Any, Any]:
    """(Mbit/s in each slice, the slices' edges) over all legs."""
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
        first = int(np.searchsorted(edges, v.leg.begins_us, side="right")) - 1
        rate[first:] += spread(bits[first:] / width_s / 1e6, capacity)
    return rate, at(edges)


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


def _behind(ax: Axes, views: Views, time: AxisClock, window: Window) -> None:
    scenario = views.whole.legs[0].scenario
    lag, exposed = views.whole.replay_lag(), views.whole.exposure()
    band(ax, time, exposed, window, ORANGE, "true exposure (site)")
    over(ax, time, lag, window, BLUE, "replay lag")
    ax.axhline(scenario.danger_us / MINUTE_US, color=RED, lw=1, ls="--")
    ax.annotate(
        "danger",
        (1, scenario.danger_us / MINUTE_US),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=8,
        color=RED,
    )
    ax.set_ylim(0, max(top_of(exposed, lag), scenario.danger_us) / MINUTE_US * 1.12)
    ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=2)
    lane(ax, "behind\nminutes")


def _alerts(ax: Axes, views: Views, time: AxisClock, window: Window) -> None:
    draw_alerts(ax, views.alerts, time, window)
    lane(ax, "alerts")
