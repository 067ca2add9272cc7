"""Restores that hang in a failover: what is ended, when, what is tried again, and who is told."""

from __future__ import annotations

import itertools

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery.alerts.alerts import AlertId
from tests.recovery.fake_world import DB, MINUTE, FakeWorld, begun, config
from tests.recovery.test_failover import WAY, dies, events_of, order, phases, shipped

HOUR = 60 * MINUTE


def hanging(hangs: int, kind: Kind = Kind.LOG) -> FakeWorld:
    """Three logs are restored; the next backup hangs, and a log lands behind it."""
    world = shipped(begun(FakeWorld(config())))
    world.hangs = hangs
    if kind is Kind.FULL:  # it takes the place of the copy, which is gone
        world.backup(Kind.FULL)
        world.exists, world.redo, world.base = False, 0, 0
        world.start()
        world.settle()
    else:
        world.backup(Kind.LOG)
    world.land_all()
    world.backup(Kind.LOG)
    world.land_all()
    return world


def ended(world: FakeWorld) -> int:
    return sum(isinstance(answer, c.EndRestore) for answer in world.done)


def waited_until_serving(world: FakeWorld, at_most_us: int) -> int:
    """Minutes until the failover is over."""
    since = world.mono_us
    while "serving" not in phases(world) and world.mono_us - since < at_most_us:
        world.wait(MINUTE)
    return (world.mono_us - since) // MINUTE


@pytest.mark.parametrize(
    ("hangs", "hours_before", "minutes", "redo"),
    [
        (1, 0, 240, 500),  # for four hours from its begin; tried again, it ends
        (1, 3, 60, 500),
        (1, 6, 11, 500),  # it has hung for long enough: at the drain's limit
        (2, 6, 21, 300),  # tried again, it hangs for as long as the drain's limit
        (2, 0, 250, 300),
        (0, 0, 1, 500),
    ],
)
def test_a_restore_that_hangs_is_ended_and_tried_once_more(
    hangs: int, hours_before: int, minutes: int, redo: int
) -> None:
    world = hanging(hangs)
    world.wait(hours_before * HOUR)
    dies(world)
    took = waited_until_serving(world, 10 * HOUR)
    assert phases(world)[-len(WAY) :] == WAY
    assert abs(took - minutes) <= 5, "it is looked at every retry"
    assert world.redo == redo
    left = redo < 500
    assert (AlertId.LEFT_BEHIND in events_of(world), AlertId.ERRORS in events_of(world)) == (
        left,
        left,
    )


