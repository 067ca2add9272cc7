"""Index maintenance writes a burst of log that holds no user's commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Duration, Size
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class IndexMaintenance(Params):
    database: DatabaseName
    log: Size
    over: Duration = default(
        "4 min",
        "assumed: within one log interval",
        "how long it writes log",
    )


def happen(event: Occurrence, params: IndexMaintenance) -> None:
    index = event.world.index_of(params.database)
    context = event.world.context
    event.begins("index maintenance", index)
    context.workloads[index].add_burst(
        context.now_us, params.log, params.over, params.over
    )
    event.world.primary.log_space.burst(
        event.world.primary.databases[index]
    )
    event.world.later(
        params.over, lambda: event.ends("index maintenance", index)
    )


KIND = EventKind(
    "index_maintenance",
    IndexMaintenance,
    None,
    True,
    "a rebuild of indexes in one transaction makes one log very large; a "
    "failover during it must undo it",
    "a real five-minute log series: median 4.27 MB, largest 3,553 MB, that one from index "
    "maintenance",
    happen,
    needs_primary=True,
    explains=(Explains.UNDO,),
    draws=lambda r, db: {
        "database": db,
        "log": r.choice(["200 MB", "2 GB"]),
    },
    affects=lambda params: PRIMARY,
    also=(
        "rebuild_index",
        "index_rebuild",
        "reorganize_index",
        "reindex",
        "vacuum",
        "vacuum_full",
        "bulk_load",
        "etl",
    ),
)
