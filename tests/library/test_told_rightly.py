"""What is said of a loss, of many outages and of an alert: each by a case whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dr_sim.cli.playing import warn_of_overload
from dr_sim.loading import load_scenario
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.exposure.reported import reported_exposure
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import run
from dr_sim.screen.failovers import MOST_OUTAGES, shown_and_summed, summed_outages
from dr_sim.screen.run import screen
from dr_sim.units import HOUR_US, MINUTE_US

from .runs import DAY, SCENARIOS, SECOND, alerts, at, failover, ran, texts

MB = 1_000_000
WIPED = "{at: Mon 01:00, operator_mistake: wipes the secondary host}"


def test_where_nothing_is_left_the_whole_history_is_lost() -> None:
    """63 min of 20 MB and 3,000 commits in 5 min: 252 MB, 37,800 commits. Unknown is only how long
    the outage lasts.
    """
    result = ran(
        "faults/base",
        "databases.crm.full=none",
        "databases.crm.incremental=none",
        "failover.mode=automatic",
        "run_for=3 h",
        "measure_from=0 s",
        f"events=[{WIPED}, {{at: Mon 01:03, lose: site}}]",
        "sla=[{data_loss: at most 1 h}]",
    )
    lost = failover(result)
    assert lost["data_loss_us"] == 63 * MINUTE_US
    assert (lost["user_bytes_lost"], lost["transactions_lost"]) == (252 * MB, 37_800)
    assert lost["outage_us"] is None
    assert result.verdict.lines[0].outcome is Outcome.FAIL
    shown = screen(result.summary, result.scenario, result.verdict, SCENARIOS, 1.0, SCENARIOS)
    assert "nothing was left from which crm could be restored: all of it is lost" in shown


def test_where_the_share_is_left_the_loss_is_not_known_before_it_is_restored() -> None:
    result = ran(
        "faults/base",
        "failover.mode=automatic",
        "run_for=3 h",
        "measure_from=0 s",
        f"events=[{WIPED}, {{at: Mon 02:30, lose: host}}]",
        "link.bandwidth=20 Mbit/s",
        "sla=[{data_loss: at most 1 h}]",
    )
    assert failover(result)["data_loss_us"] is None
    assert result.verdict.lines[0].outcome is Outcome.UNKNOWN


def test_a_log_that_is_lost_is_rightly_told_of_though_an_incremental_saves_the_data() -> None:
    """Both are of 11:00. The data is safe when the incremental has landed, and the copy stands until
    it is used 15 min later: event 1 is raised once, and is right.
    """
    result = ran(
        "faults/base",
        "databases.crm.incremental=every 1 h",
        "link.bandwidth=200 Mbit/s",
        "events=[{at: Mon 10:59, missing_file: crm}]",
    )
    alerts = summary_json(result.summary)["alerts"]
    assert (alerts["raised"], alerts["false"], alerts["due"]) == (1, 0, 0)


def test_many_outages_that_ended_by_themselves_are_summed() -> None:
    """Of eight the three longest are shown, in order, with the failover among them."""
    (one,) = ran(
        "faults/base",
        "failover.mode=automatic",
        "run_for=3 h",
        "measure_from=0 s",
        "events=[{at: Mon 02:00, lose: site}]",
    ).summary.failovers
    lasted = [5, 1, 8, 2, 7, 3, 4, 6]
    ended = [
        replace(one, number=i, by_itself=True, outage_us=us * SECOND, requests_failed=10)
        for i, us in enumerate(lasted)
    ]
    shown, more = shown_and_summed([*ended[:4], one, *ended[4:]])
    assert shown == [ended[2], one, ended[4], ended[7]]
    assert len(more) == len(ended) - MOST_OUTAGES
    assert summed_outages(more) == (
        "AND 5 shorter outages that ended without a failover: 0:15 in all, each 0:05 at most; "
        "50 requests failed"
    )
    assert shown_and_summed(ended[:3]) == (ended[:3], [])


def test_links_that_are_offered_too_much_are_named_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = ran("faults/base").scenario
    slow = replace(base, link=replace(base.link, bandwidth_bit_s=1_000))
    lines = warn_of_overload(
        (f"{n}", scenario) for n, scenario in enumerate([base, slow, slow, slow, slow, slow])
    )
    assert [line.split(":")[0] for line in lines] == ["1", "2", "3", "and 2 more like that"]
    assert capsys.readouterr().err.splitlines() == lines
    assert warn_of_overload([("base", base)]) == []


def test_an_sla_may_ask_for_the_outage_of_a_lost_host_or_database() -> None:
    """By hand, at its longest (just after a beat): 30 s silent, a fence of 21 s that runs into its
    timeout or of 5 s that is obeyed, 10 + 60 + 8.46 s. A tail of 20 MB: 1 + 1 s fixed, and about
    3 s for its bytes.
    """
    lines = "".join(
        f"{{id: {of}, outage_if_now.max: at most 5 min, class: {of}}}, "
        for of in ("site", "host", "database")
    )
    result = ran(
        "faults/base",
        "failover.mode=automatic",
        "databases.crm.full=none",
        "databases.crm.incremental=none",
        "run_for=3 h",
        "measure_from=0 s",
        f"sla=[{lines[:-2]}]",
    )
    site, host, database = (judged.value for judged in result.verdict.lines)
    assert (site, host) == (129_460_000, 113_460_000)
    assert database is not None and 2 * SECOND < database - host < 6 * SECOND
    assert result.verdict.outcome is Outcome.PASS


DELAYED = (
    "faults/base",
    "run_for=6 h",
    "databases.crm.full=none",
    "databases.crm.incremental=none",
    "replay.delay=1 h",
    "link.bandwidth=200 Mbit/s",
)


def test_rot_in_a_log_that_waits_on_purpose_is_no_breach() -> None:
    """The log of 03:00 rots as soon as it has landed, and is read an hour later, by the delay. Till
    then nobody can know.
    """
    rot = "{at: 'Mon 03:01', corrupt_at_rest: {database: crm, where: secondary}}"
    result = ran(*DELAYED, f"events=[{rot}]")
    assert result.summary.violations == []
    assert max(e.end_us - e.onset_us for e in result.summary.alerts.episodes) > 40 * MINUTE_US


def test_logs_that_arrive_again_together_are_one_alert() -> None:
    """All that waits here is deleted, and missed when its hour comes: copied again at once. While
    one of them is hashed after the other nobody is told of those that have landed.
    """
    gone = (
        "{at: 'Mon 03:01', careless_clean_up:"
        " {where: secondary, database: crm, kind: log, older_than: 0 s}}"
    )
    result = ran(*DELAYED, f"events=[{gone}]")
    assert [alert.event_id for alert in result.summary.alerts.each] == [3]
    assert result.summary.violations == []


@pytest.mark.parametrize("wrong", ["primary, behind: 3 h", "secondary, ahead: 40 min"])
@pytest.mark.parametrize(
    ("fault", "event_id", "first_told"),
    [
        ("torn_copy: crm", 3, None),  # whole again after seconds
        ("readers: {database: crm, duration: 1 h}", 3, "10:20:01"),
        ("missing_file: crm", 1, "10:20:01"),
        ("slow_restore: {by: 10000, duration: 3 min}", 18, "10:20:01"),
    ],
)
def test_a_clock_that_is_known_to_be_wrong_makes_no_log_older(
    wrong: str, fault: str, event_id: int, first_told: str | None
) -> None:
    """The log of 10:05 is in trouble. It is 15 min old at 10:20, whatever the clocks show; event 16
    has said since 09:05 which clock is wrong.
    """
    result = ran(
        "faults/base",
        f"events=[{{at: 'Mon 09:00', wrong_clock: {{side: {wrong}, duration: 8 h}}}}, "
        f"{{at: 'Mon 10:03', {fault}}}]",
    )
    told = [t for t, each, _, _ in alerts(result) if each == event_id]
    assert bool(told) is (first_told is not None)
    if first_told is not None:
        assert 0 <= told[0] - at(1, first_told) < 6 * SECOND
    if event_id == 18:
        text = next(text for text in texts(result) if "replay is stuck" in text)
        assert "finished [15] minutes ago" in text
    assert not summary_json(result.summary)["violations"]


@pytest.mark.parametrize("logs", ["none", "every 5 min"])
@pytest.mark.parametrize(
    ("lost", "all_is_lost"),
    [
        ("lose_secondary: 2 h", True),
        ("operator_mistake: wipes the secondary host", True),
        ("operator_mistake: wipes the secondary", False),  # its files are here
    ],
)
def test_reported_exposure_agrees_with_event_19(logs: str, lost: str, all_is_lost: bool) -> None:
    """The manager that says that its copy is lost does not report the exposure of a good copy: all
    since Monday 00:00 would be lost, unless a full lies here.
    """
    result = ran(
        "faults/base",
        "run_for=3 days",
        "databases.crm.full=daily 01:00",
        "databases.crm.incremental=none",
        f"databases.crm.log={logs}",
        f"events=[{{at: 'Tue 10:03', {lost}}}]",
    )
    journal, scenario = result.whole.legs[0].journal, result.whole.legs[0].scenario
    reported = reported_exposure(journal, scenario, 0)
    true = true_exposure(journal, scenario, 0)
    told = [t for t, event_id, _, _ in alerts(result) if event_id == 19]
    if "operator" in lost:  # no restore shows it where there are no logs: the copy is looked at
        assert told[0] < at(2, "10:03") + 16 * MINUTE_US
    first_us = told[0] + SECOND
    assert (reported.at(first_us) == first_us) is all_is_lost
    assert (true.at(first_us) == first_us) is all_is_lost
    for at_us in told:  # what has landed and is being hashed is not believed yet
        assert reported.at(at_us + SECOND) > true.at(at_us + SECOND) - MINUTE_US
    assert reported.at(3 * DAY) == pytest.approx(true.at(3 * DAY), abs=5 * MINUTE_US)


@pytest.mark.parametrize(
    ("scenario", "head"),
    [
        ("faults/lose_idle_hosts", "no database had failed Mon 10:02:35"),  # two hosts had
        ("faults/lose_host", "host lost Mon "),
    ],
)
def test_the_head_of_a_failover_says_what_had_failed(scenario: str, head: str) -> None:
    result = ran(scenario)
    text = screen(result.summary, result.scenario, result.verdict, SCENARIOS, 1.0, SCENARIOS)
    assert f"FAILOVER 1  {head}" in text
    assert "nothing had failed" not in text


@pytest.mark.parametrize(
    ("full", "based_on_a_full_elsewhere"),
    [("app", True), ("{database: app, copy_only: true}", False)],
)
def test_a_store_does_not_believe_in_an_incremental_whose_base_is_elsewhere(
    full: str, based_on_a_full_elsewhere: bool, tmp_path: Path
) -> None:
    """At 12:10 the incremental of 12:00 is here. It is based on the full that somebody made for
    himself at 10:40: then only the one of 6:00 can be restored, and 6 h 10 would be lost instead of
    10 min. At 12:16 the manager asks for a full.
    """
    path = tmp_path / "store.yaml"
    path.write_text(
        f"""
        run_for: 1 day
        databases: {{app: {{size: 5 GB, full: none, incremental: every 6 h, log: none}}}}
        link: {{bandwidth: 200 Mbit/s}}
        copies: {{vault: {{store: {{}}}}}}
        events: [{{at: "Mon 10:40", ad_hoc_full: {full}}}]
        """,
        encoding="utf-8",
    )
    leg = run(load_scenario(path)).whole.legs[0]
    noon_us = at(1, "12:10")
    lost_us = 10 * MINUTE_US + (6 * HOUR_US if based_on_a_full_elsewhere else 0)
    for curve in (reported_exposure, true_exposure):
        found_us = curve(leg.journal, leg.scenario, 0).at(noon_us)
        assert found_us == pytest.approx(lost_us, abs=MINUTE_US)
