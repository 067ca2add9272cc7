"""The instants at which drawn faults happen, evenly, or more often within change windows, at the
same mean rate.

A Poisson process of another intensity is an even one on a clock that runs at that intensity. Within
the windows the clock runs so fast that the wanted part of all occurrences falls there, outside so
slowly that the mean stays: where windows take the part f of all time, at p / f and at (1 - p) / (1
- f).
"""

from __future__ import annotations

from dr_sim.scenario.model import ChangeWindows, Schedule
from dr_sim.scenario.schedule import (
    mean_gap_us,
    next_start,
    shortest_gap_us,
)
from dr_sim.world.kernel.agenda import NEVER_US


class Arrivals:
    """The real instants of occurrences of the even process, which must be asked for in rising
    order.
    """

    __slots__ = (
        "_even",
        "_inside",
        "_length_us",
        "_now",
        "_outside",
        "_schedule",
        "_start_utc_us",
    )

    def __init__(
        self, windows: ChangeWindows, part_ppm: int, start_utc_us: int
    ) -> None:
        """part_ppm: the part of the occurrences that fall into the windows; negative: at
        any time.
        """
        self._schedule: Schedule | None = (
            windows.start
            if part_ppm >= 0 and windows.start.kind != "none"
            else None
        )
        self._start_utc_us = start_utc_us
        self._now = self._even = (
            0  # instants that belong together: real, and of the even process
        )
        self._length_us = 0
        self._inside = self._outside = (1, 1)
        if self._schedule is not None:
            period = mean_gap_us(self._schedule)
            shortest = shortest_gap_us(self._schedule)
            self._length_us = min(windows.length_us, shortest - 1)
            self._inside = (part_ppm * period, 1_000_000 * self._length_us)
            self._outside = (
                (1_000_000 - part_ppm) * period,
                1_000_000 * (period - self._length_us),
            )

    def real_us(self, even_us: int) -> int:
        """Return the real instant; NEVER_US if there is none any more."""
        if self._schedule is None:
            return even_us
        while True:
            ends, (num, den) = self._stretch(self._now)
            passes = (ends - self._now) * num // den
            if self._even + passes >= even_us and num:
                return min(
                    ends, self._now + (even_us - self._even) * den // num
                )
            if ends >= NEVER_US:
                return NEVER_US
            self._now, self._even = ends, self._even + passes

    def _stretch(self, at_us: int) -> tuple[int, tuple[int, int]]:
        """Return until when the clock runs as it does at that instant, and how fast."""
        assert self._schedule is not None
        begins = next_start(
            self._schedule, at_us - self._length_us, self._start_utc_us
        )
        if begins is None:
            return NEVER_US, self._outside
        return (
            (begins + self._length_us, self._inside)
            if begins <= at_us
            else (begins, self._outside)
        )
