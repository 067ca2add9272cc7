"""Plans against a database that judges by content, and against trying everything; and the rules one
by one.
"""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups import plan as plan_module
from dr_sim.backups.chain import (
    Fit,
    applies,
    chain_is_valid,
    forks_of,
    gaps,
    leads_to,
    order,
    type_forks,
)
from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.backups.outlook import look_ahead
from dr_sim.backups.plan import Plan, plan, plan_from_newest_full
from dr_sim.backups.target import Choice, Policy, Reading, Target, Told
from tests.backups.standby import History, Made, Standby, histories, reachable

LEAST_BYTES = Choice(Policy.LEAST_BYTES)


def a_start(draw: st.DrawFn, made: list[Made]) -> Standby:
    """Nothing, or what some backups in some order have left (and not of a copy-only full: that
    state names no base).
    """
    standby = Standby()
    for item in draw(st.lists(st.sampled_from(made), max_size=4)):
        standby.takes(item)
    return standby if standby.is_base else Standby()


def carry_out(found: Plan, standby: Standby, made: list[Made]) -> bool:
    by_id = {item[0].backup_id: item for item in made}
    return all(standby.takes(by_id[step.backup_id]) for step in found.steps)


def all_told(fork: int, forks: type_forks) -> bool:
    """Do the headers at hand tell how the forks up to this one hang together?"""
    return all(earlier in forks for earlier in range(2, fork + 1))


@settings(max_examples=400, deadline=None)
@given(histories(), st.data())
def test_a_plan_is_accepted_and_nothing_reaches_further_or_costs_less(
    history: History, data: st.DataObject
) -> None:
    made = history.made
    start = a_start(data.draw, made) if data.draw(st.booleans()) else Standby()
    kept = [item for item in made if data.draw(st.integers(0, 9)) > 1]
    fork = data.draw(st.integers(1, history.fork))
    headers = [item[0] for item in kept]
    found = plan(data.draw(st.permutations(headers)), start.state(), fork=fork, choice=LEAST_BYTES)

    path = history.path_to(fork)
    tried = {w: cost for w, cost in reachable(kept, start).items() if path[: len(w)] == w}
    furthest = max(tried, key=len, default=None)
    reached = Standby(start.writes, start.base, start.is_base)
    assert carry_out(found, reached, made), "the database refused a step"
    if found.reaches is None:
        assert not found.steps
        assert furthest is None or not all_told(fork, forks_of(headers))
        return
    assert reached.writes is not None and found.reaches[1] == len(reached.writes) * 10
    assert reached.writes == path[: len(reached.writes)], "it ends on another fork"
    assert furthest is not None and len(reached.writes) <= len(furthest)
    if all_told(fork, forks_of(headers)):
        assert len(reached.writes) == len(furthest)
        assert sum(step.nominal_bytes for step in found.steps) == tried[furthest]
    if found.hole is not None:
        assert (
            found.hole.first_lsn
            == found.reaches[1]
            < found.hole.last_lsn
            == found.hole.after.first_lsn
        )


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_applies_is_what_the_database_says(history: History, data: st.DataObject) -> None:
    start = a_start(data.draw, history.made)
    forks = forks_of(item[0] for item in history.made)
    for item in history.made:
        fit = applies(item[0], start.state(), forks)
        takes = Standby(start.writes, start.base, start.is_base).takes(item)
        if fit is Fit.APPLIES:
            assert takes
        elif takes:
            assert fit is Fit.WRONG_FORK and not all_told(item[0].fork, forks), (
                "only a fork nobody tells of excuses"
            )
        if applies(item[0], start.state()) is Fit.APPLIES:  # with what the header alone tells
            assert takes


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_the_order_of_the_files_does_not_matter(history: History, data: st.DataObject) -> None:
    headers = [item[0] for item in history.made]
    turned = data.draw(st.permutations(headers))
    assert plan(headers, fork=history.fork) == plan(turned + turned[:2], fork=history.fork)


# ---- the rules one by one
def log(
    first: int, last: int, *, fork: int = 1, base: int = 0, size: int = 1, **more: int
) -> BackupHeader:
    return header(Kind.LOG, first, last, fork, base, 0, size, **more)


