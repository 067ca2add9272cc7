"""A database of a SQL Server, as its history tells of it, for a restore plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dr_sim.backups.chain import forks_of
from dr_sim.backups.target import Told
from dr_sim.formatting.words import counted
from dr_sim.importers.cells import BadValueError
from dr_sim.importers.plan_source import (
    Forks,
    Opened,
    RestoreCosts,
)
from dr_sim.importers.sqlserver_files import (
    Place,
    are_untold,
    is_nowhere,
    media_of,
    place_of,
    sets_by_place,
    whole_copy,
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
    # where each set, by backup_id, is not to be found any more
    not_there: Mapping[int, set[Place]] = field(default_factory=dict)
    slack_us: int = 0

    def knows(self, name: str) -> bool:
        return bool(self._sets_named(name) or self._places_named(name))

    def _sets_named(self, name: str) -> set[int]:
        """Return the sets with that id, or that name if the history tells no file of theirs."""
        wanted = name.lower()
        return {
            entry.header.backup_id
            for entry in self.entries
            if (entry.set_id and wanted == entry.set_id.lower())
            or (not entry.paths and wanted == entry.name.lower())
        }

    def _places_named(self, name: str) -> set[Place]:
        """Return the files of that path, else the one file of that name."""
        wanted = name.replace("\\", "/").lower()
        places = {
            place_of(entry, path)
            for entry in self.entries
            for path in entry.paths
        }
        found = {place for place in places if place[1] == wanted}
        if found:
            return found
        found = {
            place for place in places if _file_name(place[1]) == wanted
        }
        if len(found) > 1:
            raise BadValueError(
                f"{name!r} names files in several folders: write the whole path"
            )
        return found

    def open(self, without: Sequence[str], forks: Forks) -> Opened:
        opened = Opened(
            [], {}, Told(self._forks(forks)), remarks=list(self.remarks)
        )
        opened.remarks += self._remarks_on_files()
        no_sets = {n for name in without for n in self._sets_named(name)}
        no_files = {p for name in without for p in self._places_named(name)}
        by_set: dict[int, list[HistoryEntry]] = {}
        for entry in self.entries:
            by_set.setdefault(entry.header.backup_id, []).append(entry)
        guessed = False
        for number, rows in by_set.items():
            gone = no_files | self.not_there.get(number, set())
            files = whole_copy(media_of(rows), gone)
            if files is None or number in no_sets:
                continue
            first = rows[0]
            guessed |= first.utc_guessed
            names = [_file_name(file.path) for file in files]
            opened.headers.append(first.header)
            opened.names[number] = " + ".join(names) or first.name
            opened.stored_bytes[number] = first.stored_bytes
            opened.paths[number] = [file.path for file in files]
            if first.position:
                opened.positions[number] = first.position
        if guessed:
            opened.remarks.append(
                "instants name no time zone: taken as UTC"
            )
        return opened

    def _remarks_on_files(self) -> list[str]:
        """Say what is in the history and lies in no file, and what nobody can tell."""
        remarks = []
        own = {entry.header.backup_id for entry in self.entries}
        lost = {n: at for n, at in self.not_there.items() if n in own}
        nowhere = sum(any(map(is_nowhere, at)) for at in lost.values())
        if nowhere:
            remarks.append(
                f"{counted(nowhere, 'backup')} written to the device NUL, which keeps nothing"
            )
        over = len(lost) - nowhere
        if over:
            remarks.append(
                f"{counted(over, 'backup')} of this history overwritten by a later one in the "
                "same file"
            )
        files = sets_by_place(self.entries).values()
        shared = [sets for sets in files if are_untold(sets)]
        if shared:
            remarks.append(
                f"{counted(len(shared), 'file')} with several backups, and the history does not "
                "tell their positions (FILE = n), nor whether one was written over another: all "
                "are taken to be there"
            )
        return remarks

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


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
