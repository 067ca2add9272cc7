"""Tells what `dr-sim plan` can plan from: the histories of SQL Server, pgBackRest, WAL-G and
Barman, and runs of dr_sim.

Each source is one database. It opens into files with headers, with some of them taken away, and
knows how its positions and forks are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dr_sim.backups.chain import forks_of
from dr_sim.backups.model import BackupHeader
from dr_sim.backups.target import (
    ASSUMED_FIXED_US,
    ASSUMED_RATE_BYTES_S,
    Told,
)
from dr_sim.errors import InputError
from dr_sim.importers.cells import (
    BadValueError,
    csv_rows,
    decoded,
    error,
    fold,
)
from dr_sim.importers.import_postgres import Tool, read_clusters, tool_of
from dr_sim.importers.json_values import json_values, lsn_text, parse_lsn
from dr_sim.importers.postgres_backups import Cluster, Positions
from dr_sim.importers.sqlserver_history import HistoryEntry, read_history
from dr_sim.importers.strange_rows import StrangeRow
from dr_sim.importers.wal_names import wal_names, wal_start
from dr_sim.importers.wal_placement import place
from dr_sim.units import SECOND_US

_WAL_NAME = re.compile(r"[0-9A-Fa-f]{24}")
_VLF_LSN = re.compile(
    r"([0-9A-Fa-f]{1,8}):([0-9A-Fa-f]{1,8}):([0-9A-Fa-f]{1,4})"
)
_HISTORY_LINE = re.compile(
    r"\s*(\d+)\s+([0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8})\b"
)
_HISTORY_NAME = re.compile(r"([0-9A-Fa-f]{8})\.history")
ASSUMED_COSTS = "assumed, from 500 GB in 23 min 24 s; give --restore-rate and --restore-fixed"


@dataclass(frozen=True, slots=True)
class RestoreCosts:
    fixed_us: int = ASSUMED_FIXED_US
    rate_bytes_s: int = ASSUMED_RATE_BYTES_S
    source: str = ASSUMED_COSTS


@dataclass(slots=True)
class Opened:
    """Holds what is at hand. names, stored bytes and whole paths of files by backup_id; sizes that
    nothing tells are 0.
    """

    headers: list[BackupHeader]
    names: dict[int, str]
    told: Told = field(default_factory=Told)
    stored_bytes: dict[int, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    paths: dict[int, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Forks:
    """Fork histories as they were given: child -> (parent, fork point), timelines by number, SQL
    Server's by GUID.
    """

    timelines: dict[int, tuple[int, int]] = field(default_factory=dict)
    guids: dict[str, tuple[str, int]] = field(default_factory=dict)


class Source(Protocol):
    """One database. BadValueError from any of these says what is wrong with a text that the user
    gave.
    """

    @property
    def database(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def costs(self) -> RestoreCosts: ...
    @property
    def strange(self) -> Sequence[StrangeRow]: ...
    @property
    def slack_us(self) -> int:
        """Return how much later than it tells a backup may have ended (Target.slack_us)."""

    def knows(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    def open(self, without: Sequence[str], forks: Forks) -> Opened: ...

    def fork(self, text: str) -> int: ...

    def fork_text(self, fork: int) -> str: ...

    def lsn(self, text: str) -> int: ...

    def lsn_text(self, lsn: int) -> str: ...

    def position_text(self, fork: int, lsn: int) -> str: ...

    def stretch_text(
        self, fork: int, first_lsn: int, last_lsn: int
    ) -> str: ...


# ---- SQL Server
@dataclass(slots=True)
class SqlServerSource:
    database: str
    entries: list[HistoryEntry]
    remarks: list[str]
    kind: str = "sqlserver"
    costs: RestoreCosts = field(default_factory=RestoreCosts)
    strange: Sequence[StrangeRow] = ()
    damaged: Sequence[HistoryEntry] = ()
    slack_us: int = 0

    def knows(self, name: str) -> bool:
        return bool(self._named(name))

    def _named(self, name: str) -> list[HistoryEntry]:
        """The backups in a file: by its path, by the set's id, or by a name that one path alone
        has.
        """
        wanted = name.replace("\\", "/").lower()
        for of in (_paths, lambda entry: [entry.set_id.lower()], _names):
            found = [entry for entry in self.entries if wanted in of(entry)]
            if of is _names and any(_paths(entry) for entry in found):
                ids = {entry.header.backup_id for entry in found}
                if len(ids) > 1:
                    raise BadValueError(
                        f"{name!r} names files in several folders: write the whole path"
                    )
            if found:
                return found
        return []

    def open(self, without: Sequence[str], forks: Forks) -> Opened:
        gone = {
            entry.header.backup_id
            for name in without
            for entry in self._named(name)
        }
        left = [
            entry
            for entry in self.entries
            if entry.header.backup_id not in gone
        ]
        opened = Opened(
            [], {}, Told(self._forks(forks)), remarks=list(self.remarks)
        )
        for entry in left:
            number = entry.header.backup_id
            if number not in opened.names:
                opened.headers.append(entry.header)
                opened.names[number] = entry.name
                opened.stored_bytes[number] = entry.stored_bytes
            paths = opened.paths.setdefault(number, [])
            paths += [path for path in entry.paths if path not in paths]
        for number, paths in opened.paths.items():
            if len(paths) > 1:  # striped: all of them are needed
                opened.names[number] = " + ".join(
                    _file_name(path) for path in paths
                )
        if any(entry.utc_guessed for entry in left):
            opened.remarks.append(
                "instants name no time zone: taken as UTC"
            )
        return opened

    def _guids(self) -> dict[str, int]:
        known: dict[str, int] = {}
        for entry in (*self.entries, *self.damaged):
            numbers = dict.fromkeys(
                (entry.header.fork, entry.header.first_fork)
            )
            known.update(zip(entry.identity.forks, numbers, strict=False))
        return known

    def _forks(self, forks: Forks) -> dict[int, tuple[int, int]]:
        """Return fork points by number, as the history tells them, also of files that are gone or
        damaged, and as they are given; a parent that no backup names gets a number of its own.
        """
        known = self._guids()
        everything = (*self.entries, *self.damaged)
        told = forks_of(entry.header for entry in everything)
        for child, (parent, point) in forks.guids.items():
            if child in known:
                told[known[child]] = (
                    known.setdefault(parent, -1 - len(known)),
                    point,
                )
        return told

    def fork(self, text: str) -> int:
        found = {
            number
            for guid, number in self._guids().items()
            if guid.startswith(text.lower())
        }
        if len(found) != 1:
            raise BadValueError(
                f"{text[:60]!r} is no recovery fork of {self.database}: write the "
                "beginning of its GUID"
            )
        return found.pop()

    def fork_text(self, fork: int) -> str:
        return next(
            (
                f"fork {guid}"
                for guid, number in self._guids().items()
                if number == fork
            ),
            f"fork {fork}",
        )

    def lsn(self, text: str) -> int:
        if match := _VLF_LSN.fullmatch(text):
            vlf, block, slot = (int(part, 16) for part in match.groups())
            return vlf * 10**15 + block * 10**5 + slot
        if not re.fullmatch(r"\d{1,25}", text):
            raise BadValueError(
                f"{text[:60]!r} is no LSN: write 34000000006900179 or 00000022:00000045:00b3"
            )
        return int(text)

    def lsn_text(self, lsn: int) -> str:
        return str(lsn)

    def position_text(self, fork: int, lsn: int) -> str:
        return f"{self.fork_text(fork)}, LSN {lsn}"

    def stretch_text(self, fork: int, first_lsn: int, last_lsn: int) -> str:
        return f"log of {self.fork_text(fork)} from LSN {first_lsn} to {last_lsn}"


def _paths(entry: HistoryEntry) -> list[str]:
    return [path.replace("\\", "/").lower() for path in entry.paths]


def _names(entry: HistoryEntry) -> list[str]:
    return [_file_name(path).lower() for path in entry.paths] or [
        entry.name.lower()
    ]


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


# ---- the tools of PostgreSQL
@dataclass(slots=True)
class PostgresSource:
    cluster: Cluster
    kind: str
    costs: RestoreCosts = field(default_factory=RestoreCosts)
    positions: Positions = field(init=False)

    def __post_init__(self) -> None:
        self.positions = self.cluster.positions()

    @property
    def database(self) -> str:
        return self.cluster.name

    @property
    def strange(self) -> Sequence[StrangeRow]:
        rows = self.cluster.strange
        if self.positions is Positions.LSN:
            return rows
        return [replace(row, lsns=None) for row in rows]

    @property
    def slack_us(self) -> int:
        """Return a second where ends are told in whole seconds, as pgBackRest and lists of Barman
        do. pgBackRest too takes no backup that ended within the second asked for.
        """
        if self.kind == Tool.WALG.value:  # it tells parts of a second
            return 0
        ends = [backup.finished_utc_us for backup in self.cluster.backups]
        return SECOND_US if any(us % SECOND_US == 0 for us in ends) else 0

    def knows(self, name: str) -> bool:
        if any(backup.label == name for backup in self.cluster.backups):
            return True
        return (
            bool(_WAL_NAME.fullmatch(name))
            and self.positions is not Positions.TIME
        )

    def open(self, without: Sequence[str], forks: Forks) -> Opened:
        gone = frozenset(
            name.upper() for name in without if _WAL_NAME.fullmatch(name)
        )
        placed = place(self.cluster, forks.timelines, gone)
        left = {
            label: header
            for label, header in placed.backups.items()
            if label not in without
        }
        opened = Opened(
            [*left.values(), *placed.wal],
            {},
            Told(
                placed.forks,
                placed.bases,
                placed.parts,
                frozenset(placed.incomplete),
                placed.awaited,
                by_number=True,
            ),
        )
        opened.remarks = [*self.cluster.remarks, *placed.remarks]
        if placed.wal:
            opened.remarks.append(
                "the list names no WAL files: WAL is taken as whole up to its last known end"
            )
        for label, header in left.items():
            opened.names[header.backup_id] = label
        moved = {
            backup.label: backup.moved_bytes
            for backup in self.cluster.backups
        }
        for label, header in left.items():
            opened.stored_bytes[header.backup_id] = moved[label]
        for header in placed.wal:
            opened.names[header.backup_id] = self._wal_text(
                header.fork, header.first_lsn, header.last_lsn
            )
        return opened

    def _wal_text(self, fork: int, first_lsn: int, last_lsn: int) -> str:
        if self.positions is Positions.TIME:
            return f"the WAL of timeline {fork} in between"
        return "WAL " + " to ".join(
            wal_names(fork, first_lsn, last_lsn, self.cluster.segment_bytes)
        )

    def fork(self, text: str) -> int:
        if not re.fullmatch(r"\d{1,9}|[0-9A-Fa-f]{8}", text):
            raise BadValueError(
                f"{text[:60]!r} is no timeline: write its number, or the eight digits "
                "before WAL names"
            )
        return int(text, 16 if len(text) == 8 else 10)

    def fork_text(self, fork: int) -> str:
        return f"timeline {fork}"

    def lsn(self, text: str) -> int:
        if self.positions is Positions.TIME:
            raise BadValueError(
                "the history has no LSNs: write an instant, or latest"
            )
        if _WAL_NAME.fullmatch(text):
            return wal_start(text.upper(), self.cluster.segment_bytes)
        return (
            int(text)
            if re.fullmatch(r"\d{1,20}", text)
            else parse_lsn(text, "the target")
        )

    def lsn_text(self, lsn: int) -> str:
        return lsn_text(lsn)

    def position_text(self, fork: int, lsn: int) -> str:
        if self.positions is Positions.TIME:
            return f"timeline {fork}"
        return f"timeline {fork}, LSN {lsn_text(lsn)}"

    def stretch_text(self, fork: int, first_lsn: int, last_lsn: int) -> str:
        return self._wal_text(fork, first_lsn, last_lsn)


# ---- a run of dr_sim
@dataclass(slots=True)
class RunSource:
    """The files of one database that lay whole in the secondary's share when the primary failed, or
    at the end.
    """

    database: str
    files: dict[str, BackupHeader]
    remarks: list[str]
    costs: RestoreCosts
    kind: str = "run of dr_sim"
    strange: Sequence[StrangeRow] = ()
    slack_us: int = 0

    def knows(self, name: str) -> bool:
        return name in self.files

    def open(self, without: Sequence[str], forks: Forks) -> Opened:
        left = {
            name: header
            for name, header in self.files.items()
            if name not in without
        }
        names = {header.backup_id: name for name, header in left.items()}
        stored = {
            header.backup_id: header.nominal_bytes
            for header in left.values()
        }
        told = Told(forks_of(self.files.values()))
        return Opened(
            list(left.values()), names, told, stored, list(self.remarks)
        )

    def fork(self, text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text):
            raise BadValueError(
                f"{text[:60]!r} is no fork: write its number"
            )
        return int(text)

    def fork_text(self, fork: int) -> str:
        return f"fork {fork}"

    def lsn(self, text: str) -> int:
        if not re.fullmatch(r"\d{1,25}", text):
            raise BadValueError(f"{text[:60]!r} is no LSN: write a number")
        return int(text)

    def lsn_text(self, lsn: int) -> str:
        return str(lsn)

    def position_text(self, fork: int, lsn: int) -> str:
        return f"fork {fork}, LSN {lsn}"

    def stretch_text(self, fork: int, first_lsn: int, last_lsn: int) -> str:
        return f"log of fork {fork} from LSN {first_lsn} to {last_lsn}"


# ---- files in
def sources_in(data: bytes, file: str) -> list[Source]:
    """One source for each database in a history, whichever tool wrote it. Raises InputError if it
    is none that is known.
    """
    text = decoded(data, file)
    first = next(
        (line for line in text.splitlines() if line[:1] in ("[", "{")), ""
    )
    if first and text.lstrip()[:1] != "<":
        tool = (
            tool_of(json_values(text, file))
            if not _is_sql_server(text, file)
            else None
        )
        if tool is not None:
            found: list[Source] = [
                PostgresSource(cluster, tool.value)
                for cluster in read_clusters(data, file, tool)
            ]
            if not found:
                raise error(
                    file,
                    f"holds no backups of {tool.value}: a history of at least one backup is needed",
                )
            return found
    history = read_history(data, file)
    by_database: dict[str, list[HistoryEntry]] = {}
    for entry in history.entries:
        by_database.setdefault(entry.header.database, []).append(entry)
    found_there: list[Source] = []
    for name, entries in by_database.items():
        # of several of one name any may be the row's
        strange = [
            row
            for row in history.strange
            if name == row.name or name.startswith(f"{row.name} (")
        ]
        damaged = [
            entry
            for entry in history.damaged
            if entry.header.database == name
        ]
        source = SqlServerSource(
            name,
            entries,
            history.remarks,
            strange=strange,
            damaged=damaged,
        )
        found_there.append(source)
    return found_there


def _is_sql_server(text: str, file: str) -> bool:
    """A list or object whose keys are those of backupset."""
    try:
        values = json_values(text, file)
    except InputError:  # the reader that is right for it says what is wrong
        return True
    rows = [
        row
        for value in values
        for row in (value if isinstance(value, list) else [value])
    ]
    keys = {
        fold(key) for row in rows if isinstance(row, Mapping) for key in row
    }
    return bool(keys & {"firstlsn", "lastlsn", "backupstartdate"})


def read_forks(data: bytes, file: str, name: str, forks: Forks) -> None:
    """Add a fork history: PostgreSQL's timeline file (name: its file name), or CSV with
    recovery_fork_guid, first_recovery_fork_guid and fork_point_lsn, as sys.database_recovery_status
    has them.
    """
    text = decoded(data, file)
    if match := _HISTORY_NAME.fullmatch(name):
        chain: list[tuple[int, int]] = []
        for number, written in enumerate(text.splitlines(), 1):
            content = written.partition("#")[0]
            found = _HISTORY_LINE.match(content)
            if found:
                chain.append(
                    (int(found[1]), parse_lsn(found[2], "the switch"))
                )
            elif content.strip():
                raise error(
                    file,
                    "is no timeline history: a timeline and an LSN are needed, as in '5 "
                    "0/5000028 reason'",
                    number,
                    1,
                )
        children = [timeline for timeline, _ in chain[1:]] + [
            int(match[1], 16)
        ]
        forks.timelines.update(
            zip(children, chain, strict=True) if chain else ()
        )
        return
    what = "neither a timeline file (0000000N.history) nor CSV of recovery forks"
    for line, row in csv_rows(text, file, "fork_point_lsn", what):
        child, parent, point = (
            str(row.get(fold(key)) or "") for key in _FORK_HEADS
        )
        if not point.isdigit() or not child or not parent:
            raise error(
                file, f"needs {', '.join(_FORK_HEADS)} in each row", line, 1
            )
        forks.guids[child.lower()] = (parent.lower(), int(point))


_FORK_HEADS = (
    "recovery_fork_guid",
    "first_recovery_fork_guid",
    "fork_point_lsn",
)
