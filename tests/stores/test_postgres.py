"""The store in a PostgreSQL database, in its own ways."""

from __future__ import annotations

import signal
import subprocess
import sys

import psycopg
import pytest

from dr_sim.stores import StoreError
from dr_sim.stores.postgres import TABLE, PostgresStore, shown_url

from .own_postgres import Database, database
from .test_sql import TOGETHER

IN_A_DATABASE = TOGETHER.replace(
    "from dr_sim.stores import SqlStore", "from dr_sim.stores.postgres import PostgresStore"
).replace("SqlStore(Path(sys.argv[1]))", "PostgresStore(sys.argv[1])")


@pytest.fixture(name="here")
def _here() -> Database:
    here = database()
    here.execute(f"DROP TABLE IF EXISTS {TABLE}")
    return here


def test_killed_at_any_instant_both_keys_are_of_one_save(here: Database) -> None:
    assert "save_all" in IN_A_DATABASE and "SqlStore" not in IN_A_DATABASE
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", IN_A_DATABASE, here.url], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(20)]
        with pytest.raises(StoreError, match=f"in use by process {child.pid}; end that one first"):
            PostgresStore(here.url)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        said = int(lines[-1])
        with PostgresStore(here.url) as store:
            kept = store.load()
            assert said <= int(kept["n"]) <= said + 1
            assert kept["same"] == kept["n"] * 5000


def test_whoever_has_lost_the_session_has_lost_the_store(here: Database) -> None:
    with PostgresStore(here.url) as first:
        first.save("a", "1")
        here.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
            " AND application_name LIKE 'dr_sim store%%'"
        )
        with PostgresStore(here.url) as second:
            second.save("a", "2")
            for _ in range(2):
                with pytest.raises(StoreError, match=r"could not be saved in postgresql://.*: "):
                    first.save("a", "3")
                with pytest.raises(StoreError, match="cannot be read: "):
                    first.load()
            assert second.load() == {"a": "2"}


def test_a_server_that_does_not_force_to_disk_is_refused(here: Database) -> None:
    here.fall(fsync="off")
    try:
        with pytest.raises(StoreError, match="does not force changes to disk"):
            PostgresStore(here.url)
    finally:
        here.fall()
    PostgresStore(here.url).close()


def test_two_stores_in_two_schemas(here: Database) -> None:
    here.execute("CREATE SCHEMA IF NOT EXISTS other")
    other = f"{here.url}&options=-csearch_path%3Dother"
    with PostgresStore(here.url) as one, PostgresStore(other) as two:
        one.save("a", "1")
        two.save("a", "2")
        assert (one.get("a"), two.get("a")) == ("1", "2")
    here.execute("DROP SCHEMA other CASCADE")


def test_a_database_that_cannot_be_used_is_told_without_the_password(here: Database) -> None:
    with pytest.raises(StoreError) as told:
        PostgresStore("postgresql://me:secret@127.0.0.1:1/cloud")
    text = str(told.value)
    assert text.startswith("postgresql://me@127.0.0.1:1/cloud cannot be used as a store: ")
    assert "secret" not in text and "\n" not in text
    with pytest.raises(StoreError, match='database "none" does not exist'):
        PostgresStore(here.url.replace("/postgres?", "/none?"))
    with pytest.raises(StoreError, match="the URL of the store cannot be read"):
        PostgresStore("postgresql://host/?nonsense=1")
    assert shown_url("postgresql:///cloud") == "postgresql:///cloud"


def test_a_table_of_something_else_is_told_and_left_alone(here: Database) -> None:
    here.execute(f"CREATE TABLE {TABLE}(x int)")
    with PostgresStore(here.url) as store:
        with pytest.raises(StoreError, match="does not exist"):
            store.load()
        with pytest.raises(StoreError, match="could not be saved"):
            store.save("a", "1")
    with psycopg.connect(here.url) as session:
        assert session.execute(f"SELECT count(*) FROM {TABLE}".encode()).fetchone() == (0,)


def test_a_closed_one_is_told(here: Database) -> None:
    with PostgresStore(here.url) as store:
        store.save("a", "1")
    with pytest.raises(StoreError, match="has been closed; open it again"):
        store.load()


def test_keys_that_nobody_resumes_from_are_kept_and_not_loaded(here: Database) -> None:
    long = "log/" + "漢" * 3000
    kept = {"a": "1", "log/1": "x", long: "y", "log": "2", "log0": "3", "m" * 9000: "4"}
    with PostgresStore(here.url, unread="log/") as store:
        store.save_all(kept)
        assert store.load() == {k: v for k, v in kept.items() if not k.startswith("log/")}
        assert store.get(long) == "y"
    with PostgresStore(here.url) as store:
        assert store.load() == kept
