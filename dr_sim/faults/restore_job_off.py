"""The restore job does not run for a while: nothing new is restored, and everything else goes
on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class RestoreJobOff(Params):
    database: DatabaseName | None = Field(
        None,
        description="only this database's job; if left out: every "
        "database's",
    )
    duration: Law | None = Field(
        None,
        description="time until somebody starts it again; if left out: "
        "to the end of the run",
    )


def happen(event: Occurrence, params: RestoreJobOff) -> None:
    world = event.world
    databases = range(len(world.context.scenario.databases))
    which = (
        list(databases)
        if params.database is None
        else [world.index_of(params.database)]
    )
    secondary, detail = world.secondary, "restore job is off"
    if params.duration is not None:
        event.for_a_time(
            params.duration,
            lambda: secondary.job.switch_off(which),
            lambda: secondary.job.switch_on(which),
            detail,
        )
    else:
        event.begins(detail)
        secondary.job.switch_off(which)
        event.lasts(None)


KIND = EventKind(
    "restore_job_off",
    RestoreJobOff,
    None,
    True,
    "a restore job is disabled, an agent was not started after a patch, "
    "or a replay was paused and forgotten. Backups and copies continue, "
    "a running restore ends, and no other restore begins. A failover "
    "replays by its own script",
    "vendor's list of messages, 14421; EnterpriseDB/repmgr issue 540 (a replay paused and "
    "forgotten)",
    happen,
    place=lambda params: "secondary",
    turned=lambda params: None,
    explains=(Explains.RESTORES_OFF,),
    draws=lambda r, db: {
        "database": db,
        "duration": r.choice(["20 min", "90 min"]),
    },
    affects=lambda params: COPY,
)
