"""Reads the backup history of a SQL Server: JSON as its scripting tools export it, or CSV of msdb's backupset.

What varies between exports, and is understood here: UTF-8 or UTF-16 with or without a byte order mark; the case of
keys, and underscores in them (FirstLSN, first_lsn); LSNs as numbers, decimal texts, texts with a fraction of zeros or
an exponent, up to 25 digits (never a float); kinds as words (`Database Differential`) or letters (`I`); instants as
`/Date(ms)/` (UTC), ISO 8601, or local date and time with msdb's time_zone column in quarter hours; the base of a
differential by its checkpoint (database_backup_lsn, always there) or by its first LSN (differential_base_lsn, newer
servers only): in headers it is always the latter, as the engine compares it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.errors import Problem
from dr_sim.importers.cells import (
    BadValueError,
    as_bool,
    as_instant,
    as_int,
    as_lsn,
    as_size,
    as_text,
    csv_rows,
    decoded,
    error,
    json_rows,
    optional,
    refusal,
    required,
    zone_offset,
)

_KINDS = {
    "database": Kind.FULL, "full": Kind.FULL, "d": Kind.FULL,
    "database differential": Kind.INCREMENTAL, "differential": Kind.INCREMENTAL, "i": Kind.INCREMENTAL,
    "transaction log": Kind.LOG, "log": Kind.LOG, "l": Kind.LOG,
}  # fmt: skip
_NEITHER = "neither JSON nor CSV with the column heads of backupset in its first line"


@dataclass(slots=True)
class HistoryEntry:
    """One row of a history. number counts from 1 in the order of the file. utc_guessed: its instants named no zone."""

    number: int
    header: BackupHeader
    set_id: str  # backup_set_uuid; '' if the export has none
    server: str
    path: str  # of the backup file; '' if the export has none
    device_type: int | None  # msdb's: 2 disk, 5 tape, 7 virtual device, 9 URL
    recovery_model: str
    utc_guessed: bool


def parse_history(data: bytes, file: str = "history") -> list[HistoryEntry]:
    """All entries, in the order of the file. Raises InputError with every kind of mistake found; file is the name it gives."""
    text = decoded(data, file)
    rows = json_rows(text, file) if text.lstrip()[:1] in ("[", "{") else csv_rows(text, file, "database_name", _NEITHER)
    if not rows:
        raise error(file, "holds no backups: a history of at least one backup is needed")
    entries: list[HistoryEntry] = []
    problems: list[Problem] = []
    ids: dict[str, int] = {}
    forks: dict[str, int] = {}
    for number, (line, row) in enumerate(rows, 1):
        try:
            entries.append(_entry(number, row, ids, forks))
        except BadValueError as wrong:
            problems.append(Problem(file, line, min(line, 1), f"backup {number}: {wrong}"))
    if problems:
        raise refusal(problems)
    _name_bases([entry.header for entry in entries])
    return entries


def _entry(number: int, row: Mapping[str, object], ids: dict[str, int], forks: dict[str, int]) -> HistoryEntry:
    database = required(row, as_text, "DatabaseName", "Database")
    if not database:
        raise BadValueError("DatabaseName is empty")
    kind = required(row, _as_kind, "Type", "BackupTypeDescription", "BackupType")
    offset = zone_offset(row)
    started, started_known = required(row, lambda v: as_instant(v, offset), "BackupStartDate", "Start")
    finished, finished_known = required(row, lambda v: as_instant(v, offset), "BackupFinishDate", "End")
    if finished < started:
        raise BadValueError("it ends before it starts: BackupFinishDate lies before BackupStartDate")
    first_lsn, last_lsn = required(row, as_lsn, "FirstLSN"), required(row, as_lsn, "LastLSN")
    if first_lsn > last_lsn:
        raise BadValueError(f"FirstLSN {first_lsn} lies behind LastLSN {last_lsn}")
    set_id = optional(row, as_text, "BackupSetGUID", "backup_set_uuid", "BackupSetId") or ""
    fork = optional(row, as_text, "RecoveryForkID", "last_recovery_fork_guid") or ""
    first_fork = optional(row, as_text, "FirstRecoveryForkID", "first_recovery_fork_guid") or fork
    fork_no, first_fork_no = (forks.setdefault(guid.lower(), len(forks) + 1) for guid in (fork, first_fork))
    header = BackupHeader(
        database=database,
        backup_id=ids.setdefault(set_id.lower() or f"row {number}", len(ids) + 1),
        kind=kind,
        fork=fork_no,
        first_lsn=first_lsn,
        last_lsn=last_lsn,
        checkpoint_lsn=optional(row, as_lsn, "CheckpointLSN") or 0,
        database_backup_lsn=optional(row, as_lsn, "DatabaseBackupLSN") or 0,
        differential_base_lsn=(optional(row, as_lsn, "DifferentialBaseLSN") or 0) if kind is Kind.INCREMENTAL else 0,
        first_fork=first_fork_no,
        fork_point_lsn=(optional(row, as_lsn, "ForkPointLSN") or 0) if first_fork_no != fork_no else 0,
        started_utc_us=started,
        finished_utc_us=finished,
        copy_only=optional(row, as_bool, "IsCopyOnly") or False,
        nominal_bytes=optional(row, as_size, "CompressedBackupSize", "BackupSize", "TotalSize") or 0,
    )
    return HistoryEntry(
        number, header, set_id, optional(row, as_text, "ServerName", "ComputerName") or "",
        optional(row, as_text, "physical_device_name", "BackupPath") or "",
        optional(row, as_int, "device_type"), optional(row, as_text, "RecoveryModel") or "",
        not (started_known and finished_known),
    )  # fmt: skip


def _name_bases(headers: list[BackupHeader]) -> None:
    """Every incremental names its base by the base's first LSN, as far as its full is in the history."""
    bases = {(h.database, h.checkpoint_lsn): h.first_lsn for h in headers if h.kind is Kind.FULL and not h.copy_only}
    for header in headers:
        if header.kind is Kind.INCREMENTAL:
            known = header.differential_base_lsn or header.database_backup_lsn
            header.differential_base_lsn = bases.get((header.database, header.database_backup_lsn), known)


def _as_kind(value: object) -> Kind:
    kind = _KINDS.get(value.strip().lower()) if isinstance(value, str) else None
    if kind is None:
        raise BadValueError("one of Database (D), Database Differential (I), Transaction Log (L) is needed")
    return kind
