"""A store: files are kept, checked and copied again, and restored in a failover only (W1, W2)."""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.failover.failover_table import FAILOVER, FailoverEvent, FailoverPhase
from dr_sim.recovery.saved import DamagedStoreError
from tests.recovery.fake_world import DB, MINUTE, FakeWorld, begun, config
from tests.recovery.test_failover import WAY, dies, phases

WAY_BACK = ["fencing", "preparing", *WAY[1:]]
NO_NEW_LOGS, DAMAGED, NOT_PROTECTED, ONLY_WAY = 2, 4, 19, 21


def store(**replay: int) -> FakeWorld:
    """A store in which a full and three logs lie."""
    world = begun(FakeWorld(config(keeps=True, **replay), exists=False))
    world.backup(Kind.FULL)
    world.land_all()
    for _ in range(3):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        world.land_all()
    return world


def restored(world: FakeWorld) -> list[str]:
    return [command.name for command in world.done if isinstance(command, c.Restore)]


def recopied(world: FakeWorld) -> int:
    return sum(isinstance(command, c.Recopy) for command in world.done)


def told(world: FakeWorld) -> list[int]:
    return [alert.event_id for _, alert in world.alerts]


def test_what_lands_is_checked_and_not_restored() -> None:
    world = store()
    world.wait(9 * MINUTE)
    checked = [command.name for command in world.done if isinstance(command, c.Validate)]
    assert checked == sorted(world.backups)
    assert restored(world) == [] and world.alerts == []


def test_a_standby_restores_what_a_store_only_keeps() -> None:
    """The negative case: the same files at a standby."""
    world = begun(FakeWorld(config(), exists=False))
    world.backup(Kind.FULL)
    world.land_all()
    assert len(restored(world)) == 1


def test_silence_is_told() -> None:
    """A window after the next log was due, 5 min after the last."""
    world = store()
    world.wait(19 * MINUTE)
    assert told(world) == []
    world.wait(MINUTE)
    assert told(world) == [2]


@pytest.mark.parametrize("lost", [False, True])
def test_a_log_that_is_missing_right_behind_the_full_is_told(lost: bool) -> None:
    """It may be on its way for 15 min. Without the loss, nothing is told."""
    world = begun(FakeWorld(config(keeps=True), exists=False))
    world.backup(Kind.FULL)
    world.land_all()
    world.wait(5 * MINUTE)
    first = world.backup(Kind.LOG)
    if lost:
        world.on_way.remove(first)
        del world.backups[first]
    world.land_all()
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(15 * MINUTE - 1)
    assert told(world) == []
    world.wait(1)
    assert told(world) == [NOT_PROTECTED] * lost


@pytest.mark.parametrize("restarts", [False, True])
def test_silence_is_told_a_window_after_the_next_log_was_due_though_each_is_held(
    restarts: bool,
) -> None:
    """Each log comes 2 h after it was made. The first one is waited for so much longer; one of an
    earlier primary, made before this manager began, is not the first.
    """
    held = 120 * MINUTE
    world = begun(FakeWorld(config(keeps=True, held_us=held), exists=False, paused="upgrade"))
    world.backup(Kind.FULL)
    world.land_all()
    world.wait(held + 19 * MINUTE)
    assert NO_NEW_LOGS not in told(world)
    world.wait(MINUTE)
    assert told(world).count(NO_NEW_LOGS) == 1
    for made_ago in (121 + 20, 120):
        log = world.backup(Kind.LOG)
        world.backups[log].modified_utc_us = world.utc_us - made_ago * MINUTE
        world.land_all()
        world.wait(MINUTE)
    before = len(world.alerts)
    world.wait(18 * MINUTE)
    assert len(world.alerts) == before
    if restarts:
        world.start()
        world.settle()
    world.wait(MINUTE)
    assert told(world)[before:] == [NO_NEW_LOGS]


