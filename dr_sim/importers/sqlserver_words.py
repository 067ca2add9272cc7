"""Words and numbers of msdb and of its scripting tools for kinds of backups and of devices."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.importers.cells import BadValueError, as_int

_KINDS = {
    "database": Kind.FULL,
    "full": Kind.FULL,
    "d": Kind.FULL,
    "1": Kind.FULL,
    "database differential": Kind.INCREMENTAL,
    "differential": Kind.INCREMENTAL,
    "i": Kind.INCREMENTAL,
    "5": Kind.INCREMENTAL,
    "transaction log": Kind.LOG,
    "log": Kind.LOG,
    "l": Kind.LOG,
    "2": Kind.LOG,
}
_FOREIGN = {
    "f": "file",
    "file": "file",
    "filegroup": "file",
    "file or filegroup": "file",
    "4": "file",
    "g": "differential file",
    "differential file": "differential file",
    "file differential": "differential file",
    "6": "differential file",
    "p": "partial",
    "partial": "partial",
    "partial full": "partial",
    "7": "partial",
    "q": "differential partial",
    "differential partial": "differential partial",
    "partial differential": "differential partial",
    "8": "differential partial",
}
_DEVICES = {
    "disk": 2,
    "tape": 5,
    "pipe": 6,
    "virtual device": 7,
    "url": 9,
    "permanent disk device": 102,
    "permanent tape device": 105,
    "permanent pipe device": 106,
    "permanent virtual device": 107,
    "permanent url": 109,
}
_UNKNOWN_DEVICE = 0


class SkippedError(Exception):
    """Why a row is no backup of a whole database: 'file', 'unfinished', ..."""


def as_device(value: object) -> int:
    """msdb's number of a device; exports of dbatools have a word. One that nobody knows is no
    reason to refuse a row.
    """
    if isinstance(value, str) and not value.strip().isdigit():
        return _DEVICES.get(value.strip().lower(), _UNKNOWN_DEVICE)
    return as_int(value)


def as_kind(value: object) -> Kind:
    word = (
        str(value).strip().lower()
        if isinstance(value, (str, int)) and not isinstance(value, bool)
        else ""
    )
    if word in _FOREIGN:
        raise SkippedError(_FOREIGN[word])
    kind = _KINDS.get(word)
    if kind is None:
        raise BadValueError(
            "one of Database (D), Database Differential (I), Transaction Log (L) is needed"
        )
    return kind
