"""The journal: typed records, append-only, one row an event of the run; everything a user sees is
computed from it.

In memory each kind has its rows one after the other, as plain integers: (seq, time, entity, then
the kind's fields in order), seq counting all rows of the run. They are appended to a list, which is
five times as fast as to an array, and `pack` turns lists into arrays now and then. Texts are
interned, so a field holds a text's id. Texts that real engines word differently from run to run
(fields marked seen-text) are interned apart, and the numbers of their errors are marked seen-int.
The digest is BLAKE2b over the rows of each kind and the first table of texts, with seen-text and
seen-int fields blanked; it never sees Parquet bytes. LSNs in a simulated world are bytes of log
since the start and fit 63 bits (nine exabytes); an append of more raises OverflowError.
journal_file.py writes it to a Parquet file and reads it back.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import re
import struct
import typing
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.backups.model import BackupHeader
from dr_sim.cloud.commands import COMMANDS as CLOUD_COMMANDS
from dr_sim.cloud.events import EVENTS as CLOUD_EVENTS
from dr_sim.record.encoding import codec_of
from dr_sim.record.records import CLOUD_TRUTH, TRUTH
from dr_sim.recovery.commands import COMMANDS
from dr_sim.recovery.events import EVENTS

ROW_HEAD = 3  # seq, time_us, entity


Ints = NDArray[Any]
_Sum = tuple[
    int, list[int], list[int]
]  # a constant, and which columns are added and subtracted


@dataclass(frozen=True, slots=True)
class RecordKind:
    id: int
    name: str
    fields: tuple[
        tuple[str, str], ...
    ]  # (name, 'int' | 'seen-int' | 'str' | 'seen-text')


@functools.cache
def _hints(cls: type) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((f.name, hints[f.name]) for f in dataclasses.fields(cls))


def _fields_of(cls: type) -> tuple[tuple[str, str], ...]:
    """The flat record fields of an event or command class: a header is spread out."""
    observed = {
        f.name
        for f in dataclasses.fields(cls)
        if f.metadata.get("observed") or f.type == "OwnNumber"
    }
    flat: list[tuple[str, str]] = []
    for name, hint in _hints(cls):
        if hint is BackupHeader:
            flat += [
                (f"{name}.{n}", t) for n, t in _fields_of(BackupHeader)
            ]
        elif hint is str or codec_of(hint) is not None:
            flat.append((name, "seen-text" if name in observed else "str"))
        else:
            flat.append((name, "seen-int" if name in observed else "int"))
    return tuple(flat)


def _all_kinds() -> tuple[RecordKind, ...]:
    named = list(TRUTH)
    named += [(f"seen.{c.__name__}", _fields_of(c)) for c in EVENTS]
    named += [(f"seen.{c.__name__}", _fields_of(c)) for c in COMMANDS]
    named += CLOUD_TRUTH
    named += [
        (f"cloud.{c.__name__}", _fields_of(c))
        for c in (*CLOUD_EVENTS, *CLOUD_COMMANDS)
    ]
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
_KIND_OF_CLASS = {cls: kind_id for kind_id, cls in SEEN_CLASS.items()}


class Texts(dict[str, int]):
    """Interned texts: table[text] is its id, given on first sight."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def __missing__(self, text: str) -> int:
        if text.__class__ is not str:
            text = str(text)  # an enum's member: its value
        self[text] = number = len(self.all)
        self.all.append(text)
        return number

    def several(self, texts: list[str]) -> list[int]:
        """The ids of texts, interned in their order."""
        first = len(self.all)
        numbers = range(first, first + len(texts))
        new = dict(zip(texts, numbers, strict=True))
        if len(new) < len(texts) or not self.keys().isdisjoint(new):
            return [self[text] for text in texts]
        self.update(new)  # none of them has been seen before
        self.all += texts
        return list(numbers)


