"""Something else fills the disk of a database's transaction log: the log cannot grow any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Size
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LogFull(Params):
    database: DatabaseName
    duration: Law
    room: Size = default(
        "10 MB",
        "assumed",
        "free room in the log file at that instant",
    )


def happen(event: Occurrence, params: LogFull) -> None:
    world = event.world
    db = world.primary.databases[world.index_of(params.database)]
    give_back: list[Callable[[], None]] = []
    event.for_a_time(
        params.duration,
        lambda: give_back.append(
            world.primary.log_space.cap(db, params.room)
        ),
        lambda: give_back.pop()(),
        "its log cannot grow",
    )


KIND = EventKind(
    "log_full",
    LogFull,
    None,
    True,
    "the disk of the log is full. So commits are refused (9002) as soon "
    "as the log file is full, until a log backup truncates it. By "
    "PostgreSQL's rules the server panics, which is an outage",
    "SQL Server 9002, reason LOG_BACKUP; PostgreSQL documentation of continuous "
    "archiving: pg_wal that fills its disk is a PANIC;"
    " requirement R18: full logs are outages of what they stop",
    happen,
    needs_primary=True,
    place=lambda params: "primary",
    turned=lambda params: None,
    explains=(Explains.LOG_FULL,),
    affects=lambda params: PRIMARY,
    draws=lambda r, db: {
        "database": db,
        "duration": r.choice(["10 min", "40 min"]),
    },
)
