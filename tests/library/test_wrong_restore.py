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


def test_a_copy_that_is_dropped_under_an_order_online_is_one_attempt() -> None:
    """It is known to be unusable when the order is refused: one attempt, from 10:07:51 on for the
    10 s of the order, not one until the copy is dropped and another one after that.
    """
    events = "events=[{at: 'Mon 10:07', lose: site}, {at: 'Mon 10:07:56', standby_broken: crm}]"
    result = ran(*STANDBY, events)
    spans = failover(result)["phases"]
    attempts = [one["duration_us"] for one in spans if one["phase"] == "attempt"]
    assert attempts == [10 * SECOND]
    assert sum(phases(result).values()) == failover(result)["outage_us"]


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


# ---- another copy stands ready
THREE_TB = (
    TWICE,
    "copies={near: {}, far: {}}",
    "databases.crm.size=3 TB",
    "link.bandwidth=10 Gbit/s",
    "sla=[]",
)
LOST = "{at: 'Mon 10:07', lose: site}"
SILENT, TURN, FENCE, RETRY = 30 * SECOND, 10 * SECOND, 21 * SECOND, 5 * MINUTE
ONLINE, SWITCH = 10 * SECOND, 60 * SECOND


def broken(when: str) -> str:
    return f"{{at: '{when}', standby_broken: {{database: crm}}, copy: near}}"


WRONG = "{at: 'Mon 10:00', wrong_restore: {database: crm}, copy: near}"


@pytest.mark.parametrize("event", [broken("Mon 10:07:20"), broken("Mon 10:07:49"), WRONG])
def test_a_copy_that_stands_ready_takes_over_from_one_that_must_be_restored(event: str) -> None:
    """By hand: 30 s of silence, and at near 21 s for the fence and 10 s until it is seen that
    nothing can be brought online there. A turn of 10 s later far begins: 21 s, 10 s, 60 s. A restore
    of 3 TB at near would have taken 2 h 22.
    """
    result = ran(*THREE_TB, f"events=[{event}, {LOST}]")
    found = failover(result)
    assert found["new_primary"] == "far" and found["data_loss_us"] == 2 * MINUTE
    assert found["phases_us"]["attempt"] == FENCE + ONLINE
    others = SILENT + TURN + FENCE + ONLINE + SWITCH + found["phases_us"]["warm_up"]
    assert found["outage_us"] == FENCE + ONLINE + others
    assert {w["place"]: w["standing"] for w in found["ways"]} == {"near": "failed", "far": "taken"}
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize(
    "far",
    [
        "{at: 'Mon 10:04', standby_broken: {database: crm}, copy: far}",
        "{at: 'Mon 10:06', lose_secondary: 8 h, copy: far}",
    ],
)
def test_where_no_other_stands_ready_the_first_one_is_restored(far: str) -> None:
    """The negative case: nobody waits in vain for another copy."""
    result = ran(*THREE_TB, "databases.crm.size=500 GB", f"events=[{WRONG}, {LOST}, {far}]")
    found = failover(result)
    full_us = SECOND + ceil_div(500 * 10**9, 356 * 10**6)
    assert found["new_primary"] == "near"
    assert full_us < found["phases_us"]["drain"] < full_us + 3 * MINUTE
    assert found["outage_us"] < full_us + 6 * MINUTE
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("policy", ["fastest", "least_loss"])
def test_by_another_policy_all_make_new_offers(policy: str) -> None:
    result = ran(*THREE_TB, f"failover.choose={policy}", f"events=[{WRONG}, {LOST}]")
    found = failover(result)
    assert found["new_primary"] == "far" and found["outage_us"] < 4 * MINUTE
    assert summary_json(result.summary)["violations"] == []


def test_a_planned_failover_is_passed_on_and_loses_nothing() -> None:
    order = "{at: 'Mon 10:07', order_failover: {by: dba}, copy: near}"
    result = ran(*THREE_TB, f"events=[{WRONG}, {order}]")
    found = failover(result)
    assert (found["new_primary"], found["data_loss_us"]) == ("far", 0)
    assert found["outage_us"] < 10 * MINUTE
    assert summary_json(result.summary)["violations"] == []


def test_a_database_that_is_online_is_never_left() -> None:
    """The other database is online at near: only crm is restored there."""
    two = "databases.web={size: 1 GB}"
    result = ran(*THREE_TB, two, "databases.crm.size=10 GB", f"events=[{WRONG}, {LOST}]")
    assert failover(result)["new_primary"] == "near"
    assert len(rows(result, "seen.OfferToYield")) == 0
    assert summary_json(result.summary)["violations"] == []


def test_a_store_leaves_its_second_restore_to_a_standby() -> None:
    store = "copies={vault: {store: {}}, near: {}}"
    event = "{at: 'Mon 10:00', wrong_restore: crm, copy: vault}"
    result = ran(*THREE_TB, store, "databases.crm.size=10 GB", f"events=[{event}, {LOST}]")
    found = failover(result)
    assert found["new_primary"] == "near"
    assert found["phases_us"]["attempt"] > 10 * MINUTE
    assert summary_json(result.summary)["violations"] == []


# ---- the lost host is back
BACK = "after_failover/host_is_back"


def returns(when: str, broken_at: str = "Mon 10:06:30") -> str:
    return (
        f"events=[{{at: '{broken_at}', standby_broken: {{database: crm, how: dropped}}}}, "
        f"{{at: 'Mon 10:07', lose: host}}, {{at: '{when}', host_returns: {{}}}}]"
    )


@pytest.mark.parametrize(
    "when, outage_us",
    [
        ("Mon 10:37", 30 * MINUTE + 20 * SECOND),
        # it is heard at 10:07:40, when its tail has been taken: it is brought online in 10 s
        ("Mon 10:07:25", 50 * SECOND),
    ],
)
def test_a_host_that_is_back_while_a_full_is_restored_serves_again(
    when: str, outage_us: int
) -> None:
    result = ran(BACK, "sla=[]", returns(when))
    found = failover(result)
    assert (found["data_loss_us"], found["outage_us"]) == (0, outage_us)
    assert found["unfenced"] and found["by_itself"]
    assert summary_json(result.summary)["violations"] == []
    assert [r.values["event_id"] for r in rows(result, "seen.RaiseAlert", event_id=25)] == [25]
    assert rows(result, "seen.RaiseAlert", event_id=26) == []


def test_a_host_that_is_back_is_not_waited_for_where_the_copy_stands() -> None:
    """The negative case: the standby is whole, and takes over in two minutes."""
    events = "events=[{at: 'Mon 10:07', lose: host}, {at: 'Mon 10:07:30', host_returns: {}}]"
    result = ran(BACK, "sla=[]", events)
    assert failover(result)["new_primary"]
    assert summary_json(result.summary)["violations"] == []


def test_it_does_not_go_back_once_one_database_is_online() -> None:
    result = ran(BACK, "sla=[]", "databases.web={size: 1 GB}", returns("Mon 10:37"))
    assert failover(result)["new_primary"]
    assert rows(result, "seen.Unfence") == []
    assert summary_json(result.summary)["violations"] == []
