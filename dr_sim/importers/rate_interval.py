"""How surely a restore rate is known: an interval for the slope of durations over bytes.

The restores are drawn again with replacement (the bootstrap of pairs, Efron 1979), the weighted
median of all slopes is taken anew each time, and the interval lies between the 2.5 % and the 97.5 %
of what comes out. The draws are the same in every run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np

DRAWS = 400


def slope_interval(
    points: Sequence[tuple[int, int]], fixed_us: float, slope_us: float
) -> tuple[float, float]:
    """95 % interval of the slope in us a byte; not above 0 where a line without a slope is as
    likely.

    points: (bytes, us) of each restore; fixed_us, slope_us: the line through them. A line through
    zero stays one.
    """
    size = np.array([float(b) for b, _ in points])
    took = np.array([float(us) for _, us in points])
    expected = np.maximum(fixed_us + slope_us * size, 1.0)
    if fixed_us > 0:
        first, second = np.triu_indices(len(points), 1)
    else:
        first = second = np.flatnonzero(size)
    apart = size[second] - size[first] if fixed_us > 0 else size[first]
    differ = np.flatnonzero(apart)
    first, second, apart = first[differ], second[differ], apart[differ]
    slope = (
        (took[second] - took[first]) if fixed_us > 0 else took[first]
    ) / apart
    weight = np.abs(apart) / np.hypot(expected[first], expected[second])
    by_slope = np.argsort(slope, kind="stable")
    first, second, slope, weight = (
        first[by_slope],
        second[by_slope],
        slope[by_slope],
        weight[by_slope],
    )
    draw, found = random.Random("slope_interval"), []
    for _ in range(DRAWS):
        times = Counter(draw.choices(range(len(points)), k=len(points)))
        counts = np.array([float(times[n]) for n in range(len(points))])
        mass = np.cumsum(
            weight
            * (
                counts[first] * counts[second]
                if fixed_us > 0
                else counts[first]
            )
        )
        if mass[-1] > 0:
            found.append(float(slope[np.searchsorted(mass, mass[-1] / 2)]))
    found.sort()
    return found[len(found) // 40], found[-1 - len(found) // 40]
