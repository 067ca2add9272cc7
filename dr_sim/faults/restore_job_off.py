"""The restore job does not run for a while: nothing new is restored, and everything else goes
on.
"""

from __future__ import annotations

from pydantic import Field

from dr_sim.scenario.fields import Params
from dr_sim.scenario.kind import COPY, EventKind, Explains
from dr_sim.scenario.laws import Law
from dr_sim.scenario.named import DatabaseName
from dr_sim.world.occurrence import Occurrence


class RestoreJobOff(Params):
    database: DatabaseName | None = Field(
        None,
        description="only this database's job; every database's if left out",
    )
    duration: Law | None = Field(
        None,
        description="until somebody starts it again; left out: to the end",
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
    "a restore job that is disabled, an agent that was not started after a patch, a "
    "replay that was paused and forgotten: backups"
    " and copies go on, a restore that runs ends, none begins; a failover replays by its "
    "own script",
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
