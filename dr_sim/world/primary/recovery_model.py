"""A database's recovery model: while it is SIMPLE its log is not kept, and afterwards the chain
begins again with the next full or incremental.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.engines.port import BackupOrder, EngineError
from dr_sim.world.primary.primary_database import REFUSED, PrimaryDatabase

if TYPE_CHECKING:
    from dr_sim.world.kernel.context import Context
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
    _, lsn = primary.catch_up(db)
    for chain, context in primary.log_space.chains.items():
        log_from = primary.log_space.log_from(db, chain)
        if lsn > log_from:
            order = BackupOrder(
                Kind.LOG,
                f"{context.primary_shares[db.index]}/discarded",
                context.primary_utc_us(),
                lsn - log_from,
                backup_id=db.next_number,
                chain=chain,
            )
            _discard(primary, db, context, order)


def _discard(
    primary: Primary,
    db: PrimaryDatabase,
    context: Context,
    order: BackupOrder,
) -> None:
    """Truncate the log of one chain."""
    engine = context.primary_engine
    commits, lsn = primary.written(db)
    try:
        op = engine.begin_backup(db.spec.name, order)
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
    header = op.finish(commits, lsn, order.started_utc_us).header
    context.primary_files.delete(order.path)
    context.truncated(db.index, header, commits)
    primary.context.truncated_for_others(context, db.index, header, commits)
