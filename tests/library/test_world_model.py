"""What the model of the world owes to reports from outside: silence, other people's backups, lying
archivers, full disks, distance, and undo. Each test holds a kind of case, with variants.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dr_sim.backups.model import KIND_OF_WORD, Kind
from dr_sim.cli.main import main
from dr_sim.engines import postgres_words
from dr_sim.engines.postgres.errors import sqlstate
from dr_sim.engines.sql_server_errors import ERRORS as SQL_SERVER_ERRORS
from dr_sim.loading import load_scenario
from dr_sim.measures.causes.ledger import explain_at
from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.journal import Row
from dr_sim.runs.run import Result, run
from dr_sim.screen.run import screen
from dr_sim.world.link.offered import offered, overload

from .runs import (
    QUIET_PEAK,
    SECOND,
    at,
    ceil_div,
    failover,
    fault,
    log_name,
    peak_us,
    ran,
    rows,
    texts,
    times,
)

OUTAGE_US = 129_460_000
"""Of an automatic failover after a site is lost: 30 + 21 + 10 + 60 + 8.46 s."""


# ---- silence
def silent(result: Result) -> list[tuple[int, str]]:
    return [(r.time_us, str(r.values["machine"])) for r in rows(result, "seen.HeartbeatLost")]


def test_an_idle_machine_of_a_lost_site_falls_silent() -> None:
    result = fault("lose_site_idle_machine")
    assert failover(result)["outage_us"] == OUTAGE_US
    assert {machine for _, machine in silent(result)} == {"sql1", "idle1"}
    assert [(r.time_us, r.values["machine"]) for r in rows(result, "truth.machine_lost")] == [
        (at(1, "10:00"), "idle1")
    ]
    alone = ran("faults/lose_site_idle_machine", "machines=[sql1]")
    assert failover(alone)["outage_us"] == OUTAGE_US


@pytest.mark.parametrize("idle", ["[sql1, a]", "[a, sql1, b, c]"])
@pytest.mark.parametrize("what", ["site", "host"])
def test_however_many_machines_are_idle(what: str, idle: str) -> None:
    """A host that is not named is every host."""
    result = ran(
        "faults/lose_site_idle_machine",
        f"machines={idle}",
        "databases.crm.machine=sql1",
        f"events.1.lose={what}",
    )
    machines = {machine for _, machine in silent(result)}
    assert machines == set(idle.strip("[]").split(", "))
    # a dead host's power switch answers for it, where a lost site leaves the fence without an
    # answer
    faster_us = 16 * SECOND if what == "host" else 0
    assert failover(result)["phases_us"]["detect"] == 30 * SECOND
    assert failover(result)["phases_us"]["fence"] == 21 * SECOND - faster_us


def test_a_named_host_falls_silent_alone() -> None:
    result = ran("faults/lose_idle_hosts", "failover.machines_silent=all")
    assert [machine for _, machine in silent(result)] == ["idle1", "idle2"]
    assert summary_json(result.summary)["failovers"] == [], (
        "the machine with the database is still heard"
    )
    assert rows(result, "truth.failed") == []
    with_database = ran(
        "faults/lose_idle_hosts", "events.1.lose.machine=sql1", "failover.machines_silent=all"
    )
    assert [machine for _, machine in silent(with_database)] == ["sql1", "idle2"]
    assert [r.values["class"] for r in rows(with_database, "truth.failed")] == ["host"]
    assert [r.values["machine"] for r in rows(with_database, "truth.machine_lost")] == ["idle2"]


def test_so_many_silent_machines_as_are_asked_for_are_a_failure() -> None:
    result = fault("lose_idle_hosts")
    assert silent(result) == [(at(1, "10:01:10"), "idle1"), (at(1, "10:02:10"), "idle2")]
    assert times(result, "seen.Fence") == [at(1, "10:02:30")]
    assert failover(result)["data_loss_us"] == 0
    one = ran("faults/lose_idle_hosts", "failover.machines_silent=1")
    assert times(one, "seen.Fence")[0] == at(1, "10:01:30")
    three = ran("faults/lose_idle_hosts", "failover.machines_silent=3")
    assert times(three, "seen.Fence") == []


# ---- someone else's backups
def finished(result: Result, kind: Kind, begun: str) -> Row:
    """The end of the backup of that kind that was begun then."""
    (begin,) = [
        r for r in rows(result, "truth.backup_begin", kind=int(kind)) if r.time_us == at(1, begun)
    ]
    (found,) = rows(result, "truth.backup_finished", file=begin.values["file"])
    return found


def test_his_log_backup_needs_no_room_of_ours_and_takes_log_away() -> None:
    result = fault("second_log_job_share_full")
    his = finished(result, Kind.LOG, "10:32")
    assert his.time_us == at(1, "10:32") + 12_800_000  # 32 min of log, 128 MB at 10 MB/s
    ours = finished(result, Kind.LOG, "11:05")
    assert ours.values["first_lsn"] == his.values["last_lsn"]
    assert his.values["first_lsn"] == finished(result, Kind.LOG, "10:00").values["last_lsn"]
    assert rows(result, "truth.landed", name=his.values["name"]) == []
    past = [r.values["redo_lsn"] for r in rows(result, "seen.Restored") if r.time_us > ours.time_us]
    assert past[-1] == rows(result, "truth.backup_finished", kind=2)[-1].values["last_lsn"], (
        "a backup got past the hole"
    )
    assert (
        summary_json(result.summary)["backups"]["log"]
        == len(rows(result, "truth.backup_finished", kind=2)) - 1
    ), "his is not counted"


@pytest.mark.parametrize(
    "ours",
    [
        "paused_backups: {database: crm, duration: 1 h}",
        "silent_backups: {database: crm, duration: 1 h, kind: any}",
    ],
)
def test_what_ails_our_jobs_is_no_matter_of_his(ours: str) -> None:
    kind, _, params = ours.partition(": ")
    result = ran(
        "faults/second_log_job_share_full",
        f"events=[{{at: Mon 10:02, {kind}: {params}}}, {{at: Mon 10:32, second_log_job: crm}}]",
    )
    assert finished(result, Kind.LOG, "10:32").values["nominal_bytes"] == 128_000_000
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("capacity", ["none", "30 GB"])
def test_his_full_needs_no_room_of_ours_and_moves_the_base(capacity: str) -> None:
    """50 GB do not fit into our share of 30 GB. Ours goes on beside it, and a later incremental of
    ours stands on his.
    """
    result = ran(
        "faults/ad_hoc_full",
        f"primary.share_capacity={capacity}",
        "databases.crm.serial=true",
        "primary.retention=6 h",
    )
    his = finished(result, Kind.FULL, "10:02")
    assert rows(result, "truth.landed", file=his.values["file"]) == []
    assert [r.values["why"] for r in rows(result, "truth.file_gone", file=his.values["file"])] == [
        "elsewhere"
    ]
    assert finished(result, Kind.LOG, "10:05").time_us < his.time_us, (
        "our serial jobs do not wait for his full"
    )
    kinds = [r.values["kind"] for r in rows(result, "seen.TakeBackup")]
    assert kinds[0] == Kind.INCREMENTAL
    based_on = [
        r.values["header.differential_base_lsn"]
        for r in rows(result, "seen.Validated")
        if r.values["header.kind"] == Kind.INCREMENTAL
    ]
    assert based_on[0] == his.values["first_lsn"]
    assert (
        summary_json(result.summary)["backups"].get("full", 0)
        == len(rows(result, "truth.backup_finished", kind=0)) - 1
    )


def test_his_backup_dies_with_the_host_and_leaves_nothing_in_our_share() -> None:
    events = "[{at: Mon 10:02, ad_hoc_full: crm}, {at: 'Mon 10:03', lose: host}]"
    result = ran("faults/ad_hoc_full", f"events={events}", "failover.mode=automatic")
    (cut,) = rows(result, "truth.backup_cut_off", kind=0)
    assert [r.values["why"] for r in rows(result, "truth.file_gone", file=cut.values["file"])] == [
        "elsewhere"
    ]
    assert rows(result, "truth.file_state", file=cut.values["file"]) == []
    assert failover(result)["data_loss_us"] == 3 * 60 * SECOND


# ---- backups that report success and hold nothing
def log_begins(result: Result, cut: str) -> int:
    return int(finished(result, Kind.LOG, cut).values["first_lsn"])


def test_by_postgres_rules_an_archiver_that_lies_loses_the_range_for_good() -> None:
    result = fault("silent_backups_truncating")
    whole = finished(result, Kind.LOG, "10:00").values["last_lsn"]
    assert log_begins(result, "10:10") == whole + 20_000_000
    (truncated,) = rows(result, "truth.log_truncated")
    assert (truncated.values["first_lsn"], truncated.values["last_lsn"]) == (
        whole,
        whole + 20_000_000,
    )
    assert Kind.INCREMENTAL in [r.values["kind"] for r in rows(result, "seen.TakeBackup")]
    assert 15 * 60 * SECOND < peak_us(result) < 30 * 60 * SECOND
    ledger = explain_at(result.journal, result.scenario, at(1, "10:14"))[0]
    assert any(line.cause == "hole in the chain (event 1)" for line in ledger.lines), ledger.lines
    last = rows(result, "truth.backup_finished", kind=2)[-1]
    assert rows(result, "truth.restored")[-1].values["redo_lsn"] == last.values["last_lsn"]


@pytest.mark.parametrize(
    ("rules", "truncates"),
    [("sql_server", "true"), ("postgres", "false"), ("sql_server", ""), ("postgres", "true")],
)
def test_whether_it_truncates_is_a_choice_of_the_scenario(rules: str, truncates: str) -> None:
    choice = [f"events.1.silent_backups.truncates={truncates}"] if truncates else []
    result = ran("faults/silent_backups_truncating", f"engine.imitates={rules}", *choice)
    whole = finished(result, Kind.LOG, "10:00").values["last_lsn"]
    assert log_begins(result, "10:10") == whole + (20_000_000 if truncates == "true" else 0)
    assert summary_json(result.summary)["violations"] == []
    assert summary_json(result.summary)["alerts"]["missed"] == 0


def test_the_log_of_a_limited_disk_is_freed_by_a_backup_that_the_server_believes_in() -> None:
    result = ran(
        "faults/silent_backups_truncating",
        "databases.crm.log_capacity=30 MB",
        "events.1.silent_backups.duration=1 h",
    )
    assert rows(result, "truth.writes") == []


def test_a_hollow_full_that_the_server_believes_in_moves_the_base() -> None:
    events = (
        "[{at: Mon 10:02, silent_backups: {database: crm, kind: full, duration: 1 h, "
        "truncates: true}},"
        " {at: Mon 10:14, missing_file: crm}]"
    )
    scheduled = "databases.crm.full=daily 10:10"
    moved = ran(
        "faults/silent_backups_truncating",
        f"events={events}",
        scheduled,
        "engine.imitates=sql_server",
    )
    assert fits(moved) == [False]
    kept = ran("faults/silent_backups_truncating", f"events={events}", scheduled)
    assert fits(kept) == [True]


def fits(result: Result) -> list[bool]:
    """Of each incremental that was handed over: did it fit? One on a base that nobody has does
    not.
    """
    restored = {str(r.values["name"]) for r in rows(result, "seen.Restored")}
    handed = {
        str(r.values["name"])
        for r in rows(result, "seen.Validated")
        if r.values["header.kind"] == Kind.INCREMENTAL
    }
    return [name in restored for name in sorted(handed)]


# ---- a log's disk that is full, by PostgreSQL's rules
FULL_AT = at(1, "10:45")
"""200 MB after the cut of 09:55."""


def test_the_server_falls_and_automatic_failover_sees_silence() -> None:
    result = fault_free("capacity/log_full_postgres")
    assert [(r.time_us, r.values["begins"]) for r in rows(result, "truth.down")] == [(FULL_AT, 1)]
    assert [r.values["from_ppm"] for r in rows(result, "truth.served") if r.time_us == FULL_AT] == [
        0
    ]
    assert times(result, "seen.Fence") == [FULL_AT + 30 * SECOND]
    found = failover(result)
    assert (found["class"], found["fell"], found["by_itself"]) == ("database", True, False)
    assert (found["failed_us"], found["outage_from_us"], found["data_loss_us"]) == (
        FULL_AT,
        FULL_AT,
        0,
    )
    tail_us = 28 * SECOND + 400_000 + SECOND + ceil_div(200_000_000, 356_000_000)
    assert found["phases_us"]["drain"] == tail_us
    assert found["outage_us"] == (30 + 5 + 10 + 60) * SECOND + tail_us + 8_460_000
    begins = [
        r.values["follows"]
        for leg in result.whole.legs[1:]
        for r in leg.journal.rows("truth.begins")
    ]
    assert begins == [0], "a server that fell in the middle of a write is seeded anew"


def fault_free(name: str, *overrides: str) -> Result:
    result = ran(name, *overrides)
    assert summary_json(result.summary)["violations"] == []
    return result


PAUSED = ("engine.imitates=postgres", "failover.operator.approves=false")


def test_without_a_failover_it_comes_back_when_room_is_made() -> None:
    """The log of 11:00 takes 20 s, and starting the server 10 s."""
    result = fault_free("capacity/log_full", *PAUSED)
    up = at(1, "11:00:30")
    assert [(r.time_us, r.values["begins"]) for r in rows(result, "truth.down")] == [
        (FULL_AT, 1),
        (up, 0),
    ]
    (found,) = summary_json(result.summary)["failovers"]
    assert (found["by_itself"], found["outage_us"], found["data_loss_us"]) == (
        True,
        up - FULL_AT,
        0,
    )
    assert found["requests_failed"] == 930 * 100
    assert summary_json(result.summary)["writes_refused"]["time_us"] == up - FULL_AT
    assert sum(found["phases_us"].values()) == found["outage_us"]
    # by SQL Server's rules it refuses writes and lives
    assert summary_json(ran("capacity/log_full").summary)["failovers"] == []


def test_an_outage_that_ends_by_itself_met_the_danger_that_was_there() -> None:
    """Jobs are paused at 09:58 and nothing lands: the server falls at 10:45."""
    result = fault_free("capacity/log_full", *PAUSED)
    (found,) = summary_json(result.summary)["failovers"]
    assert found["told"]["answer"] == "yes"
    assert found["told"]["before_failure_us"] == FULL_AT - found["told"]["alert"]["time_us"] > 0
    shown = screen(
        result.summary, result.scenario, result.verdict, Path("x.yaml"), 1.0, Path("results")
    )
    assert "no alert was due" not in shown
    assert "before the outage" in shown
    # the first failure is the fall
    assert (
        summary_json(result.summary)["exposure_before"]["time_us"]
        == FULL_AT - result.scenario.measure_from_us
    )
    assert (
        summary_json(result.summary)["exposure_before"]["max_us"]
        < summary_json(result.summary)["exposure_after"]["max_us"]
    )


def test_backups_of_a_server_that_is_down_are_refused_but_for_the_log() -> None:
    result = fault_free("capacity/log_full", *PAUSED, "databases.crm.full=daily 10:50")
    skipped = [str(r.values["reason"]) for r in rows(result, "truth.backup_skipped", kind=0)]
    assert skipped == ["its server is down"]


def test_one_of_two_databases_falls() -> None:
    """Its users fail, the others are served. Both live on one machine, whose beat says that all of
    it is up.
    """
    two = ("databases.erp={size: 10 GB, full: none, differential: none, log: every 5 min}",)
    result = fault_free("capacity/log_full", *PAUSED, *two)
    (found,) = summary_json(result.summary)["failovers"]
    assert found["outage_us"] == at(1, "11:00:30") - FULL_AT
    assert [x["outage_us"] for x in found["databases"]] == [found["outage_us"], 0]
    assert found["requests_failed"] == 930 * 100 // 2
    assert silent(result)[0] == (FULL_AT + 10 * SECOND, "sql1")
    apart = fault_free(
        "capacity/log_full", *PAUSED, *two, "machines=[sql1, sql2]", "databases.erp.machine=sql2"
    )
    assert {machine for _, machine in silent(apart)} == {"sql1"}


def test_a_server_that_falls_twice_has_two_outages_and_a_later_loss_is_a_failover() -> None:
    events = (
        "[{at: Mon 09:58, paused_backups: {database: crm, duration: 1 h}},"
        " {at: Mon 14:58, paused_backups: {database: crm, duration: 1 h}}, {at: 'Mon "
        "20:02', lose: site}]"
    )
    result = fault_free(
        "capacity/log_full",
        "engine.imitates=postgres",
        "failover.machines_silent=2",
        f"events={events}",
        "machines=[sql1, sql2]",
        "failover.mode=automatic",
    )
    shown = [
        (f["number"], f["by_itself"], f["class"], f["outage_us"])
        for f in summary_json(result.summary)["failovers"]
    ]
    assert [s[:3] for s in shown] == [
        (1, True, "database"),
        (2, True, "database"),
        (3, False, "site"),
    ]
    assert shown[0][3] == shown[1][3] == at(1, "11:00:30") - FULL_AT


def test_the_host_of_a_fallen_server_dies() -> None:
    events = (
        "[{at: Mon 09:58, paused_backups: {database: crm, duration: 1 h}}, {at: Mon 10:50, "
        "lose: host}]"
    )
    result = fault_free("capacity/log_full", *PAUSED, f"events={events}")
    (found,) = summary_json(result.summary)["failovers"]
    assert (found["class"], found["failed_us"], found["outage_us"]) == ("host", FULL_AT, None)


@pytest.mark.parametrize("rules", ["postgres", "sql_server"])
def test_whatever_fills_its_disk(rules: str) -> None:
    events = (
        "[{at: Mon 10:02, log_full: {database: crm, duration: 30 min, room: 2 MB}}, {at: Mon "
        "10:01, paused_backups: {database: crm, duration: 30 min}}]"
    )
    result = fault_free(
        "capacity/log_full",
        f"engine.imitates={rules}",
        "failover.operator.approves=false",
        f"events={events}",
    )
    assert len(rows(result, "truth.writes")) == 2
    assert len(rows(result, "truth.down")) == (2 if rules == "postgres" else 0)


# ---- errors by PostgreSQL's rules
SQL_SERVER = {str(number) for number in SQL_SERVER_ERRORS}
"""Numbers that PostgreSQL never says, and words of SQL Server's messages."""
ITS_WORDS = (
    "RESTORE ",
    "BACKUP ",
    "backup set",
    "media family",
    "recovery model",
    "Operating system error",
    "differential",
)
TROUBLES = (
    "silent_backups: {database: crm, kind: log, duration: 20 min}",
    "corrupt_at_rest: {database: crm, where: secondary, kind: log}",
    "backup_cut_off: crm",
    "recovery_model: {database: crm, duration: 1 h}",
    "disk_full: {disk: primary_share, duration: 1 h}",
    "disk_full: {disk: secondary_data, duration: 2 h}",
    "log_full: {database: crm, duration: 1 h}",
    "readers: {database: crm, duration: 1 h}",
    "missing_file: crm",
    "ad_hoc_full: crm",
    "torn_copy: crm",
    "older_version: crm",
    "second_log_job: crm",
    "half_written: crm",
)


