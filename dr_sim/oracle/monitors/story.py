"""A journal as the monitors read it: columns of one kind for one database, and a few questions that
all of them ask.

Most kinds hold few rows; those of landings and restores may hold a hundred thousand. So nothing
here loops over rows: a question is a search in sorted columns.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import (
    Callable,
    Hashable,
    Iterable,
)
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.columns import Parted
from dr_sim.record.frames import columns, parted
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.schedule import longest_gap_us

Ints = NDArray[np.int64]
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
SLACK_US = 5 * SECOND_US
"""Names what an answer over the management path may take, beside the limits that a scenario names.
"""

FULL, INCREMENTAL, LOG = 0, 1, 2
_KINDS = {"full": FULL, "incremental": INCREMENTAL, "log": LOG}
RETENTION = "retention"
"""Why a file is gone that was deleted by age and count."""
OFF = (
    "",
    "watching",
    "choosing",
    "claiming",
    "deciding",
    "unfencing",
    "abandoned",
)
"""Phases in which no failover is on."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One requirement that a run broke. seq: the row that shows it. sentence: what is wrong,
    whosoever's the logic is.
    """

    requirement: str
    seq: int
    time_us: int
    entity: int
    sentence: str


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """The phase of the failover from a row on."""

    seq: int
    time_us: int
    phase: str


def kind_in_name(name: str) -> int:
    """Return the kind that a backup's name bears, -1 if it is no backup's name."""
    parts = name.rsplit("_", 2)
    return _KINDS.get(parts[1], -1) if len(parts) == 3 else -1


class Story:
    """One journal, opened. scenario: the one that it was recorded in."""

    def __init__(self, journal: Journal, scenario: Scenario) -> None:
        self.journal = journal
        self.scenario = scenario
        self._parted: dict[str, Parted] = {}
        self._rows: dict[str, list[Row]] = {}
        self._rows_of: dict[str, dict[int, list[Row]]] = {}
        self._found: dict[Hashable, int] = {}
        self._first_places: dict[tuple[str, int], Ints] = {}
        self._index = {d.name: i for i, d in enumerate(scenario.databases)}
        ends = self["truth.end"]["time_us"]
        self.end_us = int(ends[-1]) if len(ends) else scenario.run_for_us
        self.phases = [
            PhaseRow(row.seq, row.time_us, row.values["phase"])
            for row in self.rows("seen.EnterPhase")
        ]
        self._phase_seqs = np.array(
            [row.seq for row in self.phases], dtype=np.int64
        )
        self.lives = self._lives()
        self.retry_us = scenario.replay.retry_us

    def once(self, question: Hashable, find: Callable[[], int]) -> int:
        """Return the answer to a question about the run. find: finds it, and is called when the
        question is asked for the first time.
        """
        if question not in self._found:
            self._found[question] = find()
        return self._found[question]

    # ---- columns and rows
    def __getitem__(self, kind: str) -> dict[str, Ints]:
        return columns(self.journal, kind)

    def of(self, kind: str, database: int) -> dict[str, Ints]:
        """The rows of a kind that concern one database, in order."""
        parts = self._parted.get(kind)
        if parts is None:
            parts = self._parted[kind] = parted(self.journal, kind)
        return parts.of(database)

    def rows(self, *kinds: str) -> list[Row]:
        """Whole rows of some kinds in order, texts as texts: for kinds of which a run holds few."""
        key = " ".join(kinds)
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = list(self.journal.rows(*kinds))
        return found

    def rows_in(self, first: int, before: int, *kinds: str) -> list[Row]:
        """Return those from one seq on and before another: a run may hold many of their kinds."""
        return list(self.journal.rows_between(first, before, *kinds))

    def rows_of(self, kind: str, database: int) -> list[Row]:
        """Return those of a kind that concern one database, in order."""
        found = self._rows_of.get(kind)
        if found is None:
            found = self._rows_of[kind] = {}
            for row in self.rows(kind):
                found.setdefault(row.entity, []).append(row)
        return found.get(database, [])

    def rows_between(
        self, kind: str, database: int, seq: int, until_us: int
    ) -> list[Row]:
        """Return those of `rows_of` after a seq and up to an instant."""
        rows = self.rows_of(kind, database)
        begin = bisect_right(rows, seq, key=lambda row: row.seq)
        end = bisect_right(rows, until_us, key=lambda row: row.time_us)
        return rows[begin:end]

    def first_places(self, kind: str, database: int) -> Ints:
        """Return, for each of the rows of `of`, the place of the first one that bears its name."""
        found = self._first_places.get((kind, database))
        if found is None:
            names = self.of(kind, database)["name"]
            _, first, of = np.unique(
                names, return_index=True, return_inverse=True
            )
            found = self._first_places[kind, database] = first[of]
        return found

    def count(self, kind: str) -> int:
        return len(self[kind]["seq"])

    def text(self, number: int) -> str:
        return self.journal.text(int(number))

    def texts(self, numbers: Ints) -> list[str]:
        return self.journal.texts.spelled(numbers)

    def text_id(self, text: str) -> int:
        """Return the number of a text, -1 if no row holds it."""
        number: int = self.journal.texts.get(text, -1)
        return number

    def database(self, name: str) -> int:
        """Return a database's index, -1 if the scenario has none of that name."""
        return self._index.get(name, -1)

    def name(self, database: int) -> str:
        return self.scenario.databases[database].name

    @property
    def databases(self) -> range:
        return range(len(self.scenario.databases))

    # ---- questions
    def last_before(self, kind: str, database: int, seq: int) -> int:
        """Return the place, among the rows of `of`, of the last one before a seq; -1 if none."""
        return int(self.of(kind, database)["seq"].searchsorted(seq)) - 1

    def between(
        self, kind: str, database: int, first: int, last: int
    ) -> slice:
        """Return the places of a database's rows of a kind with first < seq < last."""
        seqs = self.of(kind, database)["seq"]
        return slice(
            int(seqs.searchsorted(first, side="right")),
            int(seqs.searchsorted(last)),
        )

    def within(
        self, kind: str, database: int, from_us: int, until_us: int
    ) -> slice:
        """Return the places of a database's rows of a kind in an interval, both ends included."""
        times = self.of(kind, database)["time_us"]
        return slice(
            int(times.searchsorted(from_us)),
            int(times.searchsorted(until_us, side="right")),
        )

    def any_within(
        self,
        kinds: Iterable[str],
        database: int,
        from_us: int,
        until_us: int,
    ) -> bool:
        return any(
            (found := self.within(kind, database, from_us, until_us)).stop
            > found.start
            for kind in kinds
        )

    def any_between(
        self, kinds: Iterable[str], database: int, first: int, last: int
    ) -> bool:
        """Return whether there is a row of these kinds with first < seq < last."""
        return any(
            (found := self.between(kind, database, first, last)).stop
            > found.start
            for kind in kinds
        )

    def silent_at(self, seq: int) -> dict[str, int]:
        """Return the machines that were reported to the logic as silent, and when each was last
        seen, as of a row.
        """
        seqs, silences = self._silences
        place = bisect_left(seqs, seq) - 1
        return silences[place] if place >= 0 else {}

    def heard_at(self, row: Row) -> list[str]:
        """Return the machines that were silent and are heard, by a heartbeat or an inventory."""
        silent = self.silent_at(row.seq)
        if row.kind == "seen.HeartbeatBack":
            machine = row.values["machine"]
            return [machine] if machine in silent else []
        listed = json.loads(row.values["silent"])
        return [machine for machine in silent if machine not in listed]

    @cached_property
    def _silences(self) -> tuple[list[int], list[dict[str, int]]]:
        """The seq of each row that says who is silent, and who is from there on."""
        seqs: list[int] = []
        silences: list[dict[str, int]] = []
        silent: dict[str, int] = {}
        since_us = self.journal.since_us
        for row in self.rows(
            "seen.HeartbeatLost", "seen.HeartbeatBack", "seen.Inventory"
        ):
            values = row.values
            if row.kind == "seen.Inventory":
                listed = json.loads(values["silent"])
                silent = {m: at - since_us for m, at in listed.items()}
            elif row.kind == "seen.HeartbeatLost":
                lost_us = values["last_seen_mono_us"]
                silent = {**silent, values["machine"]: lost_us}
            else:
                silent = {**silent}
                silent.pop(values["machine"], None)
            seqs.append(row.seq)
            silences.append(silent)
        return seqs, silences

    def phase_at(self, seq: int) -> str:
        """Return the failover's phase when that row was written; '' before any."""
        place = int(self._phase_seqs.searchsorted(seq)) - 1
        return self.phases[place].phase if place >= 0 else ""

    def serves_again(self, stop_us: int) -> bool:
        """Return whether the primary that was stopped at that instant takes writes again later."""
        return any(
            row.values["stop_us"] == stop_us
            for row in self.rows("truth.unfenced")
        )

    def failing_over(self, seq: int) -> bool:
        return self.phase_at(seq) not in OFF

    def quiet_between(self, from_us: int, until_us: int) -> bool:
        """Return whether the manager was up, and no failover on, from one instant to another."""
        return self.up_between(
            from_us, until_us
        ) and not self.failover_within(from_us, until_us)

    def failover_within(self, from_us: int, until_us: int) -> bool:
        phase = ""
        for row in self.phases:
            if row.time_us > until_us:
                break
            if row.time_us >= from_us and row.phase not in OFF:
                return True
            if row.time_us <= from_us:
                phase = row.phase
        return phase not in OFF

    def up_between(self, from_us: int, until_us: int) -> bool:
        """Return whether one life of the manager spans an interval."""
        return any(
            begin <= from_us and until_us <= end
            for begin, end in self.lives
        )

    def up_us(self, from_us: int, until_us: int) -> int:
        """Return for how much of an interval the manager was up."""
        parts = (
            min(end, until_us) - max(begin, from_us)
            for begin, end in self.lives
        )
        return sum(part for part in parts if part > 0)

    def life_at(self, time_us: int) -> tuple[int, int]:
        """Return the life of the manager that an instant falls into; (time, time) if none does."""
        for begin, end in reversed(self.lives):
            if begin <= time_us <= end:
                return begin, end
        return time_us, time_us

    def deaths_us(self) -> set[int]:
        """Return the instants at which the recovery manager died."""
        rows = self["truth.manager"]
        return set(rows["time_us"][rows["up"] == 0].tolist())

    def _lives(self) -> list[tuple[int, int]]:
        lives: list[tuple[int, int]] = []
        begun = -1
        for row in self.rows("truth.manager"):
            if row.values["up"]:
                begun = row.time_us
            elif begun >= 0:
                lives.append((begun, row.time_us))
                begun = -1
        if begun >= 0:
            lives.append((begun, self.end_us))
        return lives

    def kinds_of_event(self) -> list[EventKind]:
        """Return the kind of each line under `events:` and `faults:`."""
        found = [event.kind for event in self.scenario.events]
        return found + [fault.kind for fault in self.scenario.faults]

    @property
    def first_start_us(self) -> int:
        return self.lives[0][0] if self.lives else self.end_us

    # ---- what a scenario asks of a database
    def log_interval_us(self, database: int) -> int:
        """Return how often logs are due; 0 if there are none."""
        return longest_gap_us(self.scenario.databases[database].log)

    def window_us(self, database: int, since_us: int = 0) -> int:
        """Return for how long no log may land before that must be reported (R9): a window shorter
        than the schedule, or that at a store, counts from when a log was due. since_us: when the
        silence began: what is held on its way to a store comes so much later for the first time.
        """
        window_us, interval_us = (
            self.scenario.replay.window_us,
            self.log_interval_us(database),
        )
        counts_at_once = (
            interval_us < window_us and self.scenario.store is None
        )
        store = self.scenario.store
        if store is not None:
            by_design_us = store.delay_us + interval_us
            if since_us < self.first_start_us + by_design_us:
                window_us += store.held_us
        return window_us if counts_at_once else interval_us + window_us

    def waits_for_its_full(self, database: int) -> bool:
        """Return whether replay may wait for the next full that is due, and asks for none."""
        replay = self.scenario.replay
        waits = "skip_ahead" in (replay.on_hole, replay.otherwise)
        comes = self.scenario.databases[database].full.kind != "none"
        return waits and comes

    @property
    def patience_us(self) -> int:
        """Return how long a log may wait on purpose, and until the retry after that."""
        replay = self.scenario.replay
        return (
            replay.delay_us + replay.every_us + replay.retry_us + SLACK_US
        )


