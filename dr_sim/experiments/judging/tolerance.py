"""The smallest difference from a baseline that matters.

A difference matters when it is larger than a part of the value in the baseline and, for durations,
larger than an absolute time as well. Where nothing is drawn in a scenario, any change of one
microsecond would fail a build otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.units import (
    SECOND_US,
    UnitError,
    format_duration,
    format_ppm,
    parse_duration,
    parse_ppm,
)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """relative_ppm: parts in a million of the value in the baseline; absolute_us: of durations."""

    relative_ppm: int
    absolute_us: int

    def least(self, before: float, unit: str) -> float:
        """Return the largest difference that does not matter. Counts have no absolute part."""
        absolute = self.absolute_us if unit == "us" else 0
        return max(abs(before) * self.relative_ppm / 1_000_000, absolute)

    def __str__(self) -> str:
        parts = []
        if self.relative_ppm:
            parts.append(format_ppm(self.relative_ppm))
        if self.absolute_us:
            parts.append(format_duration(self.absolute_us))
        return " or ".join(parts) if parts else "0 s"


DEFAULT = Tolerance(relative_ppm=10_000, absolute_us=SECOND_US)
"""1 s: screens and alerts show durations to the second. 1 %: a promise in minutes is not missed or
met by less, and it is the precision to which dr_sim shows numbers (three figures).
"""


NO_TOLERANCE = Tolerance(relative_ppm=0, absolute_us=0)


def parse_tolerance(text: str) -> Tolerance:
    """Read '5 s', '2 %' or '2 % or 5 s' (the larger of the two counts). UnitError otherwise."""
    relative_ppm = absolute_us = 0
    for part in text.split(" or "):
        if part.rstrip().endswith(("%", "ppm", "ppb")):
            relative_ppm = max(relative_ppm, parse_ppm(part))
        else:
            try:
                absolute_us = max(absolute_us, parse_duration(part))
            except UnitError:
                what = f"{part.strip()!r} is no tolerance"
                raise UnitError(
                    f"{what}; write '5 s', '2 %' or '2 % or 5 s'"
                ) from None
    return Tolerance(relative_ppm, absolute_us)
