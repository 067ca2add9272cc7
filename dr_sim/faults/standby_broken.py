"""A standby's database becomes unusable by itself or by a mistake. Its backup files stay as they
are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class StandbyBroken(Params):
    database: DatabaseName
    how: Literal["dropped", "brought online", "redo fails"] = Field(
        "redo fails", description="what happens to the standby"
    )


def happen(event: Occurrence, params: StandbyBroken) -> None:
    from dr_sim.world.secondary.standby_copies import Break

    event.begins(f"standby {params.how}")
    event.world.break_standby(
        event.world.index_of(params.database), Break(params.how), params.how
    )
    event.ends(f"standby {params.how}")


KIND = EventKind(
    "standby_broken",
    StandbyBroken,
    "database",
    True,
    "a standby was dropped, was brought online by mistake, or its redo "
    "fails (undo file deleted, a page damaged): logs are refused (3118, "
    "3117, 3456) until it has been restored from a full",
    "vendor's KB 940126 and list of messages, 3456: restore from a backup of the "
    "database, or repair the database",
    happen,
    draws=lambda r, db: {
        "database": db,
        "how": r.choice(["dropped", "brought online", "redo fails"]),
    },
    affects=lambda params: COPY,
)
