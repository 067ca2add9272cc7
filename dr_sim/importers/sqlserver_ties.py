"""Ties between the backups of a SQL Server's history, written into their headers: how recovery
forks hang together, and on which full each differential is based.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader, Kind

if TYPE_CHECKING:
    from dr_sim.importers.sqlserver_history import HistoryEntry

NO_BASE = -1  # the differential base LSN of an incremental that names none


def name_crossings(entries: list[HistoryEntry]) -> list[str]:
    """Tie forks together where an export tells each row's last fork only, as that of dbatools does.

    After a failover the log chain continues: the new fork's first log begins where a log of another
    fork ended. Such a log lies on both. Left alone: ends of two forks at one LSN, and a fork that
    has an earlier full of its own.
    """
    remarks: list[str] = []
    logs: dict[tuple[str, int], list[HistoryEntry]] = {}
    told: set[tuple[str, int]] = set()
    begins: dict[tuple[str, int], int] = {}
    for entry in entries:
        key = (entry.header.database, entry.header.fork)
        if entry.identity.names_first_fork:
            told.add(key)
        elif entry.header.kind is Kind.LOG:
            logs.setdefault(key, []).append(entry)
        elif entry.header.kind is Kind.FULL:
            begins[key] = min(
                begins.get(key, entry.header.first_lsn),
                entry.header.first_lsn,
            )
    ends: dict[tuple[str, int], set[int]] = {}
    for (database, fork), own in logs.items():
        for entry in own:
            ends.setdefault((database, entry.header.last_lsn), set()).add(
                fork
            )
    for key, own in logs.items():
        first = min(
            own,
            key=lambda entry: (
                entry.header.first_lsn,
                -entry.header.last_lsn,
            ),
        )
        parents = ends.get((key[0], first.header.first_lsn), set()) - {
            key[1]
        }
        if (
            key in told
            or len(parents) != 1
            or begins.get(key, first.header.last_lsn)
            <= first.header.first_lsn
        ):
            continue
        (first.header.first_fork,) = parents
        first.header.fork_point_lsn = first.header.first_lsn
        remarks.append(
            f"{first.name} goes on where a log of another recovery fork ended: taken as "
            "the log across the failover"
        )
    return remarks


def name_bases(headers: list[BackupHeader]) -> int:
    """Every incremental names its base by the base's first LSN, as far as its full is in the
    history.

    DifferentialBaseLSN decides where the row has it: the engine compares that. It is the
    checkpoint LSN of the base; some tools write the base's first LSN instead. Only without it does
    DatabaseBackupLSN decide. 0 names no full, and becomes NO_BASE, which no full begins at.
    Returns how many incrementals name none.
    """
    fulls = [h for h in headers if h.kind is Kind.FULL and not h.copy_only]
    unknown = 0
    for header in headers:
        if header.kind is not Kind.INCREMENTAL:
            continue
        told = header.differential_base_lsn or header.database_backup_lsn
        base = _base_of(header, told, fulls)
        header.differential_base_lsn = told or NO_BASE
        unknown += not told
        if base is not None:
            header.differential_base_lsn = base.first_lsn
            # the planner goes by both: a row may name another full here, or none
            header.database_backup_lsn = (
                base.checkpoint_lsn or header.database_backup_lsn
            )
    return unknown


def _base_of(
    incremental: BackupHeader, told: int, fulls: list[BackupHeader]
) -> BackupHeader | None:
    """Return the full whose checkpoint LSN or, where none has it, whose first LSN is told; one on
    the incremental's own fork before those on others. None: it is not in the history.
    """
    own = [full for full in fulls if full.database == incremental.database]
    found = [full for full in own if told and full.checkpoint_lsn == told]
    found = found or [
        full for full in own if told and full.first_lsn == told
    ]
    return min(
        found,
        key=lambda full: full.fork != incremental.first_fork,
        default=None,
    )
