"""Every store against the one suite. A store is added here and nowhere else."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from dr_sim.stores import FileStore, MemoryStore, SqlStore, Store, StoreError
from dr_sim.stores.file import Disk, encode, file_name
from dr_sim.stores.postgres import TABLE, PostgresStore, Session
from dr_sim.stores.rows import entry_hash as hash_of

from .conformance import Backend, Conformance
from .own_postgres import Database, database


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


# ---- on a disk
class OnDisk(Backend):
    """A store of a folder or a file at that path, which one process at a time may open."""

    second_opener = "refused"
    opens: type[FileStore | SqlStore]

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> Store:
        return self.opens(self.path)


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


class FolderBackend(OnDisk):
    opens = FileStore
    remedy = "or remove that file to go on without what it kept"

    def cut_off(self, entries: dict[str, str]) -> Iterator[tuple[str, bool]]:
        several = len(entries) > 1
        for step, in_part in itertools.product(range(self.steps_of(entries) + 1), (False, True)):
            for fate in FATES[::3] if several else FATES:
                disk = UnsafeDisk()
                store = FileStore(self.path, disk)
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
            store = FileStore(self.path, disk)
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
        entry = self.path / file_name("a")

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


# ---- an SQLite file
class SteppedStore(SqlStore):
    """A store that is stopped before the step of that number of a save: the power goes, or the disk
    is full. Pages go to the file as soon as they can, so that a cut finds it half written.
    """

    stops_at = -1
    steps = 0
    fails = False
    on_cut: Callable[[], None] = staticmethod(lambda: None)

    def _do(self, db: sqlite3.Connection, statement: str, *values: bytes) -> None:
        db.execute("PRAGMA cache_size=1")
        self.steps += 1
        if self.steps - 1 == self.stops_at:
            if self.fails:
                raise sqlite3.OperationalError("database or disk is full")
            self.on_cut()
            raise PowerCut
        super()._do(db, statement, *values)


class SqlBackend(OnDisk):
    opens = SqlStore
    remedy = "or delete that row to go on without what it kept"

    def files(self) -> dict[Path, bytes]:
        """The database, and the journal that a crash leaves beside it."""
        there = sorted(self.path.parent.glob(self.path.name + "*"))
        return {path: path.read_bytes() for path in there if path.suffix not in (".lock", ".owner")}

    def put(self, files: dict[Path, bytes]) -> None:
        for path in self.files():
            path.unlink()
        for path, data in files.items():
            path.write_bytes(data)

    def cut_off(self, entries: dict[str, str]) -> Iterator[tuple[str, bool]]:
        for step in range(len(entries) + 3):  # begin, each entry, commit; and after it
            store = SteppedStore(self.path)
            store.stops_at = step
            crashed: dict[Path, bytes] = {}
            store.on_cut = lambda into=crashed: into.update(self.files())  # type: ignore[misc]
            returned = False
            try:
                save(store, entries)
                returned = True
            except PowerCut:
                pass
            store.close()  # which undoes what was begun: the files are put back as they were
            if crashed:
                self.put(crashed)
            yield f"step {step} of {store.steps}", returned

    def failing(self, entries: dict[str, str]) -> Iterator[tuple[str, Store]]:
        for step in range(len(entries) + 2):
            store = SteppedStore(self.path)
            store.stops_at, store.fails = step, True
            with pytest.raises(StoreError, match="disk is full; make room or mend the disk"):
                save(store, entries)
            store.stops_at = -1
            yield f"step {step}", store

    def damages(self) -> dict[str, Callable[[], None]]:
        def change(statement: str, *values: bytes) -> Callable[[], None]:
            def damage() -> None:
                with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
                    assert db.execute(statement, values).rowcount == 1

            return damage

        return {
            "another value": change("UPDATE entries SET value = ? WHERE key = ?", b"2", b"a"),
            "a value cut short": change(
                "UPDATE entries SET value = substr(value, 1, 2999) WHERE key = ?", b"a"
            ),
            "another's": change(
                "UPDATE entries SET value = ?, hash = ? WHERE key = ?",
                b"1",
                hash_of(b"c", b"1"),
                b"a",
            ),
            "another hash": change("UPDATE entries SET hash = ? WHERE key = ?", b"", b"a"),
        }


# ---- a PostgreSQL database
class SteppedPostgres(PostgresStore):
    """A store that is stopped before the step of that number of a save: its process dies, the
    server falls, or the disk is full.
    """

    stops_at = -1
    steps = 0
    fails = False
    on_cut: Callable[[], None] = staticmethod(lambda: None)

    def _do(self, session: Session, statement: str, *values: bytes) -> None:
        self.steps += 1
        if self.steps - 1 == self.stops_at:
            if self.fails:
                raise psycopg.errors.DiskFull("No space left on device")
            self.on_cut()
            raise PowerCut
        super()._do(session, statement, *values)


class PostgresBackend(Backend):
    second_opener = "refused"
    remedy = "or delete that row to go on without what it kept"

    def __init__(self, database: Database) -> None:
        self.database = database
        database.execute(f"DROP TABLE IF EXISTS {TABLE}")

    def open(self) -> Store:
        return PostgresStore(self.database.url)

    def cut_off(self, entries: dict[str, str]) -> Iterator[tuple[str, bool]]:
        for step in range(len(entries) + 3):  # begin, each entry, commit; and after it
            for falls in (False, True):
                store = SteppedPostgres(self.database.url)
                store.stops_at = step
                if falls:
                    store.on_cut = self.database.fall
                returned = False
                try:
                    save(store, entries)
                    returned = True
                except PowerCut:
                    pass
                store.close()
                yield f"step {step} of {store.steps}, the server falls {falls}", returned

    def failing(self, entries: dict[str, str]) -> Iterator[tuple[str, Store]]:
        for step in range(len(entries) + 2):
            store = SteppedPostgres(self.database.url)
            store.stops_at, store.fails = step, True
            with pytest.raises(StoreError, match="No space left on device; mend the database"):
                save(store, entries)
            store.stops_at = -1
            yield f"step {step}", store

    def damages(self) -> dict[str, Callable[[], None]]:
        def change(how: str, *values: bytes) -> Callable[[], None]:
            return lambda: self.database.execute(
                f"UPDATE {TABLE} SET {how} WHERE key = 'a'", *values
            )

        return {
            "another value": change("value = '2'"),
            "a value cut short": change("value = substring(value for 2999)"),
            "another's": change("value = '1', hash = %s", hash_of(b"c", b"1")),
            "another hash": change("hash = ''"),
        }


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "memory": lambda folder: MemoryBackend(),
    "folder": lambda folder: FolderBackend(folder / "store"),
    "sql": lambda folder: SqlBackend(folder / "store.db"),
    "postgres": lambda folder: PostgresBackend(database()),
}


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    made: Backend = request.param(tmp_path)
    return made


class TestConformance(Conformance):
    pass
