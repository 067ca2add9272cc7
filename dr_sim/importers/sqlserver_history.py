"""Reads the backup history of a SQL Server: JSON as its scripting tools export it, or CSV of msdb's
backupset.

What varies between exports, and is understood here: UTF-8 or UTF-16 with or without a byte order
mark; the case of keys, and underscores in them (FirstLSN, first_lsn); LSNs as numbers, decimal
texts, texts with a fraction of zeros or an exponent, up to 25 digits (never a float); kinds as
words (`Database Differential`) or letters (`I`); instants as `/Date(ms)/` (UTC), ISO 8601, or local
date and time with msdb's time_zone column in quarter hours; the base of a differential by its
checkpoint LSN (differential_base_lsn; without that column database_backup_lsn) or by its first LSN,
as some tools write it: in headers it is always the first LSN; 0 names none. CLIXML
of PowerShell; devices as words (Disk) or msdb's numbers.

Foreign rows are skipped with a remark, and never a reason to refuse the rest: backups of files or
of part of a database (kinds F, G, P, Q), unfinished ones, damaged ones. Databases of one name are
kept apart (importers/apart.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.errors import Problem
from dr_sim.formatting.words import counted
from dr_sim.importers.apart import (
    Identity,
    forks_without_a_tie,
    keep_apart,
)
from dr_sim.importers.cells import (
    BadInstantError,
    BadValueError,
    Row,
    as_bool,
    as_instant,
    as_int,
    as_lsn,
    as_text,
    csv_rows,
    decoded,
    error,
    fold,
    json_rows,
    known_size,
    optional,
    required,
    zone_offset,
)
from dr_sim.importers.clixml import clixml_rows, is_clixml
from dr_sim.importers.sqlserver_ties import name_bases, name_crossings
from dr_sim.importers.sqlserver_words import (
    SkippedError,
    as_device,
    as_kind,
)
from dr_sim.importers.strange_rows import (
    Mistakes,
    RowPlace,
    StrangeRow,
    remarks_on,
)
from dr_sim.importers.texts_of_objects import plain_rows
from dr_sim.units import HOUR_US

_FINISH = ("BackupFinishDate", "End")
_PATH = ("physical_device_name", "BackupPath", "FullName", "Path")
_NO_DATE = (
    "",
    "NULL",
    "/Date(-62135596800000)/",
)  # the last is .NET's least date
_NEITHER = "neither JSON, CLIXML nor CSV with the column heads of backupset in its first line"


@dataclass(slots=True)
class HistoryEntry:
    """One row of a history. number counts from 1 in the order of the file. utc_guessed: its
    instants named no zone. clock_put_back: it is told to end before it starts.
    """

    number: int
    header: BackupHeader
    set_id: str  # backup_set_uuid; '' if the export has none
    server: str
    path: str  # of the backup file; '' if the export has none
    device_type: (
        int | None
    )  # msdb's: 2 disk, 5 tape, 7 virtual device, 9 URL
    recovery_model: str
    utc_guessed: bool
    identity: Identity
    paths: tuple[
        str, ...
    ] = ()  # of each file: a striped backup has several; those of one row
    # of the file, compressed; the header's nominal_bytes are plain. 0: unknown
    stored_bytes: int = 0
    # what is wrong with its sizes, which are then unknown
    size_mistakes: tuple[str, ...] = ()
    clock_put_back: bool = False
    # where in its file it lies (FILE = n); 0: not told
    position: int = 0
    # which stripe of the set the file of this row holds; 0: not told
    family: int = 0
    mirror: int = 0  # 0: the file itself; 1 to 3: a mirror of it

    @property
    def name(self) -> str:
        """A name for people: the file's, without its folder; else the set's; else the row's
        number.
        """
        return (
            self.path.replace("\\", "/").rpartition("/")[2]
            or (self.set_id and f"set {self.set_id}")
            or f"row {self.number}"
        )


@dataclass(slots=True)
class ImportedHistory:
    """entries in the order of the file; remarks: what was skipped, and what was kept apart.
    strange: rows that were skipped for their instants. damaged: backups that cannot be restored;
    they tell how recovery forks hang together.
    """

    entries: list[HistoryEntry]
    remarks: list[str] = field(default_factory=list)
    strange: list[StrangeRow] = field(default_factory=list)
    damaged: list[HistoryEntry] = field(default_factory=list)


def parse_history(data: bytes, file: str = "history") -> list[HistoryEntry]:
    """The entries that read_history finds."""
    return read_history(data, file).entries


def read_history(data: bytes, file: str = "history") -> ImportedHistory:
    """Read a history. Raises InputError with every kind of mistake found; file is the name it
    gives.
    """
    rows = _rows(decoded(data, file), file)
    if not any(row for _, row in rows):
        raise error(
            file,
            "holds no backups: a history of at least one backup is needed",
        )
    entries: list[HistoryEntry] = []
    damaged: list[HistoryEntry] = []
    skipped: Counter[str] = Counter()
    mistakes = Mistakes()
    strange: list[StrangeRow] = []
    sizes: list[Problem] = []
    ids: dict[str, int] = {}
    forks: dict[str, int] = {}
    for number, (line, row) in enumerate(rows, 1):
        place = RowPlace(file, f"backup {number}", line)
        try:
            is_damaged = optional(row, as_bool, "is_damaged")
            if is_damaged:
                damaged += _what_is_known(number, row, ids, forks)
                raise SkippedError("damaged")
            entry = _entry(number, row, ids, forks)
        except SkippedError as why:
            skipped[str(why)] += 1
        except BadInstantError as wrong:
            strange.append(_strange(row, place.problem(wrong)))
            mistakes.skip(place.problem(wrong))
        except BadValueError as wrong:
            mistakes.refuse(place.problem(wrong))
        else:
            entries.append(entry)
            unknown = list(map(place.problem, entry.size_mistakes))
            mistakes.forget(unknown)
            sizes += unknown
    mistakes.check(len(entries))
    remarks = [
        f"{counted(count, f'{why} backup')}: skipped"
        for why, count in sorted(skipped.items())
    ]
    remarks += remarks_on([row.problem for row in strange], sizes)
    put_back = sum(entry.clock_put_back for entry in entries)
    if put_back:
        remarks.append(
            f"{counted(put_back, 'backup')} told to end before they start, by an hour or less: the "
            "clock was put back while they ran"
        )
    if not entries:
        raise error(
            file,
            f"holds no backup that can be restored ({'; '.join(remarks)}): a full of a "
            "whole database is needed",
        )
    headers = [entry.header for entry in entries]
    everything = [*entries, *damaged]
    rows_by_identity = [
        (entry.header, entry.identity) for entry in everything
    ]
    remarks += keep_apart(rows_by_identity)
    remarks += name_crossings(everything)
    remarks += forks_without_a_tie(rows_by_identity)
    without_base = name_bases(headers)
    if without_base:
        remarks.append(
            f"{counted(without_base, 'differential')} without a base LSN (it is 0 or absent), "
            "which no plan uses"
        )
    return ImportedHistory(entries, remarks, strange, damaged)


def _rows(text: str, file: str) -> list[Row]:
    if text.lstrip()[:1] in ("[", "{") or text.strip() == "null":
        return json_rows(text, file)
    if is_clixml(text):
        return clixml_rows(text, file)
    lines = text.split("\n")
    json_lines = [
        number
        for number, line in enumerate(lines)
        if line[:1] in ("[", "{")
    ]
    if json_lines and "databasename" not in fold(
        lines[0]
    ):  # warnings stand around the JSON
        ends = [
            number
            for number, line in enumerate(lines)
            if line.rstrip()[-1:] in ("]", "}")
        ]
        last = max([number + 1 for number in ends], default=len(lines))
        return json_rows(
            "\n" * json_lines[0] + "\n".join(lines[json_lines[0] : last]),
            file,
        )
    rows = csv_rows(text, file, "database_name", _NEITHER, "Database")
    return plain_rows(rows, file)


def _what_is_known(
    number: int,
    row: Mapping[str, object],
    ids: dict[str, int],
    forks: dict[str, int],
) -> list[HistoryEntry]:
    """Return a damaged backup, if its row can be read."""
    try:
        return [_entry(number, row, ids, forks)]
    except (SkippedError, BadValueError):
        return []


def _entry(
    number: int,
    row: Mapping[str, object],
    ids: dict[str, int],
    forks: dict[str, int],
) -> HistoryEntry:
    database = required(row, as_text, "DatabaseName", "Database")
    if not database:
        raise BadValueError("DatabaseName is empty")
    kind = required(
        row, as_kind, "Type", "BackupTypeDescription", "BackupType"
    )
    finishes = [row[fold(key)] for key in _FINISH if fold(key) in row]
    if finishes and all(map(_is_open, finishes)):
        raise SkippedError("unfinished")
    if any(
        fold(key) in row and row[fold(key)] in (None, "")
        for key in ("FirstLSN", "LastLSN")
    ):
        raise SkippedError("incomplete (without LSNs)")
    first_lsn, last_lsn = _lsns(row)
    told = _instants(row)
    size_mistakes: list[str] = []
    plain, stored = _sizes(row, size_mistakes)
    set_id = (
        optional(
            row, as_text, "BackupSetGUID", "backup_set_uuid", "BackupSetId"
        )
        or ""
    )
    first_told = (
        optional(
            row, as_text, "FirstRecoveryForkID", "first_recovery_fork_guid"
        )
        or ""
    )
    fork = (
        optional(row, as_text, "RecoveryForkID", "last_recovery_fork_guid")
        or first_told
    )
    first_fork = first_told or fork
    fork_no, first_fork_no = (
        forks.setdefault(guid.lower(), len(forks) + 1)
        for guid in (fork, first_fork)
    )
    server = (
        optional(row, as_text, "ServerName", "SqlInstance", "ComputerName")
        or ""
    )
    set_key = set_id.lower() or f"row {number}"
    if set_id.isdigit():  # msdb's own number: each server counts anew
        set_key = f"{set_id} {server} {database} {first_lsn} {last_lsn}"
    header = BackupHeader(
        database=database,
        backup_id=ids.setdefault(set_key, len(ids) + 1),
        kind=kind,
        fork=fork_no,
        first_lsn=first_lsn,
        last_lsn=last_lsn,
        checkpoint_lsn=optional(row, as_lsn, "CheckpointLSN") or 0,
        database_backup_lsn=optional(row, as_lsn, "DatabaseBackupLSN") or 0,
        differential_base_lsn=(
            optional(row, as_lsn, "DifferentialBaseLSN") or 0
        )
        if kind is Kind.INCREMENTAL
        else 0,
        first_fork=first_fork_no,
        fork_point_lsn=(optional(row, as_lsn, "ForkPointLSN") or first_lsn)
        if first_fork_no != fork_no
        else 0,
        started_utc_us=told.started_utc_us,
        finished_utc_us=told.finished_utc_us,
        copy_only=optional(row, as_bool, "IsCopyOnly") or False,
        nominal_bytes=plain,
    )
    identity = Identity(
        (optional(row, as_text, "family_guid", "FamilyGUID") or "").lower(),
        (optional(row, as_text, "database_guid") or "").lower(),
        tuple({guid.lower(): None for guid in (fork, first_fork) if guid}),
        bool(first_told),
        server,
    )
    return HistoryEntry(
        number,
        header,
        set_id,
        server,
        optional(row, as_text, *_PATH) or "",
        optional(row, as_device, "device_type"),
        optional(row, as_text, "RecoveryModel") or "",
        not told.zone_known,
        identity,
        optional(row, _as_texts, *_PATH) or (),
        stored,
        tuple(size_mistakes),
        told.clock_put_back,
        optional(row, as_int, "Position") or 0,
        optional(row, as_int, "family_sequence_number") or 0,
        optional(row, as_int, "mirror") or 0,
    )


def _lsns(row: Mapping[str, object]) -> tuple[int, int]:
    first_lsn = required(row, as_lsn, "FirstLSN")
    last_lsn = required(row, as_lsn, "LastLSN")
    if first_lsn > last_lsn:
        raise BadValueError(
            f"FirstLSN {first_lsn} lies behind LastLSN {last_lsn}"
        )
    return first_lsn, last_lsn


class _Instants(NamedTuple):
    """When a backup was made. clock_put_back: it is told to end before it starts, by an hour or
    less: local time was put back while it ran, so it ended an hour later.
    """

    started_utc_us: int
    finished_utc_us: int
    zone_known: bool
    clock_put_back: bool


def _instants(row: Mapping[str, object]) -> _Instants:
    """Return when the backup was made. Raises BadInstantError."""
    try:
        offset = zone_offset(row)
        started, started_known = required(
            row,
            lambda v: as_instant(v, offset),
            "BackupStartDate",
            "Start",
        )
        finished, finished_known = required(
            row, lambda v: as_instant(v, offset), *_FINISH
        )
    except BadValueError as wrong:
        raise BadInstantError(str(wrong)) from None
    put_back = finished < started
    if put_back:
        finished += HOUR_US
    if finished < started:
        raise BadInstantError(
            "it ends before it starts: BackupFinishDate lies before BackupStartDate"
        )
    zone_known = started_known and finished_known
    return _Instants(started, finished, zone_known, put_back)


def _strange(row: Mapping[str, object], problem: Problem) -> StrangeRow:
    """Keep what else the row tells, all of which could be read."""
    return StrangeRow(
        problem,
        required(
            row, as_kind, "Type", "BackupTypeDescription", "BackupType"
        ),
        required(row, as_text, "DatabaseName", "Database"),
        _lsns(row),
    )


def _sizes(
    row: Mapping[str, object], mistakes: list[str]
) -> tuple[int, int]:
    """(plain bytes, bytes of the file). Where the export tells one of them only, it stands for
    both.
    """
    plain = known_size(row, mistakes, "BackupSize", "TotalSize")
    stored = known_size(row, mistakes, "CompressedBackupSize")
    return plain or stored, stored or plain


def _is_open(value: object) -> bool:
    if isinstance(value, dict):  # a date that was exported as an object
        value = next(
            (v for key, v in value.items() if fold(key) == "value"), None
        )
    return value is None or (
        isinstance(value, str)
        and (value.strip() in _NO_DATE or value.startswith("0001-01-01"))
    )


def _as_texts(value: object) -> tuple[str, ...]:
    return (
        tuple(as_text(each) for each in value)
        if isinstance(value, list)
        else (as_text(value),)
    )
