"""The journal at rest: journal.parquet, one row a record, so that it can be read with pandas alone.

Each field of a kind of record is a column of that name, shared by all kinds that have such a field;
where a kind has none the column is null. Texts outside the digest stand in columns that begin with
`observed.`. The field `kind` of some records is the column `backup_kind`, as `kind` is the kind of
the record; a text whose name is a number in another kind is in a column that ends with `.text`. A
column that no row needs is left out. `check` is a hash of the row with its place:
`dr-sim verify` computes it again and holds the two together.

Most cells are null, so rows are written and columns are read a piece at a time: what is in memory
at once is bounded by the rows of a piece and by one column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dr_sim.errors import InputError, input_error
from dr_sim.record import arrow
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import KIND_ID, KINDS, ROW_HEAD, RecordKind
from dr_sim.record.texts import Texts

Ints = NDArray[Any]

_HEAD = ("seq", "time_us", "kind", "entity")
_PIECE_ROWS = 1 << 16
_OTHER_NAMES = {
    "kind": "backup_kind",
    "seq": "told_seq",
    "time_us": "told_time_us",
    "entity": "told_entity",
    "check": "told_check",
}
"""Columns of fields whose names are those of every row's own columns."""
_OBSERVED = "observed."
_TEXT = ".text"
_NUMBERS = {
    name
    for kind in KINDS
    for name, type_ in kind.fields
    if type_ in ("int", "seen-int")
}
"""Names of fields that are numbers in some kind."""


def _columns_of(kind: RecordKind) -> list[str]:
    """The column in which each field of a kind lies."""
    columns = []
    for name, type_ in kind.fields:
        column = _OTHER_NAMES.get(name, name)
        if type_ == "seen-text":
            column = _OBSERVED + column
        elif type_ == "str" and name in _NUMBERS:
            column += _TEXT
        columns.append(column)
    return columns


def _types() -> dict[str, str]:
    """Return what each column holds, in their order in the file: 'int', 'str' or 'seen-text'."""
    types: dict[str, str] = {}
    for kind in KINDS:
        for column, (_, type_) in zip(
            _COLUMNS[kind.id], kind.fields, strict=True
        ):
            types[column] = "int" if type_ == "seen-int" else type_
    return dict(
        sorted(
            types.items(), key=lambda item: (_ORDER.index(item[1]), item[0])
        )
    )


_ORDER = ("int", "str", "seen-text")
_COLUMNS = {kind.id: _columns_of(kind) for kind in KINDS}
_TYPES = _types()


def _places() -> dict[str, Ints]:
    """Return, for each column, the place of it among each kind's fields; -1: it has none."""
    places = {column: np.full(len(KINDS), -1) for column in _TYPES}
    for kind in KINDS:
        for place, column in enumerate(_COLUMNS[kind.id]):
            places[column][kind.id] = place
    return places


_PLACES = _places()


def save(journal: Journal, path: Path) -> None:
    pieces = _pieces(journal)
    first = next(pieces)
    with pq.ParquetWriter(path, first.schema, **_kept_as(first)) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(piece)


def _kept_as(table: pa.Table) -> dict[str, Any]:
    """Return how a file keeps the columns. Numbers mostly grow from row to row: their differences
    take less time and room than a dictionary of them. Nobody looks for a range of values in the
    file.
    """
    texts: list[str] = []
    numbers: list[str] = []
    for field in table.schema:
        words = pa.types.is_dictionary(field.type)
        (texts if words else numbers).append(field.name)
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": texts,
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        "write_statistics": False,
    }


def load(path: Path) -> tuple[Journal, Ints]:
    """A journal from its file, and the row hashes that were stored with it (-1 where a row has not
    the shape of its kind: a field that it lacks or should not have, another place). Raises
    InputError if it is not one.
    """
    try:
        with pq.ParquetFile(path) as file:
            wrong = _wrong_columns(file.schema_arrow)
            if wrong:
                raise _unreadable(path, wrong)
            journal = Journal()
            checks, absent = _ints(file, "check")
            checks[_fill(journal, file) | absent] = -1
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise _unreadable(path, str(error)) from None
    return journal, checks


