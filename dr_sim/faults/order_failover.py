"""A person orders a failover; whether that person may is for the recovery manager to say."""

from __future__ import annotations

from pydantic import Field

from dr_sim.faults.kind import Explains, Kind, Occurrence
from dr_sim.scenario.fields import Params


class OrderFailover(Params):
    by: str = Field(description="who orders it; obeyed if among failover.operators")
    planned: bool = Field(True, description="planned: the primary is quiesced first and nothing is lost")


def happen(event: Occurrence, params: OrderFailover) -> None:
    event.begins(f"failover ordered by {params.by}")
    event.world.hands.order_failover(params.by, params.planned)
    event.ends(f"failover ordered by {params.by}")


KIND = Kind(
    "order_failover", OrderFailover, "by", False,
    "a planned failover, or an order given by hand",
    "mission R14",
    happen,
    explains=(Explains.ORDER,),
)  # fmt: skip
