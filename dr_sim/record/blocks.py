"""Blocks of numbers of one run: in memory while they are few, then in a file without a name.

A long run of many databases writes more rows than a machine has memory for, and reads none of them
before it is over. The file has no name in any folder, so nothing of it is left however the process
ends.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]
IN_MEMORY_BYTES = 128_000_000
"""The memory that the blocks of one run may take: those of a year of one database take a third."""


def unnamed_file() -> IO[bytes]:
    """Return a file that has no name in any folder, and is gone when nobody holds it any more."""
    return tempfile.TemporaryFile(prefix="dr_sim-")


@dataclass(frozen=True, slots=True)
class Block:
    """A table of numbers, column after column: held in memory, or (None) in a file from an offset
    on.
    """

    columns: int
    rows: int
    held: Ints | None
    file: IO[bytes] | None = None
    offset: int = 0

    def column(self, number: int) -> Ints:
        """Return one column; it must not be written to."""
        if self.held is not None:
            column: Ints = self.held[number]
            return column
        return self._read(number * self.rows, self.rows)

    def _read(self, first: int, count: int) -> Ints:
        assert self.file is not None
        self.file.seek(self.offset + 8 * first)
        return np.frombuffer(self.file.read(8 * count), dtype=np.int64)


def held(numbers: Ints) -> Block:
    """Return numbers as a block of one column, in memory."""
    return Block(1, len(numbers), numbers.reshape(1, -1))


@dataclass(slots=True)
class Blocks:
    """The blocks of a run, in memory as long as there is room, then in one file."""

    in_memory_bytes: int = IN_MEMORY_BYTES
    _held_bytes: int = 0
    _file: IO[bytes] | None = field(default=None, repr=False)

    @property
    def on_disk(self) -> bool:
        """Return whether there were more than memory is given to."""
        return self._file is not None

    def put(self, table: Ints) -> Block:
        """Keep a table, given with a row for each column."""
        columns, rows = table.shape
        if self._held_bytes + table.nbytes <= self.in_memory_bytes:
            self._held_bytes += table.nbytes
            return Block(columns, rows, table)
        if self._file is None:
            self._file = unnamed_file()
        offset = self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(table).tobytes())
        return Block(columns, rows, None, self._file, offset)
