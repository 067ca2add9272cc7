"""When drawn faults happen if they come in change windows."""

from __future__ import annotations

import pytest

from dr_sim.scenario.model import ChangeWindows, Schedule
from dr_sim.world.kernel.agenda import NEVER_US
from dr_sim.world.kernel.arrivals import Arrivals

from .build import HOUR

DAILY = ChangeWindows(Schedule("daily", times_us=(0,)), 6 * HOUR)
MONDAY_US = 1_767_571_200_000_000  # 2026-01-05


@pytest.mark.parametrize(
    ("part_ppm", "even_h", "real_h"),
    [
        # a quarter of the time takes half of them: twice as fast inside, 2/3 outside
        (500_000, 1, 0.5),
        (500_000, 12, 6),
        (500_000, 13, 7.5),
        (500_000, 24, 24),
        (500_000, 36, 30),
        (250_000, 17, 17),  # its fair share: as if there were none
        (1_000_000, 24, 6),  # all of them: outside the clock stands
        (1_000_000, 28, 25),
        (0, 4, 9),  # none
    ],
)
def test_the_clock_runs_at_two_speeds(part_ppm: int, even_h: int, real_h: float) -> None:
    found = Arrivals(DAILY, part_ppm, MONDAY_US).real_us(even_h * HOUR)
    # whole microseconds, rounded down at each change of speed
    assert abs(found - round(real_h * HOUR)) <= 2


def test_without_windows_nothing_is_moved() -> None:
    even = [1, 5 * HOUR, 900 * HOUR]
    for arrivals in (
        Arrivals(DAILY, -1, 0),
        Arrivals(ChangeWindows(Schedule("none"), HOUR), 300_000, 0),
    ):
        assert [arrivals.real_us(t) for t in even] == even


def test_rising_order_is_kept() -> None:
    arrivals = Arrivals(
        ChangeWindows(Schedule("weekly", weekdays=(1,), times_us=(21 * HOUR,)), 3 * HOUR),
        800_000,
        MONDAY_US,
    )
    real = [arrivals.real_us(hour * HOUR) for hour in range(1, 700)]
    assert real == sorted(real) and real[-1] < NEVER_US
    inside = sum(45 * HOUR <= t % (168 * HOUR) < 48 * HOUR for t in real)
    assert inside == pytest.approx(0.8 * len(real), abs=8)
