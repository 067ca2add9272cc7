"""The smallest and the largest value of each kind of quantity in a scenario, checked when it is
read, with the reason.

A journal row and numpy hold 64 bits. A value that is possible by itself may still overflow in a
sum, or keep a run busy for ever; so each kind of quantity has a bound here, and what a whole run
adds up to is bounded in checks.py. Both leave room: nothing that a run adds up comes near 2^63.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dr_sim import units
from dr_sim.units import UnitError


@dataclass(frozen=True, slots=True)
class Bound:
    """A kind of quantity: its least and most, how it is written, and why it ends there."""

    what: str
    least: int
    most: int
    write: Callable[[int], str]
    why: str

    def check(self, value: int, text: str) -> int:
        """The value. Raises UnitError if it is out of bounds; text: as it was written."""
        if value > self.most:
            raise UnitError(
                f"{text!r} is more than {self.write(self.most)}, the most for {self.what} "
                f"({self.why}); write a smaller one"
            )
        if value < self.least:
            raise UnitError(
                f"{text!r} is less than {self.write(self.least)}, the least for "
                f"{self.what} ({self.why}); write a larger one"
            )
        return value

    def told(self) -> str:
        """Return the bounds as a text for editors."""
        least = f"at least {self.write(self.least)}, " if self.least else ""
        return f"{least}at most {self.write(self.most)}"


def _bandwidth(bit_s: int) -> str:
    return (
        f"{bit_s // 10**12:,} Tbit/s"
        if bit_s >= 10**12
        else units.format_bandwidth(bit_s)
    )


LONGEST_US = 100 * units.YEAR_US
DURATION = Bound(
    "a duration",
    0,
    LONGEST_US,
    lambda us: f"{us // units.DAY_US:,} days",
    "the longest run takes 100 years",
)
SIZE = Bound(
    "a size",
    0,
    10**15,
    units.format_size,
    "what a run adds up must stay within 64 bits",
)
BANDWIDTH = Bound(
    "a bandwidth",
    1_000,
    10**15,
    _bandwidth,
    "slower than 1 kbit/s is an outage, faster than 1,000 Tbit/s is no link",
)
DISK_RATE = Bound(
    "a rate in bytes",
    1_000,
    10**15,
    units.format_disk_rate,
    "slower than 1 kB/s nothing is ever done, faster is no disk",
)
FACTOR = Bound(
    "a factor",
    0,
    1_000_000 * units.PPM,
    lambda ppm: f"{ppm // units.PPM:,}",
    "a million times longer is never",
)
COUNT = Bound(
    "a number",
    0,
    10**9,
    "{:,}".format,
    "nothing in a run is counted further",
)
SEED = Bound(
    "a seed", 0, 10**18 - 1, "{:,}".format, "it has 18 digits at most"
)
PERIOD = Bound(
    "a time between two tries",
    units.SECOND_US,
    LONGEST_US,
    units.format_duration,
    "a run of weeks would otherwise have millions",
)
REVERIFY = Bound(
    "a time between checks",
    units.MINUTE_US,
    LONGEST_US,
    units.format_duration,
    "each reads every file that a restore would need",
)
ROUND_TRIP = Bound(
    "a round trip",
    0,
    units.MINUTE_US,
    units.format_duration,
    "TCP repeats after a minute what has no answer by then (RFC 6298): a longer one is an outage",
)
BEAT = Bound(
    "a time between heartbeats",
    1_000,
    LONGEST_US,
    units.format_duration,
    "closer than 1 ms no network tells them apart",
)
MOST_PER_S = 10**9  # of anything that has a rate: a clock of 1 GHz
MOST_VOLUME_BYTES_S = 10**12  # of log: 1 TB/s
MOST_FILES = 1_000_000  # that one event affects


def duration(text: str) -> int:
    """Parse a duration like units.parse_duration, within bounds. Raises UnitError."""
    return DURATION.check(units.parse_duration(text), text)


def round_trip(text: str) -> int:
    """Parse a round-trip time: one without a unit was meant in milliseconds. Raises UnitError."""
    number = text.strip()
    if number.replace(".", "", 1).isdigit():
        raise units.UnitError(
            f"{number!r} has no unit; write '{number} ms'"
        )
    return ROUND_TRIP.check(units.parse_duration(text), text)


def size(text: str) -> int:
    return SIZE.check(units.parse_size(text), text)


def bandwidth(text: str) -> int:
    """0 is left to who asks: it means an outage, and where that makes no sense it is refused
    there.
    """
    value = units.parse_bandwidth(text)
    return BANDWIDTH.check(value, text) if value else 0


def disk_rate(text: str) -> int:
    """Read it in the same way."""
    value = units.parse_disk_rate(text)
    return DISK_RATE.check(value, text) if value else 0


def factor_ppm(text: str) -> int:
    return FACTOR.check(units.parse_factor_ppm(text), text)


def rate(text: str) -> tuple[int, int]:
    num, den_us = units.parse_rate(text)
    if num * units.SECOND_US > MOST_PER_S * den_us:
        raise UnitError(
            f"{text!r} is more than {MOST_PER_S:,} per s, the most for a rate (nothing is "
            "counted faster); write a smaller one"
        )
    return num, den_us


def volume(text: str) -> tuple[int, int]:
    num, den_us = units.parse_volume(text)
    if num * units.SECOND_US > MOST_VOLUME_BYTES_S * den_us:
        raise UnitError(
            f"{text!r} is more than 1 TB/s, the most that a database may write; write a smaller one"
        )
    return num, den_us
