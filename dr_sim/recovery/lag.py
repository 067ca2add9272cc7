"""Logs that are restored, but too late, and for longer than a retry (event 8); and clocks that
differ (event 16).

Theory of operation. The link or the replay is too slow for the load; a backlog that drains after an
outage is over sooner. A log is dated by the primary's clock: before lag is reported, the
primary is asked what its clock shows; and a log from the future tells by itself that one of the two
is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event
from dr_sim.recovery.alert_texts import clocks_differ_text, lagging_text
from dr_sim.recovery.alerts import AlertId, Danger, Message
from dr_sim.recovery.limits import MINUTE_US, whole_minutes

if TYPE_CHECKING:
    from dr_sim.recovery.files import File
    from dr_sim.recovery.replay import DatabaseReplay

CLOCKS_AGREE_US = 5 * MINUTE_US
"""Two sites' clocks must agree within 5 minutes, or nobody can log on from one to the other
(Kerberos).
"""


class Lag:
    """Late restores of one database.

    since_us: since when every log has been restored too late; 0: the last one was in time. told_us:
    when people were last alerted to lag, by this part or by `Progress`. clock_off_us: how far the
    primary's clock was ahead of ours when it was last asked; 0: it was not asked.
    """

    __slots__ = ("_clock_off_us", "_db", "since_us", "told_us")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self.since_us = 0
        self.told_us = 0
        self._clock_off_us = 0

    def restored(self, e: Event, file: File, out: list[Command]) -> bool:
        """Note that a log has been restored. Return whether to ask for the primary's clock."""
        rules = self._db.rules
        late_us = (
            e.utc_us
            - file.modified_utc_us
            - rules.delay_us
            - rules.every_us
        )
        too_new_us = (
            file.modified_utc_us
            - e.utc_us
            + e.mono_us
            - file.landed_mono_us
        )
        in_time = late_us <= rules.age_us and too_new_us <= CLOCKS_AGREE_US
        if in_time or self._db.drain is not None:
            self.over(out)
            return False
        if not self.since_us:
            self.since_us = e.mono_us
            return True
        if e.mono_us - max(self.since_us, self.told_us) < rules.retry_us:
            return False
        self.told_us = e.mono_us
        off_us = self._clock_off_us
        if too_new_us > CLOCKS_AGREE_US:
            off_us = max(off_us, too_new_us)
        if abs(off_us) > CLOCKS_AGREE_US:
            late_us += off_us
        self._tell(e, file, late_us, off_us, out)
        return True  # the clock may be set right before the next retry

    def _tell(
        self,
        e: Event,
        file: File,
        late_us: int,
        off_us: int,
        out: list[Command],
    ) -> None:
        db = self._db
        minutes = db.minutes(e)
        path = db.config.share_path + file.name
        if late_us > db.rules.age_us:
            db.alerts.over(Danger.CLOCK, out)
            text = lagging_text(db.name, path, whole_minutes(late_us))
            alert = Message(AlertId.LAGGING, minutes, text, file.name)
            db.alerts.tell(e, Danger.LAG, alert, out)
        else:
            db.alerts.over(Danger.LAG, out)
            ahead = whole_minutes(abs(off_us)) * (1 if off_us > 0 else -1)
            text = clocks_differ_text(db.name, path, ahead)
            alert = Message(AlertId.CLOCKS_DIFFER, minutes, text, file.name)
            db.alerts.tell(e, Danger.CLOCK, alert, out)

    def over(self, out: list[Command]) -> None:
        """Note that the last restored log was in time, or that nothing is lacking."""
        self.since_us = self.told_us = self._clock_off_us = 0
        alerts = self._db.alerts
        if alerts.begun:
            alerts.over(Danger.LAG, out)
            alerts.over(Danger.CLOCK, out)

    def told(self, mono_us: int) -> None:
        """Note that people have been alerted to logs that wait."""
        self.told_us = mono_us

    def clock_seen(self, ahead_us: int) -> None:
        """Note what the primary's clock shows."""
        self._clock_off_us = ahead_us
