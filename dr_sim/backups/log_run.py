"""Runs of quiet logs, held by columns.

Theory of operation. A fleet makes millions of logs, and nobody looks at most of them again: they
lie in both shares until retention deletes them. An object for each, in every part of the world that
knows of it, would be more than a kilobyte a log. So a stretch of quiet logs is one `LogRun`: a few
columns of numbers. The tables of files in which runs stand are in run_tables.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dr_sim.backups.model import BackupHeader, Kind

FEWEST = 6
"""Logs of a run that is worth its columns: with fewer, objects take no more room."""


@dataclass(slots=True, frozen=True)
class LogsAlike:
    """The fields of a header that all logs of a run have. utc_minus_mono_us: the primary's wall
    clock when they were made.
    """

    database: str
    fork: int
    first_number: int
    checkpoint_lsn: int
    database_backup_lsn: int
    utc_minus_mono_us: int


class LogRun:
    """Consecutive logs of one database: each begins where the one before it ends.

    lsn, commits: where the first begins, then where each ends; cut_us, finished_us: the instants.
    The names are of one length and in their order.
    """

    __slots__ = (
        "_before",
        "_names",
        "_width",
        "alike",
        "commits",
        "cut_us",
        "finished_us",
        "lsn",
    )

    def __init__(
        self,
        alike: LogsAlike,
        names: Sequence[str],
        lsn: Sequence[int],
        commits: Sequence[int],
        times_us: tuple[Sequence[int], Sequence[int]],
    ) -> None:
        """times_us: when each was cut, and when it was finished."""
        self.alike = alike
        self.lsn = lsn
        self.commits = commits
        self.cut_us, self.finished_us = times_us
        if not _in_order(names):
            raise ValueError(
                f"the names from {names[0]} on are not those of a run"
            )
        # names in their order begin alike as the first and the last do
        before = _common(names[0], names[-1])
        self._before = before
        self._width = len(names[0]) - len(before)
        self._names = "".join([name[len(before) :] for name in names])

    def __len__(self) -> int:
        return len(self.cut_us)

    @property
    def first_number(self) -> int:
        return self.alike.first_number

    @property
    def numbers(self) -> range:
        return range(self.first_number, self.first_number + len(self))

    def name(self, i: int) -> str:
        at = i * self._width
        return self._before + self._names[at : at + self._width]

    def names(self) -> list[str]:
        before, names, width = self._before, self._names, self._width
        return [
            before + names[i * width : (i + 1) * width]
            for i in range(len(self))
        ]

    def place_of_name(self, name: str) -> int:
        """Return the place of the log of that name; -1 if it is none of these."""
        i = bisect_left(range(len(self)), name, key=self.name)
        return i if i < len(self) and self.name(i) == name else -1

    def place_of_number(self, number: int) -> int:
        i = number - self.first_number
        return i if 0 <= i < len(self) else -1

    def part(self, begin: int, end: int) -> LogRun:
        """Return the logs from one place on and before another as a run of their own."""
        if begin == 0 and end == len(self):
            return self
        return LogRun(
            replace(self.alike, first_number=self.first_number + begin),
            [self.name(i) for i in range(begin, end)],
            self.lsn[begin : end + 1],
            self.commits[begin : end + 1],
            (self.cut_us[begin:end], self.finished_us[begin:end]),
        )

    def header(self, i: int) -> BackupHeader:
        alike, first_lsn, last_lsn = (
            self.alike,
            self.lsn[i],
            self.lsn[i + 1],
        )
        return BackupHeader(
            alike.database,
            alike.first_number + i,
            Kind.LOG,
            alike.fork,
            first_lsn,
            last_lsn,
            alike.checkpoint_lsn,
            alike.database_backup_lsn,
            0,
            alike.fork,
            0,
            self.cut_us[i] + alike.utc_minus_mono_us,
            self.finished_utc_us(i),
            nominal_bytes=last_lsn - first_lsn,
        )

    def finished_utc_us(self, i: int) -> int:
        return self.finished_us[i] + self.alike.utc_minus_mono_us


def _common(one: str, other: str) -> str:
    """Return what both texts begin with."""
    for i, (here, there) in enumerate(zip(one, other, strict=False)):
        if here != there:
            return one[:i]
    return one


def _in_order(names: Sequence[str]) -> bool:
    """Return whether names can be those of a run: of one length, each after the one before it."""
    alike = len(set(map(len, names))) == 1
    pairs = range(len(names) - 1)
    return alike and all(names[i] < names[i + 1] for i in pairs)
