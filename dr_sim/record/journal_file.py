"""The journal at rest: journal.parquet, one row a record, so that it can be read with pandas alone.

Integer fields are columns v0.., texts s0.., texts outside the digest o0..; a column that a kind has
no field for is null. `check` is a hash of the row with its place: `dr-sim verify` computes it again
and holds the two together.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dr_sim.errors import InputError, Problem
from dr_sim.record.journal import KIND_ID, KINDS, ROW_HEAD, Journal, RecordKind, Texts

Ints = NDArray[Any]


def _columns_of(kind: RecordKind) -> list[tuple[str, str]]:
    """Which column each field of a kind lies in: integers v0.., texts s0.., seen-texts o0..."""
    letters = {"int": "v", "seen-int": "v", "str": "s", "seen-text": "o"}
    count = {"v": 0, "s": 0, "o": 0}
    out = []
    for _, type_ in kind.fields:
        letter = letters[type_]
        out.append((f"{letter}{count[letter]}", type_))
        count[letter] += 1
    return out


_COLUMNS = {kind.id: _columns_of(kind) for kind in KINDS}
_KINDS_WITH: dict[str, Ints] = {  # which kinds have a field in a column
    column: np.array([any(c == column for c, _ in _COLUMNS[kind.id]) for kind in KINDS])
    for column in sorted(
        {c for columns in _COLUMNS.values() for c, _ in columns}, key=lambda c: (c[0], int(c[1:]))
    )
}


def save(journal: Journal, path: Path) -> None:
    pq.write_table(table_of(journal), path, compression="zstd", compression_level=3)


def load(path: Path) -> tuple[Journal, Ints]:
    """A journal from its file, and the row hashes that were stored with it (-1 where a row has not
    the shape of its kind: a field that it lacks or should not have, another place). InputError if
    it is not one.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, str(error)) from None
    wrong = _wrong_columns(table.schema)
    if wrong:
        raise _unreadable(path, wrong)
    journal = Journal()
    checks, absent = _ints(table, "check")
    checks[_fill(journal, table) | absent] = -1
    return journal, checks


def table_of(journal: Journal) -> pa.Table:
    """The journal as an Arrow table, as it lies in journal.parquet."""
    n = len(journal)
    head = [np.zeros(n, np.int64), np.zeros(n, np.int64)]
    columns: dict[str, tuple[Ints, Ints]] = {}
    for kind in KINDS:
        rows = journal.of_kind(kind.id)
        seqs = rows[:, 0]
        head[0][seqs], head[1][seqs] = rows[:, 1], rows[:, 2]
        for j, (column, _) in enumerate(_COLUMNS[kind.id], ROW_HEAD) if len(rows) else ():
            values, absent = columns.setdefault(column, (np.zeros(n, np.int64), np.ones(n, bool)))
            values[seqs] = rows[:, j]
            absent[seqs] = False
    names = pa.array([k.name for k in KINDS])
    out: dict[str, pa.Array] = {
        "seq": pa.array(np.arange(n, dtype=np.int64)),
        "time_us": pa.array(head[0]),
        "kind": pa.DictionaryArray.from_arrays(pa.array(journal.kinds().astype(np.int16)), names),
        "entity": pa.array(head[1].astype(np.int32)),
    }
    for column in sorted(columns, key=lambda c: ("vso".index(c[0]), int(c[1:]))):
        values, absent = columns[column]
        if column[0] == "v":
            out[column] = pa.array(values, mask=absent)
        else:
            texts = journal.texts if column[0] == "s" else journal.seen_texts
            ids = pa.array(values.astype(np.int32), mask=absent)
            out[column] = pa.DictionaryArray.from_arrays(ids, pa.array(texts.all, pa.string()))
    out["check"] = pa.array(checks_of(journal))
    return pa.table(out)


def checks_of(journal: Journal) -> Ints:
    """One 32-bit hash a row, over its place, kind, time, entity and every field with its text."""
    hashes = {"str": _text_hashes(journal.texts), "seen-text": _text_hashes(journal.seen_texts)}
    out = np.zeros(len(journal), dtype=np.uint32)
    with np.errstate(over="ignore"):
        for kind in KINDS:
            rows = journal.of_kind(kind.id)
            if not len(rows):
                continue
            total = np.full(len(rows), kind.id, dtype=np.uint64)
            for j in range(ROW_HEAD):
                total = _mix(total ^ rows[:, j].astype(np.uint64))
            for j, (_, type_) in enumerate(kind.fields, ROW_HEAD):
                raw = rows[:, j]
                value = (
                    raw.astype(np.uint64) if type_ in ("int", "seen-int") else hashes[type_][raw]
                )
                total = _mix(total ^ value)
            out[rows[:, 0]] = (total >> np.uint64(32)).astype(np.uint32)
    return out


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        [
            Problem(
                str(path),
                0,
                0,
                f"is not a journal that can be read ({why}); run the scenario again",
            )
        ]
    )


