"""A store in memory: durable for as long as the process lives, which outlives the simulated
recovery managers in it.
"""

from __future__ import annotations

from collections.abc import Iterable


class MemoryStore:
    """port.Store in a dict."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def load(self) -> dict[str, str]:
        return dict(self._entries)

    def get(self, key: str) -> str:
        return self._entries.get(key, "")

    def save(self, key: str, value: str) -> None:
        if value:
            self._entries[key] = value
        else:
            self._entries.pop(key, None)

    def save_all(self, entries: dict[str, str]) -> None:
        """As if each were saved; no value is empty."""
        self._entries.update(entries)

    def forget(self, keys: Iterable[str]) -> None:
        """As if nothing were saved under each."""
        for key in keys:
            self._entries.pop(key, None)

    def close(self) -> None:
        """Nothing is held."""
