"""Progress of replay is judged by what waits: restores that are slow or hang, that queue, and a
replay that stands.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.record.journal import Row
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.runs.run import Result, run

from .runs import HOUR, MINUTE, SECOND, at, ran, rows, times

WAITING = 18


def made(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def told(result: Result, database: str = "crm") -> list[int]:
    return times(result, "seen.RaiseAlert", event_id=WAITING, database=database)


def test_a_restore_of_three_hours_is_told_of_by_the_age_of_the_log_that_waits() -> None:
    result = ran("faults/slow_restore_hours")
    first = at(1, "10:25") + 2 * SECOND
    assert (
        told(result) == list(range(first, at(1, "13:06"), 5 * MINUTE)) and len(told(result)) == 33
    )
    levels = [r.values["level"] for r in rows(result, "seen.RaiseAlert")]
    assert levels == ["error"] * 6 + ["critical"] * 27
    alert = rows(result, "seen.RaiseAlert")[0].values
    assert "[3] backup files wait" in alert["text"] and "finished [15] minutes ago" in alert["text"]
    assert alert["name"].endswith("2026_01_05_10_10_00_log_000") and alert["minutes"] == 19


WITHOUT_LOGS = """\
run_for: 3 days
databases: {idx: {size: 5 GB, full: every 6 h, incremental: none, log: none}}
link: {bandwidth: 100 Mbit/s}
monitor: {enabled: false}
events: [{at: 30 h, paused_backups: {database: idx, duration: 1 day}}]
"""


def test_fulls_of_a_database_without_logs_that_do_not_come_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = made(tmp_path, WITHOUT_LOGS)
    overdue = times(result, "seen.RaiseAlert", event_id=22, database="idx")
    assert [overdue[0] // HOUR, overdue[-1] // HOUR] == [36, 60]  # of 30:00 to that of 60:00
    assert result.summary.alerts.false == 0
    assert not result.summary.violations
    monkeypatch.setattr(AlertBook, "tell", lambda *args: None)
    mute = made(tmp_path, WITHOUT_LOGS)
    assert {v.invariant for v in mute.summary.violations} == {"R12", "S8"}


ON_ANOTHER = """\
run_for: 23 h
databases: {idx: {size: 200 MB, incremental: every 30 min, log: none}}
link: {bandwidth: 200 Mbit/s}
replay: {delay: 20 min}
monitor: {enabled: false}
events: [{at: 20 h 10 min, ad_hoc_full: {database: idx}}]
"""


def test_incrementals_that_stand_on_a_full_that_is_elsewhere_are_no_new_backups(
    tmp_path: Path,
) -> None:
    """The last of use was begun at 20:00, and was here and whole after some 14 s. So the next is late
    at 20:45 (30 min, twice the 14 s, and the window of 15 min), though one comes every half hour. A
    full is asked for then, and is here before the next retry.
    """
    result = made(tmp_path, ON_ANOTHER)
    alerts = [row for row in rows(result, "seen.RaiseAlert") if row.values["event_id"] == 22]
    said = [row.time_us for row in alerts]
    assert 28 * SECOND <= said[0] - (20 * HOUR + 45 * MINUTE) <= 30 * SECOND
    assert len(said) == 1
    assert times(result, "seen.TakeBackup", kind=0) == said
    restored = times(result, "seen.Restored", database="idx")
    assert [at // (30 * MINUTE) for at in restored][-4:] == [42, 43, 44, 45]
    text = alerts[0].values["text"]
    assert "that can be restored has come: the last one was begun [45] minutes ago" in text
    assert "[idx_2026_01_05_20_30_00_incremental_000] stands is not here" in text
    assert not result.summary.violations
    copied = made(
        tmp_path, ON_ANOTHER.replace("{database: idx}", "{database: idx, copy_only: true}")
    )
    assert not times(copied, "seen.RaiseAlert", event_id=22, database="idx")


LARGE_FULLS = """\
run_for: 5 days
databases: {a: {size: 30 GB, full: daily 02:30, incremental: none, log: none, copies: 3}}
link: {bandwidth: 200 Mbit/s}
replication: {staging: 640 GB}
"""


def test_fulls_that_are_long_on_their_way_are_no_danger_and_missed_ones_are_told_in_time(
    tmp_path: Path,
) -> None:
    """Three fulls of 30 GB are an hour on their way, each day: exposure is 25 h by design."""
    quiet = made(tmp_path, LARGE_FULLS).summary.alerts
    assert (quiet.due, quiet.raised) == (0, 0)
    paused = "events: [{at: 47 h, paused_backups: {database: all, duration: 30 h}}]\n"
    alerts = made(tmp_path, LARGE_FULLS + paused).summary.alerts
    assert alerts.due == 3
    assert (alerts.missed, alerts.late, alerts.false) == (0, 0, 0)


HELD = """\
run_for: 6 days
databases: {crm: {size: 50 GB, full: daily 00:00, incremental: none, log: none}}
link: {bandwidth: 200 Mbit/s}
copies: {vault: {store: {hold: 1 h, transit: 12 h}}}
"""


def test_fulls_that_come_late_to_a_store_by_design_are_no_danger(tmp_path: Path) -> None:
    """They lie there after 13:38. Without that of Thursday 00:00 exposure is beyond the design from
    Thursday 13:53 on (the end of that of Wednesday, 00:04:27, and 24 h, 13 h, 33:20 and 15 min).
    """
    quiet = made(tmp_path, HELD).summary.alerts
    assert (quiet.due, quiet.raised) == (0, 0)
    paused = "events: [{at: 59 h, paused_backups: {database: crm, duration: 30 h}}]\n"
    alerts = made(tmp_path, HELD + paused).summary.alerts
    (episode,) = [each for each in alerts.episodes if each.due_us is not None]
    full_us = 5 * SECOND + -(-50_000 * SECOND // 191)
    onset = 48 * HOUR + full_us + 37 * HOUR + 2_000 * SECOND + 15 * MINUTE
    assert abs(episode.onset_us - onset) < SECOND
    assert (alerts.missed, alerts.late, alerts.false) == (0, 0, 0)


def test_a_restore_that_never_ends_is_told_of_to_the_end_of_the_run() -> None:
    result = ran("faults/slow_restore_hours", "events.1.slow_restore.by=1000000")
    assert times(result, "truth.restored")[-1] < at(1, "10:06")
    assert told(result)[0] == at(1, "10:25") + 2 * SECOND
    assert all(b - a == 5 * MINUTE for a, b in pairwise(told(result))) and told(result)[-1] > at(
        1, "23:54"
    )


@pytest.mark.parametrize(
    ("interval", "age", "until_us"),
    [
        ("1 min", "15 min", 16 * MINUTE),
        ("5 min", "10 min", 11 * MINUTE),
        ("1 h", "15 min", 17 * MINUTE),
        ("1 h", "90 min", 105 * MINUTE),
    ],
)
def test_it_is_told_whatever_the_interval_of_the_logs(
    interval: str, age: str, until_us: int
) -> None:
    """The log of 10:00 hangs. Where logs are as rare as every hour, the alarm 'window' finds it 15
    minutes after the hour.
    """
    result = ran(
        "faults/base",
        f"databases.crm.log=every {interval}",
        f"replay.age={age}",
        "events=[{at: Mon 09:59, slow_restore: {by: 1000000, duration: 3 min}}]",
    )
    assert at(1, "10:00") < told(result)[0] <= at(1, "10:00") + until_us


ONE_WORKER = """
name: one worker
run_for: 12 h
databases:
  a: {size: 1 GB, full: none, differential: none}
  b: {size: 1 GB, full: none, differential: none}
