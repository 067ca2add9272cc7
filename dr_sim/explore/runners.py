"""Who runs the cases of an exploration: processes of this machine, or an existing Dask cluster.

A case depends on its tree alone, so what is found is the same wherever it is run. Batches come back
in the order in which they were given.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol
from zlib import crc32

from dr_sim.experiments.on_dask import RETRIES, connected
from dr_sim.experiments.store import code_digest
from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.code import OtherCode
from dr_sim.explore.against.difference import look_beside
from dr_sim.explore.case import Looked, Tree, load
from dr_sim.world.own_logic import look_here_too

_LANE_OF = 8
"""One case out of this number is run with the quiet lane too."""

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
        self,
        pool: ProcessPoolExecutor,
        count: int,
        manager: str,
        code: OtherCode | None,
    ) -> None:
        self._pool = pool
        self._manager = manager
        self._code = code
        self.count = count

    def look(self, batches: Sequence[list[Tree]]) -> Iterator[Batch]:
        look = partial(
            _look_beside_each, manager=self._manager, code=self._code
        )
        yield from self._pool.map(look, batches)


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
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, look_here_too) as pool:
        yield _Processes(pool, workers, manager, code)
