"""The stores of a machine's state: one port, in memory, in a folder or in an SQLite file."""

from __future__ import annotations

from dr_sim.stores.file import FileStore
from dr_sim.stores.memory import MemoryStore
from dr_sim.stores.port import Store, StoreError
from dr_sim.stores.sql import SqlStore

__all__ = ["FileStore", "MemoryStore", "SqlStore", "Store", "StoreError"]
