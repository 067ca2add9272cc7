"""Runs of logs by columns, and the tables of files in which they stand."""

from __future__ import annotations

import random

import pytest

from dr_sim.backups.log_run import FEWEST, LogRun, LogsAlike
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.names import names_apart
from dr_sim.backups.run_tables import ByName, ByNumber
from dr_sim.backups.shelf import Shelf

MINUTE = 60_000_000
N = 10


def run(first: int = 0, logs: int = N, database: str = "crm") -> LogRun:
    """Logs of a hundred bytes and ten commits, one a minute, each finished a second later."""
    cuts = [(first + i) * MINUTE for i in range(logs)]
    return LogRun(
        LogsAlike(database, 1, first, 7, 0, 1_000_000),
        names_apart(database, cuts, Kind.LOG),
        [100 * (first + i) for i in range(logs + 1)],
        [10 * (first + i) for i in range(logs + 1)],
        (cuts, [cut + 1_000_000 for cut in cuts]),
    )


def test_each_log_of_a_run_has_its_name_and_its_header() -> None:
    of = run()
    assert of.name(3) == names_apart("crm", [3 * MINUTE], Kind.LOG)[0]
    assert [of.place_of_name(name) for name in of.names()] == list(range(N))
    assert of.place_of_name("crm_x") == -1
    assert (of.place_of_number(0), of.place_of_number(N)) == (0, -1)
    begun, finished = 3 * MINUTE + 1_000_000, 3 * MINUTE + 2_000_000
    assert of.header(3) == BackupHeader(
        "crm", 3, Kind.LOG, 1, 300, 400, 7, 0, 0, 1, 0, begun, finished, nominal_bytes=100
    )


def test_names_that_are_not_in_order_are_no_run() -> None:
    names = names_apart("crm", [MINUTE, 0], Kind.LOG)
    alike = LogsAlike("crm", 1, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="not those of a run"):
        LogRun(alike, names, [0, 1, 2], [0, 1, 2], ([MINUTE, 0], [MINUTE, 0]))


def table(*runs: LogRun, in_order: bool = True) -> ByName[str]:
    """Each file is the text of its number."""
    found: ByName[str] = ByName(in_order)
    found["a full"] = "full"
    for each in runs:
        found.add_run(each, lambda i, each=each: str(each.first_number + i))  # type: ignore[misc]
        found[f"an incremental after {each.first_number}"] = "incremental"
    return found


def test_a_table_is_what_one_of_single_files_would_be() -> None:
    found = table(run(), run(N))
    assert len(found.runs) == 2
    assert len(found) == 2 * N + 3
    assert list(found)[1 : N + 1] == run().names()
    assert run().name(4) in found and run(2 * N).name(0) not in found
    assert len(found.runs) == 2, "no object was made for that"
    assert found.get(run(2 * N).name(0)) is None
    assert found[run().name(4)] == "4"
    assert [each.first_number for each in found.runs] == [N], "the other run is as it was"
    numbers = [str(i) for i in range(N)], [str(N + i) for i in range(N)]
    assert list(found.values()) == ["full", *numbers[0], "incremental", *numbers[1], "incremental"]
    assert not found.runs


def test_what_is_only_looked_at_stays_in_its_run() -> None:
    found = table(run())
    assert found.look(run().name(4)) == "4" and found.look("no name") is None
    assert found.runs and found.apart() == ["full", "incremental"]


def test_a_file_of_a_run_is_replaced_or_taken_away() -> None:
    found = table(run())
    found[run().name(4)] = "another"
    assert list(found.values())[4:7] == ["3", "another", "5"]
    found = table(run())
    del found[run().name(0)]
    assert list(found.values())[:2] == ["full", "1"]
    assert found.pop(run().name(0), None) is None


def test_a_short_run_is_held_as_files() -> None:
    assert not table(run(0, FEWEST - 1)).runs


def test_runs_of_several_databases_lie_in_one_folder() -> None:
    found = table(run(), run(0, N, "bar"), run(N), run(N, N, "bar"), in_order=False)
    assert len(found.runs) == 4
    assert found[run(N, N, "bar").name(2)] == str(N + 2)
    assert len(found.runs) == 3
    assert found.look(run(N).name(2)) == str(N + 2)


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_runs_of_several_databases_that_come_and_go_are_as_single_files(
    seed: int, in_order: bool
) -> None:
    luck = random.Random(seed)
    found, single = table(in_order=in_order), {"a full": "full"}
    next_of = {"ant": 0, "bee": 0, "cat": 0}
    names = [*single]
    for step in range(40):
        doing, name = luck.randrange(6), luck.choice(names)
        if doing < 2:
            database = luck.choice([*next_of])
            added = run(next_of[database], luck.randint(FEWEST, N), database)
            next_of[database] += len(added)
            found.add_run(added, lambda i, each=added: each.name(i))  # type: ignore[misc]
            single |= {each: each for each in added.names()}
            names += added.names()
        elif doing == 2:
            found[name] = single[name] = f"written in step {step}"
        elif doing == 3:
            assert found.pop(name, None) == single.pop(name, None)
        elif doing == 4:
            found.spread()
        elif found.runs:
            gone = luck.choice(found.runs)
            found.let_go(gone)
            single = {each: it for each, it in single.items() if each not in gone.names()}
        assert (name in found) == (name in single)
        assert found.look(name) == single.get(name)
        if luck.random() < 0.2:
            assert found.get(name) == single.get(name)
        assert sorted(found) == sorted(single)
    assert dict(found.items()) == single


