"""Every engine against the one suite. An engine is added here and nowhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.engines import model, postgres, sqlite
from dr_sim.engines.backup_set import END_MARK, decode
from dr_sim.engines.files import DiskFiles, MemoryFiles
from dr_sim.engines.postgres.errors import sqlstate_number
from dr_sim.engines.postgres.home import home
from dr_sim.engines.postgres_words import WORDS

from .conformance import Behaviour, Conformance, Server, Servers, close_after_use

MODEL_REFUSALS = {
    "gap": {4305},
    "stale": {4326},
    "wrong_database": {3154},
    "wrong_base": {3136},
    "log_before_full": {4214},
    "nothing_restored": {3117},
    "recovered": {3117},
    "old_base": {3035},
    "wrong_fork": {4330},
    "no_file": {3201},
    "cut_in_header": {3241},
    "cut": {3203},
    "flip_in_header": {3241},
    "flip_in_body": {3183, 3189},
    "flip_in_tail": {3189},
    "zero_tail": {3189},
    "cut_off_in_backup": {3256, 3241},
}


def zone(magic: bytes) -> Callable[[bytes, str], range]:
    def of(data: bytes, name: str) -> range:
        s = decode(magic, data)
        body = range(s.body_at, s.body_at + s.body_bytes)
        return {
            "header": range(s.body_at),
            "body": body,
            "tail": range(len(data) - len(END_MARK), len(data)),
        }[name]

    return of


def in_postgres_words(refusals: dict[str, set[int]]) -> dict[str, set[int]]:
    """The numbers that the model gives in the same situations when it imitates PostgreSQL."""
    told = {
        number: state if isinstance(state, int) else sqlstate_number(state)
        for number, (state, _) in WORDS.items()
    }
    found = {
        situation: {told[number] for number in numbers} for situation, numbers in refusals.items()
    }
    found["log_before_full"] = {60020}  # as the real server's engine says
    for situation in ("cut_in_header", "cut_off_in_backup"):
        # of which nothing is left: an empty file has the wrong size
        found[situation].add(told[3203])
    return found


def model_servers(
    folder: Path, *, checksum: bool, disk: bool = False, imitates: str = "sql_server"
) -> Servers:
    count = iter(range(100))

    def server() -> Server:
        files = DiskFiles(folder / str(next(count))) if disk else MemoryFiles()
        return Server(model.ModelEngine(files, checksum=checksum, imitates=imitates), files)

    damage = {kind: {"refused" if checksum else "shows"} for kind in Kind}
    damage[Kind.LOG].add("refused")  # at its very beginning: nothing of it could be applied
    own = imitates != "postgres"
    refusals = MODEL_REFUSALS if own else in_postgres_words(MODEL_REFUSALS)
    return Servers(
        Behaviour(
            refusals,
            zone(model.MAGIC),
            damage,
            carries_base=own,
            on_incrementals=not own,
            several_chains=not own,
            old_base_after_failover=own,
        ),
        server,
    )


SQLITE_REFUSALS = {
    "gap": {60004},
    "stale": {60016},
    "wrong_database": {60015},
    "wrong_base": {60017},
    "log_before_full": {60020},
    "nothing_restored": {60019},
    "recovered": {60019},
    "wrong_fork": {60018},
    "no_file": {60005},
    "cut_in_header": {60011},
    "cut": {60012},
    "flip_in_header": {60011},
    "flip_in_tail": {60014},
    "zero_tail": {60014, 60001},
    "cut_off_in_backup": {60013, 60011},
    # SQLite's own words where it has any: malformed, not a database, no such table (a damaged
    # schema)
    "flip_in_body": {
        60001,
        60014,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,
    },
}


def sqlite_servers(folder: Path, *, checksum: bool) -> Servers:
    count = iter(range(100))

    def server() -> Server:
        files = MemoryFiles()
        return Server(
            sqlite.SqliteEngine(files, folder / f"server {next(count)}", checksum=checksum), files
        )

    refused = {kind: {"refused"} for kind in Kind}
    silent = {
        Kind.LOG: {"shows", "refused"},  # SQLite drops what follows the damage and says nothing
        Kind.FULL: {"shows", "refused", "hides"},  # unused bytes of a page
        Kind.INCREMENTAL: {"shows", "refused", "hides"},
    }
    return Servers(
        Behaviour(SQLITE_REFUSALS, zone(sqlite.MAGIC), refused if checksum else silent),
        server,
        lambda: folder,
    )


POSTGRES_REFUSALS = {
    "gap": {60004},
    "stale": {60016},
    "wrong_database": {60015},
    "log_before_full": {60020},
    "nothing_restored": {60019},
    "recovered": {60019},
    "wrong_fork": {60018},
    "no_file": {60005},
    "cut_in_header": {60011},
    "cut": {60012},
    "flip_in_header": {60011},
    "flip_in_tail": {60014},
    "zero_tail": {60014},
    "cut_off_in_backup": {60013, 60011},
    # PostgreSQL's own words: the exit code of pg_combinebackup; that of pg_verifybackup, or a
    # standby's line in its log
    "wrong_base": {1},
    "old_base": {1},
    "flip_in_body": {1, 60014, 60024},
}
OPENED: list[postgres.PostgresEngine] = []


def postgres_servers() -> Servers:
    def server() -> Server:
        files = MemoryFiles()
        OPENED.append(postgres.PostgresEngine(files))
        return Server(OPENED[-1], files)

    damage = {
        Kind.LOG: {"refused", "hides"},  # bytes behind the switch that closed the segment
        Kind.FULL: {"refused", "hides"},  # bytes between the members of a tar
        Kind.INCREMENTAL: {"refused", "hides"},
    }
    return Servers(
        Behaviour(
            POSTGRES_REFUSALS,
            zone(postgres.MAGIC),
            damage,
            carries_base=False,
            on_incrementals=True,
            old_base_after_failover=False,
        ),
        server,
        lambda: home().folder,
    )


ENGINES: dict[str, Callable[[Path], Servers]] = {
    "model": lambda folder: model_servers(folder, checksum=False),
    "model with checksum": lambda folder: model_servers(folder, checksum=True),
    "sqlite": lambda folder: sqlite_servers(folder, checksum=False),
    "sqlite with checksum": lambda folder: sqlite_servers(folder, checksum=True),
    "postgres": lambda folder: postgres_servers(),
    "model of postgres": lambda folder: model_servers(folder, checksum=True, imitates="postgres"),
    "model on disk": lambda folder: model_servers(folder, checksum=False, disk=True),
}


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    yield request.param(tmp_path)
    while OPENED:
        OPENED.pop().close()


class TestConformance(Conformance):
    pass


@pytest.mark.parametrize("kept", ["open files", "folders"])
def test_an_engine_that_gives_nothing_back_is_found(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept == "open files":
        monkeypatch.setattr(sqlite.SqliteEngine, "close", lambda self: None)
    else:
        monkeypatch.setattr(sqlite.shutil, "rmtree", lambda *a, **k: None)
    before, _, after = close_after_use(sqlite_servers(tmp_path, checksum=True))
    assert after != before
