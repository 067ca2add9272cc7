"""Kinds of values with units: durations, sizes, rates, parts, prices, counts, yes or no.

Each is the type of a field: a text with a unit comes in, an integer comes out (microseconds, bytes,
bit/s, bytes/s, parts), within the bounds of bounds.py. A value from Python code is taken as the
integer that it already is. With each type goes the JSON Schema that editors complete with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    WithJsonSchema,
)

from dr_sim import units
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.bounds import Bound
from dr_sim.scenario.fields.fields import Quantity, from_text, refuse


def _reader(
    parse: Callable[[str], int], bound: Bound | None = None
) -> BeforeValidator:
    """bound: for a value from Python code, which `parse` never sees; 0 and the marks below it are
    left as they are.
    """

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return from_text(parse, value)
        if value < 0:
            raise refuse(f"{value} is negative")
        if bound is not None and value:
            from_text(lambda text: bound.check(value, text), str(value))
        return value

    return BeforeValidator(read)


def _given_or_text(parse: Callable[[str], int]) -> BeforeValidator:
    """Make a parser of a quantity whose integers from Python code are left as they are."""

    def read(value: Any) -> Any:
        return value if isinstance(value, int) else from_text(parse, value)

    return BeforeValidator(read)


def _or_word(
    word: str, mark: int, parse: Callable[[str], int]
) -> Callable[[str], int]:
    """Make a parser of a quantity for which a word may stand: its number is the mark."""

    def read(text: str) -> int:
        return mark if text.strip().lower() == word else parse(text)

    return read


def _word_or(
    word: str, mark: int, write: Callable[[int], str]
) -> Callable[[int], str]:
    """The way back to text of such a quantity."""

    def text(value: int) -> str:
        return word if value == mark else write(value)

    return text


def _within(bound: Bound, or_none_at_all: bool = False) -> AfterValidator:
    """Make a parser of a quantity that has closer bounds than its kind. or_none_at_all: 0 is
    allowed, it means something else.
    """

    def check(value: int) -> int:
        if bound.least <= value <= bound.most:
            return value
        if value or not or_none_at_all:
            from_text(
                lambda text: bound.check(value, text), bound.write(value)
            )
        return value

    return AfterValidator(check)


_DECIMAL = r"^\s*[0-9][0-9,]*(\.[0-9]+)?"


def _text(what: str, pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "description": what,
            "pattern": pattern,
            "examples": list(examples),
        }
    )


_TIME_UNITS = "us|µs|ms|s|sec|seconds?|min|minutes?|h|hours?|d|days?|weeks?"
_WITH_UNITS = rf"([0-9][0-9,]*(\.[0-9]+)?\s*({_TIME_UNITS})\s*)+"
_AS_CLOCK = r"([0-9]+:)?[0-9]+:[0-9]{2}(\.[0-9]+)?\s*"
DURATION_PATTERN = rf"^\s*({_WITH_UNITS}|{_AS_CLOCK})$"
_SIZE_UNITS = "B|bytes?|[kKMGT]B|[KMGT]iB"

Duration = Annotated[
    int,
    _reader(bounds.duration, bounds.DURATION),
    Quantity("duration", units.format_duration),
    _text(
        f"a duration, {bounds.DURATION.told()}",
        DURATION_PATTERN,
        "15 min",
        "30 s",
        "1 h 30 min",
        "14 days",
    ),
]
"""Microseconds."""

Period = Annotated[Duration, _within(bounds.PERIOD)]
"""Microseconds between two tries, or two of anything that repeats."""
PeriodOrAtOnce = Annotated[
    Duration, _within(bounds.PERIOD, or_none_at_all=True)
]
"""A duration too; 0: at once."""
Reverify = Annotated[
    Duration, _within(bounds.REVERIFY, or_none_at_all=True)
]
Beat = Annotated[Duration, _within(bounds.BEAT)]
Detour = Annotated[
    Duration,
    _within(bounds.ROUND_TRIP),
    _text(
        f"a duration, {bounds.ROUND_TRIP.told()}",
        DURATION_PATTERN,
        "200 ms",
        "2 s",
    ),
]
"""Microseconds that a round trip takes longer."""

Size = Annotated[
    int,
    _reader(bounds.size, bounds.SIZE),
    Quantity("size", units.format_size),
    _text(
        f"a size in bytes, {bounds.SIZE.told()}",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})\s*$",
        "500 GB",
        "64 KiB",
        "1460 B",
    ),
]
"""Bytes."""

NO_LIMIT = "none"


def _parse_capacity(text: str) -> int:
    found = bounds.size(text)
    if not found:
        raise units.UnitError(
            "a capacity of 0 B holds nothing; write a size above it, or none for no limit"
        )
    return found


Capacity = Annotated[
    int,
    _reader(_or_word(NO_LIMIT, 0, _parse_capacity)),
    Quantity("capacity", _word_or(NO_LIMIT, 0, units.format_size)),
    _text(
        "a size in bytes, or none: no limit",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})\s*$|^\s*none\s*$",
        "2 TB",
        "none",
    ),
]
"""Bytes; 0: not limited."""

NEVER = -1

RoundTrip = Annotated[
    int,
    _reader(bounds.round_trip, bounds.ROUND_TRIP),
    Quantity("duration", units.format_duration),
    _text(
        f"a duration, {bounds.ROUND_TRIP.told()}",
        DURATION_PATTERN,
        "30 ms",
        "0.5 ms",
    ),
]
"""Microseconds; people write milliseconds."""

DurationOrNone = Annotated[
    int,
    _reader(_or_word(NO_LIMIT, NEVER, bounds.duration)),
    Quantity(
        "duration or none",
        _word_or(NO_LIMIT, NEVER, units.format_duration),
    ),
    _text(
        "a duration, or none: never",
        rf"{DURATION_PATTERN}|^\s*none\s*$",
        "4 h",
        "none",
    ),
]
"""Microseconds; NEVER for none."""

BUILT = -2

DurationOrBuilt = Annotated[
    int,
    _reader(
        _or_word("built", BUILT, _or_word(NO_LIMIT, NEVER, bounds.duration))
    ),
    Quantity(
        "duration, built or none",
        _word_or(
            "built",
            BUILT,
            _word_or(NO_LIMIT, NEVER, units.format_duration),
        ),
    ),
    _text(
        "a duration, built: as long as that takes, or none: never",
        rf"{DURATION_PATTERN}|^\s*(built|none)\s*$",
        "4 h",
        "built",
        "none",
    ),
]
"""Microseconds; NEVER for none, BUILT for built."""

ALL = -1


AmountOrAll = Annotated[
    int,
    _given_or_text(_or_word("all", ALL, bounds.size)),
    Quantity("size", _word_or("all", ALL, units.format_size)),
    _text(
        "a size in bytes, or all",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})\s*$|^\s*all\s*$",
        "all",
        "200 GB",
    ),
]
"""Bytes; ALL: all that there is."""

NO_PRICE = -1
MOST_PRICE = 10**9


def _parse_price(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,6})?", text.strip()):
        raise units.UnitError(
            f"{text[:40]!r} is no price; write a number with at most 6 decimals, as 0.023, or none"
        )
    found = int(Decimal(text.strip()) * units.PPM)
    if found > MOST_PRICE * units.PPM:
        raise units.UnitError(f"a price is at most {MOST_PRICE:,}")
    return found


def _format_price(value: int) -> str:
    text = f"{Decimal(value) / units.PPM:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


Price = Annotated[
    int,
    _given_or_text(_or_word(NO_LIMIT, NO_PRICE, _parse_price)),
    Quantity("price", _word_or(NO_LIMIT, NO_PRICE, _format_price)),
    WithJsonSchema(
        {
            "description": "a price in any currency, or none: not known",
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MOST_PRICE},
                {"const": "none"},
            ],
            "examples": ["0.023", "none"],
        }
    ),
]
"""Millionths of the money's unit; NO_PRICE: not known."""

