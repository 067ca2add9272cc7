"""The consequences of a database's drain (drain.py): files are copied again, taken again or given
up, and the files that lie here are replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.names import parse_name
from dr_sim.machines import Command, Event
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import PROPERTIES_MISMATCH, Danger
from dr_sim.recovery.commands import AskShare
from dr_sim.recovery.events import ValidationOutcome
from dr_sim.recovery.failover.drain import NEVER_US, Drain, Remedy
from dr_sim.recovery.files.file import LOG, Failure, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair import repairs, standby
from dr_sim.recovery.repair.refusals import needs_somebody
from dr_sim.recovery.replay.limits import MINUTE_US, SECOND_US
from dr_sim.recovery.replay.waiting import holds_later, stopped

if TYPE_CHECKING:
    from dr_sim.backups.model import BackupHeader
    from dr_sim.recovery.replay.replay import DatabaseReplay

OTHER_TIME = Failure(
    ValidationOutcome.PROPERTIES_MISMATCH,
    PROPERTIES_MISMATCH,
    "its backup began at another time than its name says",
)


def start(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Ask what is on its way, and continue with what is here. From now on neither the replay delay
    nor the retry interval applies. A copy that is past the instant before which the failover stops
    is of no use: it is restored again.
    """
    assert db.drain is not None
    db.fetching.ask_anew()
    stop_utc_us = db.stop_before_utc_us
    if stop_utc_us and holds_later(db, stop_utc_us):
        db.lose_copy()
    for file in db.files.not_in_runs():
        if file.refused and needs_somebody(file.failure.error_number):
            db.files.retry_at(
                file, e.mono_us
            )  # somebody may have acted meanwhile
        elif file.refused:
            decided = db.drain.refused_before(file, e.mono_us, out)
            _try_again(db, db.drain, file, decided, out)
    if db.files.pending:
        db.look_into_unread(out)
    elif not db.state.exists:
        standby.look_into_logs(db, out)
    out.append(AskShare(db.name))
    db.advance(e, out)


def share_answered(
    db: DatabaseReplay,
    drain: Drain,
    e: events.ShareAnswered,
    out: list[Command],
) -> None:
    if not drain.share_answered(e):
        return
    if e.reachable:
        for file in _bad(db):
            _apply(db, drain, file, drain.damaged_before(file), out)
        _look_at_names(db, e, out)
    else:
        shut(db, drain, tail=False)
    db.advance(e, out)


def damaged(
    db: DatabaseReplay, drain: Drain, file: File, out: list[Command]
) -> None:
    _apply(db, drain, file, drain.damaged(file), out)


def not_sent(
    db: DatabaseReplay,
    drain: Drain,
    file: File,
    reason: events.NotSent,
    out: list[Command],
) -> None:
    _apply(db, drain, file, drain.not_sent(file, reason), out)


def refused(
    db: DatabaseReplay,
    drain: Drain,
    file: File,
    e: Event,
    out: list[Command],
) -> None:
    """Handle a file that the engine refused."""
    decided = drain.refused(file, e.mono_us, out)
    _try_again(db, drain, file, decided, out)


def _try_again(
    db: DatabaseReplay,
    drain: Drain,
    file: File,
    decided: tuple[int, Remedy],
    out: list[Command],
) -> None:
    retry_at_us, remedy = decided
    db.files.retry_at(file, retry_at_us)
    _apply(db, drain, file, remedy, out)


def _apply(
    db: DatabaseReplay,
    drain: Drain,
    file: File,
    remedy: Remedy,
    out: list[Command],
) -> None:
    if remedy is Remedy.COPY_AGAIN:
        db.recopy(file.name, out)
    elif remedy is Remedy.TAKE_ANEW:
        _give_up(db, drain, file)
        drain.last.ask_anew(file.kind, out)
    elif remedy is Remedy.GIVE_UP:
        _give_up(db, drain, file)


def _give_up(db: DatabaseReplay, drain: Drain, file: File) -> None:
    drain.gave_up(file)
    db.files.give_up(file)
    db.files.copies_no_more(file.name)


