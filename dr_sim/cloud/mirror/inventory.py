"""The configuration database: a row for each thing in a network, with its goal state.

The value of a thing is a chain: a hash over the changes that were made to it, in order. Both sides
of a network hold the same value exactly if the same changes were made there in the same order,
whatever identifiers the sides use.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted

EMPTY = "0" * 16


def chained(value: str, change: str) -> str:
    """The value of a thing after one more change."""
    return hashlib.blake2b(
        f"{value} {change}".encode(), digest_size=8
    ).hexdigest()


@dataclass(slots=True)
class InventoryRow:
    """version: the number of changes that were made. value: what it should be at both sides."""

    kind: str
    version: int = 0
    value: str = EMPTY

    def text(self) -> str:
        return (
            f"[{quoted(self.kind)}, {self.version}, {quoted(self.value)}]"
        )

    @classmethod
    def from_text(cls, text: str) -> InventoryRow:
        kind, version, value = json.loads(text)
        return cls(kind, version, value)
