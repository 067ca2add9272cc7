"""Users' writes as exact functions of time: a cut at t holds commit n exactly if it was
acknowledged before t.
"""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.scenario.model import LogVolume
from dr_sim.world.kernel.agenda import NEVER_US
from dr_sim.world.kernel.workload import Before, Workload
from world.build import DAY, HOUR, MINUTE, SECOND, scenario

WEEK = 7 * DAY


def workload(
    volume: LogVolume, per_s: int = 10, *, den_us: int = SECOND, start_utc_us: int | None = None
) -> Workload:
    s = scenario()
    if start_utc_us is not None:
        s = dataclasses.replace(s, start_utc_us=start_utc_us)
    d = dataclasses.replace(
        s.databases[0], log_volume=volume, transactions_num=per_s, transactions_den_us=den_us
    )
    return Workload(d, s)


steady = st.builds(
    LogVolume,
    shape=st.just("steady"),
    num_bytes=st.integers(1, 10**10),
    den_us=st.sampled_from([1, SECOND, 5 * MINUTE, DAY]),
)
business = st.builds(
    LogVolume,
    shape=st.just("business_hours"),
    num_bytes=st.integers(10_000, 10**9),
    den_us=st.sampled_from([SECOND, 5 * MINUTE]),
)
series = st.builds(
    LogVolume,
    shape=st.just("series"),
    series_interval_us=st.sampled_from([1000, SECOND, 5 * MINUTE]),
    series_bytes=st.lists(
        st.one_of(st.just(0), st.integers(0, 5), st.integers(0, 4 * 10**9)), min_size=1, max_size=8
    )
    .filter(any)
    .map(tuple),
)
volumes = st.one_of(steady, business, series)
rates = st.tuples(st.integers(1, 500), st.sampled_from([SECOND, MINUTE, DAY]))


@given(volumes, rates, st.integers(0, 3 * WEEK), st.integers(-3, 3))
def test_a_cut_holds_a_commit_exactly_if_it_was_acknowledged_before(
    volume: LogVolume, rate: tuple[int, int], t: int, off: int
) -> None:
    w = workload(volume, rate[0], den_us=rate[1])
    covered = w.commits(t)
    n = max(0, covered + off)
    assert (n < covered) == (w.ack_instant(n) < t)
    # and so at the instant of acknowledgement itself, and one microsecond later
    at = w.ack_instant(n)
    assert w.commits(at) <= n < w.commits(at + 1)


@given(volumes, rates, st.lists(st.integers(0, 2 * WEEK), min_size=2, max_size=6))
def test_nothing_goes_back_and_bytes_lead_commits(
    volume: LogVolume, rate: tuple[int, int], instants: list[int]
) -> None:
    w = workload(volume, rate[0], den_us=rate[1])
    instants.sort()
    bytes_ = [w.user_bytes(t) for t in instants]
    commits = [w.commits(t) for t in instants]
    assert bytes_ == sorted(bytes_)
    assert commits == sorted(commits)
    for t, n in zip(instants, commits, strict=True):
        assert n == 0 or w.commit_start(n - 1) < w.user_bytes(t) <= w.commit_start(n)
        assert w.written(t) == (w.commits(t), w.lsn(t))


@given(volumes)
def test_commits_are_acknowledged_in_order(volume: LogVolume) -> None:
    w = workload(volume)
    acks = [w.ack_instant(n) for n in [*range(50), *range(10_000, 10_050)]]
    assert acks == sorted(acks)


def test_before_the_first_microsecond_there_is_nothing() -> None:
    for shape in (
        LogVolume("steady", 10**6),
        LogVolume("business_hours", 10**6),
        LogVolume("series", series_interval_us=5, series_bytes=(9,)),
    ):
        w = workload(shape)
        assert (w.user_bytes(0), w.lsn(0), w.commits(0), w.ack_instant(0)) == (0, 0, 0, 0)


def test_steady_volume_and_rate_are_what_is_written() -> None:
    w = workload(LogVolume("steady", 20_000_000, 5 * MINUTE))
    assert [w.user_bytes(k * 5 * MINUTE) for k in range(4)] == [
        0,
        20_000_000,
        40_000_000,
        60_000_000,
    ]
    assert [w.commits(k * SECOND) for k in range(4)] == [0, 10, 20, 30]
    # a byte takes 15 microseconds: an instant lies within one
    assert SECOND <= w.ack_instant(10) < SECOND + 15


