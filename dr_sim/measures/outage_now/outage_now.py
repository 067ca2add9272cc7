"""`outage_if_now`: what the outage would be if the primary's site were lost at this instant and the
standby promoted; or its host, or a database there.

Theory of operation. A failover that begins at t ends after
  detect      the machines have been silent for long enough; a recovery manager that is dead must be
              back first
  decide      nothing if automatic, else the operator's time to answer
  fence       the old primary's site answers nothing, so a fence runs into its timeout
  drain       whatever has landed whole is restored, in order; replay continues during detect,
              decide and fence
  recover, redirect, warm up
All but the drain are set by the scenario (and the operator's draw of that hour); to recover takes
longer by what open transactions have written (undo.py). The drain ends
when the last log that has landed by t is restored. Each restore takes what it took in the run, or,
if it never came to that, what its size costs. The first one that waits begins when it did in the
run (or would have, had the run not ended: after_the_end.py), or when the drain begins if that is
earlier (a replay delay, a retry or readers hold no longer then). So value(t) = max(floor, until -
t) between the instants at which something lands, begins or is restored (falling.py), and nothing is
sampled. Without a restored copy there is no way over until a full has landed; its restore comes
before the logs'. A full or an incremental that reaches past all logs there is restored beside them
(past_the_logs.py). What waits behind a hole, behind a file that was damaged or deleted, or behind a
change that the secondary is not set up for is left behind, as a failover would leave it. A full or
an incremental that has landed and leads over a hole is restored, and then what follows it
(over_a_hole.py).

If the host or a database is lost, the primary's share is left: what is finished there continues to
be copied and is waited for, up to failover.drain_limit, and the fence is obeyed. Of a lost database
a tail is taken, copied and restored: it counts as long as one of all that the next log holds. A
copy that is gone is rebuilt from that share: from the full that is on its way in the run, if that
is the newest by then, else from what lies there (outage_from_share.py); the drain's limit strands
nothing then.

Stated differences from a failover that is played: the curve counts a whole heartbeat for detect
(the failure comes just after a beat), so it lies at most one beat above. Restores of several
databases share the workers: the service's curve takes the larger of its longest database and the
sum of all divided by the workers, which is off by up to one restore. The tails of all databases are
taken at one time, and share the link and the workers. What only the drain begins
counts as slow to its end if restores are slow when the drain begins. A detour of the link counts
where heartbeats share it: the last one is so much longer on its way. Entries that the directory
lacks (directory.py), and what a cloud manager would still have to configure (cloud.py), are added
to the whole curve: they wait for the drain, and what is configured until then is not taken off.
A lost host's full or incremental that is on its way and reaches past the last log is waited for, up
to the drain's limit, until the next log is finished: the curve does not count that.
A failover ends a restore that hangs (failover.restore_limit), tries it once more, and leaves behind
what hangs again; the curve counts that for the first restore that waits, not for later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.outage_now.falling import (
    Falling,
    joined_falling,
    worst_falling,
)
from dr_sim.measures.outage_now.outage_from_share import (
    Fetched,
    backs_from_share,
    fetched_from_share,
)
from dr_sim.measures.outage_now.outage_from_store import (
    outage_from_store,
    outage_of_all_from_store,
)
from dr_sim.measures.outage_now.waiting_restores import Jobs, Life, lives_of
from dr_sim.measures.outage_now.way_over import (
    NO_WAY_US,
    SITE,
    Way,
    is_ordered,
    way_over,
)
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import (
    Bools,
    Ints,
    Record,
    Tables,
    tables,
    up_until_us,
)
from dr_sim.record.sets import each_once
from dr_sim.scenario.model import Scenario


def outage_if_now(
    record: Record,
    scenario: Scenario,
    database: int,
    usual: bool = False,
    failure_class: str = SITE,
) -> Falling:
    """Return the curve of one database by itself, to the loss of the site, its host or itself, for
    as long as it was up at the primary.
    """
    t = tables(record)
    if scenario.store is not None:
        in_share = []
        if failure_class != SITE:
            in_share = backs_from_share(t, scenario, database)
        return outage_from_store(
            t, scenario, database, usual, failure_class, in_share
        )
    end = up_until_us(t, scenario, database)
    way = way_over(t, scenario, usual, database, failure_class)
    lives = [
        life
        for life in lives_of(t, scenario, database)
        if life.begin_us < end
    ]
    share = None
    if failure_class != SITE:
        lives = [_with_the_share(life) for life in lives]
        if not all(life.whole for life in lives):
            parts = _without_copies(t, scenario)
            share = fetched_from_share(t, scenario, database, parts)
    found = [
        curve_of_life(life, way, min(end, life.end_us), share)
        for life in lives
    ]
    return joined_falling(found)


def _without_copies(t: Tables, scenario: Scenario) -> int:
    """Return how many databases have no copy at some time, which have to share the link then."""
    rebuilt = []
    for number in range(len(scenario.databases)):
        lives = lives_of(t, scenario, number)
        rebuilt.append(any(not life.whole for life in lives))
    return max(1, sum(rebuilt))


def _with_the_share(life: Life) -> Life:
    """Have what is finished at the primary waited for: it comes when it came in the run."""
    jobs = life.jobs
    if not len(jobs.made_us):
        return life
    there = np.maximum.accumulate(np.minimum(jobs.made_us, jobs.landed_us))
    barred = [bar for bar in jobs.barred if not bar.again]
    return replace(life, jobs=replace(jobs, landed_us=there, barred=barred))


def since_beat_us(scenario: Scenario, t_us: int) -> int:
    """Return how long ago the last heartbeat was, at an instant of a leg: they come at multiples of
    their interval since the run's beginning.
    """
    return (scenario.begins_us + t_us) % scenario.heartbeat.every_us


def outage_at(
    curve: Falling,
    scenario: Scenario,
    t_us: int,
    failure_class: str = SITE,
) -> int:
    """The value that a failure at exactly t_us meets: without the part of a heartbeat that the
    curve counts in full. failure_class: that of the curve; an order waits for no heartbeat.
    """
    if not len(curve.start_us):
        return 0
    i = max(0, int(np.searchsorted(curve.start_us, t_us, side="left")) - 1)
    since_beat = 0
    if not is_ordered(failure_class):
        since_beat = since_beat_us(scenario, t_us)
    return max(
        int(curve.floor_us[i]) - since_beat, int(curve.until_us[i]) - t_us
    )


def curve_of_life(
    life: Life, way: Way, end_us: int, share: Fetched | None = None
) -> Falling:
    """share: what the primary's share holds, where that is left."""
    jobs = life.jobs
    near = np.array(life.begin_us, np.int64)
    cuts = [
        np.atleast_1d(near),
        way.start_us,
        *(np.array(span, np.int64) for span in way.down),
    ]
    for span in way.readers:
        held = np.array(span, np.int64)
        cuts.append(held - way.before(np.maximum(held, 0)))
    busy = _busy(jobs, way.shortest_us, end_us)
    cuts += [way.tail_from_us, life.past.from_us, life.past.until_us]
    for times in (
        jobs.landed_us,
        jobs.begun_us,
        jobs.done_us,
        jobs.begun_us - way.before(jobs.begun_us),
        jobs.ready_us - way.before(jobs.ready_us),
        jobs.ready_us - way.before(jobs.ready_us) - way.drain_limit_us,
    ):
        cuts.append(_within(times, busy))
    if jobs.due_us.any():
        cuts.append(_within(jobs.due_us - way.before(jobs.due_us), busy))
    turns = way.slow.at_us
    cuts.append(_within(turns - way.before(turns), busy))
    more = np.diff(jobs.undo_us, prepend=np.int64(0)) != 0
    cuts.append(jobs.landed_us[more])
    cuts += _where_limits_matter(jobs, way, busy)
    cuts += [np.array(span, np.int64) for span in busy]
    edges = [(bar.from_us, bar.until_us) for bar in jobs.barred]
    cuts.append(_within(np.array(edges, np.int64).ravel(), busy))
    if not life.whole:
        cuts += [jobs.landed_us[:1], jobs.done_us[:1]]
        cuts += [jobs.ready_us[:1]]
        cuts += [share.since_us] if share is not None else []
    start = each_once(*cuts)
    start = start[(start >= life.begin_us) & (start < end_us)]
    floor, until = _values(life, way, start, share)
    return Falling(
        start,
        np.append(start[1:], np.int64(end_us)),
        floor + way.after_us,
        until + way.after_us,
    )