def test_whoever_holds_a_run_as_one_thing_is_told_when_it_is_spread() -> None:
    spread: list[list[int]] = []
    found: ByNumber[int] = ByNumber(lambda _, made: spread.append(made))
    found.add_run(run(), lambda i: 100 + i)
    assert found.get(N) is None and not spread
    assert found[3] == 103
    assert spread == [[100 + i for i in range(N)]]


def test_a_shelf_lets_the_logs_of_a_run_go_one_by_one() -> None:
    shelf = Shelf()
    shelf.add_run(run())
    shelf.add_run(run(N))
    assert len(shelf) == 2 * N
    shelf.remove(*run().names(), run(N).name(0))
    assert shelf.usual and [log.header.backup_id for log in shelf.logs()] == [*range(N + 1, 2 * N)]
    assert len(shelf) == N - 1
    shelf.remove(run(N).name(4))
    assert not shelf.usual, "it is not the first"


def test_a_run_that_does_not_follow_is_unusual_on_a_shelf() -> None:
    shelf = Shelf()
    shelf.add_run(run())
    shelf.add_run(run(N + 1))
    assert not shelf.usual


# ---- logs that were made one by one
def one_by_one(*runs: LogRun, in_order: bool = True) -> ByName[str]:
    """The same as `table`, with each log by itself."""
    found = table(*runs, in_order=in_order)
    found.spread()
    return found


def held(found: ByName[str], of: LogRun, odd: str = "") -> list[LogRun]:
    """Hold logs as runs, but the one whose object is that text; the runs."""

    def fits(i: int, text: str) -> bool:
        return text == str(of.first_number + i) and text != odd

    return found.hold_as_runs(of, fits, lambda part, _: lambda i: str(part.first_number + i))


@pytest.mark.parametrize("in_order", [True, False])
def test_logs_made_one_by_one_become_a_run_in_their_place(in_order: bool) -> None:
    found = one_by_one(run(), run(N), in_order=in_order)
    before = dict(found.items())
    assert [each.numbers for each in held(found, run())] == [range(N)]
    assert [each.numbers for each in held(found, run(N))] == [range(N, 2 * N)]
    assert len(found.runs) == 2 and len(found) == len(before)
    assert found.look(run().name(4)) == "4" and len(found.apart()) == 3
    after = dict(found.items())
    assert after == before
    assert list(after) == list(before) or not in_order


def test_what_lies_between_logs_or_is_odd_parts_them() -> None:
    found = one_by_one(run(), run(N))
    both = run(0, 2 * N)
    assert [each.numbers for each in held(found, both)] == [range(N), range(N, 2 * N)]
    found = one_by_one(run(0, 2 * N))
    assert [each.numbers for each in held(found, both, odd="7")] == [range(7), range(8, 2 * N)]
    assert list(found.values())[1:-1] == [str(i) for i in range(2 * N)]


def test_few_logs_and_those_before_a_run_stay_as_they_are() -> None:
    found = one_by_one(run())
    assert not held(found, run(0, FEWEST - 1)) and not held(found, run(), odd="5")
    found.add_run(run(N), str)
    assert not held(found, run()), "a run comes after them"
    assert found.look(run().name(3)) == "3"


def test_logs_on_a_shelf_become_a_run() -> None:
    shelf, as_before = Shelf(), Shelf()
    for each in (shelf, as_before):
        each.add_run(run(0, FEWEST - 1))
        each.add_run(run(FEWEST - 1, FEWEST - 1))
        each.add_run(run(2 * FEWEST - 2))
    shelf.hold_as_run(run(2, FEWEST))
    shelf.hold_as_run(run(2 * FEWEST - 4, FEWEST))  # some of them are in a run
    assert len(shelf._logs) == len(as_before._logs) - FEWEST + 1
    assert len(shelf) == len(as_before)
    assert [*shelf.logs()] == [*as_before.logs()]
    names = [log.name for log in shelf.logs()]
    shelf.remove(*names[:4])
    assert shelf.usual and [log.name for log in shelf.logs()] == names[4:]
