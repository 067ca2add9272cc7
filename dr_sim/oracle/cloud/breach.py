"""A break of what must never happen in the cloud manager, by its number in docs/cloud.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CloudBreach:
    """An invariant that broke, the row that shows it, and one sentence."""

    time_us: int
    seq: int
    invariant: str
    sentence: str
