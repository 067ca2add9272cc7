"""Files are deleted by age alone, needed or not, copied or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Duration
from dr_sim.scenario.kind import BOTH, COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CarelessCleanUp(Params):
    where: Literal["primary", "secondary", "both"] = Field(
        "primary", description="the side where files are deleted"
    )
    database: DatabaseName
    kind: Literal["any", "full", "incremental", "log"] = Field(
        "any", description="the kind of backup files that are deleted"
    )
    older_than: Duration


def happen(event: Occurrence, params: CarelessCleanUp) -> None:
    world = event.world
    index = world.index_of(params.database)
    what = (
        "clean-up at both sides"
        if params.where == "both"
        else f"clean-up at the {params.where}"
    )
    event.begins(what, index)
    before_us = world.context.now_us - params.older_than
    places = (
        ("primary", "secondary")
        if params.where == "both"
        else (params.where,)
    )
    for place in places:
        of = world.lead if place == "primary" else world
        delete = (
            world.primary.delete
            if place == "primary"
            else world.secondary.delete
        )
        for file in of.files_at(place, index):
            if (
                params.kind in ("any", file.kind.word)
                and file.ends_us < before_us
                and file.made is not None
            ):
                delete(file, "clean-up")
    event.ends(what, index)


_BEFALLS = {"primary": PRIMARY, "secondary": COPY, "both": BOTH}

KIND = EventKind(
    "careless_clean_up",
    CarelessCleanUp,
    None,
    True,
    "a clean-up script or a retention by age deletes the base of a "
    "chain, or files that are not copied or replayed yet",
    "operators' threads: retention that deletes the base of a chain",
    happen,
    explains=(Explains.FILE_LOST, Explains.COPY_LOST),
    draws=lambda r, db: {
        "where": r.choice(["primary", "secondary"]),
        "database": db,
        "older_than": r.choice(["0 s", "3 min", "2 h"]),
    },
    affects=lambda params: _BEFALLS[params.where],
    heals=False,
)
