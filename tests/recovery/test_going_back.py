"""A failover that has stopped the old primary and cannot be brought to its end goes back: the old
primary serves again, and two never do.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.events import NotUnfenced
from dr_sim.recovery.failover.failover_table import (
    BRINGS_ONLINE,
    FAILOVER,
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from tests.recovery.fake_world import MINUTE, SECOND, FakeWorld, begun, config
from tests.recovery.test_failover import dies, events_of, order, phases, shipped

LIMIT = 25 * MINUTE
BACK = ["unfencing", "abandoned", "watching"]


def waiting(**how: Any) -> FakeWorld:
    """A planned failover that waits for a log which never comes."""
    world = shipped(begun(FakeWorld(config(planned_limit_us=LIMIT, **how))))
    world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.settle()
    assert phases(world)[-1] == "draining" and world.fenced
    return world


def count(world: FakeWorld, kind: type[c.Command]) -> int:
    return len([command for command in world.done if isinstance(command, kind)])


def unfence_ordered(world: FakeWorld, operator: str = "anna") -> None:
    world.tell(e.UnfenceOrdered(world.mono_us, world.utc_us, 0, operator))


def answer(world: FakeWorld, kind: type[e.Event]) -> None:
    """Give the next answer of that kind, and no other."""
    found = next(event for event in world.answers if isinstance(event, kind))
    world.answers.remove(found)
    world.tell(found)


def unfence_says(world: FakeWorld, reason: NotUnfenced | None) -> None:
    who = (world.mono_us, world.utc_us, world.incarnation)
    world.tell(e.Unfenced(*who) if reason is None else e.UnfenceFailed(*who, reason))
    world.settle()


def refusals(world: FakeWorld) -> list[OrderRefused]:
    return [command.reason for command in world.done if isinstance(command, c.RefuseOrder)]


# ---- when
def test_a_planned_failover_goes_back_at_its_limit_and_what_it_waited_for_is_replayed() -> None:
    world = waiting()
    world.wait(LIMIT - SECOND)
    assert phases(world)[-1] == "draining"
    world.wait(SECOND)
    assert phases(world)[-3:] == BACK
    assert not world.fenced and world.recovers == 0
    assert [event for event in events_of(world) if event > 7] == [25]
    world.land_all()
    shipped(world, 2)
    assert world.redo == world.written
    # a loss after that is met, and the primary is stopped first
    fences = count(world, c.Fence)
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world)[-1] == "serving" and count(world, c.Fence) == fences + 1


def test_what_the_next_failover_waits_for_is_a_danger_of_its_own() -> None:
    """Event 7 of the first one began more than 30 min ago, after which a danger is critical."""
    world = waiting()
    world.wait(LIMIT)
    assert phases(world)[-3:] == BACK
    world.land_all()
    shipped(world, 6)
    world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.settle()
    world.wait(12 * MINUTE)
    levels = [alert.level for _, alert in world.alerts if alert.event_id == 7]
    assert levels == ["error", "error", "error"]


def test_a_primary_that_is_silent_at_the_limit_and_heard_again_serves_again() -> None:
    """Nobody answers the page meanwhile: the failover is still the planned one."""
    world = waiting(mode="manual")
    world.wait(LIMIT - 2 * MINUTE)
    on_way = list(world.on_way)
    dies(world)
    world.wait(3 * MINUTE)
    assert phases(world)[-1] == "draining"
    world.reachable = True
    world.on_way.extend(on_way)
    for machine in ("sql1", "sql2"):
        del world.silent[machine]
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))
    world.wait(MINUTE)
    assert phases(world)[-3:] == BACK


@pytest.mark.parametrize("limit_us", [None, 60 * MINUTE])
def test_it_waits_on_within_its_limit(limit_us: int | None) -> None:
    world = shipped(begun(FakeWorld(config(planned_limit_us=limit_us))))
    world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.wait(50 * MINUTE)
    assert phases(world)[-1] == "draining"
    world.land_all()
    world.settle()
    world.land_all()
    assert phases(world)[-1] == "serving" and count(world, c.Unfence) == 0
    world.wait(60 * MINUTE)
    assert phases(world)[-1] == "serving"


def test_a_restart_does_not_begin_the_limit_anew() -> None:
    world = waiting()
    for _ in range(4):
        world.wait(6 * MINUTE)
        world.start()
        world.settle()
    assert phases(world)[-1] == "draining"
    world.wait(MINUTE)
    assert phases(world)[-3:] == BACK


@pytest.mark.parametrize("how", ["another order", "a loss"])
def test_the_limit_is_only_that_of_a_planned_failover(how: str) -> None:
    world = waiting()
    if how == "a loss":
        world.wait(24 * MINUTE)
        dies(world)
    else:
        order(world, "anna")
    world.wait(LIMIT)
    assert phases(world)[-1] == "serving" and count(world, c.Unfence) == 0


@pytest.mark.parametrize("heard", [True, False])
def test_it_goes_back_where_nothing_came_and_the_primary_is_heard(heard: bool) -> None:
    """An order to this side, whose copy turns out to be gone. The machines that are silent may be
    lost: then the failover goes on, as it is the only way.
    """
    world = shipped(begun(FakeWorld(config())))
    world.exists, world.redo, world.backups_refused = False, 0, "its server is down"
    world.share.clear()
    for backup in world.backups.values():
        backup.at_primary = False
    if not heard:
        world.silent = {"sql1": 0, "sql2": 0}
    world.start()
    world.settle()
    assert world.manager is not None
    out: list[c.Command] = []
    world.manager.failover.begin(False, False, out)
    world.run(out)
    world.settle()
    world.land_all()  # the tail
    world.wait(20 * MINUTE)
    assert (phases(world)[-3:] == BACK) is heard
    assert ("recovering" in phases(world)) is not heard


# ---- in which phase
ON = [phase for phase in FailoverPhase if phase is not FailoverPhase.UNFENCING]


@pytest.mark.parametrize("phase", ON)
def test_only_before_anything_is_online_does_it_go_back(phase: FailoverPhase) -> None:
    """The table has no way back from where a database is online here. While databases are being
    brought online the logic goes back only where all orders have failed.
    """
    moves = FAILOVER.moves(phase)
    may = FailoverEvent.GOES_BACK in moves
    assert may is (
        phase
        in (
            FailoverPhase.WATCHING,
            FailoverPhase.CLAIMING,
            FailoverPhase.FENCING,
            FailoverPhase.PREPARING,
            FailoverPhase.DRAINING,
            FailoverPhase.TAIL,
            FailoverPhase.RECOVERING,
        )
    )
    assert not (may and phase in BRINGS_ONLINE and phase is not FailoverPhase.RECOVERING)


@pytest.mark.parametrize(
    ("phase", "goes_back"),
    [
        ("watching", True), ("fencing", True), ("draining", True), ("tail", True),
        ("recovering", False), ("redirecting", False), ("serving", False), ("deciding", False),
    ],
)  # fmt: skip
def test_an_operator_orders_it(phase: str, goes_back: bool) -> None:
    world = shipped(begun(FakeWorld(config(mode="manual"))))
    stored = {
        "state": phase, "planned": False, "by_silence": False, "fence": "confirmed",
        "drain_since": [world.mono_us, world.utc_us], "declined": [],
    }  # fmt: skip
    world.store["failover"] = json.dumps(stored)
    if phase == "deciding":
        world.silent = {"sql1": 0, "sql2": 0}
    world.fenced = True
    world.promoted = phase in ("redirecting", "serving")
    world.start()
    answer(world, e.Inventory)
    if phase in ("fencing", "draining", "tail"):
        answer(world, e.ClaimGiven)
    unfence_ordered(world, "mallory")
    assert refusals(world) == [OrderRefused(WhyNoFailover.NOT_AUTHORISED)]
    world.answers.clear()
    unfence_ordered(world)
    assert (count(world, c.Unfence) == 1) is goes_back
    assert (len(refusals(world)) == 1) is goes_back
    world.settle()
    assert (phases(world)[-3:] == BACK) is goes_back


def test_a_fence_that_reached_nobody_needs_no_order_to_serve_again() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.fence_hangs = True
    order(world, "anna")
    who = (world.mono_us, world.utc_us, world.incarnation)
    world.answers.clear()
    world.tell(e.FenceFailed(*who, e.NotFenced.UNREACHABLE))
    assert phases(world)[-1] == "draining"
    unfence_ordered(world)
    assert phases(world)[-2:] == ["abandoned", "watching"] and count(world, c.Unfence) == 0


# ---- several copies
def test_one_of_several_claims_before_it_orders_the_primary_to_serve_again() -> None:
    """It was another copy that has stopped the primary, and is dead."""
    world = shipped(begun(FakeWorld(config(standbys=(2, 1)))))
    world.fenced = True
    released = count(world, c.ReleaseClaim)
    unfence_ordered(world)
    assert phases(world) == ["claiming"] and count(world, c.Unfence) == 0
    assert json.loads(world.store["failover"])["claims_to_unfence"]
    world.start()  # the answer is lost
    world.settle()
    assert phases(world)[-3:] == BACK and not world.fenced
    assert count(world, c.Fence) == 0 and count(world, c.ReleaseClaim) == released + 1


def test_where_another_takes_over_it_is_refused() -> None:
    world = shipped(begun(FakeWorld(config(standbys=(2, 1)), claimed_by="near")))
    unfence_ordered(world)
    world.settle()
    assert phases(world) == ["claiming", "watching"] and count(world, c.Unfence) == 0
    assert [reason.why for reason in refusals(world)] == [WhyNoFailover.ANOTHER_TAKES_OVER]


@pytest.mark.parametrize("standbys", [(1, 0), (2, 0)])
@pytest.mark.parametrize("phase", ["fencing", "draining", "unfencing"])
def test_one_that_was_dead_stops_nothing_where_it_has_lost_its_claim(
    phase: str, standbys: tuple[int, int]
) -> None:
    """People may have let the old primary serve again, or another copy may have taken over."""
    world = shipped(begun(FakeWorld(config(standbys=standbys))))
    stored = {
        "state": phase, "planned": True, "by_silence": False, "fence": "unknown",
        "drain_since": [world.mono_us, world.utc_us], "declined": [],
    }  # fmt: skip
    world.store["failover"] = json.dumps(stored)
    world.claimed_by = "people"
    world.start()
    world.settle()
    assert phases(world)[-2:] == ["abandoned", "watching"]
    assert count(world, c.Fence) == count(world, c.Unfence) == world.recovers == 0
    world.claimed_by = ""
    world.fence_hangs = False
    order(world, "anna")
    world.settle()
    world.land_all()
    assert phases(world)[-1] == "serving"


# ---- the answers
def unfencing(**how: Any) -> FakeWorld:
    world = waiting(**how)
    world.unfence_hangs = True
    world.wait(LIMIT)
    assert phases(world)[-1] == "unfencing"
    return world


def test_the_order_goes_out_when_its_outcome_is_durable() -> None:
    world = unfencing()
    saved = max(
        at
        for at, command in enumerate(world.done)
        if isinstance(command, c.Save) and command.key == "failover"
    )
    asked = [at for at, command in enumerate(world.done) if isinstance(command, c.Unfence)]
    assert saved < asked[0]
    stored = json.loads(world.store["failover"])
    assert (stored["state"], stored["fence"]) == ("unfencing", "unknown")
    unfence_says(world, None)
    assert json.loads(world.store["failover"])["fence"] == "open"


@pytest.mark.parametrize("reason", [NotUnfenced.UNREACHABLE, NotUnfenced.NO_ANSWER])
def test_it_is_asked_again_and_people_are_told_until_it_serves(reason: NotUnfenced) -> None:
    world = unfencing()
    for asked in range(1, 4):
        assert count(world, c.Unfence) == asked
        unfence_says(world, reason)
        assert events_of(world).count(26) == asked
        world.wait(world.config.failover.silent_for_us)
    unfence_says(world, None)
    assert phases(world)[-3:] == BACK
    world.wait(10 * MINUTE)
    assert events_of(world).count(26) == 3 and "alert/" not in world.store


def test_what_refuses_is_not_asked_again() -> None:
    world = unfencing()
    unfence_says(world, NotUnfenced.REFUSED)
    assert phases(world)[-3:] == BACK and events_of(world)[-1] == 26
    world.wait(10 * MINUTE)
    assert count(world, c.Unfence) == 1
    assert json.loads(world.store["failover"])["fence"] == "unknown"


@pytest.mark.parametrize("answered", [True, False])
def test_a_primary_that_falls_silent_meanwhile_is_failed_over(answered: bool) -> None:
    world = unfencing()
    unfence_says(world, NotUnfenced.UNREACHABLE)
    dies(world)
    world.wait(40 * SECOND)
    if answered:
        unfence_says(world, NotUnfenced.UNREACHABLE)
    world.wait(6 * MINUTE)
    assert phases(world)[-1] == "serving" and world.recovers == 1


def left_stopped() -> FakeWorld:
    """An old primary that was to serve again, and fell silent: the operator is asked."""
    world = unfencing(mode="manual")
    unfence_says(world, NotUnfenced.UNREACHABLE)
    dies(world)
    world.wait(80 * SECOND)
    assert phases(world)[-1] == "deciding"
    return world


def is_heard(world: FakeWorld) -> None:
    for machine in list(world.silent):
        del world.silent[machine]
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))


@pytest.mark.parametrize("restarts", [False, True])
def test_one_left_stopped_is_asked_again_when_it_is_heard(restarts: bool) -> None:
    world = left_stopped()
    asked = count(world, c.Unfence)
    if restarts:
        world.silent.clear()
        world.start()
        world.settle()
    is_heard(world)
    assert phases(world)[-1] == "unfencing" and count(world, c.Unfence) == asked + 1
    unfence_says(world, None)
    assert phases(world)[-3:] == BACK
    is_heard(world)
    world.wait(10 * MINUTE)
    assert count(world, c.Unfence) == asked + 1


def test_one_left_stopped_is_asked_on_where_the_operator_says_no() -> None:
    world = left_stopped()
    asked = count(world, c.Unfence)
    world.tell(e.OperatorAnswered(world.mono_us, world.utc_us, 0, "anna", False))
    for again in range(1, 4):
        assert phases(world)[-1] == "unfencing" and count(world, c.Unfence) == asked + again
        unfence_says(world, NotUnfenced.UNREACHABLE)
        world.wait(world.config.failover.silent_for_us)


def test_one_left_stopped_is_stopped_again_by_the_failover_that_follows() -> None:
    world = left_stopped()
    asked = count(world, c.Unfence)
    world.tell(e.OperatorAnswered(world.mono_us, world.utc_us, 0, "anna", True))
    world.settle()
    world.wait(6 * MINUTE)
    assert phases(world)[-1] == "serving" and count(world, c.Unfence) == asked


def test_one_of_several_claims_before_it_asks_one_left_stopped() -> None:
    world = unfencing(mode="manual", standbys=(2, 0))
    dies(world)
    world.wait(80 * SECOND)
    asked = count(world, c.Unfence)
    is_heard(world)
    world.settle()
    assert isinstance(world.done[-1], c.Unfence) and count(world, c.Unfence) == asked + 1


def test_a_late_answer_changes_nothing() -> None:
    world = unfencing()
    unfence_says(world, NotUnfenced.REFUSED)
    done = len(world.done)
    unfence_says(world, None)
    unfence_says(world, NotUnfenced.NO_ANSWER)
    assert world.done[done:] == []


def test_a_crash_before_any_command_of_going_back_changes_nothing() -> None:
    """The old primary serves again in the end, is stopped by no order that is left over, and
    nothing was brought online.
    """

    def run(crash_at: int) -> FakeWorld:
        countdown = [-1]

        def before(command: c.Command) -> str:
            countdown[0] -= 1
            return "crash" if countdown[0] == 0 else ""

        world = shipped(begun(FakeWorld(config(planned_limit_us=LIMIT), before)))
        world.backup(Kind.LOG)
        order(world, "anna", planned=True)
        world.settle()
        world.wait(LIMIT - SECOND)
        countdown[0] = crash_at
        for _ in range(3):
            world.wait(30 * SECOND)
            world.settle()
        return world

    calm = run(0)
    commands = len(calm.done)
    for at in range(1, 25):
        world = run(at)
        assert not world.fenced and world.recovers == 0, f"crash before command {at}"
        assert json.loads(world.store["failover"])["state"] == "watching"
        assert json.loads(world.store["failover"])["fence"] == "open"
    assert commands


def test_a_planned_one_whose_primary_died_while_the_manager_was_dead_is_no_silent_wait() -> None:
    """Meanwhile the copy and its files were lost too: the share cannot answer, and nothing is
    awaited. It goes on, and the attempt shows that nothing is here.
    """
    world = waiting()
    world.share.clear()
    world.exists = False
    world.reachable = False
    for machine in world.config.failover.machines:
        world.silent[machine] = world.mono_us
    world.wait(10 * MINUTE)
    world.start()
    world.settle()
    world.wait(11 * MINUTE)
    assert world.recovers == 1 and phases(world)[-1] != "draining"
    assert not json.loads(world.store["failover"])["planned"]