@pytest.mark.parametrize("validated", ["[hash]", "none"])
@pytest.mark.parametrize("on_hole", ["bridge", "resync"])
def test_by_postgres_rules_no_error_is_sql_servers(on_hole: str, validated: str) -> None:
    """Many troubles one after the other: every error number and text that anyone is told."""
    lines = ", ".join(
        f"{{at: 'Mon {2 + i:02d}:01', {trouble}}}" for i, trouble in enumerate(TROUBLES)
    )
    result = ran(
        "faults/base",
        "engine.imitates=postgres",
        f"events=[{lines}]",
        f"replay.on_hole={on_hole}",
        f"replay.validate={validated}",
        "databases.crm.size=5 GB",
        "databases.crm.incremental=every 4 h",
        "failover.operator.approves=false",
        "sla=[]",
    )
    found: list[tuple[str, str]] = []
    for kind in ("seen.ValidationFailed", "seen.RestoreFailed", "seen.NoRoom", "seen.PrimaryError"):
        found += [
            (str(r.values["error_number"]), str(r.values["error_text"])) for r in rows(result, kind)
        ]
    found += [
        ("", str(r.values["reason"]) + str(r.values["words"]))
        for r in rows(result, "truth.backup_skipped")
    ]
    found += [("", text.split("error provided", 1)[-1]) for text in texts(result)]
    assert len(found) > 20
    for number, text in found:
        assert number not in SQL_SERVER, (number, text)
        assert not any(word in text for word in ITS_WORDS), text
        assert not any(f" {other} " in f" {text}" for other in SQL_SERVER), text
    assert any("53100 could not write to file" in text for _, text in found)


