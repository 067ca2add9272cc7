"""Choose what an axis of a still picture shows: its unit, its ticks, and where a value lies on it.

The rules are those of the page (report/templates/charts.js): a unit for what is in sight (s, min,
h, d), as many ticks as the room allows without one text touching another, times in the scenario's
zone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dr_sim.figures.shapes import fitted, text_width

SECOND, MINUTE, HOUR, DAY = (
    1_000.0,
    60_000.0,
    3_600_000.0,
    86_400_000.0,
)  # milliseconds
TIME_STEPS = tuple(
    s * SECOND
    for s in (
        *(
            1,
            2,
            5,
            10,
            15,
            30,
            60,
            120,
            300,
            600,
            900,
            1800,
            3600,
            7200,
            10800,
            21600,
        ),
        *(43200, 86400, 172800, 345600, 604800, 1209600, 2592000, 7776000),
    )
)
LOG_DURATIONS = tuple(
    s * SECOND
    for s in (0.1, 1, 10, 60, 300, 900, 3600, 21600, 86400, 604800, 2592000)
)
UNIT_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 240)

LEAST_TICK_PX = 40.0
"""No more ticks than one in so many pixels are tried."""
FEWEST_TICKS = 2
TEXT_GAP_PX = 10.0
OUTSIDE_PX = 8.0
FEWER = 0.9

Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from low to high, even or logarithmic."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    logarithmic: bool = False

    def place(self, value: Any) -> Any:
        """Return where a value lies, or each of an array of values: 0 at low, 1 at high."""
        if self.logarithmic:
            low = math.log(self.low)
            length = math.log(self.high) - low
            return (np.log(np.maximum(value, self.low)) - low) / (
                length or 1
            )
        return (value - self.low) / ((self.high - self.low) or 1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Turns milliseconds since a run's start into texts. midnight_ms: the first one after
    the start.
    """

    start_ms: float
    zone: str
    midnight_ms: float

    def text(self, ms: float, form: str) -> str:
        at = datetime.fromtimestamp(0, UTC) + timedelta(
            milliseconds=self.start_ms + ms
        )
        return at.astimezone(ZoneInfo(self.zone)).strftime(form)


def roomy(make: Callable[[float], Axis], pixels: float) -> Axis:
    """The axis with the most ticks whose texts do not touch in that width; two ticks, if there are
    two. make: the axis with about a number of ticks.
    """
    count = max(FEWEST_TICKS, pixels / LEAST_TICK_PX)
    axis = finer = make(count)
    while count > FEWEST_TICKS and not _fits(axis, pixels):
        count *= FEWER
        finer = axis if len(axis.ticks) >= FEWEST_TICKS else finer
        axis = make(count)
    if len(axis.ticks) >= FEWEST_TICKS:
        finer = axis
    if finer is axis and _fits(axis, pixels):
        return axis
    fewest = replace(finer, ticks=sparse(finer.ticks, FEWEST_TICKS))
    return with_names_apart(fewest, pixels)


def _fits(axis: Axis, pixels: float) -> bool:
    free = -math.inf
    for value, text in axis.ticks:
        half = text_width(text) / 2
        at = text_middle(axis.place(value) * pixels, half, pixels)
        if at - half < free:
            return False
        free = at + half + TEXT_GAP_PX
    return True


def with_names_apart(axis: Axis, pixels: float) -> Axis:
    """Every tick of the axis. A name that would touch the name before it is empty."""
    free = -math.inf
    ticks = []
    for value, text in axis.ticks:
        half = text_width(text) / 2
        at = text_middle(axis.place(value) * pixels, half, pixels)
        apart = at - half >= free
        ticks.append((value, text if apart else ""))
        if apart:
            free = at + half + TEXT_GAP_PX
    return replace(axis, ticks=tuple(ticks))


def with_names_fitted(axis: Axis, pixels: float) -> Axis:
    """Every tick of the columns of a table. A name that is wider than its column is shortened."""
    room = pixels / max(1, len(axis.ticks)) - TEXT_GAP_PX
    ticks = tuple((at, fitted(text, room)) for at, text in axis.ticks)
    return replace(axis, ticks=ticks)


