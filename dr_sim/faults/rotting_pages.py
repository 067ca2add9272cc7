"""Pages of a database rot at the primary: a disk changes them behind the engine's back. Something
reads them later, and a way back is tried.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from dr_sim.scenario.fields.fields import (
    Params,
    default,
    refuse,
)
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Size
from dr_sim.scenario.fields.values import CopyCost
from dr_sim.scenario.kind import PRIMARY, EventKind, RestOfScenario
from dr_sim.scenario.rot import RotWay
from dr_sim.scenario.ways_back import (
    NOTHING,
    WAYS,
    more_than_all,
    schema_of,
    to_no_standby,
    unknown_place,
    ways_of,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence

PAGE_BYTES = 8192  # of SQL Server and of PostgreSQL, unless built otherwise
Ways = Annotated[
    tuple[RotWay, ...],
    PlainValidator(partial(ways_of, RotWay)),
    WAYS,
    WithJsonSchema(schema_of(RotWay)),
]


class RottingPages(Params):
    database: DatabaseName
    damaged: Size = default(
        "8 KB",
        "one page of SQL Server or PostgreSQL",
        "the size of the pages that rot",
    )
    queried: Law | None = Field(
        None,
        description="time until a query reads one of them; if left out: "
        "none does",
    )
    checked: Law | None = Field(
        None,
        description="time until a check of all pages reads them (DBCC "
        "CHECKDB, pg_amcheck, pg_checksums); if left out: "
        "there is none",
    )
    backups_verify: bool = default(
        False,
        "SQL Server: backup checksum default is 0, and log shipping has no "
        "option for it; pg_basebackup verifies if data checksums are on",
        "whether a full verifies the checksums of pages, and fails over "
        "one that has rotted",
    )
    decided: Law = default(
        "0 s",
        "assumed",
        "time that people need to look at the fulls and copies, and to decide",
    )
    then: Ways = default(
        NOTHING, "assumed", "the way back that people order"
    )
    place: str | None = Field(
        None,
        description="the standby or store of the way back; if left out: "
        "each in turn",
    )
    copy_back: CopyCost = default(
        {"fixed": "0 s", "rate": "50 MB/s"},
        "assumed",
        "with restore_pages: the speed of copying pages back; never faster "
        "than the link",
    )

    @model_validator(mode="after")
    def _is_noticed(self) -> RottingPages:
        read = self.queried or self.checked or self.backups_verify
        if self.then and not read:
            raise refuse(
                "nobody orders a way back from what nobody notices: write what reads the pages, "
                "as in queried: 3 h, checked: 2 days, or backups_verify: true",
                "then",
            )
        return self


def happen(event: Occurrence, params: RottingPages) -> None:
    """Let the pages rot, and something read them later."""
    from dr_sim.world.rot import ReplyToRot, RotSpec, RottenPages

    world, name = event.world, params.database
    db = world.primary.databases[world.index_of(name)]
    if db.failed or db.writes_until_us is not None:
        event.nothing(f"{name} takes no writes")
        return
    if db.rot is not None:
        event.nothing(f"pages of {name} have rotted already")
        return
    pages = max(1, db.spec.size_bytes // PAGE_BYTES)
    spec = RotSpec(
        name,
        params.damaged,
        event.below(pages, "page"),
        params.backups_verify,
    )
    reply = ReplyToRot(
        params.then,
        event.law(params.decided, "decided"),
        params.place or "",
        params.copy_back,
    )
    event.begins(f"pages of {name} rot")
    rot = RottenPages(world.lead, spec, reply)
    event.ends(f"pages of {name} rot")
    for law, what in (
        (params.queried, "a query"),
        (params.checked, "a check"),
    ):
        if law is not None:
            read_us = event.law(law, what)
            world.later(read_us, partial(rot.read_by, what))


def only_on_the_model(engine: str) -> str:
    """Say why pages do not rot on a real engine."""
    return f"the pages of a real {engine} are not changed by dr_sim"


def check(params: RottingPages, around: RestOfScenario) -> list[str]:
    """Refuse engines whose pages dr_sim cannot let rot, and a way back that no place has."""
    if around.engine not in ("", "model"):
        return [
            f"{only_on_the_model(around.engine)}; write engine: {{kind: model}}"
        ]
    if wrong := unknown_place(params.place, around):
        return wrong
    found = more_than_all(
        "damaged", params.damaged, params.database, around
    )
    if RotWay.FAILOVER in params.then:
        found += to_no_standby(
            RotWay.FAILOVER, params.place, around.standbys, RotWay.RESTORE
        )
    return found


def _drawn(r: Random, db: str) -> dict[str, Any]:
    """Draw pages that are read soon or late, and one or two ways back."""
    first, second = r.sample(list(RotWay), 2)
    ways = r.choice([[first], [first, second]])
    return {
        "database": db,
        "queried": r.choice(["1 min", "20 min", "3 h"]),
        "backups_verify": r.choice([True, False]),
        "then": [str(way) for way in ways],
    }


KIND = EventKind(
    "rotting_pages",
    RottingPages,
    "database",
    True,
    "pages of a database change on the primary's disk, and nobody sees it until something reads "
    "them. A full that is taken meanwhile holds them, with the right hash; logs do not, so a copy "
    "that logs feed stays sound. When they are noticed, people say which fulls hold them, and "
    "order a way back",
    "SQL Server: PAGE_VERIFY CHECKSUM, errors 824 and 3043; PostgreSQL: data checksums; FAST 2008: "
    "over 400,000 checksum mismatches on 1.53 million disks in 41 months",
    happen,
    needs_log=True,
    needs_primary=True,
    check=check,
    draws=_drawn,
    leads_over=True,
    heals=False,
    affects=lambda params: PRIMARY,
    also=("page_rot", "rot", "corrupt_pages", "creeping_corruption"),
)
