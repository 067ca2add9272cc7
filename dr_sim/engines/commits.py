"""Tells what a commit is, for every engine alike: number n of a database on a fork, with a mark
nobody can guess.

The content of commits n0..n1-1 is the difference of two marks, so whatever holds exactly commits
0..n-1 of a fork has digest mark(n), however its logs were cut, and anything else (a gap, a log
twice, another fork's log, changed bytes) has another one.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

MASK = (1 << 64) - 1


@lru_cache(
    maxsize=1024
)  # asked of every state twice: by an engine and by the witness
def mark(database: str, fork: int, n: int) -> int:
    """64-bit mark of the state after commits 0..n-1 of that fork; mark(..., 0) is 0."""
    if n == 0:
        return 0
    return int.from_bytes(
        blake2b(
            b"%d %d " % (fork, n) + database.encode(), digest_size=8
        ).digest(),
        "little",
    )


def content(database: str, fork: int, n0: int, n1: int) -> int:
    """The content of commits n0..n1-1, to be added (modulo 2**64) to the digest of commits
    0..n0-1.
    """
    return (mark(database, fork, n1) - mark(database, fork, n0)) & MASK


@lru_cache(maxsize=1024)
def rot(database: str) -> int:
    """Return what pages of that database that have rotted add to the digest of what holds them."""
    name = b"rot " + database.encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