def text_middle(at: float, half: float, pixels: float) -> float:
    """Return where the text of a tick stands: below it, but not far outside of the frame."""
    return min(max(at, half - OUTSIDE_PX), pixels - half + OUTSIDE_PX)


def sparse(ticks: Sequence[Tick], count: float) -> tuple[Tick, ...]:
    """Every tick, or every second one, every third, ... so that there are at most about `count`."""
    return tuple(ticks[:: max(1, math.ceil(len(ticks) / max(1.0, count)))])


def time_axis(
    low: float, high: float, count: float, calendar: Calendar
) -> Axis:
    """An axis of instants."""
    step = _step(high - low, count, TIME_STEPS)
    if step >= DAY:
        form = "%a %d %b"
    elif step >= HOUR:
        form = "%a %H:%M"
    else:
        form = "%H:%M" if step >= MINUTE else "%H:%M:%S"
    shift = calendar.midnight_ms % step
    first = math.ceil((low - shift) / step)
    steps = int((high - shift) // step) - first + 1
    at = [shift + (first + i) * step for i in range(max(0, steps))]
    return Axis(low, high, tuple((t, calendar.text(t, form)) for t in at))


def value_axis(
    kind: str, low: float, high: float, count: float, title: str
) -> Axis:
    """An axis of values. kind: duration, number or percent, or log_duration or log_percent."""
    if kind == "log_duration":
        shown = [
            (v, short_duration(v))
            for v in LOG_DURATIONS
            if low <= v <= high
        ]
        return Axis(low, high, sparse(shown, count), logarithmic=True)
    if kind == "log_percent":
        powers = range(math.ceil(math.log10(low)), 3)
        ticks = [(10.0**p, f"{10.0**p:g} %") for p in powers]
        return Axis(low, high, sparse(ticks, count), logarithmic=True)
    count = max(FEWEST_TICKS, count)
    if kind == "duration":
        return _durations(low, high, count)
    unit = " %" if kind == "percent" else f" {title}" if title else ""
    step = _decimal_step(high - low, count)
    return Axis(
        low, high, _stepped(low, high, step, lambda v: f"{v:g}{unit}")
    )


def _durations(low: float, high: float, count: float) -> Axis:
    size, word = unit_of(high)
    if size == DAY or (size == SECOND and high < 10 * SECOND):
        step = size * _decimal_step((high - low) / size, count)
    else:
        step = _step(high - low, count, [n * size for n in UNIT_STEPS])
    return Axis(
        low,
        high,
        _stepped(
            low, high, step, lambda v: f"{round(v / size, 2):g} {word}"
        ),
    )


def unit_of(most: float) -> Tick:
    """The unit in which an axis up to `most` milliseconds is read."""
    for size, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if most > 4 * size:
            return size, word
    return SECOND, "s"


def short_duration(ms: float) -> str:
    """'15 min', of a duration that is one unit's multiple."""
    for size, word in (
        (7 * DAY, "week"),
        (DAY, "d"),
        (HOUR, "h"),
        (MINUTE, "min"),
    ):
        if ms >= size:
            return f"{round(ms / size, 1):g} {word}"
    return f"{round(ms / SECOND, 1):g} s"


def _step(length: float, count: float, steps: Sequence[float]) -> float:
    least = length / max(1.0, count)
    found = next((step for step in steps if step >= least), None)
    return found or math.ceil(least / steps[-1]) * steps[-1]


def _decimal_step(length: float, count: float) -> float:
    least = (length or 1.0) / max(1.0, count)
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        n * power for n in (1, 2, 5, 10) if n * power >= least * 0.999
    )


def _stepped(
    low: float, high: float, step: float, text: Callable[[float], str]
) -> tuple[Tick, ...]:
    first = math.ceil(low / step)
    count = int(high * 1.0001 // step) - first + 1
    values = [(first + i) * step for i in range(max(0, count))]
    return tuple((v, text(v)) for v in values)
