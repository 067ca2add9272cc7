"""Replications in numbers: what handing one over costs, two processes against one, and two Dask
workers against one process.

The replications are real ones of about 10 ms. Wanted: overhead below 1 ms a replication, two
processes at least 1.8 times one, Dask on loopback at least 1.6 times one.

Two cores share caches, memory and clock, and the machine may have other work, so two processes that
share nothing are not twice one either. That ceiling is measured beside the rest, turn and turn
about: two plain processes, each with half of the replications in a loop, against one with all of
them. Other work only ever adds to a time, so each figure is a ratio of the best times of all
rounds; in brackets the ratios of single rounds, which tell how quiet the machine was.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dr_sim.experiments.replications import executor as executors
from dr_sim.experiments.replications import until
from dr_sim.experiments.replications.executor import Executor, Processes
from dr_sim.experiments.replications.replicate import Course, play_all
from dr_sim.experiments.replications.sample import Sample, pack
from dr_sim.experiments.replications.store import BatchStore
from dr_sim.experiments.replications.take import take
from dr_sim.experiments.replications.worker import start
from dr_sim.loading import load_scenario
from dr_sim.scenario.model import Scenario

SCENARIO = """\
name: ten milliseconds
run_for: 15 h
databases:
  crm: {size: 1 GB, log_volume: 70 kB/s, full: none, incremental: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s, rtt: 30 ms}
faults: {link_outage: {rate: 1 per day, duration: {p50: 12.8 min, p95: 117 min}}}
"""
PLAIN = """\
import sys
from dr_sim.experiments.replications.sample import Sample
from dr_sim.experiments.replications.take import take
from dr_sim.loading import load_scenario
scenario = load_scenario(sys.argv[1])
for line in sys.stdin:
    first, count = map(int, line.split())
    for number in range(first, first + count):
        take(scenario, number)
    print("done", flush=True)
"""


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def played(scenario: Scenario, n: int, playing: Executor, folder: Path | None = None) -> float:
    course = Course(scenario, None if folder is None else BatchStore(folder, scenario))
    return seconds(lambda: play_all([course], n, playing))


class Plain:
    """Processes that play replications in a loop and say no more than that they are done."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", PLAIN, str(path)]
        root = str(Path(__file__).resolve().parents[1])
        self.pair = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": root},
            )
            for _ in range(2)
        ]

    def played(self, n: int, processes: int) -> float:
        """Seconds for n replications, an equal part for each process."""
        return seconds(lambda: self._play(n // processes, self.pair[:processes]))

    def _play(self, each: int, processes: list[subprocess.Popen[str]]) -> None:
        for i, process in enumerate(processes):
            assert process.stdin is not None
            process.stdin.write(f"{i * each} {each}\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != "done\n":
                raise SystemExit("a plain process died")

    def close(self) -> None:
        for process in self.pair:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", type=int, default=400, help="replications in each measurement")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--dask", action="store_true", help="two workers on loopback, too")
    a = parser.parse_args()
    executors.WORTH_WORKERS_S = 0.0  # every measurement in processes, started before it
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
        scenario = load_scenario(folder / "s.yaml")
        plain = Plain(folder / "s.yaml")
        stack.callback(plain.close)
        one, two = _processes(stack, 1), _processes(stack, 2)
        dask = _dask(stack) if a.dask else None
        for playing in (one, two, dask):
            if playing is not None:
                # they have imported everything, and know how long a replication takes
                played(scenario, 16, playing)
        plain.played(8, 2)
        rounds: list[dict[str, float]] = []
        for i in range(a.rounds):
            times = {"plain": plain.played(a.n, 1), "plain two": plain.played(a.n, 2)}
            times["one"] = played(scenario, a.n, one, folder / f"one {i}")
            before = time.process_time()
            times["two"] = played(scenario, a.n, two, folder / f"two {i}")
            times["overhead"] = (time.process_time() - before) / a.n
            if dask is not None:
                times["dask"] = played(scenario, a.n, dask, folder / f"dask {i}")
            rounds.append(times)
    _tell(rounds, min(t["plain"] for t in rounds) / a.n, _packing(take(scenario, 0)))


def _packing(sample: Sample) -> float:
    """CPU seconds that a worker needs to pack one replication."""
    return min(cpu(lambda: [pack([sample]) for _ in range(100)]) / 100 for _ in range(5))


def _processes(stack: ExitStack, workers: int) -> Processes:
    playing = Processes(workers)
    # one alone would stay in this process
    playing._pool = [executors._Worker(start()) for _ in range(workers)]
    stack.callback(playing.close)
    return playing


def _dask(stack: ExitStack) -> Executor:
    from distributed import LocalCluster

    cluster = stack.enter_context(
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        )
    )
    return stack.enter_context(
        until.executor(on=cluster.scheduler_address.replace("tcp://", "dask://"))
    )


def _tell(rounds: list[dict[str, float]], each_s: float, packing_s: float) -> None:
    print(f"one replication        {1000 * each_s:6.2f} ms")
    overhead = min(t["overhead"] for t in rounds) + packing_s
    print(
        f"packed, heard and kept {1000 * overhead:6.2f} ms of CPU a replication (wanted: below 1)"
    )
    print(
        f"ceiling                {_ratio(rounds, 'plain', 'plain two')} times one: two "
        "plain processes that share nothing"
    )
    for name, words, wanted in (("two", "two processes", 1.8), ("dask", "two Dask workers", 1.6)):
        if name in rounds[0]:
            part = min(t["plain two"] for t in rounds) / min(t[name] for t in rounds)
            told = (
                f"times one process (wanted: at least {wanted}); {100 * part:.0f} % of what "
                "two plain processes do"
            )
            print(f"{words:<23}{_ratio(rounds, 'one', name)} {told}")


def _ratio(rounds: list[dict[str, float]], one: str, two: str) -> str:
    each = [t[one] / t[two] for t in rounds]
    return (
        f"{min(t[one] for t in rounds) / min(t[two] for t in rounds):5.2f} [{min(each):.2f}, "
        f"{max(each):.2f}]"
    )


if __name__ == "__main__":
    main()
