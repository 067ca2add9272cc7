"""Charts as a still picture: the same charts as on the page, below one another.

Each has its title, its legend beside it and not over it, axes for what is in sight, and its marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim.figures.axes import (
    Axis,
    Calendar,
    roomy,
    text_middle,
    time_axis,
    value_axis,
    with_names_apart,
    with_names_fitted,
)
from dr_sim.figures.charts import Chart
from dr_sim.figures.curves import greatest
from dr_sim.figures.frame import ROW_PX, Frame
from dr_sim.figures.marks import (
    band,
    mark_shapes,
    of_the_service,
    upright,
)
from dr_sim.figures.shapes import (
    Area,
    Label,
    Picture,
    Shape,
    Spot,
    Stroke,
    box,
    fitted,
    text_width,
)

WIDTH_PX, LEFT_PX, RIGHT_PX, MARGIN_PX = 1100.0, 150.0, 16.0, 14.0
MOST_LEFT_PX = 400.0  # for the names of rows
TITLE_PX, LEGEND_PX, TICKS_PX, AXIS_TITLE_PX, GAP_PX = (
    20.0,
    18.0,
    20.0,
    17.0,
    12.0,
)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart, and which part of the time it shows: all of it where window is None.

    heading: stands above it, where a new part of the picture begins.
    """

    chart: Chart
    window: tuple[float, float] | None = None
    heading: str = ""


def picture_of(
    title: str, panels: Sequence[Panel], axis: dict[str, Any] | None = None
) -> Picture:
    """The panels below one another. axis: the time that they share, as Timeline.axis gives it."""
    words = " ".join(
        f"{panel.chart.title}: {panel.chart.words}" for panel in panels
    )
    picture = Picture(WIDTH_PX, 0.0, title, words)
    picture.shapes.append(
        Label(title, (MARGIN_PX, 20.0), size=16, bold=True)
    )
    top = 40.0
    for panel in panels:
        if panel.heading:
            picture.shapes.append(
                Label(
                    panel.heading, (MARGIN_PX, top + 12), size=14, bold=True
                )
            )
            top += 30.0
        shapes, top = _panel(panel, top, axis or {})
        picture.shapes += shapes
    picture.height = top + MARGIN_PX
    return picture


def _panel(
    panel: Panel, top: float, axis: dict[str, Any]
) -> tuple[list[Shape], float]:
    """The shapes of a panel, and where the next one begins."""
    chart, spec = panel.chart, panel.chart.spec
    shapes: list[Shape] = [
        Label(chart.title, (MARGIN_PX, top + 9), size=13, bold=True)
    ]
    marks = of_the_service(spec["marks"])
    legend, top = _legend(marks, top + TITLE_PX)
    shapes += legend
    frame = _frame(panel, top, axis)
    shapes += [
        band(begin, end, frame, "ground", 0.7)
        for begin, end in spec.get("grounds", ())
        if frame.shows(begin, end)
    ]
    shapes += _grid(frame, spec)
    for mark in marks:
        shapes += mark_shapes(mark, frame)
    shapes += [
        upright(at, frame, "black", "dashed")
        for at in spec.get("uprights", ())
        if frame.shows(at, at)
    ]
    title_px = AXIS_TITLE_PX if spec["x"].get("title") else 0.0
    return shapes, frame.bottom + TICKS_PX + title_px + GAP_PX


def _frame(panel: Panel, top: float, axis: dict[str, Any]) -> Frame:
    spec = panel.chart.spec
    rows = spec["y"].get("rows")
    height = (
        ROW_PX * len(rows) + 4 if rows else spec.get("height", 220) - 40
    )
    left = _left_px(spec)
    width = WIDTH_PX - left - RIGHT_PX
    x = _x_axis(spec, panel.window, width, axis)
    y = None if rows else _y_axis(spec, x, height)
    return Frame(left, top + 4, width, height, x, y)


def _left_px(spec: dict[str, Any]) -> float:
    """The room left of a panel's frame: as much as its rows' names need. Panels that share the axis
    of time begin at one place.
    """
    rows = spec["y"].get("rows")
    if not rows or spec["x"]["kind"] == "time":
        return LEFT_PX
    widest = max(text_width(row) for row in rows)
    return min(MOST_LEFT_PX, max(LEFT_PX, widest + MARGIN_PX + 8))


