"""A service in a folder, and hands for it: an engine that stands somewhere in a chain of logs that
have all landed. It outlives the process that talks to it, and writes down what that has asked for.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.live import Heard, answered
from dr_sim.machines import Command, Event
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e

DB = "crm"
LOGS = 3
NAMES = [f"crm_2026_01_05_10_0{5 * n % 10}_0{n}_log_000" for n in range(LOGS)]


def header(number: int) -> BackupHeader:
    first = 100 * (number + 1)
    return BackupHeader(
        DB, number + 1, Kind.LOG, 1, first, first + 100, 1, 1, 0, 1, 0, 0, 0, nominal_bytes=100
    )


class AllDone(Exception):  # noqa: N818
    """Everything is restored and nothing is left to be said."""


class FolderHands:
    """LiveHands. tick: called at every instant at which the process may be killed."""

    def __init__(self, folder: Path, tick: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.tick = tick
        self.heard: deque[Heard] = deque()

    # ---- the service
    @property
    def restored(self) -> int:
        """How many logs are."""
        path = self.folder / "restored"
        return int(path.read_text()) if path.exists() else 0

    def restore_next(self) -> None:
        new = self.folder / "restored.new"
        new.write_text(str(self.restored + 1))
        self.tick()
        new.replace(self.folder / "restored")

    def state(self) -> RestoreState:
        return RestoreState(1, 100 * (self.restored + 1), 1)

    def write_down(self, told: Event | Command, life: int = 0) -> None:
        """As one line, which is whole or is not there."""
        if isinstance(told, Event):
            return
        fields = {name: getattr(told, name) for name in told.__slots__}  # type: ignore[attr-defined]
        line = json.dumps([life, type(told).__name__, fields], default=str) + "\n"
        handle = os.open(self.folder / "asked", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, line.encode())
        os.close(handle)

    def asked(self) -> list[Any]:
        path = self.folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    # ---- the hands
    def carry_out(self, command: Command, incarnation: int) -> None:
        self.tick()
        self.write_down(command, incarnation)
        self.tick()
        match command:
            case c.TakeInventory():
                files = tuple(e.FoundFile(name, 0, 100) for name in NAMES)
                self.answer(incarnation, e.Inventory, {DB: self.state()}, {DB: files}, {})
            case c.Validate(name=name):
                self.answer(incarnation, e.Validated, DB, name, header(NAMES.index(name)))
            case c.Restore(name=name):
                if NAMES.index(name) == self.restored:
                    self.restore_next()
                    self.tick()
                state = self.state()
                self.answer(incarnation, e.Restored, DB, name, 1, state.redo_lsn, 1)

    def answer(self, incarnation: int, kind: Callable[..., Event], *fields: Any) -> None:
        self.heard.append(answered(incarnation, kind, *fields))

    def wait(self, seconds: float | None) -> Heard | None:
        self.tick()
        if self.heard:
            return self.heard.popleft()
        if self.restored == LOGS:
            raise AllDone
        raise AssertionError("nothing is under way, and not everything is restored")
