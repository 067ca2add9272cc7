"""A chart of the differences between two scenarios under the same random events: the change of each
measure, with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim.figures.charts import Chart
from dr_sim.formatting.numbers import figures

MOST_ROWS = 16
MOST_WORDS = 6
FARTHEST = 1_000.0  # percent of A's mean: an axis that reached further would show nothing else
TIMES_THE_MIDDLE = (
    3.0  # nor does one that reaches much further than the row in the middle
)
SHORTEST = 20.0


@dataclass(frozen=True, slots=True)
class MeasureChange:
    """How much a measure's mean is larger in B, in percent of A's, and between what that lies."""

    name: str
    at: float
    low: float
    high: float


def comparison_chart(changes: Sequence[MeasureChange]) -> Chart:
    """A row for each measure, in the order given; filled where 0 lies outside of the interval."""
    shown = changes[:MOST_ROWS]
    limit = _reach(shown)
    items = [_item(row, change, limit) for row, change in enumerate(shown)]
    ends = [
        x for item in items for x in (item["low"], item["high"], item["at"])
    ]
    low, high = min([*ends, -5.0]), max([*ends, 5.0])
    room = 0.05 * (high - low)
    more = (
        f"; {len(changes) - len(shown)} more differ"
        if len(changes) > len(shown)
        else ""
    )
    title = f"Change of the mean, in % of A's (95 % intervals; hollow: may be none{more})"
    spec = {
        "x": {
            "kind": "percent",
            "from": low - room,
            "to": high + room,
            "title": "",
        },
        "y": {
            "rows": [_name(change, limit) for change in shown]
            or ["no measure differs"]
        },
        "marks": [
            {"type": "upright", "x": 0, "label": "", "colour": "black"},
            {
                "type": "changes",
                "label": "",
                "colour": "blue",
                "items": items,
            },
        ],
    }
    words = "; ".join(str(item["words"]) for item in items[:MOST_WORDS])
    return Chart(
        "changes", title, f"{words or 'No measure differs'}.", spec
    )


def _reach(shown: Sequence[MeasureChange]) -> float:
    """Return how far from 0 the axis goes, in percent: to the furthest, but not so far that the row
    in the middle cannot be seen.
    """
    ends = sorted(max(abs(c.low), abs(c.high), abs(c.at)) for c in shown)
    if not ends:
        return SHORTEST
    middle = ends[(len(ends) - 1) // 2]
    most = max(SHORTEST, TIMES_THE_MIDDLE * middle)
    return min(FARTHEST, most, max(SHORTEST, ends[-1]))


def _name(change: MeasureChange, limit: float) -> str:
    """A row's name, with the number where the axis does not reach it."""
    if abs(change.at) <= limit:
        return change.name
    return f"{change.name} ({figures(change.at, 2)} %)"


def _item(row: int, change: MeasureChange, limit: float) -> dict[str, Any]:
    colour = (
        "blue"
        if change.high < 0
        else "orange"
        if change.low > 0
        else "grey"
    )
    low, high, at = (
        max(-limit, min(limit, x))
        for x in (change.low, change.high, change.at)
    )
    words = f"{change.name}: {figures(change.at, 2)} %"
    item = {
        "row": row,
        "at": at,
        "low": low,
        "high": high,
        "colour": colour,
    }
    return {
        **item,
        "hollow": colour == "grey",
        "below": change.low < low,
        "above": change.high > high,
        "from": low,
        "to": high,
        "words": words,
    }
