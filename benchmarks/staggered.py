"""What a fleet costs whose databases cut their logs at different instants, against the same fleet
with one schedule.

    python benchmarks/staggered.py [--databases 100] [--hours 12] [--pairs 3]

Each round runs the fleet four times, one after the other: all logs at the same instant; one second
apart, so that many are on their way at once; spread evenly over the interval; and the last one
without the fast paths. Wanted: no worse than aligned.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from dr_sim.loading import load_scenario
from dr_sim.scenario.model import Scenario
from dr_sim.world.world import World

INTERVAL_S = 300
WANTED_RATIO = 1.0
REST = """\
primary: {disk: 4 GB/s}
link: {bandwidth: 1 Gbit/s, rtt: 30 ms}
replication: {staging: 256 GB}
secondary: {disk: 4 GB/s}
replay: {workers: 16}
"""


def fleet(databases: int, hours: int, apart_ms: int) -> Scenario:
    """Return a fleet whose logs are cut that far apart."""
    lines = ["name: staggered", f"run_for: {hours} h", "databases:"]
    for i in range(databases):
        offset_ms = i * apart_ms % (INTERVAL_S * 1000)
        every = f"every {INTERVAL_S} s" + (f" offset {offset_ms} ms" if offset_ms else "")
        lines.append(
            f"  db{i:04}: {{size: 50 GB, log_volume: 20 MB per 5 min, transactions: 10 per s, "
            f"log: {every}}}"
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "staggered.yaml"
        path.write_text("\n".join(lines) + "\n" + REST)
        return load_scenario(path)


def cpu_s(scenario: Scenario, express: bool = True) -> float:
    gc.collect()
    gc.disable()
    try:
        begin = time.process_time()
        World(scenario, express=express).run()
        return time.process_time() - begin
    finally:
        gc.enable()


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU of a fleet whose logs are cut in turn.")
    parser.add_argument("--databases", type=int, default=100)
    parser.add_argument("--hours", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=3, help="number of rounds")
    options = parser.parse_args()
    evenly_ms = INTERVAL_S * 1000 // options.databases
    aligned, near, even = (
        fleet(options.databases, options.hours, apart_ms) for apart_ms in (0, 1000, evenly_ms)
    )
    logs = options.databases * options.hours * 3600 // INTERVAL_S
    ratios: list[tuple[float, float, float]] = []
    for _ in range(options.pairs):
        base = cpu_s(aligned)
        others = cpu_s(near), cpu_s(even), cpu_s(even, express=False)
        ratios.append((others[0] / base, others[1] / base, others[2] / base))
        print(
            f"aligned {base / logs * 1e6:.0f} us a log; times that: one second apart "
            f"{ratios[-1][0]:.2f}, spread evenly {ratios[-1][1]:.2f}, spread evenly by steps "
            f"{ratios[-1][2]:.2f}",
            flush=True,
        )
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(
        f"{logs} logs: {medians[0]:.2f} and {medians[1]:.2f} times aligned (wanted: at most "
        f"{WANTED_RATIO:g})"
    )
    return 0 if max(medians[:2]) <= WANTED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
