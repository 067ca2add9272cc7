"""Who plays the replications: this process, several of this machine, or a Dask cluster (on_dask.py).

Every executor does the same to the bit: a replication depends on its scenario and its number alone. An executor is given
jobs (which numbers of which scenario) and yields batches as they are finished, in any order; the caller keeps them.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import dr_sim
from dr_sim.errors import DrSimError
from dr_sim.experiments.sample import Sample, take
from dr_sim.experiments.worker import receive, send
from dr_sim.scenario.model import Scenario

BATCH_S = 0.5  # a batch this long makes its hand-over a thousandth of it, and is all that a kill -9 can cost
MOST_IN_BATCH = 256
WORTH_WORKERS_S = 2.0  # less work than this is done before a second process has started
TRIES = 3  # a batch that ends three processes ends every one


class BrokenReplicationError(DrSimError):
    """A replication raised or ended its process: a bug in dr_sim."""

    exit_code = 4


@dataclass(slots=True)
class Job:
    """Replications wanted of one scenario; key names the scenario among the jobs."""

    key: str
    scenario: Scenario
    numbers: Sequence[int]


Batch = tuple[str, list[Sample]]


class Executor(Protocol):
    """What plays replications. Close it when done."""

    def play(self, jobs: Sequence[Job]) -> Iterator[Batch]: ...

    def close(self) -> None: ...


def cores() -> int:
    """How many processes this one may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def open_executor(workers: int | None = None, on: str | None = None) -> Executor:
    """on: 'dask://HOST:PORT'; else this machine, with so many processes (default: one a core)."""
    if on is not None:
        from dr_sim.experiments.on_dask import DaskExecutor  # here: an extra

        return DaskExecutor(on)
    return Processes(cores() if workers is None else max(1, workers))


