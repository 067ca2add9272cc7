"""How far the secondary was behind: replay lag, backlog, use of the link, and the backups made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure import NEVER_US, Curve, step_curve
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import (
    Ints,
    Record,
    Tables,
    first_of,
    pick,
    run_end_us,
    tables,
    up_until_us,
)
from dr_sim.scenario.model import Scenario

UNKNOWN_US = -NEVER_US
"""An instant that no record has. A leg has some before its instant 0: of files that a copy has
brought along.
"""


def replay_lag(record: Record, scenario: Scenario, database: int) -> Curve:
    """Return the true replay lag: now minus the instant up to which the secondary's copy holds
    everything, less the replay delay of the scenario, never below 0. That instant is a log's cut or
    the end of a full or an incremental. If nothing was written for a while after it, it is the
    first acknowledged commit that the copy lacks: an idle database has no lag.
    """
    t = tables(record)
    restored = t.of("truth.restored", database)
    content_us = _as_of(t, database, restored["file"])
    known = content_us != UNKNOWN_US
    time = restored["time_us"][known]
    lacking_us = _first_lacking(t, database, restored["commits"])[known]
    since = np.maximum(content_us[known], lacking_us)
    since = np.maximum.accumulate(since) if len(since) else since
    # a seeded copy holds everything up to instant 0
    if scenario.databases[database].seeded and (
        not len(time) or time[0] > 0
    ):
        seeded_us = _first_lacking(
            t, database, _commits_before(t, database)
        )
        time = np.append(np.int64(0), time)
        since = np.append(np.maximum(seeded_us, 0), since)
    time, since = _with_copy_there(t, database, time, since)
    until_us = up_until_us(t, scenario, database)
    return step_curve(time, since + scenario.replay.delay_us, until_us)


def _with_copy_there(
    t: Tables, database: int, time: Ints, since: Ints
) -> tuple[Ints, Ints]:
    """Begin the curve with a copy that stood there and that no restore of this leg has brought: it
    held everything up to the leg's begin.
    """
    there = t.of("truth.copy_there", database)
    begin_us = there["time_us"][:1]
    if not len(begin_us):
        return time, since
    behind_us = t.of("truth.behind", database)["lacking_us"][:1]
    if len(behind_us):
        later = time > begin_us[0]
        return (
            np.append(begin_us, time[later]),
            np.append(behind_us, since[later]),
        )
    if len(time) and time[0] <= begin_us[0]:
        return time, since
    lacking_us = _first_lacking(t, database, there["commits"][:1])
    time = np.append(begin_us, time)
    since = np.append(np.maximum(lacking_us, 0), since)
    return time, since


def _commits_before(t: Tables, database: int) -> Ints:
    """Return how many commits both sides held when the record began: those of earlier legs."""
    begins = t.of("truth.begins", database)["commits"][:1]
    return begins if len(begins) else np.zeros(1, np.int64)


def _first_lacking(t: Tables, database: int, commits: Ints) -> Ints:
    """Return for each number of commits the instant of the first one beyond them, UNKNOWN_US where
    no record has it.
    """
    rows = t.of("truth.survivable", database)
    return first_of(
        rows["commits"], rows["lacking_us"], commits, UNKNOWN_US
    )


def _as_of(t: Tables, database: int, files: Ints) -> Ints:
    """Return for each file the instant up to which its content goes; UNKNOWN_US for a file that was
    never begun in this run.
    """
    begun = t.of("truth.backup_begin", database)
    logs = pick(begun, begun["kind"] == Kind.LOG)
    finished = t.of("truth.backup_finished", database)
    others = pick(finished, finished["kind"] != Kind.LOG)
    number = np.concatenate((logs["file"], others["file"]))
    instant = np.concatenate((logs["time_us"], others["time_us"]))
    return first_of(number, instant, files, UNKNOWN_US)


@dataclass(slots=True)
class Backlog:
    """Numbers of files over time: at_us ascends, count[i] holds from at_us[i] on."""

    at_us: Ints
    count: Ints

    @property
    def most(self) -> int:
        return int(self.count.max()) if len(self.count) else 0

    @property
    def last(self) -> int:
        return int(self.count[-1]) if len(self.count) else 0


def backlog(record: Record, scenario: Scenario) -> tuple[Backlog, Backlog]:
    """Return the logs finished and not landed, and the logs landed whole and not yet restored, of
    all databases together. A log that a restore has passed over (a bridge, a resync) is in neither.
    """
    t = tables(record)
    finished: list[Ints] = []
    landed: list[Ints] = []
    to_land_ends: list[Ints] = []
    to_restore_ends: list[Ints] = []
    for database in range(len(scenario.databases)):
        backups = t.of("truth.backup_finished", database)
        logs = pick(backups, backups["kind"] == Kind.LOG)
        landed_us = _landed_us(t, database, logs["file"])
        passed_us = _passed_us(t, database, logs["last_lsn"])
        # what was there when the leg began counts from then on
        logs["time_us"] = np.maximum(logs["time_us"], 0)
        landed_us = np.maximum(landed_us, 0)
        finished.append(logs["time_us"])
        to_land_ends.append(np.minimum(landed_us, passed_us))
        landed.append(landed_us)
        to_restore_ends.append(np.maximum(passed_us, landed_us))
    return _count(finished, to_land_ends), _count(landed, to_restore_ends)


def _landed_us(t: Tables, database: int, logs: Ints) -> Ints:
    """Return when each log landed whole; NEVER_US if it did not."""
    landed = t.of("truth.landed", database)
    landed = pick(
        landed, (landed["kind"] == Kind.LOG) & (landed["intact"] == 1)
    )
    return first_of(landed["file"], landed["time_us"], logs, NEVER_US)


def _passed_us(t: Tables, database: int, lsns: Ints) -> Ints:
    """Return when the secondary's copy reached each LSN; NEVER_US if it did not."""
    restored = t.of("truth.restored", database)
    reached = restored["redo_lsn"]
    if len(reached):
        reached = np.maximum.accumulate(reached)
    at_us = np.append(restored["time_us"], NEVER_US)
    return at_us[np.searchsorted(reached, lsns)]


