"""Replications in numbers: what handing one over costs, two processes against one, and two Dask workers against one process.

The replications are real ones of about 10 ms. Each figure is a ratio or a difference within one run; the machine should
have two cores to itself. Wanted: overhead below 1 ms a replication, two processes at least 1.8 times one, Dask on
loopback at least 1.6 times one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dr_sim import api
from dr_sim.experiments import executor as executors
from dr_sim.experiments.executor import Executor, Processes
from dr_sim.experiments.replicate import Course, play_all
from dr_sim.experiments.sample import take
from dr_sim.experiments.store import Store
from dr_sim.scenario import load_scenario
from dr_sim.scenario.model import Scenario

SCENARIO = """\
name: ten milliseconds
run_for: 10 h
databases:
  crm: {size: 1 GB, log_volume: 70 kB/s, full: none, incremental: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s, rtt: 30 ms}
faults: {link_outage: {rate: 1 per day, duration: {p50: 12.8 min, p95: 117 min}}}
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
    course = Course(scenario, None if folder is None else Store(folder, scenario))
    return seconds(lambda: play_all([course], n, playing))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=600, help="replications in each measurement")
    parser.add_argument("--dask", action="store_true", help="two workers on loopback, too")
    a = parser.parse_args()
    executors.WORTH_WORKERS_S = 0.0  # every measurement in processes, started before it
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
        scenario = load_scenario(folder / "s.yaml")
        take(scenario, 0)
        few = max(20, a.n // 6)
        differences, times = [], []
        for i in range(5):  # CPU, turn and turn about: what else the machine does is not in the difference
            bare = cpu(lambda: [take(scenario, k) for k in range(few)]) / few
            kept = cpu(lambda i=i: played(scenario, few, Processes(1), folder / f"kept {i}")) / few
            differences.append(kept - bare)
            times.append(bare)
        bare, over = statistics.median(times), statistics.median(differences)
        print(f"one replication        {1000 * bare:6.2f} ms")
        print(f"handed over and kept   {1000 * over:+6.2f} ms a replication (wanted: below 1)")
        one, two = (Processes(2) for _ in range(2))
        one.workers = 1
        try:
            _start(one, 1)
            _start(two, 2)
            for playing in (one, two):
                played(scenario, 8, playing)  # they have imported everything, and know how long a replication takes
            alone, both = played(scenario, a.n, one), played(scenario, a.n, two)
        finally:
            one.close()
            two.close()
        print(f"two processes          {alone / both:6.2f} times one (wanted: at least 1.8)")
        if a.dask:
            _dask(scenario, a.n, alone)


def _start(playing: Processes, workers: int) -> None:
    playing.workers = workers
    playing._pool = [executors._start() for _ in range(workers)]


def _dask(scenario: Scenario, n: int, alone: float) -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster,
        api.executor(on=cluster.scheduler_address.replace("tcp://", "dask://")) as playing,
    ):
        played(scenario, 8, playing)
        print(f"two Dask workers       {alone / played(scenario, n, playing):6.2f} times one process (wanted: at least 1.6)")


if __name__ == "__main__":
    main()
