"""Reported `outage_if_now`: how long the recovery manager believes that an outage would last if the
site were lost at this instant, from what it was told and nothing else.

Theory of operation. It knows which files have landed and were whole, which of them it has restored,
and what it has handed to the engine, and when. It takes each restore to last what one of that kind
and size usually costs. So it is wrong where restores are slow, where what it has validated has
rotted or has been deleted since, where its copy is gone and no restore has met that yet, and while
it is dead: the difference to the true curve is what nobody was told. The rest of a failover
(detect, decide, fence, recover, redirect) takes what it takes in the true curve.

It is defined where databases are replayed: of a store, which restores in a failover only, nothing
is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.exposure.known_copy import known_as_gone
from dr_sim.measures.outage_now.after_the_end import (
    RestoreTimes,
    WaitingFiles,
    go_on,
)
from dr_sim.measures.outage_now.falling import (
    Falling,
    joined_falling,
    no_curve,
    worst_falling,
)
from dr_sim.measures.outage_now.outage_now import (
    curve_of_life,
    databases_of,
    shared_by_workers,
)
from dr_sim.measures.outage_now.waiting_restores import (
    Jobs,
    Life,
    cost_us,
    past_logs_of,
)
from dr_sim.measures.outage_now.way_over import Slowness, Way, way_over
from dr_sim.measures.tables import (
    Bools,
    Ints,
    Record,
    Tables,
    pick,
    run_end_us,
    tables,
    up_until_us,
)
from dr_sim.record.sets import among
from dr_sim.scenario.model import Scenario

_HEADER = {
    "kind": "header.kind",
    "last_lsn": "header.last_lsn",
    "first_lsn": "header.first_lsn",
    "nominal_bytes": "header.nominal_bytes",
    "started_utc_us": "header.started_utc_us",
}


def reported_outage(
    record: Record, scenario: Scenario, database: int
) -> Falling:
    """Return what the manager would report for one database, while the primary is up."""
    t = tables(record)
    if scenario.store is not None:
        return no_curve()
    end = up_until_us(t, scenario, database)
    way = _believed_way(t, scenario, database)
    found = []
    for life in believed_lives(t, scenario, database):
        if life.begin_us < end:
            stop = min(end, life.end_us)
            found.append(curve_of_life(life, way, stop))
    return joined_falling(found)


def reported_outage_of_service(
    record: Record, scenario: Scenario, curves: Sequence[Falling]
) -> Falling:
    """The worst of databases, and where they share the restore workers, all that waits divided by
    these.
    """
    found = list(curves)
    if scenario.store is None and len(found) > scenario.replay.workers:
        t = tables(record)
        all_lives = [
            believed_lives(t, scenario, i) for i in databases_of(scenario)
        ]
        way = _believed_way(t, scenario, -1)
        found.append(shared_by_workers(t, scenario, way, all_lives))
    return worst_falling(found)


def _believed_way(t: Tables, scenario: Scenario, database: int) -> Way:
    """Estimate it without what only the record knows: slow restores, readers, a manager that is
    dead.
    """
    way = way_over(t, scenario, database=database)
    return replace(way, down=[], readers=[], slow=Slowness.usual())


def believed_lives(
    t: Tables, scenario: Scenario, database: int
) -> list[Life]:
    """The copies of a database as the manager knows of them, one after the other."""
    there = t.of("truth.copy_there", database)["time_us"]
    whole = scenario.databases[database].seeded or bool(len(there))
    gone = known_as_gone(t, scenario, database, whole)
    begins = [0, *(at for _, at in gone)]
    stops = [*begins[1:], NEVER_US]
    past = past_logs_of(t, scenario, database)
    lives = []
    for begin, stop in zip(begins, stops, strict=True):
        is_whole = whole and begin == 0
        jobs = _jobs(t, scenario, database, (begin, stop), is_whole)
        lives.append(Life(begin, stop, is_whole, jobs, past))
    return lives


def _jobs(
    t: Tables,
    scenario: Scenario,
    database: int,
    span: tuple[int, int],
    whole: bool,
) -> Jobs:
    restored = _within(t.of("seen.Restored", database), span)
    commands = _within(t.of("seen.Restore", database), span)
    files = _validated(t, database, span[1])
    logs = files["kind"] == Kind.LOG
    first = among(files["name"], restored["name"]) & ~logs
    if not whole and not first.any():
        first = _first_full(files)
    from_lsn = -1 if whole else _first_end(files, first)
    wanted = (logs & (files["last_lsn"] > from_lsn)) | first
    wanted &= files["last_lsn"] > files["first_lsn"] * logs
    files = pick(files, wanted)
    order = np.lexsort((files["kind"] == Kind.LOG, files["last_lsn"]))
    files = {key: column[order] for key, column in files.items()}
    done = _done_us(files["last_lsn"], restored)
    takes = cost_us(scenario, files)
    none = np.zeros(len(done), np.int64)
    landed = np.maximum.accumulate(files["time_us"])
    begun = last_before(
        (commands["name"], commands["time_us"]), (files["name"], done)
    )
    due = _due_us(scenario, files)
    if span[1] > run_end_us(t, scenario):
        waits = WaitingFiles(span[0], files, landed, due)
        times = RestoreTimes(begun, done, takes)
        go_on(t, scenario, database, waits, times, Slowness.usual())
    return Jobs(
        landed_us=landed,
        begun_us=begun,
        done_us=done,
        takes_us=takes,
        plain_us=takes,
        due_us=due,
        full=files["kind"] == Kind.FULL,
        undo_us=none,
        made_us=landed,
        ready_us=landed,
    )


def _due_us(scenario: Scenario, files: dict[str, Ints]) -> Ints:
    """Return until when a replay delay holds each, by the clock of the primary; 0 where there is
    none.
    """
    delay_us = scenario.replay.delay_us
    if not delay_us:
        return np.zeros(len(files["name"]), np.int64)
    cut_us = files["started_utc_us"] - scenario.start_utc_us
    return np.maximum(cut_us + delay_us, 0)


def _within(
    rows: dict[str, Ints], span: tuple[int, int]
) -> dict[str, Ints]:
    there = (rows["time_us"] >= span[0]) & (rows["time_us"] < span[1])
    return pick(rows, there)


def _validated(t: Tables, database: int, until_us: int) -> dict[str, Ints]:
    """Each file that was validated by then, and when it had landed: the last time, as it may have
    been lost with the standby, and sent again.
    """
    rows = t.of("seen.Validated", database)
    rows = pick(rows, rows["time_us"] < until_us)
    _, from_the_end = np.unique(rows["name"][::-1], return_index=True)
    places = len(rows["name"]) - 1 - from_the_end
    rows = {key: column[places] for key, column in rows.items()}
    found = {key: rows[column] for key, column in _HEADER.items()}
    return {
        **found,
        "name": rows["name"],
        "file": rows["name"],
        "time_us": _landed_us(t, database, rows),
    }


def _landed_us(
    t: Tables, database: int, validated: dict[str, Ints]
) -> Ints:
    """Return when each landed last before it was validated; what lay there at first: at 0."""
    landed = t.of("seen.Landed", database)
    at = last_before(
        (landed["name"], landed["time_us"]),
        (validated["name"], validated["time_us"]),
    )
    return np.maximum(at, 0)


def _first_full(files: dict[str, Ints]) -> Bools:
    """The full that was validated first, where none was restored."""
    fulls = np.flatnonzero(files["kind"] == Kind.FULL)
    found = np.zeros(len(files["kind"]), np.bool_)
    if len(fulls):
        found[fulls[np.argmin(files["time_us"][fulls])]] = True
    return found


def _first_end(files: dict[str, Ints], first: Bools) -> int:
    ends = files["last_lsn"][np.flatnonzero(first)]
    return int(ends.min()) if len(ends) else NEVER_US


def _done_us(last_lsn: Ints, restored: dict[str, Ints]) -> Ints:
    """Return when the copy had reached the end of each; NEVER_US: it never did."""
    done = np.full(len(last_lsn), NEVER_US, np.int64)
    if not len(restored["redo_lsn"]):
        return done
    reached = np.maximum.accumulate(restored["redo_lsn"])
    at = np.searchsorted(reached, last_lsn)
    there = at < len(reached)
    done[there] = restored["time_us"][at[there]]
    return done


def last_before(told: tuple[Ints, Ints], wanted: tuple[Ints, Ints]) -> Ints:
    """Return, for each wanted (name, instant), the last instant up to it at which that name was
    told; its own where there is none.
    """
    names = np.concatenate((told[0], wanted[0]))
    times = np.concatenate((told[1], wanted[1]))
    asks = np.arange(len(names)) >= len(told[0])
    order = np.lexsort((asks, times, names))
    places = np.where(asks[order], -1, np.arange(len(order)))
    last = np.maximum(np.maximum.accumulate(places), 0)
    before = order[last]
    found = times.copy()
    same = (names[before] == names[order]) & ~asks[before]
    found[order[same]] = times[before[same]]
    return np.asarray(found[len(told[0]) :])
