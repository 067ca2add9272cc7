"""The content of a store when the run begins: of each seeded database a full of that instant."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.backups.names import backup_name
from dr_sim.engines.port import BackupOrder
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import FILE_BITS, BackupFile
from dr_sim.world.primary.primary_database import FIRST_LSN, PrimaryDatabase

SEED_NUMBER = (1 << FILE_BITS) - 1
"""The number of a seed among its database's files: no other file gets that far."""
ELSEWHERE = "elsewhere"


def seed_store(context: Context, db: PrimaryDatabase, chain: str) -> None:
    """Put a full into the store. It was taken before the run: it does not lie in the primary's
    share, and does not cross the link. chain: the one that it begins.
    """
    name, size, utc = (
        db.spec.name,
        db.spec.size_bytes,
        context.scenario.start_utc_us,
    )
    number = (db.index << FILE_BITS) | SEED_NUMBER
    file_name = backup_name(name, utc, Kind.FULL, 0, set())
    path = f"{context.primary_shares[db.index]}/seed {db.index}"
    order = BackupOrder(
        Kind.FULL, path, utc, size, backup_id=number, chain=chain
    )
    made = context.primary_engine.begin_backup(name, order).finish(
        0, FIRST_LSN, utc
    )
    header = made.header
    data = context.primary_files.read(path)
    context.primary_files.delete(path)
    file = BackupFile(number, db.index, file_name, header, 0, 0)
    file.finished(header, data, 0)
    context.by_name[db.index][file_name] = file
    begins = (number, int(Kind.FULL), header.fork, header.first_lsn)
    context.note(
        "truth.backup_begin", db.index, *begins, header.last_lsn, 0
    )
    context.note(
        "truth.backup_finished",
        db.index,
        *begins,
        header.last_lsn,
        0,
        size,
        file_name,
    )
    context.witness.made(0, db.index, number, header, 0)
    context.file_gone(file, "primary", ELSEWHERE)
    context.secondary_files.write(context.at_secondary(file), data)
    file.at_secondary = True
    file.landings = 1
    context.by_name[db.index][file_name] = file
    context.witness.landed(0, db.index, number, True)
    landed = (number, int(Kind.FULL), header.fork, header.first_lsn)
    context.note(
        "truth.landed", db.index, *landed, header.last_lsn, 1, file_name
    )
