"""The primary dies: one database's data, a machine, or the whole site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from dr_sim.scenario.fields import Params, refuse
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains
from dr_sim.scenario.named import DatabaseName, MachineName
from dr_sim.world.occurrence import Occurrence

if TYPE_CHECKING:
    from dr_sim.world.pair import Pair


class Lose(Params):
    what: Literal["site", "host", "database"] = Field(
        description="what of the primary is lost"
    )
    database: DatabaseName | None = Field(
        None, description="for 'database': which; all of them if left out"
    )
    machine: MachineName | None = Field(
        None, description="for 'host': which; all of them if left out"
    )

    @model_validator(mode="after")
    def _place_of_its_kind(self) -> Lose:
        """A key that would say nothing misleads."""
        if self.database is not None and self.what != "database":
            instead = (
                "; a host is named by machine"
                if self.what == "host"
                else ""
            )
            raise refuse(
                f"only a lost database is named by database{instead}",
                "database",
            )
        if self.machine is not None and self.what != "host":
            raise refuse("only a lost host is named by machine", "machine")
        return self


def happen(event: Occurrence, params: Lose) -> None:
    world = event.world
    dead = machines_lost(world, params)
    hit = [
        db
        for db in world.primary.databases
        if (
            params.what != "database"
            or params.database in (None, db.spec.name)
        )
        and (params.what == "database" or db.spec.machine in dead)
    ]
    event.begins(f"{params.what} lost")
    world.losses.lose(params.what, hit, dead)


def machines_lost(world: Pair, params: Lose) -> tuple[str, ...]:
    """The machines that die, whether or not a database lives on them."""
    if params.what == "database":
        return ()
    if params.what == "host" and params.machine is not None:
        return (params.machine,)
    return world.context.scenario.machines


KIND = EventKind(
    "lose",
    Lose,
    "what",
    True,
    "what died: the database (its log survives: a tail can be taken), the host (the "
    "backup share survives) or the site;"
    " with a host or the site every machine of it falls silent, one without a database too",
    "Uptime Institute 2025: 53 % of operators had a site outage in 3 years, 9 % a serious one",
    happen,
    explains=(Explains.LOSS,),
    loses=lambda params: str(params.what),
    draws=lambda r, db: r.choice(["site", "host", "database"]),
    draws_of_host=lambda r, machine: {"what": "host", "machine": machine},
    leads_over=True,
    affects=lambda params: PRIMARY,
)
