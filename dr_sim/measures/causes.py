"""What the record says happened during an interval: events, link outages, and the life of one backup file.

An event is named as people count it in their scenario ('event 2'); a drawn one by its kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.lag import link_down
from dr_sim.measures.tables import Ints, Tables, pick, run_end_us
from dr_sim.scenario.model import Scenario

LINK_KINDS = ("link_outage", "partition", "recorded_outage")  # what takes the link away, as faults name themselves
SLOW_KINDS = ("throttle", "packet_loss", "latency")
STOP_KINDS = ("replication_stopped", "lose_secondary")
COPY_KINDS = ("corrupt_in_transit", "corrupt_at_rest", "torn_copy")
HOLE_KINDS = ("missing_file", "corrupt_at_rest", "second_log_job", "careless_clean_up", "silent_backups")


@dataclass(slots=True)
class Happening:
    """One event of the run: [begin_us, end_us), number 0 if it was drawn."""

    number: int
    what: str
    begin_us: int
    end_us: int
    database: int
    detail: str

    @property
    def label(self) -> str:
        return f"event {self.number}" if self.number else f"drawn {self.what.replace('_', ' ')}"


@dataclass(slots=True)
class File:
    """What became of one backup. finished_us and cut_off_us: None if that never happened."""

    number: int
    kind: int
    begin_us: int
    commits: int  # how many the backup holds from the first on, if it is a log; as of its end otherwise
    finished_us: int | None
    cut_off_us: int | None
    name: str
    nominal_bytes: int
    error: str = ""  # why it failed, in the engine's words
    believed: bool = False  # it holds nothing, and the server truncated the log all the same

    @property
    def word(self) -> str:
        return Kind(self.kind).word


class Causes:
    """One run's record, opened for questions of why."""

    def __init__(self, t: Tables, scenario: Scenario) -> None:
        self.t = t
        self.scenario = scenario
        self.end_us = run_end_us(t, scenario)
        self.happenings = _happenings(t, self.end_us)
        self.link_down = link_down(t, scenario)
        self.failed_us = frozenset(t["truth.failed"]["time_us"].tolist())  # what ended then was ended by the failure
        self._files: dict[int, list[File]] = {}
        self._in_state: dict[str, tuple[Ints, Ints, Ints]] = {}

    def during(self, begin_us: int, end_us: int, kinds: tuple[str, ...], database: int = -1) -> str:
        """'event 2, event 5': the events of these kinds that overlap an interval, '' if none does."""
        found = [
            h.label
            for h in self.happenings
            if h.what in kinds and h.begin_us < end_us and max(h.end_us, h.begin_us + 1) > begin_us and (h.database < 0 or h.database == database)
        ]
        return ", ".join(dict.fromkeys(found))

    def order(self, time_us: int, operator: str) -> str:
        """The event that gave an order that was heard at an instant (later than given, if the manager was down)."""
        given = [
            h.label for h in self.happenings
            if h.what == "order_failover" and h.begin_us <= time_us and h.detail.endswith(f" by {operator}")
        ]  # fmt: skip
        return given[-1] if given else ""

    def latest_before(self, time_us: int, database: int) -> Happening | None:
        """The last fault that began at or before an instant and concerned the database."""
        before = [h for h in self.happenings if h.begin_us <= time_us and h.database in (database, -1)]
        return max(before, key=lambda h: h.begin_us, default=None)

    def files(self, database: int) -> list[File]:
        """Every backup of a database that was begun, in order."""
        if database not in self._files:
            self._files[database] = _files(self.t, database)
        return self._files[database]

    def states(self, file: int) -> list[tuple[int, str]]:
        """(instant, state) of a file on its way, in order."""
        rows = self.t["truth.file_state"]
        rows = pick(rows, rows["file"] == file)
        return [(time, self.t.text(state)) for time, state in zip(rows["time_us"].tolist(), rows["state"].tolist(), strict=True)]

    def times(self, kind_name: str, file: int) -> list[int]:
        """The instants of a file's rows of one kind."""
        rows = self.t[kind_name]
        return [int(x) for x in rows["time_us"][rows["file"] == file]]

    def told(self, kind_name: str, file_name: str) -> list[int]:
        """The instants of a seen.* kind's rows about a file of that name."""
        rows = self.t[kind_name]
        return [int(x) for x in rows["time_us"][self.t.has_text(rows["name"], file_name)]]

    def gone_unlanded(self, file: File) -> int | None:
        """When a file went from the primary's share before any copy of it had landed; None if it did not."""
        landed = min(self.times("truth.landed", file.number), default=self.end_us)
        return min((x for x in self._befell("truth.file_gone", file.number, "primary") if x <= landed), default=None)

    def intact(self, file: int, time_us: int) -> bool:
        """Whether the copy at the secondary is whole at an instant: as it landed last, if nothing damaged it since."""
        rows = self.t["truth.landed"]
        mine = np.flatnonzero((rows["file"] == file) & (rows["time_us"] <= time_us))
        if not len(mine) or not rows["intact"][mine[-1]]:
            return False
        landed = int(rows["time_us"][mine[-1]])
        return not any(
            landed <= x <= time_us for kind in ("truth.damaged", "truth.file_gone") for x in self._befell(kind, file, "secondary")
        )

    def _befell(self, kind_name: str, file: int, where: str) -> list[int]:
        """The instants at which something of that kind befell a file's copy on one side."""
        rows = self.t[kind_name]
        return [int(x) for x in rows["time_us"][(rows["file"] == file) & self.t.has_text(rows["where"], where)]]

    def _spans(self, state: str) -> tuple[Ints, Ints, Ints]:
        if state not in self._in_state:
            self._in_state[state] = _spans(self.t, self.end_us, state)
        return self._in_state[state]

    def any_in(self, state: str, begin_us: int, end_us: int) -> list[tuple[int, int]]:
        """The intervals within [begin_us, end_us), each cut to it, in which some file was in that state."""
        _, begin, end = self._spans(state)
        near = (begin < end_us) & (end > begin_us)
        cut = zip(np.maximum(begin[near], begin_us).tolist(), np.minimum(end[near], end_us).tolist(), strict=True)
        return sorted(cut)

    def crossing(self, file: File, begin_us: int, end_us: int) -> int:
        """How many bytes of a file crossed the link in a transfer of its from begin_us on; all of it if that was not ended."""
        rows = self.t["truth.transfer_bytes"]
        mine = (rows["file"] == file.number) & (rows["time_us"] > begin_us) & (rows["time_us"] <= end_us)
        return int(rows["bytes"][mine][0]) if mine.any() else file.nominal_bytes

    def beside(self, file: int, begin_us: int, end_us: int) -> str:
        """The name of the largest other file that was sent in an interval, '' if the link was this file's alone."""
        number, begin, end = self._spans("sending")
        shared = set(number[(begin < end_us) & (end > begin_us) & (number != file)].tolist())
        if not shared:
            return ""
        made = [f for i in range(len(self.scenario.databases)) for f in self.files(i) if f.number in shared]
        return max(made, key=lambda f: f.nominal_bytes).name