def test_a_series_gives_each_interval_its_bytes_again_and_again() -> None:
    bytes_ = (5, 0, 0, 700_000, 1)
    w = workload(LogVolume("series", series_interval_us=MINUTE, series_bytes=bytes_))
    written = [w.user_bytes((k + 1) * MINUTE) - w.user_bytes(k * MINUTE) for k in range(15)]
    assert written == list(bytes_) * 3


def test_nothing_is_committed_in_an_idle_stretch_and_the_last_write_is_before_it() -> None:
    w = workload(
        LogVolume("series", series_interval_us=HOUR, series_bytes=(3_600_000, 0, 0)), per_s=1
    )
    assert w.commits(HOUR) == w.commits(3 * HOUR)
    last, following = w.ack_instant(w.commits(HOUR) - 1), w.ack_instant(w.commits(HOUR))
    assert last < HOUR
    assert following >= 3 * HOUR  # what a loss in the idle stretch would lack is not written yet
    assert w.lsn(2 * HOUR) == w.lsn(HOUR)


def test_a_database_that_never_writes_never_commits() -> None:
    w = workload(LogVolume("steady", 0))
    assert (w.commits(WEEK), w.lsn(WEEK), w.ack_instant(0)) == (0, 0, NEVER_US)


@given(volumes)
def test_maintenance_writes_log_and_no_commit(volume: LogVolume) -> None:
    quiet, busy = workload(volume), workload(volume)
    busy.add_burst(HOUR, 3_500_000_000, 4 * MINUTE, 4 * MINUTE)
    busy.add_burst(HOUR + MINUTE, 7, 0, 0)
    for t in (0, HOUR, HOUR + 1, HOUR + MINUTE, HOUR + MINUTE + 1, HOUR + 4 * MINUTE, DAY):
        assert busy.commits(t) == quiet.commits(t)
        assert busy.user_bytes(t) == quiet.user_bytes(t)
        assert busy.lsn(t) == busy.user_bytes(t) + busy.maintenance_bytes(t)
    assert busy.maintenance_bytes(HOUR) == 0
    assert busy.maintenance_bytes(HOUR + 2 * MINUTE) == 1_750_000_007
    # all at once only after its instant
    assert busy.maintenance_bytes(HOUR + MINUTE) == 875_000_000
    assert busy.maintenance_bytes(DAY) == 3_500_000_007
    assert busy.ack_instant(77) == quiet.ack_instant(77)


# ---- business hours
MONDAY = 1_767_571_200 * SECOND  # 2026-01-05T00:00:00Z


def test_business_hours_have_the_mean_that_is_written_over_a_week() -> None:
    w = workload(LogVolume("business_hours", 358_400, SECOND), start_utc_us=MONDAY)
    assert w.user_bytes(WEEK) == 358_400 * 7 * 86_400
    assert w.commits(WEEK) == 10 * 7 * 86_400


def test_business_hours_peak_in_the_morning_of_a_working_day_and_rest_at_the_weekend() -> None:
    w = workload(LogVolume("business_hours", 10**6, SECOND), start_utc_us=MONDAY)
    hourly = [w.user_bytes((h + 1) * HOUR) - w.user_bytes(h * HOUR) for h in range(168)]
    working, weekend = hourly[:24], hourly[5 * 24 : 6 * 24]
    assert all(abs(a - b) <= 1 for a, b in zip(working, hourly[24:48], strict=True))
    assert max(range(24), key=working.__getitem__) == 10
    assert sum(weekend) < sum(working) / 2
    assert min(working) > 0


@pytest.mark.parametrize("into_us", [0, 1, 90 * SECOND, HOUR - 1])
def test_a_run_that_begins_within_an_hour_begins_within_its_load(into_us: int) -> None:
    """The same local clock, whenever the run begins: shifted starts see the same hours."""
    volume = LogVolume("business_hours", 10**6, SECOND)
    whole = workload(volume, start_utc_us=MONDAY)
    late = workload(volume, start_utc_us=MONDAY + 9 * HOUR + into_us)
    for t in (HOUR, 5 * HOUR, DAY, WEEK + 3 * HOUR):
        wanted = whole.user_bytes(9 * HOUR + into_us + t) - whole.user_bytes(9 * HOUR + into_us)
        # each hour's bytes are rounded down, by place in the week
        assert abs(late.user_bytes(t) - wanted) <= 400