def test_an_sqlstate_is_told_as_a_number_and_begins_the_text() -> None:
    error = postgres_words.refusal(9002, db="crm")
    assert sqlstate(error.number) == "53100"
    assert (
        error.text
        == '53100 PANIC: could not write to file "pg_wal/xlogtemp": No space left on device'
    )
    never = {
        3169,
        33111,
    }  # what a PostgreSQL standby cannot stumble over, see world/secondary/setup.py
    assert set(SQL_SERVER_ERRORS) - never <= set(postgres_words.WORDS), (
        "each of the model's situations has words"
    )
    assert (
        postgres_words.refusal(3241, path="x", size=0).text
        == 'XX000 archive file "x" has wrong size: 0 instead of 16777216'
    )


# ---- files that vanish, anywhere
def vanished(result: Result) -> list[tuple[int, str]]:
    return [
        (r.time_us, str(r.values["where"])) for r in rows(result, "truth.file_gone", why="lost")
    ]


def test_a_deletion_that_replicates_takes_both_files() -> None:
    result = fault("missing_file_both")
    landed = at(1, "10:00:02.8")
    assert vanished(result) == [(landed, "primary"), (landed, "secondary")]
    assert rows(result, "seen.Restore", name=log_name("10:00")) == []
    assert Kind.INCREMENTAL in [r.values["kind"] for r in rows(result, "seen.TakeBackup")]


