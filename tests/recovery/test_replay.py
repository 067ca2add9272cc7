"""Stories of one database's replay: what is commanded, told and repaired, and when."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from dr_sim.backups.chain import Fit, applies
from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.machines import Alarm
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.config import OnHole
from dr_sim.recovery.events import PrimaryTrouble
from dr_sim.recovery.files.file import FULL, INCREMENTAL, kind_of
from dr_sim.recovery.repair import repairs, standby
from dr_sim.recovery.replay import progress
from tests.recovery.fake_world import DAY, DB, MINUTE, SECOND, FakeWorld, Here, begun, config

LOG_1 = "crm_2026_09_01_00_05_00_log_000"


def new(**changes: object) -> FakeWorld:
    return begun(FakeWorld(config(**changes)))  # type: ignore[arg-type]


def ship(world: FakeWorld, logs: int = 1, damaged: bool = False) -> list[str]:
    """Every five minutes a log is cut, lands and is dealt with."""
    names = []
    for _ in range(logs):
        world.wait(5 * MINUTE)
        names.append(world.backup(Kind.LOG))
        world.land(names[-1], damaged)
        world.settle()
    return names


def lose(world: FakeWorld, for_good: bool = True) -> str:
    """A log is cut and never arrives."""
    world.wait(5 * MINUTE)
    name = world.backup(Kind.LOG)
    world.on_way.remove(name)
    world.backups[name].at_primary = not for_good
    return name


def told(world: FakeWorld) -> list[tuple[int, int, str]]:
    """(minute, event id, level) of every alert."""
    return [(at // MINUTE, alert.event_id, alert.level) for at, alert in world.alerts]


def names_of(world: FakeWorld, kind: type[c.Command]) -> list[str]:
    return [command.name for command in world.done if isinstance(command, kind)]  # type: ignore[attr-defined]


def swap(world: FakeWorld, name: str, older: str) -> None:
    """What lies here under that name is an older file; its hash agrees."""
    world.on_way.remove(name)
    backup = world.backups[older]
    world.share[name] = Here(backup)
    world.tell(e.Landed(world.mono_us, world.utc_us, 0, DB, name, backup.modified_utc_us, 1000))
    world.settle()


# ---- a copy that lands while the file is hashed
def about_files(world: FakeWorld, event: e.Event) -> list[c.Command]:
    """The commands about files that the manager gives to an event, none of which is carried out."""
    wanted = (c.Validate, c.Restore, c.Recopy)
    return [command for command in world.manager.handle(event) if isinstance(command, wanted)]


@pytest.mark.parametrize("damaged", [False, True])
def test_what_lands_while_it_is_hashed_is_hashed_again(damaged: bool) -> None:
    """The first hash may have read either copy: it counts for nothing, whatever it says."""
    world = new()
    world.wait(5 * MINUTE)
    name = world.backup(Kind.LOG)
    landed = e.Landed(world.mono_us, world.utc_us, 0, DB, name, world.utc_us, 1000)
    header = world.backups[name].header
    passed = e.Validated(world.mono_us, world.utc_us, world.incarnation, DB, name, header)
    failed = e.ValidationFailed(
        world.mono_us,
        world.utc_us,
        world.incarnation,
        DB,
        name,
        e.ValidationOutcome.HASH_MISMATCH,
        60001,
        "its hash",
    )
    first, second = (failed, passed) if damaged else (passed, failed)
    answers = [
        [c.Validate(DB, name)],  # it lands
        [],  # and again
        [c.Validate(DB, name)],  # a hash is known
    ]
    assert [about_files(world, event) for event in (landed, landed, first)] == answers
    (after,) = about_files(world, second)
    assert isinstance(after, c.Restore if damaged else c.Recopy)


# ---- a file that is not what its name says
def test_what_lands_while_an_inventory_is_taken_is_not_forgotten() -> None:
    """The inventory was taken before the file was there, and says nothing about it."""
    world = begun(FakeWorld(config()))
    manager = world.manager
    assert manager is not None
    db = manager.databases["crm"]
    out: list[c.Command] = []
    db.look_at_copy(out)
    name = "crm_2026_01_05_00_05_00_log_000"
    landed = e.Landed(world.mono_us, world.utc_us, 0, "crm", name, world.utc_us, 100)
    manager.handle(landed)
    seen = e.Seen(db.state, ())
    standby.looked(db, e.Event(world.mono_us, world.utc_us, 0), seen, out)
    assert name in db.files
    db.look_at_copy(out)
    standby.looked(db, e.Event(world.mono_us, world.utc_us, 0), seen, out)
    assert name not in db.files, "it had landed before that inventory"


def test_an_older_log_under_the_new_one_s_name_is_sent_again_when_the_primary_contradicts_it() -> (
    None
):
    world = new()
    ship(world)
    world.wait(5 * MINUTE)
    second = world.backup(Kind.LOG)
    swap(world, second, LOG_1)
    # it passed, and was put aside: it would bring nothing
    assert world.redo == world.backups[LOG_1].header.last_lsn
    before = len(world.done)
    (third,) = ship(world)
    assert [type(x) for x in world.done[before:]].count(c.AskPrimary) == 1
    assert names_of(world, c.Recopy) == [second]
    world.land_all()
    world.settle()
    assert names_of(world, c.Restore) == [LOG_1, second, third]
    assert world.alerts == []


def test_one_that_is_older_at_every_arrival_is_told_of_and_repaired() -> None:
    world = new()
    ship(world)
    world.wait(5 * MINUTE)
    second = world.backup(Kind.LOG)
    swap(world, second, LOG_1)
    for _ in range(6):
        ship(world)
        if second in world.on_way:
            swap(world, second, LOG_1)
    assert set(names_of(world, c.Recopy)) == {second}
    assert 3 < len(names_of(world, c.Recopy)) < 10
    texts = {alert.event_id: alert.text for _, alert in world.alerts}
    assert "60002 it holds another range than the primary's file of that name" in texts[3]
    assert "60004 The log begins at LSN 200; the database is at LSN 100." in texts[1]
    world.land_all()
    world.settle()
    assert "TakeBackup" in {type(x).__name__ for x in world.done}
    assert world.redo == max(b.header.last_lsn for b in world.backups.values())


# ---- a success that is none
def test_a_log_that_is_restored_up_to_its_middle_is_told_at_once_and_read_again_when_the_next_shows_the_hole() -> (
    None
):
    world = new()
    ship(world)
    world.falls_short = True
    (second,) = ship(world)
    (short,) = world.alerts
    assert (short[1].event_id, short[1].level, short[1].name) == (17, "error", second)
    assert short[1].text == (
        f"For database [{DB}] backup file "
        f"[{world.config.databases[0].share_path}{second}] was restored without an error, "
        "but the "
        "database stands at [150] and the file ends at [200]: the data between are missing."
    )
    assert "short" in json.loads(world.store[f"alert/{DB}"])
    (third,) = ship(world)
    (fourth,) = ship(world)
    assert names_of(world, c.Restore) == [LOG_1, second, second, third, fourth]
    assert world.redo == 400 and len(world.alerts) == 1 and not world.store.get(f"alert/{DB}")


def test_a_full_success_is_told_to_nobody() -> None:
    world = new()
    for kind in (Kind.LOG, Kind.INCREMENTAL, Kind.LOG, Kind.FULL, Kind.LOG):
        world.wait(5 * MINUTE)
        world.backup(kind)
        world.land_all()
        world.settle()
    assert world.alerts == []


# ---- the quiet path
def test_a_quiet_log_costs_three_events_and_five_commands() -> None:
    world = new()
    before = len(world.done)
    ship(world)
    name, header = LOG_1, world.backups[LOG_1].header
    assert world.done[before:] == [
        c.Validate(DB, name),
        c.Save(f"attempts/{DB}/{name}", "1"),
        c.RenameWorkingCopy(DB, name, 1),
        c.Restore(DB, name, False),
        c.Save(
            f"restored/{DB}",
            f"{world.mono_us} {world.utc_us} {world.utc_us + SECOND} "
            f"{header.started_utc_us} {name}",
        ),
    ]


def test_a_log_that_lands_again_after_its_restore_is_validated_again_and_not_restored_again() -> (
    None
):
    world = new()
    ship(world)
    before = len(world.done)
    world.tell(e.Landed(world.mono_us, world.utc_us, 0, DB, LOG_1, 0, 1))
    # it is being hashed, and is hashed once more after that
    world.tell(e.Landed(world.mono_us, world.utc_us, 0, DB, LOG_1, 0, 1))
    world.settle()
    assert world.done[before:] == [c.Validate(DB, LOG_1)] * 2


def test_an_answer_to_an_older_incarnation_is_dropped() -> None:
    """The very answer that the present incarnation waits for, from the one before it."""
    world = new()
    world.start()
    world.settle()
    name = world.backup(Kind.LOG)
    world.land(name)
    header = world.backups[name].header
    assert world.manager is not None
    late, due = (e.Validated(0, 0, incarnation, DB, name, header) for incarnation in (1, 2))
    assert world.manager.handle(late) == []
    assert [type(command) for command in world.manager.handle(due)] == [
        c.Save,
        c.RenameWorkingCopy,
        c.Restore,
    ]


def test_what_is_told_before_the_inventory_is_not_lost() -> None:
    world = FakeWorld(config())
    world.start()
    name = world.backup(Kind.LOG)
    inventory = world.answers.pop()
    world.land(name)  # between the look and its answer
    assert names_of(world, c.Validate) == []
    world.answers.append(inventory)
    world.settle()
    assert world.redo == 100


def test_logs_that_arrive_out_of_order_are_replayed_in_order_and_nobody_is_told() -> None:
    world = new()
    world.wait(5 * MINUTE)
    first, second = world.backup(Kind.LOG), world.backup(Kind.LOG)
    world.land(second)
    world.settle()
    assert world.redo == 0
    world.land(first)
    world.settle()
    assert [name for name, _, _ in world.replayed] == [first, second]
    assert world.alerts == []


def test_while_a_log_is_refused_one_that_covers_its_range_too_is_tried() -> None:
    """R10: the next one is tried; both begin where the database stands, and there is no waiting for
    the retry.
    """
    world = new()
    world.wait(5 * MINUTE)
    shorter = world.backup(Kind.LOG)
    world.log_start = 0
    longer = world.backup(Kind.LOG)
    beyond = world.backup(Kind.LOG)
    world.engine_refuses = 1
    world.land_all()
    assert names_of(world, c.Restore) == [shorter, longer, beyond]
    assert world.redo == world.log_start
    world.wait(20 * MINUTE)
    # no new logs; the refused one is forgotten
    assert [event for _, event, _ in told(world)] == [2, 2]


def test_a_log_of_another_fork_holds_up_none_of_this_one() -> None:
    """It begins where the database stands, so it comes first, but it lies on another path."""
    world = new()
    world.wait(5 * MINUTE)
    strange = world.backup(Kind.LOG)
    world.backups[strange].header = replace(world.backups[strange].header, fork=7, first_fork=7)
    world.log_start = 0
    own = world.backup(Kind.LOG)
    world.land_all()
    assert names_of(world, c.Restore)[0] == own and strange not in names_of(world, c.Restore)
    assert world.alerts == []


@pytest.mark.parametrize(
    "steps, asks, logs, alerts",
    # what the primary makes, one a minute ('strange': on another fork); questions, log backups
    # asked for, event ids told
    [
        (["own", "strange", "own"], 1, 1, []),
        (["strange", "own", "own"], 1, 1, []),
        (["strange", "strange", "own"], 2, 2, []),
        (["own", "strange"], 1, 1, []),
        (["own"], 0, 0, []),
    ],
)
def test_a_log_of_another_fork_is_asked_after_once(
    steps: list[str], asks: int, logs: int, alerts: list[int]
) -> None:
    """Until a later log of this fork is restored it may mean that the primary has left the path;
    after that it is nothing.
    """
    world = new()
    for step in steps:
        world.wait(MINUTE)
        before = world.log_start
        name = world.backup(Kind.LOG)
        if step == "strange":
            world.backups[name].header = replace(world.backups[name].header, fork=7, first_fork=7)
            world.log_start = before
        world.land_all()
    world.wait(14 * MINUTE)
    assert len([x for x in world.done if isinstance(x, c.AskPrimary)]) == asks
    assert len([x for x in world.done if isinstance(x, c.TakeBackup)]) == logs
    assert [event for _, event, _ in told(world)] == alerts
    assert world.redo == world.written


def test_a_primary_that_has_left_the_fork_is_told_of_and_the_copy_made_anew() -> None:
    """None of the logs that land goes on from here, and there is no full or incremental that would:
    limit, alert, resync.
    """
    world = new(on_hole="resync")
    ship(world)
    for _ in range(5):
        world.wait(5 * MINUTE)
        name = world.backup(Kind.LOG)
        world.backups[name].header = replace(world.backups[name].header, fork=7, first_fork=7)
        world.land_all()
    assert [event for _, event, _ in told(world)][:1] == [1]
    full = next(name for name in world.backups if "_full_" in name)
    assert names_of(world, c.Restore) == [LOG_1, full]


def test_a_file_of_another_database_is_damage() -> None:
    world = new()
    world.wait(5 * MINUTE)
    name = world.backup(Kind.LOG)
    own = world.backups[name].header
    world.backups[name].header = replace(own, database="erp")
    world.land_all()
    assert names_of(world, c.Restore) == []
    assert names_of(world, c.Recopy)[:1] == [name]
    world.backups[name].header = own
    world.wait(5 * MINUTE)
    world.land_all()
    assert names_of(world, c.Restore) == [name]


def test_a_stale_log_is_never_read() -> None:
    world = new()
    ship(world)
    world.wait(5 * MINUTE)
    world.log_start = 0
    world.written = 50
    name = world.backup(Kind.LOG)
    world.backups[name].header.last_lsn = 100
    world.land_all()
    assert names_of(world, c.Restore) == [LOG_1]


def test_an_alert_goes_on_though_another_file_holds_the_chain_up_at_the_same_place() -> None:
    """A backup was cut off, and nothing has been made since. The next log covers its range, and is
    refused, as people read the standby: that is no new danger with a quarter of an hour of its own.
    """
    world = new()
    ship(world)
    world.backup(Kind.LOG, cut_off=True)
    world.land_all()
    world.wait(21 * MINUTE)
    world.read_by = 100
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(30 * MINUTE)
    at = [t for t, alert in world.alerts if alert.event_id in (1, 3)]
    assert len(at) >= 6
    assert max(later - earlier for earlier, later in pairwise(at)) <= 5 * MINUTE


def test_a_log_from_the_future_waits_no_longer_than_the_replay_delay() -> None:
    """The clocks are an hour apart: the log was made before it landed all the same."""
    world = new(delay_us=20 * MINUTE)
    world.primary_ahead_us = 60 * MINUTE
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(20 * MINUTE - 1)
    assert world.redo == 0
    world.wait(1)
    assert world.redo == 100


def test_the_replay_delay_counts_from_when_the_log_was_cut() -> None:
    world = new(delay_us=20 * MINUTE)
    ship(world)
    world.wait(20 * MINUTE - 1)
    assert world.redo == 0
    world.wait(1)
    assert world.redo == 100


def test_a_restore_job_runs_at_whole_multiples() -> None:
    world = new(every_us=15 * MINUTE)
    ship(world, 2)
    assert world.redo == 0
    world.wait(5 * MINUTE)
    assert world.redo == 200


# ---- damage (R6, R8, R10)
def test_what_fails_is_copied_again_at_once() -> None:
    world = new()
    ship(world, damaged=True)
    assert names_of(world, c.Recopy) == [LOG_1]
    world.land_all()
    assert world.redo == 100
    assert world.alerts == []


def test_a_log_that_is_damaged_at_the_primary_is_tried_within_its_limits_then_bridged() -> None:
    world = new()
    world.wait(5 * MINUTE)
    name = world.backup(Kind.LOG)
    world.backups[name].bad_at_primary = True
    world.land_all()
    for _ in range(4):
        ship(world)
        world.land_all()
    # at once, then at minutes 10 and 15: four copies are too many
    assert names_of(world, c.Recopy).count(name) >= 3
    assert told(world)[0] == (15, 3, "error")
    assert world.redo == world.log_start


def test_a_backup_cut_off_is_not_copied_again_and_the_next_log_covers_it() -> None:
    world = new()
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG, cut_off=True)
    world.land_all()
    ship(world)
    assert names_of(world, c.Recopy) == []
    assert world.redo == 200
    world.wait(14 * MINUTE)
    assert world.alerts == []


@pytest.mark.parametrize(("next_log", "expected"), [(True, set()), (False, {3})])
def test_a_backup_cut_off_is_not_told_of_where_the_next_log_waits_on_purpose(
    next_log: bool, expected: set[int]
) -> None:
    """The next log covers it (R10). It is restored with the next job, an hour later."""
    world = new(every_us=60 * MINUTE)
    ship(world, 2)
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG, cut_off=True)
    world.land_all()
    if next_log:
        ship(world, 5)
        world.wait(14 * MINUTE)
    else:
        world.wait(30 * MINUTE)
    events = {alert.event_id for _, alert in world.alerts}
    assert events - {2} == expected


@pytest.mark.parametrize("waits", [{"delay_us": 60 * MINUTE}, {"every_us": 60 * MINUTE}])
def test_no_repair_reads_a_log_that_waits_on_purpose(waits: dict[str, int]) -> None:
    """An incremental stands on a full that never came here. The way on begins with a log."""
    world = new(on_hole="skip_ahead", **waits)
    ship(world, 2)
    world.full_first = 7
    world.land(world.backup(Kind.INCREMENTAL))
    world.settle()
    assert world.manager is not None
    db = world.manager.databases[DB]
    rings = Alarm(world.mono_us, world.utc_us, world.incarnation, DB, "room")
    repairs.begin(db, rings, [])
    assert db.repair.policy is OnHole.SKIP_AHEAD and db.ways.leads_past(world.mono_us)
    assert db.ways.candidate(world.mono_us) == (None, False)


def test_a_hole_is_told_of_before_the_first_log_behind_it() -> None:
    """While an incremental is being restored, logs that were restored before a restart wait, too:
    they had to be read again, as one of them might be the one that is missing.
    """
    world = new()
    ship(world, 3)
    world.start()
    world.settle()
    world.written += 100
    world.log_start = world.written  # the log of this stretch is lost for good
    world.wait(20 * MINUTE)
    world.hangs = 1
    world.land_all()
    assert world.restoring
    behind, *_ = ship(world, 2)
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG, cut_off=True)
    world.land_all()
    world.wait(20 * MINUTE)
    holes = {alert.name for _, alert in world.alerts if alert.event_id == 1}
    assert holes == {behind}


def test_a_refused_log_is_checked_for_damage_and_tried_at_every_retry() -> None:
    world = new()
    world.engine_refuses = 2
    ship(world)
    world.wait(10 * MINUTE)
    assert names_of(world, c.Validate).count(LOG_1) == 3
    assert world.store[f"attempts/{DB}/{LOG_1}"] == "3"
    assert world.redo == 100
    assert world.alerts == []


@pytest.mark.parametrize(("attempts", "minute"), [(1, 10), (2, 15), (3, 20), (4, 20)])
def test_attempts_or_age_whichever_comes_first(attempts: int, minute: int) -> None:
    """Cut at minute 5; read at 5, 10, 15 and 20; older than 15 minutes a second after minute 20."""
    world = new(attempts=attempts)
    world.engine_refuses = 99
    ship(world)
    world.wait(15 * MINUTE + SECOND)
    at, alert = world.alerts[0]
    assert (at // MINUTE, alert.event_id, alert.name) == (minute, 3, LOG_1)


def test_the_counter_goes_up_before_the_read_and_survives_a_crash() -> None:
    crash = [True]

    def before(command: c.Command) -> str:
        if isinstance(command, c.Restore) and crash[0]:
            crash[0] = False
            return "crash"
        return ""

    world = begun(FakeWorld(config(), before))
    ship(world)
    assert world.redo == 100
    assert world.store[f"attempts/{DB}/{LOG_1}"] == "2"
    assert [x.attempts for x in world.done if isinstance(x, c.RenameWorkingCopy)] == [1, 2]


# ---- alerts (R12, R13)
def test_the_text_of_a_missing_log() -> None:
    world = new(on_hole="skip_ahead", full_interval_us=DAY)
    ship(world)
    lose(world)
    ship(world)
    world.wait(10 * MINUTE + SECOND)
    ((at, alert),) = [(at, alert) for at, alert in world.alerts if alert.event_id == 1]
    assert at == 25 * MINUTE + SECOND  # 15 minutes after the lost one must have been finished
    assert alert.text == (
        "For database [crm] there is a missing transaction log between "
        "[2026-09-01T00:05:00Z] and transaction log "
        "[\\\\recovery\\logs\\crm_2026_09_01_00_15_00_log_000]. [20] minutes have passed "
        "since the last successful restore. "
        "The SQL error provided while restoring is: 60004 The log begins at LSN 200; the "
        "database is at LSN 100."
    )
    assert (alert.minutes, alert.name) == (20, "crm_2026_09_01_00_15_00_log_000")


def test_the_text_of_no_new_logs() -> None:
    world = new()
    ship(world)
    world.reachable = False
    world.wait(15 * MINUTE - 1)
    assert world.alerts == []
    world.wait(1)
    assert world.alerts[0][1].text == (
        "For database [crm] no new transaction logs have been produced in the last [15] minutes."
    )
    assert (world.alerts[0][1].event_id, world.alerts[0][1].minutes) == (2, 15)


def test_the_text_of_errors_while_restoring() -> None:
    world = new(attempts=1)
    world.engine_refuses = 99
    ship(world)
    world.wait(5 * MINUTE)
    assert world.alerts[0][1].text == (
        "Errors occurred for database [crm] while restoring transaction log "
        "[\\\\recovery\\logs\\crm_2026_09_01_00_05_00_log_000]. [10] minutes have passed "
        "since the last successful restore. "
        "The SQL error provided while restoring is: 3101 Exclusive access could not be obtained."
    )


def test_an_alert_is_raised_at_every_retry_and_turns_critical_after_30_minutes() -> None:
    world = new()
    ship(world)
    world.reachable = False
    world.wait(55 * MINUTE)
    assert told(world) == [(20 + 5 * i, 2, "error" if i < 6 else "critical") for i in range(9)]
    assert [alert.minutes for _, alert in world.alerts] == list(range(15, 60, 5))


def test_an_alert_ends_when_a_log_comes() -> None:
    world = new()
    world.wait(20 * MINUTE)
    assert told(world) == [(15, 2, "error"), (20, 2, "error")]
    world.land_all()  # taken out of schedule when the silence was told
    before = len(world.alerts)
    ship(world, 3)
    assert len(world.alerts) == before
    assert f"alert/{DB}" not in world.store


def test_an_alerts_clock_survives_a_restart() -> None:
    world = new()
    ship(world)
    world.reachable = False
    world.wait(40 * MINUTE)  # first told at minute 20
    world.start()
    world.settle()
    world.wait(10 * MINUTE)
    assert told(world)[-1][1:] == (2, "critical")
    assert world.alerts[-1][1].minutes == 50


@pytest.mark.parametrize(
    ("interval", "window", "told_at"), [(5, 15, 15), (14, 15, 15), (15, 15, 30), (60, 15, 75)]
)
def test_a_window_no_longer_than_the_schedule_counts_from_when_a_log_is_due(
    interval: int, window: int, told_at: int
) -> None:
    world = new(log_interval_us=interval * MINUTE, window_us=window * MINUTE)
    world.wait(told_at * MINUTE - 1)
    assert world.alerts == []
    world.wait(1)
    assert told(world) == [(told_at, 2, "error")]


def test_a_database_without_logs_is_not_told_of_as_silent() -> None:
    world = new(log_interval_us=0)
    world.wait(120 * MINUTE)
    assert world.alerts == []


# ---- clocks that differ
def ship_late(world: FakeWorld, logs: int, late: int) -> None:
    """Each log lands when so many more have been cut: five minutes later for each."""
    for _ in range(logs):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        while len(world.on_way) > late:
            world.land(world.on_way[0])
            world.settle()


@pytest.mark.parametrize(
    ("ahead_min", "late", "expected"),
    [
        (0, 0, []),
        (-4, 0, []),
        (-60, 0, (16, "[60] minutes behind")),
        (60, 0, (16, "[60] minutes ahead")),
        # cut, finished a second later, landed 20 minutes after the cut
        (0, 4, (8, "was restored [19] minutes after")),
        # both: the lag is told, by the right clock
        (-60, 4, (8, "was restored [19] minutes after")),
        (60, 5, (8, "was restored [24] minutes after")),  # which such a clock would hide
    ],
)
def test_a_lag_by_a_wrong_clock_is_told_apart_from_one_that_is(
    ahead_min: int, late: int, expected: Any
) -> None:
    world = new()
    world.primary_ahead_us = ahead_min * MINUTE
    ship_late(world, 8, late)
    # silent until the first lands
    texts = [(alert.event_id, alert.text) for _, alert in world.alerts if alert.event_id != 2]
    assert len({event for event, _ in texts}) == (1 if expected else 0)
    if expected:
        assert texts[-1][0] == expected[0] and expected[1] in texts[-1][1]


def test_a_clock_that_nobody_can_ask_for_is_taken_for_right() -> None:
    world = new()
    world.primary_ahead_us = -60 * MINUTE
    world.reachable = False
    ship_late(world, 4, 0)
    assert {alert.event_id for _, alert in world.alerts} == {8}


def test_a_clock_that_is_set_right_is_told_no_longer() -> None:
    world = new()
    world.primary_ahead_us = -60 * MINUTE
    ship_late(world, 4, 0)
    before = len(world.alerts)
    world.primary_ahead_us = 0
    ship_late(world, 4, 0)
    assert before == 3 and len(world.alerts) == before
    world.primary_ahead_us = -60 * MINUTE
    ship_late(world, 3, 0)
    # anew: not critical, though an hour has passed
    assert told(world)[before:] == [(50, 16, "error"), (55, 16, "error")]


# ---- asking the primary (R9)
@pytest.mark.parametrize(
    ("reachable", "covering", "copying", "remakeable", "paused", "expected"),
    [
        (False, "", False, False, "", []),
        (True, "x_log_000", False, False, "", [c.Recopy(DB, "x_log_000")]),
        (True, "x_log_000", True, False, "", []),
        (True, "", False, True, "", [c.TakeBackup(DB, int(Kind.LOG))]),
        (True, "", False, True, "move", []),
    ],
)
def test_what_follows_from_the_primarys_answer_to_silence(
    reachable: bool,
    covering: str,
    copying: bool,
    remakeable: bool,
    paused: str,
    expected: list[c.Command],
) -> None:
    world = new()
    world.answer = lambda *args: None  # type: ignore[method-assign]
    world.wait(15 * MINUTE)
    assert world.done[-2:] == [c.AskPrimary(DB, 1, 0), c.SetAlarm(DB, "window", 20 * MINUTE)]
    assert world.manager is not None
    answer = e.PrimaryAnswered(
        world.mono_us,
        world.utc_us,
        1,
        DB,
        reachable,
        covering,
        copying,
        remakeable,
        paused,
        world.utc_us,
    )
    assert world.manager.handle(answer) == expected


def test_a_lost_log_that_still_lies_at_the_primary_is_copied_again() -> None:
    world = new()
    ship(world)
    name = lose(world, for_good=False)
    ship(world)
    assert names_of(world, c.Recopy) == [name]
    world.land_all()
    assert world.redo == 300
    assert world.alerts == []


@pytest.mark.parametrize("for_good", [True, False])
@pytest.mark.parametrize("empty_logs", [1, 4])
def test_a_log_lost_just_before_the_database_falls_idle_is_noticed(
    for_good: bool, empty_logs: int
) -> None:
    """Empty logs land behind the hole: they bring nothing, but they begin beyond the position."""
    world = new()
    ship(world)
    name = lose(world, for_good)
    world.idle = True
    ship(world)
    assert (
        world.done[-2] == c.AskPrimary(DB, 1, 100)
        if for_good
        else names_of(world, c.Recopy) == [name]
    )
    if for_good:
        ship(world, empty_logs - 1)
        world.wait((20 - 5 * empty_logs) * MINUTE)
        assert told(world)[:1] == [(25, 1, "error")]
        assert next(x.kind for x in world.done if isinstance(x, c.TakeBackup)) == Kind.INCREMENTAL
    world.land_all()
    assert world.redo == world.written == 200
    before = len(world.alerts)
    ship(world, 12)
    assert len(world.alerts) == before, "an idle database that lacks nothing is not told of"


def test_what_is_found_damaged_at_the_very_first_instant_is_retried_like_anything_else() -> None:
    """The alarm's 'not set' is no instant of the clock."""
    world = new()
    world.land(world.backup(Kind.LOG, cut_off=True))
    world.settle()
    assert world.mono_us == 0 and world.alarms[DB, "retry"] == 5 * MINUTE