def full(
    first: int, last: int, *, fork: int = 1, size: int = 500, copy_only: bool = False
) -> BackupHeader:
    made = header(Kind.FULL, first, last, fork, 0, 0, size)
    made.copy_only = copy_only
    return made


def incremental(first: int, last: int, base: int, *, fork: int = 1, size: int = 25) -> BackupHeader:
    return header(Kind.INCREMENTAL, first, last, fork, base, base, size)


def header(
    kind: Kind, first: int, last: int, fork: int, base: int, differential_base: int, size: int,
    first_fork: int | None = None, fork_point: int = 0, finished: int | None = None,
) -> BackupHeader:  # fmt: skip
    return BackupHeader(
        "db",
        kind * 10**9 + fork * 10**8 + first * 10**4 + last,
        kind,
        fork,
        first,
        last,
        first,
        base,
        differential_base,
        fork if first_fork is None else first_fork,
        fork_point,
        last if finished is None else finished,
        last if finished is None else finished,
        False,
        False,
        size,
    )


def test_never_over_a_gap() -> None:
    headers = [full(0, 10), log(5, 20), log(30, 40), log(40, 50)]
    found = plan(headers)
    assert [step.last_lsn for step in found.steps] == [10, 20]
    assert found.reaches == (1, 20) and found.hole is not None
    assert (found.hole.first_lsn, found.hole.last_lsn, found.hole.after.last_lsn) == (20, 30, 40)
    assert applies(headers[2], RestoreState(1, 20, 0)) is Fit.GAP


def test_an_incremental_bridges_the_gap_over_logs_already_replayed() -> None:
    headers = [log(30, 40), log(40, 50), incremental(32, 35, 0), incremental(22, 25, 0)]
    state = RestoreState(1, 20, 0)
    found = plan(headers, state)
    assert [step.last_lsn for step in found.steps] == [35, 40, 50]
    # a full that began at 31, after the hole, moved the base: 3136
    moved = [log(30, 40), incremental(32, 35, 31)]
    assert plan(moved, state).steps == []
    assert applies(moved[1], state) is Fit.WRONG_BASE


def test_forks_come_before_lsns() -> None:
    """Two logs share first_lsn and only one is ours; the other reaches further."""
    state = RestoreState(1, 100, 0)
    ours, theirs = log(100, 110), log(100, 150, fork=2)
    assert plan([ours, theirs], state).steps == [ours]
    assert applies(theirs, state) is Fit.WRONG_FORK and applies(ours, state) is Fit.APPLIES
    assert plan([full(0, 100), ours, theirs], fork=1).steps[-1] is ours
    # past the fork point
    assert applies(log(90, 150, fork=2, first_fork=1, fork_point=95), state) is Fit.WRONG_FORK
    crossing = log(90, 150, fork=2, first_fork=1, fork_point=105)
    assert applies(crossing, state) is Fit.APPLIES
    assert plan([crossing], state).reaches == (2, 150)  # nothing else goes on from here
    # fork 1 goes on past the point: stay on it
    assert plan([crossing, ours], state).reaches == (1, 110)
    assert plan([crossing, ours], state, fork=2).steps == [crossing]


def test_without_a_state_the_newest_fork_to_which_a_full_leads_is_followed() -> None:
    headers = [full(0, 10), full(0, 12, fork=2)]
    assert plan(headers).reaches == (2, 12)
    assert plan(headers, fork=1).reaches == (1, 10)
    # nothing tells how one comes to fork 2
    assert plan([full(0, 10), log(50, 60, fork=2)]).reaches == (1, 10)
    assert plan([]) == Plan() and plan([log(0, 5)]) == Plan()


