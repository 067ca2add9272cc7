"""What do monitors find alone, and what does a comparison with sound code add? Of each planted bug:
in how many cases of an exploration its changed statement runs, in which case a monitor breaks, in
which the run is worse than with sound code, in which it only differs.

    python benchmarks/compared.py cases FOLDER [--cases 200] [--seed 1]
    python benchmarks/compared.py bugs FOLDER [--most 12] [--shrink RUNS] [NAME ...]
        [--sample N] [--mechanical N]

`cases` explores the sound package, and keeps of each case which statements it ran. `bugs` plants
each bug into a copy and plays, with that copy, the cheapest cases that run the changed statement,
compared as `dr-sim explore --against` does it. So a case that cannot show a bug costs nothing.
Answers are kept in FOLDER, one line each: the same command continues.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.everyday import EVERYDAY  # noqa: E402
from tests.mutants.mechanical import mechanical  # noqa: E402
from tests.mutants.planting import Mutant, edited, planted  # noqa: E402
from tests.mutants.table import MUTANTS  # noqa: E402

LOGIC = ("recovery", "cloud", "backups", "machines")
"""Rooms whose statements are looked at."""

PLAYER = r"""
import json, random, sys, time
from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.code import OtherCode
from dr_sim.explore import stuck
from dr_sim.explore.against.difference import differences
from dr_sim.explore.case import load, look, stops_of
from dr_sim.explore.shrink import shrink
root, shrink_runs, most_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
random.seed(0)
stuck.MOST_CPU_S = 15.0
other = OtherSide(OtherCode("sound", (root,), ""))
cases = {"differs": 0, "alone": 0, "worse": 0}
by = {"differs": "", "alone": "", "worse": ""}
small_of, small, played = {}, {}, 0
began = time.process_time()
for line in sys.stdin:
    number, tree, digest = json.loads(line)
    if time.process_time() - began + other.cpu_s > most_s:
        break
    played += 1
    scenario = load(tree)
    def compare(journal, whole):
        if journal.digest() == digest:
            return {}
        other.begin(tree, stops_of(scenario))
        found = differences(other, journal, whole)
        return {sign: apart.sentence for sign, apart in found.items()}
    looked = look(scenario, False, compare)
    for sign, sentence in [*looked.signs.items(), *looked.differs.items()]:
        what = "differs" if sign in looked.differs else "worse" if sign.is_compared() else "alone"
        if not by[what]:
            cases[what], by[what] = number, f"{sign.text()} [{sentence[:200]}]"
            small_of[what] = tree, sign
        if what == "worse" and not cases["differs"]:
            cases["differs"] = number
    if cases["alone"] and cases["worse"]:
        break
if shrink_runs:
    for what, (tree, sign) in small_of.items():
        if what != "differs" or len(small_of) == 1:
            found = shrink(tree, sign, shrink_runs, other=other)
            small[what] = len(found.tree.get("events", [])), found.runs
