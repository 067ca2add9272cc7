"""How a summary writes its numbers: seconds beside microseconds, whole numbers rounded half up,
instants of the run.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

T = TypeVar("T")

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


def in_the_run_s_time(told: T, begins_us: int) -> T:
    """Return a part of a summary with every instant in it counted from the run's start; told counts
    from the start of its leg.
    """
    found: T = _moved(told, begins_us) if begins_us else told
    return found


def _moved(told: Any, by_us: int) -> Any:
    if isinstance(told, list):
        return [_moved(item, by_us) for item in told]
    if not is_dataclass(told) or isinstance(told, type):
        return told
    changes: dict[str, Any] = {}
    for each in fields(told):
        value = getattr(told, each.name)
        instant = each.name in _INSTANTS and isinstance(value, int)
        changes[each.name] = (
            value + by_us if instant else _moved(value, by_us)
        )
    return replace(told, **changes)


def shallow(value: Any) -> dict[str, Any]:
    """Return a dataclass's fields by name, as they are: to make a larger one of it."""
    return {each.name: getattr(value, each.name) for each in fields(value)}
