"""A copy that may not be brought online as it is: it holds rotten pages, or what was written after
the instant that was ordered (R15, W3).
"""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from tests.recovery.fake_world import DB, MINUTE, FakeWorld, begun, config
from tests.recovery.test_failover import dies, order, phases, shipped

ROTTEN = "Its copy here holds pages that had rotted at the primary."
TOO_LATE = "Its copy here holds writes from after the instant that was ordered."


def say_rotten(world: FakeWorld, fulls: tuple[str, ...] = ()) -> None:
    """People say that the copy holds rotten pages, and which fulls do."""
    world.tell(e.PagesRot(world.mono_us, world.utc_us, 0, DB, fulls, True))


def told(world: FakeWorld) -> set[str]:
    return {alert.text.split(" is: ")[-1] for _, alert in world.alerts if alert.event_id == 5}


def orders_online(world: FakeWorld) -> int:
    return sum(isinstance(command, c.Recover) for command in world.done)


@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_a_rotten_copy_waits_for_a_sound_full(restarts: int) -> None:
    """People say it while the failover drains. The copy stays offline, through restarts of the
    manager too, until a full that nobody has named is here.
    """
    world = shipped(begun(FakeWorld(config())))
    sound = world.backup(Kind.FULL)
    order(world, "anna")
    world.settle()
    assert phases(world)[-1] == "tail", "its file has yet to land"
    dies(world)
    world.on_way.append(sound)
    say_rotten(world)
    world.settle()
    for _ in range(1 + restarts):
        world.wait(11 * MINUTE)
        assert orders_online(world) == 0
        assert not world.promoted
        world.start()
        world.settle()
    assert phases(world)[-1] == "recovering"
    assert told(world) == {ROTTEN}
    world.land(sound)
    world.settle()
    world.wait(11 * MINUTE)
    assert world.promoted
    assert phases(world)[-1] == "serving"
    assert orders_online(world) == 1


def test_a_sound_copy_is_brought_online_whatever_people_say_of_old_fulls() -> None:
    world = shipped(begun(FakeWorld(config())))
    world.tell(e.PagesRot(world.mono_us, world.utc_us, 0, DB, ("an_old_one",), False))
    dies(world)
    order(world, "anna")
    world.settle()
    world.wait(11 * MINUTE)
    assert world.promoted
    assert told(world) == set()


def test_a_copy_past_the_ordered_instant_stays_offline() -> None:
    """The only full of before that instant turns out to be damaged, and the primary's site is lost.
    The copy that is still here holds the mistake.
    """
    world = begun(FakeWorld(config()))
    full = world.backup(Kind.FULL)
    world.land(full)
    world.settle()
    shipped(world)
    stop_utc_us = world.utc_us
    world.wait(MINUTE)
    shipped(world)
    dies(world)
    world.share[full].damaged = True
    world.tell(
        e.FailoverOrderedToPoint(world.mono_us, world.utc_us, 0, "anna", DB, stop_utc_us, True)
    )
    world.settle()
    world.wait(21 * MINUTE)
    assert orders_online(world) == 0
    assert told(world) == {TOO_LATE}