def test_a_log_that_is_gone_at_both_sides_is_told_of_before_the_next_one_shows_the_hole() -> None:
    """With hourly logs that is 45 min later: R8 counts from the end of the lost log's backup."""
    result = ran("faults/missing_file_both", "databases.crm.log=every 1 h")
    (finished,) = [r.time_us for r in rows(result, "truth.backup_finished", name=log_name("10:00"))]
    told = rows(result, "seen.RaiseAlert", event_id=3)
    assert [r.time_us for r in told] == [finished + 15 * 60 * SECOND]
    assert told[0].values["name"] == log_name("10:00")
    assert "60005" in told[0].values["text"]
    asked = rows(result, "seen.TakeBackup")
    assert [(r.values["kind"], r.time_us) for r in asked] == [(Kind.INCREMENTAL, told[0].time_us)]
    assert rows(result, "seen.RaiseAlert", event_id=1) == []


def test_a_file_that_is_lost_at_the_secondary_alone_is_copied_again() -> None:
    result = ran("faults/missing_file_both", "events.1.missing_file.where=secondary")
    assert vanished(result) == [(at(1, "10:00:02.8"), "secondary")]
    assert rows(result, "seen.TakeBackup") == []
    assert len(rows(result, "truth.landed", name=log_name("10:00"))) == 2
    assert len(rows(result, "seen.Restored", name=log_name("10:00"))) == 1


