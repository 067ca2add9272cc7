"""The staging areas as planned logs leave them, with the purges on the way.

The plan of a wave (wave_plan.py) stages its logs here and not in the folders. Nearly always there
is room, and only bytes are counted. Where a purge comes first, a copy of the folder is made, which
goes through the same steps as the folder would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dr_sim.world.link.folder import Folder


class StagedLog(Protocol):
    """A log as far as a staging area is concerned."""

    @property
    def database(self) -> int: ...

    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge of the staging area of that database's folder: the number of files, which are those
    that were staged first, and their bytes. sent: the number of logs that were sent before it.
    """

    database: int
    files: int
    freed_bytes: int
    sent: int


class StagingPlan:
    """The plan, which begins with what is staged now. folder_of: by database. A log is known by its
    place in its wave.
    """

    def __init__(self, folder_of: Sequence[Folder]) -> None:
        self._folder_of = folder_of
        folders = set(folder_of)
        self._free_bytes = {folder: folder.free_bytes for folder in folders}
        # by folder: logs that are staged, but not in its copy, with their bytes
        self._kept: dict[Folder, list[tuple[int, int]]] = {
            f: [] for f in folders
        }
        self._copies: dict[Folder, Folder] = {}
        self._earlier = 0  # logs of earlier waves

    def folder(self, log: StagedLog) -> Folder:
        return self._folder_of[log.database]

    def goes_unstaged(self, log: StagedLog) -> bool:
        """Return whether the log is larger than its staging area, and passes without it."""
        return log.size > self.folder(log).spec.staging_bytes

    def wave_over(self, num_logs: int) -> None:
        """Note that a wave of that many logs is over."""
        self._earlier += num_logs

    def take(self, logs: Sequence[StagedLog], order: Iterable[int]) -> bool:
        """Stage the logs of a whole wave, in that order, unless a purge must come first. Return
        whether they are staged.
        """
        wanted = dict.fromkeys(self._kept, 0)
        for log in logs:
            wanted[self.folder(log)] += log.size
        if any(
            size > self._free(folder) for folder, size in wanted.items()
        ):
            return False
        for i in order:
            self._keep(self.folder(logs[i]), i, logs[i].size)
        self.wave_over(len(logs))
        return True

    def stage(
        self, i: int, log: StagedLog, sending: Iterable[int]
    ) -> tuple[int, int]:
        """Stage a log. Return how many files must be purged first, and their bytes; (0, 0): it is
        staged. sending: the logs that are being sent.
        """
        folder = self.folder(log)
        if log.size <= self._free(folder):
            self._keep(folder, i, log.size)
            return 0, 0
        copy = self._copy(folder)
        files = copy.files
        freed = copy.stage(
            self._key(i), log.size, set(map(self._key, sending))
        )
        return (files - copy.files, freed) if freed else (0, 0)

    def _free(self, folder: Folder) -> int:
        copy = self._copies.get(folder)
        return self._free_bytes[folder] if copy is None else copy.free_bytes

    def _keep(self, folder: Folder, i: int, size: int) -> None:
        copy = self._copies.get(folder)
        if copy is None:
            self._free_bytes[folder] -= size
            self._kept[folder].append((self._key(i), size))
        else:
            copy.keep((self._key(i),), (size,))

    def _copy(self, folder: Folder) -> Folder:
        """Return the copy of a folder, in which all planned logs are staged."""
        copy = self._copies.get(folder)
        if copy is None:
            copy = self._copies[folder] = folder.copy()
            for key, size in self._kept.pop(folder):
                copy.keep((key,), (size,))
            self._kept[folder] = []
        return copy

    def _key(self, i: int) -> int:
        """Return a number that no file has."""
        return -1 - self._earlier - i
