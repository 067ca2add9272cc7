"""Somebody commits a change that should not have been made: a dropped table, a bad migration,
deleted rows.
"""

from __future__ import annotations

from pydantic import Field

from dr_sim.scenario.fields import DatabaseName, Params
from dr_sim.scenario.kind import PRIMARY, EventKind
from dr_sim.world.occurrence import Occurrence


class Mistake(Params):
    database: DatabaseName
    what: str = Field(
        "a wrong change",
        description="what was done, in a few words, for the screen",
        max_length=60,
    )


def happen(event: Occurrence, params: Mistake) -> None:
    """It is the first transaction that is acknowledged from now on; every standby will copy it."""
    world = event.world
    event.begins(f"{params.what} in {params.database}")
    world.commit_mistake(params.database, params.what)
    event.ends(f"{params.what} in {params.database}")


KIND = EventKind(
    "mistake",
    Mistake,
    "database",
    True,
    "a change that is committed like any other, and copied by every standby; a replay "
    "delay leaves time to stop before it"
    " (order_failover with stop_before)",
    "CrunchyData/postgres-operator issue 3957; Uptime Institute: human error is part of "
    "66-80 % of serious incidents",
    happen,
    needs_primary=True,
    befalls=lambda params: PRIMARY,
)
