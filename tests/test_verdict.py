"""Three values, the worse wins, unknown is not pass; each measure has a case that it must fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dr_sim.measures.summary import summarise
from dr_sim.measures.verdict import Outcome, Verdict, judge
from dr_sim.record.journal import Journal
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.sla_measures import (
    CLOUD_COUNTS,
    CLOUD_CURVES,
    COUNTS,
    CURVES,
    DURATIONS,
    split,
)
from tests.measures.make import HOUR, MIN, S, a_scenario, alert, phase, survivable, whole_of

ALL = 1_000_000


def journal_of_a_failover(promoted: bool = True, served: bool = True) -> Journal:
    """The site dies at 1:00 with 40 min lacking, told at 0:50; promoted after 2 min, served after
    3.
    """
    journal = Journal()
    journal.note("truth.served", 0, -1, ALL, ALL)
    survivable(journal, 0, 0)
    survivable(journal, 20 * MIN, 20 * MIN)
    alert(journal, 50 * MIN)
    journal.note("truth.failed", HOUR, -1, "site")
    journal.note("truth.served", HOUR, -1, 0, 0)
    phase(journal, HOUR + 30 * S, "fencing")
    if promoted:
        journal.note("truth.promoted", HOUR + 2 * MIN, 0, 2, 1200, 1200, 20 * MIN, 7, 0, 5)
    if served:
        journal.note("truth.served", HOUR + 3 * MIN, -1, ALL, ALL)
    journal.note("truth.end", 2 * HOUR, -1)
    return journal


def verdict_of(journal: Journal, *lines: SlaLine) -> Verdict:
    scenario = replace(a_scenario(), sla=lines)
    return judge(summarise(whole_of(journal, scenario)), scenario)


def line(measure: str, bound: int, at_most: bool = True, database: str = "") -> SlaLine:
    return SlaLine(measure, measure, at_most, bound, database)


VALUES: dict[str, int] = {
    "data_loss": 40 * MIN,
    "outage": 3 * MIN,
    "outage.detect": 30 * S,
    "outage.fence": 150 * S,
    "outage.drain": 0,
    "exposure.mean": (20 * 10 + 40 * 20) * MIN // 60,
    "exposure.p50": 15 * MIN,
    "exposure.p99": 39 * MIN + 24 * S,
    "exposure.max": 40 * MIN,
    "exposure.above_30_min": 166_667,
    "alerts_missed": 0,
    "alerts_false": 0,
    "alert_delay.max": 15 * MIN,
    "replay_lag.max": HOUR,
    "exposure_before.max": 40 * MIN,
}


@pytest.mark.parametrize("measure", VALUES)
def test_every_measure_passes_at_its_value_and_fails_just_below_it(measure: str) -> None:
    journal = journal_of_a_failover()
    value = VALUES[measure]
    (judged,) = verdict_of(journal, line(measure, value)).lines
    assert (judged.value, judged.outcome) == (value, Outcome.PASS)
    assert verdict_of(journal, line(measure, value - 1)).outcome is Outcome.FAIL
    assert verdict_of(journal, line(measure, value, at_most=False)).outcome is Outcome.PASS
    assert verdict_of(journal, line(measure, value + 1, at_most=False)).outcome is Outcome.FAIL


# those of a cloud manager are refused by the loader where there is none
WITHOUT_A_CLOUD = [
    measure
    for measure in (*DURATIONS, *COUNTS, "exposure.above_20_s")
    if split(measure)[0] not in (*CLOUD_CURVES, *CLOUD_COUNTS, "pause", "to_goal")
]


@pytest.mark.parametrize("measure", WITHOUT_A_CLOUD)
def test_every_measure_that_a_scenario_may_name_is_judged(measure: str) -> None:
    (judged,) = verdict_of(journal_of_a_failover(), line(measure, 10**15)).lines
    base, statistic = split(measure)
    none = base not in CURVES and statistic not in ("", "max")  # one run has no quantiles
    # and nothing was up again in this one, and nobody made a mistake
    assert (judged.value is None) == (none or base in ("exposure_after", "degraded"))
    (again,) = verdict_of(journal_of_a_failover(), line(measure, 10**15, database="crm")).lines
    assert (again.value, again.outcome) == (judged.value, judged.outcome)


def test_a_missed_and_a_false_alert_fail() -> None:
    journal = Journal()
    survivable(journal, 0, 0)  # and nothing ever lands
    journal.note("truth.end", HOUR, -1)
    assert verdict_of(journal, line("alerts_missed", 0)).outcome is Outcome.FAIL
    journal = Journal()
    for t in range(0, 10 * HOUR, 5 * MIN):
        survivable(journal, t, t)
    alert(journal, 5 * HOUR)
    journal.note("truth.end", 10 * HOUR, -1)
    assert verdict_of(journal, line("alerts_false", 0)).outcome is Outcome.FAIL


def test_without_a_failover_its_measures_are_unknown_and_not_met() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    journal.note("truth.end", 5 * MIN, -1)
    for measure in ("data_loss", "outage", "outage.fence", "unprotected", "alert_delay.max"):
        verdict = verdict_of(journal, line(measure, 10**15))
        assert (verdict.outcome, verdict.exit_code) == (Outcome.UNKNOWN, 3)
        assert verdict.lines[0].reason
    assert verdict_of(journal, line("exposure.max", 5 * MIN)).exit_code == 0


def test_a_run_that_ended_too_early_cannot_pass_but_can_fail() -> None:
    journal = journal_of_a_failover(served=False)
    assert verdict_of(journal, line("outage", 90 * MIN)).outcome is Outcome.UNKNOWN
    # an hour has passed already
    assert verdict_of(journal, line("outage", 59 * MIN)).outcome is Outcome.FAIL
    assert verdict_of(journal, line("data_loss", 40 * MIN)).outcome is Outcome.PASS
    journal = journal_of_a_failover(promoted=False, served=False)
    assert verdict_of(journal, line("data_loss", 10**15)).outcome is Outcome.UNKNOWN


def test_a_line_about_a_fault_or_a_class_that_did_not_come_is_unknown() -> None:
    journal = journal_of_a_failover()
    journal.note("truth.event", HOUR, -1, 1, "lose", 1, "site lost")
    for changes in ({"fault": "link_outage"}, {"failure_class": "host"}):
        assert (
            verdict_of(journal, replace(line("data_loss", 10**15), **changes)).outcome
            is Outcome.UNKNOWN
        )
    for changes in ({"fault": "lose"}, {"failure_class": "site"}):
        assert (
            verdict_of(journal, replace(line("data_loss", 40 * MIN), **changes)).outcome
            is Outcome.PASS
        )
        assert (
            verdict_of(journal, replace(line("data_loss", 40 * MIN - 1), **changes)).outcome
            is Outcome.FAIL
        )


def test_unprotected_is_a_lower_bound() -> None:
    journal = journal_of_a_failover()
    assert verdict_of(journal, line("unprotected", 10**15)).outcome is Outcome.UNKNOWN
    assert verdict_of(journal, line("unprotected", 58 * MIN - 1)).outcome is Outcome.FAIL
    assert verdict_of(journal, line("unprotected", 58 * MIN, at_most=False)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("bounds", "outcome", "code"),
    [
        ({}, Outcome.PASS, 0),
        ({"data_loss": 40 * MIN}, Outcome.PASS, 0),
        ({"data_loss": 40 * MIN, "unprotected": 10**15}, Outcome.UNKNOWN, 3),
        ({"data_loss": 1, "unprotected": 10**15}, Outcome.FAIL, 1),
    ],
)
def test_the_worse_wins(bounds: dict[str, int], outcome: Outcome, code: int) -> None:
    verdict = verdict_of(journal_of_a_failover(), *(line(m, b) for m, b in bounds.items()))
    assert (verdict.outcome, verdict.exit_code) == (outcome, code)


def test_a_broken_invariant_is_worse_than_all() -> None:
    journal = journal_of_a_failover()
    journal.note("truth.violation", HOUR, 0, "prefix", "made")
    verdict = verdict_of(journal, line("data_loss", 10**15))
    assert (verdict.outcome, verdict.exit_code) == (Outcome.FAIL, 4)


def test_nothing_measured_is_unknown() -> None:
    journal = journal_of_a_failover()
    scenario: Any = replace(
        a_scenario(measure_from_us=90 * MIN), sla=(line("exposure.max", 10**15),)
    )
    verdict = judge(summarise(whole_of(journal, scenario)), scenario)
    assert verdict.outcome is Outcome.UNKNOWN


def test_a_loss_that_is_too_large_is_not_hidden_by_one_that_is_unknown() -> None:
    scenario: Any = replace(
        a_scenario("crm", "web"),
        sla=(
            line("data_loss", 39 * MIN),
            line("data_loss", 40 * MIN),
            line("data_loss", 1, database="web"),
        ),
    )
    summary = summarise(
        whole_of(journal_of_a_failover(), replace(scenario, databases=scenario.databases[:1]))
    )
    (known,) = summary.failovers
    (crm,) = known.databases
    lost = replace(crm, data_loss_us=None, note="the run ended first")
    unknown = replace(known, data_loss_us=None, databases=[lost])
    web = replace(known, databases=[crm, replace(crm, name="web")])
    for both in ([web, unknown], [unknown, web]):
        lines = judge(replace(summary, failovers=both), scenario).lines
        assert [j.outcome for j in lines] == [Outcome.FAIL, Outcome.UNKNOWN, Outcome.FAIL]
        assert lines[1].value is None
