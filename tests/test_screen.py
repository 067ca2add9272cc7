"""The one screen says what happened in words and numbers that add up."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.formatting.words import instant, size, span
from dr_sim.measures.causes.pieces import LedgerLine
from dr_sim.measures.summary import Summary, summarise
from dr_sim.measures.summary.types import EpisodeSummary
from dr_sim.measures.verdict import Verdict, judge
from dr_sim.record.journal import Journal
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario
from dr_sim.screen.failovers import adding_up, met_no_danger
from dr_sim.screen.run import coloured, screen
from tests.measures.make import (
    DAY,
    HOUR,
    MIN,
    S,
    a_log,
    a_scenario,
    alert,
    phase,
    survivable,
    whole_of,
)
from tests.world.build import ONE, ran

ALL = 1_000_000


def sketch(*, alerted: bool = True, promoted: bool = True) -> Journal:
    """The failure of the sketch: 47:12 lost behind a link outage of 40 min and a back-off."""
    journal = Journal()
    journal.note("truth.served", 0, -1, ALL, ALL)
    for k in range(1, 25):
        survivable(journal, k * 5 * MIN - 1, (k - 1) * 5 * MIN)
        a_log(journal, k, k * 5 * MIN)
    journal.note("truth.backup_begin", 125 * MIN, 0, 99, 2, 1, 7200, 7500, 7500)
    journal.note("truth.event", 125 * MIN, -1, 2, "link_outage", 1, "link down")
    journal.note("truth.link", 125 * MIN, -1, 0, 200_000_000)
    journal.note(
        "truth.backup_finished",
        125 * MIN + 2 * S,
        0,
        99,
        2,
        1,
        7200,
        7500,
        7500,
        20_000_000,
        "log99",
    )
    journal.note("truth.file_state", 125 * MIN + 2 * S, 0, 99, "backoff")
    if alerted:
        alert(journal, 135 * MIN + 3 * S)
    journal.note("truth.link", 165 * MIN, -1, 1, 200_000_000)
    journal.note("truth.event", 165 * MIN, -1, 2, "link_outage", 0, "link down")
    lost = 167 * MIN + 12 * S
    journal.note("truth.event", lost, -1, 3, "lose", 1, "site lost")
    journal.note("truth.failed", lost, -1, "site")
    journal.note("truth.served", lost, -1, 0, 0)
    phase(journal, lost + 30 * S, "deciding")
    phase(journal, lost + 280 * S, "fencing")
    if promoted:
        journal.note(
            "truth.promoted", lost + 317 * S, 0, 2, 7200, 7200, 120 * MIN, 189_000_000, 0, 28_320
        )
        journal.note("truth.served", lost + 422 * S, -1, ALL, ALL)
    journal.note("truth.end", 12 * HOUR, -1)
    return journal


SLA = (
    SlaLine("rpo", "data_loss", True, 15 * MIN),
    SlaLine("rto", "outage", True, 30 * MIN),
    SlaLine("p99", "exposure.p99", True, HOUR),
)


def shown(journal: Journal, scenario: Scenario) -> str:
    summary = summarise(whole_of(journal, scenario))
    return screen(
        summary,
        scenario,
        judge(summary, scenario),
        Path("x/nightly.yaml"),
        0.4,
        Path("results/nightly/1"),
    )


def test_the_sketch() -> None:
    text = shown(sketch(), replace(a_scenario(), sla=SLA))
    for part in (
        "FAIL  nightly.yaml  seed 1  12 h  1 database  (0.4 s)",
        "FAILOVER 1  site lost Mon 02:47:12, unplanned, manual  (event 3)",
        " data loss  47:12   189 MB   28,320 tx       SLA 15:00  FAIL",
        "   39:58 link down (event 2)",
        "    2:12 replicator back-off",
        " outage      7:02                            SLA 30:00  PASS",
        "detect 0:30  decide 4:10",
        'WARNED?  yes: Mon 02:15:03 "no new transaction logs", 10:03 after event 2 began,',
        "32:09 before the loss.  missed 0  late 0  false 0",
        "max 47:12",
        "above 15:00 for 32:12",
        "p99: exposure.p99",
    ):
        assert part in text, f"{part!r} is not in\n{text}"
    assert all(len(line) <= 100 for line in text.splitlines())


def test_who_was_not_told_is_said() -> None:
    assert "WARNED?  no: crm had been in danger since Mon 02:15:00" in shown(
        sketch(alerted=False), a_scenario()
    )


def test_unknown_is_said_and_not_guessed() -> None:
    text = shown(sketch(promoted=False), replace(a_scenario(), sla=SLA[:2]))
    assert "UNKNOWN" in text.splitlines()[0] or "FAIL" in text.splitlines()[0]
    assert (
        " data loss  unknown                          SLA 15:00  UNKNOWN\n   the run "
        "ended before the promotion\n" in text
    )
    assert " outage     unknown: at least" in text


def test_without_a_failover_it_shows_exposure_and_alerts_only() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    journal.note("truth.end", HOUR, -1)
    text = shown(journal, a_scenario())
    assert "FAILOVER" not in text
    assert "ALERTS  1 lasting danger, missed 1" in text
    assert text.startswith("DONE")  # there is nothing to pass


def test_a_broken_invariant_comes_first() -> None:
    journal = sketch()
    journal.note("truth.violation", 3 * HOUR, 0, "prefix", "made for this test")
    assert shown(journal, a_scenario()).splitlines()[2].startswith("INVARIANT BROKEN: 1 violation")


def test_colour_adds_codes_and_changes_no_word() -> None:
    scenario = replace(a_scenario(), sla=SLA)
    summary = summarise(whole_of(sketch(), scenario))
    arguments = (
        summary,
        scenario,
        judge(summary, scenario),
        Path("nightly.yaml"),
        0.4,
        Path("results"),
    )
    plain, colour = screen(*arguments), coloured(screen(*arguments))
    assert "\x1b[1;31mFAIL\x1b[0m" in colour
    assert re.sub(r"\x1b\[[0-9;]*m", "", colour) == plain


@given(st.lists(st.integers(0, 10**10)))
def test_rounded_lines_still_add_up(durations: list[int]) -> None:
    shown = adding_up(durations)
    assert sum(shown) == (sum(durations) + S // 2) // S * S
    assert all(abs(a - b) < S for a, b in zip(shown, durations, strict=True))


def test_words() -> None:
    assert [size(n) for n in (0, 999, 1000, 189_400_000, 3_553_000_000, 999_600)] == [
        "0 B",
        "999 B",
        "1.00 kB",
        "189 MB",
        "3.55 GB",
        "1.00 MB",
    ]
    assert [span(n) for n in (14 * DAY, 6 * HOUR, 90 * MIN, 95 * S)] == [
        "14 d",
        "6 h",
        "90 min",
        "1:35",
    ]
    berlin = a_scenario(time_zone="Europe/Berlin")
    assert instant(HOUR, berlin) == "Mon 02:00:00"
    assert instant(HOUR, replace(berlin, run_for_us=14 * DAY)) == "Mon 02 Mar 02:00:00"


def of_run(text: str, *overrides: str) -> tuple[str, Summary, Verdict]:
    world = ran(text, *overrides)
    scenario = world.context.scenario
    summary = summarise(whole_of(world.journal, scenario))
    verdict = judge(summary, scenario)
    return (
        screen(summary, scenario, verdict, Path("x.yaml"), 0.1, Path("results")),
        summary,
        verdict,
    )


def test_an_order_is_named_with_its_event_and_so_is_one_that_was_refused() -> None:
    ordered = (
        "events:\n  - {at: 20 min, order_failover: stranger}\n  - {at: 30 min, "
        "order_failover: {by: dba, planned: false}}\n"
    )
    text, _, _ = of_run(ONE + ordered)
    assert (
        "FAILOVER 1  ordered by dba Mon 00:30:00, unplanned; no database had failed  (event 2)"
        in text
    )
    assert (
        "ORDER REFUSED  Mon 00:20:00, to fail over, by stranger: not authorised  (event 1)" in text
    )
    text, _, _ = of_run(ONE + "events:\n  - {at: 30 min, order_failover: dba}\n")
    assert "FAILOVER 1  ordered by dba Mon 00:30:00, planned  (event 1)" in text


def test_a_known_loss_has_no_excuse_and_an_unknown_one_its_own() -> None:
    lost = (
        ONE + "failover: {mode: automatic}\nevents: [{at: 1 h, lose: site}]\nsla: {data_loss: "
        "at most 15 min}\n"
    )
    assert of_run(lost)[2].lines[0].reason == ""
    # promoted after 61 s, though not served again
    assert of_run(lost, "run_for=62 min")[2].lines[0].reason == ""
    assert (
        of_run(lost, "run_for=60 min 55 s")[2].lines[0].reason
        == "the run ended before the promotion"
    )
    assert (
        of_run(lost, "run_for=60 min 20 s")[2].lines[0].reason
        == "no failover had been begun when the run ended"
    )
    no = of_run(lost, "failover.mode=manual", "failover.operator.approves=false")[2].lines[0]
    assert no.reason == "the operator did not agree to fail over"
    bare = of_run(lost, "databases.crm.seeded=false", "databases.crm.log=none")[2].lines[0]
    assert (bare.value, bare.reason) == (60 * 60 * 1_000_000, "")  # all of it is lost


def test_causes_of_several_stretches_do_not_show_the_detail_of_one() -> None:
    """Twelve causes by turns, each twice: the eight that took longest, in the order of time, and
    the rest as one line.
    """
    _, summary, _ = of_run(
        ONE + "failover: {mode: automatic}\nevents: [{at: 63 min, lose: site}]\n"
    )
    ledger = summary.failovers[0].loss_ledger
    ledger.lines = [
        LedgerLine(0, (i % 12 + 1) * S, f"cause {i % 12}", f"file {i}") for i in range(24)
    ]
    scenario = ran(ONE).context.scenario
    text = screen(summary, scenario, judge(summary, scenario), Path("x.yaml"), 0.1, Path("results"))
    shown = re.findall(r"^ +(\d+:\d\d) (cause \d+|\d+ other causes) +(.+)$", text, re.MULTILINE)
    assert shown == [
        (f"0:{2 * n + 2:02d}", f"cause {n}", "in 2 stretches") for n in range(4, 12)
    ] + [("0:20", "4 other causes", "the largest: cause 3")]


def test_alerts_before_any_was_due_are_named() -> None:
    """The log of 1:05 is refused, as its secondary is set up otherwise. Event 3 is raised from the
    fourth attempt on, before the danger has grown so large that an alert is due.
    """
    text, summary, _ = of_run(
        ONE
        + "failover: {mode: automatic}\n"
        + "events: [{at: 62 min, setup_differs: crm}, {at: 93 min, lose: site}]\n"
    )
    raised = [a for a in summary.alerts.each if a.time_us <= 93 * 60 * S]
    assert raised and summary.failovers[0].told.answer == "no danger"
    said = f"no alert was due before the failure; {len(raised)} alerts had been raised\n"
    assert f"WARNED?  {said}" in text


def test_what_was_not_told_or_did_not_end_stands_beside_that_no_alert_was_due() -> None:
    text, summary, _ = of_run(
        ONE + "failover: {mode: automatic}\nevents: [{at: 1 h, lose: site}]\n"
    )
    assert "WARNED?  no alert was due before the failure\n" in text
    assert summary.alerts.missed == 0
    muted = [
        (
            "missed",
            "WARNED?  no alert was due before the failure, but 1 danger at another time raised no alert",
        ),
        ("endless", "WARNED?  no alert was due before the failure; users were not served again"),
    ]
    scenario = ran(ONE).context.scenario
    for what, words in muted:
        told = copy.deepcopy(summary)
        if what == "missed":
            told.alerts.missed = 1
        else:
            told.failovers[0].outage_us = None
        shown_text = screen(
            told, scenario, judge(told, scenario), Path("x.yaml"), 0.1, Path("results")
        )
        assert words in shown_text


def test_an_alert_is_not_told_as_after_a_fault_that_had_ended_before_the_danger_began() -> None:
    """The link is too narrow from the first hour on; half a minute of an outage is not why."""
    text, summary, _ = of_run(
        """run_for: 4 h