link: {bandwidth: 1 Gbit/s}
replay: {workers: 1}
events:
  - {at: 2 h 4 min, slow_restore: {by: 100000, duration: 63 s}}
"""


def test_a_database_that_queues_for_the_only_worker_is_told_of_too(tmp_path: Path) -> None:
    result = made(tmp_path, ONE_WORKER)
    assert told(result, "a")[0] // MINUTE == told(result, "b")[0] // MINUTE == 140
    two = made(tmp_path, ONE_WORKER.replace("63 s", "61.6 s").replace("workers: 1", "workers: 2"))
    assert {r.values["database"] for r in rows(two, "seen.RaiseAlert", event_id=WAITING)} in (
        {"a"},
        {"b"},
        {"a", "b"},
    )


def test_a_backlog_that_drains_after_an_outage_is_no_news() -> None:
    """Logs that landed late are past the limit at once; each has a retry interval to be restored
    in.
    """
    assert told(ran("faults/link_outage")) == []
    assert rows(ran("faults/link_outage"), "seen.SetAlarm", what="waits") == []


def test_a_replay_delay_is_no_standing_replay() -> None:
    result = ran("faults/base", "replay.delay=3 h")
    assert rows(result, "seen.RaiseAlert") == []
    # the log of 07:10 is handed over at 10:10
    late = ran("faults/slow_restore_hours", "replay.delay=3 h")
    assert told(late)[0] == at(1, "10:25") + 2 * SECOND
    assert rows(late, "seen.RaiseAlert")[0].values["name"].endswith("07_10_00_log_000")


# ---- files that land late, where none is restored at once
SLIGHTLY_TOO_SLOW = """\
run_for: 3 h
databases: {d00: {size: 20 GB, log_volume: 20 MB per 5 min}}
link: {bandwidth: 500 kbit/s}
copies: {far: REST}
"""
WAITS = ["{replay: {delay: 2 h}}", "{replay: {every: 4 h}}", "{store: {}}"]


@pytest.mark.parametrize("rest", WAITS)
def test_logs_that_land_ever_later_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str
) -> None:
    """A log of 20 MB takes 5:20 on the link at least, and one is cut every 5 min: each lands later
    than the one before, and none is silent for 15 min.
    """
    text = SLIGHTLY_TOO_SLOW.replace("REST", rest)
    result = made(tmp_path, text)
    told = times(result, "seen.RaiseAlert", event_id=23, database="d00")
    assert told and not result.summary.violations
    (episode,) = [each for each in result.summary.alerts.episodes if each.due_us is not None]
    # two landings, 8 minutes apart, after the first one that is too late
    assert told[0] <= episode.onset_us + 20 * MINUTE
    assert (result.summary.alerts.missed, result.summary.alerts.false) == (0, 0)
    monkeypatch.setattr(AlertBook, "tell", lambda *args: None)
    mute = made(tmp_path, text)
    broken = {v.invariant for v in mute.summary.violations}
    assert broken == ({"S8"} if rest == "{store: {}}" else {"S8", "R12"})


NO_FULL_LANDS = """\
run_for: 3 days
databases: {d00: {size: 1 TB, log_volume: 20 MB per 5 min, full: daily 01:00, incremental: none}}
link: {bandwidth: 10 Mbit/s, sharing: priority}
copies: {vault: {store: {retention: 30 d}}}
"""


def test_fulls_that_never_land_in_a_store_are_told_though_logs_do(tmp_path: Path) -> None:
    """A full takes 222 h. One is there at 0, so the next is late at 24 h, 24 h that nobody knows
    better, and 15 min.
    """
    result = made(tmp_path, NO_FULL_LANDS)
    told = times(result, "seen.RaiseAlert", event_id=24, database="d00")
    assert told[0] == 48 * HOUR + 15 * MINUTE
    assert result.summary.alerts.false == 0 and not result.summary.violations


BOTH_WIPED = """\
run_for: 4 h
databases: {d00: {size: 20 GB, log_volume: 20 MB per 5 min}}
link: {bandwidth: 10 Mbit/s}
copies: {a: {replay: {delay: 2 h}}, b: {replay: {delay: 2 h}}}
events:
  - {at: 1 h, operator_mistake: wipes the secondary, copy: a}
  - {at: 1 h, operator_mistake: wipes the secondary, copy: b}
