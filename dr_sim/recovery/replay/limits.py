"""Ages and limits: when a log is in trouble (R8), and since when.

Durations are measured on the monotonic clock; the wall clock serves only where the other end of the
span is the primary's clock (a file's time) or where the machine was restarted and its monotonic
clock began again.
"""

from __future__ import annotations

SECOND_US = 1_000_000
MINUTE_US = 60_000_000
DAY_US = 86_400_000_000


def elapsed_us(
    mono_us: int, utc_us: int, since_mono_us: int, since_utc_us: int
) -> int:
    """Return the time since an instant that was noted on both clocks; never negative. The wall
    clock counts only after a reboot.
    """
    if mono_us >= since_mono_us:
        return mono_us - since_mono_us
    return max(0, utc_us - since_utc_us)


def age_us(
    mono_us: int, utc_us: int, noticed_mono_us: int, finished_utc_us: int
) -> int:
    """Return the age since a backup finished by the primary's clock. A wall clock that is behind
    cannot make a file younger than the time since it was noticed here.
    """
    return max(utc_us - finished_utc_us, mono_us - noticed_mono_us, 0)


def limit_at_us(
    mono_us: int,
    utc_us: int,
    noticed_mono_us: int,
    finished_utc_us: int,
    limit_us: int,
) -> int:
    """Return the monotonic instant at which that age reaches limit_us; now, if it has."""
    return mono_us + max(
        0,
        limit_us
        - age_us(mono_us, utc_us, noticed_mono_us, finished_utc_us),
    )


def next_multiple_us(mono_us: int, every_us: int) -> int:
    """Return the first whole multiple of every_us that is not before mono_us."""
    return -(-mono_us // every_us) * every_us


def whole_minutes(us: int) -> int:
    return us // MINUTE_US
