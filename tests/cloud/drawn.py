"""What scenarios of the cloud manager that are drawn at random share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def jobs_and_changes(pick: Callable[[list[Any]], Any]) -> str:
    """Return the sections `jobs` and `changes`."""
    return f"""\
jobs: {{at_once: {pick([1, 2, 4])}, time_limit: 15 min, retry: {pick(["20 s", "5 min"])},
       attempts: {pick([1, 2, 3])}, set: {pick(["10 s", "3 min"])}, rebuild: 3 min, by_hand: 5 min}}
changes: {{rate: {pick([0, 6, 20])} per hour, takes: {pick(["30 s", "5 min", "10 min"])},
          fail: {pick(["0 %", "10 %", "50 %"])}}}
"""
