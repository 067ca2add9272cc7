"""A standby that lacks a database lets the other copies go first, and a new standby comes before
the stores (W2).
"""

from __future__ import annotations

from .runs import SECOND, at, failovers, ran, rows

THREE_LOSSES = (
    "stores/vault_only",
    "databases.crm.size=100 GB",
    "databases.crm.log=every 15 min",
    "databases.erp={size: 1 GB, full: none, incremental: none, log: every 15 min}",
    "copies={near: {}, vault: {store: {}}}",
    "run_for=7 h",
    "sla=[]",
    "events=[{at: 1 h, lose: site}, {at: 1 h 40 min, lose: site}, {at: 6 h 40 min, lose: site}]",
)


def test_a_new_standby_takes_over_only_once_it_holds_every_database() -> None:
    """At 01:40 erp is there and crm is on its way: 100 GB at 200 Mbit/s take more than an hour. The
    store has all, and claims in its turn, the second: 30 s of silence and 10 s. At 06:40 the new
    standby has all, and comes before the store: 30 s.
    """
    result = ran(*THREE_LOSSES)
    assert [each["new_primary"] for each in failovers(result)] == ["near", "vault", "D"]
    claims = [row.time_us for row in rows(result, "seen.ClaimGiven")]
    assert claims == [at(1, "01:00:30"), at(1, "01:40:40"), at(1, "06:40:30")]
    assert result.summary.violations == []


def test_databases_that_are_restored_side_by_side_share_the_device_in_what_is_foretold() -> None:
    """While both fulls are read each gets half of the device. So the logs of the larger database
    begin when all of both has been read, and come on top of that.
    """
    second = failovers(ran(*THREE_LOSSES))[1]
    (way,) = [way for way in second["ways"] if way["standing"] == "taken"]
    read_us = 101 * 10**9 // 200  # 200 MB/s
    assert second["phases_us"]["drain"] > read_us + 6 * SECOND
    assert abs(way["outage_us"] - way["came_outage_us"]) <= 2 * SECOND
