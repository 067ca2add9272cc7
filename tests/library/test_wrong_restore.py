"""A restore that turns out to be unusable at its end, and is begun again (W4)."""

from __future__ import annotations

import pytest

from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result

from .runs import MINUTE, SECOND, ceil_div, failover, ran, rows

TWICE = "stores/restored_twice"
STANDBY = (
    TWICE,
    "copies={near: {}}",
    "databases.crm.size=10 GB",
    "sla=[]",
)
AT_STORE = 51 * SECOND + 10 * MINUTE
"""Silence, the fence and the machine, before the first restore."""
LOG_US = SECOND + ceil_div(20 * 10**6, 200 * 10**6)


def phases(result: Result) -> dict[str, int]:
    found: dict[str, int] = failover(result)["phases_us"]
    return found


def restore_us() -> int:
    """Return how long the full and the 109 logs after it take at the store."""
    return SECOND + ceil_div(50 * 10**9, 200 * 10**6) + 109 * LOG_US


def test_the_attempt_is_a_phase_and_the_restore_is_begun_again_in_full() -> None:
    result = ran(TWICE)
    found = phases(result)
    assert found["attempt"] == restore_us() + 5 * MINUTE + 10 * SECOND
    assert (found["drain"], found["recover"]) == (restore_us(), 10 * SECOND)
    assert sum(found.values()) == failover(result)["outage_us"]
    assert failover(result)["data_loss_us"] == 2 * MINUTE
    assert [r.values["error_number"] for r in rows(result, "seen.RecoverFailed")] == [3414]
    assert summary_json(result.summary)["violations"] == []


def test_a_restore_that_is_right_has_no_attempt() -> None:
    """The negative case, with what was foretold: it knows of no attempt that fails."""
    result = ran(TWICE, "events=[{at: 'Mon 10:07', lose: site}]", "sla=[]")
    assert phases(result)["attempt"] == 0
    again = restore_us() + 5 * MINUTE + 10 * SECOND
    assert failover(result)["outage_us"] + again == failover(ran(TWICE))["outage_us"]
    (way,) = failover(ran(TWICE))["ways"]
    assert way["outage_us"] == failover(result)["outage_us"]


@pytest.mark.parametrize("imitates", ["sql_server", "postgres"])
def test_a_standby_that_turns_out_to_be_unusable_is_restored_from_its_files(imitates: str) -> None:
    events = (
        "events=[{at: 'Mon 10:00', wrong_restore: {database: crm, times: 2}}, "
        "{at: 'Mon 10:07', lose: site}]"
    )
    result = ran(*STANDBY, f"engine={{imitates: {imitates}}}", events)
    found = phases(result)
    once = found["drain"]
    assert once > 109 * SECOND
    assert found["attempt"] == once + 2 * 10 * SECOND and found["recover"] == 10 * SECOND
    failed = rows(result, "seen.RecoverFailed")
    number = 3414 if imitates == "sql_server" else int("XX001", 36)
    assert [r.values["error_number"] for r in failed] == [number] * 2
    assert failover(result)["data_loss_us"] == 2 * MINUTE
    assert summary_json(result.summary)["violations"] == []


def test_one_of_two_databases_is_restored_again_while_the_other_serves() -> None:
    """The service waits for no attempt: it is a part of the service that comes later."""
    two = "databases.web={size: 1 GB}"
    result = ran(*STANDBY, two)
    assert phases(result)["attempt"] == 0
    online = {r.entity: r.time_us for r in rows(result, "truth.promoted")}
    assert online[0] > online[1] + 5 * MINUTE
    assert summary_json(result.summary)["violations"] == []


def test_nothing_happens_to_a_database_that_is_online() -> None:
    """The other one is still restored, so the pair has not changed."""
    events = (
        "events=[{at: 'Mon 10:00', wrong_restore: crm}, {at: 'Mon 10:07', lose: site}, "
        "{at: 'Mon 10:08:20', wrong_restore: web}]"
    )
    result = ran(*STANDBY, "databases.web={size: 1 GB}", events)
    said = [str(r.values["detail"]) for r in rows(result, "truth.event", number=3)]
    assert said == ["nothing: the database is online at this copy"] * 2


def test_a_manager_that_dies_while_it_is_brought_online_begins_again() -> None:
    crash = (
        "events=[{at: 'Mon 10:00', wrong_restore: crm}, {at: 'Mon 10:07', lose: site}, "
        "{at: 'Mon 10:07:55', manager_crash: {}}]"
    )
    result = ran(*STANDBY, crash)
    assert failover(result)["data_loss_us"] == 2 * MINUTE
    assert summary_json(result.summary)["violations"] == []
    (gone,) = rows(result, "truth.copy_gone")
    (online,) = rows(result, "truth.promoted")
    assert gone.time_us < online.time_us
