"""Patterns: rows of several kinds that always come together, kept as one line of integers.

A quiet log leaves the same 15 rows each time, and their numbers follow from a few: when it began,
how long it took, where it starts. So a line holds those few, and each column of each row is a sum
of them. Lines are spread out to rows when a kind is read, a column at a time. A line costs little
more than one row, and rows of kinds that nobody reads take no room.
"""

from __future__ import annotations

import functools
import itertools
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.blocks import Block, Blocks
from dr_sim.record.kinds import KIND_ID, KINDS, ROW_HEAD

Ints = NDArray[Any]
Column = Iterable[int] | Ints
_LINES_BYTES = 4_000_000  # of lines that wait to become a block


@dataclass(frozen=True, slots=True)
class _Sum:
    """A column of a row: a constant, and the places in a line that are added and subtracted."""

    constant: int
    plus: list[int]
    minus: list[int]


@dataclass(frozen=True, slots=True)
class RowsOfBlock:
    """The rows of one kind that the lines of a block stand for."""

    sums: list[_Sum]
    lines: Block

    def column(self, number: int) -> Ints:
        """Return one column of the rows, in the order of the lines."""
        return _column(self.sums[number], self.lines)


class Pattern:
    """A pattern and the lines that were written of it.

    fields: of a line. rows: (kind name, seq, time_us, entity, then the kind's fields), each a sum
    such as 'landed+start', 'at_finish+1' or '-1' of whole numbers and of the line's fields. blocks:
    where the lines are put.
    """

    def __init__(
        self,
        fields: tuple[str, ...],
        rows: Iterable[tuple[str, ...]],
        blocks: Blocks,
    ) -> None:
        self.lines = bytearray()
        self._put = blocks
        # the lines written last, if they came as arrays
        self._latest: Ints | None = None
        self._in_order = itemgetter(*fields)
        self._pack = struct.Struct(f"={len(fields)}q").pack
        self._width = len(fields)
        self._rows = _rows_as_sums(fields, tuple(rows))
        self._rows_of_line: (
            list[Callable[[tuple[int, ...]], tuple[int, ...]]] | None
        ) = None
        self._blocks: list[Block] = []  # lines, a column each field
        self._sums_of_kind: dict[int, list[list[_Sum]]] = {}
        for kind_id, sums in self._rows:
            self._sums_of_kind.setdefault(kind_id, []).append(sums)
        # how many of the blocks each kind has read
        self._read = dict.fromkeys(self._sums_of_kind, 0)

    @property
    def kinds(self) -> Iterable[int]:
        """The ids of the kinds that a line has rows of."""
        return self._sums_of_kind

    def write(self, columns: Mapping[str, Column]) -> None:
        """Lines in any order, by columns: of each field its values, or repeat(value), but one at
        the least that ends. Raises struct.error for what does not fit 63 bits; OverflowError if the
        columns are arrays.
        """
        in_order = self._in_order(columns)
        if len(self.lines) > _LINES_BYTES:
            self._put_lines()
        if any(column.__class__ is np.ndarray for column in in_order):
            self._put_lines()
            self._latest = _as_table(in_order)
            self._put_table(self._latest)
        else:
            self._latest = None
            self.lines += b"".join(map(self._pack, *in_order))

    def lately(self, first: int, last: int) -> list[list[tuple[int, ...]]]:
        """The rows, (kind id, seq, time_us, entity, fields ...), that each of some lines stands
        for. Lines are counted back from the end of what was written last: first -3, last -1 are the
        last line but two and the next.
        """
        lines: Iterable[Any]
        if self._latest is not None:
            end = self._latest.shape[1]
            lines = self._latest[:, end + first : end + last].T.tolist()
        else:
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

    def standing(self, kind_id: int) -> list[RowsOfBlock]:
        """Return the rows of a kind that lines stand for, of those that `unread` has not
        returned.
        """
        self._put_lines()
        self._latest = None
        found = []
        for lines in self._blocks[self._read[kind_id] :]:
            for sums in self._sums_of_kind[kind_id]:
                found.append(RowsOfBlock(sums, lines))
        return found

    def unread(self, kind_id: int) -> list[RowsOfBlock]:
        """Return the same, and count them as read: whoever asked keeps their rows."""
        found = self.standing(kind_id)
        self._read[kind_id] = len(self._blocks)
        if min(self._read.values()) == len(self._blocks):
            # nobody needs the lines any more
            self._blocks.clear()
            self._read = dict.fromkeys(self._read, 0)
        return found

    def _put_lines(self) -> None:
        if self.lines:
            self._put_table(self._by_columns())
            self.lines.clear()

    def _put_table(self, table: Ints) -> None:
        if table.shape[1]:
            self._blocks.append(self._put.put(table))

    def _by_columns(self) -> Ints:
        """Return the lines that were written lately, a column for each field."""
        numbers = np.frombuffer(bytes(self.lines), dtype=np.int64)
        lines = numbers.reshape(-1, self._width)
        return lines.T.copy()


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


def _sum_of(text: str, place: dict[str, int]) -> _Sum:
    """Return 'a+b-c-2' as the constant -2, the places of a and b added, that of c subtracted."""
    constant = 0
    terms: dict[int, list[int]] = {1: [], -1: []}
    for sign, word in re.findall(r"([+-]?)(\w+)", text):
        factor = -1 if sign == "-" else 1
        if word.isdigit():
            constant += factor * int(word)
        else:
            terms[factor].append(place[word])
    return _Sum(constant, terms[1], terms[-1])


def _column(of: _Sum, lines: Block) -> Ints:
    """Return one column of the rows of one kind that lines stand for."""
    column = np.full(lines.rows, of.constant, dtype=np.int64)
    for i in of.plus:
        column += lines.column(i)
    for i in of.minus:
        column -= lines.column(i)
    return column


def _as_table(columns: Iterable[Column]) -> Ints:
    """Return lines as a table with a row for each of their fields. One column at least is an
    array.
    """
    given = list(columns)
    rows = next(len(each) for each in given if isinstance(each, np.ndarray))
    table = np.empty((len(given), rows), dtype=np.int64)
    for row, column in zip(table, given, strict=True):
        same = isinstance(column, itertools.repeat)
        values: Any = next(iter(column)) if same else column
        row[:] = values
    return table


def _row_of_line(
    kind_id: int, sums: list[_Sum]
) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    """A function from a line to the row of that kind, written out once for speed."""
    columns = []
    for of in sums:
        terms = [f"+v[{i}]" for i in of.plus]
        terms += [f"-v[{i}]" for i in of.minus]
        columns.append(f"{of.constant}{''.join(terms)}")
    return _compiled(f"lambda v: ({kind_id}, {', '.join(columns)})")


@functools.cache
def _compiled(
    function: str,
) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    made: Callable[[tuple[int, ...]], tuple[int, ...]] = eval(function)
    return made
