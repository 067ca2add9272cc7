"""The logs that wait, in order of their first LSN: which one is next, and which are needed no
longer.

A log behind the database's position is never read. The first log that covers the position is handed
over; where that one cannot be yet, a later one that covers it as well. The replay delay and the
restore job's hours hold a log back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.backups.model import BackupHeader
from dr_sim.machines import Command, SetAlarm
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.files.file import LOG, File, kind_of
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.replay.limits import next_multiple_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def next_log(
    db: DatabaseReplay, mono_us: int, out: list[Command]
) -> File | None:
    """Return the log to hand over now, if there is one; pass by those that would bring nothing."""
    files = db.files
    while files.pending:
        file = files.pending[0]
        header = file.header
        assert header is not None
        fit = applies(header, db.state)
        if fit is Fit.APPLIES:
            if file.ready(mono_us):
                return if_due(db, file, mono_us, out)
            return overlapping(db, mono_us, out)
        if (
            fit is not Fit.STALE
            and fit is not Fit.EMPTY
            and not strayed(db, file, fit)
        ):
            return overlapping(db, mono_us, out)
        files.pass_front_by()
        if files.bad and behind(db, header):
            pass_covered(db, header)
        if fit is Fit.EMPTY and db.alerts.begun:
            _everything_is_here(db, header, out)
    return None


def _everything_is_here(
    db: DatabaseReplay, empty: BackupHeader, out: list[Command]
) -> None:
    """End the alerts that an empty log contradicts: nobody writes, so there is no lag any more. If
    it ends where the database stands, nothing was missing when it was made. A restart may have
    forgotten what held the chain up, and that may not be here any more.
    """
    begun = db.alerts.begun
    if Danger.LAG in begun:
        db.lag.over(out)
    if Danger.CHAIN not in begun or db.watch.stuck is not None:
        return
    _, told_utc_us = begun[Danger.CHAIN]
    at_the_end = empty.last_lsn == db.state.redo_lsn
    if at_the_end and empty.started_utc_us >= told_utc_us:
        db.alerts.over(Danger.CHAIN, out)


def strayed(db: DatabaseReplay, file: File, fit: Fit) -> bool:
    """Return whether a log of another fork may be ignored: a log that was finished later has been
    restored, so the primary is still on the path of this database. Before that, the primary may
    have left the path, and the log shows a hole like any other.
    """
    return (
        fit is Fit.WRONG_FORK
        and db.last is not None
        and file.modified_utc_us <= db.last.modified_utc_us
    )


def overlapping(
    db: DatabaseReplay, mono_us: int, out: list[Command]
) -> File | None:
    """Return a later log in the list that covers the position as well (R10: the next one after a
    backup that was cut off).
    """
    state = db.state
    for file in db.files.pending:
        header = file.header
        assert header is not None
        if file.ready(mono_us) and applies(header, state) is Fit.APPLIES:
            return if_due(db, file, mono_us, out)
        if header.first_lsn > state.redo_lsn and header.fork == state.fork:
            return None
    return None


def if_due(
    db: DatabaseReplay, file: File, mono_us: int, out: list[Command]
) -> File | None:
    """Return the file unless the replay delay or the restore job's hours hold it back; a failover
    waits for neither.
    """
    if db.drain is not None:
        return file
    if file.due_mono_us > mono_us:
        out.append(SetAlarm(db.name, Timer.DELAY, file.due_mono_us))
        return None
    every_us = db.rules.every_us
    if every_us and not db.job_open:
        at = next_multiple_us(mono_us, every_us)
        if at > mono_us:
            out.append(SetAlarm(db.name, Timer.JOB, at))
            return None
        db.open_job()
    return file


def reached_utc_us(db: DatabaseReplay) -> int:
    """Return the instant up to which the database holds all writes, by the clock of the side that
    made the last restored backup.
    """
    last = db.last
    assert last is not None
    if last.until_utc_us:
        return last.until_utc_us
    return (
        last.started_utc_us
        if kind_of(last.name) is LOG
        else last.modified_utc_us
    )


def stopped(db: DatabaseReplay) -> bool:
    """Return whether a failover is to stop before an instant and the database stands there."""
    return (
        bool(db.stop_before_utc_us)
        and db.state.exists
        and reached_utc_us(db) >= db.stop_before_utc_us
    )


def holds_later(db: DatabaseReplay, at_utc_us: int) -> bool:
    """Return whether the copy holds, or is being given, what was written at that instant or
    later.
    """
    if not db.state.exists:
        return False
    if reached_utc_us(db) > at_utc_us:
        return True
    file = db.files.in_hand
    header = file.header if file is not None else None
    return header is not None and header.started_utc_us > at_utc_us


def has_full_before(db: DatabaseReplay, at_utc_us: int) -> bool:
    """Return whether a whole full lies here that holds nothing of that instant or later."""
    return any(
        file.modified_utc_us <= at_utc_us for file in db.files.whole_fulls
    )


def behind(db: DatabaseReplay, header: BackupHeader) -> bool:
    """Return whether the database holds everything that was written by the end of that backup."""
    return (
        header.fork == db.state.fork
        and header.last_lsn <= db.state.redo_lsn
    )


def leads_on(db: DatabaseReplay) -> bool:
    """Return whether something lies here that may lead further than the copy that stands here."""
    if not db.state.exists or db.promoted or stopped(db):
        return False
    reached = reached_utc_us(db)
    return any(
        file.content in (Content.CHECKING, Content.WHOLE)
        and not file.done
        and file.modified_utc_us > reached
        and not ((header := file.header) is not None and behind(db, header))
        for file in db.files.not_in_runs()
    )


def pass_covered(db: DatabaseReplay, header: BackupHeader) -> None:
    """Pass the damaged logs that the backup covers (R10): a log that was finished before a restored
    log was cut has its range behind the position too. A full or an incremental holds everything up
    to its end. If clocks were wrong, the hole shows it.
    """
    until_utc_us = (
        header.started_utc_us
        if header.kind is LOG
        else header.finished_utc_us
    )
    db.files.pass_bad_logs_by(until_utc_us)
