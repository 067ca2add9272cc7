"""The staging areas of all replicated folders: files pass through that of their folder (folder.py).

Above its high watermark the oldest staged files are purged down to the low one. That takes time,
and no transfer of the folder begins meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.lane.staging_plan import StagingPlan
from dr_sim.world.link.folder import Folder, folders_of
from dr_sim.world.primary.backup_file import BackupFile


class Staging:
    """The folders. purged: called with the file for which a staging area has been purged."""

    def __init__(
        self, context: Context, purged: Callable[[BackupFile], None]
    ) -> None:
        self._context = context
        self._spec = context.scenario.replication
        self._purged_hook = purged
        specs = folders_of(context.scenario)
        by_spec = {spec: Folder(spec, self._spec) for spec in specs}
        self.folders = list(by_spec.values())
        self._folder_of = [by_spec[spec] for spec in specs]
        # whose staging area is being purged, and for which file
        self._purged_for: dict[Folder, BackupFile] = {}

    def of(self, file: BackupFile) -> Folder:
        """Return the folder of a file."""
        return self._folder_of[file.database]

    def named(self, group: str | None, name: str | None) -> list[Folder]:
        """Return the folders of a group, or of a name, or all."""
        return [
            f
            for f in self.folders
            if group in (None, f.spec.group) and name in (None, f.spec.name)
        ]

    def free_bytes(self, database: int) -> int:
        """Return how much fits into the staging area without purging."""
        return self._folder_of[database].free_bytes

    def holds_up(self, file: BackupFile) -> bool:
        """Return whether the staging area is full, or is being purged for this file."""
        folder = self.of(file)
        return folder.full > 0 or self._purged_for.get(folder) is file

    def keep(
        self,
        databases: Sequence[int],
        numbers: Sequence[int],
        sizes: Sequence[int],
    ) -> None:
        """Record that files were staged, in this order: by database, number and bytes."""
        folder_of = self._folder_of
        folders = {id(folder_of[each]) for each in set(databases)}
        if len(folders) == 1:
            folder_of[databases[0]].keep(numbers, sizes)
            return
        for database, number, size in zip(
            databases, numbers, sizes, strict=True
        ):
            folder_of[database].keep((number,), (size,))

    def purge(self, database: int, files: int) -> None:
        """Record that the files that were staged first were purged, so many of them."""
        self._folder_of[database].purge(files)

    def plan(self) -> StagingPlan:
        """Return a plan of what is staged next."""
        return StagingPlan(self._folder_of)

    def stage(self, file: BackupFile, sending: Container[int]) -> bool:
        """Stage a file; return False while the staging area is being purged. sending: the numbers
        of the files that are being sent.
        """
        folder = self.of(file)
        freed = folder.stage(file.number, file.nominal_bytes, sending)
        if freed:
            folder.purging = True
            self._purged_for[folder] = file
            takes = -(-freed * 1_000_000 // self._spec.purge_bytes_s)
            self._context.agenda.at(
                self._context.now_us + takes,
                Class.TRANSFER,
                -1,
                self._purged,
                folder,
            )
        return not freed

    def _purged(self, folder: Folder) -> None:
        folder.purging = False
        self._purged_hook(self._purged_for.pop(folder))
