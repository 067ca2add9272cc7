"""Quiet logs between two model engines in one step: made at one, restored at the other, their bytes
never looked at.

`fits` says whether nothing could refuse them, `ship` leaves both engines exactly as begin_backup,
finish, a copy of the bytes, begin_restore and finish of each would, and their bytes as what they
would be, for whoever reads them later.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dr_sim.backups.log_run import LogRun, LogsAlike
from dr_sim.backups.model import BackupHeader
from dr_sim.engines.backup_set import (
    DamagedError,
    Path,
    SetContents,
    decode,
)
from dr_sim.engines.commits import MASK, content, mark
from dr_sim.engines.files import Unread, bytes_of
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.model_database import MAGIC, ModelDatabase, log_bytes

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


@dataclass(slots=True)
class Cuts:
    """Logs that are to be made, by columns: the number of the first; their names; commits and LSN
    up to which each goes; when each is cut and finished. utc_minus_mono_us: the primary's wall
    clock.
    """

    first_number: int
    names: Sequence[str]
    commits: Sequence[int]
    lsn: Sequence[int]
    cut_us: Sequence[int]
    finished_us: Sequence[int]
    utc_minus_mono_us: int


class Contents:
    """The bytes of the logs of a run: those that somebody has asked for are kept."""

    __slots__ = ("_made", "_of_all", "_run")

    def __init__(self, run: LogRun, of_all: _OfAll) -> None:
        self._run = run
        self._of_all = of_all
        self._made: dict[int, Unread] = {}

    def __call__(self, i: int) -> Unread:
        found = self._made.get(i)
        if found is None:
            found = self._made[i] = self._unread(i)
        return found

    def make(self, i: int) -> bytes:
        """Return the bytes of one; they are not kept."""
        return self._unread(i).make()

    def _unread(self, i: int) -> _UnreadLog:
        run, commits = self._run, self._run.commits
        return _UnreadLog(
            run.header(i), commits[i], commits[i + 1], self._of_all
        )


@dataclass(slots=True)
class Shipped:
    """Logs that were made and restored: all but the last as a run, and the last."""

    run: LogRun | None
    contents: Contents | None
    last: BackupHeader
    last_name: str
    last_content: Unread

    def __len__(self) -> int:
        return 1 if self.run is None else len(self.run) + 1

    def header(self, i: int) -> BackupHeader:
        run = self.run
        return self.last if run is None or i == len(run) else run.header(i)


def ship(
    at: ModelEngine, to: ModelEngine, database: str, logs: Cuts
) -> Shipped:
    """Make and restore logs, each before the next, the first of which fits."""
    p = at.databases[database]
    s = to.databases[database]
    before = p.log_commits
    told = p.base_checkpoint_lsn if at.carries_base else 0
    base_of = (p.base_lsn, p.base_commits) if at.carries_base else (0, 0)
    of_all = p.path, base_of, at.checksum
    alike = LogsAlike(
        database,
        p.log_fork,
        logs.first_number,
        p.base_checkpoint_lsn,
        told,
        logs.utc_minus_mono_us,
    )
    shipped = _as_run(alike, logs, (p.log_lsn, before), of_all)
    commits, lsn = logs.commits[-1], logs.lsn[-1]
    digest = _digest(p, commits)
    s.restored_digest = (s.restored_digest + digest - p.log_digest) & MASK
    p.log_digest = digest
    p.commits = p.log_commits = s.commits = commits
    p.lsn = p.log_lsn = s.lsn = lsn
    s.mid_segment = False
    return shipped


def _as_run(
    alike: LogsAlike, logs: Cuts, begin: tuple[int, int], of_all: _OfAll
) -> Shipped:
    """Return the logs; begin: LSN and commits where the first begins."""
    lsn = array("q", (begin[0], *logs.lsn))
    commits = array("q", (begin[1], *logs.commits))
    cut_us, finished_us = (
        array("q", logs.cut_us),
        array("q", logs.finished_us),
    )
    last = LogRun(
        replace(alike, first_number=alike.first_number + len(cut_us) - 1),
        logs.names[-1:],
        lsn[-2:],
        commits[-2:],
        (cut_us[-1:], finished_us[-1:]),
    )
    run = contents = None
    if len(cut_us) > 1:
        times_us = cut_us[:-1], finished_us[:-1]
        run = LogRun(
            alike, logs.names[:-1], lsn[:-1], commits[:-1], times_us
        )
        contents = Contents(run, of_all)
    return Shipped(
        run,
        contents,
        last.header(0),
        logs.names[-1],
        Contents(last, of_all)(0),
    )


def collected(
    at: ModelEngine,
    alike: LogsAlike,
    logs: Cuts,
    made: Sequence[bytes | Unread],
) -> tuple[LogRun, Contents] | None:
    """Return logs that were made one by one, each where the one before it ends, as a run, and what
    makes their bytes. made: their bytes. None: those that the run would make are others.
    """
    first, last = bytes_of(made[0]), bytes_of(made[-1])
    try:
        begins = decode(MAGIC, first)
    except DamagedError:
        return None
    run = LogRun(
        alike,
        logs.names,
        array("q", (begins.first_lsn, *logs.lsn)),
        array("q", (begins.n0, *logs.commits)),
        (array("q", logs.cut_us), array("q", logs.finished_us)),
    )
    base_of = begins.base_lsn, begins.base_commits
    contents = Contents(run, (begins.path, base_of, at.checksum))
    # what is the same for all of them is right if it is for the first and the last
    for i, data in ((0, first), (len(run) - 1, last)):
        if contents.make(i) != data:
            return None
    return run, contents
