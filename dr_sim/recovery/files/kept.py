"""The files of a store: they are checked when they land, copied again if they are damaged, and
restored only in a failover.

Theory of operation. A store has no copy of the database. So nothing is ever behind, waits for its
turn or is passed. A file that landed damaged is copied again at once, and then at every retry while
its attempts allow. Beyond its limits it is reported; a full or an incremental is then requested
again (remake.py). A log that nobody can send again leaves a hole, which the next full gets past.
Until a full has landed completely, the hole is reported at every retry. Silence, and backups that
do not come as scheduled, are watched as at a standby. Alerts are raised at every retry while no
full is here, and while a log is missing before later ones: the log is requested, and the next full
gets past it. When a failover is called off, everything that it has restored is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery.alerts import alert_texts as texts
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import AlertId, Danger, Message
from dr_sim.recovery.commands import Drop
from dr_sim.recovery.files.file import FULL, LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.replay.limits import age_us
from dr_sim.recovery.replay.watch import AskedAbout
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def retry(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'retry'."""
    for file in sorted(db.files.bad.values(), key=File.age_order):
        if (
            file.retry_at_mono_us <= e.mono_us
            and file.content is Content.BAD
        ):
            _retry(db, file, e, out)
    if db.remake.lost:
        db.remake.retry(e, out)
    db.watch.arm(e, out)


def _retry(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    files = db.files
    if _is_passed(db, file):
        files.give_up(file)
        db.alerts.over(file.name, out)
        return
    files.retry_at(file, e.mono_us + db.rules.retry_us)
    finished_us = db.lag.finished_utc_us(e.utc_us, file.modified_utc_us)
    age = age_us(e.mono_us, e.utc_us, file.landed_mono_us, finished_us)
    if file.cut_off and file.kind is LOG:
        # the next one holds what it was to hold (R10)
        files.give_up(file)
        return
    hopeless = file.cut_off or file.failures > db.rules.attempts
    if hopeless and file.kind is not LOG:
        files.give_up(file)
        db.remake.gave_up(file, e, out)
        return
    if not hopeless:
        db.recopy(file.name, out)
    if hopeless or age >= db.rules.age_us:
        telling.tell_damaged(db, file, e, out)


def begin(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Begin after a start: people are notified where no full is here."""
    if not _has_full(db):
        at = e.mono_us + db.log_window.length_us
        out.append(SetAlarm(db.name, Timer.UNPROTECTED, at))


def unprotected(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'unprotected': raise event 19, at every retry, until a full is here."""
    if _has_full(db) or not db.only_keeps:
        return
    text = texts.no_full_text(db.name)
    alert = Message(AlertId.NOT_PROTECTED, db.minutes(e), text)
    db.alerts.tell(e, Danger.UNPROTECTED, alert, out)
    at = e.mono_us + db.rules.retry_us
    out.append(SetAlarm(db.name, Timer.UNPROTECTED, at))


def log_is_whole(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Note that a log is here. One before it that is not may be on its way for a while. A hole
    behind an earlier one waits for its turn: the alarm is that of the first.
    """
    pending, header = db.files.pending, file.header
    if not db.only_keeps or pending[-1] is not file:
        return
    alone = len(pending) == 1
    if not alone:
        before = pending[-2].header
        assert before is not None and header is not None
        if before.last_lsn >= header.first_lsn:
            return
    hole = _hole(db)
    waits = hole is None and not alone
    if waits or (hole is not None and hole.behind is file):
        at = e.mono_us + db.rules.age_us
        out.append(SetAlarm(db.name, Timer.CHAIN, at))


def chain_rang(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'chain': a log that is still missing is reported, and asked for, at every
    retry.
    """
    if not db.only_keeps or not _has_full(db):
        return
    hole = _hole(db)
    if hole is None:
        db.alerts.over(Danger.UNPROTECTED, out)
        return
    text = texts.hole_text(db.name)
    alert = Message(AlertId.NOT_PROTECTED, db.minutes(e), text)
    db.alerts.tell(e, Danger.UNPROTECTED, alert, out)
    db.watch.ask(AskedAbout.SILENCE, (hole.lsn, 0), out)
    at = e.mono_us + db.rules.retry_us
    out.append(SetAlarm(db.name, Timer.CHAIN, at))


@dataclass(frozen=True, slots=True)
class _Hole:
    """A log that is missing: it begins at that LSN, and the log behind it is here."""

    lsn: int
    behind: File


def _hole(db: DatabaseReplay) -> _Hole | None:
    """Return the first hole after the newest full."""
    ends = [
        file.header.last_lsn
        for file in db.files.whole_fulls
        if file.header is not None
    ]
    if not ends:
        return None
    reached = max(ends)
    for log in db.files.pending:
        header = log.header
        assert header is not None
        if header.first_lsn > reached:
            return _Hole(reached, log)
        reached = max(reached, header.last_lsn)
    return None


def give_up_copy(db: DatabaseReplay, out: list[Command]) -> None:
    """Drop what was restored in a failover that was left: its machine is given back."""
    busy = db.files.in_hand is not None or db.looking or db.recovering
    if db.only_keeps and db.state.exists and not busy:
        out.append(Drop(db.name))
        db.lose_copy()
        db.look_into_unread(out)


def full_is_whole(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Note that a full is here: the database can be restored, but for what is behind a hole. A hole
    that was behind an earlier full, and is behind this one, stays reported.
    """
    if not db.rules.keeps:
        return
    hole = _hole(db)
    if hole is not None and _has_full(db, besides=file):
        return
    db.alerts.over(Danger.UNPROTECTED, out)
    if hole is not None:
        at = e.mono_us + db.rules.age_us
        out.append(SetAlarm(db.name, Timer.CHAIN, at))


def _has_full(db: DatabaseReplay, besides: File | None = None) -> bool:
    useful = (Content.WHOLE, Content.CHECKING)
    return any(
        file.kind is FULL and file.content in useful and file is not besides
        for file in db.files.values()
    )


def hopes_on(db: DatabaseReplay, file: File) -> bool:
    """Return whether a damaged log of a store is not given up though its source lacks it: it is
    told until a full gets past it.
    """
    return db.rules.keeps and db.drain is None and file.kind is LOG


def _is_passed(db: DatabaseReplay, file: File) -> bool:
    """Return whether a whole full that was begun after that file was finished is here."""
    return any(
        other.header is not None
        and other.header.started_utc_us >= file.modified_utc_us
        for other in db.files.whole_fulls
    )