def test_from_the_newest_full_a_fork_is_followed_that_goes_on_from_its_end() -> None:
    crossing = log(20, 40, fork=2, first_fork=1, fork_point=20)
    headers = [full(0, 10), log(5, 20), crossing, log(40, 50, fork=2)]
    assert plan_from_newest_full(headers).reaches == (2, 50)
    # an old primary that writes on, and a rehearsal: nobody says which, so the full's own is kept
    assert plan_from_newest_full([*headers, log(20, 30)]).reaches == (1, 30)
    # without the log that crosses nothing tells how one comes to fork 2
    del headers[2]
    assert plan_from_newest_full(headers).reaches == (1, 20)


def test_an_incremental_must_end_after_its_full_ends() -> None:
    """An incremental that ended while the full with its base LSN still ran holds less than the
    full.
    """
    headers = [full(10, 100), incremental(20, 90, 10, size=1), log(0, 95), log(95, 120)]
    assert [step.last_lsn for step in plan(headers).steps] == [100, 120]


def test_the_log_that_bridges_a_long_full_began_hours_before() -> None:
    headers = [full(1000, 9000), log(0, 900), log(900, 9500), log(9500, 9600)]
    assert [step.last_lsn for step in plan(headers).steps] == [9000, 9500, 9600]
    # one that ends with the full does not hold it
    ends_with = [full(1000, 9000), log(900, 9000), log(9000, 9600)]
    assert [step.first_lsn for step in plan(ends_with).steps] == [1000, 9000]


def test_an_older_full_and_all_logs_still_work() -> None:
    logs = [log(n * 10, n * 10 + 10) for n in range(10)]
    found = plan([full(0, 5), *logs])
    assert found.reaches == (1, 100) and len(found.steps) == 11
    both = [full(0, 5), full(40, 45, size=600), *logs]
    assert plan(both, choice=LEAST_BYTES).steps[0].first_lsn == 0
    assert plan(both).steps[0].first_lsn == 40


def test_copy_only_moves_no_base_and_is_none() -> None:
    headers = [
        full(0, 5),
        full(40, 45, copy_only=True, size=1),
        incremental(60, 65, 0),
        log(65, 70),
    ]
    found = plan(headers)
    assert [step.kind for step in found.steps] == [
        Kind.FULL,
        Kind.INCREMENTAL,
        Kind.LOG,
    ] and found.met
    assert found.steps[0].first_lsn == 0
    assert plan([headers[1], incremental(60, 65, 40)]).reaches == (1, 45)


def test_replaying_logs_carries_the_base_forward() -> None:
    headers = [full(0, 5), log(0, 20), log(20, 40, base=30), incremental(60, 65, 30)]
    assert plan(headers).reaches == (1, 65)  # the full at 30 itself is lost
    assert plan([headers[0], headers[1], headers[3]]).reaches == (1, 20)


def test_an_incremental_after_log_is_taken_only_where_it_saves_time() -> None:
    """The full at 30 is lost. Log carries it to the database; the incremental at 60 stands on it."""
    crossing = log(20, 62, base=30)
    incremental_60 = incremental(60, 65, 30)
    first = [full(0, 5), log(0, 20), crossing]
    short = [*first, incremental_60, log(62, 80, base=30)]
    assert [step.first_lsn for step in plan(short).steps] == [0, 0, 20, 62]
    many = [log(n, n + 1, base=30) for n in range(62, 80)]
    kinds = [step.kind for step in plan([*first, incremental(60, 79, 30), *many]).steps]
    # nothing lies in between the incremental and the last log
    assert kinds == [Kind.FULL, Kind.LOG, Kind.LOG, Kind.INCREMENTAL, Kind.LOG]
    # with its full at hand it is the newest set, whatever it costs
    whole = [*short, full(30, 35)]
    assert [step.first_lsn for step in plan(whole).steps] == [30, 60, 62]


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_no_incremental_after_log_only_costs_and_no_step_is_unusable(
    history: History, data: st.DataObject
) -> None:
    kept = [item for item in history.made if data.draw(st.integers(0, 9)) > 1]
    headers = [item[0] for item in kept]
    found = look_ahead(headers, fork=data.draw(st.integers(1, history.fork)))
    steps = found.plan.steps
    assert not {h.backup_id for h, _ in found.unusable} & {h.backup_id for h in steps}
    for before, step in pairwise(steps):
        if step.kind is not Kind.INCREMENTAL or before.kind is not Kind.LOG:
            continue
        standby = Standby()
        rest = Plan([other for other in steps if other is not step])
        took = carry_out(rest, standby, history.made)
        reached = None if standby.writes is None else len(standby.writes) * 10
        assert not took or found.plan.reaches is None or reached != found.plan.reaches[1]