"""


def test_two_standbys_that_wait_on_purpose_are_missed_within_the_window(tmp_path: Path) -> None:
    result = made(tmp_path, BOTH_WIPED)
    told = rows(result, "seen.RaiseAlert", event_id=19, database="d00")
    assert told[0].time_us <= HOUR + 15 * MINUTE
    assert all("its copy at the secondary is lost" in row.values["text"] for row in told)
    assert not result.summary.violations


RECOVERS_FOR_LONG = """\
run_for: 3 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic, recover: 40 min}
monitor: {enabled: false}
events: [{at: 1 h, lose: site}, {at: 70 min, manager_crash: {}}]
"""


def test_a_manager_that_is_started_in_a_failover_tells_of_no_replay(tmp_path: Path) -> None:
    """The database is being brought online: no log comes any more, and none is waited for."""
    result = made(tmp_path, RECOVERS_FOR_LONG)
    promoted = times(result, "truth.promoted")[0]
    told = [r for r in rows(result, "seen.RaiseAlert") if HOUR < r.time_us < promoted]
    assert promoted > 100 * MINUTE
    assert {r.values["event_id"] for r in told} <= {6, 12}


SLOW_AND_SET_BACK = """\
run_for: 3 h
databases: {crm: {size: 200 MB, full: none, incremental: none, log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
replay: {every: 15 min, age: 15 min, retry: 5 min}
events:
  - {at: 61 min, slow_restore: {by: 2000, duration: 20 min}}
  - {at: 84 min, wrong_clock: {side: primary, behind: 1 h, duration: 30 min}}
"""


def test_a_clock_that_is_set_back_hides_no_log_that_waits(tmp_path: Path) -> None:
    """The log of 1:00 is begun at 1:15 and takes 33 min. It is late at 1:30, 30 min after it was
    finished. A second before that a log lands that is dated 0:30.
    """
    result = made(tmp_path, SLOW_AND_SET_BACK)
    first, *_ = told(result)
    assert 90 * MINUTE <= first < 90 * MINUTE + 10 * SECOND
    assert not result.summary.violations


SATURATED = """\
run_for: 150 min
databases:
  small: {size: 1 GB, log_volume: 1 MB per 5 min, full: none, incremental: none}
  large: {size: 1 GB, log_volume: 300 MB per 5 min, full: none, incremental: none}
link: {bandwidth: 6 Mbit/s, sharing: fifo}
replication: {slots: 1}
"""


def test_a_log_that_is_late_is_told_of_though_the_next_one_is_long_in_coming(
    tmp_path: Path,
) -> None:
    """Each log of large takes 400 s of the link, and one is cut every 300 s: each waits 100 s
    longer than the one before. The first to be restored 15 min late is told of a retry later.
    """
    result = made(tmp_path, SATURATED)
    late = [
        row.time_us
        for row in rows(result, "seen.Restored")
        if row.values["database"] == "small"
        and row.values["utc_us"] - finished_utc_us(result, row) > 15 * MINUTE
    ]
    told = times(result, "seen.RaiseAlert", event_id=8, database="small")
    assert told[0] == late[0] + 5 * MINUTE
    assert not result.summary.violations


def finished_utc_us(result: Result, restored: Row) -> int:
    name = restored.values["name"]
    (landed,) = [row for row in rows(result, "seen.Landed") if row.values["name"] == name]
    return int(landed.values["modified_utc_us"])
