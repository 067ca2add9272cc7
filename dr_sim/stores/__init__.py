"""The stores of a machine's state: one port, in memory, in a folder or in an SQLite file. The store
in a PostgreSQL database (`dr_sim.stores.postgres`) needs the extra `cloud`.
"""

from __future__ import annotations

from dr_sim.stores.file import FileStore
from dr_sim.stores.memory import MemoryStore
from dr_sim.stores.port import Store, StoreError
from dr_sim.stores.sql import SqlStore

POSTGRES_SCHEMES = ("postgresql://", "postgres://")
"""How the URL of a PostgreSQL database begins (libpq's connection URIs)."""

__all__ = [
    "POSTGRES_SCHEMES",
    "FileStore",
    "MemoryStore",
    "SqlStore",
    "Store",
    "StoreError",
]