# ---- repairs (R11)
def holed(world: FakeWorld) -> FakeWorld:
    ship(world)
    lose(world)
    ship(world, 2)
    world.wait(5 * MINUTE + SECOND)
    assert told(world) == [(25, 1, "error")]
    return world


def test_bridge_takes_an_incremental_past_the_hole_and_goes_on_with_logs() -> None:
    world = holed(new())
    world.land_all()
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)] == [Kind.INCREMENTAL]
    ship(world)
    assert world.redo == world.log_start
    assert f"repair/{DB}" not in world.store
    assert f"alert/{DB}" not in world.store


def test_a_landed_incremental_is_used_before_another_is_asked_for() -> None:
    world = new()
    ship(world)
    lose(world)
    ship(world, 2)
    world.backup(Kind.INCREMENTAL)
    world.land_all()
    world.wait(5 * MINUTE + SECOND)
    assert not any(isinstance(x, c.TakeBackup) for x in world.done)
    assert world.redo >= 400


def a_log_is_lost(world: FakeWorld) -> None:
    """Three logs are restored, the fourth one is lost for good, and a fifth one is on its way."""
    for _ in range(3):
        world.backup(Kind.LOG)
        world.land_all()
    lost = world.backup(Kind.LOG)
    world.on_way.clear()
    world.backups[lost].at_primary = False
    world.backup(Kind.LOG)


