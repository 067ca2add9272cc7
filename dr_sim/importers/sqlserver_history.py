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
from dr_sim.importers.strange_rows import (
    Mistakes,
    RowPlace,
    StrangeRow,
    remarks_on,
)
from dr_sim.importers.texts_of_objects import plain_rows
from dr_sim.units import HOUR_US

_KINDS = {
    "database": Kind.FULL,
    "full": Kind.FULL,
    "d": Kind.FULL,
    "1": Kind.FULL,
    "database differential": Kind.INCREMENTAL,
    "differential": Kind.INCREMENTAL,
    "i": Kind.INCREMENTAL,
    "5": Kind.INCREMENTAL,
    "transaction log": Kind.LOG,
    "log": Kind.LOG,
    "l": Kind.LOG,
    "2": Kind.LOG,
}
_FOREIGN = {
    "f": "file",
    "file": "file",
    "filegroup": "file",
    "file or filegroup": "file",
    "4": "file",
    "g": "differential file",
    "differential file": "differential file",
    "file differential": "differential file",
    "6": "differential file",
    "p": "partial",
    "partial": "partial",
    "partial full": "partial",
    "7": "partial",
    "q": "differential partial",
    "differential partial": "differential partial",
    "partial differential": "differential partial",
    "8": "differential partial",
}
_DEVICES = {
    "disk": 2,
    "tape": 5,
    "pipe": 6,
    "virtual device": 7,
    "url": 9,
    "permanent disk device": 102,
    "permanent tape device": 105,
    "permanent pipe device": 106,
    "permanent virtual device": 107,
    "permanent url": 109,
}
_UNKNOWN_DEVICE = 0
NO_BASE = -1  # the differential base LSN of an incremental that names none
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
    instants named no zone.
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
    # it is told to end before it starts: its end is an hour later
    clock_put_back: bool = False

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


class _SkippedError(Exception):
    """Why a row is no backup of a whole database: 'file', 'unfinished', ..."""


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
                raise _SkippedError("damaged")
            entry = _entry(number, row, ids, forks)
        except _SkippedError as why:
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
    remarks += _name_crossings(everything)
    remarks += forks_without_a_tie(rows_by_identity)
    without_base = _name_bases(headers)
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
    except (_SkippedError, BadValueError):
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
        row, _as_kind, "Type", "BackupTypeDescription", "BackupType"
    )
    finishes = [row[fold(key)] for key in _FINISH if fold(key) in row]
    if finishes and all(map(_is_open, finishes)):
        raise _SkippedError("unfinished")
    if any(
        fold(key) in row and row[fold(key)] in (None, "")
        for key in ("FirstLSN", "LastLSN")
    ):
        raise _SkippedError("incomplete (without LSNs)")
    first_lsn, last_lsn = _lsns(row)
    started, finished, zone_known = _instants(row)
    put_back = finished < started
    if put_back:
        finished += HOUR_US
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
        started_utc_us=started,
        finished_utc_us=finished,
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
        optional(row, _as_device, "device_type"),
        optional(row, as_text, "RecoveryModel") or "",
        not zone_known,
        identity,
        optional(row, _as_texts, *_PATH) or (),
        stored,
        tuple(size_mistakes),
        put_back,
    )


def _lsns(row: Mapping[str, object]) -> tuple[int, int]:
    first_lsn = required(row, as_lsn, "FirstLSN")
    last_lsn = required(row, as_lsn, "LastLSN")
    if first_lsn > last_lsn:
        raise BadValueError(
            f"FirstLSN {first_lsn} lies behind LastLSN {last_lsn}"
        )
    return first_lsn, last_lsn


def _instants(row: Mapping[str, object]) -> tuple[int, int, bool]:
    """(start, finish as it is told, True if their zone was known). Raises BadInstantError."""
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
    # by an hour or less: local time was put back while it ran
    if finished < started - HOUR_US:
        raise BadInstantError(
            "it ends before it starts: BackupFinishDate lies before BackupStartDate"
        )
    return started, finished, started_known and finished_known


def _strange(row: Mapping[str, object], problem: Problem) -> StrangeRow:
    """Keep what else the row tells, all of which could be read."""
    return StrangeRow(
        problem,
        required(
            row, _as_kind, "Type", "BackupTypeDescription", "BackupType"
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


def _name_crossings(entries: list[HistoryEntry]) -> list[str]:
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


def _name_bases(headers: list[BackupHeader]) -> int:
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


def _as_texts(value: object) -> tuple[str, ...]:
    return (
        tuple(as_text(each) for each in value)
        if isinstance(value, list)
        else (as_text(value),)
    )


def _as_device(value: object) -> int:
    """msdb's number of a device; exports of dbatools have a word. One that nobody knows is no
    reason to refuse a row.
    """
    if isinstance(value, str) and not value.strip().isdigit():
        return _DEVICES.get(value.strip().lower(), _UNKNOWN_DEVICE)
    return as_int(value)


def _as_kind(value: object) -> Kind:
    word = (
        str(value).strip().lower()
        if isinstance(value, (str, int)) and not isinstance(value, bool)
        else ""
    )
    if word in _FOREIGN:
        raise _SkippedError(_FOREIGN[word])
    kind = _KINDS.get(word)
    if kind is None:
        raise BadValueError(
            "one of Database (D), Database Differential (I), Transaction Log (L) is needed"
        )
    return kind
