"""Tells what charts are made of: axes and marks as plain data. On the page
report/templates/charts.js draws them, in a still picture drawing.py.

A curve of more points than a screen can show is thinned to the least and the greatest in each of
many narrow slices, so no peak is lost. Colours are Okabe and Ito's, by name: the page has a
shade of each for light and for dark screens. Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from dr_sim.figures import style
from dr_sim.measures.exposure.exposure import Curve
from dr_sim.measures.outage_now.falling import Falling
from dr_sim.units import SECOND_US, clock

MOST_POINTS = 8_000  # of one curve
MS_US = 1_000
EVEN_UP_TO = 20  # times the smallest value that must be seen; beyond it an axis is logarithmic
COLOUR_NAMES = {
    style.BLACK: "black",
    style.GREY: "grey",
    style.BLUE: "blue",
    style.SKY: "sky",
    style.ORANGE: "orange",
    style.GREEN: "green",
    style.RED: "red",
    style.PURPLE: "purple",
    style.YELLOW: "yellow",
    style.MINT: "mint",
    style.PEACH: "peach",
}


Points = dict[str, Any]
"""The points of a line: x, y, and `thinned` where there were more of them (see packed)."""


@dataclass(slots=True)
class Chart:
    """One chart with the sentence that says in words what it shows, for those who cannot see it.

    spec: x and y axes (kind, title, limits, rows), marks, and what lies behind them, as charts.js
    reads it. Times and durations are in milliseconds.
    """

    key: str
    title: str
    words: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How a line is drawn. edge: only the greatest where it is dense, so that what lies behind it
    can be seen.
    """

    label: str
    colour: str
    dash: str = "solid"
    width: float = 2.0
    steps: bool = False
    edge: bool = False


