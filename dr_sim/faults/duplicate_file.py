"""The next backup file arrives a second time, as it is or under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.backups.names import backup_name
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Duration
from dr_sim.scenario.kind import COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile
    from dr_sim.world.roles.pair import Pair


class DuplicateFile(Params):
    database: DatabaseName
    name: Literal["same", "other"] = Field(
        "same", description="whether the second copy has the same name"
    )
    after: Duration = default(
        "1 min", "assumed", "time until the second copy is sent"
    )


def happen(event: Occurrence, params: DuplicateFile) -> None:
    from dr_sim.world.kernel.agenda import Class

    world = event.world
    index = world.index_of(params.database)
    event.begins("duplicate file", index)

    def again(name: str) -> None:
        file = world.context.by_name[index].get(name)
        if file is None:
            pass  # it lies nowhere any more
        elif params.name == "other":
            _copy(world, file)
        elif file.at_primary:
            world.replication.offer(file)
        event.ends("duplicate file", index)

    def watch(file: BackupFile) -> bool:
        if file.database == index and file.whole:
            world.on_offer.remove(watch)
            at = world.context.now_us + params.after
            world.context.agenda.at(
                at, Class.FAULT, index, again, file.name
            )
        return False

    world.on_offer.append(watch)


def _copy(world: Pair, file: BackupFile) -> None:
    """Another file in the primary's share with the same content, under another name of the kind
    that backups bear.
    """
    from dr_sim.world.primary.backup_file import BackupFile

    context = world.context
    if not file.at_primary or file.made is None:
        return
    if not world.primary.is_of_schedules(file):
        return  # the folder of the second tool is another one
    db = world.primary.databases[file.database]
    taken = {*db.named, *context.by_name[file.database]}
    name = backup_name(
        db.spec.name, file.header.started_utc_us, file.kind, 0, taken
    )
    copy = BackupFile(
        db.next_number,
        file.database,
        name,
        file.header,
        file.commits,
        file.begun_us,
    )
    copy.finished(file.header, file.made, file.commits)
    copy.ends_us = file.ends_us
    context.primary_files.write(
        context.at_primary(copy),
        context.primary_files.read(context.at_primary(file)),
    )
    world.primary.made(db, copy, context.now_us)
    for pair in world.together:
        its = pair.context.by_name[file.database].get(copy.name)
        if its is not None:
            pair.replication.offer(its)


KIND = EventKind(
    "duplicate_file",
    DuplicateFile,
    "database",
    True,
    "a replicator sends a file twice, or a conflict leaves a second copy "
    "with another name",
    "operators' threads: duplicates after retries; Barman moves differing duplicates "
    "aside and alerts",
    happen,
    explains=(Explains.DAMAGED_COPY,),
    draws=lambda r, db: {
        "database": db,
        "name": r.choice(["same", "other"]),
        "after": r.choice(["0 s", "1 min", "20 min"]),
    },
    affects=lambda params: PRIMARY if params.name == "other" else COPY,
)
