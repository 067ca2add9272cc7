"""A restored database turns out to be unusable when it is brought online, and is restored again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Times
from dr_sim.scenario.kind import COPY, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class WrongRestore(Params):
    database: DatabaseName
    times: Times = Field(
        1,
        description="number of times in a row that the database is brought online and "
        "turns out to be unusable",
    )
    noticed: Law | None = Field(
        None,
        description="time that people need to see it, from the moment at which the "
        "database would be online; if left out: the engine says it at once",
    )


def happen(event: Occurrence, params: WrongRestore) -> None:
    from dr_sim.world.secondary.standby_copies import WrongAtEnd

    world = event.world
    index = world.index_of(params.database)
    if world.hands.is_promoted(index):
        event.nothing("the database is online at this copy")
        return
    detail = "what is restored here turns out to be unusable"
    noticed_us = (
        0
        if params.noticed is None
        else event.law(params.noticed, "noticed")
    )
    event.begins(detail, index)
    world.secondary.copies.wrong_at_end(
        WrongAtEnd(
            index,
            params.times,
            noticed_us,
            lambda: event.ends(detail, index),
        )
    )
    event.lasts(None)


KIND = EventKind(
    "wrong_restore",
    WrongRestore,
    "database",
    True,
    "a restore turns out to be wrong at its end: the database cannot be brought online "
    "(3414), or people check it and see that its data are unusable. It is restored again "
    "from a full, or another copy that stands ready takes over",
    "vendor's list of messages, 3414: restore from a known good backup; incident "
    "report of Resend, 2024: the first restore of 6 h could not be used",
    happen,
    example="database: crm, times: 2, noticed: 20 min",
    affects=lambda params: COPY,
    at_stores=lambda params: True,
    draws=lambda r, db: {
        "database": db,
        "times": r.choice([1, 1, 2]),
        "noticed": r.choice([None, "5 min"]),
    },
)
