"""When jobs start: whole multiples, local clocks, and what becomes of both when the clocks
change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.scenario.model import Schedule
from dr_sim.world.schedule import next_start
from world.build import DAY, HOUR, MINUTE, SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"  # forward 2026-03-29T01:00Z, back 2026-10-25T01:00Z


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def starts(schedule: Schedule, start: str, days: int) -> list[str]:
    """All starts of so many days, as UTC texts."""
    start_us, found, at = us(start), [], 0
    while (following := next_start(schedule, at, start_us)) is not None and following <= days * DAY:
        at = following
        found.append((EPOCH + timedelta(microseconds=start_us + at)).strftime("%m-%dT%H:%M:%S"))
    return found


def test_every_runs_at_whole_multiples_and_never_at_the_start_itself() -> None:
    every = Schedule("every", interval_us=5 * MINUTE)
    assert [next_start(every, t, 0) for t in (0, 1, 5 * MINUTE - 1, 5 * MINUTE)] == [
        5 * MINUTE, 5 * MINUTE, 5 * MINUTE, 10 * MINUTE,
    ]  # fmt: skip


def test_an_offset_shifts_the_multiples() -> None:
    every = Schedule("every", interval_us=15 * MINUTE, offset_us=2 * MINUTE)
    assert [next_start(every, t, 0) for t in (0, 2 * MINUTE, 16 * MINUTE, 17 * MINUTE)] == [
        2 * MINUTE, 17 * MINUTE, 17 * MINUTE, 32 * MINUTE,
    ]  # fmt: skip
    assert (
        next_start(Schedule("every", interval_us=5 * MINUTE, offset_us=7 * MINUTE), 0, 0)
        == 2 * MINUTE
    )


def test_every_is_deaf_to_clock_changes() -> None:
    every = Schedule("every", interval_us=HOUR, zone=BERLIN)
    assert starts(every, "2026-03-29T00:00+00:00", 1) == [
        f"03-29T{h:02d}:00:00" for h in range(1, 24)
    ] + ["03-30T00:00:00"]


def test_weekly_keeps_its_weekday_and_its_local_hour_through_both_changes() -> None:
    sunday = Schedule("weekly", weekday=6, at_us=1 * HOUR, zone=BERLIN)
    assert starts(sunday, "2026-03-20T00:00+00:00", 21) == [
        "03-22T00:00:00",
        "03-29T00:00:00",
        "04-04T23:00:00",
    ]
    assert starts(sunday, "2026-10-16T00:00+00:00", 21) == [
        "10-17T23:00:00",
        "10-24T23:00:00",
        "11-01T00:00:00",
    ]


def test_a_local_time_that_spring_skips_counts_as_the_clock_would_have_shown_it() -> None:
    daily = Schedule("daily", at_us=2 * HOUR + 30 * MINUTE, zone=BERLIN)
    assert starts(daily, "2026-03-28T00:00+00:00", 3) == [
        "03-28T01:30:00",
        "03-29T01:30:00",
        "03-30T00:30:00",
    ]


def test_a_local_time_that_comes_twice_in_autumn_counts_the_first_time() -> None:
    daily = Schedule("daily", at_us=2 * HOUR + 30 * MINUTE, zone=BERLIN)
    assert starts(daily, "2026-10-24T00:00+00:00", 3) == [
        "10-24T00:30:00",
        "10-25T00:30:00",
        "10-26T01:30:00",
    ]


def test_the_changed_days_have_23_and_25_hours_between_midnights() -> None:
    midnight = Schedule("daily", at_us=0, zone=BERLIN)
    spring = starts(midnight, "2026-03-28T00:00+00:00", 4)
    assert spring == ["03-28T23:00:00", "03-29T22:00:00", "03-30T22:00:00", "03-31T22:00:00"]
    autumn = starts(midnight, "2026-10-24T00:00+00:00", 4)
    assert autumn == ["10-24T22:00:00", "10-25T23:00:00", "10-26T23:00:00", "10-27T23:00:00"]


def test_a_zone_whose_day_begins_at_one_in_the_morning_in_spring_still_has_its_job() -> None:
    """Santiago skips midnight itself: 2026-09-06 begins at 01:00."""
    daily = Schedule("daily", at_us=0, zone="America/Santiago")
    assert starts(daily, "2026-09-05T00:00+00:00", 3) == [
        "09-05T04:00:00",
        "09-06T04:00:00",
        "09-07T03:00:00",
    ]


def test_none_never_starts() -> None:
    assert next_start(Schedule("none"), 0, 0) is None


def test_seconds_and_parts_of_the_local_time_count() -> None:
    odd = Schedule("daily", at_us=23 * HOUR + 59 * MINUTE + 59 * SECOND + 999_999)
    assert next_start(odd, 0, 0) == DAY - 1


schedules = st.one_of(
    st.builds(
        Schedule,
        kind=st.just("every"),
        interval_us=st.integers(1, 2 * DAY),
        offset_us=st.integers(0, DAY),
    ),
    st.builds(
        Schedule,
        kind=st.sampled_from(["daily", "weekly"]),
        weekday=st.integers(0, 6),
        at_us=st.integers(0, 86_399).map(lambda s: s * SECOND),
        zone=st.sampled_from(
            [
                "UTC",
                BERLIN,
                "America/New_York",
                "Australia/Lord_Howe",
                "Asia/Kolkata",
                "Pacific/Apia",
            ]
        ),
    ),
)
year_2026 = us("2026-01-01T00:00+00:00")
instants = st.integers(0, 400 * DAY)


@given(schedules, instants, instants)
def test_the_next_start_is_the_next_start(schedule: Schedule, start: int, t: int) -> None:
    start_us = year_2026 + start
    following = next_start(schedule, t, start_us)
    assert following is not None and following > t
    between = t + (following - t) // 2  # there is none between
    assert next_start(schedule, between, start_us) == following
    assert next_start(schedule, following - 1, start_us) == following


@given(schedules.filter(lambda s: s.kind != "every"), instants, instants)
def test_local_schedules_show_their_time_on_the_local_clock_but_where_spring_has_none(
    schedule: Schedule, start: int, t: int
) -> None:
    start_us = year_2026 + start
    at = next_start(schedule, t, start_us)
    assert at is not None
    local = (EPOCH + timedelta(microseconds=start_us + at)).astimezone(ZoneInfo(schedule.zone))
    shown = (local.hour * 3600 + local.minute * 60 + local.second) * SECOND
    if shown != schedule.at_us:
        naive = datetime.combine(local.date(), datetime.min.time()) + timedelta(
            microseconds=schedule.at_us
        )
        zone = ZoneInfo(schedule.zone)
        assert (
            naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
            != naive
        )
    if schedule.kind == "weekly":
        assert local.weekday() == schedule.weekday


@pytest.mark.parametrize(
    "schedule", [Schedule("daily", at_us=HOUR), Schedule("weekly", weekday=2, at_us=HOUR)]
)
def test_starts_do_not_depend_on_where_the_run_begins(schedule: Schedule) -> None:
    begin = year_2026
    from_there = [next_start(schedule, k * DAY, begin) for k in range(20)]
    earlier = [next_start(schedule, k * DAY + 3 * DAY, begin - 3 * DAY) for k in range(20)]
    assert from_there == [None if e is None else e - 3 * DAY for e in earlier]
