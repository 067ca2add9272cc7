"""Does exploration find things? Of each planted bug (tests/mutants/table.py): by what it is found,
after how many cases, in how many CPU seconds, and shrunk to how many events.

    python benchmarks/finding.py [--cases 600] [--table FILE.md] [NAME ...]

Each bug gets a process with a copy of the package that has it. The cases are those of
`dr-sim explore --seed 1`, one after the other, so a figure is the same each time. Hours for all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.planting import Mutant, planted  # noqa: E402
from tests.mutants.table import MUTANTS  # noqa: E402

CHILD = r"""
import json, random, sys, time
from dr_sim.explore import draw, search
from dr_sim.explore.case import load, look
from dr_sim.explore.shrink import shrink
most, seed = int(sys.argv[1]), int(sys.argv[2])
random.seed(0)
state = search.Exploration(seed)
services = search.services_of(seed, None)
began = time.process_time()
for number in range(most):
    tree = search._next_case(state, services, number)
    scenario = load(tree)
    if scenario is None:
        continue
    looked = look(scenario)
    if not looked.reached <= state.reached:
        state.corpus.append(tree)
    state.reached |= looked.reached
    if looked.signs:
        took = time.process_time() - began
        sign = next(iter(looked.signs))
        small = shrink(tree, sign)
        events = len(small.tree.get("events", []))
        print(json.dumps([sign.text(), number + 1, took, events, small.runs,
                          time.process_time() - began - took]))
        break
else:
    print(json.dumps(["", most, time.process_time() - began, 0, 0, 0.0]))
"""


def found(mutant: Mutant, cases: int, seed: int) -> list[object]:
    with tempfile.TemporaryDirectory(prefix="dr_sim-mutant-") as folder:
        planted(mutant, Path(folder))
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(cases), str(seed)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return [
            f"the search itself broke: {done.stderr.strip().splitlines()[-1]}",
            0,
            0.0,
            0,
            0,
            0.0,
        ]
    answer: list[object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", type=Path)
    parser.add_argument("names", nargs="*")
    a = parser.parse_args()
    lines = [
        "| planted | found by | cases | CPU s | events left | runs to shrink |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    caught = total = 0
    for mutant in MUTANTS:
        if a.names and mutant.name not in a.names:
            continue
        by, cases, cpu_s, events, runs, _ = found(mutant, a.cases, a.seed)
        total += 1
        caught += bool(by)
        lines.append(
            f"| {mutant.requirement} {mutant.wrong} | {by or 'not found'} | {cases} | "
            f"{cpu_s:.1f} | {events if by else ''} | {runs if by else ''} |"
        )
        print(lines[-1], flush=True)
    print(f"{caught} of {total} found")
    if a.table is not None:
        a.table.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
