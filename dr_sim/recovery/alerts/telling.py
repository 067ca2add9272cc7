"""The alerts about one database: their texts. Other modules decide when to raise them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.said import said
from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery.alerts import alert_texts as texts
from dr_sim.recovery.alerts.alerts import HOLE, AlertId, Danger, Message
from dr_sim.recovery.events import PrimaryTrouble
from dr_sim.recovery.files.file import LOG, File
from dr_sim.recovery.replay.limits import whole_minutes
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery import events
    from dr_sim.recovery.replay.overdue import Overdue
    from dr_sim.recovery.replay.replay import DatabaseReplay


# ---- the chain
def tell_chain(
    db: DatabaseReplay, file: File | None, e: Event, out: list[Command]
) -> None:
    """Raise alert (c) for a file, or (a) for a hole before the logs that wait (R13). If the copy is
    lost, that stops the chain: event 19 reports it, with its own clock.
    """
    if copy_is_lost(db):
        if not db.looking and Danger.UNPROTECTED not in db.alerts.begun:
            tell_unprotected(db, e, out)
    elif file is not None:
        which = _path(db, file), file.kind is LOG
        text = texts.errors_text(
            db.name, which, db.minutes(e), _error(file)
        )
        alert = Message(AlertId.ERRORS, db.minutes(e), text, file.name)
        db.alerts.tell(e, Danger.CHAIN, alert, out)
    elif not db.state.exists:
        tell_unprotected(db, e, out)
    else:
        _tell_hole(db, e, out)


def _tell_hole(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    last, state, pending = db.last, db.state, db.files.pending
    assert last is not None
    stuck = db.watch.stuck
    if stuck is not None and db.watch.hole_is_ahead:
        hole_lsn = stuck.stuck_lsn
        until = f"the logs before it end at LSN {hole_lsn}."
    else:
        hole_lsn = state.redo_lsn
        until = f"the database is at LSN {hole_lsn}."
    # logs that are restored already may wait, too, while something else is being restored
    beyond = [
        f for f in pending if f.header and f.header.first_lsn > hole_lsn
    ]
    after = _first_on_fork(beyond or pending, state.fork)
    assert after.header is not None
    message = f"The log begins at LSN {after.header.first_lsn}; {until}"
    since = texts.utc_text(last.started_utc_us) if last.name else "none"
    minutes = db.minutes(e)
    error = said(HOLE, message)
    text = texts.missing_text(
        db.name, since, _path(db, after), minutes, error
    )
    alert = Message(AlertId.MISSING, minutes, text, after.name)
    db.alerts.tell(e, Danger.CHAIN, alert, out)


def _first_on_fork(pending: list[File], fork: int) -> File:
    """Return the first log of that fork; if there is none, the first log."""
    for file in pending:
        if file.header is not None and file.header.fork == fork:
            return file
    return pending[0]


def tell_damaged(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Raise event 4 for a file that the chain does not wait for now, but may need later."""
    minutes = db.minutes(e)
    text = texts.damaged_text(
        db.name, _path(db, file), minutes, _error(file)
    )
    danger = file.name if file.kind is LOG else no_whole(file.kind)
    alert = Message(AlertId.DAMAGED, minutes, text, file.name)
    db.alerts.tell(e, danger, alert, out)


def no_whole(kind: Kind) -> Danger:
    """Return the danger of one kind: an empty full after another is one danger that lasts."""
    return (
        Danger.NO_WHOLE_FULL
        if kind is Kind.FULL
        else Danger.NO_WHOLE_INCREMENTAL
    )


