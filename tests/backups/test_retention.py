"""Retention never takes away what could be restored in the window it keeps, and does take away the
rest.
"""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.backups.names import backup_name
from dr_sim.backups.plan import plan
from dr_sim.backups.retention import prunable
from dr_sim.backups.stored import StoredFile
from tests.backups.standby import MINUTE_US, History, Made, Standby, histories, reachable

HOUR_US = 60 * MINUTE_US


def stored(header: BackupHeader, copied: bool = True) -> StoredFile:
    return StoredFile(
        backup_name("db", header.started_utc_us, header.kind) + f"/{header.backup_id}",
        header,
        copied,
    )


@settings(max_examples=400, deadline=None)
@given(histories(steps=16), st.data())
def test_the_kept_window_stays_restorable(history: History, data: st.DataObject) -> None:
    made = [item for item in history.made if data.draw(st.integers(0, 9)) > 1]
    retention_us = data.draw(st.integers(0, 20)) * 10 * MINUTE_US
    keep_fulls = data.draw(st.integers(0, 2))
    uncopied = {item[0].backup_id for item in made if data.draw(st.integers(0, 9)) == 9}
    files = [stored(header, header.backup_id not in uncopied) for header, _ in made]
    gone = prunable(files, history.now_us, retention_us, keep_fulls)
    assert prunable(files[::-1], history.now_us, retention_us, keep_fulls) == gone
    left = [item for item in made if stored(item[0]).name not in gone]

    window_from = history.now_us - retention_us
    assert all(item in left for item in made if item[0].finished_utc_us >= window_from)
    assert uncopied <= {item[0].backup_id for item in left}
    fulls = [item for item in made if item[0].kind is Kind.FULL and not item[0].copy_only]
    assert all(item in left for item in fulls[max(len(fulls) - keep_fulls, 0) :])
    # a state that a young file led to, and one that an uncopied file led to, can still be reached
    # by whatever is left
    before, after = reachable(made, Standby()), reachable(left, Standby())
    forks_are_told = not made or told(made)
    for header, content in made:
        in_window = header.finished_utc_us >= window_from
        needed = in_window or (header.backup_id in uncopied and header.kind is Kind.INCREMENTAL)
        if needed and content.writes in before and forks_are_told:
            assert content.writes in after, (
                f"no way is left to where backup {header.backup_id} ends"
            )
    kept_headers = [item[0] for item in left]
    if made and newest_of(made).fork in {header.fork for header in kept_headers}:
        fork = newest_of(made).fork
        assert (
            plan(kept_headers, fork=fork).reaches
            == plan([item[0] for item in made], fork=fork).reaches
        )
    again = prunable([stored(h) for h, _ in left], history.now_us, retention_us, keep_fulls)
    assert uncopied or not again, "twice must be as once"


def newest_of(made: list[Made]) -> BackupHeader:
    return max(
        (item[0] for item in made), key=lambda header: (header.finished_utc_us, header.backup_id)
    )


def told(made: list[Made]) -> bool:
    """Every fork's first log is at hand: without it nothing says how two forks hang together."""
    telling = {item[0].fork for item in made if item[0].first_fork != item[0].fork}
    return telling >= set(range(2, max(item[0].fork for item in made) + 1))


@settings(max_examples=200, deadline=None)
@given(histories(steps=16), st.data())
def test_a_standby_goes_as_far_as_before(history: History, data: st.DataObject) -> None:
    standby = Standby()
    for item in data.draw(st.lists(st.sampled_from(history.made), max_size=4)):
        standby.takes(item)
    if not standby.is_base:
        return
    files = [stored(header) for header, _ in history.made]
    gone = prunable(files, history.now_us + 1000 * HOUR_US, 0, 0, standby.state())
    only = [item for item in history.made if item[0].kind is not Kind.FULL]
    left = [item for item in only if stored(item[0]).name not in gone]
    assert set(reachable(only, standby)) == set(reachable(left, standby))


