"""Intervals of time, [begin, end) in microseconds, and curves over them two by two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def maximal(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those in which at least one of the spans holds, which are in the order of their begins: what
    touches is one.
    """
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def two_by_two(curves: list[T], worse: Callable[[T, T], T]) -> T:
    """Return what is left when curves are replaced, two by two, by the worse of both at each
    instant: so none is gone through more often than the logarithm of their number.
    """
    while len(curves) > 1:
        paired = [worse(a, b) for a, b in zip(curves[::2], curves[1::2], strict=False)]
        curves = paired + curves[len(paired) * 2 :]
    return curves[0]
