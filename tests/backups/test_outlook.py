"""What a plan leaves open: holes and late tails, backups of no use, newer forks."""

from __future__ import annotations

from dr_sim.backups.outlook import Missing, OutlookState, Why, look_ahead
from dr_sim.backups.target import Target, Told
from tests.backups.test_plan import SEGMENT, full, incremental, log, wal

POINT = 5 * SEGMENT + 1234
FORKS = {6: (5, POINT)}


def test_the_lost_crossing_log_is_missing() -> None:
    headers = [
        full(SEGMENT + 40, SEGMENT + 400, fork=5),
        *(wal(5, n) for n in (1, 2, 4, 5, 6)),
        wal(6, 7),
        wal(6, 8),
    ]
    assert look_ahead(headers, told=Told(FORKS)).missing == [
        Missing(5, 3 * SEGMENT, 4 * SEGMENT, OutlookState.LOST),
        Missing(5, 5 * SEGMENT, POINT, OutlookState.LOST),
        Missing(6, POINT, 7 * SEGMENT, OutlookState.LOST),
    ]
    until = look_ahead(headers, told=Told(FORKS), target=Target(lsn=4 * SEGMENT))
    assert until.missing == [Missing(5, 3 * SEGMENT, 4 * SEGMENT, OutlookState.LOST)]
    assert look_ahead(headers, told=Told(FORKS), target=Target(lsn=2 * SEGMENT)).missing == []


def test_a_missing_tail_is_late_and_a_hole_is_lost() -> None:
    headers = [full(0, 10), log(10, 20), log(30, 40)]
    assert look_ahead(headers).missing == [Missing(1, 20, 30, OutlookState.LOST)]
    assert look_ahead(headers, current=(1, 55)).missing == [
        Missing(1, 20, 30, OutlookState.LOST),
        Missing(1, 40, 55, OutlookState.LATE),
    ]
    whole = [full(0, 10), log(10, 40)]
    late = look_ahead(whole, current=(1, 55))
    assert late.missing == [Missing(1, 40, 55, OutlookState.LATE)] and late.plan.met, (
        "what is late is no part of the plan"
    )
    assert look_ahead(whole, current=(1, 40)).missing == []


def test_a_newer_fork_is_told() -> None:
    # nothing tells how one comes to fork 2
    headers = [full(0, 10), log(10, 40), log(60, 70, fork=2)]
    assert look_ahead(headers).newer_fork == 2
    assert look_ahead(headers, told=Told({2: (1, 40)})).newer_fork is None
    assert look_ahead(headers, told=Told({2: (1, 40)}), fork=1).newer_fork == 2
    assert look_ahead(headers, told=Told({2: (1, 40)}), fork=1, current=(1, 45)).missing == [
        Missing(1, 40, 45, OutlookState.LATE)
    ]


def test_backups_that_are_no_part_of_the_history_are_told() -> None:
    """Fork 2 was born at 40 of fork 1: what fork 1 holds beyond is lost, whatever its kind."""
    base, before, across = full(0, 10), log(10, 40), log(40, 70, fork=2)
    lost = [incremental(45, 50, 0), log(40, 60)]
    told = Told({2: (1, 40)})
    found = look_ahead([base, before, *lost, across], told=told)
    assert found.elsewhere == lost
    assert found.plan.reaches == (2, 70)
    old = look_ahead([base, before, *lost, across], told=told, fork=1)
    assert old.elsewhere == [across]
    assert look_ahead([base, before, across], told=told).elsewhere == []


def test_what_cannot_be_used_is_told_with_its_reason() -> None:
    f, a, b = full(10, 20), incremental(30, 40, 10), incremental(50, 60, 77)
    early = full(60, 120, fork=2)
    found = look_ahead([f, a, b, early], told=Told({2: (1, 100)}), fork=1)
    assert found.unusable == [(b, Why.NO_BASE), (early, Why.BEFORE_ITS_FORK)]
    chain = Told(bases={a.backup_id: 99, b.backup_id: a.backup_id})
    assert [why for _, why in look_ahead([f, a, b], told=chain).unusable] == [Why.NO_BASE] * 2


def test_nothing_at_hand_and_nothing_to_start_from() -> None:
    assert look_ahead([]).plan.reaches is None
    assert look_ahead([log(0, 10)]).plan.reaches is None
