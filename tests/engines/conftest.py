"""An engine that is not tried is a failure: in this folder a skipped test fails, unless it says
beforehand whom it is for.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

ALLOWED = "for_root"
"""Marks tests of what only root does; anyone else has nothing to try there."""


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
