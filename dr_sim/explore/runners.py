"""Who runs the cases of an exploration: processes of this machine, or an existing Dask cluster.

A case depends on its tree alone, so what is found is the same wherever it is run. Batches come back
in the order in which they were given.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol
from zlib import crc32

from dr_sim.experiments.replications.on_dask import RETRIES, connected
from dr_sim.experiments.replications.store import code_digest
from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.code import OtherCode
from dr_sim.explore.against.difference import look_beside
from dr_sim.explore.case import Looked, Sign, Tree, load
from dr_sim.world.own_logic import look_here_too

_LANE_OF = 8
"""One case out of this number is run with the quiet lane too."""

PROCESS_ENDS = Sign("raises", "the process ends in the middle of the run")
"""A case with this sign is not run again in this process."""

Batch = tuple[list[Looked | None], float]
"""Results of the cases of a batch (None: it is no scenario), and the CPU seconds that they took."""


class CaseRunner(Protocol):
    """Whoever runs cases. count: batches that it runs at one time."""

    @property
    def count(self) -> int: ...

    def look(self, batches: Sequence[list[Tree]]) -> Iterator[Batch]:
        """Run batches of cases."""
        ...


def look_at_each(
    trees: list[Tree], manager: str, other: OtherSide | None = None
) -> Batch:
    """Run some cases one after the other. other: plays the same cases with other code."""
    began = time.process_time()
    there_s = 0.0 if other is None else other.cpu_s
    looks: list[Looked | None] = []
    for tree in trees:
        scenario = load(tree, manager)
        if scenario is None:
            looks.append(None)
            continue
        lane = not manager and is_for_the_lane(tree)
        looks.append(look_beside(tree, scenario, lane, other))
    took_s = time.process_time() - began
    if other is not None:
        took_s += other.cpu_s - there_s
    return looks, took_s


class _Here:
    """The other side of this process, if it has one."""

    other: OtherSide | None = None


def _look_beside_each(
    trees: list[Tree], manager: str, code: OtherCode | None
) -> Batch:
    if code is not None and _Here.other is None:
        _Here.other = OtherSide(code, manager)
    return look_at_each(trees, manager, _Here.other)


def is_for_the_lane(tree: Tree) -> bool:
    """Return whether a case is run with the quiet lane too: one of eight."""
    return crc32(json.dumps(tree).encode()) % _LANE_OF == 0


def _on_a_worker(trees: list[Tree], manager: str, code: str) -> Batch:
    if code_digest() != code:
        raise RuntimeError(
            "the worker has another version of dr_sim; install the caller's there"
        )
    return look_at_each(trees, manager)


class _Processes:
    """Worker processes of this machine."""

    def __init__(
        self, count: int, manager: str, code: OtherCode | None
    ) -> None:
        self._others = set(multiprocessing.active_children())
        self._pool = _pool(count)
        self._manager = manager
        self._code = code
        self.count = count

    def look(self, batches: Sequence[list[Tree]]) -> Iterator[Batch]:
        waiting = [self._begun(batch) for batch in batches]
        for batch, begun in zip(batches, waiting, strict=True):
            try:
                yield begun.result()
            except BrokenProcessPool:
                yield self._again(batch)

    def _begun(self, batch: list[Tree]) -> Future[Batch]:
        look = partial(
            _look_beside_each, manager=self._manager, code=self._code
        )
        with _deaf_to_interrupts():
            try:
                return self._pool.submit(look, batch)
            except BrokenProcessPool:
                self._pool = _pool(self.count)
                return self._pool.submit(look, batch)

    def _again(self, batch: list[Tree]) -> Batch:
        """Run a batch again after a process has ended in the middle of a run; the case in which it
        ends again, alone, is what ends it.
        """
        if len(batch) > 1:
            parts = [self._again([tree]) for tree in batch]
            looks = [looked for part, _ in parts for looked in part]
            return looks, sum(cpu_s for _, cpu_s in parts)
        try:
            return self._begun(batch).result()
        except BrokenProcessPool:
            return [Looked({PROCESS_ENDS: PROCESS_ENDS.what})], 0.0

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def end(self) -> None:
        """End the processes in the middle of what they do: nobody waits for it any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in self._others:
                process.terminate()


class _Cluster:
    """The workers of a Dask cluster."""

    def __init__(self, client: Any, manager: str) -> None:
        self._client = client
        self._manager = manager
        self._code = code_digest()

    @property
    def count(self) -> int:
        """Workers come and go."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def look(self, batches: Sequence[list[Tree]]) -> Iterator[Batch]:
        done = partial(_on_a_worker, manager=self._manager, code=self._code)
        futures = self._client.map(
            done, list(batches), pure=False, retries=RETRIES
        )
        for future in futures:
            yield future.result()


@contextmanager
def case_runner(
    workers: int, on: str, manager: str, code: OtherCode | None = None
) -> Iterator[CaseRunner]:
    """Open whoever runs the cases. on: dask://HOST:PORT; '': processes of this machine. code: the
    other code that they are compared with (processes of this machine only).
    """
    if on:
        client = connected(on)
        try:
            yield _Cluster(client, manager)
        finally:
            client.close()
        return
    processes = _Processes(workers, manager, code)
    try:
        yield processes
    except BaseException:
        processes.end()
        raise
    processes.close()


def _pool(count: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, look_here_too)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C for a moment: processes that are started now ignore it for good. It reaches all
    of them, and only the parent has something to say.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