Bandwidth = Annotated[
    int,
    _reader(bounds.bandwidth, bounds.BANDWIDTH),
    Quantity("bandwidth", units.format_bandwidth),
    _text(
        f"a bandwidth, {bounds.BANDWIDTH.told()}",
        rf"{_DECIMAL}\s*([kMGT]?(bit/s|bps)|({_SIZE_UNITS})/s)\s*$",
        "200 Mbit/s",
        "10 Gbps",
    ),
]
"""Bits per second."""

DiskRate = Annotated[
    int,
    _reader(bounds.disk_rate, bounds.DISK_RATE),
    Quantity("disk rate", units.format_disk_rate),
    _text(
        f"a rate in bytes, {bounds.DISK_RATE.told()}",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})/s\s*$",
        "400 MB/s",
        "350 KiB/s",
    ),
]
"""Bytes per second."""

_PART_PATTERN = rf"{_DECIMAL}\s*(%|ppm|ppb)\s*$"
Ppm = Annotated[
    int,
    _reader(units.parse_ppm),
    Quantity("part", units.format_ppm),
    _text("a share", _PART_PATTERN, "30 %", "500 ppm"),
]
"""Parts in 10^6, at most all."""

Ppb = Annotated[
    int,
    _reader(units.parse_ppb),
    Quantity("part", units.format_ppb),
    _text("a share", _PART_PATTERN, "0.01 %", "3 ppb"),
]
"""Parts in 10^9, at most all."""


