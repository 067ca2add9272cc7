"""What retention deletes at once: files, and runs of logs as one thing."""

from __future__ import annotations

import pytest

from dr_sim.backups.log_run import LogRun, LogsAlike
from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.backups.names import names_apart
from dr_sim.backups.run_tables import ByName
from dr_sim.backups.shelf import Shelf
from dr_sim.backups.stored import StoredFile
from dr_sim.engines.files import Unread
from dr_sim.recovery.config import DatabaseConfig
from dr_sim.recovery.files.file import File
from dr_sim.recovery.files.files import HeldFiles
from dr_sim.stores import MemoryStore
from dr_sim.world.primary.backup_file import BackupFile, FilesOfRun
from dr_sim.world.primary.pruning import pruned

MINUTE = 60_000_000
N = 10


def run(first: int) -> LogRun:
    """Logs of a hundred bytes, one a minute."""
    cuts = [(first + i) * MINUTE for i in range(N)]
    return LogRun(
        LogsAlike("crm", 1, first, 0, 0, 0),
        names_apart("crm", cuts, Kind.LOG),
        [100 * (first + i) for i in range(N + 1)],
        [first + i for i in range(N + 1)],
        (cuts, [cut + 1 for cut in cuts]),
    )


def table(*runs: LogRun) -> ByName[BackupFile]:
    found: ByName[BackupFile] = ByName()
    for each in runs:
        found.add_run(each, FilesOfRun(0, each, lambda i: Unread()))
    return found


def test_a_run_of_which_all_logs_go_is_one_thing() -> None:
    first, second = run(0), run(N)
    by_name = table(first, second)
    names = [*first.names(), *second.names()[:3], "gone already", *second.names()[3:]]
    whole, *files = pruned(by_name, names)
    assert isinstance(whole, FilesOfRun) and whole.run is first and whole.size_bytes == 1000
    numbers = [file.number for file in files if isinstance(file, BackupFile)]
    assert numbers == [N, N + 1, N + 2], "up to the first that is not there"
    assert by_name.runs == [first], "the run of which some logs stay is spread"


def test_a_log_that_is_asked_for_lies_where_its_run_lies() -> None:
    of = run(0)
    by_name = table(of)
    by_name.maker(of).at_primary = False
    file = by_name[of.name(4)]
    assert (file.number, file.ends_us, file.commits) == (4, 4 * MINUTE, 5)
    assert not file.at_primary and file.at_secondary and file.header == of.header(4)


def full(number: int, lsn: int, finished_us: int) -> StoredFile:
    header = BackupHeader(
        "crm", number, Kind.FULL, 1, lsn, lsn, lsn, 0, 0, 1, 0, finished_us, finished_us
    )
    return StoredFile(f"full {number}", header)


def test_what_is_yet_to_be_copied_stays() -> None:
    """The first seven logs lie before the old full that stays."""
    of = run(0)
    shelf = Shelf([full(100, 700, 7 * MINUTE + 10)])
    shelf.add_run(of)
    shelf.add(full(101, 1000, 10 * MINUTE))
    old = 9 * MINUTE, 0, 1
    assert shelf.prunable(*old) == of.names()[:7]
    assert shelf.prunable(*old, uncopied={of.name(2)}) == [*of.names()[:2], *of.names()[3:7]]


def test_retention_makes_no_header_of_a_log_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet has thousands of old logs that stay until the next full is old, and retention asks
    every day.
    """
    shelf = Shelf([full(100, 300, 3 * MINUTE + 10)])
    of = run(0)
    shelf.add_run(of)
    made: list[int] = []
    header = LogRun.header

    def counted(self: LogRun, i: int) -> BackupHeader:
        made.append(i)
        return header(self, i)

    monkeypatch.setattr(LogRun, "header", counted)
    assert shelf.prunable(9 * MINUTE, 0, 1) == of.names()[:3]
    assert not made


def test_the_secondary_deletes_a_run_as_one_thing() -> None:
    of = run(0)
    files = HeldFiles("crm", {})
    files.absorb_run(of, [cut + 2 for cut in of.cut_us])
    files.absorb_run(run(N), [MINUTE] * N)
    names = [*of.names(), run(N).name(0)]
    whole, first = files.several(names)
    assert whole is of and isinstance(first, File) and first.attempts == 1
    files.delete([of, first])
    assert len(files) == N - 1 and of.name(0) not in files
    assert files.all_on_shelves()


def test_retention_spreads_no_run_when_a_file_was_damaged() -> None:
    """A damaged file spoils the shelf. A new one is made of the runs as they are."""
    of = [run(0), run(N), run(2 * N)]
    files = HeldFiles("crm", {})
    for each in of:
        files.absorb_run(each, each.finished_us)
    old, young = full(100, 300, 3 * MINUTE + 10), full(101, 1500, 15 * MINUTE + 10)
    for file in (old, young):
        files.absorb(file.name, file.header, 0)
    files.shelves.spoil()
    config = DatabaseConfig("crm", 0, 0, 0, 0, 0, 1, "", "host")
    state = RestoreState(1, 3000, 0)
    at_utc_us = 28 * MINUTE
    gone = files.shelves.prunable_of_each(files, config, state, at_utc_us)
    assert gone == [*of[0].names()[:4], old.name, *of[0].names()[4:], *of[1].names()[:5]]
    assert files.all_on_shelves()
    assert [each for each in files.with_runs() if isinstance(each, LogRun)] == of


def test_a_store_forgets_a_run_as_one_thing() -> None:
    of = run(0)
    store = MemoryStore()
    store.save("attempts/crm/other", "1")
    store.save_same("attempts/crm/", of, "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ByName, "spread", None)
        store.forget("attempts/crm/", [*of.names(), "never there", "other"])
    assert not store.load()