@pytest.mark.parametrize("where", ["primary", "secondary", "both"])
@pytest.mark.parametrize("kind", ["full", "incremental"])
@pytest.mark.parametrize("logs", ["every 5 min", "none"])
def test_backups_of_every_kind_vanish_at_every_place(kind: str, where: str, logs: str) -> None:
    """The next of its kind alone is lost; logs go on beside it."""
    result = fault_free(
        "faults/missing_file_both",
        f"events.1.missing_file.kind={kind}",
        f"events.1.missing_file.where={where}",
        f"databases.crm.log={logs}",
        "databases.crm.size=5 GB",
        "databases.crm.full=every 8 h",
        "databases.crm.incremental=every 3 h",
        "link.bandwidth=1 Gbit/s",
    )
    places = ["primary", "secondary"] if where == "both" else [where]
    assert [place for _, place in vanished(result)] == places
    number = KIND_OF_WORD[kind]
    files = {r.values["file"] for r in rows(result, "truth.file_gone", why="lost")}
    (begun,) = [r for r in rows(result, "truth.backup_begin") if r.values["file"] in files]
    due_hour = {"full": 16, "incremental": 12}[kind]
    assert (begun.values["kind"], begun.time_us) == (number, due_hour * 3600 * SECOND)
    landings = [r.time_us for r in rows(result, "truth.landed") if r.values["file"] in files]
    assert len(landings) == {"primary": 0, "secondary": 2, "both": 1}[where]


