"""Rows of quiet logs by columns: at the places that are given, in whatever order and of whatever
databases they come.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

from dr_sim.record.journal import Journal
from dr_sim.world.lane.quiet_rows import POINTS, QuietRows, Ring, in_turn

from .build import rows

CUT, FINISH, LANDING, TOLD, HASH, RESTORE = range(6)


def places(
    host_us: list[int], site_us: list[int], rings: dict[int, Ring]
) -> tuple[list[tuple[int, ...]], Any]:
    found = in_turn(100, host_us, site_us, rings)
    return list(zip(*found.points.values(), strict=True)), found


def test_two_logs_that_move_both_fronts_take_seventeen_rows_each() -> None:
    """Cut 1; host 1, finish 2; landing 3, site 1; told 2; hash 4; restore 3."""
    points, found = places([5, 6], [5, 6], {})
    assert points == [(100, 102, 104, 108, 110, 114), (117, 119, 121, 125, 127, 131)]
    assert (found.host, found.site, found.rows) == ([101, 118], [107, 124], 34)


def test_a_log_without_a_commit_shows_nothing() -> None:
    points, found = places([-1, 7], [-1, -1], {})
    assert points == [(100, 101, 103, 106, 108, 112), (115, 117, 119, 122, 124, 128)]
    assert (found.host[1], found.rows) == (116, 31)


def test_an_alarm_s_rows_come_just_before_their_point() -> None:
    plain = (100, 102, 104, 108, 110, 114)
    for point in (CUT, FINISH, LANDING, TOLD, HASH, RESTORE):
        points, found = places([5], [5], {0: Ring(point, 0, 0)})
        assert points == [tuple(at + 2 * (i >= point) for i, at in enumerate(plain))]
        first = {FINISH: 101, TOLD: 107}.get(point, plain[point])  # the witness's row comes between
        assert (found.rings, found.rows) == ([first], 19)


def columns(database: int, journal: Journal, at: list[list[int]]) -> dict[str, Any]:
    """Two logs of a database; at: of each, the seqs of its points."""
    text = journal.texts
    same = {
        "index": database,
        "start": 1000,
        "incarnation": 1,
        "database": text[f"db{database}"],
        "fork": 1,
        "base": 0,
        "differential_base": 1,
        "sending": text["sending"],
        "there": text["landed"],
        "counter": text["1"],
        "clock_key": text["clock"],
    }
    each = {
        "number": [1, 2],
        "first_lsn": [10, 20],
        "last_lsn": [20, 35],
        "commits": [3, 4],
        "cut": [50, 60],
        "finished": [51, 61],
        "landed": [52, 62],
        "hashed": [53, 63],
        "restored": [54, 64],
        **dict(zip(POINTS, zip(*at, strict=True), strict=True)),
    }
    names = {
        key: [text[f"{key} {log} of {database}"] for log in (0, 1)]
        for key in ("name", "counter_key", "clock")
    }
    return {key: repeat(value) for key, value in same.items()} | each | names


def test_logs_of_two_databases_may_be_written_in_any_order() -> None:
    """As in a wave: each step of both databases' first logs, then of their second."""
    sizes = (1, 2, 3, 2, 4, 3)
    at: dict[tuple[int, int], list[int]] = {(db, log): [] for db in (0, 1) for log in (0, 1)}
    seq = 0
    for log in (0, 1):
        for own in sizes:
            for db in (0, 1):
                at[db, log].append(seq)
                seq += own
    digests = set()
    for order in ((0, 1), (1, 0)):
        journal = Journal()
        table = {db: columns(db, journal, [at[db, 0], at[db, 1]]) for db in (0, 1)}
        journal.take(seq)
        written = QuietRows(journal, carries_base=True)
        for db in order:
            written.logs(table[db])
        assert sorted(row.seq for row in journal.rows()) == list(range(60))
        assert [row.entity for row in journal.rows("truth.landed")] == [0, 1, 0, 1]
        assert (
            rows(journal, "truth.backup_finished", "file", "nominal_bytes")
            == [(51, 1, 10)] * 2 + [(61, 2, 15)] * 2
        )
        digests.add(journal.digest())
    assert len(digests) == 1


def test_what_is_read_early_and_what_comes_later_stand_in_one_table() -> None:
    journal = Journal()
    written = QuietRows(journal, carries_base=False)
    for log in range(3):
        seq = journal.take(2)
        written.rings(
            [Ring(0, 7 + log, 9)],
            {
                "seq": [seq],
                "index": repeat(0),
                "scope": repeat(journal.texts["db"]),
                "incarnation": repeat(1),
                "start": repeat(0),
            },
        )
        journal.note("truth.fenced", 0, -1, 1)
        journal.note("seen.SetAlarm", 8, -1, "db", "prune", 99)
        assert rows(journal, "seen.SetAlarm", "what")[-2:] == [(7 + log, "window"), (8, "prune")]
    assert [row.seq for row in journal.rows("seen.SetAlarm")] == [1, 3, 5, 7, 9, 11]
    assert [row.seq for row in journal.rows("seen.Alarm", "truth.fenced")] == [0, 2, 4, 6, 8, 10]
