"""The best of several standbys at each instant: what a failure would cost where the best surviving
copy is taken.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dr_sim.measures.exposure import NEVER_US, Curve
from dr_sim.measures.falling import Falling, no_curve
from dr_sim.measures.tables import Ints

_NOT_DEFINED = -NEVER_US


def best(first: Curve, others: Iterable[Curve]) -> Curve:
    """Return the pointwise minimum, where any of them is defined in the time of the first."""
    found = first
    for other in others:
        found = _better(found, other.window(first.begin_us, first.end_us))
    return found


def _better(a: Curve, b: Curve) -> Curve:
    if not len(a.start_us) or not len(b.start_us):
        return a if len(a.start_us) else b
    starts, stops = (a.start_us, b.start_us), (a.stops_us(), b.stops_us())
    edges = np.unique(np.concatenate((*starts, *stops)))
    start, stop = edges[:-1], edges[1:]
    since = np.maximum(since_at(a, start), since_at(b, start))
    there = since > _NOT_DEFINED
    start, stop, since = start[there], stop[there], since[there]
    if (stop[:-1] == start[1:]).all():
        return Curve(start, since, int(stop[-1]))
    return Curve(start, since, int(stop[-1]), stop)


def since_at(curve: Curve, at_us: Ints) -> Ints:
    """Return since_us of the piece that holds at each instant; -NEVER_US where there is none."""
    if not len(curve.start_us):
        return np.full(len(at_us), _NOT_DEFINED, np.int64)
    piece = np.searchsorted(curve.start_us, at_us, side="right") - 1
    inside = (piece >= 0) & (at_us < curve.stops_us()[np.maximum(piece, 0)])
    return np.where(
        inside, curve.since_us[np.maximum(piece, 0)], _NOT_DEFINED
    )


def best_falling(first: Falling, others: Iterable[Falling]) -> Falling:
    """Return the pointwise minimum, where any of them is defined in the time of the first."""
    found = first
    for other in others:
        found = _better_falling(
            found, other.window(first.begin_us, first.end_us)
        )
    return found


def _better_falling(a: Falling, b: Falling) -> Falling:
    """Two curves cross where one stands at its floor and the other falls below that: there a new
    piece begins.
    """
    if not len(a.start_us) or not len(b.start_us):
        return a if len(a.start_us) else b
    edges = np.unique(
        np.concatenate((a.start_us, b.start_us, a.stop_us, b.stop_us))
    )
    crossings = [
        until - floor
        for (_, until), (floor, _) in _both_ways(
            falling_at(a, edges[:-1]), falling_at(b, edges[:-1])
        )
    ]
    inside = [np.clip(each, edges[:-1], edges[1:]) for each in crossings]
    edges = np.unique(np.concatenate((edges, *inside)))
    start, stop = edges[:-1], edges[1:]
    (floor_a, until_a), (floor_b, until_b) = (
        falling_at(a, start),
        falling_at(b, start),
    )
    # pieces do not cross any more: the lower one at the begin or, if equal, at the end
    begin_a, begin_b = (
        np.maximum(floor_a, until_a - start),
        np.maximum(floor_b, until_b - start),
    )
    end_a, end_b = (
        np.maximum(floor_a, until_a - stop),
        np.maximum(floor_b, until_b - stop),
    )
    of_a = (begin_a < begin_b) | ((begin_a == begin_b) & (end_a <= end_b))
    floor, until = (
        np.where(of_a, floor_a, floor_b),
        np.where(of_a, until_a, until_b),
    )
    there = floor < NEVER_US
    if not there.any():
        return no_curve()
    return Falling(start[there], stop[there], floor[there], until[there])


def _both_ways(
    a: tuple[Ints, Ints], b: tuple[Ints, Ints]
) -> list[tuple[tuple[Ints, Ints], ...]]:
    return [(a, b), (b, a)]


def falling_at(curve: Falling, at_us: Ints) -> tuple[Ints, Ints]:
    """Return (floor, until) of the piece that holds at each instant; where there is none the floor
    is NEVER_US.
    """
    if not len(curve.start_us):
        never = np.full(len(at_us), NEVER_US, np.int64)
        return never, np.zeros(len(at_us), np.int64)
    piece = np.searchsorted(curve.start_us, at_us, side="right") - 1
    near = np.maximum(piece, 0)
    inside = (piece >= 0) & (at_us < curve.stop_us[near])
    return (
        np.where(inside, curve.floor_us[near], NEVER_US),
        np.where(inside, curve.until_us[near], 0),
    )