def test_a_full_or_an_incremental_that_ends_at_the_instant_meets_it() -> None:
    """A position is its instant here: the full ends at 10, the incremental at 30."""
    headers = [full(0, 10), incremental(20, 30, 0)]
    ends = {at: plan(headers, target=Target(utc_us=at)) for at in (9, 10, 11, 29, 30, 31)}
    met = {at: (found.met, len(found.steps)) for at, found in ends.items()}
    assert met == {
        9: (False, 0), 10: (True, 1), 11: (False, 1),
        29: (False, 1), 30: (True, 2), 31: (False, 2),
    }  # fmt: skip
    # the newer full is taken, not the older one with the log that was cut as the full ended
    newer = plan([full(0, 10), log(10, 30), full(20, 30)], target=Target(utc_us=30))
    assert (newer.met, [step.first_lsn for step in newer.steps]) == (True, [20])
    # a log that was cut at the instant does not meet what lies after it
    assert not plan([*headers, log(10, 30)], target=Target(utc_us=31)).met


def test_an_instant_at_the_end_of_a_full_chooses_its_fork() -> None:
    headers = [full(0, 10), full(20, 40, fork=2), log(40, 50, fork=2)]
    headers[2].started_utc_us = 39
    found = plan(headers, target=Target(utc_us=10))
    assert (found.fork, found.met) == (1, True)


def test_empty_and_stale_logs_are_ignored() -> None:
    headers = [full(0, 10), log(10, 10), log(0, 10), log(10, 20), log(20, 20)]
    assert [step.first_lsn for step in plan(headers).steps] == [0, 10]
    assert applies(headers[1], RestoreState(1, 10, 0)) is Fit.EMPTY
    assert applies(headers[2], RestoreState(1, 10, 0)) is Fit.STALE


@pytest.mark.parametrize(
    ("redo_lsn", "fork", "expected"),
    [(20, 1, Fit.EMPTY), (30, 1, Fit.EMPTY), (10, 1, Fit.GAP), (10, 7, Fit.EMPTY)],
)
def test_an_empty_log_beyond_the_position_shows_a_gap(
    redo_lsn: int, fork: int, expected: Fit
) -> None:
    assert applies(log(20, 20), RestoreState(fork, redo_lsn, 0)) is expected


def test_fewest_bytes_then_fewest_steps() -> None:
    logs = [log(n * 10, n * 10 + 10, size=10) for n in range(5)]
    dear, cheap = ([full(0, 1), *logs, incremental(35, 36, 0, size=size)] for size in (100, 25))
    assert len(plan(dear, choice=LEAST_BYTES).steps) == 6  # the logs are cheaper
    assert len(plan(cheap, choice=LEAST_BYTES).steps) == 4
    assert len(plan(dear).steps) == 4  # the newest set, whatever it costs
    assert plan([*logs, full(0, 1)], RestoreState(1, 30, 0)).steps == logs[3:]


def test_after_recovery_only_a_full_helps() -> None:
    recovered = RestoreState(1, 20, 0, restoring=False)
    assert plan([log(20, 30), incremental(21, 25, 0)], recovered) == Plan(fork=1)
    assert plan([log(20, 30), full(0, 10), log(10, 20)], recovered).steps[0].kind is Kind.FULL
    assert applies(log(20, 30), recovered) is Fit.NOT_RESTORING
    assert applies(log(20, 30), RestoreState(1, 20, 0, exists=False)) is Fit.NOT_RESTORING
    assert applies(full(0, 10), recovered) is Fit.APPLIES


