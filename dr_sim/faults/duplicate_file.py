"""The next backup file arrives a second time, as it is or under another name."""

from __future__ import annotations

from typing import Literal

from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, Duration, Params, default
from dr_sim.world.agenda import Class
from dr_sim.world.backup_file import BackupFile


class DuplicateFile(Params):
    database: DatabaseName
    name: Literal["same", "other"] = "same"
    after: Duration = default("1 min", "assumed", "how much later the second one is sent")


def happen(event: Occurrence, params: DuplicateFile) -> None:
    world = event.world
    index = world.index_of(params.database)
    event.begins("duplicate file", index)

    def again(file: BackupFile) -> None:
        if params.name == "other":
            world.copy_of(file)
        elif file.at_primary:
            world.replication.offer(file)
        event.ends("duplicate file", index)

    def watch(file: BackupFile) -> bool:
        if file.database == index and file.whole:
            world.on_offer.remove(watch)
            at = world.context.now_us + params.after
            world.context.agenda.at(at, Class.FAULT, index, again, file)
        return False

    world.on_offer.append(watch)


KIND = Kind(
    "duplicate_file", DuplicateFile, "database", True,
    "a replicator that sends twice, or a conflict that leaves a second copy under a name of its own",
    "operators' threads: duplicates after retries; Barman moves differing duplicates aside and alerts",
    happen,
)  # fmt: skip