def _x_axis(
    spec: dict[str, Any],
    window: tuple[float, float] | None,
    width: float,
    axis: dict[str, Any],
) -> Axis:
    x = spec["x"]
    if x["kind"] == "time":
        low, high = window or (axis["from"], axis["to"])
        calendar = Calendar(axis["start"], axis["zone"], axis["midnight"])
        return roomy(
            lambda count: time_axis(low, high, count, calendar), width
        )
    low, high = x["from"], x["to"]
    if x["kind"] == "given":
        ticks = tuple((float(at), text) for at, text in x["ticks"])
        given = Axis(low, high, ticks)
        if "rows" in spec["y"]:
            return with_names_fitted(given, width)
        return with_names_apart(given, width)
    kind, title = x["kind"], x.get("title", "")
    return roomy(
        lambda count: value_axis(kind, low, high, count, title), width
    )


def _y_axis(spec: dict[str, Any], x: Axis, height: float) -> Axis:
    y, top = spec["y"], spec["y"].get("to")
    if top is None:
        marks = of_the_service(spec["marks"])
        lines = [greatest(m, x) for m in marks if m["type"] == "line"]
        levels = [m["y"] for m in marks if m["type"] == "level"]
        top = max(y.get("least", 0.0), *lines, *levels, 0.0) * 1.12 or 1.0
        top = min(top, y.get("most", top))
    return value_axis(
        y["kind"], y.get("from", 0.0), top, height / 38, y.get("title", "")
    )


def _grid(frame: Frame, spec: dict[str, Any]) -> list[Shape]:
    shapes: list[Shape] = []
    for value, text in frame.x.ticks:
        x, half = frame.px(value), text_width(text) / 2
        shapes.append(Stroke([(x, frame.top), (x, frame.bottom)], "grid"))
        at = frame.left + text_middle(x - frame.left, half, frame.width)
        if text:
            shapes.append(Label(text, (at, frame.bottom + 11), "middle"))
    if title := spec["x"].get("title"):
        middle = (frame.left + frame.right) / 2
        shapes.append(
            Label(title, (middle, frame.bottom + TICKS_PX + 8), "middle")
        )
    if frame.y is None:
        room = frame.left - MARGIN_PX - 8
        for i, row in enumerate(spec["y"]["rows"]):
            at_row = (frame.left - 8, frame.row_top(i) + 11)
            shapes.append(Label(fitted(row, room), at_row, "end"))
        return shapes
    for value, text in frame.y.ticks:
        y = frame.py(value)
        shapes.append(Stroke([(frame.left, y), (frame.right, y)], "grid"))
        shapes.append(Label(text, (frame.left - 8, y), "end"))
    return shapes


def _legend(
    marks: Sequence[dict[str, Any]], top: float
) -> tuple[list[Shape], float]:
    """A key for each label, in as many lines as they need; and where the frame begins."""
    shapes: list[Shape] = []
    x = MARGIN_PX
    named = {
        mark["label"]: mark for mark in reversed(marks) if mark.get("label")
    }
    for label in dict.fromkeys(
        mark["label"] for mark in marks if mark.get("label")
    ):
        wide = 28 + text_width(label) + 16
        if x > MARGIN_PX and x + wide > WIDTH_PX - RIGHT_PX:
            x, top = MARGIN_PX, top + LEGEND_PX
        shapes += _key(named[label], x, top + 8)
        shapes.append(Label(label, (x + 28, top + 8)))
        x += wide
    return shapes, top + LEGEND_PX if named else top


def _key(mark: dict[str, Any], x: float, y: float) -> list[Shape]:
    colour = mark["colour"]
    if mark["type"] in ("line", "level", "upright"):
        width = min(4.0, mark.get("width", 2.0))
        return [
            Stroke(
                [(x, y), (x + 22, y)],
                colour,
                width,
                mark.get("dash", "solid"),
            )
        ]
    if mark["type"] == "points":
        return [Spot(mark["shape"], (x + 11, y), colour)]
    if mark["type"] == "ranges":
        return [Stroke([(x + 11, y - 6), (x + 11, y + 6)], colour, 1.5)]
    opacity = 0.3 if mark["type"] == "spans" else 1.0
    return [Area(box(x, y - 5, 22, 10), colour, opacity)]
