"""The primary dies: one database's data, a machine, or the whole site."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, MachineName, Params


class Lose(Params):
    what: Literal["site", "host", "database"]
    database: DatabaseName | None = Field(None, description="for 'database': which; all of them if left out")
    machine: MachineName | None = Field(None, description="for 'host': which; all of them if left out")


def happen(event: Occurrence, params: Lose) -> None:
    world = event.world
    hit = [
        db
        for db in world.primary.databases
        if (params.what != "database" or params.database in (None, db.spec.name))
        and (params.what != "host" or params.machine in (None, db.spec.machine))
    ]
    event.begins(f"{params.what} lost")
    world.lose_primary(params.what, hit)


KIND = Kind(
    "lose", Lose, "what", True,
    "what died: the database (its log survives: a tail can be taken), the host (the backup share survives) or the site",
    "Uptime Institute 2025: 53 % of operators had a site outage in 3 years, 9 % a serious one",
    happen,
)  # fmt: skip