def _mix(x: Ints) -> Ints:
    """A bijective scrambling of 64-bit words (xor-shift and multiply, three rounds)."""
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(0xA0761D6478BD642F)
    mixed: Ints = x ^ (x >> np.uint64(32))
    return mixed


def _text_hashes(texts: Texts) -> Ints:
    words = b"".join(
        hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for t in texts.all
    )
    return np.frombuffer(words, dtype="<u8").astype(np.uint64)


def _wrong_columns(schema: pa.Schema) -> str:
    """Why these are not the columns of a journal; '' if they are."""
    lacking = sorted({"seq", "time_us", "kind", "entity", "check"} - set(schema.names))
    if lacking:
        return f"it lacks the column {lacking[0]}"
    for field in schema:
        of_texts = field.name == "kind" or (field.name[0] in "so" and field.name != "seq")
        type_ = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        right = pa.types.is_string(type_) if of_texts else pa.types.is_integer(type_)
        if not right or not (
            field.name in _KINDS_WITH or field.name in ("seq", "time_us", "kind", "entity", "check")
        ):
            return f"its column {field.name} is none of a journal's, or of another type"
    return ""


def _ints(table: pa.Table, column: str) -> tuple[Ints, Ints]:
    """An integer column as int64 and where it is absent; all of it if there is no such column."""
    if column not in table.column_names:
        return np.zeros(table.num_rows, np.int64), np.ones(table.num_rows, bool)
    values = table[column].combine_chunks()
    absent: Ints = values.is_null().to_numpy(zero_copy_only=False)
    return values.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False).copy(), absent


def _coded(table: pa.Table, column: str, codes: dict[str, int]) -> tuple[Ints, Ints]:
    """A column of texts as codes (new ones are given), and where it is absent; all of it if there
    is no such column.
    """
    if column not in table.column_names:
        return np.zeros(table.num_rows, np.int64), np.ones(table.num_rows, bool)
    values = table[column].combine_chunks()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    absent: Ints = values.is_null().to_numpy(zero_copy_only=False)
    mine = np.array(
        [codes.setdefault(t or "", len(codes)) for t in values.dictionary.to_pylist()] or [0],
        np.int64,
    )
    return mine[values.indices.fill_null(0).to_numpy(zero_copy_only=False)], absent


def _fill(journal: Journal, table: pa.Table) -> Ints:
    """Rows as they lie in the file, into an empty journal. Texts get new ids in order of first use,
    which is how they got them at first. Returns which rows have not the shape of their kind.
    """
    n = table.num_rows
    kind_codes = {kind.name: kind.id for kind in KINDS}
    kinds, odd = _coded(table, "kind", kind_codes)
    odd |= kinds >= len(KINDS)
    kinds[odd] = KIND_ID["truth.end"]  # says nothing to anyone
    place = np.arange(n, dtype=np.int64)
    head = []
    for name in ("seq", "time_us", "entity"):
        values, absent = _ints(table, name)
        odd |= absent
        head.append(values)
    odd |= head[0] != place
    columns: dict[str, Ints] = {}
    for letter, texts in (("v", None), ("s", journal.texts), ("o", journal.seen_texts)):
        names = [column for column in _KINDS_WITH if column[0] == letter]
        codes = {"": 0}
        found = np.full((n, len(names)), -1, dtype=np.int64)
        for j, column in enumerate(names):
            values, absent = _ints(table, column) if texts is None else _coded(table, column, codes)
            wanted = _KINDS_WITH[column][kinds]
            odd |= absent == wanted
            found[wanted, j] = np.where(absent, 0, values)[wanted]
        if texts is not None:
            found = _interned(found, list(codes), texts)
        columns.update(zip(names, found.T, strict=True))
    for kind in KINDS:
        rows = np.flatnonzero(kinds == kind.id)
        if len(rows):
            fields = [columns[column][rows] for column, _ in _COLUMNS[kind.id]]
            journal.take_columns(
                kind.id, np.column_stack([place[rows], head[1][rows], head[2][rows], *fields])
            )
    return odd


def _interned(codes: Ints, known: list[str], texts: Texts) -> Ints:
    """Codes of texts, row by row, as ids in order of first use; -1: no text."""
    flat = codes.reshape(-1)
    used, first = np.unique(flat[flat >= 0], return_index=True)
    ids = np.full(len(known), -1, dtype=np.int64)
    for code in used[np.argsort(first)].tolist():
        ids[code] = texts[known[code]]
    return np.where(codes >= 0, ids[codes], -1)
