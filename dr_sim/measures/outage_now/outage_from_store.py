"""`outage_if_now` at a store: what the outage would be if the service were restored from it now.

Theory of operation. After detect, decide, fence and the time to get a machine (way_over.py) the
newest full that lies there is restored, the newest incremental that stands on it, and all logs that
continue from there. Each takes what its kind and size cost; all are read from one device. So the
outage stands between two instants at which a file lands, is damaged or deleted there. A file that
is still being hashed is waited for. Several databases share the device while their fulls are read.

Stated differences from a restore that is played: a newer full that is still hashed is waited for
here, and the manager restores an older one and its logs at once, on the device that hashes, which
takes about as long; what still lies in the primary's share when its host or a database is lost is
fetched, and is not counted here while a full lies at the store (else: outage_from_share.py), except
that what comes too late is waited for up to the drain's limit;
where each of several databases has a worker of its own, they share the device while their logs are
read, which is counted for all bytes together and not for each log (up to 6 % longer in 100 random
scenarios);
restores are as slow as the scenario says, whatever events make them slower.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.outage_now.falling import Falling
from dr_sim.measures.outage_now.way_over import (
    NO_WAY_US,
    SITE,
    Way,
    way_over,
)
from dr_sim.measures.tables import Ints, Tables, first_of, up_until_us
from dr_sim.record.sets import each_once
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.units import SECOND_US

Turn = tuple[int, int, bool]
"""An instant, a file, and whether that lies whole at the store from then on."""


@dataclass(frozen=True, slots=True)
class _File:
    """A backup. base: of an incremental, the number of the full it stands on (-1: of others).
    checked_us: when its hash had agreed.
    """

    number: int
    kind: int
    first_lsn: int
    last_lsn: int
    size_bytes: int
    takes_us: int
    base: int
    checked_us: int
    made_us: int


@dataclass(frozen=True, slots=True)
class WayBack:
    """The cost of a restore from a store, from an instant on. reads_bytes, files: what it reads.
    full_bytes: of these the full's; full_us: when that was made. ready_us: when all of it is
    checked. takes_us None: no full lies there.
    """

    since_us: int
    takes_us: int | None
    reads_bytes: int = 0
    ready_us: int = 0
    files: int = 0
    full_bytes: int = 0
    full_us: int = 0


def outage_from_store(
    t: Tables,
    scenario: Scenario,
    database: int,
    usual: bool,
    failure_class: str,
    in_share: Sequence[WayBack] = (),
) -> Falling:
    """Return the curve of one database by itself. in_share: the ways back by the primary's share,
    for as long as no full lies at the store.
    """
    way = way_over(t, scenario, usual, database, failure_class)
    backs = list(ways_back(t, scenario, database))
    if in_share:
        backs = _or_else(backs, in_share)
    curve = _falling(backs, way, up_until_us(t, scenario, database))
    assert scenario.store is not None
    left = failure_class in FAILURE_CLASSES and failure_class != SITE
    # what is still held is asked for, and comes after transit
    if left and scenario.store.transit_us > way.drain_limit_us:
        curve = _waited_out(curve, way, _on_the_way(t, database))
    return curve


def _on_the_way(t: Tables, database: int) -> tuple[Ints, Ints]:
    """Return when backups were finished at the primary, in order, and when each had landed here, or
    a later one had: it is wanted until then.
    """
    made = t.of("truth.backup_finished", database)
    landed = t.of("truth.landed", database)
    at_us = first_of(
        landed["file"], landed["time_us"], made["file"], NEVER_US
    )
    return made["time_us"], np.minimum.accumulate(at_us[::-1])[::-1]


def _waited_out(
    curve: Falling, way: Way, on_way: tuple[Ints, Ints]
) -> Falling:
    """Return a curve with the drain's limit where that ends the wait for what the primary's share
    still sends. What is restored meanwhile takes no longer then.
    """
    made_us, landed_us = on_way
    if not len(made_us) or not len(curve.start_us):
        return curve
    late = landed_us - way.before(landed_us) - way.drain_limit_us
    cuts = np.concatenate((made_us, late))
    cuts = cuts[(cuts > curve.begin_us) & (cuts < curve.end_us)]
    start = each_once(curve.start_us, cuts)
    stop = np.append(start[1:], np.int64(curve.end_us))
    place = np.searchsorted(curve.start_us, start, side="right") - 1
    last = np.searchsorted(made_us, start, side="right") - 1
    waited_us = way.before(start) + way.drain_limit_us
    given_up = (last >= 0) & (
        landed_us[np.maximum(last, 0)] > start + waited_us
    )
    floor = curve.floor_us[place]
    at_least = np.where(given_up, waited_us + way.after_us, 0)
    return Falling(
        start, stop, np.maximum(floor, at_least), curve.until_us[place]
    )


def _or_else(
    here: Sequence[WayBack], there: Sequence[WayBack]
) -> list[WayBack]:
    """Return the ways back by what lies here, and where there is none those by what lies there."""
    found = []
    for at_us in sorted({back.since_us for back in (*here, *there)}):
        back = _at(here, at_us)
        if back.takes_us is None:
            back = _at(there, at_us)
        found.append(replace(back, since_us=at_us))
    return found


def outage_of_all_from_store(
    t: Tables,
    scenario: Scenario,
    curves: Sequence[Falling],
    usual: bool,
    failure_class: str,
) -> Falling | None:
    """Return how long it takes to restore all databases, where there are several, from one device.
    What is fetched from the primary's share first is read as it comes.
    """
    databases = range(len(scenario.databases))
    if len(curves) < 2 or scenario.store is None:
        return None
    each = [list(ways_back(t, scenario, i)) for i in databases]
    instants = sorted({back.since_us for backs in each for back in backs})
    together = []
    for at_us in instants:
        now = [_at(backs, at_us) for backs in each]
        if failure_class != SITE:
            now = [back for back in now if back.takes_us is not None]
        if any(back.takes_us is None for back in now):
            together.append(WayBack(at_us, None))
            continue
        together.append(WayBack(at_us, _all_take_us(now, scenario)))
    end_us = min(up_until_us(t, scenario, i) for i in databases)
    return _falling(together, way_over(t, scenario, usual), end_us)


def _at(backs: Sequence[WayBack], at_us: int) -> WayBack:
    place = bisect_right(backs, at_us, key=lambda back: back.since_us)
    return backs[place - 1]


def _all_take_us(backs: Sequence[WayBack], scenario: Scenario) -> int:
    """Return how long databases take that are restored side by side from one device: at least what
    all of them read takes. Where each has a worker of its own, all fulls are read at the same time,
    in equal parts, and each database goes on with its logs as soon as its full is restored. Workers
    that databases have to share are busy with the fixed costs, too: one worker restores one file
    after the other.
    """
    disk = scenario.secondary.disk_bytes_s
    alone = min(scenario.secondary.restore[Kind.FULL].rate_bytes_s, disk)
    size = sum(back.reads_bytes for back in backs)
    found = _reading_us(size, disk)
    workers = scenario.replay.workers
    if len(backs) > workers:
        each_us = [back.takes_us or 0 for back in backs]
        return max(found, *each_us, -(-sum(each_us) // workers))
    read = now_us = 0
    at_work = len(backs)
    for back in sorted(backs, key=lambda each: each.full_bytes):
        part = min(alone, disk // at_work)
        now_us += _reading_us(back.full_bytes - read, part)
        read = back.full_bytes
        at_work -= 1
        by_itself_us = _reading_us(read, alone)
        found = max(found, now_us + (back.takes_us or 0) - by_itself_us)
    return found


def _falling(backs: Sequence[WayBack], way: Way, end_us: int) -> Falling:
    since = np.array([back.since_us for back in backs], np.int64)
    takes = np.array(
        [NO_WAY_US if b.takes_us is None else b.takes_us for b in backs],
        np.int64,
    )
    ready = np.array([back.ready_us for back in backs], np.int64)
    cuts = [since, way.start_us]
    cuts += [np.array(span, np.int64) for span in way.down]
    start = each_once(*cuts)
    start = start[start < end_us]
    place = np.searchsorted(since, start, side="right") - 1
    takes, ready = takes[place], ready[place]
    before, back_us = way.before(start), way.back_us(start)
    begins = np.maximum(back_us, np.where(ready > start, ready, 0))
    lost = takes >= NO_WAY_US
    floor = np.where(lost, NO_WAY_US, before + takes + way.after_us)
    until = np.where(begins > 0, begins + takes + way.after_us, 0)
    until = np.where(lost, 0, until)
    stop = np.append(start[1:], np.int64(end_us))
    return Falling(start, stop[: len(start)], floor, until)


# ---- what a restore needs
def ways_back(
    t: Tables, scenario: Scenario, database: int
) -> Iterator[WayBack]:
    """Yield what a restore from the store takes, from instant 0 on, at each change."""
    return ways_back_by(t, scenario, database, _at_the_store(t, database))


def ways_back_by(
    t: Tables, scenario: Scenario, database: int, changes: Iterable[Turn]
) -> Iterator[WayBack]:
    """Yield what a restore from a place takes at which files come to lie and go at those turns,
    from instant 0 on, at each change.
    """
    files = _files(t, scenario, database)
    chain = _Chain(files)
    turns = sorted(changes)
    if not turns or turns[0][0] > 0:
        yield WayBack(0, None)
    # what files have brought along from an earlier pair was there from the beginning
    for at_us, group in groupby(turns, key=lambda turn: max(0, turn[0])):
        chain.turn(group)
        yield chain.way_back(at_us)


class _Chain:
    """The files that lie whole at a store, and those of them that a restore needs."""

    def __init__(self, files: dict[int, _File]) -> None:
        self._files = files
        self._here: dict[int, _File] = {}
        self._needed: list[_File] = []
        self._takes_us = self._reads = self._ready_us = 0
        # the end of the log here that reaches furthest
        self._furthest = -1

    def turn(self, turns: Iterable[Turn]) -> None:
        """Take up what happens at one instant."""
        for _, number, lies in turns:
            file = self._files.get(number)
            if file is None:
                continue
            if not lies:
                gone = self._here.pop(number, None)
                if gone is not None and gone in self._needed:
                    self._choose()
            elif number not in self._here:
                self._here[number] = file
                self._landed(file)

    def _landed(self, file: _File) -> None:
        """Take up a file that has landed. Logs that follow it may have landed before it."""
        goes_on = bool(self._needed) and (
            self._needed[-1].last_lsn == file.first_lsn
        )
        is_last = file.last_lsn > self._furthest
        if file.kind == Kind.LOG and is_last:
            self._furthest = file.last_lsn
        if file.kind == Kind.LOG and goes_on and is_last:
            self._need(file)
        else:
            self._choose()

    def _need(self, file: _File) -> None:
        self._needed.append(file)
        self._takes_us += file.takes_us
        self._reads += file.size_bytes
        self._ready_us = max(self._ready_us, file.checked_us)

    def _choose(self) -> None:
        """Choose the newest full, the newest incremental on it, and the logs that continue."""
        self._needed = []
        self._takes_us = self._reads = self._ready_us = 0
        here = self._here.values()
        fulls = [file for file in here if file.kind == Kind.FULL]
        if not fulls:
            return
        full = max(fulls, key=lambda file: file.last_lsn)
        self._need(full)
        on_it = [file for file in here if file.base == full.number]
        if on_it:
            self._need(max(on_it, key=lambda file: file.last_lsn))
        logs = [file for file in here if file.kind == Kind.LOG]
        for log in sorted(logs, key=lambda file: file.first_lsn):
            reached = self._needed[-1].last_lsn
            if log.first_lsn <= reached < log.last_lsn:
                self._need(log)

    def way_back(self, at_us: int) -> WayBack:
        if not self._needed:
            return WayBack(at_us, None)
        return WayBack(
            at_us,
            self._takes_us,
            self._reads,
            self._ready_us,
            len(self._needed),
            self._needed[0].size_bytes,
            self._needed[0].made_us,
        )


def rotten_fulls(t: Tables, database: int) -> set[int]:
    """Return the fulls that hold pages which had rotted: no way leads back over one of them."""
    return set(t.of("truth.backup_rotten", database)["file"].tolist())


def _at_the_store(t: Tables, database: int) -> Iterator[Turn]:
    rotten = rotten_fulls(t, database)
    landed = t.of("truth.landed", database)
    for at, number, intact in zip(
        landed["time_us"].tolist(),
        landed["file"].tolist(),
        landed["intact"].tolist(),
        strict=True,
    ):
        yield at, number, bool(intact) and number not in rotten
    yield from lost_at(t, database, "secondary")


def lost_at(t: Tables, database: int, where: str) -> Iterator[Turn]:
    """Yield when files are deleted or damaged in the primary's share or at the secondary."""
    for kind in ("truth.file_gone", "truth.damaged"):
        rows = t.of(kind, database)
        there = t.has_text(rows["where"], where)
        for at, number in zip(
            rows["time_us"][there].tolist(),
            rows["file"][there].tolist(),
            strict=True,
        ):
            yield at, number, False


