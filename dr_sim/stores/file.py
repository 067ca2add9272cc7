"""A store in a folder of the file system: a file an entry, each written whole or not at all.

Theory of operation. `save` writes the entry beside its place, under a name that ends in `.part`,
forces it to the disk, renames it into its place and forces the folder: wherever a crash or a loss
of power falls, the old entry is there or the new one, and when `save` has returned it is the new
one. An entry holds its key and its value as JSON and a hash of both; its file is named by a hash of
the key, because keys are longer than file names may be. So an entry that is torn, has rotted, or
stands under another's name is told from a whole one, and `load` refuses the lot instead of resuming
without it. Leftovers of a crash are removed when the folder is opened. A lock on the folder keeps a
second opener out; it goes with its process, however that ends. For POSIX systems: it relies on
rename and fsync of folders there.
"""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from dr_sim.stores.port import StoreError

LOCK = "lock"
OWNER = "owner"  # holds the id of the process that has the lock
PART = ".part"  # of an entry that is being written
ENTRY = ".entry"
_MAGIC = "dr_sim entry 1"
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def file_name(key: str) -> str:
    """Of the entry under that key."""
    return _hash(key.encode("utf-8", "surrogatepass")) + ENTRY


def encode(key: str, value: str) -> bytes:
    """An entry: a line with the hash of the second, which is the JSON of key and value (ASCII: any
    text survives).
    """
    body = json.dumps([key, value]).encode("ascii") + b"\n"
    return f"{_MAGIC} {_hash(body)}\n".encode("ascii") + body


def decode(data: bytes) -> tuple[str, str]:
    """Key and value. Raises ValueError, with what is wrong, if the bytes are not a whole entry."""
    head, line_end, body = data.partition(b"\n")
    words = head.decode("ascii", "replace").rsplit(" ", 1)
    if not line_end or words[0] != _MAGIC:
        raise ValueError("it does not begin as an entry does")
    if words[1] != _hash(body):
        raise ValueError("its hash does not agree")
    key, value = json.loads(body)
    return str(key), str(value)


class Disk:
    """The steps of a save: what a test replaces to have it fail or crash in between."""

    def write(self, path: Path, data: bytes) -> None:
        """A file with these bytes, on their way to the disk."""
        with open(os.open(path, _WRITE, 0o600), "wb") as file:
            file.write(data)

    def sync(self, path: Path) -> None:
        """Force to the disk what a file holds, or which names a folder has. Windows cannot do it
        for a folder.
        """
        if os.name == "nt" and path.is_dir():
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


class FileStore:
    """port.Store in a folder, which is made if it is not there. Also a context manager that closes
    itself.

    Raises StoreError if the folder cannot be used, or is in use.
    """

    __slots__ = ("_disk", "_lock", "folder")

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self._disk = disk or Disk()
        self._lock: FileLock | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            self._disk.sync(folder.absolute().parent)
            for left in sorted(folder.glob("*" + PART)):
                self._disk.remove(left)
        except OSError as error:
            self.close()
            raise StoreError(
                f"{folder} cannot be used as a store: {error.strerror}; name another folder"
            ) from None

    def __enter__(self) -> FileStore:
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

    def load(self) -> dict[str, str]:
        self._check_open()
        entries: dict[str, str] = {}
        damaged: list[tuple[Path, str]] = []
        for path in sorted(self.folder.glob("*" + ENTRY)):
            try:
                key, value = self._read(path)
            except ValueError as error:
                damaged.append((path, str(error)))
            else:
                entries[key] = value
        if damaged:
            raise self._damaged(
                *damaged[0], f"{len(damaged)} of {len(entries) + len(damaged)} entries"
            )
        return entries

    def get(self, key: str) -> str:
        self._check_open()
        path = self.folder / file_name(key)
        try:
            return self._read(path)[1]
        except FileNotFoundError:
            return ""
        except ValueError as error:
            raise self._damaged(path, str(error), "An entry") from None

    def _read(self, path: Path) -> tuple[str, str]:
        """Raises ValueError if it is damaged, FileNotFoundError if it is not there."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ValueError(f"it cannot be read: {error.strerror}") from None
        key, value = decode(data)
        if path.name != file_name(key):
            raise ValueError(f"it holds the entry of another key, {key!r}")
        return key, value

    def _damaged(self, path: Path, what: str, how_many: str) -> StoreError:
        return StoreError(
            f"{how_many} of the store in {self.folder} cannot be trusted, first "
            f"{path.name}: {what}; put the folder back "
            f"from a copy, or remove that file to go on without what it kept"
        )

    def save(self, key: str, value: str) -> None:
        self._check_open()
        disk, place = self._disk, self.folder / file_name(key)
        part = place.with_suffix(PART)
        try:
            if value:
                disk.write(part, encode(key, value))
                disk.sync(part)
                disk.rename(part, place)
            else:
                disk.remove(place)
            disk.sync(self.folder)
        except OSError as error:
            raise StoreError(
                f"{key!r} could not be saved in {self.folder}: {error.strerror}; make "
                "room or mend the disk, then resume"
            ) from None

    def _check_open(self) -> None:
        if self._lock is None:
            raise StoreError(f"the store in {self.folder} has been closed; open it again")


def _locked(folder: Path) -> FileLock:
    """Return the folder's lock, held. Raises StoreError if another has it."""
    lock = FileLock(folder / LOCK)
    owner = folder / OWNER
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = (
            owner.read_text(encoding="ascii", errors="replace").strip()
            if owner.exists()
            else "unknown"
        )
        raise StoreError(
            f"the store in {folder} is in use by process {pid}; end that one first"
        ) from None
    try:
        owner.write_text(f"{os.getpid()}\n", encoding="ascii")
    except BaseException:
        lock.release()
        raise
    return lock
