"""Tells what `dr-sim plan` can plan from: the histories of SQL Server, pgBackRest, WAL-G and
Barman, and runs of dr_sim.

Each source is one database (plan_source.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dr_sim.backups.chain import forks_of
from dr_sim.backups.model import BackupHeader
from dr_sim.backups.target import Told
from dr_sim.errors import InputError
from dr_sim.importers.cells import (
    BadValueError,
    csv_rows,
    decoded,
    error,
    fold,
)
from dr_sim.importers.import_postgres import read_clusters, tool_of
from dr_sim.importers.json_values import json_values, parse_lsn
from dr_sim.importers.plan_source import (
    Forks,
    Opened,
    RestoreCosts,
    Source,
)
from dr_sim.importers.postgres_source import PostgresSource
from dr_sim.importers.sqlserver_files import not_there
from dr_sim.importers.sqlserver_history import HistoryEntry, read_history
from dr_sim.importers.sqlserver_source import SqlServerSource
from dr_sim.importers.strange_rows import StrangeRow

_HISTORY_LINE = re.compile(
    r"\s*(\d+)\s+([0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8})\b"
)
_HISTORY_NAME = re.compile(r"([0-9A-Fa-f]{8})\.history")


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
    lost = not_there([*history.entries, *history.damaged])
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
            not_there=lost,
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
