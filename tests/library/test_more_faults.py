"""The kinds of fault that act on copies, jobs, clocks, people and the secondary: a scenario each,
with the figures of its head comment.
"""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.measures.summary.plain import summary_json

from .runs import (
    MINUTE,
    QUIET_PEAK,
    SECOND,
    alerts,
    at,
    ceil_div,
    failover,
    fault,
    log_cut,
    log_name,
    peak_lag_us,
    peak_us,
    ran,
    rows,
    times,
)

LOG_US = 1_056_180  # restore of 20 MB: 1 s and 356 MB/s
FULL_US = ceil_div(50_000_000_000, 191_000_000)


def log_written(clock: str) -> int:
    """Bytes of log written since the start of day 1, 20 MB each 5 min, rounded up."""
    return -(-20_000_000 * at(1, clock) // (300 * SECOND))


def bridged(asked: str, beside_us: int = 0) -> int:
    """When an incremental asked for at that time has landed: 60 % of the log at 191 MB/s, then the
    link alone.
    """
    size = log_written(asked) * 6 // 10
    return at(1, asked) + beside_us + ceil_div(size, 191_000_000) + ceil_div(8 * size, 200_000_000)


# ---- the way
def test_latency_slows_each_stream() -> None:
    result = fault("latency")
    loss = 0.0001**0.5
    slow, usual = (int(1_460 * 8 / rtt * 1.22 / loss) for rtt in (0.53, 0.03))
    assert peak_us(result) == 302 * SECOND + 500_000 + ceil_div(160_000_000, slow) == 362_010_460
    landed = times(result, "truth.landed")
    assert landed[log_cut(result, at(1, "12:10"))] - at(1, "12:10:02") == ceil_div(
        160_000_000, usual
    )


def test_a_torn_copy_is_found_by_its_hash_and_copied_again() -> None:
    for name in ("torn_copy", "torn_copy_whole_size"):
        result = fault(name)
        mine = {"name": log_name("10:05")}
        assert times(result, "truth.landed", **mine) == [at(1, "10:05:02.4"), at(1, "10:05:03.24")]
        assert [r.values["intact"] for r in rows(result, "truth.landed", **mine)] == [0, 1]
        assert [
            r.values["error_number"] for r in rows(result, "seen.ValidationFailed", **mine)
        ] == [60001]
        (damage,) = rows(result, "truth.damaged")
        assert (damage.values["offset"], damage.values["length"]) == (10_000_000, 10_000_000)


def test_a_half_written_file_is_no_reason_for_anything() -> None:
    result = fault("half_written")
    mine = {"name": log_name("10:05")}
    assert times(result, "truth.landed", **mine) == [at(1, "10:05:20.16"), at(1, "10:06:40.8")]
    assert [r.values["outcome"] for r in rows(result, "seen.ValidationFailed")] == ["no_manifest"]
    assert [rows(result, f"seen.{kind}") for kind in ("Recopy", "TakeBackup", "RaiseAlert")] == [
        [],
        [],
        [],
    ]
    assert peak_us(result) == at(1, "10:06:40.8") - at(1, "10:00")


def test_a_duplicate_is_restored_once() -> None:
    result = fault("duplicate_file")
    mine = {"name": log_name("10:05")}
    assert times(result, "seen.Landed", **mine) == [at(1, "10:05:02.8"), at(1, "10:06:02.8")]
    assert len(rows(result, "seen.Restore", **mine)) == 1
    # wanted again while it is being sent
    meanwhile = ran("faults/duplicate_file", "events.1.duplicate_file.after=0 s")
    assert times(meanwhile, "seen.Landed", **mine) == [at(1, "10:05:02.8"), at(1, "10:05:03.6")]
    other = fault("duplicate_file_other_name")
    copy = "crm_2026_01_05_10_05_01_log_000"
    assert times(other, "seen.Validated", name=copy) == [at(1, "10:06:02.84")]
    assert rows(other, "seen.Restore", name=copy) == []
    assert len(rows(other, "seen.Restored")) == len(rows(fault("base"), "seen.Restored"))


# ---- backups
def test_silent_backups_are_bridged_until_logs_are_logs_again() -> None:
    result = fault("silent_backups")
    assert {r.values["error_number"] for r in rows(result, "seen.ValidationFailed")} == {3241}
    assert {r.values["intact"] for r in rows(result, "truth.landed", name=log_name("10:05"))} == {0}
    asked = times(result, "seen.TakeBackup", kind=int(Kind.INCREMENTAL))
    assert asked[0] == at(1, "10:15:02")
    assert peak_us(result) == bridged("10:15:02") - at(1, "10:00") == 968_771_368
    whole = rows(result, "truth.backup_finished", name=log_name("10:45"))
    # nothing had been truncated since 10:00
    assert whole[0].values["nominal_bytes"] == 9 * 20_000_000
    assert alerts(result)[0] == (at(1, "10:15:02"), 3, "error", 14)


def test_a_second_log_job_leaves_a_hole() -> None:
    result = fault("second_log_job")
    stolen = log_cut(result, at(1, "10:02"))
    assert [r.values["why"] for r in rows(result, "truth.file_gone", file=stolen)] == ["elsewhere"]
    (asked, *_) = rows(result, "seen.PrimaryAnswered")
    assert (asked.values["covering_name"], asked.values["remakeable"]) == ("", 0)
    size = log_written("10:20:01.704") * 6 // 10
    assert times(result, "seen.TakeBackup") == [at(1, "10:20:01.704")]
    assert peak_us(result) == 1_269_017_660 == bridged("10:20:01.704") - at(1, "10:00")
    assert rows(result, "truth.backup_finished", kind=1)[0].values["nominal_bytes"] == size


def test_an_ad_hoc_full_moves_the_base_unless_it_is_copy_only() -> None:
    moved, kept = fault("ad_hoc_full"), fault("ad_hoc_full_copy_only")
    kinds = [
        [r.values["kind"] for r in rows(result, "seen.TakeBackup")] for result in (moved, kept)
    ]
    assert kinds == [[Kind.INCREMENTAL, Kind.FULL], [Kind.INCREMENTAL]]
    assert times(moved, "truth.file_gone", why="elsewhere") == [at(1, "10:02") + FULL_US]
    (full,) = rows(moved, "truth.landed", kind=0)
    assert peak_us(moved) == full.time_us - at(1, "10:05")
    assert [len(rows(result, "seen.Restore", replace=1)) for result in (moved, kept)] == [1, 0]


def test_without_a_log_the_database_is_kept_up_by_incrementals() -> None:
    result = fault("recovery_model")
    refused = [str(r.values["reason"])[:4] for r in rows(result, "truth.backup_skipped")]
    assert refused == ["4208"] * 12 + ["4214"] * 4  # 10:05 to 11:00, 11:05 to 11:20
    asked = times(result, "seen.TakeBackup")
    assert asked == [at(1, f"{t}:02.8") for t in ("10:20", "10:40", "11:00", "11:20")]
    assert peak_us(result) == bridged("10:20:02.8") - at(1, "10:00") == 1_270_115_643
    first = rows(result, "seen.Restored", name=log_name("11:25"))
    assert len(first) == 1 and rows(result, "seen.Restore", replace=1) == []
    # each log backup that the engine refuses is told in its words, as any that fails
    assert {event for _, event, *_ in alerts(result)} == {2, 9}
    failed = [
        r.values["text"] for r in rows(result, "seen.RaiseAlert") if r.values["event_id"] == 9
    ]
    assert ["4208" in text for text in failed] == [True] * 12 + [False] * 4
    assert ["4214" in text for text in failed] == [False] * 12 + [True] * 4


def test_files_deleted_before_they_were_copied_are_bridged() -> None:
    result = fault("careless_clean_up")
    gone = {r.values["file"] for r in rows(result, "truth.file_gone", why="clean-up")}
    assert {log_cut(result, at(1, t)) for t in ("10:05", "10:10", "10:15")} <= gone
    assert log_cut(result, at(1, "10:20")) not in gone  # it ended 20 min ago, and no more than that
    assert [
        rows(result, "truth.landed", name=log_name(t)) for t in ("10:05", "10:10", "10:15")
    ] == [[], [], []]
    assert [r.values["kind"] for r in rows(result, "seen.TakeBackup")] == [Kind.INCREMENTAL]
    assert at(1, "11:02") - at(1, "10:00") < peak_us(result) < 64 * MINUTE


def test_files_deleted_before_they_were_replayed_are_copied_again() -> None:
    result = fault("careless_clean_up_secondary")
    lost = [log_name(f"{10 + m // 60}:{m % 60:02d}") for m in range(5, 65, 5)]
    assert times(result, "seen.Recopy") == [at(1, "12:05")] * len(lost)
    assert [r.values["name"] for r in rows(result, "seen.Recopy")] == lost
    assert peak_us(result) == at(1, "12:05:10.319748") - at(1, "10:00")


# ---- the secondary
def test_slow_restores() -> None:
    result = fault("slow_restore")
    assert peak_lag_us(result) == QUIET_PEAK + 40_000 + 3 * LOG_US
    heavy = fault("slow_restore_heavy_tail")
    took = [
        b.time_us - a.time_us
        for a, b in zip(rows(heavy, "seen.Restore"), rows(heavy, "seen.Restored"), strict=True)
        if at(1, "10:02") < a.time_us < at(1, "14:02")
    ]
    assert sorted(took)[len(took) // 2] < 10 * LOG_US and max(took) > 100 * LOG_US
    assert peak_us(heavy) == QUIET_PEAK


def test_readers_hold_restores_back_and_no_repair_begins() -> None:
    result = fault("readers")
    assert {r.values["error_number"] for r in rows(result, "seen.RestoreFailed")} == {3101}
    assert rows(result, "seen.TakeBackup") == []
    assert [t for t, *_ in alerts(result)] == [at(1, f"10:{m}:02") for m in range(20, 50, 5)]
    assert peak_lag_us(result) == at(1, "10:45:10.84") + LOG_US - at(1, "10:00")
    tries = len(rows(result, "seen.RestoreFailed"))
    counter = [
        r.values["attempts"] for r in rows(result, "seen.RenameWorkingCopy", name=log_name("10:05"))
    ]
    assert counter == list(range(1, tries + 2))  # each hand-over counts


@pytest.mark.parametrize(
    ("attempts", "told"), [(1, "10:10:04"), (2, "10:15:05"), (3, "10:20:02"), (4, "10:20:02")]
)
def test_the_limit_on_attempts_decides_when_it_comes_before_the_age(
    attempts: int, told: str
) -> None:
    """Read at 10:05:02.84 and at each retry, refused, and taken at last (R5, R8): with the usual
    retries of 5 min the third read is the last that comes before the age of 15 min, so 3 and 4
    differ in nothing.
    """
    result = ran("faults/readers", f"replay.attempts={attempts}")
    first = min(t for t, event, *_ in alerts(result) if event == 3)
    assert first // SECOND * SECOND == at(1, told)
    assert rows(result, "seen.TakeBackup") == []
    (taken, *_) = times(result, "seen.Restored", name=log_name("10:05"))
    assert at(1, "10:45") < taken < at(1, "10:46")  # the report ended at 10:42


def test_readers_are_thrown_out_in_a_failover() -> None:
    result = fault("readers_failover")
    assert len(rows(result, "seen.Disconnect")) == 1
    found = failover(result)
    assert (found["data_loss_us"], found["phases_us"]["drain"]) == (180 * SECOND, 4 * LOG_US)


def test_a_planned_failover_over_readers_breaks_no_requirement() -> None:
    """Two seconds after the alert that the log is refused for them: they go, and nothing is lost."""
    order = "{at: 'Mon 10:25:06', order_failover: dba}"
    readers = "{at: 'Mon 10:02', readers: {database: crm, duration: 40 min}}"
    result = ran("faults/readers", "databases.crm.log=every 10 min", f"events=[{readers}, {order}]")
    assert alerts(result)[0][:2] == (at(1, "10:25:04"), 3)
    assert failover(result)["data_loss_us"] == 0
    assert result.summary.violations == []


def test_a_stopped_replicator_waits_for_someone_who_was_told() -> None:
    result = fault("replication_stopped")
    told = at(1, "10:15:02.8")
    assert times(result, "truth.event", begins=0) == [told + 20 * MINUTE]
    assert peak_us(result) == told + 20 * MINUTE + ceil_div(7 * 160_000_000, 200_000_000) + 1 - at(
        1, "10:00"
    )
    unheard = fault("replication_stopped_unheard")
    assert times(unheard, "truth.event", begins=0, what="replication_stopped") == [
        at(1, "12:20:02.8")
    ]
    lost = len(rows(unheard, "truth.alert_lost"))
    # by the same dead channel
    monitors = [t for t in times(unheard, "seen.MonitorAlert") if t < at(1, "12:00")]
    assert lost - len(monitors) == len([t for t, *_ in alerts(unheard) if t < at(1, "12:00")]) == 21
    assert (
        summary_json(unheard.summary)["alerts"]["raised"]
        == len(alerts(unheard)) + len(rows(unheard, "seen.MonitorAlert")) - lost
    )


def test_a_secondary_that_is_lost_is_seeded_again() -> None:
    result = fault("lose_secondary")
    back = at(1, "12:02")
    assert [r.time_us for r in rows(result, "truth.manager")] == [0, at(1, "10:02"), back]
    assert times(result, "seen.TakeBackup", kind=int(Kind.FULL)) == [back]
    (full,) = rows(result, "truth.landed", kind=0)
    assert full.time_us > back + FULL_US + ceil_div(8 * 50_000_000_000, 200_000_000)
    assert peak_us(result) == full.time_us  # until then nothing would have survived since the start
    assert alerts(result)[0][0] == back
    # told at once and at each retry, by one clock
    told = times(result, "seen.RaiseAlert", event_id=19)
    assert told == [back + i * 5 * MINUTE for i in range(len(told))] and len(told) > 5
    (restored,) = rows(result, "truth.restored", file=full.values["file"])
    assert restored.values["commits"] > 0


# ---- clocks and channels
def test_a_clock_that_falls_back_makes_no_two_files_of_one_name() -> None:
    result = fault("clock_falls_back")
    names = [str(r.values["name"]) for r in rows(result, "truth.backup_finished")]
    assert len(set(names)) == len(names)
    (second,) = [r for r in rows(result, "truth.backup_finished") if r.time_us == at(1, "10:05:02")]
    assert second.values["name"] == "crm_2026_01_05_09_05_01_log_000"  # 09:05:00 lies there
    # and no lag is told, though each log looks an hour old
    assert {event for _, event, *_ in alerts(result)} == {16}
    assert len(alerts(result)) == 35  # logs of 10:10 to 13:00
    assert (
        summary_json(result.summary)["alerts"]["false"] == 0
    )  # the clock is wrong, and they say so


def test_a_clock_ahead_brings_the_limit_forward() -> None:
    result = fault("wrong_clock")
    asked = at(1, "10:05:02.84")
    assert times(result, "seen.TakeBackup") == [asked]
    assert peak_us(result) == bridged("10:05:02.84") - at(1, "09:55")
    assert times(ran("faults/missing_file"), "seen.TakeBackup") == [at(1, "10:15:02")]


def test_alerts_that_reach_nobody_count_for_nothing() -> None:
    result = fault("dead_alert_channel")
    assert alerts(result) == alerts(ran("faults/paused_backups"))
    assert len(rows(result, "truth.alert_lost")) == len(alerts(result)) == 7
    assert summary_json(result.summary)["alerts"]["missed"] == 1


def test_a_page_is_sent_again_until_there_is_an_answer() -> None:
    result = fault("dead_alert_channel_page")
    assert times(result, "seen.PageOperator") == [at(1, "10:00:30"), at(1, "10:05:30")]
    assert times(result, "seen.OperatorAnswered") == [at(1, "10:09:30")]


# ---- operators
def test_a_promotion_over_a_hole_costs_what_lies_beyond_it() -> None:
    result = fault("operator_promotes_over_a_hole")
    found = failover(result)
    assert found["data_loss_us"] == at(1, "10:17:05") - at(1, "10:00")
    (tail,) = rows(result, "seen.TailTaken")
    assert rows(result, "seen.Restore", name=tail.values["name"]) == []


def test_the_stale_side_becomes_the_primary() -> None:
    result = fault("operator_wrong_way")
    found = failover(result)
    assert found["data_loss_us"] == at(1, "10:14:05") - at(1, "10:00")
    assert found["phases_us"]["drain"] == 10 * MINUTE  # for the files and the tail together
    assert {event for _, event, *_ in alerts(result)} >= {6}  # told that files were left behind
    causes = [line["cause"] for line in found["loss_ledger"]["lines"]]
    assert "replication stopped (event 1)" in causes


def test_the_wrong_side_is_wiped() -> None:
    primary = failover(fault("operator_wipes_the_primary"))
    assert (primary["class"], primary["data_loss_us"]) == ("host", 180 * SECOND)
    result = fault("operator_wipes_the_secondary")
    (refused,) = rows(result, "seen.RestoreFailed")
    assert (refused.time_us, refused.values["error_number"], refused.values["position_lost"]) == (
        at(1, "10:05:03.89618"), 3117, 1,
    )  # fmt: skip
    assert times(result, "seen.TakeBackup", kind=int(Kind.FULL)) == [at(1, "10:05:03.89618")]
    (full,) = rows(result, "truth.landed", kind=0)
    assert peak_us(result) == full.time_us  # until then nothing would have survived since the start
    assert full.time_us > at(1, "10:05:03.89618") + FULL_US + ceil_div(
        8 * 50_000_000_000, 200_000_000
    )


@pytest.mark.parametrize("rules", ["sql_server", "postgres"])
@pytest.mark.parametrize("ends", ["order_failover: {by: dba, planned: true}", "lose: database"])
def test_a_tail_that_is_sent_while_it_is_written_is_waited_for(ends: str, rules: str) -> None:
    """Half of it lands before it is finished and is given up as cut off; the whole file follows."""
    result = ran(
        "faults/base",
        "failover.mode=automatic",
        f"engine.imitates={rules}",
        f"events=[{{at: Mon 10:01, half_written: crm}}, {{at: Mon 10:02, {ends}}}]",
    )
    assert failover(result)["data_loss_us"] == 0
    assert result.summary.violations == []


def test_a_full_that_is_deleted_while_it_is_being_restored_is_not_asked_for_again() -> None:
    """50 GB at 5 MB/s take 2 h 47; the file is deleted in the meantime, and the engine reads on."""
    deleted = (
        "{at: 'Mon 01:00', careless_clean_up:"
        " {where: secondary, database: crm, kind: full, older_than: 0 s}}"
    )
    result = ran(
        "faults/base",
        "run_for=4 h",
        "measure_from=0 s",
        "databases.crm.full=daily 00:10",
        "databases.crm.seeded=false",
        "secondary.restore_rate=5 MB/s",
        f"events=[{deleted}]",
    )
    assert len(rows(result, "truth.file_gone", where="secondary")) == 1
    assert "R11" not in {each.invariant for each in result.summary.violations}


def test_a_database_that_was_never_here_may_wait_for_its_scheduled_full() -> None:
    result = ran(
        "faults/base",
        "run_for=3 h",
        "measure_from=0 s",
        "databases.crm.seeded=false",
        "databases.crm.full=weekly Sun 01:00",
        "sla=[{alerts_false: at most 0}]",
    )
    assert result.summary.violations == []
    assert 19 in {alert.event_id for alert in result.summary.alerts.each}
