"""Failover: who may order it, in which order it goes, and what a crash in the middle of it changes
(nothing).
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from dr_sim.backups.model import Kind
from dr_sim.machines import IllegalTransitionError
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.recovery.events import NotFenced
from dr_sim.recovery.failover import watching, way_over
from dr_sim.recovery.failover.failover import KEY, Failover, StoredFailover
from dr_sim.recovery.failover.failover_table import FAILOVER, FailoverEvent, FailoverPhase
from dr_sim.recovery.files.file import File
from dr_sim.recovery.files.last_backup import LastBackup
from dr_sim.recovery.repair.refusals import OrderRefused, Refused, WhyNoFailover
from tests.recovery.fake_world import DAY, DB, MINUTE, SECOND, FakeWorld, Here, begun, config

WAY = ["fencing", "draining", "tail", "recovering", "redirecting", "serving"]


TO_RECOVERING = (
    FailoverEvent.BEGUN,
    FailoverEvent.FENCE_ANSWERED,
    FailoverEvent.EMPTIED,
    FailoverEvent.TAILS_ARE_IN,
)


def phases(world: FakeWorld) -> list[str]:
    return [command.phase for command in world.done if isinstance(command, c.EnterPhase)]


def shipped(world: FakeWorld, logs: int = 3) -> FakeWorld:
    for _ in range(logs):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        world.land_all()
    return world


def dies(world: FakeWorld) -> None:
    """The whole primary site is gone; the first heartbeats fail to come a second later."""
    world.reachable = False
    world.on_way.clear()
    for machine in ("sql1", "sql2"):
        falls_silent(world, machine)


def falls_silent(world: FakeWorld, machine: str) -> None:
    now = world.mono_us
    world.silent[machine] = now
    world.tell(e.HeartbeatLost(now + SECOND, world.utc_us + SECOND, 0, machine, now))


def order(world: FakeWorld, operator: str, planned: bool = False) -> None:
    world.tell(e.FailoverOrdered(world.mono_us, world.utc_us, 0, operator, planned))


def test_an_order_that_waits_for_the_share_is_kept_when_silence_has_been_long_too() -> None:
    seeking = watching.Seeking()
    waits = e.FailoverOrdered(0, 0, 0, "dba", False)
    seeking.begin(waits)
    seeking.begin(None)  # the alarm 'silent', before the share has answered
    assert seeking.end() is waits
    assert seeking.end() is None


def test_automatic_failover_begins_when_all_machines_have_been_silent_long_enough() -> None:
    world = shipped(begun(FakeWorld(config())))
    dies(world)
    world.wait(29 * SECOND)
    assert phases(world) == []
    world.wait(SECOND)
    assert phases(world) == WAY
    assert world.recovers == 1
    assert world.redo == 300


@pytest.mark.parametrize(("machines_silent", "second"), [(1, 30), (2, 40), (3, 50), (0, 50)])
def test_it_begins_when_the_kth_machine_has_been_silent_long_enough(
    machines_silent: int, second: int
) -> None:
    """Of three machines one falls silent every ten seconds, the last to be told of first; 0 means
    all.
    """
    world = begun(FakeWorld(config(machines=("a", "b", "c"), machines_silent=machines_silent)))
    world.wait(20 * SECOND)
    for machine, last_seen in (("c", 20), ("b", 10), ("a", 0)):
        world.tell(e.HeartbeatLost(world.mono_us, world.utc_us, 0, machine, last_seen * SECOND))
    world.wait((second - 20) * SECOND - 1)
    assert phases(world) == []
    world.wait(1)
    assert phases(world)[0] == "fencing"


@pytest.mark.parametrize(("machines_silent", "phase"), [(2, "fencing"), (3, "")])
def test_a_machine_that_comes_back_stops_it_only_if_too_few_are_left(
    machines_silent: int, phase: str
) -> None:
    world = begun(FakeWorld(config(machines=("a", "b", "c"), machines_silent=machines_silent)))
    for machine in "abc":
        world.tell(e.HeartbeatLost(world.mono_us, world.utc_us, 0, machine, 0))
    world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, "b"))
    world.wait(MINUTE)
    assert phases(world)[:1] == ([phase] if phase else [])


def nothing_restored(mode: str = "automatic") -> FakeWorld:
    return begun(FakeWorld(config(mode=mode), exists=False))


@pytest.mark.parametrize("mode", ["automatic", "manual"])
def test_where_nothing_was_restored_yet_silence_begins_no_failover_and_is_told_at_every_retry(
    mode: str,
) -> None:
    """A primary that may be alive would be stopped for nothing."""
    world = nothing_restored(mode)
    dies(world)
    world.wait(31 * MINUTE)
    assert phases(world) == [] and not any(isinstance(command, c.Fence) for command in world.done)
    told = [(at // SECOND, a.level) for at, a in world.alerts if a.event_id == 15]
    assert told == [(30 + 300 * n, "critical" if n == 6 else "error") for n in range(7)]


def test_once_a_full_has_landed_the_failover_begins_at_the_next_retry() -> None:
    world = nothing_restored()
    dies(world)
    world.wait(MINUTE)
    world.backup(Kind.FULL)
    world.land_all()
    world.wait(4 * MINUTE + 30 * SECOND)
    assert phases(world) == WAY


def test_nothing_is_told_any_longer_when_the_machines_are_heard_again() -> None:
    world = nothing_restored()
    dies(world)
    world.wait(MINUTE)
    heard(world)
    world.wait(30 * MINUTE)
    assert len([a for _, a in world.alerts if a.event_id == 15]) == 1
    assert "alert/" not in {key for key, value in world.store.items() if value}


@pytest.mark.parametrize("planned", [True, False])
def test_an_order_is_refused_where_nothing_was_restored_yet(planned: bool) -> None:
    world = nothing_restored()
    order(world, "anna", planned)
    assert phases(world) == []
    assert [x.reason.words for x in world.done if isinstance(x, c.RefuseOrder)] == [
        "no usable copy of any database is here"
    ]


def test_one_silent_machine_of_two_is_not_enough() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.tell(e.HeartbeatLost(world.mono_us, world.utc_us, 0, "sql1", world.mono_us))
    world.wait(MINUTE)
    assert phases(world) == []


def test_a_heartbeat_that_comes_back_in_time_prevents_it() -> None:
    world = shipped(begun(FakeWorld(config())))
    dies(world)
    world.wait(20 * SECOND)
    world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, "sql2"))
    world.wait(5 * MINUTE)
    assert phases(world) == []


def test_planned_failover_takes_the_tail_and_loses_nothing() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)  # finished at the primary, not here yet
    order(world, "anna", planned=True)
    world.settle()
    assert phases(world) == WAY[:2]
    world.land(world.on_way[0])
    world.settle()
    assert phases(world) == WAY[:3]
    world.land(world.on_way[0])
    world.settle()
    assert phases(world) == WAY
    assert world.redo == world.written == world.log_start


def test_planned_failover_waits_for_a_share_that_does_not_answer_and_says_so() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)  # finished, on its way
    order(world, "anna", planned=True)
    world.reachable = False
    limit = world.config.failover.drain_limit_us
    world.wait(3 * limit)
    assert world.recovers == 0 and phases(world)[-1] in ("draining", "tail")
    told = [
        command
        for command in world.done
        if isinstance(command, c.RaiseAlert) and command.event_id == 7
    ]
    assert len(told) >= 2 and "planned failover waits for" in told[0].text
    world.reachable = True
    world.wait(limit)
    world.land_all()
    world.wait(limit)
    world.land_all()
    world.settle()
    assert phases(world)[-1] == "serving" and world.redo == world.written


@pytest.mark.parametrize("damaged", [False, True])
def test_a_planned_failover_that_waits_for_a_file_that_has_landed_says_so(damaged: bool) -> None:
    """The last log has landed. Hashing it takes longer than the limit of the drain; or its hash has
    not agreed as often as it was copied, and it is copied again only after the limit.
    """
    world = shipped(begun(FakeWorld(config())))
    name = world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.settle()
    if damaged:
        while name in world.on_way:
            world.land(name, damaged=True)
            world.settle()
    else:
        world.land(name)
        world.answers.clear()
    world.wait(world.config.failover.drain_limit_us)
    told = [
        command.text
        for command in world.done
        if isinstance(command, c.RaiseAlert) and command.event_id == 7
    ]
    assert len(told) == 1
    assert "planned failover waits for [1]" in told[0]


def test_planned_failover_goes_on_as_an_unplanned_one_when_the_primary_dies_in_it() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    dies(world)
    world.wait(3 * world.config.failover.drain_limit_us)
    assert phases(world)[-1] == "serving" and world.redo < world.written


def test_an_unplanned_order_ends_the_patience_of_a_planned_one() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.reachable = False
    world.wait(world.config.failover.drain_limit_us)
    order(world, "mallory")
    order(world, "anna")
    world.wait(2 * world.config.failover.drain_limit_us)
    assert phases(world)[-1] == "serving" and world.redo < world.written


def test_a_planned_failover_is_refused_while_the_chain_is_broken() -> None:
    world = shipped(begun(FakeWorld(config(on_hole="skip_ahead", full_interval_us=DAY))))
    lost = world.backup(Kind.LOG)
    world.on_way.clear()
    world.backups[lost].at_primary = False
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    order(world, "anna", planned=True)
    refused = [command for command in world.done if isinstance(command, c.RefuseOrder)]
    assert [r.reason.words for r in refused] == [
        f"the chain of database [{DB}] is broken: data would be lost"
    ]
    assert phases(world) == []


@pytest.mark.parametrize(("refusal", "goes_on"), [(3101, True), (5133, False)])
def test_readers_do_not_break_the_chain_for_a_planned_failover(refusal: int, goes_on: bool) -> None:
    """Logs are refused for a quarter of an hour. Readers are disconnected by the drain; where the
    secondary is set up otherwise than what the log holds, the order is refused.
    """
    world = shipped(begun(FakeWorld(config())))
    world.refusal, world.engine_refuses = refusal, 4
    shipped(world)
    assert world.redo < world.written
    order(world, "anna", planned=True)
    world.settle()
    refused = [command for command in world.done if isinstance(command, c.RefuseOrder)]
    assert bool(refused) is not goes_on
    assert bool(phases(world)) is goes_on


@pytest.mark.parametrize("minutes", [0, 20])
@pytest.mark.parametrize("lost", [False, True])
def test_a_log_that_was_cut_off_does_not_break_the_chain_for_a_planned_failover(
    minutes: int, lost: bool
) -> None:
    """It truncated nothing: the tail covers its range (R10). Where the primary has answered that no
    log holds the range any more, the order is refused.
    """
    world = shipped(begun(FakeWorld(config(on_hole="skip_ahead", full_interval_us=DAY))))
    world.backup(Kind.LOG, cut_off=True)
    world.land_all()
    if lost:
        world.log_start = world.written
    world.wait(minutes * MINUTE)
    order(world, "anna", planned=True)
    world.settle()
    refused = [command for command in world.done if isinstance(command, c.RefuseOrder)]
    assert bool(refused) is (lost and minutes > 15)
    assert bool(phases(world)) is not bool(refused)


def test_planned_failover_that_cannot_fence_is_abandoned() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.reachable = False
    order(world, "anna", planned=True)
    world.settle()
    assert phases(world) == ["fencing", "abandoned", "watching"]
    assert world.recovers == 0


def test_an_unauthorised_order_is_refused_and_recorded() -> None:
    world = shipped(begun(FakeWorld(config())))
    order(world, "mallory")
    world.settle()
    assert world.done[-1] == c.RefuseOrder("mallory", OrderRefused(WhyNoFailover.NOT_AUTHORISED))
    assert phases(world) == []


@pytest.mark.parametrize(
    ("operator", "approve", "expected"),
    [
        ("anna", True, ["deciding", *WAY]),
        ("anna", False, ["deciding", "abandoned", "watching"]),
        ("mallory", True, ["deciding", "abandoned", "watching"]),
    ],
)
def test_manual_failover_needs_the_word_of_an_authorised_operator(
    operator: str, approve: bool, expected: list[str]
) -> None:  # fmt: skip
    world = shipped(begun(FakeWorld(config(mode="manual"))))
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == ["deciding"]
    assert any(isinstance(command, c.PageOperator) for command in world.done)
    world.tell(
        e.OperatorAnswered(world.mono_us, world.utc_us, world.incarnation, operator, approve)
    )
    world.settle()
    assert phases(world) == expected
    world.wait(10 * MINUTE)  # an operator who said no is not asked again for the same silence
    assert phases(world) == expected


def test_machines_that_come_back_while_it_is_decided_end_it() -> None:
    world = shipped(begun(FakeWorld(config(mode="manual"))))
    dies(world)
    world.wait(30 * SECOND)
    world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, "sql1"))
    assert phases(world) == ["deciding", "abandoned", "watching"]


def test_a_torn_last_log_of_a_dead_primary_is_given_up_at_once() -> None:
    """17 minutes of outage instead of 2 would mean that it was retried."""
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    dies_at = world.mono_us
    world.on_way, torn = [], world.on_way[0]
    world.on_way.append(torn)
    world.land(torn, damaged=True)
    world.reachable = False
    for machine in ("sql1", "sql2"):
        world.tell(e.HeartbeatLost(world.mono_us, world.utc_us, 0, machine, dies_at))
    world.settle()
    world.wait(30 * SECOND)
    assert phases(world) == WAY
    assert world.mono_us == dies_at + 30 * SECOND
    assert world.redo == 300


def test_a_torn_last_log_is_copied_again_if_the_share_survives() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    world.land(world.on_way[0], damaged=True)
    order(world, "ben")
    world.settle()
    world.land_all()
    world.land_all()
    assert phases(world) == WAY
    assert world.redo == world.written


@pytest.mark.parametrize("lands_after", [False, True])
def test_logs_that_were_lost_here_before_a_restart_are_had_from_the_share(
    lands_after: bool,
) -> None:
    """They waited for the restore job. After the restart no log comes that would show the hole, and
    no tail.
    """
    world = shipped(begun(FakeWorld(config(every_us=60 * MINUTE))))
    world.share.clear()
    world.start()
    world.settle()
    if lands_after:
        shipped(world, 1)
    world.host_lost = True
    order(world, "ben")
    world.settle()
    world.land_all()
    assert phases(world) == WAY
    assert world.redo == world.log_start


def test_what_stays_damaged_in_a_drain_is_copied_again_within_its_attempts() -> None:
    """Three attempts are allowed; the copy that comes after them is the last, and then it goes on
    without the file.
    """
    world = shipped(begun(FakeWorld(config(attempts=3))))
    name = world.backup(Kind.LOG)
    order(world, "anna")
    world.settle()
    world.backups[name].bad_at_primary = True
    for copy in range(1, 5):
        assert phases(world) == WAY[:2] and name in world.on_way, f"copy {copy}"
        world.land(name)
        world.settle()
    assert name not in world.on_way
    world.land_all()  # the tail
    assert phases(world) == WAY
    assert world.redo == 300


@pytest.mark.parametrize(("damaged_again", "comes"), [(0, True), (2, True), (3, False)])
def test_what_used_up_its_attempts_before_a_failover_is_copied_again_in_the_drain(
    damaged_again: int, comes: bool
) -> None:
    """The replay would wait for a full. The drain has the attempts again, since the share has the
    log whole: there is nothing else to wait for.
    """
    world = shipped(begun(FakeWorld(config(attempts=3))))
    name = world.backup(Kind.LOG)
    for _ in range(4):
        world.land(name, damaged=True)
        world.settle()
        world.wait(5 * MINUTE)
    assert name not in world.on_way
    world.on_way.clear()
    order(world, "anna")
    world.settle()
    for _ in range(damaged_again):
        world.land(name, damaged=True)
        world.settle()
    assert (name in world.on_way) == comes
    world.land_all()
    assert phases(world)[-1] == "serving"
    assert (name in {restored for restored, *_ in world.replayed}) == comes


def test_what_the_engine_refuses_in_a_drain_is_tried_again_at_once_within_its_attempts() -> None:
    world = shipped(begun(FakeWorld(config(attempts=3), refusal=4319)))
    name = world.backup(Kind.LOG)
    world.engine_refuses = 99
    dies(world)
    world.on_way.append(name)
    world.land(name)
    world.settle()
    assert world.counted[name] == 1
    world.wait(30 * SECOND)
    assert world.counted[name] == 4
    assert phases(world) == WAY
    assert world.redo == 300


@pytest.mark.parametrize("refusal, tries", [(3101, 7), (60027, 7), (60007, 7), (4319, 4)])
def test_a_refusal_that_passes_is_waited_for_in_a_drain_one_that_does_not_is_not(
    refusal: int, tries: int
) -> None:
    """The log is refused six times. The drain waits for readers and for room, at every retry,
    within its limit.
    """
    world = shipped(begun(FakeWorld(config(retry_us=MINUTE), refusal=refusal)))
    name = world.backup(Kind.LOG)
    world.engine_refuses = 6
    dies(world)
    world.on_way.append(name)
    world.land(name)
    world.settle()
    world.wait(world.config.failover.drain_limit_us - MINUTE)
    assert world.counted[name] == tries
    assert phases(world) == WAY and world.redo == (400 if tries == 7 else 300)


def test_a_refusal_that_never_passes_is_waited_for_no_longer_than_the_limit() -> None:
    world = shipped(begun(FakeWorld(config(retry_us=MINUTE))))
    name = world.backup(Kind.LOG)
    world.engine_refuses = 99
    dies(world)
    world.on_way.append(name)
    world.land(name)
    world.settle()
    world.wait(world.config.failover.drain_limit_us - MINUTE)
    assert phases(world)[-1] == "draining"
    world.wait(2 * MINUTE)
    assert phases(world) == WAY and world.redo == 300
    assert 6 in events_of(world)


@pytest.mark.parametrize(
    ("limit_us", "refused", "reached"),
    [(3 * MINUTE, 2, 400), (3 * MINUTE, 9, 300), (MINUTE // 2, 2, 300)],
    ids=["somebody acts in time", "nobody acts", "the drain ends before the next retry"],
)
def test_somebody_may_set_the_secondary_up_while_a_drain_waits_for_something_else(
    limit_us: int, refused: int, reached: int
) -> None:
    """The first log is refused until somebody acts. The drain waits for the second one, which never
    comes, and tries the first one at each retry. It never waits for the first one alone.
    """
    rules = config(retry_us=MINUTE)
    rules = replace(rules, failover=replace(rules.failover, drain_limit_us=limit_us))
    world = shipped(begun(FakeWorld(rules, refusal=5133)))
    here, away = world.backup(Kind.LOG), world.backup(Kind.LOG)
    world.engine_refuses = refused
    world.host_lost = True
    order(world, "anna")
    world.settle()
    world.land(here)
    world.settle()
    assert phases(world)[-1] == "draining" and away in world.on_way
    world.wait(limit_us)
    assert phases(world) == WAY
    assert world.redo == reached


def test_draining_goes_past_a_hole_if_a_landed_incremental_reaches_further() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    lost = world.on_way.pop()
    world.backups[lost].at_primary = False
    world.backup(Kind.LOG)
    world.backup(Kind.INCREMENTAL)
    world.land_all()
    assert world.redo == 300  # no limit is reached yet: the hole is waited for
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == WAY
    assert world.redo == 600


def test_a_failover_to_an_earlier_instant_after_a_restart_reads_the_logs_after_the_older_full() -> (
    None
):
    """A restart takes logs before the last restored one for restored. Those that follow the full of
    before the instant are needed, not those after the newest full.
    """
    world = begun(FakeWorld(config()))
    world.land(world.backup(Kind.FULL))
    world.settle()
    shipped(world, 3)
    stop_utc_us, redo = world.utc_us, world.redo
    world.wait(MINUTE)
    world.land(world.backup(Kind.FULL))
    world.settle()
    shipped(world, 3)
    world.start()
    world.settle()
    world.tell(
        e.FailoverOrderedToPoint(world.mono_us, world.utc_us, 0, "anna", DB, stop_utc_us, True)
    )
    world.settle()
    world.wait(11 * MINUTE)
    assert world.promoted and world.redo == redo


@pytest.mark.parametrize("logs_before, taken", [(3, True), (0, False)])
def test_a_drain_takes_the_first_full_of_a_fork_that_no_log_leads_to(
    logs_before: int, taken: bool
) -> None:
    """The primary has begun another fork, and no log of it is here. A full that was taken before
    the last restored log is of a fork that had been left by then.
    """
    world = shipped(begun(FakeWorld(config())), logs_before)
    world.wait(MINUTE)
    full = world.backup(Kind.FULL)
    header = replace(world.backups[full].header, fork=2, first_fork=2)
    world.backups[full].header = header
    world.land_all()
    shipped(world, 3 - logs_before)
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == WAY
    restores = [x.name for x in world.done if isinstance(x, c.Restore)]
    assert (restores[-1] == full) is taken


def test_draining_never_goes_over_a_hole() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    lost = world.on_way.pop()
    world.backups[lost].at_primary = False
    world.backup(Kind.LOG)
    world.land_all()
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == WAY
    assert world.redo == 300


def test_what_never_lands_is_waited_for_no_longer_than_the_limit() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    order(world, "anna")
    world.settle()
    assert phases(world) == WAY[:2]
    world.wait(10 * MINUTE)
    assert phases(world) == WAY, "one limit for draining and the tail"
    assert [a.text for _, a in world.alerts] == [
        f"For database [{DB}] the failover continued without [1] files: [1] still in transfer, "
        "[0] here but damaged, refused or behind a hole."
    ]


@pytest.mark.parametrize("kind", [Kind.INCREMENTAL, Kind.FULL])
@pytest.mark.parametrize("host_lost", [True, False])
def test_without_a_tail_a_backup_on_its_way_that_reaches_past_the_logs_is_waited_for(
    kind: Kind, host_lost: bool
) -> None:
    world = shipped(begun(FakeWorld(config())))
    name = world.backup(kind)
    world.host_lost = host_lost
    order(world, "anna")
    world.settle()
    if host_lost:
        assert phases(world) == WAY[:3]
        world.land(name)
    else:
        world.land(world.on_way[-1])  # the tail holds the same, and more
    world.settle()
    assert phases(world) == WAY
    # the tail holds what was written until the fence
    assert world.redo == (400 if host_lost else 500)
    assert world.on_way == ([] if host_lost else [name])


def test_a_backup_on_its_way_that_was_finished_before_the_last_log_was_cut_is_not_waited_for() -> (
    None
):
    world = begun(FakeWorld(config()))
    world.wait(5 * MINUTE)
    name = world.backup(Kind.INCREMENTAL)
    world.wait(5 * MINUTE)
    world.land(world.backup(Kind.LOG))
    world.host_lost = True
    order(world, "anna")
    world.settle()
    assert phases(world) == WAY
    assert world.on_way == [name]


def test_the_replay_delay_holds_nothing_back_in_a_failover() -> None:
    world = shipped(begun(FakeWorld(config(delay_us=60 * MINUTE))))
    assert world.redo == 0
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == WAY
    assert world.redo == 300


def test_nothing_is_restored_after_the_promotion() -> None:
    world = shipped(begun(FakeWorld(config())))
    dies(world)
    world.wait(MINUTE)
    world.reachable = True
    world.on_way.clear()
    before = len(world.done)
    world.tell(e.Landed(world.mono_us, world.utc_us, 0, DB, next(iter(world.backups)), 0, 1))
    assert len(world.done) == before


def test_a_database_that_cannot_be_recovered_is_told_and_tried_again() -> None:
    world = FakeWorld(config(databases=(DB, "erp")))
    world.start()
    world.settle()
    manager = world.manager
    assert manager is not None
    failover = manager.failover
    out: list[c.Command] = []
    for event in TO_RECOVERING:
        failover.move(event, out)
    failover.online.unanswered = {DB, "erp"}
    out.clear()
    way_over.recover_failed(
        failover, e.RecoverFailed(0, 0, 1, "erp", 3117, "no files are ready to rollforward"), out
    )
    assert next(x for x in out if isinstance(x, c.RaiseAlert)).text == (
        "Database [erp] could not be recovered at the secondary. The SQL error provided "
        "is: 3117 no files are ready to rollforward"
    )
    assert c.SetAlarm("", "recover", 5 * MINUTE) in out
    assert out[-1] == c.TakeInventory()
    way_over.recovered(failover, e.Recovered(0, 0, 1, DB, 2, 300), out)
    assert failover.phase is FailoverPhase.REDIRECTING
    out.clear()
    failover.alarm(e.Alarm(5 * MINUTE, 0, 1, "", "recover"), out)
    assert out == [c.Recover("erp")]


def test_a_database_recovered_by_an_order_from_before_a_restart_is_found_online() -> None:
    world = shipped(begun(FakeWorld(config())))
    manager = world.manager
    assert manager is not None
    out: list[c.Command] = []
    for event in TO_RECOVERING:
        manager.failover.move(event, out)
    manager.failover.online.unanswered = {DB}
    manager.failover.online.ordered_before = {DB}
    world.promoted = True  # at the engine; its answer went to an incarnation that is no more
    world.tell(
        e.RecoverFailed(
            world.mono_us, world.utc_us, 1, DB, 3117, "no files are ready to rollforward"
        )
    )
    world.settle()
    assert phases(world)[-2:] == ["redirecting", "serving"]
    assert world.recovers == 0


@pytest.mark.parametrize("phase", list(FailoverPhase))
def test_an_event_that_is_not_in_the_table_raises_and_changes_nothing(
    phase: FailoverPhase,
) -> None:
    saved = {KEY: StoredFailover(phase).text()}
    failover = Failover(config().failover, {}, 5 * MINUTE, saved, AlertBook("", 30 * MINUTE, {}))
    illegal = set(FailoverEvent) - set(FAILOVER.moves(phase))
    assert illegal
    for event in illegal:
        out: list[c.Command] = []
        with pytest.raises(IllegalTransitionError):
            failover.move(event, out)
        assert failover.phase is phase
        assert out == []


@pytest.mark.parametrize("planned", [False, True])
def test_a_crash_before_any_command_of_a_failover_changes_nothing(planned: bool) -> None:
    """Crash once before each command in turn: the same end, one promotion, and what is durable is
    durable.
    """
    calm = run_over(planned, -1)
    for at in range(len(calm.done)):
        world = run_over(planned, at)
        assert world.redo == calm.redo, f"crash before command {at}: {calm.done[at]}"
        assert world.recovers == 1
        assert json.loads(world.store["failover"])["state"] == "serving"


def run_over(planned: bool, crash_at: int) -> FakeWorld:
    countdown = [crash_at]

    def before(command: c.Command) -> str:
        countdown[0] -= 1
        return "crash" if countdown[0] == -1 else ""

    world = shipped(begun(FakeWorld(config(), before)))
    world.backup(Kind.LOG)
    for _ in range(3):
        state = json.loads(world.store.get("failover", '{"state": "watching"}'))["state"]
        if state == "watching":
            if planned:
                order(world, "anna", planned=True)
            else:
                dies(world)
        for _ in range(3):
            world.settle()
            world.land_all()
            world.wait(30 * SECOND)
    return world


# ---- fencing: the point of no return
def events_of(world: FakeWorld) -> list[int]:
    return [alert.event_id for _, alert in world.alerts]


def being_fenced(planned: bool | None = None) -> FakeWorld:
    """A failover whose fence has not been answered: begun by silence, or ordered."""
    world = shipped(begun(FakeWorld(config())))
    world.fence_hangs = True
    if planned is None:
        dies(world)
        world.wait(30 * SECOND)
    else:
        order(world, "anna", planned)
    assert phases(world) == ["fencing"]
    return world


def fence_says(world: FakeWorld, reason: str) -> None:
    """'' it has been fenced, else why not."""
    who = (world.mono_us, world.utc_us, world.incarnation)
    world.tell(e.FenceFailed(*who, NotFenced(reason)) if reason else e.Fenced(*who))
    world.settle()


def heard(world: FakeWorld, *machines: str) -> None:
    for machine in machines or ("sql1", "sql2"):
        world.silent.pop(machine, None)
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))
        world.settle()


CALLED_OFF = ["fencing", "abandoned", "watching"]


@pytest.mark.parametrize(
    ("planned", "back", "answers", "expected", "told", "fences"),
    [
        # silence began it, nothing is heard: it goes on whatever the fence says, and tells what it
        # could not do
        (None, False, [""], WAY, [], 1),
        (None, False, ["unreachable"], WAY, [12], 1),
        (None, False, ["no answer"], WAY, [12], 1),
        # the machines are heard again: called off where nothing was changed, and nothing else is
        (None, True, ["unreachable"], CALLED_OFF, [14], 1),
        (None, True, [""], WAY, [14], 1),
        (None, True, ["no answer"], ["fencing"], [12], 1),
        (None, True, ["no answer", "unreachable"], ["fencing"], [12, 12], 2),
        (None, True, ["no answer", ""], WAY, [12, 14], 2),
        # by order: heartbeats decide nothing
        (False, True, ["unreachable"], WAY, [12], 1),
        (True, False, ["unreachable"], CALLED_OFF, [14], 1),
        (True, False, ["no answer"], ["fencing"], [12], 1),
        (True, False, ["no answer", ""], WAY, [12], 2),
    ],
)  # fmt: skip
def test_what_follows_from_the_fence_and_from_heartbeats_that_come_back(
    planned: bool | None,
    back: bool,
    answers: list[str],
    expected: list[str],
    told: list[int],
    fences: int,
) -> None:
    world = being_fenced(planned)
    if back:
        heard(world)
        assert phases(world) == ["fencing"], "an order to stop is out: its answer decides"
    for reason in answers:
        if fences > 1 and len(events_of(world)) > 0:
            # nobody may be serving: it is asked again soon
            world.wait(world.config.failover.silent_for_us)
        world.reachable = reason == ""
        fence_says(world, reason)
        world.land_all()
    assert phases(world) == expected
    assert events_of(world) == told
    assert len([x for x in world.done if isinstance(x, c.Fence)]) == fences
    if expected is CALLED_OFF:
        calm(world)


def calm(world: FakeWorld) -> None:
    """Called off, everything goes on: logs are replayed, silence is told, and a later failure is
    met.
    """
    world.reachable, world.fence_hangs = True, False
    shipped(world, 2)
    assert world.redo == world.written and world.recovers == 0
    before = len(world.alerts)
    world.wait(20 * MINUTE)
    assert 2 in [alert.event_id for _, alert in world.alerts[before:]], "silence is told"
    world.reachable = False
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world)[-6:] == WAY


def test_a_failover_is_called_off_in_the_drain_if_the_old_primary_was_never_reached() -> None:
    """The damaged log that the drain had given up is copied again, as if there had been no
    failover.
    """
    world = shipped(begun(FakeWorld(config(databases=(DB, "erp")))))
    torn = world.backup(Kind.LOG)
    world.land(torn, damaged=True)
    assert world.manager is not None
    dies(world)
    world.fence_hangs = True
    world.wait(30 * SECOND)
    world.answers.clear()
    world.tell(e.FenceFailed(world.mono_us, world.utc_us, world.incarnation, NotFenced.UNREACHABLE))
    drain = world.manager.databases[DB].drain
    assert phases(world)[-1] == "draining" and drain is not None
    world.answers.clear()
    world.tell(e.ShareAnswered(world.mono_us, world.utc_us, world.incarnation, DB, False, {}))
    assert [file.name for file in drain.given_up] == [torn]
    heard(world)
    assert phases(world)[-2:] == ["abandoned", "watching"]
    world.reachable = True
    world.wait(5 * MINUTE)
    world.land_all()
    assert world.redo == 400 and world.recovers == 0


def test_a_fence_that_failed_is_asked_for_until_it_is_confirmed_and_two_primaries_are_told() -> (
    None
):
    world = being_fenced()
    fence_says(world, "unreachable")
    assert phases(world) == WAY and events_of(world) == [12]
    fences = [x for x in world.done if isinstance(x, c.Fence)]
    world.wait(5 * MINUTE)
    assert len([x for x in world.done if isinstance(x, c.Fence)]) == len(fences) + 1
    fence_says(world, "unreachable")
    assert events_of(world) == [12], "users are here, and nothing is heard of the old primary"
    heard(world, "sql1")
    assert events_of(world) == [12, 13]
    assert len([x for x in world.done if isinstance(x, c.Fence)]) == len(fences) + 2, (
        "asked for at once"
    )
    fence_says(world, "no answer")
    assert events_of(world) == [12, 13, 12]
    world.wait(5 * MINUTE)
    fence_says(world, "")
    assert "alert/" not in world.store
    done = len(world.done)
    heard(world, "sql2")
    world.wait(60 * MINUTE)
    assert not [x for x in world.done[done:] if isinstance(x, c.Fence | c.RaiseAlert)], (
        "it is known to be stopped"
    )


@pytest.mark.parametrize(("saved", "expected"), [("unknown", "fencing"), ("open", "watching")])
def test_a_restart_that_finds_the_machines_back_asks_again_only_if_the_order_may_have_been_obeyed(
    saved: str, expected: str
) -> None:  # fmt: skip
    world = being_fenced()
    state = json.loads(world.store["failover"])
    assert state["fence"] == "unknown", "durable before the order is sent"
    world.store["failover"] = json.dumps({**state, "fence": saved})
    world.silent.clear()
    before = len([x for x in world.done if isinstance(x, c.Fence)])
    world.start()
    world.settle()
    assert phases(world)[-1] == expected
    assert len([x for x in world.done if isinstance(x, c.Fence)]) - before == (saved == "unknown")


# ---- what a drain leaves behind, and how long it may take
def test_a_restart_in_a_drain_does_not_begin_its_limit_anew() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    order(world, "anna")
    world.settle()
    for _ in range(3):
        world.wait(3 * MINUTE)
        world.start()
        world.settle()
    assert phases(world)[-1] == "draining"
    world.wait(MINUTE)
    assert phases(world)[-1] == "serving"


@pytest.mark.parametrize(
    ("lands", "under_way", "restores", "recovers"),
    [(True, False, 1, 1), (True, True, 0, 1), (False, False, 0, 1)],
)
def test_what_lands_while_the_manager_is_down_is_restored_before_the_database_is_brought_online(
    lands: bool, under_way: bool, restores: int, recovers: int
) -> None:  # fmt: skip
    """The manager dies before it orders the database online; or the order of an earlier incarnation
    is being carried out, and nothing is restored into that copy.
    """
    world = shipped(begun(FakeWorld(config())))
    left = world.backup(Kind.LOG)
    order(world, "anna")
    world.settle()

    def dies_once(command: c.Command) -> str:
        if not isinstance(command, c.Recover):
            return ""
        world.crash_before = lambda _: ""
        if lands:
            world.on_way.remove(left)
            world.share[left] = Here(world.backups[left])
        world.brought_online = under_way
        return "crash"

    world.crash_before = dies_once
    done = len(world.done)
    world.wait(10 * MINUTE)
    after = world.done[done:]
    assert phases(world)[-1] == "serving"
    assert sum(isinstance(command, c.Restore) for command in after) == restores
    assert sum(isinstance(command, c.Recover) for command in after) == recovers
    assert sum(isinstance(command, c.LookAtCopy) for command in after) == lands


def test_nothing_that_has_landed_holds_up_a_planned_failover_after_a_restart() -> None:
    """It has left nothing behind: what lands late is another copy of what is restored."""
    world = shipped(begun(FakeWorld(config())))

    def dies_once(command: c.Command) -> str:
        if not isinstance(command, c.Recover):
            return ""
        world.crash_before = lambda _: ""
        late = world.backup(Kind.LOG)
        world.on_way.remove(late)
        world.share[late] = Here(world.backups[late])
        return "crash"

    world.crash_before = dies_once
    done = len(world.done)
    order(world, "anna", planned=True)
    world.settle()
    assert phases(world)[-1] != "serving", "the tail has yet to land"
    world.land_all()
    assert phases(world)[-1] == "serving"
    assert not [x for x in world.done[done:] if isinstance(x, c.LookAtCopy)]


@pytest.mark.parametrize(
    ("refused", "hole", "expected"),
    [(True, False, [3, 6]), (False, True, [1, 6]), (False, False, [])],
)
def test_what_landed_and_is_left_behind_is_told(
    refused: bool, hole: bool, expected: list[int]
) -> None:
    """Four logs wait for the replay delay. One is refused by the engine for good, or damaged, or
    the one before it lacks.
    """
    world = begun(FakeWorld(config(delay_us=60 * MINUTE)))
    if hole:
        world.backups[world.backup(Kind.LOG)].at_primary = False
        world.on_way.clear()
    shipped(world, 2 if hole else 4)
    names = sorted(world.share)
    if refused:
        world.share[names[1]].damaged = True
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == WAY
    told = [alert for _, alert in world.alerts if alert.event_id != 12]
    assert [alert.event_id for alert in told] == expected
    if expected:
        here = 3 if refused else 2
        assert f"[{here}] here but damaged" in told[-1].text
        assert told[0].name == names[1 if refused else 0]


def test_a_torn_log_that_the_next_one_covers_is_not_told_as_left_behind() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.wait(5 * MINUTE)
    torn = world.backup(Kind.LOG, cut_off=True)
    world.land(torn)
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    dies_at = list(world.on_way)
    order(world, "anna")
    for name in dies_at:
        world.land(name)
    world.settle()
    world.land_all()
    assert phases(world) == WAY and world.redo == world.written
    assert events_of(world) == []


# ---- a planned failover of a database without logs
@pytest.mark.parametrize("other_base", [False, True])
def test_a_planned_failover_takes_a_last_backup_of_a_database_without_logs(
    other_base: bool,
) -> None:
    world = begun(FakeWorld(config(log_interval_us=0)))
    world.backup(Kind.FULL)
    if other_base:
        world.on_way.clear()  # a full that never came here: an incremental on it does not fit
        world.backups[next(iter(world.backups))].at_primary = False
    world.land_all()
    order(world, "anna", planned=True)
    for _ in range(4):
        world.settle()
        world.land_all()
    kinds = [x.kind for x in world.done if isinstance(x, c.TakeBackup)]
    assert kinds == ([Kind.INCREMENTAL, Kind.FULL] if other_base else [Kind.INCREMENTAL])
    assert phases(world) == WAY
    assert world.redo == world.written, "what was written since the last backup is here"


def test_a_last_backup_that_cannot_be_taken_is_waited_for_and_taken_later() -> None:
    world = begun(FakeWorld(config(log_interval_us=0)))
    world.backup(Kind.FULL)
    world.land_all()
    order(world, "anna", planned=True)
    while phases(world)[-1] != "tail":
        world.tell(world.answers.pop(0))
    world.answers.clear()
    world.tell(
        e.BackupFailed(
            world.mono_us, world.utc_us, world.incarnation, DB, Kind.INCREMENTAL, Refused("overrun")
        )
    )
    assert phases(world)[-1] == "tail"
    world.wait(world.config.failover.drain_limit_us)
    assert [alert.event_id for _, alert in world.alerts] == [7]
    world.land_all()
    assert phases(world) == WAY and world.redo == world.written


def last_asked(world: FakeWorld) -> FakeWorld:
    """A planned failover of a database without logs, up to where the last incremental is asked
    for.
    """
    world.backup(Kind.FULL)
    world.land_all()
    order(world, "anna", planned=True)
    while phases(world)[-1] != "tail":
        world.tell(world.answers.pop(0))
    return world


def asked_for(world: FakeWorld) -> list[Kind]:
    return [Kind(x.kind) for x in world.done if isinstance(x, c.TakeBackup)]


def test_a_last_backup_is_asked_for_again_when_the_one_that_was_running_lands() -> None:
    world = last_asked(begun(FakeWorld(config(log_interval_us=0))))
    world.answers.clear()
    # of what was asked for nothing came of: the job that was running is still at it
    (last,) = world.on_way
    world.tell(
        e.BackupFailed(
            world.mono_us, world.utc_us, world.incarnation, DB, Kind.INCREMENTAL, Refused("overrun")
        )
    )
    assert asked_for(world) == [Kind.INCREMENTAL]
    world.wait(MINUTE)
    world.land(last)
    world.settle()
    world.land_all()
    assert asked_for(world) == [Kind.INCREMENTAL] * 2
    assert phases(world) == WAY and world.redo == world.written
    assert world.mono_us == MINUTE and events_of(world) == []


@pytest.mark.parametrize(
    "damaged, asked, on_time",
    # last backups that are damaged at the primary; the attempts limit is 3
    [(1, 2, True), (3, 4, True), (4, 5, False)],
)
def test_a_last_backup_that_is_damaged_at_the_primary_is_taken_anew(
    damaged: int, asked: int, on_time: bool
) -> None:
    world = last_asked(begun(FakeWorld(config(log_interval_us=0))))
    for _ in range(damaged):
        (name,) = world.on_way
        world.backups[name].bad_at_primary = True
        for _ in range(4):  # the first copy and three more
            world.land(name)
            world.settle()
            assert world.recovers == 0
    if not on_time:
        assert world.on_way == []
        world.wait(world.config.failover.drain_limit_us)
    world.land_all()
    assert asked_for(world) == [Kind.INCREMENTAL] * asked
    assert events_of(world) == ([] if on_time else [7])
    assert phases(world) == WAY and world.redo == world.written


def test_a_last_backup_that_was_cut_off_is_taken_anew_and_not_gone_without() -> None:
    world = last_asked(begun(FakeWorld(config(log_interval_us=0))))
    (name,) = world.on_way
    world.backups[name].cut_off = True
    world.land_all()
    assert asked_for(world) == [Kind.INCREMENTAL] * 2
    assert phases(world) == WAY and world.redo == world.written


def test_a_last_backup_that_the_engine_refuses_is_not_gone_without() -> None:
    """Refused again and again: within its attempts it is tried, then another is taken."""
    world = last_asked(begun(FakeWorld(config(log_interval_us=0), refusal=4319)))
    world.engine_refuses = 5
    world.land_all()
    assert asked_for(world) == [Kind.INCREMENTAL] * 2
    assert phases(world) == WAY and world.redo == world.written


@pytest.mark.parametrize(
    "reason, after",
    [
        ("paused: upgrade", Kind.INCREMENTAL),
        ("cut off", Kind.INCREMENTAL),
        ("refused by the engine", Kind.FULL),
    ],
)
def test_a_last_backup_is_of_the_same_kind_once_a_refusal_has_passed(
    reason: str, after: Kind
) -> None:
    world = last_asked(begun(FakeWorld(config(log_interval_us=0))))
    world.answers.clear()
    world.on_way.clear()
    world.backups_refused = reason
    world.tell(
        e.BackupFailed(
            world.mono_us, world.utc_us, world.incarnation, DB, Kind.INCREMENTAL, Refused(reason)
        )
    )
    world.settle()
    world.wait(8 * MINUTE)  # the drain's limit is 10 minutes: it is asked again before
    world.backups_refused = ""
    assert phases(world)[-1] == "tail"
    world.wait(MINUTE + 5 * MINUTE)
    world.land_all()
    assert asked_for(world)[1:] == [after] * (len(asked_for(world)) - 1)
    assert phases(world) == WAY and world.redo == world.written


def test_a_planned_failover_takes_an_incremental_where_no_tail_can_be_taken() -> None:
    world = shipped(begun(FakeWorld(config())))
    order(world, "anna", planned=True)
    while not any(isinstance(x, c.TakeTail) for x in world.done):
        world.tell(world.answers.pop(0))
    world.answers.clear()
    world.on_way.clear()
    world.tell(
        e.TailFailed(
            world.mono_us,
            world.utc_us,
            world.incarnation,
            DB,
            Refused("4208 The statement BACKUP LOG"),
        )
    )
    world.settle()
    world.land_all()
    assert (
        asked_for(world) == [Kind.INCREMENTAL]
        and phases(world) == WAY
        and world.redo == world.written
    )


@pytest.mark.parametrize("crossing_is", ["here", "listed", "unknown"])
def test_a_last_incremental_of_a_later_fork_needs_no_full(crossing_is: str) -> None:
    """The copy stands on fork 1. The log that crosses to fork 2 may be here, and is refused, or be
    listed in the primary's share: its header says how the incremental's fork hangs on the copy's.
    Without it nobody knows.
    """
    world = shipped(begun(FakeWorld(config())))
    world.engine_refuses = 1_000
    backup = world.backups[world.backup(Kind.LOG)]
    backup.header = replace(backup.header, fork=2, fork_point_lsn=backup.header.first_lsn)
    if crossing_is == "here":
        world.land_all()
    assert world.manager is not None
    fetching = world.manager.databases[DB].fetching
    fetching.there = {backup.name: backup.header} if crossing_is == "listed" else None
    name = world.backup(Kind.INCREMENTAL)
    header = replace(world.backups[name].header, fork=2, first_fork=2)
    last, out = LastBackup(world.manager.databases[DB]), list[c.Command]()
    last.ask(Kind.INCREMENTAL, out)
    last.taken(e.BackupTaken(0, 0, world.incarnation, DB, Kind.INCREMENTAL, name))
    file = File(name, Kind.INCREMENTAL, 0, 1_000, 0)
    file.header = header
    last.validated(file, out)
    asked = [command.kind for command in out if isinstance(command, c.TakeBackup)]
    full = [Kind.FULL] if crossing_is == "unknown" else []
    assert asked == [Kind.INCREMENTAL, *full]


def test_a_planned_failover_that_meets_a_hole_goes_on_when_the_primary_dies_in_it() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.backup(Kind.LOG)
    beyond = world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.land(beyond)
    world.settle()
    dies(world)
    world.wait(3 * world.config.failover.drain_limit_us)
    assert phases(world)[-1] == "serving" and world.redo < world.written


def test_a_backup_past_a_hole_that_is_asked_for_stands_in_for_a_tail_that_cannot_be_taken() -> None:
    """The hole shows while the tail is awaited: a log lands that nobody knew of."""
    world = shipped(begun(FakeWorld(config())))
    world.backups[world.backup(Kind.LOG)].at_primary = False
    world.on_way.clear()
    beyond = world.backup(Kind.LOG)
    world.on_way.clear()
    order(world, "anna", planned=True)
    until_done(world, c.TakeTail)
    world.answers.clear()
    world.on_way[:] = [beyond]
    world.land(beyond)
    until_done(world, c.TakeBackup)
    no_log = Refused("4208 The statement BACKUP LOG")
    failed = e.TailFailed(world.mono_us, world.utc_us, world.incarnation, DB, no_log)
    world.tell(failed)
    world.settle()
    world.land_all()
    assert asked_for(world) == [Kind.INCREMENTAL]
    assert phases(world) == WAY and world.redo == world.written


def until_done(world: FakeWorld, kind: type[c.Command]) -> None:
    """Give the answers that are due until such a command has been given."""
    while not count_of(world, kind):
        world.settle_one()


def after(phase: str) -> set[str]:
    """The phases that may come next."""
    at = FailoverPhase(phase)
    return {FAILOVER.after(at, event).value for event in FAILOVER.moves(at)}


def count_of(world: FakeWorld, kind: type[c.Command]) -> int:
    return len([command for command in world.done if isinstance(command, kind)])


class Orders(RuleBasedStateMachine):
    """Heartbeats, orders, answers and crashes in any order: moves are legal, nobody unauthorised is
    obeyed.
    """

    @initialize(mode=st.sampled_from(["automatic", "manual"]))
    def begin(self, mode: str) -> None:
        self.countdown = -1
        self.authority = False
        chosen = config(mode=mode, planned_limit_us=15 * MINUTE)
        self.world = FakeWorld(chosen, self.before)
        shipped(begun(self.world))

    def before(self, command: c.Command) -> str:
        if isinstance(command, c.Fence):
            assert self.authority or self.world.config.failover.mode == "automatic", (
                "fenced on nobody's word"
            )
            if self.world.config.failover.mode == "automatic" and not self.authority:
                seen = self.world.silent.values()
                assert len(seen) == 2 and max(seen) + 30 * SECOND <= self.world.mono_us, (
                    "fenced too early"
                )
                self.authority = True  # what was begun goes on, whatever comes back
        self.countdown -= 1
        return "crash" if self.countdown == -1 else ""

    @rule(machine=st.sampled_from(["sql1", "sql2"]))
    def lost(self, machine: str) -> None:
        if machine not in self.world.silent:
            self.world.silent[machine] = self.world.mono_us
            self.world.tell(
                e.HeartbeatLost(
                    self.world.mono_us, self.world.utc_us, 0, machine, self.world.mono_us
                )
            )
            self.world.settle()

    @rule(machine=st.sampled_from(["sql1", "sql2"]))
    def back(self, machine: str) -> None:
        if self.world.silent.pop(machine, None) is not None:
            self.world.tell(e.HeartbeatBack(self.world.mono_us, self.world.utc_us, 0, machine))
            self.world.settle()

    @rule(operator=st.sampled_from(["anna", "mallory"]), planned=st.booleans())
    def order(self, operator: str, planned: bool) -> None:
        self.authority = self.authority or operator == "anna"
        order(self.world, operator, planned)
        self.world.settle()

    @rule(operator=st.sampled_from(["ben", "mallory"]), approve=st.booleans())
    def answer(self, operator: str, approve: bool) -> None:
        world = self.world
        if phases(world)[-1:] == ["deciding"]:
            self.authority = self.authority or (operator == "ben" and approve)
            world.tell(
                e.OperatorAnswered(
                    world.mono_us, world.utc_us, world.incarnation, operator, approve
                )
            )
            world.settle()

    @rule(operator=st.sampled_from(["anna", "mallory"]))
    def order_back(self, operator: str) -> None:
        world = self.world
        before = count_of(world, c.Unfence)
        world.tell(e.UnfenceOrdered(world.mono_us, world.utc_us, 0, operator))
        if operator == "mallory":
            assert count_of(world, c.Unfence) == before
        world.settle()

    @rule(reachable=st.booleans())
    def primary(self, reachable: bool) -> None:
        self.world.reachable = reachable

    @rule()
    def take_log(self) -> None:
        self.world.backup(Kind.LOG)

    @rule(damaged=st.booleans())
    def land(self, damaged: bool) -> None:
        if self.world.on_way:
            self.world.land(self.world.on_way[0], damaged)
            self.world.settle()

    @rule(after=st.integers(0, 10))
    def crash(self, after: int) -> None:
        self.countdown = after

    @rule(us=st.sampled_from([SECOND, 30 * SECOND, 5 * MINUTE]))
    def wait(self, us: int) -> None:
        self.world.wait(us)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.countdown = -1
        at = "watching"
        for phase in phases(self.world):
            legal = after(at) | {at}
            if at == "abandoned":
                # the announcement between them fell to a crash
                legal |= after("watching")
            assert phase in legal, f"{at} -> {phase}"
            at = phase
        assert self.world.recovers <= 1
        # what was begun ends, within the limits
        if at not in ("watching", "deciding", "abandoned"):
            world = self.world
            world.settle()
            world.wait(40 * MINUTE)
            for _ in range(3):
                # it waits for the primary's share, the tail and what is on its way
                if world.manager.failover.planned:
                    world.reachable = True
                    while world.on_way:
                        world.land(world.on_way[0], False)
                    world.wait(40 * MINUTE)
                if world.manager.failover.phase == "unfencing":
                    world.reachable = True
                    world.wait(MINUTE)
            # what goes back may meet machines that are silent: the operator is asked
            ends = ("serving", "watching", *(("deciding",) if at == "unfencing" else ()))
            assert phases(world)[-1] in ends


def test_orders() -> None:
    chosen = settings(
        max_examples=60,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Orders, settings=chosen)


def test_a_share_that_falls_silent_in_a_drain_is_not_listed_again_and_again() -> None:
    """The tail is refused, as the secondary has no place for a file. So a planned failover would
    look further in the primary's share, which does not answer: it is asked at the next limit, not
    at once.
    """
    world = shipped(begun(FakeWorld(config())))
    world.refusal, world.engine_refuses = 5133, 99
    order(world, "anna", planned=True)
    world.settle()
    world.reachable = False
    world.land_all()
    assert count_of(world, c.ListShare) == 1
    world.wait(world.config.failover.drain_limit_us)
    assert count_of(world, c.ListShare) == 2


def test_a_machine_that_is_heard_again_while_the_manager_is_down_is_told_of() -> None:
    """It had not been stopped. That it was silent is durable, so a restart sees that it is not."""
    world = being_fenced()
    fence_says(world, "unreachable")
    world.silent.pop("sql1")
    world.start()
    world.settle()
    assert events_of(world).count(13) == 1
    (text,) = (alert.text for _, alert in world.alerts if alert.event_id == 13)
    assert "[sql1]" in text
    world.start()
    world.settle()
    assert events_of(world).count(13) == 1, "people know"


def test_a_machine_that_was_never_silent_is_not_heard_again() -> None:
    """One of two machines was silent, which was enough for a failover, and still is."""
    world = shipped(begun(FakeWorld(config(machines_silent=1))))
    world.fence_hangs = True
    falls_silent(world, "sql1")
    world.wait(30 * SECOND)
    fence_says(world, "unreachable")
    world.start()
    world.settle()
    assert 13 not in events_of(world)