def tell_set_up(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Raise event 20 for a full or an incremental that is refused until somebody acts; the file is
    tried at every retry.
    """
    minutes = db.minutes(e)
    text = texts.set_up_text(
        db.name, _path(db, file), minutes, _error(file)
    )
    alert = Message(AlertId.SET_UP, minutes, text, file.name)
    db.alerts.tell(e, Danger.SET_UP, alert, out)
    out.append(SetAlarm(db.name, Timer.ROOM, file.retry_at_mono_us))


def tell_no_room(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Raise event 11 for a full; the file is tried at every retry."""
    minutes = db.minutes(e)
    text = texts.no_room_text(
        db.name, _path(db, file), minutes, _error(file)
    )
    alert = Message(AlertId.NO_ROOM, minutes, text, file.name)
    db.alerts.tell(e, Danger.ROOM, alert, out)
    out.append(SetAlarm(db.name, Timer.ROOM, file.retry_at_mono_us))


def copy_is_lost(db: DatabaseReplay) -> bool:
    """Tell whether there is no copy here, and there was one. A store has none."""
    had_copy = db.had_copy and not db.rules.keeps
    return not db.state.exists and had_copy


def waits_for_first_full(db: DatabaseReplay) -> bool:
    """Tell whether there is no copy here, and there never was one. A store waits for none."""
    lacks_copy = not db.state.exists and not db.rules.keeps
    return lacks_copy and not copy_is_lost(db)


def tell_unprotected(
    db: DatabaseReplay, e: Event, out: list[Command]
) -> None:
    """Raise event 19: there is no copy here that logs could be missing from. For a first full that
    is on its way it is raised once; for a copy that is lost it is raised again at every retry.
    """
    lost = copy_is_lost(db)
    if not lost and Danger.UNPROTECTED in db.alerts.begun:
        return
    minutes = db.minutes(e)
    say = texts.copy_lost_text if lost else texts.first_full_text
    alert = Message(AlertId.NOT_PROTECTED, minutes, say(db.name, minutes))
    if lost:
        db.alerts.tell(e, Danger.UNPROTECTED, alert, out)
        out.append(
            SetAlarm(db.name, Timer.STANDBY, e.mono_us + db.rules.retry_us)
        )
    else:
        db.alerts.tell_once(e, Danger.UNPROTECTED, alert, out)


def raise_unraised(
    db: DatabaseReplay, e: Event, out: list[Command]
) -> None:
    """Raise, after a restart, what the incarnation before may not have raised."""
    minutes = db.minutes(e)
    lacks_first_full = Danger.UNPROTECTED in db.alerts.unraised
    if lacks_first_full and db.state.exists:
        db.alerts.over(Danger.UNPROTECTED, out)
    elif lacks_first_full:
        text = texts.first_full_text(db.name, minutes)
        db.alerts.reword(Danger.UNPROTECTED, text)
    db.alerts.resume(e, minutes, out)


def tell_silence(
    db: DatabaseReplay, quiet_us: int, e: Event, out: list[Command]
) -> None:
    """Raise alert (b): no log has landed for that long (R9)."""
    text = texts.no_new_logs_text(db.name, whole_minutes(quiet_us))
    alert = Message(AlertId.NO_NEW_LOGS, db.minutes(e), text)
    db.alerts.tell(e, Danger.SILENCE, alert, out)


def tell_overdue(
    db: DatabaseReplay, of: Overdue, e: Event, out: list[Command]
) -> None:
    """Raise event 22: the last full or incremental was begun long ago; or event 24: the last full
    in a store was.
    """
    begun = whole_minutes(e.mono_us - of.begun_us)
    interval = whole_minutes(of.interval_us)
    if of.only_fulls:
        danger, alert_id = Danger.FULL_OVERDUE, AlertId.FULL_OVERDUE
        text = texts.full_overdue_text(db.name, begun, interval)
    else:
        danger, alert_id = Danger.OVERDUE, AlertId.OVERDUE
        text = texts.overdue_text(db.name, begun, interval, of.useless)
    alert = Message(alert_id, db.minutes(e), text)
    db.alerts.tell(e, danger, alert, out)


def watch_end(
    db: DatabaseReplay,
    e: events.Restored,
    file: File,
    header: BackupHeader,
    out: list[Command],
) -> None:
    """Check the end of a restore that succeeded: the database may stand before the end of the
    backup. The next log would show the hole, if there is a next one; a failover before that would
    promote the database in silence.
    """
    if e.fork == header.fork and e.redo_lsn < header.last_lsn:
        text = texts.fell_short_text(
            db.name, _path(db, file), e.redo_lsn, header.last_lsn
        )
        alert = Message(AlertId.FELL_SHORT, db.minutes(e), text, file.name)
        db.alerts.tell_once(e, Danger.SHORT, alert, out)
    # it begins no later than where the database stood, and all of it is there
    elif db.alerts.begun:
        db.alerts.over(Danger.SHORT, out)


# ---- the primary's own errors
_DANGERS = {
    PrimaryTrouble.FULL: Danger.PRIMARY_FULL,
    PrimaryTrouble.INCREMENTAL: Danger.PRIMARY_INCREMENTAL,
    PrimaryTrouble.LOG: Danger.PRIMARY_LOG,
    PrimaryTrouble.PAGES: Danger.PRIMARY_PAGES,
    PrimaryTrouble.WRITES: Danger.PRIMARY_WRITES,
}
_HEALED_BY = {  # a backup of that kind ends these dangers
    Kind.FULL: (Danger.PRIMARY_FULL,),
    Kind.INCREMENTAL: (Danger.PRIMARY_INCREMENTAL,),
    Kind.LOG: (
        Danger.PRIMARY_LOG,
        Danger.PRIMARY_WRITES,
    ),  # it frees a full log
}


def tell_primary_error(
    db: DatabaseReplay, e: events.PrimaryError, out: list[Command]
) -> None:
    """Raise an alert for each error of the primary: a backup fails at each of its times, a full log
    at each time of a log.
    """
    alert_id = AlertId.BACKUP_FAILED
    if e.what == PrimaryTrouble.WRITES:
        alert_id = AlertId.WRITES_REFUSED
    elif e.what == PrimaryTrouble.PAGES:
        alert_id = AlertId.PAGES_ROT

    def text(error: str) -> str:
        if alert_id is AlertId.WRITES_REFUSED:
            return texts.writes_refused_text(db.name, error)
        if alert_id is AlertId.PAGES_ROT:
            return texts.pages_rot_text(db.name, error)
        return texts.backup_failed_text(db.name, e.what, error)

    error = said(e.error_number, e.error_text)
    alert = Message(alert_id, db.minutes(e), text(error))
    kept = text(texts.ERROR_NOT_KEPT)
    db.alerts.tell_once(e, _DANGERS[e.what], alert, out, kept)


def primary_is_well(
    db: DatabaseReplay, header: BackupHeader, out: list[Command]
) -> None:
    """End the dangers that a backup heals: it was begun after one of its kind had failed there."""
    for danger in _HEALED_BY[header.kind]:
        begun = db.alerts.begun.get(danger)
        if begun is not None and header.started_utc_us >= begun[1]:
            db.alerts.over(danger, out)


# ---- a failover
def tell_left_behind(
    db: DatabaseReplay,
    on_their_way: int,
    here: int,
    e: Event,
    out: list[Command],
) -> None:
    text = texts.left_behind_text(db.name, on_their_way, here)
    alert = Message(AlertId.LEFT_BEHIND, db.minutes(e), text)
    db.alerts.tell_once(e, Danger.LEFT_BEHIND, alert, out)


def tell_waits(
    db: DatabaseReplay, names: int, e: Event, out: list[Command]
) -> None:
    text = texts.waits_text(db.name, names)
    alert = Message(AlertId.WAITS, db.minutes(e), text)
    db.alerts.tell(e, Danger.LEFT_BEHIND, alert, out)


def tell_only_way(
    db: DatabaseReplay, names: int, e: Event, out: list[Command]
) -> None:
    text = texts.only_way_text(db.name, names)
    alert = Message(AlertId.ONLY_WAY, db.minutes(e), text)
    db.alerts.tell(e, Danger.ONLY_WAY, alert, out)


def tell_not_recovered(
    db: DatabaseReplay, error: str, e: Event, out: list[Command]
) -> None:
    text = texts.not_recovered_text(db.name, error)
    alert = Message(AlertId.NOT_RECOVERED, db.minutes(e), text)
    db.alerts.tell(e, Danger.NOT_RECOVERED, alert, out)


def _path(db: DatabaseReplay, file: File) -> str:
    return db.config.share_path + file.name


def _error(file: File) -> str:
    return said(file.failure.error_number, file.failure.error_text)
