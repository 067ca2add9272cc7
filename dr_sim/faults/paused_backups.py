"""Backup jobs of a database are paused: a move, an upgrade, a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class PausedBackups(Params):
    database: DatabaseName
    duration: Law
    reason: str = Field(
        "move",
        description="the reason that the recovery manager finds when it "
        "asks: move, upgrade, ...",
    )


def happen(event: Occurrence, params: PausedBackups) -> None:
    index = event.world.index_of(params.database)
    paused = event.world.primary.databases[index].paused
    event.for_a_time(
        params.duration,
        lambda: paused.append(params.reason),
        lambda: paused.remove(params.reason),
        "backups paused",
        index,
    )


KIND = EventKind(
    "paused_backups",
    PausedBackups,
    None,
    True,
    "backup jobs are paused for a database move or an upgrade (R9), and "
    "perhaps forgotten",
    "requirement R9; operators: schedules change, thresholds and people are left behind",
    happen,
    needs_primary=True,
    explains=(Explains.PAUSED,),
    draws=lambda r, db: {
        "database": db,
        "duration": r.choice(["7 min", "50 min"]),
    },
    affects=lambda params: PRIMARY,
)
