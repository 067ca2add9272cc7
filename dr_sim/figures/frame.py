"""The place of a chart in a picture, and where its values lie there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dr_sim.figures.axes import Axis

ROW_PX = 22.0
Mark = dict[str, Any]
"""A mark of a chart, as the page gets it: its kind is under 'type'."""


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
        """Return the pixel of a value across; inside the frame."""
        place = min(1.0, max(0.0, float(self.x.place(value))))
        return self.left + place * self.width

    def py(self, value: float) -> float:
        """Return the pixel of a value down; inside the frame."""
        place = float(self.y.place(value)) if self.y is not None else 0.0
        inside = min(1.0, max(0.0, place))
        return self.top + (1 - inside) * self.height

    def pixels(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the pixels of many points, given as two arrays; the chart has no rows."""
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
