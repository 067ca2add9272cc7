"""Tells what the record says happened during an interval: events, link outages, and the life of one
backup file.

An event is named as people count it in their scenario ('event 2'); a drawn one by its kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.happenings import Happening, happenings
from dr_sim.measures.link_use import link_down
from dr_sim.measures.tables import Ints, Tables, pick, run_end_us
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import Scenario

FILE_BITS = (
    32  # a file's number is (the database's index << 32) + its number there
)


@dataclass(slots=True)
class BackupFate:
    """Holds what became of one backup. finished_us and cut_off_us: None if that never happened.
    database: its index in the leg, which counts the databases in service then; the number is the
    run's.
    """

    database: int
    number: int
    kind: int
    begin_us: int
    first_lsn: int  # where the log in it begins
    # how many the backup holds from the first on, if it is a log; as of its end otherwise
    commits: int
    finished_us: int | None
    cut_off_us: int | None
    name: str
    nominal_bytes: int
    error: str = ""  # why it failed, in the engine's words
    empty: bool = False  # its job reported success, and it holds nothing

    @property
    def word(self) -> str:
        return Kind(self.kind).word

    @property
    def stopped_us(self) -> int | None:
        """Return when its making ended, well or not; None if it was still being made."""
        if self.finished_us is not None:
            return self.finished_us
        return self.cut_off_us


@dataclass(slots=True)
class SafeTime:
    """A time in which something was safe at the secondary, and why that ended: '' if it did not in
    this run.
    """

    begin_us: int
    end_us: int
    why: str


def named_once(labels: Iterable[str]) -> str:
    """Return 'event 2, event 5': each of these labels once, in their order; '' if there is none."""
    return ", ".join(dict.fromkeys(labels))


class Causes:
    """One run's record, opened for questions of why."""

    def __init__(self, t: Tables, scenario: Scenario) -> None:
        self.t = t
        self.scenario = scenario
        self.end_us = run_end_us(t, scenario)
        self.happenings = happenings(t, scenario, self.end_us)
        self.link_down = link_down(t, scenario)
        # what ended then was ended by the failure
        self.failed_us = frozenset(t["truth.failed"]["time_us"].tolist())
        self._files: dict[int, list[BackupFate]] = {}
        self._based: dict[int, list[SafeTime]] = {}
        # kept by dr_sim/measures/causes/waits.py
        self.restores: dict[int, list[tuple[int, int, str]]] = {}
        self._in_state: dict[str, tuple[Ints, Ints, Ints]] = {}
        self._orders: dict[str, tuple[Ints, Ints]] = {}

    def during(
        self, begin_us: int, end_us: int, why: Explains, database: int = -1
    ) -> str:
        """'event 2, event 5': the events that explain such a thing and overlap an interval, '' if
        none does.
        """
        found = self.each_during(begin_us, end_us, why, database)
        return named_once(found)

    def each_during(
        self, begin_us: int, end_us: int, why: Explains, database: int = -1
    ) -> list[str]:
        """Return the same events, one by one."""
        return [
            h.label
            for h in self.happenings
            if why in h.explains
            and h.begin_us < end_us
            and max(h.end_us, h.begin_us + 1) > begin_us
            and (h.database < 0 or h.database == database)
        ]

    def order(self, time_us: int, operator: str) -> str:
        """The event that gave an order that was heard at an instant (later than given, if the
        manager was down).
        """
        given = [
            h.label
            for h in self.happenings
            if Explains.ORDER in h.explains
            and h.begin_us <= time_us
            and h.detail.endswith(f" by {operator}")
        ]
        return given[-1] if given else ""

    def latest_between(
        self, since_us: int, until_us: int, database: int
    ) -> Happening | None:
        """The last fault that began by until_us, had not ended at since_us, and concerned the
        database.
        """
        before = [
            h
            for h in self.happenings
            if h.begin_us <= until_us
            and h.end_us >= since_us
            and h.database in (database, -1)
        ]
        return max(before, key=lambda h: h.begin_us, default=None)

    def files(self, database: int) -> list[BackupFate]:
        """Every backup of a database that was begun, in order."""
        if database not in self._files:
            self._files[database] = _files(self.t, database)
        return self._files[database]

    def states(self, file: int) -> list[tuple[int, str]]:
        """(instant, state) of a file on its way, in order."""
        rows = self.t["truth.file_state"]
        rows = pick(rows, rows["file"] == file)
        return [
            (time, self.t.text(state))
            for time, state in zip(
                rows["time_us"].tolist(),
                rows["state"].tolist(),
                strict=True,
            )
        ]

    def times(self, kind_name: str, file: int) -> list[int]:
        """The instants of a file's rows of one kind."""
        order, files = self._by_file(kind_name)
        begin, end = np.searchsorted(files, [file, file + 1]).tolist()
        found: list[int] = self.t[kind_name]["time_us"][
            order[begin:end]
        ].tolist()
        return found

    def _by_file(self, kind_name: str) -> tuple[Ints, Ints]:
        """Return the places of a kind's rows, file after file, and the file of each."""
        if kind_name not in self._orders:
            files = self.t[kind_name]["file"]
            order = np.argsort(files, kind="stable")
            self._orders[kind_name] = order, files[order]
        return self._orders[kind_name]

    def told(self, kind_name: str, file_name: str) -> list[int]:
        """The instants of a seen.* kind's rows about a file of that name."""
        rows = self.t[kind_name]
        return [
            int(x)
            for x in rows["time_us"][
                self.t.has_text(rows["name"], file_name)
            ]
        ]

    def turns(
        self, begin_us: int, end_us: int, why: Explains, database: int
    ) -> set[int]:
        """The instants within an interval at which an event that explains such a thing begins or
        ends.
        """
        mine = [
            h
            for h in self.happenings
            if why in h.explains
            and (h.database < 0 or h.database == database)
        ]
        return {
            x
            for h in mine
            for x in (h.begin_us, h.end_us)
            if begin_us < x < end_us
        }

    # ---- what is safe at the secondary
    def lies(self, file: BackupFate) -> list[SafeTime]:
        """Return when a copy of the file lay whole at the secondary."""
        rows = self.t["truth.landed"]
        mine = rows["file"] == file.number
        turns = [
            (time, "" if intact else "damaged")
            for time, intact in zip(
                rows["time_us"][mine].tolist(),
                rows["intact"][mine].tolist(),
                strict=True,
            )
        ]
        turns += [
            (x, "damaged")
            for x in self._befell("truth.damaged", file.number, "secondary")
        ]
        gone = self.t["truth.file_gone"]
        mine = (gone["file"] == file.number) & self.t.has_text(
            gone["where"], "secondary"
        )
        turns += [
            (time, self.t.text(why))
            for time, why in zip(
                gone["time_us"][mine].tolist(),
                gone["why"][mine].tolist(),
                strict=True,
            )
        ]
        return _kept(sorted(turns, key=lambda turn: turn[0]), self.end_us)

    def holds(self, database: int, commits: int) -> list[SafeTime]:
        """Return when the secondary's copy of a database existed and held more than that many
        commits; with -1: when it existed.
        """
        turns: list[tuple[int, str]] = []
        if self.scenario.databases[database].seeded and commits < 0:
            turns.append((0, ""))
        there = self.t.of("truth.copy_there", database)
        for time, held in zip(
            there["time_us"].tolist(),
            there["commits"].tolist(),
            strict=True,
        ):
            turns += [(time, "")] if held > commits else []
        rows = self.t.of("truth.restored", database)
        for time, held in zip(
            rows["time_us"].tolist(), rows["commits"].tolist(), strict=True
        ):
            turns.append(
                (
                    time,
                    ""
                    if held > commits
                    else "an older backup was restored over it",
                )
            )
        turns += [
            (r.time_us, r.values["why"])
            for r in self.t.rows("truth.copy_gone")
            if r.entity == database
        ]
        return _kept(sorted(turns, key=lambda turn: turn[0]), self.end_us)

    def based(self, database: int) -> list[SafeTime]:
        """Return when there was anything at the secondary to restore a log onto: a copy of the
        database, or a whole full.
        """
        if database not in self._based:
            fulls = [f for f in self.files(database) if f.kind == Kind.FULL]
            self._based[database] = joined(
                [
                    *self.holds(database, -1),
                    *(kept for f in fulls for kept in self.lies(f)),
                ]
            )
        return self._based[database]

    def truncated(self, database: int) -> list[tuple[int, int]]:
        """Return when log was truncated that is in no backup, and up to which LSN."""
        rows = self.t.of("truth.log_truncated", database)
        columns = (rows[c].tolist() for c in ("time_us", "last_lsn"))
        return list(zip(*columns, strict=True))

    # ---- one file
    def gone_unlanded(self, file: BackupFate) -> int | None:
        """Return when a file went from the primary's share before any copy of it had landed; None
        if it did not.
        """
        landed = min(
            self.times("truth.landed", file.number), default=self.end_us
        )
        return min(
            (
                x
                for x in self._befell(
                    "truth.file_gone", file.number, "primary"
                )
                if x <= landed
            ),
            default=None,
        )

    def intact(self, file: int, time_us: int) -> bool:
        """Return whether the copy at the secondary is whole at an instant: as it landed last, if
        nothing damaged it since.
        """
        rows = self.t["truth.landed"]
        mine = np.flatnonzero(
            (rows["file"] == file) & (rows["time_us"] <= time_us)
        )
        if not len(mine) or not rows["intact"][mine[-1]]:
            return False
        landed = int(rows["time_us"][mine[-1]])
        return not any(
            landed <= x <= time_us
            for kind in ("truth.damaged", "truth.file_gone")
            for x in self._befell(kind, file, "secondary")
        )

    def _befell(self, kind_name: str, file: int, where: str) -> list[int]:
        """The instants at which something of that kind affected a file's copy on one side."""
        rows = self.t[kind_name]
        return [
            int(x)
            for x in rows["time_us"][
                (rows["file"] == file)
                & self.t.has_text(rows["where"], where)
            ]
        ]

    def _spans(self, state: str) -> tuple[Ints, Ints, Ints]:
        if state not in self._in_state:
            self._in_state[state] = self._spans_of(state)
        return self._in_state[state]

    def _spans_of(self, wanted: str) -> tuple[Ints, Ints, Ints]:
        """(file, begin, end) of every interval in which a file was in that state."""
        rows = self.t["truth.file_state"]
        order, file = self._by_file("truth.file_state")
        time, state = rows["time_us"][order], rows["state"][order]
        end = np.full(len(file), self.end_us, np.int64)
        same = file[1:] == file[:-1]
        end[:-1][same] = time[1:][same]
        there = self.t.has_text(state, wanted)
        return file[there], time[there], end[there]

    def any_in(
        self,
        state: str,
        begin_us: int,
        end_us: int,
        databases: frozenset[int] | None = None,
    ) -> list[tuple[int, int]]:
        """The intervals within [begin_us, end_us), each cut to it, in which some file (of these
        databases) was in that state.
        """
        number, begin, end = self._spans(state)
        near = (begin < end_us) & (end > begin_us)
        if databases is not None:
            mine = [
                of_run
                for of_run, index in self._in_leg.items()
                if index in databases
            ]
            near &= np.isin(number >> FILE_BITS, mine)
        cut = zip(
            np.maximum(begin[near], begin_us).tolist(),
            np.minimum(end[near], end_us).tolist(),
            strict=True,
        )
        return sorted(cut)

    def sent_beside(
        self, file: int, begin_us: int, end_us: int
    ) -> list[tuple[int, int, int]]:
        """(begin, end, file) of the other files that crossed the link in an interval, each cut to
        it.
        """
        number, begin, end = self._spans("sending")
        near = (begin < end_us) & (end > begin_us) & (number != file)
        found = []
        for other, since, until in zip(
            number[near].tolist(),
            begin[near].tolist(),
            end[near].tolist(),
            strict=True,
        ):
            crossed = [
                x
                for x in self.times("truth.transfer_bytes", other)
                if since < x <= until
            ]
            # after its last byte it may be held back, and takes nothing of the link
            until = min([until, *crossed])
            if until > begin_us:
                found.append(
                    (max(since, begin_us), min(until, end_us), other)
                )
        return found

    def file(self, number: int) -> BackupFate | None:
        """The backup of that number, of any database."""
        database = self._in_leg.get(number >> FILE_BITS)
        if database is None:
            return None
        return next(iter(_files(self.t, database, number)), None)

    @cached_property
    def _in_leg(self) -> dict[int, int]:
        """Return, by a database's index in the run, its index in the leg."""
        begun = self.t["truth.backup_begin"]
        of_run, places = np.unique(
            begun["file"] >> FILE_BITS, return_index=True
        )
        return dict(
            zip(
                of_run.tolist(),
                begun["entity"][places].tolist(),
                strict=True,
            )
        )


