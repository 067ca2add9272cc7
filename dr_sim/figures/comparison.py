"""What differs between two scenarios on the same luck: the change of each measure, with its
interval.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

from dr_sim.figures.charts import Chart
from dr_sim.figures.many_runs import TwoScenarios
from dr_sim.number_text import figures

MOST_ROWS = 24
FARTHEST = 1_000.0  # percent of A's mean: an axis that reached further would show nothing else


def comparison_chart(found: TwoScenarios) -> Chart:
    """A row for each measure that differs in some run and has a mean in a: b - a in percent of that
    mean, with 95 % intervals; filled where 0 lies outside.
    """
    table = found.differences
    table = table[(table["differing"] > 0) & (table["a"] > 0)]
    rows = table.head(MOST_ROWS).to_dict("records")
    items = [_item(i, row) for i, row in enumerate(rows)]
    ends = [x for item in items for x in (item["low"], item["high"], item["at"])]
    low, high = min([*ends, -5.0]), max([*ends, 5.0])
    room = 0.05 * (high - low)
    more = f"; {len(table) - len(rows)} more differ" if len(table) > len(rows) else ""
    title = f"Change of the mean, in % of A's (95 % intervals; hollow: may be none{more})"
    spec = {
        "x": {"kind": "percent", "from": low - room, "to": high + room, "title": ""},
        "y": {"rows": [_name(row) for row in rows] or ["no measure differs"]},
        "marks": [
            {"type": "upright", "x": 0, "label": "", "colour": "black"},
            {"type": "changes", "label": "", "colour": "blue", "items": items},
        ],
    }
    words = "; ".join(str(item["words"]) for item in items) or "no measure differs"
    return Chart("changes", title, f"{words}.", spec)


def _item(index: int, row: Mapping[Hashable, Any]) -> dict[str, Any]:
    at, low, high = (100 * float(row[x]) / float(row["a"]) for x in ("difference", "low", "high"))
    colour = "blue" if high < 0 else "orange" if low > 0 else "grey"
    low, high = (max(-FARTHEST, min(FARTHEST, x)) for x in (low, high))
    at = max(-FARTHEST, min(FARTHEST, at)) if math.isfinite(at) else 0.0
    words = f"{_name(row)}: {figures(at, 2)} %"
    item = {"row": index, "at": at, "low": low, "high": high, "colour": colour}
    return {**item, "hollow": colour == "grey", "from": low, "to": high, "words": words}


def _name(row: Mapping[Hashable, Any]) -> str:
    measure = str(row["measure"]).replace("_", " ").replace(".", ": ")
    of = "".join(f" of {row[x]}" for x in ("database", "tenant") if row[x])
    return measure + of + (f" ({row['class']})" if measure.startswith("exposure") else "")