class _Known:
    """Interned texts that grow by no text that is asked for."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __getitem__(self, text: str) -> int:
        return self._texts.get(text, -1)


@functools.cache
def _encoder(cls: type) -> Callable[..., tuple[int, ...]]:
    """A function from an event or command to its row's integers, written out once per class for
    speed.
    """
    terms, codecs = _terms(cls)
    encode: Callable[..., tuple[int, ...]] = eval(
        f"lambda e, seq, time_us, entity, t, o: (seq, time_us, entity, {terms})",
        codecs,
    )
    return encode


def _writer(
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
    form = {
        "int": "e.{0}",
        "seen-int": "e.{0}",
        "str": "t[e.{0}]",
        "seen-text": "o[e.{0}]",
    }
    codecs = {
        name: codec
        for name, hint in _hints(cls)
        if (codec := codec_of(hint)) is not None
    }
    terms = []
    for name, kind in _fields_of(cls):
        term = (
            f"t[c_{name}(e.{name})]"
            if name in codecs
            else form[kind].format(name)
        )
        terms.append(f"{term}, ")
    calls = {f"c_{name}": codec.text for name, codec in codecs.items()}
    return "".join(terms), calls


class Pattern:
    """Rows of several kinds that always come together: written as one line of integers, spread out
    by columns when a kind is read. A quiet log's 15 rows cost little more than one that way, and
    those of kinds that nobody reads no room.

    fields: of a line. rows: (kind name, seq, time_us, entity, then the kind's fields), each a sum
    such as 'landed+start', 'at_finish+1' or '-1' of whole numbers and of the line's fields.
    """

    def __init__(
        self, fields: tuple[str, ...], rows: Iterable[tuple[str, ...]]
    ) -> None:
        self.lines = bytearray()
        self._in_order = itemgetter(*fields)
        self._pack = struct.Struct(f"={len(fields)}q").pack
        self._width = len(fields)
        self._rows = _rows_as_sums(fields, tuple(rows))
        self._rows_of_line: (
            list[Callable[[tuple[int, ...]], tuple[int, ...]]] | None
        ) = None
        self._blocks: list[Ints] = []  # lines, a column each field
        self._sums_of_kind: dict[int, list[list[_Sum]]] = {}
        for kind_id, sums in self._rows:
            self._sums_of_kind.setdefault(kind_id, []).append(sums)
        # how many of the blocks each kind has read
        self._read = dict.fromkeys(self._sums_of_kind, 0)

    @property
    def kinds(self) -> Iterable[int]:
        """The ids of the kinds that a line has rows of."""
        return self._sums_of_kind

    def write(self, columns: Mapping[str, Iterable[int]]) -> None:
        """Lines in any order, by columns: of each field its values, or repeat(value), but one at
        the least that ends. Raises struct.error for what does not fit 63 bits.
        """
        self.lines += b"".join(map(self._pack, *self._in_order(columns)))

    def lately(self, first: int, last: int) -> list[list[tuple[int, ...]]]:
        """The rows, (kind id, seq, time_us, entity, fields ...), that each of some lines stands
        for. Lines are counted back from the end of what was written since it was last read: first
        -3, last -1 are the last line but two and the next.
        """
        size = 8 * self._width
        end = len(self.lines)
        lines = struct.iter_unpack(
            f"={self._width}q",
            self.lines[end + first * size : end + last * size],
        )
        if self._rows_of_line is None:
            self._rows_of_line = [
                _row_of_line(kind_id, sums) for kind_id, sums in self._rows
            ]
        found = []
        for line in lines:
            found.append([row(line) for row in self._rows_of_line])
        return found

    def unread(self, kind_id: int) -> Iterator[Ints]:
        """Yield the rows of a kind of its own that lines stand for, of those written since it was
        last asked for that kind.
        """
        if self.lines:
            self._blocks.append(
                np.frombuffer(bytes(self.lines), dtype=np.int64)
                .reshape(-1, self._width)
                .T.copy()
            )
            self.lines.clear()
        for lines in self._blocks[self._read[kind_id] :]:
            for sums in self._sums_of_kind[kind_id]:
                yield _spread(sums, lines)
        self._read[kind_id] = len(self._blocks)
        if min(self._read.values()) == len(
            self._blocks
        ):  # nobody needs the lines any more
            self._blocks.clear()
            self._read = dict.fromkeys(self._read, 0)


@functools.cache
def _rows_as_sums(
    fields: tuple[str, ...], rows: tuple[tuple[str, ...], ...]
) -> list[tuple[int, list[_Sum]]]:
    """Return the id of each row's kind, and its columns as sums; each run has the same patterns."""
    place = {name: i for i, name in enumerate(fields)}
    found = []
    for kind_name, *columns in rows:
        kind_id = KIND_ID[kind_name]
        sums = [_sum_of(text, place) for text in columns]
        if len(sums) != ROW_HEAD + len(KINDS[kind_id].fields):
            raise ValueError(
                f"a row of {kind_name} has not {len(sums)} columns"
            )
        found.append((kind_id, sums))
    return found


def _spread(sums: list[_Sum], lines: Ints) -> Ints:
    columns = np.empty((len(sums), lines.shape[1]), dtype=np.int64)
    for column, (constant, plus, minus) in zip(columns, sums, strict=True):
        column[:] = lines[plus[0]] if plus else 0
        for i in plus[1:]:
            column += lines[i]
        for i in minus:
            column -= lines[i]
        if constant:
            column += constant
    return columns.T


def _row_of_line(
    kind_id: int, sums: list[_Sum]
) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    """A function from a line to the row of that kind, written out once for speed, as `_encoder`
    is.
    """
    columns = []
    for constant, plus, minus in sums:
        terms = [f"+v[{i}]" for i in plus]
        terms += [f"-v[{i}]" for i in minus]
        columns.append(f"{constant}{''.join(terms)}")
    return _compiled(f"lambda v: ({kind_id}, {', '.join(columns)})")


@functools.cache
def _compiled(
    function: str,
) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    made: Callable[[tuple[int, ...]], tuple[int, ...]] = eval(function)
    return made


def _sum_of(text: str, place: dict[str, int]) -> _Sum:
    """'a+b-c-2' as (-2, [places of a and b], [place of c])."""
    constant = 0
    terms: dict[int, list[int]] = {1: [], -1: []}
    for sign, word in re.findall(r"([+-]?)(\w+)", text):
        factor = -1 if sign == "-" else 1
        if word.isdigit():
            constant += factor * int(word)
        else:
            terms[factor].append(place[word])
    return constant, terms[1], terms[-1]


def _number_of(value: int | str, table: Texts) -> int:
    return value if isinstance(value, int) else table[value]


def _packed(numbers: list[int]) -> Ints:
    """The numbers as an array; the list is empty afterwards."""
    packed = array("q")
    packed.fromlist(numbers)  # twice as fast as numpy from a list
    numbers.clear()
    return np.frombuffer(packed, dtype=np.int64)


@dataclass(slots=True)
class Row:
    seq: int
    kind: str
    time_us: int
    entity: int
    values: dict[str, Any]


class Journal:
    """Append-only records of one run. Not thread-safe."""

    def __init__(self) -> None:
        self._fresh: list[list[int]] = [[] for _ in KINDS]
        self._packed: list[list[Ints]] = [[] for _ in KINDS]
        self._count = 0
        self._packed_count = (
            0  # the rows that there were when it was last packed
        )
        self.texts = Texts()
        self.seen_texts = Texts()
        self._noted: dict[str, tuple[Callable[..., None], int]] = {}
        self._encoders = {
            c: (self._fresh[i], _encoder(c)) for i, c in SEEN_CLASS.items()
        }
        self._cloud_writers = {
            c: _writer(c, self._fresh[i], self.texts, self.seen_texts)
            for i, c in CLOUD_CLASS.items()
        }
        self._index: tuple[int, Ints, Ints] | None = None
        self._patterns_of: list[list[Pattern]] = [[] for _ in KINDS]

    def __len__(self) -> int:
        return self._count

    def append(
        self, kind_id: int, time_us: int, entity: int, *values: int
    ) -> None:
        """One row; values are the kind's fields in order, texts already interned."""
        self._fresh[kind_id].extend((self._count, time_us, entity, *values))
        self._count += 1

    def take(self, rows: int) -> int:
        """Make room for rows that come next, part of a line of a pattern; return the first seq."""
        seq = self._count
        self._count = seq + rows
        return seq

    def pattern(
        self, fields: tuple[str, ...], rows: Iterable[tuple[str, ...]]
    ) -> Pattern:
        """A pattern to write lines of; their seqs are to be had from `take`."""
        pattern = Pattern(fields, rows)
        for kind_id in pattern.kinds:
            self._patterns_of[kind_id].append(pattern)
        return pattern

    def take_columns(self, kind_id: int, rows: Ints) -> None:
        """Rows of a kind as a table, as of_kind gives them."""
        self._packed[kind_id].append(
            np.ascontiguousarray(rows, dtype=np.int64).reshape(-1)
        )
        self._count += len(rows)

    def note(
        self, kind_name: str, time_us: int, entity: int, *values: int | str
    ) -> None:
        """One row with texts as they are; for rows that are rare."""
        write, fields = self._noted.get(kind_name) or self._noter(kind_name)
        if len(values) != fields:
            raise ValueError(
                f"{kind_name} takes {fields} values, not {len(values)}"
            )
        write(self._count, time_us, entity, *values)
        self._count += 1

    def _noter(self, kind_name: str) -> tuple[Callable[..., None], int]:
        """A function that writes a row of a kind, and how many fields it has."""
        kind = KINDS[KIND_ID[kind_name]]
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
                "extend": self._fresh[kind.id].extend,
                "t": self.texts,
                "o": self.seen_texts,
                "number_of": _number_of,
            },
        )
        noted = self._noted[kind_name] = (write, len(names))
        return noted

    def as_row(
        self, told: Any, seq: int, time_us: int, entity: int
    ) -> tuple[int, ...]:
        """The row that `record` would write of it, after its kind's id; -1 for a text that no row
        has.
        """
        _, encode = self._encoders[told.__class__]
        texts, seen_texts = _Known(self.texts), _Known(self.seen_texts)
        return (
            _KIND_OF_CLASS[told.__class__],
            *encode(told, seq, time_us, entity, texts, seen_texts),
        )

    def as_told(self, row: tuple[int, ...]) -> Any:
        """The event or command that such a row stands for."""
        return _rebuilt(
            SEEN_CLASS[row[0]],
            self._row(KINDS[row[0]], list(row[1:])).values,
            "",
        )

    def record(self, told: Any, time_us: int, entity: int) -> None:
        """One event or command, whole."""
        rows, encode = self._encoders[told.__class__]
        rows.extend(
            encode(
                told,
                self._count,
                time_us,
                entity,
                self.texts,
                self.seen_texts,
            )
        )
        self._count += 1

    def record_cloud(self, told: Any, time_us: int, entity: int) -> None:
        """One event or command of the cloud manager, whole."""
        self._cloud_writers[told.__class__](
            told, self._count, time_us, entity
        )
        self._count += 1

    # ---- reading
    def of_kind(self, kind_id: int) -> Ints:
        """All rows of a kind as a table of int64: seq, time_us, entity, then the kind's fields."""
        self.pack()
        chunks = self._packed[kind_id]
        width = ROW_HEAD + len(KINDS[kind_id].fields)
        by_lines = [
            rows
            for pattern in self._patterns_of[kind_id]
            for rows in pattern.unread(kind_id)
        ]
        if by_lines:
            rows = np.concatenate(
                [chunk.reshape(-1, width) for chunk in chunks] + by_lines
            )
            chunks[:] = [
                rows[np.argsort(rows[:, 0], kind="stable")].reshape(-1)
            ]
        elif len(chunks) > 1:
            chunks[:] = [np.concatenate(chunks)]
        return (
            chunks[0].reshape(-1, width)
            if chunks
            else np.zeros((0, width), np.int64)
        )

    def pack(self) -> None:
        """Pack what was appended since the last time: a fifth of the memory."""
        if self._packed_count == self._count:
            return
        self._packed_count = self._count
        for fresh, chunks in zip(self._fresh, self._packed, strict=True):
            if fresh:
                chunks.append(_packed(fresh))

    def kinds(self) -> Ints:
        """The kind of every row, by seq."""
        return self._places()[0]

    def _places(self) -> tuple[Ints, Ints]:
        """For every seq: its kind, and its place among the rows of that kind."""
        if self._index is None or self._index[0] != self._count:
            kinds = np.full(self._count, -1, dtype=np.int64)
            places = np.zeros(self._count, dtype=np.int64)
            for kind in KINDS:
                seqs = self.of_kind(kind.id)[:, 0]
                kinds[seqs] = kind.id
                places[seqs] = np.arange(len(seqs))
            self._index = (self._count, kinds, places)
        return self._index[1:]

    def row(self, seq: int) -> Row:
        kinds, places = self._places()
        kind = KINDS[int(kinds[seq])]
        return self._row(
            kind, self.of_kind(kind.id)[int(places[seq])].tolist()
        )

    def _row(self, kind: RecordKind, data: list[int]) -> Row:
        values: dict[str, Any] = {}
        for (name, type_), raw in zip(
            kind.fields, data[ROW_HEAD:], strict=True
        ):
            values[name] = (
                raw
                if type_ in ("int", "seen-int")
                else (
                    self.texts if type_ == "str" else self.seen_texts
                ).all[raw]
            )
        return Row(data[0], kind.name, data[1], data[2], values)

    def rows(self, *kind_names: str) -> Iterator[Row]:
        """Rows of these kinds in order (of all kinds if none is named)."""
        if not kind_names:
            yield from (self.row(i) for i in range(len(self)))
            return
        # the others are not looked at
        kinds = [KINDS[KIND_ID[name]] for name in dict.fromkeys(kind_names)]
        tables = [self.of_kind(kind.id) for kind in kinds]
        which = np.repeat(
            np.arange(len(kinds)), [len(table) for table in tables]
        )
        places = np.concatenate([np.arange(len(table)) for table in tables])
        order = np.argsort(
            np.concatenate([table[:, 0] for table in tables]), kind="stable"
        )
        for i, place in zip(
            which[order].tolist(), places[order].tolist(), strict=True
        ):
            yield self._row(kinds[i], tables[i][place].tolist())

    def told(self, seq: int) -> Any:
        """The event or command of a seen.* row as the object that it was."""
        row = self.row(seq)
        kind_id = KIND_ID[row.kind]
        return _rebuilt(
            SEEN_CLASS.get(kind_id) or CLOUD_CLASS[kind_id], row.values, ""
        )

    def text(self, number: int) -> str:
        return self.texts.all[number]

    # ---- digest
    def digest(self) -> str:
        """64 hex digits over the logical rows; the same for one scenario and seed wherever it
        runs.
        """
        h = hashlib.blake2b(digest_size=32)
        for kind in sorted(KINDS, key=lambda kind: kind.name):
            rows = self.of_kind(kind.id).copy()
            if not len(rows):
                continue  # so a kind of record more changes no digest of runs that have none
            for j, (_, type_) in enumerate(kind.fields, ROW_HEAD):
                if type_ in ("seen-int", "seen-text"):
                    rows[:, j] = 0
            h.update(f"{kind.name} {len(rows)}\n".encode())
            h.update(rows.astype("<i8").tobytes())
        for text in self.texts.all:
            h.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return h.hexdigest()


def _rebuilt(cls: type, values: dict[str, Any], prefix: str) -> Any:
    """An event, command or header from its flat fields, each of its declared type again."""
    arguments = {}
    for name, hint in _hints(cls):
        if hint is BackupHeader:
            arguments[name] = _rebuilt(BackupHeader, values, f"{name}.")
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
