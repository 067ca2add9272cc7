"""Tables that people export from msdb, cell by cell: their encodings, heads, numbers and instants.

Heads are compared without case and underscores (FirstLSN, first_lsn); numbers never go through a
float; an instant is `/Date(ms)/` (UTC), ISO 8601, or local date and time with msdb's time_zone in
quarter hours.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from dr_sim.errors import InputError, Problem
from dr_sim.formatting.words import counted
from dr_sim.scenario.fields.times import FIRST_YEAR, LAST_YEAR

T = TypeVar("T")
Row = tuple[int, Mapping[str, object]]
"""(line of the file it ends on, 0 if none is known; cells by folded heads)."""

_LSN_LIMIT = 10**25  # msdb keeps LSNs as numeric(25, 0)
_SIZE_LIMIT = 2**60
_UNKNOWN_ZONE = (
    127  # msdb's time_zone for a backup that does not know its own
)
_ZONES = range(
    -48, 57
)  # the others are quarter hours from UTC: -12 h to +14 h
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VALUE_OR_NUMBER = re.compile(r"'.*?'|\d+")
_BLANK = re.compile(r"[ \t\r\n]*")
_ROWS_AFFECTED = re.compile(r"\(\d+ rows? affected\)")
_MOST_DIGITS = 30  # of a number, before its point
_DATE_MS = re.compile(r"/Date\((-?\d{1,17})(?:[+-]\d{4})?\)/")


class BadValueError(Exception):
    """Holds what is wrong with one value of one row."""


class BadInstantError(BadValueError):
    """Holds what is wrong with the instants of one row: the others can be read without it."""


def error(
    file: str, message: str, line: int = 0, column: int = 0
) -> InputError:
    return InputError([Problem(file, line, column, message)])


def refusal(problems: Sequence[Problem]) -> InputError:
    """Return an error that tells each kind of mistake in the rows once."""
    return InputError(one_of_each(problems))


def one_of_each(problems: Sequence[Problem]) -> list[Problem]:
    """Return, of all mistakes in the rows, one for each kind of mistake, which tells of the rows
    that make it too.
    """
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(
            (problem.file, _VALUE_OR_NUMBER.sub("", problem.message)), []
        ).append(problem)
    told: list[Problem] = []
    for first, *others in kinds.values():
        more = (
            f" (and {counted(len(others), 'more row')} with this mistake)"
            if others
            else ""
        )
        told.append(replace(first, message=first.message + more))
    return told


def decoded(data: bytes, file: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif data[1:2] == b"\0":
        encoding = "utf-16-le"
    elif data[:1] == b"\0":
        encoding = "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as wrong:
        message = (
            f"is neither UTF-8 nor UTF-16 text (byte {wrong.start}): "
            "export it as JSON or CSV text"
        )
        raise error(file, message) from None


def json_rows(text: str, file: str) -> list[Row]:
    """The backups in a JSON list. Raises InputError if it is none."""
    try:
        found = _json_lists(text)
    except json.JSONDecodeError as wrong:
        raise error(
            file,
            f"is not valid JSON: {wrong.msg}",
            wrong.lineno,
            wrong.colno,
        ) from None
    except (RecursionError, ValueError):
        raise error(
            file,
            "is not a backup history: a JSON list of backups is needed",
        ) from None
    if (
        isinstance(found, dict)
        and isinstance(found.get("value"), list)
        and found.keys() <= {"value", "Count"}
    ):
        found = found[
            "value"
        ]  # Windows PowerShell's way to write some lists
    if found is None:  # what a script writes that found nothing
        found = []
    rows: list[Any] = found if isinstance(found, list) else [found]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise error(
                file,
                f"backup {number} is {json.dumps(row, default=str)[:40]}, an object with "
                "keys is needed",
            )
    return [(0, folded(row)) for row in rows]


def _json_lists(text: str) -> object:
    """The JSON value in a text; of several, one after the other (two exports, a backup a line), all
    their rows.
    """
    decoder = json.JSONDecoder(parse_float=Decimal)
    start = _BLANK.match(text)
    value, end = decoder.raw_decode(text, start.end() if start else 0)
    found = [value]
    while (
        blank := _BLANK.match(text, end)
    ) is not None and blank.end() < len(text):
        value, end = decoder.raw_decode(text, blank.end())
        found.append(value)
    if len(found) == 1:
        return found[0]
    return [
        row
        for value in found
        for row in (value if isinstance(value, list) else [value])
    ]


def csv_rows(
    text: str, file: str, needed: str, what: str, *others: str
) -> list[Row]:
    """The rows of a CSV file with heads. needed: a head that must be there, it or one of others;
    what: the file that was looked for.

    Raises InputError at the first line that does not fit.
    """
    if text.startswith("#TYPE "):  # Windows PowerShell's Export-Csv
        text = text.partition("\n")[2]
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True
    )
    rows: list[Row] = []
    names: list[str] = []
    try:
        for cells in reader:
            if (
                not any(cell.strip() for cell in cells)
                or set("".join(cells)) <= {"-"}
                or _ROWS_AFFECTED.fullmatch(cells[0])
            ):
                continue  # sqlcmd rules a line under the heads, and counts the rows below them
            if not names:
                names = [fold(cell) for cell in cells]
                if not {fold(needed), *map(fold, others)} & set(names):
                    raise error(
                        file,
                        f"is {what}: it has no {needed}",
                        reader.line_num,
                        1,
                    )
            elif len(cells) != len(names):
                here = counted(len(cells), "column")
                message = f"has {here} here, {len(names)} in its first line"
                raise error(file, message, reader.line_num, 1)
            else:
                pairs = (
                    (name, cell.strip())
                    for name, cell in zip(names, cells, strict=True)
                )
                row = {
                    name: (None if cell in ("", "NULL") else cell)
                    for name, cell in pairs
                }
                rows.append((reader.line_num, row))
    except csv.Error as wrong:
        raise error(
            file, f"is not valid CSV: {wrong}", reader.line_num, 1
        ) from None
    return rows


def fold(key: str) -> str:
    return key.strip().lower().replace("_", "")


def folded(row: Mapping[str, object]) -> Mapping[str, object]:
    return {fold(key): value for key, value in row.items()}


def optional(
    row: Mapping[str, object], read: Callable[[object], T], *keys: str
) -> T | None:
    for key in keys:
        value = row.get(fold(key))
        if value is not None and value != "":
            try:
                return read(value)
            except BadValueError as wrong:
                raise BadValueError(
                    f"{key} is {str(value)[:60]!r}, {wrong}"
                ) from None
    return None


def required(
    row: Mapping[str, object], read: Callable[[object], T], *keys: str
) -> T:
    value = optional(row, read, *keys)
    if value is None:
        raise BadValueError(f"it has no {keys[0]}")
    return value


def as_text(value: object) -> str:
    # the files of a striped backup: the first stands for them
    if isinstance(value, list) and len(value) >= 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadValueError("a text is needed")
    return str(value)


def as_lsn(value: object) -> int:
    number = _whole(value)
    if number is not None and _is_rounded(value):
        raise BadValueError(
            "which has lost its last digits (in a spreadsheet, or as a float): export it "
            "anew, as it is"
        )
    if number is None or not 0 <= number < _LSN_LIMIT:
        raise BadValueError("a whole number of at most 25 digits is needed")
    return number


def as_size(value: object) -> int:
    if isinstance(value, dict):  # a size that was exported as an object
        value = folded(value).get("byte")
    number = _whole(value)
    if number is None or not 0 <= number <= _SIZE_LIMIT:
        raise BadValueError(
            f"a whole number of bytes from 0 to {_SIZE_LIMIT} (1 EiB) is needed"
        )
    return number


def known_size(
    row: Mapping[str, object], mistakes: list[str], *keys: str
) -> int:
    """The first of these sizes that is given; 0 if none is. One that cannot be is a mistake, and
    counts as not given.
    """
    try:
        return optional(row, as_size, *keys) or 0
    except BadValueError as wrong:
        mistakes.append(str(wrong))
        return 0


def as_int(value: object) -> int:
    number = _whole(value)
    if number is None or abs(number) > 1_000_000:
        raise BadValueError("a small whole number is needed")
    return number


def as_whole(value: object) -> int:
    number = _whole(value)
    if number is None or abs(number) >= 2**63:
        raise BadValueError("a whole number is needed")
    return number


def as_bool(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise BadValueError("true or false is needed")
    return text in ("true", "1")


def is_absurd(value: Decimal) -> bool:
    """Tell whether it is no number, or one of so many digits that an int of it takes too long."""
    return not value.is_finite() or value.adjusted() > _MOST_DIGITS


def _whole(value: object) -> int | None:
    """A whole number, however it is written; None if it is none. Never goes through a float."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            return None
    if not isinstance(value, Decimal) or is_absurd(value):
        return None
    return int(value) if value == value.to_integral_value() else None


