"""Which events a failover, its drain and a slow restore name: those without which it would not have
been so, and no other that was on at that time.
"""

from __future__ import annotations

import pytest

from dr_sim.measures.causes.ledger import explain_lag

from .runs import HOUR, MINUTE, failover, ran

SILENT = "heartbeat.path=data link"
CUT = "{at: Mon 02:02, link_outage: 10 min}"
READERS = "{at: Mon 02:01, readers: {database: crm, duration: 1 h}}"
GROWS = "{at: Mon 02:02, log_full: {database: crm, duration: 1 h, room: 1 MB}}"
PAUSED = "{at: Mon 01:30, paused_backups: {database: crm, duration: 4 h}}"
CAPACITY = "databases.crm.log_capacity=100 MB"
POSTGRES = "engine.imitates=postgres"


def began(*overrides: str) -> str:
    common = ("failover.mode=automatic", "run_for=6 h", "measure_from=0 s")
    events: str = failover(ran("faults/base", *common, *overrides))["events"]
    return events


@pytest.mark.parametrize(
    ("overrides", "events"),
    [
        ((SILENT, f"events=[{READERS}, {CUT}]"), "event 2"),
        ((POSTGRES, f"events=[{READERS}, {GROWS}]"), "event 2"),
        # the log fills up because it is not backed up, which the cut link has no part in
        ((POSTGRES, CAPACITY, f"events=[{CUT}, {PAUSED}]"), "event 2"),
        # a full log is then no outage of its own, and the site is lost beside it
        ((f"events=[{GROWS}, {{at: Mon 02:30, lose: site}}]",), "event 2"),
    ],
)
def test_a_failover_names_what_began_it(overrides: tuple[str, ...], events: str) -> None:
    assert began(*overrides) == events


def test_machines_that_were_lost_with_no_database_are_named() -> None:
    assert failover(ran("faults/lose_idle_hosts"))["events"] == "event 1, event 2"


SLOW = "{at: Mon 02:04, slow_restore: {by: 1000, duration: 2 min}}"

SLOWER = "{at: Mon 02:10, slow_restore: {by: 1000, duration: 30 min}}"


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("02:06", "restores were slow (event 1)"),  # one begun in that time still runs
        ("04:01", ", 1 tail-log backup taken"),  # none does any more
    ],
)
def test_a_drain_names_what_made_its_restores_slow(lost: str, words: str) -> None:
    result = ran(
        "faults/base",
        "failover.mode=automatic",
        "run_for=6 h",
        "measure_from=0 s",
        f"events=[{SLOW}, {{at: Mon {lost}, lose: database}}]",
    )
    lines = failover(result)["outage_ledger"]["lines"]
    drained = [line["detail"] for line in lines if line["cause"] == "drain"]
    assert [detail.endswith(words) for detail in drained] == [True]


def test_a_slow_restore_names_what_made_it_slow_until_it_ends() -> None:
    """The log of 02:05 takes over half an hour, though what makes it slow is over at 02:06. That of
    02:00 was restored before.
    """
    result = ran("faults/base", "run_for=6 h", "measure_from=0 s", f"events=[{SLOW}, {SLOWER}]")
    ledger = explain_lag(result.journal, result.scenario, 2 * HOUR + 20 * MINUTE)[0]
    causes = [line.cause for line in ledger.lines]
    assert "being restored (event 1)" in causes
    assert not any("event 2" in cause for cause in causes)