def test_until_an_instant() -> None:
    headers = [full(0, 10), log(10, 20), log(20, 30), full(25, 35), log(30, 40)]
    until = Target(utc_us=25)
    assert [step.last_lsn for step in plan(headers, target=until).steps] == [10, 20, 30]
    assert plan(headers, target=until).met
    short = plan(headers[:2], target=until)  # the logs at hand end before
    assert short.reaches == (1, 20) and short.hole is None and not short.met
    assert plan([full(0, 10), log(20, 30)], target=until).hole is not None


def test_error_numbers_are_the_engines() -> None:
    assert {fit.name: fit.value for fit in Fit if fit.value > 0} == {
        "STALE": 4326, "GAP": 4305, "WRONG_FORK": 4330, "WRONG_BASE": 3136, "NOT_RESTORING": 3117,
    }  # fmt: skip


def test_forks_in_a_circle_end() -> None:
    assert not leads_to(1, 0, 2, {2: (3, 5), 3: (2, 5)})


# ---- targets, fork histories, chains of incrementals, costs
SEGMENT = 16 * 2**20


def wal(fork: int, number: int) -> BackupHeader:
    """Segment number of a timeline."""
    return log(number * SEGMENT, (number + 1) * SEGMENT, fork=fork)


def test_a_lost_log_across_a_fork_leaves_a_hole() -> None:
    """Full 5/1; logs 5/{1,2,4,5,6} and 6/{7,8}; the switch lies inside 5/5. Missing are 5/3 and
    6/{5,6}.
    """
    logs = [wal(5, n) for n in (1, 2, 4, 5, 6)] + [wal(6, 7), wal(6, 8)]
    point = 5 * SEGMENT + 1234
    histories = {6: (5, point)}
    holes = [(hole.fork, hole.first_lsn, hole.last_lsn) for hole in gaps(logs, histories)]
    assert holes == [(5, 3 * SEGMENT, 4 * SEGMENT), (6, point, 7 * SEGMENT)]
    assert [hole.fork for hole in gaps(logs)] == [5], (
        "without the history nothing tells of the second hole"
    )
    headers = [full(SEGMENT + 40, SEGMENT + 400, fork=5), *logs]
    found = plan(headers, told=Told(histories))
    assert found.fork == 6 and found.reaches == (5, 3 * SEGMENT) and not found.met
    assert found.hole is not None and found.hole.first_lsn == 3 * SEGMENT
    whole = plan([*headers, wal(5, 3), wal(6, 5), wal(6, 6)], told=Told(histories))
    assert whole.met and whole.reaches == (6, 9 * SEGMENT)
    crossing = [step for step in whole.steps if step.first_lsn == 5 * SEGMENT]
    assert [step.fork for step in crossing] == [6], "the old fork's copy goes on past the switch"
    half = plan([*headers, wal(5, 3)], told=Told(histories))
    assert (
        half.reaches == (5, 5 * SEGMENT)
        and half.hole is not None
        and half.hole.last_lsn == 7 * SEGMENT
    )


def test_a_full_that_begins_before_its_fork_cannot_be() -> None:
    histories = {2: (1, 100)}
    headers = [full(0, 10), log(0, 100), full(90, 120, fork=2), log(100, 150, fork=2)]
    found = plan(headers, told=Told(histories))
    assert [step.first_lsn for step in found.steps] == [0, 0, 100] and found.met
    crossing = full(90, 120, fork=2)
    # one that began on the old fork and says so
    crossing.first_fork, crossing.fork_point_lsn = 1, 100
    assert plan([*headers[:2], crossing, headers[3]], told=Told(histories)).steps == [
        crossing,
        headers[3],
    ]


@pytest.mark.parametrize(("forks", "expected"), [(None, 3), (1, 1), (2, 2)])
def test_the_end_is_that_of_the_newest_fork(forks: int | None, expected: int) -> None:
    """The old primary goes on writing; the newest fork is the one that was born last."""
    headers = [
        full(0, 10),
        log(10, 40),
        log(40, 900, finished=900),
        log(40, 60, fork=2, first_fork=1, fork_point=45),
        log(60, 70, fork=3, first_fork=2, fork_point=65),
    ]
    found = plan(headers, fork=forks)
    assert found.fork == expected and found.reaches is not None and found.met


