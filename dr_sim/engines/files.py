"""The files of one side: in memory for the model, in a folder for real engines.

Beside what engines need (port.Files) they carry what faults need: real bytes are flipped and cut
off. Faults speak of nominal offsets (a 500 GB full), files hold actual bytes: `actual_span` maps
one to the other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def actual_span(
    offset: int, length: int, nominal_bytes: int, actual_bytes: int
) -> tuple[int, int]:
    """(offset, length) in a file of actual_bytes for a span of a nominal one, in proportion; at
    least one byte.

    Raises ValueError if the span does not lie within the nominal file or the actual file is empty.
    """
    if (
        not 0 <= offset < offset + length <= nominal_bytes
        or actual_bytes <= 0
    ):
        raise ValueError(
            f"no span of {length} bytes at {offset} in a file of {nominal_bytes} (actual "
            f"{actual_bytes})"
        )
    begin = offset * actual_bytes // nominal_bytes
    end = -(-(offset + length) * actual_bytes // nominal_bytes)
    return begin, max(1, end - begin)


def flipped(
    data: bytes, offset: int, length: int, mask: int = 0xFF
) -> bytes:
    """data with each byte of the span XORed with mask (1..255), so every byte of it differs from
    what it was.
    """
    if not 0 <= offset < len(data) or length < 1 or not 1 <= mask <= 255:
        raise ValueError(
            f"cannot flip {length} bytes at {offset} of {len(data)} with mask {mask}"
        )
    end = min(offset + length, len(data))
    table = bytes(b ^ mask for b in range(256))
    return data[:offset] + data[offset:end].translate(table) + data[end:]


class _Faults:
    """Holds what faults do to files, in terms of read and write."""

    __slots__ = ()

    def read(self, path: str) -> bytes:
        raise NotImplementedError

    def write(self, path: str, data: bytes) -> None:
        raise NotImplementedError

    def flip(
        self, path: str, offset: int, length: int, mask: int = 0xFF
    ) -> None:
        """XOR the bytes of a span (cut at the file's end). Raises KeyError if there is no file,
        Raises ValueError if no span.
        """
        self.write(path, flipped(self.read(path), offset, length, mask))

    def truncate(self, path: str, size: int) -> None:
        """Only the first size bytes are left."""
        self.write(path, self.read(path)[:size])

    def size(self, path: str) -> int:
        return len(self.read(path))


class Unread:
    """Bytes of a file that nobody has looked at yet: made by the first who does, and the same
    object for all.

    make(*args) depends on nothing that changes.
    """

    __slots__ = ("_args", "_bytes", "_make")

    def __init__(self, make: Callable[..., bytes], *args: Any) -> None:
        self._make = make
        self._args = args
        self._bytes: bytes | None = None

    def bytes(self) -> bytes:
        if self._bytes is None:
            self._bytes = self._make(*self._args)
        return self._bytes


class MemoryFiles(_Faults):
    """port.Files in a dict."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data: dict[str, bytes | Unread] = {}

    def read(self, path: str) -> bytes:
        data = self.data[path]
        if isinstance(data, Unread):
            data = self.data[path] = data.bytes()
        return data

    def write(self, path: str, data: bytes) -> None:
        self.data[path] = data

    def copy(self, old: str, new: str) -> None:
        self.data[new] = self.data[old]

    def rename(self, old: str, new: str) -> None:
        self.data[new] = self.data.pop(old)

    def delete(self, path: str) -> None:
        self.data.pop(path, None)

    def exists(self, path: str) -> bool:
        return path in self.data

    def clear(self) -> None:
        """Clear it: nothing is left."""
        self.data.clear()


class DiskFiles(_Faults):
    """port.Files in a folder of the real file system; paths, with a leading slash or not, are
    relative to it and may not leave it.
    """

    __slots__ = ("root",)

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    def place(self, path: str) -> Path:
        """The real path. Raises ValueError if it would lie outside the folder."""
        place = (self.root / path.lstrip("/")).resolve()
        if not place.is_relative_to(self.root) or place == self.root:
            raise ValueError(f"path {path!r} leaves its folder")
        return place

    def read(self, path: str) -> bytes:
        try:
            return self.place(path).read_bytes()
        except FileNotFoundError:
            raise KeyError(path) from None

    def write(self, path: str, data: bytes) -> None:
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def copy(self, old: str, new: str) -> None:
        source, target = self.place(old), self.place(new)
        if not source.is_file():
            raise KeyError(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def rename(self, old: str, new: str) -> None:
        target = self.place(new)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.place(old).replace(target)
        except FileNotFoundError:
            raise KeyError(old) from None

    def delete(self, path: str) -> None:
        self.place(path).unlink(missing_ok=True)

    def exists(self, path: str) -> bool:
        return self.place(path).is_file()

    def clear(self) -> None:
        """Clear it: nothing is left."""
        shutil.rmtree(self.root)
        self.root.mkdir()
