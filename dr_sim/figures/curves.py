"""Turn the line of a chart into shapes in its frame.

A curve with more points than pixels is drawn as the least and the greatest of each column of
pixels. Where a curve has fewer points, but goes up and down within TOOTH_PX, it is drawn as a band
with a line along its tops. So a saw-tooth becomes an envelope and no peak is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.figures.axes import Axis
from dr_sim.figures.frame import Frame, Mark
from dr_sim.figures.shapes import Area, Point, Shape, Spot, Stroke

NEAR_PX = 2.0
"""Columns of a dense curve that lie further apart have nothing between them."""
COLUMN_PX = 1.2
TOOTH_PX = 8.0
"""Tops of a curve that are nearer to one another cannot be told apart."""
LEAST_TOPS = 4
"""Fewer tops beside one another are drawn as they are."""
_BAND_OPACITY = 0.45

Floats = NDArray[np.float64]


# ---- the points in sight
def unpacked(points: dict[str, Any]) -> tuple[Floats, Floats]:
    """Return the points of charts.packed, as two arrays."""
    x = np.cumsum(np.asarray(points["x"], np.float64))
    values = [np.nan if value is None else value for value in points["y"]]
    return x, np.array(values, np.float64)


def in_sight(mark: Mark, axis: Axis) -> list[tuple[Floats, Floats]]:
    """Return the unbroken pieces of a line between the ends of an axis, cut off there."""
    x, y = unpacked(mark)
    breaks = np.flatnonzero(np.isnan(y)).tolist()
    begins = [0, *(place + 1 for place in breaks)]
    ends = [*breaks, len(y)]
    pieces = []
    for begin, end in zip(begins, ends, strict=True):
        piece_x = x[begin:end]
        piece_y = y[begin:end]
        if not len(piece_x):
            continue
        if piece_x[-1] < axis.low or piece_x[0] > axis.high:
            continue
        steps = bool(mark.get("steps"))
        pieces.append(_cut_off(piece_x, piece_y, axis, steps))
    return pieces


def _cut_off(
    x: Floats, y: Floats, axis: Axis, steps: bool
) -> tuple[Floats, Floats]:
    """Return the part of a piece between the ends of an axis, with a point at each end that it
    crosses. steps: each value holds until the next point.
    """
    inside = (x >= axis.low) & (x <= axis.high)
    ends = (axis.low, axis.high)
    crossed = [end for end in ends if x[0] < end < x[-1]]
    if steps:
        values = y[np.searchsorted(x, crossed) - 1]
    else:
        values = np.interp(crossed, x, y)
    cut_x = np.concatenate((x[inside], crossed))
    cut_y = np.concatenate((y[inside], values))
    order = np.argsort(cut_x, kind="stable")
    return cut_x[order], cut_y[order]


def greatest(mark: Mark, axis: Axis) -> float:
    """Return the greatest value of a line in sight; 0 if nothing of it is."""
    tops = [float(y.max()) for _, y in in_sight(mark, axis)]
    return max(tops, default=0.0)


# ---- its shapes
def line_shapes(mark: Mark, frame: Frame) -> list[Shape]:
    """Return the shapes of a line."""
    shapes: list[Shape] = []
    for x, y in in_sight(mark, frame.x):
        px, py = frame.pixels(x, y)
        width = px[-1] - px[0]
        is_dense = len(px) > 3 * width + 12
        if is_dense:
            shapes += _envelope(_columns(px, py), mark)
        else:
            shapes += _points_and_stroke(px, py, mark)
    return shapes


def _points_and_stroke(px: Floats, py: Floats, mark: Mark) -> list[Shape]:
    """Return a line through a few points, and a dot at each where the mark has dots."""
    points = list(zip(px.tolist(), py.tolist(), strict=True))
    if mark.get("dots"):
        colour = mark["colour"]
        dots = [Spot("circle", point, colour) for point in points]
        return [_stroke(points, mark), *dots]
    if mark.get("steps"):
        points = _stairs(points)
    bands, points = _banded(points)
    shapes: list[Shape] = []
    if not mark.get("edge"):
        colour = mark["colour"]
        shapes += [Area(band, colour, _BAND_OPACITY) for band in bands]
    return [*shapes, _stroke(points, mark)]


def _stroke(points: list[Point], mark: Mark) -> Stroke:
    kept = _without_doubles(points)
    return Stroke(kept, mark["colour"], mark["width"], mark["dash"])


def _stairs(points: list[Point]) -> list[Point]:
    """Return the points of a line whose value holds until the next point."""
    stairs = points[:1]
    for before, after in pairwise(points):
        corner = (after[0], before[1])
        stairs += [corner, after]
    return stairs


def _without_doubles(points: list[Point]) -> list[Point]:
    """Return the points without those that lie in the same tenth of a pixel as the one before."""
    kept: list[Point] = []
    for x, y in points:
        near = (round(x, 1), round(y, 1))
        if not kept or kept[-1] != near:
            kept.append(near)
    if len(kept) > 1:
        return kept
    return [*kept, *points[-1:]]


# ---- saw-teeth
def _banded(points: list[Point]) -> tuple[list[list[Point]], list[Point]]:
    """Return the bands of the stretches in which a line goes up and down too fast to be seen, and
    the line that is left: there it goes along the tops. That line may go up and down too, so this
    is done until nothing is too fast.
    """
    bands: list[list[Point]] = []
    while found := _saws(points):
        kept: list[Point] = []
        done = 0
        for tops in found:
            pairs = list(pairwise(tops))
            upper = [points[top] for top in tops]
            lower = [_lowest(points[a : b + 1]) for a, b in pairs]
            bands.append([*upper, *reversed(lower)])
            kept += [*points[done : tops[0]], *upper]
            done = tops[-1] + 1
        points = kept + points[done:]
    return bands, points


def _lowest(points: list[Point]) -> Point:
    """Return the point that is lowest on the screen."""
    return max(points, key=lambda point: point[1])


def _saws(points: list[Point]) -> list[list[int]]:
    """Return the indices of the tops of each stretch of LEAST_TOPS or more that are no further
    than TOOTH_PX from their neighbours. What changes by less than a pixel is level.
    """
    rows = np.rint([y for _, y in points])
    moves = np.sign(np.diff(rows))
    moved = np.flatnonzero(moves)
    rises = moves[moved] < 0
    tops = moved[1:][rises[:-1] & ~rises[1:]].tolist()
    saws: list[list[int]] = [[]]
    for top in tops:
        before = saws[-1]
        if before and points[top][0] - points[before[-1]][0] > TOOTH_PX:
            saws.append([])
        saws[-1].append(top)
    return [saw for saw in saws if len(saw) >= LEAST_TOPS]


# ---- dense curves
@dataclass(slots=True)
class Column:
    """A column of pixels of a curve: where it comes in, its ends, where it continues."""

    x: float
    first: float
    upper: float
    lower: float
    last: float


def _columns(px: Floats, py: Floats) -> list[Column]:
    """Return the columns that a piece passes through, from the left to the right."""
    x = np.rint(px)
    changes = np.flatnonzero(x[1:] != x[:-1]) + 1
    first = np.append(0, changes)
    last = np.append(changes, len(x)) - 1
    upper = np.minimum.reduceat(py, first)
    lower = np.maximum.reduceat(py, first)
    each = (x[first], py[first], upper, lower, py[last])
    columns = zip(*(part.tolist() for part in each), strict=True)
    return [Column(*column) for column in columns]


def _envelope(columns: list[Column], mark: Mark) -> list[Shape]:
    """Return the band between the least and the greatest of each column, and its upper edge as a
    line. Columns further apart than NEAR_PX have no band between them, and are joined by what the
    curve does there.
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
        shapes.append(_stroke(edge, mark))
    return shapes


def _between(group: list[Column], colour: str) -> Area:
    """Return the band of neighbouring columns, at least as wide as one of them."""
    right = group[-1].x + COLUMN_PX
    above = [(column.x, column.upper) for column in group]
    below = [(column.x, column.lower) for column in reversed(group)]
    right_end = [(right, group[-1].upper), (right, group[-1].lower)]
    return Area([*above, *right_end, *below], colour, _BAND_OPACITY)
