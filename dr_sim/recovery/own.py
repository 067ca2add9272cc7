"""A base for recovery logic of your own: the parts that every logic needs.

Theory of operation. A life begins with an inventory. An answer to an earlier life is ignored. The
reads of a file are counted durably before each read (R5). `decide`, a generator of commands,
decides what to do about an event. Nobody has to use this base: every object with `resume()` and
`handle(event)` is a manager (dr_sim/machines/machine.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from dr_sim.backups.model import Kind
from dr_sim.machines import Command, Event, Save, TakeInventory
from dr_sim.recovery.commands import (
    ClearRestoreFolder,
    RenameWorkingCopy,
    Restore,
)
from dr_sim.recovery.config import ManagerConfig
from dr_sim.recovery.files.file import kind_of

_ATTEMPTS = "attempts/"


class NamedFile(Protocol):
    """A file that an inventory lists, or one that lands."""

    name: str


class OwnLogic:
    """A manager that decides nothing yet. databases: their names."""

    def __init__(
        self,
        config: ManagerConfig,
        incarnation: int,
        saved: Mapping[str, str],
    ) -> None:
        self.config = config
        self.incarnation = incarnation
        self.databases = [database.name for database in config.databases]
        self._attempts = {
            key: int(count)
            for key, count in saved.items()
            if key.startswith(_ATTEMPTS)
        }

    def decide(self, event: Event) -> Iterable[Command]:
        """Give the answer to an event, one command after the other."""
        raise NotImplementedError

    def resume(self) -> list[Command]:
        return [ClearRestoreFolder(), TakeInventory()]

    def handle(self, event: Event) -> list[Command]:
        if event.incarnation not in (0, self.incarnation):
            return []  # an answer to an earlier life
        return list(self.decide(event))

    # ---- reads
    def attempts(self, database: str, name: str) -> int:
        """Return how often that file was read, in earlier lives too."""
        return self._attempts.get(f"{_ATTEMPTS}{database}/{name}", 0)

    def unread_logs(
        self, database: str, files: Iterable[NamedFile]
    ) -> dict[str, NamedFile]:
        """Return by name the logs among these files that nobody has read yet, in their order."""
        return {
            file.name: file
            for file in files
            if kind_of(file.name) is Kind.LOG
            and not self.attempts(database, file.name)
        }

    def read(
        self, database: str, name: str, replace: bool = False
    ) -> list[Command]:
        """Return the commands that restore a file: the counter of its reads, durable, the working
        copy's name, and the read (R5).
        """
        key = f"{_ATTEMPTS}{database}/{name}"
        attempts = self._attempts[key] = self._attempts.get(key, 0) + 1
        return [
            Save(key, str(attempts)),
            RenameWorkingCopy(database, name, attempts),
            Restore(database, name, replace),
        ]
