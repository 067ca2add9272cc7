"""Tells what the alert job of a monitor tells of one database, from nothing but the histories of
backups and restores.

Theory of operation. Built-in log shipping has a third server with an alert job that runs every 2
minutes. It reads when the last backup was made and when the last restore ended, and raises 14420 or
14421 if that is too long ago. So it tells when the recovery manager is dead, when the restore job
does not run, and when a restore hangs: whatever has not been restored is seen from outside. It
cannot tell why. Two things keep its texts true. A database into which nobody writes has nothing to
restore: 14421 asks for a backup that is not restored. And a database that has not been restored yet
has no restore to be late: it is watched from its first one on. Like any alert, one that is up is
raised again and grows from error to critical.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_US = 60_000_000
SOURCE = "DR Monitor"
BACKUP_OVERDUE, OUT_OF_SYNC = 14420, 14421


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Thresholds of one database, in microseconds.

    backup_us: between backups; restore_us: between restores; every_us: the alert job runs at whole
    multiples of this; repeat_us: an alert that is up is raised again after so long;
    critical_after_us: and is critical after so long; interval_us: how far apart its backups are by
    schedule; logs: it has log backups. postgres: the texts say so in PostgreSQL's words, since the
    ones of built-in log shipping name a feature that PostgreSQL has not.
    """

    name: str
    backup_us: int
    restore_us: int
    every_us: int
    repeat_us: int
    critical_after_us: int
    interval_us: int
    logs: bool
    postgres: bool = False


@dataclass(slots=True)
class Sight:
    """Holds what the histories show now. Instants in microseconds; -1: there is none.

    last_backup_us: when the last backup ended; last_restore_us: when the last restore ended;
    restored_up_to_us: up to when the backup that was restored last holds what was written;
    missing_since_us: the same of the oldest backup that is finished and not restored.
    """

    last_backup_us: int
    last_restore_us: int
    restored_up_to_us: int
    missing_since_us: int


@dataclass(frozen=True, slots=True)
class MonitorAlert:
    event_id: int
    level: str
    minutes: int
    text: str


class DatabaseMonitor:
    """begun, raised_us: since when each alert is up, and when it was raised last."""

    __slots__ = ("begun", "config", "raised_us", "watched_from_us")

    def __init__(self, config: MonitorConfig, now_us: int) -> None:
        self.config = config
        self.watched_from_us = now_us
        self.begun: dict[int, int] = {}
        self.raised_us: dict[int, int] = {}

    def look(self, now_us: int, sight: Sight) -> list[MonitorAlert]:
        """One run of the alert job."""
        found = []
        for event_id, late in (
            (BACKUP_OVERDUE, self._backup_due_us(sight)),
            (OUT_OF_SYNC, self._restore_due_us(sight)),
        ):
            if late < 0 or now_us <= late:
                self.begun.pop(event_id, None)
                self.raised_us.pop(event_id, None)
                continue
            since = self.begun.setdefault(event_id, now_us)
            if (
                event_id in self.raised_us
                and now_us
                < self.raised_us[event_id] + self.config.repeat_us
            ):
                continue
            self.raised_us[event_id] = now_us
            level = (
                "critical"
                if now_us - since >= self.config.critical_after_us
                else "error"
            )
            found.append(self._alert(event_id, level, now_us, sight))
        return found

    def next_us(self, now_us: int, sight: Sight) -> int:
        """The run of the alert job, after now, that can tell something first."""
        dues = []
        for event_id, late in (
            (BACKUP_OVERDUE, self._backup_due_us(sight)),
            (OUT_OF_SYNC, self._restore_due_us(sight)),
        ):
            if late >= 0:
                again = (
                    self.raised_us[event_id] + self.config.repeat_us
                    if event_id in self.raised_us
                    else 0
                )
                dues.append(max(late + 1, again))
        if (
            sight.missing_since_us < 0
        ):  # whatever is made next and is not restored
            dues.append(
                now_us + self.config.restore_us - self.config.interval_us
            )
        every = self.config.every_us
        return -(-max(min(dues), now_us + 1) // every) * every

    def flows(self, now_us: int, sight: Sight) -> bool:
        """Return whether nothing is up, and everything is restored but what was made within the
        last interval; and nothing becomes due as long as each backup is restored before the next
        one is made.
        """
        interval_us = self.config.interval_us
        soonest_us = min(self.config.backup_us, self.config.restore_us)
        recent = (
            now_us - sight.last_backup_us <= 2 * interval_us <= soonest_us
            and not self.begun
        )
        return recent and (
            sight.missing_since_us < 0
            or now_us - sight.missing_since_us <= interval_us
        )

    def _backup_due_us(self, sight: Sight) -> int:
        return (
            max(sight.last_backup_us, self.watched_from_us)
            + self.config.backup_us
        )

    def _restore_due_us(self, sight: Sight) -> int:
        """Out of sync: what is not restored is too old, or it is there and nothing has been
        restored for too long.
        """
        if sight.last_restore_us < 0 or sight.missing_since_us < 0:
            return -1
        in_sync_us = max(
            sight.last_restore_us,
            sight.missing_since_us - self.config.interval_us,
        )
        return (
            min(in_sync_us, sight.missing_since_us) + self.config.restore_us
        )

    def _alert(
        self, event_id: int, level: str, now_us: int, sight: Sight
    ) -> MonitorAlert:
        if event_id == BACKUP_OVERDUE:
            minutes = (
                now_us - max(sight.last_backup_us, self.watched_from_us)
            ) // MINUTE_US
            text = self._overdue(minutes)
            return MonitorAlert(event_id, level, minutes, text)
        minutes = (now_us - sight.last_restore_us) // MINUTE_US
        latency = (now_us - sight.restored_up_to_us) // MINUTE_US
        text = self._behind(minutes, latency)
        return MonitorAlert(event_id, level, minutes, text)

    def _overdue(self, minutes: int) -> str:
        config = self.config
        limit = config.backup_us // MINUTE_US
        if config.postgres:
            what = (
                "WAL segment was archived"
                if config.logs
                else "backup ended"
            )
            return (
                f"Database {config.name}: no {what} for {minutes} minutes "
                f"(threshold {limit} minutes)."
            )
        what = "backup log operation" if config.logs else "backup operation"
        return (
            f"The log shipping primary database {config.name} has backup threshold of {limit}"
            f" minutes and has not performed a {what} for {minutes} minutes."
        )

    def _behind(self, minutes: int, latency: int) -> str:
        config = self.config
        limit = config.restore_us // MINUTE_US
        if config.postgres:
            return (
                f"Standby of {config.name} is behind: no WAL was replayed for {minutes} minutes "
                f"(threshold {limit} minutes). It is {latency} minutes behind the primary."
            )
        return (
            f"The log shipping secondary database {config.name} has restore threshold of {limit}"
            f" minutes and is out of sync. No restore was performed for {minutes} minutes."
            f" Restored latency is {latency} minutes."
        )