def test_hours_are_those_of_the_services_own_clock() -> None:
    s = dataclasses.replace(scenario(), start_utc_us=MONDAY, time_zone="Asia/Tokyo")  # 9 h ahead
    volume = LogVolume("business_hours", 10**6, SECOND)
    w = Workload(dataclasses.replace(s.databases[0], log_volume=volume), s)
    hourly = [w.user_bytes((h + 1) * HOUR) - w.user_bytes(h * HOUR) for h in range(24)]
    assert max(range(24), key=hourly.__getitem__) == 1


# ---- gaps: a full log
GAPS = st.lists(st.integers(0, 2 * DAY), min_size=2, max_size=6, unique=True).map(
    lambda marks: list(zip(sorted(marks)[::2], sorted(marks)[1::2], strict=False))
)


@given(volumes, rates, GAPS, st.integers(0, 3 * DAY), st.integers(-3, 3))
def test_what_is_refused_is_left_out_and_all_else_is_as_it_was(
    volume: LogVolume,
    rate: tuple[int, int],
    gaps: list[tuple[int, int]],
    at_us: int,
    nearby_us: int,
) -> None:
    free, w = workload(volume, rate[0], den_us=rate[1]), workload(volume, rate[0], den_us=rate[1])
    for each in (free, w):
        each.add_burst(DAY // 2, 10**9, HOUR, HOUR)
    for begin, end in gaps:
        w.refuse_from(begin)
        assert w.written(end + DAY) == w.written(begin)  # nothing, as long as it lasts
        assert w.ack_instant(w.commits(begin)) == NEVER_US
        offered = free.commits(end) - free.commits(begin)
        assert w.accept_from(end) == offered
    left_out = [
        (max(0, min(at_us, end) - begin), begin, min(at_us, end))
        for begin, end in gaps
        if begin < at_us
    ]
    assert w.user_bytes(at_us) == free.user_bytes(at_us) - sum(
        free.user_bytes(e) - free.user_bytes(b) for _, b, e in left_out
    )
    assert w.maintenance_bytes(at_us) == free.maintenance_bytes(at_us) - sum(
        free.maintenance_bytes(e) - free.maintenance_bytes(b) for _, b, e in left_out
    )
    n = w.commits(at_us) + nearby_us
    if n >= 0:  # the theory of the module: a log cut at t holds commit n exactly if t_n < t
        acknowledged = w.ack_instant(n)
        assert not any(begin <= acknowledged < end for begin, end in gaps)
        assert (n < w.commits(at_us)) == (acknowledged < at_us)


def test_by_hand() -> None:
    """1,000 B/s and 10 commits a second; nothing from 10 s to 15 s."""
    w = workload(LogVolume("steady", 1000, SECOND))
    w.refuse_from(10 * SECOND)
    assert w.written(12 * SECOND) == (100, 10_000)
    assert w.accept_from(15 * SECOND) == 50
    assert w.written(16 * SECOND) == (110, 11_000)
    assert (w.ack_instant(99), w.ack_instant(100), w.ack_instant(110)) == (
        9_900_000,
        15 * SECOND,
        16 * SECOND,
    )


def test_behind_a_new_primary_a_copy_meets_the_writes_of_the_old_one_up_to_where_it_ended() -> None:
    """10 commits of 100 bytes a second; the new primary has the first 60 s, and begins at 100 s. A
    copy holds 300 of the 600.
    """
    s = scenario()
    volume = LogVolume(shape="steady", num_bytes=1_000, den_us=SECOND)
    d = dataclasses.replace(
        s.databases[0], log_volume=volume, transactions_num=10, transactions_den_us=SECOND
    )
    old = Workload(d, s)
    new = Workload(d, s, 600, 60_000, 100 * SECOND, Before(old, 60 * SECOND, 300))
    assert new.ack_instant(300) == 30 * SECOND
    assert new.ack_instant(299) == 100 * SECOND, "nobody asks for it: as it was before"
    assert new.ack_instant(600) == 100 * SECOND
    assert new.user_bytes(110 * SECOND) - new.user_bytes(30 * SECOND) == 30_000 + 10_000
    assert new.user_bytes(90 * SECOND) == 0, "what came after was lost"
    assert new.written(30 * SECOND) == (300, 30_000)
    assert new.written(90 * SECOND) == new.written(100 * SECOND) == (600, 60_000)
