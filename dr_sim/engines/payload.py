"""Tells what real databases hold beside the witness's rows, so that their files weigh what the
scenario says, to scale.

A database of `size` nominal bytes has size / scale bytes of rows. Log of `lsn` nominal bytes
overwrites lsn / scale bytes of them, row after row and round again: so a log weighs its part, an
incremental what was overwritten since the full, but never more than everything, and a full always
the same. Which rows are due follows from the LSNs alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ROW_BYTES = 3_872
"""One row: half a page of PostgreSQL, whose updates put the new row beside the old one (no page is
ever filled up).
"""


@dataclass(frozen=True, slots=True)
class Payload:
    """The rows of one database; scale: nominal bytes for each byte on disk."""

    scale: int
    rows: int

    @staticmethod
    def of(size_bytes: int, scale: int) -> Payload | None:
        """Return the rows that stand for that size; None: there are none (no scale was given)."""
        return (
            Payload(scale, max(1, size_bytes // scale // ROW_BYTES))
            if scale
            else None
        )

    def due(self, lsn: int, until_lsn: int) -> Iterator[tuple[int, int]]:
        """Ranges of rows [first, end), counted from 0, that the log from lsn to until_lsn
        overwrites, in order.
        """
        done, until = (
            at // (self.scale * ROW_BYTES) for at in (lsn, until_lsn)
        )
        while done < until:
            first = done % self.rows
            end = min(self.rows, first + until - done)
            yield first, end
            done += end - first
