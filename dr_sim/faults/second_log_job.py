"""Someone else takes log backups too: what his take is truncated from the log and in none of
ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind as BackupKind
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Count, Period
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class SecondLogJob(Params):
    database: DatabaseName
    times: Count = default("1", "assumed: found at once", "number of runs")
    every: Period = default("1 h", "assumed", "time between two runs")


def happen(event: Occurrence, params: SecondLogJob) -> None:
    from dr_sim.world.primary.primary_database import Order

    world = event.world
    index = world.index_of(params.database)
    event.begins("second log job", index)

    def run(left: int) -> None:
        db = world.primary.databases[index]
        world.primary.backups.begin_order(
            db, Order(BackupKind.LOG, elsewhere=True)
        )
        if left > 1:
            world.later(params.every, lambda: run(left - 1))
        else:
            event.ends("second log job", index)

    if params.times:
        run(params.times)


KIND = EventKind(
    "second_log_job",
    SecondLogJob,
    "database",
    True,
    "a maintenance plan or another product backs up the log to another "
    "place, so the chain has a hole that no file of it fills",
    "operators' threads: a second job stealing log backups; vendor documentation: a log "
    "backup truncates the log it took",
    happen,
    needs_log=True,
    needs_primary=True,
    explains=(Explains.FILE_LOST,),
    draws=lambda r, db: {
        "database": db,
        "times": r.choice(["1", "3"]),
        "every": "17 min",
    },
    affects=lambda params: PRIMARY,
)