def _files(
    t: Tables, scenario: Scenario, database: int
) -> dict[int, _File]:
    begun = t.of("truth.backup_begin", database)
    begun_us = dict(
        zip(begun["file"].tolist(), begun["time_us"].tolist(), strict=True)
    )
    made = t.of("truth.backup_finished", database)
    fields = (
        "file",
        "kind",
        "first_lsn",
        "last_lsn",
        "nominal_bytes",
        "name",
        "time_us",
    )
    rows = list(zip(*(made[each].tolist() for each in fields), strict=True))
    fulls = [
        (at_us, number)
        for number, kind, _, _, _, _, at_us in rows
        if kind == Kind.FULL
    ]
    sizes = {name: size for _, _, _, _, size, name, _ in rows}
    checked = _checked_us(t, scenario, database, sizes)
    found = {}
    for number, kind, first_lsn, last_lsn, size, name, at_us in rows:
        base = -1
        if kind == Kind.INCREMENTAL:
            before = [f for f in fulls if f[0] <= begun_us[number]]
            base = max(before)[1] if before else -1
        found[number] = _File(
            number,
            kind,
            first_lsn,
            last_lsn,
            size,
            _takes_us(scenario, kind, size),
            base,
            checked.get(name, 0),
            at_us,
        )
    return found


