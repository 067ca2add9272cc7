"""`recorded:` conditions that were measured somewhere drive the link and the restores: series from
CSV files, scaled.

Form of a file: rows in the order of time, cells separated by commas, semicolons or tabs, with or
without a heading. A column is named by its heading, or by its number from 1 on. `at` is the column
of instants: seconds, or dates with times; or `every` says how far apart the rows are. `value` is
the column of values; `only` keeps the rows that have a text in a column. The first row that is kept
is the start of the run, each value holds until the next row, and a series that is over begins
again. Values of the link are a shape: `mean` says how much they are on average. Values of restores
are rates: what counts is how far they are from their median.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from dr_sim import units
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import did_you_mean, from_text, refuse
from dr_sim.scenario.model import Outages, Recorded, RecordedSeries
from dr_sim.scenario.reading.series import SeriesError, csv_rows
from dr_sim.units import SECOND_US

MOST_BYTES = 64 * 2**20
MOST_STEPS = 1_000_000
LARGEST_VALUE = 10**15  # bit/s, or millionths: as bounds.py says of both
LONGEST_NUMBER = (
    40  # characters; a number with a large exponent would fill the memory
)
LOWEST_BIT_S = 1_000  # a link that is up carries something
KEYS = ("link", "outages", "restores")
_INLINE_KEYS = (("values", "step"), ("spans", "period"))
_WORDS = {
    "file": "a CSV file, relative to this scenario",
    "at": "the column of instants: seconds, or dates with times",
    "value": "the column of values",
    "every": "time between two rows, if no column has instants",
    "only": "use only rows that have this text in this column",
    "step": "how long each value holds",
    "mean": "average of the values; the file gives their shape",
    "down": "the value that means that the link is down",
    "values": "the value of each step, with spaces between",
    "spans": "begin and end of each outage, with spaces between",
    "period": "time after which it begins again",
}
_FILE_KEYS = (
    "file",
    "at",
    "value",
    "every",
    "only",
    "step",
    "mean",
    "down",
)


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A series that has not been read yet; file is relative to the scenario that names it."""

    what: str  # 'link', 'restores', 'outages'
    file: str
    at: str
    value: str
    every_us: int
    only: tuple[tuple[str, str], ...]
    step_us: int
    mean_bit_s: int
    down: str


def _reader(
    what: str,
) -> Callable[[Any], Recorded | Outages | RecordedFile]:
    def read(value: Any) -> Recorded | Outages | RecordedFile:
        if isinstance(value, Recorded | Outages | RecordedFile):
            return value
        if value == "none":
            return Outages() if what == "outages" else Recorded()
        if not isinstance(value, dict):
            raise refuse(
                f"write {{file: {what}.csv, at: seconds, value: ...}}, or none"
            )
        if "file" in value:
            return _file(what, value)
        return _outages(value) if what == "outages" else _values(value)

    return read


def _file(what: str, value: dict[str, Any]) -> RecordedFile:
    for key in value:
        if key not in _FILE_KEYS:
            raise refuse(
                f"unknown key {key!r}; {did_you_mean(key, _FILE_KEYS)}", key
            )
        if key != "only" and not isinstance(value[key], str):
            raise refuse("one value belongs here", key)
    only = value.get("only", {})
    if not isinstance(only, dict) or not all(
        isinstance(text, str) for text in only.values()
    ):
        raise refuse(
            "write the column and the text its rows have, as in {site: web}",
            "only",
        )
    if ("at" in value) == ("every" in value):
        raise refuse(
            "write either the column of instants (at: seconds) or how far apart the rows "
            "are (every: 5 min)"
        )
    if what == "link" and "mean" not in value:
        raise refuse(
            "a recorded link is a shape: write how much it carries on average, as in "
            "mean: 150 Mbit/s"
        )
    if what == "outages" and "down" not in value:
        raise refuse(
            "write which text in the column of values means an outage, as in down: down"
        )
    every, step = (
        from_text(bounds.duration, value[key], key) if key in value else 0
        for key in ("every", "step")
    )
    return RecordedFile(
        what,
        value["file"],
        value.get("at", ""),
        value.get("value", "2"),
        every,
        tuple(only.items()),
        step or every or 60 * SECOND_US,
        from_text(bounds.bandwidth, value["mean"], "mean")
        if "mean" in value
        else 0,
        value.get("down", ""),
    )