def a_service(days: int) -> list[StoredFile]:
    """Weekly fulls, daily incrementals and five-minute logs; LSN = 10 a slot of five minutes."""
    files: list[StoredFile] = []
    base = 0
    for slot in range(days * 288):
        at = slot * 5 * MINUTE_US
        if slot % 2016 == 0:
            base = slot * 10 + 2
            files.append(
                stored(header(Kind.FULL, slot * 10 + 2, slot * 10 + 5, 0, at, 3 * slot + 1))
            )
        elif slot % 288 == 0:
            files.append(
                stored(
                    header(Kind.INCREMENTAL, slot * 10 + 2, slot * 10 + 5, base, at, 3 * slot + 2)
                )
            )
        files.append(stored(header(Kind.LOG, slot * 10, slot * 10 + 10, 0, at, 3 * slot + 3)))
    return files


def header(kind: Kind, first: int, last: int, base: int, at_us: int, number: int) -> BackupHeader:
    return BackupHeader(
        "db", number, kind, 1, first, last, first, base, base, 1, 0, at_us, at_us + MINUTE_US
    )


def test_pruned_daily_for_ten_weeks_it_keeps_about_a_thousand_files_and_costs_little() -> None:
    alive: list[StoredFile] = []
    everything = a_service(70)
    cpu_s, most = 0.0, 0
    for day in range(70):
        now_us = (day + 1) * 24 * HOUR_US
        alive += [
            f for f in everything if now_us - 24 * HOUR_US <= f.header.started_utc_us < now_us
        ]
        most = max(most, len(alive))
        began = time.process_time()
        gone = set(prunable(alive, now_us, 72 * HOUR_US, 1))
        cpu_s += time.process_time() - began
        alive = [file for file in alive if file.name not in gone]
        found = plan([file.header for file in alive])
        assert found.hole is None and found.reaches == (1, (day + 1) * 2880)
    # 72 h, the day before the incremental that anchors them, the day since the last pruning
    assert most < 1600
    assert len([f for f in alive if f.header.kind is Kind.FULL]) <= 2
    assert cpu_s < 2


def names(files: list[StoredFile], *kinds: Kind) -> list[int]:
    return [file.header.last_lsn for file in files if file.header.kind in kinds]


def test_what_stays_after_eight_days() -> None:
    files = a_service(8)
    now_us = 8 * 24 * HOUR_US
    gone = set(prunable(files, now_us, 72 * HOUR_US, 1))
    left = [file for file in files if file.name not in gone]
    # the first full, because the incrementals of the window stand on it; the incremental of day 4;
    # then all logs, from the one on that holds that incremental's end
    assert names(left, Kind.FULL) == [5, 20165]
    assert names(left, Kind.INCREMENTAL) == [4 * 2880 + 5, 5 * 2880 + 5, 6 * 2880 + 5]
    assert names(left, Kind.LOG) == [slot * 10 + 10 for slot in range(4 * 288, 8 * 288)]


def test_an_incremental_keeps_the_whole_chain_that_it_stands_on() -> None:
    """By PostgreSQL's rule: each of seven incrementals stands on the backup before it."""
    files = a_service(8)
    base = 2
    for file in files:
        if file.header.kind is Kind.INCREMENTAL:
            file.header.differential_base_lsn = base
            base = file.header.first_lsn
    now_us = 8 * 24 * HOUR_US
    for tried in (files, files[::-1][:-1] + files[:1]):  # in order, and one by one
        gone = set(prunable(tried, now_us, 72 * HOUR_US, 1))
        left = [file for file in files if file.name not in gone]
        assert names(left, Kind.FULL) == [5, 20165]
        assert names(left, Kind.INCREMENTAL) == [day * 2880 + 5 for day in range(1, 7)]
        assert names(left, Kind.LOG) == [slot * 10 + 10 for slot in range(4 * 288, 8 * 288)]


