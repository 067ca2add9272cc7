"""Turn the marks of a chart into shapes in its frame.

A curve with more points than pixels is drawn as the least and the greatest of each column of
pixels, so a saw-tooth becomes an envelope and no peak is lost. Bars have at least LEAST_PX.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dr_sim.figures.axes import Axis
from dr_sim.figures.shapes import (
    Area,
    Label,
    Point,
    Shape,
    Spot,
    Stroke,
    box,
    fitted,
    text_width,
)

LEAST_PX = 2.5
ROW_PX = 22.0
NEAR_PX = 2.0  # columns of a dense curve that lie further apart have nothing between them
COLUMN_PX = 1.2
Mark = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart's values lie. y is None where it has rows."""

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis | None

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def px(self, value: float) -> float:
        """The pixel of a value; inside the frame."""
        place = min(1.0, max(0.0, float(self.x.place(value))))
        return self.left + place * self.width

    def py(self, value: float) -> float:
        place = float(self.y.place(value)) if self.y is not None else 0.0
        return self.top + (1 - min(1.0, max(0.0, place))) * self.height

    def pixels(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The pixels of many points, given as two arrays; the chart has no rows."""
        assert self.y is not None
        across = np.clip(self.x.place(x), 0.0, 1.0)
        down = 1 - np.clip(self.y.place(y), 0.0, 1.0)
        return (
            self.left + across * self.width,
            self.top + down * self.height,
        )

    def row_top(self, row: int) -> float:
        return self.top + row * ROW_PX

    def shows(self, begin: float, end: float) -> bool:
        return end >= self.x.low and begin <= self.x.high


def mark_shapes(mark: Mark, frame: Frame) -> list[Shape]:
    """The shapes of one mark."""
    return _KINDS[mark["type"]](mark, frame)


def of_the_service(marks: Iterable[Mark]) -> list[Mark]:
    """The marks that are drawn while no single database is chosen."""
    return [m for m in marks if not isinstance(m.get("of"), int)]


def unpacked(points: dict[str, Any]) -> tuple[Any, Any]:
    """The points of charts.packed, as two arrays."""
    x = np.cumsum(np.asarray(points["x"], np.float64))
    y = np.array(
        [np.nan if v is None else v for v in points["y"]], np.float64
    )
    return x, y


def in_sight(mark: Mark, axis: Axis) -> list[tuple[Any, Any]]:
    """The unbroken pieces of a line between the ends of an axis, cut off there."""
    x, y = unpacked(mark)
    pieces = []
    breaks = np.flatnonzero(np.isnan(y))
    for begin, end in zip(
        [0, *(breaks + 1)], [*breaks, len(y)], strict=True
    ):
        px, py = x[begin:end], y[begin:end]
        if not len(px) or px[-1] < axis.low or px[0] > axis.high:
            continue
        inside = (px >= axis.low) & (px <= axis.high)
        ends = [
            edge for edge in (axis.low, axis.high) if px[0] < edge < px[-1]
        ]
        at = np.searchsorted(px, ends)
        values = (
            py[at - 1] if mark.get("steps") else np.interp(ends, px, py)
        )
        cut_x = np.concatenate((px[inside], ends))
        cut_y = np.concatenate((py[inside], values))
        order = np.argsort(cut_x, kind="stable")
        pieces.append((cut_x[order], cut_y[order]))
    return pieces


def greatest(mark: Mark, axis: Axis) -> float:
    """The greatest value of a line in sight."""
    return max(
        (float(y.max()) for _, y in in_sight(mark, axis)), default=0.0
    )


# ---- kinds of marks
def _line(mark: Mark, frame: Frame) -> list[Shape]:
    shapes: list[Shape] = []
    for x, y in in_sight(mark, frame.x):
        px, py = frame.pixels(x, y)
        if len(px) > 3 * (px[-1] - px[0]) + 12:
            shapes += _envelope(_columns(px, py), mark)
            continue
        points = list(zip(px.tolist(), py.tolist(), strict=True))
        if mark.get("steps"):
            points = _stairs(points)
        shapes.append(
            Stroke(
                _without_doubles(points),
                mark["colour"],
                mark["width"],
                mark["dash"],
            )
        )
        if mark.get("dots"):
            shapes += [
                Spot("circle", point, mark["colour"]) for point in points
            ]
    return shapes


def _stairs(points: list[Point]) -> list[Point]:
    stairs = points[:1]
    for before, after in pairwise(points):
        stairs += [(after[0], before[1]), after]
    return stairs


def _without_doubles(points: list[Point]) -> list[Point]:
    """The points without those that lie in the same tenth of a pixel as the one before."""
    kept: list[Point] = []
    for x, y in points:
        near = (round(x, 1), round(y, 1))
        if not kept or kept[-1] != near:
            kept.append(near)
    return kept if len(kept) > 1 else [*kept, *points[-1:]]


@dataclass(slots=True)
class Column:
    """A column of pixels of a curve: where it comes in, its ends, where it goes on."""

    x: float
    first: float
    upper: float
    lower: float
    last: float


def _columns(px: Any, py: Any) -> list[Column]:
    """The columns that a piece passes through, from the left to the right."""
    x = np.rint(px)
    first = np.append(0, np.flatnonzero(x[1:] != x[:-1]) + 1)
    last = np.append(first[1:], len(x)) - 1
    upper = np.minimum.reduceat(py, first)
    lower = np.maximum.reduceat(py, first)
    each = (x[first], py[first], upper, lower, py[last])
    columns = zip(*(part.tolist() for part in each), strict=True)
    return [Column(*column) for column in columns]


def _envelope(columns: list[Column], mark: Mark) -> list[Shape]:
    """The band between least and greatest of each column, and its upper edge as a line. Columns
    further apart than NEAR_PX have no band between them, and are joined by what the curve does
    there.
    """
    groups: list[list[Column]] = [columns[:1]]
    edge = [(columns[0].x, columns[0].upper)]
    for before, here in pairwise(columns):
        if here.x - before.x > NEAR_PX:
            groups.append([])
            edge.append((before.x, before.last))
            if mark.get("steps"):
                edge.append((here.x, before.last))
            edge.append((here.x, here.first))
        groups[-1].append(here)
        edge.append((here.x, here.upper))
    shapes: list[Shape] = []
    if not mark.get("edge"):
        shapes += [_between(group, mark["colour"]) for group in groups]
    if len(edge) > 1:
        shapes.append(
            Stroke(
                _without_doubles(edge),
                mark["colour"],
                mark["width"],
                mark["dash"],
            )
        )
    return shapes


def _between(group: list[Column], colour: str) -> Area:
    """The band of neighbouring columns, at least as wide as one of them."""
    right = group[-1].x + COLUMN_PX
    above = [(column.x, column.upper) for column in group]
    below = [(column.x, column.lower) for column in reversed(group)]
    ends = [(right, group[-1].upper), (right, group[-1].lower)]
    return Area([*above, *ends, *below], colour, 0.45)


def _level(mark: Mark, frame: Frame) -> list[Shape]:
    y = frame.py(mark["y"])
    return [
        Stroke(
            [(frame.left, y), (frame.right, y)],
            mark["colour"],
            1.5,
            mark["dash"],
        )
    ]


def _upright(mark: Mark, frame: Frame) -> list[Shape]:
    if not frame.shows(mark["x"], mark["x"]):
        return []
    return [
        upright(mark["x"], frame, mark["colour"], mark.get("dash", "solid"))
    ]


def upright(at: float, frame: Frame, colour: str, dash: str) -> Stroke:
    """An upright line through the whole frame."""
    x = frame.px(at)
    return Stroke([(x, frame.top), (x, frame.bottom)], colour, 1.5, dash)


def band(
    begin: float, end: float, frame: Frame, colour: str, opacity: float
) -> Area:
    """An upright band through the whole frame."""
    left = frame.px(begin)
    width = max(LEAST_PX, frame.px(end) - left)
    return Area(box(left, frame.top, width, frame.height), colour, opacity)


def _spans(mark: Mark, frame: Frame) -> list[Shape]:
    shown = [(a, b) for a, b in mark["items"] if frame.shows(a, b)]
    return [band(a, b, frame, mark["colour"], 0.3) for a, b in shown]


def _bars(mark: Mark, frame: Frame) -> list[Shape]:
    """Bars in rows. Bars of one colour that touch are one, so 4,000 logs are no 4,000 shapes."""
    rows: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for bar in mark["items"]:
        if bar.get("only") == "chosen":
            continue
        if not frame.shows(bar["from"], bar["to"]):
            continue
        left = frame.px(bar["from"])
        right = max(left + LEAST_PX, frame.px(bar["to"]))
        joined = rows.setdefault(
            (bar["row"], bar.get("colour", mark["colour"])), []
        )
        if joined and left <= joined[-1][1] + 0.1:
            joined[-1] = (joined[-1][0], max(right, joined[-1][1]))
        else:
            joined.append((left, right))
    shapes: list[Shape] = []
    for (row, colour), joined in rows.items():
        top = frame.row_top(row) + 3
        shapes += [
            Area(box(left, top, right - left, 16), colour)
            for left, right in joined
        ]
    if mark.get("beside"):
        shapes += [_beside(bar, frame) for bar in mark["items"]]
    return shapes


def _beside(bar: Mark, frame: Frame) -> Label:
    """Write what a bar says to its right, or to its left where it would not fit."""
    middle = frame.row_top(bar["row"]) + 11
    right = frame.px(bar["to"]) + 6
    if right + text_width(bar["beside"]) > frame.right + 8:
        return Label(
            bar["beside"], (frame.px(bar["from"]) - 5, middle), "end"
        )
    return Label(bar["beside"], (right, middle))


def _points(mark: Mark, frame: Frame) -> list[Shape]:
    """Signs in rows. Signs of one kind that would hide one another are drawn once."""
    shapes: list[Shape] = []
    seen: set[tuple[int, int, bool]] = set()
    for row, at, _, hollow in mark["items"]:
        if not frame.shows(at, at):
            continue
        x = frame.px(at)
        place = (row, round(x), bool(hollow))
        if place not in seen:
            seen.add(place)
            middle = (x, frame.row_top(row) + 11)
            shapes.append(
                Spot(mark["shape"], middle, mark["colour"], bool(hollow))
            )
    return shapes


def _ranges(mark: Mark, frame: Frame) -> list[Shape]:
    """Upright intervals; an open end points on."""
    shapes: list[Shape] = []
    for x, low, high in mark["items"]:
        at = frame.px(x)
        bottom, top = (
            frame.py(low),
            frame.top if high is None else frame.py(high),
        )
        shapes.append(
            Stroke([(at, bottom), (at, top)], mark["colour"], 1.5)
        )
        if high is None:
            shapes.append(
                Area(
                    [(at, top - 2), (at + 5, top + 7), (at - 5, top + 7)],
                    mark["colour"],
                )
            )
    return shapes


def _changes(mark: Mark, frame: Frame) -> list[Shape]:
    """Intervals that lie, each in its row, with the estimate as a dot; one that goes on beyond the
    axis has a tip.
    """
    shapes: list[Shape] = []
    for item in mark["items"]:
        middle = frame.row_top(item["row"]) + 11
        ends = [
            (frame.px(item["low"]), middle),
            (frame.px(item["high"]), middle),
        ]
        shapes.append(Stroke(ends, item["colour"], 2))
        if item["below"]:
            shapes.append(_tip(ends[0], -1, item["colour"]))
        if item["above"]:
            shapes.append(_tip(ends[1], 1, item["colour"]))
        dot = (frame.px(item["at"]), middle)
        shapes.append(Spot("circle", dot, item["colour"], item["hollow"]))
    return shapes


def _tip(end: Point, way: int, colour: str) -> Area:
    """A tip at the end of a lying interval that goes on: way 1 to the right, -1 to the left."""
    x, y = end
    return Area([(x + 9 * way, y), (x, y - 5), (x, y + 5)], colour)


def _cells(mark: Mark, frame: Frame) -> list[Shape]:
    """Cells of a table, each with its text."""
    wide = frame.width / mark["columns"]
    shapes: list[Shape] = []
    for item in mark["items"]:
        left, top = (
            frame.left + item["column"] * wide,
            frame.row_top(item["row"]),
        )
        shapes.append(
            Area(box(left, top, wide - 2, ROW_PX - 2), mark["colour"])
        )
        middle = (left + wide / 2 - 1, top + ROW_PX / 2 - 1)
        shapes.append(
            Label(fitted(item["text"], wide - 6), middle, "middle", "black")
        )
    return shapes


_KINDS = {
    "line": _line,
    "level": _level,
    "upright": _upright,
    "spans": _spans,
    "bars": _bars,
    "points": _points,
    "ranges": _ranges,
    "changes": _changes,
    "cells": _cells,
}