PASSING = ["unreachable", "paused: upgrade", "overrun", "cut off", "fenced", "primary lost"]


@pytest.mark.parametrize("reason", [*PASSING, "refused by the engine"])
def test_only_a_refusal_that_says_that_it_cannot_fit_makes_a_full_of_an_incremental(
    reason: str,
) -> None:
    world = begun(FakeWorld(config("bridge")))
    a_log_is_lost(world)
    world.backups_refused = reason
    world.land_all()
    world.wait(90 * MINUTE)
    asked = asked_kinds(world)
    assert len(asked) > 12 and asked[0] is Kind.INCREMENTAL
    assert set(asked[1:]) == {Kind.INCREMENTAL if reason in PASSING else Kind.FULL}
    world.backups_refused = ""
    world.wait(5 * MINUTE)
    world.land_all()
    assert world.redo == world.written


def asked_while_one_runs() -> FakeWorld:
    """A world whose hole is bridged by an incremental, which is asked for while another is
    taken.
    """
    world = begun(FakeWorld(config("bridge")))
    a_log_is_lost(world)
    world.backups_refused = "overrun"
    world.land_all()
    world.wait(15 * MINUTE)
    assert asked_kinds(world) == [Kind.INCREMENTAL]
    world.backups_refused = ""
    return world


