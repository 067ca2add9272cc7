"""Landing: a file that lands is validated, and copied again if it fails. If another copy lands
while the file is being hashed, that copy is hashed afterwards, and the first hash does not count.

A complete log waits in the queue for its turn. A file that fails stays among the bad files until a
copy of it is complete, its range is behind the database, or the primary no longer has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, Save
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import FILE_MISSING, PROPERTIES_MISMATCH
from dr_sim.recovery.commands import Validate
from dr_sim.recovery.events import NotSent, ValidationOutcome
from dr_sim.recovery.failover import draining
from dr_sim.recovery.failover.draining import named_rightly
from dr_sim.recovery.files import kept
from dr_sim.recovery.files.file import FULL, LOG, Failure, File, kind_of
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair import repairs, standby
from dr_sim.recovery.saved import header_text

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def landed(
    db: DatabaseReplay, e: events.Landed, out: list[Command]
) -> None:
    files = db.files
    file = files.get(e.name)
    if file is None:
        kind = kind_of(e.name)
        if kind is None:
            return
        file = File(
            e.name, kind, e.modified_utc_us, e.size_bytes, e.mono_us
        )
        files.arrived(file)
        _is_new(db, file, e, out)
    elif not files.arrived_again(file, e.modified_utc_us, e.size_bytes):
        return
    files.copies_no_more(e.name)
    db.note_landing(e.name)
    db.fetching.landed(e.name)
    if db.drain is not None:
        db.drain.landed(file, out)
    out.append(Validate(db.name, e.name))


def _is_new(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    told = False
    if file.kind is LOG:
        db.log_window.log_landed(e, file, out)
        told = db.progress.log_landed(file, e, out)
        if db.lag.landed(e, file, out):
            db.watch.ask_clock(out)
    elif not db.config.log_interval_us:
        told = db.progress.other_landed(file, e, out)
    if told:
        db.lag.told(e.mono_us)


def validated(
    db: DatabaseReplay, e: events.Validated, out: list[Command]
) -> None:
    files = db.files
    file = files.get(e.name)
    if file is None:
        return  # deleted meanwhile
    if files.hashed_in_vain(file):
        out.append(Validate(db.name, e.name))
        return
    header = e.header
    if header.database != db.name:
        text = f"it belongs to {header.database}"
        failure = Failure(
            ValidationOutcome.PROPERTIES_MISMATCH, PROPERTIES_MISMATCH, text
        )
        failed(db, file, failure, e, out)
        return
    if db.drain is not None and not named_rightly(db, file, header):
        failed(db, file, draining.OTHER_TIME, e, out)
        return
    first_time = files.passed(file, header, db.state)
    if first_time and db.alerts.begun:
        telling.primary_is_well(db, header, out)
    if file.name in db.rotten:
        _came_with_rot(db, file, first_time, e, out)
    elif file.kind is not LOG:
        _other_is_whole(db, file, first_time, e, out)
    elif file.done:
        db.alerts.over(file.name, out)
        if (
            first_time
        ):  # it was never whole: was its range really behind us?
            files.decide(file, db.state)
    if db.rules.delay_us and not file.done:
        _hold_back(db, file, e)
    if file.kind is LOG and not file.done:
        files.queue(file)
        kept.log_is_whole(db, file, e, out)
    if db.watch.stuck is not None and files.in_hand is not None:
        db.look(
            e, out
        )  # the chain may have waited for this file; advance waits for the restore
    db.advance(e, out)


def _hold_back(db: DatabaseReplay, file: File, e: events.Validated) -> None:
    """Let a file wait until it is as old as replay is to be behind."""
    header, delay_us = e.header, db.rules.delay_us
    made_utc_us = (
        header.started_utc_us
        if file.kind is LOG
        else header.finished_utc_us
    )
    wait_us = max(0, made_utc_us + delay_us - e.utc_us)
    # by a clock that is wrong it may seem to come from the future: it was made before it landed
    wait_us = min(wait_us, delay_us)
    due_us = e.mono_us + wait_us
    if not wait_us and file.due_mono_us:
        # it has been due before: another look at it changes nothing
        due_us = min(due_us, file.due_mono_us)
    db.files.hold_until(file, due_us)


def _came_with_rot(
    db: DatabaseReplay,
    file: File,
    first_time: bool,
    e: Event,
    out: list[Command],
) -> None:
    """Set a full aside that holds rotten pages. It has come as scheduled all the same."""
    if first_time:
        _has_come(db, file, e, out)
    db.files.set_aside(file)


def _has_come(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Note that a full or an incremental has come, with the right hash."""
    assert file.header is not None
    text = header_text(file.header)
    out.append(Save(f"header/{db.name}/{file.name}", text))
    for watch in db.overdue:
        watch.whole(file, e, out)