def table_of(journal: Journal) -> pa.Table:
    """The journal as an Arrow table, as it lies in journal.parquet."""
    return pa.concat_tables(list(_pieces(journal)))


def _pieces(journal: Journal) -> Iterator[pa.Table]:
    """The journal's rows as tables, a piece at a time; one at the least."""
    tables = {kind.id: journal.of_kind(kind.id) for kind in KINDS}
    used = [kind for kind in KINDS if len(tables[kind.id])]
    wanted = {column for kind in used for column in _COLUMNS[kind.id]}
    columns = [column for column in _TYPES if column in wanted]
    kinds, checks = journal.kinds(), _checks(journal, tables)
    done = dict.fromkeys(
        tables, 0
    )  # how many rows of a kind have been written
    for begin in range(0, max(1, len(journal)), _PIECE_ROWS):
        end = min(begin + _PIECE_ROWS, len(journal))
        piece = _Piece(begin, end - begin)
        for kind in used:
            rows = tables[kind.id]
            until = int(np.searchsorted(rows[:, 0], end))
            piece.add(kind, rows[done[kind.id] : until])
            done[kind.id] = until
        yield piece.table(
            journal, kinds[begin:end], columns, checks[begin:end]
        )


class _Piece:
    """Some rows, column by column."""

    def __init__(self, begin: int, num_rows: int) -> None:
        self._begin = begin
        self._num_rows = num_rows
        self._time_us = np.zeros(num_rows, np.int64)
        self._entity = np.zeros(num_rows, np.int32)
        self._values: dict[
            str, tuple[Ints, Ints]
        ] = {}  # and where there is none

    def add(self, kind: RecordKind, rows: Ints) -> None:
        if not len(rows):
            return
        places = rows[:, 0] - self._begin
        self._time_us[places], self._entity[places] = rows[:, 1], rows[:, 2]
        for j, column in enumerate(_COLUMNS[kind.id], ROW_HEAD):
            if column not in self._values:
                nothing = (
                    np.zeros(self._num_rows, np.int64),
                    np.ones(self._num_rows, bool),
                )
                self._values[column] = nothing
            values, absent = self._values[column]
            values[places] = rows[:, j]
            absent[places] = False

    def table(
        self,
        journal: Journal,
        kinds: Ints,
        columns: list[str],
        checks: Ints,
    ) -> pa.Table:
        names = arrow.words([kind.name for kind in KINDS])
        end = self._begin + self._num_rows
        out: dict[str, pa.Array] = {
            "seq": arrow.numbers(
                np.arange(self._begin, end, dtype=np.int64)
            ),
            "time_us": arrow.numbers(self._time_us),
            "kind": pa.DictionaryArray.from_arrays(
                arrow.numbers(kinds.astype(np.int32)), names
            ),
            "entity": arrow.numbers(self._entity),
        }
        for column in columns:
            out[column] = self._column(journal, column)
        out["check"] = arrow.numbers(checks)
        return pa.table(out)

    def _column(self, journal: Journal, column: str) -> pa.Array:
        type_ = _TYPES[column]
        if column not in self._values:
            nothing = (
                pa.int64()
                if type_ == "int"
                else pa.dictionary(pa.int32(), pa.string())
            )
            return pa.nulls(self._num_rows, nothing)
        values, absent = self._values[column]
        if type_ == "int":
            return arrow.numbers(values, absent)
        texts = journal.texts if type_ == "str" else journal.seen_texts
        used, ids = np.unique(values[~absent], return_inverse=True)
        codes = np.zeros(self._num_rows, np.int32)
        codes[~absent] = ids
        words = arrow.words(texts.spelled(used))
        return pa.DictionaryArray.from_arrays(
            arrow.numbers(codes, absent), words
        )


def checks_of(journal: Journal) -> Ints:
    """One 32-bit hash a row, over its place, kind, time, entity and every field with its text."""
    return _checks(
        journal, {kind.id: journal.of_kind(kind.id) for kind in KINDS}
    )


