"""The journal: typed records, append-only, one row an event of the run; everything a user sees is
computed from it.

In memory each kind (kinds.py) has its rows one after the other, as plain integers: (seq, time,
entity, then the kind's fields in order), seq counting all rows of the run. Each row is appended as
bytes, 64 bits a number, by a function that is written out for its kind (row_code.py); `pack` turns
the bytes of each kind into an array now and then. Rows that always come together are written as one
line of a pattern (patterns.py). Texts are interned (texts.py), so a field holds a text's id. Texts
that real engines word differently from run to run (fields marked seen-text) are interned apart, and
the numbers of their errors are marked seen-int.
The digest is BLAKE2b over the rows of each kind and the first table of texts, with seen-text and
seen-int fields blanked; it never sees Parquet bytes. LSNs in a simulated world are bytes of log
since the start and fit 63 bits (nine exabytes); an append of more raises struct.error.
journal_file.py writes it to a Parquet file and reads it back.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.blocks import Block, Blocks, held
from dr_sim.record.columns import Columns, KindByColumns, Parted
from dr_sim.record.kinds import (
    CLOUD_CLASS,
    KIND_ID,
    KINDS,
    ROW_HEAD,
    SEEN_CLASS,
    RecordKind,
)
from dr_sim.record.patterns import Pattern
from dr_sim.record.row_code import (
    Recorder,
    Subject,
    encoder_of,
    noter_of,
    rebuilt,
    recorder_of,
)
from dr_sim.record.texts import KnownTexts, Texts

Ints = NDArray[Any]

_KIND_OF_CLASS = {cls: kind_id for kind_id, cls in SEEN_CLASS.items()}
_CLOUD_KIND_OF_CLASS = {
    cls: kind_id for kind_id, cls in CLOUD_CLASS.items()
}
_PACKS = [
    struct.Struct(f"={ROW_HEAD + len(kind.fields)}q").pack for kind in KINDS
]
NOBODY = Subject()
_PIECE_ROWS = 1 << 16  # of a digest
MOST_FRESH_ROWS = 500_000
"""Rows that are appended before they are packed: about 40 MB of them."""


def _names(kind: RecordKind) -> tuple[list[str], list[str], list[str]]:
    """Return the names of a kind's fields; those of texts; those of texts that are seen only."""
    by_type: dict[str, list[str]] = {"str": [], "seen-text": []}
    for name, type_ in kind.fields:
        by_type.setdefault(type_, []).append(name)
    every = [name for name, _ in kind.fields]
    return every, by_type["str"], by_type["seen-text"]


_NAMES = [_names(kind) for kind in KINDS]


def _packed(fresh: bytearray) -> Ints:
    """The numbers as an array; nothing is left of the bytes."""
    packed = np.frombuffer(bytes(fresh), dtype=np.int64)
    fresh.clear()
    return packed


def _names_of_columns(kind: RecordKind) -> list[str]:
    fields = [name for name, _ in kind.fields]
    names = []
    for head in ("seq", "time_us", "entity"):
        names.append(f"row.{head}" if head in fields else head)
    return [*names, *fields]


def _no_columns(kind: RecordKind) -> Columns:
    names = _names_of_columns(kind)
    return Columns(names, lambda name: _NO_ROWS[kind.id][:, 0])


_NO_ROWS = [
    np.zeros((0, ROW_HEAD + len(kind.fields)), dtype=np.int64)
    for kind in KINDS
]
_NO_COLUMNS = [_no_columns(kind) for kind in KINDS]
"""The rows and the columns of kinds of which a run has none, which are most kinds in most runs."""