def named_rightly(
    db: DatabaseReplay, file: File, header: BackupHeader
) -> bool:
    """Return whether that log's backup began when its name says (R4). A name that was taken moves a
    later one by a few seconds; an older version is off by an interval of the schedule.
    """
    if file.kind is not LOG:
        return True
    off_us = parse_name(file.name).started_utc_us - header.started_utc_us
    interval_us = db.config.log_interval_us
    most_us = min(MINUTE_US, interval_us) if interval_us else MINUTE_US
    return -SECOND_US < off_us < most_us


def _look_at_names(
    db: DatabaseReplay, e: Event, out: list[Command]
) -> None:
    """Compare the names of what came after the last restore with the headers. During a failover
    there is no next log, whose hole would show that an older file came under a newer file's name.
    """
    assert db.last is not None
    after = db.last.name
    logs = [
        file
        for name, file in db.files.items()
        if name > after
        and file.kind is LOG
        and file.content is Content.WHOLE
    ]
    for file in logs:
        if file.header is not None and not named_rightly(
            db, file, file.header
        ):
            db.files.needed(file)
            db.file_failed(file, OTHER_TIME, e, out)


def _bad(db: DatabaseReplay) -> list[File]:
    """Return the damaged files, the oldest first."""
    bad = [
        file
        for file in db.files.bad.values()
        if file.content is Content.BAD
    ]
    return sorted(bad, key=File.age_order)


def shut(db: DatabaseReplay, drain: Drain, tail: bool) -> None:
    """Wait for nothing more from the primary. tail: the tail was still awaited too."""
    drain.shut(tail)
    db.fetching.expect_nothing()
    db.files.expect_no_copies()
    for file in [
        f for f in db.files.bad.values() if f.content is Content.BAD
    ]:
        _give_up(db, drain, file)


def wait_no_longer(db: DatabaseReplay, drain: Drain, tail: bool) -> None:
    """Stop waiting at the limit: files that have not come by now stay behind, and so do files that
    are still refused.
    """
    shut(db, drain, tail)
    for file in drain.drop_held():
        db.files.retry_at(file, NEVER_US)


def again(
    db: DatabaseReplay, drain: Drain, e: Event, out: list[Command]
) -> None:
    """Retry when the drain's alarm goes off: the last backup is asked for again, or tried again. A
    share that was silent may be listed again.
    """
    db.fetching.ask_anew()
    if drain.last.ask_again(out):
        return
    file = db.files.get(drain.last.name)
    if file is not None and file.refused:
        db.files.retry_at(file, e.mono_us)
        db.advance(e, out)


def look_further(
    db: DatabaseReplay, drain: Drain, out: list[Command]
) -> None:
    """Look in the primary's share for files that do not come by themselves."""
    if not drain.looks_further():
        return
    if db.fetching.there is None:
        if not db.fetching.silent:
            db.fetching.ask(out)
        return
    names = repairs.fetch(db, out)
    drain.await_fetched(db.fetching.finished_utc_us(names))
    if drain.stands_before_hole:
        drain.last.ask_past_hole(out)


def tell_left(
    db: DatabaseReplay, drain: Drain, e: Event, out: list[Command]
) -> None:
    """Report what stays behind, with its first cause: everything that can be restored has been."""
    if stopped(db):
        return  # what stays behind does so by order
    pending = db.files.pending
    lost = drain.lost_files()
    refused_logs = [file for file in pending if file.refused]
    here = {file.name for file in (*lost, *pending)}
    first = min((*lost, *refused_logs), key=File.age_order, default=None)
    if (
        first is not None
        and pending
        and first.modified_utc_us > pending[0].modified_utc_us
    ):
        first = None
    if first is not None or pending:
        telling.tell_chain(db, first, e, out)
    on_their_way = drain.still_left(here)
    if on_their_way or here:
        telling.tell_left_behind(db, on_their_way, len(here), e, out)


def call_off(
    db: DatabaseReplay, drain: Drain, e: Event, out: list[Command]
) -> None:
    """Let the copy stay a standby: files that were given up are tried again. What endangered the
    failover alone is over.
    """
    for danger in (Danger.LEFT_BEHIND, Danger.ONLY_WAY):
        db.alerts.over(danger, out)
    for file in drain.given_up:
        rotten = file.name in db.rotten
        if (
            file.content is Content.LOST
            and file.name in db.files
            and not rotten
        ):
            db.files.take_up_again(file)
    latest_us = e.mono_us + db.rules.retry_us
    for file in db.files.values():
        db.files.retry_at(file, min(file.retry_at_mono_us, latest_us))
