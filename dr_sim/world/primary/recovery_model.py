"""A database's recovery model: while it is SIMPLE its log is not kept, and afterwards the chain
begins again with the next full or incremental.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.engines.port import BackupOrder, EngineError
from dr_sim.world.primary.primary_database import REFUSED, PrimaryDatabase

if TYPE_CHECKING:
    from dr_sim.world.primary.primary import Primary


def set_simple(primary: Primary, db: PrimaryDatabase, simple: bool) -> None:
    if simple:
        _discard_log(primary, db)
        primary.context.witness.log_kept(
            primary.context.now_us, db.index, False
        )
    db.simple, db.log_broken = simple, not simple
    primary.log_space.changed(db)


def begin_chain(primary: Primary, db: PrimaryDatabase) -> None:
    """Keep the log again, since a full or an incremental of a database that was in SIMPLE
    begins.
    """
    db.log_broken = False
    _discard_log(primary, db)
    primary.context.witness.log_kept(
        primary.context.now_us, db.index, db.spec.log.kind != "none"
    )
    primary.log_space.changed(db)


def _discard_log(primary: Primary, db: PrimaryDatabase) -> None:
    """Truncate the log up to now without a backup: a checkpoint in recovery model SIMPLE. Before
    its first full the database has no chain of logs that could be broken (4214).
    """
    context = primary.context
    commits, lsn = primary.catch_up(db)
    engine, utc = context.primary_engine, context.primary_utc_us()
    log_from = primary.log_space.log_from(db)
    if lsn <= log_from:
        return
    number, path = (
        db.next_number,
        f"{context.primary_shares[db.index]}/discarded",
    )
    try:
        op = engine.begin_backup(
            db.spec.name,
            BackupOrder(
                Kind.LOG, path, utc, lsn - log_from, backup_id=number
            ),
        )
    except EngineError as error:
        context.note(
            "truth.backup_skipped",
            db.index,
            int(Kind.LOG),
            REFUSED,
            f"{error.number} {error.text}",
        )
        return
    db.files_made += 1
    header = op.finish(commits, lsn, utc).header
    context.primary_files.delete(path)
    context.note(
        "truth.log_truncated", db.index, header.first_lsn, header.last_lsn
    )
    context.witness.made(context.now_us, db.index, number, header, commits)
    context.witness.gone(context.now_us, db.index, number, "primary")
