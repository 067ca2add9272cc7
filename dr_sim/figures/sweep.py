"""A sweep as a chart: a curve with its interval where one key varies, a table of cells where two
do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim.figures.charts import Chart, LineStyle, line
from dr_sim.figures.many_runs import DrawnSweep
from dr_sim.formatting.numbers import in_order, numbers, value_text
from dr_sim.measures.verdict import UNITS
from dr_sim.scenario.keys.sla import bound_of
from dr_sim.scenario.sla_measures import (
    kind_of,
)
from dr_sim.units import SECOND_US

WIDE = 20.0  # a factor between values from which on the axis of a measure is logarithmic
WIDE_KEY = 10.0  # the same for the axis of a key, whose values people choose evenly or by factors
ROUNDED = 1 - 1e-9  # 0.7 is not quite ten times 0.07
_AXES = {"duration": "duration", "part": "percent", "count": "number"}
_SCALES = {
    "duration": 1_000.0,
    "part": 100.0,
    "count": 1.0,
}  # seconds to ms, parts to %


@dataclass(frozen=True, slots=True)
class Cell:
    """One point. bound: what the SLA asks for there, NaN if nothing; high: infinite where these
    runs set no limit.
    """

    estimate: float
    low: float
    high: float
    bound: float


@dataclass(frozen=True, slots=True)
class DrawnMeasure:
    """A measure of a sweep, to be drawn. sla: a bound instead of the scenario's (seconds,
    parts).
    """

    measure: str
    database: str = ""
    failure_class: str = ""
    sla: float | None = None

    @property
    def kind(self) -> str:
        return kind_of(self.measure)

    @property
    def name(self) -> str:
        return " ".join(
            filter(None, (self.measure, self.database, self.failure_class))
        )

    def text(self, value: float) -> str:
        """A value (seconds, parts, a count) as people read it."""
        if not math.isfinite(value):
            return "?"
        factor = {"duration": float(SECOND_US), "part": 1e6, "count": 1.0}[
            self.kind
        ]
        return value_text(round(value * factor), UNITS[self.kind])


def sweep_chart(swept: DrawnSweep, asked: DrawnMeasure) -> Chart:
    """The chart of one measure. Raises ValueError if more than two keys vary."""
    keys = varied(swept)
    if len(keys) > 2:
        raise ValueError(
            f"a picture has room for two keys that vary, and these are {', '.join(keys)}; "
            "fix one of them"
        )
    cells = _cells_of(swept, asked)
    by_value = {}
    for point, cell in zip(swept.points, cells, strict=True):
        by_value[tuple(point.values[key] for key in keys)] = cell
    runs = int(
        swept.curve(asked.measure, asked.database, asked.failure_class)[
            "n"
        ].min()
    )
    title = f"{asked.name}, {runs:,} run{'s' * (runs != 1)} a point"
    draw = _curve if len(keys) == 1 else _table
    spec = draw(by_value, keys, asked)
    words = "; ".join(
        f"{' '.join(at)}: {asked.text(c.estimate)}"
        for at, c in by_value.items()
    )
    key = "-".join(
        filter(
            None,
            ("sweep", asked.measure, asked.database, asked.failure_class),
        )
    )
    return Chart(key.replace(" ", "_"), title, f"{words}.", spec)


def varied(swept: DrawnSweep) -> list[str]:
    """Return the keys with more than one value; the first key if there is none."""
    keys = [key for key in swept.keys if swept.values_of(key) > 1]
    return keys or list(swept.keys[:1])


def _cells_of(swept: DrawnSweep, asked: DrawnMeasure) -> list[Cell]:
    table = swept.curve(asked.measure, asked.database, asked.failure_class)
    cells = []
    for point, row in zip(
        swept.points, table.to_dict("records"), strict=True
    ):
        bound = asked.sla
        if bound is None:  # an SLA may vary too
            bound = bound_of(point.scenario, asked.measure, asked.database)
        at = math.nan if bound is None else bound
        cells.append(Cell(row["estimate"], row["low"], row["high"], at))
    return cells


# ---- one key
def _curve(
    by_value: Mapping[tuple[str, ...], Cell],
    keys: Sequence[str],
    asked: DrawnMeasure,
) -> dict[str, Any]:
    order = in_order([value for (value,) in by_value])
    cells = [by_value[(value,)] for value in order]
    places, ordered = value_places(order)
    scale = _SCALES[asked.kind]
    marks = [
        _intervals(places, cells, scale),
        *_estimates(places, cells, scale, ordered),
    ]
    marks += _sla_marks(places, cells, scale, asked)
    room = 0.08 * ((places[-1] - places[0]) or 1.0)
    x = {
        "kind": "given",
        "from": places[0] - room,
        "to": places[-1] + room,
        "ticks": [
            [place, value]
            for place, value in zip(places, order, strict=True)
        ],
        "title": keys[0],
    }
    return {
        "x": x,
        "y": _y_axis(cells, scale, asked),
        "height": 300,
        "marks": marks,
    }


def _intervals(
    places: Sequence[float], cells: Sequence[Cell], scale: float
) -> dict[str, Any]:
    items = []
    for at, cell in zip(places, cells, strict=True):
        low = cell.low * scale if math.isfinite(cell.low) else 0.0
        high = cell.high * scale if math.isfinite(cell.high) else None
        items.append([at, max(0.0, low), high])
    label = "95 % interval"
    if any(high is None for *_, high in items):
        label += " (a tip: no upper limit yet)"
    return {
        "type": "ranges",
        "label": label,
        "colour": "sky",
        "items": items,
    }


def _estimates(
    places: Sequence[float],
    cells: Sequence[Cell],
    scale: float,
    ordered: bool,
) -> list[dict[str, Any]]:
    values = [
        cell.estimate * scale if math.isfinite(cell.estimate) else None
        for cell in cells
    ]
    known = [
        (at, v)
        for at, v in zip(places, values, strict=True)
        if v is not None
    ]
    looks = LineStyle("estimate", "blue")
    if ordered:
        return [_dotted(known, looks)] if known else []
    return [_dotted([point], looks) for point in known]


def _dotted(
    points: Sequence[tuple[float, float]], looks: LineStyle
) -> dict[str, Any]:
    return {**line(_exact(points), looks), "dots": True, "exact": True}


def _exact(points: Sequence[tuple[float, float]]) -> dict[str, list[Any]]:
    """Points as charts.packed has them, where x is no time and must not be rounded."""
    xs = [x for x, _ in points]
    steps = [x - before for x, before in zip(xs, [0.0, *xs], strict=False)]
    return {"x": steps, "y": [y for _, y in points]}


def _sla_marks(
    places: Sequence[float],
    cells: Sequence[Cell],
    scale: float,
    asked: DrawnMeasure,
) -> list[dict[str, Any]]:
    bounds = [cell.bound for cell in cells]
    known = [
        (at, b)
        for at, b in zip(places, bounds, strict=True)
        if not math.isnan(b)
    ]
    if not known:
        return []
    same = len({bound for _, bound in known}) == 1 and len(known) == len(
        cells
    )
    label = f"SLA {asked.text(known[0][1])}" if same else "SLA"
    if same:
        level = {"type": "level", "y": known[0][1] * scale, "label": label}
        return [{**level, "colour": "red", "dash": "dashed"}]
    points = [(at, bound * scale) for at, bound in known]
    return [_dotted(points, LineStyle(label, "red", "dashed"))]


def _y_axis(
    cells: Sequence[Cell], scale: float, asked: DrawnMeasure
) -> dict[str, Any]:
    seen = [
        x
        for c in cells
        for x in (c.estimate, c.high, c.bound)
        if math.isfinite(x)
    ]
    top = max(seen, default=0.0) * scale or 1.0
    positive = [x * scale for x in seen if x > 0]
    kind = _AXES[asked.kind]
    # a factor of 20 between points: an even scale would show the largest only
    if asked.kind != "count" and positive and min(positive) < top / WIDE:
        return {
            "kind": f"log_{kind}",
            "from": min(positive) / 1.5,
            "to": top * 1.2,
        }
    return {"kind": kind, "from": 0, "to": top * 1.08, "title": ""}


def value_places(values: list[str]) -> tuple[list[float], bool]:
    """Return where each value stands on the axis, and whether they are in an order of their own:
    numbers of one kind by their logarithm if they span a factor of 10 or more, by themselves
    otherwise; words side by side.
    """
    found = numbers(values)
    if not found:
        return [float(i) for i in range(len(values))], False
    if min(found) > 0 and max(found) >= WIDE_KEY * min(found) * ROUNDED:
        return [math.log10(x) for x in found], True
    return found, True


# ---- two keys
_MET, _MISSED, _OPEN, _PLAIN = (
    "meets the SLA",
    "misses it",
    "? not decided",
    "",
)
_TINTS = {_MET: "mint", _MISSED: "orange", _OPEN: "yellow", _PLAIN: "sky"}


def _table(
    by_value: Mapping[tuple[str, ...], Cell],
    keys: Sequence[str],
    asked: DrawnMeasure,
) -> dict[str, Any]:
    columns = in_order(list(dict.fromkeys(x for x, _ in by_value)))
    rows = in_order(list(dict.fromkeys(y for _, y in by_value)))
    groups: dict[str, list[dict[str, Any]]] = {}
    for (x, y), cell in by_value.items():
        said, column = _said(cell, asked), columns.index(x)
        text = asked.text(cell.estimate) + (" ?" if said == _OPEN else "")
        sign = {_MET: "✓ ", _MISSED: "✗ "}.get(said, "")
        item: dict[str, Any] = {
            "row": rows.index(y),
            "column": column,
            "text": sign + text,
        }
        item |= {
            "from": column,
            "to": column + 1,
            "words": f"{x}, {y}: {text}",
        }
        groups.setdefault(said, []).append(item)
    marks = [
        {
            "type": "cells",
            "label": said,
            "colour": _TINTS[said],
            "columns": len(columns),
            "items": items,
        }
        for said, items in groups.items()
    ]
    ticks = [[i + 0.5, value] for i, value in enumerate(columns)]
    axis = {
        "kind": "given",
        "from": 0,
        "to": len(columns),
        "ticks": ticks,
        "title": keys[0],
    }
    return {
        "x": axis,
        "y": {"rows": rows, "title": keys[1]},
        "marks": marks,
    }


def _said(cell: Cell, asked: DrawnMeasure) -> str:
    if math.isnan(cell.bound):
        return _PLAIN
    # the most of these runs is judged as such (judge.py): no run sets a limit to the others
    most = asked.measure.endswith(".max")
    if (cell.estimate if most else cell.high) <= cell.bound:
        return _MET
    return _MISSED if cell.low > cell.bound else _OPEN