class _Batches:
    """The jobs cut into batches, as large as the time that replications have taken so far allows."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self._runs: deque[tuple[str, int, int]] = deque()
        for job in jobs:
            for first, count in stretches(job.numbers):
                self._runs.append((job.key, first, count))
        self.left = sum(count for _, _, count in self._runs)
        self._workers = workers
        self._seconds: dict[str, float] = {}

    def took(self, key: str, seconds: float) -> None:
        self._seconds[key] = seconds if key not in self._seconds else 0.5 * (self._seconds[key] + seconds)

    def expected_s(self) -> float:
        """Of all that is left, by what each scenario's replications have taken; of one never tried, nothing."""
        return sum(self._seconds.get(key, 0.0) * count for key, _, count in self._runs)

    def next(self) -> tuple[str, int, int] | None:
        if not self._runs:
            return None
        key, first, count = self._runs.popleft()
        size = 1
        if key in self._seconds:
            fair = -(-self.left // (2 * self._workers))  # the last batches end together
            size = max(1, min(MOST_IN_BATCH, int(BATCH_S / max(self._seconds[key], 1e-6)), fair))
        size = min(size, count)
        if size < count:
            self._runs.appendleft((key, first + size, count - size))
        self.left -= size
        return key, first, size

    def again(self, batch: tuple[str, int, int]) -> None:
        self._runs.appendleft(batch)
        self.left += batch[2]


def stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, count) of each stretch without a gap."""
    ordered = sorted(numbers)
    start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] != ordered[i - 1] + 1:
            yield ordered[start], i - start
            start = i


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    ready: bool = False
    knows: set[str] = field(default_factory=set)
    batch: tuple[str, int, int] | None = None


class Processes:
    """This machine: in this process while that is quicker, then in processes of its own. A process that dies loses its
    batch, which another plays again."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: list[_Worker] = []
        self._tries: dict[tuple[str, int, int], int] = {}
        self._not_started = 0

    def play(self, jobs: Sequence[Job]) -> Iterator[Batch]:
        scenarios = {job.key: job.scenario for job in jobs}
        batches = _Batches(jobs, self.workers)
        while batches.left:
            if self._pool or (self.workers > 1 and batches.left > 1 and batches.expected_s() > WORTH_WORKERS_S):
                yield from self._in_processes(batches, scenarios)
                return
            batch = batches.next()
            assert batch is not None
            key, first, count = batch
            began = time.perf_counter()
            done = [_taken(scenarios[key], number) for number in range(first, first + count)]
            batches.took(key, (time.perf_counter() - began) / count)
            yield key, done

    def close(self) -> None:
        for worker in self._pool:
            worker.process.kill()
        for worker in self._pool:
            worker.process.wait()
            for stream in (worker.process.stdin, worker.process.stdout):
                if stream is not None:
                    with suppress(OSError):  # what was still to be said to a process that is gone
                        stream.close()
        self._pool.clear()

    def _in_processes(self, batches: _Batches, scenarios: dict[str, Scenario]) -> Iterator[Batch]:
        while len(self._pool) < self.workers:
            self._pool.append(_start())
        whole = False
        try:
            with selectors.DefaultSelector() as waiting:
                for worker in self._pool:
                    worker.knows.clear()  # a key names another scenario in every call
                    waiting.register(_out(worker), selectors.EVENT_READ, worker)
                    if worker.ready:
                        self._give(worker, batches, scenarios)
                while batches.left or any(worker.batch for worker in self._pool):
                    for event, _ in waiting.select():
                        yield from self._heard(event, waiting, batches, scenarios)
            whole = True
        finally:
            if not whole:  # batches are under way that nobody will ask for
                self.close()

    def _heard(
        self, event: selectors.SelectorKey, waiting: selectors.BaseSelector, batches: _Batches, scenarios: dict[str, Scenario]
    ) -> Iterator[Batch]:
        """One message of one worker, or its end."""
        worker: _Worker = event.data
        try:
            message = receive(_out(worker))
        except (EOFError, OSError):
            waiting.unregister(event.fileobj)
            fresh = self._replace(worker, batches)
            waiting.register(_out(fresh), selectors.EVENT_READ, fresh)
            return
        if message[0] == "broken":
            raise BrokenReplicationError(f"replication {message[1]} broke; a bug in dr_sim\n{message[2]}")
        finished = worker.batch
        worker.ready, worker.batch = True, None
        if finished is None:  # it said that it is ready
            self._give(worker, batches, scenarios)
            return
        batches.took(finished[0], message[2] / finished[2])
        self._give(worker, batches, scenarios)  # busy again before its batch is kept
        yield finished[0], [Sample.from_json(x) for x in message[1]]

    def _give(self, worker: _Worker, batches: _Batches, scenarios: dict[str, Scenario]) -> None:
        batch = batches.next()
        if batch is None:
            return
        worker.batch = batch
        stdin: Any = worker.process.stdin
        with suppress(OSError):  # if it is dead its output ends too, and the batch is given to another
            if batch[0] not in worker.knows:
                send(stdin, ("scenario", batch[0], scenarios[batch[0]]))
                worker.knows.add(batch[0])
            send(stdin, ("run", *batch))

    def _replace(self, worker: _Worker, batches: _Batches) -> _Worker:
        worker.process.kill()
        code = worker.process.wait()
        if not worker.ready:
            self._not_started += 1
            if self._not_started >= TRIES:
                raise BrokenReplicationError(f"worker processes do not start (exit code {code})")
        if worker.batch is not None:
            tries = self._tries[worker.batch] = self._tries.get(worker.batch, 0) + 1
            if tries >= TRIES:
                key, first, count = worker.batch
                raise BrokenReplicationError(
                    f"replications {first} to {first + count - 1} of {key} ended {tries} processes (exit code {code})"
                )
            batches.again(worker.batch)
        fresh = _start()
        self._pool[self._pool.index(worker)] = fresh
        return fresh


def _taken(scenario: Scenario, number: int) -> Sample:
    try:
        return take(scenario, number)
    except DrSimError:
        raise
    except Exception as error:
        raise BrokenReplicationError(f"replication {number} broke; a bug in dr_sim\n{type(error).__name__}: {error}") from error


def _start() -> _Worker:
    root = str(Path(dr_sim.__file__).parents[1])
    paths = [root, *(path for path in sys.path if path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "dr_sim.experiments.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONSAFEPATH": "1"},
        process_group=0,  # Ctrl-C is the parent's to answer
    )
    return _Worker(process)


def _out(worker: _Worker) -> Any:
    return worker.process.stdout