def thinned(x: Any, y: Any, most: int = MOST_POINTS) -> tuple[Any, Any]:
    """A line's points, x ascending; where there are more than `most`, the first, least, greatest
    and last of each of most / 4 slices of equal count, in their order.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), most // 4 + 1).astype(np.int64)
    kept: list[int] = []
    for begin, end in zip(
        edges[:-1].tolist(), edges[1:].tolist(), strict=True
    ):
        part = y[begin:end]
        kept.extend(
            sorted(
                {
                    begin,
                    begin + int(part.argmin()),
                    begin + int(part.argmax()),
                    end - 1,
                }
            )
        )
    return x[kept], y[kept]


def packed(x_us: Any, y: Any) -> Points:
    """Points for the page: instants in milliseconds, each as its distance from the one before;
    values rounded; None where the line breaks.
    """
    x = np.rint(np.asarray(x_us, np.float64) / MS_US).astype(np.int64)
    values = np.asarray(y, np.float64)
    shown = [
        None if v != v else int(v) if v == int(v) else round(v, 4)
        for v in values.tolist()
    ]
    return {"x": np.diff(x, prepend=0).tolist(), "y": shown}


def points_of(curve: Curve | Falling, most: int = MOST_POINTS) -> Points:
    """A curve of durations, broken where it is not defined. A part of a curve of many parts has no
    fewer than 200 points, where the curve may have as many.
    """
    x, y = np.empty(0), np.empty(0)
    parts = curve.parts() if curve.duration_us else []
    share = max(min(200, most), most // max(1, len(parts)))
    left_out = False
    for part in parts:
        all_x, all_y = part.points()
        px, py = thinned(all_x, all_y, share)
        left_out = left_out or len(px) < len(all_x)
        gap = [px[0]] if len(x) else []
        x, y = (
            np.concatenate((x, gap, px)),
            np.concatenate((y, [np.nan] * len(gap), py)),
        )
    points = packed(x, np.rint(y / MS_US))
    return {**points, "thinned": True} if left_out else points


def line(
    points: Points,
    looks: LineStyle,
    of: Mapping[int, Points] | None = None,
) -> dict[str, Any]:
    """A line mark. of: the same of single databases, by their index."""
    mark: dict[str, Any] = {
        "type": "line",
        "label": looks.label,
        "colour": looks.colour,
        "dash": looks.dash,
        "width": looks.width,
        "steps": looks.steps,
        "edge": looks.edge,
        **points,
    }
    if of is not None:
        mark["of"] = {str(index): each for index, each in of.items()}
    return mark


def level(
    at_us: int,
    label: str,
    colour: str,
    dash: str = "solid",
    of: int | None = None,
) -> dict[str, Any]:
    """A horizontal line with its name in the legend; the axis reaches it. of: the index of the
    database that it is about; it is drawn while that one is chosen.
    """
    mark = {
        "type": "level",
        "y": at_us / MS_US,
        "label": f"{label} {clock(at_us)}",
        "colour": colour,
        "dash": dash,
    }
    return mark if of is None else {**mark, "of": of}


def spans(
    each: Sequence[tuple[int, int]],
    label: str,
    colour: str,
    least: float = 0,
) -> dict[str, Any]:
    """Stretches of time as upright bands."""
    items = [[begin / MS_US, end / MS_US] for begin, end in each]
    return {
        "type": "spans",
        "label": label,
        "colour": colour,
        "items": items,
        "least": least,
    }


def waterfall(
    key: str, title: str, parts: Sequence[tuple[str, int]], words: str
) -> Chart:
    """Durations (name, microseconds) that add up, each bar beginning where the one before it
    ends. The number behind the name of a phase ("attempt 2") does not change its colour.
    """
    parts = [part for part in parts if part[1]]
    items, total = [], 0
    for row, (name, us) in enumerate(parts):
        phase = name.rstrip(" 0123456789").replace(" ", "_")
        items.append(
            {
                "row": row,
                "from": total / MS_US,
                "to": (total + us) / MS_US,
                "words": f"{name} {clock(us)}",
                "beside": clock(us),
                "colour": COLOUR_NAMES.get(
                    style.PHASE_COLOURS.get(phase, ""), "blue"
                ),
            }
        )
        total += us
    spec = {
        "x": {
            "kind": "duration",
            "from": 0,
            "to": (total or SECOND_US) * 1.14 / MS_US,
        },
        "y": {"rows": [name for name, _ in parts] or ["nothing"]},
        "marks": [
            {
                "type": "bars",
                "label": "",
                "colour": "blue",
                "items": items,
                "beside": True,
            }
        ],
    }
    return Chart(key, title, words, spec)


def _quantiles(curve: Curve, steps: int) -> tuple[list[int], list[float]]:
    """(values, percent of the time at or below each), `steps` of them and the highest ones."""
    shares = [Fraction(i, steps) for i in range(steps)]
    shares += [Fraction(i, 10_000) for i in (9975, 9990, 9999, 10_000)]
    values = [int(value) for value in curve.quantiles_us(shares)]
    return values, [100 * float(share) for share in shares]


@dataclass(frozen=True, slots=True)
class Exposed:
    """Exposure over a stretch of time. of_each: that of single databases, by their index."""

    whole: Curve
    of_each: Mapping[int, Curve]

    def mark(self, looks: LineStyle) -> dict[str, Any]:
        """Return the line of the share of time at or below each exposure."""
        single = {
            index: packed(*_quantiles(one, 40))
            for index, one in self.of_each.items()
            if one.duration_us
        }
        return line(
            packed(*_quantiles(self.whole, 200)), looks, single or None
        )


def share_below(
    exposed: Exposed,
    lines: Sequence[tuple[str, int]],
    before: Exposed | None = None,
) -> Chart:
    """Return, for each exposure, the share of time at or below it: exact quantiles of the whole
    run, not a sample's. before: the same of the time before the first failure, if there was one;
    what comes after it is so much larger that it hides the usual days.
    """
    curve = exposed.whole
    near = [(word, us) for word, us in lines if us <= 4 * curve.max_us()]
    marks = [
        exposed.mark(LineStyle("time at or below", "orange", width=2.5))
    ]
    if before:
        looks = LineStyle(
            "before the first failure", "blue", width=2, dash="dashed"
        )
        marks.append(before.mark(looks))
    marks += [
        {
            "type": "upright",
            "x": us / MS_US,
            "label": f"{word} {clock(us)}",
            "colour": "black",
        }
        for word, us in near
    ]
    spec = {
        "x": _exposure_axis(curve, [us for _, us in near]),
        "y": {
            "kind": "percent",
            "to": 102,
            "title": "% of the time at or below",
        },
        "height": 240,
        "marks": marks,
    }
    half, most = (
        int(value)
        for value in curve.quantiles_us([Fraction(1, 2), Fraction(99, 100)])
    )
    of = " of the whole service" if exposed.of_each else ""
    words = (
        f"Half of the time exposure{of} was at most {clock(half)}, 99 % of it at most "
        f"{clock(most)}, always at most {clock(curve.max_us())}"
    )
    if before:
        most_before = clock(before.whole.max_us())
        words += f"; before the first failure always at most {most_before}"
    return Chart(
        "share",
        "How exposure was distributed over the time",
        f"{words}.",
        spec,
    )


def _exposure_axis(
    curve: Curve, bounds_us: Sequence[int]
) -> dict[str, Any]:
    """Return an axis on which the usual exposure and the bounds can be seen: logarithmic where an
    even one would press them into its left edge.
    """
    found = curve.quantiles_us([Fraction(1, 2), Fraction(99, 100)])
    usual = [int(us) for us in found]
    smallest = min((us for us in [*usual, *bounds_us] if us), default=0)
    most = max([curve.max_us(), *bounds_us]) * 1.05 or SECOND_US
    axis = {"kind": "duration", "from": 0.0, "to": most / MS_US}
    if smallest and most > EVEN_UP_TO * smallest:
        low = max(SECOND_US, smallest // 10) / MS_US
        axis = {"kind": "log_duration", "from": low, "to": most / MS_US}
    return {**axis, "title": "exposure"}