@pytest.mark.parametrize(("by_number", "expected"), [(False, 2), (True, 3)])
def test_timelines_are_born_in_the_order_of_their_numbers(by_number: bool, expected: int) -> None:
    """Timeline 2 goes on beside 3, and has its first backup after it."""
    headers = [full(0, 10), full(60, 70, fork=3), full(80, 90, fork=2)]
    for hour, header in enumerate(headers):
        header.started_utc_us = header.finished_utc_us = hour
    told = Told({2: (1, 40), 3: (1, 50)}, by_number=by_number)
    assert plan(headers, told=told).fork == expected


def test_a_target_chooses_the_fork_that_covers_it() -> None:
    old = [full(0, 10), log(10, 50), log(50, 300)]
    new = [log(50, 70, fork=2, first_fork=1, fork_point=60), log(70, 90, fork=2)]
    for turned in (old + new, new + old):
        # only the old one comes so far
        assert plan(turned, target=Target(lsn=200)).reaches == (1, 300)
        assert plan(turned, target=Target(lsn=80)).fork == 1  # both do: the greatest LSN
        assert plan(turned, target=Target(utc_us=80)).fork == 1
        assert plan(turned, target=Target(lsn=80), fork=2).reaches == (2, 90)
        beyond = plan(turned, target=Target(lsn=1000))
        assert beyond.fork == 2 and not beyond.met and beyond.reaches == (2, 90)


def test_up_to_an_lsn() -> None:
    headers = [full(0, 10), log(0, 20), log(20, 30), full(25, 35), log(30, 40)]
    assert [step.last_lsn for step in plan(headers, target=Target(lsn=30)).steps] == [10, 20, 30]
    assert [step.last_lsn for step in plan(headers, target=Target(lsn=31)).steps] == [
        10,
        20,
        30,
        40,
    ]
    exact = plan(headers, target=Target(lsn=35))
    assert [step.last_lsn for step in exact.steps] == [35] and exact.met
    assert not plan(headers, target=Target(lsn=41)).met
    from_there = plan(headers, RestoreState(1, 20, 0), target=Target(lsn=30))
    assert [step.last_lsn for step in from_there.steps] == [30]
    past = plan(headers, RestoreState(1, 40, 0), target=Target(lsn=20))
    assert [step.last_lsn for step in past.steps] == [10, 20], (
        "a database cannot go back: it starts over"
    )


def test_the_start_of_a_log_is_the_safe_reading() -> None:
    logs = [header(Kind.LOG, n * 10, n * 10 + 10, 1, 0, 0, 1) for n in range(1, 4)]
    for log_of, start in zip(logs, (100, 200, 300), strict=True):
        log_of.started_utc_us, log_of.finished_utc_us = start, start + 50
    headers = [full(0, 10), *logs]
    headers[0].started_utc_us = headers[0].finished_utc_us = 1
    taken = {
        reading: [
            len(plan(headers, target=Target(utc_us=at, reading=reading)).steps)
            for at in (100, 120, 150, 160, 200)
        ]
        for reading in Reading
    }
    assert taken == {Reading.START: [2, 3, 3, 3, 3], Reading.FINISH: [2, 2, 2, 3, 3]}
    assert [
        plan(headers, target=Target(utc_us=at, reading=Reading.START)).met for at in (300, 301, 351)
    ] == [True, False, False]
    assert plan(headers, target=Target(utc_us=340, reading=Reading.FINISH)).met


def test_an_empty_log_says_that_nothing_was_written_until_it_was_cut() -> None:
    headers = [full(0, 10), log(0, 20), log(20, 20, finished=900)]
    found = plan(headers, target=Target(utc_us=800))
    assert found.met and [step.last_lsn for step in found.steps] == [10, 20]
    assert not plan(headers, target=Target(utc_us=901)).met


