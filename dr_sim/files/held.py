"""Folders and files that belong to a living process, and how others see that it has ended.

The process holds a lock beside what it uses; the system frees it when the process ends, however
that happens. A lock, unlike a process id, also tells the truth between containers that share a
folder.

The file of a lock is made by one step and locked by the next. Who looks between the two finds a
free lock although its process lives. So a folder gets a mark once its lock is held, and only a
folder with that mark is judged by its lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "lock"
HELD = "held"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a new folder while the context lasts. Raises OSError."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire()
        (folder / HELD).touch()
        yield
    finally:
        lock.release()


def was_held(folder: Path) -> bool:
    """Return whether its process has got as far as holding it."""
    return (folder / HELD).exists()


def is_free(lock_file: Path) -> bool:
    """Return whether no living process holds the lock in that file."""
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    lock.release()
    return True
