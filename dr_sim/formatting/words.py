"""Instants, sizes, lengths and counts in the words that screens, pages and pictures share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dr_sim.units import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    WEEK_US,
    clock,
)

if TYPE_CHECKING:
    from dr_sim.scenario.model import Scenario


def instant(us: int, scenario: Scenario, with_day: bool = True) -> str:
    """'Wed 02:47:12', in the scenario's time zone, rounded down to seconds."""
    utc = datetime.fromtimestamp(0, UTC) + timedelta(
        seconds=(scenario.start_utc_us + us) // SECOND_US
    )
    local = utc.astimezone(ZoneInfo(scenario.time_zone))
    if not with_day:
        return local.strftime("%H:%M:%S")
    return local.strftime(
        "%a %d %b %H:%M:%S"
        if scenario.run_for_us > WEEK_US
        else "%a %H:%M:%S"
    )


def size(size_bytes: int) -> str:
    """Three figures: '189 MB', '3.55 GB'."""
    value, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 999.5 or unit == "PB":
            break
        value /= 1000
    digits = (
        0 if unit == "B" or value >= 99.95 else 1 if value >= 9.995 else 2
    )
    return f"{value:.{digits}f} {unit}"


def span(us: int) -> str:
    """A run's length: '14 d', '6 h', '90 min'."""
    for name, factor in (("d", DAY_US), ("h", HOUR_US), ("min", MINUTE_US)):
        if us >= factor and us % factor == 0:
            return f"{us // factor} {name}"
    return clock(us)


def counted(n: int, word: str) -> str:
    """'1 log', '4,031 logs'."""
    return f"{n:,} {word}{'s' * (n != 1)}"