def test_an_incremental_on_incrementals_needs_the_whole_chain() -> None:
    f, a, b, c = (
        full(10, 20),
        incremental(30, 40, 0),
        incremental(50, 60, 0),
        incremental(70, 80, 0),
    )
    told = Told(
        bases={a.backup_id: f.backup_id, b.backup_id: a.backup_id, c.backup_id: b.backup_id}
    )
    tail = log(0, 100)
    assert plan([f, a, b, c], told=told).steps == [f, a, b, c]
    for lost, expected in ((f, []), (a, [f]), (b, [f, a]), (c, [f, a, b])):
        assert plan([x for x in (f, a, b, c) if x is not lost], told=told).steps == expected
    # a log between two of them is no way to the second: each stands on the backup that it names
    assert plan([f, log(0, 45), b, c], told=told).reaches == (1, 45)
    assert plan([f, a, b, c, tail], told=told).steps == [f, a, b, c, tail]
    assert plan([f, b, c, tail], told=told).steps == [f, tail]
    d = incremental(90, 95, 0)  # a differential beside the chain: on the full itself
    beside = Told(bases={**told.bases, d.backup_id: f.backup_id})
    assert plan([f, a, b, c, d], told=beside).steps == [f, d]


def test_where_lsns_name_an_incremental_as_the_base_the_whole_chain_is_needed() -> None:
    """PostgreSQL's rule as headers tell it: the base LSN is where the backup before it began."""
    f, a, b, c = (
        full(10, 20),
        incremental(30, 40, 10),
        incremental(50, 60, 30),
        incremental(70, 80, 50),
    )
    for link in (a, b, c):
        link.database_backup_lsn = 10  # that of the last full
    tail = log(0, 100)
    assert plan([f, a, b, c]).steps == [f, a, b, c]
    for lost, expected in ((f, []), (a, [f]), (b, [f, a]), (c, [f, a, b])):
        assert plan([x for x in (f, a, b, c) if x is not lost]).steps == expected
    assert plan([f, log(0, 45), b, c]).reaches == (1, 45)
    assert plan([f, b, c, tail]).steps == [f, tail]
    assert chain_is_valid([f, a, b, c]) and not chain_is_valid([f, b, c])
    # a copy goes on by what it carries: the last of the chain that it was rebuilt from
    on_a = RestoreState(1, 45, 30)
    assert plan([a, b, c], on_a).steps == [b, c]
    assert plan([a, c], on_a).steps == []
    assert applies(b, on_a) is Fit.APPLIES
    assert applies(c, on_a) is applies(a, on_a) is Fit.WRONG_BASE
    # one that carries the full alone has its logs behind the first link: from the full again
    on_f = RestoreState(1, 45, 10)
    assert plan([a, b, c], on_f).steps == []
    assert plan([f, a, b, c], on_f).steps == [f, a, b, c]


def test_a_full_and_an_incremental_that_begin_at_one_lsn_are_told_apart() -> None:
    """SQL Server's rule: c stands on the second full, which is not here, not on b."""
    first, a, b = full(10, 20), incremental(30, 40, 10), incremental(50, 60, 10)
    second, c = full(50, 70), incremental(80, 90, 50)
    assert plan([first, a, b, second, c]).steps == [second, c]
    assert plan([first, a, b, c]).steps == [first, b]
    assert plan([a, b, c], RestoreState(1, 45, 10)).steps == [b]


def test_a_base_lsn_of_0_names_no_full() -> None:
    """No column tells the bases of logs: they do not carry the first full's base on to the second
    full.
    """
    first, second = full(1000, 1010), full(5000, 5010)
    on_second, tail = incremental(6000, 6010, 5000), log(5500, 7000)
    on_second.database_backup_lsn = 0
    headers = [first, log(1010, 1020), second, on_second, tail]
    assert [step.first_lsn for step in plan(headers).steps] == [5000, 6000, 5500]
    without = plan([header for header in headers if header is not second])
    assert on_second not in without.steps and without.reaches == (1, 1020)


