"""The files of one side: in memory for the model, in a folder for real engines.

Beside what engines need (port.Files) they carry what faults need: real bytes are flipped and cut
off. Faults speak of nominal offsets (a 500 GB full), files hold actual bytes: `actual_span` maps
one to the other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.run_tables import ByName


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
        ValueError if there is no such span.
        """
        self.write(path, flipped(self.read(path), offset, length, mask))

    def truncate(self, path: str, size: int) -> None:
        """Keep only the first size bytes."""
        self.write(path, self.read(path)[:size])

    def size(self, path: str) -> int:
        return len(self.read(path))


class Unread:
    """Bytes of a file that nobody has looked at yet: made by the first who does, and the same
    object for all.
    """

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes: bytes | None = None

    def make(self) -> bytes:
        """Return the bytes. They depend on nothing that changes."""
        raise NotImplementedError

    def bytes(self) -> bytes:
        if self._bytes is None:
            self._bytes = self.make()
        return self._bytes


def bytes_of(data: bytes | Unread) -> bytes:
    """Return the bytes of a file, made first if nobody has read it."""
    return data.bytes() if isinstance(data, Unread) else data


class _Folders(dict[str, ByName[bytes | Unread]]):
    """The files of each folder, which is there once somebody asks for it."""

    def __missing__(self, folder: str) -> ByName[bytes | Unread]:
        files: ByName[bytes | Unread] = ByName(in_order=False)
        self[folder] = files
        return files


class MemoryFiles(_Faults):
    """port.Files in dicts, one for each folder: files of the same name on both sides share it."""

    __slots__ = ("_folders",)

    def __init__(self) -> None:
        self._folders = _Folders()

    def read(self, path: str) -> bytes:
        folder, _, name = path.rpartition("/")
        files = self._folders[folder]
        data = files.get(name)
        if data is None:
            raise KeyError(path)
        if isinstance(data, Unread):
            data = files[name] = data.bytes()
        return data

    def write(self, path: str, data: bytes) -> None:
        folder, name = self._place(path)
        folder[name] = data

    def write_later(self, path: str, data: Unread) -> None:
        """Write bytes that are made when somebody reads them."""
        folder, name = self._place(path)
        folder[name] = data

    def put(
        self, folder: str, run: LogRun, content: Callable[[int], Unread]
    ) -> None:
        """Write the logs of a run into a folder. content(i): that of the log at that place."""
        self._folders[folder].add_run(run, content)

    def hold_as_runs(
        self,
        folder: str,
        run: LogRun,
        made: Sequence[bytes | Unread],
        content: Callable[[int], Unread],
    ) -> None:
        """Hold those of a run's logs that lie here one by one as runs from now on. made: their
        bytes when they were made; a log whose bytes here are others stays as it is. content(i):
        that of the log at that place.
        """

        def fits(i: int, data: bytes | Unread) -> bool:
            return data is made[i] or data is bytes_of(made[i])

        def maker(part: LogRun, first: int) -> Callable[[int], Unread]:
            if part is run:
                return content
            return lambda i: content(first + i)

        self._folders[folder].hold_as_runs(run, fits, maker)

    def delete_run(self, folder: str, run: LogRun) -> None:
        """Delete the logs of a run."""
        files = self._folders[folder]
        if files.maker(run) is not None:
            files.let_go(run)
            return
        for name in run.names():
            files.pop(name, None)

    def copy(self, old: str, new: str) -> None:
        folder, name = self._place(old)
        if name not in folder:
            raise KeyError(old)
        there, new_name = self._place(new)
        there[new_name] = folder[name]

    def rename(self, old: str, new: str) -> None:
        folder, name = self._place(old)
        if name not in folder:
            raise KeyError(old)
        there, new_name = self._place(new)
        there[new_name] = folder.pop(name)

    def delete(self, path: str) -> None:
        folder, name = self._place(path)
        folder.pop(name, None)

    def exists(self, path: str) -> bool:
        folder, name = self._place(path)
        return name in folder

    def paths(self) -> list[str]:
        """Return the paths of all files, in their order."""
        return sorted(
            f"{folder}/{name}"
            for folder, files in self._folders.items()
            for name in files
        )

    def clear(self) -> None:
        """Delete all files."""
        self._folders.clear()

    def _place(self, path: str) -> tuple[ByName[bytes | Unread], str]:
        """Return the files of the path's folder, and the name in it."""
        folder, _, name = path.rpartition("/")
        return self._folders[folder], name


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
        """Delete all files."""
        shutil.rmtree(self.root)
        self.root.mkdir()
