"""How an event or command becomes a row of integers, and is made of one again.

A run writes a row for each event and command, so the way there must be short: for each class one
function is written out as Python source, with a term for each field, and compiled once. The way
back is for readers and takes its time.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from dr_sim.backups.model import BackupHeader
from dr_sim.record.encoding import codec_of
from dr_sim.record.kinds import RecordKind, fields_of, hints_of

_TERM = {
    "int": "e.{0}",
    "seen-int": "e.{0}",
    "str": "t[e.{0}]",
    "seen-text": "o[e.{0}]",
}
"""The integer of a field of an event e; t and o are the tables of texts."""

_VALUE = {
    "int": "{0}",
    "seen-int": "{0}",
    "str": "t[{0}]",
    "seen-text": "o[{0}]",
}
"""The integer of a value of a field."""
Recorder = Callable[[Any, int], None]
"""A function that writes one class of event or command: record(told, time_us)."""


@functools.cache
def encoder_of(cls: type) -> Callable[..., tuple[int, ...]]:
    """A function from an event or command to its row's integers."""
    terms, codecs = _terms(cls)
    encode: Callable[..., tuple[int, ...]] = eval(
        f"lambda e, seq, time_us, entity, t, o: (seq, time_us, entity, {terms})",
        codecs,
    )
    return encode


_RECORD = """\
def record(e, time_us):
    seq = journal._count
    journal._count = seq + 1
    extend(pack(seq, time_us, {entity}, {terms}))
"""
_NOTE = """\
def note(time_us, entity, {names}):
    seq = journal._count
    journal._count = seq + 1
    extend(pack(seq, time_us, entity, {terms}))
"""


@functools.cache
def _code(function: str) -> CodeType:
    return compile(function, "<a row of the journal>", "exec")


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a row. named_by: the field that names it, or nothing. index: the entity of
    each name; otherwise: that of other names, and where no field names one.
    """

    named_by: str = ""
    index: Mapping[str, int] = field(default_factory=dict)
    otherwise: int = -1


def recorder_of(
    cls: type, subject: Subject, journal: dict[str, Any]
) -> Recorder:
    """A function that writes an event or command of that class as the next row of a journal, at an
    instant. journal: its names, as Journal._names_of gives them.
    """
    terms, codecs = _terms(cls)
    entity = "otherwise"
    if subject.named_by:
        entity = f"index.get(e.{subject.named_by}, otherwise)"
    calls = {
        **journal,
        **codecs,
        "index": subject.index,
        "otherwise": subject.otherwise,
    }
    exec(_code(_RECORD.format(entity=entity, terms=terms)), calls)
    recorder: Recorder = calls["record"]
    return recorder


def _terms(cls: type) -> tuple[str, dict[str, Any]]:
    """The expression of each field's integer, of an event or command e, and what they call."""
    codecs = {
        name: codec
        for name, hint in hints_of(cls)
        if (codec := codec_of(hint)) is not None
        and codec.text is not str  # the table takes a member for its text
    }
    terms = []
    for name, kind in fields_of(cls):
        term = (
            f"t[c_{name}(e.{name})]"
            if name in codecs
            else _TERM[kind].format(name)
        )
        terms.append(f"{term}, ")
    calls = {f"c_{name}": codec.text for name, codec in codecs.items()}
    return "".join(terms), calls


def noter_of(
    kind: RecordKind, journal: dict[str, Any]
) -> Callable[..., None]:
    """A function that writes the next row of a journal from its values, each a text or a whole
    number as its field is. journal: its names, as Journal._names_of gives them.
    """
    names = [f"v{i}" for i in range(len(kind.fields))]
    terms = []
    for name, (_, of) in zip(names, kind.fields, strict=True):
        terms.append(_VALUE[of].format(name))
    calls = dict(journal)
    function = _NOTE.format(names=", ".join(names), terms=", ".join(terms))
    exec(_code(function), calls)
    note: Callable[..., None] = calls["note"]
    return note


def rebuilt(cls: type, values: dict[str, Any], prefix: str = "") -> Any:
    """An event, command or header from its flat fields, each of its declared type again."""
    arguments = {}
    for name, hint in hints_of(cls):
        if hint is BackupHeader:
            arguments[name] = rebuilt(BackupHeader, values, f"{name}.")
        else:
            arguments[name] = _value_of(hint, values[prefix + name])
    return cls(**arguments)


def _value_of(hint: Any, recorded: Any) -> Any:
    """A field of its declared type again. Raises ValueError if it can be of no such type."""
    codec = codec_of(hint)
    if codec is not None:
        return codec.value(recorded)
    if isinstance(hint, type) and issubclass(hint, (bool, enum.IntEnum)):
        return hint(recorded)
    return recorded
