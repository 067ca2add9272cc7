"""A curve that falls as time goes by, or stands: what an outage would be if a failure came now.

Theory of operation. Work that is under way ends at an instant that does not move, so what is left
of it falls by one microsecond each microsecond, down to what a failover takes in any case. So
value(t) = max(floor, until - t) in pieces that the record gives exactly, and nothing is sampled.
The maximum of two such curves has the same form: the larger floor and the later end, piece by
piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

import numpy as np

from dr_sim.measures.spans import maximal, two_by_two, unbroken
from dr_sim.measures.tables import Ints
from dr_sim.record.sets import each_once


@dataclass(slots=True)
class Falling:
    """value(t) = max(floor_us[i], until_us[i] - t) for t in [start_us[i], stop_us[i]).
    Microseconds; start_us ascends strictly and pieces do not overlap.
    """

    start_us: Ints
    stop_us: Ints
    floor_us: Ints
    until_us: Ints

    @property
    def begin_us(self) -> int:
        return int(self.start_us[0]) if len(self.start_us) else 0

    @property
    def end_us(self) -> int:
        return int(self.stop_us[-1]) if len(self.stop_us) else 0

    @property
    def duration_us(self) -> int:
        return int(np.sum(self.stop_us - self.start_us))

    def window(self, from_us: int, until_us: int) -> Falling:
        """The part of the curve in [from_us, until_us)."""
        there = (self.stop_us > from_us) & (self.start_us < until_us)
        start = np.maximum(self.start_us[there], from_us)
        stop = np.minimum(self.stop_us[there], until_us)
        return Falling(
            start, stop, self.floor_us[there], self.until_us[there]
        )

    def shifted(self, by_us: int) -> Falling:
        """The same curve, that much later."""
        return Falling(
            self.start_us + by_us,
            self.stop_us + by_us,
            self.floor_us,
            self.until_us + by_us,
        )

    def without(self, spans: Iterable[tuple[int, int]]) -> Falling:
        """The same curve with a gap in each of these spans, which are in the order of their
        begins.
        """
        if not len(self.start_us):
            return self
        left, from_us = [], self.begin_us
        for begin, end in maximal(spans):
            if begin > from_us:
                left.append(self.window(from_us, begin))
            from_us = max(from_us, end)
        if from_us < self.end_us:
            left.append(self.window(from_us, self.end_us))
        return joined_falling(left)

    def parts(self) -> list[Falling]:
        """Each stretch of time in which it is defined without a gap."""
        if not len(self.start_us):
            return [self]
        return [
            Falling(
                self.start_us[a:b],
                self.stop_us[a:b],
                self.floor_us[a:b],
                self.until_us[a:b],
            )
            for a, b in unbroken(self.start_us, self.stop_us)
        ]

    def at(self, t_us: int) -> int:
        """The value that a failure at t_us meets: what changes at that very instant comes after
        it.
        """
        if not len(self.start_us):
            return 0
        i = max(
            0, int(np.searchsorted(self.start_us, t_us, side="left")) - 1
        )
        return int(max(int(self.floor_us[i]), int(self.until_us[i]) - t_us))

    def _ends(self) -> tuple[Ints, Ints]:
        """The value at the begin and at the end of each piece."""
        return (
            np.maximum(self.floor_us, self.until_us - self.start_us),
            np.maximum(self.floor_us, self.until_us - self.stop_us),
        )

    def mean_us(self) -> Fraction:
        """The exact time average. Raises ValueError if the curve has no duration."""
        if not self.duration_us:
            raise ValueError(
                "the mean of a curve without duration is not defined"
            )
        return Fraction(self.twice_area(), 2 * self.duration_us)

    def twice_area(self) -> int:
        """Return twice the integral of the value over time, microseconds squared: a whole
        number.
        """
        high, low = self._ends()
        falling: int = sum(
            map(mul, (high - low).tolist(), (high + low).tolist())
        )
        standing = (self.stop_us - self.start_us) - (high - low)
        at_floor: int = sum(map(mul, standing.tolist(), low.tolist()))
        return falling + 2 * at_floor

    def max_us(self) -> int:
        """The largest value."""
        high, _ = self._ends()
        return int(high.max()) if len(high) else 0

    def above_us(self, limit_us: int) -> int:
        """Return for how long the value is above the limit."""
        high, low = self._ends()
        falling = np.maximum(high - np.maximum(low, limit_us), 0)
        standing = (self.stop_us - self.start_us) - (high - low)
        return int(np.sum(falling) + np.sum(standing[low > limit_us]))

    def above_each_us(self, limits_us: Ints) -> Ints:
        """Return for how long the value is above each of many limits, which ascend."""
        knots, _, up_to = self._spent(limits_us)
        below = up_to[np.searchsorted(knots, limits_us)]
        return np.asarray(self.duration_us - below)

    def _spent(self, more: Ints) -> tuple[Ints, Ints, Ints]:
        """Values, and for each the time spent below it, and at or below it."""
        high, low = self._ends()
        standing = (self.stop_us - self.start_us) - (high - low)
        knots = each_once(low, high, more)
        # how many pieces pass through the values right of each knot
        falling = np.zeros(len(knots), np.int64)
        np.add.at(falling, np.searchsorted(knots, low), 1)
        np.add.at(falling, np.searchsorted(knots, high), -1)
        passing = np.append(
            np.int64(0), np.cumsum(np.cumsum(falling)[:-1] * np.diff(knots))
        )
        at = np.zeros(len(knots), np.int64)
        np.add.at(at, np.searchsorted(knots, low), standing)
        up_to = passing + np.cumsum(at)
        return knots, up_to - at, up_to

    def quantiles_us(self, shares: Sequence[Fraction]) -> list[Fraction]:
        """Return, for each share, the smallest x such that the time spent at or below x is at least
        that share of all time.
        """
        if not self.duration_us:
            raise ValueError(
                "a quantile of a curve without duration is not defined"
            )
        knots, below, up_to = self._spent(np.empty(0, np.int64))
        found = []
        for share in shares:
            target = share * self.duration_us
            i = int(
                np.searchsorted(
                    up_to,
                    -((-target.numerator) // target.denominator),
                    side="left",
                )
            )
            i = min(i, len(knots) - 1)
            if i == 0 or target > int(below[i]):
                found.append(Fraction(int(knots[i])))
                continue
            rate = Fraction(
                int(below[i]) - int(up_to[i - 1]),
                int(knots[i]) - int(knots[i - 1]),
            )
            missing = target - int(up_to[i - 1])
            found.append(
                int(knots[i - 1]) + missing / rate
                if rate
                else Fraction(int(knots[i - 1]))
            )
        return found

    def points(self) -> tuple[Ints, Ints]:
        """The curve as a line to draw: instants and values, microseconds, with both ends of every
        jump.
        """
        # where a piece reaches its floor
        bend = np.clip(
            self.until_us - self.floor_us, self.start_us, self.stop_us
        )
        time = np.stack((self.start_us, bend, self.stop_us), axis=1).ravel()
        return time, np.maximum(
            np.repeat(self.floor_us, 3), np.repeat(self.until_us, 3) - time
        )

    def above(self, limit_us: int) -> list[tuple[int, int]]:
        """The maximal intervals [onset, end) in which the value is above the limit."""
        stop = np.where(
            self.floor_us > limit_us,
            self.stop_us,
            np.minimum(self.stop_us, self.until_us - limit_us),
        )
        over = stop > self.start_us
        return maximal(
            zip(
                self.start_us[over].tolist(),
                stop[over].tolist(),
                strict=True,
            )
        )


def no_curve() -> Falling:
    none = np.empty(0, np.int64)
    return Falling(none, none, none, none)


def joined_falling(curves: Iterable[Falling]) -> Falling:
    """Join curves of one thing, each of a later time than the one before; gaps between them stay
    gaps.
    """
    there = [curve for curve in curves if len(curve.start_us)]
    if not there:
        return no_curve()
    start = np.concatenate([curve.start_us for curve in there])
    stop = np.concatenate([curve.stop_us for curve in there])
    floor = np.concatenate([curve.floor_us for curve in there])
    until = np.concatenate([curve.until_us for curve in there])
    return Falling(start, stop, floor, until)


def worst_falling(curves: Iterable[Falling]) -> Falling:
    """The pointwise maximum, over the time that all of them cover."""
    level = list(curves)
    return two_by_two(level, _worse) if level else no_curve()


def _worse(a: Falling, b: Falling) -> Falling:
    """Both without gaps."""
    begin, end = max(a.begin_us, b.begin_us), min(a.end_us, b.end_us)
    a, b = a.window(begin, end), b.window(begin, end)
    if not len(a.start_us) or not len(b.start_us):
        return no_curve()
    start = each_once(a.start_us, b.start_us)
    of_a = np.searchsorted(a.start_us, start, side="right") - 1
    of_b = np.searchsorted(b.start_us, start, side="right") - 1
    return Falling(
        start,
        np.append(start[1:], np.int64(end)),
        np.maximum(a.floor_us[of_a], b.floor_us[of_b]),
        np.maximum(a.until_us[of_a], b.until_us[of_b]),
    )


def raised(curve: Falling, by: Falling) -> Falling:
    """The sum of a curve and of one that is constant piece by piece, where the first is defined;
    where the second is not it counts for nothing.
    """
    if not len(curve.start_us) or not len(by.start_us):
        return curve
    start = each_once(curve.start_us, by.start_us, by.stop_us)
    place = np.searchsorted(curve.start_us, start, side="right") - 1
    inside = (place >= 0) & (start < curve.stop_us[place])
    start, place = start[inside], place[inside]
    following = np.append(start[1:], np.int64(curve.end_us))
    stop = np.minimum(following, curve.stop_us[place])
    more = levels(by, start)
    return Falling(
        start,
        stop,
        curve.floor_us[place] + more,
        curve.until_us[place] + more,
    )


def levels(of: Falling, at_us: Ints) -> Ints:
    """Return the values, from each of these instants on, of a curve that is constant piece by
    piece; 0 where it is not defined.
    """
    if not len(of.start_us):
        return np.zeros(len(at_us), np.int64)
    place = np.searchsorted(of.start_us, at_us, side="right") - 1
    there = (place >= 0) & (at_us < of.stop_us[place])
    return np.where(there, of.floor_us[place], 0)


def beyond(curve: Falling, other: Falling) -> Falling:
    """Return by how much a curve exceeds another, where it is defined; both are constant piece by
    piece, and where the other is not defined it is 0.
    """
    if not len(curve.start_us):
        return curve
    start = each_once(curve.start_us, other.start_us, other.stop_us)
    start = start[(start >= curve.begin_us) & (start < curve.end_us)]
    more = np.maximum(levels(curve, start) - levels(other, start), 0)
    return in_steps(start, curve.end_us, more)


def in_steps(start_us: Ints, end_us: int, value_us: Ints) -> Falling:
    """Return the curve that has each value from its start until the next one, the last until
    end_us.
    """
    stop_us = np.append(start_us[1:], np.int64(end_us))
    none = np.zeros(len(start_us), np.int64)
    return Falling(start_us, stop_us, value_us, none)
