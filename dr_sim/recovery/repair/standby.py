"""A standby's database that is gone, or that nothing can be restored into any more: found, reported
and restored again.

Theory of operation. A restore may be refused because the copy is gone, dropped, brought online by
mistake or suspect, and an order to bring it online may fail. None of that says anything about the
files here. So they are looked at (an inventory) before anything is decided: files that lie here are
used at once, without the link, the newest usable chain first. Only files that are not there any
more are forgotten. Until a full has been restored, event 19 is raised again at every retry. The
first copy may take its time: it is waited for before that event is raised.

Where replay waits on purpose, or a database has no logs, the copy is looked at once in a window.
That looks at no file: a share may hold thousands, and listing them so often would cost more than
all else that is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, Save, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.commands import LookAtCopy, Validate
from dr_sim.recovery.config import OnHole
from dr_sim.recovery.files.file import LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair import repairs
from dr_sim.recovery.replay.limits import DAY_US, elapsed_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def look_in(db: DatabaseReplay, out: list[Command]) -> None:
    """Find out from time to time whether the copy is still there, where a restore, which would show
    that it is gone, may be hours away.
    """
    seldom = db.replay_waits or not db.config.log_interval_us
    if seldom and _rests(db):
        out.append(LookAtCopy(db.name))


def copy_seen(
    db: DatabaseReplay, e: events.CopySeen, out: list[Command]
) -> None:
    """Take up what was seen of the copy: where it is of no use, look at the files as well."""
    if not e.usable and _rests(db):
        db.look_at_copy(out)


def _rests(db: DatabaseReplay) -> bool:
    """Return whether a copy should be here, and nothing is being done to it."""
    busy = db.files.in_hand is not None or db.recovering
    return db.state.exists and not busy


def lost(db: DatabaseReplay, out: list[Command]) -> None:
    """Ask for an inventory: the copy here is of no use."""
    db.lose_copy()
    db.look_at_copy(out)


def looked(
    db: DatabaseReplay, e: Event, seen: events.Seen, out: list[Command]
) -> None:
    """Take up the inventory: what is observed beats what was believed of the copy and the files."""
    names = db.looked_at_copy() | {file.name for file in seen.files}
    for file in [
        file for file in db.files.values() if file.name not in names
    ]:
        _forget(db, file, out)
    if db.state.exists and not (seen.state.exists and seen.state.restoring):
        db.lose_copy()
    if not db.state.exists:
        begin_again(db, e, out)
    db.advance(e, out)


def begin_again(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Report the loss, and have the copy restored again; a failover does that itself."""
    tell(db, e, out)
    look_into_logs(db, out)
    if db.drain is not None:
        return
    _restore_anew(db, e, out)


def _restore_anew(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    if db.repair.on:
        if db.repair.policy is not OnHole.RESYNC:
            db.repair.copy_is_lost(out)
        repairs.pursue(db, e, out)
    else:
        repairs.begin(db, e, out)


def failover_left(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Have the copy restored again, where it was lost in a failover that is left, or given up for
    it.
    """
    busy = db.files.in_hand is not None or db.looking
    if db.state.exists or busy or not db.had_copy or db.rules.keeps:
        return
    if Danger.UNPROTECTED not in db.alerts.begun:
        tell(db, e, out)
    _restore_anew(db, e, out)


def tell(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Raise event 19; the alarm goes off at every retry until there is a copy."""
    telling.tell_unprotected(db, e, out)
    if not telling.copy_is_lost(db):
        out.append(
            SetAlarm(db.name, Timer.STANDBY, e.mono_us + db.rules.retry_us)
        )


def alarm(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle a retry while there is no copy."""
    if db.state.exists:
        return
    tell(db, e, out)
    if db.drain is None:
        repairs.retry(db, e, out)
        db.advance(e, out)


def _forget(db: DatabaseReplay, file: File, out: list[Command]) -> None:
    """Forget a file that is not here any more."""
    db.files.forget(file)
    if file.kind is not LOG and file.header is not None:
        out.append(Save(f"header/{db.name}/{file.name}", ""))
    db.alerts.over(file.name, out)


def look_into_logs(db: DatabaseReplay, out: list[Command]) -> None:
    """Read the headers of logs that a restart took for restored and that follow the newest full
    here, of those that a failover to an earlier instant may use.
    """
    stop_utc_us = db.stop_before_utc_us
    fulls = [
        file.header
        for file in db.files.whole_fulls
        if file.header is not None
        and (not stop_utc_us or file.modified_utc_us <= stop_utc_us)
    ]
    if not fulls:
        return
    since_utc_us = max(header.started_utc_us for header in fulls)
    for file in db.files.not_in_runs():
        if (
            file.content is Content.UNREAD
            and file.modified_utc_us >= since_utc_us
        ):
            db.files.look_into(file)
            out.append(Validate(db.name, file.name))


# ---- the first copy
def wait_for_first(
    db: DatabaseReplay, e: Event, out: list[Command]
) -> None:
    """Begin after a start that finds no copy here: an alert is raised once the age limit has
    passed; for a database without logs, whose files come once a day, a day later.
    """
    assert db.last is not None
    passed_us = elapsed_us(
        e.mono_us, e.utc_us, db.last.mono_us, db.last.utc_us
    )
    at = e.mono_us + max(0, _first_is_due_us(db) - passed_us)
    out.append(SetAlarm(db.name, Timer.UNPROTECTED, at))


def first_full_failed(
    db: DatabaseReplay, e: Event, out: list[Command]
) -> None:
    """Begin the reports on the first full again: it had landed, and is of no use."""
    if Danger.UNPROTECTED in db.alerts.begun:
        db.alerts.over(Danger.UNPROTECTED, out)
        at = e.mono_us + _first_is_due_us(db)
        out.append(SetAlarm(db.name, Timer.UNPROTECTED, at))


def _first_is_due_us(db: DatabaseReplay) -> int:
    """Return for how long there may be no copy before that is reported."""
    return db.rules.age_us + (0 if db.config.log_interval_us else DAY_US)
