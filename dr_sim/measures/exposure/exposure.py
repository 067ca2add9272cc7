"""Exposure: what the data loss would be if a failure of some class came at this instant, over all
the time.

Theory of operation. Between two `truth.survivable` rows the first acknowledged commit that would be
lacking stays the same, so exposure(t) = max(0, t - lacking_us): pieces of slope 1 or 0 that the
record gives exactly. Nothing is sampled. Because each piece rises one microsecond per microsecond,
the time spent in a range of values is a sum of overlaps, and mean, quantiles and shares are exact
integers or fractions. The replay lag and the exposure that the recovery manager believes in have
the same form and use the same curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.spans import maximal, two_by_two, unbroken
from dr_sim.measures.tables import (
    Bools,
    Ints,
    Record,
    Tables,
    not_offered_yet,
    tables,
    up_until_us,
)
from dr_sim.record.sets import each_once
from dr_sim.scenario.model import HeldElsewhere, Scenario

NEVER_US = (
    1 << 62
)  # the instant of what never was: in no run, and with room to add to it


@dataclass(slots=True)
class Curve:
    """value(t) = max(0, t - since_us[i]) for t in [start_us[i], start_us[i + 1]); the last piece
    ends at end_us.

    All in microseconds; start_us ascends strictly. An empty curve has no pieces and no duration.
    Where it is not defined all the time, stop_us says where each piece ends.
    """

    start_us: Ints
    since_us: Ints
    end_us: int
    stop_us: Ints | None = None

    @property
    def begin_us(self) -> int:
        return int(self.start_us[0]) if len(self.start_us) else self.end_us

    @property
    def duration_us(self) -> int:
        if self.stop_us is not None:
            return int(np.sum(self.stop_us - self.start_us))
        return self.end_us - self.begin_us

    def stops_us(self) -> Ints:
        """Return where each piece ends."""
        if self.stop_us is not None:
            return self.stop_us
        return np.append(self.start_us[1:], np.int64(self.end_us))[
            : len(self.start_us)
        ]

    def window(self, from_us: int, until_us: int) -> Curve:
        """The part of the curve in [from_us, until_us)."""
        end = min(self.end_us, until_us)
        if self.stop_us is not None:
            there = (self.stop_us > from_us) & (self.start_us < end)
            start, stop = (
                np.maximum(self.start_us[there], from_us),
                np.minimum(self.stop_us[there], end),
            )
            return Curve(
                start,
                self.since_us[there],
                int(stop[-1]) if len(stop) else max(from_us, 0),
                stop,
            )
        first = max(
            0,
            int(np.searchsorted(self.start_us, from_us, side="right")) - 1,
        )
        last = int(np.searchsorted(self.start_us, end, side="left"))
        if end <= from_us or first >= last:
            return empty_curve(max(from_us, 0))
        start = self.start_us[first:last].copy()
        start[0] = max(int(start[0]), from_us)
        return Curve(start, self.since_us[first:last], end)

    def shifted(self, by_us: int) -> Curve:
        """Return the same curve, that much later."""
        stop = None if self.stop_us is None else self.stop_us + by_us
        return (
            Curve(
                self.start_us + by_us,
                self.since_us + by_us,
                self.end_us + by_us,
                stop,
            )
            if by_us
            else self
        )

    def parts(self) -> list[Curve]:
        """Each stretch of time in which it is defined without a gap."""
        if self.stop_us is None or not len(self.start_us):
            return [self]
        return [
            Curve(
                self.start_us[a:b],
                self.since_us[a:b],
                int(self.stop_us[b - 1]),
            )
            for a, b in unbroken(self.start_us, self.stop_us)
        ]

    def at(self, t_us: int) -> int:
        """The value just before t_us is overtaken by a change at t_us: a failure at t_us meets this
        one.
        """
        i = max(
            0, int(np.searchsorted(self.start_us, t_us, side="left")) - 1
        )
        return (
            max(0, t_us - int(self.since_us[i]))
            if len(self.start_us)
            else 0
        )

    def _ramps(self) -> tuple[int, Ints, Ints]:
        """Time spent at 0, and the values between which each piece rises."""
        low = np.maximum(self.start_us - self.since_us, 0)
        high = np.maximum(self.stops_us() - self.since_us, 0)
        return self.duration_us - int(np.sum(high - low)), low, high

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
        _, low, high = self._ramps()
        # Python integers: a day squared in microseconds does not fit 64 bits
        return sum(map(mul, (high - low).tolist(), (high + low).tolist()))

    def max_us(self) -> int:
        """The supremum: the value that is reached, or approached just before a file lands."""
        _, _, high = self._ramps()
        return int(high.max()) if len(high) else 0

    def above_us(self, limit_us: int) -> int:
        """Return for how long the value is above the limit."""
        _, low, high = self._ramps()
        return int(np.sum(np.maximum(high - np.maximum(low, limit_us), 0)))

    def above_each_us(self, limits_us: Ints) -> Ints:
        """Return for how long the value is above each of many limits, which ascend."""
        at_zero, low, high = self._ramps()
        if not len(low):
            return np.zeros(len(limits_us), np.int64)
        knots = each_once(low, high, limits_us)
        # how many pieces pass through the values right of each knot
        rising = np.zeros(len(knots), np.int64)
        np.add.at(rising, np.searchsorted(knots, low), 1)
        np.add.at(rising, np.searchsorted(knots, high), -1)
        spent = np.append(
            np.int64(0), np.cumsum(np.cumsum(rising)[:-1] * np.diff(knots))
        )
        below = spent[np.searchsorted(knots, limits_us)]
        return np.asarray(self.duration_us - at_zero - below)

    def quantiles_us(self, shares: Sequence[Fraction]) -> list[Fraction]:
        """Return, for each share, the smallest x such that the time spent at or below x is at least
        that share of all time.
        """
        if not self.duration_us:
            raise ValueError(
                "a quantile of a curve without duration is not defined"
            )
        at_zero, low, high = self._ramps()
        knots, where = np.unique(
            np.concatenate((low, high)), return_inverse=True
        )
        # how many pieces pass through the values right of each knot
        rising = np.zeros(len(knots), np.int64)
        np.add.at(rising, where[: len(low)], 1)
        np.add.at(rising, where[len(low) :], -1)
        rising = np.cumsum(rising)
        # time at or below each knot
        below = at_zero + np.append(
            np.int64(0), np.cumsum(rising[:-1] * np.diff(knots))
        )
        found = []
        for share in shares:
            target = share * self.duration_us
            if target <= at_zero:
                found.append(Fraction(0))
                continue
            i = int(
                np.searchsorted(
                    below,
                    -((-target.numerator) // target.denominator),
                    side="left",
                )
            )
            missing = target - int(below[i - 1])
            found.append(int(knots[i - 1]) + missing / int(rising[i - 1]))
        return found

    def points(self) -> tuple[Ints, Ints]:
        """The curve as a line to draw: instants and values, microseconds, with both ends of every
        jump.
        """
        stop = self.stops_us()
        bend = np.clip(
            self.since_us, self.start_us, stop
        )  # where a piece leaves 0
        time = np.stack((self.start_us, bend, stop), axis=1).ravel()
        since = np.repeat(self.since_us, 3)
        return time, np.maximum(time - since, 0)

    def above(self, limit_us: int) -> list[tuple[int, int]]:
        """The maximal intervals [onset, end) in which the value is above the limit."""
        stop = self.stops_us()
        onset = np.maximum(self.start_us, self.since_us + limit_us)
        over = onset < stop
        return maximal(
            zip(onset[over].tolist(), stop[over].tolist(), strict=True)
        )


def joined(curves: Sequence[Curve]) -> Curve:
    """Join curves of one thing, each of a later time than the one before; gaps between them stay
    gaps.
    """
    level = [curve for curve in curves if len(curve.start_us)]
    if not level:
        return empty_curve(
            max((curve.end_us for curve in curves), default=0)
        )
    if len(level) == 1:
        return level[0]
    start = np.concatenate([curve.start_us for curve in level])
    since = np.concatenate([curve.since_us for curve in level])
    stop = np.concatenate([curve.stops_us() for curve in level])
    return Curve(start, since, level[-1].end_us, stop)


def empty_curve(at_us: int) -> Curve:
    return Curve(np.empty(0, np.int64), np.empty(0, np.int64), at_us)


def step_curve(time_us: Ints, since_us: Ints, end_us: int) -> Curve:
    """A curve from rows in the order of the journal: of several rows at one instant the last one
    holds.
    """
    before = time_us < end_us
    time, since = time_us[before], since_us[before]
    if not len(time):
        return empty_curve(end_us)
    last = np.append(time[1:] != time[:-1], True)
    return Curve(time[last], since[last], end_us)


def worst(curves: Iterable[Curve]) -> Curve:
    """The pointwise maximum, over the time that all of them cover: a service is as exposed as its
    worst database.
    """
    level = list(curves)
    return two_by_two(level, _worse) if level else empty_curve(0)


def _worse(a: Curve, b: Curve) -> Curve:
    begin, end = max(a.begin_us, b.begin_us), min(a.end_us, b.end_us)
    a, b = a.window(begin, end), b.window(begin, end)
    if not a.duration_us:
        return empty_curve(end)
    start = each_once(a.start_us, b.start_us)
    since_a = a.since_us[
        np.searchsorted(a.start_us, start, side="right") - 1
    ]
    since_b = b.since_us[
        np.searchsorted(b.start_us, start, side="right") - 1
    ]
    return Curve(start, np.minimum(since_a, since_b), end)


def true_exposure(
    record: Record,
    scenario: Scenario,
    database: int,
    failure_class: str = "site",
) -> Curve:
    """The exposure of one database to one class of failure, from the record of what would survive,
    for as long as the database was up at the primary.
    """
    t = tables(record)
    rows = t.of("truth.survivable", database)
    where = t.has_text(rows["class"], failure_class)
    time, since = rows["time_us"][where], rows["lacking_us"][where]
    since = not_offered_yet(t, database, time, since)
    # rows say only where the log does not hold all that the files lack
    since = np.where(rows["commits"][where] < 0, NEVER_US, since)
    bare = bare_us(t, scenario, database, failure_class)
    none = (rows["commits"][where] == 0) & (since != -1)
    time, since = _all_lost(scenario, database, (time, since), none, bare)
    if failure_class == "database":
        time = np.append(rows["time_us"][:1], time)
        since = np.append(np.full(len(time) - len(since), NEVER_US), since)
    return step_curve(time, since, up_until_us(t, scenario, database))


def bare_us(
    t: Tables, scenario: Scenario, database: int, failure_class: str
) -> tuple[int, int]:
    """Return from when until when a row without a commit says that nothing is left. Where something
    had been written before, it always does. In an empty history it may say as well that nothing has
    been written: then only where no copy is, and until a full has come.
    """
    begins = t.of("truth.begins", database)["commits"]
    if (begins > 0).any():
        return 0, NEVER_US
    if scenario.databases[database].seeded:
        gone = t.of("truth.copy_gone", database)["time_us"]
        return int(gone[0]) if len(gone) else NEVER_US, NEVER_US
    return 0, first_full_us(t, database, failure_class)


def first_full_us(
    t: Tables, database: int, failure_class: str = "site"
) -> int:
    """Return when the first full lay whole where that class of failure leaves it; NEVER_US: none
    ever did.
    """
    at_site = failure_class == "site"
    fulls = t.of(
        "truth.landed" if at_site else "truth.backup_finished", database
    )
    whole = fulls["kind"] == Kind.FULL
    if at_site:
        whole &= fulls["intact"] == 1
    return int(fulls["time_us"][whole][0]) if whole.any() else NEVER_US


def all_since_us(scenario: Scenario, database: int, at_us: int) -> int:
    """Return when the first of what would be lost was written, where neither the primary nor what
    stands behind it is left: the beginning of the run, or what no other place holds. In the
    leg's time.
    """
    held = furthest_elsewhere(scenario, database, at_us)
    return -scenario.begins_us if held is None else held.lacking_us


def furthest_elsewhere(
    scenario: Scenario, database: int, at_us: int
) -> HeldElsewhere | None:
    """Return what the place holds that holds most of a database just before an instant."""
    there = [
        held
        for held in scenario.held_elsewhere
        if held.database == database
        and held.from_us < max(at_us, 1) <= held.until_us
    ]
    return max(there, key=lambda held: held.lacking_us, default=None)


def _all_lost(
    scenario: Scenario,
    database: int,
    rows: tuple[Ints, Ints],
    none: Bools,
    bare: tuple[int, int],
) -> tuple[Ints, Ints]:
    """Return (time, since) of rows, with all that would be lost where nothing is left. none: the
    rows without a commit; bare: from when until when these say that nothing is left. There a row
    holds until another place holds more, or less.
    """
    from_us, until_us = bare
    if from_us == NEVER_US or not none.any():
        return rows
    edges = {from_us, until_us}
    for held in scenario.held_elsewhere:
        if held.database == database:
            edges.update((held.from_us, held.until_us))
    time, since = rows
    stops = np.append(time, NEVER_US)[1:]
    columns = (time, stops, since, none)
    found: list[tuple[int, int]] = []
    for begin, stop, lacking, nothing in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if not nothing:
            found.append((begin, lacking))
            continue
        inside = sorted(edge for edge in edges if begin < edge < stop)
        for at in (begin, *inside):
            all_us = all_since_us(scenario, database, at + 1)
            is_bare = from_us <= at < until_us
            found.append((at, all_us if is_bare else lacking))
    times, sinces = zip(*found, strict=True)
    return np.array(times, np.int64), np.array(sinces, np.int64)
