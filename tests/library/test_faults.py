"""One scenario for each kind of fault: what must be seen of it, with the figures of the scenario's
head comment.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dr_sim.backups.model import Kind
from dr_sim.faults import KINDS
from dr_sim.faults.manager_crash import Crash, Planned
from dr_sim.loading import load_scenario
from dr_sim.measures.causes.ledger import explain_at
from dr_sim.measures.summary.plain import summary_json
from dr_sim.recovery.commands import TakeInventory
from dr_sim.runs.run import Result, run
from dr_sim.world.kernel.occurrence import Occurrence

from .test_cloud import CLOUD_KINDS  # isort: skip
from .runs import (
    MINUTE,
    QUIET_PEAK,
    SCENARIOS,
    SECOND,
    alerts,
    at,
    ceil_div,
    clock,
    failover,
    fault,
    in_first_leg,
    log_cut,
    log_name,
    peak_lag_us,
    peak_us,
    ran,
    rows,
    texts,
    times,
)

QUIET_PEAK_LAG = 303_896_180


def test_every_kind_has_a_scenario() -> None:
    used = {
        e.kind.name for p in (SCENARIOS / "faults").glob("*.yaml") for e in load_scenario(p).events
    }
    assert used == {kind.name for kind in KINDS} - CLOUD_KINDS


def test_quiet() -> None:
    result = fault("base")
    assert peak_us(result) == QUIET_PEAK
    assert peak_lag_us(result) == QUIET_PEAK_LAG
    assert alerts(result) == []
    assert {r.values["replace"] for r in rows(result, "seen.Restore")} == {0}


DETECT, FENCE, FENCE_TIMEOUT, RECOVER, REDIRECT, WARM_UP = (
    30 * SECOND, 5 * SECOND, 21 * SECOND, 10 * SECOND, 60 * SECOND, 8_460_000,
)  # fmt: skip


# ---- the link
def test_link_outage() -> None:
    result = fault("link_outage")
    landed = at(1, "02:20:02") + 4 * 800_000
    assert times(result, "truth.landed", name=log_name("02:05")) == [landed]
    assert peak_us(result) == landed - at(1, "02:00") == 1_205_200_000
    first = at(1, "02:00:02.8") + 15 * MINUTE
    # 14 and 19: the last log was restored 1.1 s after it landed
    assert alerts(result) == [(first, 2, "error", 14), (first + 5 * MINUTE, 2, "error", 19)]
    assert texts(result) == [
        f"For database [crm] no new transaction logs have been produced in the last [{n}] minutes."
        for n in (15, 20)
    ]
    assert {r.values["source"] for r in rows(result, "seen.RaiseAlert")} == {"DR Log Replay"}
    assert summary_json(result.summary)["alerts"]["list"] == [
        {
            "number": n,
            "time_us": at_us,
            "source": "DR Log Replay",
            "database": "crm",
            "event_id": 2,
            "level": "error",
            "minutes": minutes,
            "text": text,
            "false": False,
        }
        for n, (at_us, minutes, text) in enumerate(
            zip((first, first + 5 * MINUTE), (14, 19), texts(result), strict=True), 1
        )
    ]
    assert summary_json(result.summary)["link"]["down_us"] == 12_800_000 * 60
    assert summary_json(result.summary)["failovers"] == []  # heartbeats have a path of their own


def test_packet_loss() -> None:
    result = fault("packet_loss")
    stream = int(1_460 * 8 / 0.03 * 1.22 / 0.1)
    slow = ceil_div(160_000_000, stream)
    assert peak_us(result) == 300 * SECOND + 2 * SECOND + slow == 335_685_161
    landed = times(result, "truth.landed")
    assert landed[log_cut(result, at(1, "10:05"))] - at(1, "10:05:02") == slow
    assert landed[log_cut(result, at(1, "12:05"))] - at(1, "12:05:02") == 800_000


def test_throttle() -> None:
    result = fault("throttle")
    assert peak_us(result) == 462 * SECOND
    assert alerts(result) == []
    assert [r.values["bit_s"] for r in rows(result, "truth.link")] == [1_000_000, 200_000_000]


def test_partition_towards_the_secondary_is_fenced_without_an_answer() -> None:
    result = fault("partition_to_secondary")
    found = failover(result)
    assert found["class"] == "none"
    assert times(result, "truth.fenced", writes_stop=1) == [at(1, "10:10:35")]
    assert {r.values["reason"] for r in rows(result, "seen.FenceFailed")} == {"no answer"}
    assert times(result, "seen.FenceFailed")[0] == at(1, "10:10:51") == alerts(result)[0][0]
    assert found["data_loss_us"] == 35 * SECOND
    assert found["two_primaries_us"] == 0
    assert rows(result, "truth.discarded") == []
    assert found["outage_us"] == (16 + 10 + 60) * SECOND + 8_460_000


def test_partition_towards_the_primary_is_seen_only_when_something_is_asked() -> None:
    result = fault("partition_to_primary")
    assert summary_json(result.summary)["failovers"] == []
    name = log_name("10:05")
    assert times(result, "seen.Recopy", name=name) == [
        at(1, f"10:{m}:02.84") for m in ("05", "10", "15")
    ]
    assert times(result, "seen.RecopyFailed", name=name, reason="unreachable") == [
        at(1, "10:05:02.84"),
        at(1, "10:10:02.84"),
    ]
    assert peak_us(result) == at(1, "10:15:03.64") - at(1, "10:00")
    assert alerts(result) == []


def test_partition_both_ways_splits_the_brain_and_is_counted() -> None:
    result = fault("partition_both")
    found = failover(result)
    promoted, redirected = at(1, "10:11:01"), at(1, "10:12:01")
    assert times(result, "truth.two_primaries", begins=1) == [promoted]
    assert times(result, "truth.two_primaries", begins=0) == [redirected]
    assert found["two_primaries_us"] == redirected - promoted == 60 * SECOND
    assert found["discarded_transactions"] == 600
    assert found["discarded_bytes"] == 4_000_000
    assert found["transactions_lost"] == 1_210
    assert found["data_loss_us"] == 120_900_000
    failed = times(result, "seen.FenceFailed", reason="unreachable")
    again = 5 * MINUTE + FENCE_TIMEOUT
    assert failed == [at(1, "10:10:51") + n * again for n in range(6)]
    # told when it failed, no longer once users are sent here, and again when the machine is heard
    # again
    heard = at(1, "10:40:10")
    told = in_first_leg(result, "seen.RaiseAlert")
    assert [(r.time_us, r.values["event_id"]) for r in told] == [(failed[0], 12), (heard, 13)]
    assert times(result, "seen.Fence")[-1] == heard and times(result, "seen.Fenced") == [
        heard + FENCE
    ]


@pytest.mark.parametrize(
    ("new_secondary", "lasts_until"),
    [
        ("40 min", at(1, "10:40:15")),  # the fence is confirmed
        ("20 min", at(1, "10:32:01")),  # the old primary has been replaced
    ],
)
def test_it_is_fenced_until_that_is_confirmed_or_it_is_no_more(
    new_secondary: str, lasts_until: int
) -> None:
    result = ran("faults/partition_both", f"after_failover.new_secondary={new_secondary}")
    (down,) = in_first_leg(result, "truth.manager", up=0)
    assert down.time_us == lasts_until
    asked = [r.time_us for r in in_first_leg(result, "seen.Fence")]
    assert len(asked) > 4 and max(asked) < lasts_until
    assert summary_json(result.summary)["violations"] == []


def test_heartbeats_that_come_back_while_it_is_fenced_call_the_failover_off() -> None:
    result = fault("link_outage_with_heartbeats")
    assert [(r.time_us, r.values["phase"]) for r in rows(result, "seen.EnterPhase")] == [
        (at(1, "10:03:30"), "fencing"),
        (at(1, "10:03:51"), "abandoned"),
        (at(1, "10:03:51"), "watching"),
    ]
    assert times(result, "seen.HeartbeatBack") == [at(1, "10:03:50")]
    assert [(t, event) for t, event, *_ in alerts(result)] == [(at(1, "10:03:51"), 14)]
    assert summary_json(result.summary)["failovers"] == []
    assert peak_us(result) == QUIET_PEAK  # no log was cut while the link was down


# ---- files
def test_corrupt_in_transit() -> None:
    result = fault("corrupt_in_transit")
    name = log_name("10:00")
    assert [r.values["intact"] for r in rows(result, "truth.landed", name=name)] == [0, 0, 1]
    assert times(result, "truth.landed", name=name) == [
        at(1, t) for t in ("10:00:02.8", "10:00:03.64", "10:05:04.48")
    ]
    # it overtook the other
    assert times(result, "truth.landed", name=log_name("10:05")) == [at(1, "10:05:02.8")]
    assert {r.values["error_number"] for r in rows(result, "seen.ValidationFailed", name=name)} == {
        60001
    }
    assert peak_us(result) == 604_480_000
    assert alerts(result) == []
    assert [r.values["attempts"] for r in rows(result, "seen.RenameWorkingCopy", name=name)] == [1]


def test_corrupt_at_rest() -> None:
    result = fault("corrupt_at_rest")
    names = [log_name(t) for t in ("09:55", "10:00", "10:05")]
    assert [r.values["where"] for r in rows(result, "truth.damaged")] == ["secondary"] * 3
    assert [r.values["name"] for r in rows(result, "seen.ValidationFailed")] == names
    assert times(result, "seen.Recopy") == [at(1, "10:09:00.12")] * 3
    # and the two bits a second that are left over go one each to the other two
    share = 200_000_000 // 3
    landed = at(1, "10:09:00.12") + ceil_div(160_000_000, share)
    assert [times(result, "truth.landed", name=n)[1:] for n in names] == [
        [landed],
        [landed - 1],
        [landed - 1],
    ]
    assert peak_us(result) == landed - at(1, "09:50") == 1_142_520_001
    # the delay is taken off, and the restores were not held up
    assert peak_lag_us(result) <= QUIET_PEAK_LAG


def test_backup_cut_off_is_covered_by_the_next_log() -> None:
    result = fault("backup_cut_off")
    torn = log_cut(result, at(1, "10:00"))
    assert times(result, "truth.backup_cut_off", file=torn) == [at(1, "10:00:01")]
    assert [
        r.values["outcome"] for r in rows(result, "seen.ValidationFailed", name=log_name("10:00"))
    ] == ["no_manifest"]
    (after,) = rows(result, "truth.backup_finished", name=log_name("10:05"))
    assert after.values["nominal_bytes"] == 40_000_000
    assert (
        after.values["first_lsn"]
        == rows(result, "truth.backup_begin", file=torn)[0].values["first_lsn"]
    )
    assert peak_us(result) == 605_600_000
    assert rows(result, "seen.Restore", name=log_name("10:00")) == []
    assert rows(result, "seen.Recopy") == []  # another copy of a torn backup is no better
    assert alerts(result) == []


def test_missing_file_is_bridged() -> None:
    result = fault("missing_file")
    limit = at(1, "10:15:02")
    assert alerts(result) == [(limit, 1, "error", 19)]
    lsn = 1 + 20_000_000 * (at(1, "09:55") // SECOND) // 300
    assert texts(result) == [
        "For database [crm] there is a missing transaction log between "
        "[2026-01-05T09:55:00Z] and transaction log "
        f"[//secondary/landing/{log_name('10:05')}]. [19] minutes have passed since the "
        "last successful restore. "
        "The SQL error provided while restoring is: 60004 "
        f"The log begins at LSN {lsn + 20_000_000}; the database is at LSN {lsn}."
    ]
    (asked, *_) = rows(result, "seen.PrimaryAnswered")
    assert asked.time_us == at(1, "10:05:02.84")
    assert (
        asked.values["reachable"],
        asked.values["covering_name"],
        asked.values["remakeable"],
    ) == (1, "", 0)
    assert [(r.time_us, r.values["kind"]) for r in rows(result, "seen.TakeBackup")] == [
        (limit, Kind.INCREMENTAL)
    ]
    size = -(-20_000_000 * limit // (300 * SECOND)) * 6 // 10
    landed = limit + ceil_div(size, 191_000_000) + ceil_div(8 * size, 200_000_000)
    assert peak_us(result) == landed - at(1, "09:55") == 1_268_771_368
    (lost,) = rows(result, "truth.file_gone", where="primary", why="lost")
    assert lost.values["file"] == log_cut(result, at(1, "10:00"))
    assert rows(result, "seen.Restore", replace=1) == []


def test_a_missing_file_before_an_idle_time_is_noticed_by_the_empty_logs_behind_it() -> None:
    result = fault("missing_file_before_idle")
    limit = at(1, "01:20:02")
    assert alerts(result)[0][:2] == (limit, 1) and "missing transaction log" in texts(result)[0]
    assert [(r.time_us, r.values["kind"]) for r in rows(result, "seen.TakeBackup")] == [
        (limit, Kind.INCREMENTAL)
    ]
    assert (
        peak_us(result)
        == limit + ceil_div(156_000_000, 191_000_000) + 6_240_000 - at(1, "01:00")
        == 1_209_056_754
    )
    assert failover(result)["transactions_lost"] == 0


def test_late_file_is_waited_for() -> None:
    result = fault("late_file")
    name = log_name("10:00")
    assert times(result, "truth.landed", name=name) == [at(1, "10:12:02.8")]
    (asked, *_) = rows(result, "seen.PrimaryAnswered")
    assert (asked.time_us, asked.values["covering_name"], asked.values["copying"]) == (
        at(1, "10:05:02.84"),
        name,
        1,
    )
    assert rows(result, "seen.Recopy") == []
    assert rows(result, "seen.TakeBackup") == []
    assert peak_us(result) == 1_022_800_000
    assert alerts(result) == []
    restored = [
        r.values["name"] for r in rows(result, "seen.Restored") if r.time_us > at(1, "10:00")
    ]
    assert restored == sorted(restored)  # in order all the same


def test_an_older_version_is_told_by_its_properties() -> None:
    result = fault("older_version")
    name = log_name("10:00")
    (failed,) = rows(result, "seen.ValidationFailed")
    assert (failed.time_us, failed.values["name"]) == (at(1, "10:00:02.84"), name)
    assert (failed.values["outcome"], failed.values["error_number"]) == (
        "properties_mismatch",
        60002,
    )
    assert times(result, "seen.Recopy", name=name) == [at(1, "10:00:02.84")]
    assert [r.values["intact"] for r in rows(result, "truth.landed", name=name)] == [0, 1]
    told = [r.values["modified_utc_us"] for r in rows(result, "seen.Landed", name=name)]
    assert told[1] - told[0] == 5 * MINUTE  # the file that came first was five minutes older
    assert peak_us(result) == 303_640_000
    assert alerts(result) == []


def test_an_older_version_passes_the_hash_alone_and_is_found_when_the_chain_does_not_go_on() -> (
    None
):
    result = fault("older_version_hash_only")
    name = log_name("10:00")
    assert rows(result, "seen.ValidationFailed") == []
    first, second = [r for r in rows(result, "seen.Validated") if r.values["name"] == name]
    assert first.time_us == at(1, "10:00:02.84")
    before = next(
        r for r in rows(result, "seen.Validated") if r.values["name"] == log_name("09:55")
    )
    header = ("header.backup_id", "header.first_lsn", "header.last_lsn")
    assert [first.values[f] for f in header] == [before.values[f] for f in header]  # it is that one
    assert second.values["header.first_lsn"] == before.values["header.last_lsn"]
    assert times(result, "seen.Recopy", name=name) == [at(1, "10:05:02.84")]
    restored = [
        r.values["name"]
        for r in rows(result, "seen.Restored")
        if at(1, "09:54") < r.time_us < at(1, "10:07")
    ]
    # what had been restored was not read again
    assert restored == [log_name("09:55"), name, log_name("10:05")]
    assert peak_us(result) == 603_640_000
    assert alerts(result) == []


def test_paused_backups() -> None:
    result = fault("paused_backups")
    first = at(1, "09:55:02.8") + 15 * MINUTE
    told = [first + n * 5 * MINUTE for n in range(7)]
    minutes = [15 + 5 * n for n in range(7)]
    # a restore ends 1.1 s after its log landed, so a whole minute less has passed since then
    assert alerts(result) == [
        (t, 2, "critical" if t - first >= 30 * MINUTE else "error", m - 1)
        for t, m in zip(told, minutes, strict=True)
    ]
    assert [
        m for t, m in zip(texts(result), minutes, strict=True) if f"[{m}] minutes" not in t
    ] == []
    assert {r.values["jobs_paused"] for r in rows(result, "seen.PrimaryAnswered")} == {
        "upgrade",
        "",
    }
    # 10:00 to 10:35
    assert len(rows(result, "truth.backup_skipped", reason="paused: upgrade")) == 8
    (fat,) = rows(result, "truth.backup_finished", name=log_name("10:40"))
    assert fat.values["nominal_bytes"] == 180_000_000
    assert peak_us(result) == 2_725_200_000
    assert clock(peak_us(result)) == "45:25"


def test_index_maintenance() -> None:
    result = fault("index_maintenance")
    backup, transfer = (
        ceil_div(3_520_000_000, 169_000_000),
        ceil_div(8 * 3_520_000_000, 200_000_000),
    )
    assert peak_us(result) == 300 * SECOND + backup + transfer == 461_628_403
    (total,) = rows(result, "truth.commits_total")
    assert total.values["maintenance_bytes"] == 3_500_000_000
    assert total.values["user_bytes"] == 288 * 20_000_000


# ---- the manager
def test_thousands_of_crashes_may_wait_for_their_command() -> None:
    """The first that is due kills; the others wait as before."""
    ended: list[str] = []
    event = cast(Occurrence, SimpleNamespace(ends=ended.append))
    planned = Planned(None)
    planned.crashes += [Crash(event, "Drop", 1) for _ in range(5000)]
    planned.crashes += [Crash(event, "TakeInventory", left) for left in (2, 3)]
    assert [planned(TakeInventory()) for _ in range(4)] == [False, True, False, True]
    assert (len(planned.crashes), len(ended)) == (5000, 2)


def test_manager_crash_in_mid_restore_counts_every_read() -> None:
    result = fault("manager_crash")
    name = log_name("10:00")
    attempts = [
        (r.time_us, r.values["attempts"]) for r in rows(result, "seen.RenameWorkingCopy", name=name)
    ]
    assert attempts == [
        (at(1, "10:00:02.84"), 1),
        (at(1, "10:00:33.24"), 2),
        (at(1, "10:01:03.94"), 3),
    ]
    saved = [
        (r.seq, r.values["value"]) for r in rows(result, "seen.Save", key=f"attempts/crm/{name}")
    ]
    read = [r.seq for r in rows(result, "seen.Restore", name=name)]
    assert [value for _, value in saved if value] == ["1", "2", "3"]
    # durable before the read
    assert all(save < seq for (save, _), seq in zip(saved, read, strict=False))
    assert [r.values["up"] for r in rows(result, "truth.manager")] == [1, 0, 1, 0, 1]
    assert len(rows(result, "truth.restored", file=log_cut(result, at(1, "10:00")))) == 1
    assert peak_us(result) == QUIET_PEAK
    assert peak_lag_us(result) == at(1, "10:01:04.996180") - at(1, "09:55")


def test_a_crash_while_no_logs_come_forgets_neither_the_silence_nor_the_alert() -> None:
    result = fault("crash_while_silent")
    before = [at(1, "10:10:02.8") + n * 5 * MINUTE for n in range(4)]
    after = [at(1, "10:27:30") + n * 5 * MINUTE for n in range(19)]
    told = alerts(result)
    assert [t for t, *_ in told] == before + after
    assert [level for _, _, level, _ in told] == ["error"] * 7 + ["critical"] * 16
    minutes = [int(t.rsplit("[", 1)[1].split("]")[0]) for t in texts(result)]
    assert minutes == [15, 20, 25, 30] + [32 + 5 * n for n in range(19)]


# ---- the primary dies, or is told to go
def through_the_pipe(size: int) -> int:
    """Backup, link, hash and restore of one log."""
    rates = ((size, 10_000_000), (8 * size, 200_000_000), (size, 500_000_000), (size, 356_000_000))
    return sum(ceil_div(*part) for part in rates) + SECOND


def test_lose_database_loses_nothing() -> None:
    result = fault("lose_database")
    found = failover(result)
    assert (found["class"], found["data_loss_us"], found["transactions_lost"]) == ("database", 0, 0)
    drain = through_the_pipe(12_000_000)
    assert found["phases_us"]["drain"] == drain == 2_737_708
    assert found["outage_us"] == DETECT + FENCE + drain + RECOVER + REDIRECT + WARM_UP
    (tail,) = rows(result, "seen.TailTaken")
    assert len(rows(result, "truth.landed", name=tail.values["name"])) == 1
    assert (
        found["requests_failed"] > 100 * (found["outage_us"] - WARM_UP) // SECOND
    )  # 100 a second, and some while cold


@pytest.mark.parametrize(
    ("machine", "silent", "fails_over"),
    [("sql1", "1", True), ("sql2", "all", False), ("sql2", "1", True)],
)
def test_one_lost_database_silences_its_machine_and_machines_decide(
    tmp_path: Path, machine: str, silent: str, fails_over: bool
) -> None:
    """The service fails over as a whole, when so many machines are silent. Where that is not
    enough, the silence of the logs is told.
    """
    path = tmp_path / "two.yaml"
    path.write_text(f"""
