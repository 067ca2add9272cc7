"""The consequences of a look at the chain (watch.py): at its limits, at every retry, and when the
primary has answered (R8, R9, R12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.files import kept, landing
from dr_sim.recovery.files.file import LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair import repairs, standby
from dr_sim.recovery.replay.limits import age_us, elapsed_us
from dr_sim.recovery.replay.watch import AskedAbout, Finding, Stuck
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def look(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Find what keeps the chain from continuing after a change; set the alarm for what comes
    next.
    """
    watch = db.watch
    finding = watch.look(e, out)
    if finding is Finding.GOES_ON and db.state.exists:
        # the damaged file held nothing that is lacking
        if db.repair.on:
            db.repair.end(out)
    elif finding is Finding.STUCK:
        stuck = watch.stuck
        assert stuck is not None
        db.look_into_unread(out)
        if stuck.file is None:
            watch.ask_about_chain(stuck, out)
        if watch.limit_is_due(e):
            _reach_limit(db, e, out)
    elif finding is Finding.TOO_OFTEN:
        _reach_limit(db, e, out)
    watch.arm(e, out)


def _reach_limit(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    if db.watch.reach_limit(e, out):
        repairs.begin(db, e, out)


# ---- the alarms 'retry' and 'window'
def retry(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'retry': do whatever is due by now."""
    watch = db.watch
    watch.rang()
    if db.in_failover:
        return
    if db.only_keeps:
        kept.retry(db, e, out)
        return
    db.look(e, out)
    stuck = watch.stuck
    if watch.limit_is_due(e):
        _reach_limit(db, e, out)
    elif stuck is not None and watch.try_again(stuck, e):
        _retry_stuck(db, stuck, e, out)
    for file in sorted(db.files.bad.values(), key=File.age_order):
        if (
            file.retry_at_mono_us <= e.mono_us
            and file.content is Content.BAD
        ):
            _retry_damaged(db, file, e, out)
    if db.remake.lost:
        db.remake.retry(e, out)
    db.advance(e, out)
    watch.arm(e, out)


def _retry_stuck(
    db: DatabaseReplay, stuck: Stuck, e: Event, out: list[Command]
) -> None:
    if stuck.over:
        telling.tell_chain(db, stuck.file, e, out)
        repairs.retry(db, e, out)
        if not db.watch.may_come(stuck) and not stuck.up_to_primary:
            repairs.begin(db, e, out)
    ask = stuck.file is None or (stuck.over and stuck.up_to_primary)
    if ask and not db.repair.on:
        db.watch.ask_about_chain(stuck, out)


def _retry_damaged(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Have a damaged file copied again while its attempts allow (R8). After that, a log that the
    chain waits for is left to the repair, any other log is reported for the last time, and a full
    or an incremental is asked for again (remake.py).
    """
    files = db.files
    files.retry_at(file, e.mono_us + db.rules.retry_us)
    hopeless = file.failures > db.rules.attempts
    arrives = (
        file.name in files.recopying
    )  # the copy that was asked for is on its way
    waited_for = file.kind is LOG and not file.done
    if file.cut_off:
        if not waited_for:
            files.no_copy_helps(file)
    elif not hopeless:
        db.recopy(file.name, out)
    if waited_for:
        return
    finished_us = db.lag.finished_utc_us(e.utc_us, file.modified_utc_us)
    age = age_us(e.mono_us, e.utc_us, file.landed_mono_us, finished_us)
    told_at_the_end = hopeless and file.kind is LOG
    told_by_age = age >= db.rules.age_us and not hopeless and not arrives
    if told_at_the_end or (told_by_age and file.kind not in db.remake.lost):
        telling.tell_damaged(db, file, e, out)
    if hopeless:
        files.give_up(file)
        if file.kind is LOG:
            db.alerts.over(file.name, out)
        else:
            db.remake.gave_up(file, e, out)


def window(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'window': perhaps no log has landed within the window (R9). Of a database
    without logs, only the copy is looked at.
    """
    if db.in_failover:
        return
    if not db.config.log_interval_us:
        standby.look_in(db, out)
        db.log_window.goes_on(e, out)
        return
    at = db.log_window.next_look_us(e.mono_us)
    if db.log_window.is_over(e, out):
        db.watch.ask_about_silence(out)
        if db.watch.stuck is None:
            repairs.retry(db, e, out)
        at = e.mono_us + db.rules.retry_us
    if db.progress.window(e, out):
        db.lag.told(e.mono_us)
    standby.look_in(db, out)
    out.append(SetAlarm(db.name, Timer.WINDOW, at))


def unprotected(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'unprotected': perhaps there is still no first copy. That a copy is lost is
    told by a clock of its own from the start on (standby.py).
    """
    if db.rules.keeps:
        kept.unprotected(db, e, out)
        return
    told = Danger.UNPROTECTED in db.alerts.begun
    if telling.copy_is_lost(db) and told:
        return
    if not db.state.exists and db.drain is None:
        telling.tell_unprotected(db, e, out)


# ---- the primary
def primary_answered(
    db: DatabaseReplay, e: events.PrimaryAnswered, out: list[Command]
) -> None:
    """Copy again what the primary has and is not on its way; have taken again what its log still
    holds; everything else is lost.
    """
    watch = db.watch
    about, stuck = watch.answered(), watch.stuck
    if e.reachable:
        db.lag.clock_seen(e.clock_there_utc_us - e.utc_us)
    if about is AskedAbout.CLOCK:
        # the last question delayed another one that was due
        if stuck is not None and stuck.file is None:
            watch.ask_about_chain(stuck, out)
        return
    if not e.reachable or db.drain is not None:
        return
    if about is AskedAbout.CHAIN and stuck is None:
        return
    if e.covering_name and _may_be_copied(db, e.covering_name):
        _covered(db, e, out)
    elif e.remakeable and not e.covering_name:
        if not e.jobs_paused:
            watch.request_log(out)
    elif about is AskedAbout.CHAIN and stuck is not None:
        watch.cannot_be_had(stuck)
        if stuck.over:
            repairs.begin(db, e, out)
    elif (
        about is AskedAbout.SILENCE
        and stuck is None
        and not e.covering_name
        and not telling.waits_for_first_full(db)
        and _stale(db, e)
    ):
        repairs.begin(db, e, out)


def _may_be_copied(db: DatabaseReplay, name: str) -> bool:
    file = db.files.get(name)
    return (
        file is None
        or max(file.failures, file.contradictions) <= db.rules.attempts
    )


def _covered(
    db: DatabaseReplay, e: events.PrimaryAnswered, out: list[Command]
) -> None:
    """Handle an answer that the primary's share holds the range asked for."""
    name = e.covering_name
    file = db.files.get(name)
    if file is None:
        if not e.copying:
            db.recopy(name, out)
    elif file.content in (Content.BAD, Content.LOST):
        if not e.copying:
            db.files.needed(file)
            db.recopy(name, out)
    elif file.content is not Content.WHOLE:
        return
    elif not _covers(file, db.watch.asked_lsn):
        if not e.copying:
            landing.contradicted(db, e, file, out)
    elif file.done:
        # it lies here and was taken for done: decide again whether it is needed
        db.files.decide_all(db.state)
        db.advance(e, out)


def _stale(db: DatabaseReplay, e: events.PrimaryAnswered) -> bool:
    """Return whether no log continues from the position, on either side (the recovery model was
    switched, or someone else took the log), and the last restore is older than a log may become.
    """
    last = db.last
    assert last is not None
    return (
        elapsed_us(e.mono_us, e.utc_us, last.mono_us, last.utc_us)
        >= db.rules.age_us
    )


def _covers(file: File, lsn: int) -> bool:
    header = file.header
    return header is not None and header.first_lsn <= lsn < header.last_lsn