other.close()
took = time.process_time() - began + other.cpu_s
print(json.dumps({"played": played, "cases": cases, "by": by, "small": small, "cpu_s": took}))
"""


# ---- the cases
class Statements:
    """Collects which lines of the logic run."""

    def __init__(self) -> None:
        self.lines: dict[str, set[int]] = defaultdict(set)
        self._rooms = tuple(str(ROOT / "dr_sim" / room) + os.sep for room in LOGIC)
        self._whose: dict[str, str | None] = {}

    @contextmanager
    def collected(self) -> Iterator[None]:
        self.lines = defaultdict(set)
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(None)

    def _called(self, frame: FrameType, event: str, arg: object) -> Any:
        path = frame.f_code.co_filename
        if path not in self._whose:
            of_logic = path.startswith(self._rooms)
            self._whose[path] = str(Path(path).relative_to(ROOT)) if of_logic else None
        name = self._whose[path]
        if name is None:
            return None
        add = self.lines[name].add
        add(frame.f_lineno)

        def ran(frame: FrameType, event: str, arg: object) -> Any:
            if event == "line":
                add(frame.f_lineno)
            return ran

        return ran


def explore_sound(folder: Path, cases: int, seed: int) -> None:
    """Explore the package as it is, and keep the cases."""
    from dr_sim.explore import search
    from dr_sim.explore.case import _catch_up, load, look, stops_of
    from dr_sim.world.play import play
    from dr_sim.world.world import Stops

    random.seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    state, services = search.Exploration(seed), search.services_of(seed, None)
    statements = Statements()
    began = time.process_time()
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as out:
        for number in range(cases):
            tree = search._next_case(state, services, number)
            scenario = load(tree)
            if scenario is None:
                continue
            cost_s = -time.process_time()
            looked = look(scenario)
            cost_s += time.process_time()
            state.take_up(tree, looked)
            with statements.collected():
                journal = play(scenario, stops=Stops(stops_of(scenario), _catch_up))
            lines = {name: sorted(ran) for name, ran in statements.lines.items()}
            signs = [sign.text() for sign in looked.signs]
            kept = [number + 1, tree, journal.digest(), lines, signs, cost_s]
            out.write(json.dumps(kept) + "\n")
            out.flush()
    print(f"{cases} cases in {time.process_time() - began:.0f} CPU s (statements are collected)")


# ---- the bugs
def changed_lines(mutant: Mutant) -> dict[str, set[int]]:
    """Return the lines of the statements that a bug changes, by file of the sound package."""
    found: dict[str, set[int]] = {}
    for path, text in edited(mutant).items():
        before = (ROOT / "dr_sim" / path).read_text(encoding="utf-8")
        touched: set[int] = set()
        matcher = difflib.SequenceMatcher(None, before.splitlines(), text.splitlines(), False)
        for tag, begin, end, _, _ in matcher.get_opcodes():
            if tag == "insert":
                touched.update((begin, begin + 1))
            elif tag != "equal":
                touched.update(range(begin + 1, end + 1))
        found[f"dr_sim/{path}"] = _statements_at(ast.parse(before), touched)
    return found


def _statements_at(tree: ast.Module, touched: set[int]) -> set[int]:
    lines = set(touched)
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        span = range(node.lineno, max(end, node.lineno) + 1)
        if touched.intersection(span):
            lines.update(span)
    return lines


def search_for(
    mutant: Mutant, cases: list[Any], most: int, shrink_runs: int, most_s: float
) -> dict[str, Any]:
    """Play the first cases that run the changed statement with the bug."""
    changed = changed_lines(mutant)
    running = [
        [number, tree, digest]
        for number, tree, digest, lines, signs, cost_s in sorted(cases, key=lambda case: case[-1])
        if not signs and any(of.intersection(lines.get(path, ())) for path, of in changed.items())
    ]
    answer = {"name": mutant.name, "wrong": mutant.wrong, "run": len(running), "of": len(cases)}
    if not running:
        return answer
    with tempfile.TemporaryDirectory(prefix="dr_sim-mutant-") as folder:
        planted(mutant, Path(folder))
        command = [sys.executable, "-c", PLAYER, str(ROOT), str(shrink_runs), str(most_s)]
        lines = "".join(json.dumps(each) + "\n" for each in running[:most])
        try:
            done = subprocess.run(
                command, cwd=folder, env={**os.environ, "PYTHONPATH": folder}, input=lines,
                capture_output=True, text=True, check=False, timeout=1200,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return answer | {"broken": "a run does not end"}
    if done.returncode:
        return answer | {"broken": done.stderr.strip().splitlines()[-1]}
    answer |= json.loads(done.stdout.splitlines()[-1])
    return answer


def verdict(answer: dict[str, Any]) -> str:
    if "broken" in answer:
        return f"broken: {answer['broken']}"
    if not answer["run"]:
        return "not reached"
    cases, by = answer["cases"], answer["by"]
    if cases["alone"]:
        worse = f"; compared, in case {cases['worse']}" if cases["worse"] else ""
        return f"found by monitors in case {cases['alone']}: {by['alone']}{worse}"
    if cases["worse"]:
        return f"found by the comparison in case {cases['worse']}: {by['worse']}"
    if cases["differs"]:
        return f"differs in case {cases['differs']}: {by['differs']}"
    return "no difference"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("cases", "bugs"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=12, help="cases that are played for a bug")
    parser.add_argument("--seconds", type=float, default=30.0, help="CPU seconds for a bug")
    parser.add_argument("--sample", type=int, default=0, help="bugs beside those of everyday.py")
    parser.add_argument("--mechanical", type=int, default=0, help="bugs that a program plants")
    parser.add_argument("--bug-seed", type=int, default=1)
    parser.add_argument("--shrink", type=int, default=0, metavar="RUNS")
    parser.add_argument("names", nargs="*")
    a = parser.parse_args()
    if a.what == "cases":
        explore_sound(a.folder, a.cases, a.seed)
        return
    cases = [json.loads(line) for line in (a.folder / "cases.jsonl").open(encoding="utf-8")]
    kept_in = a.folder / "bugs.jsonl"
    kept = {}
    if kept_in.exists():
        answers = [json.loads(line) for line in kept_in.open(encoding="utf-8")]
        kept = {answer["name"]: answer for answer in answers}
    others = [m for m in MUTANTS if m not in EVERYDAY]
    bugs = [] if a.mechanical else [*EVERYDAY]
    bugs += random.Random(a.bug_seed).sample(others, a.sample)
    bugs += mechanical(a.mechanical, a.bug_seed)
    if a.names:
        bugs = [m for m in MUTANTS if m.name in a.names]
    counts: dict[str, int] = defaultdict(int)
    for mutant in bugs:
        answer = kept.get(mutant.name)
        if answer is None or a.names:
            answer = search_for(mutant, cases, a.most, a.shrink, a.seconds)
            with kept_in.open("a", encoding="utf-8") as out:
                out.write(json.dumps(answer) + "\n")
        told = verdict(answer)
        counts[told.split(" in case")[0].split(":")[0]] += 1
        print(f"{mutant.name}: {told} ({answer['run']} of {answer['of']} cases run it)", flush=True)
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