def _where_limits_matter(
    jobs: Jobs, way: Way, busy: list[tuple[int, int]]
) -> list[Ints]:
    """Return from when on a restore that lasts for longer than its limit would end by itself
    before the drain's limit is over, and when restores become slow, or are so no longer, before it
    is.
    """
    long = jobs.takes_us > way.restore_limit_us
    if not long.any():
        return []
    done = np.minimum(jobs.done_us[long], NEVER_US - 2)
    found = []
    for times in (done, way.slow.at_us):
        early = times - way.before(np.maximum(times, 0))
        found += [
            early,
            early - way.drain_limit_us,
            early - way.restore_limit_us,
        ]
    return [_within(times, busy) for times in found]


def _busy(
    jobs: Jobs, shortest_us: int, end_us: int
) -> list[tuple[int, int]]:
    """Return when something waits, or is restored, for longer than a failover takes before its
    drain: elsewhere nothing is left to be restored then, and the jobs need not be looked at.
    """
    waits = (jobs.done_us - jobs.landed_us > shortest_us) & (
        jobs.landed_us < end_us
    )
    begin, stop = (
        jobs.landed_us[waits],
        np.minimum(jobs.done_us[waits], end_us),
    )
    return maximal(zip(begin.tolist(), stop.tolist(), strict=True))


