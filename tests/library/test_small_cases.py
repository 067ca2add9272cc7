"""Small cases, each with its right answer by hand.

One database writes 2 MB and 3,000 transactions in 5 min, its log is cut every 5 min and has landed
2 s later. A lost site is back after 30 s of silence (counted from a beat every 10 s), a fence of
21 s, 10 s to recover, 60 s to redirect and 8.46 s until the users are back: 129.46 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run

from .runs import MINUTE, SECOND, failover, rows

HEAD = (
    "name: small\nrun_for: 3 h\nlink: {bandwidth: 200 Mbit/s}\nfailover: {mode: automatic}\n"
    "databases: {crm: {size: 1 GB, log_volume: 2 MB per 5 min, full: none, differential: none, "
    "log: every 5 min}}\n"
)
SITE_US = 129_460_000


def played(tmp_path: Path, events: str, *changes: tuple[str, str], head: str = HEAD) -> Result:
    for before, after in changes:
        assert before in head
        head = head.replace(before, after)
    file = tmp_path / "small.yaml"
    file.write_text(f"{head}events: [{events}]\n", encoding="utf-8")
    result = run(load_scenario(file))
    assert summary_json(result.summary)["violations"] == []
    return result


@dataclass(frozen=True)
class Answer:
    """What a failover must come to. loss_us, outage_us None: unknown."""

    failure_class: str
    loss_us: int | None
    transactions: int | None
    outage_us: int | None


CASES: dict[str, tuple[str, tuple[tuple[str, str], ...], Answer]] = {
    # the log of 1:00 has landed: 2 min are lost, 10 transactions a second
    "a site": ("{at: 62 min, lose: site}", (), Answer("site", 2 * MINUTE, 1_200, SITE_US)),
    # twelve times as many transactions; the time is that of the worst
    "twelve databases": (
        "{at: 62 min, lose: site}",
        (("every 5 min}", "every 5 min, copies: 12}"), ("run_for: 3 h", "run_for: 70 min")),
        Answer("site", 2 * MINUTE, 14_400, SITE_US),
    ),
    # the log of 1:00 is still being made; the last beat was half a second ago
    "in the middle of a backup": (
        "{at: 1 h 500 ms, lose: site}",
        (),
        Answer("site", 300_500_000, 3_005, SITE_US - SECOND // 2),
    ),
    "an idle database": (
        "{at: 62 min, lose: site}",
        (("2 MB per", "0 MB per"),),
        Answer("site", 0, 0, SITE_US),
    ),
    "at the first instant": ("{at: 0 s, lose: site}", (), Answer("site", 0, 0, SITE_US)),
    # nobody can have failed over: not known, and not nothing
    "at the last second": (
        "{at: 2 h 59 min 59 s, lose: site}",
        (),
        Answer("site", None, None, None),
    ),
    "with the link, at once": (
        "{at: 62 min, link_outage: 10 min}, {at: 62 min, lose: site}",
        (),
        Answer("site", 2 * MINUTE, 1_200, SITE_US),
    ),
    # what is lost is a site, whichever is named first, and its fence is not obeyed
    "host and site at once": (
        "{at: 62 min, lose: host}, {at: 62 min, lose: site}",
        (),
        Answer("site", 2 * MINUTE, 1_200, SITE_US),
    ),
    # no tail: the site goes before it can be taken
    "a database, then its site": (
        "{at: 62 min, lose: database}, {at: 62 min 10 s, lose: site}",
        (),
        Answer("site", 2 * MINUTE, 1_200, SITE_US),
    ),
    # its fence is obeyed after 5 s
    "a host": (
        "{at: 62 min, lose: host}",
        (),
        Answer("host", 2 * MINUTE, 1_200, SITE_US - 16 * SECOND),
    ),
    # nothing is left: an hour and two minutes, all that was ever written
    "both sides at once": (
        "{at: 62 min, lose: site}, {at: 62 min, operator_mistake: wipes the secondary host}",
        (),
        Answer("site", 62 * MINUTE, 37_200, None),
    ),
    # fulls every 2 h from 0:00 on hold all up to their end: 1 GB at 191 MB/s after 5 s
    "a database without logs": (
        "{at: 170 min, lose: host}",
        (("log: every 5 min", "log: none"), ("full: none", "full: every 2 h")),
        Answer("host", 50 * MINUTE - 10_300_050, 29_897, SITE_US - 16 * SECOND),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_failure_costs_what_it_costs_by_hand(name: str, tmp_path: Path) -> None:
    events, changes, answer = CASES[name]
    found = failover(played(tmp_path, events, *changes))
    got = Answer(
        found["class"], found["data_loss_us"], found["transactions_lost"], found["outage_us"]
    )
    assert got == answer


@pytest.mark.parametrize(
    ("start", "local"),
    [
        # 02:30 is skipped in the night to 29 March 2026: the full begins an hour later by the wall
        ("2026-03-28", ["28 02:30 +0100", "29 03:30 +0200", "30 02:30 +0200"]),
        # and comes twice in the night to 25 October: the full begins the first time
        ("2026-10-24", ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]),
    ],
)
def test_a_daily_full_comes_once_in_a_night_in_which_clocks_change(
    start: str, local: list[str], tmp_path: Path
) -> None:
    result = played(
        tmp_path,
        "",
        ("run_for: 3 h", f"run_for: 3 days\nstart: {start}\ntime_zone: Europe/Berlin"),
        ("full: none", "full: daily 02:30"),
    )
    begun = [
        datetime.fromtimestamp((result.scenario.start_utc_us + row.time_us) // SECOND, UTC)
        for row in rows(result, "truth.backup_begin", kind=0)
    ]
    zone = ZoneInfo("Europe/Berlin")
    assert [at.astimezone(zone).strftime("%d %H:%M %z") for at in begun] == local


def test_a_link_that_carries_less_than_is_offered_falls_behind_steadily(tmp_path: Path) -> None:
    """2 MB take 320 s at 50 kbit/s: each log comes at least 20 s later than the one before."""
    result = played(tmp_path, "", ("200 Mbit/s", "50 kbit/s"))
    landed = [row.time_us for row in rows(result, "truth.landed")]
    gaps = [after - before for before, after in pairwise(landed)]
    assert len(gaps) > 20 and min(gaps) >= 320 * SECOND
    assert summary_json(result.summary)["link"]["overloaded"]


def test_an_incremental_that_landed_while_the_manager_was_dead_is_replayed(tmp_path: Path) -> None:
    """The order comes at 60:00, when an incremental begins, which the log of that instant waits
    for. The primary stops at 60:05, and the manager is dead until the drain limit is over. What has
    landed is checked and replayed all the same: nothing is lost.
    """
    result = played(
        tmp_path,
        "{at: 1 h, order_failover: {by: dba, planned: false}}, "
        "{at: 1 h, manager_crash: {before: EnterPhase}}",
        ("mode: automatic", "drain_limit: 3 min"),
        (
            "differential: none, log: every 5 min",
            "differential: every 1 h, log: every 5 min, serial: true",
        ),
        ("run_for: 3 h", "run_for: 70 min\nmanager: {restart_after: 3 min}"),
    )
    assert result.summary.failovers[0].data_loss_us == 0