def test_after_a_failure_a_machine_is_got_and_then_the_chain_is_restored() -> None:
    world = store()
    dies(world)
    world.wait(40 * MINUTE)
    assert phases(world) == WAY_BACK
    kinds = [type(command) for command in world.done]
    assert kinds.index(c.GetMachine) < kinds.index(c.Restore)
    assert restored(world) == sorted(world.backups)
    assert world.redo == world.written and world.promoted


def test_nothing_is_restored_before_the_machine_is_there() -> None:
    world = store()
    world.machine_comes = False
    dies(world)
    world.wait(40 * MINUTE)
    assert phases(world) == ["fencing", "preparing"]
    assert restored(world) == []


def test_a_restart_asks_for_the_machine_again() -> None:
    world = store()
    world.machine_comes = False
    dies(world)
    world.wait(MINUTE)
    world.machine_comes = True
    world.start()
    world.settle()
    assert phases(world)[-len(WAY) + 1 :] == WAY[1:]
    assert world.redo == world.written


def test_machines_that_are_heard_again_end_it_while_the_machine_is_got() -> None:
    world = store()
    world.machine_comes = False
    dies(world)
    world.wait(MINUTE)
    for machine in ("sql1", "sql2"):
        del world.silent[machine]
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))
    world.settle()
    assert phases(world)[-2:] == ["abandoned", "watching"]
    world.tell(e.MachineIsThere(world.mono_us, world.utc_us, world.incarnation))
    world.settle()
    assert phases(world)[-1] == "watching" and restored(world) == []


def test_a_store_without_a_full_is_told_of_until_one_comes() -> None:
    world = begun(FakeWorld(config(keeps=True), exists=False))
    world.wait(19 * MINUTE)
    assert told(world) == []
    world.wait(MINUTE)
    assert NOT_PROTECTED in told(world)
    world.wait(5 * MINUTE)
    assert told(world).count(NOT_PROTECTED) == 2
    world.backup(Kind.FULL)
    world.land_all()
    world.wait(10 * MINUTE)
    assert told(world).count(NOT_PROTECTED) == 2


def test_a_log_that_never_came_is_told_and_asked_for_until_it_comes() -> None:
    world = store()
    missing = world.backup(Kind.LOG)
    world.on_way.remove(missing)
    for _ in range(4):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        later = world.on_way[-1]
        world.land(later)
        world.settle()
    assert told(world).count(NOT_PROTECTED) == 1  # 15 minutes after the first later one
    assert missing in world.on_way  # the primary has it, and sends it
    world.land(missing)
    world.settle()
    before = told(world).count(NOT_PROTECTED)
    for _ in range(4):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        world.land_all()
    assert told(world).count(NOT_PROTECTED) == before


