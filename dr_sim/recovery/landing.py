"""What lands: it is validated, and what fails is copied again.

A log that is whole waits in `pending` for its turn. A file that fails stays among the bad until a
copy of it is whole, or its range is behind the database, or the primary has it no more.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, cast

from dr_sim.backups.chain import Fit, applies
from dr_sim.backups.model import BackupHeader
from dr_sim.backups.names import parse_name
from dr_sim.backups.retention import Stored
from dr_sim.recovery import events, notices
from dr_sim.recovery.alerts import FILE_MISSING, PROPERTIES_MISMATCH
from dr_sim.recovery.commands import Command, Recopy, Save, Validate
from dr_sim.recovery.files import BAD, CHECKING, LOG, LOST, UNKNOWN, VALID, File, kind_of
from dr_sim.recovery.saved import header_text

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


MINUTE_US, SECOND_US = 60_000_000, 1_000_000
_OTHER_TIME = "its backup began at another time than its name says"


def landed(db: DatabaseReplay, e: events.Landed, out: list[Command]) -> None:
    name = e.name
    file = db.files.get(name)
    if file is None:
        kind = kind_of(name)
        if kind < 0:
            return
        file = db.files[name] = File(name, kind, e.modified_utc_us, e.size_bytes, e.mono_us)
        if db.counts and name in db.counts:
            file.attempts = int(db.counts.pop(name))
        if kind == LOG:
            db.watch.log_landed(e.mono_us, out)
            progress = db.progress
            earlier, progress.newest = progress.newest, file
            if earlier is not None and not earlier.done:
                progress.landed_behind(earlier, e.mono_us, e.utc_us, out)
        elif not db.config.log_interval_us:
            db.progress.full_landed(file, e.mono_us, e.utc_us, out)
    elif file.state != CHECKING and file.state != UNKNOWN:
        file.modified_utc_us = e.modified_utc_us
        file.size_bytes = e.size_bytes
        # what was validated lies here no more; a bad one stays bad until it is known to be whole
        file.state = CHECKING
    else:
        return  # it is being read already, or taken for restored
    if db.recopying:
        db.recopying.discard(name)
    db.fetching.landed(name)
    if db.drain is not None:
        db.drain.landed(file, out)
    out.append(Validate(db.name, name))


def validated(db: DatabaseReplay, e: events.Validated, out: list[Command]) -> None:
    file = db.files.get(e.name)
    if file is None:
        return  # deleted meanwhile
    header = e.header
    if header.database != db.name:
        damaged(
            db,
            e,
            file,
            "properties_mismatch",
            PROPERTIES_MISMATCH,
            f"it belongs to {header.database}",
            out,
        )
        return
    if db.drain is not None and not named_rightly(db, file, header):
        damaged(db, e, file, "properties_mismatch", PROPERTIES_MISMATCH, _OTHER_TIME, out)
        return
    first_time = file.header is None
    if not first_time and header != file.header:
        replaced(db, file, header)
    if first_time and db.alerts.begun:
        notices.primary_is_well(db, header, out)
    file.header = header
    file.state = VALID
    file.failures = 0
    if first_time:
        db.keeping.shelf.add(cast(Stored, file))
    if db.bad:
        db.bad.pop(e.name, None)
    if file.kind != LOG:
        if first_time:
            out.append(Save(f"header/{db.name}/{file.name}", header_text(header)))
        db.remake.validated(file.kind, header, out)
        db.repair.validated(file, e.mono_us, e.utc_us, out)
        if db.drain is not None:
            db.drain.validated(file, out)
    elif file.done:
        db.alerts.clear(file.name, out)
        if first_time:  # it was never whole: was its range really behind us?
            file.done = applies(header, db.state) in (Fit.STALE, Fit.EMPTY)
    if db.rules.delay_us and not file.done:
        until_utc_us = header.started_utc_us if file.kind == LOG else header.finished_utc_us
        file.due_mono_us = e.mono_us + max(0, until_utc_us + db.rules.delay_us - e.utc_us)
    if not file.done and file.kind == LOG and file not in db.pending:
        insort(db.pending, file, key=File.order)
    db.advance(e.mono_us, e.utc_us, out)


def replaced(db: DatabaseReplay, file: File, header: BackupHeader) -> None:
    """Another backup lies here under that name: whether it is needed is decided anew."""
    db.keeping.shelf.spoil()
    if file.kind == LOG:
        if file in db.pending:
            db.pending.remove(file)
        file.done = applies(header, db.state) in (Fit.STALE, Fit.EMPTY)


def named_rightly(db: DatabaseReplay, file: File, header: BackupHeader) -> bool:
    """Did that log's backup begin when its name says (R4)? A name in use moves a later one by a few
    seconds; an older version is off by an interval of the schedule.
    """
    if file.kind != LOG:
        return True
    off_us = parse_name(file.name).started_utc_us - header.started_utc_us
    interval_us = db.config.log_interval_us
    most_us = min(MINUTE_US, interval_us) if interval_us else MINUTE_US
    return -SECOND_US < off_us < most_us


def look_at_names(db: DatabaseReplay, e: events.Event, out: list[Command]) -> None:
    """While failing over there is no next log, whose hole would show that an older file came under
    a newer one's name. So the names of what came after the last restore are held against the
    headers.
    """
    assert db.last is not None
    after = db.last.name
    for file in [
        f for name, f in db.files.items() if name > after and f.kind == LOG and f.state == VALID
    ]:
        if file.header is not None and not named_rightly(db, file, file.header):
            file.done = False
            damaged(db, e, file, "properties_mismatch", PROPERTIES_MISMATCH, _OTHER_TIME, out)


def validation_failed(db: DatabaseReplay, e: events.ValidationFailed, out: list[Command]) -> None:
    file = db.files.get(e.name)
    if file is not None:
        damaged(db, e, file, e.outcome, e.error_number, e.error_text, out)


def damaged(
    db: DatabaseReplay,
    e: events.Event,
    file: File,
    outcome: str,
    number: int,
    text: str,
    out: list[Command],
) -> None:
    """What fails is copied again, at once the first time, then at every retry. A backup that was
    cut off cannot be helped by another copy: the next log covers its range (R10).
    """
    if file.header is not None:
        db.keeping.shelf.spoil()
    elif file not in db.keeping.torn:
        db.keeping.torn.append(file)
    if file.done and file.header is None:
        file.state = LOST  # its range is behind us and it never was whole: nobody needs it (R10)
        return
    if file.kind != LOG and file.header is not None:
        file.header = None  # a restart is not to take it for whole
        out.append(Save(f"header/{db.name}/{file.name}", ""))
    file.state = BAD
    file.outcome, file.error_number, file.error_text = outcome, number, text
    file.failures += 1
    file.refused = False
    file.retry_at_mono_us = e.mono_us + db.rules.retry_us
    db.bad[file.name] = file
    if file in db.pending:
        db.pending.remove(file)
    if db.drain is not None:
        db.drain.damaged(file, out)
    elif outcome != "no_manifest" and file.failures == 1:
        recopy(db, file.name, out)
        if outcome == "missing" and not any(
            f.outcome == "missing" for f in db.bad.values() if f is not file
        ):
            # are the others there?
            out.extend(Validate(db.name, f.name) for f in db.pending if f.state == VALID)
    db.watch.look(e.mono_us, e.utc_us, out)
    db.advance(e.mono_us, e.utc_us, out)


def contradicted(
    db: DatabaseReplay, e: events.PrimaryAnswered, file: File, out: list[Command]
) -> None:
    """The primary's file of that name covers what the one here does not: it is another, whatever
    its hash said.
    """
    file.done = False
    file.contradictions += 1
    text = "it holds another range than the primary's file of that name"
    damaged(db, e, file, "properties_mismatch", PROPERTIES_MISMATCH, text, out)


def look_into_unknown(
    db: DatabaseReplay, out: list[Command], until_utc_us: int | None = None
) -> None:
    """Read the headers of logs that a restart took for restored: one may be what the chain
    lacks.
    """
    for file in db.files.values():
        if file.state == UNKNOWN and (until_utc_us is None or file.modified_utc_us < until_utc_us):
            file.state = CHECKING
            file.done = False
            out.append(Validate(db.name, file.name))


def recopy(db: DatabaseReplay, name: str, out: list[Command]) -> None:
    """Have it sent again; for a file that is on its way that changes nothing."""
    db.recopying.add(name)
    out.append(Recopy(db.name, name))


def recopy_failed(db: DatabaseReplay, e: events.RecopyFailed, out: list[Command]) -> None:
    db.recopying.discard(e.name)
    if e.name in db.fetching.coming:
        db.fetching.not_sent(e.name)
        if db.drain is not None:
            db.drain.waiting.pop(e.name, None)
    file = db.bad.get(e.name)
    if file is not None:
        file.retry_at_mono_us = e.mono_us + db.rules.retry_us
        if db.drain is not None:
            db.drain.not_sent(file, e.reason, out)
        elif e.reason == "missing":
            del db.bad[e.name]
            file.state = LOST
            file.error_number, file.error_text = (
                FILE_MISSING,
                "the file is missing in the primary's share",
            )
            if file.kind != LOG:
                db.remake.give_up(file, e.mono_us, e.utc_us, out)
            elif file.done:
                db.watch.tell_damaged(e.mono_us, e.utc_us, file, out)
    db.watch.look(e.mono_us, e.utc_us, out)
    db.advance(e.mono_us, e.utc_us, out)
