"""The oldest finished backup of a database that is not restored, as the monitor looks for it."""

from __future__ import annotations

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import Kind
from dr_sim.backups.run_tables import ByName
from dr_sim.world.link.logs_beyond import LogsBeyond
from dr_sim.world.primary.backup_file import BackupFile

_LOG = Kind.LOG


class OldestMissing:
    """The search in the files of one database. by_name: all of them, in the order in which they
    were made; logs: the database has log backups, and only these count.
    """

    def __init__(self, by_name: ByName[BackupFile], logs: bool) -> None:
        self._by_name = by_name
        self._logs = LogsBeyond(
            by_name, lambda file: file.ends_us, lambda run: run.cut_us[-1]
        )
        self._only_logs = logs

    def look(self, up_to_us: int, redo_lsn: int) -> int:
        """Return up to which instant the oldest whole backup that ends beyond both positions holds
        the writes; -1: there is none.
        """
        if not self._only_logs:
            return self._walk(up_to_us, redo_lsn)
        logs = self._logs.after(up_to_us)
        if self._logs.odd:
            return self._walk(up_to_us, redo_lsn)
        ends_us = (file.ends_us for file in logs if _lacks(file, redo_lsn))
        return next(ends_us, -1)

    def _walk(self, up_to_us: int, redo_lsn: int) -> int:
        """Return the same by going through all files."""
        oldest_us = -1
        for file in self._by_name.newest_first():
            if isinstance(file, LogRun):
                if self._only_logs and file.cut_us[-1] <= up_to_us:
                    break  # all older ones end before it
                self._by_name.spread(file)
                return self._walk(up_to_us, redo_lsn)
            is_log = file.kind is _LOG
            if file.ends_us > up_to_us:
                if _lacks(file, redo_lsn) and (
                    is_log or not self._only_logs
                ):
                    oldest_us = (
                        file.ends_us
                        if oldest_us < 0
                        else min(oldest_us, file.ends_us)
                    )
            elif (
                self._only_logs
                and is_log
                and file.header.backup_id == file.number
            ):
                break  # logs are cut one after the other: all older ones end before it
        return oldest_us


def _lacks(file: BackupFile, redo_lsn: int) -> bool:
    """Return whether a copy that stands there lacks what is in the backup."""
    return file.whole and file.header.last_lsn > redo_lsn
