"""The run in lanes: events, backups, link, how far behind, alerts; and below them the hours around the failover."""

from __future__ import annotations

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
    Clock,
    Window,
    band,
    clock_of,
    draw_alerts,
    lane,
    over,
    shade,
    stacked,
    top_of,
)
from dr_sim.journal import Journal
from dr_sim.measures.alerts import judge
from dr_sim.measures.causes import Causes
from dr_sim.measures.exposure import service_exposure
from dr_sim.measures.lag import service_lag
from dr_sim.measures.outcome import Failover, failovers
from dr_sim.measures.tables import Tables, run_end_us, tables
from dr_sim.scenario.model import Scenario
from dr_sim.units import DAY_US, MINUTE_US, SECOND_US


def draw_timeline(journal: Journal, scenario: Scenario) -> Figure:
    t = tables(journal)
    causes = Causes(t, scenario)
    end = run_end_us(t, scenario)
    found = failovers(t, scenario)
    lanes, gaps = [0.9, 1.1, 1.6, 2.2, 0.7], [0.35, 0.15, 0.15, 0.15, 0.15]
    if found:
        window = zoom_window(causes, found[0])
        lanes += [0.55, 1.5 + 0.15 * min(len(near(t, causes, found[0], window)), MOST_LINES), 0.7]
        gaps += [0.7, 0.12, 0.12]
    figure, axes = stacked(lanes, gaps)
    time = clock_of(scenario)
    for ax, draw in zip(axes[:5], (_events, _backups, _link, _behind, _alerts), strict=True):
        draw(ax, t, causes, time, (0, end), found)
        time.axis(ax, 0, end)
        for failover in found:
            ax.axvline(float(time.days(failover.failed_us)), color=BLACK, lw=1, ls="--", zorder=5)
    for ax in axes[:4]:
        ax.tick_params(labelbottom=False)
    axes[0].set_title(f"{scenario.name}: the run" + (" (dashed: the failure)" if found else ""))
    if found:
        draw_failover(axes[5:], t, causes, time, found[0], window)
    return figure


def _events(ax: Axes, t: Tables, causes: Causes, time: Clock, window: Window, found: list[Failover]) -> None:
    """Faults and orders as spans, with the number they bear in the scenario; what lies close together is stacked."""
    shortest = (window[1] - window[0]) // 250
    rows: list[int] = []  # where each row is free again
    for h in sorted(causes.happenings, key=lambda h: h.begin_us):
        label = f"{h.number} {h.what.replace('_', ' ')}" if h.number else ""
        ends_us = h.begin_us if h.what == "lose" else h.end_us  # what is lost stays lost: the instant matters
        width = max(ends_us - h.begin_us, shortest)
        needs = width + (len(label) * (window[1] - window[0]) // 140 if label else 0)
        row = next((i for i, free in enumerate(rows) if free <= h.begin_us), len(rows))
        rows[row : row + 1] = [h.begin_us + needs]
        colour = BLACK if h.what == "lose" else RED
        ax.barh(row, width / DAY_US, left=float(time.days(h.begin_us)), height=0.7, color=colour, alpha=0.85)
        if label and h.begin_us + needs < window[1]:
            ax.text(float(time.days(h.begin_us + width + shortest)), row, label, va="center", fontsize=8)
        elif label:
            ax.text(float(time.days(h.begin_us - shortest)), row, label, va="center", ha="right", fontsize=8)
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.set_yticks([])
    lane(ax, "events")
    if not causes.happenings:
        ax.text(0.01, 0.5, "none", transform=ax.transAxes, va="center", color=GREY)


def _backups(ax: Axes, t: Tables, causes: Causes, time: Clock, window: Window, found: list[Failover]) -> None:
    """Fulls and incrementals as bars; of logs how many were finished in each slice."""
    shortest = (window[1] - window[0]) / 500
    colours = {Kind.FULL: BLUE, Kind.INCREMENTAL: SKY}
    logs: list[int] = []
    for database in range(len(causes.scenario.databases)):
        for f in causes.files(database):
            if f.kind == Kind.LOG:
                if f.finished_us is not None:
                    logs.append(f.finished_us)
                continue
            stop = f.finished_us or f.cut_off_us or window[1]
            ax.barh(1 - f.kind, max(stop - f.begin_us, shortest) / DAY_US, left=float(time.days(f.begin_us)), height=0.7, color=colours[Kind(f.kind)])
    count, edges = np.histogram(logs, bins=min(200, SLICES), range=window)
    if count.max(initial=0):
        ax.stairs(-0.4 - 0.0 * count + 0.8 * count / count.max() - 1.0, time.days(edges), baseline=-1.4, fill=True, color=GREEN)
    ax.set_ylim(-1.6, 1.6)
    ax.set_yticks([1, 0, -1], ["full", "incremental", "logs"])
    lane(ax, "backups")


def _link(ax: Axes, t: Tables, causes: Causes, time: Clock, window: Window, found: list[Failover]) -> None:
    """What crossed the link in each slice, against its capacity; hatched where it was down."""
    sent = t["truth.transfer_bytes"]
    bits, edges = np.histogram(sent["time_us"], bins=SLICES // 3, range=window, weights=8.0 * sent["bytes"])
    width_s = (window[1] - window[0]) / (SLICES // 3) / SECOND_US
    rate = spread(bits / width_s / 1e6, causes.scenario.link.bandwidth_bit_s / 1e6)
    ax.stairs(rate, time.days(edges), fill=True, color=BLUE)
    capacity = causes.scenario.link.bandwidth_bit_s / 1e6
    ax.axhline(capacity, color=GREY, lw=1, ls=":")
    shade(ax, time, causes.link_down, (window[0], found[0].failed_us if found else window[1]))
    ax.set_ylim(0, capacity * 1.15)
    lane(ax, "link\nMbit/s")


def spread(rate: Any, capacity: float) -> Any:
    """Bytes are recorded when a transfer ends; what is more than the link carries in a slice was sent in those before."""
    out = np.array(rate, dtype=np.float64)
    over = 0.0
    for i in range(len(out) - 1, -1, -1):
        out[i] += over
        over = max(0.0, float(out[i]) - capacity)
        out[i] -= over
    return out


def _behind(ax: Axes, t: Tables, causes: Causes, time: Clock, window: Window, found: list[Failover]) -> None:
    scenario = causes.scenario
    lag, exposed = service_lag(t, scenario), service_exposure(t, scenario)
    band(ax, time, exposed, window, ORANGE, "true exposure (site)")
    over(ax, time, lag, window, BLUE, "replay lag")
    ax.axhline(scenario.danger_us / MINUTE_US, color=RED, lw=1, ls="--")
    ax.annotate("danger", (1, scenario.danger_us / MINUTE_US), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color=RED)
    ax.set_ylim(0, max(top_of(exposed, lag), scenario.danger_us) / MINUTE_US * 1.12)
    ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=2)
    lane(ax, "behind\nminutes")


def _alerts(ax: Axes, t: Tables, causes: Causes, time: Clock, window: Window, found: list[Failover]) -> None:
    draw_alerts(ax, judge(t, causes.scenario).alerts, time, window)
    lane(ax, "alerts")