def asked_kinds(world: FakeWorld) -> list[Kind]:
    asked = [Kind(x.kind) for x in world.done if isinstance(x, c.TakeBackup)]
    return [kind for kind in asked if kind is not Kind.LOG]


@pytest.mark.parametrize("lands_after", [SECOND, 6 * MINUTE])
def test_one_that_was_being_taken_is_waited_for_before_another_is_asked_for(
    lands_after: int,
) -> None:
    """It lands before the retry of 5 min, or is found in the primary's share then."""
    world = asked_while_one_runs()
    world.wait(SECOND)
    running = world.backup(Kind.INCREMENTAL)
    world.wait(lands_after)
    world.land(running)
    world.settle()
    world.wait(MINUTE)
    assert asked_kinds(world) == [Kind.INCREMENTAL]
    assert world.redo == world.written


def test_one_that_was_finished_before_is_not_waited_for() -> None:
    """An older incremental is still on its way when one is asked for: it ends before the hole."""
    world = begun(FakeWorld(config("bridge")))
    world.backup(Kind.INCREMENTAL)
    (older,) = world.on_way
    world.on_way.clear()
    for _ in range(3):
        world.backup(Kind.LOG)
        world.land_all()
    lost = world.backup(Kind.LOG)
    world.on_way = [older]
    world.backups[lost].at_primary = False
    log = world.backup(Kind.LOG)
    world.land(log)
    world.settle()
    world.backups_refused = "overrun"
    world.wait(15 * MINUTE)
    assert asked_kinds(world) == [Kind.INCREMENTAL]
    world.backups_refused = ""
    world.wait(5 * MINUTE)
    assert asked_kinds(world) == [Kind.INCREMENTAL] * 2


