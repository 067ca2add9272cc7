"""A store in an SQLite file: a row an entry (rows.py).

Theory of operation. A save is one transaction, of one key or of several, and SQLite makes it
durable before it returns (`synchronous=EXTRA`, rollback journal). A lock beside the file keeps a
second opener out, as beside a folder (file.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from dr_sim.stores.lock import LockedStore, locked
from dr_sim.stores.port import StoreError
from dr_sim.stores.rows import EntryRow, RowStore, as_bytes, entry_hash

_APPLICATION = 0x64725F73
"""SQLite's application_id of our files: 'dr_s'."""
_TABLE = """
CREATE TABLE IF NOT EXISTS entries(
    key BLOB PRIMARY KEY, value BLOB NOT NULL, hash BLOB NOT NULL
) WITHOUT ROWID
"""
_PUT = "INSERT OR REPLACE INTO entries VALUES(?, ?, ?)"
_REMOVE = "DELETE FROM entries WHERE key = ?"
_ROWS = "SELECT key, value, hash FROM entries"


class SqlStore(RowStore, LockedStore):
    """port.Store in an SQLite file, which is made if it is not there. Also a context manager that
    closes itself. unread: as of RowStore.

    Raises StoreError if the file cannot be used, is of something else, or is in use.
    """

    __slots__ = ("_db", "path")
    put_back = "put the file back from a copy"

    def __init__(self, path: Path, unread: str = "") -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        RowStore.__init__(self, str(path), unread)
        LockedStore.__init__(self)
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
    def _all_rows(self) -> list[EntryRow]:
        return self._read(f"{_ROWS} ORDER BY key")

    def _rows_before(self, key: bytes) -> list[EntryRow]:
        return self._read(f"{_ROWS} WHERE key < ? ORDER BY key", key)

    def _rows_from(self, key: bytes) -> list[EntryRow]:
        return self._read(f"{_ROWS} WHERE key >= ? ORDER BY key", key)

    def _row_of(self, key: bytes) -> EntryRow | None:
        rows = self._read(f"{_ROWS} WHERE key = ?", key)
        return rows[0] if rows else None

    def _read(self, query: str, *values: bytes) -> list[EntryRow]:
        try:
            return self._opened().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(
                f"the store in {self.path} cannot be read: {error}; {self.put_back}"
            ) from None

    # ---- saving
    def _save(self, entries: Mapping[str, str], what: str) -> None:
        db = self._opened()
        try:
            self._do(db, "BEGIN IMMEDIATE")
            for key, value in entries.items():
                name, content = as_bytes(key), as_bytes(value)
                if value:
                    self._do(
                        db, _PUT, name, content, entry_hash(name, content)
                    )
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
