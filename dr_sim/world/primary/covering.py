"""The newest log at the primary that holds a position, as the secondary asks for it."""

from __future__ import annotations

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import Kind
from dr_sim.backups.run_tables import ByName
from dr_sim.world.link.logs_beyond import LogsBeyond
from dr_sim.world.primary.backup_file import BackupFile


class Covering:
    """The search in the files of one database. by_name: all of them, in the order in which they
    were made.
    """

    def __init__(self, by_name: ByName[BackupFile]) -> None:
        self._by_name = by_name
        self._logs = LogsBeyond(
            by_name,
            lambda file: file.header.last_lsn,
            lambda run: run.lsn[-1],
        )
        self._found: BackupFile | None = None

    def look(self, fork: int, lsn: int) -> BackupFile | None:
        """Return the log that was found last, as long as it holds the position; else the newest one
        that does.
        """
        found = self._found
        # asked again and again as long as it is on its way
        if found is None or not _covers(found, fork, lsn):
            found = self._found = self._newest(fork, lsn)
        return found

    def _newest(self, fork: int, lsn: int) -> BackupFile | None:
        logs = self._logs.after(lsn)
        if self._logs.odd:
            return self._walk(fork, lsn)
        found = None
        for file in logs:
            if file.header.first_lsn > lsn:
                break
            if _covers(file, fork, lsn):
                found = file
        return found

    def _walk(self, fork: int, lsn: int) -> BackupFile | None:
        """Return the same by going through all files."""
        for file in self._by_name.newest_first():
            if isinstance(file, LogRun):
                if file.alike.fork == fork and file.lsn[-1] <= lsn:
                    break
                self._by_name.spread(file)
                return self._walk(fork, lsn)
            if _covers(file, fork, lsn):
                return file
            h = file.header
            if (
                h.kind is Kind.LOG
                and h.fork == fork
                and h.last_lsn <= lsn
                and file.whole
            ):
                break  # a log begins where the one before it ends: all older ones end before it
        return None


def _covers(file: BackupFile, fork: int, lsn: int) -> bool:
    """Return whether the file can be sent and holds that position. The first log after a failover
    holds the last position of the fork before, too.
    """
    h = file.header
    crosses = h.first_fork == fork and lsn <= h.fork_point_lsn
    return (
        h.first_lsn <= lsn < h.last_lsn
        and (h.fork == fork or crosses)
        and h.kind is Kind.LOG
        and file.at_primary
        and file.whole
    )
