"""The next log backup's file vanishes from the primary's share before it is copied; its log is truncated all the same."""

from __future__ import annotations

from dr_sim.backups.model import Kind as BackupKind
from dr_sim.faults.kind import Explains, Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, Params
from dr_sim.world.backup_file import BackupFile


class MissingFile(Params):
    database: DatabaseName


def happen(event: Occurrence, params: MissingFile) -> None:
    world = event.world
    index = world.index_of(params.database)
    event.begins("file lost", index)

    def take(file: BackupFile) -> bool:
        if file.database != index or file.kind is not BackupKind.LOG or not file.whole:
            return False
        world.on_offer.remove(take)
        world.primary.delete(file, "lost")
        event.ends(f"file lost: {file.name}", index)
        return True

    world.on_offer.append(take)


KIND = Kind(
    "missing_file", MissingFile, "database", True,
    "a second job, a clean-up script or a person takes a log away: the hole cannot be filled from the primary's log",
    "operators' threads: a second log-backup job elsewhere steals log; retention that deletes what is still needed",
    happen, needs_log=True,
    explains=(Explains.FILE_LOST,),
)  # fmt: skip
