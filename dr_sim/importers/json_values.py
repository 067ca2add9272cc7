"""JSON out of what a tool printed: warnings around it, several values in one file, instants and
LSNs as it writes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from dr_sim.importers.cells import (
    BadInstantError,
    BadValueError,
    error,
    is_absurd,
)
from dr_sim.scenario.fields.times import FIRST_YEAR, LAST_YEAR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOG_LINE = re.compile(
    r"\b(WARN|WARNING|INFO|ERROR|DEBUG|DETAIL|HINT|NOTICE|LOG|P\d\d)\b"
)
_WAL_NAME = re.compile(r"[0-9A-F]{24}")
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_LARGEST = 2**62
_ASCTIME = "%a %b %d %H:%M:%S %Y"
NO_LSN = 0  # InvalidXLogRecPtr


def json_values(text: str, file: str) -> list[object]:
    """Every JSON list or object that begins at the start of a line. Raises InputError if there is
    none, or one is broken.
    """
    decoder = json.JSONDecoder(
        parse_float=Decimal, parse_constant=_no_number
    )
    found: list[object] = []
    at = 0
    while at < len(text):
        line_end = text.find("\n", at)
        line_end = len(text) if line_end < 0 else line_end
        if text[at : at + 1] not in ("[", "{"):
            at = line_end + 1
            continue
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as wrong:
            if wrong.pos <= line_end and _LOG_LINE.search(
                text, at, line_end
            ):
                at = line_end + 1
                continue
            raise error(
                file,
                f"is not valid JSON: {wrong.msg}",
                wrong.lineno,
                wrong.colno,
            ) from None
        except (RecursionError, ValueError):
            raise error(
                file,
                "is not valid JSON: it nests too deep, or holds a number that none is",
            ) from None
        end_of_line = text.find("\n", end)
        rest = text[end : end_of_line if end_of_line >= 0 else len(text)]
        # else a line of a log that begins with '[1]', say
        if not (rest.strip() and _LOG_LINE.search(text, at, line_end)):
            found.append(value)
        at = end
    if not found:
        raise error(
            file, "holds no JSON list or object at the start of a line"
        )
    return found


def _no_number(text: str) -> object:
    raise ValueError(text)


def number_of(row: Mapping[str, object], *path: str) -> int | None:
    """A whole number at a path of keys, None if it is absent or null. Raises BadValueError for
    anything else.
    """
    value = at_path(row, *path)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            value = False
    if isinstance(value, Decimal) and is_absurd(value):
        value = False
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, Decimal))
        or abs(int(value)) >= _LARGEST
    ):
        raise BadValueError(
            f"{'.'.join(path)} is {str(at_path(row, *path))[:40]!r}, a number is needed"
        )
    return int(value)


def size_of(
    row: Mapping[str, object], mistakes: list[str], *path: str
) -> int | None:
    """A number of bytes at a path of keys, at least 0; None if it is absent or null. One that
    cannot be is a mistake, and counts as absent.
    """
    try:
        found = number_of(row, *path)
    except BadValueError as wrong:
        mistakes.append(str(wrong))
        return None
    return None if found is None else max(found, 0)


def text_of(row: Mapping[str, object], *path: str) -> str:
    """A text at a path of keys, '' if it is absent or null."""
    value = at_path(row, *path)
    if value is None:
        return ""
    if isinstance(value, (bool, Mapping, list)):
        raise BadValueError(
            f"{'.'.join(path)} is {str(value)[:40]!r}, a text is needed"
        )
    return str(value)


def at_path(row: object, *path: str) -> object:
    for key in path:
        if not isinstance(row, Mapping):
            return None
        row = row.get(key)
    return row


def instant_of(row: Mapping[str, object], *path: str) -> int | None:
    """Microseconds since 1970 UTC of epoch seconds, ISO 8601, or the C library's text; without a
    zone it is UTC.
    """
    value = at_path(row, *path)
    if value is None or value == "":
        return None
    if isinstance(value, (int, Decimal)) or (
        isinstance(value, str)
        and re.fullmatch(r"\d+(\.\d+)?", value.strip())
    ):
        try:
            seconds = Decimal(str(value))
            if is_absurd(seconds):
                raise BadInstantError(_no_instant(path, value))
            us = int(seconds * 1_000_000)
            when = _EPOCH + timedelta(microseconds=us)
        except (InvalidOperation, OverflowError):
            raise BadInstantError(_no_instant(path, value)) from None
    else:
        when = _from_text(path, value)
    if not FIRST_YEAR <= when.year < LAST_YEAR:
        raise BadInstantError(_no_instant(path, value))
    return (when - _EPOCH) // timedelta(microseconds=1)


def _from_text(path: tuple[str, ...], value: object) -> datetime:
    text = value.strip() if isinstance(value, str) else ""
    for read in (
        datetime.fromisoformat,
        lambda text: datetime.strptime(text, _ASCTIME),
    ):
        try:
            when = read(text)
            return (
                when.replace(tzinfo=UTC)
                if when.tzinfo is None
                else when.astimezone(UTC)
            )
        except (ValueError, OverflowError):
            continue
    raise BadInstantError(_no_instant(path, value))


def _no_instant(path: tuple[str, ...], value: object) -> str:
    return (
        f"{'.'.join(path)} is {str(value)[:40]!r}, epoch seconds or an instant like "
        "2024-05-01T10:00:00Z are needed"
    )


def lsn_of(row: Mapping[str, object], *path: str) -> int | None:
    """An LSN: decimal, or hexadecimal with a slash; None if absent, null or 0, which is
    PostgreSQL's 'none'.
    """
    value = at_path(row, *path)
    if value is None or value == "":
        return None
    if isinstance(value, str) and "/" in value:
        return parse_lsn(value, ".".join(path)) or None
    return number_of(row, *path) or None


def lsns_of(first: int | None, last: int | None) -> tuple[int, int] | None:
    """Return both LSNs of a backup, if both are given."""
    return None if first is None or last is None else (first, last)


def parse_lsn(text: str, what: str) -> int:
    match = _LSN.fullmatch(text.strip())
    if match is None:
        raise BadValueError(
            f"{what} is {text[:40]!r}, an LSN like 285/89000028 is needed"
        )
    return int(match[1], 16) << 32 | int(match[2], 16)


def lsn_text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def wal_name_of(row: Mapping[str, object], *path: str) -> str:
    """The name of a WAL segment in capitals; '' if it is absent, null, or no such name."""
    value = at_path(row, *path)
    name = value.strip().upper()[:24] if isinstance(value, str) else ""
    return name if _WAL_NAME.fullmatch(name) else ""