def was_hashed_before(
    story: Story, database: int, name: int, seq: int
) -> bool:
    """Return whether a manager had a file hashed before a row: it was in an inventory, and what
    lands at that row is it once more.
    """
    asked = story.of("seen.Validate", database)
    return bool(((asked["name"] == name) & (asked["seq"] < seq)).any())


def lost_here(
    story: Story, database: int, from_us: int, until_us: int
) -> bool:
    """Return whether a file of the secondary's share was lost in that time: not by retention."""
    rows = story.of("truth.file_gone", database)
    found = story.within("truth.file_gone", database, from_us, until_us)
    here = rows["where"][found] == story.text_id("secondary")
    return bool(
        (here & (rows["why"][found] != story.text_id(RETENTION))).any()
    )


def rot_said(story: Story, database: int) -> dict[str, Row]:
    """Return the row in which people said first of each full, by its name, that it holds rotten
    pages.
    """
    first: dict[str, Row] = {}
    for said in story.rows("seen.PagesRot"):
        if said.entity == database:
            for name in json.loads(said.values["fulls"]):
                first.setdefault(name, said)
    return first


def copy_is_rotten(story: Story, database: int, at_us: int) -> bool:
    """Return whether people had said by then that the copy holds rotten pages, and no full has
    been restored since.
    """
    said = [
        row.seq
        for row in story.rows("seen.PagesRot")
        if row.entity == database
        and row.values["copy"]
        and row.time_us <= at_us
    ]
    if not said:
        return False
    return not any(
        kind_in_name(row.values["name"]) == FULL
        for row in story.rows_of("seen.Restored", database)
        if row.seq > said[-1] and row.time_us <= at_us
    )


def is_restoring(story: Story, database: int, at_us: int) -> bool:
    """Return whether the engine is at a restore that was handed to it in this life. A slow one may
    take a day.
    """
    return restored_us(story, database, at_us) > at_us


def restored_us(story: Story, database: int, at_us: int) -> int:
    """Return when the engine answers the restore that was handed to it last before an instant; the
    end of the run if it does not; that instant if none was handed to it in this life.
    """
    life_us = story.life_at(at_us)[0]
    found = story.within("seen.Restore", database, life_us, at_us)
    if found.stop == found.start:
        return at_us
    seq = int(story.of("seen.Restore", database)["seq"][found.stop - 1])
    answers_us = [story.end_us + 1]
    for kind in ("seen.Restored", "seen.RestoreFailed", "seen.NoRoom"):
        rows = story.of(kind, database)
        answers_us += rows["time_us"][rows["seq"] > seq][:1].tolist()
    return int(min(answers_us))