def _within(times: Ints, spans: Sequence[tuple[int, int]]) -> Ints:
    if not spans:
        return times[:0]
    begins = np.array([begin for begin, _ in spans], np.int64)
    ends = np.array([end for _, end in spans], np.int64)
    of = np.searchsorted(begins, times, side="right") - 1
    return times[(of >= 0) & (times <= ends[np.maximum(of, 0)])]


def _values(
    life: Life, way: Way, start: Ints, share: Fetched | None
) -> tuple[Ints, Ints]:
    """Floor and until of each piece, without what comes after the drain."""
    jobs = life.jobs
    before, back = way.before(start), way.back_us(start)
    floor, until = before.copy(), back.copy()
    passed = np.searchsorted(jobs.done_us, start, side="right")
    landed = np.searchsorted(jobs.landed_us, start, side="right")
    for bar in jobs.barred:
        here = (start >= bar.from_us) & (start < bar.until_us)
        here &= (passed <= bar.place) & (landed > bar.place)
        landed = np.where(here, bar.place, landed)
    waits = landed > passed
    floor += np.where(~waits & way.reading(start), way.recover_us, 0)
    # no limit strands the only copy
    only = waits & (passed == 0) & (not life.whole)
    unlimited = replace(way, drain_limit_us=NO_WAY_US)
    for those, limits in ((waits & ~only, way), (only, unlimited)):
        i = np.flatnonzero(those)
        if len(i):
            f, u = _with_a_drain(
                jobs, limits, start[i], passed[i], landed[i]
            )
            floor[i], until[i] = f, u
    if jobs.undo_us.any():
        undo = np.where(
            landed > 0, jobs.undo_us[np.maximum(landed - 1, 0)], 0
        )
        floor, until = floor + undo, np.where(until > 0, until + undo, 0)
    past = way.slow.slowed(life.past.at(start), start + before)
    tail = way.tail(start) + past
    floor, until = floor + tail, np.where(until > 0, until + tail, 0)
    if (
        not life.whole
    ):  # until a full has landed there is nothing to promote
        there = jobs.landed_us[0] if len(jobs.landed_us) else NEVER_US
        early = start < there
        if share is not None and len(jobs.made_us):
            on_way = start < jobs.ready_us[0]
            made_us = int(jobs.made_us[0])
            early |= on_way & share.takes_the_place(start, made_us)
        floor[early], until[early] = NO_WAY_US, 0
        if share is not None:
            floor[early], until[early] = share.values(start[early], way)
    return floor, until


