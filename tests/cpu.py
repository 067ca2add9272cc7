"""What the tests cost: `make slow` lists the CPU time of each file and of the dearest tests.

CPU time is that of the process and of the processes that it waited for. It says the same on a busy
machine, or nearly so; the clock does not.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping
from typing import Any

import pytest

BUDGET_S = 450
"""CPU seconds of `make test`: under five minutes on two cores, with a quarter in hand."""
DEAR_S = 2.0
"""A test that costs more is marked `long`, unless nothing cheaper guards what it guards."""
FILES = 30
NAME = "cpu_s"


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

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in table(self.tests):
            terminalreporter.write_line(line)


def table(tests: Mapping[str, float]) -> list[str]:
    """Return the sum, the dearest files and the dear tests, dearest first."""
    files: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for name, cost in tests.items():
        file = name.partition("::")[0]
        files[file] += cost
        counts[file] += 1
    lines = [f"{sum(tests.values()):8.1f} s of CPU in {len(tests)} tests; budget {BUDGET_S} s"]
    for file in sorted(files, key=lambda each: -files[each])[:FILES]:
        lines.append(f"{files[file]:8.1f} s {counts[file]:5d} tests  {file}")
    dear = {name: cost for name, cost in tests.items() if cost > DEAR_S}
    lines.append(f"{len(dear)} tests of more than {DEAR_S:g} s:")
    for name in sorted(dear, key=lambda each: -dear[each]):
        lines.append(f"{dear[name]:8.1f} s {name}")
    return lines


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs())