def test_uncopied_files_and_a_standby_behind_stay() -> None:
    files = a_service(8)
    now_us = 8 * 24 * HOUR_US
    files[7].copied = False
    gone = prunable(files, now_us, 72 * HOUR_US, 1)
    assert files[7].name not in gone and files[8].name in gone
    behind = set(prunable(files, now_us, 72 * HOUR_US, 1, RestoreState(1, 1000, 2)))
    assert all(file.name not in behind for file in files if file.header.last_lsn > 1000)
    assert any(file.name in behind for file in files)


def test_count_keeps_fulls_whatever_their_age() -> None:
    files = a_service(30)
    now_us = 365 * 24 * HOUR_US
    for count in (0, 1, 3, 9):
        gone = set(prunable(files, now_us, 72 * HOUR_US, count))
        left = [file for file in files if file.name not in gone]
        assert len(names(left, Kind.FULL)) == max(min(count, 5), 1)
        # backups stopped eleven months ago: the way to the last position stays, and nothing else
        assert plan([file.header for file in left]).reaches == (1, 30 * 2880)
        assert (
            names(left, Kind.INCREMENTAL) == [29 * 2880 + 5] and len(names(left, Kind.LOG)) == 288
        )


def test_nothing_is_deleted_while_everything_is_young() -> None:
    assert prunable(a_service(2), 2 * 24 * HOUR_US, 72 * HOUR_US, 0) == []
    assert prunable([], 0, 0, 0) == []


def test_logs_are_kept_rather_than_an_incremental_on_a_full_that_someone_else_has() -> None:
    """His full began at 30. The incremental on it could be led to by the logs from 5 to 35, and go
    on at 40. But the logs lead all the way from our full, and they stay.
    """
    full = header(Kind.FULL, 0, 5, 0, 0, 1)
    logs = [header(Kind.LOG, 5 * i, 5 * i + 5, 0, i * MINUTE_US, 1 + i) for i in range(1, 9)]
    on_his = header(Kind.INCREMENTAL, 38, 40, 30, 8 * MINUTE_US, 20)
    young = header(Kind.LOG, 45, 50, 30, 600 * MINUTE_US, 21)
    files = [stored(h) for h in (full, *logs, on_his, young)]
    assert prunable(files, 601 * MINUTE_US, 60 * MINUTE_US, 0) == [files[9].name]


def test_an_incremental_whose_full_is_lost_still_stands_on_an_older_one_and_its_logs() -> None:
    old_full = header(Kind.FULL, 0, 5, 0, 0, 1)
    # names the full that began at 8, which is lost
    carries = header(Kind.LOG, 0, 20, 8, 5 * MINUTE_US, 2)
    bridge = header(Kind.INCREMENTAL, 30, 32, 8, 10 * MINUTE_US, 3)  # over a lost log
    young = header(Kind.LOG, 31, 40, 8, 600 * MINUTE_US, 4)
    useless = header(Kind.LOG, 22, 25, 8, 9 * MINUTE_US, 5)
    files = [stored(h) for h in (old_full, carries, bridge, young, useless)]
    assert plan([file.header for file in files]).reaches == (1, 40)
    assert prunable(files, 601 * MINUTE_US, 60 * MINUTE_US, 0) == [files[4].name]


def test_an_incremental_that_ends_where_its_full_ends_keeps_it() -> None:
    """Nobody wrote after the full of 5. The incremental on it has yet to be copied, so both stay."""
    full = stored(header(Kind.FULL, 0, 5, 0, 0, 1))
    empty = stored(header(Kind.INCREMENTAL, 5, 5, 0, 5 * MINUTE_US, 2), copied=False)
    another = stored(header(Kind.FULL, 5, 5, 5, 10 * MINUTE_US, 3))
    log = stored(header(Kind.LOG, 5, 20, 5, 30 * MINUTE_US, 4))
    young = stored(header(Kind.LOG, 20, 30, 5, 600 * MINUTE_US, 5))
    files = [full, empty, another, log, young]
    assert prunable(files, 601 * MINUTE_US, 60 * MINUTE_US, 1) == []
    files.remove(empty)
    assert prunable(files, 601 * MINUTE_US, 60 * MINUTE_US, 1) == [full.name]
