"""The queue of files that wait to be sent, in their order.

Behind a link that is too slow hundreds of thousands wait, and each of many databases asks every few
minutes whether its next log is among them. So that is known without going through the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from dr_sim.world.primary.backup_file import BackupFile


class SendQueue:
    """The queue. files: to be read only; a file is in it once."""

    __slots__ = ("_numbers", "files")

    def __init__(self) -> None:
        self.files: deque[BackupFile] = deque()
        self._numbers: set[int] = set()

    def __contains__(self, file: BackupFile) -> bool:
        return file.number in self._numbers

    def add(self, file: BackupFile) -> None:
        self.files.append(file)
        self._numbers.add(file.number)

    def add_first(self, file: BackupFile) -> None:
        self.files.appendleft(file)
        self._numbers.add(file.number)

    def remove(self, place: int) -> None:
        """Remove the file at that place."""
        self._numbers.discard(self.files[place].number)
        del self.files[place]

    def put(self, files: Iterable[BackupFile]) -> None:
        """Let these files wait in this order, and no others."""
        self.files = deque(files)
        self._numbers = {file.number for file in self.files}

    def clear(self) -> None:
        self.files.clear()
        self._numbers.clear()
