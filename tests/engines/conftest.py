"""An engine that is not tried is a failure: in this folder a skipped test fails, unless it says
beforehand whom it is for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

ALLOWED = "for_root"
"""Marks tests of what only root does; anyone else has nothing to try there."""


def leave_to_the_long_suite(items: Sequence[pytest.Item]) -> None:
    """Of a test of the conformance suite that has several values, PostgreSQL is given the middle
    one in the short suite: its servers cost a hundred times what other engines cost, which are
    given all values.
    """
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        name, _, parameters = item.name.partition("[")
        if name != item.name and parameters.startswith("postgres-"):
            tests.setdefault(f"{item.parent.nodeid if item.parent else ''}::{name}", []).append(
                item
            )
    for several in tests.values():
        short = [item for item in several if item.get_closest_marker("long") is None]
        for number, item in enumerate(short):
            if number != len(short) // 2:
                item.add_marker(pytest.mark.long)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    leave_to_the_long_suite([item for item in items if item.path.parent == Path(__file__).parent])


def verdict_on_skip(report: Any, allowed: bool) -> None:
    """Turn the report of a skipped test into that of a failed one."""
    if report.skipped and not allowed and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"an engine's test was skipped, which says nothing of the engine: {why}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    outcome = yield
    verdict_on_skip(outcome.get_result(), item.get_closest_marker(ALLOWED) is not None)
