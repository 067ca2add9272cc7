"""Alerts that were due: every lasting danger is reported to somebody in time (S8).

A danger that is due an alert (alerts.py) must be told when it falls due; where a log landed so late
that the window after it and a retry are not over by then, when they are. A manager that was dead
tells within a retry of its return, and what it tells into a dead channel is told as far as it can
know. Where people have ordered a failover they hear at its drain limit what is still awaited. Of a
log that waits here it is told once it is past the age limit that the scenario asks for,
beyond its delay and the restore job's hour. Only truth excuses: what the logic did, or did not do,
is no reason.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.alerts.alerts import DAY_US, Episode, danger_us, raised
from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.schedule import longest_gap_us


@dataclass(frozen=True, slots=True)
class NotTold:
    """A database was in danger from an instant on, and nobody was notified by the deadline."""

    database: int
    onset_us: int
    deadline_us: int


def not_told(
    t: Tables, scenario: Scenario, episodes: Sequence[Episode]
) -> Iterator[NotTold]:
    """Yield every danger of a run (or of one leg of it) of which nobody was notified in time.
    episodes: those of the whole run, whatever part of it is measured.
    """
    due = [e for e in episodes if e.due_us is not None]
    if not due:
        return
    end_us = run_end_us(t, scenario)
    lives = [(r.time_us, r.values["up"]) for r in t.rows("truth.manager")]
    if not lives:
        return  # nobody was there to tell
    deaths = [
        (at, back)
        for (at, up), (back, _) in pairwise([*lives, (end_us, 1)])
        if not up
    ]
    told_us = _told_us(t, scenario)
    for e in due:
        deadline_us = _deadline_us(t, scenario, e, deaths)
        promoted = t.of("truth.promoted", e.database)["time_us"]
        if (promoted <= deadline_us).any():
            continue  # what an old primary still writes then is thrown away, whoever is notified
        if _comes_of_rot(t, e, deadline_us):
            continue
        first_us = min(
            _first_within(told_us.get(database, ()), e.since_us, e.end_us)
            for database in (e.database, -1)
        )
        if first_us > deadline_us:
            yield NotTold(e.database, e.onset_us, deadline_us)


def _comes_of_rot(t: Tables, e: Episode, deadline_us: int) -> bool:
    """Return whether fulls had been made that hold rotten pages, and nothing had read these until
    the deadline: such a full cannot be told from a sound one, so nobody could know.
    """
    rotten = t.of("truth.backup_rotten", e.database)["time_us"]
    noticed = t.of("truth.rot_noticed", e.database)["time_us"]
    begun = t.of("truth.rot", e.database)["time_us"]
    begun = begun[begun <= e.onset_us]
    if not len(begun) or not (rotten <= e.onset_us).any():
        return False
    return not ((noticed >= begun[-1]) & (noticed <= deadline_us)).any()


def _told_us(t: Tables, scenario: Scenario) -> dict[int, list[int]]:
    """Return the instants of all alerts in order, by database; of those that name none by -1."""
    found: dict[int, list[int]] = {}
    for alert in raised(t, scenario):
        found.setdefault(alert.database, []).append(alert.time_us)
    return {database: sorted(at_us) for database, at_us in found.items()}


def _first_within(at_us: Sequence[int], since_us: int, end_us: int) -> int:
    """Return the first of these instants in an interval; its end if there is none."""
    place = bisect_left(at_us, since_us)
    return min(at_us[place], end_us) if place < len(at_us) else end_us


def _found_us(t: Tables, scenario: Scenario, e: Episode) -> int:
    """Return when damage of files that lie in a store, or at a standby whose replay waits on
    purpose, must have been found: nobody looks before they are hashed again, or restored.
    """
    replay = scenario.replay
    on_purpose_us = replay.delay_us + replay.every_us
    if scenario.store is None and not on_purpose_us:
        return 0
    damaged = t.of("truth.damaged", e.database)
    at_rest = damaged["time_us"][
        t.has_text(damaged["where"], "secondary")
        & (damaged["time_us"] <= e.onset_us)
    ]
    if not len(at_rest):
        return 0
    restored_us = e.end_us
    if scenario.store is None:
        restored_us = int(at_rest[-1]) + on_purpose_us + replay.retry_us
    if not replay.reverify_us:
        return restored_us
    hashed_us = int(at_rest[-1]) + 2 * (
        replay.reverify_us + replay.retry_us
    )
    return min(hashed_us, restored_us)


def _waits_us(t: Tables, scenario: Scenario, e: Episode) -> int:
    """Return when it is late that the oldest log that lies here is not restored: past the age limit
    that the scenario asks for, beyond the time for which it waits on purpose. Where no data is in
    danger nothing else is to be told.
    """
    assert e.due_us is not None
    if "data" in e.limbs:
        return 0
    replay = scenario.replay
    restored = t.of("truth.restored", e.database)
    done = restored["redo_lsn"][restored["time_us"] <= e.due_us]
    landed = t.of("truth.landed", e.database)
    waits = (landed["kind"] == int(Kind.LOG)) & (landed["intact"] == 1)
    waits &= landed["last_lsn"] > (int(done[-1]) if len(done) else 0)
    times = landed["time_us"][waits & (landed["time_us"] <= e.due_us)]
    if not len(times):
        return 0
    on_purpose_us = replay.delay_us + replay.every_us
    return int(times[0]) + replay.age_us + on_purpose_us + replay.retry_us


def _late_us(t: Tables, scenario: Scenario, e: Episode) -> int:
    """Return when it is late that no newer full or incremental of a database without logs has been
    restored: two intervals after the last one that was restored before was begun, and as long as
    the next may take, which is twice as long as that took. Before the first two are restored nobody
    knows how long one takes: a day more.
    """
    assert e.due_us is not None
    spec = scenario.databases[e.database]
    gaps = [
        longest_gap_us(s)
        for s in (spec.full, spec.incremental)
        if s.kind != "none"
    ]
    interval_us = min(gaps, default=0)
    restored, begun = (
        t.of("truth.restored", e.database),
        t.of("truth.backup_begin", e.database),
    )
    ends_us = restored["time_us"][restored["time_us"] < e.due_us]
    if not len(ends_us):
        return e.onset_us + 2 * interval_us + DAY_US
    mine = begun["file"] == restored["file"][len(ends_us) - 1]
    from_us = int(begun["time_us"][mine][0]) if mine.any() else 0
    first_us = DAY_US if len(ends_us) < 2 else 0
    return (
        from_us
        + 2 * interval_us
        + 2 * (int(ends_us[-1]) - from_us)
        + first_us
    )


def _deadline_us(
    t: Tables,
    scenario: Scenario,
    e: Episode,
    deaths: Sequence[tuple[int, int]],
) -> int:
    assert e.due_us is not None
    retry_us = scenario.replay.retry_us
    landed = t.of("truth.landed", e.database)
    before = landed["time_us"][
        (landed["kind"] == int(Kind.LOG)) & (landed["time_us"] < e.due_us)
    ]
    last_us = int(np.max(before)) if len(before) else 0
    # a scenario whose window is longer than its danger asks for silence until then
    between_us = longest_gap_us(scenario.databases[e.database].log)
    window_us = scenario.replay.window_us + between_us
    if scenario.store is not None:
        # a manager that begins anew there cannot know of the one that landed last
        window_us += between_us
    patience_us = max(danger_us(scenario, e.database), window_us)
    deadline_us = max(
        e.due_us,
        last_us + patience_us + retry_us,
        _waits_us(t, scenario, e),
    )
    if scenario.databases[e.database].log.kind == "none":
        deadline_us = max(
            deadline_us, _late_us(t, scenario, e) + window_us + 2 * retry_us
        )
    first_us = int(t["truth.manager"]["time_us"][0])
    if first_us >= e.onset_us:  # nobody was in place yet
        if scenario.store is not None:
            patience_us += scenario.store.held_us
        deadline_us = max(deadline_us, first_us + patience_us + retry_us)
    deadline_us = max(deadline_us, _found_us(t, scenario, e))
    drained_us = scenario.failover.drain_limit_us + retry_us
    for ordered_us in t["seen.FailoverOrdered"]["time_us"].tolist():
        if ordered_us <= deadline_us:
            deadline_us = max(deadline_us, ordered_us + drained_us)
    for died_us, back_us in deaths:
        if died_us <= deadline_us and back_us > e.onset_us:
            deadline_us = max(deadline_us, back_us + retry_us)
    return deadline_us
