"""Progress of replay, judged by what waits here, not by what has been restored (R8, R12).

Theory of operation. A restore that is slow, that hangs or that queues for a worker reports nothing
until it ends, and a replay that stands still reports nothing at all. So the age of the oldest log
that has landed and is not restored is watched. On the quiet path each log is restored before the
next one lands, and nothing is done for it here. Only when a log lands, or the alarm 'window' goes
off, while an earlier log has waited for a minute, one alarm, 'waits', is set at the instant at
which the oldest log passes its limit. Where logs are further apart than that limit it is set when
each lands. From then on event 18 is raised at every retry until that log
is restored or passed. A log that landed late is past its age at once: it gets one retry interval to
be restored in, so a backlog that drains after an outage raises no alert. A chain that is stuck is
reported by `watch`, and late restores by event 8; neither is reported twice. But a log that waits
before the place on which the chain is stuck is reported here: its own restore may hang.

Each method that may raise an alert returns whether it did, as `Lag` counts its retries from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery.alerts.alert_texts import waiting_text
from dr_sim.recovery.alerts.alerts import AlertId, Danger, Message
from dr_sim.recovery.files.file import LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.replay.limits import (
    MINUTE_US,
    age_us,
    limit_at_us,
    next_multiple_us,
    whole_minutes,
)
from dr_sim.recovery.replay.waiting import strayed
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Progress:
    """The logs that wait.

    newest: the log that landed last. armed_at_us: the instant of the alarm 'waits', -1: it is not
    set. copy_since_us: when a full was last restored here; no log could be restored over it before.
    """

    __slots__ = ("_db", "armed_at_us", "copy_since_us", "newest")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self.newest: File | None = None
        self.armed_at_us = -1
        self.copy_since_us = 0

    def begin(self) -> None:
        """Find out, after a start, which of the logs that lie here landed last."""
        self.newest = self._db.files.newest_log()

    def absorbed(self, newest: File) -> None:
        """Note that quiet logs have been absorbed (absorb.py)."""
        self.newest = newest

    def full_restored(self, mono_us: int) -> None:
        self.copy_since_us = mono_us

    def log_landed(self, file: File, e: Event, out: list[Command]) -> bool:
        db = self._db
        earlier, self.newest = self.newest, file
        if self.armed_at_us >= 0 or db.in_failover:
            return False
        if db.config.log_interval_us > db.rules.age_us:
            return self.look(e, out)  # the next one lands after its limit
        if earlier is None or earlier.done:
            return False
        pending = db.files.pending
        front = pending[0] if pending else earlier
        return e.mono_us - self._ready_us(front) >= MINUTE_US and self.look(
            e, out
        )

    def other_landed(
        self, file: File, e: Event, out: list[Command]
    ) -> bool:
        """Note that a backup of a database without logs has landed; an earlier one may still be
        being restored.
        """
        in_hand = self._db.files.in_hand
        busy = in_hand is not None and in_hand.kind is file.kind
        return busy and self.armed_at_us < 0 and self.look(e, out)

    def window(self, e: Event, out: list[Command]) -> bool:
        """Handle the alarm 'window'. A log that the lanes absorb is restored within its
        interval.
        """
        newest, db = self.newest, self._db
        if newest is None or newest.done or self.armed_at_us >= 0:
            return False
        interval_us = db.config.log_interval_us
        if db.replay_waits:
            front = db.files.pending[0] if db.files.pending else newest
            waits = e.mono_us - self._ready_us(front) >= MINUTE_US
        elif interval_us <= db.rules.age_us:
            waits = e.mono_us - newest.landed_mono_us >= interval_us
        else:  # the next one, with which it would be looked at, lands after its limit
            waits = e.mono_us - newest.landed_mono_us >= MINUTE_US
        return waits and self.look(e, out)

    def look(self, e: Event, out: list[Command]) -> bool:
        """Report the oldest log that waits if it is past its limit, and set the alarm for when it
        will be.
        """
        db = self._db
        self.armed_at_us = -1
        if db.in_failover or not db.state.exists:
            return False
        file = self._oldest()
        if file is None or db.watch.holds_up(file):
            return False
        told_us = db.lag.told_us
        again_us = told_us + db.rules.retry_us if told_us else 0
        at = max(self._limit_at_us(file, e), again_us)
        past = at <= e.mono_us
        if past:
            self.tell(file, e, out)
            at = e.mono_us + db.rules.retry_us
        self.armed_at_us = at
        out.append(SetAlarm(db.name, Timer.WAITS, at))
        return past

    def tell(self, file: File, e: Event, out: list[Command]) -> None:
        """Raise event 18 for that file, the oldest that waits."""
        db = self._db
        minutes = db.minutes(e)
        path = db.config.share_path + file.name
        age = whole_minutes(
            age_us(
                e.mono_us,
                e.utc_us,
                file.landed_mono_us,
                db.lag.finished_utc_us(e.utc_us, file.modified_utc_us),
            )
        )
        text = waiting_text(db.name, path, age, self._number(), minutes)
        db.alerts.tell(
            e,
            Danger.LAG,
            Message(AlertId.WAITING, minutes, text, file.name),
            out,
        )

    def _number(self) -> int:
        """Return how many files wait. Where there is no copy, the file in hand says from where on:
        a full and the logs that follow it, or a log that still hangs and those behind it.
        """
        waiting, file = self._waiting(), self._db.files.in_hand
        header = file.header if file is not None else None
        if self._db.state.exists or header is None:
            return max(1, len(waiting))
        past_lsn = header.last_lsn - (header.kind is LOG)
        stop_utc_us = self._db.stop_before_utc_us
        ends = bool(stop_utc_us) and header.kind is not LOG
        follow = [
            log
            for log in waiting
            if log.header is None or log.header.last_lsn > past_lsn
        ]
        if ends:
            follow = [
                log
                for log in follow
                if log.header is None
                or log.header.started_utc_us <= stop_utc_us
            ]
        return len(follow) + (header.kind is not LOG)

    def _limit_at_us(self, file: File, e: Event) -> int:
        """Return the instant at which the log has waited too long: past the age limit, and for at
        least a retry.
        """
        rules = self._db.rules
        limit_us = rules.age_us + rules.delay_us + rules.every_us
        at = limit_at_us(
            e.mono_us,
            e.utc_us,
            file.landed_mono_us,
            self._db.lag.finished_utc_us(e.utc_us, file.modified_utc_us),
            limit_us,
        )
        return max(at, self._ready_us(file) + rules.retry_us)

    def _ready_us(self, file: File) -> int:
        """Return the instant from which nothing holds the log back on purpose."""
        free_us = max(
            file.landed_mono_us, file.due_mono_us, self.copy_since_us
        )
        every_us = self._db.rules.every_us
        return next_multiple_us(free_us, every_us) if every_us else free_us

    def _oldest(self) -> File | None:
        """Return the log that comes first. Where files have told their LSNs these decide, as a
        primary's clock may have been set back meanwhile.
        """
        landed = self._landed()
        read = [file for file in landed if file.header is not None]
        others = [file for file in landed if file.header is None]
        # of hundreds behind a backlog the first one is needed in most cases
        in_order = sorted(read, key=File.order)
        first = next(filter(self._needed, in_order), None)
        found = others if first is None else [first, *others]
        return min(found, key=File.age_order, default=None)

    def _waiting(self) -> list[File]:
        """Return the logs that have landed and are not restored; for a database without logs, the
        backup that is being restored.
        """
        return [file for file in self._landed() if self._needed(file)]

    def _landed(self) -> list[File]:
        """Return the same with the logs that are not needed."""
        db = self._db
        if not db.config.log_interval_us:
            return [] if db.files.in_hand is None else [db.files.in_hand]
        logs = [
            file
            for file in db.files.not_in_runs()
            if file.kind is LOG
            and not file.done
            and not file.taken_for_restored
        ]
        here = (Content.CHECKING, Content.WHOLE)
        return [file for file in logs if file.content in here]

    def _needed(self, file: File) -> bool:
        db = self._db
        if file.header is None or not db.config.log_interval_us:
            return True
        fit = applies(file.header, db.state)
        return (
            fit is not Fit.STALE
            and fit is not Fit.EMPTY
            and not strayed(db, file, fit)
        )
