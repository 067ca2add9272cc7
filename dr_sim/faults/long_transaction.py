"""A transaction writes a lot and stays open: what it wrote must be undone if a failover comes
before it commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Duration, Size
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LongTransaction(Params):
    database: DatabaseName
    log: Size
    over: Duration = default(
        "4 min",
        "assumed: within one log interval",
        "how long it writes log",
    )
    open_for: Duration = default(
        "0 s",
        "assumed: it commits at once",
        "time that it stays open after its last write",
    )


def happen(event: Occurrence, params: LongTransaction) -> None:
    world = event.world
    index = world.index_of(params.database)
    context = world.context
    lasts_us = params.over + params.open_for
    event.begins("a long transaction", index)
    context.workloads[index].add_burst(
        context.now_us, params.log, params.over, lasts_us
    )
    world.primary.log_space.burst(world.primary.databases[index])
    world.later(lasts_us, lambda: event.ends("a long transaction", index))


KIND = EventKind(
    "long_transaction",
    LongTransaction,
    None,
    True,
    "a batch job or a forgotten transaction. Its log is shipped like any "
    "other. When the copy is brought online, the transaction is rolled "
    "back at failover.undo_rate (SQL Server's rules; PostgreSQL has "
    "nothing to undo)",
    "SQL Server documentation: recovery undoes open transactions; field report: a small "
    "log took 3 h 10 (undo of a huge open"
    " transaction)",
    happen,
    needs_primary=True,
    explains=(Explains.UNDO,),
    affects=lambda params: PRIMARY,
    draws=lambda r, db: {
        "database": db,
        "log": r.choice(["50 MB", "800 MB"]),
        "open_for": r.choice(["0 s", "20 min"]),
    },
)
