"""How far behind the secondary was: replay lag, backlog, what crossed the link, which backups were
made.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure import NEVER_US, Curve, step_curve
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Ints, Record, Tables, pick, run_end_us, tables, up_until_us
from dr_sim.scenario.model import Scenario


def replay_lag(record: Record, scenario: Scenario, database: int) -> Curve:
    """True replay lag: now minus the instant up to which the secondary's copy holds everything,
    less the replay delay that was asked for, never below 0. That instant is a log's cut and a
    full's or incremental's end, or, where nothing was written for a while then, the first
    acknowledged commit that the copy lacks: an idle database has no lag.
    """
    t = tables(record)
    r = t.of("truth.restored", database)
    as_of = _as_of(t, database, r["file"])
    as_of = np.where(as_of >= 0, np.maximum(as_of, _first_lacking(t, database, r["commits"])), -1)
    known = as_of >= 0
    time, since = (
        r["time_us"][known],
        np.maximum.accumulate(as_of[known]) if known.any() else as_of[known],
    )
    # seeded: all of it, up to instant 0
    if scenario.databases[database].seeded and (not len(time) or time[0] > 0):
        seeded_us = np.maximum(_first_lacking(t, database, _commits_before(t, database)), 0)
        time, since = np.append(np.int64(0), time), np.append(seeded_us, since)
    time, since = _with_copy_there(t, database, time, since)
    return step_curve(time, since + scenario.replay.delay_us, up_until_us(t, scenario, database))


def _with_copy_there(t: Tables, database: int, time: Ints, since: Ints) -> tuple[Ints, Ints]:
    """The same from when a copy stood there that no restore of this leg has brought: it held all of
    it up to the leg's begin.
    """
    there = t.of("truth.copy_there", database)
    if not len(there["time_us"]) or (len(time) and time[0] <= there["time_us"][0]):
        return time, since
    lacking = np.maximum(_first_lacking(t, database, there["commits"][:1]), 0)
    return np.append(there["time_us"][:1], time), np.append(lacking, since)


def _commits_before(t: Tables, database: int) -> Ints:
    """How many commits both sides held when the record began: those of earlier legs."""
    begins = t.of("truth.begins", database)["commits"][:1]
    return begins if len(begins) else np.zeros(1, np.int64)


def _first_lacking(t: Tables, database: int, commits: Ints) -> Ints:
    """For each number of commits the instant of the first one beyond them, -1 where no record
    tells.
    """
    rows = t.of("truth.survivable", database)
    return _look_up(rows["commits"], rows["lacking_us"], commits)


def _as_of(t: Tables, database: int, files: Ints) -> Ints:
    """For each file the instant that its content goes up to; -1 for a file that was never begun in
    this run.
    """
    begin, finished = t.of("truth.backup_begin", database), t.of("truth.backup_finished", database)
    cut, ended = begin["kind"] == Kind.LOG, finished["kind"] != Kind.LOG
    number = np.concatenate((begin["file"][cut], finished["file"][ended]))
    instant = np.concatenate((begin["time_us"][cut], finished["time_us"][ended]))
    return _look_up(number, instant, files)


def _look_up(keys: Ints, values: Ints, wanted: Ints) -> Ints:
    """values[keys == w] for each wanted w, -1 where there is none; of several the first."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], -1)


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
    """Logs finished and not landed, and logs landed whole and not yet restored, of all databases
    together. A log that a restore has passed over (a bridge, a resync) is in neither any more.
    """
    t = tables(record)
    spans: tuple[list[Ints], list[Ints], list[Ints], list[Ints]] = ([], [], [], [])
    for database in range(len(scenario.databases)):
        f = t.of("truth.backup_finished", database)
        f = pick(f, f["kind"] == Kind.LOG)
        landed = t.of("truth.landed", database)
        landed = pick(landed, (landed["kind"] == Kind.LOG) & (landed["intact"] == 1))
        r = t.of("truth.restored", database)
        reached = np.maximum.accumulate(r["redo_lsn"]) if len(r["redo_lsn"]) else r["redo_lsn"]
        passed_at = np.append(r["time_us"], NEVER_US)
        landed_us = _look_up(landed["file"], landed["time_us"], f["file"])
        landed_us = np.where(landed_us < 0, NEVER_US, landed_us)
        passed_us = passed_at[np.searchsorted(reached, f["last_lsn"])]
        spans[0].append(f["time_us"])
        spans[1].append(np.minimum(landed_us, passed_us))
        spans[2].append(landed_us)
        spans[3].append(np.maximum(passed_us, landed_us))
    return _count(spans[0], spans[1]), _count(spans[2], spans[3])


