"""How an event or command becomes a row of integers, and is made of one again.

A run writes a row for each event and command, so the way there must be short: for each class one
function is written out as Python source, with a term for each field, and compiled once. The way
back is for readers and takes its time.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from typing import Any

from dr_sim.backups.model import BackupHeader
from dr_sim.record.encoding import codec_of
from dr_sim.record.kinds import RecordKind, fields_of, hints_of
from dr_sim.record.texts import Texts

_TERM = {
    "int": "e.{0}",
    "seen-int": "e.{0}",
    "str": "t[e.{0}]",
    "seen-text": "o[e.{0}]",
}
"""The integer of a field of an event e; t and o are the tables of texts."""


@functools.cache
def encoder_of(cls: type) -> Callable[..., tuple[int, ...]]:
    """A function from an event or command to its row's integers."""
    terms, codecs = _terms(cls)
    encode: Callable[..., tuple[int, ...]] = eval(
        f"lambda e, seq, time_us, entity, t, o: (seq, time_us, entity, {terms})",
        codecs,
    )
    return encode


def writer_of(
    cls: type, rows: list[int], texts: Texts, seen_texts: Texts
) -> Callable[[Any, int, int, int], None]:
    """A function that writes an event or command as a row of its kind's: the same integers, and a
    call less.
    """
    terms, codecs = _terms(cls)
    write: Callable[[Any, int, int, int], None] = eval(
        f"lambda e, seq, time_us, entity: extend((seq, time_us, entity, {terms}))",
        {**codecs, "extend": rows.extend, "t": texts, "o": seen_texts},
    )
    return write


def _terms(cls: type) -> tuple[str, dict[str, Any]]:
    """The expression of each field's integer, of an event or command e, and what they call."""
    codecs = {
        name: codec
        for name, hint in hints_of(cls)
        if (codec := codec_of(hint)) is not None
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
    kind: RecordKind, rows: list[int], texts: Texts, seen_texts: Texts
) -> Callable[..., None]:
    """A function that writes a row of a kind from its values, texts as they are."""
    names = [f"v{i}" for i in range(len(kind.fields))]
    terms = []
    for name, (_, of) in zip(names, kind.fields, strict=True):
        table = "o" if of == "seen-text" else "t"
        usual, then = (
            ("int", name)
            if of in ("int", "seen-int")
            else ("str", f"{table}[{name}]")
        )
        other = f"number_of({name}, {table})"
        terms.append(
            f"{then} if {name}.__class__ is {usual} else {other}, "
        )
    write: Callable[..., None] = eval(
        f"lambda seq, time_us, entity, {', '.join(names)}: "
        f"extend((seq, time_us, entity, {''.join(terms)}))",
        {
            "extend": rows.extend,
            "t": texts,
            "o": seen_texts,
            "number_of": _number_of,
        },
    )
    return write


def _number_of(value: int | str, table: Texts) -> int:
    return value if isinstance(value, int) else table[value]


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
