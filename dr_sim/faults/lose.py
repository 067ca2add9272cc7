"""The primary dies: one database's data, a machine, or the whole site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from dr_sim.scenario.fields.fields import Params, refuse
from dr_sim.scenario.fields.named import DatabaseName, MachineName
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.roles.pair import Pair


class Lose(Params):
    what: Literal["site", "host", "database"] = Field(
        description="the part of the primary that is lost"
    )
    database: DatabaseName | None = Field(
        None,
        description="for 'database': the database; if left out: "
        "all of them",
    )
    machine: MachineName | None = Field(
        None,
        description="for 'host': the machine; if left out: all of them",
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
    "the loss of a database (its log survives, so a tail can be taken), "
    "of a host (the backup share survives) or of the site. All machines "
    "of a lost host or site become silent, also those without a database",
    "Uptime Institute 2025: 53 % of operators had a site outage in 3 years, 9 % a serious one",
    happen,
    explains=(Explains.LOSS,),
    loses=lambda params: str(params.what),
    draws=lambda r, db: r.choice(["site", "host", "database"]),
    draws_of_host=lambda r, machine: {"what": "host", "machine": machine},
    leads_over=True,
    affects=lambda params: PRIMARY,
    also=(
        "crash",
        "power_outage",
        "power_loss",
        "server_crash",
        "fire",
        "disaster",
        "reboot",
        "primary_down",
    ),
)
