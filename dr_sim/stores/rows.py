"""The rows of a store in a database: an entry each, with a hash of its key and value.

Keys and values are kept as bytes, because the texts of SQLite and PostgreSQL cannot hold half a
surrogate pair. A row whose hash does not agree is told from a whole one, and `load` refuses all of
them instead of resuming without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from hashlib import blake2b

from dr_sim.stores.port import StoreError

EntryRow = tuple[bytes, bytes, bytes]
"""Key, value, and the hash of both."""


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def entry_hash(key: bytes, value: bytes) -> bytes:
    return blake2b(
        value, key=blake2b(key).digest(), digest_size=16
    ).digest()


class RowStore(ABC):
    """A store whose entries are rows. place: where they are, for messages. put_back: what a person
    can do about damage. unread: `load` leaves out the keys that begin with it, as nobody resumes
    from them: a log, say, that grows for as long as the store lives.
    """

    put_back: str

    def __init__(self, place: str, unread: str) -> None:
        self.place = place
        self._unread = unread

    @abstractmethod
    def _all_rows(self) -> list[EntryRow]:
        """Return all rows. Raises StoreError if they cannot be read."""

    @abstractmethod
    def _rows_before(self, key: bytes) -> list[EntryRow]:
        """Return the rows of smaller keys."""

    @abstractmethod
    def _rows_from(self, key: bytes) -> list[EntryRow]:
        """Return the rows of that key and of larger ones."""

    @abstractmethod
    def _row_of(self, key: bytes) -> EntryRow | None:
        """Return the row of a key; None if there is none."""

    @abstractmethod
    def _save(self, entries: Mapping[str, str], what: str) -> None:
        """Save in one transaction. what: the entries, for messages."""

    def load(self) -> dict[str, str]:
        rows = self._rows_to_load()
        damaged = [
            key
            for key, value, hashed in rows
            if hashed != entry_hash(key, value)
        ]
        if damaged:
            raise self._damaged(
                damaged[0], f"{len(damaged)} of {len(rows)} entries"
            )
        return {as_text(key): as_text(value) for key, value, _ in rows}

    def _rows_to_load(self) -> list[EntryRow]:
        if not self._unread:
            return self._all_rows()
        first = self._unread
        after = first[:-1] + chr(ord(first[-1]) + 1)
        below = self._rows_before(as_bytes(first))
        return below + self._rows_from(as_bytes(after))

    def get(self, key: str) -> str:
        row = self._row_of(as_bytes(key))
        if row is None:
            return ""
        found, value, hashed = row
        if hashed != entry_hash(found, value):
            raise self._damaged(found, "An entry")
        return as_text(value)

    def save(self, key: str, value: str) -> None:
        self._save({key: value}, repr(key))

    def save_all(self, entries: Mapping[str, str]) -> None:
        self._save(entries, f"{len(entries)} keys")

    def _damaged(self, key: bytes, how_many: str) -> StoreError:
        return StoreError(
            f"{how_many} of the store in {self.place} cannot be trusted, first "
            f"{key.decode('utf-8', 'backslashreplace')!r}: its hash does not agree; "
            f"{self.put_back}, or delete that row to go on without what it kept"
        )