def _checked_us(
    t: Tables, scenario: Scenario, database: int, sizes: dict[int, int]
) -> dict[int, int]:
    """Return, by name, when a file's hash agreed first. A restore that was played beside it has
    made it slower: then, when it would have agreed by itself.
    """
    rows = t.of("seen.Validated", database)
    pairs = zip(
        rows["name"].tolist(), rows["time_us"].tolist(), strict=True
    )
    played = t.of("seen.Restore", database)["time_us"][:1].tolist()
    landed = t.of("truth.landed", database)
    landed_us = dict(
        zip(
            landed["name"].tolist(),
            landed["time_us"].tolist(),
            strict=True,
        )
    )
    rate = min(
        scenario.secondary.hash_bytes_s, scenario.secondary.disk_bytes_s
    )
    found: dict[int, int] = {}
    for name, at_us in pairs:
        if played and at_us > played[0]:
            takes_us = _reading_us(sizes.get(name, 0), rate)
            alone_us = landed_us.get(name, at_us) + takes_us
            at_us = min(at_us, max(played[0], alone_us))
        found.setdefault(name, at_us)
    return found


def _takes_us(scenario: Scenario, kind: int, size_bytes: int) -> int:
    cost = scenario.secondary.restore[kind]
    rate = min(cost.rate_bytes_s, scenario.secondary.disk_bytes_s)
    return cost.fixed_us + _reading_us(size_bytes, rate)


def _reading_us(size_bytes: int, bytes_s: int) -> int:
    """Return how long it takes to read that much at that rate, rounded up."""
    return -(-size_bytes * SECOND_US // bytes_s)
