"""Files that have landed (or lie at the primary) go bad where they lie, several at once: disks fail
in clusters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.faults.damage import draw_extent, hurt_file
from dr_sim.scenario.fields.bounds import MOST_FILES
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName, MachineName
from dr_sim.scenario.kind import COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class CorruptAtRest(Params):
    database: DatabaseName | None = Field(
        None, description="if left out: every database on one disk"
    )
    machine: MachineName | None = Field(
        None,
        description="at the primary, without database: the machine; if "
        "left out: all machines",
    )
    where: Literal["secondary", "primary"] = Field(
        "secondary", description="the side that holds the file"
    )
    kind: Literal["any", "full", "incremental", "log"] = Field(
        "any", description="the kind of backup file; any: all kinds"
    )
    files: int = Field(
        1,
        ge=1,
        le=MOST_FILES,
        description="number of newest files of each database that are "
        "damaged, side by side on the disk",
    )


def happen(event: Occurrence, params: CorruptAtRest) -> None:
    world = event.world
    specs = world.context.scenario.databases
    index = (
        -1 if params.database is None else world.index_of(params.database)
    )
    event.begins("corruption at rest", index)
    hit: list[BackupFile] = []
    for i, database in enumerate(specs):
        if index == i or (
            index < 0
            and (
                params.where == "secondary"
                or params.machine in (None, database.machine)
            )
        ):
            hit += [
                f
                for f in world.files_at(params.where, i)
                if params.kind in ("any", f.kind.word)
            ][-params.files :]
    for nth, file in enumerate(hit):
        hurt_file(
            event.context,
            file,
            params.where,
            *draw_extent(event, file, nth),
        )
    event.ends("corruption at rest", index)


KIND = EventKind(
    "corrupt_at_rest",
    CorruptAtRest,
    "database",
    True,
    "latent sector errors and silent corruption of a disk, in clusters",
    "FAST 2008: over 400,000 checksum mismatches on 1.53 million disks in 41 months, "
    "clustered by disk; sizes: CERN 2007",
    happen,
    explains=(Explains.DAMAGED_COPY, Explains.FILE_LOST),
    draws=lambda r, db: {
        "database": db,
        "where": r.choice(["primary", "secondary"]),
        "files": r.choice(["1", "3", "9"]),
    },
    affects=lambda params: PRIMARY if params.where == "primary" else COPY,
    at_stores=lambda params: True,
)
