"""Quiet logs between two model engines in one step: made at one, restored at the other, their bytes
never looked at.

`fits` says whether nothing could refuse them, `ship` leaves both engines exactly as begin_backup,
finish, a copy of the bytes, begin_restore and finish of each would, and their bytes as what they
would be, for whoever reads them later.
"""

from __future__ import annotations

from collections.abc import Iterable

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines.backup_set import SetContents
from dr_sim.engines.commits import MASK, content, mark
from dr_sim.engines.files import Unread
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.model_database import ModelDatabase, log_bytes

_LOG = Kind.LOG


def fits(
    at: ModelEngine, to: ModelEngine, database: str, commits: int, lsn: int
) -> tuple[int, int] | None:
    """(fork, first LSN) of the log that holds everything up to (commits, lsn), if `to` stands just
    where it begins. None: it takes the engines' own ways, as a log that crosses a fork point always
    does.
    """
    p = at.databases.get(database)
    s = to.databases.get(database)
    if (
        p is None
        or s is None
        or not p.online
        or s.online
        or not p.has_base
        or s.path != p.path
        or p.log_fork != p.fork
    ):
        return None
    if s.base_lsn < p.base_lsn and at.carries_base:
        return (
            None  # the first log after a full moves the differential base
        )
    if (
        s.lsn != p.log_lsn
        or s.commits != p.log_commits
        or lsn <= s.lsn
        or lsn < p.lsn
        or commits < p.commits
    ):
        return None
    if p.log_digest != _digest(p, p.log_commits):
        return None  # the numbers of its commits do not say what the next log holds
    return p.log_fork, p.log_lsn


def _digest(p: ModelDatabase, commits: int) -> int:
    """Return the digest of what the primary's database had after that many commits."""
    return (mark(p.name, p.log_fork, commits) + p.offset) & MASK


def ship(
    at: ModelEngine,
    to: ModelEngine,
    database: str,
    logs: Iterable[tuple[int, int, int, int, int]],
) -> list[tuple[BackupHeader, Unread]]:
    """Make and restore logs, each before the next, the first of which fits: (commits, LSN,
    backup_id, when it was cut and when finished, by the primary's clock) of each. Their headers and
    their bytes.
    """
    p = at.databases[database]
    s = to.databases[database]
    fork, first_lsn, before, base = (
        p.log_fork,
        p.log_lsn,
        p.log_commits,
        p.base_checkpoint_lsn,
    )
    told = base if at.carries_base else 0
    base_of = (p.base_lsn, p.base_commits) if at.carries_base else (0, 0)
    made = []
    for commits, lsn, backup_id, started_utc_us, finished_utc_us in logs:
        header = BackupHeader(
            database,
            backup_id,
            _LOG,
            fork,
            first_lsn,
            lsn,
            base,
            told,
            0,
            fork,
            0,
            started_utc_us,
            finished_utc_us,
            False,
            False,
            lsn - first_lsn,
        )
        written = SetContents(p.path, before, commits, *base_of)
        made.append(
            (header, Unread(_log_bytes, header, written, at.checksum))
        )
        first_lsn, before = lsn, commits
    digest = _digest(p, before)
    s.restored_digest = (s.restored_digest + digest - p.log_digest) & MASK
    p.log_digest = digest
    p.commits = p.log_commits = s.commits = before
    p.lsn = p.log_lsn = s.lsn = first_lsn
    s.mid_segment = False
    return made


def _log_bytes(
    header: BackupHeader, written: SetContents, checksum: bool
) -> bytes:
    held = content(header.database, header.fork, written.n0, written.n1)
    return log_bytes(header, written, held, checksum)