@pytest.mark.parametrize("where", ["primary", "secondary", "both"])
def test_a_careless_clean_up_can_befall_two_places_at_once(where: str) -> None:
    result = fault_free(
        "faults/careless_clean_up_secondary", f"events.1.careless_clean_up.where={where}"
    )
    places = {str(r.values["where"]) for r in rows(result, "truth.file_gone", why="clean-up")}
    assert places == ({"primary", "secondary"} if where == "both" else {where})


# ---- distance
FAR = "link.rtt=1030 ms"
"""A second more than the usual round trip."""


def test_a_file_starts_a_round_trip_after_it_is_offered() -> None:
    near, far = (fault_free("faults/base", f"link.rtt={rtt}") for rtt in ("30 ms", "1030 ms"))
    assert (peak_us(near), peak_us(far)) == (QUIET_PEAK, QUIET_PEAK + SECOND)
    assert peak_us(ran("faults/base", "link.rtt=0 s")) == QUIET_PEAK, (
        "up to 30 ms it is within the figures given"
    )
    assert times(far, "truth.landed", name=log_name("10:00")) == [at(1, "10:00:03.8")]


def test_files_side_by_side_each_wait_for_a_round_trip() -> None:
    """16 at a time over fair shares: the second starts no later for the first."""
    two = "databases.erp={size: 10 GB, full: none, differential: none, log: every 5 min}"
    near, far = (fault_free("faults/base", two, f"link.rtt={rtt}") for rtt in ("30 ms", "1030 ms"))
    landed = [times(result, "truth.landed")[:4] for result in (near, far)]
    assert [b - a for a, b in zip(*landed, strict=True)] == [SECOND] * 4
    for sharing in ("fifo", "priority"):
        assert (
            summary_json(fault_free("faults/base", two, FAR, f"link.sharing={sharing}").summary)[
                "alerts"
            ]["raised"]
            == 0
        )


