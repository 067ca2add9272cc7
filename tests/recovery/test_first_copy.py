"""The first copy of a database that has none here: the backups in the primary's share come before a
new full, unless the logs outweigh it.

A full takes 1 s and 1,001 bytes at 1,000 bytes a second here, 2.001 s; a log 1.001 s, or 0.021 s
where logs are light.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.config import RestoreCost
from tests.recovery.fake_world import (
    DB,
    MINUTE,
    RESTORE,
    SECOND,
    FakeWorld,
    begun,
    config,
)

LIGHT = (RESTORE[0], RESTORE[1], RestoreCost(SECOND // 50, 1000))


def wiped(light: bool = True, logs: int = 4) -> FakeWorld:
    """A full and so many logs have been restored; then the host is wiped, and the next log lands."""
    settled = config()
    if light:
        settled = replace(settled, replay=replace(settled.replay, restore=LIGHT))
    world = begun(FakeWorld(settled))
    world.backup(Kind.FULL)
    for _ in range(logs):
        world.backup(Kind.LOG)
        world.wait(5 * MINUTE)
    world.land_all()
    world.wiped = True
    world.share.clear()
    world.done.clear()
    world.backup(Kind.LOG)
    return world


def sent(world: FakeWorld) -> list[str]:
    return [x.name for x in world.done if isinstance(x, c.Recopy)]


def asked(world: FakeWorld) -> list[Kind]:
    return [x.kind for x in world.done if isinstance(x, c.TakeBackup)]


def the_full(world: FakeWorld) -> str:
    return next(name for name in world.backups if "_full_" in name)


def test_the_chain_in_the_share_is_sent_again() -> None:
    world = wiped()
    world.land_all()
    assert asked(world) == []
    chain = [the_full(world), *sorted(name for name in world.backups if "_log_" in name)]
    assert sent(world)[-5:] == chain[:-1]  # the last log lies here
    assert world.exists and world.redo == world.written
    assert f"repair/{DB}" not in world.store


def test_logs_that_outweigh_a_full_are_left_for_a_new_one() -> None:
    world = wiped(light=False)
    world.land_all()
    assert asked(world) == [Kind.FULL] and the_full(world) not in sent(world)
    assert world.exists and world.redo == world.written


def test_two_logs_and_a_half_decide() -> None:
    """One log of 1.001 s is lighter than a full of 2.001 s, two are heavier."""
    for logs, new in ((0, False), (1, True)):
        world = wiped(light=False, logs=logs)
        world.land_all()
        assert (asked(world) == [Kind.FULL]) is new, logs


def test_a_chain_that_ends_long_ago_is_no_better_copy() -> None:
    """No log was taken for an hour: what was written since is in a new full alone."""
    for minutes, new in ((15, False), (60, True)):
        world = wiped()
        world.on_way.clear()
        world.wait(minutes * MINUTE)
        world.done.clear()
        world.wiped, world.exists = False, False
        world.start()
        world.settle()
        assert (asked(world) == [Kind.FULL]) is new, minutes


def test_a_chain_with_a_hole_is_no_better_copy() -> None:
    world = wiped()
    logs = sorted(name for name in world.backups if "_log_" in name)
    world.backups[logs[2]].at_primary = False
    world.land_all()
    assert asked(world) == [Kind.FULL]


def test_a_full_that_is_no_good_there_is_replaced_by_a_new_one() -> None:
    """Three more copies of it are asked for, a retry apart; then no other lies there."""
    world = wiped()
    world.backups[the_full(world)].bad_at_primary = True
    for _ in range(8):
        world.land_all()
        world.wait(5 * MINUTE)
    world.land_all()
    assert Kind.FULL in asked(world)
    assert world.exists and world.redo == world.written


def test_an_older_chain_follows_where_it_is_light() -> None:
    """The copy stands again by the time when another full is asked for, in place of the newer."""
    world = wiped()
    older = the_full(world)
    newer = world.backup(Kind.FULL)
    world.on_way.remove(newer)
    world.backups[newer].bad_at_primary = True
    while older not in sent(world):
        assert asked(world) == []
        world.backup(Kind.LOG)
        world.land_all()
        world.wait(5 * MINUTE)
    assert next(name for name in sent(world) if "_full_" in name) == newer
    world.land_all()
    assert world.exists and world.redo == world.written


def test_a_primary_that_is_silent_is_not_asked_and_its_share_is_used() -> None:
    world = wiped(light=False)
    now = world.mono_us, world.utc_us
    world.tell(e.HeartbeatLost(*now, 0, "sql1", now[0]))
    world.land_all()
    assert asked(world) == []
    fetched = [x.names for x in world.done if isinstance(x, c.Fetch)]
    assert fetched and fetched[0][0] == the_full(world)


def test_a_share_that_does_not_answer_is_listed_again() -> None:
    world = wiped()
    world.reachable = False
    name = world.on_way[0]
    world.land(name)
    world.settle()
    world.reachable = True
    world.wait(5 * MINUTE)
    world.settle()
    assert the_full(world) in sent(world)


def test_a_primary_that_takes_no_full_is_left_its_heavy_chain() -> None:
    world = wiped(light=False)
    world.backups_refused = "paused: move"
    world.land_all()
    world.wait(5 * MINUTE)
    world.land_all()
    assert world.exists and world.redo == world.written


@pytest.mark.parametrize("before", [c.ListShare, c.Recopy, c.Save, c.Validate, c.Restore])
@pytest.mark.parametrize("nth", range(4))
def test_a_manager_that_dies_on_the_way_brings_it_to_an_end(
    before: type[c.Command], nth: int
) -> None:
    world = wiped()
    left = [nth]

    def dies(command: c.Command) -> str:
        if not isinstance(command, before):
            return ""
        left[0] -= 1
        return "crash" if left[0] == -1 else ""

    world.crash_before = dies
    for _ in range(4):
        world.land_all()
        world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    assert world.exists and world.redo == world.written
    assert Kind.FULL not in asked(world)
    assert f"repair/{DB}" not in world.store
