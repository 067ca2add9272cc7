"""A store in memory: durable for as long as the process lives, which outlives the simulated
machines in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


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

    def save_all(self, entries: Mapping[str, str]) -> None:
        self._entries.update(entries)
        if "" in entries.values():
            for key, value in entries.items():
                if not value:
                    self._entries.pop(key, None)

    def forget(self, keys: Iterable[str]) -> None:
        """Remove each of these keys."""
        for key in keys:
            self._entries.pop(key, None)

    def close(self) -> None:
        """Do nothing: nothing is held open."""
