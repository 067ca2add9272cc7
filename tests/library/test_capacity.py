"""Disks and logs of limited size: when exactly they are full, what that stops, who is told, and
what frees them.
"""

from __future__ import annotations

from itertools import pairwise

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.life import cut_up
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.tables import tables
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result

from .runs import MINUTE, SECOND, alerts, at, ceil_div, peak_us, ran, rows, texts, times


def capacity(name: str, *overrides: str) -> Result:
    result = ran(f"capacity/{name}", *overrides)
    assert overrides or result.verdict.outcome is Outcome.PASS, result.verdict.lines
    return result


# ---- the primary's share
def test_the_primarys_share_is_full_from_the_log_of_1735_until_midnight() -> None:
    result = capacity("share_full")
    failed = rows(result, "truth.backup_failed")
    assert {r.values["number"] for r in failed} == {3202}
    logs = [r for r in failed if r.values["kind"] == Kind.LOG]
    # 5.01 GB less 5,000,000,001 bytes are free: 1 s at 10 MB/s
    assert logs[0].time_us == at(1, "17:35:01")
    scheduled = [r.time_us for r in logs if r.time_us % (5 * MINUTE) == SECOND]
    marks = [at(1, "17:35:01") + n * 5 * MINUTE for n in range(77)]
    assert scheduled == [t for t in marks if t != at(1, "20:00:01")]
    (full,) = [r for r in failed if r.values["kind"] == Kind.FULL]
    # the log of 20:00 writes beside it, 10 and 191 MB/s: 10 MB less a byte are there
    assert full.time_us == at(1, "20:00") + ceil_div(9_999_999, 201_000_000)
    assert full.time_us in [r.time_us for r in logs]
    assert full.values["text"] == (
        'Write on "//primary/backup/crm_2026_01_05_20_00_00_full_000" failed: 112(There '
        "is not enough space on the disk.)"
    )


def test_no_log_is_truncated_by_a_backup_that_failed() -> None:
    result = capacity("share_full")
    begun = {r.time_us: r.values for r in rows(result, "truth.backup_begin", kind=Kind.LOG)}
    before, after = begun[at(1, "17:30")], begun[at(2, "00:00")]
    assert after["first_lsn"] == before["last_lsn"]
    assert after["last_lsn"] - after["first_lsn"] == 78 * 20_000_000  # 6 h 30 min
    landed = at(2, "00:00") + ceil_div(200_000_000, 191_000_000) + 8 * SECOND
    assert peak_us(result) == landed - at(1, "17:30")
    assert not rows(result, "truth.damaged") and not summary_json(result.summary)["violations"]


def test_who_is_told_that_backups_fail() -> None:
    result = capacity("share_full")
    told = alerts(result)
    assert told[0] == (at(1, "17:35:01"), 9, "error", 4)
    assert texts(result)[0].startswith(
        "For database [crm] the log backup failed at the primary. The SQL error provided "
        "is: 3202 Write on "
    )
    silent = [t for t, event_id, _, _ in told if event_id == 2]
    assert silent[0] == at(1, "17:45:02.8")
    failures = [r.time_us for r in rows(result, "truth.backup_failed")]
    assert [t for t, event_id, _, _ in told if event_id == 9] == failures  # every one of them
    assert [level for t, event_id, level, _ in told if t == at(1, "18:05:01")] == ["critical"]
    assert told[-1][0] < at(2, "00:05")


def test_a_ledger_says_why_nothing_was_backed_up() -> None:
    result = capacity("share_full")
    until = at(1, "19:00")
    commits = next(
        r.values["commits"]
        for r in rows(result, "truth.backup_begin", kind=Kind.LOG)
        if r.time_us == at(1, "17:30")
    )
    lines = cut_up(
        Causes(tables(result.journal), result.scenario), 0, commits, at(1, "17:30"), until
    )
    assert sum(line.duration_us for line in lines) == until - at(1, "17:30")
    failed = [line for line in lines if line.cause == "log backup failed"]
    assert failed[0].begin_us == at(1, "17:35") and failed[0].detail.startswith("3202 Write on")