def _is_rounded(value: object) -> bool:
    """Return whether it is written with an exponent and with fewer digits than it has. Python's and
    a spreadsheet's floats are.
    """
    exponent = Decimal(str(value).strip()).as_tuple().exponent
    return isinstance(exponent, int) and exponent > 0


def zone_offset(row: Mapping[str, object]) -> timedelta | None:
    """Return the offset of the row's local times from UTC, None if it does not say."""
    zone = optional(row, _as_zone, "time_zone")
    return (
        timedelta(minutes=15 * zone)
        if zone is not None and zone != _UNKNOWN_ZONE
        else None
    )


def _as_zone(value: object) -> int:
    zone = as_int(value)
    if zone not in _ZONES and zone != _UNKNOWN_ZONE:
        raise BadValueError(
            "quarter hours from UTC are needed, -48 to 56, or 127 where they are not known"
        )
    return zone


def as_instant(value: object, offset: timedelta | None) -> tuple[int, bool]:
    """(microseconds since 1970 UTC, True if its zone was known). offset: of local time from UTC,
    where the row says.
    """
    if isinstance(value, dict):  # a date that was exported as an object
        value = folded(value).get("value")
    match = (
        _DATE_MS.fullmatch(value.strip())
        if isinstance(value, str)
        else None
    )
    try:
        if match is not None:
            when = _EPOCH + timedelta(milliseconds=int(match[1]))
        elif isinstance(value, str):
            when = datetime.fromisoformat(value.strip())
        else:
            raise ValueError
        known = when.tzinfo is not None or offset is not None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC) - (offset or timedelta())
        if not FIRST_YEAR <= when.year < LAST_YEAR:
            raise ValueError
        return (when - _EPOCH) // timedelta(microseconds=1), known
    except (ValueError, OverflowError):
        raise BadValueError(
            "an instant like 2017-07-15T16:30:00 or /Date(1500136200000)/ is needed"
        ) from None
