"""Turn the marks of a chart into shapes in its frame. Lines have a module of their own (curves.py).

Bars have at least LEAST_PX, so that nothing that happened is too small to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dr_sim.figures.curves import line_shapes
from dr_sim.figures.frame import ROW_PX, Frame, Mark
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
_LINE_PX = 1.5
_BAR_PX = 16
_ABOVE_BAR_PX = 3
_SPAN_OPACITY = 0.3
_LEAST_HEIGHT_PX = 4.0
CROWD = 12
"""Columns of LEAST_PX on each side of one in which others are near it."""
MOST_ALONE = 3
"""Short stretches that are near one another and yet drawn through the whole frame."""

Ends = tuple[float, float]
"""The pixels at which a bar begins and ends."""


def mark_shapes(mark: Mark, frame: Frame) -> list[Shape]:
    """Return the shapes of one mark."""
    return _KINDS[mark["type"]](mark, frame)


def of_the_service(marks: Iterable[Mark]) -> list[Mark]:
    """Return the marks that are drawn while no single database is chosen."""
    return [mark for mark in marks if not isinstance(mark.get("of"), int)]


# ---- through the whole frame
def _level(mark: Mark, frame: Frame) -> list[Shape]:
    y = frame.py(mark["y"])
    ends = [(frame.left, y), (frame.right, y)]
    return [Stroke(ends, mark["colour"], _LINE_PX, mark["dash"])]


def _upright(mark: Mark, frame: Frame) -> list[Shape]:
    x = mark["x"]
    if not frame.shows(x, x):
        return []
    return [upright(x, frame, mark["colour"], mark.get("dash", "solid"))]


def upright(at: float, frame: Frame, colour: str, dash: str) -> Stroke:
    """Return an upright line through the whole frame."""
    x = frame.px(at)
    ends = [(x, frame.top), (x, frame.bottom)]
    return Stroke(ends, colour, _LINE_PX, dash)


def band(
    begin: float, end: float, frame: Frame, colour: str, opacity: float
) -> Area:
    """Return an upright band through the whole frame."""
    left = frame.px(begin)
    width = max(LEAST_PX, frame.px(end) - left)
    return Area(box(left, frame.top, width, frame.height), colour, opacity)


def _spans(mark: Mark, frame: Frame) -> list[Shape]:
    """Return stretches of time as bands. Many that are too short to be seen are not drawn as one
    long one: there the height says how much of the time they cover.
    """
    colour = mark["colour"]
    shapes: list[Shape] = []
    covered: dict[int, float] = {}
    for begin, end in mark["items"]:
        if not frame.shows(begin, end):
            continue
        left, right = frame.px(begin), frame.px(end)
        if right - left >= LEAST_PX:
            shapes.append(band(begin, end, frame, colour, _SPAN_OPACITY))
            continue
        column = int((left - frame.left) // LEAST_PX)
        covered[column] = covered.get(column, 0.0) + right - left
    for column, pixels in covered.items():
        left = frame.left + column * LEAST_PX
        part = 1.0
        if _is_crowded(column, covered):
            part = min(1.0, pixels / LEAST_PX)
        height = max(_LEAST_HEIGHT_PX, part * frame.height)
        outline = box(left, frame.bottom - height, LEAST_PX, height)
        shapes.append(Area(outline, colour, _SPAN_OPACITY))
    return shapes


def _is_crowded(column: int, covered: Mapping[int, float]) -> bool:
    """Tell whether more than MOST_ALONE columns near this one have short stretches."""
    near = [other for other in covered if abs(other - column) <= CROWD]
    return len(near) > MOST_ALONE


# ---- in rows
def _middle_of(row: int, frame: Frame) -> float:
    """Return the height at which signs and texts of a row stand."""
    return frame.row_top(row) + ROW_PX / 2


def _bars(mark: Mark, frame: Frame) -> list[Shape]:
    """Return bars in rows, and what is written beside them."""
    shapes: list[Shape] = []
    for (row, colour), bars in _joined_bars(mark, frame).items():
        top = frame.row_top(row) + _ABOVE_BAR_PX
        for left, right in bars:
            outline = box(left, top, right - left, _BAR_PX)
            shapes.append(Area(outline, colour))
    if mark.get("beside"):
        shapes += [_beside(bar, frame) for bar in mark["items"]]
    return shapes


def _joined_bars(
    mark: Mark, frame: Frame
) -> dict[tuple[int, str], list[Ends]]:
    """Return the bars in sight, by row and colour. Bars of one colour that touch are one, so 4,000
    logs are not 4,000 shapes.
    """
    rows: dict[tuple[int, str], list[Ends]] = {}
    for bar in mark["items"]:
        if bar.get("only") == "chosen":
            continue
        if not frame.shows(bar["from"], bar["to"]):
            continue
        left = frame.px(bar["from"])
        right = max(left + LEAST_PX, frame.px(bar["to"]))
        colour = bar.get("colour", mark["colour"])
        bars = rows.setdefault((bar["row"], colour), [])
        touches = bool(bars) and left <= bars[-1][1] + 0.1
        if touches:
            before_left, before_right = bars[-1]
            bars[-1] = (before_left, max(right, before_right))
        else:
            bars.append((left, right))
    return rows


def _beside(bar: Mark, frame: Frame) -> Label:
    """Write what a bar says to its right, or to its left where it would not fit."""
    text = bar["beside"]
    y = _middle_of(bar["row"], frame)
    right = frame.px(bar["to"]) + 6
    fits = right + text_width(text) <= frame.right + 8
    if fits:
        return Label(text, (right, y))
    left = frame.px(bar["from"]) - 5
    return Label(text, (left, y), "end")


def _points(mark: Mark, frame: Frame) -> list[Shape]:
    """Return signs in rows. Signs of one kind that would hide one another are drawn once."""
    shapes: list[Shape] = []
    seen: set[tuple[int, int, bool]] = set()
    for row, at, _, hollow in mark["items"]:
        if not frame.shows(at, at):
            continue
        x = frame.px(at)
        is_hollow = bool(hollow)
        place = (row, round(x), is_hollow)
        if place in seen:
            continue
        seen.add(place)
        middle = (x, _middle_of(row, frame))
        sign = Spot(mark["shape"], middle, mark["colour"], is_hollow)
        shapes.append(sign)
    return shapes


def _changes(mark: Mark, frame: Frame) -> list[Shape]:
    """Return intervals that lie, each in its row, with the estimate as a dot; one that continues
    beyond the axis has a tip.
    """
    shapes: list[Shape] = []
    for item in mark["items"]:
        colour = item["colour"]
        y = _middle_of(item["row"], frame)
        low = (frame.px(item["low"]), y)
        high = (frame.px(item["high"]), y)
        shapes.append(Stroke([low, high], colour, 2))
        if item["below"]:
            shapes.append(_tip(low, -1, colour))
        if item["above"]:
            shapes.append(_tip(high, 1, colour))
        estimate = (frame.px(item["at"]), y)
        shapes.append(Spot("circle", estimate, colour, item["hollow"]))
    return shapes


def _tip(end: Point, way: int, colour: str) -> Area:
    """Return a tip at the end of a lying interval that continues: way 1 to the right, -1 to the
    left.
    """
    x, y = end
    return Area([(x + 9 * way, y), (x, y - 5), (x, y + 5)], colour)


def _cells(mark: Mark, frame: Frame) -> list[Shape]:
    """Return the cells of a table, each with its text."""
    colour = mark["colour"]
    width = frame.width / mark["columns"]
    shapes: list[Shape] = []
    for item in mark["items"]:
        left = frame.left + item["column"] * width
        top = frame.row_top(item["row"])
        outline = box(left, top, width - 2, ROW_PX - 2)
        shapes.append(Area(outline, colour))
        middle = (left + width / 2 - 1, top + ROW_PX / 2 - 1)
        text = fitted(item["text"], width - 6)
        shapes.append(Label(text, middle, "middle", "black"))
    return shapes


# ---- on a scale
def _ranges(mark: Mark, frame: Frame) -> list[Shape]:
    """Return upright intervals; an open end points on."""
    colour = mark["colour"]
    shapes: list[Shape] = []
    for x, low, high in mark["items"]:
        is_open = high is None
        at = frame.px(x)
        bottom = frame.py(low)
        top = frame.top if is_open else frame.py(high)
        ends = [(at, bottom), (at, top)]
        shapes.append(Stroke(ends, colour, _LINE_PX))
        if is_open:
            tip = [(at, top - 2), (at + 5, top + 7), (at - 5, top + 7)]
            shapes.append(Area(tip, colour))
    return shapes


_KINDS = {
    "line": line_shapes,
    "level": _level,
    "upright": _upright,
    "spans": _spans,
    "bars": _bars,
    "points": _points,
    "ranges": _ranges,
    "changes": _changes,
    "cells": _cells,
}
