"""Stores: backups are kept at places, level by level, and the service is restored from them (W1,
W2). Every number is worked out by hand.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dr_sim.errors import InputError
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import views_of
from dr_sim.measures.legs import Leg
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.oracle.monitors import Story
from dr_sim.oracle.monitors.failover.left import left_alone
from dr_sim.record.journal import KIND_ID, Journal, Row
from dr_sim.record.pairs import pair_of
from dr_sim.report import _facts
from dr_sim.screen.run import screen
from dr_sim.screen.standing import why_and_help
from dr_sim.screen.ways import ways_if, ways_taken

from .runs import HOUR, MINUTE, SCENARIOS, SECOND, at, ceil_div, failover, ran, rows

WARM_UP = 8_460_000
"""From 50 % to 99 % of 60 % of capacity, within 45 s."""
COMMIT = SECOND // 10
VAULT = 1
"""The pair of the store that is written second."""

WORST = [
    ("split_mirror", "mirror", 12 * HOUR),
    ("batched_mirror", "mirror", 2 * MINUTE),
    ("daily_tape", "tape", 37 * HOUR),
    ("weekly_tape", "tape", 217 * HOUR),
    ("weekly_tape", "vault", 253 * HOUR),
    ("incrementals", "tape", 73 * HOUR),
    ("four_weekly_vault", "vault", 1_429 * HOUR),
]


@pytest.mark.parametrize(("name", "place", "expected"), WORST)
def test_the_worst_loss_of_keeton_and_merchant_to_one_commit(
    name: str, place: str, expected: int
) -> None:
    result = ran(f"stores/worst_loss/{name}")
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    copies = {copy["place"]: copy["exposure"] for copy in summary["legs"][0]["copies"]}
    found = copies.get(place, summary["exposure"])
    assert abs(found["max_us"] - expected) <= COMMIT


def phases(name: str) -> dict[str, int]:
    return {phase: us for phase, us in failover(ran(name))["phases_us"].items() if us}


def test_three_terabytes_are_back_after_four_hours_and_ten_minutes_and_their_logs() -> None:
    name = "stores/vault_only"
    full = SECOND + ceil_div(3 * 10**12, 200 * 10**6)
    log = SECOND + ceil_div(20 * 10**6, 200 * 10**6)
    assert full == 4 * HOUR + 10 * MINUTE + SECOND
    assert phases(name) == {
        "detect": 30 * SECOND,
        "fence": 21 * SECOND,
        "provision": 10 * MINUTE,
        "drain": full + 121 * log,
        "recover": 10 * SECOND,
        "redirect": 60 * SECOND,
        "warm_up": WARM_UP,
    }
    assert failover(ran(name))["data_loss_us"] == 2 * MINUTE
    assert ran(name).verdict.outcome is Outcome.PASS


def test_what_a_restore_would_take_is_foretold() -> None:
    """A minute before the site is lost the store holds what it will be restored from."""
    name = "stores/vault_only"
    curve = ran(name).whole.outage_if_now()
    assert curve.at(at(1, "10:06")) == failover(ran(name))["outage_us"]


def test_the_farther_store_holds_what_the_courier_has_brought() -> None:
    name = "stores/levels"
    result = ran(name)
    found = failover(result)
    assert found["new_primary"] == "vault"
    assert found["data_loss_us"] == at(2, "12:07") - at(1, "09:45")
    log = SECOND + ceil_div(60 * 10**6, 200 * 10**6)
    full = SECOND + ceil_div(100 * 10**9, 200 * 10**6)
    assert phases(name)["drain"] == full + 35 * log
    assert phases(name)["detect"] == 40 * SECOND  # its turn comes after that of the tapes
    lines = {line["cause"] for line in found["loss_ledger"]["lines"]}
    assert {"on its way to the store before", "stays at its source"} <= lines
    assert sum(line["duration_us"] for line in found["loss_ledger"]["lines"]) == 94_920 * SECOND


def test_a_lag_that_no_standby_has_is_not_drawn_and_a_link_of_several_is_named() -> None:
    lanes = {x.key: x for x in Timeline(views_of(ran("stores/levels").whole)).lanes}
    assert "replay" not in lanes and lanes["link"].title.startswith("Link from A to vault")
    facts = dict(_facts(ran("stores/levels").summary, ran("stores/levels").scenario))
    assert facts["all links"].endswith("of their capacity; never down")


def test_what_is_on_the_road_survives_the_loss_of_where_it_came_from() -> None:
    """He left at 12:00 with what the tapes held; they have burned. He arrives at 18:00."""
    burns = ["events=[{at: 'Mon 13:00', lose_secondary: 20 h, copy: tape}]"]
    result = ran("stores/levels", *burns)
    landed = [r for r in rows(result, "truth.landed") if pair_of(r.entity) == VAULT]
    arrived = [r for r in landed if at(1, "18:00") <= r.time_us < at(2, "00:00")]
    # the full of 01:00, which the link needs 800 s for, and the logs from 00:15 to 09:45
    assert len(arrived) == 1 + 39


def test_a_store_takes_over_where_the_standby_is_gone() -> None:
    name = "stores/beside_a_standby"
    log = SECOND + ceil_div(20 * 10**6, 200 * 10**6)
    full = SECOND + ceil_div(100 * 10**9, 200 * 10**6)
    assert failover(ran(name))["new_primary"] == "vault"
    assert phases(name)["drain"] == full + 121 * log
    assert failover(ran(name))["data_loss_us"] == 2 * MINUTE


def test_a_standby_goes_before_a_store() -> None:
    """The negative case: nothing has befallen the standby."""
    lost = "events=[{at: 'Mon 10:07', lose: site}]"
    found = failover(ran("stores/beside_a_standby", lost))
    assert found["new_primary"] == "near" and found["phases_us"]["provision"] == 0


# ---- the ways back
def standings(name: str) -> list[tuple[str, str, str]]:
    ways = failover(ran(name))["ways"]
    return [(way["how"], way["place"], way["standing"]) for way in ways]


def test_all_ways_back_are_listed_and_the_one_that_was_taken_came_true() -> None:
    name = "stores/beside_a_standby"
    assert standings(name) == [("promote", "near", "closed"), ("restore", "vault", "taken")]
    near, vault = failover(ran(name))["ways"]
    assert near["why"] == "no copy has been restored there, and no full has landed (event 1)"
    assert (near["loss_us"], near["outage_us"]) == (None, None)
    assert vault["why"] == "122 files, 102 GB"
    assert vault["loss_us"] == vault["came_loss_us"] == 2 * MINUTE
    assert vault["outage_us"] == vault["came_outage_us"] == failover(ran(name))["outage_us"]


def test_the_way_that_was_not_taken_is_possible() -> None:
    name = "copies/two"
    assert standings(name) == [("promote", "near", "taken"), ("promote", "far", "possible")]
    result = ran(name)
    shown = screen(result.summary, result.scenario, result.verdict, SCENARIOS, 1.0, SCENARIOS)
    assert " ways back\n   promote near  taken: lose 2:00, down 2:09\n" in shown


def test_without_named_places_the_one_way_is_listed_when_it_is_asked_for() -> None:
    name = "sanity/torn_and_lost"
    assert failover(ran(name))["ways"] == []
    assert "promote B  taken" in ways_taken(ran(name).whole)


def test_ways_are_asked_for_without_a_failure() -> None:
    """By hand, on Tuesday at 10:00: the tapes hold what was finished by 9:00, so the log cut at
    08:45. The courier has brought the log cut at 09:45 on Monday.
    """
    text = ways_if(ran("stores/levels").whole, "Tue 10:00", "site")
    head, tape, vault, best = text.splitlines()
    assert head == "If the site were lost Tue 10:00:00:"
    assert tape.startswith(" restore tape   possible: lose 1 h 15, down ")
    assert vault.startswith(" restore vault  possible: lose 24 h 15, down ")
    assert best == "Least loss: restore tape."


def test_ways_need_a_primary() -> None:
    for when in ("Tue 12:20", "day 9 10:00", "noon"):
        with pytest.raises(InputError, match="--at"):
            ways_if(ran("stores/levels").whole, when, "site")


def test_at_and_after_the_failure_the_instant_before_it_is_named() -> None:
    """The site is lost Fri 10:00:01; an instant is read as the screen shows it."""
    whole = ran("quickstart").whole
    ask = "--at 'Fri 16 Jan 10:00:00'"
    text = ways_if(whole, "Fri 16 Jan 10:00:01", "site")
    assert text.startswith("If the site were lost Fri 16 Jan 10:00:01:")
    assert text.endswith(f"For the ways before it: {ask}.")
    assert "For the ways before it" not in ways_if(whole, ask[6:-1], "site")
    told = f"no primary is up then: the site was lost Fri 16 Jan 10:00:01. .*{ask}"
    with pytest.raises(InputError, match=told):
        ways_if(whole, "day 12 10:00:05", "site")
    with pytest.raises(InputError, match="the run goes from Mon 05 Jan 00:00:00 to Mon 19 Jan"):
        ways_if(whole, "20 d", "site")


# ---- what the primary's share still has
HOST = "events=[{at: 'Tue 11:07', lose_secondary: 20 h, copy: tape}, {at: 'Tue 12:07', lose: host}]"


def test_what_the_share_of_a_dead_host_has_is_fetched_past_the_store_before() -> None:
    """Without the courier's 6 hours the vault fetches what it lacks itself: nothing is lost but
    what no log held, since 12:00.
    """
    changes = ("copies.vault.store.transit=0 s", "copies.tape.store.hold=1 h", HOST)
    found = failover(ran("stores/levels", *changes))
    assert found["new_primary"] == "vault" and found["data_loss_us"] == 7 * MINUTE


def test_a_tail_does_not_wait_at_its_source() -> None:
    lost = "events=[{at: 'Tue 12:07', lose: database}]"
    found = failover(ran("stores/levels", lost))
    assert found["new_primary"] == "tape" and found["data_loss_us"] == 0


def test_a_store_of_fulls_alone_gets_the_logs_and_the_tail_in_a_failover() -> None:
    lost = "events=[{at: 'Tue 12:07', lose: database}]"
    changes = ("copies.tape.store.takes=[full]", lost)
    result = ran("stores/levels", *changes)
    assert failover(result)["data_loss_us"] == 0
    assert summary_json(result.summary)["violations"] == []


# ---- what would help
def why_of(name: str, *overrides: str) -> list[str]:
    result = ran(name, *overrides, "sla=[{outage: at most 1 min}]")
    said = why_and_help(result.summary, result.scenario)
    (first,) = [at for at, line in enumerate(said) if " the outage is " in line]
    return said[first:]


def test_a_slow_restore_is_not_mended_by_a_wider_link() -> None:
    why, helps = why_of("stores/vault_only")
    assert why == (
        'Why: most of the outage is "drain" (4 h 12): the backups were read and restored.'
    )
    assert "store.read" in helps and "link.bandwidth" not in helps


def test_a_restore_that_is_not_over_is_one_too() -> None:
    why, _ = why_of("stores/vault_only", "run_for=12 h")
    assert why.endswith("the backups were read and restored.")


def test_a_standby_that_is_promoted_is_no_restore() -> None:
    """The negative case."""
    lost = "events=[{at: 'Mon 10:07', lose: site}]"
    why, _ = why_of("stores/beside_a_standby", lost)
    assert "restored" not in why and "store" not in why


# ---- an attempt that fails
CHANGE = "stores/change_over"
FULL, LOG = SECOND + ceil_div(100 * 10**9, 200 * 10**6), SECOND + ceil_div(60 * 10**6, 200 * 10**6)
FROM_THE_VAULT = {
    "fence": 21 * SECOND,
    "provision": 10 * MINUTE,
    "drain": FULL + 35 * LOG,
    "recover": 10 * SECOND,
    "redirect": 60 * SECOND,
    "warm_up": WARM_UP,
}


def attempt_lines(*overrides: str) -> list[tuple[int, str]]:
    """(seconds, what) of the lines that an attempt has in the outage's ledger, which adds up."""
    found = failover(ran(CHANGE, *overrides))
    lines = found["outage_ledger"]["lines"]
    assert sum(line["duration_us"] for line in lines) == found["outage_us"]
    assert sum(found["phases_us"].values()) == found["outage_us"]
    tried = [line for line in lines if line["cause"] == "attempt"]
    assert sum(line["duration_us"] for line in tried) == found["phases_us"]["attempt"]
    return [(line["duration_us"] // SECOND, line["detail"]) for line in tried]


def test_where_the_nearer_store_burns_in_the_restore_the_farther_takes_over() -> None:
    result = ran(CHANGE)
    found = failover(result)
    assert summary_json(result.summary)["violations"] == []
    assert found["new_primary"] == "vault"
    assert phases(CHANGE) == {
        **FROM_THE_VAULT,
        "detect": (30 + 10) * SECOND,
        "attempt": 15 * MINUTE,
    }
    assert found["outage_us"] == sum(phases(CHANGE).values())
    assert found["data_loss_us"] == at(2, "12:07") - at(1, "09:45")


def test_the_first_attempt_is_in_the_ledger_of_the_outage() -> None:
    assert attempt_lines() == [
        (21, "at tape: the old primary is stopped"),
        (600, "at tape: getting a machine"),
        (249, "at tape: backups are restored"),
        (30, "at tape: its recovery manager has died, and its claim lapses"),
    ]


def test_the_way_that_failed_is_listed_as_such() -> None:
    tape, vault = failover(ran(CHANGE))["ways"]
    assert (tape["standing"], tape["tried_us"]) == ("failed", 15 * MINUTE)
    assert (tape["came_loss_us"], tape["came_outage_us"]) == (None, None)
    assert vault["standing"] == "taken"
    told = ways_taken(ran(CHANGE).whole).splitlines()
    assert told[1].startswith(" restore tape   failed after 15:00: lose 1 h 07, down 21:22")


DAMAGED = (
    "events=[{at: 'Tue 09:00', corrupt_at_rest: {database: crm, kind: full, files: 9}, copy: tape},"
    " {at: 'Tue 12:07', lose: site}]"
)


def test_where_every_full_is_damaged_the_farther_store_takes_over() -> None:
    """Three fulls lie there: the one from before the run, Monday's and Tuesday's. Each is read
    until the damage shows, and hashed again, which takes 500 s each time, and a second.
    """
    found = failover(ran(CHANGE, DAMAGED))
    assert found["new_primary"] == "vault"
    each = 2 * ceil_div(100 * 10**9, 200 * 10**6)
    assert [us for us, _ in attempt_lines(DAMAGED)][:2] == [21, 600]
    tried = found["phases_us"]["attempt"] - 621 * SECOND
    assert 3 * each <= tried <= 3 * each + 3 * SECOND
    spent = {phase: us for phase, us in found["phases_us"].items() if phase in FROM_THE_VAULT}
    assert spent == FROM_THE_VAULT
    told = ways_taken(ran(CHANGE, DAMAGED).whole)
    assert (
        "restore tape   failed after 1 h 00, although it was closed at the failure: nothing lies"
        in told
    )


def test_where_the_primary_s_share_is_left_the_next_one_is_restored_from_it() -> None:
    """Only the host is lost, and no courier is needed: the vault fetches what it lacks past the
    tapes, which have burned.
    """
    lost = DAMAGED.replace("lose: site", "lose: host")
    burns = lost.replace("]", ", {at: 'Tue 12:22', lose_secondary: 20 h, copy: tape}]")
    result = ran(CHANGE, burns, "copies.vault.store.transit=0 s")
    found = failover(result)
    assert summary_json(result.summary)["violations"] == []
    assert (found["new_primary"], found["data_loss_us"]) == ("vault", 7 * MINUTE)


def test_nobody_else_takes_over_from_one_that_succeeds() -> None:
    """The negative case: the tapes burn once they have been brought online."""
    late = "events=[{at: 'Tue 12:07', lose: site}, {at: 'Tue 12:40', lose_secondary: 20 h, copy: tape}]"
    found = failover(ran(CHANGE, late))
    assert (found["new_primary"], found["phases_us"]["attempt"]) == ("tape", 0)


# ---- less than was offered
def test_a_shorter_chain_than_was_offered_is_left_for_a_better_copy() -> None:
    """By least loss the vault is taken first, as it is written first and holds as much as deep. Its
    log of 06:00 turns out to be damaged: 4 h 07 would be lost there, and 2:00 at deep.
    """
    changes = [
        "copies={vault: {store: {}}, deep: {store: {machine: 20 min}}}",
        "failover.choose=least_loss",
        "databases.crm.log=every 5 min",
        "events=[{at: 'Tue 06:06', corrupt_at_rest: {database: crm, kind: log}, copy: vault},"
        " {at: 'Tue 10:07', lose: site}]",
        "sla=[]",
    ]
    result = ran(CHANGE, *changes)
    found = failover(result)
    assert summary_json(result.summary)["violations"] == []
    assert (found["new_primary"], found["data_loss_us"]) == ("deep", 2 * MINUTE)
    vault = found["ways"][0]
    assert vault["standing"] == "failed" and vault["tried_us"] > 10 * MINUTE
    by_order = failover(ran(CHANGE, *changes, "failover.choose=preferred"))
    assert by_order["new_primary"] == "vault"
    assert by_order["data_loss_us"] == at(2, "10:07") - at(2, "06:00")


# ---- a full that is still being hashed
HASHED = ("databases.crm.size=500 GB", "sla=[]")


@pytest.mark.parametrize(("lost", "logs"), [("00:03", 0), ("00:22", 4), ("00:40", 7)])
def test_the_machine_is_got_while_the_only_full_is_hashed(lost: str, logs: int) -> None:
    """500 GB at 200 MB/s: 2,500 s, from 0:00 on, and 0.1 s for each log that lands meanwhile. The
    fence and the machine are over 651 s after the loss, at 0:50:51 at the latest.
    """
    changes = (*HASHED, f"events=[{{at: 'Mon {lost}', lose: site}}]")
    result = ran("stores/vault_only", *changes)
    assert summary_json(result.summary)["violations"] == []
    found = failover(result)
    began = at(1, lost) + (30 + 21 + 600) * SECOND
    hashed = 2_500 * SECOND + logs * SECOND // 10
    assert found["phases_us"]["fence"] == 21 * SECOND
    assert found["phases_us"]["provision"] == 600 * SECOND
    log = SECOND + ceil_div(20 * 10**6, 200 * 10**6)
    drain = max(0, hashed - began) + SECOND + 2_500 * SECOND + logs * log
    assert abs(found["phases_us"]["drain"] - drain) <= SECOND
    (vault,) = found["ways"]
    assert vault["outage_us"] == vault["came_outage_us"]


def test_people_are_told_that_the_hash_is_waited_for() -> None:
    changes = (*HASHED, "events=[{at: 'Mon 00:03', lose: site}]")
    told = rows(ran("stores/vault_only", *changes), "seen.RaiseAlert", event_id=21)
    limit = at(1, "00:03") + (30 + 21 + 600) * SECOND + 10 * MINUTE
    hashed = 2_500 * SECOND
    assert [row.time_us for row in told] == list(range(limit, hashed, 5 * MINUTE))
    assert "waits beyond its limit for [1] files" in told[0].values["text"]


def test_a_full_whose_hash_does_not_agree_is_no_way_back() -> None:
    """The vault begins, as it is preferred; deep has hashed its full when the run began."""
    changes = (
        *HASHED,
        "copies={vault: {store: {}}, deep: {store: {machine: 20 min}, replay: {validate: none}}}",
        "events=[{at: 'Mon 00:01', corrupt_at_rest: {database: crm, kind: full}, copy: vault},"
        " {at: 'Mon 00:03', lose: site}]",
    )
    result = ran("stores/vault_only", *changes)
    assert summary_json(result.summary)["violations"] == []
    found = failover(result)
    assert found["new_primary"] == "deep" and found["phases_us"]["attempt"] > 0
    assert found["outage_us"] == sum(
        line["duration_us"] for line in found["outage_ledger"]["lines"]
    )


# ---- what cannot come is not waited for
TWO_MACHINES = (
    "machines=[sql1, sql2]",
    "databases={crm: {machine: sql1, size: 5 GB, log_volume: 2 MB per 5 min, full: none,"
    " differential: none, log: every 5 min}, erp: {machine: sql2, size: 2 GB,"
    " log_volume: 1 MB per 5 min, full: none, differential: none, log: every 10 min}}",
    "copies={vault: {store: {machine: 2 min}}, deep: {store: {machine: 3 min}}}",
    "failover.machines_silent=1",
    "run_for=14 h",
    "sla=[]",
)


def damaged_and(*more: str) -> tuple[str, ...]:
    """All that lies in the vault is damaged; and more happens."""
    each = [
        f"{{at: 'Mon 08:00', corrupt_at_rest: {{database: {name}, files: 200}}, copy: vault}}"
        for name in ("crm", "erp")
    ]
    return (*TWO_MACHINES, f"events=[{', '.join([*each, *more])}]")


def test_a_store_waits_no_longer_than_the_limit_for_files_that_another_one_has() -> None:
    """Copies are asked for from the primary's share, and the vault's link is down: after the limit
    of 10 min deep, which has waited for its turn, takes over.
    """
    lost = "{at: 'Mon 09:02', lose: database}"
    down = "{at: 'Mon 09:02', link_outage: 5 h, copy: vault}"
    result = ran("stores/vault_only", *damaged_and(lost, down))
    assert summary_json(result.summary)["violations"] == []
    found = failover(result)
    assert (found["new_primary"], found["data_loss_us"]) == ("deep", 0)
    assert found["phases_us"]["attempt"] == (5 + 120 + 600) * SECOND


def test_a_store_alone_waits_for_what_may_come() -> None:
    """The negative case: deep is gone, and nobody waits for the claim."""
    lost = "{at: 'Mon 09:02', lose: database}"
    down = "{at: 'Mon 09:02', link_outage: 1 h, copy: vault}"
    gone = "{at: 'Mon 08:30', lose_secondary: 10 h, copy: deep}"
    result = ran("stores/vault_only", *damaged_and(lost, down, gone))
    assert len(rows(result, "seen.YieldClaim")) > 1
    assert rows(result, "seen.ClaimYielded") == []


def test_writes_that_the_first_attempt_has_stopped_were_stopped_then() -> None:
    """crm's machine is lost; erp's lives, and the vault's fence stops it at 09:02:35. Nothing of
    erp is lost: its tail is taken, and it was not written to while deep was restored.
    """
    lost = "{at: 'Mon 09:02', lose: {what: host, machine: sql1}}"
    result = ran("stores/vault_only", *damaged_and(lost))
    assert summary_json(result.summary)["violations"] == []
    found = failover(result)
    assert found["new_primary"] == "deep" and found["phases_us"]["attempt"] > 0
    losses = {one["name"]: one["data_loss_us"] for one in found["databases"]}
    assert losses == {"crm": 2 * MINUTE, "erp": 0}


def test_a_stopped_primary_that_is_left_alone_would_be_found() -> None:
    """As if deep had not taken over, and nobody had been told. While the operator is asked, he
    decides.
    """
    lost = "{at: 'Mon 09:02', lose: {what: host, machine: sql1}}"
    result = ran("stores/vault_only", *damaged_and(lost))
    vault, deep = (leg for leg in result.whole.legs[0].every)
    assert list(left_alone([of(vault.journal, vault), of(deep.journal, deep)])) == []
    left_us = 0
    mute = Journal()
    for row in vault.journal.rows(*KIND_ID):
        if row.kind != "seen.RaiseAlert":
            mute.note(row.kind, row.time_us, row.entity, *row.values.values())
        if row.values.get("phase") == "abandoned":
            left_us = row.time_us
    assert [breach.requirement for breach in left_alone([of(mute, vault)])] == ["R15"]
    asked = of(mute, vault)
    page = Row(1 << 40, "seen.PageOperator", left_us - MINUTE, -1, {"reason": ""})
    asked._rows["seen.PageOperator"] = [page]
    assert list(left_alone([asked])) == []
    asked._rows["seen.PageOperator"] = [replace(page, time_us=left_us - 30 * MINUTE)]
    assert [breach.requirement for breach in left_alone([asked])] == ["R15"]


def of(journal: Journal, leg: Leg) -> Story:
    return Story(journal, leg.scenario)


def test_logs_of_the_share_are_fetched_before_a_full_that_takes_too_long() -> None:
    """The vault holds what is an hour old; the share of the dead host has the logs since, and a
    full of 20 GB that was begun at 09:00: 800 s over the link. After the limit of 10 min it is
    left.
    """
    changes = (
        "databases.crm.size=20 GB",
        "databases.crm.full=daily 09:00",
        "copies.vault.store.hold=1 h",
        "events=[{at: 'Mon 09:04', lose: host}]",
        "sla=[]",
    )
    result = ran("stores/vault_only", *changes)
    assert summary_json(result.summary)["violations"] == []
    found = failover(result)
    assert (found["data_loss_us"], found["phases_us"]["drain"]) == (4 * MINUTE, 10 * MINUTE)


@pytest.mark.parametrize("lost", ["01:21", "01:23", "01:28", "01:31"])
def test_an_older_full_that_is_restored_beside_a_hash_is_foretold(lost: str) -> None:
    """The full of 01:00 lands at 01:22:09 and is hashed for 500 s. Where the restore begins 61 s
    after the loss in that time, the full from before the run and 16 logs are restored beside the
    hash, from one device. What is foretold waits for the newer full: at most the older one's logs
    less.
    """
    changes = (
        "databases.crm.size=100 GB",
        "databases.crm.full=daily 01:00",
        "link.bandwidth=1 Gbit/s",
        "copies.vault.store.machine=10 s",
        "run_for=6 h",
        f"events=[{{at: 'Mon {lost}', lose: site}}]",
        "sla=[]",
    )
    (vault,) = failover(ran("stores/vault_only", *changes))["ways"]
    logs = 17 * (SECOND + ceil_div(20 * 10**6, 200 * 10**6))
    assert 0 <= vault["came_outage_us"] - vault["outage_us"] <= logs
    exact = lost in ("01:21", "01:31")
    assert (vault["came_outage_us"] == vault["outage_us"]) is exact