def test_logs_that_go_missing_again_and_again_put_off_nobody() -> None:
    """Every second log never comes: a hole is told of 15 min after it shows, then at every retry,
    however many more show meanwhile.
    """
    world = store()
    began = world.mono_us
    for number in range(12):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        if number % 2:
            world.land_all()
        world.on_way.clear()
    tells = [(at - began) // MINUTE for at, one in world.alerts if one.event_id == NOT_PROTECTED]
    assert tells == list(range(25, 61, 5))


def test_a_full_from_before_a_hole_does_not_end_it() -> None:
    """A full lands late, and the log that is missing was made after it: the alert goes on, and is
    critical half an hour after it was first raised.
    """
    world = store()
    late_full = world.backup(Kind.FULL)
    world.on_way.clear()
    for number in range(12):
        world.wait(5 * MINUTE)
        log = world.backup(Kind.LOG)
        world.on_way[:] = [log] if number else []
        world.land_all()
        world.on_way.clear()
        if number == 7:
            world.on_way.append(late_full)
            world.land(late_full)
            world.settle()
    tells = [(at, one.level) for at, one in world.alerts if one.event_id == NOT_PROTECTED]
    first_us = tells[0][0]
    assert [(at - first_us) // MINUTE for at, _ in tells] == list(range(0, 36, 5))
    critical = [(at - first_us) // MINUTE for at, level in tells if level == "critical"]
    assert critical == [30, 35]


def test_a_first_full_with_a_hole_behind_it_is_told_of() -> None:
    """No full was here. One comes, and a log that is missing was made after it."""
    world = begun(FakeWorld(config(keeps=True), exists=False))
    late_full = world.backup(Kind.FULL)
    world.on_way.clear()
    for number in range(5):
        world.wait(5 * MINUTE)
        log = world.backup(Kind.LOG)
        world.on_way[:] = [log] if number else []
        world.land_all()
        world.on_way.clear()
    world.on_way.append(late_full)
    world.land(late_full)
    world.settle()
    before = told(world).count(NOT_PROTECTED)
    landed_us = world.mono_us
    world.wait(14 * MINUTE)
    assert told(world).count(NOT_PROTECTED) == before
    world.wait(MINUTE)
    assert told(world).count(NOT_PROTECTED) == before + 1
    assert world.alerts[-1][0] == landed_us + 15 * MINUTE


def test_a_log_that_comes_late_is_no_trouble() -> None:
    world = store()
    late = world.backup(Kind.LOG)
    world.on_way.remove(late)
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(5 * MINUTE)
    world.on_way.append(late)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(10 * MINUTE)
    assert NOT_PROTECTED not in told(world)


def test_a_damaged_log_is_copied_again_until_it_is_whole() -> None:
    world = store()
    name = world.backup(Kind.LOG)
    world.land(name, damaged=True)
    world.settle()
    assert recopied(world) == 1 and world.on_way == [name]
    world.land(name, damaged=True)
    world.settle()
    world.wait(5 * MINUTE)
    assert recopied(world) == 2
    world.land(name)
    world.settle()
    before = recopied(world)
    world.wait(10 * MINUTE)
    assert recopied(world) == before and DAMAGED not in told(world)


@pytest.mark.parametrize("before_us", [0, 1])
def test_a_retry_is_not_put_off_by_a_failure_at_the_same_instant(before_us: int) -> None:
    """Logs come as often as retries. A failure a microsecond earlier never put it off."""
    world = store()
    name = world.backup(Kind.LOG)
    world.land(name, damaged=True)
    world.settle()
    world.wait(5 * MINUTE - 1)
    world.mono_us += 1 - before_us
    other = world.backup(Kind.LOG)
    world.land(other, damaged=True)
    world.settle()
    world.wait(before_us)
    again = [command.name for command in world.done if isinstance(command, c.Recopy)]
    assert again == [name, other, name]


def test_a_log_that_nobody_can_send_is_told_until_a_full_gets_past_it() -> None:
    world = store()
    name = world.backup(Kind.LOG)
    world.backups[name].bad_at_primary = True
    world.land(name)
    for _ in range(8):
        world.settle()
        if name in world.on_way:
            world.land(name)
            world.settle()
        world.wait(5 * MINUTE)
    first = told(world).count(DAMAGED)
    assert first >= 2
    world.backup(Kind.FULL)
    world.land_all()
    world.wait(5 * MINUTE)
    at_the_full = told(world).count(DAMAGED)
    world.wait(30 * MINUTE)
    assert told(world).count(DAMAGED) == at_the_full
    assert restored(world) == []


def test_a_log_that_was_cut_off_is_no_trouble() -> None:
    """The next log covers its range (R10)."""
    world = store()
    world.backup(Kind.LOG, cut_off=True)
    world.land_all()
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(10 * MINUTE)
    assert DAMAGED not in told(world)
    dies(world)
    world.wait(10 * MINUTE)
    assert world.redo == world.written


@pytest.mark.parametrize("kind", [Kind.FULL, Kind.INCREMENTAL])
def test_a_full_or_incremental_that_was_cut_off_is_told_of_and_asked_for(kind: Kind) -> None:
    """The next log covers the range of a log (R10); nothing makes up for these. One alert at each
    retry.
    """
    world = store()
    name = world.backup(kind, cut_off=True)
    world.land(name, damaged=True)
    world.settle()
    world.wait(12 * MINUTE)
    assert told(world) == [DAMAGED, DAMAGED]
    assert any(isinstance(each, c.TakeBackup) and each.kind is kind for each in world.done)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_restart_does_not_ask_for_what_was_taken_in_its_place_and_is_on_its_way(
    is_kept: bool,
) -> None:
    """It is asked for again an hour later. Without what is stored of it the restart asks at once."""
    world = store()
    world.land(world.backup(Kind.FULL, cut_off=True), damaged=True)
    world.settle()
    world.wait(12 * MINUTE)

    def asked() -> int:
        requests = [each for each in world.done if isinstance(each, c.TakeBackup)]
        return sum(each.kind is Kind.FULL for each in requests)

    assert asked() == 1
    if not is_kept:
        world.store.pop(f"remake/{DB}")
    world.start()
    world.settle()
    world.wait(12 * MINUTE)
    assert asked() == (1 if is_kept else 2)
    world.wait(50 * MINUTE)
    assert asked() == 2
    world.land_all()
    world.settle()
    assert not world.store.get(f"remake/{DB}")


@pytest.mark.parametrize("text", ["[]", '{"0": [1, 2]}', '{"9": [1, 2, 3]}', '{"0": [1, 2, true]}'])
def test_a_damaged_note_of_what_was_taken_is_said(text: str) -> None:
    world = store()
    world.store[f"remake/{DB}"] = text
    with pytest.raises(DamagedStoreError, match=f"remake/{DB}"):
        world.start()


def test_retention_deletes_old_files_though_none_was_restored() -> None:
    world = store()
    for _ in range(6):
        world.wait(24 * 60 * MINUTE)
        world.backup(Kind.FULL)
        world.land_all()
    deleted = [command.name for command in world.done if isinstance(command, c.Delete)]
    assert deleted == sorted(world.backups)[: len(deleted)] and len(deleted) >= 4
    assert restored(world) == []


def test_only_a_store_prepares() -> None:
    """The table: from the fence on, a standby drains and a store gets a machine first."""
    fencing, preparing = FailoverPhase.FENCING, FailoverPhase.PREPARING
    assert FAILOVER.after(fencing, FailoverEvent.LACKS_MACHINE) is preparing
    assert set(FAILOVER.moves(preparing)) == {
        FailoverEvent.MACHINE_IS_THERE,
        FailoverEvent.CALLED_OFF,
        FailoverEvent.GOES_BACK,
    }


def test_an_empty_store_beyond_the_limit_hears_the_share_before_it_says_what_it_waits_for() -> None:
    """The store burned in the middle of the restore; the share of the lost host holds logs alone.
    A restart finds the limit over while the list of the share is awaited.
    """
    world = store()
    for backup in world.backups.values():
        backup.at_primary = backup.header.kind is Kind.LOG
    world.host_lost, world.hangs = True, 1
    for machine in ("sql1", "sql2"):
        world.silent[machine] = world.mono_us
        world.tell(e.HeartbeatLost(world.mono_us, world.utc_us, 0, machine, world.mono_us))
    world.wait(MINUTE)
    world.share.clear()
    world.exists, world.redo, world.base = False, 0, 0
    world.mono_us += world.config.failover.drain_limit_us
    world.answers.clear()
    world.start()
    while not any(isinstance(answer, e.ShareListed) for answer in world.answers):
        world.settle_one()
    world.tell(e.Alarm(world.mono_us, world.utc_us, world.incarnation, "", "drain"))
    world.settle()
    assert ONLY_WAY not in told(world)
