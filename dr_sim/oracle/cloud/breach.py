"""A break of what must never happen in the cloud manager, by its number in docs/cloud.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dr_sim.record.journal import Row

Broken = Iterator[tuple[int, str]]
"""Invariants that a row breaks: the number of each, and a sentence."""


@dataclass(frozen=True, slots=True)
class CloudBreach:
    """An invariant that broke, the row that shows it, and one sentence."""

    time_us: int
    seq: int
    invariant: str
    sentence: str


def breaches(row: Row, broken: Broken) -> Iterator[CloudBreach]:
    """Yield what a row breaks."""
    for number, sentence in broken:
        yield CloudBreach(row.time_us, row.seq, f"cloud {number}", sentence)
