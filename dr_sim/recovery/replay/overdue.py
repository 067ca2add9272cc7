"""Fulls and incrementals that do not come as scheduled (R12).

Theory of operation. The silence of logs is reported within a window (watch.py). Two things are
watched here. For a database without logs, the next full or incremental must come (event 22). At a
store, the next full must come (event 24), because a restore there needs a full and everything that
followed it. A standby that continues needs no newer full.

An incremental counts if its base is here or has been restored. Otherwise it is of no use, for
example after somebody else has taken a full. It counts once the base is here: an incremental takes
less time on its way than the full before it.

Fulls and incrementals come hours or a week apart, and take hours to be made and sent. So when one
is here and complete, the next one is expected an interval after that one was begun. It may take as
long to come, or twice as long after an incremental, because incrementals grow. After that the
window is added. At a store the age limit of a log takes the place of the window, because the window
includes the time for which files are held and on their way. Until one backup has come, nobody knows
how long it takes, so a whole interval is added. Files that were here when the manager began do not
show it.

One alarm is set for the instant at which the next backup is late. From then on the event is raised
at every retry until a backup is here and complete, also across restarts. If a backup has come whose
base is not here, that base is not on its way any more. Then a full is requested, and again when an
interval has brought none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.files.bases import can_be_restored
from dr_sim.recovery.files.file import FULL, INCREMENTAL, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.replay.limits import elapsed_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.backups.model import BackupHeader
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Overdue:
    """Backups of some kinds of one database.

    interval_us: how often one is due; 0: they are not watched. begun_us: when the last one was
    begun, on the monotonic clock. late_us: when the next is late. useless: the name of the last one
    that has come since and cannot be restored; '' if none.
    """

    __slots__ = (
        "_db",
        "_kinds",
        "_newest_utc_us",
        "_there",
        "_timer",
        "begun_us",
        "interval_us",
        "late_us",
        "useless",
    )

    def __init__(
        self,
        db: DatabaseReplay,
        kinds: Collection[Kind],
        interval_us: int,
        timer: Timer,
    ) -> None:
        self._db = db
        self._kinds = kinds
        self.interval_us = interval_us
        self._timer = timer
        self.begun_us = 0
        self.late_us = 0
        self.useless = ""
        self._newest_utc_us = 0
        # names of the files that lay here when the manager began
        self._there: frozenset[str] = frozenset()

    @property
    def only_fulls(self) -> bool:
        return INCREMENTAL not in self._kinds

    @property
    def _danger(self) -> Danger:
        return Danger.FULL_OVERDUE if self.only_fulls else Danger.OVERDUE

    def begin(self, e: Event, out: list[Command]) -> None:
        """Begin after a start: by the newest one here, else by the last restore."""
        db = self._db
        if not self.interval_us or not (db.state.exists or db.rules.keeps):
            return
        assert db.last is not None
        self._there = frozenset(file.name for file in db.files.values())
        newest: BackupHeader | None = None
        useless: BackupHeader | None = None
        for file in db.files.values():
            header = file.header
            if file.kind not in self._kinds or header is None:
                continue
            if can_be_restored(db, header):
                newest = _later(newest, header)
            elif useless is not _later(useless, header):
                useless, self.useless = header, file.name
        begun_utc_us = (
            db.last.started_utc_us
            if newest is None
            else newest.started_utc_us
        )
        if useless is not None and useless.started_utc_us < begun_utc_us:
            self.useless = ""
        if newest is None:
            passed_us = elapsed_us(
                e.mono_us, e.utc_us, db.last.mono_us, db.last.utc_us
            )
        else:
            self._newest_utc_us = newest.started_utc_us
            passed_us = max(0, e.utc_us - newest.started_utc_us)
        self._expect(e, passed_us, self.interval_us, out)

    def whole(self, file: File, e: Event, out: list[Command]) -> None:
        """A full or an incremental is here and whole. A later one that came before it may stand on
        it.
        """
        if not self.interval_us or file.kind not in self._kinds:
            return
        later = self._db.files.get(self.useless) if self.useless else None
        self._came(file, e, out)
        if later is not None and later.content is Content.WHOLE:
            self._came(later, e, out)

    def _came(self, file: File, e: Event, out: list[Command]) -> None:
        header = file.header
        assert header is not None
        if header.started_utc_us <= self._newest_utc_us:
            return  # an older one that was damaged here, and is whole again
        if not can_be_restored(self._db, header):
            self.useless = file.name
            return
        self.useless = ""
        self._newest_utc_us = header.started_utc_us
        self._db.alerts.over(self._danger, out)
        took_us = max(0, e.utc_us - header.started_utc_us)
        # a store fetches fulls with all else that has gathered since
        grows = header.kind is INCREMENTAL or self.only_fulls
        takes_us = 2 * took_us if grows else took_us
        if file.name in self._there:
            takes_us = self.interval_us
        self._expect(e, took_us, takes_us, out)

    def goes_on(self, e: Event, out: list[Command]) -> None:
        """A failover that has been called off held every alarm."""
        if self.late_us:
            self._set(max(e.mono_us, self.late_us), out)

    def rang(self, e: Event, out: list[Command]) -> None:
        """Report it, if it is time, unless it is known already that none is whole, or that the copy
        is lost. One that has landed and is being hashed has come, as far as anybody knows.
        """
        db = self._db
        if db.in_failover or e.mono_us < self.late_us:
            return
        useful = db.state.exists or db.rules.keeps
        if useful and not db.remake.lost and not self._one_is_checked():
            if self.useless:
                db.remake.ask_for_full(e, self.interval_us, out)
            telling.tell_overdue(db, self, e, out)
        self._set(e.mono_us + db.rules.retry_us, out)

    def _one_is_checked(self) -> bool:
        return any(
            file.kind in self._kinds and file.content is Content.CHECKING
            for file in self._db.files.not_in_runs()
        )

    def _expect(
        self, e: Event, passed_us: int, takes_us: int, out: list[Command]
    ) -> None:
        """The last one was begun so long ago; the next may take so long to come."""
        db = self._db
        rules = db.rules
        self.begun_us = e.mono_us - passed_us
        late_us = (
            self.begun_us
            + self.interval_us
            + takes_us
            + (rules.age_us if rules.keeps else rules.window_us)
        )
        if self._danger in db.alerts.begun:
            # it was late before a restart; what has landed since is hashed first
            late_us = min(late_us, e.mono_us + rules.retry_us)
        self.late_us = max(e.mono_us, late_us)
        self._set(self.late_us, out)

    def _set(self, at_us: int, out: list[Command]) -> None:
        out.append(SetAlarm(self._db.name, self._timer, at_us))


def _later(one: BackupHeader | None, other: BackupHeader) -> BackupHeader:
    """Return the one that was begun later."""
    if one is None or one.started_utc_us < other.started_utc_us:
        return other
    return one


def overdue_watches(db: DatabaseReplay) -> tuple[Overdue, Overdue]:
    """Return the watches over one database: over all kinds, and over fulls at a store."""
    config = db.config
    others_us = 0 if config.log_interval_us else config.other_interval_us
    fulls_us = config.full_interval_us if db.rules.keeps else 0
    if fulls_us == others_us:
        fulls_us = 0  # nothing else comes
    return (
        Overdue(db, (FULL, INCREMENTAL), others_us, Timer.OVERDUE),
        Overdue(db, (FULL,), fulls_us, Timer.FULL_OVERDUE),
    )
