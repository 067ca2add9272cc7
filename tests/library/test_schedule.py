"""Schedules: clock changes, slots that are overrun, serial jobs, databases without logs, a replay
that lags on purpose.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from dr_sim.backups.model import Kind
from dr_sim.backups.names import parse_name
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result

from .runs import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    at,
    ceil_div,
    failover,
    peak_lag_us,
    peak_us,
    ran,
    rows,
    times,
)

US = 1_000_000


def schedule(name: str) -> Result:
    result = ran(f"schedule/{name}")
    assert result.verdict.outcome is Outcome.PASS, result.verdict.lines
    return result


def starts(result: Result, kind: Kind) -> list[str]:
    """When backups of a kind began, in UTC."""
    began = [
        r.time_us + result.scenario.start_utc_us
        for r in rows(result, "truth.backup_begin", kind=kind)
    ]
    return [datetime.fromtimestamp(us // US, UTC).strftime("%m-%d %H:%M") for us in began]


def test_spring() -> None:
    result = schedule("berlin_spring")
    assert starts(result, Kind.INCREMENTAL) == ["03-28 01:30", "03-29 01:30", "03-30 00:30"]
    assert len(starts(result, Kind.LOG)) == 3 * 288


def test_autumn() -> None:
    result = schedule("berlin_autumn")
    assert starts(result, Kind.INCREMENTAL) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]
    assert starts(result, Kind.FULL) == ["10-25 12:00"]  # in UTC, whatever Berlin's clocks do
    logs = starts(result, Kind.LOG)
    assert len(set(logs)) == len(logs) == 3 * 288


@pytest.mark.parametrize("name", ["berlin_spring", "berlin_autumn"])
def test_names_sort_in_the_order_of_time(name: str) -> None:
    result = schedule(name)
    names = [str(r.values["name"]) for r in rows(result, "truth.backup_finished", kind=Kind.LOG)]
    assert names == sorted(set(names))
    began = [r.time_us for r in rows(result, "truth.backup_begin", kind=Kind.LOG)][: len(names)]
    assert [parse_name(n).started_utc_us - result.scenario.start_utc_us for n in names] == began


def test_an_overrun_skips_the_next() -> None:
    result = schedule("overrun")
    skipped = rows(result, "truth.backup_skipped", reason="overrun")
    assert [r.time_us for r in skipped if r.values["kind"] == Kind.LOG] == [
        at(1, "10:10"),
        at(1, "10:15"),
    ]
    assert [r.time_us for r in skipped if r.values["kind"] == Kind.FULL] == [
        n * HOUR for n in range(2, 25, 2)
    ]
    assert times(result, "truth.backup_begin", kind=Kind.FULL) == [
        n * HOUR for n in range(1, 24, 2)
    ]
    peak = at(1, "10:15:01.2") + ceil_div(8 * 60_020_000_000, 10_000_000_000) - at(1, "10:00")
    assert peak_us(result) == peak == 949_216_000
    (after,) = [
        r
        for r in rows(result, "truth.backup_finished")
        if r.values["name"] == "crm_2026_01_05_10_20_00_log_000"
    ]
    assert after.values["nominal_bytes"] == 60_000_000


def test_serial_jobs_wait_for_each_other() -> None:
    result = schedule("serial")
    begun = rows(result, "truth.backup_begin")
    ended = {r.values["file"]: r.time_us for r in rows(result, "truth.backup_finished")}
    for one, other in pairwise(begun):
        assert ended[one.values["file"]] <= other.time_us
    full = 5 * SECOND + ceil_div(150_000_000_000, 191_000_000)
    assert at(1, "01:00") + full in times(result, "truth.backup_begin", kind=Kind.LOG)
    skipped = [r.time_us for r in rows(result, "truth.backup_skipped", kind=Kind.LOG)]
    assert {at(1, "01:05"), at(1, "01:10")} <= set(skipped)
    assert peak_us(result) == 1_091_886_733


def test_a_database_without_logs_depends_on_its_fulls_and_alarms_nobody() -> None:
    result = schedule("no_logs")
    search = [r for r in rows(result, "truth.backup_begin") if r.entity == 1]
    assert [(r.time_us, r.values["kind"]) for r in search] == [
        (d * DAY + 3 * HOUR, Kind.FULL) for d in range(4)
    ]
    assert rows(result, "seen.RaiseAlert") == []
    exposure = summary_json(result.summary)["exposure"]["by_database"]
    transfer = 1_600 * SECOND + 6 * 800_000  # six logs go first, 0.8 s each
    ends = 3 * HOUR + 5 * SECOND + ceil_div(40_000_000_000, 191_000_000)
    first_lacking = -(-ends // 100_000) * 100_000  # ten transactions a second
    assert exposure["search"]["max_us"] == DAY + ends + transfer - first_lacking
    assert exposure["crm"]["max_us"] < 305 * SECOND
    # a database without logs is kept up to date by its fulls: each is restored when it has landed
    assert (
        summary_json(result.summary)["replay_lag"]["by_database"]["search"]["max_us"]
        < 25 * 3600 * 1_000_000
    )


def test_a_replay_that_lags_on_purpose() -> None:
    result = schedule("replay_delay")
    cut = {r.values["file"]: r.time_us for r in rows(result, "truth.backup_begin")}
    restored = [(cut[r.values["file"]], r.time_us) for r in rows(result, "truth.restored")]
    one = SECOND + ceil_div(20_000_000, 356_000_000)
    lost = at(1, "20:02")
    assert {done - c for c, done in restored if done < lost} == {HOUR + one}
    assert peak_us(result) == 302_800_000
    assert peak_lag_us(result) == 300 * SECOND + one  # the delay is taken off
    found = failover(result)
    assert found["data_loss_us"] == 2 * MINUTE
    assert found["phases_us"]["drain"] == 12 * one
