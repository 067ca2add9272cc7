"""A person calls a failover off: the old primary is ordered to serve again. Whether that can be
obeyed is for the recovery manager to say.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dr_sim.recovery.events import UnfenceOrdered
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CallOffFailover(Params):
    by: str = Field(
        description="the person who calls it off; the order is obeyed if "
        "failover.operators contains the name"
    )


def happen(event: Occurrence, params: CallOffFailover) -> None:
    label = f"failover called off by {params.by}"
    event.begins(label)
    event.world.hands.people.order(UnfenceOrdered, params.by)
    event.ends(label)


def _drawn(r: Random, db: str) -> dict[str, Any]:
    return {"by": r.choice(["dba", "dba", "mallory"])}


KIND = EventKind(
    "call_off_failover",
    CallOffFailover,
    "by",
    False,
    "a failover in progress is called off by hand, as long as no "
    "database has been ordered online at the new side; the old primary "
    "serves again from where it was stopped",
    "Oracle Data Guard: a switchover is cancelled before the standby is converted; RESTORE "
    "DATABASE ... WITH RECOVERY of the old primary",
    happen,
    explains=(Explains.ORDER,),
    draws=_drawn,
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
