"""How much CPU a database-year costs, against a bare SimPy tandem of the same arrivals; both sides
in this one run.

    python benchmarks/database_year.py [--days 365] [--pairs 3] [--steps]
                                       [--fleet | --thousand | --tenth]

dr_sim: database_year.yaml (beside this file), the world with its recovery logic, journal and
witness. Bare: a process per log, Resources for the link and the replay, no logic, no records. The
sides alternate; the ratio is the median over the pairs. Peak memory is that of a fresh process that
does nothing but the run. Wanted: at most 3 times, under 500 MB. --steps: without the express lane,
every log step by step. --fleet: fleet_week.yaml in its place, a week of 100 databases. --thousand:
thousand_week.yaml, a week of 1,000 databases with incrementals each night, all fulls at one time
and three faults. --tenth: the same of 100 databases, with a tenth of every rate and size.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import simpy

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.scenario.model import Scenario
from dr_sim.world.world import World

SCENARIO = Path(__file__).with_name("database_year.yaml")
FLEET = Path(__file__).with_name("fleet_week.yaml")
THOUSAND = Path(__file__).with_name("thousand_week.yaml")
TENTH = [
    "databases.crm.copies=100",
    "primary.disk=4 GB/s",
    "link.bandwidth=1 Gbit/s",
    "replication.staging=800 GB",
    "secondary.disk=4 GB/s",
    "replay.workers=4",
    "faults.backup_cut_off.database=crm-001",
]
SECOND_US = 1_000_000
WANTED_RATIO, WANTED_MB = 3.0, 500.0


def bare(scenario: Scenario) -> int:
    """The same logs through the same tandem, as one writes it in SimPy; returns how many were
    restored. Databases are alike.
    """
    size = scenario.databases[0].log_volume.num_bytes
    every_s = scenario.databases[0].log.interval_us / SECOND_US
    cost, there, restore = (
        scenario.primary.log,
        scenario.secondary,
        scenario.secondary.restore[Kind.LOG],
    )
    backup_s = cost.fixed_us / SECOND_US + size / cost.rate_bytes_s
    send_s = size * 8 / scenario.link.bandwidth_bit_s
    replay_s = (
        size / there.hash_bytes_s + restore.fixed_us / SECOND_US + size / restore.rate_bytes_s
    )
    env = simpy.Environment()
    link = simpy.Resource(env, 1)
    replay = simpy.Resource(env, min(len(scenario.databases), scenario.replay.workers))
    restored: list[float] = []

    def log() -> Generator[Any, Any, None]:
        yield env.timeout(backup_s)
        with link.request() as turn:
            yield turn
            yield env.timeout(send_s)
        with replay.request() as turn:
            yield turn
            yield env.timeout(replay_s)
        restored.append(env.now)

    def schedule() -> Generator[Any, Any, None]:
        while True:
            env.process(log())
            yield env.timeout(every_s)

    for _ in scenario.databases:
        env.process(schedule())
    env.run(until=scenario.run_for_us / SECOND_US)
    return len(restored)


def dr_sim(scenario: Scenario, express: bool) -> int:
    return len(World(scenario, express=express).run())


def cpu_s(run: Callable[[], int]) -> float:
    """As dr_sim.runs.run does it: without the collector of cycles, which neither side needs."""
    gc.collect()
    gc.disable()
    try:
        begin = time.process_time()
        run()
        return time.process_time() - begin
    finally:
        gc.enable()


def peak_mb(options: list[str]) -> float:
    """Of a process of its own."""
    arguments = [sys.executable, __file__, "--only-run", *options]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="CPU and memory of a database-year against bare SimPy."
    )
    parser.add_argument("--days", help="a shorter run for a quick try")
    parser.add_argument("--pairs", type=int, default=3, help="how often both sides run")
    parser.add_argument("--steps", action="store_true", help="without the express lane")
    parser.add_argument(
        "--fleet",
        action="store_true",
        help="a week of 100 databases that share link, disks and workers",
    )
    parser.add_argument(
        "--thousand",
        action="store_true",
        help="a week of 1,000 databases, with nightly incrementals and faults",
    )
    parser.add_argument(
        "--tenth", action="store_true", help="a tenth of --thousand: the same week of 100 databases"
    )
    parser.add_argument("--only-run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    large = options.thousand or options.tenth
    scenario = load_scenario(
        THOUSAND if large else FLEET if options.fleet else SCENARIO,
        [
            *([f"run_for={options.days} days"] if options.days else []),
            *(TENTH if options.tenth else []),
        ],
    )
    express = not options.steps
    if options.only_run:
        gc.disable()
        dr_sim(scenario, express)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(peak / (1e6 if sys.platform == "darwin" else 1e3))
        return 0
    logs = len(scenario.databases) * (scenario.run_for_us // scenario.databases[0].log.interval_us)
    ratios = []
    for _ in range(options.pairs):
        theirs, ours = cpu_s(lambda: bare(scenario)), cpu_s(lambda: dr_sim(scenario, express))
        ratios.append(ours / theirs)
        print(
            f"bare {theirs / logs * 1e6:6.1f} us a log, dr_sim {ours / logs * 1e6:6.1f} "
            f"us a log, ratio {ours / theirs:.2f}"
        )
    ratio, memory = statistics.median(ratios), peak_mb(sys.argv[1:])
    print(
        f"{logs} logs: {ratio:.2f} times bare SimPy (wanted: at most {WANTED_RATIO:g}), "
        f"peak {memory:.0f} MB (wanted: under {WANTED_MB:g})"
    )
    return 0 if ratio <= WANTED_RATIO and memory < WANTED_MB else 1


if __name__ == "__main__":
    sys.exit(main())
