"""How far the secondary's copy was behind: replay lag."""

from __future__ import annotations

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import NEVER_US, Curve, step_curve
from dr_sim.measures.tables import (
    Ints,
    Record,
    Tables,
    first_of,
    not_offered_yet,
    pick,
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
    since = not_offered_yet(t, database, time, since)
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
