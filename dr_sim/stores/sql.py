"""A store in an SQLite file: a row an entry, with a hash of its key and value.

Theory of operation. A save is one transaction, of one key or of several, and SQLite makes it
durable before it returns (`synchronous=EXTRA`, rollback journal). Keys and values are kept as
bytes, because SQLite's texts cannot hold half a surrogate pair. A row whose hash does not agree is
told from a whole one, and `load` refuses the lot instead of resuming without it. A lock beside the
file keeps a second opener out, as beside a folder (file.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

from dr_sim.stores.lock import LockedStore, locked
from dr_sim.stores.port import StoreError

_APPLICATION = 0x64725F73
"""SQLite's application_id of our files: 'dr_s'."""
_TABLE = """
CREATE TABLE IF NOT EXISTS entries(
    key BLOB PRIMARY KEY, value BLOB NOT NULL, hash BLOB NOT NULL
) WITHOUT ROWID
"""
_PUT = "INSERT OR REPLACE INTO entries VALUES(?, ?, ?)"
_REMOVE = "DELETE FROM entries WHERE key = ?"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _hash(key: bytes, value: bytes) -> bytes:
    return blake2b(
        value, key=blake2b(key).digest(), digest_size=16
    ).digest()


class SqlStore(LockedStore):
    """port.Store in an SQLite file, which is made if it is not there. Also a context manager that
    closes itself. unread: `load` leaves out the keys that begin with it, as nobody resumes from
    them: a log, say, that grows for as long as the store lives.

    Raises StoreError if the file cannot be used, is of something else, or is in use.
    """

    __slots__ = ("_db", "_unread", "path")

    def __init__(self, path: Path, unread: str = "") -> None:
        self.path = path
        self._unread = unread
        self._db: sqlite3.Connection | None = None
        super().__init__()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(path.name + ".lock")
            self._lock = locked(
                beside, path.with_name(path.name + ".owner"), str(path)
            )
            self._db = sqlite3.connect(path, isolation_level=None)
            self._prepare(self._db)
        except OSError as error:
            self.close()
            raise self._unusable(error.strerror or str(error)) from None
        except sqlite3.Error as error:
            self.close()
            raise self._unusable(str(error)) from None
        except StoreError:
            self.close()
            raise

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous=EXTRA")
        (found,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchone()
        if found != _APPLICATION and tables:
            raise self._unusable("it is a database of something else")
        if found != _APPLICATION:
            db.execute(f"PRAGMA application_id={_APPLICATION}")
        db.execute(_TABLE)

    def _unusable(self, why: str) -> StoreError:
        return StoreError(
            f"{self.path} cannot be used as a store: {why}; name another file"
        )

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()
        super().close()

    # ---- reading
    def load(self) -> dict[str, str]:
        rows = self._rows_to_load()
        damaged = [
            key
            for key, value, hashed in rows
            if hashed != _hash(key, value)
        ]
        if damaged:
            raise self._damaged(
                damaged[0], f"{len(damaged)} of {len(rows)} entries"
            )
        return {_text(key): _text(value) for key, value, _ in rows}

    def _rows_to_load(self) -> list[tuple[bytes, bytes, bytes]]:
        whole = "SELECT key, value, hash FROM entries"
        if not self._unread:
            return self._read(f"{whole} ORDER BY key")
        first = self._unread
        after = first[:-1] + chr(ord(first[-1]) + 1)
        below = self._read(
            f"{whole} WHERE key < ? ORDER BY key", (_bytes(first),)
        )
        above = self._read(
            f"{whole} WHERE key >= ? ORDER BY key", (_bytes(after),)
        )
        return below + above

    def get(self, key: str) -> str:
        rows = self._read(
            "SELECT key, value, hash FROM entries WHERE key = ?",
            (_bytes(key),),
        )
        for found, value, hashed in rows:
            if hashed != _hash(found, value):
                raise self._damaged(found, "An entry")
            return _text(value)
        return ""

    def _read(
        self, query: str, values: Iterable[bytes] = ()
    ) -> list[tuple[bytes, bytes, bytes]]:
        try:
            return self._opened().execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(
                f"the store in {self.path} cannot be read: {error}; put the file back from a copy"
            ) from None

    def _damaged(self, key: bytes, how_many: str) -> StoreError:
        return StoreError(
            f"{how_many} of the store in {self.path} cannot be trusted, first "
            f"{key.decode('utf-8', 'backslashreplace')!r}: its hash does not agree; put the file "
            "back from a copy, or delete that row to go on without what it kept"
        )

    # ---- saving
    def save(self, key: str, value: str) -> None:
        self._save({key: value}, repr(key))

    def save_all(self, entries: Mapping[str, str]) -> None:
        self._save(entries, f"{len(entries)} keys")

    def _save(self, entries: Mapping[str, str], what: str) -> None:
        db = self._opened()
        try:
            self._do(db, "BEGIN IMMEDIATE")
            for key, value in entries.items():
                name, content = _bytes(key), _bytes(value)
                if value:
                    self._do(db, _PUT, name, content, _hash(name, content))
                else:
                    self._do(db, _REMOVE, name)
            self._do(db, "COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise StoreError(
                f"{what} could not be saved in {self.path}: {error}; make room or mend the disk, "
                "then resume"
            ) from None

    def _do(
        self, db: sqlite3.Connection, statement: str, *values: bytes
    ) -> None:
        """Carry out one step of a save: what a test replaces to have it fail or crash there."""
        db.execute(statement, values)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreError(
                f"the store in {self.path} has been closed; open it again"
            )
        return self._db
