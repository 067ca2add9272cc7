"""A lock beside a store: one process at a time. It goes with its process, however that ends."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from dr_sim.stores.port import StoreError


def locked(lock_file: Path, owner: Path, what: str) -> FileLock:
    """Return the lock, held. owner: a file that tells who holds it; what: the store, for messages.
    Raises StoreError if another process has it.
    """
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = "unknown"
        if owner.exists():
            pid = owner.read_text(
                encoding="ascii", errors="replace"
            ).strip()
        raise StoreError(
            f"the store in {what} is in use by process {pid}; end that one first"
        ) from None
    try:
        owner.write_text(f"{os.getpid()}\n", encoding="ascii")
    except BaseException:
        lock.release()
        raise
    return lock


class LockedStore:
    """A store that one process holds, until it is closed or left as a context."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