@pytest.mark.parametrize("refusal, kinds", [(3101, 1), (60007, 1), (4319, 2)])
def test_an_incremental_that_is_refused_for_readers_or_room_stays_the_remedy(
    refusal: int, kinds: int
) -> None:
    world = begun(FakeWorld(config("bridge"), refusal=refusal))
    a_log_is_lost(world)
    world.land_all()
    world.wait(15 * MINUTE)
    world.engine_refuses = 8
    for _ in range(14):
        world.land_all()
        world.wait(5 * MINUTE)
    assert len(set(asked_kinds(world))) == kinds
    assert world.redo == world.written


def test_bridge_whose_base_does_not_fit_does_otherwise() -> None:
    world = unbridgeable(otherwise="resync")
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)][:2] == [
        Kind.INCREMENTAL,
        Kind.FULL,
    ]
    assert [x.replace for x in world.done if isinstance(x, c.Restore)].count(True) == 1
    ship(world)
    assert world.redo == world.log_start


def test_bridge_whose_base_does_not_fit_waits_for_a_full_if_that_is_the_other_way() -> None:
    world = unbridgeable(otherwise="skip_ahead", full_interval_us=DAY)
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup) and x.kind != Kind.LOG] == [
        Kind.INCREMENTAL
    ]
    assert json.loads(world.store[f"repair/{DB}"])["policy"] == "skip_ahead"
    world.backup(Kind.FULL)
    world.land_all()
    ship(world)
    assert world.redo == world.log_start


def test_bridge_whose_base_is_not_the_copys_but_lies_here_sends_no_full() -> None:
    """The full before the hole and the incremental beyond it are restored instead."""
    world = unbridgeable(full_lands=True)
    taken = [x.kind for x in world.done if isinstance(x, c.TakeBackup)]
    asked = [kind for kind in taken if kind != Kind.LOG]
    assert asked == [Kind.INCREMENTAL]
    whole = [(x.replace, kind_of(x.name)) for x in world.done if isinstance(x, c.Restore)]
    assert (True, FULL) in whole and (False, INCREMENTAL) in whole
    ship(world)
    assert world.redo == world.log_start


@pytest.mark.parametrize("otherwise", ["resync", "skip_ahead"])
@pytest.mark.parametrize("lands", [True, False])
def test_a_bridge_that_loses_its_copy_asks_for_a_full(otherwise: str, lands: bool) -> None:
    """The incremental that is coming is of no use any more, whether it lands or not: waiting for it
    would leave the database without a copy until the next scheduled full.
    """
    world = new(otherwise=otherwise, full_interval_us=DAY)
    ship(world)
    lose(world)
    ship(world, 4)
    taken = [x.kind for x in world.done if isinstance(x, c.TakeBackup) and x.kind != Kind.LOG]
    assert taken == [Kind.INCREMENTAL]
    if not lands:
        world.on_way.clear()
    world.exists, world.redo, world.base = False, 0, 0  # somebody has dropped it
    world.start()
    world.settle()
    world.wait(15 * MINUTE)
    taken = [x.kind for x in world.done if isinstance(x, c.TakeBackup) and x.kind != Kind.LOG]
    assert taken == [Kind.INCREMENTAL, Kind.FULL]
    world.land_all()
    ship(world)
    assert world.exists and world.redo == world.log_start


def unbridgeable(*, full_lands: bool = False, **changes: object) -> FakeWorld:
    world = new(**changes)
    ship(world)
    world.backup(Kind.FULL)  # a new base, which the secondary learns of only by logs that it lacks
    if full_lands:
        world.land_all()
    world.on_way.clear()
    lose(world)
    ship(world, 2)
    for _ in range(4):
        world.wait(5 * MINUTE)
        world.land_all()
    return world


def test_resync_replaces_the_copy_only_when_the_new_full_is_here_and_whole() -> None:
    world = holed(new(on_hole="resync"))
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)] == [Kind.FULL]
    full = world.on_way[-1]
    world.land(full, damaged=True)
    world.settle()
    assert full not in names_of(world, c.Restore)
    world.land_all()
    assert names_of(world, c.Restore)[-1] == full
    ship(world)
    assert world.redo == world.log_start


@pytest.mark.parametrize(("copies", "drops"), [(2, 0), (1, 1)])
def test_the_old_copy_makes_way_only_if_the_disk_cannot_hold_both(copies: int, drops: int) -> None:
    world = holed(new(on_hole="resync"))
    world.room = copies
    full = world.on_way[-1]
    world.land(full, damaged=True)
    world.settle()
    assert not any(isinstance(x, c.Drop) for x in world.done), "its replacement is not whole"
    world.land_all()
    assert sum(isinstance(x, c.Drop) for x in world.done) == drops
    handed_over = [x for x in world.done if x == c.Drop(DB) or x == c.Restore(DB, full, True)]
    assert handed_over == [
        c.Restore(DB, full, True),
        *[c.Drop(DB), c.Restore(DB, full, True)] * drops,
    ]
    assert world.store[f"attempts/{DB}/{full}"] == str(1 + drops)  # each read is counted
    ship(world)
    assert world.redo == world.log_start


def test_a_full_that_fits_nowhere_is_told_at_every_retry_and_costs_the_old_copy_nothing() -> None:
    world = holed(new(on_hole="resync"))
    world.room = 0
    world.land_all()
    at = world.mono_us // MINUTE
    world.wait(31 * MINUTE)
    lacking = [(minute - at, level) for minute, event_id, level in told(world) if event_id == 11]
    assert lacking == [
        (0, "error"),
        (5, "error"),
        (10, "error"),
        (15, "error"),
        (20, "error"),
        (25, "error"),
        (30, "critical"),
    ]
    (alert, *_) = [a for _, a in world.alerts if a.event_id == 11]
    path = f"\\\\recovery\\logs\\{alert.name}"
    assert alert.text == (
        f"For database [crm] there is no room at the secondary to restore backup file [{path}]. "
        f"[{alert.minutes}] minutes have passed since the last successful restore. "
        "The SQL error provided while restoring is: 3257 There is insufficient free space."
    )
    assert world.exists and not any(isinstance(x, c.Drop) for x in world.done)
    assert sum(x == c.TakeBackup(DB, Kind.FULL) for x in world.done) == 1, (
        "another full would not fit either"
    )
    world.room = 2
    world.wait(5 * MINUTE)
    world.land_all()
    ship(world)
    assert world.redo == world.log_start


@pytest.mark.parametrize(("what", "event_id"), [("log", 9), ("full", 9), ("writes", 10)])
def test_what_the_primary_tells_is_told_until_a_backup_begun_later_is_here(
    what: str, event_id: int
) -> None:
    world = new()
    ship(world)

    def tells() -> None:
        world.tell(
            e.PrimaryError(
                world.mono_us,
                world.utc_us,
                0,
                DB,
                PrimaryTrouble(what),
                3202,
                "Write on disk failed.",
            )
        )

    tells()
    world.wait(30 * MINUTE)
    tells()
    mine = [a for a in (alert for _, alert in world.alerts) if a.event_id == event_id]
    assert [a.level for a in mine] == ["error", "critical"]
    assert mine[0].text.startswith("For database [crm] the ") and mine[0].text.endswith(
        "is: 3202 Write on disk failed."
    )
    assert f"primary {what}" in world.store[f"alert/{DB}"]
    world.backup(Kind.FULL if what == "full" else Kind.LOG)
    world.land_all()
    assert f"primary {what}" not in world.store.get(f"alert/{DB}", "")


