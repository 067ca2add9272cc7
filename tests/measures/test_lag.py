"""Replay lag, backlog, link use, unprotected time, in exact numbers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from dr_sim.measures.backups_made import backups_made
from dr_sim.measures.exposure.backlog import backlog
from dr_sim.measures.exposure.lag import replay_lag
from dr_sim.measures.exposure.reported import reported_exposure
from dr_sim.measures.legs import Leg
from dr_sim.measures.link_use import link_use
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.measures.outcome.unprotected import unprotected
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from tests.measures.make import (
    HOUR,
    MIN,
    START_UTC_US,
    S,
    a_header,
    a_log,
    a_scenario,
    validated,
    whole_of,
)
from tests.world.build import ONE, ran


def a_run(journal: Journal, logs: int) -> None:
    """Logs each 5 min, landed after 2.8 s, restored a second later."""
    for k in range(1, logs + 1):
        a_log(journal, k, k * 5 * MIN)
        journal.note("truth.restored", k * 5 * MIN + 3_800_000, 0, k, 1, k * 300, k * 300)
    journal.note("truth.end", (logs + 1) * 5 * MIN, -1)


def test_replay_lag_is_exposure_plus_the_replay() -> None:
    journal = Journal()
    a_run(journal, 20)
    lag = replay_lag(journal, a_scenario(), 0).window(303_800_000, 20 * 5 * MIN + 3_800_000)
    assert (lag.mean_us(), lag.max_us()) == (153_800_000, 303_800_000)


def test_a_replay_delay_that_was_asked_for_is_no_lag() -> None:
    journal = Journal()
    a_run(journal, 20)
    plain = a_scenario()
    delayed = replace(plain, replay=replace(plain.replay, delay_us=5 * MIN))
    lag = replay_lag(journal, delayed, 0)
    assert lag.max_us() == 3_800_000
    assert lag.above_us(0) == 20 * 3_800_000


def test_a_copy_that_was_never_seeded_has_no_lag_before_its_first_restore() -> None:
    journal = Journal()
    a_run(journal, 3)
    scenario = a_scenario()
    bare = replace(scenario, databases=(replace(scenario.databases[0], seeded=False),))
    assert replay_lag(journal, bare, 0).begin_us == 303_800_000
    assert replay_lag(journal, scenario, 0).begin_us == 0


def test_backlog_counts_what_waits_and_forgets_what_was_passed_over() -> None:
    journal = Journal()
    for k in (1, 2, 3):  # finished, and only the third one lands
        journal.note("truth.backup_finished", k * MIN, 0, k, 2, 1, k - 1, k, k, 100, f"log{k}")
    journal.note("truth.landed", 10 * MIN, 0, 3, 2, 1, 2, 3, 1, "log3")
    to_land, to_restore = backlog(journal, a_scenario())
    assert (to_land.most, to_land.last, to_restore.most, to_restore.last) == (3, 2, 1, 1)
    journal.note("truth.restored", 20 * MIN, 0, 99, 1, 3, 3)  # an incremental bridges them all
    to_land, to_restore = backlog(journal, a_scenario())
    assert (to_land.last, to_restore.last) == (0, 0)


def test_link_use_leaves_out_the_time_it_was_down() -> None:
    journal = Journal()
    journal.note("truth.transfer_bytes", 10 * S, 0, 1, 25_000_000)  # 1 s of 200 Mbit/s
    journal.note("truth.link", 50 * S, -1, 0, 200_000_000)
    journal.note("truth.link", 90 * S, -1, 1, 100_000_000)
    journal.note("truth.end", 110 * S, -1)
    use = link_use(journal, a_scenario(), 110 * S)
    assert use.capacity_bits == 50 * 200_000_000 + 20 * 100_000_000
    assert use.share == Fraction(200, 12_000)
    assert use.down_us == 40 * S


def test_a_link_that_was_never_up_has_no_share() -> None:
    journal = Journal()
    journal.note("truth.link", 0, -1, 0, 200_000_000)
    journal.note("truth.end", 110 * S, -1)
    assert link_use(journal, a_scenario(), 110 * S).share is None


def test_unprotected_counts_from_the_promotion() -> None:
    journal = Journal()
    journal.note("truth.failed", MIN, -1, "site")
    journal.note("truth.end", HOUR, -1)
    scenario = a_scenario()
    whole = whole_of(journal, scenario)
    assert unprotected(whole, whole.legs[0], failovers(journal, scenario)[0]) == {}
    journal = Journal()
    journal.note("truth.failed", MIN, -1, "site")
    journal.note("truth.promoted", 10 * MIN, 0, 2, 1, 1, 0, 0, 0, 0)
    journal.note("truth.end", HOUR, -1)
    whole = whole_of(journal, scenario)
    found = unprotected(whole, whole.legs[0], failovers(journal, scenario)[0])
    assert found == {"": (50 * MIN, True), "crm": (50 * MIN, True)}


def restored_in(following: Scenario, *at: tuple[int, int]) -> Leg:
    """A leg that began at 12 min, in which these (database, instant) were restored."""
    journal = Journal()
    for database, time_us in at:
        journal.note("truth.restored", time_us, database, 1, 1, 1, 1)
    journal.note("truth.end", 48 * MIN, -1)
    return Leg(2, 12 * MIN, following, journal)


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (
            [(0, 5 * MIN), (1, 9 * MIN), (1, 2 * HOUR)],
            {"": (11, False), "crm": (7, False), "web": (9, False)},
        ),
        ([(0, 5 * MIN)], {"": (50, True), "crm": (7, False), "web": (48, True)}),
        ([], {"": (50, True), "crm": (50, True), "web": (48, True)}),
    ],
)
def test_unprotected_goes_from_each_database_s_promotion_until_it_is_restored(
    at: list[tuple[int, int]], found: dict[str, tuple[int, bool]]
) -> None:
    """crm is promoted at 10 min, web at 12; erp never is, so that it is in no later leg and
    unprotected is not known of it.
    """
    scenario = a_scenario("crm", "erp", "web")
    journal = Journal()
    journal.note("truth.failed", MIN, -1, "site")
    for database, time_us in ((0, 10 * MIN), (2, 12 * MIN)):
        journal.note("truth.promoted", time_us, database, 2, 1, 1, 0, 0, 0, 0)
    journal.note("truth.end", HOUR, -1)
    whole = Whole([Leg(1, 0, scenario, journal), restored_in(a_scenario("crm", "web"), *at)])
    bare = unprotected(whole, whole.legs[0], failovers(journal, scenario)[0])
    assert bare == {name: (minutes * MIN, censored) for name, (minutes, censored) in found.items()}


def test_backups_are_counted_by_kind() -> None:
    journal = Journal()
    a_run(journal, 4)
    journal.note("truth.backup_begin", 30 * MIN, 0, 9, 0, 1, 0, 0, 0)
    journal.note("truth.backup_cut_off", 31 * MIN, 0, 9, 0)
    assert backups_made(journal) == {
        "full": 0,
        "incremental": 0,
        "log": 4,
        "cut_off": 1,
        "skipped": 0,
    }


# ---- reported exposure
def test_the_manager_believes_in_an_unbroken_chain_only() -> None:
    journal = Journal()
    for k in (1, 2, 4, 5):  # the third is missing
        validated(journal, k * 5 * MIN + 3 * S, a_header((k - 1) * 300, k * 300, k * 5 * MIN))
    journal.note("truth.end", 30 * MIN, -1)
    told = reported_exposure(journal, a_scenario(), 0)
    assert told.at(30 * MIN) == 20 * MIN  # since the second log's cut
    journal = Journal()
    for k in (1, 2, 4, 5, 3):  # late, but it fits: the chain is whole again up to the fifth
        at = 26 * MIN if k == 3 else k * 5 * MIN + 3 * S
        validated(journal, at, a_header((k - 1) * 300, k * 300, k * 5 * MIN))
    journal.note("truth.end", 30 * MIN, -1)
    assert reported_exposure(journal, a_scenario(), 0).at(30 * MIN) == 5 * MIN


def test_what_is_believed_differs_from_the_truth_when_the_clock_is_wrong() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    header = a_header(0, 300, 5 * MIN)
    header.started_utc_us = START_UTC_US + 15 * MIN  # the primary's clock is ten minutes fast
    validated(journal, 5 * MIN + 3 * S, header)
    journal.note("truth.end", 30 * MIN, -1)
    assert reported_exposure(journal, a_scenario(), 0).at(30 * MIN) == 15 * MIN


def test_an_idle_database_has_no_lag() -> None:
    idle = ran(ONE, "databases.crm.log_volume=0 B/s")
    assert replay_lag(idle.journal, idle.context.scenario, 0).max_us() == 0


def test_lag_after_an_idle_night_counts_from_the_first_write_and_not_from_the_last_log() -> None:
    """Nothing is written for an hour, then as always: the lag never shows the hour."""
    quiet_first = (
        "databases.crm.log_volume={bytes: 0 0 0 0 0 0 0 0 0 0 0 0 20000000 20000000, "
        "interval: 5 min}"
    )
    world = ran(ONE, quiet_first)
    lag = replay_lag(world.journal, world.context.scenario, 0)
    assert 5 * MIN < lag.max_us() < 6 * MIN
