"""What is SQL Server's own about the model engine: texts, and rules that other engines need not
share.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines import backup_set
from dr_sim.engines.backup_set import becomes_base, log_ends, tell_apart
from dr_sim.engines.commits import MASK, mark
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.model_database import MAGIC
from dr_sim.engines.port import BackupOrder, EngineError

from .conformance import DB, LSN_A_COMMIT, Server, chain, holds, ship


def server(checksum: bool = False) -> Server:
    files = MemoryFiles()
    return Server(ModelEngine(files, checksum=checksum), files)


def pair(checksum: bool = False) -> tuple[Server, Server]:
    p = server(checksum)
    p.engine.create(DB)
    return p, server()


def told(s: Server, path: str, database: str = DB, replace: bool = False) -> str:
    with pytest.raises(EngineError) as error:
        s.restore(path, replace=replace, database=database)
    return f"{error.value.number} {error.value.text}"


def test_logs_that_wait_for_a_worker_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    p, s = pair()
    names = chain(p, s, logs=300)
    parsed: list[bytes] = []
    decode = backup_set.decode

    def counted(magic: bytes, data: bytes) -> backup_set.BackupSet:
        parsed.append(data)
        return decode(magic, data)

    monkeypatch.setattr(backup_set, "decode", counted)
    for name in names:
        s.engine.read_header(name)
    for name in names:
        s.restore(name)
    assert len(parsed) == len(names)


def test_texts_are_the_vendors_with_their_holes_filled() -> None:
    p, s = pair()
    names = chain(p, s)
    assert told(s, names[1]) == (
        "4305 The log in this backup set begins at LSN 81920, which is too recent to "
        "apply to the database. "
        "An earlier log backup that includes LSN 40960 can be restored."
    )
    s.restore(names[0])
    assert told(s, names[0]) == (
        "4326 The log in this backup set terminates at LSN 81920, which is too early to "
        "apply to the database. "
        "A more recent log backup that includes LSN 81920 can be restored."
    )
    whole = s.files.read("log 2")
    s.files.truncate("log 2", len(whole) - 1)
    assert told(s, "log 2") == '3203 Read on "log 2" failed: 38(Reached the end of the file.)'
    s.files.truncate("log 2", 20)
    assert told(s, "log 2") == (
        "3241 The media family on device 'log 2' is incorrectly formed. SQL Server cannot "
        "process this media family."
    )
    p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "log 2", 0, 1, backup_id=9)).abort(990_000)
    ship("log 2", p, s)
    assert told(s, "log 2") == (
        "3256 The backup set on device 'log 2' was terminated while it was being created "
        "and is incomplete. RESTORE "
        "sequence is terminated abnormally."
    )
    assert (
        told(s, "full", "hr")
        == "3154 The backup set holds a backup of a database other than the existing 'hr' database."
    )
    assert told(s, "gone") == (
        "3201 Cannot open backup device 'gone'. Operating system error 2(The system "
        "cannot find the file specified.)."
    )
    s.engine.recover(DB, 2)
    assert told(s, names[2]) == (
        "3117 The log or differential backup cannot be restored because no files are "
        "ready to rollforward."
    )
    assert told(s, "full").startswith(
        '3159 The tail of the log for the database "crm" has not been backed up.'
    )
    with pytest.raises(EngineError, match="3153 The database is already fully recovered"):
        s.engine.recover(DB, 3)


def test_a_damaged_page_is_named_where_backups_carry_checksums() -> None:
    p, s = pair(checksum=True)
    chain(p, s, 1)
    whole = s.files.read("full")
    body = backup_set.decode(MAGIC, whole).body_at
    s.files.flip("full", body + 8 * 5 + 3, 2)
    assert told(s, "full", replace=True) == (
        '3183 RESTORE detected an error on page (1:5) in database "crm" as read from the '
        "backup set."
    )
    s.files.flip("log 1", body + 8 * 5 + 3, 2)
    assert told(s, "log 1") == "3189 Damage to the backup set was detected."


def test_overlapping_logs_apply_from_the_position_on() -> None:
    p, s = pair()
    chain(p, s, 1)
    p.write(30)
    first = p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "a", 0, 1, backup_id=50))
    p.write(40)
    second = p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "b", 0, 1, backup_id=51))
    second.finish(40, 0, 1)
    first.finish(40, 0, 2)
    assert second.header.first_lsn == first.header.first_lsn
    assert p.engine.log_starts_at(DB) == second.header.last_lsn
    for path in ("log 1", "a", "b"):
        ship(path, p, s)
        s.restore(path)
    holds(s, 40)


def test_a_copy_only_log_truncates_nothing() -> None:
    p, s = pair()
    chain(p, s, 1)
    p.write(30)
    starts = p.engine.log_starts_at(DB)
    p.log("copy", copy_only=True)
    assert p.engine.log_starts_at(DB) == starts
    p.write(40)
    assert p.log("log 2").first_lsn == starts


def last_page(s: Server, path: str) -> None:
    s.files.flip(path, len(s.files.read(path)) - len(backup_set.END_MARK) - 1, 1)


def test_a_damaged_log_that_nobody_validated_is_applied_up_to_the_damage_and_heals() -> None:
    p, s = pair()
    names = chain(p, s, 2)
    whole = s.files.read(names[0])
    last_page(s, names[0])
    assert s.restore(names[0]).redo_lsn == 20 * LSN_A_COMMIT * 15 // 16
    holds(s, 18)  # 15 of 16 pages of twenty commits, ten of which it had
    for path in (names[0], names[1]):
        with pytest.raises(EngineError, match="3183" if path == names[0] else "4305"):
            s.restore(path)
        holds(s, 18)
    s.files.write(names[0], whole)
    for path in names:
        s.restore(path)
    holds(s, 30)


def test_damage_restored_in_silence_stays_until_an_incremental_replaces_the_pages() -> None:
    p, s = pair()
    chain(p, s, 1)
    p.incremental("damaged", 33)
    p.incremental("whole", 44)
    for path in ("damaged", "whole"):
        ship(path, p, s)
    last_page(s, "damaged")
    s.restore("damaged")
    assert s.reading.commits == 33 and s.reading.digest != mark(DB, 1, 33)
    s.restore("whole")
    holds(s, 44)


def test_a_database_that_is_wrong_stays_wrong_over_an_incremental_on_a_base_that_a_log_brought() -> (
    None
):
    p, s = pair()
    names = chain(p, s, 1)
    last_page(s, "full")
    s.restore("full", replace=True)
    p.full("second full", 25)
    p.write(30)
    p.log("log 2")
    p.incremental("inc", 44)
    for path in ("log 2", "inc"):
        ship(path, p, s)
    for path in (*names, "log 2"):
        s.restore(path)
    off = (s.reading.digest - mark(DB, 1, 30)) & MASK
    s.restore("inc")
    assert off and s.reading.commits == 44 and (s.reading.digest - mark(DB, 1, 44)) & MASK == off


def test_a_log_across_two_failovers_fits_from_each_of_its_forks() -> None:
    p, s = pair()
    chain(p, s, 0)
    for fork, commits in ((2, 12), (3, 15)):
        s.engine.recover(DB, fork)
        s.write(commits)
        if fork == 2:
            s.full("on two")
            tail = s.engine.begin_backup(
                DB, BackupOrder(Kind.LOG, "t", 0, 1, backup_id=70, tail=True)
            )
            tail.finish(12, 0, 1)
    third = server()
    for path in ("full", "t"):
        ship(path, p if path == "full" else s, third)
        third.restore(path, replace=path == "full")
    header = s.log("last")
    assert (header.fork, header.first_fork, header.fork_point_lsn) == (3, 2, 12 * 4096)
    ship("last", s, third)
    assert third.engine.read_header("last") == header
    third.restore("last")
    assert third.reading == s.reading
    assert (
        third.reading.digest
        == (mark(DB, 1, 10) + mark(DB, 2, 12) - mark(DB, 2, 10) + mark(DB, 3, 15) - mark(DB, 3, 12))
        & MASK
    )


def test_misuse_is_refused() -> None:
    p, _ = pair()
    with pytest.raises(EngineError, match="1801"):
        p.engine.create(DB)
    with pytest.raises(EngineError, match="911"):
        p.write(1, "nobody")
    with pytest.raises(EngineError, match="3035"):
        p.incremental("inc")
    p.write(5)
    with pytest.raises(ValueError, match="never go back"):
        p.write(4)
    with pytest.raises(ValueError, match="tail"):
        p.full("full", tail=True)


lsns = st.integers(0, 2**90)


@settings(max_examples=200, deadline=None)
@given(
    name=st.text(min_size=1, max_size=60).filter(lambda s: "\0" not in s and s.isprintable()),
    kind=st.sampled_from(Kind), numbers=st.lists(lsns, min_size=16, max_size=16), flags=st.integers(0, 7),
    forks=st.lists(st.tuples(st.integers(1, 2**70), lsns, lsns), min_size=1, max_size=3),
    body=st.binary(max_size=300),
)  # fmt: skip
def test_backup_sets_round_trip(
    name: str,
    kind: Kind,
    numbers: list[int],
    flags: int,
    forks: list[tuple[int, int, int]],
    body: bytes,
) -> None:
    a = numbers
    path = tuple(forks) if len(forks) > 1 else ((a[1], 0, 0),)
    header = BackupHeader(
        name,
        a[0],
        kind,
        a[1],
        a[4],
        a[5],
        a[6],
        a[7],
        a[8],
        a[2],
        a[3],
        a[9],
        a[10],
        bool(flags & 1),
        bool(flags & 2),
        a[11],
    )
    written = backup_set.SetContents(path, a[12], a[13], a[14], a[15])
    data = backup_set.encode(MAGIC, header, written, body, checksum=bool(flags & 4))
    read = backup_set.decode(MAGIC, data)
    assert (read.header(), read.path, read[-4:]) == (header, path, (a[12], a[13], a[14], a[15]))
    assert backup_set.read_body(read, data) == body


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400), cut=st.integers(0, 300), put=st.integers(0, 300))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes, cut: int, put: int) -> None:
    p, s = pair()
    chain(p, s, 1)
    whole = s.files.read("log 1")
    s.files.write("log 1", whole[:put] + data + whole[cut:])
    state, reading = s.engine.state(DB), s.reading
    try:
        s.restore("log 1")
    except EngineError:
        assert (s.engine.state(DB), s.reading) == (state, reading)


@dataclass
class Backed:
    """A database whose base began at 100 and whose log begins at 300."""

    has_base: bool = True
    base_lsn: int = 100
    base_checkpoint_lsn: int = 100
    fulls_begun: list[int] = field(default_factory=lambda: [250])
    log_fork: int = 1
    log_lsn: int = 300
    log_commits: int = 30


def made(kind: Kind, first: int, last: int, copy_only: bool = False) -> BackupHeader:
    return BackupHeader("a", 1, kind, 2, first, last, first, 0, 0, 1, 0, 0, 0, copy_only)


@pytest.mark.parametrize(
    ("header", "links", "is_base"),
    [
        (made(Kind.FULL, 250, 300), False, True),
        (made(Kind.FULL, 250, 300), True, True),
        (made(Kind.FULL, 250, 300, copy_only=True), True, False),
        (made(Kind.INCREMENTAL, 200, 220), False, False),
        (made(Kind.INCREMENTAL, 200, 220), True, True),
        (made(Kind.INCREMENTAL, 250, 260, copy_only=True), True, False),
        # it began before the base did
        (made(Kind.INCREMENTAL, 90, 220), True, False),
    ],
)
def test_what_the_next_incremental_stands_on(
    header: BackupHeader, links: bool, is_base: bool
) -> None:
    db = Backed()
    assert becomes_base(db, header, links) is is_base
    assert db.fulls_begun == ([] if header.kind is Kind.FULL else [250])
    assert db.base_checkpoint_lsn == (250 if header.kind is Kind.FULL and is_base else 100)


@pytest.mark.parametrize(
    ("header", "links", "copy_only"),
    [
        (made(Kind.FULL, 100, 120), False, True),  # begins where the base began, and goes on
        (made(Kind.FULL, 100, 100), True, False),  # holds what the base holds
        (made(Kind.FULL, 250, 300), True, False),
        (made(Kind.INCREMENTAL, 100, 120), True, True),
        (made(Kind.INCREMENTAL, 250, 260), True, True),  # a full is being taken from there
        (made(Kind.INCREMENTAL, 250, 260), False, False),  # no incremental is a base
        (made(Kind.INCREMENTAL, 200, 220), True, False),
        # it stands on what begins there
        (replace(made(Kind.INCREMENTAL, 100, 120), differential_base_lsn=100), True, False),
    ],
)
def test_a_backup_that_would_be_taken_for_another_is_copy_only(
    header: BackupHeader, links: bool, copy_only: bool
) -> None:
    tell_apart(header, 100, links, [250])
    assert header.copy_only is copy_only


@pytest.mark.parametrize(
    ("header", "leaves"),
    [
        (made(Kind.LOG, 200, 400), True),
        (made(Kind.LOG, 200, 300), True),
        (made(Kind.LOG, 200, 299), False),
        (made(Kind.LOG, 200, 400, copy_only=True), False),
    ],
)
def test_what_leaves_the_log_when_a_backup_of_it_is_finished(
    header: BackupHeader, leaves: bool
) -> None:
    db = Backed()
    assert log_ends(db, header, 40) is leaves
    left = (2, header.last_lsn, 40) if leaves else (1, 300, 30)
    assert (db.log_fork, db.log_lsn, db.log_commits) == left