def test_skip_ahead_waits_for_a_scheduled_full() -> None:
    world = holed(new(on_hole="skip_ahead", full_interval_us=DAY))
    assert not any(isinstance(x, c.TakeBackup) for x in world.done)
    world.backup(Kind.FULL)
    world.land_all()
    ship(world, 2)
    assert world.redo == world.log_start


@pytest.mark.parametrize(
    ("otherwise", "kind"),
    [("resync", Kind.FULL), ("bridge", Kind.INCREMENTAL), ("skip_ahead", Kind.FULL)],
)
def test_skip_ahead_without_a_schedule_does_otherwise_at_once(otherwise: str, kind: Kind) -> None:
    """Where the other way is the same that cannot work, there is always resync."""
    world = holed(new(on_hole="skip_ahead", otherwise=otherwise))
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)] == [kind]


@pytest.mark.parametrize("on_hole", ["bridge", "resync"])
def test_a_restart_in_a_repair_asks_for_no_second_backup(on_hole: str) -> None:
    world = holed(new(on_hole=on_hole))
    world.start()
    world.settle()
    world.wait(10 * MINUTE)
    world.land_all()
    ship(world)
    assert len([x for x in world.done if isinstance(x, c.TakeBackup) and x.kind != Kind.LOG]) == 1
    assert world.redo == world.log_start


def test_a_missing_log_that_comes_after_all_ends_the_repair() -> None:
    world = new()
    ship(world)
    name = lose(world)
    ship(world, 2)
    world.reachable = False
    world.wait(6 * MINUTE)
    world.on_way.append(name)
    world.land(name)
    world.settle()
    assert world.redo == 400
    assert f"repair/{DB}" not in world.store


def test_a_repair_that_waits_for_a_full_ends_when_nothing_is_lacking() -> None:
    """The damaged log was restored before a restart, which does not know: the next empty log shows
    that all is here.
    """
    world = new(on_hole="skip_ahead", full_interval_us=DAY)
    # of one instant, so their times do not tell which was last
    name, _ = world.backup(Kind.LOG), world.backup(Kind.LOG)
    world.land_all()
    world.share[name].damaged = True
    world.reachable = False
    world.wait(20 * MINUTE)
    world.start()
    world.settle()
    world.wait(5 * MINUTE)
    assert f"repair/{DB}" in world.store
    world.reachable, world.idle = True, True
    ship(world)
    assert f"repair/{DB}" not in world.store and "chain" not in world.store.get(f"alert/{DB}", "")


@pytest.mark.parametrize("on_hole", ["bridge", "resync"])
def test_a_damaged_log_of_a_database_that_nobody_writes_to_is_got_past_without_end(
    on_hole: str,
) -> None:
    """What a backup brings that ends where the database stands is the knowledge that nothing
    lacks.
    """
    world = new(on_hole=on_hole)
    ship(world)
    world.idle = True
    world.wait(5 * MINUTE)
    name = world.backup(Kind.LOG)
    spoilt(world, name)
    for _ in range(12):
        world.wait(5 * MINUTE)
        world.land_all()
    taken = [x.kind for x in world.done if isinstance(x, c.TakeBackup) and x.kind != Kind.LOG]
    assert taken == [Kind.INCREMENTAL if on_hole == "bridge" else Kind.FULL]
    assert world.done.count(c.Save(f"repair/{DB}", "")) == 1  # it is ended once
    assert f"repair/{DB}" not in world.store
    assert "chain" not in world.store.get(f"alert/{DB}", "")


def spoilt(world: FakeWorld, name: str) -> None:
    """Every copy of it is as bad as the one at the primary."""
    world.backups[name].bad_at_primary = True
    if name in world.share:
        world.share[name].damaged = True


def carry(world: FakeWorld, minutes: int, name: str) -> None:
    """What is copied again lands at once; nothing else does."""
    for _ in range(minutes):
        world.wait(MINUTE)
        while name in world.on_way:
            world.land(name)
            world.settle()


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_log_that_is_damaged_at_the_primary_is_given_up_and_bridged(attempts: int) -> None:
    world = new(attempts=attempts)
    ship(world)
    world.wait(5 * MINUTE)
    name = world.backup(Kind.LOG)
    spoilt(world, name)
    carry(world, 60, name)  # the incremental that was asked for does not land for an hour
    assert names_of(world, c.Recopy) == [name] * attempts
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)] == [Kind.INCREMENTAL]
    assert {(a.event_id, a.name) for _, a in world.alerts if a.event_id != 2} == {(3, name)}
    world.land_all()
    assert world.redo == world.written


@pytest.mark.parametrize("kind", [Kind.FULL, Kind.LOG])
@pytest.mark.parametrize("cut_off", [False, True])
def test_a_kept_file_that_is_damaged_at_the_primary_is_given_up_and_told(
    kind: Kind, cut_off: bool
) -> None:
    world = new(reverify_us=30 * MINUTE)
    full = world.backup(Kind.FULL)
    world.land_all()
    (log,) = ship(world)
    name = full if kind is Kind.FULL else log
    spoilt(world, name)
    world.backups[name].cut_off = cut_off
    for _ in range(24):
        ship(world)
        carry(world, 1, name)
    # the fourth while a copy is on its way
    assert len(names_of(world, c.Recopy)) in ((0,) if cut_off else (3, 4))
    told_of = [at // MINUTE for at, a in world.alerts if a.event_id == 4 and a.name == name]
    if kind is Kind.LOG:
        assert told_of and told_of[-1] <= 60, "told of, and then given up"
    else:  # nothing else is a base: it is told of, critical in time, until another has landed
        assert len(told_of) > 20 and told_of == sorted(set(told_of))
        assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)][:1] == [Kind.FULL]
        assert [a.level for _, a in world.alerts if a.event_id == 4][-1] == "critical"
        world.land_all()
        world.settle()
    assert f"alert/{DB}" not in world.store


def test_damage_that_is_found_while_logs_before_it_are_restored_is_told_once() -> None:
    """With a replay delay the damaged log is not next: restores that go on before it begin no
    danger anew.
    """
    world = new(delay_us=62 * MINUTE, reverify_us=30 * MINUTE)
    names = ship(world, 17)
    spoilt(world, names[12])  # of 01:05; found at 01:30, too old already
    ship(world, 3)
    assert world.redo > 400, "logs before it were restored at 01:32 and 01:37"
    assert {a.name for _, a in world.alerts} == {names[12]}
    assert told(world) == [(90, 3, "error"), (95, 3, "error"), (100, 3, "error")]


@pytest.mark.parametrize("waits", [{"delay_us": 60 * MINUTE}, {"every_us": 60 * MINUTE}])
@pytest.mark.parametrize("for_good", [False, True])
def test_a_hole_that_replay_has_yet_to_come_to_is_told_and_repaired(
    waits: dict[str, int], for_good: bool
) -> None:
    """Replay waits on purpose; all behind the hole would be lost with the site all the same."""
    world = new(**waits)
    ship(world, 3)
    lost = lose(world, for_good)
    ship(world, 4)
    assert told(world) == [(35, 1, "error")], "15 minutes after the lost one must have been cut"
    assert (
        "The log begins at LSN 400; the logs before it end at LSN 300." in world.alerts[0][1].text
    )
    assert world.redo == 0
    assert names_of(world, c.Recopy) == ([] if for_good else [lost])
    asked = [command.kind for command in world.done if isinstance(command, c.TakeBackup)]
    assert asked == ([Kind.INCREMENTAL] if for_good else [])
    world.land_all()
    world.settle()
    assert world.redo == (800 if for_good else 0), "an incremental leads over it, a copy waits"
    ship(world, 2)
    assert told(world) == [(35, 1, "error")], "it is over"


@pytest.mark.parametrize("for_good", [False, True])
def test_a_hole_is_one_danger_and_one_repair_until_replay_is_past_it(for_good: bool) -> None:
    world = new(delay_us=60 * MINUTE)
    ship(world, 3)
    lose(world, for_good)
    ship(world, 16)
    assert world.redo == 300, "replay stands before the hole"
    error = [(minute, 1, "error") for minute in range(35, 65, 5)]
    critical = [(minute, 1, "critical") for minute in range(65, 100, 5)]
    assert told(world) == error + critical
    assert [type(x) for x in world.done].count(c.TakeBackup) == int(for_good)