def _number_of(value: int | str, table: Texts) -> int:
    return value if isinstance(value, int) else table[value]


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
        self._fresh = [bytearray() for _ in KINDS]
        # by kind: how a row is appended, and packed
        self._writers = [
            (fresh.extend, pack)
            for fresh, pack in zip(self._fresh, _PACKS, strict=True)
        ]
        self._packed: list[list[Block]] = [[] for _ in KINDS]
        self._count = 0
        # the rows that there were when it was last packed
        self._packed_count = 0
        self.texts = Texts()
        self.seen_texts = Texts()
        # of a part of a run: its instant 0, in the run's time. Instants inside texts are the run's.
        self.since_us = 0
        self._index: tuple[int, Ints, Ints] | None = None
        self._patterns_of: list[list[Pattern]] = [[] for _ in KINDS]
        self._blocks = Blocks()
        # by kind, its table, its columns, and the same parted by entity; the rows that there were
        # then
        self._tables: dict[int, Ints] = {}
        self._opened: dict[int, Columns] = {}
        self._parted: dict[int, Parted] = {}
        self._opened_count = 0

    def __len__(self) -> int:
        return self._count

    def append(
        self, kind_id: int, time_us: int, entity: int, *values: int
    ) -> None:
        """One row; values are the kind's fields in order, texts already interned."""
        extend, pack = self._writers[kind_id]
        seq = self._count
        extend(pack(seq, time_us, entity, *values))
        self._count = seq + 1

    def take(self, rows: int) -> int:
        """Make room for rows that come next, part of a line of a pattern; return the first seq."""
        seq = self._count
        self._count = seq + rows
        return seq

    def pattern(
        self, fields: tuple[str, ...], rows: Iterable[tuple[str, ...]]
    ) -> Pattern:
        """A pattern to write lines of; their seqs are to be had from `take`."""
        pattern = Pattern(fields, rows, self._blocks)
        for kind_id in pattern.kinds:
            self._patterns_of[kind_id].append(pattern)
        return pattern

    def take_columns(self, kind_id: int, rows: Ints) -> None:
        """Rows of a kind as a table, as of_kind gives them."""
        numbers = np.ascontiguousarray(rows, dtype=np.int64)
        self._packed[kind_id].append(held(numbers.reshape(-1)))
        self._count += len(rows)

    def note(
        self, kind_name: str, time_us: int, entity: int, *values: int | str
    ) -> None:
        """One row with texts as they are; for rows that are rare."""
        kind_id = KIND_ID[kind_name]
        fields = KINDS[kind_id].fields
        if len(values) != len(fields):
            raise ValueError(
                f"{kind_name} takes {len(fields)} values, not {len(values)}"
            )
        numbers = []
        for value, (_, of) in zip(values, fields, strict=True):
            table = self.seen_texts if of == "seen-text" else self.texts
            numbers.append(_number_of(value, table))
        self.append(kind_id, time_us, entity, *numbers)

    def noter(self, kind_name: str) -> Callable[..., None]:
        """Return a function that writes a row of that kind: note(time_us, entity, *values), each
        value a text or a whole number as its field is. For rows that are many.
        """
        kind = KINDS[KIND_ID[kind_name]]
        return noter_of(kind, self._names_of(kind.id))

    def recorder(self, cls: type, subject: Subject = NOBODY) -> Recorder:
        """Return a function that writes an event or command of that class as a row, at an
        instant.
        """
        names = self._names_of(_KIND_OF_CLASS[cls])
        return recorder_of(cls, subject, names)

    def cloud_recorder(
        self, cls: type, subject: Subject = NOBODY
    ) -> Recorder:
        """Return the same for what the cloud manager receives and commands: rows of its own, though
        it shares some classes.
        """
        names = self._names_of(_CLOUD_KIND_OF_CLASS[cls])
        return recorder_of(cls, subject, names)

    def _names_of(self, kind_id: int) -> dict[str, Any]:
        """Return the names by which a function that is written out knows this journal: itself, how
        a row of that kind is packed and appended, and the tables of texts.
        """
        return {
            "journal": self,
            "extend": self._fresh[kind_id].extend,
            "pack": _PACKS[kind_id],
            "t": self.texts,
            "o": self.seen_texts,
        }

    def as_row(
        self, told: Any, seq: int, time_us: int, entity: int
    ) -> tuple[int, ...]:
        """The row that `record` would write of it, after its kind's id; -1 for a text that no row
        has.
        """
        encode = encoder_of(told.__class__)
        texts = KnownTexts(self.texts)
        seen_texts = KnownTexts(self.seen_texts)
        return (
            _KIND_OF_CLASS[told.__class__],
            *encode(told, seq, time_us, entity, texts, seen_texts),
        )

    def as_told(self, row: tuple[int, ...]) -> Any:
        """The event or command that such a row stands for."""
        kind_id, *data = row
        values = self._row(KINDS[kind_id], data).values
        return rebuilt(SEEN_CLASS[kind_id], values)

    # ---- reading
    def kinds_here(self) -> list[RecordKind]:
        """Return the kinds of which there may be rows: there are none of the others."""
        return [kind for kind in KINDS if self._may_have(kind.id)]

    def _may_have(self, kind_id: int) -> bool:
        return bool(
            self._fresh[kind_id]
            or self._packed[kind_id]
            or self._patterns_of[kind_id]
        )

    def of_kind(self, kind_id: int) -> Ints:
        """All rows of a kind as a table of int64: seq, time_us, entity, then the kind's fields. It
        is kept for the next time, unless the rows of the run are too many for memory.
        """
        self._close_columns()
        found = self._tables.get(kind_id)
        if found is not None:
            return found
        if not self._may_have(kind_id):
            return _NO_ROWS[kind_id]
        width = ROW_HEAD + len(KINDS[kind_id].fields)
        rows = self._by_columns(kind_id)
        table = rows.table(width)
        if self._blocks.on_disk:
            return table
        if not rows.one_table:
            for pattern in self._patterns_of[kind_id]:
                pattern.unread(kind_id)
            self._packed[kind_id][:] = [held(table.reshape(-1))]
        self._tables[kind_id] = table
        return table

    def columns(self, kind_id: int) -> Columns:
        """Return the same by columns: 'seq', 'time_us', 'entity' and the names of the fields. They
        must not be written to. A field that has such a name too hides it: then it is 'row.seq'.
        """
        self._close_columns()
        opened = self._opened.get(kind_id)
        if opened is None:
            if not self._may_have(kind_id):
                return _NO_COLUMNS[kind_id]
            names = _names_of_columns(KINDS[kind_id])
            places = {name: i for i, name in enumerate(names)}
            opened = self._columns_at(kind_id, places)
            self._opened[kind_id] = opened
        return opened

    def parted(self, kind_id: int) -> Parted:
        """Return the columns of each entity."""
        columns = self.columns(kind_id)
        found = self._parted.get(kind_id)
        if found is None:
            found = self._parted[kind_id] = Parted(columns)
        return found

    def _close_columns(self) -> None:
        """Forget columns that lack the rows written since."""
        if self._opened_count != self._count:
            self._tables.clear()
            self._opened.clear()
            self._parted.clear()
            self._opened_count = self._count

    def _columns_at(self, kind_id: int, places: dict[str, int]) -> Columns:
        """Return columns by names, each at its place in a row of the kind."""
        if self._blocks.on_disk:
            rows = self._by_columns(kind_id)
            return Columns(places, lambda name: rows.column(places[name]))
        table = self.of_kind(kind_id)
        return Columns(places, lambda name: table[:, places[name]])

    def _by_columns(self, kind_id: int) -> KindByColumns:
        self.pack()
        width = ROW_HEAD + len(KINDS[kind_id].fields)
        tables = [
            chunk.column(0).reshape(-1, width)
            for chunk in self._packed[kind_id]
        ]
        by_lines = [
            rows
            for pattern in self._patterns_of[kind_id]
            for rows in pattern.standing(kind_id)
        ]
        return KindByColumns(tables, by_lines)

    def pack(self) -> None:
        """Pack what was appended since the last time: a fifth of the memory."""
        if self._packed_count == self._count:
            return
        self._packed_count = self._count
        for fresh, chunks in zip(self._fresh, self._packed, strict=True):
            if fresh:
                numbers = _packed(fresh).reshape(1, -1)
                chunks.append(self._blocks.put(numbers))

    def pack_if_many(self) -> None:
        """Pack if many rows were appended since the last time: a night of a large fleet writes more
        than a day of others.
        """
        if self._count - self._packed_count >= MOST_FRESH_ROWS:
            self.pack()

    def kinds(self) -> Ints:
        """The kind of every row, by seq."""
        return self._places()[0]

    def _places(self) -> tuple[Ints, Ints]:
        """Return, for every seq, its kind, and its place among the rows of that kind."""
        if self._index is None or self._index[0] != self._count:
            kinds = np.full(self._count, -1, dtype=np.int64)
            places = np.zeros(self._count, dtype=np.int64)
            for kind in self.kinds_here():
                columns = self.columns(kind.id)
                seqs = columns[next(iter(columns))]
                if len(seqs):
                    kinds[seqs] = kind.id
                    places[seqs] = np.arange(len(seqs))
            self._index = (self._count, kinds, places)
        return self._index[1:]

    def row(self, seq: int) -> Row:
        kinds, places = self._places()
        kind = KINDS[int(kinds[seq])]
        place = int(places[seq])
        if not self._blocks.on_disk:
            return self._row(kind, self.of_kind(kind.id)[place].tolist())
        columns = self.columns(kind.id).values()
        return self._row(kind, [int(column[place]) for column in columns])

    def _row(self, kind: RecordKind, data: list[int]) -> Row:
        names, texts, seen_texts = _NAMES[kind.id]
        values: dict[str, Any] = dict(
            zip(names, data[ROW_HEAD:], strict=True)
        )
        for name in texts:
            values[name] = self.texts.all[values[name]]
        for name in seen_texts:
            values[name] = self.seen_texts.all[values[name]]
        return Row(data[0], kind.name, data[1], data[2], values)

    def rows(self, *kind_names: str) -> Iterator[Row]:
        """Rows of these kinds in order (of all kinds if none is named)."""
        if not kind_names:
            yield from (self.row(i) for i in range(len(self)))
            return
        yield from self.rows_between(0, len(self), *kind_names)

    def rows_between(
        self, first: int, before: int, *kind_names: str
    ) -> Iterator[Row]:
        """Rows of these kinds in order, from the seq `first` on and before the seq `before`."""
        kinds, tables = [], []
        for name in dict.fromkeys(kind_names):
            kind = KINDS[KIND_ID[name]]
            table = self.of_kind(kind.id)
            begin, end = table[:, 0].searchsorted((first, before))
            if begin < end:
                kinds.append(kind)
                tables.append(table[begin:end])
        if len(kinds) < 2:
            for kind, table in zip(kinds, tables, strict=True):
                yield from self._rows_of(kind, table)
            return
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

    def _rows_of(self, kind: RecordKind, table: Ints) -> Iterator[Row]:
        names, texts, seen_texts = _NAMES[kind.id]
        for begin in range(0, len(table), _PIECE_ROWS):
            piece = table[begin : begin + _PIECE_ROWS]
            heads = piece[:, :ROW_HEAD].tolist()
            columns = []
            for name, numbers in zip(
                names, piece.T[ROW_HEAD:], strict=True
            ):
                if name in texts:
                    columns.append(self.texts.spelled(numbers))
                elif name in seen_texts:
                    columns.append(self.seen_texts.spelled(numbers))
                else:
                    columns.append(numbers.tolist())
            for (seq, at_us, entity), *values in zip(
                heads, *columns, strict=True
            ):
                told = dict(zip(names, values, strict=True))
                yield Row(seq, kind.name, at_us, entity, told)

    def told(self, seq: int) -> Any:
        """The event or command of a seen.* row as the object that it was."""
        row = self.row(seq)
        kind_id = KIND_ID[row.kind]
        cls = SEEN_CLASS.get(kind_id) or CLOUD_CLASS[kind_id]
        return rebuilt(cls, row.values)

    def text(self, number: int) -> str:
        return self.texts.all[number]

    # ---- digest
    def digest(self) -> str:
        """64 hex digits over the logical rows; the same for one scenario and seed wherever it
        runs.
        """
        h = hashlib.blake2b(digest_size=32)
        for kind in sorted(self.kinds_here(), key=lambda kind: kind.name):
            rows = self.of_kind(kind.id)
            if not len(rows):
                continue  # so a kind of record more changes no digest of runs that have none
            observed = [
                j
                for j, (_, type_) in enumerate(kind.fields, ROW_HEAD)
                if type_ in ("seen-int", "seen-text")
            ]
            h.update(f"{kind.name} {len(rows)}\n".encode())
            for begin in range(0, len(rows), _PIECE_ROWS):
                piece = rows[begin : begin + _PIECE_ROWS].astype("<i8")
                piece[:, observed] = 0
                h.update(piece.tobytes())
        for text in self.texts.all:
            h.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return h.hexdigest()
