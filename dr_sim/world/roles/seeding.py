"""The content of both sides when a run begins, and when roles have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.engines.port import BackupOrder
from dr_sim.oracle.witnessed import Carried
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import FILE_BITS, CarriedFile
from dr_sim.world.primary.own_backups import chain_of
from dr_sim.world.primary.primary_database import FIRST_LSN, PrimaryDatabase
from dr_sim.world.roles.at_hand import SeededBy
from dr_sim.world.roles.catching_up import Behind
from dr_sim.world.roles.succession import Heir
from dr_sim.world.secondary.secondary import Secondary
from dr_sim.world.stores.store_seed import SEED_NUMBER, seed_store


def seed(
    standbys: Sequence[tuple[Context, Secondary]],
    databases: Sequence[PrimaryDatabase],
) -> None:
    """Create the databases, as the run begins. Where a database is seeded the primary and its
    standbys begin with the same full, taken and restored before the run.
    """
    context = standbys[0][0]
    for db in databases:
        name, size = db.spec.name, db.spec.size_bytes
        context.primary_engine.create(name, size)
        context.primary_engine.commit_to(name, 0, FIRST_LSN)
        seeded = [each for each in standbys if _is_seeded(each[0], db)]
        for each, secondary in standbys:
            if db.spec.log.kind == "none":
                each.witness.log_kept(0, db.index, False)
            if not _is_seeded(each, db):
                each.witness.opened(0, db.index, 1)
            store = each.scenario.store
            if store is not None and db.spec.name in store.seeded:
                seed_store(each, db, chain_of(each.scenario))
                secondary.share.put(size)
        if not seeded:
            continue
        utc = context.scenario.start_utc_us
        path = f"{context.primary_shares[db.index]}/seed {db.index}"
        backup_id = (db.index << FILE_BITS) | SEED_NUMBER
        op = context.primary_engine.begin_backup(
            name,
            BackupOrder(Kind.FULL, path, utc, size, backup_id=backup_id),
        )
        made = op.finish(0, FIRST_LSN, utc)
        data = context.primary_files.read(path)
        for each, secondary in seeded:
            each.secondary_files.write(path, data)
            state = each.secondary_engine.begin_restore(
                name, path, replace=True
            ).finish()
            each.secondary_files.delete(path)
            secondary.copies.put(db.index, size)
            base_lsn = made.header.first_lsn
            each.witness.seeded(
                0, db.index, state.fork, state.redo_lsn, 0, base_lsn
            )
        context.primary_files.delete(path)


def _is_seeded(context: Context, db: PrimaryDatabase) -> bool:
    """Return whether a full of the database lies restored at that place when the run begins."""
    return context.scenario.databases[db.index].seeded


def take_over(
    context: Context,
    databases: Sequence[PrimaryDatabase],
    secondary: Secondary,
    heirs: Mapping[str, Heir],
) -> None:
    """Roles have changed: what an earlier pair leaves is there."""
    for db in databases:
        if db.spec.name in heirs:
            _take_over(context, db, secondary, heirs[db.spec.name])


def _take_over(
    context: Context, db: PrimaryDatabase, secondary: Secondary, heir: Heir
) -> None:
    """Take over a database that is online at the new primary; a copy may stand behind it
    already.
    """
    name, of, copy = db.spec.name, heir.lineage, heir.copy
    db.files_made = heir.files_made
    db.committed_us = context.now_us
    db.was_promoted = True
    db.base_lsn = context.primary_engine.state(name).differential_base_lsn
    if db.spec.log.kind == "none":
        context.witness.log_kept(context.now_us, db.index, False)
    if copy is not None:
        secondary.copies.put(db.index, db.spec.size_bytes)
    context.witness.succeeded(context.now_us, db.index, of, copy)
    context.note(
        "truth.begins",
        db.index,
        of.fork,
        of.lsn,
        of.commits,
        int(copy is not None),
    )
    if heir.why:
        at_hand = heir.at_hand
        by = SeededBy.NEW_FULL if at_hand is None else at_hand.seeded_by
        context.note("truth.cannot_follow", db.index, heir.why, by.value)
    if heir.at_hand is not None:
        heir.at_hand.take_files()
        carried = _carry(context, db, heir.at_hand.files)
        context.witness.carried(context.now_us, db.index, carried)
    if heir.behind is not None:
        _carry_copy(context, db, heir.behind)
    if heir.kept is not None:
        heir.kept.take_files()
        carried = _carry(context, db, heir.kept.files)
        for each in carried:
            if each.primary:
                context.note("truth.carried_there", db.index, each.file)
        context.witness.carried(context.now_us, db.index, carried)


def _carry_copy(
    context: Context, db: PrimaryDatabase, behind: Behind
) -> None:
    """Take over a copy that is behind the primary's first position, with the logs that it lacks."""
    behind.take_files()
    carried = _carry(context, db, behind.files)
    held, state = behind.commits, behind.state
    context.witness.carried(context.now_us, db.index, carried, held)
    lacking_us = context.workloads[db.index].ack_instant(held)
    note = context.note
    note("truth.copy_there", db.index, state.fork, state.redo_lsn, held)
    note("truth.behind", db.index, max(behind.cut_us, lacking_us))


def _carry(
    context: Context, db: PrimaryDatabase, files: Sequence[CarriedFile]
) -> list[Carried]:
    """Take over files of an earlier pair; return what the witness is to know of them."""
    known, carried = context.by_name[db.index], []
    for file in files:
        known[file.name] = file
        here, there = file.at_secondary, file.at_primary
        if here:  # it has taken its room in the share since it landed
            here = file.agrees(
                _read(context.secondary_files, context.at_secondary(file))
            )
        if there:
            there = file.agrees(
                _read(context.primary_files, context.at_primary(file))
            )
        carried.append(
            Carried(
                file.number,
                file.header,
                file.commits,
                there,
                here,
                file.rotten,
            )
        )
        context.note(
            "truth.carried",
            db.index,
            file.number,
            int(file.at_secondary),
            file.header.started_utc_us,
            file.header.finished_utc_us,
        )
    return carried


def _read(files: Any, path: str) -> bytes:
    """Return the bytes of a file; none if it is not there."""
    try:
        data: bytes = files.read(path)
    except KeyError:
        return b""
    return data


def clear_second_side(
    context: Context,
    databases: list[PrimaryDatabase],
    heirs: Mapping[str, Heir],
) -> None:
    """Drop whatever a second side has of these databases and cannot continue with."""
    for db in databases:
        heir = heirs.get(db.spec.name)
        if heir is not None and heir.copy is None:
            context.secondary_engine.destroy(db.spec.name)
