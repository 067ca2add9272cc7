"""SQLite's own nature behind the port, and that the model engine predicts it where nothing is
damaged.
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines.commits import mark
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.port import BackupOrder, EngineError, WitnessReading
from dr_sim.engines.sqlite import SqliteEngine
from dr_sim.loading import load_scenario
from dr_sim.runs.run import run

from .conformance import DB, LSN_A_COMMIT, Server, chain, goes_on, holds, ship


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    servers = [Server(SqliteEngine(files, tmp_path / side), files) for side, files in
               (("primary", MemoryFiles()), ("secondary", MemoryFiles()))]  # fmt: skip
    servers[0].engine.create(DB)
    yield servers[0], servers[1]
    for server in servers:
        server.engine.close()  # type: ignore[attr-defined]


def test_a_flip_in_commit_5_of_10_leaves_commits_1_to_4_in_silence(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    chain(p, s, 1)
    s.restore("log 1")
    for n in range(21, 31):  # ten transactions of one commit each
        p.write(n)
    p.log("log 2")
    ship("log 2", p, s)
    whole = s.files.read("log 2")
    fifth = whole.rindex(
        str(25 * LSN_A_COMMIT).encode(), 0, whole.rindex(str(26 * LSN_A_COMMIT).encode())
    )
    s.files.flip("log 2", fifth, 1)
    state = s.restore("log 2")
    holds(s, 24)
    # where it really stands, though the restore reported success
    assert state.redo_lsn == 24 * LSN_A_COMMIT
    p.write(40)
    p.log("log 3")
    ship("log 3", p, s)
    with pytest.raises(EngineError, match="60004 The chain has a hole"):
        s.restore("log 3")
    goes_on(s, "log 2", whole, "log 3", n=40)


def test_sqlites_own_code_and_text_reach_the_caller(pair: tuple[Server, Server]) -> None:
    p, s = pair
    p.write(3)
    p.full("full")
    ship("full", p, s)
    s.files.flip("full", s.files.read("full").index(b"SQLite format 3"), 4)
    with pytest.raises(EngineError) as told:
        s.restore("full", replace=True)
    assert (told.value.number, told.value.text) == (sqlite3.SQLITE_NOTADB, "file is not a database")
    assert not s.engine.state(DB).exists


def test_the_database_that_was_shipped_is_whole_in_sqlites_own_judgement(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    for name in chain(p, s, 30):
        s.restore(name)
    p.incremental("inc", 400)
    ship("inc", p, s)
    s.restore("inc")
    s.engine.recover(DB, 2)
    s.write(500)
    file = s.engine.databases[DB].store.file  # type: ignore[attr-defined]
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = connection.execute("SELECT first, next FROM witness ORDER BY next").fetchall()
    connection.close()
    assert rows[0][0] == 0 and rows[-1][1] == 500
    assert all(a[1] == b[0] for a, b in itertools.pairwise(rows))


def test_a_row_changed_behind_the_witness_shows_in_its_digest(pair: tuple[Server, Server]) -> None:
    p, _ = pair
    p.write(3)
    p.write(9)
    holds(p, 9)
    connection = p.engine.databases[DB].store._connection  # type: ignore[attr-defined]
    for change, undo in (
        (
            "UPDATE witness SET low = low + 1 WHERE next = 3",
            "UPDATE witness SET low = low - 1 WHERE next = 3",
        ),
        (
            "UPDATE witness SET running = '5' WHERE next = 9",
            f"UPDATE witness SET running = '{mark(DB, 1, 9)}' WHERE next = 9",
        ),
        (
            "UPDATE witness SET first = 4 WHERE next = 9",
            "UPDATE witness SET first = 3 WHERE next = 9",
        ),
    ):
        connection.execute(change)
        assert p.reading != WitnessReading(9, mark(DB, 1, 9)), change
        connection.execute(undo)
        holds(p, 9)
    connection.execute("DELETE FROM witness WHERE next = 3")
    assert p.reading != WitnessReading(9, mark(DB, 1, 9))


def test_closing_an_engine_leaves_no_file_behind(tmp_path: Path) -> None:
    files = MemoryFiles()
    server = Server(SqliteEngine(files, tmp_path / "home"), files)
    server.engine.create(DB)
    server.write(5)
    server.full("full")
    server.restore("full", replace=True)
    server.engine.close()  # type: ignore[attr-defined]
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


SITUATIONS = {
    3117: 60019,
    3118: 60021,
    3136: 60017,
    3153: 60019,
    3159: 60023,
    3201: 60005,
    4214: 60020,
    3035: 60020,
    4305: 60004,
    4326: 60016,
    4330: 60018,
}
"""What SQL Server says of a chain -> what dr_sim says where the engine has no word for it."""

ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "log",
                "log",
                "log",
                "torn",
                "full",
                "copy",
                "incremental",
                "restore",
                "restore",
                "restore",
                "killed",
                "failover",
            ]
        ),
        st.integers(0, 40),
    ),
    min_size=5,
    max_size=30,
)


def outcome(p: Server, s: Server, what: str, number: int, files: list[str]) -> object:
    """What doing it comes to, in terms that both engines share."""
    try:
        if what in ("restore", "killed", "failover"):
            if what == "failover":
                return s.engine.recover(DB, 2)
            path = files[number % len(files)] if files else "none"
            operation = s.engine.begin_restore(DB, path, replace=number % 5 == 0)
            return operation.finish() if what == "restore" else operation.abort(500_000)
        n = p.reading.commits + number % 4
        path = f"file {len(files)}"
        kind = {"full": Kind.FULL, "copy": Kind.FULL, "incremental": Kind.INCREMENTAL}.get(
            what, Kind.LOG
        )
        if kind is Kind.LOG:
            p.write(n)
        begun = p.engine.begin_backup(
            DB, BackupOrder(kind, path, 7, 10, backup_id=len(files), copy_only=what == "copy")
        )
        header = None if what == "torn" else begun.finish(n, n * LSN_A_COMMIT, 8).header
        if what != "torn":
            ship(path, p, s)
            files.append(path)
        return header
    except EngineError as error:
        return SITUATIONS.get(error.number, error.number)


def standing(p: Server, s: Server) -> tuple[int, RestoreState, WitnessReading | None]:
    state = s.engine.state(DB)
    return p.engine.log_starts_at(DB), state, s.reading if state.exists else None


@settings(max_examples=60, deadline=None)
@given(acts=ACTS)
def test_the_model_predicts_sqlite(acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for make in (
            ModelEngine,
            lambda files: SqliteEngine(files, Path(folder) / str(len(pairs)) / str(id(files))),
        ):
            sides = [MemoryFiles(), MemoryFiles()]
            pairs.append([Server(make(files), files) for files in sides])
            pairs[-1][0].engine.create(DB)
        lists: list[list[str]] = [[], []]
        for what, number in acts:
            told = [
                outcome(p, s, what, number, files)
                for (p, s), files in zip(pairs, lists, strict=True)
            ]
            assert told[0] == told[1], (what, number)
            assert standing(*pairs[0]) == standing(*pairs[1]), (what, number)
        for server in pairs[1]:
            server.engine.close()  # type: ignore[attr-defined]


def test_a_damaged_file_that_the_engine_itself_reads_is_one_outcome_whatever_number_it_is_refused_by(
    tmp_path: Path,
) -> None:
    """Damaged after it was validated, and found by the restore: the engines' own words differ, the
    digest does not.
    """
    path = tmp_path / "rest.yaml"
    path.write_text(
        "run_for: 4 h\ndatabases: {crm: {size: 100 MB, full: none, incremental: "
            "none}}\nlink: {bandwidth: 200 Mbit/s}\n"
        "replay: {delay: 30 min}\nfailover: {mode: automatic}\n"
        "events: [{at: 2 h 12 min, corrupt_at_rest: "
            "crm}, {at: 3 h, lose: site}]\n", encoding="utf-8",
    )  # fmt: skip
    runs = [run(load_scenario(path, engine=engine)) for engine in ("model", "sqlite")]
    numbers = [
        [r.values["error_number"] for r in found.journal.rows("seen.RestoreFailed")]
        for found in runs
    ]
    texts = [[r.values["text"] for r in found.journal.rows("seen.RaiseAlert")] for found in runs]
    assert numbers[0] and numbers[0] != numbers[1] and texts[0] != texts[1]
    assert all(str(mine[0]) in told[0] for mine, told in zip(numbers, texts, strict=True))
    assert runs[0].digest == runs[1].digest
