"""Intervals of time, [begin, end) in microseconds."""

from __future__ import annotations

from collections.abc import Iterable


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
