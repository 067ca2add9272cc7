"""A database of a SQL Server, as its history tells of it, for a restore plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dr_sim.backups.chain import forks_of
from dr_sim.backups.target import (
    Told,
)
from dr_sim.importers.cells import (
    BadValueError,
)
from dr_sim.importers.plan_source import (
    Forks,
    Opened,
    RestoreCosts,
)
from dr_sim.importers.sqlserver_history import HistoryEntry
from dr_sim.importers.strange_rows import StrangeRow

_VLF_LSN = re.compile(
    r"([0-9A-Fa-f]{1,8}):([0-9A-Fa-f]{1,8}):([0-9A-Fa-f]{1,4})"
)


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
