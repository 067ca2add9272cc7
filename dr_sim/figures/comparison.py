"""A chart of the differences between two scenarios on the same luck: the change of each measure,
with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim.figures.charts import Chart
from dr_sim.number_text import figures

MOST_ROWS = 16
MOST_WORDS = 6
FARTHEST = 1_000.0  # percent of A's mean: an axis that reached further would show nothing else


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
    items = [_item(row, change) for row, change in enumerate(shown)]
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
            "rows": [change.name for change in shown] or ["no measure differs"]
        },
        "marks": [
            {"type": "upright", "x": 0, "label": "", "colour": "black"},
            {"type": "changes", "label": "", "colour": "blue", "items": items},
        ],
    }
    words = "; ".join(str(item["words"]) for item in items[:MOST_WORDS])
    return Chart("changes", title, f"{words or 'No measure differs'}.", spec)


def _item(row: int, change: MeasureChange) -> dict[str, Any]:
    colour = (
        "blue" if change.high < 0 else "orange" if change.low > 0 else "grey"
    )
    low, high, at = (
        max(-FARTHEST, min(FARTHEST, x))
        for x in (change.low, change.high, change.at)
    )
    words = f"{change.name}: {figures(change.at, 2)} %"
    item = {"row": row, "at": at, "low": low, "high": high, "colour": colour}
    return {
        **item,
        "hollow": colour == "grey",
        "from": low,
        "to": high,
        "words": words,
    }