def _count(begins: list[Ints], ends: list[Ints]) -> Backlog:
    begin, end = (
        np.concatenate(part) if part else np.empty(0, np.int64) for part in (begins, ends)
    )
    time = np.concatenate((begin, end))
    step = np.concatenate((np.ones(len(begin), np.int64), -np.ones(len(end), np.int64)))
    finite = time < NEVER_US
    at, where = np.unique(time[finite], return_inverse=True)
    change = np.zeros(len(at), np.int64)
    np.add.at(change, where, step[finite])
    return Backlog(at, np.cumsum(change))


@dataclass(slots=True)
class LinkUse:
    bytes_sent: int
    capacity_bits: Fraction  # what the link could have carried in that time; none while it was down
    down_us: int

    @property
    def share(self) -> Fraction | None:
        """The part of its capacity that was used; None if it never had any."""
        return Fraction(8 * self.bytes_sent) / self.capacity_bits if self.capacity_bits else None


def link_pieces(t: Tables, scenario: Scenario) -> list[tuple[int, int, int, int]]:
    """(begin_us, end_us, up, bit_s) over the whole run; before its first record the link is as the
    scenario says.
    """
    rows = t["truth.link"]
    times = [0, *rows["time_us"].tolist()]
    ups = [1, *rows["up"].tolist()]
    rates = [scenario.link.bandwidth_bit_s, *rows["bit_s"].tolist()]
    stops = [*times[1:], run_end_us(t, scenario)]
    return [piece for piece in zip(times, stops, ups, rates, strict=True) if piece[1] > piece[0]]


def link_down(t: Tables, scenario: Scenario) -> list[tuple[int, int]]:
    """The maximal intervals in which the link carried nothing."""
    return maximal(
        (begin, end) for begin, end, up, bit_s in link_pieces(t, scenario) if not (up and bit_s)
    )


def link_use(record: Record, scenario: Scenario, until_us: int) -> LinkUse:
    """Return what crossed the link until until_us against what could have. Bytes count when their
    transfer ends or is cut.
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
    """Return what our finished backups hold: all of it is to cross the link."""
    t = tables(record)
    gone = t["truth.file_gone"]
    elsewhere = gone["file"][t.has_text(gone["why"], "elsewhere")]
    finished = t["truth.backup_finished"]
    return int(finished["nominal_bytes"][~np.isin(finished["file"], elsewhere)].sum())


def backups_made(record: Record) -> dict[str, int]:
    """Finished backups by kind, and those that were cut off or skipped. Someone else's backups are
    not counted.
    """
    t = tables(record)
    gone = t["truth.file_gone"]
    elsewhere = gone["file"][t.has_text(gone["why"], "elsewhere")]
    finished, cut_off = (t[kind] for kind in ("truth.backup_finished", "truth.backup_cut_off"))
    kinds = finished["kind"][~np.isin(finished["file"], elsewhere)]
    made = {kind.word: int(np.sum(kinds == kind)) for kind in Kind}
    ended_early = int(np.sum(~np.isin(cut_off["file"], elsewhere)))
    return made | {"cut_off": ended_early, "skipped": len(t["truth.backup_skipped"]["seq"])}
