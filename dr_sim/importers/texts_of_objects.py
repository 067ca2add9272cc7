"""Reads cells that Export-Csv makes of objects, as of the backup history of dbatools: each cell is
an object's own text, in the language of the machine.

A list says nothing but its type; a size is rounded for people (4.48 MB); a date has its parts in
the order of the country (5/4/2017 7:42:17 AM). That order is told by a part beyond 12, or by a full
stop between the parts; else by the LSNs, in whose order backups of one database end. Where nothing
tells it, the file is refused: the wrong order would give wrong instants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from dr_sim.importers.cells import Row, error

_LIST = re.compile(r"System\.(?:String|Object)\[\]|System\.Collections\..+")
_SIZE = re.compile(r"([\d.,' \u00a0\u202f\u2019]*\d) ?(B|KB|MB|GB|TB)")
_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_DATE = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2 ?(\d{4}),? +"
    r"(\d{1,2})[:.](\d\d)[:.](\d\d)(?:[ \u202f]*([AaPp])\.? ?[Mm]\.?)?"
)
_DATES = ("start", "end", "backupstartdate", "backupfinishdate")
_SIZES = (
    "totalsize",
    "compressedbackupsize",
    "backupsize",
)
_ORDER = (
    "writes dates like {0!r}, and nothing tells whether the day or the month comes first: "
    "export them as ISO 8601 (2017-05-04T07:42:17)"
)


def plain_rows(rows: Sequence[Row], file: str) -> list[Row]:
    """Return the rows with dates as ISO 8601, sizes in bytes, and without lists that hold nothing.
    Raises InputError where the order of day and month is not known.
    """
    day_first = _is_day_first(rows, file)
    return [(line, _plain(row, day_first)) for line, row in rows]


def _plain(
    row: Mapping[str, object], day_first: bool
) -> Mapping[str, object]:
    plain: dict[str, object] = {}
    for key, value in row.items():
        text = value if isinstance(value, str) else ""
        plain[key] = value
        if _LIST.fullmatch(text):
            plain[key] = None
        elif key in _DATES and (date := _DATE.fullmatch(text)):
            plain[key] = _iso(date, day_first)
        elif key in _SIZES and (size := _SIZE.fullmatch(text)):
            plain[key] = _bytes(size)
    return plain


def _bytes(size: re.Match[str]) -> int:
    """Return the bytes of a size that is rounded to two decimals, with either separator."""
    digits = re.split(r"[.,](?=\d{1,2}$)", size[1])
    whole = re.sub(r"\D", "", digits[0]) or "0"
    decimals = digits[1] if len(digits) > 1 else "0"
    return int(Decimal(f"{whole}.{decimals}") * _UNITS[size[2]])


def _iso(date: re.Match[str], day_first: bool) -> str:
    day, month = (date[1], date[3]) if day_first else (date[3], date[1])
    hour = int(date[5])
    if date[8]:
        hour = hour % 12 + (12 if date[8] in "Pp" else 0)
    return f"{date[4]}-{month:0>2}-{day:0>2}T{hour:02}:{date[6]}:{date[7]}"


def _is_day_first(rows: Sequence[Row], file: str) -> bool:
    texts: dict[str, re.Match[str]] = {}
    for _, row in rows:
        for key in _DATES:
            date = _DATE.fullmatch(str(row.get(key) or ""))
            if date:
                texts[date[0]] = date
    found = list(texts.values())
    if all(_iso(date, True) == _iso(date, False) for date in found):
        return True
    possible = [
        order for order in (True, False) if _are_dates(found, order)
    ]
    if len(possible) == 2 and any(date[2] == "." for date in found):
        return True
    if len(possible) == 2:
        possible = [order for order in possible if _in_order(rows, order)]
    if len(possible) != 1:
        raise error(file, _ORDER.format(found[0][0]))
    return possible[0]


def _are_dates(found: Sequence[re.Match[str]], day_first: bool) -> bool:
    return all(_is_date(date, day_first) for date in found)


def _is_date(date: re.Match[str], day_first: bool) -> bool:
    try:
        datetime.fromisoformat(_iso(date, day_first))
    except ValueError:
        return False
    return True


def _in_order(rows: Sequence[Row], day_first: bool) -> bool:
    """Return whether log backups of each database and fork end in the order of their LSNs."""
    ends: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for _, row in rows:
        date = _DATE.fullmatch(
            str(row.get("end") or row.get("backupfinishdate") or "")
        )
        lsn = str(row.get("lastlsn") or "")
        if date and lsn.isdigit():
            names = ("database", "databasename")
            key = (
                str([row.get(name) for name in names]),
                str(row.get("lastrecoveryforkguid")),
            )
            ends.setdefault(key, []).append(
                (int(lsn), _iso(date, day_first))
            )
    return all(
        first[1][:10] <= second[1][:10]
        for own in ends.values()
        for first, second in pairwise(sorted(own))
    )
