"""A store in a PostgreSQL database: a row an entry (rows.py), in the table dr_sim_entries.

Theory of operation. A save is one transaction, of one key or of several, and the server makes it
durable before it returns (`synchronous_commit=on`; a server with `fsync=off` is refused). One
session does everything: it holds an advisory lock that keeps a second opener out, and reads and
saves. So whoever has lost the lock has lost the session too and can save nothing more. The session
is never opened again: the store raises StoreError from then on, and its process ends and begins
anew.

A process that dies leaves its session to the server, which ends it as soon as it sees that: at once
on the same machine, else by TCP's keepalives within a minute. A save that the session was carrying
out is then done or not done before the next opener gets the lock.

An index holds no keys of more than 2,704 bytes, so a row is found by the beginning of its key, with
a hash of the whole key behind it where the key is longer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dr_sim.stores.port import StoreError
from dr_sim.stores.rows import EntryRow, RowStore, as_bytes, entry_hash

TABLE = "dr_sim_entries"
LOCK_WAIT_S = 2.0
"""How long an opener waits for a session whose process has just died."""
_LOCK = 0x64725F73
"""The class of our advisory locks: 'dr_s'. The object is the table."""
_LOOK_AGAIN_S = 0.02
_CONNECT_S = 10
_SESSION = (
    "-c synchronous_commit=on -c tcp_keepalives_idle=30 "
    "-c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
_NO_ANSWER_MS = 30_000
_LONGEST_KEY = 500
_TABLE = f"""
CREATE TABLE IF NOT EXISTS {TABLE}(
    id bytea PRIMARY KEY, key bytea NOT NULL, value bytea NOT NULL, hash bytea NOT NULL
)
"""
_PUT = f"""
INSERT INTO {TABLE} VALUES(%s, %s, %s, %s)
ON CONFLICT(id) DO UPDATE SET value = excluded.value, hash = excluded.hash
"""
_REMOVE = f"DELETE FROM {TABLE} WHERE id = %s"
_ROWS = f"SELECT key, value, hash FROM {TABLE}"
_OBJECT = f"'{TABLE}'::regclass::oid"
_TRY_LOCK = f"SELECT pg_try_advisory_lock({_LOCK}::bigint << 32 | {_OBJECT}::bigint)"
_HOLDER = f"""
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = {_LOCK} AND l.objid = {_OBJECT}
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.granted
"""
_OWN_NAME = "dr_sim store of process "

Session = psycopg.Connection[tuple[object, ...]]


def shown_url(url: str) -> str:
    """Return a URL without its password and other parameters, for messages. Raises StoreError
    where it is no URL.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise StoreError(
            f"the URL of the store cannot be read: {_words(error)}"
        ) from None
    user, host, port = (
        str(parts.get(name) or "") for name in ("user", "host", "port")
    )
    begin = f"{user}@" if user else ""
    end = f":{port}" if port else ""
    return f"postgresql://{begin}{host}{end}/{parts.get('dbname') or ''}"


class PostgresStore(RowStore):
    """port.Store in a PostgreSQL database. Its table is made if it is not there. Also a context
    manager that closes itself. unread: as of RowStore.

    Raises StoreError if the database cannot be used, or is in use.
    """

    put_back = "restore the database from a backup"

    def __init__(self, url: str, unread: str = "") -> None:
        super().__init__(shown_url(url), unread)
        self._session: Session | None = None
        try:
            self._session = _connect(url)
            self._prepare(self._session)
        except psycopg.Error as error:
            self.close()
            raise self._unusable(_words(error)) from None
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self, session: Session) -> None:
        (forced,) = _row(session, "SHOW fsync")
        if forced != "on":
            raise self._unusable(
                "its server does not force changes to disk (fsync=off)"
            )
        (there,) = _row(
            session, f"SELECT to_regclass('{TABLE}') IS NOT NULL"
        )
        if not there:
            session.execute(_TABLE.encode())
        until = time.monotonic() + LOCK_WAIT_S
        while _row(session, _TRY_LOCK) != (True,):
            if time.monotonic() >= until:
                raise self._in_use(session)
            time.sleep(_LOOK_AGAIN_S)

    def _in_use(self, session: Session) -> StoreError:
        found = session.execute(_HOLDER.encode()).fetchone()
        name = str(found[0]) if found else ""
        pid = name.removeprefix(_OWN_NAME) or "unknown"
        return StoreError(
            f"the store in {self.place} is in use by process {pid}; end that one first"
        )

    def _unusable(self, why: str) -> StoreError:
        return StoreError(
            f"{self.place} cannot be used as a store: {why}; name another database, or mend "
            "this one"
        )

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # ---- reading
    def _all_rows(self) -> list[EntryRow]:
        return self._read(f"{_ROWS} ORDER BY id")

    def _rows_before(self, key: bytes) -> list[EntryRow]:
        return self._read(f"{_ROWS} WHERE id < %s ORDER BY id", key)

    def _rows_from(self, key: bytes) -> list[EntryRow]:
        return self._read(f"{_ROWS} WHERE id >= %s ORDER BY id", key)

    def _row_of(self, key: bytes) -> EntryRow | None:
        rows = self._read(f"{_ROWS} WHERE id = %s", _id(key))
        return rows[0] if rows else None

    def _read(self, query: str, *values: bytes) -> list[EntryRow]:
        session = self._opened()
        try:
            found = session.execute(query.encode(), values, binary=True)
            return found.fetchall()  # type: ignore[return-value]
        except psycopg.Error as error:
            raise StoreError(
                f"the store in {self.place} cannot be read: {_words(error)}; mend the database, "
                "then resume"
            ) from None

    # ---- saving
    def _save(self, entries: Mapping[str, str], what: str) -> None:
        session = self._opened()
        try:
            self._do(session, "BEGIN")
            for key, value in entries.items():
                name, content = as_bytes(key), as_bytes(value)
                if value:
                    hashed = entry_hash(name, content)
                    self._do(
                        session, _PUT, _id(name), name, content, hashed
                    )
                else:
                    self._do(session, _REMOVE, _id(name))
            self._do(session, "COMMIT")
        except psycopg.Error as error:
            with suppress(psycopg.Error):  # the session is gone
                session.execute("ROLLBACK")
            raise StoreError(
                f"{what} could not be saved in {self.place}: {_words(error)}; mend the database, "
                "then resume"
            ) from None

    def _do(self, session: Session, statement: str, *values: bytes) -> None:
        """Carry out one step of a save: what a test replaces to have it fail or crash there."""
        session.execute(statement.encode(), values)

    def _opened(self) -> Session:
        if self._session is None:
            raise StoreError(
                f"the store in {self.place} has been closed; open it again"
            )
        return self._session


def _connect(url: str) -> Session:
    own = conninfo_to_dict(url).get("options") or ""
    return psycopg.connect(
        url,
        autocommit=True,
        application_name=f"{_OWN_NAME}{os.getpid()}",
        connect_timeout=_CONNECT_S,
        tcp_user_timeout=_NO_ANSWER_MS,
        options=f"{own} {_SESSION}",
    )


def _row(session: Session, query: str) -> tuple[object, ...]:
    found = session.execute(query.encode()).fetchone()
    assert found is not None, query
    return found


def _id(key: bytes) -> bytes:
    """Return what a row is found by. Its order is that of the keys' beginnings."""
    if len(key) <= _LONGEST_KEY:
        return key
    return key[:_LONGEST_KEY] + blake2b(key, digest_size=32).digest()


def _words(error: psycopg.Error) -> str:
    """Return the reason in one line."""
    return " ".join(str(error).split()) or type(error).__name__
