"""What was lost and is back: before a failover it serves again, in one and after one it is closed
(R14 to R16, W5).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from dr_sim.backups.model import Kind
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run

from .runs import MINUTE, SECOND, at, ceil_div, failover, fault, peak_us, ran, rows, times

SITE, HOST = "faults/site_returns", "faults/host_returns"
AUTOMATIC = "failover={mode: automatic, silent_for: 30 s}"
LOST = at(1, "10:02")


def back_at(clock: str, *overrides: str) -> Result:
    """The site is lost at 10:02:00 and back at that time."""
    events = f'events=[{{at: "Mon 10:02", lose: site}}, {{at: "Mon {clock}", site_returns: A}}]'
    result = ran(SITE, AUTOMATIC, "sla=[{outage: at most 1 h}]", events, *overrides)
    assert summary_json(result.summary)["violations"] == []
    return result


def alerts_of(result: Result, event: int) -> list[int]:
    return [r.time_us for r in rows(result, "seen.RaiseAlert", event_id=event)]


# ---- nobody had failed over
def test_a_site_that_is_back_before_a_failover_serves_again() -> None:
    """By hand: a server that starts in 10 s; then a log of 120 s and 170 s of writes."""
    result = fault("site_returns")
    found = failover(result)
    assert (found["by_itself"], found["class"], found["data_loss_us"]) == (True, "site", 0)
    assert (found["outage_from_us"], found["outage_us"]) == (LOST, 310 * SECOND)
    assert sum(line["duration_us"] for line in found["outage_ledger"]["lines"]) == 310 * SECOND
    size = 20_000_000 * 290 // 300
    way_us = ceil_div(size, 10_000_000) + ceil_div(8 * size, 200_000_000)
    assert abs(peak_us(result) - (600 * SECOND + way_us)) <= 2
    assert times(result, "truth.promoted") == []


def test_what_was_offered_meanwhile_was_refused() -> None:
    """10 commits a second for 310 s, and none is made up for."""
    result = fault("site_returns")
    (opened,) = rows(result, "truth.opened")
    assert (opened.time_us, opened.values["refused"]) == (LOST + 310 * SECOND, 3_100)
    (total,) = rows(result, "truth.commits_total")
    assert total.values["commits"] == 10 * (24 * 3_600 - 310)


def test_logs_go_on_by_their_schedule_with_the_same_chain() -> None:
    result = fault("site_returns")
    cuts = times(result, "truth.backup_begin", kind=Kind.LOG)
    lacking = at(1, "10:05")
    assert lacking not in cuts
    assert {at(1, "10:00"), at(1, "10:10"), at(1, "10:15")} < set(cuts)
    begins = rows(result, "truth.backup_begin", kind=Kind.LOG)
    for before, log in pairwise(begins):
        assert log.values["first_lsn"] == before.values["last_lsn"]


def test_a_host_leaves_its_share_and_what_lies_there_crosses_meanwhile() -> None:
    result = fault("host_returns")
    found = failover(result)
    assert (found["by_itself"], found["class"], found["outage_us"]) == (True, "host", 220 * SECOND)
    landed = [r.time_us for r in rows(result, "truth.landed") if r.time_us > at(1, "10:00:30")]
    assert at(1, "10:01:21") < landed[0] < at(1, "10:01:23")


def test_files_that_had_not_landed_are_sent_again() -> None:
    """Over 2 Mbit/s the log of 10:00 is cut at 10:00:30 in the middle, and takes 80 s from its
    first byte on once the site is back.
    """
    events = 'events=[{at: "Mon 10:00:30", lose: site}, {at: "Mon 10:07", site_returns: A}]'
    result = ran(SITE, "link.bandwidth=2 Mbit/s", "sla=[{outage: at most 1 h}]", events)
    later = [r.time_us for r in rows(result, "truth.landed") if r.time_us > at(1, "10:00:30")]
    assert later[0] == at(1, "10:07") + 80 * SECOND
    assert summary_json(result.summary)["violations"] == []


def test_data_that_were_destroyed_are_not_back() -> None:
    """The disks of the database died before the site did."""
    events = (
        'events=[{at: "Mon 10:01", lose: database}, {at: "Mon 10:02", lose: site}, '
        '{at: "Mon 10:07", site_returns: {}}]'
    )
    result = ran(SITE, "sla=[{outage: at most 1 h}]", events)
    assert times(result, "truth.opened") == []
    assert failover(result)["by_itself"] is False
    assert summary_json(result.summary)["violations"] == []


# ---- a failover was under way
def test_a_failover_that_can_still_be_called_off_is() -> None:
    """Silent for 30 s, a fence that runs into nothing for 21 s more: it ends at 10:02:51, and the
    machine has been heard since 10:02:45. Only then does the primary take writes.
    """
    result = back_at("10:02:35")
    assert times(result, "truth.promoted") == []
    assert times(result, "truth.opened") == [LOST + 51 * SECOND]
    (told,) = alerts_of(result, 14)
    assert told == LOST + 51 * SECOND
    assert failover(result)["outage_us"] == 51 * SECOND


@pytest.mark.parametrize("clock", ["10:02:50", "10:03:00", "10:03:30"])
def test_once_it_is_too_late_the_old_primary_stays_closed(clock: str) -> None:
    """It is brought online at the other side at 10:03:01: two never take writes."""
    result = back_at(clock)
    assert len(times(result, "truth.promoted")) == 1
    assert times(result, "truth.opened") == []
    assert times(result, "truth.two_primaries") == []


def test_a_closed_primary_is_told_of_and_fenced() -> None:
    """Its machine is heard again while users are on their way, so somebody is told."""
    result = back_at("10:03:00")
    assert alerts_of(result, 13) != []
    assert any(r.values["writes_stop"] == 0 for r in rows(result, "truth.fenced"))


def test_where_nobody_can_answer_it_waits_for_the_path() -> None:
    """The link is down when the site is back, and so are the heartbeats."""
    events = (
        'events=[{at: "Mon 10:01", link_outage: 30 min}, {at: "Mon 10:02", lose: site}, '
        '{at: "Mon 10:07", site_returns: A}]'
    )
    waits = "failover={mode: manual, silent_for: 30 s, operator: {answers_in: 50 min}}"
    within = "sla=[{outage: at most 1 h}]"
    result = ran(SITE, "heartbeat.path=data link", within, events, waits)
    assert times(result, "truth.opened") == [at(1, "10:31")]
    assert failover(result)["outage_us"] == 29 * MINUTE


def test_lost_again_while_it_starts_it_stays_lost() -> None:
    events = (
        'events=[{at: "Mon 10:02", lose: site}, {at: "Mon 10:07", site_returns: A}, '
        '{at: "Mon 10:07:05", lose: site}, {at: "Mon 10:09", site_returns: A}]'
    )
    result = ran(SITE, "sla=[{outage: at most 1 h}]", events)
    assert times(result, "truth.opened") == [at(1, "10:09:10")]
    found: dict[str, Any] = failover(result)
    assert found["outage_us"] == at(1, "10:09:10") - LOST


@pytest.mark.parametrize("name", [SITE, HOST])
def test_in_steps_it_has_the_same_digest(name: str) -> None:
    result = ran(name, "run_for=11 h")
    assert run(replace(result.scenario, steps=True)).digest == result.digest


# ---- after a failover
FOLLOWS, ANEW = "returns/follows", "returns/seeded_anew"


def ledger(result: Result) -> list[tuple[str, int]]:
    found: dict[str, Any] = failover(result)
    why = found["unprotected_ledger"]
    assert sum(line["duration_us"] for line in why["lines"]) == why["total_us"]
    assert why["total_us"] == found["unprotected_us"]
    return [(line["cause"], line["duration_us"]) for line in why["lines"]]


@pytest.mark.parametrize("rules", ["sql_server", "postgres"])
def test_it_follows_where_it_ends_at_the_new_primary_s_begin(rules: str) -> None:
    result = ran(FOLLOWS, f"engine.imitates={rules}")
    (promoted,) = rows(result, "truth.promoted")
    (there,) = rows(result, "truth.copy_there")
    assert there.values["lsn"] == promoted.values["fork_point_lsn"]
    assert there.values["commits"] == promoted.values["commits"]
    back = at(1, "14:02")
    assert ledger(result)[0] == ("no second side", back - promoted.time_us)
    assert ledger(result)[1] == ("log interval", 3 * MINUTE)
    (second,) = [leg for leg in result.whole.legs if leg.number == 2]
    assert (second.primary, second.secondary) == ("B", "A")
    assert {r.values["kind"] for r in second.journal.rows("truth.backup_begin")} == {Kind.LOG}
    found = failover(result)
    assert (found["seeded_anew"], found["back"]["role"]) == ([], "second side")
    assert found["back"]["transactions"] == 0
    assert summary_json(result.summary)["violations"] == []


def test_a_fork_of_its_own_is_seeded_anew_and_what_was_lost_is_told() -> None:
    """By hand: 50 GB read, sent beside 6 logs, hashed and restored, from 14:02 on."""
    result = ran(ANEW)
    found = failover(result)
    back = found["back"]
    assert (back["site"], back["role"], back["time_us"]) == ("A", "second side", at(1, "14:02"))
    assert (back["transactions"], back["user_bytes"]) == (1_200, 8_000_000)
    assert (found["transactions_lost"], found["seeded_anew"]) == (1_200, ["crm"])
    size = 50_000_000_000
    seed_us = 5 * SECOND + ceil_div(size, 191_000_000) + ceil_div(8 * size, 200_000_000)
    seed_us += ceil_div(size, 500_000_000) + SECOND + ceil_div(size, 356_000_000)
    promoted = times(result, "truth.promoted")[0]
    beside_us = found["unprotected_us"] - (at(1, "14:02") - promoted) - seed_us
    assert 0 < beside_us < 20 * SECOND
    assert ledger(result)[0] == ("no second side", at(1, "14:02") - promoted)
    assert rows(result, "truth.copy_there") == []


def test_who_is_in_place_first_is_the_second_side() -> None:
    """A new site is in place at once, and is being seeded when A is back: A is a spare."""
    result = ran(ANEW, "after_failover.new_secondary=0 s", "sla=[{outage: at most 1 h}]")
    assert result.whole.legs[1].secondary == "C"
    assert failover(result)["back"]["role"] == "spare"
    assert failover(result)["back"]["transactions"] == 1_200
    assert rows(result, "truth.second_side") == []
    assert summary_json(result.summary)["violations"] == []


def test_a_spare_stands_in_at_once_when_the_next_site_is_lost() -> None:
    events = (
        'events=[{at: "Mon 10:02", lose: site}, {at: "Mon 10:20", site_returns: A}, '
        '{at: "Mon 14:02", lose: site}]'
    )
    result = ran(ANEW, "after_failover.new_secondary=10 min", "sla=[{outage: at most 1 h}]", events)
    assert [leg.secondary for leg in result.whole.legs] == ["B", "C", "A"]
    (roles,) = result.whole.legs[2].journal.rows("truth.roles")
    assert roles.values["secondary_from_us"] == result.whole.legs[2].begins_us
    assert summary_json(result.summary)["violations"] == []


def test_without_a_new_secondary_it_is_the_only_one_there_will_be() -> None:
    never, waits = (ran(ANEW, f"after_failover.new_secondary={x}") for x in ("none", "8 h"))
    assert failover(never)["unprotected_us"] == failover(waits)["unprotected_us"]


def test_a_second_side_that_was_lost_before_is_failed_over_to_again() -> None:
    """There and back: A takes over from B four hours after it has followed."""
    events = (
        'events=[{at: "Mon 10:02", order_failover: dba}, {at: "Mon 10:02:08", lose: site}, '
        '{at: "Mon 14:02", site_returns: A}, {at: "Mon 18:02", order_failover: dba}]'
    )
    result = ran(FOLLOWS, events, "sla=[{outage: at most 1 h}]")
    assert [(leg.primary, leg.secondary) for leg in result.whole.legs][1:] == [
        ("B", "A"),
        ("A", "B"),
    ]
    assert [f["data_loss_us"] for f in summary_json(result.summary)["failovers"]] == [0, 0]
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("name", [FOLLOWS, ANEW])
def test_after_a_failover_too_steps_have_the_same_digest(name: str) -> None:
    result = ran(name, "run_for=15 h")
    assert run(replace(result.scenario, steps=True)).digest == result.digest


# ---- before users have come
def lost_on_the_way(*more: str) -> list[dict[str, Any]]:
    """The new primary, online at 10:03:01, is lost at 10:03:20, when users are on their way."""
    events = ", ".join(['{at: "Mon 10:02", lose: site}', '{at: "Mon 10:03:20", lose: site}', *more])
    result = ran(ANEW, "sla=[{outage: at most 1 h}]", f"events=[{events}]")
    assert summary_json(result.summary)["violations"] == []
    return list(summary_json(result.summary)["failovers"])


def test_users_are_not_served_by_a_primary_that_was_lost_before_they_came() -> None:
    first, second = lost_on_the_way()
    assert (first["outage_us"], second["outage_us"]) == (None, None)


def test_they_are_served_when_it_is_back() -> None:
    """By hand: back at 11:03:20, and its server has started at 11:03:30."""
    first, second = lost_on_the_way('{at: "Mon 11:03:20", site_returns: B}')
    assert first["served_again_us"] == second["served_again_us"] == at(1, "11:03:30")
    assert first["manager_down_us"] == 0


def test_or_by_the_failover_that_comes_next() -> None:
    """A planned swap loses its new primary in the middle, and the old one takes over again."""
    events = 'events=[{at: "Mon 10:02", order_failover: dba}, {at: "Mon 10:02:30", lose: site}]'
    result = ran(FOLLOWS, events, AUTOMATIC, "sla=[{outage: at most 1 h}]")
    first, second = summary_json(result.summary)["failovers"]
    assert first["served_again_us"] == second["served_again_us"]
    assert first["served_again_us"] > second["outage_from_us"]
    assert summary_json(result.summary)["violations"] == []


# ---- several standbys
TWO = "copies={B: {}, C: {}}"


@pytest.mark.parametrize(("name", "follows"), [(ANEW, 0), (FOLLOWS, 1)])
def test_behind_another_standby_it_is_one_more_copy(name: str, follows: int) -> None:
    """C follows B at once; A is back as the third place, and is seeded or follows as ever."""
    result = ran(name, TWO, "run_for=15 h", "sla=[{outage: at most 1 h}]")
    assert summary_json(result.summary)["violations"] == []
    (second,) = rows(result, "truth.second_side")
    assert (second.time_us, second.values["site"]) == (at(1, "14:02"), "A")
    assert len(rows(result, "truth.copy_there")) == follows
    assert failover(result)["back"]["role"] == "second side"


def test_before_a_failover_it_serves_all_its_standbys_again() -> None:
    manual = "failover={mode: manual, operator: {approves: false}}"
    result = ran(ANEW, TWO, manual, "sla=[{outage: at most 5 h}]")
    assert failover(result)["by_itself"] is True
    assert {r.time_us for r in rows(result, "truth.opened")} == {at(1, "14:02:10")}
    assert summary_json(result.summary)["violations"] == []


def test_a_host_that_is_back_where_the_primary_runs_on_another_one_is_no_second_side() -> None:
    """A's host is lost, and A is the second side with a new host. Then B is lost, and A serves. The
    old host is a spare: the second side is a new site, 10 min after the failover to A.
    """
    events = (
        'events=[{at: "Mon 10:00", lose: host}, {at: "Mon 11:00", lose: site},'
        ' {at: "Mon 11:06", host_returns: {}}]'
    )
    sla, new = "sla=[{outage: at most 1 h}]", "after_failover={new_secondary: 10 min}"
    result = ran(SITE, AUTOMATIC, sla, new, events)
    assert [row.values["role"] for row in rows(result, "truth.returned")] == ["spare"]
    assert rows(result, "truth.second_side") == []
    assert result.whole.legs[-1].secondary == "C"
    assert summary_json(result.summary)["violations"] == []