def _checks(journal: Journal, tables: Mapping[int, Ints]) -> Ints:
    """Return the same. tables: all rows, by their kinds."""
    hashes = {
        "str": _text_hashes(journal.texts),
        "seen-text": _text_hashes(journal.seen_texts),
    }
    out = np.zeros(len(journal), dtype=np.uint32)
    with np.errstate(over="ignore"):
        for kind in KINDS:
            rows = tables[kind.id]
            if not len(rows):
                continue
            total = np.full(
                len(rows), _text_hash(kind.name), dtype=np.uint64
            )
            for j in range(ROW_HEAD):
                total = _mix(total ^ rows[:, j].astype(np.uint64))
            for j, (_, type_) in enumerate(kind.fields, ROW_HEAD):
                raw = rows[:, j]
                value = (
                    raw.astype(np.uint64)
                    if type_ in ("int", "seen-int")
                    else hashes[type_][raw]
                )
                total = _mix(total ^ value)
            out[rows[:, 0]] = (total >> np.uint64(32)).astype(np.uint32)
    return out


def _unreadable(path: Path, why: str) -> InputError:
    return input_error(
        str(path),
        f"is not a journal that can be read ({why}); run the scenario again",
    )


def _mix(x: Ints) -> Ints:
    """A bijective scrambling of 64-bit words (xor-shift and multiply, three rounds)."""
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(0xA0761D6478BD642F)
    mixed: Ints = x ^ (x >> np.uint64(32))
    return mixed


def _text_hash(text: str) -> int:
    hashed = hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=8
    )
    return int.from_bytes(hashed.digest(), "little")


def _text_hashes(texts: Texts) -> Ints:
    return np.array(
        [_text_hash(text) for text in texts.all], dtype=np.uint64
    )


def _wrong_columns(schema: pa.Schema) -> str:
    """Return why these are not the columns of a journal; '' if they are."""
    lacking = sorted({*_HEAD, "check"} - set(schema.names))
    if lacking:
        return f"it lacks the column {lacking[0]}"
    for field in schema:
        of_texts = (
            field.name == "kind" or _TYPES.get(field.name, "int") != "int"
        )
        type_ = (
            field.type.value_type
            if pa.types.is_dictionary(field.type)
            else field.type
        )
        right = (
            pa.types.is_string(type_)
            if of_texts
            else pa.types.is_integer(type_)
        )
        known = field.name in _TYPES or field.name in (*_HEAD, "check")
        if not right or not known:
            return f"its column {field.name} is none of a journal's, or of another type"
    return ""


def _column_of(file: pq.ParquetFile, column: str) -> pa.Array | None:
    """A column of a file; None if it has none of that name. Raises ArrowException if it is
    damaged.
    """
    if column not in file.schema_arrow.names:
        return None
    values = file.read(columns=[column])[column].combine_chunks()
    values.validate(full=True)  # damaged codes would point at no text
    if len(values) != file.metadata.num_rows:
        raise pa.ArrowInvalid(f"{column} does not have a value in each row")
    return values


def _ints(file: pq.ParquetFile, column: str) -> tuple[Ints, Ints]:
    """An integer column as int64 and where it is absent; all of it if there is no such column."""
    num_rows = file.metadata.num_rows
    values = _column_of(file, column)
    if values is None or not num_rows:
        return np.zeros(num_rows, np.int64), np.ones(num_rows, bool)
    absent: Ints = values.is_null().to_numpy(zero_copy_only=False)
    return values.fill_null(0).cast(pa.int64()).to_numpy(
        zero_copy_only=False
    ).copy(), absent


