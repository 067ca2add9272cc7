"""When jobs start: whole multiples, local clocks, and what becomes of both when the clocks
change.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world.build import DAY, HOUR, MINUTE, SECOND

from dr_sim.scenario.fields.times import parse_instant, parse_schedule
from dr_sim.scenario.model import Schedule
from dr_sim.scenario.schedule import longest_gap_us, next_start, shortest_gap_us
from dr_sim.units import UnitError

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
    sunday = Schedule("weekly", weekdays=(6,), times_us=(1 * HOUR,), zone=BERLIN)
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
    daily = Schedule("daily", times_us=(2 * HOUR + 30 * MINUTE,), zone=BERLIN)
    assert starts(daily, "2026-03-28T00:00+00:00", 3) == [
        "03-28T01:30:00",
        "03-29T01:30:00",
        "03-30T00:30:00",
    ]


def test_a_local_time_that_comes_twice_in_autumn_counts_the_first_time() -> None:
    daily = Schedule("daily", times_us=(2 * HOUR + 30 * MINUTE,), zone=BERLIN)
    assert starts(daily, "2026-10-24T00:00+00:00", 3) == [
        "10-24T00:30:00",
        "10-25T00:30:00",
        "10-26T01:30:00",
    ]


def test_the_changed_days_have_23_and_25_hours_between_midnights() -> None:
    midnight = Schedule("daily", times_us=(0,), zone=BERLIN)
    spring = starts(midnight, "2026-03-28T00:00+00:00", 4)
    assert spring == ["03-28T23:00:00", "03-29T22:00:00", "03-30T22:00:00", "03-31T22:00:00"]
    autumn = starts(midnight, "2026-10-24T00:00+00:00", 4)
    assert autumn == ["10-24T22:00:00", "10-25T23:00:00", "10-26T23:00:00", "10-27T23:00:00"]


def test_a_zone_whose_day_begins_at_one_in_the_morning_in_spring_still_has_its_job() -> None:
    """Santiago skips midnight itself: 2026-09-06 begins at 01:00."""
    daily = Schedule("daily", times_us=(0,), zone="America/Santiago")
    assert starts(daily, "2026-09-05T00:00+00:00", 3) == [
        "09-05T04:00:00",
        "09-06T04:00:00",
        "09-07T03:00:00",
    ]


def test_none_never_starts() -> None:
    assert next_start(Schedule("none"), 0, 0) is None


def test_seconds_and_parts_of_the_local_time_count() -> None:
    odd = Schedule("daily", times_us=(23 * HOUR + 59 * MINUTE + 59 * SECOND + 999_999,))
    assert next_start(odd, 0, 0) == DAY - 1


_TIMES = st.sets(st.integers(0, 86_399), min_size=1, max_size=3).map(
    lambda seconds: tuple(s * SECOND for s in sorted(seconds))
)
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
        weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        times_us=_TIMES,
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
    st.builds(
        Schedule,
        kind=st.just("monthly"),
        month_day=st.sampled_from([-1, 1, 17, 28]),
        times_us=_TIMES,
        zone=st.sampled_from(["UTC", BERLIN]),
    ),
    st.builds(
        Schedule,
        kind=st.just("monthly"),
        nth=st.sampled_from([-1, 1, 2, 3, 4]),
        weekdays=st.integers(0, 6).map(lambda day: (day,)),
        times_us=_TIMES,
        zone=st.sampled_from(["UTC", BERLIN]),
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
    if shown not in schedule.times_us:
        midnight = datetime.combine(local.date(), datetime.min.time())
        zone = ZoneInfo(schedule.zone)
        skipped = [midnight + timedelta(microseconds=at_us) for at_us in schedule.times_us]
        assert any(
            naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
            != naive
            for naive in skipped
        )
    if schedule.kind != "daily" and schedule.weekdays:
        assert local.weekday() in schedule.weekdays
    if schedule.month_day > 0:
        assert local.day == schedule.month_day


@given(schedules, instants)
def test_no_two_starts_are_further_apart_or_nearer_than_the_gaps_say(
    schedule: Schedule, start: int
) -> None:
    """But for the hour by which a clock changes."""
    first = next_start(schedule, 0, year_2026 + start)
    assert first is not None
    second = next_start(schedule, first, year_2026 + start)
    assert second is not None
    assert shortest_gap_us(schedule) - HOUR <= second - first <= longest_gap_us(schedule) + HOUR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily 06:00 and 18:00", ["01-01T06", "01-01T18", "01-02T06", "01-02T18"]),
        ("Mon-Fri 22:00", ["01-01T22", "01-02T22", "01-05T22", "01-06T22"]),
        ("weekly Sat and Sun 03:00", ["01-03T03", "01-04T03", "01-10T03", "01-11T03"]),
        ("monthly day 1 03:00", ["01-01T03", "02-01T03", "03-01T03", "04-01T03"]),
        ("monthly last day 03:00", ["01-31T03", "02-28T03", "03-31T03", "04-30T03"]),
        ("monthly first Sun 03:00", ["01-04T03", "02-01T03", "03-01T03", "04-05T03"]),
        ("monthly last Fri 23:00", ["01-30T23", "02-27T23", "03-27T23", "04-24T23"]),
    ],
)
def test_schedules_by_the_calendar(text: str, expected: list[str]) -> None:
    schedule = replace(parse_schedule(text), zone="UTC")
    found = starts(schedule, "2026-01-01T00:00+00:00", 130)
    assert [each[:8] for each in found[:4]] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("monthly 31 03:00", "write a day from 1 to 28, or 'monthly last day'"),
        ("0 2 * * *", "in words, not as cron does"),
        ("nightly", "write 'daily 01:00'"),
        ("Mon-Foo 22:00", "'Foo' is no day of the week"),
        ("daily 01:00 and 01:00", "stands there twice"),
        ("Mon, Mon-Fri 01:00", "stands there twice"),
        ("weekdays 22:00", "'weekdays' is no day of the week; write Mon-Fri"),
        ("weekends 22:00", "write Sat and Sun"),
        ("biweekly Sun 01:00", "write every 2 weeks"),
        ("daily 24:00", "a time of day runs from 00:00"),
        ("weekly 01:00", "is not a schedule"),
        ("01:00", "is not a schedule"),
    ],
)
def test_what_is_no_schedule_says_what_would_be_one(text: str, told: str) -> None:
    with pytest.raises(UnitError, match=re.escape(told)):
        parse_schedule(text)


@pytest.mark.parametrize(
    "schedule",
    [Schedule("daily", times_us=(HOUR,)), Schedule("weekly", weekdays=(2,), times_us=(HOUR,))],
)
def test_starts_do_not_depend_on_where_the_run_begins(schedule: Schedule) -> None:
    begin = year_2026
    from_there = [next_start(schedule, k * DAY, begin) for k in range(20)]
    earlier = [next_start(schedule, k * DAY + 3 * DAY, begin - 3 * DAY) for k in range(20)]
    assert from_there == [None if e is None else e - 3 * DAY for e in earlier]


def test_a_date_as_the_screen_shows_it_is_the_first_one_from_the_start_on() -> None:
    start = int(datetime(2026, 12, 20, tzinfo=UTC).timestamp()) * SECOND
    at_us = parse_instant("Tue 05 Jan 09:00:30").resolve(start, "UTC")
    assert at_us == 16 * DAY + 9 * HOUR + 30 * SECOND
    leap = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    there = datetime(2028, 2, 29, 1, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_instant("Tue 29 Feb 01:00").resolve(leap, "UTC") == there // timedelta(
        microseconds=1
    )
    with pytest.raises(UnitError, match="5 Jan 2027 is a Tuesday; write 'Tue 5 Jan "):
        parse_instant("Mon 5 Jan 09:00").resolve(start, "UTC")
    with pytest.raises(UnitError, match="there is no 30 Feb"):
        parse_instant("Mon 30 Feb 09:00").resolve(start, "UTC")
