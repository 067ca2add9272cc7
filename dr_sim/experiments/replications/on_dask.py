"""Replications on an existing Dask cluster: batches inside tasks, each batch counted once, results
identical to local.

Workers need dr_sim of the same version as the caller's (its source is compared); data go through
the scheduler, so no shared disk is asked for. A worker that dies loses its tasks, and Dask plays
them again elsewhere; a batch is kept by the replications' numbers, so what came twice counts once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from subprocess import Popen
from typing import Any

from dr_sim.errors import DrSimError, input_error
from dr_sim.errors.bugs import Broken, BrokenReplicationError
from dr_sim.experiments.replications.batches import Batches, BatchJob, Part
from dr_sim.experiments.replications.executor import Batch, parts_of
from dr_sim.experiments.replications.store import code_digest
from dr_sim.experiments.replications.worker import receive, send, start
from dr_sim.scenario.model import Scenario

SCHEME = "dask://"
CONNECT_S = 10
TASKS_A_THREAD = 2  # so that none waits for the next task to arrive
LEAST_S = 0.1  # a task costs client and scheduler some 5 ms of CPU
RETRIES = 5  # of a task whose worker died
KEPT_S = 30.0  # a process that no task has asked for so long ends

_idle: list[Popen[bytes]] = []  # of this Dask worker; its threads share it


def play_batch(
    scenario: Scenario, first: int, count: int, code: str
) -> tuple[bytes, float, list[Broken]]:
    """Play a number of replications from `first` on; return them packed, the seconds they took, and
    those that broke. One string of bytes passes through Dask untouched; it would look at every
    element of a list on every hop, half a millisecond for each replication.

    They are played in a process beside the Dask worker, one for each of its threads: threads take
    turns at the interpreter, and even a single one waits for the worker's own clocks and loses a
    fifth of its speed.
    """
    if code_digest() != code:
        raise RuntimeError(
            "the worker has another version of dr_sim; install the caller's there"
        )
    message = _played(scenario, first, count)
    if message[0] == "refused":
        raise message[1]
    return message[1], message[2], message[3]


def _played(scenario: Scenario, first: int, count: int) -> Any:
    """Return what a worker process says of a batch. RuntimeError if it ends over it; then Dask
    tries again.
    """
    while True:
        try:
            process, fresh = _idle.pop(), False
        except IndexError:
            process, fresh = start(KEPT_S), True
        try:
            message = _asked(process, scenario, first, count)
        except (EOFError, OSError):
            process.kill()
            ended = process.wait()
            if fresh:
                raise RuntimeError(
                    f"a process ended (exit code {ended})"
                ) from None
            continue  # nobody had asked it for KEPT_S
        _idle.append(process)
        return message


def _asked(
    process: Popen[bytes], scenario: Scenario, first: int, count: int
) -> Any:
    """Return what a worker process answers."""
    assert process.stdin is not None and process.stdout is not None
    send(process.stdin, ("scenario", "", scenario))
    send(process.stdin, ("run", "", first, count))
    while (message := receive(process.stdout)) == ("ready",):
        pass
    return message


def _dask(on: str) -> Any:
    """Return Dask's package, without types. InputError if the extra is not installed."""
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise input_error(
            f"--on {on}", "needs Dask: pip install 'dr-sim[dask]'"
        ) from None


def connected(on: str) -> Any:
    """Return a client of the cluster whose scheduler listens at dask://HOST:PORT. InputError if the
    address is none, nobody listens there, or the extra is not installed.
    """
    address = on.removeprefix(SCHEME)
    if address == on or ":" not in address:
        raise input_error(
            f"--on {on}",
            "write dask://HOST:PORT, the address of a Dask scheduler",
        )
    distributed = _dask(on)
    try:
        return distributed.Client(
            f"tcp://{address}", timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise input_error(
            f"--on {on}", f"no Dask scheduler answers there ({error})"
        ) from None


class DaskExecutor:
    """On the cluster whose scheduler listens at dask://HOST:PORT."""

    def __init__(self, on: str) -> None:
        """Raises InputError if nobody can be asked there (connected)."""
        self._client: Any = connected(on)
        self._completed = _dask(on).as_completed

    def play(self, jobs: Sequence[BatchJob]) -> Iterator[Batch]:
        if any(job.scenario.engine.timing == "measured" for job in jobs):
            told = (
                "durations by the clock would be those of whichever machine plays them; leave "
                "--on out, or write --timing modelled"
            )
            raise input_error("--on", told)
        client = self._client
        code = code_digest()
        # with every task: what is scattered dies with its worker
        scenarios = {job.key: job.scenario for job in jobs}
        batches = Batches(jobs, TASKS_A_THREAD, LEAST_S)
        under_way: dict[Any, Part] = {}
        done: Any = None

        def give() -> None:
            # workers come and go
            batches.hands = TASKS_A_THREAD * max(
                1, sum(client.nthreads().values())
            )
            while (
                len(under_way) < batches.hands
                and (batch := batches.next()) is not None
            ):
                key, first, size = batch
                future = client.submit(
                    play_batch,
                    scenarios[key],
                    first,
                    size,
                    code,
                    pure=False,
                    retries=RETRIES,
                )
                under_way[future] = batch
                if done is not None:
                    done.add(future)

        try:
            give()
            done = self._completed(list(under_way), loop=client.loop)
            while under_way:
                future = next(done)
                key, first, count = under_way.pop(future)
                if future.status != "finished":
                    error = future.exception()
                    if isinstance(error, DrSimError):
                        raise error
                    raise BrokenReplicationError(
                        f"replications {first} to {first + count - 1} of {key}: {error!r}"
                    )
                samples, took, broken = future.result()
                future.release()
                batches.took(key, took / count)
                give()
                yield from parts_of(key, samples, broken)
        finally:
            if under_way:
                client.cancel(list(under_way))

    def close(self) -> None:
        self._client.close()
