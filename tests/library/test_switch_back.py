"""A failover that has stopped the old primary and cannot be brought to its end: the old primary
serves again, and nothing is lost (R15, W4). Every instant is worked out by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.causes.ledger import explain_failover
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.exposure.lag import replay_lag
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result, run
from dr_sim.screen.failovers import headed

from .runs import HOUR, MINUTE, SCENARIOS, SECOND, ran, rows

FENCE, START = 5 * SECOND, 10 * SECOND
LEASE = 30 * SECOND
RULES = ["sql_server", "postgres"]
DATABASE = """\
run_for: 6 h
databases: {crm: {size: 20 GB, log_volume: 20 MB per 5 min}}
link: {bandwidth: 100 Mbit/s}
"""


def made(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def outages(result: Result) -> list[dict[str, Any]]:
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    return [dict(each) for each in summary["failovers"]]


def phases(result: Result) -> list[str]:
    return [row.values["phase"] for row in rows(result, "seen.EnterPhase")]


# ---- a planned failover whose tail does not fit
@pytest.mark.parametrize("rules", RULES)
def test_a_planned_failover_whose_tail_does_not_fit_goes_back(rules: str) -> None:
    """Ordered at 10:02:00, stopped 5 s later. The limit counts from then: at 10:32:05 it goes back,
    and 10 s later users are served. The log of after that follows on the tail. Two hours later the
    same order succeeds, and the old primary follows without a new seed.
    """
    result = ran("after_failover/switch_back", f"engine.imitates={rules}")
    left, swapped = outages(result)
    assert (left["by_itself"], left["unfenced"], left["class"]) == (True, True, "planned")
    assert (left["ordered_by"], left["ordered_planned"]) == ("dba", True)
    assert left["outage_us"] == 30 * MINUTE + START and left["data_loss_us"] == 0
    assert left["phases_us"]["drain"] == 30 * MINUTE
    assert left["phases_us"]["unfence"] == START
    assert sum(left["phases_us"].values()) == left["outage_us"]
    assert left["requests_failed"] == left["requests_offered"]

    stop_us = 10 * HOUR + 2 * MINUTE + FENCE
    (again,) = rows(result, "truth.unfenced")
    assert (again.time_us, again.values["stop_us"]) == (stop_us + 30 * MINUTE + START, stop_us)
    assert swapped["class"] == "planned" and not swapped["by_itself"]
    assert (swapped["data_loss_us"], swapped["follow"]) == (0, ["A"])
    assert swapped["ordered_us"] == 12 * HOUR + 2 * MINUTE
    assert swapped["outage_us"] < 90 * SECOND
    told = [row.values["event_id"] for row in rows(result, "seen.RaiseAlert")]
    assert told.count(25) == 1 and 26 not in told


def test_it_counts_against_the_rto_and_is_explained() -> None:
    result = ran("after_failover/switch_back", "sla=[{outage: at most 30 min}]")
    assert result.verdict.outcome is Outcome.FAIL
    leg = result.whole.legs[0]
    _, ledger = explain_failover(leg.tables, leg.scenario, 1)
    assert ledger.total_us == 30 * MINUTE + START
    assert [(line.cause, line.duration_us) for line in ledger.lines] == [
        ("drain", 30 * MINUTE),
        ("unfence", START),
    ]
    assert "started again" in ledger.lines[1].detail
    first = result.summary.failovers[0]
    assert headed(first, result.whole.scenario) == (
        "ordered by dba Mon 10:02:00, planned; it was called off, and the old primary serves again"
    )


def test_nothing_is_at_risk_that_was_never_acknowledged() -> None:
    """While the primary is stopped nothing is written. The log of 10:30 is not there: what the site
    would lose, and what the copy lacks, are what they were. At most a log interval, 5 min, and what
    a log takes: never the half hour of the stop.
    """
    result = ran("after_failover/switch_back", "events=[]")
    quiet_us = true_exposure(result.journal, result.whole.scenario, 0).max_us()
    assert 5 * MINUTE < quiet_us < 6 * MINUTE
    result = ran(
        "after_failover/switch_back",
        "events=[{at: Mon 10:02, order_failover: dba}, {at: Mon 10:02:04, link_outage: 20 min}]",
        "failover.planned_limit=10 min",
    )
    (left,) = outages(result)
    assert left["outage_us"] == 10 * MINUTE + START
    leg = result.whole.legs[0]
    exposed = true_exposure(leg.tables, leg.scenario, 0)
    # of the tail, written from 10:00 on, until the link is up at 10:22:04 and it has landed
    assert 22 * MINUTE < exposed.max_us() < 24 * MINUTE
    behind = replay_lag(leg.tables, leg.scenario, 0)
    assert behind.window(10 * HOUR + 24 * MINUTE, 24 * HOUR).max_us() < 6 * MINUTE
    told = summary_json(result.summary)["alerts"]
    assert told["false"] == 0


@pytest.mark.parametrize(("limit", "ends"), [("none", "serving"), ("25 min", "serving")])
def test_a_planned_failover_whose_limit_is_not_over_waits_on(
    tmp_path: Path, limit: str, ends: str
) -> None:
    """The link is down from the order on for 20 min, and the tail comes then."""
    result = made(
        tmp_path,
        DATABASE + f"failover: {{planned_limit: {limit}}}\nevents:\n"
        "- {at: 62 min, order_failover: dba}\n- {at: 62 min 6 s, link_outage: 20 min}\n",
    )
    (swapped,) = outages(result)
    assert phases(result)[-1] == ends
    assert swapped["data_loss_us"] == 0 and not swapped["unfenced"]
    assert 20 * MINUTE < swapped["outage_us"] < 23 * MINUTE


def test_a_database_that_is_lost_while_its_server_starts_does_not_serve(tmp_path: Path) -> None:
    """The limit is over 4 min after the stop; 5 s later, with 5 s to go, the database is lost."""
    result = made(
        tmp_path,
        DATABASE + "failover: {planned_limit: 4 min}\nevents:\n"
        "- {at: 62 min, order_failover: dba}\n- {at: 62 min 6 s, link_outage: 4 min}\n"
        "- {at: 66 min 10 s, lose: database}\n",
    )
    assert result.summary.violations == []
    assert rows(result, "truth.unfenced") == [] and rows(result, "seen.Unfenced") == []
    (refused,) = rows(result, "seen.UnfenceFailed")
    assert refused.values["reason"] == "refused"


# ---- by hand
@pytest.mark.parametrize(
    ("by", "at", "obeyed"),
    [("dba", "70 min", True), ("mallory", "70 min", False), ("dba", "50 min", False)],
)
def test_an_operator_calls_it_off(tmp_path: Path, by: str, at: str, obeyed: bool) -> None:
    """Stopped at 62:05, called off at 70:00: served again at 70:10."""
    result = made(
        tmp_path,
        DATABASE + "events:\n- {at: 62 min, order_failover: dba}\n"
        f"- {{at: 62 min 6 s, link_outage: 20 min}}\n- {{at: {at}, call_off_failover: {by}}}\n",
    )
    (found,) = outages(result)
    assert found["unfenced"] is obeyed
    assert len(rows(result, "seen.RefuseOrder")) == (not obeyed)
    if obeyed:
        assert found["outage_us"] == 8 * MINUTE - FENCE + START


# ---- the last way back from a mistake
ONE_STORE = DATABASE + (
    "copies: {one: {store: {machine: 10 min}}}\nevents:\n"
    "- {at: 62 min, mistake: {database: crm, noticed: 10 min, then: restore_before}}\n"
)


@pytest.mark.parametrize("gone", ["100 h", "30 min"])
def test_after_the_last_way_back_people_start_the_old_primary_by_hand(
    tmp_path: Path, gone: str
) -> None:
    """Ordered at 72:00, stopped at 72:05. The only store is lost at 80:00, its claim lapses at
    80:30, and 10 s later the old primary serves again. A store that is back at 110:00 leaves its
    failover: it stops nothing, and nothing is online there.
    """
    result = made(tmp_path, ONE_STORE + f"- {{at: 80 min, lose_secondary: {gone}, copy: one}}\n")
    (found,) = outages(result)
    assert found["outage_us"] == 80 * MINUTE + LEASE + START - 72 * MINUTE - FENCE
    assert found["phases_us"]["unfence"] == START
    assert found["data_loss_us"] == 0 and found["unfenced"]
    assert [row.values["by_hand"] for row in rows(result, "truth.unfencing")] == [1]
    assert len(rows(result, "seen.Fence")) == 1 and rows(result, "truth.promoted") == []
    if gone == "30 min":
        assert [r.values["holder"] for r in rows(result, "seen.ClaimRefused")] == [
            "the old primary"
        ]
        assert phases(result)[-2:] == ["abandoned", "watching"]
    (mistake,) = summary_json(result.summary)["mistakes"]
    assert not mistake["gone"]


def test_a_manager_that_is_back_before_its_claim_has_lapsed_goes_on(tmp_path: Path) -> None:
    """The negative case: it is dead for 20 s."""
    result = made(
        tmp_path,
        ONE_STORE
        + "- {at: 80 min, manager_crash: {}, copy: one}\nmanager: {restart_after: 20 s}\n",
    )
    (found,) = outages(result)
    assert not found["unfenced"] and len(rows(result, "truth.promoted")) == 1
    assert rows(result, "truth.unfencing") == []


# ---- an order that nobody carries out
def test_an_order_that_nobody_carries_out_is_given_up_after_two_retries(tmp_path: Path) -> None:
    """Ordered at 62:00 and stopped at 62:05. near is lost at 62:08, its claim lapses 30 s later;
    far has been lost for an hour. After two retries of 5 min, at 72:38, people start the old
    primary.
    """
    result = made(
        tmp_path,
        DATABASE + "copies: {near: {}, far: {}}\nevents:\n"
        "- {at: 10 min, lose_secondary: 100 h, copy: far}\n"
        "- {at: 62 min, order_failover: dba, copy: near}\n"
        "- {at: 62 min 8 s, lose_secondary: 100 h, copy: near}\n",
    )
    (found,) = outages(result)
    assert found["unfenced"]
    assert found["outage_us"] == 3 * SECOND + LEASE + 10 * MINUTE + START
    assert found["phases_us"]["unfence"] == START


# ---- real databases
@pytest.mark.long
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_on_a_real_engine_the_chain_goes_on_over_the_tail(tmp_path: Path, engine: str) -> None:
    result = made(
        tmp_path,
        "run_for: 2 h\ndatabases: {crm: {size: 200 MB, log_volume: 2 MB per 5 min}}\n"
        f"link: {{bandwidth: 100 Mbit/s}}\nengine: {{kind: {engine}}}\n"
        "failover: {planned_limit: 10 min}\nevents:\n"
        "- {at: 32 min, order_failover: dba}\n- {at: 32 min 6 s, link_outage: 14 min}\n"
        "- {at: 90 min, order_failover: dba}\n",
    )
    left, swapped = outages(result)
    assert left["unfenced"] and left["outage_us"] == 10 * MINUTE + START
    assert (swapped["data_loss_us"], swapped["follow"]) == (0, ["A"])


def test_a_copy_that_was_dead_meanwhile_does_not_take_over(tmp_path: Path) -> None:
    """near is ordered to take over, and its manager dies in the drain. far carries the order out
    from 63:10 on, and is called off at 64:00; the old primary serves at 64:10. near is back at
    65:00 in the middle of its failover: its claim is void, and it brings nothing online.
    """
    result = made(
        tmp_path,
        DATABASE + "copies: {near: {}, far: {}}\nevents:\n"
        "- {at: 62 min, order_failover: {by: dba, planned: false}, copy: near}\n"
        "- {at: 62 min 6 s, link_outage: 30 min, copy: near}\n"
        "- {at: 62 min 6 s, link_outage: 30 min, copy: far}\n"
        "- {at: 62 min 30 s, lose_secondary: 150 s, copy: near}\n"
        "- {at: 64 min, call_off_failover: dba, copy: far}\n",
    )
    (found,) = outages(result)
    assert found["unfenced"] and rows(result, "truth.promoted") == []
    assert found["outage_us"] == 64 * MINUTE + START - 62 * MINUTE - FENCE
    assert "the old primary" in [row.values["holder"] for row in rows(result, "seen.ClaimRefused")]


# ---- outage if now
def test_outage_if_now_says_nothing_while_the_primary_is_stopped() -> None:
    """A failover is on then, and the service is down. Users are served again at 10:32:15; stopped
    it was at 10:02:05.
    """
    whole = ran("after_failover/switch_back").whole
    stop_us, again_us = (10 * 60 + 2) * MINUTE + FENCE, (10 * 60 + 32) * MINUTE + FENCE + START
    for curve in (whole.outage_if_now(), whole.reported_outage()):
        gap = curve.window(stop_us - MINUTE, again_us + MINUTE)
        assert gap.duration_us == 2 * MINUTE
        assert curve.window(stop_us, again_us).duration_us == 0


def test_a_loss_right_after_it_serves_again_takes_what_outage_if_now_says(tmp_path: Path) -> None:
    text = (SCENARIOS / "after_failover/switch_back.yaml").read_text(encoding="utf-8")
    foretold = ran("after_failover/switch_back").whole.outage_if_now()
    at_us = (10 * 60 + 40) * MINUTE
    lost = made(tmp_path, text.replace("events:", 'events:\n  - {at: "Mon 10:40", lose: site}'))
    _, came = outages(lost)
    # the curve counts to the instant at which a heartbeat is due, the run in whole requests
    assert abs(came["outage_us"] - foretold.at(at_us)) <= 10 * SECOND


@pytest.mark.parametrize("name", ["site_returns", "host_returns"])
def test_nor_does_it_while_what_was_lost_is_away(name: str) -> None:
    result = ran(f"faults/{name}")
    (away,) = outages(result)
    lost_us, back_us = away["failed_us"], away["failed_us"] + away["outage_us"]
    assert not result.whole.outage_if_now().window(lost_us, back_us - 10 * SECOND).duration_us
    assert result.whole.outage_if_now().window(lost_us - MINUTE, lost_us).duration_us == MINUTE
