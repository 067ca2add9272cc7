"""The plan of a wave: when each step of some logs will happen if nothing else comes between.

A wave begins when a log is cut while no other is on its way. It holds that log and every log that
is cut before all of them are restored. Logs of one schedule are cut together; where schedules
differ, a wave may be one log, or many whose steps overlap. A log may wait behind others until its
database has cut the next one, or more, as long as each lands after the one before it has been
restored, and in time: then the recovery manager sees what it always sees.

The steps are those of the world (backup, link, hash, copy, restore, with the transfers and workers
that there are, and the purges of the staging areas: staging_plan.py), and so is the arithmetic: the
same shared rates, on an agenda of their own that holds nothing else. The caller decides whether
that is true until the end. A wave that is like an earlier one is not computed again: only the
instants since its first cut count, as long as no staging area is purged.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.sharing import MICRO, SharedRate
from dr_sim.world.lane.staging_plan import Purge, StagingPlan
from dr_sim.world.link.folder import Folder

Ints = NDArray[np.int64]
MOST_CUTS = 1_000
"""Instants of cuts in one wave: where schedules differ and the load is high, a wave may have no
end.
"""


class Step(enum.IntEnum):
    """The steps of a log, in this order; SENT only for one that has waited for its transfer, HELD
    only for one that had waited when the staging area was purged for it.
    """

    CUT = 0
    FINISHED = 1
    HELD = 2
    SENT = 3
    LANDED = 4
    HASHED = 5
    RESTORED = 6


@dataclass(frozen=True, slots=True)
class Costs:
    """Rates in bytes a second (link: bits), times in microseconds. copy_rate 0: copying takes no
    time. A log that is still on its way when its database cuts the next one is unusual unless it is
    restored within late_us of its cut, and within stuck_us of its landing.
    """

    backup_fixed_us: int
    backup_rate: int
    link_cap: int
    hash_rate: int
    copy_rate: int
    restore_rate: int
    slots: int
    purge_rate: int
    workers: int
    late_us: int
    stuck_us: int


class Log(NamedTuple):
    """The costs of one log: its bytes; the fixed time and the bytes to do of its restore."""

    database: int
    machine: str
    size: int
    restore_fixed_us: int
    restore_amount: int


class CutTogether(Protocol):
    """Logs that are cut at one instant, in the order of their databases."""

    at_us: int
    logs: list[Log]


class Waits(enum.IntEnum):
    """The thing that a finished log waits for: nothing, a free transfer, or a purge of the staging
    area that it causes.
    """

    NOT = 0
    SLOT = 1
    PURGE = 2


class Upcoming(Protocol):
    """The logs that are cut next. Nothing of a wave may happen at limit_us or later."""

    limit_us: int

    def peek(self, place: int) -> CutTogether | None: ...


class Wave:
    """A wave; instants are microseconds since the first cut.

    cuts: the logs by the instant of their cut; size_bytes: of all;
    kinds, logs, keys: the steps in the order in which
    they happen: the kind, the log, and the place among the things of an instant: 4 * instant, and 2
    more if the step comes after the alarms. waits: by log, what it waits for when it is finished.
    sent: the logs in the order in which they are sent; purges: of the staging areas.
    """

    __slots__ = (
        "at_us",
        "cuts",
        "ends_us",
        "keys",
        "kinds",
        "landing_keys",
        "logs",
        "purges",
        "sent",
        "size_bytes",
        "waits",
    )

    def __init__(
        self,
        cuts: list[tuple[int, list[Log]]],
        steps: list[tuple[int, int, int]],
        held: list[int],
        purges: list[Purge],
    ) -> None:
        """held: the logs for which a staging area is purged as soon as they are finished."""
        self.cuts = cuts
        self.purges = purges
        sizes = [log.size for log in self.all_logs]
        self.size_bytes, num_logs = sum(sizes), len(sizes)
        table = np.array(steps, dtype=np.int64).reshape(-1, 3).T
        self.kinds, self.logs, self.keys = table
        keys = np.empty((len(Step), num_logs), dtype=np.int64)
        keys[self.kinds, self.logs] = self.keys
        self.landing_keys: list[int] = keys[Step.LANDED].tolist()
        self.at_us = np.full((len(Step), num_logs), -1, dtype=np.int64)
        self.at_us[self.kinds, self.logs] = self.keys >> 2
        self.ends_us = int(self.keys[-1]) >> 2
        self.waits = np.where(
            self.at_us[Step.SENT] < 0, Waits.NOT, Waits.SLOT
        )
        self.waits[held] = Waits.PURGE
        sent = self.kinds == Step.SENT
        sent |= (self.kinds == Step.FINISHED) & (
            self.waits[self.logs] == Waits.NOT
        )
        self.sent: list[int] = self.logs[sent].tolist()

    @property
    def all_logs(self) -> list[Log]:
        """Return the logs in the order of their places."""
        return [log for _, logs in self.cuts for log in logs]


class Planner:
    """The planner. disks: those of the primary's machines; link; disk: the secondary's. Only their
    capacities and ways of sharing are used.
    """

    def __init__(
        self,
        costs: Costs,
        disks: dict[str, SharedRate],
        link: SharedRate,
        disk: SharedRate,
    ) -> None:
        self._costs = costs
        self._like = disks, link, disk
        # by the database of its first log: the last wave that began with it
        self._known: dict[int, Wave] = {}
        self._clear()

    def _clear(self) -> None:
        """Begin with an agenda and rates on which nothing is under way."""
        disks, link, disk = self._like
        self._agenda = agenda = Agenda()
        self._disks = {
            machine: shared.alike(agenda)
            for machine, shared in disks.items()
        }
        self._link = link.alike(agenda)
        self._disk = disk.alike(agenda)
        self._steps: list[tuple[int, int, int]] = []
        self._wave: list[Log] = []
        self._queue: deque[int] = deque()
        self._waiting: deque[int] = deque()
        self._sending: set[int] = set()
        self._restoring = self._begins_us = self._sent = 0
        self._held: list[int] = []
        self._purges: list[Purge] = []
        self._purging: dict[Folder, int] = {}  # and the log for which
        # by database: the logs that are on their way, and the one that is being made
        self._on_way: dict[int, deque[int]] = {}
        self._making: set[int] = set()
        self._cut_us: list[int] = []
        self._landed_us: dict[int, int] = {}
        self._unusual = False

    def plan(self, upcoming: Upcoming, staging: StagingPlan) -> Wave | None:
        """Plan the wave that begins with what is cut next, and stage its logs. None: it is not over
        before the limit, or a log is unusual: it lands before the one before it is restored, or is
        late.
        """
        first = upcoming.peek(0)
        if first is None:
            return None
        database = first.logs[0].database
        wave = self._known.get(database)
        if (
            wave is None
            or not _is_next(wave, upcoming, first.at_us)
            or not staging.take(wave.all_logs, wave.sent)
        ):
            self._staging = staging
            wave = self._planned(upcoming, first)
            if wave is None:
                self._clear()
            elif not wave.purges:
                self._known[database] = wave
        if wave is None or first.at_us + wave.ends_us >= upcoming.limit_us:
            return None
        return wave

    def _planned(
        self, upcoming: Upcoming, first: CutTogether
    ) -> Wave | None:
        self._wave, self._steps, self._cut_us = [], [], []
        self._held, self._purges, self._sent = [], [], 0
        agenda = self._agenda
        begins_us = self._begins_us = agenda.now_us
        ahead_us = begins_us - first.at_us
        agenda.round = 0
        cuts = [(0, first.logs)]
        for log in first.logs:
            self._cut(log)
        following = upcoming.peek(1)
        agenda.settle()
        while (next_us := agenda.first_us()) is not None:
            if (
                following is not None
                and following.at_us + ahead_us <= next_us
            ):
                at_us = following.at_us + ahead_us
                cuts.append((at_us - begins_us, following.logs))
                for log in following.logs:
                    agenda.at(
                        at_us, Class.JOB, log.database, self._cut, log
                    )
                following = upcoming.peek(len(cuts))
                continue
            too_late = next_us - ahead_us >= upcoming.limit_us
            if too_late or self._unusual or len(cuts) > MOST_CUTS:
                return None
            agenda.run_until(next_us)
        if self._unusual:
            return None
        self._staging.wave_over(len(self._wave))
        return Wave(cuts, self._steps, self._held, self._purges)

    def _cut(self, log: Log) -> None:
        i = len(self._wave)
        self._wave.append(log)
        self._cut_us.append(self._agenda.now_us)
        if log.database in self._making or self._staging.goes_unstaged(log):
            self._unusual = True
        self._making.add(log.database)
        self._on_way.setdefault(log.database, deque()).append(i)
        self._step(Step.CUT, i)
        costs = self._costs
        self._disks[log.machine].start(
            log.database,
            log.size,
            costs.backup_rate,
            self._finished,
            i,
            0,
            costs.backup_fixed_us,
        )

    def _step(self, kind: Step, i: int) -> None:
        agenda = self._agenda
        self._steps.append(
            (
                kind,
                i,
                4 * (agenda.now_us - self._begins_us)
                + (2 if agenda.round else 0),
            )
        )

    def _finished(self, i: int) -> None:
        self._step(Step.FINISHED, i)
        self._making.discard(self._wave[i].database)
        self._queue.append(i)
        self._pump(i)

    def _pump(self, finished: int = -1) -> None:
        """Send what may be sent. finished: the log that is finished now."""
        costs = self._costs
        while len(self._sending) < costs.slots:
            place = self._first()
            if place is None:
                return
            i = self._queue[place]
            log = self._wave[i]
            files, freed = self._staging.stage(i, log, self._sending)
            if not freed:
                del self._queue[place]
                if i != finished:
                    self._step(Step.SENT, i)
                self._send(i)
                continue
            self._purges.append(
                Purge(log.database, files, freed, self._sent)
            )
            if i == finished:
                self._held.append(i)
            else:
                self._step(Step.HELD, i)
            folder = self._staging.folder(log)
            self._purging[folder] = i
            agenda = self._agenda
            ends_us = agenda.now_us - (-freed * MICRO // costs.purge_rate)
            agenda.at(ends_us, Class.TRANSFER, -1, self._purged, folder)

    def _first(self) -> int | None:
        """Return the place in the queue of the first log whose staging area is not being purged."""
        for place, i in enumerate(self._queue):
            if self._staging.folder(self._wave[i]) not in self._purging:
                return place
        return None

    def _purged(self, folder: Folder) -> None:
        i = self._purging.pop(folder)
        self._pump()
        if i in self._queue:
            self._unusual = True  # it waits for something else now

    def _send(self, i: int) -> None:
        self._sending.add(i)
        self._sent += 1
        log = self._wave[i]
        self._link.start(
            log.database,
            log.size * 8,
            self._costs.link_cap,
            self._landed,
            i,
        )

    def _landed(self, i: int) -> None:
        self._sending.discard(i)
        self._step(Step.LANDED, i)
        log = self._wave[i]
        if self._on_way[log.database][0] != i:
            self._unusual = True
        self._landed_us[i] = self._agenda.now_us
        self._disk.start(
            log.database, log.size, self._costs.hash_rate, self._hashed, i
        )
        if self._queue:
            self._pump()

    def _hashed(self, i: int) -> None:
        self._step(Step.HASHED, i)
        if self._restoring < self._costs.workers:
            self._begin(i)
        else:
            self._waiting.append(i)

    def _begin(self, i: int) -> None:
        self._restoring += 1
        if self._costs.copy_rate:
            log = self._wave[i]
            self._disk.start(
                log.database,
                log.size,
                self._costs.copy_rate,
                self._restore,
                i,
            )
        else:
            self._restore(i)

    def _restore(self, i: int) -> None:
        log = self._wave[i]
        self._disk.start(
            log.database,
            log.restore_amount,
            self._costs.restore_rate,
            self._restored,
            i,
            0,
            log.restore_fixed_us,
        )

    def _restored(self, i: int) -> None:
        self._step(Step.RESTORED, i)
        now, costs = self._agenda.now_us, self._costs
        since_us = now - self._landed_us.pop(i)
        later = self._on_way[self._wave[i].database]
        later.popleft()
        if later:  # else it is restored before the next one is cut
            late = now - self._cut_us[i] >= costs.late_us
            if late or since_us >= costs.stuck_us:
                self._unusual = True
        self._restoring -= 1
        if self._waiting:
            self._begin(self._waiting.popleft())


def _is_next(wave: Wave, upcoming: Upcoming, begins_us: int) -> bool:
    """Return whether the logs that are cut next are those of a wave, and no others."""
    for place, (after_us, logs) in enumerate(wave.cuts):
        batch = upcoming.peek(place)
        if batch is None:
            return False
        if batch.at_us - begins_us != after_us or batch.logs != logs:
            return False
    following = upcoming.peek(len(wave.cuts))
    return following is None or following.at_us - begins_us > wave.ends_us
