"""Writing scenario files for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SMALLEST = """\
run_for: 14 days
databases: {crm: {size: 500 GB}}
link: {bandwidth: 200 Mbit/s}
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """write(text, name='s.yaml') puts a file into the working directory and returns its name."""
    monkeypatch.chdir(tmp_path)

    def put(text: str, name: str = "s.yaml") -> str:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
        return name

    return put