def test_it_is_told_at_every_retry_while_it_goes_on() -> None:
    world = hanging(1)
    dies(world)
    waited_until_serving(world, 10 * HOUR)
    told = [at for at, alert in world.alerts if alert.event_id == AlertId.WAITING]
    assert len(told) == pytest.approx(225 // 5, abs=2)
    assert {b - a for a, b in itertools.pairwise(told)} == {5 * MINUTE}
    assert world.alerts[-1][1].level == "critical"


def test_one_that_waits_for_a_worker_is_not_ended_and_is_told() -> None:
    world = hanging(1)
    world.no_worker = True
    dies(world)
    waited_until_serving(world, 10 * HOUR)
    assert phases(world)[-1] == "draining" and ended(world)
    assert world.redo == 300 and AlertId.WAITING in events_of(world)
    world.no_worker = False
    world.hung_since_us = world.mono_us  # it gets one now
    assert abs(waited_until_serving(world, 10 * HOUR) - 240) <= 5
    assert world.redo == 500


def test_the_restore_of_a_full_is_never_ended() -> None:
    """FakeWorld fails the test if it is."""
    world = hanging(1, Kind.FULL)
    assert world.hung_since_us >= 0
    dies(world)
    waited_until_serving(world, 12 * HOUR)
    assert phases(world)[-1] == "draining" and ended(world)
    assert AlertId.WAITING in events_of(world)


def test_a_planned_failover_ends_no_restore() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.hangs = 1
    world.backup(Kind.LOG)
    world.land_all()
    order(world, "anna", planned=True)
    world.wait(12 * HOUR)
    assert phases(world)[-1] == "draining" and not ended(world)
    told = [at for at, alert in world.alerts if alert.event_id == AlertId.WAITS]
    assert len(told) > 60, "at the drain's limit of ten minutes, and again after each"
    order(world, "anna")
    world.wait(11 * MINUTE)
    world.land_all()
    waited_until_serving(world, 10 * HOUR)
    assert phases(world)[-1] == "serving" and world.redo == world.written, "the tail was taken"


def test_the_manager_dies_in_between() -> None:
    """Its sessions die with it, so the restore begins anew."""
    world = hanging(2)
    dies(world)
    world.wait(2 * HOUR)
    world.start()
    world.settle()
    assert abs(waited_until_serving(world, 10 * HOUR) - 240) <= 5
    assert world.redo == 500


# ---- a tail that is taken while a restore goes on
class SlowTail(FakeWorld):
    """The tail is taken when the test says so."""

    def execute(self, command: c.Command) -> None:
        if isinstance(command, c.TakeTail):
            self.done.append(command)
        else:
            super().execute(command)

    def take_tail(self) -> str:
        super().execute(c.TakeTail(DB))
        self.settle()
        return self.on_way[-1]


def tail_asked_for() -> SlowTail:
    """A restore goes on beyond the limit: the tail is asked for then."""
    world = SlowTail(config())
    shipped(begun(world))
    world.hangs = 1
    world.backup(Kind.LOG)
    world.land_all()
    order(world, "anna")
    world.settle()
    world.wait(11 * MINUTE)
    return world


def tail_given_up() -> SlowTail:
    """The tail is given up a limit later, while its backup still runs."""
    world = tail_asked_for()
    world.wait(10 * MINUTE)
    assert sum(isinstance(each, c.TakeTail) for each in world.done) == 1
    return world


def test_a_tail_that_is_taken_after_it_was_given_up_is_not_waited_for() -> None:
    world = tail_given_up()
    world.take_tail()
    waited_until_serving(world, 5 * HOUR)
    assert phases(world) == WAY and world.redo == 400
    [told] = [alert for _, alert in world.alerts if alert.event_id == AlertId.LEFT_BEHIND]
    assert "[1] still in transfer, [0] here" in told.text


@pytest.mark.parametrize(("damaged", "redo"), [(0, 500), (3, 500), (4, 400)])
def test_a_tail_that_is_asked_for_at_the_limit_and_lands_damaged_is_copied_again(
    damaged: int, redo: int
) -> None:
    """Three attempts are allowed after the first copy, while its own limit lasts."""
    world = tail_asked_for()
    tail = world.take_tail()
    for _ in range(damaged):
        world.land(tail, damaged=True)
        world.settle()
    world.land_all()
    waited_until_serving(world, 5 * HOUR)
    assert phases(world) == WAY and world.redo == redo


def test_a_damaged_tail_is_not_copied_again_after_its_own_limit() -> None:
    world = tail_asked_for()
    tail = world.take_tail()
    world.wait(10 * MINUTE)
    world.land(tail, damaged=True)
    world.settle()
    assert tail not in world.on_way
    waited_until_serving(world, 5 * HOUR)
    assert world.redo == 400


@pytest.mark.parametrize("taken_late", [True, False])
def test_what_lands_after_it_was_given_up_and_is_restored_is_not_told_as_left_behind(
    taken_late: bool,
) -> None:
    world = tail_given_up() if taken_late else tail_asked_for()
    tail = world.take_tail()
    world.wait(11 * MINUTE)
    world.land(tail)
    world.settle()
    waited_until_serving(world, 5 * HOUR)
    assert phases(world) == WAY and world.redo == 500
    assert AlertId.LEFT_BEHIND not in events_of(world)
