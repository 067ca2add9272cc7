"""The next files arrive with wrong bytes; what lies at the primary is good, so a second copy is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.faults.damage import draw_extent, hurt
from dr_sim.scenario.fields.bounds import MOST_FILES
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class CorruptInTransit(Params):
    database: DatabaseName | None = Field(
        None,
        description="only this database's files; if left out: "
        "those of any database",
    )
    kind: Literal["any", "full", "incremental", "log"] = Field(
        "any", description="the kind of backup file; any: all kinds"
    )
    files: int = Field(
        1,
        ge=1,
        le=MOST_FILES,
        description="number of consecutive files that arrive damaged",
    )


def happen(event: Occurrence, params: CorruptInTransit) -> None:
    world = event.world
    left = params.files
    index = (
        -1 if params.database is None else world.index_of(params.database)
    )
    event.begins("corruption in transit", index)

    def damage(file: BackupFile, data: bytes) -> bytes:
        nonlocal left
        if (
            left
            and index in (-1, file.database)
            and params.kind in ("any", file.kind.word)
        ):
            offset, length = draw_extent(event, file, params.files - left)
            left -= 1
            world.context.note(
                "truth.damaged",
                file.database,
                file.number,
                "transit",
                offset,
                max(1, length),
            )
            data = hurt(data, file.nominal_bytes, offset, length)
            if not left:
                event.ends("corruption in transit", index)
                world.replication.in_transit.remove(damage)
        return data

    world.replication.in_transit.append(damage)


KIND = EventKind(
    "corrupt_in_transit",
    CorruptInTransit,
    "database",
    True,
    "damage in transfer that TCP's checksum misses, or a faulty network "
    "card or proxy",
    "one packet in 16 million to 10 billion (Stone and Partridge 2000); sizes: CERN 2007",
    happen,
    explains=(Explains.DAMAGED_COPY,),
    draws=lambda r, db: {
        "database": db,
        "files": r.choice(["1", "2", "5", "12"]),
    },
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
