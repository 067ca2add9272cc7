"""True and reported exposure over the run and around its highest."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dr_sim.figures.style import (
    BLACK,
    BLUE,
    ORANGE,
    RED,
    AxisClock,
    Window,
    band,
    bare,
    clock_of,
    dashed,
    over,
    stacked,
    top_of,
)
from dr_sim.figures.views import Views
from dr_sim.measures.exposure import Curve
from dr_sim.units import DAY_US, HOUR_US, MINUTE_US, clock


def draw_exposure(views: Views) -> Figure:
    end, scenario = views.end_us, views.whole.legs[0].scenario
    true, told = views.whole.exposure(), views.whole.reported()
    windows = [(0, end)]
    peak = _peak(true)
    if peak is not None and end > 2 * DAY_US:
        reach = max(3 * true.max_us(), 2 * HOUR_US)
        windows.append((max(0, peak - reach), min(end, peak + reach // 2)))
    figure, axes = stacked([3.0] * len(windows), [0.4, 0.7][: len(windows)])
    time = clock_of(scenario)
    for ax, window in zip(axes, windows, strict=True):
        _panel(ax, time, window, true, told, views)
    axes[0].set_title(f"{scenario.name}: exposure to the loss of the site" + dashed(views))
    if len(windows) > 1:
        axes[1].set_title("Around the highest")
    return figure


def _peak(curve: Curve) -> int | None:
    """When the curve is at its highest."""
    if not curve.duration_us:
        return None
    x, y = curve.points()
    return int(x[int(np.argmax(y))])


def _panel(
    ax: Axes,
    time: AxisClock,
    window: Window,
    true: Curve,
    told: Curve,
    views: Views,
) -> None:
    scenario = views.whole.scenario
    band(ax, time, true, window, ORANGE, "true")
    over(ax, time, told, window, BLUE, "reported: what the recovery manager believes")
    top = max(top_of(true.window(*window), told.window(*window)), 10 * MINUTE_US)
    lines = [
        (f"SLA {j.id}", j.bound, BLACK)
        for j in scenario.sla
        if j.measure in ("data_loss", "exposure.max") and j.at_most
    ]
    for word, level, colour in [*lines, ("danger", scenario.danger_us, RED)]:
        if level <= 3 * top:
            top = max(top, level)
            ax.axhline(level / MINUTE_US, color=colour, lw=1, ls="--" if word == "danger" else "-")
            side = "right" if word == "danger" else "left"
            ax.annotate(
                f"{word} {clock(level)}",
                (1 if side == "right" else 0, level / MINUTE_US),
                xycoords=("axes fraction", "data"),
                ha=side,
                va="bottom",
                fontsize=8,
                color=colour,
            )
    for failed_us in views.failures_us:
        if window[0] <= failed_us < window[1]:
            ax.axvline(float(time.days(failed_us)), color=BLACK, lw=1.2, ls="--")
    bare(ax, time, views.unprotected, window, "unprotected")
    ax.set_ylim(0, top / MINUTE_US * 1.15)
    ax.set_ylabel("minutes")
    ax.grid(color="#E0E0E0", lw=0.6)
    ax.set_axisbelow(True)
    ax.legend(loc="upper left", fontsize=8, frameon=True, framealpha=0.9, ncols=2)
    time.axis(ax, *window)