def _is_value(word: str) -> bool:
    return (
        word.isascii()
        and word.isdecimal()
        and len(word) <= 16
        and 1 <= int(word) <= LARGEST_VALUE
    )


def _values(value: dict[str, Any]) -> Recorded:
    if set(value) != {"values", "step"}:
        raise refuse(
            "a series is {file: ...}, or {values: 100000000 90000000, step: 1 min}"
        )
    words = str(value["values"]).split()
    if not 1 <= len(words) <= MOST_STEPS or not all(
        _is_value(word) for word in words
    ):
        raise refuse(
            f"write 1 to {MOST_STEPS} whole numbers above 0 and at most "
            f"{LARGEST_VALUE:,}, with spaces between",
            "values",
        )
    step_us = from_text(bounds.duration, value["step"], "step")
    if step_us <= 0:
        raise refuse("must be above 0, as in 1 min", "step")
    return Recorded(step_us, tuple(map(int, words)))


def _outages(value: dict[str, Any]) -> Outages:
    if set(value) != {"spans", "period"}:
        raise refuse(
            "outages are {file: ...}, or {spans: 600-1368 4000-4100, period: 10 h}, in seconds"
        )
    spans = []
    reached = 0
    for word in str(value["spans"]).split():
        try:
            begin, end = (
                int(_number(part) * SECOND_US) for part in word.split("-")
            )
        except ValueError:
            raise refuse(
                f"{word[:20]!r} is no span; write 600-1368, in seconds",
                "spans",
            ) from None
        if not reached <= begin < end:
            raise refuse(
                f"{word[:20]!r} does not come after the one before it",
                "spans",
            )
        spans.append((begin, end))
        reached = end
    period_us = from_text(bounds.duration, value["period"], "period")
    if period_us <= reached:
        raise refuse("must be longer than the last span's end", "period")
    return Outages(period_us, tuple(spans))


def plain(series: Recorded | Outages) -> dict[str, str]:
    """Return the form for a resolved scenario, which needs no other file."""
    if isinstance(series, Recorded):
        return {
            "values": " ".join(map(str, series.values)),
            "step": units.format_duration(series.step_us),
        }
    spans = " ".join(
        f"{_seconds(begin)}-{_seconds(end)}" for begin, end in series.spans
    )
    return {
        "spans": spans,
        "period": units.format_duration(series.period_us),
    }


def _seconds(us: int) -> str:
    whole, rest = divmod(us, SECOND_US)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


