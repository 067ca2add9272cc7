"""Runs in which the cloud manager dies before one of its commands, or one of its saves fails: in the
end everything is as if it had not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dr_sim.stores import MemoryStore, StoreError
from dr_sim.world.world import World


class Failing(MemoryStore):
    """Its nth save fails; done: though it was done."""

    __slots__ = ("done", "left")

    def __init__(self, nth: int, done: bool) -> None:
        super().__init__()
        self.left = nth
        self.done = done

    def save_all(self, entries: Mapping[str, str]) -> None:
        self.left -= 1
        if self.left:
            super().save_all(entries)
            return
        if self.done:
            super().save_all(entries)
        raise StoreError("no answer")


def dies_before(of: World, nth: int) -> list[int]:
    """It dies before the nth command; how many there were is found there after the run."""
    seen = [0]
    assert of.pair.cloud is not None

    def now(command: object) -> bool:
        seen[0] += 1
        return seen[0] == nth

    of.pair.cloud.driver.hooks.before_command = now
    return seen


def dies_before_commands(make: Callable[[], World], end: Callable[[World], Any], step: int) -> Any:
    """The usual end of a run, which is also that of each run in which the manager dies before a
    command: before the first one, and each step-th from there on.
    """
    usual = make()
    commands = dies_before(usual, 0)
    usual.run()
    wanted = end(usual)
    for nth in range(1, commands[0] + 1, step):
        of = make()
        dies_before(of, nth)
        of.run()
        assert end(of) == wanted, nth
    return wanted


def fails_at_saves(make: Callable[[], World], end: Callable[[World], Any], step: int) -> None:
    """As above, of saves that fail: one that was done and one that was not, in turn."""
    usual = make()
    usual.run()
    wanted = end(usual)
    saves = sum(1 for _ in usual.journal.rows("cloud.SaveAll"))
    done = True
    for nth in range(1, saves + 1, step):
        of = make()
        assert of.pair.cloud is not None
        of.pair.cloud.driver.store = Failing(nth, done)
        of.run()
        assert end(of) == wanted, nth
        done = not done
