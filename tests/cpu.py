"""What the tests cost: `make slow` lists the CPU time of each file and of the dearest tests, and
writes the names of the dear ones into tests/dear.txt, which `make test` leaves to `make test-all`.
The dear tests are the dearest ones, as many as it takes for the others to stay within a budget.

CPU time is that of the process and of the processes that it waited for. It says the same on a busy
machine, or nearly so; the clock does not.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

BUDGET_S = 375
"""CPU seconds of what `make test` runs: five minutes on two quiet cores, collecting included."""
DEAR = Path(__file__).with_name("dear.txt")
_HEAD = """\
# The tests that cost most CPU, written by `make slow`: `make test` leaves them to `make test-all`.
"""
FILES = 30
SHARED = "tests/library/test_every_scenario.py"
"""Where tests with the same parameter share a run."""
NEVER_LEFT = ("tests/test_walls.py", "tests/test_owners.py", "tests/docs/test_docs.py")
"""They are never left out: what breaks a wall, or makes a page untrue, must not land."""
NAME = "cpu_s"
COSTS = "costs"
"""The name of the plugin that measures: where it is on, dear tests run too."""


def cpu_s() -> float:
    return sum(os.times()[:4])


class Costs:
    """Collects what each test cost, from the reports of all workers."""

    def __init__(self) -> None:
        self.tests: dict[str, float] = {}
        self._began = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        self._began = cpu_s()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: Any) -> Generator[None, Any, Any]:
        report = yield
        if call.when == "teardown":
            report.user_properties.append((NAME, cpu_s() - self._began))
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "teardown":
            self.tests[report.nodeid] = dict(report.user_properties)[NAME]

    def pytest_terminal_summary(
        self, terminalreporter: Any, exitstatus: int, config: pytest.Config
    ) -> None:
        for line in table(self.tests):
            terminalreporter.write_line(line)
        all_ran = config.args_source is config.ArgsSource.TESTPATHS
        if all_ran and exitstatus == pytest.ExitCode.OK:
            write_dear(dear_of(self.tests), DEAR)


def table(tests: Mapping[str, float]) -> list[str]:
    """Return the sum, the dearest files and the dear tests, dearest first."""
    files: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for name, cost in tests.items():
        file = name.partition("::")[0]
        files[file] += cost
        counts[file] += 1
    dear = dear_of(tests)
    cheap = [cost for name, cost in tests.items() if name not in dear]
    lines = [
        f"{sum(tests.values()):8.1f} s of CPU in {len(tests)} tests",
        f"{sum(cheap):8.1f} s of it in {len(cheap)} that `make test` runs; budget {BUDGET_S} s",
    ]
    for file in sorted(files, key=lambda each: -files[each])[:FILES]:
        lines.append(f"{files[file]:8.1f} s {counts[file]:5d} tests  {file}")
    lines.append(f"{len(dear)} tests are left to `make test-all`:")
    for name in sorted(dear, key=lambda each: -tests[each]):
        lines.append(f"{tests[name]:8.1f} s {name}")
    return lines


def dear_of(tests: Mapping[str, float], budget_s: float = BUDGET_S) -> frozenset[str]:
    """Return the names of the dearest tests, as many as it takes for the others to stay within the
    budget; walls are not among them. Tests of one scenario share its run, and the first of them pays
    for it: they count as one.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in tests:
        shares = name.startswith(SHARED)
        groups[SHARED + parameter_of(name) if shares else name].append(name)
    costs = {group: sum(tests[name] for name in names) for group, names in groups.items()}
    left_s = sum(costs.values())
    dear: list[str] = []
    for group in sorted(costs, key=lambda each: -costs[each]):
        if left_s <= budget_s:
            break
        if group.startswith(NEVER_LEFT):
            continue
        dear += groups[group]
        left_s -= costs[group]
    return frozenset(dear)


def write_dear(names: Collection[str], place: Path) -> None:
    """Write the names of the dear tests, in order."""
    place.write_text("".join([_HEAD, *(f"{name}\n" for name in sorted(names))]), encoding="utf-8")


def parameter_of(name: str) -> str:
    """Return what stands in brackets behind a test's name, or all of the name."""
    _, bracket, parameter = name.partition("[")
    return parameter if bracket else name


def dear_names(place: Path) -> frozenset[str]:
    """Return the names that `write_dear` has written there."""
    lines = place.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs(), COSTS)