def _with_a_drain(
    jobs: Jobs, way: Way, start: Ints, passed: Ints, landed: Ints
) -> tuple[Ints, Ints]:
    before, back = way.before(start), way.back_us(start)
    total, plain = (
        np.append(np.int64(0), np.cumsum(x))
        for x in (jobs.takes_us, jobs.plain_us)
    )
    then = (
        start + before
    )  # restores that only the drain begins are as slow as they are then
    due = (
        np.searchsorted(jobs.due_us, start + before, side="right")
        if jobs.due_us.any()
        else landed
    )
    prompt = np.clip(due, passed, landed)
    begins = jobs.begun_us[passed]
    drained_from = np.maximum(start + before, back)
    # what is not here yet comes by itself
    by_itself = (begins <= drained_from) | (
        jobs.ready_us[passed] > drained_from
    )
    by_itself &= prompt > passed
    # the last one that is due by itself may come later than those before it end
    last = np.maximum(prompt - 1, 0)
    last_ends = jobs.due_us[last] + jobs.takes_us[last]
    work = total[prompt] - total[passed]
    held = way.slow.slowed(plain[landed] - plain[prompt], then)
    all_of_it = way.slow.slowed(plain[landed] - plain[passed], then)
    floor = np.where(by_itself, before + held, before + all_of_it)
    until = np.where(
        by_itself,
        np.maximum(np.maximum(begins + work, last_ends), back) + held,
        np.where(back > 0, back + all_of_it, 0),
    )
    given_up = jobs.ready_us[landed - 1] > drained_from + way.drain_limit_us
    waits_us = np.maximum(
        0, way.drain_limit_us - way.tail(start)
    )  # the tail is added later
    floor[given_up], until[given_up] = (before + waits_us)[given_up], 0
    ended = (
        _ended_by_the_limit(jobs, way, drained_from, passed, by_itself)
        & ~given_up
    )
    if ended.any():
        at, first = drained_from[ended], passed[ended]
        rest = plain[landed[ended]] - plain[first + 1]
        f, u = _tried_again(
            jobs, way, (at, begins[ended], first), by_itself[ended], rest
        )
        floor[ended] = before[ended] + f
        waited = back[ended]
        until[ended] = np.maximum(u, np.where(waited > 0, waited + f, 0))
    return floor, until


def _ended_by_the_limit(
    jobs: Jobs, way: Way, drained_from: Ints, first: Ints, by_itself: Bools
) -> Bools:
    """Return whether the first restore that waits is ended, as it would continue for longer than a
    failover lets it?
    """
    limit = max(way.restore_limit_us, way.drain_limit_us)
    begins = jobs.begun_us[first]
    ends = np.where(
        jobs.done_us[first] >= NEVER_US,
        NO_WAY_US,
        begins + jobs.takes_us[first],
    )
    latest = np.maximum(
        drained_from + way.drain_limit_us, begins + way.restore_limit_us
    )
    slow = way.slow.slowed(jobs.plain_us[first], drained_from) > limit
    ended: Bools = (
        np.where(by_itself, ends > latest, slow) & ~jobs.full[first]
    )
    return ended


def _tried_again(
    jobs: Jobs,
    way: Way,
    when: tuple[Ints, Ints, Ints],
    by_itself: Bools,
    rest_us: Ints,
) -> tuple[Ints, Ints]:
    """Return what a drain takes from its beginning on if the first restore is ended by the limit,
    and the instant at which it ends at the earliest. when: the drain begins, that restore began,
    its job. It is tried again for no longer than the drain's limit; if it hangs again, the rest is
    left.
    """
    drained_from, begins, first = when
    limit = max(way.restore_limit_us, way.drain_limit_us)
    in_drain = np.where(by_itself, way.drain_limit_us, limit)
    earliest = np.where(by_itself, begins + way.restore_limit_us, 0)
    ends = np.maximum(drained_from + in_drain, earliest)
    again = way.slow.slowed(jobs.plain_us[first], ends)
    stands = again > way.drain_limit_us
    more = np.where(
        stands, way.drain_limit_us, again + way.slow.slowed(rest_us, ends)
    )
    return in_drain + more, np.where(by_itself, earliest + more, 0)


