"""Files land late, and so out of order: later ones overtake them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.bounds import MOST_FILES
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class LateFile(Params):
    database: DatabaseName
    by: Law = Field(description="extra time until the file arrives")
    files: int = Field(
        1,
        ge=1,
        le=MOST_FILES,
        description="number of files; each draws its own delay",
    )


def happen(event: Occurrence, params: LateFile) -> None:
    world = event.world
    index = world.index_of(params.database)
    left = params.files
    event.begins("late files", index)

    def hold(file: BackupFile) -> int:
        nonlocal left
        if not left or file.database != index:
            return 0
        by_us = event.law(params.by, f"late {params.files - left}")
        left -= 1
        if not left:
            event.ends("late files", index)
            world.later(
                0, lambda: world.replication.hold_until.remove(hold)
            )
        return world.context.now_us + by_us

    world.replication.hold_until.append(hold)


KIND = EventKind(
    "late_file",
    LateFile,
    None,
    True,
    "a replicator delivers files out of order: a gap that a late file "
    "fills is normal and is not a hole",
    "Windows DFS Replication FAQ: files may arrive out of order",
    happen,
    explains=(Explains.HELD_BACK,),
    draws=lambda r, db: {
        "database": db,
        "by": r.choice(["20 s", "6 min", "33 min"]),
        "files": r.choice(["1", "3"]),
    },
    affects=lambda params: COPY,
)
