"""Tells which files hold the backups of a SQL Server, and whether these are still there.

A backup set is written to the families of a media set: one, or several where it is striped, and
then all of them are needed. A mirrored media set has up to four files for each family, any of which
serves. A file may hold several sets, told apart by their position (RESTORE ... WITH FILE = n); one
written WITH INIT takes the place of all that were in the file. What is written to the device NUL is
thrown away. (Microsoft: Media sets, media families and backup sets; backupmediafamily.)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from dr_sim.importers.sqlserver_history import HistoryEntry

_FILES = (None, 2, 9, 102, 109)  # devices whose path names one file
_NOWHERE = ("nul", "nul:")

Place = tuple[str, str]  # server and path, as place_of writes them


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that holds a set, or a stripe of it. family: which stripe. mirror: 0 for the file
    itself, then its mirrors.
    """

    path: str
    place: Place
    family: int
    mirror: int


def place_of(entry: HistoryEntry, path: str) -> Place:
    """Return where a file lies: a share or an URL is the same for all servers."""
    written = path.replace("\\", "/").lower()
    everywhere = written.startswith("//") or "://" in written
    return ("" if everywhere else entry.server.lower(), written)


def media_of(rows: Sequence[HistoryEntry]) -> list[MediaFile]:
    """Return the files of one set, from its rows. Where these name no family, each file is one of
    its own.
    """
    found: list[MediaFile] = []
    nth: defaultdict[int, Iterator[int]] = defaultdict(lambda: count(1))
    for row in rows:
        for path in row.paths:
            place = place_of(row, path)
            if any(file.place == place for file in found):
                continue
            family = row.family or next(nth[row.mirror])
            found.append(MediaFile(path, place, family, row.mirror))
    return found


def whole_copy(
    media: Sequence[MediaFile], gone: Container[Place]
) -> list[MediaFile] | None:
    """Return a file of each family, the mirrors last; None if no file of one is there."""
    families = sorted({file.family for file in media})
    left: dict[int, MediaFile] = {}
    for file in sorted(media, key=lambda file: file.mirror):
        if file.place not in gone:
            left.setdefault(file.family, file)
    if len(left) < len(families):
        return None
    return [left[family] for family in families]


def not_there(entries: Sequence[HistoryEntry]) -> dict[int, set[Place]]:
    """Return the places at which a set, by backup_id, is not to be found: a later set was written
    over it, or the place is the device NUL.
    """
    lost: dict[int, set[Place]] = {}
    for place, there in sets_by_place(entries).items():
        least = math.inf  # of the positions of all sets written later
        for entry in reversed(there):
            if is_nowhere(place) or entry.position >= least:
                lost.setdefault(entry.header.backup_id, set()).add(place)
            least = min(least, entry.position or math.inf)
    return lost


def is_nowhere(place: Place) -> bool:
    """Tell whether what is written there is thrown away."""
    return place[1] in _NOWHERE


def sets_by_place(
    entries: Sequence[HistoryEntry],
) -> dict[Place, list[HistoryEntry]]:
    """Return the sets of each file, one row for each, as they were written one after the other."""
    found: dict[Place, dict[int, HistoryEntry]] = {}
    for entry in entries:
        if entry.device_type in _FILES:
            for path in entry.paths:
                sets = found.setdefault(place_of(entry, path), {})
                sets.setdefault(entry.header.backup_id, entry)
    return {
        place: sorted(sets.values(), key=_in_time)
        for place, sets in found.items()
    }


def are_untold(sets: Sequence[HistoryEntry]) -> bool:
    """Tell whether one file holds several sets, and the history tells not where."""
    positions = [entry.position for entry in sets]
    return len(positions) > 1 and 0 in positions


def _in_time(entry: HistoryEntry) -> tuple[int, int]:
    return (entry.header.finished_utc_us, entry.position)
