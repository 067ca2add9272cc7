"""The wall clock of a site, which may differ from the truth."""

from __future__ import annotations

from dr_sim.units import YEAR_US

FARTHEST_US = 100 * YEAR_US
"""The most that a wall clock can be wrong: a clock that has lost its battery shows 1970, 1980 or
2000.
"""


class WallClock:
    """Holds by how much the wall clock of a site differs from the truth. before: until when it
    differed by how much.
    """

    __slots__ = ("_moved_us", "before", "beyond_us")

    def __init__(self) -> None:
        self.beyond_us = 0
        self.before: list[tuple[int, int]] = []
        self._moved_us = 0  # by how much all that moved it have moved it

    def move(self, now_us: int, by_us: int) -> None:
        """Move it by that much from now on. It stays within the calendar: a move beyond FARTHEST_US
        leaves it there until enough is moved back.
        """
        self._moved_us += by_us
        self.before.append((now_us, self.beyond_us))
        self.beyond_us = max(-FARTHEST_US, min(FARTHEST_US, self._moved_us))