def _count(begins: list[Ints], ends: list[Ints]) -> Backlog:
    """Return how many of the spans hold at each instant."""
    begin = _concatenated(begins)
    end = _concatenated(ends)
    time = np.concatenate((begin, end))
    up = np.ones(len(begin), np.int64)
    down = -np.ones(len(end), np.int64)
    step = np.concatenate((up, down))
    finite = time < NEVER_US
    at, where = np.unique(time[finite], return_inverse=True)
    change = np.zeros(len(at), np.int64)
    np.add.at(change, where, step[finite])
    return Backlog(at, np.cumsum(change))


def _concatenated(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


@dataclass(slots=True)
class LinkUse:
    bytes_sent: int
    capacity_bits: Fraction  # what the link could have carried in that time; none while it was down
    down_us: int

    @property
    def share(self) -> Fraction | None:
        """Return the part of its capacity that was used; None if it never had any."""
        if not self.capacity_bits:
            return None
        return Fraction(8 * self.bytes_sent) / self.capacity_bits


def link_pieces(
    t: Tables, scenario: Scenario
) -> list[tuple[int, int, int, int]]:
    """Return (begin_us, end_us, up, bit_s) over the whole run; before its first record the link is
    as in the scenario.
    """
    rows = t["truth.link"]
    times = [0, *rows["time_us"].tolist()]
    ups = [1, *rows["up"].tolist()]
    rates = [scenario.link.bandwidth_bit_s, *rows["bit_s"].tolist()]
    stops = [*times[1:], run_end_us(t, scenario)]
    pieces = zip(times, stops, ups, rates, strict=True)
    return [
        (begin, end, up, bit_s)
        for begin, end, up, bit_s in pieces
        if end > begin
    ]


def link_down(t: Tables, scenario: Scenario) -> list[tuple[int, int]]:
    """Return the maximal intervals in which the link carried nothing."""
    pieces = link_pieces(t, scenario)
    return maximal(
        (begin, end)
        for begin, end, up, bit_s in pieces
        if not (up and bit_s)
    )


def link_use(record: Record, scenario: Scenario, until_us: int) -> LinkUse:
    """Return how much crossed the link until until_us, and how much could have. Bytes count when
    their transfer ends or is cut.
    """
    t = tables(record)
    sent = t["truth.transfer_bytes"]
    total = sum(sent["bytes"][sent["time_us"] <= until_us].tolist())
    capacity, down = Fraction(0), 0
    for begin, end, up, bit_s in link_pieces(t, scenario):
        length = max(0, min(end, until_us) - begin)
        if up and bit_s:
            capacity += Fraction(length * bit_s, 1_000_000)
        else:
            down += length
    return LinkUse(total, capacity, down)


def bytes_offered(record: Record) -> int:
    """Return the bytes of our finished backups: all of them are to cross the link."""
    finished = _ours(tables(record), "truth.backup_finished")
    return int(finished["nominal_bytes"].sum())


def backups_made(record: Record) -> dict[str, int]:
    """Return the number of finished backups by kind, and of those that were cut off or skipped.
    Someone else's backups are not counted.
    """
    t = tables(record)
    kinds = _ours(t, "truth.backup_finished")["kind"]
    made = {kind.word: int(np.sum(kinds == kind)) for kind in Kind}
    made["cut_off"] = len(_ours(t, "truth.backup_cut_off")["file"])
    made["skipped"] = len(t["truth.backup_skipped"]["seq"])
    return made


def _ours(t: Tables, kind_name: str) -> dict[str, Ints]:
    """Return the rows about our own backups of this leg: those of other people go elsewhere."""
    gone = t["truth.file_gone"]
    elsewhere = gone["file"][t.has_text(gone["why"], "elsewhere")]
    rows = t[kind_name]
    mine = ~np.isin(rows["file"], elsewhere) & (rows["time_us"] >= 0)
    return pick(rows, mine)
