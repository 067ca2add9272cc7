"""Quiet logs between two model engines in one step: made at one, restored at the other, their bytes
never looked at.

`fits` says whether nothing could refuse them, `ship` leaves both engines exactly as begin_backup,
finish, a copy of the bytes, begin_restore and finish of each would, and their bytes as what they
would be, for whoever reads them later.
"""

from __future__ import annotations

from collections.abc import Iterable

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines.backup_set import Path, SetContents
from dr_sim.engines.commits import MASK, content, mark
from dr_sim.engines.files import Unread
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.model_database import ModelDatabase, log_bytes

_LOG = Kind.LOG
_OfAll = tuple[Path, tuple[int, int], bool]


class _UnreadLog(Unread):
    """The bytes of a log. before, commits: those at its ends; of_all: what logs of one
    stretch have in common.
    """

    __slots__ = ("_before", "_commits", "_header", "_of_all")

    def __init__(
        self,
        header: BackupHeader,
        before: int,
        commits: int,
        of_all: _OfAll,
    ) -> None:
        super().__init__()
        self._header = header
        self._before = before
        self._commits = commits
        self._of_all = of_all

    def make(self) -> bytes:
        header, n0, n1 = self._header, self._before, self._commits
        path, base_of, checksum = self._of_all
        written = SetContents(path, n0, n1, *base_of)
        held = content(header.database, header.fork, n0, n1)
        return log_bytes(header, written, held, checksum)


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
    of_all = p.path, base_of, at.checksum
    made: list[tuple[BackupHeader, Unread]] = []
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
        made.append((header, _UnreadLog(header, before, commits, of_all)))
        first_lsn, before = lsn, commits
    digest = _digest(p, before)
    s.restored_digest = (s.restored_digest + digest - p.log_digest) & MASK
    p.log_digest = digest
    p.commits = p.log_commits = s.commits = before
    p.lsn = p.log_lsn = s.lsn = first_lsn
    s.mid_segment = False
    return made
