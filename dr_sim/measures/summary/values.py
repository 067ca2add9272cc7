"""How a summary writes its numbers: seconds beside microseconds, whole numbers rounded half up,
instants of the run.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

_INSTANTS = (
    "end_us",
    "ordered_us",
    "due_us",
    "failed_us",
    "recovery_point_us",
    "outage_from_us",
    "served_again_us",
    "begin_us",
    "onset_us",
    "time_us",
)


def half_up(value: Fraction | int) -> int:
    return int((2 * Fraction(value) + 1) // 2)


def seconds(us: int | None) -> float | None:
    return None if us is None else us / 1_000_000


def in_the_run_s_time(told: Any, begins_us: int) -> Any:
    """A failover's summary with every instant in it counted from the run's start; told as its leg
    counts.
    """
    if isinstance(told, dict):
        return {
            key: value + begins_us
            if key in _INSTANTS and isinstance(value, int)
            else in_the_run_s_time(value, begins_us)
            for key, value in told.items()
        }
    return [in_the_run_s_time(item, begins_us) for item in told] if isinstance(told, list) else told