def outage_of_service(
    record: Record,
    scenario: Scenario,
    curves: Sequence[Falling],
    usual: bool = False,
    failure_class: str = SITE,
) -> Falling:
    """The worst of databases, and where they share the restore workers, all that waits divided by
    these. failure_class: that of the curves.
    """
    workers = scenario.replay.workers
    found = list(curves)
    t = tables(record)
    if scenario.store is not None:
        all_of_it = outage_of_all_from_store(
            t, scenario, found, usual, failure_class
        )
        return worst_falling(
            found if all_of_it is None else [*found, all_of_it]
        )
    way = way_over(t, scenario, usual, failure_class=failure_class)
    if len(found) > workers or (len(found) > 1 and way.has_tails):
        all_lives = [
            lives_of(t, scenario, i) for i in databases_of(scenario)
        ]
        found.append(shared_by_workers(t, scenario, way, all_lives))
    return worst_falling(found)


def databases_of(scenario: Scenario) -> range:
    return range(len(scenario.databases))


def shared_by_workers(
    t: Tables,
    scenario: Scenario,
    way: Way,
    all_lives: Sequence[Sequence[Life]],
) -> Falling:
    """The sum of what waits in all databases, as steps, done by all workers at once. What is held
    back until the drain begins comes after all that continues by itself. A restore that hangs is no
    work that workers share: its own database's curve says when a failover ends it.
    """
    end = min(up_until_us(t, scenario, i) for i in databases_of(scenario))
    prompt, held = _Steps(), _Steps()
    for lives in all_lives:
        for life in lives:
            jobs = life.jobs
            long = (jobs.done_us - jobs.landed_us > way.shortest_us) & (
                jobs.landed_us < end
            )
            long &= jobs.full | (jobs.takes_us <= way.restore_limit_us)
            landed, done = jobs.landed_us[long], jobs.done_us[long]
            free = (
                np.maximum(
                    jobs.due_us[long], np.minimum(jobs.begun_us[long], done)
                )
                - way.shortest_us
            )
            free = np.clip(free, landed, done)
            held.add(
                landed, free, way.slow.slowed(jobs.plain_us[long], landed)
            )
            prompt.add(free, done, jobs.takes_us[long])
    workers = scenario.replay.workers
    start = each_once(
        np.zeros(1, np.int64),
        way.start_us,
        way.tail_from_us,
        *prompt.at,
        *held.at,
    )
    start = start[start < end]
    floor = (
        np.maximum(way.before(start), prompt.sum_at(start) // workers)
        + held.sum_at(start) // workers
        + way.tail(start)
    )
    return Falling(
        start,
        np.append(start[1:], np.int64(end)),
        floor + way.after_us,
        np.zeros(len(start), np.int64),
    )


class _Steps:
    """A sum of amounts, each there from one instant to another."""

    def __init__(self) -> None:
        self.at: list[Ints] = []
        self.by: list[Ints] = []

    def add(self, from_us: Ints, until_us: Ints, amount: Ints) -> None:
        self.at += [from_us, until_us]
        self.by += [amount, -amount]

    def sum_at(self, times: Ints) -> Ints:
        """Return the number at each instant; what begins or ends there is counted."""
        if not self.at:
            return np.zeros(len(times), np.int64)
        at, by = np.concatenate(self.at), np.concatenate(self.by)
        order = np.argsort(at, kind="stable")
        total = np.append(np.int64(0), np.cumsum(by[order]))
        return np.asarray(
            total[np.searchsorted(at[order], times, side="right")]
        )
