"""The best of several standbys at each instant: what a failure would cost where the best surviving
copy is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dr_sim.measures.exposure.exposure import NEVER_US, Curve
from dr_sim.measures.outage_now.falling import Falling, no_curve
from dr_sim.measures.tables import Ints
from dr_sim.record.sets import each_once

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
    edges = each_once(a.start_us, b.start_us, a.stops_us(), b.stops_us())
    start = edges[:-1]
    stop = edges[1:]
    since = np.maximum(since_at(a, start), since_at(b, start))
    there = since > _NOT_DEFINED
    start = start[there]
    stop = stop[there]
    since = since[there]
    end = int(stop[-1])
    without_gaps = (stop[:-1] == start[1:]).all()
    return Curve(start, since, end, None if without_gaps else stop)


def since_at(curve: Curve, at_us: Ints) -> Ints:
    """Return since_us of the piece that holds at each instant; -NEVER_US where there is none."""
    if not len(curve.start_us):
        return np.full(len(at_us), _NOT_DEFINED, np.int64)
    last = np.searchsorted(curve.start_us, at_us, side="right") - 1
    piece = np.maximum(last, 0)
    inside = (last >= 0) & (at_us < curve.stops_us()[piece])
    return np.where(inside, curve.since_us[piece], _NOT_DEFINED)


def best_falling(first: Falling, others: Iterable[Falling]) -> Falling:
    """Return the pointwise minimum, where any of them is defined in the time of the first."""
    found = first
    for other in others:
        found = _better_falling(
            found, other.window(first.begin_us, first.end_us)
        )
    return found


class FallingPieces(NamedTuple):
    """The piece of a falling curve that holds at each of some instants. floor: NEVER_US where there
    is none.
    """

    floor: Ints
    until: Ints

    def height(self, at_us: Ints) -> Ints:
        """Return how high each piece stands at an instant of its own."""
        return np.asarray(np.maximum(self.floor, self.until - at_us))


def _better_falling(a: Falling, b: Falling) -> Falling:
    """Two curves cross where one stands at its floor and the other falls below that: there a new
    piece begins.
    """
    if not len(a.start_us) or not len(b.start_us):
        return a if len(a.start_us) else b
    edges = _edges_and_crossings(a, b)
    start = edges[:-1]
    stop = edges[1:]
    of_a = falling_at(a, start)
    of_b = falling_at(b, start)
    takes_a = _is_lower(of_a, of_b, start, stop)
    floor = np.where(takes_a, of_a.floor, of_b.floor)
    until = np.where(takes_a, of_a.until, of_b.until)
    there = floor < NEVER_US
    if not there.any():
        return no_curve()
    return Falling(start[there], stop[there], floor[there], until[there])


def _edges_and_crossings(a: Falling, b: Falling) -> Ints:
    """Return the instants between which neither curve has a new piece, and none crosses the
    other.
    """
    edges = each_once(a.start_us, b.start_us, a.stop_us, b.stop_us)
    start = edges[:-1]
    stop = edges[1:]
    of_a = falling_at(a, start)
    of_b = falling_at(b, start)
    b_crosses = np.clip(of_b.until - of_a.floor, start, stop)
    a_crosses = np.clip(of_a.until - of_b.floor, start, stop)
    return np.unique(np.concatenate((edges, b_crosses, a_crosses)))


def _is_lower(
    a: FallingPieces, b: FallingPieces, start: Ints, stop: Ints
) -> NDArray[np.bool_]:
    """Return where the first of two pieces that do not cross is the lower one: at the begin or, if
    equal, at the end.
    """
    begin_a = a.height(start)
    begin_b = b.height(start)
    below = begin_a < begin_b
    level = begin_a == begin_b
    ends_below = a.height(stop) <= b.height(stop)
    return np.asarray(below | (level & ends_below))


def falling_at(curve: Falling, at_us: Ints) -> FallingPieces:
    """Return the piece that holds at each instant."""
    if not len(curve.start_us):
        never = np.full(len(at_us), NEVER_US, np.int64)
        return FallingPieces(never, np.zeros(len(at_us), np.int64))
    last = np.searchsorted(curve.start_us, at_us, side="right") - 1
    piece = np.maximum(last, 0)
    inside = (last >= 0) & (at_us < curve.stop_us[piece])
    floor = np.where(inside, curve.floor_us[piece], NEVER_US)
    until = np.where(inside, curve.until_us[piece], 0)
    return FallingPieces(floor, until)