def _coded(
    file: pq.ParquetFile, column: str, codes: dict[str, int]
) -> tuple[Ints, Ints]:
    """A column of texts as codes (new ones are given), and where it is absent; all of it if there
    is no such column.
    """
    num_rows = file.metadata.num_rows
    values = _column_of(file, column)
    if values is None or not num_rows:
        return np.zeros(num_rows, np.int64), np.ones(num_rows, bool)
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    absent: Ints = values.is_null().to_numpy(zero_copy_only=False)
    words = values.dictionary.to_pylist()
    mine = np.array(
        [codes.setdefault(word or "", len(codes)) for word in words] or [0],
        np.int64,
    )
    return mine[
        values.indices.fill_null(0).to_numpy(zero_copy_only=False)
    ], absent


def _fill(journal: Journal, file: pq.ParquetFile) -> Ints:
    """Rows as they lie in the file, into an empty journal. Texts get new ids in order of first use,
    which is how they got them at first. Returns which rows have not the shape of their kind.
    """
    kinds, odd, head = _head_of(file)
    of_kind = {kind.id: np.flatnonzero(kinds == kind.id) for kind in KINDS}
    rows: dict[int, Ints] = {}
    for kind in KINDS:
        seqs = of_kind[kind.id]
        if len(seqs):
            rows[kind.id] = np.zeros(
                (len(seqs), ROW_HEAD + len(kind.fields)), np.int64
            )
            for j, values in enumerate(head):
                rows[kind.id][:, j] = values[seqs]
    interned = {"str": _FirstUses(), "seen-text": _FirstUses()}
    for column, type_ in _TYPES.items():
        uses = interned.get(type_)
        values, absent = (
            _ints(file, column)
            if uses is None
            else _coded(file, column, uses.codes)
        )
        places = _PLACES[column][kinds]
        odd |= absent == (places >= 0)
        if uses is not None:
            values[absent] = uses.codes[""]
            uses.note(values, places)
        for kind_id, table in rows.items():
            place = int(_PLACES[column][kind_id])
            if place >= 0:
                table[:, ROW_HEAD + place] = values[of_kind[kind_id]]
    for type_, texts in (
        ("str", journal.texts),
        ("seen-text", journal.seen_texts),
    ):
        ids = interned[type_].into(texts)
        for kind_id, table in rows.items():
            for j, field in enumerate(KINDS[kind_id].fields, ROW_HEAD):
                if field[1] == type_:
                    table[:, j] = ids[table[:, j]]
    for kind_id, table in rows.items():
        journal.take_columns(kind_id, table)
    return odd


def _head_of(file: pq.ParquetFile) -> tuple[Ints, Ints, list[Ints]]:
    """The kind of each row, which rows have not the shape of a record, and seq, time_us, entity."""
    kind_codes = {kind.name: kind.id for kind in KINDS}
    kinds, odd = _coded(file, "kind", kind_codes)
    odd |= kinds >= len(KINDS)
    kinds[odd] = KIND_ID["truth.end"]  # says nothing to anyone
    head = []
    for name in ("seq", "time_us", "entity"):
        values, absent = _ints(file, name)
        odd |= absent
        head.append(values)
    place = np.arange(len(kinds), dtype=np.int64)
    odd |= head[0] != place
    head[0] = place
    return kinds, odd, head


class _FirstUses:
    """Texts by codes of their own, and where each is used first: by row, then by field."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {"": 0}
        self._first: dict[
            int, int
        ] = {}  # by code: the row, and the field in it

    def note(self, codes: Ints, places: Ints) -> None:
        """A column; places: which field of its row each is, -1: it is none."""
        seqs = np.flatnonzero(places >= 0)
        used, at = np.unique(codes[seqs], return_index=True)
        most = 1 << 10  # no kind has so many fields
        keys = seqs[at] * most + places[seqs[at]]
        for code, key in zip(used.tolist(), keys.tolist(), strict=True):
            self._first[code] = min(key, self._first.get(code, key))

    def into(self, texts: Texts) -> Ints:
        """Intern those that are used, in order of first use; return their ids by code."""
        words = list(self.codes)
        ids = np.full(len(words), -1, dtype=np.int64)
        for code in sorted(self._first, key=lambda code: self._first[code]):
            ids[code] = texts[words[code]]
        return ids
