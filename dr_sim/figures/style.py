"""Tells what the pictures share: colours, the time axis, bands for what is too dense to draw one by
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dr_sim.measures.alerts import Alert
from dr_sim.measures.exposure import Curve
from dr_sim.measures.tables import Ints
from dr_sim.scenario.model import Scenario
from dr_sim.units import DAY_US, HOUR_US, MINUTE_US, SECOND_US

if TYPE_CHECKING:
    from dr_sim.figures.views import Views

_dates: Any = mdates  # its functions have no types

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY = "#8A8A8A"
ALERT_MARKS = {  # by their event ids in the README
    1: ("v", RED, "missing log"),
    2: ("o", ORANGE, "no new logs"),
    3: ("s", PURPLE, "errors while restoring"),
    4: ("D", BLUE, "damaged file"),
    5: ("X", BLACK, "not recovered"),
    6: ("P", GREY, "files left behind"),
    7: ("p", SKY, "planned failover waits"),
    8: ("^", YELLOW, "restored too late"),
    9: ("<", GREEN, "backup failed"),
    10: (">", RED, "log full"),
    11: ("h", PURPLE, "no room for a full"),
    12: ("d", BLACK, "not fenced for certain"),
    13: ("*", RED, "old primary heard again"),
    14: ("H", SKY, "silence ended"),
    15: ("8", ORANGE, "nothing to fail over to"),
    16: ("s", BLUE, "the primary's clock differs"),
    17: ("v", BLACK, "restored short of its end"),
    18: ("o", RED, "logs wait to be restored"),
    19: ("X", RED, "not protected"),
    20: ("P", ORANGE, "not set up for it"),
    21: ("p", BLACK, "waits for the only way back"),
    14420: ("s", ORANGE, "monitor: no backup"),
    14421: ("D", RED, "monitor: out of sync"),
}
STYLE: Any = {
    "text.parse_math": False,  # a name may hold dollar signs
    "svg.hashsalt": "dr_sim",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}
_WIDTH_IN = 13.0
SLICES = 900  # about one a pixel of the overview

Window = tuple[int, int]


@dataclass(slots=True)
class AxisClock:
    """Simulated microseconds as matplotlib's days, shown in the scenario's time zone."""

    start: float
    zone: ZoneInfo

    def later(self, us: int) -> AxisClock:
        """The clock of a leg that begins then."""
        return AxisClock(self.start + us / DAY_US, self.zone)

    def days(self, us: Any) -> Any:
        return self.start + np.asarray(us, dtype=np.float64) / DAY_US

    def axis(self, ax: Axes, begin_us: int, end_us: int) -> None:
        ax.set_xlim(float(self.days(begin_us)), float(self.days(end_us)))
        length = end_us - begin_us
        locator = _dates.AutoDateLocator(tz=self.zone, minticks=4, maxticks=15)
        form = (
            "%a %d %b"
            if length > 3 * DAY_US
            else "%a %H:%M"
            if length > 2 * HOUR_US
            else "%H:%M"
            if length > 10 * MINUTE_US
            else "%H:%M:%S"
        )
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(_dates.DateFormatter(form, tz=self.zone))


def clock_of(scenario: Scenario) -> AxisClock:
    start = datetime.fromtimestamp(scenario.start_utc_us // SECOND_US, UTC)
    return AxisClock(float(_dates.date2num(start)), ZoneInfo(scenario.time_zone))


def lane(ax: Axes, name: str) -> None:
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.yaxis.set_label_coords(-0.087, 0.5)
    ax.grid(axis="x", color="#E0E0E0", lw=0.6)
    ax.set_axisbelow(True)


def shade(ax: Axes, time: AxisClock, spans: list[tuple[int, int]], window: Window) -> None:
    shortest = (window[1] - window[0]) // 800
    for begin, end in spans:
        if begin < window[1] and end > window[0]:
            right = float(time.days(min(max(end, begin + shortest), window[1])))
            ax.axvspan(
                float(time.days(max(begin, window[0]))),
                right,
                facecolor="#F6D5C3",
                edgecolor=RED,
                hatch="///",
                lw=0,
                zorder=0,
            )


def bare(
    ax: Axes,
    time: AxisClock,
    spans: list[tuple[int, int]],
    window: Window,
    label: str | None = None,
) -> None:
    """A band where the service was unprotected."""
    for begin, end in spans:
        if begin < window[1] and end > window[0]:
            left, right = (
                float(time.days(max(begin, window[0]))),
                float(time.days(min(end, window[1]))),
            )
            ax.axvspan(
                left,
                right,
                facecolor="#DCE6F2",
                edgecolor=BLUE,
                hatch="..",
                lw=0,
                alpha=0.6,
                zorder=0,
                label=label,
            )
            label = None


def dashed(views: Views) -> str:
    """Return what the dashed lines are, for a title."""
    n = len(views.failures_us)
    return (
        " (dashed: the failure)" if n == 1 else " (dashed: the failures, and failback)" if n else ""
    )


def top_of(*curves: Curve) -> int:
    return max(c.max_us() for c in curves)


def band(ax: Axes, time: AxisClock, curve: Curve, window: Window, colour: str, label: str) -> None:
    """A curve in minutes: as a broad line while it has few pieces, else as the band of each slice's
    least and most.
    """
    curve = curve.window(*window)
    if not curve.duration_us:
        ax.plot([], [], color=colour, lw=3.5, alpha=0.6, label=label)
        return
    first, *rest = curve.parts()
    _one_band(ax, time, first, colour, label)
    for part in rest:
        _one_band(ax, time, part, colour, None)


def _one_band(ax: Axes, time: AxisClock, curve: Curve, colour: str, label: str | None) -> None:
    x, y = curve.points()
    if len(curve.start_us) <= SLICES // 2:
        ax.plot(time.days(x), y / MINUTE_US, color=colour, lw=3.5, alpha=0.6, label=label)
        return
    edges, low, high = slices(x, y, curve)
    left = time.days(edges[:-1])
    ax.fill_between(
        left,
        low / MINUTE_US,
        high / MINUTE_US,
        step="post",
        color=colour,
        alpha=0.6,
        lw=0.8,
        label=label,
    )


def over(ax: Axes, time: AxisClock, curve: Curve, window: Window, colour: str, label: str) -> None:
    """A second curve, to be seen over the first: a thin line, where it is dense the most of each
    slice.
    """
    parts = curve.window(*window).parts()
    label += " (highest)" if any(len(part.start_us) > SLICES // 2 for part in parts) else ""
    for i, part in enumerate(parts):
        x, y = part.points() if part.duration_us else (np.empty(0, np.int64), np.empty(0, np.int64))
        if len(part.start_us) > SLICES // 2:
            edges, _, y = slices(x, y, part)
            x = edges[:-1]
        ax.plot(time.days(x), y / MINUTE_US, color=colour, lw=1.1, label=None if i else label)


def slices(x: Ints, y: Ints, curve: Curve) -> tuple[Ints, Ints, Ints]:
    """(edges, least, most) of the curve in each slice of its time."""
    edges = np.linspace(curve.begin_us, curve.end_us, SLICES + 1).astype(np.int64)
    # a piece may be longer than a slice
    order = np.argsort(np.concatenate((x, edges)), kind="stable")
    y = np.concatenate((y, np.interp(edges, x, y).astype(np.int64)))[order]
    x = np.concatenate((x, edges))[order]
    first = np.minimum(np.searchsorted(x, edges[:-1], side="left"), len(x) - 1)
    high, low = np.maximum.reduceat(y, first), np.minimum.reduceat(y, first)
    return edges, low, high


def draw_alerts(ax: Axes, raised: list[Alert], time: AxisClock, window: Window) -> None:
    shown = [a for a in raised if window[0] <= a.time_us < window[1]]
    ax.set_ylim(-1, 1)
    ax.set_yticks([])
    for event_id in sorted({a.event_id for a in shown}):
        mark, colour, word = ALERT_MARKS[event_id]
        mine = [a for a in shown if a.event_id == event_id]
        for is_false in (False, True):
            at = [a.time_us for a in mine if a.false_alarm == is_false]
            if at:
                label = (
                    f"{mine[0].source} {event_id}: "
                    f"{word}{', false alarm' if is_false else ''} ({len(at)})"
                )
                face = "none" if is_false else colour
                ax.scatter(
                    time.days(at),
                    np.zeros(len(at)),
                    marker=mark,
                    s=26,
                    facecolors=face,
                    edgecolors=colour,
                    label=label,
                )
    if shown:
        ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=6, bbox_to_anchor=(0, 1.15))
    else:
        ax.text(0.01, 0.5, "none", transform=ax.transAxes, va="center", color=GREY)


def stacked(lanes_in: Sequence[float], gaps_in: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A figure of lanes below one another: their heights and the gap above each, in inches. Placed
    by hand: matplotlib's own layout solver differs in the last bit from call to call, and so would
    the files.
    """
    height = sum(lanes_in) + sum(gaps_in) + 0.4
    figure = Figure(figsize=(_WIDTH_IN, height))
    axes: list[Axes] = []
    top = height
    for lane_in, gap_in in zip(lanes_in, gaps_in, strict=True):
        top -= gap_in + lane_in
        left, width = 1.55 / _WIDTH_IN, (_WIDTH_IN - 2.0) / _WIDTH_IN
        axes.append(figure.add_axes((left, top / height, width, lane_in / height)))
    return figure, axes
