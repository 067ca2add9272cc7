"""How much CPU a database-year with a cloud manager costs, against the same year without one; both
sides in this one run.

    python benchmarks/cloud_year.py [--days 365] [--pairs 3]

With: database_year_cloud.yaml, 6 changes an hour, each asked for, done and mirrored by jobs, and 40
calls a minute. Without: database_year.yaml. The sides alternate; the ratio is the median over the
pairs. Wanted: at most 5 times.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.world.play import play

HERE = Path(__file__).parent
WANTED_RATIO = 5.0


def cost_s(name: str, days: int) -> float:
    """CPU seconds of one run, played as `dr-sim run` plays it."""
    scenario = load_scenario(HERE / name, [f"run_for={days} days"])
    gc.collect()
    began = time.process_time()
    play(scenario)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--pairs", type=int, default=3)
    asked = parser.parse_args()
    ratios = []
    for _ in range(asked.pairs):
        without = cost_s("database_year.yaml", asked.days)
        cloud = cost_s("database_year_cloud.yaml", asked.days)
        ratios.append(cloud / without)
        print(f"without {without:.1f} s   with {cloud:.1f} s   {ratios[-1]:.2f} times")
    found = statistics.median(ratios)
    print(f"{found:.2f} times; wanted at most {WANTED_RATIO:g}")


if __name__ == "__main__":
    main()
