"""Pages of a database rot at the primary: a disk changes them behind the engine's back. Something
reads them later, and a way back is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from dr_sim.scenario.fields.fields import (
    Params,
    Quantity,
    default,
    did_you_mean,
    refuse,
)
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Size
from dr_sim.scenario.fields.values import CopyCost
from dr_sim.scenario.kind import PRIMARY, EventKind, RestOfScenario
from dr_sim.scenario.mistakes import NOTHING
from dr_sim.scenario.rot import RotWay
from dr_sim.units import format_size

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence

PAGE_BYTES = 8192  # of SQL Server and of PostgreSQL, unless built otherwise
_WORDS = (NOTHING, *RotWay)
_NAMES = [str(word) for word in _WORDS]


def _ways(value: Any) -> tuple[RotWay, ...]:
    """Read one way, or a list of ways that are tried one after the other."""
    words = value if isinstance(value, (list, tuple)) else [value]
    if value == []:
        raise refuse(
            f"no way back is written; write {NOTHING}, or leave it out"
        )
    for word in words:
        if word not in _WORDS:
            raise refuse(
                f"{str(word)[:40]!r} is no way back; {did_you_mean(str(word), _NAMES)}"
            )
    if NOTHING in words and len(words) > 1:
        raise refuse(f"{NOTHING} goes with no other way; leave it out")
    return tuple(RotWay(word) for word in words if word != NOTHING)


def _written(ways: Sequence[RotWay]) -> str | list[str]:
    words = [str(way) for way in ways] or [NOTHING]
    return words[0] if len(words) == 1 else words


Ways = Annotated[
    tuple[RotWay, ...],
    PlainValidator(_ways),
    Quantity("ways back", _written),
    WithJsonSchema(
        {
            "description": "a way back, or several that are tried one after the other",
            "anyOf": [
                {"enum": list(_WORDS)},
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {"enum": [str(way) for way in RotWay]},
                },
            ],
        }
    ),
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


def check(params: RottingPages, around: RestOfScenario) -> list[str]:
    """Refuse engines whose pages dr_sim cannot let rot, and a way back that no place has."""
    if around.engine not in ("", "model"):
        return [
            f"the pages of a real {around.engine} are not changed by dr_sim; leave out "
            "engine.kind, or this event"
        ]
    places = (*around.stores, *around.standbys)
    place = params.place
    if place is not None and place not in places:
        return [
            f"there is no copy {place[:40]!r}; {did_you_mean(place, places)}"
        ]
    found = []
    size = around.sizes.get(params.database)
    if size and params.damaged > size:
        found.append(
            f"damaged: {format_size(params.damaged)} is more than {params.database} holds "
            f"({format_size(size)}); write less"
        )
    for way in params.then:
        if way is not RotWay.FAILOVER:
            continue
        if not around.standbys:
            found.append(
                f"then: {way} is to a standby, and there is none; write {RotWay.RESTORE}"
            )
        elif place is not None and place not in around.standbys:
            found.append(
                f"then: {way} is to a standby, and {place} is a store; write "
                f"{RotWay.RESTORE}, or place: {around.standbys[0]}"
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
    affects=lambda params: PRIMARY,
    also=("page_rot", "rot", "corrupt_pages", "creeping_corruption"),
)
