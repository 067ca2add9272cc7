"""Files that are kept: hashed again from time to time (R6), and deleted when nothing needs them
(R18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.plan import plan
from dr_sim.machines import Command, Event, Save, SetAlarm
from dr_sim.recovery.commands import Delete, Validate
from dr_sim.recovery.files.file import FULL, LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.replay.limits import DAY_US, next_multiple_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def begin(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Set the alarms at whole multiples of the monotonic clock, so that a restart moves none."""
    every_us = db.rules.reverify_us
    if every_us:
        out.append(
            SetAlarm(
                db.name,
                Timer.REVERIFY,
                next_multiple_us(e.mono_us + 1, every_us),
            )
        )
    out.append(
        SetAlarm(
            db.name, Timer.PRUNE, next_multiple_us(e.mono_us + 1, DAY_US)
        )
    )


def reverify(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Hash again all files that a restore would need: those that wait, and the newest full with
    everything after it.
    """
    every_us = db.rules.reverify_us
    out.append(
        SetAlarm(
            db.name,
            Timer.REVERIFY,
            next_multiple_us(e.mono_us + 1, every_us),
        )
    )
    names = {
        file.name
        for file in db.files.pending
        if file.content is Content.WHOLE
    }
    whole = {
        f.header.backup_id: f
        for f in db.files.values()
        if f.content is Content.WHOLE and f.header is not None
    }
    headers = [
        file.header for file in whole.values() if file.header is not None
    ]
    fulls = [
        (h.finished_utc_us, h.backup_id, h.fork)
        for h in headers
        if h.kind is FULL
    ]
    if fulls:
        newest_fork = max(fulls)[2]
        names.update(
            whole[step.backup_id].name
            for step in plan(headers, fork=newest_fork).steps
        )
    out.extend(Validate(db.name, name) for name in sorted(names))


def prune(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Delete what is older than the retention and not needed by a chain that is kept, with its
    counters. Where a restart has lost headers, those files are read first, and nothing is deleted
    until the next time.
    """
    out.append(
        SetAlarm(
            db.name, Timer.PRUNE, next_multiple_us(e.mono_us + 1, DAY_US)
        )
    )
    if db.drain is not None:
        return  # the files here may be the way back
    files, shelves = db.files, db.files.shelves
    old_us = e.utc_us - db.config.retention_us
    names = None
    if files.all_on_shelves():
        names = shelves.prunable(db.config, db.state, e.utc_us)
    if names is None:
        unread = files.look_into_unread()
        out.extend(Validate(db.name, file.name) for file in unread)
        if unread:
            # without them a whole chain looks broken, and the files that it needs look useless
            return
        names = shelves.prunable_of_each(
            files, db.config, db.state, e.utc_us
        )
    names += [
        file.name
        for file in sorted(shelves.useless(old_us), key=File.age_order)
    ]
    _delete(
        db,
        [
            file
            for file in files.several(names)
            if isinstance(file, LogRun) or _may_go(db, file)
        ],
        out,
    )


def _may_go(db: DatabaseReplay, file: File) -> bool:
    if file is db.files.in_hand:
        return False
    if db.rules.keeps:
        return True  # nothing waits for its turn here
    return file.done or file.kind is not LOG or file.content is Content.LOST


def _delete(
    db: DatabaseReplay, files: list[File | LogRun], out: list[Command]
) -> None:
    database, told = db.name, bool(db.alerts.begun)
    for file in files:
        if isinstance(file, LogRun):
            _delete_run(db, file, out)
            continue
        name = file.name
        out.append(Delete(database, name))
        if file.attempts:
            out.append(Save(f"attempts/{database}/{name}", ""))
        if file.kind is not LOG:
            out.append(Save(f"header/{database}/{name}", ""))
        if told:
            db.alerts.over(name, out)
    db.files.delete(files)


def _delete_run(
    db: DatabaseReplay, run: LogRun, out: list[Command]
) -> None:
    """Delete the logs of a run, each of which was restored at the first attempt."""
    database, told = db.name, bool(db.alerts.begun)
    for name in run.names():
        out.append(Delete(database, name))
        out.append(Save(f"attempts/{database}/{name}", ""))
        if told:
            db.alerts.over(name, out)