def _not_all(value: int) -> int:
    if value >= units.PPB:
        raise refuse(
            "at a loss of 100 % nothing arrives; write less, or an event link_outage"
        )
    return value


Loss = Annotated[Ppb, AfterValidator(_not_all)]
"""Packets lost, parts in 10^9: less than all."""


# ---- counts and yes or no
def _parse_count(text: str) -> int:
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise units.UnitError(
            f"{text[:40]!r} is not a whole number from 0 up; write for example 16"
        )
    if len(digits) > 18:
        raise units.UnitError(
            f"{text[:40]!r} is a larger number than dr_sim can count; write one of at "
            "most 18 digits"
        )
    return int(digits)


def _parse_yes_no(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false", "yes", "no"):
        raise units.UnitError(
            f"{text[:40]!r} is neither; write true or false"
        )
    return word in ("true", "yes")


Count = Annotated[
    int,
    _reader(
        lambda text: bounds.COUNT.check(_parse_count(text), text),
        bounds.COUNT,
    ),
    Quantity("count", str),
    WithJsonSchema(
        {"type": "integer", "minimum": 0, "maximum": bounds.COUNT.most}
    ),
]
"""A whole number, not negative, without a unit."""

ALL_TIMES = -1
"""The value of Times that stands for all of them."""


def _times(value: Any) -> int:
    if value == ALL_TIMES or (
        isinstance(value, str) and value.strip() == "all"
    ):
        return ALL_TIMES
    text = str(value) if isinstance(value, int) else value
    times = from_text(
        lambda text: bounds.COUNT.check(_parse_count(text), text), text
    )
    if not times:
        raise refuse("0 times is never; write for example 1, or all")
    return times


Times = Annotated[
    int,
    BeforeValidator(_times),
    Quantity(
        "times", lambda value: "all" if value == ALL_TIMES else str(value)
    ),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": bounds.COUNT.most,
                },
                {"const": "all"},
            ]
        }
    ),
]
"""How often something happens: a whole number above 0, or all."""

Seed = Annotated[
    int,
    _reader(_parse_count, bounds.SEED),
    Quantity("count", str),
    WithJsonSchema(
        {"type": "integer", "minimum": 0, "maximum": bounds.SEED.most}
    ),
]
"""A count that may have 18 digits."""

YesNo = Annotated[
    bool,
    PlainValidator(
        lambda value: (
            value
            if isinstance(value, bool)
            else from_text(_parse_yes_no, value)
        )
    ),
    Quantity("yes or no", lambda value: "true" if value else "false"),
    WithJsonSchema({"type": "boolean"}),
]
