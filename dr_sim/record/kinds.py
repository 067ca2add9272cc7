"""The kinds of rows that a journal can hold: their names, numbers and fields.

What really happens is listed in records.py. What machines are told and what they command has a kind
for each class of event and command, with the class's fields; a header of a backup file is spread
out. A kind's number is its place in `KINDS`. It may change from version to version: outside of a
run kinds are told apart by their names.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from dataclasses import dataclass
from typing import Any

from dr_sim.backups.model import BackupHeader
from dr_sim.cloud.commands import COMMANDS as CLOUD_COMMANDS
from dr_sim.cloud.events import EVENTS as CLOUD_EVENTS
from dr_sim.record.encoding import codec_of
from dr_sim.record.records import CLOUD_TRUTH, TRUTH
from dr_sim.recovery.commands import COMMANDS
from dr_sim.recovery.events import EVENTS

ROW_HEAD = 3
"""How many integers stand before a row's fields: seq, time_us, entity."""


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A kind of row. Each field has a name and 'int', 'seen-int', 'str' or 'seen-text'."""

    id: int
    name: str
    fields: tuple[tuple[str, str], ...]


@functools.cache
def hints_of(cls: type) -> tuple[tuple[str, Any], ...]:
    """Return the name and the type of each field of an event, command or header."""
    hints = typing.get_type_hints(cls)
    return tuple((f.name, hints[f.name]) for f in dataclasses.fields(cls))


def fields_of(cls: type) -> tuple[tuple[str, str], ...]:
    """Return a row's fields of an event or command class: a header is spread out."""
    observed = {
        f.name
        for f in dataclasses.fields(cls)
        if f.metadata.get("observed") or f.type == "OwnNumber"
    }
    flat: list[tuple[str, str]] = []
    for name, hint in hints_of(cls):
        if hint is BackupHeader:
            for inner, kind in fields_of(BackupHeader):
                flat.append((f"{name}.{inner}", kind))
        elif hint is str or codec_of(hint) is not None:
            flat.append((name, "seen-text" if name in observed else "str"))
        else:
            flat.append((name, "seen-int" if name in observed else "int"))
    return tuple(flat)


def _all_kinds() -> tuple[RecordKind, ...]:
    named = list(TRUTH)
    for told in (*EVENTS, *COMMANDS):
        named.append((f"seen.{told.__name__}", fields_of(told)))
    named += CLOUD_TRUTH
    for told in (*CLOUD_EVENTS, *CLOUD_COMMANDS):
        named.append((f"cloud.{told.__name__}", fields_of(told)))
    return tuple(
        RecordKind(i, name, fields)
        for i, (name, fields) in enumerate(named)
    )


KINDS = _all_kinds()
KIND_ID: dict[str, int] = {k.name: k.id for k in KINDS}
SEEN_CLASS: dict[int, type] = {
    KIND_ID[f"seen.{c.__name__}"]: c for c in (*EVENTS, *COMMANDS)
}
CLOUD_CLASS: dict[int, type] = {
    KIND_ID[f"cloud.{c.__name__}"]: c
    for c in (*CLOUD_EVENTS, *CLOUD_COMMANDS)
}
"""Names what the cloud manager is told and commands: rows of its own, though it shares some
classes.
"""
