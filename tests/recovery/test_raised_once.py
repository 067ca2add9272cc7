"""Alerts that no retry repeats: a manager that dies before it has raised one raises it when it is
back, with what it had to say, and only until it has been raised.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.alerts.alert_texts import ERROR_NOT_KEPT
from dr_sim.recovery.events import PrimaryTrouble
from tests.recovery.fake_world import DB, MINUTE, SECOND, FakeWorld, begun, config
from tests.recovery.test_failover import dies, fence_says, heard, order, shipped
from tests.recovery.test_going_back import unfence_ordered


def left_behind(world: FakeWorld) -> None:
    shipped(world)
    world.backup(Kind.LOG)
    order(world, "anna")
    world.settle()
    world.wait(10 * MINUTE)


def a_backup_fails(world: FakeWorld) -> None:
    error = (DB, PrimaryTrouble.FULL, 3202, "Write on disk failed.")
    world.tell(e.PrimaryError(world.mono_us, world.utc_us, 0, *error))


def falls_short(world: FakeWorld) -> None:
    shipped(world)
    world.falls_short = True
    shipped(world, 1)


def two_primaries(world: FakeWorld) -> None:
    silent_primary_is_fenced(world)
    fence_says(world, "unreachable")
    heard(world, "sql1")


def heard_again(world: FakeWorld) -> None:
    silent_primary_is_fenced(world)
    heard(world)
    fence_says(world, "unreachable")


def silent_primary_is_fenced(world: FakeWorld) -> None:
    shipped(world)
    world.fence_hangs = True
    dies(world)
    world.wait(30 * SECOND)


def goes_back(world: FakeWorld) -> None:
    shipped(world)
    world.backup(Kind.LOG)
    order(world, "anna", planned=True)
    world.settle()
    unfence_ordered(world)


def no_first_full(world: FakeWorld) -> None:
    world.wait(16 * MINUTE)


STORIES: dict[int, Callable[[FakeWorld], None]] = {
    6: left_behind,
    9: a_backup_fails,
    13: two_primaries,
    14: heard_again,
    17: falls_short,
    19: no_first_full,
    25: goes_back,
}


PROVIDED = "error provided is: "


@pytest.mark.parametrize("event_id", STORIES)
@pytest.mark.parametrize("dies_before", [c.RaiseAlert, c.Save])
def test_it_is_raised_whenever_the_manager_dies(
    event_id: int, dies_before: type[c.Command]
) -> None:
    """It dies before the alert, or when it has raised the alert and not kept that. An engine's own
    words are not stored: in their place it is said where they are.
    """

    def raised(world: FakeWorld) -> list[tuple[str, str]]:
        mine = [alert for _, alert in world.alerts if alert.event_id == event_id]
        return [(alert.text.partition(PROVIDED)[0], alert.name) for alert in mine]

    def told(dies_before: type[c.Command] | None) -> FakeWorld:
        world = FakeWorld(config())
        if event_id == 19:
            world.exists, world.redo, world.base = False, 0, 0

        def dies_once(command: c.Command) -> str:
            if world.incarnation > 1 or not isinstance(command, dies_before or ()):
                return ""
            is_it = isinstance(command, c.RaiseAlert) and command.event_id == event_id
            return "crash" if is_it or raised(world) else ""

        world.crash_before = dies_once
        begun(world)
        STORIES[event_id](world)
        world.settle()
        world.wait(MINUTE)
        return world

    undisturbed = raised(told(None))
    assert len(undisturbed) == 1
    world = told(dies_before)
    assert world.incarnation == 2
    assert set(raised(world)) == set(undisturbed)
    texts = [alert.text for _, alert in world.alerts if alert.event_id == event_id]
    if PROVIDED in texts[-1]:
        assert texts[-1].endswith(ERROR_NOT_KEPT)
    before = len(world.alerts)
    world.start()
    world.settle()
    again = {alert.event_id for _, alert in world.alerts[before:]}
    assert event_id not in again, "it is raised until it has been raised, and no longer"


def test_a_first_full_that_was_restored_meanwhile_is_not_awaited() -> None:
    world = FakeWorld(config())
    world.exists, world.redo, world.base = False, 0, 0

    def dies_once(command: c.Command) -> str:
        dead = isinstance(command, c.RaiseAlert) and world.incarnation == 1
        world.exists = world.exists or dead  # somebody has restored a copy by hand
        return "crash" if dead else ""

    world.crash_before = dies_once
    begun(world)
    world.wait(16 * MINUTE)
    assert world.incarnation == 2
    assert 19 not in {alert.event_id for _, alert in world.alerts}
    assert "unprotected" not in world.store.get(f"alert/{DB}", "")
