"""Every store against the one suite. A store is added here and nowhere else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dr_sim.stores import FileStore, MemoryStore, Store, StoreError
from dr_sim.stores.file import Disk, encode, file_name

from .conformance import Backend, Conformance


def save(store: Store, entries: dict[str, str]) -> None:
    """One key by itself, several together."""
    if len(entries) == 1:
        store.save(*next(iter(entries.items())))
    else:
        store.save_all(entries)


# ---- memory
class MemoryBackend(Backend):
    """It lives as long as the process does, and so as what is simulated in it: a crash falls before
    a save or after it.
    """

    second_opener = "harmless"

    def __init__(self) -> None:
        backend = self
        self.open_now = False

        class Watched(MemoryStore):
            def close(self) -> None:
                super().close()
                backend.open_now = False

        self.store = Watched()

    def open(self) -> Store:
        if self.open_now:
            return MemoryStore()
        self.open_now = True
        return self.store

    def cut_off(self, entries: dict[str, str]) -> Iterator[tuple[str, bool]]:
        yield "before", False
        save(self.store, entries)
        yield "after", True

    def failing(self, entries: dict[str, str]) -> Iterator[tuple[str, Store]]:
        yield from ()

    def damages(self) -> dict[str, Callable[[], None]]:
        return {}


# ---- a folder
class PowerCut(BaseException):
    """No code of the store may survive it."""


class UnsafeDisk(Disk):
    """A disk that keeps nothing it was not told to force: at the cut, bytes and names that have not
    been forced are lost, or not, as `fate` says. cut_at: the number of the step before which the
    power goes; in_part: in the middle of that step.
    """

    def __init__(self, cut_at: int = -1, in_part: bool = False, fails: bool = False) -> None:
        self.cut_at = cut_at
        self.in_part = in_part
        self.fails = fails
        self.steps = 0
        self.unforced: dict[Path, bytes] = {}  # what a file's content will be reduced from
        self.undo: list[Callable[[], None]] = []  # names that changed, oldest first

    def _step(self, half: Callable[[], None] = lambda: None) -> None:
        self.steps += 1
        if self.steps - 1 == self.cut_at:
            if self.in_part:
                half()
            if self.fails:
                raise OSError(28, "No space left on device")
            raise PowerCut

    def write(self, path: Path, data: bytes) -> None:
        def half() -> None:
            super(UnsafeDisk, self).write(path, data[: len(data) // 2])
            self._new(path, data[: len(data) // 2])

        self._step(half)
        super().write(path, data)
        self._new(path, data)

    def _new(self, path: Path, data: bytes) -> None:
        self.unforced[path] = data
        self.undo.append(lambda: path.unlink(missing_ok=True))

    def sync(self, path: Path) -> None:
        self._step()
        super().sync(path)
        if path.is_dir():
            self.undo.clear()
        self.unforced.pop(path, None)

    def rename(self, old: Path, new: Path) -> None:
        self._step()
        before = new.read_bytes() if new.exists() else None
        super().rename(old, new)
        if old in self.unforced:
            self.unforced[new] = self.unforced.pop(old)
        self.undo.append(
            lambda: new.unlink() if before is None else new.write_bytes(before) and None
        )

    def remove(self, path: Path) -> None:
        self._step()
        before = path.read_bytes() if path.exists() else None
        super().remove(path)
        self.undo.append(lambda: before is not None and path.write_bytes(before) and None)

    def lose(self, names_kept: bool, bytes_kept: str) -> None:
        """What the cut leaves behind."""
        for path, data in self.unforced.items():
            if path.exists():
                half = data[: len(data) // 2]
                kept = {
                    "all": data,
                    "none": b"",
                    "half": half,
                    "zeros": half + bytes(len(data) - len(half)),
                }
                path.write_bytes(kept[bytes_kept])
        if not names_kept:
            for undo in reversed(self.undo):
                undo()


FATES = list(itertools.product((True, False), ("all", "none", "half", "zeros")))
# of a save: write, force, rename, force the folder; of a removal: remove, force the folder
STEPS = 4


class FolderBackend(Backend):
    second_opener = "refused"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> Store:
        return FileStore(self.folder)

    def cut_off(self, entries: dict[str, str]) -> Iterator[tuple[str, bool]]:
        several = len(entries) > 1
        for step, in_part in itertools.product(range(self.steps_of(entries) + 1), (False, True)):
            for fate in FATES[::3] if several else FATES:
                disk = UnsafeDisk()
                store = FileStore(self.folder, disk)
                disk.steps, disk.cut_at, disk.in_part = 0, step, in_part
                returned = False
                try:
                    save(store, entries)
                    returned = True
                except PowerCut:
                    pass
                store.close()
                disk.lose(*fate)
                yield (
                    f"step {step} of {disk.steps}, in part {in_part}, kept {fate}",
                    returned,
                )

    def failing(self, entries: dict[str, str]) -> Iterator[tuple[str, Store]]:
        for step, in_part in itertools.product(range(self.steps_of(entries)), (False, True)):
            disk = UnsafeDisk(fails=True)
            store = FileStore(self.folder, disk)
            disk.steps, disk.cut_at, disk.in_part = 0, step, in_part
            with pytest.raises(StoreError, match="No space left on device; make room"):
                save(store, entries)
            disk.fails = False
            disk.cut_at = -1
            yield f"step {step}, in part {in_part}", store

    def steps_of(self, entries: dict[str, str]) -> int:
        """Into so many steps a save of these entries falls."""
        if len(entries) == 1:
            return STEPS
        each = [1 if not value else 3 for value in entries.values()]
        return 4 + sum(each) + 3  # the batch, each entry, force, remove, force

    def damages(self) -> dict[str, Callable[[], None]]:
        entry = self.folder / file_name("a")

        def change(how: Callable[[bytes], bytes]) -> Callable[[], None]:
            return lambda: entry.write_bytes(how(entry.read_bytes())) and None

        ways = {
            "empty": change(lambda data: b""),
            "half": change(lambda data: data[: len(data) // 2]),
            "all but its end": change(lambda data: data[:-1]),
            "more than it": change(lambda data: data + b"x"),
            "zeros": change(lambda data: bytes(len(data))),
            "another's": change(lambda data: encode("c", "1")),
            "of another format": change(lambda data: data.replace(b"entry 1", b"entry 2")),
        }
        for place in (0, 20, 50, 60, 3000):  # magic, hash, JSON's brackets, the value
            ways[f"a bit at {place}"] = change(
                lambda d, i=place: d[:i] + bytes([d[i] ^ 1]) + d[i + 1 :]
            )  # type: ignore[misc]
        return ways


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "memory": lambda folder: MemoryBackend(),
    "folder": lambda folder: FolderBackend(folder / "store"),
}


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    made: Backend = request.param(tmp_path)
    return made


class TestConformance(Conformance):
    pass