# ---- in a scenario
def sections_of(root: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each section with recorded series as (its path, its keys): that of the scenario, and
    that of each copy. root: schema.Root; where something could not be read it is incomplete.
    """
    yield ("recorded",), getattr(root, "recorded", None)
    for name, copy in (getattr(root, "copies", None) or {}).items():
        yield ("copies", name, "recorded"), getattr(copy, "recorded", None)


def series_of(
    path: tuple[str, ...], keys: Any, read: Mapping[tuple[str, ...], Any]
) -> RecordedSeries:
    """Return the series of the section at a path. read: the contents of files, by the path of the
    key that names the file.
    """
    series = {
        key: read.get((*path, key), getattr(keys, key)) for key in KEYS
    }
    return RecordedSeries(**series)


# ---- files
def read_recorded(
    wanted: RecordedFile, scenario_file: str
) -> Recorded | Outages:
    """Return what the file holds, to scale. Raises SeriesError."""
    path = os.path.join(os.path.dirname(scenario_file), wanted.file)
    rows = _rows(wanted, path)
    if wanted.what == "outages":
        return _outages_of(wanted, path, rows)
    values = _stepwise(wanted, path, rows)
    if wanted.what == "link":
        mean = sum(values) / len(values)
        if mean <= 0:
            raise SeriesError(
                f"{path}: the values are 0 on average; nothing can be scaled to a mean"
            )
        scaled = (
            int(value * wanted.mean_bit_s / mean + Fraction(1, 2))
            for value in values
        )
        return Recorded(
            wanted.step_us,
            tuple(max(LOWEST_BIT_S, value) for value in scaled),
        )
    if min(values) <= 0:
        raise SeriesError(
            f"{path}: a rate of restores must be above 0; leave out what did not restore anything"
        )
    usual = median(values)
    return Recorded(
        wanted.step_us,
        tuple(
            int(usual * 1_000_000 / value + Fraction(1, 2))
            for value in values
        ),
    )


def _rows(wanted: RecordedFile, path: str) -> list[tuple[int, str]]:
    """(instant in microseconds since the first row that is kept, value) of each."""
    cells = csv_rows(path, MOST_BYTES, ",;\t")
    if not cells:
        raise SeriesError(f"{path} is empty; write a row for each value")
    names = [cell.strip() for cell in cells[0]]
    value_at = _column(path, names, wanted.value)
    at = _column(path, names, wanted.at) if wanted.at else -1
    only = [
        (_column(path, names, column), text) for column, text in wanted.only
    ]
    named = {
        wanted.at,
        wanted.value,
        *(column for column, _ in wanted.only),
    } & set(names)
    heading = bool(named) or (
        at >= 0 and not _is_number(names[at]) and not _is_instant(names[at])
    )
    last = max(value_at, at, *(i for i, _ in only), 0)
    rows: list[tuple[int, str]] = []
    start = 0
    for number, row in enumerate(cells[heading:], start=1 + heading):
        if len(row) <= last:
            raise SeriesError(
                f"{path} row {number}: has {len(row)} cell{'s' * (len(row) != 1)}, its "
                "heading has more"
            )
        if any(row[i].strip() != text for i, text in only):
            continue
        instant = (
            len(rows) * wanted.every_us
            if at < 0
            else _instant(path, number, row[at].strip())
        )
        if not rows:
            start = instant
        elif instant - start < rows[-1][0]:
            raise SeriesError(
                f"{path} row {number}: {row[at][:30]!r} lies before the row above; sort "
                "the rows by time"
            )
        rows.append((instant - start, row[value_at].strip()))
    if len(rows) < 2:
        raise SeriesError(
            f"{path} has {len(rows)} row{'s' * (len(rows) != 1)} to use; a series has "
            "2 at the least"
        )
    return rows


def _column(path: str, names: list[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    if (
        wanted.isascii()
        and wanted.isdecimal()
        and 1 <= int(wanted[:4]) <= len(names)
    ):
        return int(wanted) - 1
    raise SeriesError(
        f"{path} has no column {wanted[:40]!r}; {did_you_mean(wanted, names)}"
    )


def _number(text: str) -> Fraction:
    """A decimal number as CSV files hold it. Raises ValueError."""
    mantissa, _, exponent = text.strip().lower().partition("e")
    if (
        len(text) > LONGEST_NUMBER
        or "/" in text
        or (exponent and not -30 <= int(exponent) <= 30)
    ):
        raise ValueError(f"{text[:30]!r} is no number")
    return Fraction(mantissa) * Fraction(10) ** int(exponent or 0)


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except (ValueError, ZeroDivisionError):
        return False
    return True


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _instant(path: str, number: int, text: str) -> int:
    if _is_number(text):
        return int(_number(text) * SECOND_US)
    if not _is_instant(text):
        raise SeriesError(
            f"{path} row {number}: {text[:30]!r} is no instant; write seconds, or "
            "2024-03-08 03:47:03"
        )
    when = datetime.fromisoformat(text)
    since = when - datetime(1970, 1, 1, tzinfo=when.tzinfo)
    return (
        since.days * 86_400 + since.seconds
    ) * SECOND_US + since.microseconds


def _stepwise(
    wanted: RecordedFile, path: str, rows: list[tuple[int, str]]
) -> list[Fraction]:
    """The mean in each whole step; each value holds until the next, the last as long as the one
    before it.
    """
    numbers = _numbers(path, rows)
    instants = [at for at, _ in rows]
    instants.append(instants[-1] + max(1, instants[-1] - instants[-2]))
    steps = max(1, instants[-1] // wanted.step_us)
    if steps > MOST_STEPS:
        raise SeriesError(
            f"{path} gives {steps} steps, more than {MOST_STEPS}; write a longer step"
        )
    totals = [Fraction(0)] * steps
    for (begin, end), rate in zip(pairwise(instants), numbers, strict=True):
        step = begin // wanted.step_us
        while step < steps and begin < end:
            until = min(end, (step + 1) * wanted.step_us)
            totals[step] += rate * (until - begin)
            begin, step = until, step + 1
    return [total / min(wanted.step_us, instants[-1]) for total in totals]


def _numbers(path: str, rows: list[tuple[int, str]]) -> list[Fraction]:
    """Return the values of rows. Raises SeriesError."""
    numbers = []
    for number, (_, text) in enumerate(rows, start=1):
        if not _is_number(text) or _number(text) < 0:
            raise SeriesError(
                f"{path} row {number}: {text[:30]!r} is no number from 0 up"
            )
        numbers.append(_number(text))
    return numbers


def steps_in(
    wanted: RecordedFile, scenario_file: str
) -> list[tuple[int, Fraction]]:
    """Return (microseconds since the first row, value) of each row. Raises SeriesError."""
    path = os.path.join(os.path.dirname(scenario_file), wanted.file)
    rows = _rows(wanted, path)
    instants = [at for at, _ in rows]
    return list(zip(instants, _numbers(path, rows), strict=True))


def _outages_of(
    wanted: RecordedFile, path: str, rows: list[tuple[int, str]]
) -> Outages:
    spans: list[tuple[int, int]] = []
    began: int | None = None
    for at, text in rows:
        if text == wanted.down:
            began = at if began is None else began
        elif began is not None:
            if at > began:
                spans.append((began, at))
            began = None
    if not spans:
        raise SeriesError(
            f"{path}: no row says {wanted.down[:30]!r} and is followed by one that says otherwise"
        )
    return Outages(max(rows[-1][0], spans[-1][1]) + 1, tuple(spans))


def _schema(what: str) -> WithJsonSchema:
    def text(key: str, kind: str | list[str] = "string") -> dict[str, Any]:
        return {"type": kind, "description": _WORDS[key]}

    keys: dict[str, Any] = {key: text(key) for key in _FILE_KEYS}
    keys["only"] = text("only", "object") | {
        "additionalProperties": {"type": "string"}
    }
    for key in ("value", "at"):
        keys[key] = text(key, ["string", "integer"])
    inline = {key: text(key) for key in _INLINE_KEYS[what == "outages"]}
    return WithJsonSchema(
        {
            "anyOf": [
                {"const": "none"},
                {
                    "type": "object",
                    "properties": keys,
                    "required": ["file"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": inline,
                    "required": list(inline),
                    "additionalProperties": False,
                },
            ]
        }
    )


RecordedLink = Annotated[
    Recorded | RecordedFile,
    PlainValidator(_reader("link")),
    _schema("link"),
]
RecordedRestores = Annotated[
    Recorded | RecordedFile,
    PlainValidator(_reader("restores")),
    _schema("restores"),
]
RecordedOutages = Annotated[
    Outages | RecordedFile,
    PlainValidator(_reader("outages")),
    _schema("outages"),
]
