"""Measured values as texts: few digits, no exponents, and enough digits to tell two values apart.

Units are those of measures: 'us' (microseconds), 'ppm' (parts in a million), 'bytes', or a count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dr_sim.units import (
    MINUTE_US,
    PPM,
    SECOND_US,
    clock,
    format_ppm,
    parse_bandwidth,
    parse_duration,
    parse_ppm,
    parse_size,
)

MOST_FIGURES = 15  # more than a float holds would be made up


def figures(x: float, most: int = 3) -> str:
    """Return a number rounded to `most` significant figures, without an exponent: '1,230',
    '0.0051'.
    """
    if x == 0 or not math.isfinite(x):
        return "0" if x == 0 else "?"
    decimals = most - 1 - math.floor(math.log10(abs(x)))
    rounded = round(x, decimals)
    text = f"{rounded:,.{max(0, decimals)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_text(x: float, unit: str, figures_more: int = 0) -> str:
    """Return a value in its unit. figures_more: how many figures finer than usual, 0 to 12."""
    if not math.isfinite(x):
        return "?"
    if unit == "us":
        return _duration(x, figures_more)
    if unit == "ppm":
        return f"{figures(x * 100 / PPM, 3 + figures_more)} %"
    if unit == "bytes":
        return _size(x, 3 + figures_more)
    return f"{x:,.0f}" if x == round(x) else figures(x, 3 + figures_more)


def open_ended(low: str, high: str) -> str:
    """Return an interval of two shown values in words where an end is unknown ('?'); else ''."""
    if high == "?":
        return "not known yet" if low == "?" else f"{low} or more"
    return f"{high} or less" if low == "?" else ""


def bracketed(low: str, high: str) -> str:
    """Return an interval of two shown values: '[4:41, 5:10]', '[4:41 or more]' where an end is
    unknown ('?'), '[5:01]' where both ends read the same.
    """
    one = low if low == high else f"{low}, {high}"
    return f"[{open_ended(low, high) or one}]"


def interval_beside(value: str, low: str, high: str) -> str:
    """Return the interval as it stands beside a shown value; '' where both ends read as the value
    does.
    """
    return "" if value == low == high else bracketed(low, high)


def with_interval(value: str, low: str, high: str) -> str:
    """Return a shown value and its interval: '4:50 [4:41, 5:10]', or '5:01' alone."""
    return f"{value} {interval_beside(value, low, high)}".rstrip()


def signed_text(x: float, unit: str) -> str:
    """Return a difference with its sign; '?' where it is not bounded."""
    if not math.isfinite(x):
        return "?"
    sign = "-" if x < 0 else "+" if x > 0 else ""
    return f"{sign}{number_text(abs(x), unit)}"


def number_texts(
    values: Sequence[float],
    unit: str,
    usual: Callable[[float], str] | None = None,
) -> list[str]:
    """Return the values as texts of one fineness, fine enough that different values have different
    texts.

    usual: how one value is written where that is enough (default: number_text).
    """
    texts = [usual(v) for v in values] if usual is not None else []
    for more in range(MOST_FIGURES - 2):
        if texts and _all_apart(texts, values):
            break
        texts = [number_text(v, unit, more) for v in values]
    return texts


def value_text(value: float | None, unit: str) -> str:
    """Return a measured value or a bound as an SLA line shows it: durations as clocks."""
    if value is None or not math.isfinite(value):
        return "unknown"
    whole = round(value)
    return (
        clock(whole)
        if unit == "us"
        else format_ppm(whole)
        if unit == "ppm"
        else f"{whole:,}"
    )


def value_and_bound(
    value: float | None, bound: int, at_most: bool, unit: str
) -> tuple[str, str]:
    """Return a measured value and 'at most 15:00', with the digits that tell the two apart."""
    word = "at most" if at_most else "at least"
    if value is None or not math.isfinite(value):
        return "unknown", f"{word} {value_text(bound, unit)}"
    shown, limit = number_texts(
        [value, bound], unit, lambda x: value_text(x, unit)
    )
    return shown, f"{word} {limit}"


def _all_apart(texts: Sequence[str], values: Sequence[float]) -> bool:
    """Return whether no two different values have the same text."""
    by_text: dict[str, float] = {}
    for text, value in zip(texts, values, strict=True):
        if (
            math.isfinite(value)
            and by_text.setdefault(text, value) != value
        ):
            return False
    return True


def _duration(us: float, more: int) -> str:
    """'12.3 s' below a minute; '47:12', '7 h 19' from there on; then seconds, and decimals of
    them.
    """
    sign = "-" if us < 0 else ""
    us = abs(us)
    if us < MINUTE_US:
        return f"{sign}{figures(us / SECOND_US, 3 + more)} s"
    if more == 0:
        return sign + clock(round(us))
    decimals = max(0, more - 1)
    step = SECOND_US / 10**decimals
    seconds = round(us / step) * step / SECOND_US
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 2 if decimals == 0 else 3 + decimals
    rest_text = f"{rest:0{width}.{decimals}f}"
    return (
        f"{sign}{hours}:{minutes:02d}:{rest_text}"
        if hours
        else f"{sign}{minutes}:{rest_text}"
    )


def _size(size_bytes: float, most: int) -> str:
    value, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if abs(value) < 999.5 or unit == "PB":
            break
        value /= 1000
    return f"{figures(value, most)} {unit}"


# ---- texts that are numbers
_READ = (parse_duration, parse_bandwidth, parse_size, parse_ppm)


def numbers(values: Sequence[str]) -> list[float]:
    """Return the values where all are numbers, or all quantities of one kind ('500 Mbit/s',
    '1 Gbit/s'; 'every 5 min'); empty if not.
    """
    texts = [value.strip().removeprefix("every ") for value in values]
    for read in (lambda text: float(text.replace(",", "")), *_READ):
        try:
            return [float(read(text)) for text in texts]
        except ValueError:
            continue
    return []


def in_order(values: list[str]) -> list[str]:
    """Return them from the smallest to the largest where they are numbers of one kind, else as they
    stand.
    """
    sizes = dict(zip(values, numbers(values), strict=False))
    return (
        sorted(values, key=lambda value: sizes[value])
        if len(sizes) == len(values)
        else values
    )
