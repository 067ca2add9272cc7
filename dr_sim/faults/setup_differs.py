"""The primary is changed in a way that the secondary is not set up for: replay stands until
somebody acts there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import COPY, EventKind, Explains, RestOfScenario

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class SetupDiffers(Params):
    database: DatabaseName
    because: Literal[
        "file_added", "disk_missing", "newer_version", "key_missing"
    ] = Field(
        "file_added",
        description="file_added: a data file or tablespace in a folder "
        "that the secondary does not have; disk_missing: a "
        "data file on a disk that it does not have; "
        "newer_version: the primary was patched; "
        "key_missing: the backups are encrypted with a "
        "certificate that the secondary does not have",
    )
    repaired_after: Law | None = Field(
        None,
        description="time until somebody sets up the secondary like the "
        "primary; if left out: never",
    )


def happen(event: Occurrence, params: SetupDiffers) -> None:
    from dr_sim.world.secondary.setup import Difference, Reason

    world = event.world
    index = world.index_of(params.database)
    db = world.primary.databases[index]
    if db.failed or db.writes_until_us is not None:
        event.nothing(
            "nothing is changed at a primary that is lost or stopped"
        )
        return
    _, lsn = world.primary.written(db)
    difference = Difference(index, lsn, Reason(params.because))
    detail = f"set-up differs: {params.because.replace('_', ' ')}"

    def begin() -> None:
        world.secondary.set_up.differs(difference)

    if params.repaired_after is None:
        event.begins(detail, index)
        begin()
        event.lasts(None)
    else:
        event.for_a_time(
            params.repaired_after,
            begin,
            lambda: world.secondary.set_up.set_right(difference),
            detail,
            index,
        )


def check(params: SetupDiffers, around: RestOfScenario) -> list[str]:
    """Refuse what the engine at hand could not refuse, because it does not know the thing."""
    if around.engine not in ("", "model"):
        return [
            "real servers here are set up alike on both sides; write engine: {kind: model}"
        ]
    if around.rules == "postgres" and params.because in (
        "newer_version",
        "key_missing",
    ):
        return [
            "by PostgreSQL's rules a standby stumbles over file_added or disk_missing; "
            "write one of them"
        ]
    return []


KIND = EventKind(
    "setup_differs",
    SetupDiffers,
    "database",
    True,
    "the secondary lacks something that the primary has: the folder of a "
    "new file or tablespace, a disk, an encryption key, or a version. "
    "The log that records the change is refused, and so is every later "
    "log, incremental and full that contains it",
    "vendor's list of messages, 5133 and 3156, 3169, 33111; PostgreSQL's source, "
    "tblspc_redo: FATAL, directory does not exist;"
    " cloudnative-pg issue 4407",
    happen,
    needs_primary=True,
    example="database: crm, because: file_added, repaired_after: 4 h",
    explains=(Explains.RESTORE_REFUSED, Explains.NOT_SET_UP),
    check=check,
    affects=lambda params: COPY,
    draws=lambda r, db: {
        "database": db,
        "because": r.choice(["file_added", "disk_missing"]),
        "repaired_after": r.choice(["10 min", "3 h"]),
    },
)
