"""The parts of an outage that every failover has, whatever waits for its restore: detect, decide,
fence, and what comes after the drain; and how much slower restores are at an instant.

All of it is set by the scenario, and by the operator's draw of that hour. Times at which the
recovery manager was dead, people read the standby or heartbeats took a detour are read off the
record.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.happenings import lines_for, turns_of
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.tables import (
    Bools,
    Ints,
    Tables,
    first_of,
    run_end_us,
)
from dr_sim.record.sets import each_once
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import (
    FAILURE_CLASSES,
    USUAL_RTT_US,
    Law,
    Scenario,
)
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.scenario.usual import (
    after_the_drain_us,
    beat_on_way_us,
    turn_us,
    usual_us,
)
from dr_sim.streams import Streams, streams_at
from dr_sim.units import HOUR_US

SITE = "site"
NO_WAY_US = 1 << 60
"""The outage where nothing can be promoted: longer than any run."""
_MOST_PPM = 10**12  # a factor of a million, the largest in a scenario
_ALL_PPM = 1_000_000


@dataclass(slots=True)
class Way:
    """Holds what a failover takes beside its drain. before_us[i]: detect, decide and fence from
    start_us[i] on, and at a store the time to get a machine; late_us[i]: so much of it the last
    heartbeat is on its way beyond what the link's own distance takes, as there was a detour.
    """

    start_us: Ints
    before_us: Ints
    after_us: int  # recover, redirect, warm up
    down: list[tuple[int, int]]  # when the recovery manager was dead
    slow: Slowness
    silent_us: int
    repair_us: Ints  # so much of it people try to repair what has failed
    drain_limit_us: int = NO_WAY_US
    restore_limit_us: int = NO_WAY_US
    recover_us: int = 0
    readers: list[tuple[int, int]] = field(
        default_factory=list
    )  # when readers held the copy open
    late_us: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    # what a tail adds, and from when on it adds so much
    tail_from_us: Ints = field(
        default_factory=lambda: np.zeros(1, np.int64)
    )
    tail_us: Ints = field(default_factory=lambda: np.zeros(1, np.int64))

    def reading(self, at_us: Ints) -> Bools:
        """Return whether readers hold the copy open when the drain begins. They are noticed by the
        first restore, or else by the recovery, which is then begun again.
        """
        found = np.zeros(len(at_us), np.bool_)
        then = at_us + self.before(at_us)
        for begin, end in self.readers:
            found |= (then >= begin) & (then < end)
        return found

    def before(self, at_us: Ints) -> Ints:
        return self.before_us[
            np.searchsorted(self.start_us, at_us, side="right") - 1
        ]

    @property
    def has_tails(self) -> bool:
        """Return whether tails are taken in the failover."""
        return bool(self.tail_us.any())

    def tail(self, at_us: Ints) -> Ints:
        return self.tail_us[
            np.searchsorted(self.tail_from_us, at_us, side="right") - 1
        ]

    def late(self, at_us: int) -> int:
        return int(self.late_us[self._place(at_us)])

    def repair(self, at_us: int) -> int:
        return int(self.repair_us[self._place(at_us)])

    def _place(self, at_us: int) -> int:
        return int(np.searchsorted(self.start_us, at_us, side="right")) - 1

    @property
    def shortest_us(self) -> int:
        return int(self.before_us.min())

    def back_us(self, at_us: Ints) -> Ints:
        """Return, for each instant when the drain can begin at the earliest, as the manager was
        dead then; 0 if it was not.
        """
        found = np.zeros(len(at_us), np.int64)
        for begin, end in self.down:
            dead = (at_us >= begin) & (at_us < end)
            # silence has been long enough by then, or it is waited for
            found[dead] = (
                end
                + self.before(np.array([end]))[0]
                - self.silent_us
                - self.late(end)
            )
        return found


@dataclass(slots=True)
class _People:
    """word_us[i]: how long after a page the operator gives his word, where the failure comes after
    start_us[i]; repair_us[i]: so much of it people try to repair what has failed.
    """

    start_us: list[int]
    word_us: list[int]
    repair_us: list[int]


def is_ordered(failure_class: str) -> bool:
    """Return whether a failover comes by an order, and not because something has failed."""
    return failure_class not in FAILURE_CLASSES


def way_over(
    t: Tables,
    scenario: Scenario,
    usual: bool = False,
    database: int = -1,
    failure_class: str = SITE,
) -> Way:
    """usual: the operator takes his usual time, as nobody can know how long he would take in this
    hour. failure_class: that of what has failed, or what an order is called: nothing is detected
    then, nobody is paged, and the tail is taken.
    """
    f = scenario.failover
    ordered = is_ordered(failure_class)
    silent_us = 0
    if not ordered:
        silent_us = (
            f.silent_for_us + turn_us(scenario) + beat_on_way_us(scenario)
        )
    fence_us = f.fence_timeout_us
    if failure_class != SITE:
        fence_us = f.fence_us + scenario.link.distance_us
    if ordered:  # the outage begins when the primary has stopped
        fence_us = scenario.link.distance_us // 2
    machine_us = 0 if scenario.store is None else scenario.store.machine_us
    fixed = silent_us + fence_us + machine_us
    people = _People([0], [0], [0])
    if f.mode == "manual" and not ordered:
        people = _people(scenario, silent_us, usual)
    start = people.start_us
    down = _manager_down(t, scenario)
    turns, late = ([0], [0]) if ordered else _detours(t, scenario)
    starts = np.unique(np.array([*start, *turns], np.int64))
    of_hour = (
        np.searchsorted(np.array(start, np.int64), starts, side="right") - 1
    )
    late_us = np.array(late, np.int64)[
        np.searchsorted(turns, starts, side="right") - 1
    ]
    repair_us = np.array(people.repair_us, np.int64)[of_hour]
    before_us = fixed + np.array(people.word_us, np.int64)[of_hour]
    has_tail = ordered or failure_class == "database"
    tails = _tails(t, scenario, database) if has_tail else ()
    return Way(
        starts,
        np.where(before_us < NO_WAY_US, before_us + late_us, NO_WAY_US),
        after_the_drain_us(scenario),
        down,
        Slowness.of(t, scenario),
        silent_us,
        repair_us,
        f.drain_limit_us,
        f.restore_limit_us,
        usual_us(f.recover),
        _readers(t, scenario, database),
        late_us,
        *tails,
    )


def _tails(
    t: Tables, scenario: Scenario, database: int
) -> tuple[Ints, Ints] | tuple[()]:
    """Return from when on the tail of that database takes so long; -1: those of all, which
    share the link and the restore workers.
    """
    of = range(len(scenario.databases)) if database < 0 else [database]
    each = [
        _held(t, i) for i in of if scenario.databases[i].log.kind != "none"
    ]
    each = [(from_us, held) for from_us, held in each if len(held)]
    if not each:
        return ()
    starts = each_once(*(from_us for from_us, _ in each))
    total = np.zeros(len(starts), np.int64)
    largest = np.zeros(len(starts), np.int64)
    for from_us, held in each:
        here = held[np.searchsorted(from_us, starts, side="right") - 1]
        total += here
        largest = np.maximum(largest, here)
    takes = [
        _tails_us(scenario, len(each), size, all_of_it)
        for size, all_of_it in zip(
            largest.tolist(), total.tolist(), strict=True
        )
    ]
    return starts, np.array(takes, np.int64)


def _held(t: Tables, database: int) -> tuple[Ints, Ints]:
    """Return from when on a tail of the database holds so many bytes: the log until the next backup
    of it is cut, and after the last as much as that held.
    """
    made = t.of("truth.backup_finished", database)
    logs = made["kind"] == Kind.LOG
    begun = t.of("truth.backup_begin", database)
    cut = first_of(
        begun["file"], begun["time_us"], made["file"][logs], NEVER_US
    )
    held = made["nominal_bytes"][logs]
    if not len(cut):
        return cut, held
    order = np.argsort(cut, kind="stable")
    starts = np.append(np.int64(0), cut[order])
    return starts, np.append(held[order], held[order][-1])


def _tails_us(
    scenario: Scenario, number: int, largest: int, total: int
) -> int:
    """Return the time to back up so many tails at one time, to send them over the link, and to hash
    and restore them. largest: bytes of the largest one; total: of all.
    """
    backup, restore, link = (
        scenario.primary.log,
        scenario.secondary.restore[Kind.LOG],
        scenario.link,
    )
    stream = min(
        link.bandwidth_bit_s,
        stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb),
    )
    sent_us = max(
        _taking(largest * 8, stream),
        _taking(total * 8, link.bandwidth_bit_s),
    )
    one_us = restore.fixed_us + _taking(largest, restore.rate_bytes_s)
    all_us = number * restore.fixed_us + _taking(
        total, restore.rate_bytes_s
    )
    return (
        backup.fixed_us
        + _taking(largest, backup.rate_bytes_s)
        + sent_us
        + _taking(largest, scenario.secondary.hash_bytes_s)
        + max(one_us, all_us // scenario.replay.workers)
    )


def _taking(amount: int, rate_s: int) -> int:
    """Return how long so much takes, rounded up to a microsecond."""
    return -(-amount * _ALL_PPM // rate_s)


def _detours(t: Tables, scenario: Scenario) -> tuple[list[int], list[int]]:
    """Return from when on the last heartbeat is longer on its way than the link's own distance
    takes, and by how much: where heartbeats share the link, and events or faults make its round
    trips longer.
    """
    at, late = [0], [0]
    if scenario.heartbeat.own_path:
        return at, late
    params = {
        (line.kind.name, number): getattr(line.params, "more", 0)
        for number, line in lines_for(scenario, Explains.SLOW_LINK)
    }
    link, more = scenario.link, 0
    for row in turns_of(t, scenario, Explains.SLOW_LINK):
        by = params[row.values["what"], row.values["number"]]
        more += by if row.values["begins"] else -by
        on_way_us = max(0, link.rtt_us + more - USUAL_RTT_US) // 2
        if at[-1] == row.time_us:
            at.pop()
            late.pop()
        at.append(row.time_us)
        late.append(on_way_us - beat_on_way_us(scenario))
    return at, late


def _readers(
    t: Tables, scenario: Scenario, database: int
) -> list[tuple[int, int]]:
    """Return when events let readers hold that database's copy open; faults that are drawn may name
    it, too.
    """
    if database < 0:
        return []
    name = scenario.databases[database].name
    found, since = [], None
    for row in turns_of(t, scenario, Explains.HELD_OPEN, name):
        if row.values["begins"]:
            since = row.time_us
        elif since is not None:
            found.append((since, row.time_us))
            since = None
    return [*found, (since, NO_WAY_US)] if since is not None else found


def _people(scenario: Scenario, silent_us: int, usual: bool) -> _People:
    """Return how long people take. The operator is paged when the silence is long enough; how long
    he and a repair take is drawn by the hour.
    """
    f = scenario.failover
    if not f.approves:
        return _People([0], [NO_WAY_US], [0])
    laws = (f.answers_in, f.repairs_first)
    if usual or all(law.kind == "fixed" for law in laws):
        answers_us, repair_us = map(usual_us, laws)
        return _People([0], [answers_us + repair_us], [repair_us])
    began_us = scenario.begins_us
    last_us = began_us + scenario.run_for_us + silent_us
    hours = range(began_us // HOUR_US, last_us // HOUR_US + 1)
    luck = scenario.seed, scenario.replication_no
    people = _People([], [], [])
    for hour, (answer_us, repair_us) in zip(
        hours, _drawn(luck, scenario.draws_at, laws, hours), strict=True
    ):
        paged_us = hour * HOUR_US - began_us
        word_us = answer_us + repair_us
        people.start_us.append(max(0, paged_us - silent_us))
        people.word_us.append(word_us)
        people.repair_us.append(repair_us)
    return people


@functools.lru_cache(maxsize=16)
def _drawn(
    luck: tuple[int, int],
    place: str,
    laws: tuple[Law, Law],
    hours: range,
) -> list[tuple[int, int]]:
    """Return how long an answer and a repair take in each hour: drawn once for all databases of a
    fleet. luck: the seed and the number of the replication; place: whose standby pages him.
    """
    streams = streams_at(Streams(*luck), place)
    answers = streams.of("operator", "answers in")
    repairs = streams.of("operator", "repairs first")
    found = []
    for hour in hours:
        answer_us = answers.law(hour, laws[0])
        found.append((answer_us, repairs.law(hour, laws[1])))
    return found


def _manager_down(t: Tables, scenario: Scenario) -> list[tuple[int, int]]:
    """Return when the recovery manager was dead. If it was at the end of the run, it is back when
    it is due, unless that was before: then something keeps it down.
    """
    found: list[tuple[int, int]] = []
    since = None
    for row in t.rows("truth.manager"):
        if not row.values["up"]:
            since = row.time_us
        elif since is not None:
            found.append((since, row.time_us))
            since = None
    if since is not None:
        back_us = since + scenario.manager_restart_us
        kept_down = back_us < run_end_us(t, scenario)
        found.append((since, NO_WAY_US if kept_down else back_us))
    return found


@dataclass(slots=True)
class Slowness:
    """By what restores take longer from each instant on, in millionths, where events or faults make
    them slow. A law counts by its usual value.
    """

    at_us: Ints
    factor_ppm: Ints

    @classmethod
    def usual(cls) -> Slowness:
        """Return that of restores which nothing makes slow."""
        return cls(np.zeros(1, np.int64), np.full(1, _ALL_PPM, np.int64))

    @classmethod
    def of(cls, t: Tables, scenario: Scenario) -> Slowness:
        at, factor = [0], [_ALL_PPM]
        laws: dict[int, Law] = {}
        for number, line in lines_for(scenario, Explains.SLOW_RESTORE):
            laws.setdefault(number, line.params.by)
        for row in turns_of(t, scenario, Explains.SLOW_RESTORE):
            by = max(1, usual_us(laws[row.values["number"]]))
            at.append(row.time_us)
            factor.append(
                factor[-1] * by // _ALL_PPM
                if row.values["begins"]
                else factor[-1] * _ALL_PPM // by
            )
        return cls(
            np.array(at, np.int64),
            np.array([min(x, _MOST_PPM) for x in factor], np.int64),
        )

    def at(self, times: Ints) -> Ints:
        return np.maximum(
            1,
            self.factor_ppm[
                np.searchsorted(self.at_us, times, side="right") - 1
            ],
        )

    def slowed(self, us: Ints, times: Ints) -> Ints:
        """Return how long work of that many microseconds takes then: exact, and about NO_WAY_US
        where that is more.
        """
        whole, rest = us // _ALL_PPM, us % _ALL_PPM
        factor = self.at(times)
        # so that the product stays within 64 bits
        fits = np.minimum(factor, NO_WAY_US // np.maximum(1, whole))
        slowed: Ints = whole * fits + rest * factor // _ALL_PPM
        return slowed
