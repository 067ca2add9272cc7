"""The replicator takes the next log backup's file while it is still being written, and again when
it is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Ppm
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class HalfWritten(Params):
    database: DatabaseName
    after: Ppm = default(
        "50 %",
        "assumed",
        "share of the backup's bytes that are written when it is sent",
    )


def happen(event: Occurrence, params: HalfWritten) -> None:
    index = event.world.index_of(params.database)
    event.begins("half-written file", index)
    event.world.primary.databases[index].show_next_ppm = max(
        1, params.after
    )
    event.ends("half-written file", index)


KIND = EventKind(
    "half_written",
    HalfWritten,
    "database",
    True,
    "a file that is open with read-sharing is sent half-written; the "
    "whole file follows when it is closed",
    "Windows DFS Replication FAQ: a file opened with read-sharing can be replicated half-written",
    happen,
    needs_log=True,
    needs_primary=True,
    explains=(Explains.DAMAGED_COPY,),
    draws=lambda r, db: {
        "database": db,
        "after": r.choice(["1 %", "50 %", "99 %"]),
    },
    affects=lambda params: PRIMARY,
)
