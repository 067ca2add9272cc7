"""Names of WAL segments, and the LSNs at which these begin."""

from __future__ import annotations

from collections.abc import Iterable

SEGMENT_SIZES = tuple(2**n * 2**20 for n in range(11))  # 1 MiB to 1 GiB
USUAL_SEGMENT = 16 * 2**20


def wal_start(name: str, segment_bytes: int) -> int:
    """The LSN at which a segment of this name begins."""
    return (
        int(name[8:16], 16) * 2**32 + int(name[16:24], 16) * segment_bytes
    )


def wal_timeline(name: str) -> int:
    return int(name[:8], 16) if name else 0


def wal_names(
    timeline: int, first_lsn: int, last_lsn: int, segment_bytes: int
) -> list[str]:
    """First and last name of the segments that hold [first_lsn, last_lsn) of a timeline; one name
    if it is one.
    """
    ends = (
        first_lsn // segment_bytes,
        max(last_lsn - 1, first_lsn) // segment_bytes,
    )
    per_file = 2**32 // segment_bytes
    names = [
        f"{timeline:08X}{number // per_file:08X}{number % per_file:08X}"
        for number in dict.fromkeys(ends)
    ]
    return names


def in_named_segments(
    segment_size: int, pairs: Iterable[tuple[int, str]]
) -> bool:
    """Return whether each position lies in the named WAL file, for segments of that size."""
    return all(
        wal_start(wal, segment_size) == lsn // segment_size * segment_size
        for lsn, wal in pairs
    )
