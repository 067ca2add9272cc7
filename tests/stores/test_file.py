"""The store in a folder, in its own ways: locks that end with their process, leftovers, folders
that cannot be used.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dr_sim.stores import FileStore, StoreError
from dr_sim.stores.file import file_name

HOLDS = """\
import sys
from pathlib import Path
from dr_sim.stores import FileStore
store = FileStore(Path(sys.argv[1]))
n = int(store.get("n") or 0)
print("ready", flush=True)
while True:
    n += 1
    store.save("n", str(n))
    store.save("same", str(n) * 5000)
    print(n, flush=True)
"""


def test_killed_at_any_instant_it_keeps_what_it_had_saved_and_lets_go_of_the_lock(
    tmp_path: Path,
) -> None:
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(20)]
        assert lines[0] == "ready\n"
        with pytest.raises(StoreError, match=f"in use by process {child.pid}; end that one first"):
            FileStore(tmp_path)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        said = int(lines[-1])
        with FileStore(tmp_path) as store:
            kept = store.load()
            assert said <= int(kept["n"]) <= said + 1
            assert kept["same"] in (str(said) * 5000, str(said + 1) * 5000)


def test_a_context_manager_closes_it(tmp_path: Path) -> None:
    with FileStore(tmp_path / "deep" / "store") as store:
        store.save("a", "1")
    with pytest.raises(StoreError, match="has been closed; open it again"):
        store.load()
    with pytest.raises(StoreError, match="closed"):
        store.save("a", "2")
    with FileStore(tmp_path / "deep" / "store") as store:
        assert store.load() == {"a": "1"}


def test_leftovers_are_removed_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "0123.part").write_bytes(b"dr_sim ent")
    (tmp_path / "README").write_text("whose folder this is")
    with FileStore(tmp_path) as store:
        assert store.load() == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README", "lock", "owner"]


def test_all_damage_is_one_error(tmp_path: Path) -> None:
    with FileStore(tmp_path) as store:
        for key in "abc":
            store.save(key, key)
        (tmp_path / file_name("a")).write_bytes(b"")
        (tmp_path / file_name("b")).replace(tmp_path / file_name("c"))
        with pytest.raises(
            StoreError,
            match=r"^2 of 2 entries of the store in .* cannot be trusted, first "
            r"[0-9a-f]{32}\.entry: ",
        ):
            store.load()
        with pytest.raises(StoreError, match="it holds the entry of another key, 'b'"):
            store.get("c")


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match=r"cannot be used as a store: .*; name another folder"):
            FileStore(folder)
