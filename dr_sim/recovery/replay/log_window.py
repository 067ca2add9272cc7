"""The window within which a log must land (R9).

Theory of operation. Silence (no log landed within the window) is detected by the alarm 'window',
which is set once in a window and not for every log; where the window is much longer than the age
limit, more often, so that logs that wait are looked at in time. From then on it is reported at
every retry until a log lands. The consequences are in retries.py.

At a store, each backup may come later by design: it is held back, or on the road. The first log of
a primary is waited for so much longer. From then on logs come as often as they are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.replay.limits import elapsed_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.files.file import File
    from dr_sim.recovery.replay.replay import DatabaseReplay


class LogWindow:
    """The window of one database. landed_mono_us: when the last new log landed. one_came: a log has
    landed since this manager started. _held_us: how much longer the first log is waited for; 0 once
    one that was made since a manager began here has landed.
    """

    __slots__ = ("_db", "_held_us", "landed_mono_us", "one_came")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self.landed_mono_us = 0
        self.one_came = False
        self._held_us = db.rules.held_us

    @property
    def length_us(self) -> int:
        """Return the window. One that is shorter than the schedule would alert constantly, so it is
        counted from the instant at which a log was due; so is that at a store, where the first one
        may come no sooner.
        """
        window_us, interval_us = (
            self._db.rules.window_us,
            self._db.config.log_interval_us,
        )
        counts_at_once = (
            interval_us < window_us and not self._db.rules.keeps
        )
        return self._held_us + (
            window_us if counts_at_once else interval_us + window_us
        )

    @property
    def ends_us(self) -> int:
        """Return when the next log must have landed."""
        return self.landed_mono_us + self.length_us

    @property
    def look_after_us(self) -> int:
        """Return how long after a landing the alarm goes off. A window may be much longer than the
        age limit, and a log that waits while no other lands is found then only (progress.py).
        """
        rules = self._db.rules
        waits_us = max(rules.age_us, self._db.config.log_interval_us)
        return min(self.length_us, waits_us + rules.retry_us)

    def next_look_us(self, mono_us: int) -> int:
        """Return when the alarm goes off next, if nothing lands before."""
        look_us = self.landed_mono_us + self.look_after_us
        return look_us if look_us > mono_us else self.ends_us

    def begin(self, e: Event, out: list[Command]) -> None:
        """Begin after a start. The landing of the last log is known from the last restore, or from
        the files that lie here. Where replay lags on purpose a restore says little: its log may
        have landed long before.
        """
        db = self._db
        if not db.config.log_interval_us:
            self._set(e, out)
            return
        last = db.last
        assert last is not None
        # before the first restore `last` is the instant at which this manager took over
        lag_us = db.rules.delay_us + db.rules.every_us if last.name else 0
        log = db.files.newest_log()
        newest = log.modified_utc_us if log else last.modified_utc_us
        flows = newest > last.utc_us
        self._held_us = 0 if flows else db.rules.held_us
        quiet_us = elapsed_us(
            e.mono_us, e.utc_us, last.mono_us, last.utc_us
        )
        if newest > last.modified_utc_us:
            # if it flows, the log landed no sooner than it is held; if not, the window is longer
            landed_utc_us = newest + db.rules.held_us * flows
            quiet_us = min(
                quiet_us + lag_us, max(0, e.utc_us - landed_utc_us)
            )
        elif last.name:
            quiet_us = max(
                quiet_us, min(quiet_us + lag_us, e.utc_us - newest)
            )
        if quiet_us < self.length_us:
            db.alerts.over(Danger.SILENCE, out)
        self.landed_mono_us = e.mono_us - quiet_us
        self._set(e, out)

    def standing(self) -> tuple[int, int, bool]:
        """Return all that this window knows, to be compared with another one (absorb.py)."""
        return self.landed_mono_us, self._held_us, self.one_came

    def stands_at(self, landed_mono_us: int) -> None:
        """Note when the last new log landed (absorb.py)."""
        self.landed_mono_us = landed_mono_us
        self.one_came = True

    def log_landed(self, e: Event, file: File, out: list[Command]) -> None:
        self.one_came = True
        self.landed_mono_us = e.mono_us
        last = self._db.last
        assert last is not None
        if self._held_us and file.modified_utc_us > last.utc_us:
            self._held_us = 0
            self._set(e, out)  # the window is shorter from now on
        if self._db.alerts.begun:
            self._db.alerts.over(Danger.SILENCE, out)

    def is_over(self, e: Event, out: list[Command]) -> bool:
        """Return whether no log has landed within the window, and report that."""
        if self.ends_us > e.mono_us:
            return False
        silent_us = e.mono_us - self.landed_mono_us
        telling.tell_silence(self._db, silent_us, e, out)
        return True

    def goes_on(self, e: Event, out: list[Command]) -> None:
        """Set the alarm again, which a failover held until it was called off."""
        self._set(e, out)

    def _set(self, e: Event, out: list[Command]) -> None:
        if self._db.config.log_interval_us:
            at = max(e.mono_us, self.next_look_us(e.mono_us))
        elif self._db.rules.keeps:
            return
        else:
            at = e.mono_us + self._db.rules.window_us
        out.append(SetAlarm(self._db.name, Timer.WINDOW, at))
