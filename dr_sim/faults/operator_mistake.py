"""Someone who may do so does the wrong thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class OperatorMistake(Params):
    what: Literal[
        "promotes over a hole",
        "fails over the wrong way",
        "wipes the primary",
        "wipes the secondary",
        "wipes the secondary host",
    ] = Field(description="what the operator does")
    by: str = Field(
        "dba",
        description="the person who orders it; the order is obeyed if "
        "failover.operators contains the name",
    )
    database: DatabaseName | None = Field(
        None, description="to wipe: the database; if left out: all of them"
    )


def happen(event: Occurrence, params: OperatorMistake) -> None:
    from dr_sim.world.secondary.standby_copies import Break

    world = event.world
    event.begins(f"an operator {params.what}")
    hit = [
        db
        for db in world.primary.databases
        if params.database in (None, db.spec.name)
    ]
    if params.what == "wipes the primary":
        # the log goes with the database, the backups in the share stay
        world.losses.lose("host", hit)
    elif params.what == "wipes the secondary":
        for db in hit:
            world.break_standby(db.index, Break.DROPPED, "wiped")
    elif params.what == "wipes the secondary host":
        for db in hit:
            world.wipe_secondary(db.index, "wiped")
    else:
        world.hands.people.order_failover(params.by, False)
    event.ends(f"an operator {params.what}")


KIND = EventKind(
    "operator_mistake",
    OperatorMistake,
    "what",
    False,
    "an operator promotes the secondary although logs are missing or "
    "replication has stopped: the good side is fenced, and the stale "
    "side serves. Or the operator runs DROP DATABASE on the wrong side "
    "(the backup files stay), or deletes the secondary's databases and "
    "files",
    "Uptime Institute: human error is part of 66-80 % of serious incidents; 58 % of "
    "those: procedure not followed",
    happen,
    explains=(Explains.LOSS, Explains.COPY_LOST, Explains.ORDER),
    draws=lambda r, db: r.choice(
        ["wipes the secondary", "wipes the secondary host"]
    ),
    affects=lambda params: (
        PRIMARY if params.what == "wipes the primary" else COPY
    ),
    heals=False,
)
