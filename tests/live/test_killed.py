"""A process that is killed with kill -9, at every instant: the next life goes on rightly, and no save
is lost.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from recovery.fake_world import config

from dr_sim.live import Live
from dr_sim.live.life import CLOCK, LIFE
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.stores import FileStore
from dr_sim.stores.file import Disk
from tests.live.service import LOGS, NAMES, AllDone, FolderHands

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a child that it forks")


class Killer:
    """Ends its process at the tick of that number."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.ticks = 0

    def __call__(self) -> None:
        self.ticks += 1
        if self.ticks == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class TickingDisk(Disk):
    """The process may be killed before each step, and a file may be left half written."""

    def __init__(self, tick: Killer) -> None:
        self.tick = tick

    def write(self, path: Path, data: bytes) -> None:
        self.tick()
        super().write(path, data[: len(data) // 2])
        self.tick()
        super().write(path, data)

    def sync(self, path: Path) -> None:
        """Forcing is of no concern: the machine stays up."""

    def rename(self, old: Path, new: Path) -> None:
        self.tick()
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self.tick()
        super().remove(path)


def live(folder: Path, kill_at: int, write_down_saves: bool = True) -> int:
    """One life, up to its end; the number of ticks."""
    tick = Killer(kill_at)
    hands = FolderHands(folder, tick)

    def record(told: object) -> None:
        if type(told).__name__ in ("Save", "SaveAll"):
            hands.write_down(told, -1)  # type: ignore[arg-type]

    with FileStore(folder / "store", TickingDisk(tick)) as store:
        try:
            Live(partial(RecoveryManager, config()), hands, store, record=record).run()
        except AllDone:
            return tick.ticks
    raise AssertionError("it ended")


def killed(folder: Path, kill_at: int) -> bool:
    """Whether a child that lives there was killed at that tick; False: it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            live(folder, kill_at)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def durable(asked: list[list[object]]) -> dict[str, str]:
    """What had surely been saved: another command was begun after it."""
    saved: dict[str, str] = {}
    for _, kind, fields in asked[:-1]:
        assert isinstance(fields, dict)
        if kind == "Save":
            saved[fields["key"]] = fields["value"]
    return saved


def last(asked: list[list[object]]) -> dict[str, str]:
    """What may have been saved, or not."""
    return durable([*asked[-1:], [0, "", {}]])


@pytest.mark.long
def test_killed_at_any_instant_the_next_life_goes_on_and_no_save_is_lost(tmp_path: Path) -> None:
    kill_at = 1
    lives_told: Counter[int] = Counter()
    while killed(folder := tmp_path / str(kill_at), kill_at):
        hands = FolderHands(folder)
        before = hands.asked()
        with FileStore(folder / "store") as store:
            kept = store.load()
        surely, perhaps = durable(before), last(before)
        for key, value in surely.items():
            assert kept.get(key, "") in (value, perhaps.get(key, value)), f"killed at {kill_at}"
        assert (LIFE in kept) == (CLOCK in kept), f"killed at {kill_at}"

        live(folder, kill_at=-1)
        asked = hands.asked()
        assert hands.restored == LOGS, f"killed at {kill_at}"
        of_second = [(life, kind) for life, kind, _ in asked[len(before) :] if life > 0]
        assert [kind for _, kind in of_second[:2]] == ["ClearRestoreFolder", "TakeInventory"]
        first_lives = {life for life, _, _ in before if life > 0}
        second_lives = {life for life, _ in of_second}
        assert len(second_lives) == 1 and not first_lives & second_lives, f"killed at {kill_at}"
        lives_told[max(second_lives)] += 1
        # each read was counted before it, whichever life it was in
        reads = Counter(fields["name"] for _, kind, fields in asked if kind == "Restore")
        with FileStore(folder / "store") as store:
            for name in NAMES:
                counted = int(store.get(f"attempts/crm/{name}"))
                assert reads[name] <= counted <= reads[name] + 1, f"killed at {kill_at}"
        kill_at += 1
    assert kill_at > 60  # so many instants there were, in saves and between them
    assert lives_told[1] and lives_told[2] > 40


def test_a_save_that_comes_after_its_command_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: the driver carries out the others first, and saves at the end."""
    usual = Live._carry_out

    def saves_last(self: Live, commands: list[object]) -> None:
        usual(self, sorted(commands, key=lambda command: type(command).__name__ == "Save"))

    monkeypatch.setattr(Live, "_carry_out", saves_last)
    with pytest.raises(AssertionError, match="killed at"):
        test_killed_at_any_instant_the_next_life_goes_on_and_no_save_is_lost(tmp_path)
