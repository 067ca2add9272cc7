"""The recovery manager's stored values, to text and back.

Each text is read by name and by type. A text that the manager did not write raises
DamagedStoreError: a manager with half of its memory could promise what it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from dr_sim.backups.model import BackupHeader, Kind

T = TypeVar("T")


class DamagedStoreError(Exception):
    """A value in the store was not written by the recovery manager."""

    def __init__(self, key: str, text: str) -> None:
        shown = text if len(text) <= 60 else text[:60] + "..."
        super().__init__(
            f"the store's value under '{key}' is damaged ({shown!r}): put back a copy of the "
            "store, or remove that key; the manager then continues from what it finds at the "
            "secondary"
        )
        self.key = key


def read(key: str, text: str, parse: Callable[[str], T]) -> T:
    """Return the value of the text under that key. Raises DamagedStoreError."""
    try:
        return parse(text)
    except (ValueError, TypeError, KeyError, IndexError):
        raise DamagedStoreError(key, text) from None


def under(
    saved: Mapping[str, str], prefix: str, parse: Callable[[str], T]
) -> dict[str, T]:
    """Return the values of keys with that prefix, by the rest of the key: the name of a file. It
    has no '/': with one it is of a database whose name begins as this one's does.
    """
    begins = len(prefix)
    found: dict[str, T] = {}
    parsed: dict[str, T] = {}  # most files were read once
    for key in [key for key in saved if key.startswith(prefix)]:
        name, text = key[begins:], saved[key]
        if text and "/" not in name:
            if text not in parsed:
                parsed[text] = read(key, text, parse)
            found[name] = parsed[text]
    return found


def of_files(saved: Mapping[str, str]) -> dict[str, str]:
    """Return what a manager has saved of files: another one that takes over the place knows it."""
    return {
        key: text
        for key, text in saved.items()
        if key.startswith(("header/", "attempts/"))
    }


def of_type(value: Any, wanted: type[T]) -> T:
    """Return a value from JSON if it has exactly that type. Raises TypeError."""
    if type(value) is not wanted:
        raise TypeError(f"{value!r} is no {wanted.__name__}")
    return value


def object_of(text: str, keys: Mapping[str, type]) -> dict[str, Any]:
    """Return a JSON object that has exactly these keys, each with a value of that type."""
    found = of_type(json.loads(text), dict)
    if found.keys() != keys.keys():
        raise ValueError("other keys")
    for key, wanted in keys.items():
        of_type(found[key], wanted)
    return found


# ---- the read counter (R5)
def attempts_from_text(text: str) -> int:
    attempts = int(text)
    if attempts < 0:
        raise ValueError("no count")
    return attempts


# ---- headers
_HEADER_TYPES = tuple(
    {"Kind": int, "int": int, "str": str, "bool": bool}[str(field.type)]
    for field in fields(BackupHeader)
)
_HEADER_NAMES = tuple(field.name for field in fields(BackupHeader))
_KIND_PLACE = _HEADER_NAMES.index("kind")


def header_text(header: BackupHeader) -> str:
    """Write a header for the store: fulls and incrementals are not hashed at every restart."""
    values = [getattr(header, name) for name in _HEADER_NAMES]
    return json.dumps(values, ensure_ascii=False)


def header_from_text(text: str) -> BackupHeader:
    values = of_type(json.loads(text), list)
    for value, wanted in zip(values, _HEADER_TYPES, strict=True):
        of_type(value, wanted)
    values[_KIND_PLACE] = Kind(values[_KIND_PLACE])
    return BackupHeader(*values)


# ---- the last restore
_UNTIL = "<"  # no name of a file begins so


@dataclass(slots=True)
class LastRestore:
    """The last successful restore, on both clocks: which file it was, and when that file was
    finished and begun. until_utc_us: the instant before which that restore stopped, by an order; 0:
    the file was restored to its end.
    """

    mono_us: int
    utc_us: int
    modified_utc_us: int = 0
    started_utc_us: int = 0
    # '' if nothing was restored yet: then the clocks say since when the first restore is awaited
    name: str = ""
    until_utc_us: int = 0

    def text(self) -> str:
        name = self.name
        if self.until_utc_us:
            name = f"{_UNTIL}{self.until_utc_us} {name}"
        return restore_text(
            self.mono_us,
            self.utc_us,
            self.modified_utc_us,
            self.started_utc_us,
            name,
        )


def restore_text(
    mono_us: int,
    utc_us: int,
    modified_utc_us: int,
    started_utc_us: int,
    name: str,
) -> str:
    return f"{mono_us} {utc_us} {modified_utc_us} {started_utc_us} {name}"


def last_restore_from_text(text: str) -> LastRestore:
    mono, utc, modified, started, name = text.split(" ", 4)
    until = "0"
    if name.startswith(_UNTIL):
        until, name = name.removeprefix(_UNTIL).split(" ", 1)
    return LastRestore(
        int(mono), int(utc), int(modified), int(started), name, int(until)
    )
