"""The consequences of the engine's answers: a backup was restored, refused, or has no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader
from dr_sim.machines import Command, Save
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import LACKS_COPY, Danger
from dr_sim.recovery.commands import Drop, Validate
from dr_sim.recovery.failover import draining
from dr_sim.recovery.files.file import FULL, LOG, Failure, File
from dr_sim.recovery.repair import repairs, standby
from dr_sim.recovery.repair.refusals import needs_somebody, passes_here
from dr_sim.recovery.replay.waiting import pass_covered, stopped

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def restored(
    db: DatabaseReplay, e: events.Restored, out: list[Command]
) -> None:
    file = db.files.in_hand
    if file is None or file.name != e.name:
        return
    header = file.header
    assert header is not None
    db.files.restored(file)
    clock = db.restored_to(e, file, header)
    out.append(Save(db.clock_key, clock))
    if (e.redo_lsn != header.last_lsn or db.alerts.begun) and not stopped(
        db
    ):
        telling.watch_end(db, e, file, header, out)
    if file.kind is LOG:
        if db.lag.restored(e, file, out):
            db.watch.ask_clock(out)
        db.files.unqueue_restored(file)
    else:
        _other_restored(db, e, file, out)
    _position_moved(db, header, out)
    db.advance(e, out)


def _other_restored(
    db: DatabaseReplay, e: events.Restored, file: File, out: list[Command]
) -> None:
    """Handle a full or an incremental that was restored."""
    db.has_copy()
    if file.kind is FULL:
        db.rotten.copy_comes_from(file.name, out)
        db.progress.full_restored(e.mono_us)
    for danger in LACKS_COPY:
        db.alerts.over(danger, out)
    if not db.config.log_interval_us:
        db.alerts.over(Danger.LAG, out)
    repairs.restored(db, file, out)
    db.files.decide_all(db.state)


def _position_moved(
    db: DatabaseReplay, header: BackupHeader, out: list[Command]
) -> None:
    if db.files.bad:
        pass_covered(db, header)
    if db.watch.stuck is not None or db.alerts.begun:
        db.watch.restored(out)
    if db.repair.on and not db.watch.hole_stands:
        db.repair.moved(out)


def refused(
    db: DatabaseReplay, e: events.RestoreFailed, out: list[Command]
) -> None:
    """Handle a refusal: look for damage at rest at once; if there is none, try the same file again
    at the next retry.
    """
    files = db.files
    file = files.in_hand
    if file is None or file.name != e.name:
        return
    files.sent_back(file)
    failure = Failure(None, e.error_number, e.error_text)
    passes = passes_here(e.error_number)
    set_up_here = db.drain is None and needs_somebody(e.error_number)
    files.refused(
        file, failure, e.mono_us + db.rules.retry_us, passes or set_up_here
    )
    files.check_refused(file)
    if db.drain is not None:
        draining.refused(db, db.drain, file, e, out)
    out.append(Validate(db.name, file.name))
    if e.position_lost:
        if file.kind is not FULL:  # nothing is wrong with the file
            files.acquit(file, not passes)
        standby.lost(db, out)
    repairs.refused(db, file, e, out)
    db.look(e, out)
    db.advance(e, out)


def no_room(
    db: DatabaseReplay, e: events.NoRoom, out: list[Command]
) -> None:
    """Handle a full for which the disk has no room beside the old copy. If the disk can hold the
    full alone, the old copy is dropped: the new one has landed and its hash agreed, or it would not
    have been handed over (R11). Otherwise people are alerted at every retry.
    """
    files = db.files
    file = files.in_hand
    if file is None or file.name != e.name:
        return
    files.sent_back(file)
    if (
        e.old_copy_bytes
        and e.required_bytes <= e.free_bytes + e.old_copy_bytes
    ):
        # the position is asked for when the restore of the new full is answered
        out.append(Drop(db.name))
        db.hand_over(file, True, out)
        return
    if not e.old_copy_bytes:
        db.copy_has_made_way()
    db.ways.drop()
    failure = Failure(None, e.error_number, e.error_text)
    files.refused(file, failure, e.mono_us + db.rules.retry_us, passes=True)
    if db.drain is not None:
        db.drain.hold(file)
    telling.tell_no_room(db, file, e, out)
    db.look(e, out)
    db.advance(e, out)
