"""What both sides hold when a run begins."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.world.backup_file import FILE_BITS
from dr_sim.world.context import Context
from dr_sim.world.primary_database import FIRST_LSN, PrimaryDatabase
from dr_sim.world.promotion import begins_promoted
from dr_sim.world.secondary import Secondary

SEED_NUMBER = (1 << FILE_BITS) - 1
"""Of a seed among its database's files: no other gets that far."""


def seed(context: Context, databases: list[PrimaryDatabase], secondary: Secondary) -> None:
    """Every database is created. Where it is seeded both sides begin with the same full, taken and restored before the run."""
    for db in databases:
        name, size = db.spec.name, db.spec.size_bytes
        context.primary_engine.create(name, size)
        context.primary_engine.commit_to(name, 0, FIRST_LSN)
        if db.spec.log.kind == "none":
            context.witness.log_kept(0, db.index, False)
        if not db.spec.seeded:
            context.witness.opened(0, db.index, _promoted_before(context, name))
            continue
        utc = context.scenario.start_utc_us
        path = f"{context.primary_shares[db.index]}/seed {db.index}"
        backup_id = (db.index << FILE_BITS) | SEED_NUMBER
        op = context.primary_engine.begin_backup(name, Kind.FULL, path, utc, size, backup_id=backup_id)
        made = op.finish(0, FIRST_LSN, utc)
        context.secondary_files.write(path, context.primary_files.read(path))
        state = context.secondary_engine.begin_restore(name, path, replace=True).finish()
        context.primary_files.delete(path)
        context.secondary_files.delete(path)
        secondary.copy_of(db.index, size)
        context.witness.seeded(0, db.index, state.fork, state.redo_lsn, 0, made.header.first_lsn)


def _promoted_before(context: Context, name: str) -> int:
    """The fork that the primary's database begins on. After a failover it has been restored from a full, and brought online."""
    if not begins_promoted(context.scenario):
        return 1
    engine, path, utc = context.primary_engine, "//primary/restored from", context.scenario.start_utc_us
    engine.begin_backup(name, Kind.FULL, path, utc, 0, backup_id=0).finish(0, FIRST_LSN, utc)
    engine.begin_restore(name, path, replace=True).finish()
    context.primary_files.delete(path)
    engine.recover(name, 2)
    return 2
