"""The store in an SQLite file, in its own ways."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dr_sim.stores import SqlStore, StoreError
from tests.stores.test_file import HOLDS

TOGETHER = HOLDS.replace("FileStore", "SqlStore").replace(
    """    store.save("n", str(n))
    store.save("same", str(n) * 5000)
""",
    """    store.save_all({"n": str(n), "same": str(n) * 5000})
""",
)


def test_killed_at_any_instant_both_keys_are_of_one_save(tmp_path: Path) -> None:
    assert TOGETHER.count("save_all") == 1 and "SqlStore(Path" in TOGETHER
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(tmp_path / "s.db")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(20)]
        with pytest.raises(StoreError, match=f"in use by process {child.pid}; end that one first"):
            SqlStore(tmp_path / "s.db")
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        said = int(lines[-1])
        with SqlStore(tmp_path / "s.db") as store:
            kept = store.load()
            assert said <= int(kept["n"]) <= said + 1
            assert kept["same"] == kept["n"] * 5000


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE entries(x)")
    before = other.read_bytes()
    with pytest.raises(StoreError, match="it is a database of something else; name another file"):
        SqlStore(other)
    assert other.read_bytes() == before
    text = tmp_path / "text"
    text.write_text("no database at all" * 100)
    with pytest.raises(StoreError, match="cannot be used as a store: file is not a database"):
        SqlStore(text)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used as a store: "):
        SqlStore(tmp_path / "file" / "below")


def test_a_file_that_rots_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with SqlStore(path) as store:
        store.save_all({f"key {number}": "x" * 100 for number in range(200)})
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(4096) + data[8192:])
    with pytest.raises(StoreError, match=r"malformed|cannot be trusted"), SqlStore(path) as store:
        store.load()


def test_a_closed_one_is_told(tmp_path: Path) -> None:
    with SqlStore(tmp_path / "deep" / "s.db") as store:
        store.save("a", "1")
    with pytest.raises(StoreError, match="has been closed; open it again"):
        store.load()
    with SqlStore(tmp_path / "deep" / "s.db") as store:
        assert store.load() == {"a": "1"}


def test_keys_that_nobody_resumes_from_are_kept_and_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    kept = {"a": "1", "log/1": "x", "log/2": "y", "log": "2", "log0": "3", "m": "4"}
    with SqlStore(path, unread="log/") as store:
        store.save_all(kept)
        assert store.load() == {"a": "1", "log": "2", "log0": "3", "m": "4"}
        assert store.get("log/2") == "y"
    with SqlStore(path) as store:
        assert store.load() == kept
