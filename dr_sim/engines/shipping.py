"""A quiet log between two model engines in one step: made at one, restored at the other, its bytes never looked at.

`fits` says whether nothing could refuse it, `ship` leaves both engines exactly as begin_backup, finish, a copy of the
bytes, begin_restore and finish would, and the bytes as what they would be, for whoever reads them later.
"""

from __future__ import annotations

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.commits import MASK, mark
from dr_sim.engines.files import Unread
from dr_sim.engines.model import ModelEngine, log_bytes

_LOG = Kind.LOG


def fits(at: ModelEngine, to: ModelEngine, database: str, commits: int, lsn: int) -> tuple[int, int] | None:
    """(fork, first LSN) of the log that holds everything up to (commits, lsn), if `to` stands just where it begins;
    both on their first fork. None: it takes the engines' own ways."""
    p = at.databases.get(database)
    s = to.databases.get(database)
    if p is None or s is None or not p.online or s.online or not p.has_base or len(p.path) > 1 or s.path != p.path:
        return None
    if s.base_lsn < p.base_lsn and at.carries_base:
        return None  # the first log after a full moves the differential base
    if s.lsn != p.log_lsn or s.commits != p.log_commits or lsn <= s.lsn or lsn < p.lsn or commits < p.commits:
        return None
    return p.log_fork, p.log_lsn


def ship(
    at: ModelEngine, to: ModelEngine, database: str, commits: int, lsn: int, backup_id: int,
    started_utc_us: int, finished_utc_us: int,
) -> tuple[BackupHeader, Unread]:  # fmt: skip
    """Make and restore the log that fits; its header and its bytes."""
    p = at.databases[database]
    s = to.databases[database]
    fork, first_lsn, before = p.log_fork, p.log_lsn, p.log_commits
    digest = (mark(database, fork, commits) + p.offset) & MASK
    changed = (digest - p.log_digest) & MASK
    base = p.base_checkpoint_lsn
    header = BackupHeader(
        database, backup_id, _LOG, fork, first_lsn, lsn, base, base if at.carries_base else 0, 0, fork, 0, started_utc_us, finished_utc_us, False, False,
        lsn - first_lsn,
    )  # fmt: skip
    p.commits = p.log_commits = s.commits = commits
    p.lsn = p.log_lsn = s.lsn = lsn
    p.log_digest = digest
    s.restored_digest = (s.restored_digest + changed) & MASK
    s.mid_segment = False
    return header, Unread(
        log_bytes, header, p.path, before, commits, changed, *((p.base_lsn, p.base_commits) if at.carries_base else (0, 0)),
        at.checksum,
    )
