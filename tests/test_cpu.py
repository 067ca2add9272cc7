"""The list of what the tests cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cpu import DEAR, NEVER_LEFT, SHARED, dear_names, dear_of, table, write_dear

ROOT = Path(__file__).parents[1]


def test_files_and_dear_tests_are_listed_the_dearest_first() -> None:
    costs = {"a.py::x": 200, "b.py::y[1]": 250.0, "b.py::y[2]": 100.0, "a.py::z": 400.0}
    first, run, *rest = table(costs)
    assert first.split() == ["950.0", "s", "of", "CPU", "in", "4", "tests"]
    assert run.split()[:7] == ["300.0", "s", "of", "it", "in", "2", "that"]
    assert run.endswith("budget 375 s")
    assert [line.split() for line in rest] == [
        ["600.0", "s", "2", "tests", "a.py"],
        ["350.0", "s", "2", "tests", "b.py"],
        ["2", "tests", "are", "left", "to", "`make", "test-all`:"],
        ["400.0", "s", "a.py::z"],
        ["250.0", "s", "b.py::y[1]"],
    ]


def test_what_fits_in_the_budget_is_not_dear() -> None:
    costs = {"a.py::x": 3.0, "a.py::y": 2.0, "b.py::z": 1.0}
    assert dear_of(costs, 6.0) == set()
    assert dear_of(costs, 5.9) == {"a.py::x"}
    assert dear_of(costs, 0.9) == set(costs)


def test_walls_are_never_dear() -> None:
    costs = {"a.py::x": 1.0, "tests/test_walls.py::y": 9.0, "tests/test_owners.py::z[a]": 9.0}
    assert dear_of(costs, 18.5) == dear_of(costs, 0.1) == {"a.py::x"}
    assert not [name for name in dear_names(DEAR) if name.startswith(NEVER_LEFT)]


def test_tests_that_share_a_run_are_dear_together() -> None:
    shared = {f"{SHARED}::a[x]": 1.5, f"{SHARED}::b[x]": 0.25}
    costs = {**shared, f"{SHARED}::b[y]": 1.6, "c.py::b[x]": 1.7}
    assert dear_of(costs, 3.5) == set(shared)


def test_the_names_of_dear_tests_are_kept_in_order(tmp_path: Path) -> None:
    write_dear({"b.py::y[# 1]", "a.py::z"}, tmp_path / "dear.txt")
    kept = (tmp_path / "dear.txt").read_text().splitlines()
    assert kept[1:] == ["a.py::z", "b.py::y[# 1]"]
    assert dear_names(tmp_path / "dear.txt") == {"a.py::z", "b.py::y[# 1]"}


def test_a_dear_test_runs_at_length_only() -> None:
    short = ["-m", "not long", "--collect-only", "-q", "-p", "no:xdist"]
    names = sorted(dear_names(DEAR))
    files = sorted({name.partition("::")[0] for name in names})[:2]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *short, *files], cwd=ROOT, capture_output=True, text=True
    )
    collected = set(done.stdout.splitlines())
    assert names and collected and not collected & set(names)


def test_the_cost_of_a_test_holds_its_fixtures_and_its_processes(tmp_path: Path) -> None:
    (tmp_path / "test_costs.py").write_text(
        "import pytest, subprocess, sys, time\n"
        "def burn(s):\n"
        "    until = time.process_time() + s\n"
        "    while time.process_time() < until: pass\n"
        "@pytest.fixture\n"
        "def dear():\n"
        "    burn(0.2)\n"
        "    yield\n"
        "    burn(0.2)\n"
        "def test_dear(dear): subprocess.run([sys.executable, '-S', '-c', 'sum(range(10**7))'])\n"
        "def test_cheap(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "tests.cpu", "-n", "1", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.endswith("test_costs.py")]
    cost, _, count, *_ = line.split()
    assert count == "2" and float(cost) > 0.4