# ---- the landing share
def test_replication_stops_at_a_full_landing_share_and_goes_on_when_there_is_room() -> None:
    result = capacity("landing_full")
    stopped = rows(result, "truth.file_state", state="no_room")
    assert [r.time_us for r in stopped] == [at(1, "23:00:02")]
    landed = times(result, "truth.landed")
    assert landed[274] == at(1, "22:55:02.8")  # the 275th
    assert landed[275:278] == [at(2, "00:00:00.8"), at(2, "00:00:01.6"), at(2, "00:00:02.4")]
    assert peak_us(result) == at(2, "00:00:00.8") - at(1, "22:55")
    silent = [(t, event_id) for t, event_id, _, _ in alerts(result)]
    assert silent == [(at(1, "23:10:02.8") + n * 5 * MINUTE, 2) for n in range(10)]


# ---- the data disk
def test_the_old_copy_makes_way_only_where_the_disk_cannot_hold_both() -> None:
    tight, wide = capacity("make_way"), capacity("make_way", "secondary.data_capacity=100 GB")
    (lacking,) = rows(tight, "seen.NoRoom")
    v = lacking.values
    assert (v["error_number"], v["required_bytes"], v["free_bytes"], v["old_copy_bytes"]) == (
        3257, 50_000_000_000, 30_000_000_000, 50_000_000_000,
    )  # fmt: skip
    assert v["error_text"] == (
        "There is insufficient free space on disk volume '//secondary/data' to create the "
        "database. The database requires "
        "50000000000 additional free bytes, while only 30000000000 bytes are available."
    )
    (dropped,) = times(tight, "seen.Drop")
    (full,) = rows(tight, "truth.backup_finished", kind=Kind.FULL)
    (validated,) = [
        r.time_us for r in rows(tight, "seen.Validated") if r.values["name"] == full.values["name"]
    ]
    assert validated < dropped  # landed and verified before (R11)
    assert rows(wide, "seen.Drop") == rows(wide, "seen.NoRoom") == []
    restored = [
        next(
            r.time_us for r in rows(x, "truth.restored") if r.values["file"] == full.values["file"]
        )
        for x in (tight, wide)
    ]
    assert restored[0] - restored[1] == SECOND  # the fixed cost of the attempt that was refused


def test_a_full_that_does_not_fit_is_told_at_every_retry() -> None:
    result = capacity("no_room")
    told = [(t, level) for t, event_id, level, _ in alerts(result) if event_id == 11]
    begun = [r.time_us for r in rows(result, "seen.Restore") if "full" in str(r.values["name"])]
    assert [t for t, _ in told] == [t + SECOND for t in begun]  # 1 s is the fixed cost of a restore
    assert {later - t for t, later in pairwise(begun)} == {5 * MINUTE + SECOND}
    assert [level for _, level in told[:7]] == ["error"] * 6 + ["critical"]
    assert rows(result, "seen.Drop") == [] and not summary_json(result.summary)["violations"]
    assert all(r.entity == 0 for r in rows(result, "truth.restored"))


# ---- the transaction log
def test_a_log_that_nobody_backs_up_is_full_to_the_microsecond_and_users_are_refused() -> None:
    result = capacity("log_full")
    changes = [
        (r.time_us, r.values["refused"], r.values["transactions"])
        for r in rows(result, "truth.writes")
    ]
    full, again = at(1, "10:45"), at(1, "11:00:20")
    assert changes == [(full, 1, 0), (again, 0, 9_200)]
    refused = summary_json(result.summary)["writes_refused"]
    assert refused == {
        "time_us": 920 * SECOND, "transactions": 9_200, "first_us": full,
        "by_database": {"crm": {"time_us": 920 * SECOND, "transactions": 9_200}}, "by_tenant": {},
    }  # fmt: skip
    (total,) = rows(result, "truth.commits_total")
    day = 24 * 60 * MINUTE
    assert total.values["commits"] == 10 * (day - 920 * SECOND) // SECOND
    assert total.values["user_bytes"] == 20_000_000 * (day - 920 * SECOND) // (5 * MINUTE)


