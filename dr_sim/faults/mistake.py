"""Somebody commits a change that should not have been made: a dropped table, a bad migration,
deleted rows. Somebody notices it later, and a way back is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import (
    Params,
    Quantity,
    default,
    did_you_mean,
    from_text,
    refuse,
)
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Size
from dr_sim.scenario.fields.values import CopyCost, Tenants
from dr_sim.scenario.kind import PRIMARY, EventKind, RestOfScenario
from dr_sim.scenario.mistakes import MistakeWay
from dr_sim.scenario.ways_back import (
    NOTHING,
    WAYS,
    more_than_all,
    schema_of,
    to_no_standby,
    unknown_place,
    ways_of,
)
from dr_sim.units import format_duration

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence

Ways = Annotated[
    tuple[MistakeWay, ...],
    PlainValidator(partial(ways_of, MistakeWay)),
    WAYS,
    WithJsonSchema(schema_of(MistakeWay)),
]


def _misjudged(value: Any) -> tuple[int, ...]:
    """Read a duration, or a list of durations."""
    each = value if isinstance(value, (list, tuple)) else [value]
    return tuple(
        one if isinstance(one, int) else from_text(bounds.duration, one)
        for one in each
    )


Misjudged = Annotated[
    tuple[int, ...],
    PlainValidator(_misjudged),
    Quantity("durations", lambda value: [*map(format_duration, value)]),
    WithJsonSchema(
        {
            "description": "a duration, or a list of durations",
            "anyOf": [
                {"type": "string", "examples": ["10 min"]},
                {"type": "array", "items": {"type": "string"}},
            ],
        }
    ),
]


class Mistake(Params):
    database: DatabaseName
    what: str = Field(
        "a wrong change",
        description="a short description of the mistake, for the screen",
        max_length=60,
    )
    noticed: Law | None = Field(
        None,
        description="time until somebody notices it; if left out: nobody "
        "does",
    )
    decided: Law = default(
        "0 s", "assumed", "time that people then need to decide"
    )
    then: Ways = default(
        NOTHING, "assumed", "the way back that people order"
    )

    place: str | None = Field(
        None,
        description="the standby or store of the way back; if left out: "
        "each in turn",
    )
    lost: Size | None = Field(
        None,
        description="with restore_beside: the amount of destroyed data, "
        "which is copied back",
    )
    misjudged: Misjudged | None = Field(
        None,
        description="with restore_beside: the first restore stops this "
        "much too late; people see this when it is over, and "
        "begin again. A list: one value for each attempt",
    )
    copy_back: CopyCost = default(
        {"fixed": "0 s", "rate": "50 MB/s"},
        "assumed",
        "with restore_beside: the speed of copying back; never faster "
        "than the link",
    )
    tenants: Tenants | None = Field(
        None,
        description="the tenants whose data it destroys; if left out: "
        "all tenants with data there",
    )
    stops_users: bool = default(
        False,
        "assumed: they miss what was destroyed, and can do all else",
        "whether the tenants whose data it destroys cannot work at all "
        "until it is corrected",
    )

    @model_validator(mode="after")
    def _is_noticed(self) -> Mistake:
        if self.then and self.noticed is None:
            raise refuse(
                "nobody orders a way back from what nobody notices: write noticed, as in "
                "noticed: 90 min",
                "then",
            )
        if MistakeWay.RESTORE_BESIDE in self.then and self.lost is None:
            raise refuse(
                "what was destroyed is copied back: write how much that is, as in lost: 5 GB",
                "then",
            )
        if self.lost and MistakeWay.RESTORE_BESIDE not in self.then:
            raise refuse(
                "only a restore beside the service copies back what was lost: write then: "
                f"{MistakeWay.RESTORE_BESIDE}, or leave it out",
                "lost",
            )
        if self.misjudged and self.then != (MistakeWay.RESTORE_BESIDE,):
            raise refuse(
                f"a restore that is begun again goes with then: {MistakeWay.RESTORE_BESIDE} alone",
                "misjudged",
            )
        return self


def happen(event: Occurrence, params: Mistake) -> None:
    """Make the next transaction that is acknowledged the mistake; every standby will copy it."""
    from dr_sim.world.mistakes import (
        CopyBackSpec,
        ReplyToMistake,
        WhoseData,
    )

    world = event.world
    db = world.primary.databases[world.index_of(params.database)]
    if db.failed or db.writes_until_us is not None:
        event.nothing(f"{params.database} takes no writes")
        return
    event.begins(f"{params.what} in {params.database}")
    of = WhoseData(params.tenants or (), params.stops_users)
    made = world.mistakes.commit(params.database, params.what, of)
    event.ends(f"{params.what} in {params.database}")
    if params.noticed is None:
        return
    decided_us = event.law(params.decided, "decided")
    reply = ReplyToMistake(
        params.then,
        decided_us,
        params.place or "",
        CopyBackSpec(
            params.lost or 0, params.copy_back, params.misjudged or ()
        ),
    )
    noticed_us = event.law(params.noticed, "noticed")
    world.later(noticed_us, partial(world.mistakes.noticed, made, reply))


def check(params: Mistake, around: RestOfScenario) -> list[str]:
    """Refuse a way back that no place of the scenario has, and tenants who have no data there."""
    if wrong := unknown_place(params.place, around):
        return wrong
    found = _strangers(params, around.tenants.get(params.database, ()))
    found += more_than_all("lost", params.lost, params.database, around)
    if params.misjudged and around.engine not in ("", "model"):
        found.append(
            f"misjudged: {around.engine} stops where a transaction has ended; leave out "
            "engine.kind, or misjudged"
        )
    for way in params.then:
        there = around.standbys
        if way is not MistakeWay.FAILOVER_BEFORE:
            there = (*around.stores, *around.standbys)
        found += to_no_standby(
            way, params.place, there, MistakeWay.RESTORE_BEFORE
        )
    return found


def _strangers(params: Mistake, there: Sequence[str]) -> list[str]:
    """Say who of the tenants that are named has no data in the database."""
    wrong = [name for name in params.tenants or () if name not in there]
    if not wrong:
        return []
    known = (
        did_you_mean(wrong[0], list(there))
        if there
        else "it names no tenants; write 'tenants: [...]' beside its size"
    )
    return [
        f"tenants: {wrong[0][:40]!r} has no data in {params.database}; {known}"
    ]


def _drawn(r: Random, db: str) -> dict[str, Any]:
    """Draw a mistake that is noticed soon or late, and one or two ways back."""
    first, second = r.sample(list(MistakeWay), 2)
    drawn: dict[str, Any] = {
        "database": db,
        "noticed": r.choice(["1 min", "20 min", "3 h"]),
        "then": r.choice([[first], [first, second]]),
    }
    if MistakeWay.RESTORE_BESIDE in drawn["then"]:
        drawn["lost"] = "50 MB"
    if drawn["then"] == [MistakeWay.RESTORE_BESIDE] and r.random() < 0.3:
        drawn["misjudged"] = "5 min"
    drawn["then"] = [str(way) for way in drawn["then"]]
    return drawn


KIND = EventKind(
    "mistake",
    Mistake,
    "database",
    True,
    "a wrong change that is committed like any other and copied by every "
    "standby; when people notice it, they order a way back to just "
    "before it",
    "CrunchyData/postgres-operator issue 3957; Uptime Institute: human error is part of "
    "66-80 % of serious incidents",
    happen,
    needs_primary=True,
    check=check,
    draws=_drawn,
    leads_over=True,
    affects=lambda params: PRIMARY,
    goes_back=lambda params: bool(params.then),
    also=("drop_table", "drop_database", "delete_data", "user_error"),
)
