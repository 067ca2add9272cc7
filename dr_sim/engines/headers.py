"""The header of a backup that a real engine begins: one rule for all of them."""

from __future__ import annotations

from typing import Protocol

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines.backup_set import Path, left_at
from dr_sim.engines.port import BackupOrder


class PositionHere(Protocol):
    """The position of a database: its LSN, and its path of forks."""

    @property
    def lsn(self) -> int: ...
    @property
    def forks(self) -> Path: ...


class BackedUp(Protocol):
    """A database's memory of its last backups."""

    log_fork: int
    log_lsn: int
    base_checkpoint_lsn: int
    base_lsn: int


def header_for(
    database: str,
    order: BackupOrder,
    at: PositionHere,
    last: BackedUp,
    logs_carry_base: bool,
) -> BackupHeader:
    """Return the header of a backup that begins at a position. logs_carry_base: a log's header
    names the full that it follows.
    """
    is_log = order.kind is Kind.LOG
    fork = at.forks[-1][0]
    first_fork = last.log_fork if is_log else fork
    carries_base = logs_carry_base or not is_log
    return BackupHeader(
        database=database,
        backup_id=order.backup_id,
        kind=order.kind,
        fork=fork,
        first_lsn=last.log_lsn if is_log else at.lsn,
        last_lsn=at.lsn,
        checkpoint_lsn=last.base_checkpoint_lsn if is_log else at.lsn,
        database_backup_lsn=last.base_checkpoint_lsn if carries_base else 0,
        differential_base_lsn=last.base_lsn
        if order.kind is Kind.INCREMENTAL
        else 0,
        first_fork=first_fork,
        fork_point_lsn=0
        if first_fork == fork
        else left_at(at.forks, first_fork),
        started_utc_us=order.started_utc_us,
        finished_utc_us=0,
        copy_only=order.copy_only,
        is_tail=order.tail,
        nominal_bytes=order.nominal_bytes,
    )
