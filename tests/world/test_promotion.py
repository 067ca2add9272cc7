"""From one primary to the next: fences, tails, what is lost, and two primaries at once."""

from __future__ import annotations

import pytest

from dr_sim.record.journal import Journal
from world.build import MINUTE, ONE, SECOND, World, ran, rows, scenario, violations

TEXT = """\
run_for: 90 min
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic, redirect: {switch: 30 s, ttl: 100 s}}
"""


def told(event: str, *sets: str) -> World:
    built = ran(f"{TEXT}events: [{event}]\n", *sets)
    assert violations(built.journal) == []
    return built


def one(journal: Journal, kind: str, *fields: str) -> tuple[int, ...]:
    (row,) = rows(journal, kind, *fields)
    return tuple(row)


def commits(us: int) -> int:
    return -(-us * 10 // SECOND)


def test_a_split_brain_is_counted_and_what_the_old_primary_took_is_thrown_away() -> None:
    """Everything goes over one link, which is cut for an hour: the secondary hears nothing, cannot
    fence, and takes over while the old primary goes on acknowledging, until users have moved.
    """
    built = told("{at: 41 min, partition: {cut: both, duration: 1 h}}", "heartbeat.path=data link")
    journal = built.journal
    (begun, begins), (ended, ends) = rows(journal, "truth.two_primaries", "begins")
    assert (begins, ends) == (1, 0)
    promoted, lost = one(journal, "truth.promoted", "transactions_lost")
    assert promoted == begun
    moved = (
        next(t for t, p in rows(journal, "seen.EnterPhase", "phase") if p == "redirecting")
        + (30 + 99) * SECOND
    )
    assert ended == moved
    _, discarded, last_ack = one(journal, "truth.discarded", "transactions", "last_ack_us")
    assert discarded == commits(ended) - commits(begun)
    assert ended - SECOND // 10 <= last_ack < ended
    assert lost == commits(promoted) - commits(40 * MINUTE)


def test_with_heartbeats_on_a_path_of_their_own_a_cut_link_is_no_reason() -> None:
    journal = told("{at: 41 min, partition: {cut: both, duration: 30 min}}").journal
    assert rows(journal, "truth.promoted") == []
    assert rows(journal, "truth.two_primaries") == []


def test_a_fence_that_arrives_works_even_if_nobody_hears_of_it() -> None:
    """The link passes only towards the primary: it falls silent, is fenced, and the fence's answer
    is lost.
    """
    journal = told(
        "{at: 41 min, partition: {cut: to_secondary, duration: 1 h}}", "heartbeat.path=data link"
    ).journal
    assert {reason for _, reason in rows(journal, "seen.FenceFailed", "reason")} == {"no answer"}
    (fenced, stop), *again = rows(journal, "truth.fenced", "writes_stop")
    assert stop == 1 and {stopped for _, stopped in again} == {0}, (
        "asked again, there is nothing left to stop"
    )
    assert fenced < one(journal, "truth.promoted", "commits")[0]
    assert rows(journal, "truth.two_primaries") == []


@pytest.mark.parametrize(
    "sets", [(), ("databases.crm.log_volume=200 MB per 5 min",), ("link.bandwidth=10 Mbit/s",)]
)
def test_a_planned_failover_loses_nothing(sets: tuple[str, ...]) -> None:
    journal = told("{at: 43 min 17 s, order_failover: dba}", *sets).journal
    t, lost, user, maintenance = one(
        journal, "truth.promoted", "transactions_lost", "user_bytes_lost", "maintenance_bytes_lost"
    )
    assert (lost, user, maintenance) == (0, 0, 0)
    fenced = one(journal, "truth.fenced", "writes_stop")[0]
    assert fenced == 43 * MINUTE + 17 * SECOND + 5 * SECOND
    assert one(journal, "truth.promoted", "commits")[1] == commits(fenced)
    assert t > fenced


@pytest.mark.parametrize(("what", "tail"), [("database", True), ("host", False), ("site", False)])
def test_only_where_the_log_survives_there_is_a_tail(what: str, tail: bool) -> None:
    lost_us = 43 * MINUTE + 17 * SECOND
    journal = told(f"{{at: {lost_us} us, lose: {what}}}").journal
    assert bool(rows(journal, "seen.TailTaken")) == tail
    transactions = one(journal, "truth.promoted", "transactions_lost")[1]
    assert transactions == (0 if tail else commits(lost_us) - commits(40 * MINUTE))


def test_of_a_lost_host_the_share_still_gives_what_had_not_landed() -> None:
    """The log of 0:40 is under way on a thin link when the host dies: it lands and is replayed
    before the promotion.
    """
    lost_us = 40 * MINUTE + 20 * SECOND
    thin = "link.bandwidth=1 Mbit/s"
    host = told(f"{{at: {lost_us} us, lose: host}}", thin).journal
    assert one(host, "truth.promoted", "transactions_lost")[1] == commits(lost_us) - commits(
        40 * MINUTE
    )
    site = told(f"{{at: {lost_us} us, lose: site}}", thin).journal
    assert one(site, "truth.promoted", "transactions_lost")[1] == commits(lost_us) - commits(
        35 * MINUTE
    )


def test_of_what_is_lost_maintenance_is_counted_apart_from_users_writes() -> None:
    """Four minutes from 0:41 on write 240 MB of maintenance, a MB a second; the site dies 100 s
    into it. Users write 20 MB in five minutes; of both the log of 0:40 holds what came before it.
    """
    lost_us = 42 * MINUTE + 40 * SECOND
    burst = "{at: 41 min, index_maintenance: {database: crm, log: 240 MB, over: 4 min}}"
    journal = told(f"{burst}, {{at: {lost_us} us, lose: site}}").journal
    _, user, maintenance, transactions = one(
        journal, "truth.promoted", "user_bytes_lost", "maintenance_bytes_lost", "transactions_lost"
    )
    assert (user, maintenance) == (20_000_000 * 160 // 300 + 1, 100_000_000)
    assert transactions == 1600


def test_maintenance_that_a_landed_log_holds_is_not_lost() -> None:
    burst = "{at: 36 min, index_maintenance: {database: crm, log: 240 MB, over: 1 min}}"
    journal = told(f"{burst}, {{at: 43 min, lose: site}}").journal
    assert one(journal, "truth.promoted", "maintenance_bytes_lost")[1] == 0


def test_a_stranger_may_not_order_one() -> None:
    journal = told("{at: 43 min, order_failover: {by: somebody}}").journal
    (refused,) = rows(journal, "seen.RefuseOrder", "operator", "reason")
    assert refused[1:] == ("somebody", "not authorised")
    assert rows(journal, "truth.promoted") == []


def test_an_order_that_comes_while_the_manager_is_down_is_given_again() -> None:
    text = f"{TEXT}manager: {{restart_after: 40 s}}\n"
    built = ran(
        text + "events: [{at: 43 min, manager_crash: {}}, {at: 43 min 5 s, order_failover: dba}]\n"
    )
    ordered = rows(built.journal, "seen.FailoverOrdered")
    assert ordered == [43 * MINUTE + 40 * SECOND]
    assert len(rows(built.journal, "truth.promoted")) == 1


def test_a_planned_failover_waits_for_a_log_backup_that_ran_when_writes_stopped() -> None:
    """Begun at 1:25:00, the instant of the fence, and finished after the share was asked what is on
    its way, while the drain restores what had waited for its job: the tail then holds nothing new,
    and that log everything.
    """
    text = (
        ONE.replace("100", "10")
        + "replay: {every: 30 min}\nevents: [{at: 84 min 55 s, order_failover: {by: dba, "
        "planned: true}}]\n"
    )
    world = World(scenario(text))
    world.run()
    begun = [r.time_us for r in world.journal.rows("truth.backup_begin")]
    (fenced,) = [r.time_us for r in world.journal.rows("truth.fenced")]
    assert fenced == begun[-1] == 85 * MINUTE, "no other tail was taken"
    assert [r.values["transactions_lost"] for r in world.journal.rows("truth.promoted")] == [0]
    assert world.context.witness.violations == []
