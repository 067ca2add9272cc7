"""A side's wall clock is wrong, or is set back so that an hour comes twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from dr_sim.scenario.fields.fields import Params, refuse
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import Duration
from dr_sim.scenario.kind import COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class WrongClock(Params):
    side: Literal["primary", "secondary"] = Field(
        description="the side whose clock is wrong"
    )
    ahead: Duration | None = Field(
        None, description="how far the clock is ahead of the true time"
    )
    behind: Duration | None = Field(
        None, description="how far the clock is behind the true time"
    )
    duration: Law | None = Field(
        None,
        description="time until the clock is corrected; if left "
        "out: to the end of the run",
    )

    @model_validator(mode="after")
    def _one(self) -> WrongClock:
        if (self.ahead is None) == (self.behind is None):
            raise refuse(
                "write how wrong it is: ahead or behind, one of them"
            )
        return self


def happen(event: Occurrence, params: WrongClock) -> None:
    context = event.world.context
    by_us = (
        params.ahead if params.ahead is not None else -(params.behind or 0)
    )
    detail = f"clock of the {params.side} is wrong"

    wall = context.site_of(params.side).wall
    event.acts_on(wall)
    event.while_on(
        params.duration,
        lambda: wall.move(context.now_us, by_us),
        lambda: wall.move(context.now_us, -by_us),
        detail,
    )


def turned(params: WrongClock) -> WrongClock:
    return params.model_copy(
        update={
            "side": "secondary" if params.side == "primary" else "primary"
        }
    )


KIND = EventKind(
    "wrong_clock",
    WrongClock,
    None,
    True,
    "names, headers and ages come from a wrong clock; if a clock is set "
    "back, two files can have one name",
    "Windows DFS Replication: clocks must agree within 5 minutes; operators' threads: "
    "names that collide when clocks fall back",
    happen,
    place=lambda params: str(params.side),
    turned=turned,
    explains=(Explains.WRONG_TIME,),
    example="side: primary, behind: 10 min",
    affects=lambda params: PRIMARY if params.side == "primary" else COPY,
    draws=lambda r, db: {
        "side": r.choice(["primary", "secondary"]),
        **r.choice([{"ahead": "7 min"}, {"behind": "1 h"}]),
        "duration": r.choice(["30 min", "150 min"]),
    },
    heals=False,
)
