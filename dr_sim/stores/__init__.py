"""Where a machine's state is kept: one port, in memory or in a folder."""

from __future__ import annotations

from dr_sim.stores.file import FileStore
from dr_sim.stores.memory import MemoryStore
from dr_sim.stores.port import Store, StoreError

__all__ = ["FileStore", "MemoryStore", "Store", "StoreError"]
