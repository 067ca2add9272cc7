"""Data loss, outage and its phases: hand-made records, exact numbers, and runs that end too
early.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.measures.outcome.phases import named_phases
from dr_sim.measures.outcome.served import Served
from dr_sim.record.journal import Journal
from dr_sim.recovery.commands import Fence
from dr_sim.runs.run import run
from dr_sim.scenario.model import FailedAttempt
from dr_sim.scenario.sla_measures import (
    PHASES,
)
from tests.measures.make import HOUR, MIN, S, a_scenario, phase, record

SPREAD = 10 * S
ALL = 1_000_000


def site_failure(journal: Journal, promoted: bool = True, served_again: bool = True) -> None:
    """The site dies at 10:00, acknowledged up to 9:57 there; the last redirected user arrives ten
    seconds after the switch.
    """
    journal.note("truth.served", 0, -1, ALL, ALL)
    journal.note("truth.failed", 10 * MIN, -1, "site")
    journal.note("truth.served", 10 * MIN, -1, 0, 0)
    t = 10 * MIN
    for name, after in (
        ("deciding", 30 * S),
        ("fencing", 280 * S),
        ("draining", 301 * S),
        ("tail", 303 * S),
        ("recovering", 305 * S),
    ):
        phase(journal, t + after, name)
    if promoted:
        journal.note("truth.promoted", t + 315 * S, 0, 2, 700, 420, 7 * MIN, 1000, 20, 30)
        phase(journal, t + 315 * S, "redirecting")
        journal.note("truth.served", t + 375 * S, -1, 0, ALL)
        phase(journal, t + 384 * S, "serving")
        if served_again:
            journal.note("truth.served", t + 375 * S + SPREAD, -1, ALL, ALL)
    journal.note("truth.end", (t + 380 * S) if not served_again else HOUR, -1)


def attempt(number: int, begin_s: int, end_s: int, place: str = "tape") -> FailedAttempt:
    """A stretch of an attempt, from the failure of `site_failure` on."""
    begin_us, end_us = 10 * MIN + begin_s * S, 10 * MIN + end_s * S
    return FailedAttempt(number, place, begin_us, end_us, "backups are restored")


ATTEMPTS = [
    # stretches of attempts -> the spans in seconds from the failure on, up to the redirect
    ((), ["detect 0 30", "decide 30 280", "fence 280 301", "drain 301 305", "recover 305 315"]),
    (
        (attempt(1, 40, 100), attempt(1, 100, 130)),  # one attempt has two stretches
        ["detect 0 30", "decide 30 40", "attempt 40 130", "decide 130 280", "fence 280 301"],
    ),
    (
        (attempt(1, 40, 100), attempt(2, 100, 130)),  # two that follow each other at one place
        ["detect 0 30", "decide 30 40", "attempt 40 100", "attempt 100 130", "decide 130 280"],
    ),
    (
        (attempt(1, 10, 290), attempt(2, 302, 310, "vault")),  # over several phases
        ["detect 0 10", "attempt 10 290", "fence 290 301", "drain 301 302", "attempt 302 310"],
    ),
]


@pytest.mark.parametrize(("attempts", "expected"), ATTEMPTS)
def test_attempts_stand_in_their_place_in_time(
    attempts: tuple[FailedAttempt, ...], expected: list[str]
) -> None:
    journal = Journal()
    site_failure(journal)
    (f,) = failovers(journal, a_scenario(failed_attempts=attempts))
    found = [f"{name} {begin // S - 600} {end // S - 600}" for begin, end, name in f.spans[:5]]
    assert found == expected
    assert sum(end - begin for begin, end, _ in f.spans) == f.outage_us


def test_attempts_are_numbered_where_there_are_several() -> None:
    one = [("fence", S), ("attempt", MIN), ("warm_up", S)]
    assert named_phases(one) == [("fence", S), ("attempt", MIN), ("warm up", S)]
    two = [("attempt", MIN), ("attempt", 2 * MIN), ("fence", S)]
    assert named_phases(two) == [("attempt 1", MIN), ("attempt 2", 2 * MIN), ("fence", S)]


def test_a_site_failure_in_exact_numbers() -> None:
    journal = Journal()
    site_failure(journal)
    (f,) = failovers(journal, a_scenario())
    assert (f.failure_class, f.failed_us, f.data_loss_us) == ("site", 10 * MIN, 3 * MIN)
    assert (f.worst.user_bytes, f.worst.maintenance_bytes, f.worst.transactions) == (1000, 20, 30)
    # 99 % of a rise of 10 s is reached after 9.9 s
    assert f.outage_us == 375 * S + 9_900_000
    assert f.phases_us == {
        "detect": 30 * S,
        "repair": 0,
        "decide": 250 * S,
        "fence": 21 * S,
        "drain": 4 * S,
        "recover": 10 * S,
        "provision": 0,
        "redirect": 69 * S,
        "warm_up": 900_000,
        "attempt": 0,
        "unfence": 0,
    }
    assert sum(f.phases_us.values()) == f.outage_us
    # 1,000 requests a second: all fail for 375 s, then on average 50.5 % for 9.9 s
    assert f.requests_failed == int(375_000 + 9_900 * Fraction(505, 1000))


@pytest.mark.parametrize(("started", "name"), [(True, "detect"), (False, "unfence")])
def test_a_failover_that_was_left_by_another_copy_ends_when_the_old_primary_serves(
    started: bool, name: str
) -> None:
    journal = Journal()
    journal.note("truth.served", 0, -1, ALL, ALL)
    journal.note("truth.unfencing", 9 * MIN, -1, 0)
    if started:  # otherwise the site is lost while its servers start
        journal.note("truth.unfenced", 9 * MIN + 10 * S, 0, 9 * MIN - S, 100)
    site_failure(journal)
    f = failovers(journal, a_scenario())[-1]
    assert next((phase, end - begin) for begin, end, phase in f.spans) == (name, 30 * S)


def test_phases_add_up_to_the_outage_when_a_restart_announces_them_again() -> None:
    journal = Journal()
    site_failure(journal)
    phase(journal, 10 * MIN + 384 * S, "serving")
    (f,) = failovers(journal, a_scenario())
    assert sum(f.phases_us[p] for p in PHASES) == f.outage_us


def test_a_run_that_ends_before_users_are_served_again_is_unknown() -> None:
    journal = Journal()
    site_failure(journal, served_again=False)
    (f,) = failovers(journal, a_scenario())
    assert f.outage_us is None
    assert f.data_loss_us == 3 * MIN
    assert sum(f.phases_us.values()) == 380 * S


def test_a_run_that_ends_before_the_promotion_does_not_know_what_is_lost() -> None:
    journal = Journal()
    site_failure(journal, promoted=False)
    (f,) = failovers(journal, a_scenario())
    assert (f.data_loss_us, f.outage_us, f.promoted_us) == (None, None, None)


def test_one_database_that_is_not_promoted_makes_the_service_unknown() -> None:
    journal = Journal()
    site_failure(journal)
    (f,) = failovers(journal, a_scenario("crm", "erp"))
    assert f.data_loss_us is None
    assert f.losses[0].data_loss_us == 3 * MIN


def test_no_failure_is_no_failover() -> None:
    journal = Journal()
    journal.note("truth.served", 0, -1, ALL, ALL)
    phase(journal, MIN, "deciding")
    phase(journal, 2 * MIN, "watching")
    journal.note("truth.end", HOUR, -1)
    assert failovers(journal, a_scenario()) == []


def test_nothing_lacking_is_nothing_lost() -> None:
    journal = Journal()
    journal.note("truth.failed", 10 * MIN, -1, "site")
    journal.note("truth.promoted", 11 * MIN, 0, 2, 700, 600, 10 * MIN, 0, 0, 0)
    journal.note("truth.end", HOUR, -1)
    assert failovers(journal, a_scenario())[0].data_loss_us == 0


def test_a_planned_failover_counts_from_the_first_lost_request() -> None:
    journal = Journal()
    journal.note("truth.served", 0, -1, ALL, ALL)
    record(journal, Fence(True), 9 * MIN, -1)
    phase(journal, 9 * MIN, "fencing")
    journal.note("truth.fenced", 9 * MIN + S, -1, 1)
    journal.note("truth.served", 9 * MIN + S, -1, 0, 0)
    phase(journal, 9 * MIN + S, "draining")
    journal.note("truth.promoted", 9 * MIN + 11 * S, 0, 2, 700, 541, 9 * MIN + S, 0, 0, 0)
    phase(journal, 9 * MIN + 11 * S, "serving")
    journal.note("truth.served", 10 * MIN, -1, ALL, ALL)
    journal.note("truth.end", HOUR, -1)
    (f,) = failovers(journal, a_scenario())
    assert (f.failure_class, f.data_loss_us, f.outage_us) == ("planned", 0, 59 * S)
    assert f.phases_us["drain"] == 10 * S
    assert f.phases_us["warm_up"] == 49 * S


def test_split_brain_loses_what_the_old_primary_went_on_acknowledging() -> None:
    journal = Journal()
    journal.note("truth.served", 0, -1, ALL, ALL)
    phase(journal, 9 * MIN, "fencing")
    journal.note("truth.promoted", 10 * MIN, 0, 2, 700, 420, 7 * MIN, 1000, 0, 30)
    journal.note("truth.two_primaries", 10 * MIN, -1, 1)
    journal.note("truth.served", 11 * MIN, -1, 0, 0)
    journal.note("truth.two_primaries", 12 * MIN, -1, 0)
    journal.note("truth.discarded", 12 * MIN, 0, 1, 500, 0, 15, 11 * MIN + 59 * S)
    journal.note("truth.served", 13 * MIN, -1, ALL, ALL)
    journal.note("truth.end", HOUR, -1)
    (f,) = failovers(journal, a_scenario())
    assert (f.failure_class, f.failed_us, f.two_primaries_us) == ("none", 10 * MIN, 2 * MIN)
    assert f.data_loss_us == 4 * MIN + 59 * S  # from 7:00 to the last write that was thrown away
    assert (f.worst.user_bytes, f.worst.transactions, f.worst.discarded_bytes) == (1500, 45, 500)
    assert (f.outage_from_us, f.outage_us) == (11 * MIN, 2 * MIN)


def test_two_primaries_that_go_on_count_to_the_end() -> None:
    journal = Journal()
    journal.note("truth.promoted", 10 * MIN, 0, 2, 700, 420, 7 * MIN, 1000, 0, 30)
    journal.note("truth.two_primaries", 10 * MIN, -1, 1)
    journal.note("truth.end", HOUR, -1)
    assert failovers(journal, a_scenario())[0].two_primaries_us == 50 * MIN


@pytest.mark.parametrize(
    ("lines", "again"),
    [
        ([(0, 100, 0, 0)], None),
        ([(0, 100, 0, 0), (100, 200, 990_000, 990_000)], 100),
        ([(0, 100, 0, 0), (100, 200, 989_999, 989_999)], None),
        ([(0, 100, 0, ALL)], 99),
        ([(0, 7, 0, ALL), (7, 100, ALL, ALL)], 7),  # 6.93 us: rounded up
        ([(0, 50, ALL, ALL), (50, 60, 0, 0), (60, 100, ALL, ALL)], 60),  # it must stay so
        ([(0, 50, ALL, ALL), (50, 100, ALL, 0)], None),
    ],
)
def test_served_again(lines: list[tuple[int, int, int, int]], again: int | None) -> None:
    assert Served(lines, lines[-1][1]).again(0, lines[-1][1]) == again


def test_what_follows_an_operator_s_no_is_spent_deciding() -> None:
    journal = Journal()
    journal.note("truth.served", 0, -1, 1_000_000, 1_000_000)
    phase(journal, 5 * MIN, "deciding")  # a false alarm that he declined, long before
    phase(journal, 6 * MIN, "watching")
    journal.note("truth.failed", 10 * MIN, -1, "site")
    journal.note("truth.served", 10 * MIN, -1, 0, 0)
    for at, name in ((11, "deciding"), (12, "abandoned"), (12, "watching")):
        phase(journal, at * MIN, name)
    journal.note("truth.end", 60 * MIN, -1)
    (f,) = failovers(journal, a_scenario())
    assert (f.phases_us["detect"], f.phases_us["decide"]) == (MIN, 49 * MIN)


CUT_SHORT = """\
run_for: 2 h 35 min
databases: {crm: {size: 5 GB, full: daily 23:00, incremental: none, log: none}}
link: {bandwidth: 1 Gbit/s}
copies: {vault: {store: {}}}
failover: {mode: automatic}
events: [{at: 2 h 30 min, lose: site}]
"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("run_for=2 h 35 min", "the run ended before the promotion"),
        (
            "databases.crm.seeded=false",
            "no copy of crm was ever restored in this store: all of it is lost",
        ),
    ],
)
def test_what_a_run_has_cut_short_is_not_called_lost(change: str, why: str, tmp_path: Path) -> None:
    """The machine of the store is still awaited at the end, and a whole full lies there; or none."""
    path = tmp_path / "short.yaml"
    path.write_text(CUT_SHORT, encoding="utf-8")
    summary = run(load_scenario(path, [change])).summary
    assert summary.failovers[0].databases[0].note == why
