"""When jobs start: instants computed from their number, never accumulated, in UTC or by a named
zone's clock.

A daily or weekly job runs once on each of its local days. A local time that the clock skips in
spring counts as the instant the clock would have shown it without the change; one that comes twice
in autumn counts the first time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dr_sim.scenario.model import Schedule
from dr_sim.units import DAY_US, WEEK_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def period_us(schedule: Schedule) -> int:
    """How long one start waits for the next, but for changes of the clock; 0: there are none."""
    return {"none": 0, "every": schedule.interval_us, "daily": DAY_US, "weekly": WEEK_US}[
        schedule.kind
    ]


def next_start(schedule: Schedule, after_us: int, start_utc_us: int) -> int | None:
    """The first start strictly after that instant (microseconds since the scenario's start); None:
    never.
    """
    if schedule.kind == "none":
        return None
    if schedule.kind == "every":
        k = (after_us - schedule.offset_us) // schedule.interval_us + 1
        return schedule.offset_us + k * schedule.interval_us
    zone = ZoneInfo(schedule.zone)
    day = (_EPOCH + (start_utc_us + after_us) * _US).astimezone(zone).date() - timedelta(days=1)
    clock = time(
        *divmod(schedule.at_us // 60_000_000, 60), *divmod(schedule.at_us % 60_000_000, 1_000_000)
    )
    for _ in range(10):
        if schedule.kind == "daily" or day.weekday() == schedule.weekday:
            instant = (
                datetime.combine(day, clock, zone).astimezone(UTC) - _EPOCH
            ) // _US - start_utc_us
            if instant > after_us:
                return instant
        day += timedelta(days=1)
    raise AssertionError("a week has every weekday")
