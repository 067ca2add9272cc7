"""The oldest log that is finished and not restored, looked up without going through all that wait.

Behind a link that is too slow the logs that wait become more and more, and the monitor asks for the
oldest of them each time that one is made.
"""

from __future__ import annotations

from collections import deque

from dr_sim.backups.model import Kind
from dr_sim.world.backup_file import BackupFile

_LOG = Kind.LOG


class OldestMissing:
    """The logs of one database that may wait, oldest first. by_name: all its files, in the order in
    which they were made.

    odd: a log is not the database's own, or does not follow the one before it in time. Then nothing
    can be said without going through all files.
    """

    def __init__(self, by_name: dict[str, BackupFile]) -> None:
        self.odd = False
        self._by_name = by_name
        self._waiting: deque[BackupFile] = deque()
        self._newest: BackupFile | None = None
        self._up_to_us = -1

    def look(self, up_to_us: int, redo_lsn: int) -> int:
        """Return up to which instant the oldest whole log that ends beyond both positions holds the
        writes; -1: there is none.
        """
        self._add_new(up_to_us)
        waiting = self._waiting
        while waiting and waiting[0].ends_us <= up_to_us:
            waiting.popleft()
        self._up_to_us = up_to_us
        for file in waiting:
            if (
                file.whole
                and file.header.last_lsn > redo_lsn
                and self._by_name.get(file.name) is file
            ):
                return file.ends_us
        return -1

    def _add_new(self, up_to_us: int) -> None:
        """Add the logs that were made since the last look; all, if it went back since then."""
        if up_to_us < self._up_to_us:
            self._newest = None
        new = []
        files = reversed(self._by_name.values())
        newest = last = next(files, None)
        while last is not None and last is not self._newest:
            if last.kind is _LOG:
                new.append(last)
            last = next(files, None)
        if last is None:  # the newest one of before is gone
            self._waiting.clear()
        self._newest = newest
        for file in reversed(new):
            before = self._waiting[-1].ends_us if self._waiting else -1
            if (
                file.header.backup_id != file.number
                or file.ends_us < before
            ):
                self.odd = True
            self._waiting.append(file)
