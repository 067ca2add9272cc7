"""How fast is exploration? Storms of sixteen hours with every monitor, a CPU minute; and the CPU
that shrinking a found case takes.

    python benchmarks/exploring.py [--cases 60] [--seed 1]

Beside it stands what ten million turns of a Python loop take here, as CPU seconds differ from
machine to machine and grow while other programs use it. A storm is one of up to three events on a
service of one database with logs every five minutes, run step by step (load, run, monitors,
verdict). What is shrunk is what exploration finds first in examples/simple_manager.py.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from dr_sim.explore import draw  # noqa: E402
from dr_sim.explore.case import Tree, load, look  # noqa: E402
from dr_sim.explore.services import Service, Services, anchored  # noqa: E402
from dr_sim.explore.shrink import shrink  # noqa: E402

MANAGER = "examples.simple_manager:Simple"
SERVICE: Tree = {
    "name": "storm",
    "run_for": "16 h",
    "databases": {"crm": {"size": "1 GB", "full": "every 6 h", "incremental": "every 2 h"}},
    "link": {"bandwidth": "200 Mbit/s"},
    "failover": {"mode": "automatic"},
}


def storms(base: Service, seed: int) -> Iterator[Tree]:
    number = 0
    while True:
        yield draw.draw(Services.of(base), seed, number)
        number += 1


def loop_s() -> float:
    began = time.process_time()
    total = 0
    for turn in range(10**7):
        total += turn
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    random.seed(0)
    base = anchored(SERVICE)
    assert base is not None
    loop = loop_s()
    done, found, began = 0, 0, time.process_time()
    for tree in storms(base, a.seed):
        scenario = load(tree)
        if scenario is None:
            continue
        found += bool(look(scenario).signs)
        done += 1
        if done == a.cases:
            break
    took = time.process_time() - began
    print(f"ten million turns of a loop: {loop:.2f} CPU s")
    print(f"{done} storms of sixteen hours: {took:.1f} CPU s, {60 * done / took:,.0f} a CPU minute")
    print(f"  in which {found} show something")
    for tree in storms(base, a.seed):
        scenario = load(tree, MANAGER)
        signs = look(scenario).signs if scenario is not None else {}
        if signs:
            began = time.process_time()
            small = shrink(tree, next(iter(signs)), manager=MANAGER)
            took = time.process_time() - began
            left = len(small.tree.get("events", []))
            print(f"shrunk to {left} events in {small.runs} runs, {took:.1f} CPU s")
            return


if __name__ == "__main__":
    main()