def test_the_cheapest_way_is_counted_in_time() -> None:
    """2,016 logs of 1 MB on an old full of 10 GB, or a full of 12 GB: fewer bytes take longer."""
    mb = 1_000_000
    logs = [log(n * 10, n * 10 + 10, size=mb // 2) for n in range(2016)]
    headers = [full(0, 5, size=10_000 * mb), *logs, full(20150, 20160, size=12_000 * mb)]
    assert plan(headers, choice=Choice(Policy.LEAST_BYTES)).steps[0].first_lsn == 0
    assert plan(headers, choice=Choice(Policy.LEAST_TIME)).steps == headers[-1:]
    assert plan(headers).steps == headers[-1:]
    assert plan(headers, choice=Choice(Policy.LEAST_TIME, fixed_us=0)).steps[0].first_lsn == 0


@settings(max_examples=150, deadline=None)
@given(histories(), st.sampled_from(Policy), st.data())
def test_every_policy_gets_as_far(history: History, policy: Policy, data: st.DataObject) -> None:
    start = a_start(data.draw, history.made)
    kept = [item for item in history.made if data.draw(st.integers(0, 9)) > 1]
    headers = [item[0] for item in kept]
    found = plan(headers, start.state(), fork=history.fork, choice=Choice(policy))
    assert (
        found.reaches == plan(headers, start.state(), fork=history.fork, choice=LEAST_BYTES).reaches
    )
    assert carry_out(found, start, history.made), "the database refused a step"


# ---- planted bugs: the judge above must catch them
def judged(history: History, lost: set[int]) -> bool:
    made = [item for item in history.made if item[0].backup_id not in lost]
    return carry_out(plan([item[0] for item in made], fork=1), Standby(), made)


def test_planted_bug_gap_check_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History()
    history.write(2)
    history.back_up(Kind.FULL, 9)
    for _ in range(3):
        history.write(1)
        history.back_up(Kind.LOG, 1)
    assert judged(history, {3})
    monkeypatch.setattr(
        plan_module._Ways, "cheapest_from", lambda self, lsn: self.ways[-1] if self.ways else None
    )
    assert not judged(history, {3})


def test_planted_bug_lsn_chosen_across_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History()
    history.write(2)
    history.back_up(Kind.FULL, 9)
    history.write(2)
    history.back_up(Kind.LOG, 1)
    history.fail_over(1, 0)
    history.write(5)
    history.back_up(Kind.LOG, 1)
    assert judged(history, set())
    monkeypatch.setattr(
        plan_module, "on_path", lambda headers, end, forks: sorted(headers, key=order)
    )
    assert not judged(history, set())


def test_ten_thousand_files_take_less_than_two_seconds() -> None:
    headers = [log(n * 10, n * 10 + 10, base=n // 2016 * 20160) for n in range(10_000)]
    for n in range(0, 10_000, 2016):
        headers.append(full(n * 10, n * 10 + 5))
    headers += [
        incremental(n * 10 + 1, n * 10 + 5, n // 2016 * 20160) for n in range(288, 10_000, 288)
    ]
    random.Random(1).shuffle(headers)
    began = time.process_time()
    found = plan(headers)
    assert time.process_time() - began < 2
    assert found.reaches == (1, 100_000) and found.hole is None


def test_a_chain_of_incrementals_on_incrementals() -> None:
    """Each stands on the one just before it: one that lacks, or stands on another, breaks the
    chain.
    """
    f, a, b, c = (
        full(10, 20),
        incremental(30, 40, 0),
        incremental(50, 60, 0),
        incremental(70, 80, 0),
    )
    bases = {a.backup_id: f.backup_id, b.backup_id: a.backup_id, c.backup_id: b.backup_id}
    tail = log(80, 90)
    assert chain_is_valid([f, a, b, c, tail], bases) and chain_is_valid([tail, c, b, a, f], bases)
    assert chain_is_valid([f, a, b], bases) and chain_is_valid([f, tail, a, b, c], bases)
    assert not chain_is_valid([f, b, c, tail], bases) and not chain_is_valid([f, a, c], bases)
    assert not chain_is_valid([f, a, b, c, log(85, 90)], bases)
    assert not chain_is_valid([f, a, b], bases | {b.backup_id: f.backup_id}), (
        "b stands on the full alone"
    )
    assert not chain_is_valid([f, a, b]), "by SQL Server's rule 0 names no base"
