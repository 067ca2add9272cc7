"""Ages and limits on two clocks: the monotonic one for timers, the wall clock where the other end
is the primary's.
"""

from __future__ import annotations

import pytest

from dr_sim.recovery.replay.limits import age_us, elapsed_us, limit_at_us, next_multiple_us


@pytest.mark.parametrize(
    ("mono", "utc", "since_mono", "since_utc", "expected"),
    [
        (700, 5_000, 600, 4_000, 100),  # the wall clock was set in between: it does not count
        (700, 100, 600, 4_000, 100),  # nor when it was set back
        # a reboot: the monotonic clock began anew, only the wall clock is left
        (50, 5_000, 600, 4_000, 1_000),
        (50, 3_000, 600, 4_000, 0),  # both: never negative
        (600, 4_000, 600, 4_000, 0),
    ],
)
def test_elapsed(mono: int, utc: int, since_mono: int, since_utc: int, expected: int) -> None:
    assert elapsed_us(mono, utc, since_mono, since_utc) == expected


@pytest.mark.parametrize(
    ("mono", "utc", "noticed_mono", "finished_utc", "expected"),
    [
        (700, 5_000, 600, 4_000, 1_000),  # finished long before it was noticed here
        # the wall clock here is behind: since it was noticed, at the least
        (700, 4_010, 600, 4_000, 100),
        (700, 3_000, 600, 4_000, 100),
        (600, 3_000, 600, 4_000, 0),
    ],
)
def test_age(mono: int, utc: int, noticed_mono: int, finished_utc: int, expected: int) -> None:
    assert age_us(mono, utc, noticed_mono, finished_utc) == expected
    assert limit_at_us(mono, utc, noticed_mono, finished_utc, expected + 7) == mono + 7
    assert limit_at_us(mono, utc, noticed_mono, finished_utc, expected - 7) == mono


@pytest.mark.parametrize(("mono", "expected"), [(0, 0), (1, 300), (300, 300), (301, 600)])
def test_next_multiple(mono: int, expected: int) -> None:
    assert next_multiple_us(mono, 300) == expected