extends: {SCENARIOS}/faults/lose_database.yaml
machines: [sql1, sql2]
databases:
  erp: {{size: 1 GB, log_volume: 1 MB per 5 min, full: none, differential: none, machine: {machine}}}
  other: {{size: 1 GB, log_volume: 1 MB per 5 min, full: none, differential: none, machine: sql1}}
failover: {{machines_silent: {silent}}}
events:
  - {{at: "Mon 10:03", lose: {{what: database, database: crm}}}}
""")
    result = run(load_scenario(path, allow_outside=True))
    assert {r.values["database"] for r in rows(result, "seen.Recovered")} == (
        {"crm", "erp", "other"} if fails_over else set()
    )
    told = {(r.values["database"], r.values["event_id"]) for r in rows(result, "seen.RaiseAlert")}
    assert fails_over or told == {("crm", 2)}


def test_a_tail_that_is_cut_off_is_taken_again() -> None:
    result = fault("tail_cut_off")
    found = failover(result)
    assert (found["data_loss_us"], found["transactions_lost"]) == (0, 0)
    assert [r.values["reason"] for r in rows(result, "seen.TailFailed")] == ["cut off"]
    assert len(rows(result, "seen.TakeTail")) == 2
    assert found["outage_us"] == failover(fault("lose_database"))["outage_us"] + ceil_div(
        6_000_000, 10_000_000
    )


def test_lose_host_saves_what_lies_in_the_share() -> None:
    result = fault("lose_host")
    found = failover(result)
    assert (found["class"], found["data_loss_us"]) == ("host", 30 * SECOND)
    assert [r.values["reason"] for r in rows(result, "seen.TailFailed")] == [
        "host lost: the log cannot be read"
    ]
    landed = at(1, "10:00:02") + 80 * SECOND
    assert times(result, "truth.landed", name=log_name("10:00")) == [landed]
    restored = (
        landed + ceil_div(20_000_000, 500_000_000) + SECOND + ceil_div(20_000_000, 356_000_000)
    )
    assert times(result, "truth.promoted") == [restored + RECOVER]


def test_lose_site_saves_what_had_landed() -> None:
    result = fault("lose_site")
    found = failover(result)
    assert (found["class"], found["data_loss_us"]) == ("site", 330 * SECOND)
    assert found["phases_us"]["fence"] == FENCE_TIMEOUT
    assert rows(result, "truth.landed", name=log_name("10:00")) == []
    assert found["outage_us"] == DETECT + FENCE_TIMEOUT + RECOVER + REDIRECT + WARM_UP


def test_planned_failover_loses_nothing() -> None:
    result = fault("order_failover_planned")
    found = failover(result)
    assert (found["class"], found["data_loss_us"], found["transactions_lost"]) == ("planned", 0, 0)
    assert times(result, "truth.fenced", writes_stop=1) == [at(1, "10:03:05")]
    assert rows(result, "truth.two_primaries") == []
    drain = through_the_pipe(12_333_334)
    assert found["outage_us"] == drain + RECOVER + REDIRECT + WARM_UP
    assert found["phases_us"]["detect"] == found["phases_us"]["decide"] == 0
    (end,) = rows(result, "truth.promoted")
    assert end.values["commits"] == 10 * at(1, "10:03:05") // SECOND


def test_unplanned_order_is_fenced_and_loses_nothing() -> None:
    found = failover(fault("order_failover_unplanned"))
    assert (found["data_loss_us"], found["two_primaries_us"]) == (0, 0)


def test_unauthorised_order_is_refused_and_recorded() -> None:
    result = fault("order_failover_refused")
    (refused,) = rows(result, "seen.RefuseOrder")
    assert (refused.time_us, refused.values["operator"]) == (at(1, "10:03"), "intern")
    assert refused.values["reason"] == "not authorised"
    assert summary_json(result.summary)["failovers"] == []
    assert peak_us(result) == QUIET_PEAK
    assert rows(result, "seen.EnterPhase") == []


def test_a_link_too_slow_for_the_load_is_told_though_every_log_lands() -> None:
    result = fault("throttle_for_long")
    told = [r.values for r in rows(result, "seen.RaiseAlert")]
    assert {alert["event_id"] for alert in told} == {8}
    assert "was restored [" in told[0]["text"] and told[-1]["level"] == "critical"
    assert summary_json(result.summary)["alerts"]["missed"] == 0


def test_damaged_logs_that_a_drain_leaves_behind_are_told_with_all_that_is_lost_for_them() -> None:
    result = fault("corrupt_in_drain")
    found = failover(result)
    assert found["data_loss_us"] == at(1, "10:12") - at(1, "09:45")
    (recovering,) = times(result, "seen.EnterPhase", phase="recovering")
    told = in_first_leg(result, "seen.RaiseAlert")
    assert [(r.time_us, r.values["event_id"]) for r in told] == [
        (at(1, "10:12:51"), 12),
        (recovering, 3),
        (recovering, 6),
    ]
    assert log_name("09:50") in texts(result)[1]
    assert "without [5] files: [0] still in transfer, [5] here" in texts(result)[2]


def test_a_planned_failover_loses_nothing_of_a_database_without_logs() -> None:
    result = fault("order_failover_planned_without_logs")
    assert (failover(result)["data_loss_us"], failover(result)["transactions_lost"]) == (0, 0)
    asked = [(r.values["database"], r.values["kind"]) for r in rows(result, "seen.TakeBackup")]
    assert asked == [("search", Kind.INCREMENTAL)]
    size = 2_000_000 * (at(1, "10:33:05") - at(1, "01:00")) // (300 * SECOND) * 6 // 10
    (taken,) = times(result, "seen.BackupTaken")
    assert abs(taken - at(1, "10:33:05") - ceil_div(size, 191_000_000)) <= 1
    restores = in_first_leg(result, "seen.Restore")
    assert [r.values["replace"] for r in restores if r.time_us >= taken] == [0, 0]
    assert alerts(result) == []


def held_back(name: str, state: str, last: str, landed: str) -> Result:
    """Eight logs wait in that state after the last that went in time; the next lands when they may
    go on.
    """
    result = fault(name)
    cut = at(1, last)
    assert times(result, "truth.file_state", state=state) == [
        cut + 2 * SECOND + n * 5 * MINUTE for n in range(1, 9)
    ]
    assert peak_us(result) == at(1, landed) - cut
    first = cut + 2_800_000 + 15 * MINUTE
    assert [(t, event_id) for t, event_id, _, _ in alerts(result)] == [
        (first + n * 5 * MINUTE, 2) for n in range(6)
    ]
    return result


def test_replication_off() -> None:
    held_back("replication_off", "off", "09:55", "10:38:06.4")


def test_staging_full() -> None:
    result = held_back("staging_full", "staging", "10:00", "10:40:08.8")
    (ledger,) = explain_at(result.journal, result.scenario, at(1, "10:39"), 0)
    assert ("staging full (event 1)", "nothing more can be staged") in [
        (line.cause, line.detail) for line in ledger.lines
    ]


def test_disk_full() -> None:
    result = fault("disk_full")
    failed = rows(result, "truth.backup_failed")
    assert {r.values["number"] for r in failed} == {3202}
    assert [r.time_us for r in failed if not r.time_us % (5 * MINUTE)] == [
        at(1, "10:00") + n * 5 * MINUTE for n in range(6)
    ]
    assert peak_us(result) == at(1, "10:30:19.6") - at(1, "09:55")
    assert {event_id for _, event_id, _, _ in alerts(result)} == {2, 9}


def test_log_full() -> None:
    result = fault("log_full")
    spans = [(r.time_us, r.values["transactions"]) for r in rows(result, "truth.writes", refused=0)]
    assert spans == [
        (at(1, "10:05:01.4"), 914),
        *((at(1, "10:10:01.4") + n * 5 * MINUTE, 900) for n in range(3)),
    ]
    full = times(result, "truth.writes", refused=1)
    assert full == [
        at(1, "10:03:30"),
        *(at(1, "10:08:31.4") + 10 + n * 5 * MINUTE for n in range(3)),
    ]
    assert summary_json(result.summary)["writes_refused"]["time_us"] == 361_400_000 - 30
    assert {event_id for _, event_id, _, _ in alerts(result)} == {10}
