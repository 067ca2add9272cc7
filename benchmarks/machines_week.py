"""What a week of a network of 100 machines and 20 databases costs, with an upgrade in it.

    python benchmarks/machines_week.py [--times 3]

Each run of machines_week.yaml (beside this file) is played, summed up and judged as `dr-sim run`
does it, in a process of its own. Beside it stands how long ten million turns of a Python loop take
there, as a measure of the machine. Wanted: 15 s of CPU and 1 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.runs.run import run

HERE = Path(__file__).parent
WANTED_CPU_S, WANTED_MB = 15.0, 1000.0
TURNS = 10_000_000


def loop_s() -> float:
    """CPU seconds of a plain loop."""
    began = time.process_time()
    for _ in range(TURNS):
        pass
    return time.process_time() - began


def once() -> None:
    """Run it in this process, and print what it cost."""
    scenario = load_scenario(HERE / "machines_week.yaml")
    began = time.process_time()
    result = run(scenario)
    cpu_s = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "cpu_s": cpu_s,
        "peak_mb": peak / (1e6 if sys.platform == "darwin" else 1e3),
        "rows": len(result.journal),
        "machines": result.summary.cloud.machines.counts,
        "loop_s": loop_s(),
    }
    print(json.dumps(found))


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU and memory of a week with machines.")
    parser.add_argument("--times", type=int, default=3, help="runs; the median counts")
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        once()
        return 0
    found = []
    for _ in range(asked.times):
        command = [sys.executable, __file__, "--only"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        one = json.loads(done.stdout.splitlines()[-1])
        found.append(one)
        print(
            f"{one['cpu_s']:.1f} s of CPU, {one['peak_mb']:.0f} MB, {one['rows']:,} rows, "
            f"{one['machines']}; ten million turns of a loop: {one['loop_s']:.2f} s"
        )
    cpu_s = statistics.median(one["cpu_s"] for one in found)
    peak_mb = max(one["peak_mb"] for one in found)
    print(f"{cpu_s:.1f} s (wanted: {WANTED_CPU_S:g}), {peak_mb:.0f} MB (wanted: {WANTED_MB:g})")
    return 0 if cpu_s <= WANTED_CPU_S and peak_mb <= WANTED_MB else 1


if __name__ == "__main__":
    sys.exit(main())
