"""Intervals of time, [begin, end) in microseconds, and curves over them two by two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TypeVar

import numpy as np

from dr_sim.measures.tables import Ints

T = TypeVar("T")


def maximal(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that overlap or touch. They must be in the order of their begins."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            first, last = found.pop()
            begin, end = first, max(last, end)
        found.append((begin, end))
    return found


def two_by_two(curves: list[T], worse: Callable[[T, T], T]) -> T:
    """Replace curves, two by two, by the worse of both at each instant, until one is left. So each
    curve is read only as often as the logarithm of their number.
    """
    while len(curves) > 1:
        pairs = zip(curves[::2], curves[1::2], strict=False)
        paired = [worse(a, b) for a, b in pairs]
        unpaired = curves[len(paired) * 2 :]
        curves = paired + unpaired
    return curves[0]


def unbroken(start_us: Ints, stop_us: Ints) -> list[tuple[int, int]]:
    """Return (first, end) of each run of pieces in which every one begins where the one before it
    ends.
    """
    breaks = np.flatnonzero(stop_us[:-1] != start_us[1:]) + 1
    cuts = [0, *breaks.tolist(), len(start_us)]
    return list(pairwise(cuts))
