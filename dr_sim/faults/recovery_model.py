"""Someone switches the database to recovery model SIMPLE, and back: the log chain is broken until a
new base is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class RecoveryModel(Params):
    database: DatabaseName
    duration: Law


def happen(event: Occurrence, params: RecoveryModel) -> None:
    from dr_sim.world.primary.recovery_model import set_simple

    world = event.world
    db = world.primary.databases[world.index_of(params.database)]

    def switch(simple: bool) -> None:
        if (
            not db.failed
            and db.writes_until_us is None
            and db.simple is not simple
        ):
            set_simple(world.primary, db, simple)

    event.for_a_time(
        params.duration,
        lambda: switch(True),
        lambda: switch(False),
        "recovery model SIMPLE",
        db.index,
    )


KIND = EventKind(
    "recovery_model",
    RecoveryModel,
    None,
    True,
    "the recovery model is SIMPLE during a bulk load: log backups fail "
    "(4208) and the log is not kept. After the return to FULL they fail "
    "(4214) until the next full or incremental. By PostgreSQL's rules it "
    "is wal_level=minimal: no backup of any kind can be made during it, "
    "and the next base backup begins a new chain",
    "vendor documentation: switching to SIMPLE breaks the chain until the next full or "
    "incremental; PostgreSQL's documentation of wal_level, and the messages of its source",
    happen,
    needs_log=True,
    needs_primary=True,
    explains=(Explains.REFUSED,),
    draws=lambda r, db: {
        "database": db,
        "duration": r.choice(["2 min", "50 min"]),
    },
    affects=lambda params: PRIMARY,
)
