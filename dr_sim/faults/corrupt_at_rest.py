"""Files that have landed (or lie at the primary) go bad where they lie, several at once: disks fail in clusters."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field

from dr_sim.faults.damage import draw_extent, hurt
from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, Params


class CorruptAtRest(Params):
    database: DatabaseName
    where: Literal["secondary", "primary"] = "secondary"
    kind: Literal["any", "full", "incremental", "log"] = "any"
    files: int = Field(1, ge=1, description="the newest so many, side by side on the disk")


def happen(event: Occurrence, params: CorruptAtRest) -> None:
    world = event.world
    index = world.index_of(params.database)
    event.begins("corruption at rest", index)
    hit = [f for f in world.files_at(params.where, index) if params.kind in ("any", f.kind.word)]
    for nth, file in enumerate(hit[-params.files :]):
        offset, length = draw_extent(event, file, nth)
        change = partial(hurt, nominal_bytes=file.nominal_bytes, offset=offset, length=length)
        world.change_bytes(file, params.where, change, offset, length)
    event.ends("corruption at rest", index)


KIND = Kind(
    "corrupt_at_rest", CorruptAtRest, "database", True,
    "latent sector errors and silent corruption of a disk, clustered",
    "FAST 2008: over 400,000 checksum mismatches on 1.53 million disks in 41 months, clustered by disk; sizes: CERN 2007",
    happen,
)  # fmt: skip
