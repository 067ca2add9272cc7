"""How surely a restore rate is known: an interval for the slope of durations over bytes.

The restores are drawn again with replacement (the bootstrap of pairs, Efron 1979), the weighted
median of all slopes is taken again each time, and the interval lies between the 2.5 % and the
97.5 % of what comes out. The draws are the same in every run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 400

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def slope_interval(
    points: Sequence[tuple[int, int]], fixed_us: float, slope_us: float
) -> tuple[float, float]:
    """95 % interval of the slope in us a byte; not above 0 where a line without a slope is as
    likely.

    points: (bytes, us) of each restore; fixed_us, slope_us: the line through them. A line through
    zero stays one.
    """
    slopes = _slopes(points, fixed_us, slope_us)
    draw = random.Random("slope_interval")
    found = []
    for _ in range(DRAWS):
        times = Counter(draw.choices(range(len(points)), k=len(points)))
        counts = np.array([float(times[n]) for n in range(len(points))])
        median = slopes.median(counts)
        if median is not None:
            found.append(median)
    found.sort()
    outside = len(found) // 40
    return found[outside], found[-1 - outside]


@dataclass(frozen=True, slots=True)
class _Slopes:
    """Slopes in ascending order, each with its weight, and the points that it leads through: two,
    or one where all lines lead through zero (second is None).
    """

    slope: Floats
    weight: Floats
    first: Ints
    second: Ints | None

    def median(self, counts: Floats) -> float | None:
        """Return the weighted median; None if nothing has weight. counts: how often each point was
        drawn.
        """
        drawn = counts[self.first]
        if self.second is not None:
            drawn = drawn * counts[self.second]
        mass = np.cumsum(self.weight * drawn)
        if mass[-1] <= 0:
            return None
        return float(self.slope[np.searchsorted(mass, mass[-1] / 2)])


def _slopes(
    points: Sequence[tuple[int, int]], fixed_us: float, slope_us: float
) -> _Slopes:
    """Return all slopes between two points, or between zero and a point if nothing is fixed."""
    size = np.array([float(b) for b, _ in points])
    took = np.array([float(us) for _, us in points])
    expected = np.maximum(fixed_us + slope_us * size, 1.0)
    through_zero = not fixed_us > 0
    if through_zero:
        first = second = np.flatnonzero(size)
        apart = size[first]
        rise = took[first]
    else:
        first, second = np.triu_indices(len(points), 1)
        apart = size[second] - size[first]
        rise = took[second] - took[first]
    differ = np.flatnonzero(apart)
    slope = rise[differ] / apart[differ]
    first = first[differ]
    second = second[differ]
    spread = np.hypot(expected[first], expected[second])
    weight = np.abs(apart[differ]) / spread
    order = np.argsort(slope, kind="stable")
    return _Slopes(
        slope[order],
        weight[order],
        first[order],
        None if through_zero else second[order],
    )