def test_logs_that_wait_on_purpose_without_a_hole_are_no_danger() -> None:
    world = new(delay_us=60 * MINUTE)
    ship(world, 3)
    late = lose(world, for_good=False)
    ship(world)
    world.land(late)
    world.settle()
    ship(world, 12)
    assert world.alerts == []


# ---- behind a new primary, whose logs go on from the old one's
def as_the_new_primary_s(world: FakeWorld, name: str, crosses: bool = False) -> str:
    """A log of fork 2. crosses: the first one, which begins where fork 1 was left."""
    backup = world.backups[name]
    first_fork, point = (1, backup.header.first_lsn) if crosses else (2, 0)
    header = replace(backup.header, fork=2, first_fork=first_fork, fork_point_lsn=point)
    backup.header = header
    return name


def asked_at(world: FakeWorld) -> list[tuple[int, int]]:
    return [(x.fork, x.lsn) for x in world.done if isinstance(x, c.AskPrimary)]


def test_the_question_after_a_silence_is_about_the_end_of_what_waits_on_its_fork() -> None:
    world = new(delay_us=60 * MINUTE)
    ship(world, 2)
    for crosses in (True, False):
        world.wait(5 * MINUTE)
        world.land(as_the_new_primary_s(world, world.backup(Kind.LOG), crosses))
        world.settle()
    world.wait(15 * MINUTE)
    assert asked_at(world) == [(2, 400)]


@pytest.mark.parametrize("lost", ["of the old primary", "the first", "the second"])
def test_a_hole_ahead_is_found_across_a_change_of_primaries(lost: str) -> None:
    """Logs of fork 1 up to 300, then those of fork 2; one of them never comes."""
    world = new(delay_us=60 * MINUTE)
    ship(world, 2)
    holes = {"of the old primary": (1, 200), "the first": (1, 300), "the second": (2, 400)}
    for at_lsn, crosses in ((200, None), (300, True), (400, False), (500, False)):
        world.wait(5 * MINUTE)
        name = world.backup(Kind.LOG)
        if crosses is not None:
            as_the_new_primary_s(world, name, crosses)
        if holes[lost][1] == at_lsn:
            world.on_way.remove(name)
            continue
        world.land(name)
        world.settle()
    assert asked_at(world)[0] == holes[lost]


def test_a_hole_is_as_old_as_what_lies_behind_it_before_the_first_restore() -> None:
    """What is missing was finished before the log behind it, which came late."""
    world = new()
    lose(world, for_good=False)
    world.wait(5 * MINUTE)
    late = world.backup(Kind.LOG)
    world.wait(12 * MINUTE)
    world.land(late)
    world.settle()
    world.reachable = False
    world.wait(3 * MINUTE + SECOND)
    assert [event for minute, event, _ in told(world) if minute == 25] == [1]


# ---- no copy (R12)
def test_where_the_copy_is_lost_that_alone_is_told_once_at_every_retry() -> None:
    """Two backups are cut off; the copy is wiped before the log that covers their range lands."""
    world = new()
    ship(world, 2)
    for _ in range(2):
        world.wait(5 * MINUTE)
        world.land(world.backup(Kind.LOG, cut_off=True))
        world.settle()
    world.wait(45 * MINUTE)
    assert (60, 3, "critical") in told(world)
    before = len(world.alerts)
    world.wiped = True
    world.land(world.on_way[0])
    world.settle()
    world.wait(11 * MINUTE)  # a full is on its way
    assert [told for told in told(world)[before:] if told[1] == 19] == [
        (65, 19, "error"),
        (70, 19, "error"),
        (75, 19, "error"),
    ]
    assert 3 not in {event for _, event, _ in told(world)[before:]}


