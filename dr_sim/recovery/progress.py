"""Does replay get on? Judged by what waits here, not by what has been restored (R8, R12).

Theory of operation. A restore that is slow, that hangs or that queues for a worker tells nothing
until it ends, and a replay that stands tells nothing at all. So the age of the oldest log that has
landed and is not restored is watched. On the quiet path each log is restored before the next one
lands, and nothing is done for it here. Only when a log lands, or the alarm 'window' goes off, while
an earlier log has waited for a minute, one alarm, 'waits', is set at the instant at which the
oldest log passes its limit. From then on event 18 is raised at every retry until that log is
restored or passed. A log that landed late is past its age at once: it has one retry interval to be
restored in, so a backlog that drains after an outage is no news. What `watch` tells of a chain that
is stuck is not told twice, nor is event 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.recovery.alerts import WAITING, waiting_text, whole_minutes
from dr_sim.recovery.commands import Command, SetAlarm
from dr_sim.recovery.files import CHECKING, LOG, VALID, File
from dr_sim.recovery.limits import MINUTE_US, age_us, limit_at_us
from dr_sim.recovery.waiting import strayed

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


class Progress:
    """newest: the log that landed last, if it was not absorbed. armed_at_us: where the alarm
    'waits' stands, -1: nowhere. copy_since_us: when a full was restored here last: no log could be
    restored over it before.
    """

    __slots__ = ("armed_at_us", "copy_since_us", "db", "newest")

    def __init__(self, db: DatabaseReplay) -> None:
        self.db = db
        self.newest: File | None = None
        self.armed_at_us = -1
        self.copy_since_us = 0

    def begin(self) -> None:
        """After a start: which of the logs that lie here landed last?"""
        logs = [file for file in self.db.files.values() if file.kind == LOG]
        self.newest = max(logs, key=File.age_order, default=None)

    def landed_behind(self, earlier: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """A log has landed and an earlier one is not restored yet."""
        db = self.db
        if self.armed_at_us >= 0 or db.watch.stuck is not None or db.drain is not None:
            return
        front = db.pending[0] if db.pending else earlier
        if mono_us - self._ready_us(front) >= MINUTE_US:
            self.look(mono_us, utc_us, out)

    def full_landed(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """A backup of a database without logs has landed while one of its kind is still being
        restored.
        """
        restoring = self.db.restoring
        if restoring is not None and restoring.kind == file.kind and self.armed_at_us < 0:
            self.look(mono_us, utc_us, out)

    def window(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """The alarm 'window' went off. A log that the lanes absorb is restored within its
        interval.
        """
        newest, db = self.newest, self.db
        if newest is None or newest.done or self.armed_at_us >= 0:
            return
        interval_us = db.config.log_interval_us
        patience_us = interval_us if interval_us <= db.rules.age_us else MINUTE_US
        if mono_us - self._ready_us(newest) >= patience_us:
            self.look(mono_us, utc_us, out)

    def look(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Tell of the oldest log that waits if it is past its limit, and set the alarm for when it
        will be.
        """
        db = self.db
        self.armed_at_us = -1
        if db.drain is not None or db.watch.stuck is not None or not db.state.exists:
            return
        file = self._oldest()
        if file is None:
            return
        at = max(
            self._limit_at_us(file, mono_us, utc_us),
            db.late_told_us + db.rules.retry_us if db.late_told_us else 0,
        )
        if at <= mono_us:
            self.tell(file, mono_us, utc_us, out)
            at = mono_us + db.rules.retry_us
        self.armed_at_us = at
        out.append(SetAlarm(db.name, "waits", at))

    def tell(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Raise event 18 for that file, the oldest that waits."""
        db = self.db
        db.late_told_us = mono_us
        minutes = db.minutes(mono_us, utc_us)
        path = db.config.share_path + file.name
        age = whole_minutes(age_us(mono_us, utc_us, file.landed_mono_us, file.modified_utc_us))
        text = waiting_text(db.name, path, age, max(1, len(self._waiting())), minutes)
        db.alerts.tell(mono_us, utc_us, "lag", WAITING, minutes, file.name, text, out)

    def _limit_at_us(self, file: File, mono_us: int, utc_us: int) -> int:
        """When the log has waited for too long: past the age limit, and for a retry at least."""
        rules = self.db.rules
        limit_us = rules.age_us + rules.delay_us + rules.every_us
        at = limit_at_us(mono_us, utc_us, file.landed_mono_us, file.modified_utc_us, limit_us)
        return max(at, self._ready_us(file) + rules.retry_us)

    def _ready_us(self, file: File) -> int:
        """From when on nothing holds the log back on purpose."""
        return (
            max(file.landed_mono_us, file.due_mono_us, self.copy_since_us) + self.db.rules.every_us
        )

    def _oldest(self) -> File | None:
        return min(self._waiting(), key=File.age_order, default=None)

    def _waiting(self) -> list[File]:
        """Logs that have landed and are not restored; of a database without logs the backup that is
        being restored.
        """
        db = self.db
        if not db.config.log_interval_us:
            return [] if db.restoring is None else [db.restoring]
        logs = [file for file in db.files.values() if file.kind == LOG and not file.done]
        return [file for file in logs if file.state in (CHECKING, VALID) and self._needed(file)]

    def _needed(self, file: File) -> bool:
        if file.header is None:
            return True
        fit = applies(file.header, self.db.state)
        return fit is not Fit.STALE and fit is not Fit.EMPTY and not strayed(self.db, file, fit)
