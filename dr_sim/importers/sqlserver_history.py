"""Reads the backup history of a SQL Server: JSON as its scripting tools export it, or CSV of msdb's backupset.

What varies between exports, and is understood here: UTF-8 or UTF-16 with or without a byte order mark; the case of
keys, and underscores in them (FirstLSN, first_lsn); LSNs as numbers, decimal texts, texts with a fraction of zeros or
an exponent, up to 25 digits (never a float); kinds as words (`Database Differential`) or letters (`I`); instants as
`/Date(ms)/` (UTC), ISO 8601, or local date and time with msdb's time_zone column in quarter hours; the base of a
differential by its checkpoint (database_backup_lsn, always there) or by its first LSN (differential_base_lsn, newer
servers only): in headers it is always the latter, as the engine compares it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.errors import InputError, Problem
from dr_sim.scenario.times import FIRST_YEAR, LAST_YEAR

T = TypeVar("T")

_KINDS = {
    "database": Kind.FULL, "full": Kind.FULL, "d": Kind.FULL,
    "database differential": Kind.INCREMENTAL, "differential": Kind.INCREMENTAL, "i": Kind.INCREMENTAL,
    "transaction log": Kind.LOG, "log": Kind.LOG, "l": Kind.LOG,
}  # fmt: skip
_LSN_LIMIT = 10**25  # msdb keeps LSNs as numeric(25, 0)
_SIZE_LIMIT = 2**60
_UNKNOWN_ZONE = 127  # msdb's time_zone for a backup that does not know its own
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_MS = re.compile(r"/Date\((-?\d{1,17})(?:[+-]\d{4})?\)/")


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


class _BadValueError(Exception):
    """What is wrong with one value of one row."""


def parse_history(data: bytes, file: str = "history") -> list[HistoryEntry]:
    """All entries, in the order of the file. Raises InputError with every mistake found; file is the name it gives."""
    text = _text(data, file)
    rows = _json_rows(text, file) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text, file)
    if not rows:
        raise _error(file, "holds no backups: a history of at least one backup is needed")
    entries: list[HistoryEntry] = []
    problems: list[Problem] = []
    ids: dict[str, int] = {}
    forks: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        try:
            entries.append(_entry(number, row, ids, forks))
        except _BadValueError as wrong:
            problems.append(Problem(file, 0, 0, f"backup {number}: {wrong}"))
    if problems:
        raise InputError(problems)
    _name_bases([entry.header for entry in entries])
    return entries


def _error(file: str, message: str, line: int = 0, column: int = 0) -> InputError:
    return InputError([Problem(file, line, column, message)])


def _text(data: bytes, file: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif data[1:2] == b"\0":
        encoding = "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as wrong:
        message = f"is neither UTF-8 nor UTF-16 text (byte {wrong.start}): export it as JSON or CSV text"
        raise _error(file, message) from None


def _json_rows(text: str, file: str) -> list[Mapping[str, object]]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as wrong:
        raise _error(file, f"is not valid JSON: {wrong.msg}", wrong.lineno, wrong.colno) from None
    except (RecursionError, ValueError):
        raise _error(file, "is not a backup history: a JSON list of backups is needed") from None
    rows = found if isinstance(found, list) else [found]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise _error(file, f"backup {number} is {json.dumps(row, default=str)[:40]}, an object with keys is needed")
    return [_folded(row) for row in rows]


def _csv_rows(text: str, file: str) -> list[Mapping[str, object]]:
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Mapping[str, object]] = []
    names: list[str] = []
    try:
        for cells in reader:
            if not cells or not any(cell.strip() for cell in cells) or set("".join(cells)) <= {"-"}:
                continue  # sqlcmd rules a line under the heads
            if not names:
                names = [_fold(cell) for cell in cells]
                if "databasename" not in names:
                    raise _error(file, "is neither JSON nor CSV with the column heads of backupset in its first line")
            elif len(cells) != len(names):
                message = f"has {len(cells)} columns here, {len(names)} in its first line"
                raise _error(file, message, reader.line_num, 1)
            else:
                pairs = ((name, cell.strip()) for name, cell in zip(names, cells, strict=True))
                rows.append({name: (None if cell in ("", "NULL") else cell) for name, cell in pairs})
    except csv.Error as wrong:
        raise _error(file, f"is not valid CSV: {wrong}", reader.line_num, 1) from None
    return rows


def _fold(key: str) -> str:
    return key.strip().lower().replace("_", "")


def _folded(row: Mapping[str, object]) -> Mapping[str, object]:
    return {_fold(key): value for key, value in row.items()}


def _entry(number: int, row: Mapping[str, object], ids: dict[str, int], forks: dict[str, int]) -> HistoryEntry:
    database = _required(row, _as_text, "DatabaseName", "Database")
    if not database:
        raise _BadValueError("DatabaseName is empty")
    kind = _required(row, _as_kind, "Type", "BackupTypeDescription", "BackupType")
    zone = _optional(row, _as_int, "time_zone")
    offset = timedelta(minutes=15 * zone) if zone is not None and zone != _UNKNOWN_ZONE else None
    started, started_known = _required(row, lambda v: _as_instant(v, offset), "BackupStartDate", "Start")
    finished, finished_known = _required(row, lambda v: _as_instant(v, offset), "BackupFinishDate", "End")
    if finished < started:
        raise _BadValueError("it ends before it starts: BackupFinishDate lies before BackupStartDate")
    first_lsn, last_lsn = _required(row, _as_lsn, "FirstLSN"), _required(row, _as_lsn, "LastLSN")
    if first_lsn > last_lsn:
        raise _BadValueError(f"FirstLSN {first_lsn} lies behind LastLSN {last_lsn}")
    set_id = _optional(row, _as_text, "BackupSetGUID", "backup_set_uuid", "BackupSetId") or ""
    fork = _optional(row, _as_text, "RecoveryForkID", "last_recovery_fork_guid") or ""
    first_fork = _optional(row, _as_text, "FirstRecoveryForkID", "first_recovery_fork_guid") or fork
    fork_no, first_fork_no = (forks.setdefault(guid.lower(), len(forks) + 1) for guid in (fork, first_fork))
    header = BackupHeader(
        database=database,
        backup_id=ids.setdefault(set_id.lower() or f"row {number}", len(ids) + 1),
        kind=kind,
        fork=fork_no,
        first_lsn=first_lsn,
        last_lsn=last_lsn,
        checkpoint_lsn=_optional(row, _as_lsn, "CheckpointLSN") or 0,
        database_backup_lsn=_optional(row, _as_lsn, "DatabaseBackupLSN") or 0,
        differential_base_lsn=(_optional(row, _as_lsn, "DifferentialBaseLSN") or 0) if kind is Kind.INCREMENTAL else 0,
        first_fork=first_fork_no,
        fork_point_lsn=(_optional(row, _as_lsn, "ForkPointLSN") or 0) if first_fork_no != fork_no else 0,
        started_utc_us=started,
        finished_utc_us=finished,
        copy_only=_optional(row, _as_bool, "IsCopyOnly") or False,
        nominal_bytes=_optional(row, _as_size, "CompressedBackupSize", "BackupSize", "TotalSize") or 0,
    )
    return HistoryEntry(
        number, header, set_id, _optional(row, _as_text, "ServerName", "ComputerName") or "",
        _optional(row, _as_text, "physical_device_name", "BackupPath") or "",
        _optional(row, _as_int, "device_type"), _optional(row, _as_text, "RecoveryModel") or "",
        not (started_known and finished_known),
    )  # fmt: skip


def _name_bases(headers: list[BackupHeader]) -> None:
    """Every incremental names its base by the base's first LSN, as far as its full is in the history."""
    bases = {(h.database, h.checkpoint_lsn): h.first_lsn for h in headers if h.kind is Kind.FULL and not h.copy_only}
    for header in headers:
        if header.kind is Kind.INCREMENTAL:
            known = header.differential_base_lsn or header.database_backup_lsn
            header.differential_base_lsn = bases.get((header.database, header.database_backup_lsn), known)