def _kept(turns: list[tuple[int, str]], end_us: int) -> list[SafeTime]:
    """Return the intervals from each turn to the better ('') until the next one to the worse, which
    says why.
    """
    found: list[SafeTime] = []
    since: int | None = None
    for time, why in turns:
        if not why:
            since = time if since is None else since
        elif since is not None:
            found.append(SafeTime(since, time, why))
            since = None
    return found if since is None else [*found, SafeTime(since, end_us, "")]


def joined(kept: list[SafeTime]) -> list[SafeTime]:
    """The maximal times in which at least one of them holds; why is that of the last one to end."""
    found: list[SafeTime] = []
    for one in sorted(kept, key=lambda k: (k.begin_us, k.end_us)):
        if found and one.begin_us <= found[-1].end_us:
            if one.end_us >= found[-1].end_us:
                found[-1] = SafeTime(
                    found[-1].begin_us, one.end_us, one.why
                )
        else:
            found.append(one)
    return found


def _files(
    t: Tables, database: int, only: int | None = None
) -> list[BackupFate]:
    """Return every backup of a database that was begun, in order; only: the one of that number."""
    begin = t.of("truth.backup_begin", database)
    f = t.of("truth.backup_finished", database)
    if only is not None:
        begin = pick(begin, begin["file"] == only)
        f = pick(f, f["file"] == only)
    files: dict[int, BackupFate] = {}
    columns = ("file", "kind", "time_us", "first_lsn", "commits")
    for number, kind, time, first_lsn, commits in zip(
        *(begin[c].tolist() for c in columns), strict=True
    ):
        files[number] = BackupFate(
            database,
            number,
            kind,
            time,
            first_lsn,
            commits,
            None,
            None,
            "",
            0,
        )
    for number, time, commits, size, name in zip(
        *(
            f[c].tolist()
            for c in ("file", "time_us", "commits", "nominal_bytes", "name")
        ),
        strict=True,
    ):
        file = files[number]
        file.finished_us, file.commits, file.nominal_bytes, file.name = (
            time,
            commits,
            size,
            t.text(name),
        )
    for row in t.rows("truth.backup_cut_off"):
        if row.values["file"] in files:
            files[row.values["file"]].cut_off_us = row.time_us
    for row in t.rows("truth.backup_empty"):
        if row.values["file"] in files:
            files[row.values["file"]].empty = True
    for row in t.rows("truth.backup_failed"):
        if row.values["file"] in files:
            files[
                row.values["file"]
            ].error = f"{row.values['number']} {row.values['text']}"
    return list(files.values())
