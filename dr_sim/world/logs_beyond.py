"""The logs of one database that end beyond a position, found without going through all files.

Behind a link that is too slow the logs that wait become more and more. The monitor asks for the
oldest of them each time that one is made, and the secondary asks for the one that it needs next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from dr_sim.backups.model import Kind
from dr_sim.world.backup_file import BackupFile

_LOG = Kind.LOG


class LogsBeyond:
    """The logs of one database beyond a position that nearly always moves forward.

    by_name: all its files, in the order in which they were made. ends: where a log ends. odd: a log
    is not the database's own, or does not follow the one before it. Then nothing can be said
    without going through all files.
    """

    def __init__(
        self,
        by_name: dict[str, BackupFile],
        ends: Callable[[BackupFile], int],
    ) -> None:
        self.odd = False
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
        new = []
        files = reversed(self._by_name.values())
        newest = last = next(files, None)
        while last is not None and last is not self._newest:
            if last.kind is _LOG:
                new.append(last)
            last = next(files, None)
        if last is None:  # the newest one of before is gone
            self._logs.clear()
        self._newest = newest
        for file in reversed(new):
            before = self._logs[-1] if self._logs else None
            if not _is_next(file, before):
                self.odd = True
            self._logs.append(file)


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
