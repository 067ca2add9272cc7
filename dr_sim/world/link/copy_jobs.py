"""The copy jobs of a replication that does not send files at once: one begins every so often, and
takes what was finished since the last one began.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import BackupFile


class CopyJobs:
    """The files that wait for the next copy job. begin: called with them when it begins."""

    def __init__(
        self,
        context: Context,
        begin: Callable[[list[BackupFile]], None],
    ) -> None:
        self._context = context
        self._begin = begin
        self._files: list[BackupFile] = []
        self._next: Entry | None = None

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[BackupFile]:
        return iter(self._files)

    def add(self, file: BackupFile) -> None:
        self._files.append(file)

    def plan(self) -> None:
        """Let the next job begin when it is due."""
        if self._next is None:
            every = self._context.scenario.replication.every_us
            at = -(-self._context.now_us // every) * every
            self._next = self._context.agenda.at(
                at, Class.HOUSEKEEPING, -1, self._due
            )

    def leave_out(self, numbers: Container[int]) -> None:
        """Take out files that are sent before the job begins."""
        self._files = [
            file for file in self._files if file.number not in numbers
        ]

    def clear(self) -> None:
        self._files.clear()

    def _due(self) -> None:
        self._next = None
        files, self._files = self._files, []
        self._begin(files)