databases: {crm: {size: 20 GB, log_volume: 2700 KB/s, log: every 5 min}}
link: {bandwidth: 20 Mbit/s}
events: [{at: 1 min, link_outage: 30 s}, {at: 3 h, lose: site}]
"""
    )
    (failover,) = summary.failovers
    assert failover.told.answer == "yes" and failover.told.fault is None
    assert "began" not in text[text.index("WARNED?") :].split("before the loss")[0]


NEAR_IS_GONE = """run_for: 1 day
databases: {{crm: {{size: 5 GB, full: daily 01:00, differential: none, log: every 5 min}}}}
link: {{bandwidth: 200 Mbit/s}}
copies: {{near: {{}}, vault: {{store: {{}}, link: {{bandwidth: 200 Mbit/s}}}}}}
failover: {{mode: automatic}}
events: [{{at: 10 h, lose_secondary: {duration}}}, {{at: 12 h 2 min, lose: site}}]
"""


def test_a_failure_meets_the_danger_of_a_copy_that_did_not_take_over() -> None:
    """The standby is away when the site is lost, and the store is restored: an alert was due."""
    text, summary, _ = of_run(NEAR_IS_GONE.format(duration="6 h"))
    (failover,) = summary.failovers
    assert failover.new_primary == "vault" and failover.told.answer == "yes"
    assert failover.told.alert is not None and failover.told.alert.event_id == 14421
    assert "no alert was due" not in text


def test_a_danger_of_another_copy_that_was_over_is_not_met() -> None:
    """The negative case: it is back and restored before the site is lost."""
    text, summary, _ = of_run(NEAR_IS_GONE.format(duration="1 h"))
    (failover,) = summary.failovers
    assert failover.told.answer == "no danger" and "no alert was due when it failed" in text


@pytest.mark.parametrize(
    ("dangers", "words"),
    [
        # (due, end, told at) in minutes; the site is lost after 60
        ([(20, 40, 19)], "when it failed; 1 earlier danger was told in time"),
        ([(20, 40, 25)], "when it failed; 1 earlier danger was told late"),
        ([(20, 30, 19), (40, 50, 45)], "when it failed; 2 earlier dangers were told (1 in time, 1 late)"),
        ([(20, 40, None)], "when it failed"),
        ([(70, 90, 69)], "before the failure"),  # after it
        ([(None, 40, None)], "before the failure"),  # too short to be due
    ],
)  # fmt: skip
def test_dangers_that_were_over_when_it_failed_are_not_denied(
    dangers: list[tuple[int | None, int, int | None]], words: str
) -> None:
    _, summary, _ = of_run(ONE + "failover: {mode: automatic}\nevents: [{at: 1 h, lose: site}]\n")
    minute = 60 * S
    summary.alerts.episodes = [
        EpisodeSummary(
            "crm", 0, end * minute, False, None if due is None else due * minute,
            None if told is None else 1, None, due is not None and told is None,
            None not in (due, told) and told > due, "data",
        )
        for due, end, told in dangers
    ]  # fmt: skip
    assert met_no_danger(summary, summary.failovers[0]) == f"no alert was due {words}"


def test_a_loss_in_the_file_is_kept_apart_from_normal_days() -> None:
    """After the loss nothing is in two places until a new network has been seeded."""
    text, summary, _ = of_run(
        ONE + "failover: {mode: automatic}\nevents: [{at: 1 h, lose: site}]\n"
    )
    before, after = summary.exposure_before, summary.exposure_after
    assert before.time_us + after.time_us == summary.exposure.time_us
    assert before.known("max") < summary.exposure.known("max") or not after.time_us
    assert "before the first failure" in text


def test_reported_exposure_says_for_which_part_of_the_run_it_is_defined() -> None:
    _, summary, _ = of_run(ONE)
    reported = summary.exposure.reported
    assert sum(end - begin for begin, end in reported.defined_us) == reported.time_us
    # nothing is known until the first log has been validated
    assert reported.defined_us[0][0] > 0


@pytest.mark.parametrize(
    ("delay", "says"), [("", False), ("replay: {delay: 20 min}\n", True)], ids=["none", "20 min"]
)
def test_a_replay_delay_is_no_part_of_the_lag(delay: str, says: bool) -> None:
    """With it the secondary is 20 to 25 min behind; 5 min of that are no intention."""
    shown, summary, _ = of_run(ONE + delay)
    (line,) = [line for line in shown.splitlines() if "REPLAY LAG" in line]
    assert ("beyond the replay delay" in line) is says
    assert summary.replay_lag.known("max") < 6 * MIN
