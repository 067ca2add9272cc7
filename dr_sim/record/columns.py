"""The rows of one kind of record by columns: each column is read when somebody asks for it.

Most measures need a few of a kind's columns. In a long run of many databases those that nobody
needs are gigabytes, so they stay where they are (blocks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.patterns import RowsOfBlock

Ints = NDArray[Any]


class KindByColumns:
    """All rows of one kind, by their seq.

    tables: those that were written one by one, a row a record; by_lines: those that lines of
    patterns stand for.
    """

    def __init__(
        self, tables: Sequence[Ints], by_lines: Sequence[RowsOfBlock]
    ) -> None:
        self._tables = tables
        self._by_lines = by_lines
        self.one_table = len(tables) == 1 and not by_lines
        self._order: Ints | None = None

    def __len__(self) -> int:
        rows = sum(len(table) for table in self._tables)
        return rows + sum(each.lines.rows for each in self._by_lines)

    def column(self, number: int) -> Ints:
        """Return one column: 0 is the seq; it must not be written to."""
        found = self._as_written(number)
        if self.one_table:
            return found
        if self._order is None:
            seqs = self._as_written(0) if number else found
            self._order = np.argsort(seqs, kind="stable")
        return found[self._order]

    def table(self, width: int) -> Ints:
        """Return all columns as one table, a row a record."""
        if self.one_table:
            return self._tables[0]
        found = np.empty((len(self), width), dtype=np.int64)
        if not len(found):  # most kinds, in most runs
            return found
        for number in range(width):
            found[:, number] = self.column(number)
        return found

    def _as_written(self, number: int) -> Ints:
        parts = [table[:, number] for table in self._tables]
        parts += [each.column(number) for each in self._by_lines]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)


class Columns(dict[str, Ints]):
    """Columns of the same rows by their names; one that is not there yet is made when it is asked
    for.
    """

    __slots__ = ("_make", "_names")

    def __init__(
        self, names: Collection[str], make: Callable[[str], Ints]
    ) -> None:
        super().__init__()
        self._names = names
        self._make = make

    def __missing__(self, name: str) -> Ints:
        if name not in self._names:
            raise KeyError(name)
        column = self[name] = self._make(name)
        return column

    def once(self, name: str) -> Ints:
        """Return a column without keeping it, if it is not here yet."""
        return (
            self[name]
            if dict.__contains__(self, name)
            else self._make(name)
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def keys(self) -> Any:
        return dict.fromkeys(self._names).keys()

    def items(self) -> Any:
        return [(name, self[name]) for name in self._names]

    def values(self) -> Any:
        return [self[name] for name in self._names]

    def picked(self, places: Ints | slice) -> Columns:
        """Return the rows at some places."""
        return Columns(self._names, lambda name: self[name][places])


class Parted:
    """Rows by their entity: sorted once, not searched for each of many."""

    def __init__(self, rows: Columns) -> None:
        self._rows = rows
        entity = rows["entity"]
        self._none = rows.picked(slice(0, 0))
        self._parts: dict[int, Columns] = {}
        self._spans: dict[int, slice] = {}
        self._sorted = rows
        if not len(entity):
            return
        if (entity == entity[0]).all():
            self._spans[int(entity[0])] = slice(0, len(entity))
            return
        order = np.argsort(entity, kind="stable")
        self._sorted = Columns(rows, lambda name: rows.once(name)[order])
        which, begins = np.unique(entity[order], return_index=True)
        ends = [*begins.tolist()[1:], len(entity)]
        for each, begin, end in zip(
            which.tolist(), begins.tolist(), ends, strict=True
        ):
            self._spans[each] = slice(begin, end)

    def of(self, entity: int) -> Columns:
        """Return the rows of one, in their order."""
        found = self._parts.get(entity)
        if found is None:
            span = self._spans.get(entity)
            if span is None:
                return self._none
            found = self._parts[entity] = self._sorted.picked(span)
        return found
