"""The plan of a wave: when each step of logs that are cut together will happen if nothing comes
between.

The steps are those of the world (backup, link, hash, copy, restore, with the transfers and workers
that there are), and so is the arithmetic: the same shared rates, on an agenda of their own that
holds nothing else. The caller decides whether that is true until the end. A wave that is like the
one before is not computed again: only the instants since the cut count.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dr_sim.world.agenda import Agenda
from dr_sim.world.sharing import SharedRate

Ints = NDArray[np.int64]


class Step(enum.IntEnum):
    """The steps of a log, in this order; SENT only for one that has waited for its transfer."""

    CUT = 0
    FINISHED = 1
    SENT = 2
    LANDED = 3
    HASHED = 4
    RESTORED = 5


@dataclass(frozen=True, slots=True)
class Costs:
    """Rates in bytes a second (link: bits), times in microseconds. copy_rate 0: copying takes no
    time.
    """

    backup_fixed_us: int
    backup_rate: int
    link_cap: int
    hash_rate: int
    copy_rate: int
    restore_rate: int
    slots: int
    workers: int


class Log(NamedTuple):
    """The costs of one log: its bytes; the fixed time and the bytes to do of its restore."""

    database: int
    machine: str
    size: int
    restore_fixed_us: int
    restore_amount: int


class Wave:
    """A wave; instants are microseconds since the cut.

    kinds, logs, keys: the steps in the order in which they happen: the kind, the log, and the place
    among the things of an instant: 4 * instant, and 2 more if the step comes after the alarms.
    """

    __slots__ = (
        "at_us",
        "ends_us",
        "keys",
        "kinds",
        "landing_keys",
        "logs",
        "waited",
    )

    def __init__(
        self, steps: list[tuple[int, int, int]], num_logs: int
    ) -> None:
        table = np.array(steps, dtype=np.int64).reshape(-1, 3).T
        self.kinds, self.logs, self.keys = table
        keys = np.empty((len(Step), num_logs), dtype=np.int64)
        keys[self.kinds, self.logs] = self.keys
        self.landing_keys: list[int] = keys[Step.LANDED].tolist()
        self.at_us = np.full((len(Step), num_logs), -1, dtype=np.int64)
        self.at_us[self.kinds, self.logs] = self.keys >> 2
        self.waited: list[bool] = (self.at_us[Step.SENT] >= 0).tolist()
        self.ends_us = int(self.keys[-1]) >> 2


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
        self._sending = self._restoring = self._begins_us = 0
        self._known: tuple[list[Log], Wave] | None = None

    def plan(self, logs: list[Log]) -> Wave:
        """Plan logs that are cut together, in this order."""
        if self._known is not None and self._known[0] == logs:
            return self._known[1]
        self._wave, self._steps, agenda = logs, [], self._agenda
        self._begins_us = agenda.now_us
        agenda.round = 0
        costs = self._costs
        for i, log in enumerate(logs):
            self._step(Step.CUT, i)
            self._disks[log.machine].start(
                log.database,
                log.size,
                costs.backup_rate,
                self._finished,
                i,
                0,
                costs.backup_fixed_us,
            )
        agenda.run_until_quiet()
        wave = Wave(self._steps, len(logs))
        self._known = (logs, wave)
        return wave

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
        if self._sending < self._costs.slots:
            self._send(i)
        else:
            self._queue.append(i)

    def _send(self, i: int) -> None:
        self._sending += 1
        log = self._wave[i]
        self._link.start(
            log.database,
            log.size * 8,
            self._costs.link_cap,
            self._landed,
            i,
        )

    def _landed(self, i: int) -> None:
        self._sending -= 1
        self._step(Step.LANDED, i)
        log = self._wave[i]
        self._disk.start(
            log.database, log.size, self._costs.hash_rate, self._hashed, i
        )
        if self._queue:
            following = self._queue.popleft()
            self._step(Step.SENT, following)
            self._send(following)

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
        self._restoring -= 1
        if self._waiting:
            self._begin(self._waiting.popleft())
