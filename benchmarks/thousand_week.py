"""What a week of 1,000 databases costs, against the same week of 100 of them.

    python benchmarks/thousand_week.py [--days 7] [--limit-cpu 900] [--keep FILE]

Both are thousand_week.yaml (beside this file): incrementals each night, all fulls at one time,
three faults; the 100 with a tenth of every rate and size. Each runs in a process of its own, the
world with its recovery logic, journal and witness, and says every ten seconds how far it is. At the
limit of CPU seconds it ends with what it has measured by then. --keep: what has been measured to
its end is kept in that file and not measured again.

Wanted: the 1,000 in 120 s of CPU and 2 GB, and at most 12 times the CPU of the 100.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from database_year import TENTH, THOUSAND

from dr_sim.loading import load_scenario
from dr_sim.world.world import World

WANTED_CPU_S, WANTED_MB, WANTED_RATIO = 120.0, 2000.0, 12.0
SAYS_EVERY_S = 10.0
HOUR_US = 3_600_000_000


def cost(world: World, ended: bool) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "hours": world.agenda.now_us / HOUR_US,
        "cpu_s": time.process_time(),
        "peak_mb": peak / (1e6 if sys.platform == "darwin" else 1e3),
        "rows": len(world.journal),
        "ended": ended,
    }


def say(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


def watch(world: World, limit_cpu_s: float) -> None:
    """Say how far the run is; end it at the limit."""
    while True:
        time.sleep(SAYS_EVERY_S)
        say(cost(world, False))
        if time.process_time() > limit_cpu_s:
            os._exit(0)


def run(side: str, days: str, limit_cpu_s: float) -> None:
    """Run one side in this process."""
    tenth = TENTH if side == "100" else []
    world = World(load_scenario(THOUSAND, [f"run_for={days} days", *tenth]))
    threading.Thread(target=watch, args=(world, limit_cpu_s), daemon=True).start()
    # as dr_sim.runs.run does it: without the collector of cycles
    gc.disable()
    world.run()
    say(cost(world, True))


def measured(side: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one side in a process of its own; return its last word."""
    arguments = ["--only", side, "--days", options.days, "--limit-cpu", str(options.limit_cpu)]
    child = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = {}
    assert child.stdout is not None
    try:
        for line in child.stdout:
            found = json.loads(line)
            print(f"{side} databases: {words(found)}", flush=True)
    finally:
        child.kill()
        child.wait()
    return found


def words(found: dict[str, Any]) -> str:
    return (
        f"{found['hours']:.1f} h in {found['cpu_s']:.1f} s of CPU, peak "
        f"{found['peak_mb']:.0f} MB, {found['rows']:,} rows"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU and memory of a week of 1,000 databases.")
    parser.add_argument("--days", default="7", help="a shorter run for a quick try")
    parser.add_argument(
        "--limit-cpu", type=float, default=900.0, help="CPU seconds after which a side is ended"
    )
    parser.add_argument("--keep", type=Path, help="a file for what has been measured")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        run(options.only, options.days, options.limit_cpu)
        return 0
    kept = options.keep
    known = json.loads(kept.read_text()) if kept is not None and kept.exists() else {}
    for side in ("100", "1000"):
        key = f"{side} databases, {options.days} days"
        if key in known:
            print(f"{side} databases: {words(known[key])}, as kept")
            continue
        known[key] = measured(side, options)
        if not known[key].get("ended"):
            print(f"{side} databases: not measured to the end")
            return 1
        if kept is not None:
            kept.write_text(json.dumps(known))
    few, many = (known[f"{side} databases, {options.days} days"] for side in ("100", "1000"))
    ratio = many["cpu_s"] / few["cpu_s"]
    print(
        f"1,000 databases: {ratio:.1f} times the CPU of 100 (wanted: at most {WANTED_RATIO:g}), "
        f"{many['cpu_s']:.0f} s (wanted: {WANTED_CPU_S:g}), {many['peak_mb']:.0f} MB "
        f"(wanted: {WANTED_MB:g})"
    )
    good = ratio <= WANTED_RATIO and many["cpu_s"] <= WANTED_CPU_S and many["peak_mb"] <= WANTED_MB
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
