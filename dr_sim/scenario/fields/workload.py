"""How a database's log volume is written in a scenario, and recorded series read from CSV files."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import did_you_mean, from_text, refuse
from dr_sim.scenario.model import LogVolume
from dr_sim.scenario.reading.series import SeriesError, csv_rows

PROFILES = ("steady", "business_hours")
MOST_INTERVALS = 2_000_000
MOST_BYTES = 256 * 2**20
LARGEST_INTERVAL_BYTES = 2**50


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """A recorded series that has not been read yet; file is relative to the scenario that names
    it.
    """

    file: str
    column: str
    interval_us: int
    mean: tuple[int, int] | None = (
        None  # bytes every so many microseconds; None: as they are
    )


def _read(value: Any) -> LogVolume | SeriesFile:
    if isinstance(value, LogVolume | SeriesFile):
        return value
    if isinstance(value, str):
        return LogVolume("steady", *from_text(bounds.volume, value))
    if not isinstance(value, dict):
        raise refuse(
            "a log volume is '20 MB per 5 min', {mean: 350 KiB/s, profile: "
            "business_hours} or {series: log.csv}"
        )
    ways = {
        "mean": ("profile",),
        "series": ("column", "interval", "mean"),
        "bytes": ("interval",),
    }
    # a series may have a mean too
    way = next(
        (word for word in ("series", "bytes", "mean") if word in value),
        None,
    )
    for key in value:
        known = (
            (way, *ways[way])
            if way
            else tuple(
                word for key, more in ways.items() for word in (key, *more)
            )
        )
        if key not in known:
            raise refuse(
                f"unknown key {key!r}; {did_you_mean(key, known)}", key
            )
        if not isinstance(value[key], str):
            raise refuse("one value belongs here", key)
    if way is None:
        raise refuse(
            "a log volume needs one of mean, series and bytes, as in {mean: 350 KiB/s}"
        )
    if way == "mean":
        return _mean(value)
    interval_us = from_text(
        bounds.duration, value.get("interval", "5 min"), "interval"
    )
    if interval_us <= 0:
        raise refuse("must be above 0, as in 5 min", "interval")
    if way == "series":
        mean = (
            from_text(bounds.volume, value["mean"], "mean")
            if "mean" in value
            else None
        )
        return SeriesFile(
            value["series"], value.get("column", ""), interval_us, mean
        )
    return LogVolume(
        "series",
        series_interval_us=interval_us,
        series_bytes=_numbers(value["bytes"]),
    )


def _mean(value: dict[str, str]) -> LogVolume:
    profile = value.get("profile", "steady")
    if profile not in PROFILES:
        raise refuse(
            f"unknown profile {profile!r}; {did_you_mean(profile, PROFILES)}",
            "profile",
        )
    return LogVolume(
        profile, *from_text(bounds.volume, value["mean"], "mean")
    )


def _numbers(text: str) -> tuple[int, ...]:
    words = text.split()
    if not words or len(words) > MOST_INTERVALS:
        raise refuse(
            f"write 1 to {MOST_INTERVALS} whole numbers of bytes, with spaces between",
            "bytes",
        )
    for word in words:
        if not _is_bytes(word):
            raise refuse(
                f"{word[:20]!r} is no whole number of bytes", "bytes"
            )
    return tuple(map(int, words))


def _is_amount(word: str) -> bool:
    """Bytes, perhaps with a fraction, as monitoring writes means."""
    whole, _, part = word.partition(".")
    return _is_bytes(whole) and (
        not part
        or (part.isascii() and part.isdecimal() and len(part) <= 12)
    )


def _is_bytes(word: str) -> bool:
    return (
        word.isascii()
        and word.isdecimal()
        and len(word) <= 16
        and int(word) <= LARGEST_INTERVAL_BYTES
    )


_VOLUME = {
    "type": "string",
    "description": "how much log is written, on average",
    "examples": ["20 MB per 5 min", "350 KiB/s"],
    "pattern": r"^\s*[0-9].*( per .+|/s\s*)$",
}
_SERIES_WORDS = {
    "series": "a CSV file of bytes per interval, relative to this scenario",
    "bytes": "the bytes of each interval, with spaces between",
    "interval": "how long each interval is; 5 min if it is left out",
    "column": "the column of the file that holds the bytes",
}


def _text_schema(key: str) -> dict[str, Any]:
    return {"type": "string", "description": _SERIES_WORDS[key]}


LogVolumeField = Annotated[
    LogVolume | SeriesFile,
    PlainValidator(_read),
    WithJsonSchema(
        {
            "anyOf": [
                _VOLUME,
                {
                    "type": "object",
                    "properties": {
                        "mean": _VOLUME,
                        "profile": {
                            "description": "how it changes over the week",
                            "enum": list(PROFILES),
                        },
                    },
                    "required": ["mean"],
                    "additionalProperties": False,
                },
                *(
                    {
                        "type": "object",
                        "properties": {
                            way: _text_schema(way),
                            "interval": _text_schema("interval"),
                            **more,
                        },
                        "required": [way],
                        "additionalProperties": False,
                    }
                    for way, more in (
                        (
                            "series",
                            {
                                "column": _text_schema("column"),
                                "mean": _VOLUME,
                            },
                        ),
                        ("bytes", {}),
                    )
                ),
            ]
        }
    ),
]


def read_series(series: SeriesFile, scenario_file: str) -> tuple[int, ...]:
    """Bytes per interval from a CSV file with or without a heading. Raises SeriesError.

    The column is the one named, or the only one, or the only one whose heading holds 'bytes'.
    """
    path = os.path.join(os.path.dirname(scenario_file), series.file)
    rows = csv_rows(path, MOST_BYTES, ",")
    if not rows:
        raise SeriesError(
            f"{path} is empty; write a number of bytes in each line"
        )
    heading = not all(_is_amount(cell.strip()) for cell in rows[0])
    column = _column(series, path, rows[0], heading)
    values = [
        row[column].strip() if column < len(row) else ""
        for row in rows[heading:]
    ]
    for number, value in enumerate(values, start=1 + heading):
        if not _is_amount(value):
            raise SeriesError(
                f"{path} row {number}: {value[:20]!r} is no number of bytes"
            )
    if not 1 <= len(values) <= MOST_INTERVALS:
        raise SeriesError(
            f"{path} has {len(values):,} row{'s' * (len(values) != 1)} of numbers; "
            f"a series has 1 to {MOST_INTERVALS}"
        )
    numbers = [Fraction(value) for value in values]
    scale = Fraction(1)
    if series.mean is not None:
        if not any(numbers):
            raise SeriesError(
                f"{path} has nothing but zeros, which no mean can be made of",
                "mean",
            )
        scale = Fraction(
            series.mean[0] * series.interval_us * len(numbers),
            series.mean[1],
        ) / sum(numbers)
    return tuple(
        math.floor(number * scale + Fraction(1, 2)) for number in numbers
    )


def _column(
    series: SeriesFile, path: str, first: list[str], heading: bool
) -> int:
    names = [cell.strip() for cell in first]
    if series.column:
        if heading and series.column in names:
            return names.index(series.column)
        if not heading:
            raise SeriesError(
                f"{path} has no heading, so no column {series.column!r}; leave column out",
                "column",
            )
        raise SeriesError(
            f"{path} has no column {series.column[:40]!r}; {did_you_mean(series.column, names)}",
            "column",
        )
    if len(names) == 1:
        return 0
    likely = [i for i, name in enumerate(names) if "bytes" in name.lower()]
    if len(likely) == 1:
        return likely[0]
    raise SeriesError(
        f"{path} has {len(names)} columns; say which with column: {names[-1][:40]}"
    )