def _spans(t: Tables, end_us: int, wanted: str) -> tuple[Ints, Ints, Ints]:
    """(file, begin, end) of every interval in which a file was in that state."""
    rows = t["truth.file_state"]
    order = np.argsort(rows["file"], kind="stable")
    file, time, state = rows["file"][order], rows["time_us"][order], rows["state"][order]
    end = np.full(len(file), end_us, np.int64)
    same = file[1:] == file[:-1]
    end[:-1][same] = time[1:][same]
    there = t.has_text(state, wanted)
    return file[there], time[there], end[there]


def _happenings(t: Tables, end_us: int) -> list[Happening]:
    found: list[Happening] = []
    open_: dict[tuple[int, str, int], list[Happening]] = {}
    for row in t.rows("truth.event"):
        v = row.values
        key = (v["number"], v["what"], row.entity)
        if v["begins"]:
            happening = Happening(v["number"], v["what"], row.time_us, end_us, row.entity, v["detail"])
            found.append(happening)
            open_.setdefault(key, []).append(happening)
        elif open_.get(key):
            open_[key].pop(0).end_us = row.time_us
    return found


def _files(t: Tables, database: int) -> list[File]:
    begin = t.of("truth.backup_begin", database)
    files = {
        number: File(number, kind, time, commits, None, None, "", 0)
        for number, kind, time, commits in zip(
            *(begin[c].tolist() for c in ("file", "kind", "time_us", "commits")), strict=True
        )
    }
    f = t.of("truth.backup_finished", database)
    for number, time, commits, size, name in zip(
        *(f[c].tolist() for c in ("file", "time_us", "commits", "nominal_bytes", "name")), strict=True
    ):
        file = files[number]
        file.finished_us, file.commits, file.nominal_bytes, file.name = time, commits, size, t.text(name)
    for row in t.rows("truth.backup_cut_off"):
        if row.entity == database:
            files[row.values["file"]].cut_off_us = row.time_us
    for row in t.rows("truth.backup_failed"):
        if row.entity == database:
            files[row.values["file"]].error = f"{row.values['number']} {row.values['text']}"
    truncated = {(row.time_us, row.values["last_lsn"]) for row in t.rows("truth.log_truncated") if row.entity == database}
    if truncated:
        ends = dict(zip(begin["file"].tolist(), begin["last_lsn"].tolist(), strict=True))
        for number, file in files.items():
            file.believed = (file.cut_off_us, ends[number]) in truncated
    return list(files.values())
