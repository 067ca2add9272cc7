"""A file arrives with the content of an older one, and a manifest that agrees with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.bounds import MOST_FILES
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class OlderVersion(Params):
    database: DatabaseName
    kind: Literal["full", "incremental", "log"] = Field(
        "log", description="the kind of backup file"
    )
    files: int = Field(
        1,
        ge=1,
        le=MOST_FILES,
        description="number of consecutive files that arrive damaged",
    )


def happen(event: Occurrence, params: OlderVersion) -> None:
    from dr_sim.world.secondary.swapped_files import (
        SwappedFiles,
        arrive_as_others,
    )

    world = event.world
    index = world.index_of(params.database)
    swapped = SwappedFiles(
        "older version", index, params.kind, params.files
    )

    def older(file: BackupFile) -> BackupFile | None:
        """Return the one before it; None: it is the first of its kind."""
        found = [
            f
            for f in world.files_at("primary", index)
            if f.kind is file.kind
            and f.number < file.number
            and f.made is not None
        ]
        return found[-1] if found else None

    arrive_as_others(event, swapped, older)


KIND = EventKind(
    "older_version",
    OlderVersion,
    "database",
    True,
    "the previous backup arrives under the new one's name, with its own "
    "manifest, so the hash agrees. A script has sent it again, or two "
    "files have one name. Size and time of last write show the error "
    "(replay.validate: [hash, properties])",
    "operators' threads: names that collide when clocks fall back; Barman moves differing "
    "duplicates aside and alerts",
    happen,
    explains=(Explains.DAMAGED_COPY,),
    draws=lambda r, db: {
        "database": db,
        "kind": r.choice(["log", "incremental", "full"]),
        "files": r.choice(["1", "3"]),
    },
    affects=lambda params: COPY,
    heals=False,
)
