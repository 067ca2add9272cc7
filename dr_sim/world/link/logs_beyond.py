"""The logs of one database that end beyond a position, found without going through all files.

Behind a link that is too slow the logs that wait become more and more. The monitor asks for the
oldest of them each time that one is made, and the secondary asks for the one that it needs next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import Kind
from dr_sim.backups.run_tables import ByName
from dr_sim.world.primary.backup_file import BackupFile

_LOG = Kind.LOG


class LogsBeyond:
    """The logs of one database beyond a position that nearly always moves forward.

    by_name: all its files, in the order in which they were made. ends, run_ends: where a log ends,
    and a run of them. odd: a log is not the database's own, or does not follow the one before it.
    Then nothing can be said without going through all files.
    """

    def __init__(
        self,
        by_name: ByName[BackupFile],
        ends: Callable[[BackupFile], int],
        run_ends: Callable[[LogRun], int],
    ) -> None:
        self.odd = False
        self._ends_of = run_ends
        self._by_name = by_name
        self._ends = ends
        self._logs: deque[BackupFile] = deque()
        self._newest: BackupFile | None = None
        self._position = -1

    def after(self, position: int) -> Iterator[BackupFile]:
        """Return the logs that end beyond a position, oldest first."""
        self._add_new(position)
        logs, ends = self._logs, self._ends
        while logs and ends(logs[0]) <= position:
            logs.popleft()
        self._position = position
        there = self._by_name.get
        return (file for file in logs if there(file.name) is file)

    def _add_new(self, position: int) -> None:
        """Add the logs that were made since the last look; all, if it went back since then."""
        if position < self._position:
            self._newest = None
        new, newest, reached = self._new(position)
        if not reached:  # the newest one of before is gone
            self._logs.clear()
        self._newest = newest
        for file in reversed(new):
            before = self._logs[-1] if self._logs else None
            if not _is_next(file, before):
                self.odd = True
            self._logs.append(file)

    def _new(
        self, position: int
    ) -> tuple[list[BackupFile], BackupFile | None, bool]:
        """Return the logs since the last look, the newest first; the newest file; whether that of
        the last look is still there. A run of logs that ends at the position or before is left out.
        """
        new: list[BackupFile] = []
        newest: BackupFile | None = None
        for each in self._by_name.newest_first():
            if isinstance(each, LogRun):
                if newest is not None and self._ends_of(each) <= position:
                    continue
                self._by_name.spread(each)
                return self._new(position)
            if newest is None:
                newest = each
            if each is self._newest:
                return new, newest, True
            if each.kind is _LOG:
                new.append(each)
        return new, newest, False


def _is_next(file: BackupFile, before: BackupFile | None) -> bool:
    """Return whether a log is the database's own, and follows another one."""
    here = file.header
    if here.backup_id != file.number:
        return False
    if before is None:
        return True
    there = before.header
    return (
        file.ends_us >= before.ends_us
        and here.first_lsn >= there.first_lsn
        and here.last_lsn >= there.last_lsn
    )
