"""Files are deleted by age alone, needed or not, copied or not."""

from __future__ import annotations

from typing import Literal

from dr_sim.faults.kind import Explains, Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, Duration, Params


class CarelessCleanUp(Params):
    where: Literal["primary", "secondary"] = "primary"
    database: DatabaseName
    kind: Literal["any", "full", "incremental", "log"] = "any"
    older_than: Duration


def happen(event: Occurrence, params: CarelessCleanUp) -> None:
    world = event.world
    index = world.index_of(params.database)
    event.begins(f"clean-up at the {params.where}", index)
    before_us = world.context.now_us - params.older_than
    for file in world.files_at(params.where, index):
        if params.kind in ("any", file.kind.word) and file.ends_us < before_us and file.made is not None:
            if params.where == "primary":
                world.primary.delete(file, "clean-up")
            else:
                world.secondary.delete(file, "clean-up")
    event.ends(f"clean-up at the {params.where}", index)


KIND = Kind(
    "careless_clean_up", CarelessCleanUp, None, True,
    "a clean-up script or a retention by age that takes the base of a chain, or what has not been copied or replayed yet",
    "operators' threads: retention that deletes the base of a chain",
    happen,
    explains=(Explains.FILE_LOST, Explains.COPY_LOST),
)  # fmt: skip
