"""A restart that falls between the hash of the backup that a repair asked for and what follows from
it: the repair is brought to an end all the same (R11, S1).
"""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.repair.repair import RepairPhase
from tests.recovery.fake_world import DB, MINUTE, FakeWorld, begun, config


def holed(otherwise: str, full_landed: bool = False) -> FakeWorld:
    """A log is lost for good, and the copy was not restored from the full at hand: the incremental
    that is asked for stands on that full, and bridges nothing.
    """
    world = begun(FakeWorld(config("bridge", otherwise)))
    world.backup(Kind.LOG)
    world.backup(Kind.FULL)
    world.wait(20 * MINUTE)
    lost = world.on_way.pop(0)
    world.backups[lost].at_primary = False
    if full_landed:
        world.land_all()
    world.wait(5 * MINUTE)
    return world


@pytest.mark.parametrize("otherwise", ["skip_ahead", "resync"])
@pytest.mark.parametrize("how", ["fail", "crash"])
@pytest.mark.parametrize("nth", range(8))
def test_what_a_backup_that_came_is_good_for_is_decided_after_the_restart(
    otherwise: str, how: str, nth: int
) -> None:
    world = holed(otherwise)
    left = [nth]

    def dies(command: c.Command) -> str:
        left[0] -= 1
        return how if left[0] == -1 else ""

    world.crash_before = dies
    world.land_all()
    for _ in range(6):
        world.wait(5 * MINUTE)
        world.backup(Kind.LOG)
        world.land_all()
    assert world.redo == world.written
    assert f"repair/{DB}" not in world.store


def restarted_before_a_restore(world: FakeWorld, full: str) -> None:
    """The manager dies before it hands that full over, and the next one has its inventory."""
    world.land(full)
    died: list[c.Command] = []

    def dies(command: c.Command) -> str:
        if isinstance(command, c.Restore) and not died:
            died.append(command)
            return "crash"
        return ""

    world.crash_before = dies
    while not died:
        world.settle_one()
    while not isinstance(world.answers[0], e.Inventory):
        world.settle_one()
    assert world.restoring == ""
    world.settle_one()


def waiting_for_a_full() -> FakeWorld:
    """A log is lost for good, and the full that takes the copy past it has been asked for."""
    world = begun(FakeWorld(config("resync", "resync")))
    lost = world.backup(Kind.LOG)
    world.on_way.remove(lost)
    world.backups[lost].at_primary = False
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(20 * MINUTE)
    return world


def test_a_full_that_is_here_and_whole_is_handed_over_at_once_after_the_restart() -> None:
    """Perhaps nothing else lands for hours."""
    world = waiting_for_a_full()
    full, _ = world.on_way  # and the log after it, which is still on its way
    restarted_before_a_restore(world, full)
    assert world.restoring == full


def test_where_there_is_no_copy_too() -> None:
    world = begun(FakeWorld(config(), exists=False))
    full = world.backup(Kind.FULL)
    restarted_before_a_restore(world, full)
    assert world.restoring == full


LOG, FULL, INCREMENTAL = (
    f"{DB}_2026_09_01_00_{at}_000" for at in ("00_00_log", "00_01_full", "25_00_incremental")
)


def wordings(commands: list[c.Command]) -> list[str]:
    """Return the commands as the table writes them: their names, and what they are about."""
    named = {FULL: "full", INCREMENTAL: "incremental"}
    found = []
    for command in commands:
        words = [type(command).__name__]
        for key in ("key", "what", "event_id", "name", "lsn", "kind"):
            value = getattr(command, key, None)
            if value is not None:
                text = str(value.name.lower() if hasattr(value, "name") else value)
                for name, short in named.items():
                    text = text.replace(name, short)
                words.append(text)
        found.append(" ".join(words).strip())
    return found


# (what happens, the commands): the store fails at the first Save after the hash of the incremental
# that was asked for. The next manager knows that it is whole, and that the repair is on. At the
# next window it restores the full at hand, and the incremental onto it.
BROUGHT_TO_AN_END = [
    ("land", [
        "Validate incremental",
        f"Save header/{DB}/incremental",
        "ClearRestoreFolder",
        "TakeInventory",
        "SetAlarm window",
        "SetAlarm prune",
    ]),
    ("window", [
        "RaiseAlert no_new_logs",
        "AskPrimary 0",
        f"Save repair/{DB}",
        f"Save attempts/{DB}/full",
        "RenameWorkingCopy full",
        "Restore full",
        "SetAlarm window",
        f"Save restored/{DB}",
        f"Save repair/{DB}",
        f"Save attempts/{DB}/incremental",
        "RenameWorkingCopy incremental",
        "Restore incremental",
        f"Save restored/{DB}",
    ]),
]  # fmt: skip


@pytest.mark.parametrize("otherwise", ["skip_ahead", "resync"])
def test_the_commands_that_bring_a_repair_to_an_end(otherwise: str) -> None:
    world = holed(otherwise, full_landed=True)
    saves: list[c.Save] = []

    def fails_once(command: c.Command) -> str:
        if isinstance(command, c.Save):
            saves.append(command)
        return "fail" if isinstance(command, c.Save) and len(saves) == 2 else ""

    world.crash_before = fails_once
    for event, expected in BROUGHT_TO_AN_END:
        before = len(world.done)
        if event == "land":
            world.land_all()
        else:
            at = world.alarms[DB, "window"]
            world.wait(at - world.mono_us)
        assert wordings(world.done[before:]) == expected, event
    assert world.redo == 300


def taken_up(world: FakeWorld) -> RepairPhase:
    """Return the phase of the repair that a new manager would take up from the store."""
    new = RecoveryManager(world.config, 99, dict(world.store))
    return new.databases[DB].repair.phase


def test_a_full_that_people_call_rotten_is_not_waited_for_after_a_restart() -> None:
    """The next one is asked for an hour later, so nothing else tells the store for so long."""
    world = waiting_for_a_full()
    assert world.manager is not None
    repair = world.manager.databases[DB].repair
    assert repair.phase is taken_up(world) is RepairPhase.COMING
    full = repair.coming
    world.tell(e.PagesRot(world.mono_us, world.utc_us, 0, DB, (full,), False))
    assert repair.phase is taken_up(world) is RepairPhase.SEEKING
