"""How a backup at the primary goes wrong: its job dies in the middle, the share is full, the file
holds nothing, or it is seen before it is whole.

A job that dies leaves the part of its file that was written, without a manifest, and has not
truncated the log. A job that finds the share full fails (3202) and leaves no file; it is tried
again at its next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.engines.port import EngineError
from dr_sim.scenario.model import BackupCost
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.primary.primary_database import Job

if TYPE_CHECKING:
    from dr_sim.world.primary.primary import Primary


def cut_off(primary: Primary, job: Job) -> None:
    """Kill the job now, with the part of its bytes that it has read."""
    db, file = job.db, job.file
    context = primary.backups.context_of(job.order)
    done = job.amount
    if job.flow is not None:
        done -= primary.disks[db.spec.machine].stop(job.flow)
    job.op.abort(
        done * 1_000_000 // file.nominal_bytes if file.nominal_bytes else 0
    )
    file.nominal_bytes = done
    file.modified_utc_us = context.primary_utc_us()
    context.note(
        "truth.backup_cut_off", db.index, file.number, int(file.kind)
    )
    primary.backups.ended(db, job)
    primary.backups.offer(job)
    if job.order.answer is not None:
        job.order.answer(None)


def cut_reached(primary: Primary, job: Job) -> None:
    """Kill the job: it has read all the bytes that it was to read."""
    job.flow = None
    cut_off(primary, job)


def no_room(primary: Primary, job: Job) -> None:
    """Let the job fail because the share is full: it reports the engine's error, its partial file
    is deleted, and no log is truncated.
    """
    context = primary.backups.context_of(job.order)
    path = context.at_primary(job.file)
    error = context.primary_engine.no_space("backup", path=path)
    fails(primary, job, error)


def fails(primary: Primary, job: Job, error: EngineError) -> None:
    """Let the job fail with that error: its partial file is deleted, and no log is truncated."""
    db, file = job.db, job.file
    context = primary.backups.context_of(job.order)
    path = job.path
    if job.flow is not None:
        primary.disks[db.spec.machine].stop(job.flow)
    job.op.abort(0)
    context.primary_files.delete(path)
    db.ends(job)
    primary.share.end(file.number)
    context.note(
        "truth.backup_cut_off", db.index, file.number, int(file.kind)
    )
    context.note(
        "truth.backup_failed",
        db.index,
        file.number,
        int(file.kind),
        error.number,
        error.text,
    )
    primary.backups.next_of(db)
    primary.error_hook(db, file.kind.word, error.number, error.text)
    if job.order.answer is not None:
        job.order.answer(None)


def finish_hollow(primary: Primary, job: Job) -> None:
    """Finish a job that reports success and has written a file, with its hash, that holds
    nothing.
    """
    file = job.file
    context = primary.backups.context_of(job.order)
    if file.kind in job.db.believed:
        _believe(primary, job)
    else:
        job.op.abort(0)  # no log was truncated
    context.primary_files.write(context.at_primary(file), b"")
    file.header.finished_utc_us = context.primary_utc_us()
    file.finished(file.header, b"", 0)
    file.nominal_bytes, file.hollow = 0, True
    context.note(
        "truth.backup_cut_off", job.db.index, file.number, int(file.kind)
    )
    context.note(
        "truth.backup_empty", job.db.index, file.number, int(file.kind)
    )
    primary.backups.ended(job.db, job)
    primary.offer(file)
    if job.order.answer is not None:
        job.order.answer(file)


def _believe(primary: Primary, job: Job) -> None:
    """Let the server believe that the backup was made: it frees the log, and later incrementals may
    be based on it.
    """
    db, file = job.db, job.file
    context = primary.backups.context_of(job.order)
    commits, lsn = (
        (file.commits, 0) if file.kind is Kind.LOG else primary.catch_up(db)
    )
    header = job.op.finish(commits, lsn, context.primary_utc_us()).header
    context.witness.made(
        context.now_us, db.index, file.number, header, commits
    )
    context.witness.gone(context.now_us, db.index, file.number, "primary")
    if file.kind is Kind.LOG:
        context.note(
            "truth.log_truncated",
            db.index,
            header.first_lsn,
            header.last_lsn,
        )
        primary.context.truncated_for_others(
            context, db.index, header, commits
        )
        primary.log_space.changed(db)
    else:
        primary.backups.note_base(db)


def show_early(
    primary: Primary, job: Job, cost: BackupCost, part_ppm: int
) -> None:
    """Let the replicator take the file while it is being written: the file is open to readers, and
    after that part of the backup's time alone it is replicated as it is.
    """
    job.db.show_next_ppm = 0
    after_us = (
        cost.fixed_us
        + job.amount
        * 1_000_000
        // cost.rate_bytes_s
        * part_ppm
        // 1_000_000
    )
    at = primary.context.now_us + after_us
    primary.context.agenda.at(
        at, Class.FAULT, job.db.index, _show, primary, job, part_ppm
    )


def _show(primary: Primary, job: Job, part_ppm: int) -> None:
    context, file = primary.context, job.file
    if job.db.running.get(file.kind) is not job:
        return
    file.nominal_bytes = file.nominal_bytes * part_ppm // 1_000_000
    file.modified_utc_us = context.primary_utc_us()
    # blocks that are allocated and not flushed yet
    context.primary_files.write(context.at_primary(file), bytes(64))
    file.at_primary = True
    context.of_kind(file.kind).keep(file)
    primary.offer(file)