def test_questions_answers_heartbeats_and_the_fence_take_their_way() -> None:
    near, far = (
        ran("faults/lose_host", "failover.fence=5 s", f"link.rtt={rtt}")
        for rtt in ("30 ms", "1030 ms")
    )
    lost = [times(result, "seen.HeartbeatLost")[0] for result in (near, far)]
    assert lost[1] - lost[0] == SECOND // 2
    fenced = [times(r, "seen.Fenced")[0] - times(r, "seen.Fence")[0] for r in (near, far)]
    assert fenced == [5 * SECOND, 6 * SECOND]
    assert (
        failover(far)["phases_us"]["detect"] - failover(near)["phases_us"]["detect"] == SECOND // 2
    )
    listed = [times(r, "seen.ShareAnswered")[0] - times(r, "seen.AskShare")[0] for r in (near, far)]
    assert listed == [0, SECOND]
    near, far = (
        fault_free("faults/missing_file", f"link.rtt={rtt}") for rtt in ("30 ms", "1030 ms")
    )
    asked = [
        times(r, "seen.PrimaryAnswered")[0] - times(r, "seen.AskPrimary")[0] for r in (near, far)
    ]
    assert asked == [0, SECOND]
    taken = [
        times(r, "truth.backup_begin", kind=1)[0] - times(r, "seen.TakeBackup", kind=1)[0]
        for r in (near, far)
    ]
    assert taken == [0, SECOND // 2]


def test_what_befalls_the_link_is_not_felt_on_a_path_of_its_own() -> None:
    slow = (
        "[{at: Mon 09:00, latency: {more: 2 s, duration: 3 h}}, {at: 'Mon 10:00:30', lose: host}]"
    )
    own, shared = (
        ran("faults/lose_host", f"events={slow}", f"heartbeat.path={path}")
        for path in ("own", "data link")
    )
    lost = [times(result, "seen.HeartbeatLost")[0] for result in (own, shared)]
    assert lost == [at(1, "10:00:40"), at(1, "10:00:41")]


def test_a_link_that_is_offered_more_than_it_carries_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "full.yaml"
    file.write_text(
        "run_for: 1 day\ndatabases: {crm: {size: 500 GB, full: daily 01:00, differential: "
        "none}}\nlink: {bandwidth: 40 Mbit/s}\n"
    )
    assert main(["validate", str(file)]) == 0
    line = (
        "the backups offer 46.8 Mbit/s on average (logs 0.533, fulls 46.3) and the link "
        "carries 40 Mbit/s"
    )
    assert line in capsys.readouterr().err
    assert main(["run", str(file), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert line in told.err
    assert "LINK OVERLOADED  offered 506 GB, it could carry 432 GB in the run" in told.out
    assert "offered 506 GB, it could carry 432 GB in the run" in (
        tmp_path / "out" / "report.html"
    ).read_text(encoding="utf-8")
    file.write_text(file.read_text().replace("40 Mbit", "50 Mbit"))
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().err == ""


def test_what_is_offered_is_reckoned_from_schedules_and_volumes() -> None:
    text = (
        "databases.crm={size: 100 GB, log_volume: 30 MB per 5 min, full: weekly Sun 01:00, "
        "differential: daily 01:00, log: every 5 min}"
    )
    scenario = ran("faults/base", text).scenario
    found = offered(scenario)
    assert found.logs == 800_000
    assert found.fulls == 800 * 10**9 // (7 * 86_400)
    # 1 to 7 days after their bases: the one that begins beside a full stands on the full before
    assert found.incrementals == round(0.6 * 100_000 * 4 * 86_400 * 8 / 86_400)
    assert found.carries == 200_000_000
    lossy = replace(
        scenario,
        link=replace(scenario.link, loss_ppb=10_000_000),
        replication=replace(scenario.replication, slots=1),
    )
    assert offered(lossy).carries == 4_749_866
    assert "logs 0.8, incrementals 1.92, fulls 1.32" in overload(
        replace(scenario, link=replace(scenario.link, bandwidth_bit_s=10**6))
    )


@pytest.mark.parametrize(
    ("incremental", "days"),
    [("daily 01:00", (1, 2, 3, 4, 5, 6, 7)), ("daily 13:00", (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5))],
)
def test_an_incremental_offers_no_more_than_its_database_holds(
    incremental: str, days: tuple[float, ...]
) -> None:
    """So a link that just suffices is not warned of: 3.456 GB a day, in a database of 10 GB."""
    text = (
        "databases.crm={size: 10 GB, log_volume: 20 MB per 5 min, full: weekly Sun 01:00, "
        "log: every 5 min}"
    )
    found = offered(ran("faults/base", text, f"databases.crm.incremental={incremental}").scenario)
    a_day = sum(min(10 * 10**9, 3_456_000_000 * d) for d in days) / len(days)
    assert found.incrementals == round(a_day * 8 / 86_400)


def test_by_postgres_rules_an_incremental_is_offered_since_the_last_backup() -> None:
    """Six of a day each, and the one of Sunday, when the full is still being taken: 7 * 3.456 GB."""
    found = offered(ran("faults/base", *CHAIN, "databases.crm.size=500 GB").scenario)
    assert found.incrementals == round(3_456_000_000 * 8 / 86_400)


# ---- incrementals, by PostgreSQL's rules
CHAIN = (
    "engine.imitates=postgres",
    "databases.crm={size: 50 GB, log_volume: 20 MB per 5 min, full: weekly Sun 01:00, "
    "incremental: daily 01:00, log: every 5 min}",
)


def test_by_postgres_rules_an_incremental_holds_what_was_written_since_the_last_backup() -> None:
    """60 % of a day's log, 288 * 20 MB: 3.456 GB each. By SQL Server's the second holds two days.

    The copy that is wiped is restored from the whole chain. Someone else's full is no base.
    """
    events = (
        "events=[{at: Mon 12:00, ad_hoc_full: crm},"
        " {at: Fri 10:03, operator_mistake: wipes the secondary}]"
    )
    days = ("start=2026-01-03", "run_for=7 days", "replication.staging=640 GB")
    result = ran("faults/base", *CHAIN, *days, events)
    made = [
        row.values["nominal_bytes"]
        for row in rows(result, "truth.backup_finished", kind=int(Kind.INCREMENTAL))
    ]
    assert made[-4:] == [3_456_000_000] * 4
    restored = [str(row.values["name"]) for row in rows(result, "seen.Restored")]
    again = [name for name in restored if "_log_" not in name]
    assert [name[4:14] for name in again] == [f"2026_01_{day:02}" for day in range(4, 10)]
    assert ["full" in name for name in again] == [True] + [False] * 5
    assert summary_json(result.summary)["violations"] == []
    sql_server = ran("faults/base", *CHAIN[1:], *days, "events=[]")
    days_each = [
        row.values["nominal_bytes"] / 3_456_000_000
        for row in rows(sql_server, "truth.backup_finished", kind=int(Kind.INCREMENTAL))
    ]
    assert days_each[-4:] == [2, 3, 4, 5]


# ---- a log that is not kept, by PostgreSQL's rules
def test_with_wal_level_minimal_no_backup_of_any_kind_is_made_and_only_a_base_goes_on() -> None:
    """10:02 to 11:02: logs, the incremental that is asked for in their place, and a base are refused
    alike. From 11:02 on an incremental lacks WAL summaries: a base backup begins the new chain.
    """
    result = ran(
        "faults/base",
        "engine.imitates=postgres",
        "events=[{at: Mon 10:02, recovery_model: {database: crm, duration: 1 h}}]",
    )
    back = at(1, "11:02")
    refused = [
        (row.time_us >= back, row.values["kind"], str(row.values["reason"]))
        for row in rows(result, "truth.backup_skipped")
    ]
    assert {kind for after, kind, _ in refused if not after} >= {Kind.LOG, Kind.INCREMENTAL}
    assert all(reason.startswith("55000 WAL level") for after, _, reason in refused if not after)
    made = [
        row.values["kind"]
        for row in rows(result, "truth.backup_finished")
        if row.time_us > at(1, "10:02")
    ]
    assert made[0] == Kind.FULL and Kind.INCREMENTAL not in made
    sql_server = ran(
        "faults/base", "events=[{at: Mon 10:02, recovery_model: {database: crm, duration: 1 h}}]"
    )
    early = [
        r.values["kind"] for r in rows(sql_server, "truth.backup_finished") if r.time_us < back
    ]
    assert Kind.INCREMENTAL in early


def test_an_answer_that_takes_longer_than_a_retry_is_waited_for(tmp_path: Path) -> None:
    """The backups are paused. The primary is asked why; its answer is still on its way when event 2
    is raised again, 10 s later (R9).
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 4 h\ndatabases: {crm: {size: 5 GB}}\nreplay: {retry: 10 s}\n"
        "link: {bandwidth: 200 Mbit/s, rtt: 1 min}\n"
        "events: [{at: 2 h 1 min, paused_backups: {database: crm, duration: 1 h}}]\n",
        encoding="utf-8",
    )
    result = run(load_scenario(path))
    assert result.summary.violations == []
    assert [row for row in result.journal.rows("seen.RaiseAlert") if row.values["event_id"] == 2]