def test_a_first_full_that_comes_to_nothing_begins_a_wait_that_is_told_anew() -> None:
    """40 minutes on its way, damaged; and once more."""
    world = FakeWorld(config())
    world.exists, world.redo, world.base = False, 0, 0
    begun(world)
    full = world.backup(Kind.FULL)
    world.wait(40 * MINUTE)
    world.land(full, damaged=True)
    world.settle()
    world.wait(40 * MINUTE)
    not_protected = [at // MINUTE for at, alert in world.alerts if alert.event_id == 19]
    assert not_protected == [15, 55]


# ---- progress (R8, R12)
def test_a_restore_that_never_ends_is_told_though_each_log_lands_half_written_first() -> None:
    world = new()
    ship(world, 2)
    world.hangs = 1
    ship(world)  # of 15 min; its restore never ends
    for _ in range(6):
        world.wait(5 * MINUTE)
        name = world.backup(Kind.LOG)
        world.land(name, damaged=True)
        world.settle()
        world.land_all()  # the copy of it that was asked for is whole
    assert told(world) == [
        (30, 18, "error"),
        (35, 18, "error"),
        (40, 18, "error"),
        (45, 18, "error"),
    ]


def test_behind_a_backlog_the_oldest_log_is_found_without_looking_into_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = new()
    ship(world, 2)
    world.hangs = 1
    ship(world, 30)
    looked_at: list[int] = []

    def counted(header: BackupHeader, state: RestoreState) -> Fit:
        looked_at.append(header.backup_id)
        return applies(header, state)

    monkeypatch.setattr(progress, "applies", counted)
    oldest = world.manager.databases[DB].progress._oldest()
    assert oldest is world.manager.databases[DB].files.in_hand
    assert len(looked_at) == 1


@pytest.mark.parametrize("interval", [5, 10, 15, 20, 30, 60, 120])
@pytest.mark.parametrize(("delay", "every"), [(0, 0), (7, 0), (0, 15), (7, 15), (60, 0)])
def test_a_log_that_waits_is_told_at_its_limit_however_rare_logs_are(
    interval: int, delay: int, every: int
) -> None:
    """The age limit, and as long as it may wait on purpose; at the first retry after that."""
    world = FakeWorld(
        config(log_interval_us=interval * MINUTE, delay_us=delay * MINUTE, every_us=every * MINUTE)
    )
    begun(world)
    finished: dict[str, int] = {}
    world.hangs = 1
    for _ in range(1 + 180 // interval):
        world.wait(interval * MINUTE)
        name = world.backup(Kind.LOG)
        finished[name] = world.mono_us + SECOND
        world.land(name)
        world.settle()
    first = next(at for at, alert in world.alerts if alert.event_id == 18)
    limit = min(finished.values()) + (15 + delay + every) * MINUTE
    assert limit - SECOND <= first <= limit + 5 * MINUTE


@pytest.mark.parametrize("interval", [16, 20, 30, 60, 120])
def test_rare_logs_are_looked_at_when_their_own_limit_is_over(interval: int) -> None:
    """Not when the next one lands, and not when the window that an earlier one has set is over."""
    limits = {"window_us": 15 * MINUTE, "age_us": 5 * MINUTE}
    world = begun(FakeWorld(config(log_interval_us=interval * MINUTE, **limits)))
    for _ in range(3):
        world.wait(interval * MINUTE)
        world.land(world.backup(Kind.LOG))
        world.settle()
    world.hangs = 1
    world.wait(interval * MINUTE)
    world.land(world.backup(Kind.LOG))
    finished_us = world.mono_us
    world.settle()
    world.wait(5 * MINUTE + 2 * SECOND)
    (alert,) = [alert for _, alert in world.alerts if alert.event_id == 18]
    assert world.mono_us - finished_us <= 5 * MINUTE + 2 * SECOND
    assert "[5] minutes ago" in alert.text


@pytest.mark.parametrize(("interval", "window"), [(15, 15), (5, 60), (10, 40)])
def test_a_log_that_waits_while_no_other_lands_is_looked_at_long_before_the_window_is_over(
    interval: int, window: int
) -> None:
    """The age limit of 15 minutes and a retry, not the window: 30 minutes for logs every 15."""
    world = new(log_interval_us=interval * MINUTE, window_us=window * MINUTE)
    for _ in range(4):
        world.wait(interval * MINUTE)
        world.land(world.backup(Kind.LOG))
        world.settle()
    world.hangs = 1
    world.wait(interval * MINUTE)
    world.land(world.backup(Kind.LOG))
    world.settle()
    finished_us = world.mono_us
    world.wait(60 * MINUTE)
    first_us = next(at for at, alert in world.alerts if alert.event_id == 18)
    assert 15 * MINUTE <= first_us - finished_us <= 20 * MINUTE


# ---- a database without logs (R12)
HOUR = 60 * MINUTE


@pytest.mark.parametrize(
    ("came", "crash", "expected"),
    [
        # (hour that it is begun, minutes until it is here); crash at an hour; minutes told
        ([(0, 4), (6, 4)], None, [(12 * 60 + 4 + 15)]),
        # the second takes fifteen times as long as the first
        ([(0, 4), (6, 60)], None, [6 * 60 + 19 + 5 * i for i in range(9)]),
        ([(0, 4)], None, [6 * 60 + 4 + 15]),
        ([], None, [12 * 60 + 15]),  # nobody knows yet how long one takes
        ([(0, 4), (6, 4)], 7, [18 * 60 + 15]),  # nor after a restart
        ([(0, 4), (6, 4), (13, 4)], None, [12 * 60 + 19 + 5 * i for i in range(10)]),
    ],
)
def test_a_full_that_does_not_come_as_scheduled_is_told_at_every_retry(
    came: list[tuple[int, int]], crash: int | None, expected: list[int]
) -> None:
    world = begun(FakeWorld(config(log_interval_us=0, other_interval_us=6 * HOUR)))
    for hour, minutes in came:
        world.wait(hour * HOUR - world.mono_us)
        full = world.backup(Kind.FULL)
        world.wait(minutes * MINUTE)
        world.land(full)
        world.settle()
    if crash is not None:
        world.wait(crash * HOUR - world.mono_us)
        world.start()
        world.settle()
    until = expected[-1] * MINUTE
    world.wait(max(0, until + MINUTE - world.mono_us))
    assert [at // MINUTE for at, alert in world.alerts if alert.event_id == 22] == expected


@pytest.mark.parametrize("crash", [False, True])
def test_a_full_is_asked_for_where_incrementals_stand_on_one_that_is_not_here(crash: bool) -> None:
    """Somebody has taken a full for himself. The next one may be on its way for an interval."""
    world = begun(FakeWorld(config(log_interval_us=0, other_interval_us=6 * HOUR)))
    world.wait(HOUR)
    world.full_first = 12345
    world.backup(Kind.INCREMENTAL)
    world.land_all()
    if crash:
        world.start()
        world.settle()

    def asked() -> list[int]:
        return [x.kind for x in world.done if isinstance(x, c.TakeBackup)]

    world.wait(10 * HOUR)
    assert asked() == []
    world.wait(3 * HOUR)
    assert asked() == [Kind.FULL]
    world.wait(4 * HOUR)
    assert asked() == [Kind.FULL]
    world.wait(2 * HOUR)
    assert asked() == [Kind.FULL] * 2
    world.land_all()
    told = len(world.alerts)
    world.wait(HOUR)
    assert world.redo == world.written and len(world.alerts) == told


@pytest.mark.parametrize(("lost", "asked"), [(False, []), (True, [Kind.FULL])])
def test_an_incremental_that_began_where_a_lost_full_did_is_not_its_stand_in(
    lost: bool, asked: list[Kind]
) -> None:
    """A full and an incremental begin at one LSN, and the full never comes. The incrementals after
    it stand on that full.
    """
    world = begun(FakeWorld(config(log_interval_us=0, other_interval_us=6 * HOUR)))
    world.wait(HOUR)
    first = world.backup(Kind.INCREMENTAL)
    world.land_all()
    if lost:
        world.full_first = world.backups[first].header.first_lsn
    world.wait(HOUR)
    world.backup(Kind.INCREMENTAL)
    world.land_all()
    world.wait(6 * HOUR)
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)] == asked
    told = [alert.event_id for _, alert in world.alerts]
    assert (22 in told) is lost


@pytest.mark.parametrize(
    ("order", "hour"),
    [("full first", 11), ("incremental first", 11), ("no incremental", 10), ("no full", 12)],
)
def test_an_incremental_counts_once_the_full_is_here_on_which_it_stands(
    order: str, hour: int
) -> None:
    """A full of 0:00 and an incremental of 3:00 land at 4:00, one before the other. Backups are due
    every six hours, none comes after that, and the window is 15 minutes. Event 22: an incremental
    may take twice its hour (3 + 6 + 2), a full its four hours (0 + 6 + 4), and where nothing counts
    another interval passes (6 + 6).
    """
    world = begun(FakeWorld(config(log_interval_us=0, other_interval_us=6 * HOUR)))
    full = world.backup(Kind.FULL)
    world.wait(3 * HOUR)
    incremental = world.backup(Kind.INCREMENTAL)
    world.wait(HOUR)
    lands = {
        "full first": [full, incremental],
        "incremental first": [incremental, full],
        "no incremental": [full],
        "no full": [incremental],
    }
    for name in lands[order]:
        world.land(name)
        world.settle()
    world.wait(24 * HOUR)
    told = [us for us, alert in world.alerts if alert.event_id == 22]
    assert told[0] == hour * HOUR + 15 * MINUTE


def test_a_full_that_is_damaged_on_both_sides_after_its_restore_is_told_and_asked_for_anew() -> (
    None
):
    world = begun(FakeWorld(config(log_interval_us=0, reverify_us=60 * MINUTE)))
    full = world.backup(Kind.FULL)
    world.exists, world.redo, world.base = False, 0, 0
    world.start()
    world.settle()
    world.land_all()
    assert world.exists
    world.share[full].damaged = world.backups[full].bad_at_primary = True
    for _ in range(12):
        world.wait(15 * MINUTE)
        world.land_all()
    assert 4 in {alert.event_id for _, alert in world.alerts}
    assert [x.kind for x in world.done if isinstance(x, c.TakeBackup)] == [Kind.FULL]


# ---- keeping (R6, R18)
def test_damage_at_rest_of_the_newest_full_is_found_and_copied_again() -> None:
    world = new(reverify_us=60 * MINUTE)
    full = world.backup(Kind.FULL)
    world.land_all()
    ship(world, 3)
    world.share[full].damaged = True
    for _ in range(10):
        ship(world)
        world.land_all()
    assert names_of(world, c.Recopy) == [full]
    world.land_all()
    assert not world.share[full].damaged


def test_retention_deletes_what_nothing_needs_and_its_counter() -> None:
    world = new()
    for day in range(8):
        if day % 2 == 0:
            world.backup(Kind.FULL)
            world.land_all()
        for _ in range(4):
            ship(world)
            world.wait(5 * 60 * MINUTE + 55 * MINUTE)
            world.land_all()
    gone = names_of(world, c.Delete)
    assert gone, "nothing was ever deleted"
    assert all(f"attempts/{DB}/{name}" not in world.store for name in gone)
    assert world.manager is not None
    assert set(world.manager.databases[DB].files) == set(world.share)
    assert len([n for n in world.share if "_full_" in n]) >= 2


@pytest.mark.parametrize("refusal", [3101, 60028, 5133])
def test_a_first_full_that_is_refused_for_what_is_here_stays_the_remedy(refusal: int) -> None:
    """It is here and whole, and another one would be refused in the same way."""
    world = begun(FakeWorld(config(), exists=False, refusal=refusal))
    world.backup(Kind.FULL)
    world.engine_refuses = 4
    world.land_all()
    for _ in range(5):
        world.wait(5 * MINUTE)
        world.land_all()
    assert asked_kinds(world) == []
    assert world.exists


def test_the_newest_of_the_fulls_that_were_refused_for_what_is_here_is_tried_again() -> None:
    """Each has its retry. A log lands when that of the older one is due, and not yet the
    other's.
    """
    world = begun(FakeWorld(config(), exists=False, refusal=5133))
    world.engine_refuses = 2
    for _ in range(2):
        world.backup(Kind.FULL)
        world.land_all()
        world.wait(2 * MINUTE)
    older, newer = world.backups
    world.wait(2 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(5 * MINUTE)
    tried = [x.name for x in world.done if isinstance(x, c.Restore)]
    assert tried[:3] == [older, newer, newer]
    assert world.exists
