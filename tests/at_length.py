"""What the short suite leaves to the long one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def some_or_all(values: Sequence[Any], every: int) -> list[Any]:
    """Return parameters of a test: every second, third ... in the short suite, all at length."""
    return [
        value if number % every == 0 else pytest.param(value, marks=pytest.mark.long)
        for number, value in enumerate(values)
    ]