def test_the_log_that_frees_it_holds_all_that_was_written_and_nothing_that_was_not() -> None:
    result = capacity("log_full")
    begun = {r.time_us: r.values for r in rows(result, "truth.backup_begin", kind=Kind.LOG)}
    before, freeing, after = begun[at(1, "09:55")], begun[at(1, "11:00")], begun[at(1, "11:05")]
    assert freeing["last_lsn"] - before["last_lsn"] == 200_000_000
    assert freeing["commits"] - before["commits"] == 30_000
    # 4 min 40 s of writes
    assert after["last_lsn"] - freeing["last_lsn"] == ceil_div(20_000_000 * 280, 300) // SECOND
    assert after["commits"] - freeing["commits"] == 2_800
    assert peak_us(result) == at(1, "11:00:28") - at(1, "09:55")
    assert not summary_json(result.summary)["violations"]


def test_9002_is_told_at_once_and_at_each_time_of_a_log() -> None:
    result = capacity("log_full")
    told = [t for t, event_id, _, _ in alerts(result) if event_id == 10]
    assert told == [at(1, "10:45"), at(1, "10:50"), at(1, "10:55"), at(1, "11:00")]
    assert texts(result)[[e for _, e, _, _ in alerts(result)].index(10)] == (
        "For database [crm] the primary refuses writes. The SQL error provided is: "
        "9002 The transaction log for database 'crm' is full due to 'LOG_BACKUP'."
    )


def test_what_is_lost_while_the_log_is_full_is_what_was_written() -> None:
    """The site dies 8 min after the log was full: 50 min of writes are lost, and 58 min of time."""
    result = ran("capacity/log_full", "failover.mode=automatic", "events=[{at: 'Mon 09:58', "
        "paused_backups: {database: crm, "
                 "duration: 1 h}}, {at: 'Mon 10:53', lose: site}]")  # fmt: skip
    (failover,) = summary_json(result.summary)["failovers"]
    assert failover["data_loss_us"] == 58 * MINUTE
    assert failover["user_bytes_lost"] == 200_000_000
    assert failover["transactions_lost"] == 30_000
    assert failover["maintenance_bytes_lost"] == 0
    # from then on it is the failover's outage
    assert summary_json(result.summary)["writes_refused"]["time_us"] == 8 * MINUTE


def test_maintenance_fills_a_log_too_and_what_is_refused_of_it_is_not_lost() -> None:
    """1 GB over 10 min from 10:00 on beside 66,666.7 B/s, a log of 400 MB cut at 10:00 and not
    again.
    """
    result = ran(
        "capacity/log_full", "databases.crm.log_capacity=400 MB", "failover.mode=automatic",
        "events=[{at: 'Mon 10:01', paused_backups: {database: crm, duration: 1 h}}, {at: "
            "'Mon 10:06', lose: site}, "
        "{at: 'Mon 10:00', index_maintenance: {database: crm, log: 1 GB, over: 10 min}}]",
    )  # fmt: skip
    rate = 1_000_000_000 // 600 + 20_000_000 // 300  # bytes a second
    (full, ended) = rows(result, "truth.writes")
    seconds = (full.time_us - at(1, "10:00")) / SECOND
    assert abs(seconds - 400_000_000 / rate) < 0.001
    assert ended.time_us == at(1, "10:06")
    (failover,) = summary_json(result.summary)["failovers"]
    assert failover["user_bytes_lost"] + failover["maintenance_bytes_lost"] in (
        400_000_000,
        399_999_999,
    )
    assert abs(failover["maintenance_bytes_lost"] - seconds * 1_000_000_000 / 600) < 2_000


def test_a_capacity_that_is_never_reached_changes_nothing() -> None:
    quiet = ran("faults/missing_file")
    limited = ran(
        "faults/missing_file",
        "primary.share_capacity=10 TB",
        "secondary.share_capacity=10 TB",
        "secondary.data_capacity=10 TB",
        "databases.crm.log_capacity=10 TB",
    )
    assert limited.digest == quiet.digest