def _optional(row: Mapping[str, object], read: Callable[[object], T], *keys: str) -> T | None:
    for key in keys:
        value = row.get(_fold(key))
        if value is not None and value != "":
            try:
                return read(value)
            except _BadValueError as wrong:
                raise _BadValueError(f"{key} is {str(value)[:60]!r}, {wrong}") from None
    return None


def _required(row: Mapping[str, object], read: Callable[[object], T], *keys: str) -> T:
    value = _optional(row, read, *keys)
    if value is None:
        raise _BadValueError(f"it has no {keys[0]}")
    return value


def _as_text(value: object) -> str:
    if isinstance(value, list) and len(value) >= 1:  # the files of a striped backup: the first stands for them
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _BadValueError("a text is needed")
    return str(value)


def _as_kind(value: object) -> Kind:
    kind = _KINDS.get(value.strip().lower()) if isinstance(value, str) else None
    if kind is None:
        raise _BadValueError("one of Database (D), Database Differential (I), Transaction Log (L) is needed")
    return kind


def _as_lsn(value: object) -> int:
    number = _whole(value)
    if number is None or not 0 <= number < _LSN_LIMIT:
        raise _BadValueError("a whole number of at most 25 digits is needed")
    return number


def _as_size(value: object) -> int:
    if isinstance(value, dict):  # a size that was exported as an object
        value = _folded(value).get("byte")
    number = _whole(value)
    if number is None or not 0 <= number <= _SIZE_LIMIT:
        raise _BadValueError("a whole number of bytes is needed")
    return number


def _as_int(value: object) -> int:
    number = _whole(value)
    if number is None or abs(number) > 1_000_000:
        raise _BadValueError("a small whole number is needed")
    return number


def _as_bool(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise _BadValueError("true or false is needed")
    return text in ("true", "1")


def _whole(value: object) -> int | None:
    """A whole number, however it is written; None if it is none. Never goes through a float."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            return None
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > 30:
        return None
    return int(value) if value == value.to_integral_value() else None


def _as_instant(value: object, offset: timedelta | None) -> tuple[int, bool]:
    """(microseconds since 1970 UTC, True if its zone was known). offset: of local time from UTC, where the row says."""
    if isinstance(value, dict):  # a date that was exported as an object
        value = _folded(value).get("value")
    match = _DATE_MS.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if match is not None:
            when = _EPOCH + timedelta(milliseconds=int(match[1]))
        elif isinstance(value, str):
            when = datetime.fromisoformat(value.strip())
        else:
            raise ValueError
        known = when.tzinfo is not None or offset is not None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC) - (offset or timedelta())
        if not FIRST_YEAR <= when.year < LAST_YEAR:
            raise ValueError
        return (when - _EPOCH) // timedelta(microseconds=1), known
    except (ValueError, OverflowError):
        raise _BadValueError("an instant like 2017-07-15T16:30:00 or /Date(1500136200000)/ is needed") from None
