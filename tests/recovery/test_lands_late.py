"""Where no log is restored at once (a replay delay, a restore job, a store): logs that land late,
fulls that do not come, and a copy that is gone are told all the same (R12, S8).
"""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery.timers import Timer
from tests.recovery.fake_world import DB, MINUTE, FakeWorld, begun, config
from tests.recovery.test_kept import store
from tests.recovery.test_replay import new, ship, ship_late

LANDED_LATE, FULL_OVERDUE, NOT_PROTECTED = 23, 24, 19
NO_NEW_LOGS, LAGGING, CLOCKS_DIFFER = 2, 8, 16


def told(world: FakeWorld, *but: int) -> list[tuple[int, int]]:
    """Return (minute, event) of all alerts, without those events."""
    return [
        (mono_us // MINUTE, alert.event_id)
        for mono_us, alert in world.alerts
        if alert.event_id not in but
    ]


def test_logs_that_land_late_are_told_though_replay_waits_on_purpose() -> None:
    """Cut at 5, 10, ... 40; each is finished a second later and lands 20 minutes after its cut: the
    first late one at 25, and a retry later, at 30, it has lasted.
    """
    for rules in ({"delay_us": 120 * MINUTE}, {"every_us": 240 * MINUTE}, {"keeps": True}):
        world = begun(FakeWorld(config(**rules), exists=not rules.get("keeps")))
        ship_late(world, 8, 4)
        assert told(world, NO_NEW_LOGS, NOT_PROTECTED) == [
            (30, LANDED_LATE),
            (35, LANDED_LATE),
            (40, LANDED_LATE),
        ], rules
        texts = [a.text for _, a in world.alerts if a.event_id == LANDED_LATE]
        assert all("landed [19] minutes after it was finished" in text for text in texts)


def test_logs_that_land_in_time_are_no_news() -> None:
    """14:59 after they were finished."""
    world = new(delay_us=120 * MINUTE)
    ship_late(world, 8, 3)
    assert told(world, NO_NEW_LOGS) == []


def test_an_alarm_that_has_gone_off_in_silence_is_not_cancelled_later() -> None:
    """Two late logs within a retry: at the alarm of the first, the second is here. A log lands in
    time afterwards.
    """
    world = new(delay_us=120 * MINUTE)
    names = [world.backup(Kind.LOG), world.backup(Kind.LOG)]
    for name in names:
        world.wait(20 * MINUTE if name == names[0] else MINUTE)
        world.land(name)
        world.settle()
    world.wait(10 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    assert c.CancelAlarm(DB, Timer.LATE_LANDING) not in world.done


def test_where_logs_are_restored_at_once_the_restore_tells() -> None:
    world = new()
    ship_late(world, 8, 4)
    assert {event for _, event in told(world, NO_NEW_LOGS)} == {LAGGING}


def test_it_turns_critical_and_is_over_when_a_log_lands_in_time() -> None:
    world = new(delay_us=120 * MINUTE)
    ship_late(world, 12, 4)
    levels = [alert.level for _, alert in world.alerts if alert.event_id == LANDED_LATE]
    # first told at 30, so critical from 60 on
    assert levels == ["error"] * 6 + ["critical"]
    world.land_all()
    before = len(world.alerts)
    ship(world, 8)
    assert len(world.alerts) == before


def test_a_clock_that_is_wrong_is_told_apart() -> None:
    """The primary's clock is 60 minutes behind: logs that land at once look an hour old."""
    world = new(delay_us=240 * MINUTE)
    world.primary_ahead_us = -60 * MINUTE
    ship_late(world, 8, 0)
    assert {event for _, event in told(world)} == {CLOCKS_DIFFER}


# ---- fulls of a store
def test_fulls_that_stop_coming_to_a_store_are_told_though_logs_come() -> None:
    """The full was begun at 0, took a second, and one is due every hour: the next one is late at
    60 minutes, two seconds and the age limit of 15 minutes; then at every retry.
    """
    world = begun(FakeWorld(config(keeps=True, full_interval_us=60 * MINUTE), exists=False))
    world.backup(Kind.FULL)
    world.wait(1_000_000)
    world.land_all()
    ship(world, 18)  # 90 minutes and a second
    assert told(world) == [(75, FULL_OVERDUE), (80, FULL_OVERDUE), (85, FULL_OVERDUE)]
    world.backup(Kind.FULL)
    world.land_all()
    ship(world, 10)
    assert len(world.alerts) == 3


def test_a_full_that_has_landed_late_and_is_being_hashed_has_come() -> None:
    """It lands at 76 and its hash takes until 82: nothing is reported at 80."""
    world = begun(FakeWorld(config(keeps=True, full_interval_us=60 * MINUTE), exists=False))
    world.backup(Kind.FULL)
    world.wait(1_000_000)
    world.land_all()
    ship(world, 15)  # 75 minutes and a second
    world.wait(MINUTE)
    assert told(world) == [(75, FULL_OVERDUE)]
    world.land(world.backup(Kind.FULL))
    hashed, world.answers = world.answers, []
    world.wait(6 * MINUTE)
    world.answers = hashed
    world.settle()
    world.wait(8 * MINUTE)
    assert told(world, NO_NEW_LOGS) == [(75, FULL_OVERDUE)]


def test_a_restart_does_not_silence_a_danger_that_has_been_told() -> None:
    """Alerts at 75 and 80; the restart is at 82, and the next one a retry later. What lay here then
    does not say how long a full takes: without the danger noted, it would be waited for until 150.
    """
    world = begun(FakeWorld(config(keeps=True, full_interval_us=60 * MINUTE), exists=False))
    world.backup(Kind.FULL)
    world.wait(1_000_000)
    world.land_all()
    ship(world, 16)  # 80 minutes and a second
    world.wait(2 * MINUTE)
    world.start()
    world.settle()
    ship(world, 6)
    late = [at for at, event in told(world) if event == FULL_OVERDUE]
    assert late == [75, 80, 87, 92, 97, 102, 107, 112]
    assert {alert.level for _, alert in world.alerts[-2:]} == {"critical"}


def test_a_standby_needs_no_newer_full() -> None:
    world = new(full_interval_us=60 * MINUTE)
    world.backup(Kind.FULL)
    world.land_all()
    ship(world, 40)
    assert told(world) == []


# ---- a copy that is gone
def test_a_copy_that_is_gone_is_found_before_the_delay_lets_a_log_go() -> None:
    """Nothing was ever restored here: the copy was seeded, and is dropped at 30 minutes."""
    world = new(delay_us=240 * MINUTE)
    ship(world, 6)
    world.exists, world.redo = False, 0
    ship(world, 3)
    first = world.alerts[0]
    assert told(world)[0][1] == NOT_PROTECTED and first[0] <= 45 * MINUTE
    assert "its copy at the secondary is lost" in first[1].text
    assert len(told(world)) >= 2  # again at the retry


def test_a_copy_is_looked_at_without_its_files() -> None:
    """In two hours, each 10 to 15 minutes: a window of 15 after the last landing, of which there is
    one each 5. An inventory, which lists every file here, is taken when the manager starts, and
    again when the copy is gone.
    """
    world = new(delay_us=240 * MINUTE)
    ship(world, 24)
    looks = [answer for answer in world.done if isinstance(answer, c.LookAtCopy)]
    assert 120 // 15 <= len(looks) <= 120 // 10
    assert inventories(world) == 1
    world.exists, world.redo = False, 0
    ship(world, 4)
    assert inventories(world) == 2


def inventories(world: FakeWorld) -> int:
    return sum(isinstance(answer, c.TakeInventory) for answer in world.done)


def test_a_restart_still_knows_that_there_was_a_copy() -> None:
    world = new(delay_us=240 * MINUTE)
    ship(world, 2)
    world.exists, world.redo = False, 0
    world.start()
    world.settle()
    assert [alert.text for _, alert in world.alerts] == [
        f"Database [crm] is not protected: its copy at the secondary is lost. [{minutes}] minutes "
        "have passed since the last successful restore."
        for minutes in (10,)
    ]


def test_a_store_that_holds_a_full_is_silent() -> None:
    world = store(full_interval_us=0)
    ship(world, 40)
    assert told(world) == []
