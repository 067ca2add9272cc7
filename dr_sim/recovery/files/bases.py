"""The backups on which incrementals stand.

By SQL Server's rule an incremental stands on the last full. By PostgreSQL's rule it stands on the
last backup, which may be an incremental: then all of them are needed. The primary does not know
what has been lost here, so its next incremental may stand on a lost one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.chain import stands_on_full
from dr_sim.recovery.files.file import FULL, INCREMENTAL, LOG, File

if TYPE_CHECKING:
    from dr_sim.backups.model import BackupHeader, Kind
    from dr_sim.recovery.replay.replay import DatabaseReplay


def can_be_restored(db: DatabaseReplay, header: BackupHeader) -> bool:
    """Return whether the backups on which that one stands are here, or have been restored. A full
    and an incremental may begin at one LSN: one that stands on the full does not stand on the
    other.
    """
    begun: dict[tuple[Kind, int], BackupHeader] = {
        (file.kind, file.header.first_lsn): file.header
        for file in db.files.values()
        if file.header and file.kind is not LOG
    }
    while header.kind is INCREMENTAL:
        base_lsn = header.differential_base_lsn
        state = db.state
        if state.exists and state.differential_base_lsn == base_lsn:
            return True
        if (FULL, base_lsn) in begun:
            return True
        base = begun.get((INCREMENTAL, base_lsn))
        if (
            base is None
            or stands_on_full(header)
            or base.first_lsn >= header.first_lsn
        ):
            return False
        header = base
    return True


def leads_past(db: DatabaseReplay, lost: File) -> Kind:
    """Return the kind of backup to take in place of one that is lost. Where incrementals stand on
    each other, another incremental would stand on the lost one: only a full is of use.
    """
    if lost.kind is INCREMENTAL and _stand_on_each_other(db, lost):
        return FULL
    return lost.kind


def _stand_on_each_other(db: DatabaseReplay, lost: File) -> bool:
    """Return whether an incremental here stands on another one, or one that was made after the lost
    one stands on a backup that is not here.
    """
    for file in db.files.values():
        header = file.header
        if file.kind is not INCREMENTAL or header is None:
            continue
        if not stands_on_full(header):
            return True
        later = header.finished_utc_us > lost.modified_utc_us
        if later and not can_be_restored(db, header):
            return True
    return False
