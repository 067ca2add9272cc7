"""A page: the template, the charts' data and what draws them, in one file that works offline."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dr_sim.figures.charts import Chart
from dr_sim.figures.shapes import SIGNS


@dataclass(frozen=True, slots=True)
class Heading:
    """Stands on top of a page that is not about one scenario."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class SortedCell:
    """A cell of a table: the text that is read, and the number that its column is sorted by."""

    text: str
    value: float


MARKS = {"pass": "✓", "fail": "✗", "unknown": "?", "done": "–"}


def rendered(
    template: str,
    drawn: Sequence[Chart],
    axis: dict[str, Any] | None = None,
    **values: Any,
) -> str:
    """The template filled in. axis: the time that charts share (from, to, start, zone, midnight,
    views), if any does.
    """
    page = Environment(
        loader=PackageLoader("dr_sim.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    page.filters["coded"] = coded
    page.filters["sort_key"] = sort_key
    data = {
        "from": 0,
        "to": 1,
        "start": 0,
        "zone": "UTC",
        "midnight": 0,
        "signs": SIGNS,
        **(axis or {}),
        "charts": {chart.key: chart.spec for chart in drawn},
    }
    # '<' as an escape: a name may hold '</script>'
    text = json.dumps(
        data, ensure_ascii=False, separators=(",", ":")
    ).replace("<", "\\u003c")
    return page.get_template(template).render(
        data=text, drawing=_drawing(), **values
    )


def coded(text: str) -> Markup:
    """A sentence of the screen for the page: what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    inner = [f"<code>{part}</code>" for part in parts[1::2]]
    parts[1::2] = [Markup(part) for part in inner]
    return Markup("").join(parts)


def sort_key(value: float) -> str:
    """Return a number as the page's script reads it to sort a column: 'Infinity' for a value that
    is 'never', '-Infinity' for one that is unknown.
    """
    if math.isnan(value):
        return "-Infinity"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.15g}"


@cache
def _drawing() -> str:
    """Return what draws the charts."""
    return (files("dr_sim.report") / "templates" / "charts.js").read_text(
        encoding="utf-8"
    )
