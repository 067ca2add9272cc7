"""Does exploration find things? Of each planted bug (tests/mutants/table.py): by what it is found,
after how many cases, in how many CPU seconds, and shrunk to how many events.

    python benchmarks/finding.py [--seconds 60] [--compared] [--out FILE] [--table FILE.md]
                                 [--sample N] [NAME ...]

Each bug gets a process with a copy of the package that has it. The cases are those of
`dr-sim explore --seed 1`, one after the other, untouched, so a find is the same each time. The
bug `none` is the package as it is: nothing may be found in it.

A case in which a monitor says something is run with the package as it is, too. If that shows the
same, the planted bug did not cause it: it is no find, that sign does not count any more, and the
search goes on. The column `as it is` says how many such signs there were.

With --out the answers are kept in a file, one line each; a bug that was found, or was searched for
as long already, is not tried again. So the same command goes on where it was stopped, and one with
more seconds tries the missed ones.

--compared: each case runs with the package as it is too, as `dr-sim explore` does by itself in a
checkout with uncommitted changes. Then a measure that is worse is a find. A case that differs and
is not worse is no find; the column `differs` says how many there were. --sample N: N bugs at
random.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.planting import Mutant, planted  # noqa: E402
from tests.mutants.table import MUTANTS  # noqa: E402

SOUND = Mutant("none", "", "nothing", ())
CHILD = r"""
import json, os, random, subprocess, sys, time
from dr_sim.explore import search
from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.code import OtherCode
from dr_sim.explore.against.difference import look_beside
from dr_sim.explore.case import load
from dr_sim.explore.runners import is_for_the_lane
from dr_sim.explore.shrink import shrink
seconds, seed, runs = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
sound, compared, look_there = sys.argv[4], sys.argv[5] == "compared", sys.argv[6]
random.seed(0)
other = OtherSide(OtherCode("as it is", (sound,), "")) if compared else None
state = search.Exploration(seed)
services = search.services_of(seed, None)
def cpu_s():
    return time.process_time() + (0.0 if other is None else other.cpu_s)
def shown_as_it_is(tree):
    done = subprocess.run(
        [sys.executable, "-P", "-c", look_there],
        cwd=sound,
        env={**os.environ, "PYTHONPATH": sound},
        input=json.dumps(tree),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
def caused(tree, signs):
    signs = [sign for sign, _ in search.worth_a_find(signs, alarms)]
    if all(sign.is_compared() for sign in signs):
        return signs
    as_it_is = shown_as_it_is(tree)
    alarms.update(sign for sign in signs if sign.text() in as_it_is)
    return [sign for sign in signs if sign not in alarms]
alarms = set()
began = cpu_s()
number = -1
while cpu_s() - began < seconds:
    number += 1
    tree = search._next_case(state, services, number)
    scenario = load(tree)
    if scenario is None:
        continue
    looked = look_beside(tree, scenario, is_for_the_lane(tree), other)
    state.take_up(tree, looked)
    state.take_difference(number, tree, looked)
    signs = caused(tree, looked.signs)
    if signs:
        took = cpu_s() - began
        sign = signs[0]
        small = shrink(tree, sign, runs, other=other)
        events = len(small.tree.get("events", []))
        shrunk = cpu_s() - began - took
        shown = [sign.text(), number + 1, took, events, small.runs, shrunk, state.differs]
        shown.append(len(alarms))
        print(json.dumps(shown))
        break
else:
    print(json.dumps(["", number + 1, cpu_s() - began, 0, 0, 0.0, state.differs, len(alarms)]))
"""
LOOK_THERE = """
import json, sys
from dr_sim.explore.case import load, look
from dr_sim.explore.runners import is_for_the_lane
tree = json.load(sys.stdin)
scenario = load(tree)
signs = () if scenario is None else look(scenario, is_for_the_lane(tree)).signs
print(json.dumps([sign.text() for sign in signs]))
"""
"""Prints the signs that a case shows with the package as it is."""
NOTHING_THERE = "print([])"
"""Takes its place in the search of the package as it is, in which everything is a find."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds what became of one search. by: the sign; '': nothing was found. differs: cases that
    differ from the code as it is, and are not worse. as_it_is: signs that the code as it is shows
    in the same case, too.
    """

    name: str
    by: str
    cases: int
    cpu_s: float
    events: int
    shrink_runs: int
    shrink_cpu_s: float
    differs: int = 0
    as_it_is: int = 0


def found(mutant: Mutant, seconds: float, seed: int, shrink_runs: int, compared: bool) -> Answer:
    """Search for one bug in a process of its own. compared: with the package as it is."""
    with tempfile.TemporaryDirectory(prefix="dr_sim-mutant-") as folder:
        planted(mutant, Path(folder))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                CHILD,
                str(seconds),
                str(seed),
                str(shrink_runs),
                str(ROOT),
                "compared" if compared else "",
                LOOK_THERE if mutant is not SOUND else NOTHING_THERE,
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1]
        return Answer(mutant.name, f"the search itself broke: {words}", 0, 0.0, 0, 0, 0.0)
    return Answer(mutant.name, *json.loads(done.stdout.splitlines()[-1]))


def kept(path: Path | None) -> dict[str, Answer]:
    """Read the last answer of each bug from an earlier search."""
    if path is None or not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    answers = [Answer(**json.loads(line)) for line in lines]
    return {answer.name: answer for answer in answers}


def row(mutant: Mutant, answer: Answer) -> str:
    """Write a line of the table in the docs."""
    wrong = f"{mutant.requirement} {mutant.wrong}"
    if not answer.by:
        return (
            f"| {wrong} | not found | {answer.cases} | {answer.cpu_s:.1f} | | | {answer.differs} | "
            f"{answer.as_it_is} |"
        )
    return (
        f"| {wrong} | {answer.by} | {answer.cases} | {answer.cpu_s:.1f} | {answer.events} | "
        f"{answer.shrink_runs} | {answer.differs} | {answer.as_it_is} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds for each bug")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shrink-runs", type=int, default=250)
    parser.add_argument("--compared", action="store_true")
    parser.add_argument("--sample", type=int, help="so many bugs at random")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("names", nargs="*")
    a = parser.parse_args()
    lines = [
        "| planted | found by | cases | CPU s | events left | runs to shrink | differs "
        "| as it is |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    before = kept(a.out)
    answers = []
    tried = [SOUND, *MUTANTS]
    if a.sample is not None:
        tried = random.Random(a.seed).sample(MUTANTS, a.sample)
    for mutant in tried:
        if a.names and mutant.name not in a.names:
            continue
        answer = before.get(mutant.name)
        if answer is None or not (answer.by or answer.cpu_s >= a.seconds):
            answer = found(mutant, a.seconds, a.seed, a.shrink_runs, a.compared)
            if a.out is not None:
                with a.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(asdict(answer)) + "\n")
        lines.append(row(mutant, answer))
        print(lines[-1], flush=True)
        if mutant is not SOUND:
            answers.append(answer)
    caught = [answer for answer in answers if answer.by]
    print(f"{len(caught)} of {len(answers)} found")
    if a.table is not None:
        a.table.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
