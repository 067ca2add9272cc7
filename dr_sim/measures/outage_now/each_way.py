"""Each way back by itself over a whole run, and how many of them are open at each instant.

Theory of operation. A place (a standby, a store) has a curve of exposure and one of `outage_if_now`
in each leg in which it stands behind the primary. Over the run they are joined. While the place is
the primary itself there is no way back to it, and the time counts for nothing. While it stands
behind nobody, nothing of the present primary comes there: its outage is *never*, and its exposure
is all that was written since the run began.

A way is open where its `outage_if_now` has an end. How many are open is counted between all the
instants at which any of the curves changes, so the number is exact and nothing is sampled. It is
defined while a primary is up, as `outage_if_now` of the service is. What is open during an outage
is not counted: a failover that ends has shown its way, and of one that is not over by the end of
the run nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dr_sim.measures.exposure.exposure import NEVER_US, Curve, empty_curve
from dr_sim.measures.legs import Leg
from dr_sim.measures.outage_now.best import falling_at, since_at
from dr_sim.measures.outage_now.falling import (
    Falling,
    joined_falling,
    no_curve,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US, SITE
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Bools, Ints, Tables
from dr_sim.measures.whole import Whole
from dr_sim.record.sets import each_once

_FROM_THE_BEGINNING_US = 0


# ---- one place
def outage_of_place(
    whole: Whole, place: str, failure_class: str = SITE
) -> Falling:
    """Return what the outage would be if that place were the only way back, in the run's time."""
    service = whole.outage_if_now(failure_class=failure_class)
    own = joined_falling(
        whole.time_over_to(one, failure_class).shifted(one[0].begins_us)
        for one in _stretches_of(whole, place)
    )
    edges = _edges(service, own)
    start, stop = edges[:-1], edges[1:]
    floor, until = falling_at(own, start)
    nowhere = floor >= NEVER_US
    floor = np.where(nowhere, NO_WAY_US, floor)
    until = np.where(nowhere, 0, until)
    there = _defined(service, start)
    there &= ~(nowhere & _within(_as_primary(whole, place), start))
    if not there.any():
        return no_curve()
    return Falling(start[there], stop[there], floor[there], until[there])


def exposure_of_place(
    whole: Whole, place: str, failure_class: str = SITE
) -> Curve:
    """Return what a failure would lose if that place were the only way back, in the run's time."""
    service = whole.exposure(failure_class=failure_class)
    own = []
    for one in _stretches_of(whole, place):
        curve = whole.exposure_of_copy(one, failure_class)
        own.append(curve.shifted(one[0].begins_us))
    edges = [curve.start_us for curve in (service, *own)]
    edges += [curve.stops_us() for curve in (service, *own)]
    at = each_once(*edges)
    start, stop = at[:-1], at[1:]
    since = np.full(len(start), -NEVER_US, np.int64)
    for curve in own:
        since = np.maximum(since, since_at(curve, start))
    nowhere = since == -NEVER_US
    since = np.where(nowhere, _FROM_THE_BEGINNING_US, since)
    there = since_at(service, start) > -NEVER_US
    there &= ~(nowhere & _within(_as_primary(whole, place), start))
    if not there.any():
        return empty_curve(service.end_us)
    last = int(stop[there][-1])
    return Curve(start[there], since[there], last, stop[there])


def _stretches_of(whole: Whole, place: str) -> Iterator[tuple[Leg, Tables]]:
    """Yield the legs in which a place stands behind the primary."""
    for leg in whole.legs:
        for one in whole.at(leg):
            if one[0].secondary == place:
                yield one


def _as_primary(whole: Whole, place: str) -> list[tuple[int, int]]:
    """Return when the service is at that place."""
    spans = []
    for leg in whole.legs:
        if leg.primary == place:
            spans.append((leg.begins_us, whole.until_us(leg)))
    last, t = whole.each[-1]
    promoted = t["truth.promoted"]["time_us"]
    if last.secondary == place and len(promoted):
        spans.append((last.begins_us + int(promoted.min()), whole.end_us))
    return spans


def _within(spans: list[tuple[int, int]], at_us: Ints) -> Bools:
    found = np.zeros(len(at_us), np.bool_)
    for begin, end in spans:
        found |= (at_us >= begin) & (at_us < end)
    return found


def _edges(*curves: Falling) -> Ints:
    """Return every instant at which a piece of any curve begins or ends."""
    each = [curve.start_us for curve in curves]
    each += [curve.stop_us for curve in curves]
    return each_once(*each)


def _defined(curve: Falling, at_us: Ints) -> Bools:
    floor, _ = falling_at(curve, at_us)
    found: Bools = floor < NEVER_US
    return found


# ---- how many are open
@dataclass(frozen=True, slots=True)
class OpenWays:
    """How many ways are open: number[i] in [start_us[i], stop_us[i]). start_us ascends, and pieces
    do not overlap. Empty while no primary is up.
    """

    start_us: Ints
    stop_us: Ints
    number: Ints

    @property
    def duration_us(self) -> int:
        return int(np.sum(self.stop_us - self.start_us))

    @property
    def end_us(self) -> int:
        return int(self.stop_us[-1]) if len(self.stop_us) else 0

    def window(self, from_us: int, until_us: int) -> OpenWays:
        """Return the part in [from_us, until_us)."""
        there = (self.stop_us > from_us) & (self.start_us < until_us)
        return OpenWays(
            np.maximum(self.start_us[there], from_us),
            np.minimum(self.stop_us[there], until_us),
            self.number[there],
        )

    def fewest(self) -> int:
        """Return the number at the worst instant. Raises ValueError where no time was measured."""
        return int(self.number.min())

    def spans_with(self, number: int) -> list[tuple[int, int]]:
        """Return the maximal intervals [from, until) in which exactly that many were open."""
        there = self.number == number
        pairs = zip(
            self.start_us[there].tolist(),
            self.stop_us[there].tolist(),
            strict=True,
        )
        return maximal(pairs)


def open_ways(whole: Whole, failure_class: str = SITE) -> OpenWays:
    """Return how many ways back there were if a failure of that class had come."""
    service = whole.outage_if_now(failure_class=failure_class)
    each = list(_every_way(whole, failure_class))
    edges = _edges(service, *each)
    start, stop = edges[:-1], edges[1:]
    there = _defined(service, start)
    start, stop = start[there], stop[there]
    number = np.zeros(len(start), np.int64)
    for curve in each:
        floor, until = falling_at(curve, start)
        number += np.maximum(floor, until - start) < NO_WAY_US // 2
    return OpenWays(start, stop, number)


def _every_way(whole: Whole, failure_class: str) -> Iterator[Falling]:
    """Yield the curve of each place in each leg."""
    for one in whole.every:
        curve = whole.time_over_to(one, failure_class)
        yield curve.shifted(one[0].begins_us)
