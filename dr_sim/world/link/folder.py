"""One replicated folder: its shares, its staging area, and whether its memberships are on.

A folder has two members, the primary and the secondary. Switching either membership off stops the
folder, and the other folders continue; when both are on again what was finished meanwhile is sent.
Each folder has a staging area with a quota of its own, as in Windows' DFS Replication.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence

from dr_sim.scenario.model import FolderSpec, ReplicationSpec, Scenario
from dr_sim.world.primary.primary import SHARE as PRIMARY_SHARE
from dr_sim.world.secondary.secondary import SHARE as SECONDARY_SHARE


class Folder:
    """A replicated folder. purging: its staging area is being purged. off: the number of reasons
    for which its memberships are off. full: the number of reasons for which nothing more can be
    staged.
    """

    __slots__ = (
        "_bytes",
        "_high_bytes",
        "_low_bytes",
        "_oldest",
        "_staged",
        "full",
        "off",
        "purging",
        "spec",
    )

    def __init__(self, spec: FolderSpec, rules: ReplicationSpec) -> None:
        self.spec = spec
        self.purging = False
        self.off = 0
        self.full = 0
        self._staged: dict[int, int] = {}  # bytes, by the file's number
        self._oldest: deque[int] = deque()  # their numbers
        self._bytes = 0
        self._high_bytes = (
            spec.staging_bytes * rules.high_watermark_ppm // 1_000_000
        )
        self._low_bytes = (
            spec.staging_bytes * rules.low_watermark_ppm // 1_000_000
        )

    @property
    def blocked(self) -> bool:
        """Return whether nothing in the folder can begin to be sent."""
        return self.purging or self.off > 0 or self.full > 0

    @property
    def free_bytes(self) -> int:
        """Return the free bytes of the staging area, without purging."""
        return self._high_bytes - self._bytes

    def fits(self, size_bytes: int) -> bool:
        return size_bytes <= self.free_bytes

    def stage(
        self, number: int, size_bytes: int, sending: Container[int]
    ) -> int:
        """Stage a file; return how many bytes must be purged first (0: it is staged). A file larger
        than the quota passes, and so does one that an interrupted transfer left there.
        """
        if size_bytes > self.spec.staging_bytes or number in self._staged:
            return 0
        freed = 0
        if not self.fits(size_bytes):
            while (
                self._oldest and self._bytes + size_bytes > self._low_bytes
            ):
                if self._oldest[0] in sending:
                    break
                freed += self._forget_oldest()
        if not freed:
            self.keep((number,), (size_bytes,))
        return freed

    def _forget_oldest(self) -> int:
        """Forget the file that was staged first; return its bytes."""
        size = self._staged.pop(self._oldest.popleft())
        self._bytes -= size
        return size

    # ---- for the lanes
    @property
    def files(self) -> int:
        """Return how many files are staged."""
        return len(self._oldest)

    def copy(self) -> Folder:
        """Return a folder in which the same files are staged."""
        copy = Folder.__new__(Folder)
        for name in self.__slots__:
            setattr(copy, name, getattr(self, name))
        copy._staged, copy._oldest = (
            self._staged.copy(),
            self._oldest.copy(),
        )
        return copy

    def purge(self, files: int) -> None:
        """Forget that many files, those that were staged first."""
        for _ in range(files):
            self._forget_oldest()

    def keep(self, numbers: Sequence[int], sizes: Sequence[int]) -> None:
        """Stage files that are not staged, in this order, where there is room."""
        self._oldest.extend(numbers)
        self._staged.update(zip(numbers, sizes, strict=True))
        self._bytes += sum(sizes)


def folders_of(scenario: Scenario) -> list[FolderSpec]:
    """Return, for each database in turn, the folder that holds its backups. Where no group is
    written, all are in one.
    """
    rules = scenario.replication
    if not rules.folders:
        names = tuple(d.name for d in scenario.databases)
        return [
            FolderSpec(
                "backups",
                "backups",
                names,
                PRIMARY_SHARE,
                SECONDARY_SHARE,
                rules.staging_bytes,
            )
        ] * len(names)
    by_name = {
        name: folder
        for folder in rules.folders
        for name in folder.databases
    }
    return [by_name[d.name] for d in scenario.databases]
