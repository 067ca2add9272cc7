"""Logs of limited size in small worlds: when they are full, what frees them, and the lane beside
them.
"""

from __future__ import annotations

import pytest

from dr_sim.world.world import World

from .build import MINUTE, ONE, SECOND, during, ran, rows, scenario, violations
from .test_express import both_ways, taken

EASY = ("primary.log.fixed=0 s", "primary.log.rate=10 MB/s")  # 20 MB in 2 s


def writes(w: World) -> list[tuple[int, int]]:
    return [(t, refused) for t, refused in rows(w.journal, "truth.writes", "refused")]


def test_it_is_full_at_the_last_instant_at_which_it_holds_no_more_than_it_may() -> None:
    """66,666.7 B/s: 10,000,000 bytes by 150 s."""
    w = ran(ONE, *EASY, "databases.crm.log_capacity=10000000 B", "run_for=10 min")
    full = 150 * SECOND
    again = 5 * MINUTE + SECOND  # its backup: 10,000,000 bytes at 10 MB/s
    assert writes(w)[:2] == [(full, 1), (again, 0)]
    assert violations(w.journal) == []


def test_only_a_log_backup_frees_it() -> None:
    w = ran(
        ONE,
        *EASY,
        "databases.crm.log_capacity=60 MB",
        "databases.crm.full=every 22 min",
        "databases.crm.log=every 40 min",
        "run_for=70 min",
    )
    # 60 MB less a byte are written by 15 min; the full of 22 min changes nothing; the log of 40 min
    # takes 6 s
    (full, _), (again, _), (full_2, _), (end, _) = writes(w)
    assert 15 * MINUTE - full in range(16)  # a byte takes 15 us
    assert again == 40 * MINUTE + 6 * SECOND
    assert abs(full_2 - again - 15 * MINUTE) < 30
    assert end == 70 * MINUTE


@pytest.mark.parametrize("cap", ["30 MB", "90 MB", "1 GB"])
def test_the_lane_stops_before_it_is_full(cap: str) -> None:
    text = ONE + "events:\n  - {at: 50 min, paused_backups: {database: crm, duration: 40 min}}\n"
    w = both_ways(scenario(text, f"databases.crm.log_capacity={cap}", "run_for=4 h"))
    assert taken(w) > 15
    assert bool(writes(w)) == (cap != "1 GB")


def test_what_is_over_when_the_run_ends_is_ended() -> None:
    w = ran(
        ONE, "databases.crm.log_capacity=30 MB", "databases.crm.log=every 60 min", "run_for=30 min"
    )
    assert [refused for _, refused in writes(w)] == [1, 0]
    assert writes(w)[1][0] == 30 * MINUTE


def test_a_cap_of_its_disk_is_one_for_a_while() -> None:
    """5 MB beyond the 4 MB that it holds at 6 min; the log of 10 min frees it, and the 9 MB it may
    hold last 135 s.
    """
    back = []

    def fill(w: World) -> None:
        back.append(w.primary.log_space.cap(w.primary.databases[0], 5_000_000))

    def free(w: World) -> None:
        back.pop()()

    w = during(ONE, (*EASY, "run_for=20 min"), (6 * MINUTE, fill), (14 * MINUTE, free))
    full, again, full_2, again_2 = writes(w)
    assert abs(full[0] - (5 * MINUTE + 135 * SECOND)) < 20
    assert abs(again[0] - (10 * MINUTE + 900_000)) < 2
    assert abs(full_2[0] - (again[0] + 135 * SECOND)) < 60
    assert again_2 == (14 * MINUTE, 0)
