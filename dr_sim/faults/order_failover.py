"""A person orders a failover; whether that person may is for the recovery manager to say."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    Field,
    PlainValidator,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)

from dr_sim.faults import mistake
from dr_sim.scenario.fields.fields import Params, from_text, refuse
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.times import Instant, parse_instant
from dr_sim.scenario.kind import COPY, EventKind, Explains, RestOfScenario

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence

LAST_MISTAKE = "mistake"


def _point(value: Any) -> Instant | str:
    if isinstance(value, Instant):
        return value
    if value == LAST_MISTAKE:
        return LAST_MISTAKE
    return from_text(parse_instant, value)


Point = Annotated[
    Instant | str,
    PlainValidator(_point),
    WithJsonSchema(
        {"type": "string", "examples": ["Mon 14:00", LAST_MISTAKE]}
    ),
]


class OrderFailover(Params):
    by: str = Field(
        description="the person who orders it; the order is obeyed if "
        "failover.operators contains the name"
    )
    planned: bool = Field(
        True,
        description="true: the primary is quiesced first and nothing is "
        "lost",
    )
    stop_before: Point | None = Field(
        None,
        description="replay stops just before this instant, or before "
        "the last event `mistake`; later commits are lost, "
        "so such a failover is not planned",
    )
    database: DatabaseName | None = Field(
        None,
        description="with stop_before: the database that stops there; if "
        "left out: all of them",
    )
    _stop_before_utc_us: int | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _loses_something(self) -> OrderFailover:
        if self.stop_before is not None and self.planned:
            raise refuse(
                "a failover that stops before an instant loses what came after it: write "
                "planned: false"
            )
        if self.database is not None and self.stop_before is None:
            raise refuse(
                "a failover is of the whole service; with database write stop_before",
                "database",
            )
        return self

    def placed(self, start_utc_us: int, zone: str) -> OrderFailover:
        """Return the same order with its instant on the calendar, whatever stretch of the run it is
        given in.
        """
        if not isinstance(self.stop_before, Instant):
            return self
        found = self.model_copy()
        found._stop_before_utc_us = start_utc_us + self.stop_before.resolve(
            start_utc_us, zone
        )
        return found


def happen(event: Occurrence, params: OrderFailover) -> None:
    event.begins(f"failover ordered by {params.by}")
    world = event.world
    if params.stop_before is None:
        world.hands.people.order_failover(params.by, params.planned)
    else:
        world.mistakes.order_by_hand(
            world, params.by, params.database, params._stop_before_utc_us
        )
    event.ends(f"failover ordered by {params.by}")


def check(params: OrderFailover, around: RestOfScenario) -> list[str]:
    """Refuse a point that the engine cannot stop at, and one that is nowhere in the scenario."""
    if params.stop_before is None:
        return []
    found = []
    real = around.engine not in ("", "model")
    if real and params.stop_before != LAST_MISTAKE:
        found.append(
            f"{around.engine} stops where a transaction has ended: write stop_before: "
            f"{LAST_MISTAKE}, or leave out engine.kind"
        )
    mistakes = [
        getattr(made, "database", None)
        for kind, made in around.events
        if kind is mistake.KIND
    ]
    hit = params.database in mistakes if params.database else bool(mistakes)
    if params.stop_before == LAST_MISTAKE and not hit:
        found.append(
            "there is no event 'mistake' to stop before; add one, or write an instant, "
            "as in Mon 14:00"
        )
    return found


def _drawn(r: Random, db: str) -> dict[str, Any]:
    """Draw an order, now and then to stop replay before an instant."""
    drawn = {
        "by": r.choice(["dba", "dba", "mallory"]),
        "planned": r.choice(["true", "false"]),
    }
    if r.random() < 0.2:
        point = r.choice(["40 min", "2 h", "4 h"])
        drawn.update(planned="false", stop_before=point)
        if r.random() < 0.5:
            drawn["database"] = db
    return drawn


KIND = EventKind(
    "order_failover",
    OrderFailover,
    "by",
    False,
    "a planned failover, or an order by hand; with stop_before, replay "
    "stops just before an instant, so that a mistake is left out",
    "requirement R14; RESTORE LOG WITH STOPAT; PostgreSQL's recovery_target_time",
    happen,
    explains=(Explains.ORDER,),
    check=check,
    draws=_drawn,
    leads_over=True,
    affects=lambda params: COPY,
    goes_back=lambda params: params.stop_before is not None,
    at_stores=lambda params: params.stop_before is not None,
    also=("switchover", "planned_failover", "manual_failover", "dr_test"),
)
