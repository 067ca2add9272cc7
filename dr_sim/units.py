"""Quantities as people write them <-> integers, both ways, exactly.

`parse_*` take a text and return integers: microseconds, bytes, bit/s, bytes/s, parts per million or
per billion, or a pair (num, den_us) for 'num every den_us'. `format_*` give the shortest text that
parses back to the same integers. No float anywhere: numbers are decimal fractions. Every parse
raises UnitError, whose text says what would be right.

1 GB = 10^9 bytes, 1 GiB = 2^30. A day has 24 h, a year 365 days, a month a twelfth of a year (rates
only).
"""

from __future__ import annotations

import difflib
import re
from fractions import Fraction
from functools import lru_cache

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US
YEAR_US = 365 * DAY_US
MONTH_US = YEAR_US // 12
PPM = 1_000_000
PPB = 1_000_000_000
LARGEST = (
    2**62
)  # what a journal row and numpy's int64 can hold, with room for sums

DURATION_UNITS: dict[str, int] = {
    "us": 1, "µs": 1, "μs": 1, "microsecond": 1, "microseconds": 1,
    "ms": 1_000, "millisecond": 1_000, "milliseconds": 1_000,
    "s": SECOND_US, "sec": SECOND_US, "second": SECOND_US, "seconds": SECOND_US,
    "min": MINUTE_US, "minute": MINUTE_US, "minutes": MINUTE_US,
    "h": HOUR_US, "hour": HOUR_US, "hours": HOUR_US,
    "d": DAY_US, "day": DAY_US, "days": DAY_US,
    "week": WEEK_US, "weeks": WEEK_US,
}  # fmt: skip
RATE_PERIODS: dict[str, int] = {"month": MONTH_US, "year": YEAR_US}
SIZE_UNITS: dict[str, int] = {
    "B": 1, "byte": 1, "bytes": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
BIT_UNITS: dict[str, int] = {
    "bit": 1,
    "kbit": 10**3,
    "Mbit": 10**6,
    "Gbit": 10**9,
    "Tbit": 10**12,
}
BIT_RATES: dict[str, int] = {f"{unit}/s": factor for unit, factor in BIT_UNITS.items()} | {
    "bps": 1, "kbps": 10**3, "Mbps": 10**6, "Gbps": 10**9, "Tbps": 10**12,
}  # fmt: skip
FRACTION_UNITS: dict[str, Fraction] = {
    "%": Fraction(1, 100),
    "ppm": Fraction(1, PPM),
    "ppb": Fraction(1, PPB),
}

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_QUANTITY = re.compile(rf"([+-]?)({_NUMBER})\s*([^\s\d,.+-][^\s\d,.+-]*)?")
_CLOCK = re.compile(r"(?:(\d{1,5}):)?(\d{1,5}):(\d{2})(\.\d{1,6})?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,(?!\d{3}(?!\d))\d*")
_LONGEST_TEXT = 120


class UnitError(ValueError):
    """Signals a text that is not a valid quantity, and says what would be valid."""


# a scenario has about eighty, and most are the same in each
@lru_cache(maxsize=1024)
def parse_duration(text: str) -> int:
    """'15 min', '1 h 30 min', '0.5 s', '47:12' (minutes:seconds), '1:02:03' (hours) ->
    microseconds.
    """
    text = _clean(text, "a duration", "15 min")
    if clock_match := _CLOCK.fullmatch(text):
        return _parse_clock(text, clock_match)
    total, position, last_factor = Fraction(0), 0, LARGEST
    while position < len(text):
        number, unit, position = _take(
            text,
            position,
            "a duration",
            "15 min",
            ("s", "min", "h", "days"),
        )
        factor = DURATION_UNITS.get(unit)
        if factor is None:
            raise UnitError(_unknown_duration_unit(text, unit))
        if factor >= last_factor:
            raise UnitError(
                f"{text!r}: write the larger units first and each once, as in '1 h 30 min'"
            )
        total, last_factor = total + number * factor, factor
    return _whole(total, text, "a duration", "microseconds")


def parse_size(text: str) -> int:
    """'500 GB', '10 GiB', '1460 B' -> bytes."""
    text = _clean(text, "a size", "500 GB")
    number, unit = _single(text, "a size", "500 GB", ("MB", "GB", "GiB"))
    if unit in BIT_UNITS:
        as_bytes = number * BIT_UNITS[unit] / 8
        right = (
            f", write {format_size(int(as_bytes))}"
            if as_bytes.denominator == 1 and as_bytes <= LARGEST
            else ""
        )
        raise UnitError(
            f"{text!r} is in bits, and a size is in bytes: 8 bits are a byte{right}"
        )
    if unit not in SIZE_UNITS:
        raise UnitError(
            f"{text!r}: {unit!r} is no unit of size; "
            f"{_hint(unit, SIZE_UNITS, 'B, kB, MB, GB, TB, KiB, MiB, GiB or TiB')}"
        )
    return _whole(number * SIZE_UNITS[unit], text, "a size", "bytes")


def parse_bandwidth(text: str) -> int:
    """'100 Mbit/s', '10 Gbps', '12.5 MB/s' (bytes count eightfold) -> bit/s."""
    text = _clean(text, "a bandwidth", "100 Mbit/s")
    number, unit = _single(
        text, "a bandwidth", "100 Mbit/s", ("Mbit/s", "Gbit/s")
    )
    if unit in BIT_RATES:
        return _whole(
            number * BIT_RATES[unit], text, "a bandwidth", "bit/s"
        )
    if unit.endswith("/s") and unit[:-2] in SIZE_UNITS:
        return _whole(
            number * SIZE_UNITS[unit[:-2]] * 8, text, "a bandwidth", "bit/s"
        )
    if unit in BIT_UNITS or unit in SIZE_UNITS:
        rate = f"'{_plain(number)} {unit}/s'"
        in_bits = f"{unit.removesuffix('B')}bit/s"
        if unit in SIZE_UNITS and in_bits in BIT_RATES:
            rate += f", or '{_plain(number)} {in_bits}' if bits are meant"
        raise UnitError(
            f"{text!r} says how much but not how fast; write {rate}"
        )
    raise UnitError(
        f"{text!r}: {unit!r} is no unit of bandwidth; "
        f"{_hint(unit, BIT_RATES, 'bit/s, kbit/s, Mbit/s or Gbit/s')}"
    )


def parse_disk_rate(text: str) -> int:
    """'169 MB/s', '350 KiB/s' -> bytes/s."""
    text = _clean(text, "a rate in bytes", "400 MB/s")
    number, unit = _single(
        text, "a rate in bytes", "400 MB/s", ("MB/s", "MiB/s")
    )
    if unit.endswith("/s") and unit[:-2] in SIZE_UNITS:
        return _whole(
            number * SIZE_UNITS[unit[:-2]],
            text,
            "a rate in bytes",
            "bytes/s",
        )
    if unit in BIT_RATES:
        as_bytes = number * BIT_RATES[unit] / 8
        right = (
            f", write {format_disk_rate(int(as_bytes))}"
            if as_bytes.denominator == 1 and as_bytes <= LARGEST
            else ""
        )
        raise UnitError(
            f"{text!r} is in bits, and this rate is in bytes: 8 bits are a byte{right}"
        )
    if unit in SIZE_UNITS:
        raise UnitError(
            f"{text!r} says how much but not how fast; write '{_plain(number)} {unit}/s'"
        )
    known = {f"{size}/s": factor for size, factor in SIZE_UNITS.items()}
    raise UnitError(
        f"{text!r}: {unit!r} is no such unit; "
        f"{_hint(unit, known, 'kB/s, MB/s, GB/s, KiB/s, MiB/s or GiB/s')}"
    )


def parse_ppm(text: str) -> int:
    """'30 %', '500 ppm' -> parts in 10^6, at most all of it."""
    return _parse_fraction(text, PPM, "30 %")


def parse_ppb(text: str) -> int:
    """'0.01 %', '3 ppm' -> parts in 10^9, at most all of it."""
    return _parse_fraction(text, PPB, "0.01 %")


def parse_factor_ppm(text: str) -> int:
    """A factor on something: '1', '1.5', '150 %' -> millionths. May be above 1."""
    text = _clean(text, "a factor", "1.5")
    number, unit, position = _take(text, 0, "a factor", "1.5", None)
    if position < len(text) or unit not in ("", "%"):
        raise UnitError(
            f"{text!r} is no factor; write a plain number such as 1.5, or 150 %"
        )
    return _whole(
        number * (PPM if unit == "" else PPM // 100),
        text,
        "a factor",
        "millionths",
    )


def parse_rate(text: str) -> tuple[int, int]:
    """'3 per week', '0.5 per year', '12 per 5 min' -> (num, den_us): num every den_us."""
    text = _clean(text, "a rate", "3 per week")
    left, right = _split_per(text, "a rate", "3 per week")
    number, unit, position = _take(left, 0, "a rate", "3 per week", None)
    if unit or position < len(left):
        raise UnitError(
            f"{text!r}: a rate begins with a plain number, as in '3 per week'"
        )
    return _per(number, right, text, "a rate")


def parse_volume(text: str) -> tuple[int, int]:
    """'20 MB per 5 min', '350 KiB/s' -> (bytes, den_us): that many bytes every den_us."""
    text = _clean(text, "a volume in time", "20 MB per 5 min")
    if " per " not in f" {text} ":
        return parse_disk_rate(text), SECOND_US
    left, right = _split_per(text, "a volume in time", "20 MB per 5 min")
    return _per(Fraction(parse_size(left)), right, text, "a volume in time")


# ---- the way back
_DURATION_NAMES = (
    ("weeks", WEEK_US),
    ("days", DAY_US),
    ("h", HOUR_US),
    ("min", MINUTE_US),
    ("s", SECOND_US),
    ("ms", 1_000),
    ("us", 1),
)
_SIZE_NAMES = tuple(
    (unit, SIZE_UNITS[unit])
    for unit in ("TB", "TiB", "GB", "GiB", "MB", "MiB", "kB", "KiB", "B")
)
_BIT_RATE_NAMES = tuple(
    (unit, BIT_RATES[unit])
    for unit in ("Gbit/s", "Mbit/s", "kbit/s", "bit/s")
)


def format_duration(us: int) -> str:
    """The one with the fewest digits of '900 s', '15 min', '0.25 h'; or '1 day 1 s'; 0 is '0 s'."""
    if us == 0:
        return "0 s"
    candidates = [
        _one(value, name) for value, name in _decimals(us, _DURATION_NAMES)
    ]
    parts, rest = [], us
    for name, factor in _DURATION_NAMES:
        count, rest = divmod(rest, factor)
        if count:
            parts.append(_one(str(count), name))
    return _shortest([*candidates, " ".join(parts)])


def format_size(size: int) -> str:
    return (
        _shortest(
            [
                f"{value} {name}"
                for value, name in _decimals(size, _SIZE_NAMES)
            ]
        )
        if size
        else "0 B"
    )


def format_bandwidth(bit_s: int) -> str:
    return (
        _shortest(
            [
                f"{value} {name}"
                for value, name in _decimals(bit_s, _BIT_RATE_NAMES)
            ]
        )
        if bit_s
        else "0 bit/s"
    )


def format_disk_rate(bytes_s: int) -> str:
    return f"{format_size(bytes_s)}/s"


def three_figures(number: int) -> int:
    """Format what was measured: more than three never were."""
    return round(number, -max(0, len(str(number)) - 3))


def format_ppm(ppm: int) -> str:
    return _format_fraction(ppm, PPM)


def format_ppb(ppb: int) -> str:
    return _format_fraction(ppb, PPB)


def format_factor_ppm(ppm: int) -> str:
    return _plain(Fraction(ppm, PPM))


_DAY_MINUTES = 24 * 60
_IN_DAYS_MINUTES = 4 * _DAY_MINUTES  # up to 72 h people think in hours


def clock(us: int) -> str:
    """Format a duration for screens, rounded half up: '0:30', '47:12' (minutes:seconds) below an
    hour, '7 h 19' below four days, '11 d 10 h 50' from there on.
    """
    sign, us = ("-", -us) if us < 0 else ("", us)
    seconds = (us + SECOND_US // 2) // SECOND_US
    if seconds < 3600:
        return f"{sign}{seconds // 60}:{seconds % 60:02d}"
    minutes = (us + MINUTE_US // 2) // MINUTE_US
    days = minutes // _DAY_MINUTES if minutes >= _IN_DAYS_MINUTES else 0
    minutes -= days * _DAY_MINUTES
    in_days = f"{days} d " if days else ""
    return f"{sign}{in_days}{minutes // 60} h {minutes % 60:02d}"


# ---- reading
def _clean(text: str, what: str, example: str) -> str:
    text = text.strip()
    if not text:
        raise UnitError(
            f"{what} is missing here; write for example {example}"
        )
    if len(text) > _LONGEST_TEXT:
        raise UnitError(
            f"{text[:20]!r}... is too long for {what}; write for example {example}"
        )
    return text


def _take(
    text: str,
    position: int,
    what: str,
    example: str,
    units: tuple[str, ...] | None,
) -> tuple[Fraction, str, int]:
    """One number and its unit from position on; units: what to offer if there is none (None: it may
    be bare).
    """
    match = _QUANTITY.match(text, position)
    if comma := _DECIMAL_COMMA.match(text, position):
        raise UnitError(
            f"{text!r}: decimals are written with a point, {comma[0].replace(',', '.')}"
        )
    if match is None:
        raise UnitError(
            f"{text!r} is not {what}; write for example {example}"
        )
    sign, digits, unit = match[1], match[2], match[3] or ""
    number = Fraction(digits.replace(",", ""))
    if sign == "-" and number:
        raise UnitError(f"{text!r} is negative; {what} must not be")
    end = match.end()
    while end < len(text) and text[end].isspace():
        end += 1
    if not unit and match.end() < len(text) and text[match.end()] in ",.":
        raise UnitError(
            f"{text!r} is not {what}; write for example {example} (decimals with a point)"
        )
    if units is not None and not unit:
        offers = [f"'{digits} {offer}'" for offer in units]
        raise UnitError(
            f"{text!r} has no unit; write {', '.join(offers[:-1])} or {offers[-1]}"
        )
    return number, unit, end


def _single(
    text: str, what: str, example: str, units: tuple[str, ...]
) -> tuple[Fraction, str]:
    number, unit, position = _take(text, 0, what, example, units)
    if position < len(text):
        raise UnitError(
            f"{text!r} is not {what}; write for example {example}"
        )
    return number, unit


def _parse_clock(text: str, match: re.Match[str]) -> int:
    hours, minutes, seconds, decimals = match.groups()
    if int(seconds) > 59 or (hours is not None and int(minutes) > 59):
        raise UnitError(
            f"{text!r} is no duration; after a colon comes at most 59, as in 47:12 or 1:02:03"
        )
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * SECOND_US + int(
        Fraction("0" + (decimals or "")) * SECOND_US
    )


def _unknown_duration_unit(text: str, unit: str) -> str:
    if unit == "m":
        return f"{text!r}: 'm' could be minutes or months; write min"
    if unit in ("month", "months", "year", "years"):
        return f"{text!r}: months and years differ in length; write days, as in '30 days'"
    usual = {
        "w": "weeks",
        "wk": "weeks",
        "hr": "h",
        "hrs": "h",
        "mins": "min",
    }
    if unit.lower() in usual:
        return f"{text!r}: {unit!r} is no unit of time; did you mean {usual[unit.lower()]}?"
    return (
        f"{text!r}: {unit!r} is no unit of time; "
        f"{_hint(unit, DURATION_UNITS, 'us, ms, s, min, h, days or weeks')}"
    )


def _hint(unit: str, known: dict[str, int], otherwise: str) -> str:
    same = [
        name
        for name in known
        if name.lower() == unit.lower()
        or name.lower() == unit.lower() + "b"
    ]
    near = same[-1:] or difflib.get_close_matches(unit, known, 1, 0.7)
    return f"did you mean {near[0]}?" if near else f"write {otherwise}"


def _whole(value: Fraction, text: str, what: str, unit: str) -> int:
    if value.denominator != 1:
        raise UnitError(
            f"{text!r} is finer than whole {unit}; write {what} that is a whole number of {unit}"
        )
    if value > LARGEST:
        raise UnitError(
            f"{text!r} is more than dr_sim can count ({LARGEST:.0e} {unit}); write a smaller one"
        )
    return int(value)


def _parse_fraction(text: str, parts: int, example: str) -> int:
    text = _clean(text, "a part of something", example)
    number, unit = _single(
        text, "a part of something", example, ("%", "ppm", "ppb")
    )
    if unit not in FRACTION_UNITS:
        raise UnitError(
            f"{text!r}: {unit!r} is no unit for a part of something; write %, ppm or ppb, "
            f"as in '{example}'"
        )
    value = number * FRACTION_UNITS[unit]
    if value > 1:
        raise UnitError(
            f"{text!r} is more than all of it; write at most 100 %"
        )
    return _whole(
        value * parts,
        text,
        "a part",
        "parts in a million" if parts == PPM else "parts in 10^9",
    )


def _split_per(text: str, what: str, example: str) -> tuple[str, str]:
    left, word, right = text.partition(" per ")
    if not word or not left.strip() or not right.strip():
        raise UnitError(
            f"{text!r} is not {what}; write for example {example}"
        )
    return left.strip(), right.strip()


def _per(
    number: Fraction, period: str, text: str, what: str
) -> tuple[int, int]:
    den_us = (
        DURATION_UNITS.get(period)
        or RATE_PERIODS.get(period)
        or parse_duration(period)
    )
    if den_us == 0:
        raise UnitError(
            f"{text!r}: nothing can happen every 0 s; write a longer time after 'per'"
        )
    num = _whole(Fraction(number.numerator), text, what, "units")
    return num, _whole(
        Fraction(den_us * number.denominator), text, what, "microseconds"
    )


# ---- writing
def _decimals(
    value: int, names: tuple[tuple[str, int], ...]
) -> list[tuple[str, str]]:
    """value in each unit in which it is an exact decimal of at most nine places."""
    exact = []
    for name, factor in names:
        ratio = Fraction(value, factor)
        if 10**9 % ratio.denominator == 0:
            exact.append((_plain(ratio), name))
    return exact


def _plain(value: Fraction) -> str:
    """A fraction whose denominator divides a power of ten, as a decimal."""
    places, scale = 0, 1
    while scale % value.denominator:
        places, scale = places + 1, scale * 10
        if places > 30:
            raise ValueError("no finite decimal")
    digits = str(value.numerator * (scale // value.denominator)).rjust(
        places + 1, "0"
    )
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _one(value: str, name: str) -> str:
    return (
        f"{value} {name[:-1]}"
        if value == "1" and name in ("weeks", "days")
        else f"{value} {name}"
    )


def _shortest(candidates: list[str]) -> str:
    return min(
        candidates,
        key=lambda text: (sum(not c.isalpha() for c in text), "." in text),
    )  # of equals, the largest unit


def _format_fraction(value: int, parts: int) -> str:
    return f"{_plain(Fraction(value * 100, parts))} %"
