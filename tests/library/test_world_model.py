"""What the model of the world owes to reports from outside: silence, other people's backups, lying archivers, full disks,
distance, and undo. Each test holds a kind of case, with variants."""

from __future__ import annotations

import pytest

from dr_sim.results import Result

from .runs import (
    SECOND,
    at,
    failover,
    fault,
    ran,
    rows,
    times,
)

OUTAGE_US = 129_460_000
"""Of an automatic failover after a site is lost: 30 + 21 + 10 + 60 + 8.46 s."""


# ---- silence ----------------------------------------------------------------------------------------------------------
def silent(result: Result) -> list[tuple[int, str]]:
    return [(r.time_us, str(r.values["machine"])) for r in rows(result, "seen.HeartbeatLost")]


def test_an_idle_machine_of_a_lost_site_falls_silent() -> None:
    result = fault("lose_site_idle_machine")
    assert failover(result)["outage_us"] == OUTAGE_US
    assert {machine for _, machine in silent(result)} == {"sql1", "idle1"}
    assert [(r.time_us, r.values["machine"]) for r in rows(result, "truth.machine_lost")] == [(at(1, "10:00"), "idle1")]
    alone = ran("faults/lose_site_idle_machine", "machines=[sql1]")
    assert failover(alone)["outage_us"] == OUTAGE_US


@pytest.mark.parametrize("idle", ["[sql1, a]", "[a, sql1, b, c]"])
@pytest.mark.parametrize("what", ["site", "host"])
def test_however_many_machines_are_idle(what: str, idle: str) -> None:
    """A host that is not named is every host."""
    result = ran(
        "faults/lose_site_idle_machine", f"machines={idle}", "databases.crm.machine=sql1", f"events.1.lose={what}"
    )
    machines = {machine for _, machine in silent(result)}
    assert machines == set(idle.strip("[]").split(", "))
    # a dead host's power switch answers for it, where a lost site leaves the fence without an answer
    faster_us = 16 * SECOND if what == "host" else 0
    assert failover(result)["phases_us"]["detect"] == 30 * SECOND
    assert failover(result)["phases_us"]["fence"] == 21 * SECOND - faster_us


def test_a_named_host_falls_silent_alone() -> None:
    result = ran("faults/lose_idle_hosts", "failover.machines_silent=all")
    assert [machine for _, machine in silent(result)] == ["idle1", "idle2"]
    assert result.summary["failovers"] == [], "the machine with the database is still heard"
    assert rows(result, "truth.failed") == []
    with_database = ran("faults/lose_idle_hosts", "events.1.lose.machine=sql1", "failover.machines_silent=all")
    assert [machine for _, machine in silent(with_database)] == ["sql1", "idle2"]
    assert [r.values["class"] for r in rows(with_database, "truth.failed")] == ["host"]
    assert [r.values["machine"] for r in rows(with_database, "truth.machine_lost")] == ["idle2"]


def test_so_many_silent_machines_as_are_asked_for_are_a_failure() -> None:
    result = fault("lose_idle_hosts")
    assert silent(result) == [(at(1, "10:01:10"), "idle1"), (at(1, "10:02:10"), "idle2")]
    assert times(result, "seen.Fence") == [at(1, "10:02:30")]
    assert failover(result)["data_loss_us"] == 0
    one = ran("faults/lose_idle_hosts", "failover.machines_silent=1")
    assert times(one, "seen.Fence")[0] == at(1, "10:01:30")
    three = ran("faults/lose_idle_hosts", "failover.machines_silent=3")
    assert times(three, "seen.Fence") == []
