"""A store behind a new primary goes on with the backups that it has kept of the old one (W1, W2)."""

from __future__ import annotations

from typing import Any

from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.journal import Row
from dr_sim.record.verify import verify
from dr_sim.runs.run import Result
from dr_sim.world.own_logic import builders

from .runs import HOUR, MINUTE, SECOND, at, ceil_div, ran

COMMIT = SECOND // 10
TWO = (
    "stores/beside_a_standby",
    "databases.crm.size=10 GB",
    "databases.crm.log=every 15 min",
    "run_for=3 h",
    "sla=[]",
    "after_failover.new_secondary=none",
    "events=[{at: 'Mon 01:02', lose: site}, {at: 'Mon 01:20', lose: site}]",
)
"""Two sites are lost 18 min apart, and no full is made between them."""


def second(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = summary_json(result.summary)["failovers"][1]
    return found


def test_the_chain_of_before_the_failover_and_the_logs_after_it_are_restored() -> None:
    """By hand: the full of the beginning, 50 s and 1 s; the logs of 00:15 to 01:00, 60 MB in 0.3 s
    and 1 s each; that of 01:15, of what was written since 01:03:01, in its bytes and 1 s.
    """
    result = ran(*TWO)
    found = second(result)
    assert found["new_primary"] == "vault"
    assert abs(found["data_loss_us"] - 5 * MINUTE) <= COMMIT
    assert summary_json(result.summary)["violations"] == []
    served_us = at(1, "01:15") - at(1, "01:03") - SECOND
    last = SECOND + ceil_div(served_us * 20 // 300, 200 * 10**6)
    logs = 4 * (SECOND + ceil_div(60 * 10**6, 200 * 10**6)) + last
    assert abs(found["phases_us"]["drain"] - (51 * SECOND + logs)) <= SECOND // 100


def test_what_is_foretold_of_it_comes_true() -> None:
    (way,) = [way for way in second(ran(*TWO))["ways"] if way["place"] == "vault"]
    assert way["standing"] == "taken"
    assert way["loss_us"] == way["came_loss_us"]
    assert way["outage_us"] == way["came_outage_us"]


def test_its_manager_goes_on_with_what_was_saved_of_the_files_and_the_record_proves_it() -> None:
    """A full that was hashed is not hashed again, after either failover."""
    result = ran(*TWO)
    took = list(result.journal.rows("truth.manager_goes_on"))
    assert len(took) == 2
    found = verify(result.journal, builders(result.journal, result.scenario))
    assert found.mismatch is None
    fulls = [row for row in result.journal.rows("seen.Validated") if row.values["header.kind"] == 0]
    assert len(fulls) == 1


def test_no_full_is_made_for_the_sake_of_a_store_that_can_go_on() -> None:
    result = ran(*TWO)
    made = [row for row in result.journal.rows("truth.backup_begin") if row.values["kind"] == 0]
    assert {row.time_us for row in made} == {0}


def test_a_store_whose_chain_was_lost_is_given_a_full_at_once() -> None:
    """The negative case: the store has burned before, and is back empty."""
    result = ran(
        *TWO,
        "events=[{at: 'Mon 00:30', lose_secondary: 10 min, copy: vault}, "
        "{at: 'Mon 01:02', lose: site}]",
    )
    made = [row for row in result.journal.rows("truth.backup_begin") if row.values["kind"] == 0]
    assert at(1, "01:03") < max(row.time_us for row in made) < at(1, "01:04")


def test_what_is_on_the_road_arrives_behind_the_next_primary() -> None:
    """A log is fetched as soon as it is made, and needs 30 min. The one of 01:00 is on the road at the
    first loss; without it the store could not go on. The second site is lost at 01:50, and the
    restore begins at 02:00:51: the log of 01:30 is there since 02:00:05, and that of 01:45 is not.
    """
    result = ran(
        *TWO,
        "copies.vault.store={transit: 30 min}",
        "events=[{at: 'Mon 01:02', lose: site}, {at: 'Mon 01:50', lose: site}]",
    )
    found = second(result)
    assert found["new_primary"] == "vault"
    assert abs(found["data_loss_us"] - 20 * MINUTE) <= COMMIT
    ledger = found["loss_ledger"]
    assert {line["cause"] for line in ledger["lines"]} >= {"on the road"}
    assert not any("unexplained" in line["cause"] for line in ledger["lines"])
    assert ledger["total_us"] < HOUR


def test_a_store_that_is_empty_is_foretold_to_fetch_from_the_share_of_a_lost_host() -> None:
    """Nothing lies at the store: the primary's share holds the full of 01:00, and its host is lost.
    It was told as closed, and taken all the same.
    """
    events = [
        "{at: 'Mon 00:20', lose_secondary: 10 min, copy: vault}",
        "{at: 'Mon 00:25', lose_secondary: 2 h, copy: near}",
        "{at: 'Mon 01:02', lose: host}",
    ]
    more = ["copies.vault.store={hold: 2 h}", "databases.crm.full=daily 01:00"]
    more.append(f"events=[{', '.join(events)}]")
    (first,) = summary_json(ran(*TWO, *more).summary)["failovers"]
    (way,) = [way for way in first["ways"] if way["place"] == "vault"]
    assert way["standing"] == "taken" and way["why"] == "what the share has"
    assert way["loss_us"] == way["came_loss_us"]
    assert abs(way["outage_us"] - way["came_outage_us"]) <= 2 * SECOND


def test_what_is_on_the_road_counts_if_it_comes_within_the_drain_s_limit() -> None:
    """The share of the lost host has the log of 01:00, and a courier needs 50 min for it."""
    result = ran(
        *TWO,
        "copies.vault.store={transit: 50 min}",
        "events=[{at: 'Mon 00:20', lose_secondary: 2 h, copy: near}, {at: 'Mon 01:17', lose: host}]",
    )
    (first,) = summary_json(result.summary)["failovers"]
    (way,) = [way for way in first["ways"] if way["place"] == "vault"]
    assert way["why"].endswith("most of what the share has comes too late")
    # the log of 00:45 arrives at 01:35, while a machine is got and the drain waits
    assert way["came_loss_us"] == way["loss_us"] == 77 * MINUTE - 45 * MINUTE
    # the drain waits for the others up to its limit of 10 min: that is longer than the restores
    assert way["came_outage_us"] == way["outage_us"]
    assert first["phases_us"]["drain"] == 10 * MINUTE


def test_what_is_fetched_from_the_share_leads_over_the_failover() -> None:
    """The store gets nothing by itself. The new primary's share holds the full and the logs of before
    the failover, the log that leads over it, and the tail.
    """
    result = ran(
        *TWO,
        "copies.vault.store={hold: 2 h}",
        "databases.crm.full=daily 00:40",
        "events=[{at: 'Mon 01:02', lose: site}, {at: 'Mon 01:20', lose: database}]",
    )
    assert second(result)["data_loss_us"] == 0
    assert summary_json(result.summary)["violations"] == []


def test_silence_is_told_by_each_database_s_own_schedule() -> None:
    """The link is down from 01:01 on. A log that is due every 15 min is silent 15 min after that of
    01:15 was due, whatever is due every 30 min beside it; the last ones landed a second after 01:00.
    """
    result = ran(
        *TWO,
        "databases.erp={size: 2 GB, log_volume: 5 MB per 5 min, full: none, log: every 30 min}",
        "events=[{at: 'Mon 01:01', link_outage: 2 h, copy: vault}]",
    )
    told = [row for row in result.journal.rows("seen.RaiseAlert") if row.values["event_id"] == 2]
    first = {name: _first_told(told, name) for name in ("crm", "erp")}
    assert 0 < first["crm"] - at(1, "01:30") < 10 * SECOND
    assert 0 < first["erp"] - at(1, "01:45") < 10 * SECOND


def _first_told(told: list[Row], database: str) -> int:
    return min(row.time_us for row in told if row.values["database"] == database)


def test_a_danger_at_a_store_beside_a_standby_counts() -> None:
    """The link to the vault is down for two hours: what is written meanwhile is only at the standby."""
    events = 'events=[{at: "Mon 03:02", link_outage: {duration: 2 h}, copy: vault}]'
    result = ran("stores/beside_a_standby", "run_for=8 h", "sla=[]", events)
    assert summary_json(result.summary)["alerts"]["due"] == 1
