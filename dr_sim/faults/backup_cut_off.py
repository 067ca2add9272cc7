"""A log backup dies in the middle: a file without an end, and a log that was not truncated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind as BackupKind
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import Ppm
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class BackupCutOff(Params):
    database: DatabaseName
    after: Ppm = default(
        "50 %",
        "assumed",
        "share of its bytes that the next log backup writes before it is "
        "cut off",
    )


def happen(event: Occurrence, params: BackupCutOff) -> None:
    from dr_sim.world.primary.backup_mishaps import cut_off

    index = event.world.index_of(params.database)
    event.begins("backup cut off", index)
    primary = event.world.primary
    db = primary.databases[index]
    job = db.running.get(BackupKind.LOG)
    if job is not None:
        cut_off(primary, job)
    else:
        db.cut_next_ppm = max(1, params.after)
    event.ends("backup cut off", index)


KIND = EventKind(
    "backup_cut_off",
    BackupCutOff,
    "database",
    True,
    "the backup process or its connection dies, or a local failover "
    "comes during the backup (R10); a backup in progress is cut off at "
    "once",
    "requirement R10; SQL Server's 3256 is what such a file gives",
    happen,
    needs_log=True,
    needs_primary=True,
    explains=(Explains.CUT_OFF,),
    draws=lambda r, db: {
        "database": db,
        "after": r.choice(["0 %", "30 %", "99 %"]),
    },
    affects=lambda params: PRIMARY,
)
