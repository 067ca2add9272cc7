"""Many replications in one picture: exposure over all time, and what the failovers cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from dr_sim.figures import save_svg
from dr_sim.figures.many_runs import ManyRuns
from dr_sim.figures.style import BLUE, GREEN, ORANGE, PURPLE, RED, STYLE
from dr_sim.scenario.sla import CLASSES, split
from dr_sim.units import SECOND_US

_TICKS = (
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (300, "5 min"),
    (900, "15 min"),
    (3600, "1 h"),
    (6 * 3600, "6 h"),
    (86400, "1 d"),
    (7 * 86400, "1 week"),
)
_COLOURS = {"site": BLUE, "host": GREEN, "database": PURPLE}
_LINES = {"site": "-", "host": "--", "database": ":"}


def distribution_svg(found: ManyRuns, path: Path) -> None:
    """Share of time above each exposure, by class of failure; share of failovers that cost more,
    data loss and outage.
    """
    with mpl.rc_context(STYLE):
        save_svg(distribution_figure(found), path)


def distribution_figure(found: ManyRuns) -> Figure:
    """The same, not saved."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        seen = _exposure(left, found)
        _costs(right, found, seen)
    return figure


def _exposure(ax: Any, found: ManyRuns) -> float:
    most = 1.0
    for failure_class in CLASSES:
        curve = found.exposure_curve(failure_class)
        if not len(curve):
            continue
        x, y = curve["above"].to_numpy()[1:], curve["share"].to_numpy()[1:]
        most = max(most, float(x[-1])) if len(x) else most
        ax.plot(
            x,
            np.where(y > 0, y, np.nan),
            color=_COLOURS[failure_class],
            ls=_LINES[failure_class],
            label=failure_class,
        )
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    _axis(ax, most)
    _bounds(ax, found, ("data_loss", "exposure"))
    ax.set_title(f"Exposure over the {found.n:,} runs: share of the time above")
    if ax.lines:
        ax.legend(title="class of failure", frameon=False)
    return most


def _costs(ax: Any, found: ManyRuns, most: float) -> None:
    for measure, colour in (("data_loss", BLUE), ("outage", ORANGE)):
        values = np.sort(found.values(measure))
        if len(values):
            ax.step(
                np.maximum(values, 0.1),
                1 - np.arange(len(values)) / len(values),
                where="pre",
                color=colour,
                label=measure.replace("_", " "),
            )
            most = max(most, float(values[-1]))
    if not len(found.values("outage")):
        ax.text(0.5, 0.5, "no failover happened", ha="center", va="center", transform=ax.transAxes)
    else:
        ax.legend(frameon=False)
    _axis(ax, most)
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    _bounds(ax, found, ("data_loss", "outage"))
    ax.set_title("Failovers: share that cost at least")


def _axis(ax: Any, most: float) -> None:
    ax.set_xscale("log")
    ticks = [(x, name) for x, name in _TICKS if x <= 3 * most]
    ax.set_xticks([x for x, _ in ticks], [name for _, name in ticks])
    ax.set_xticks([], minor=True)
    ax.grid(color="#E0E0E0", lw=0.6)
    ax.set_axisbelow(True)


def _bounds(ax: Any, found: ManyRuns, measures: tuple[str, ...]) -> None:
    bounds = {
        (line.bound, split(line.measure)[0].replace("_", " "))
        for line in found.scenario.sla
        if split(line.measure)[0] in measures and ".above_" not in line.measure
    }
    for i, (bound, of) in enumerate(sorted(bounds)):
        ax.axvline(bound / SECOND_US, color=RED, ls="--", lw=1)
        ax.annotate(
            "\n" * i + f" SLA {of}",
            (bound / SECOND_US, 1.0),
            xycoords=("data", "axes fraction"),
            va="top",
            color=RED,
            fontsize=8,
        )