def _other_is_whole(
    db: DatabaseReplay,
    file: File,
    first_time: bool,
    e: Event,
    out: list[Command],
) -> None:
    """Handle a full or an incremental that is here and whole."""
    header = file.header
    assert header is not None
    if first_time:
        _has_come(db, file, e, out)
        if file.kind is FULL:
            kept.full_is_whole(db, file, e, out)
            db.rotten.full_is_sound(header, out)
    db.remake.validated(file.kind, header, out)
    repairs.validated(db, file, e, out)
    if db.drain is not None:
        db.drain.last.validated(file, out)


def validation_failed(
    db: DatabaseReplay, e: events.ValidationFailed, out: list[Command]
) -> None:
    file = db.files.get(e.name)
    if file is None:
        return
    if db.files.hashed_in_vain(file):
        out.append(Validate(db.name, e.name))
        return
    failure = Failure(
        ValidationOutcome(e.outcome), e.error_number, e.error_text
    )
    failed(db, file, failure, e, out)


def failed(
    db: DatabaseReplay,
    file: File,
    failure: Failure,
    e: Event,
    out: list[Command],
) -> None:
    """Have a file that failed copied again: at once the first time, then at every retry. Another
    copy does not help a backup that was cut off: the next log covers its range (R10).
    """
    files = db.files
    had_header = file.header is not None
    if db.drain is None:
        files.pass_presumed_by(file)
    if not files.failed(file, failure, e.mono_us + db.rules.retry_us):
        db.alerts.over(file.name, out)
        return
    if had_header and file.header is None:
        out.append(Save(f"header/{db.name}/{file.name}", ""))
    if (
        file.kind is FULL
        and db.drain is None
        and telling.waits_for_first_full(db)
    ):
        standby.first_full_failed(db, e, out)
    if db.drain is not None:
        draining.damaged(db, db.drain, file, out)
    elif (
        failure.outcome is not ValidationOutcome.NO_MANIFEST
        and file.failures == 1
    ):
        db.recopy(file.name, out)
        if (
            failure.outcome is ValidationOutcome.MISSING
            and not _others_are_missing(db, file)
        ):
            # check whether the other logs are there
            waiting = [
                f for f in files.pending if f.content is Content.WHOLE
            ]
            out.extend(Validate(db.name, f.name) for f in waiting)
    db.look(e, out)
    db.advance(e, out)


def _others_are_missing(db: DatabaseReplay, file: File) -> bool:
    missing = ValidationOutcome.MISSING
    return any(
        f.failure.outcome is missing
        for f in db.files.bad.values()
        if f is not file
    )


def contradicted(
    db: DatabaseReplay,
    e: events.PrimaryAnswered,
    file: File,
    out: list[Command],
) -> None:
    """The primary's file of that name covers what the one here does not: it is another, whatever
    its hash said.
    """
    db.files.contradicted(file)
    text = "it holds another range than the primary's file of that name"
    failure = Failure(
        ValidationOutcome.PROPERTIES_MISMATCH, PROPERTIES_MISMATCH, text
    )
    failed(db, file, failure, e, out)


def recopy_failed(
    db: DatabaseReplay, e: events.RecopyFailed, out: list[Command]
) -> None:
    files = db.files
    files.copies_no_more(e.name)
    if e.name in db.fetching.coming:
        db.fetching.not_sent(e.name)
        if db.drain is not None:
            db.drain.await_no_longer(e.name)
    file = files.bad.get(e.name)
    if file is not None:
        files.retry_at(file, e.mono_us + db.rules.retry_us)
        if db.drain is not None:
            draining.not_sent(db, db.drain, file, e.reason, out)
        elif e.reason == NotSent.MISSING and not kept.hopes_on(db, file):
            _missing_there_too(db, file, e, out)
    db.look(e, out)
    db.advance(e, out)


def _missing_there_too(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    text = "the file is missing in the primary's share"
    db.files.give_up(
        file, Failure(file.failure.outcome, FILE_MISSING, text)
    )
    if file.kind is not LOG:
        db.remake.gave_up(file, e, out)
    elif file.done:
        telling.tell_damaged(db, file, e, out)
