"""The edge at which a sweep passes from points that surely miss a bound to points that surely meet
it, and what lies between.

The points of one key are in order, from the worst to the best (or the other way round). The answer
is looked for from the best on, point by point, until the first that does not surely meet the bound:
a test in a fixed sequence, in which each point is asked with the whole error and the chance that
the answer does not meet the bound is still that error (Maurer, Hothorn and Lehmacher, 'Multiple
comparisons in drug clinical trials and preclinical assays: a-priori ordered hypotheses', 1995). The
same from the worst on for what surely misses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Best = Literal["last", "first"]


@dataclass(frozen=True, slots=True)
class Edge:
    """Values of the key, as texts. meets: the furthest from the best up to which every one surely
    meets the bound; misses: the furthest from the worst up to which every one surely misses it;
    unknown: those between. None where there is none.
    """

    key: str
    meets: str | None
    unknown: tuple[str, ...]
    misses: str | None


def met(low: float, high: float, at_most: float) -> str:
    """'yes', 'no', or 'unknown' where the interval reaches over the bound; a limit that is not
    known (nan) decides nothing.
    """
    if high <= at_most:
        return "yes"
    return "no" if low > at_most else "unknown"


def edge_of(
    key: str,
    values: Sequence[str],
    verdicts: Sequence[str],
    best: Best = "last",
) -> Edge:
    """verdicts: of each value, as met() gives them."""
    points = list(zip(values, verdicts, strict=True))
    if best == "last":
        points.reverse()  # the best first
    good = next(
        (i for i, (_, verdict) in enumerate(points) if verdict != "yes"),
        len(points),
    )
    bad = next(
        (
            i
            for i, (_, verdict) in enumerate(reversed(points))
            if verdict != "no"
        ),
        len(points),
    )
    between = points[good : len(points) - bad]
    return Edge(
        key,
        points[good - 1][0] if good else None,
        tuple(value for value, _ in between),
        points[len(points) - bad][0] if bad else None,
    )
