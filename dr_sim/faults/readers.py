"""Someone reads the standby: while he does, nothing can be restored into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class Readers(Params):
    database: DatabaseName
    duration: Law


def happen(event: Occurrence, params: Readers) -> None:
    index = event.world.index_of(params.database)
    readers = event.world.secondary.readers
    why_not = readers.enter(index)
    if not why_not:
        event.for_a_time(
            params.duration,
            lambda: None,
            lambda: readers.leave(index),
            "readers hold it open",
            index,
        )
    else:
        event.nothing(why_not)


KIND = EventKind(
    "readers",
    Readers,
    None,
    True,
    "a report runs on the standby: restores fail with 3101 until the "
    "report ends",
    "vendor's list of messages, 3101: exclusive access could not be obtained because the "
    "database is in use",
    happen,
    explains=(Explains.RESTORE_REFUSED, Explains.HELD_OPEN),
    draws=lambda r, db: {
        "database": db,
        "duration": r.choice(["3 min", "45 min"]),
    },
    affects=lambda params: COPY,
)
