"""The next copies end early but count as delivered: cut off, or preallocated to their whole size
with zeros at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.bounds import MOST_FILES
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Ppm
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class TornCopy(Params):
    database: DatabaseName
    kind: Literal["any", "full", "incremental", "log"] = Field(
        "any", description="the kind of backup file; any: all kinds"
    )
    after: Ppm = default(
        "50 %", "assumed", "share of the file's bytes that cross the link"
    )
    leaves: Literal["the part", "whole size"] = Field(
        "the part",
        description="the size that the torn file shows: the bytes that "
        "came, or the whole size",
    )
    files: int = Field(
        1, ge=1, le=MOST_FILES, description="number of consecutive copies"
    )


def happen(event: Occurrence, params: TornCopy) -> None:
    world = event.world
    replication = world.replication
    index = world.index_of(params.database)
    left = params.files
    torn: set[int] = set()
    event.begins("torn copy", index)

    def cut(file: BackupFile, amount: int) -> int:
        nonlocal left
        if (
            not left
            or file.database != index
            or params.kind not in ("any", file.kind.word)
        ):
            return amount
        left -= 1
        torn.add(file.number)
        return amount * params.after // 1_000_000

    def tear(file: BackupFile, data: bytes) -> bytes:
        if file.number not in torn:
            return data
        torn.remove(file.number)
        there = len(data) * params.after // 1_000_000
        begin = file.nominal_bytes * params.after // 1_000_000
        world.context.note(
            "truth.damaged",
            file.database,
            file.number,
            "transit",
            begin,
            file.nominal_bytes - begin,
        )
        if not left and not torn:
            replication.cut_short.remove(cut)
            replication.in_transit.remove(tear)
            event.ends("torn copy", index)
        return data[:there] + (
            bytes(len(data) - there)
            if params.leaves == "whole size"
            else b""
        )

    replication.cut_short.append(cut)
    replication.in_transit.append(tear)


KIND = EventKind(
    "torn_copy",
    TornCopy,
    "database",
    True,
    "a copy program dies and leaves half a file, or it allocates the "
    "whole size first and leaves zeros",
    "operators' threads: half-copied files picked up; PostgreSQL: a full-size segment "
    "with a zero tail passes the size check",
    happen,
    explains=(Explains.DAMAGED_COPY,),
    draws=lambda r, db: {
        "database": db,
        "leaves": r.choice(["the part", "whole size"]),
        "files": r.choice(["1", "3"]),
    },
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
