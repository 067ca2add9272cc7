"""The backlog: logs that are finished and have not landed, or have landed and are not restored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.tables import (
    Ints,
    Record,
    Tables,
    first_of,
    pick,
    tables,
)
from dr_sim.scenario.model import Scenario


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
