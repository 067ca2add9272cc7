"""The port that every store of a machine stands behind: texts by key, as its Save and SaveAll
commands name them.

A store knows nothing of what it keeps: keys and values are any texts (names of databases may hold
half a surrogate pair), and entries that today's logic does not know stay as they are. One suite
holds every store to this: tests/stores/conformance.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class StoreError(Exception):
    """The error that what is stored cannot be read, or a save did not happen; the text says where,
    why and what to do.
    """


class Store(Protocol):
    def load(self) -> dict[str, str]:
        """Everything that is kept, as a dict of the caller's own: what a machine resumes from.

        Raises StoreError, one for all that is wrong, if any of it is damaged: nothing is left out
        in silence.
        """

    def get(self, key: str) -> str:
        """The value under key; '' if there is none. Raises StoreError if it is damaged."""

    def save(self, key: str, value: str) -> None:
        """Put value under key; an empty value removes the key, which need not be there.

        When it returns the change is durable. A crash in the middle leaves the old value or the
        new, never anything else, and no other key is touched. Raises StoreError if it could not be
        done, and then too it is the old or the new: whoever is told so throws its state away and
        loads again.
        """

    def save_all(self, entries: Mapping[str, str]) -> None:
        """Save several keys together, each as `save` would.

        When it returns all of it is durable. A crash in the middle, or a StoreError, leaves all of
        these keys as they were or all of them new, never some of them.
        """

    def close(self) -> None:
        """Let go of it; nothing may be asked of it any more. Closing again is no error."""
