"""The weeks of logs on real databases: how long they take, and whether they tell the model's story.

    python benchmarks/real_weeks.py [sqlite-two-weeks] [postgres-week]

scenarios/real/sqlite-two-weeks.yaml (4,032 five-minute logs, dailies, fulls) is wanted in 2
minutes, postgres-week.yaml (2,016) in 5, on two cores: SQLite takes about 2 ms a log, PostgreSQL 50
to 65 ms. CPU is that of this process and of all servers and programs that it started and that have
ended. `model`: the same scenario on the model engine has the same journal digest. Exit code 1 if a
digest differs or the verdict is no pass; time alone fails nothing, for it is the machine's as well.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import run

REAL = Path(__file__).parents[1] / "scenarios/real"
WANTED_S = {"sqlite-two-weeks": 120.0, "postgres-week": 300.0}


def cpu_s() -> float:
    return sum(
        u.ru_utime + u.ru_stime
        for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def week(name: str) -> bool:
    """Run it, print a row; is it as the model tells it?"""
    path = REAL / f"{name}.yaml"
    scenario = load_scenario(path)
    wall, cpu = time.perf_counter(), cpu_s()
    real = run(scenario)
    wall, cpu = time.perf_counter() - wall, cpu_s() - cpu
    model = run(load_scenario(path, engine="model"))
    same = real.digest == model.digest and real.verdict.outcome is Outcome.PASS
    logs = real.summary.backups["log"] + real.summary.backups["cut_off"]
    print(
        f"{name:<18} {logs:>6,} logs {wall:>7.1f} s wall (wanted {WANTED_S[name]:.0f}) "
        f"{cpu:>7.1f} s CPU {1e3 * cpu / logs:>6.1f} ms a log"
        f"   digest {real.digest[:12]} "
        f"{'the same as' if real.digest == model.digest else 'NOT that of'} the model's, "
        f"{real.verdict.outcome.name.lower()}",
        flush=True,
    )
    return same


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weeks", nargs="*", choices=[[], *WANTED_S], help="which (default: both)")
    told = [week(name) for name in parser.parse_args().weeks or WANTED_S]
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main())
