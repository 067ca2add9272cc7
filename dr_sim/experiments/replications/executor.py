"""The processes that play the replications: this process, several of this machine, or a Dask
cluster (on_dask.py).

Every executor does the same to the bit: a replication depends on its scenario and its number alone.
An executor is given jobs (which numbers of which scenario) and yields batches as they are finished,
in any order; the caller keeps them.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from dr_sim.errors.bugs import Broken, BrokenReplicationError
from dr_sim.experiments.replications.batches import Batches, BatchJob, Part
from dr_sim.experiments.replications.sample import pack
from dr_sim.experiments.replications.take import take_several
from dr_sim.experiments.replications.worker import receive, send, start
from dr_sim.scenario.model import Scenario

WORTH_WORKERS_S = (
    2.0  # less work than this is done before a second process has started
)
# workers are heard through pipes and end by a timer of the system: Windows has neither
SEVERAL_PROCESSES = hasattr(signal, "setitimer")
TRIES = 3  # a batch that ends three processes ends every one
END_S = 15  # stopping a real server may take ten
# batches a worker has in hand: it begins the next while this process, which shares its cores, hears
# of the last
AHEAD = 2


Batch = tuple[str, bytes | Broken]
"""Key of the job, and replications as sample.pack makes them, or one that broke: the others
continue.
"""


class Executor(Protocol):
    """Plays replications. Close it when done."""

    def play(self, jobs: Sequence[BatchJob]) -> Iterator[Batch]: ...

    def close(self) -> None: ...


def cores() -> int:
    """Return how many processes this one may use."""
    if not SEVERAL_PROCESSES:
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def open_executor(
    workers: int | None = None, on: str | None = None
) -> Executor:
    """Open an executor. on: 'dask://HOST:PORT'; otherwise this machine, with that many processes
    (default: one for each core).
    """
    if on is not None:
        from dr_sim.experiments.replications.on_dask import (
            DaskExecutor,
        )  # here: an extra

        return DaskExecutor(on)
    if workers is None or not SEVERAL_PROCESSES:
        return Processes(cores())
    return Processes(max(1, workers))


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    ready: bool = False
    knows: set[str] = field(default_factory=set)
    batches: deque[Part] = field(
        default_factory=deque
    )  # given, the first of them under way


class Processes:
    """This machine: in this process while that is quicker, then in processes of its own. A process
    that dies loses its batch, which another plays again. What lasts as long as it takes by the
    clock is played here, one run after another: side by side, runs would slow each other.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: list[_Worker] = []
        self._tries: dict[Part, int] = {}
        self._not_started = 0

    def play(self, jobs: Sequence[BatchJob]) -> Iterator[Batch]:
        timed = [
            job for job in jobs if job.scenario.engine.timing == "measured"
        ]
        scenarios = {job.key: job.scenario for job in jobs}
        alone = Batches(timed, 1)
        while alone.left:
            yield from self._here(alone, scenarios)
        hands = AHEAD * self.workers if self.workers > 1 else 1
        batches = Batches([job for job in jobs if job not in timed], hands)
        while batches.left:
            if self._pool or (
                self.workers > 1
                and batches.left > 1
                and batches.expected_s() > WORTH_WORKERS_S
            ):
                yield from self._in_processes(batches, scenarios)
                return
            yield from self._here(batches, scenarios)

    def _here(
        self, batches: Batches, scenarios: dict[str, Scenario]
    ) -> Iterator[Batch]:
        """The next batch, played in this process."""
        batch = batches.next()
        assert batch is not None
        key, first, count = batch
        began = time.perf_counter()
        done, broken = take_several(scenarios[key], first, count)
        batches.took(key, (time.perf_counter() - began) / count)
        yield from parts_of(key, pack(done) if done else b"", broken)

    def close(self) -> None:
        """Ends the processes, which leave no files and no servers of real engines behind."""
        for worker in self._pool:
            worker.process.terminate()
            for stream in (worker.process.stdin, worker.process.stdout):
                if stream is not None:
                    with suppress(
                        OSError
                    ):  # what was still to be said to a process that is gone
                        stream.close()
        for worker in self._pool:
            try:
                worker.process.wait(END_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._pool.clear()

    def _in_processes(
        self, batches: Batches, scenarios: dict[str, Scenario]
    ) -> Iterator[Batch]:
        while len(self._pool) < self.workers:
            self._pool.append(_Worker(start()))
        whole = False
        try:
            with selectors.DefaultSelector() as waiting:
                for worker in self._pool:
                    worker.knows.clear()  # a key names another scenario in every call
                    waiting.register(
                        _out(worker), selectors.EVENT_READ, worker
                    )
                    if worker.ready:
                        self._give(worker, batches, scenarios)
                while batches.left or any(
                    worker.batches for worker in self._pool
                ):
                    for event, _ in waiting.select():
                        yield from self._heard(
                            event, waiting, batches, scenarios
                        )
            whole = True
        finally:
            if not whole:  # batches are under way that nobody will ask for
                self.close()

    def _heard(
        self,
        event: selectors.SelectorKey,
        waiting: selectors.BaseSelector,
        batches: Batches,
        scenarios: dict[str, Scenario],
    ) -> Iterator[Batch]:
        """One message of one worker, or its end."""
        worker: _Worker = event.data
        try:
            message = receive(_out(worker))
        except (EOFError, OSError):
            waiting.unregister(event.fileobj)
            fresh, lost = self._replace(worker, batches)
            waiting.register(_out(fresh), selectors.EVENT_READ, fresh)
            yield from lost
            return
        if message[0] == "refused":
            raise message[1]
        worker.ready = True
        if message[0] == "ready":
            self._give(worker, batches, scenarios)
            return
        finished = worker.batches.popleft()
        batches.took(finished[0], message[2] / finished[2])
        self._give(worker, batches, scenarios)  # before this one is kept
        yield from parts_of(finished[0], message[1], message[3])

    def _give(
        self,
        worker: _Worker,
        batches: Batches,
        scenarios: dict[str, Scenario],
    ) -> None:
        """Give a worker as many batches as it may have in hand. A scenario may be longer than a
        pipe holds, so it is sent only to a worker that listens: one that has nothing to do.
        """
        stdin: Any = worker.process.stdin
        while (
            len(worker.batches) < AHEAD
            and (batch := batches.next()) is not None
        ):
            new = batch[0] not in worker.knows
            if new and worker.batches:
                batches.again(batch)
                return
            worker.batches.append(batch)
            # if it is dead its output ends too, and the batch is given to another
            with suppress(OSError):
                if new:
                    send(stdin, ("scenario", batch[0], scenarios[batch[0]]))
                    worker.knows.add(batch[0])
                send(stdin, ("run", *batch))

    def _replace(
        self, worker: _Worker, batches: Batches
    ) -> tuple[_Worker, list[Batch]]:
        """Another process in its place, and the replications that end every process. Of a batch
        that does, each is played by itself, so that the others are not lost with it.
        """
        lost: list[Batch] = []
        worker.process.kill()
        code = worker.process.wait()
        if not worker.ready:
            self._not_started += 1
            if self._not_started >= TRIES:
                raise BrokenReplicationError(
                    f"worker processes do not start (exit code {code})"
                )
        for i, batch in enumerate(reversed(worker.batches), 1):
            if i == len(worker.batches):  # the one that was under way
                tries = self._tries[batch] = self._tries.get(batch, 0) + 1
                if tries >= TRIES:
                    key, first, count = batch
                    if count > 1:
                        for number in reversed(range(first, first + count)):
                            batches.again((key, number, 1))
                    else:
                        ended = (
                            f"it ended {tries} processes (exit code {code})"
                        )
                        lost.append((key, Broken(first, ended)))
                    continue
            batches.again(batch)
        fresh = _Worker(start())
        self._pool[self._pool.index(worker)] = fresh
        return fresh, lost


def parts_of(
    key: str, packed: bytes, broken: Sequence[Broken]
) -> Iterator[Batch]:
    """The outcome of a batch."""
    if packed:
        yield key, packed
    for each in broken:
        yield key, each


def _out(worker: _Worker) -> Any:
    """Return the worker's answers as a raw stream: a selector sees all that is to be read of it."""
    stdout: Any = worker.process.stdout
    return stdout.raw
