"""Durations of real engines: by the scenario's costs, or measured on this machine (`engine:
{timing: measured}`).

With measured timing, each operation is timed while it really happens and takes that long in virtual
time; every duration is in the record (truth.measured). The operations, and when their bytes are
touched:

- a backup is taken once first, copy-only, and thrown away: the same work and the same bytes, and it
  moves no chain. So its duration is known when it begins, and the backup that counts can still be
  cut off. A tail cannot be taken twice, so its begin is timed: stopping the server and reading its
  log;
- a hash is computed when it begins, and again when it ends, as files change meanwhile;
- a restore and a promotion are done when they begin and reported when they end. A recovery manager
  that dies in between finds the restore done.

Each is timed alone, so operations side by side do not slow each other down. The link, people,
heartbeats and users are always simulated: nothing real stands for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from dr_sim.backups.model import RestoreState
from dr_sim.engines.port import BackupOrder, Engine, EngineError, RestoreOp
from dr_sim.record.pairs import AnyJournal
from dr_sim.scenario.model import BackupCost

T = TypeVar("T")
UNSHARED = 10**15
"""The rate of a disk, in bytes a second, on which every operation takes its measured time."""
SCRATCH = "//primary/rehearsal"


class Clock:
    def __init__(self, journal: AnyJournal, measured: bool) -> None:
        self.measured = measured
        self._journal = journal

    def recorded_in(self, journal: AnyJournal) -> Clock:
        """Return this clock, which records its durations in that journal."""
        return Clock(journal, self.measured)

    def disk(self, bytes_s: int) -> int:
        """Return a disk's rate: not shared if durations are measured."""
        return UNSHARED if self.measured else bytes_s

    def time(self, do: Callable[[], T]) -> tuple[T, int]:
        """Call a function; return its result and how many microseconds it took, at least 1."""
        begun = time.perf_counter_ns()
        result = do()
        return result, max(1, (time.perf_counter_ns() - begun) // 1000)

    def note(
        self, now_us: int, database: int, file: int, what: str, took_us: int
    ) -> None:
        self._journal.note(
            "truth.measured", now_us, database, file, what, took_us
        )

    def rehearse(
        self,
        engine: Engine,
        files: Any,
        name: str,
        order: BackupOrder,
        commits: int,
        lsn: int,
    ) -> int:
        """Measure how long this backup takes, with one that is thrown away. Raises EngineError."""
        scratch = replace(order, path=SCRATCH, backup_id=0, copy_only=True)

        def whole() -> None:
            op = engine.begin_backup(name, scratch)
            op.finish(commits, lsn, order.started_utc_us)

        _, took_us = self.time(whole)
        files.delete(SCRATCH)
        return took_us


def pace(size: int, took_us: int) -> BackupCost:
    """Return the cost of an operation that takes that long in all, spread evenly over its bytes."""
    return (
        BackupCost(0, max(1, size * 1_000_000 // took_us))
        if size
        else BackupCost(took_us, 1)
    )


class DoneRestore:
    """A RestoreOp that was carried out when it was made. took_us: how long that took."""

    def __init__(self, clock: Clock, op: RestoreOp) -> None:
        self._error: EngineError | None = None
        self.state: RestoreState | None = None
        _, self.took_us = clock.time(lambda: self._do(op))

    def _do(self, op: RestoreOp) -> None:
        try:
            self.state = op.finish()
        except EngineError as error:
            self._error = error

    def finish(self) -> RestoreState:
        if self.state is None:
            assert self._error is not None
            raise self._error
        return self.state

    def abort(self, fraction_ppm: int) -> None:
        """Do nothing: the restore is done already; a refused one has changed nothing."""
