"""A file arrives as another database's backup, and a manifest that agrees with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.bounds import MOST_FILES
from dr_sim.scenario.fields.fields import Params, did_you_mean
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains, RestOfScenario

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class MisfiledBackup(Params):
    database: DatabaseName
    of: str = Field(
        "",
        description="the database that the backup belongs to; if left "
        "out: the first other one",
    )
    kind: Literal["full", "incremental", "log"] = Field(
        "log", description="the kind of backup file"
    )
    files: int = Field(
        1,
        ge=1,
        le=MOST_FILES,
        description="number of consecutive files that arrive damaged",
    )


def happen(event: Occurrence, params: MisfiledBackup) -> None:
    from dr_sim.world.secondary.swapped_files import (
        SwappedFiles,
        arrive_as_others,
    )

    world = event.world
    index = world.index_of(params.database)
    others = [
        other
        for other, database in enumerate(world.context.scenario.databases)
        if other != index and params.of in ("", database.name)
    ]
    if not others:
        event.nothing("there is no other database")
        return
    swapped = SwappedFiles(
        "misfiled backup", index, params.kind, params.files
    )

    def theirs(file: BackupFile) -> BackupFile | None:
        """Return the newest of the other database; None: it has none yet."""
        found = [
            f
            for f in world.files_at("primary", others[0])
            if f.kind is file.kind and f.made is not None
        ]
        return found[-1] if found else None

    arrive_as_others(event, swapped, theirs)


def check(params: MisfiledBackup, around: RestOfScenario) -> list[str]:
    """Refuse a database that there is not, and the one itself."""
    if not params.of or not around.databases:
        return []
    if params.of == params.database:
        return [
            f"of: {params.of!r} is the database itself; name another one, or leave it out"
        ]
    if params.of in around.databases:
        return []
    hint = did_you_mean(params.of, around.databases)
    return [f"of: unknown database {params.of!r}; {hint}"]


KIND = EventKind(
    "misfiled_backup",
    MisfiledBackup,
    "database",
    True,
    "a backup of another database, perhaps of another tenant, arrives "
    "under this one's name with its own manifest, so the hash agrees. "
    "Its header says which database it belongs to: it is never restored, "
    "and the right file is copied again",
    "operators' threads: two jobs that write to one path; SQL Server's error 3154",
    happen,
    explains=(Explains.DAMAGED_COPY,),
    check=check,
    draws=lambda r, db: {
        "database": db,
        "kind": r.choice(["log", "incremental", "full"]),
        "files": r.choice(["1", "3"]),
    },
    affects=lambda params: COPY,
    heals=False,
)
