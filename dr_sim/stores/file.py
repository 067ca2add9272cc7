"""A store in a folder of the file system: a file an entry, each written whole or not at all.

Theory of operation. `save` writes the entry beside its place, under a name that ends in `.part`,
forces it to the disk, renames it into its place and forces the folder: wherever a crash or a loss
of power falls, the old entry is there or the new one, and when `save` has returned it is the new
one. An entry holds its key and its value as JSON and a hash of both; its file is named by a hash of
the key, because keys are longer than file names may be. So an entry that is torn, has rotted, or
stands under another's name is told from a whole one, and `load` refuses the lot instead of resuming
without it.

`save_all` writes all the entries into one file first, `batch`, in the same way. The rename that
puts it into its place is the instant at which all of them are saved. Then each goes to its own
place, and the batch is removed. A batch that a crash or a full disk has left is brought to its end
before anything else is done.

Leftovers of a crash are removed when the folder is opened. A lock on the folder keeps a
second opener out; it goes with its process, however that ends. For POSIX systems: it relies on
rename and fsync of folders there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dr_sim.stores.lock import LockedStore, locked
from dr_sim.stores.port import StoreError

LOCK = "lock"
OWNER = "owner"  # holds the id of the process that has the lock
PART = ".part"  # of an entry that is being written
ENTRY = ".entry"
BATCH = (
    "batch"  # entries that are saved together, on their way to their places
)
_MAGIC = "dr_sim entry 1"
_MAGIC_OF_BATCH = "dr_sim batch 1"
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def file_name(key: str) -> str:
    """Return the file name of the entry under that key."""
    return _hash(key.encode("utf-8", "surrogatepass")) + ENTRY


def encode(key: str, value: str) -> bytes:
    """An entry: a line with the hash of the second, which is the JSON of key and value (ASCII: any
    text survives).
    """
    return _with_hash(_MAGIC, [key, value])


def decode(data: bytes) -> tuple[str, str]:
    """Key and value. Raises ValueError, with what is wrong, if the bytes are not a whole entry."""
    key, value = _without_hash(_MAGIC, data)
    return str(key), str(value)


def _with_hash(magic: str, content: list[Any]) -> bytes:
    body = json.dumps(content).encode("ascii") + b"\n"
    return f"{magic} {_hash(body)}\n".encode("ascii") + body


def _without_hash(magic: str, data: bytes) -> list[Any]:
    head, line_end, body = data.partition(b"\n")
    words = head.decode("ascii", "replace").rsplit(" ", 1)
    if not line_end or words[0] != magic:
        raise ValueError("it does not begin as it should")
    if words[1] != _hash(body):
        raise ValueError("its hash does not agree")
    content: list[Any] = json.loads(body)
    return content


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


class FileStore(LockedStore):
    """port.Store in a folder, which is made if it is not there. Also a context manager that closes
    itself.

    Raises StoreError if the folder cannot be used, or is in use.
    """

    __slots__ = ("_disk", "_unfinished", "folder")

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self._disk = disk or Disk()
        super().__init__()
        self._unfinished = False  # a batch may lie there
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = locked(folder / LOCK, folder / OWNER, str(folder))
            self._disk.sync(folder.absolute().parent)
            for left in sorted(folder.glob("*" + PART)):
                self._disk.remove(left)
            self._unfinished = (folder / BATCH).exists()
        except OSError as error:
            self.close()
            raise StoreError(
                f"{folder} cannot be used as a store: {error.strerror}; name another folder"
            ) from None

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
                *damaged[0],
                f"{len(damaged)} of {len(entries) + len(damaged)} entries",
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
            raise ValueError(
                f"it cannot be read: {error.strerror}"
            ) from None
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
        try:
            self._put(
                self.folder / file_name(key),
                encode(key, value) if value else b"",
            )
            self._disk.sync(self.folder)
        except OSError as error:
            raise self._not_saved(repr(key), error) from None

    def save_all(self, entries: Mapping[str, str]) -> None:
        if len(entries) < 2:
            for key, value in entries.items():
                self.save(key, value)
            return
        self._check_open()
        content = [[key, value] for key, value in entries.items()]
        try:
            self._put(
                self.folder / BATCH, _with_hash(_MAGIC_OF_BATCH, content)
            )
        except OSError as error:
            raise self._not_saved(f"{len(entries)} keys", error) from None
        self._unfinished = True
        self._finish()

    def _finish(self) -> None:
        """Bring a batch to its end: force it to the disk, then put its entries into their
        places.
        """
        batch = self.folder / BATCH
        try:
            self._disk.sync(self.folder)
            for key, value in _without_hash(
                _MAGIC_OF_BATCH, batch.read_bytes()
            ):
                self._put(
                    self.folder / file_name(key),
                    encode(key, value) if value else b"",
                )
            self._disk.sync(self.folder)
            self._disk.remove(batch)
            self._unfinished = False
            self._disk.sync(self.folder)
        except OSError as error:
            raise self._not_saved("A batch", error) from None
        except ValueError as error:
            raise self._damaged(
                batch, str(error), "A batch of entries"
            ) from None

    def _put(self, place: Path, data: bytes) -> None:
        """Have a file hold these bytes, or be gone if there are none. It is the old or the new, and
        surely the new when its folder has been forced.
        """
        disk = self._disk
        if not data:
            disk.remove(place)
            return
        part = place.with_suffix(PART)
        disk.write(part, data)
        disk.sync(part)
        disk.rename(part, place)

    def _not_saved(self, what: str, error: OSError) -> StoreError:
        return StoreError(
            f"{what} could not be saved in {self.folder}: {error.strerror}; make "
            "room or mend the disk, then resume"
        )

    def _check_open(self) -> None:
        if self._lock is None:
            raise StoreError(
                f"the store in {self.folder} has been closed; open it again"
            )
        if self._unfinished:
            self._finish()
