"""The instants at which jobs start, instants computed from their number, never accumulated, in UTC
or by a named zone's clock.

A job on the calendar runs once at each of its times on each of its local days. A local time that
the clock skips in spring counts as the instant the clock would have shown it without the change;
one that comes twice in autumn counts the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dr_sim.scenario.model import Schedule
from dr_sim.units import DAY_US, WEEK_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_DAY = timedelta(days=1)
LAST = -1  # of a month: its last day, or the last of a weekday
_FURTHEST_DAYS = 70  # two months and the days around them: every schedule has a day in them
_MEAN_MONTH_US = (
    146_097 * DAY_US // 4_800
)  # of the 4,800 months in 400 years


def next_start(
    schedule: Schedule, after_us: int, start_utc_us: int
) -> int | None:
    """The first start strictly after that instant (microseconds since the scenario's start); None:
    never.
    """
    if schedule.kind == "none":
        return None
    if schedule.kind == "every":
        k = (after_us - schedule.offset_us) // schedule.interval_us + 1
        return schedule.offset_us + k * schedule.interval_us
    zone = ZoneInfo(schedule.zone)
    today = (
        (_EPOCH + (start_utc_us + after_us) * _US).astimezone(zone).date()
    )
    for ahead in range(-1, _FURTHEST_DAYS):
        day = today + ahead * _DAY
        if _is_due(schedule, day):
            later = [
                t
                for t in _instants(schedule, day, zone)
                if t - start_utc_us > after_us
            ]
            if later:
                return min(later) - start_utc_us
    raise AssertionError(
        "two months have every day that a schedule can name"
    )


def _is_due(schedule: Schedule, day: date) -> bool:
    """Return whether a job of that schedule starts on that local day."""
    if schedule.kind == "daily":
        return True
    if schedule.kind == "weekly":
        return day.weekday() in schedule.weekdays
    next_week, tomorrow = day + 7 * _DAY, day + _DAY
    if schedule.month_day:
        is_last = tomorrow.month != day.month
        return (
            is_last
            if schedule.month_day == LAST
            else day.day == schedule.month_day
        )
    if day.weekday() not in schedule.weekdays:
        return False
    if schedule.nth == LAST:
        return next_week.month != day.month
    return (day.day - 1) // 7 + 1 == schedule.nth


def _instants(
    schedule: Schedule, day: date, zone: ZoneInfo
) -> Iterator[int]:
    """Yield its starts on one local day, in microseconds since 1970 UTC."""
    for at_us in schedule.times_us:
        minutes, rest_us = divmod(at_us, 60_000_000)
        clock = time(*divmod(minutes, 60), *divmod(rest_us, 1_000_000))
        yield (
            datetime.combine(day, clock, zone).astimezone(UTC) - _EPOCH
        ) // _US


# ---- how far apart starts are, but for changes of the clock
def longest_gap_us(schedule: Schedule) -> int:
    """Return how long one start waits for the next at the most; 0: there are none."""
    return max(_gaps_us(schedule), default=0)


def shortest_gap_us(schedule: Schedule) -> int:
    """Return how long one start waits for the next at the least; 0: there are none."""
    return min(_gaps_us(schedule), default=0)


def mean_gap_us(schedule: Schedule) -> int:
    """Return how long one start waits for the next on average; 0: there are none."""
    if schedule.kind == "none":
        return 0
    if schedule.kind == "every":
        return schedule.interval_us
    if schedule.kind == "daily":
        return DAY_US // len(schedule.times_us)
    if schedule.kind == "weekly":
        return WEEK_US // (len(schedule.times_us) * len(schedule.weekdays))
    return _MEAN_MONTH_US // len(schedule.times_us)


def _gaps_us(schedule: Schedule) -> list[int]:
    """The waits for the next start that there are."""
    if schedule.kind == "none":
        return []
    if schedule.kind == "every":
        return [schedule.interval_us]
    times = schedule.times_us
    if schedule.kind == "daily":
        return _around(times, DAY_US)
    if schedule.kind == "weekly":
        return _around(
            [d * DAY_US + t for d in schedule.weekdays for t in times],
            WEEK_US,
        )
    within = [later - earlier for earlier, later in pairwise(times)]
    over_night = times[0] - times[-1]
    shortest, longest = (28, 31) if schedule.month_day else (28, 35)
    return [
        *within,
        shortest * DAY_US + over_night,
        longest * DAY_US + over_night,
    ]


def _around(
    starts: tuple[int, ...] | list[int], period_us: int
) -> list[int]:
    """The waits between ascending starts that come again after a period."""
    following = [*starts[1:], starts[0] + period_us]
    return [
        later - earlier
        for earlier, later in zip(starts, following, strict=True)
    ]
