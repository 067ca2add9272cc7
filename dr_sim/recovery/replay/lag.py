"""Logs that are restored or land too late, for longer than a retry (events 8 and 23); and clocks
that differ (event 16).

Theory of operation. The cause is a link or a replay that is too slow for the load; a backlog that
drains after an outage ends sooner. If logs are restored as soon as they land, a late restore shows
both causes. If replay waits on purpose, or nothing is replayed (a store), a restore shows nothing
about the link. There each landing is examined, with its own clock. An alarm looks a retry after the
first late log, because over a saturated link the next log may take long to come. Logs are dated by
the primary's clock. So before lag is reported, the primary is asked what its clock shows. A log
from the future shows by itself that one of the two clocks is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.machines import CancelAlarm, Command, Event, SetAlarm
from dr_sim.recovery.alerts.alert_texts import (
    clocks_differ_text,
    lagging_text,
    landed_late_text,
)
from dr_sim.recovery.alerts.alerts import AlertId, Danger, Message
from dr_sim.recovery.replay.limits import MINUTE_US, whole_minutes
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.files.file import File
    from dr_sim.recovery.replay.replay import DatabaseReplay

CLOCKS_AGREE_US = 5 * MINUTE_US
"""Two sites' clocks must agree within 5 minutes, or nobody can log on from one to the other
(Kerberos).
"""


@dataclass(frozen=True, slots=True)
class _Respect:
    """A respect in which logs are late, and how people are alerted to it."""

    danger: Danger
    alert_id: AlertId
    text: Callable[[str, str, int], str]
    timer: Timer


@dataclass(slots=True)
class _Lateness:
    """How late a log is in one respect, and when that is too late. too_new_us: how far its date is
    in the future.
    """

    of: _Respect
    file: File
    late_us: int
    limit_us: int
    too_new_us: int

    @property
    def in_time(self) -> bool:
        return (
            self.late_us <= self.limit_us
            and self.too_new_us <= CLOCKS_AGREE_US
        )


_RESTORING = _Respect(Danger.LAG, AlertId.LAGGING, lagging_text, Timer.LATE)
_LANDING = _Respect(
    Danger.LANDING,
    AlertId.LANDED_LATE,
    landed_late_text,
    Timer.LATE_LANDING,
)


class Lag:
    """Late restores and late landings of one database.

    since_us: since when every log has been restored, or has landed, too late; empty: the last one
    was in time. first: the first of those logs, until an alarm has looked at it. told_us: when
    people were last alerted to it, by this part or by `Progress`. clock_off_us: how far the
    primary's clock was ahead of ours when it was last asked; 0: it was not asked.
    """

    __slots__ = ("_clock_off_us", "_db", "_first", "_since_us", "_told_us")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self._since_us: dict[Danger, int] = {}
        self._first: dict[Danger, _Lateness] = {}
        self._told_us: dict[Danger, int] = {}
        self._clock_off_us = 0

    def finished_utc_us(self, utc_us: int, dated_us: int) -> int:
        """Return when a file of that date was finished, by our clock, as far as the primary's is
        known to differ. A date that may be right is not made older.
        """
        off_us = self._clock_off_us
        from_future = off_us > CLOCKS_AGREE_US and dated_us > utc_us
        if off_us < -CLOCKS_AGREE_US or from_future:
            return dated_us - off_us
        return dated_us

    @property
    def late(self) -> bool:
        """Return whether the last log was restored, or has landed, too late."""
        return bool(self._since_us)

    @property
    def told_us(self) -> int:
        return self._told_us.get(_RESTORING.danger, 0)

    def restored(self, e: Event, file: File, out: list[Command]) -> bool:
        """Note that a log has been restored. Return whether to ask for the primary's clock."""
        rules = self._db.rules
        modified_us = file.modified_utc_us
        lateness = _Lateness(
            _RESTORING,
            file,
            e.utc_us - modified_us - rules.delay_us - rules.every_us,
            rules.age_us,
            modified_us - e.utc_us + e.mono_us - file.landed_mono_us,
        )
        return self._look(lateness, e, out)

    def landed(self, e: Event, file: File, out: list[Command]) -> bool:
        """Note that a new log has landed. Return whether to ask for the primary's clock."""
        rules = self._db.rules
        if not (rules.keeps or self._db.replay_waits):
            return False  # it is restored at once
        modified_us = file.modified_utc_us
        lateness = _Lateness(
            _LANDING,
            file,
            e.utc_us - modified_us,
            self._db.config.landing_us,
            modified_us - e.utc_us,
        )
        return self._look(lateness, e, out)

    def _look(
        self, lateness: _Lateness, e: Event, out: list[Command]
    ) -> bool:
        of = lateness.of
        if lateness.in_time or self._db.drain is not None:
            self._end(of, out)
            return False
        since_us = self._since_us.get(of.danger)
        if since_us is None:
            self._since_us[of.danger] = e.mono_us
            self._first[of.danger] = lateness
            at = e.mono_us + self._db.rules.retry_us
            out.append(SetAlarm(self._db.name, of.timer, at))
            return True
        last_us = max(since_us, self._told_us.get(of.danger, 0))
        if e.mono_us - last_us < self._db.rules.retry_us:
            return False
        self._told_us[of.danger] = e.mono_us
        self._tell(lateness, e, out)
        return True  # the clock may be set right before the next retry

    def restoring_rang(self, e: Event, out: list[Command]) -> None:
        """Report, a retry after a log was restored late, that none has been in time since."""
        self._rang(_RESTORING, e, out)

    def landing_rang(self, e: Event, out: list[Command]) -> None:
        """Report the same of landings. A log that was copied again lands late, and later ones are
        here.
        """
        first = self._first.get(_LANDING.danger)
        if first is None:
            return
        if self._db.files.newest_log() is first.file:
            self._rang(_LANDING, e, out)
        else:
            del self._first[_LANDING.danger]

    def _rang(self, of: _Respect, e: Event, out: list[Command]) -> None:
        first = self._first.pop(of.danger, None)
        if first is None or self._db.in_failover:
            return
        if of.danger not in self._told_us:
            self._told_us[of.danger] = e.mono_us
            self._tell(first, e, out)

    def _tell(
        self, lateness: _Lateness, e: Event, out: list[Command]
    ) -> None:
        db, of, file = self._db, lateness.of, lateness.file
        late_us, off_us = lateness.late_us, self._clock_off_us
        if lateness.too_new_us > CLOCKS_AGREE_US:
            off_us = max(off_us, lateness.too_new_us)
        if abs(off_us) > CLOCKS_AGREE_US:
            late_us += off_us
        minutes = db.minutes(e)
        path = db.config.share_path + file.name
        if late_us > lateness.limit_us:
            db.alerts.over(Danger.CLOCK, out)
            text = of.text(db.name, path, whole_minutes(late_us))
            alert = Message(of.alert_id, minutes, text, file.name)
            db.alerts.tell(e, of.danger, alert, out)
        else:
            db.alerts.over(of.danger, out)
            ahead = whole_minutes(abs(off_us)) * (1 if off_us > 0 else -1)
            text = clocks_differ_text(db.name, path, ahead)
            alert = Message(AlertId.CLOCKS_DIFFER, minutes, text, file.name)
            db.alerts.tell(e, Danger.CLOCK, alert, out)

    def over(self, out: list[Command]) -> None:
        """Note that nothing is lacking."""
        self._end(_RESTORING, out)

    def _end(self, of: _Respect, out: list[Command]) -> None:
        """Note that the last log was in time."""
        self._since_us.pop(of.danger, None)
        if self._first.pop(of.danger, None) is not None:
            out.append(CancelAlarm(self._db.name, of.timer))
        self._told_us.pop(of.danger, None)
        if not self.late:
            self._clock_off_us = 0
        alerts = self._db.alerts
        if alerts.begun:
            alerts.over(of.danger, out)
            if not self.late:
                alerts.over(Danger.CLOCK, out)

    def told(self, mono_us: int) -> None:
        """Note that people have been alerted to logs that wait."""
        self._told_us[_RESTORING.danger] = mono_us

    def clock_seen(self, ahead_us: int) -> None:
        """Note what the primary's clock shows."""
        self._clock_off_us = ahead_us
