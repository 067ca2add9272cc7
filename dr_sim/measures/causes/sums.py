"""A ledger as people read it: equal causes summed, the largest of them and the rest. Screen, page,
pictures and `dr-sim explain` all show a ledger by this one function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST_CAUSES = 8
"""How many causes are named; the others are one line together."""


@dataclass(slots=True)
class Sum:
    """All the time that was spent on one cause. detail: that of its lines, or how many stretches
    there were.
    """

    cause: str
    duration_us: int
    detail: str = ""


def summed(lines: Iterable[tuple[str, int, str]]) -> list[Sum]:
    """(cause, microseconds, detail) of every line, in the order of time -> the largest causes in
    the order in which they first came, then the rest as one. They add up to what the lines add up
    to.
    """
    found: dict[str, Sum] = {}
    details: dict[str, list[str]] = {}
    for cause, duration_us, detail in lines:
        found.setdefault(cause, Sum(cause, 0)).duration_us += duration_us
        details.setdefault(cause, []).append(detail)
    for cause, each in details.items():
        found[cause].detail = (
            each[0] if len(set(each)) == 1 else f"in {len(each)} stretches"
        )
    first = {cause: i for i, cause in enumerate(found)}
    largest = sorted(
        found.values(), key=lambda x: (-x.duration_us, first[x.cause])
    )
    shown = sorted(largest[:MOST_CAUSES], key=lambda x: first[x.cause])
    rest = largest[MOST_CAUSES:]
    if rest:
        word = "cause" if len(rest) == 1 else "causes"
        shown.append(
            Sum(
                f"{len(rest)} other {word}",
                sum(x.duration_us for x in rest),
                f"the largest: {rest[0].cause}",
            )
        )
    return shown
