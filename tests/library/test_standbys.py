"""Several standbys behind one primary: one takes over, the others follow it or are seeded (R14 to
R16, W1, W5).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.kinds import KIND_ID
from dr_sim.record.pairs import pair_of
from dr_sim.record.verify import verify
from dr_sim.recovery.failover.policy import KEYS, CopyPolicy
from dr_sim.runs.run import Result, run
from dr_sim.scenario.kind import RECORDED_OUTAGE
from dr_sim.screen.explain import Wanted, explain
from dr_sim.world.own_logic import builders, with_manager
from dr_sim.world.roles.claims import Claims
from dr_sim.world.world import World

from .runs import HOUR, MINUTE, SCENARIOS, SECOND, at, ceil_div, failover, ran, rows
from .test_directory import made

TWO, LOST, SWAP = "copies/two", "copies/lost", "copies/swap"
FAILED = at(1, "10:07")
ONLINE = FAILED + (30 + 21 + 10) * SECOND


def roles(result: Result) -> list[tuple[str, str, int]]:
    """(primary, secondary, when) of every pair but the first."""
    found = []
    for row in result.journal.rows("truth.roles"):
        found.append((row.values["primary"], row.values["secondary"], row.time_us))
    return found


def follows(result: Result) -> dict[str, bool]:
    """By place: whether its copy went on behind the last new primary without a new seed."""
    places = {pair_of(r.entity): r.values["secondary"] for r in result.journal.rows("truth.roles")}
    found = result.journal.rows("truth.begins")
    return {places[pair_of(row.entity)]: bool(row.values["follows"]) for row in found}


def heard(result: Result, what: str) -> list[tuple[int, int]]:
    """(pair, instant) of what was told or commanded."""
    return [(pair_of(row.entity), row.time_us) for row in result.journal.rows(what)]


def sound(result: Result) -> dict[str, Any]:
    found = summary_json(result.summary)
    assert found["violations"] == []
    return found


# ---- one takes over
def test_the_preferred_one_claims_first_and_the_other_is_refused_a_turn_later() -> None:
    """far hears the silence 25 ms later: half of what its 80 ms of way are beyond the usual 30."""
    result = ran(TWO)
    assert heard(result, "seen.ClaimGiven") == [(0, FAILED + 30 * SECOND)]
    late_us = 25_000
    assert heard(result, "seen.ClaimRefused") == [(1, FAILED + 40 * SECOND + late_us)]
    assert {pair for pair, _ in heard(result, "seen.Fence")} == {0}
    assert heard(result, "truth.promoted") == [(0, ONLINE)]


def test_its_costs_are_those_of_a_single_standby() -> None:
    found = failover(ran(TWO))
    assert found["data_loss_us"] == 120 * SECOND
    alone = failover(ran(TWO, "copies={near: {}}", "sla.5.ways_open_before=at least 1"))
    for cost in ("data_loss_us", "outage_us", "transactions_lost", "phases_us"):
        assert found[cost] == alone[cost]


def test_the_other_follows_it_and_a_new_site_is_seeded_beside_it() -> None:
    """far's first log from near: cut at 10:10:00, a second and 0.05 s to read, then over 20 Mbit/s,
    and hashed and restored.
    """
    result = ran(TWO)
    assert roles(result) == [("A", "far", 0), ("near", "far", ONLINE), ("near", "D", ONLINE)]
    assert follows(result) == {"far": True, "D": False}
    found = failover(result)
    assert (found["new_primary"], found["follow"], found["seeded_anew"]) == ("near", ["far"], [])
    size = 20_000_000 * (at(1, "10:10") - ONLINE) // (5 * MINUTE)
    least_us = at(1, "10:10") + SECOND + ceil_div(8 * size, 20_000_000) - ONLINE
    assert least_us <= found["unprotected_us"] <= least_us + 5 * SECOND
    fulls = [r for r in rows(result, "truth.landed", kind=0) if pair_of(r.entity) == 2]
    assert all(row.time_us > ONLINE + 4 * HOUR for row in fulls)  # with the one for the new site


def test_the_service_is_as_exposed_as_its_best_standby() -> None:
    first, second = sound(ran(TWO))["legs"]
    near, far = first["copies"]
    assert (near["place"], far["place"]) == ("near", "far")
    more_us = ceil_div(8 * 20_000_000, 20_000_000) - ceil_div(8 * 20_000_000, 200_000_000)
    late_us = far["exposure"]["max_us"] - near["exposure"]["max_us"]
    assert more_us <= late_us <= more_us + SECOND  # and 50 ms of way
    assert first["exposure"]["max_us"] == near["exposure"]["max_us"]
    assert first["exposure"]["mean_us"] == near["exposure"]["mean_us"]
    far, new = second["copies"]
    assert second["exposure"]["max_us"] == far["exposure"]["max_us"] < new["exposure"]["max_us"]


def test_an_instant_is_explained_by_the_best_standby_then() -> None:
    """near burns at 9:00, and far is the best one from then on."""
    whole = ran(LOST, "events=[{at: 'Mon 09:00', lose_secondary: 8 h, copy: near}]").whole
    early, late = (explain(whole, Wanted(at=f"Mon {clock}")) for clock in ("08:00", "12:00"))
    assert "exposure of crm (site), by the standby at near" in early
    assert "exposure of crm (site), by the standby at far" in late


# ---- recorded conditions
def test_recorded_outages_are_those_of_one_standbys_link_whoever_is_the_primary() -> None:
    """far's link is down from 09:55 to 10:30, at first that to A, then that to near. near's is not,
    before its site is lost.
    """
    result = ran("copies/recorded")
    links = result.journal.rows("truth.link")
    changes = [(pair_of(row.entity), row.time_us, row.values["up"]) for row in links]
    near_behind_a, far_behind_a, far_behind_near = range(3)
    assert roles(result)[:2] == [("A", "far", 0), ("near", "far", ONLINE)]
    assert changes == [
        (far_behind_a, at(1, "09:55"), 0),
        (near_behind_a, FAILED, 0),
        (far_behind_a, FAILED, 0),
        (far_behind_near, ONLINE, 0),
        (far_behind_near, at(1, "10:30"), 1),
    ]
    outages = [
        (pair_of(row.entity), row.time_us, row.values["begins"])
        for row in result.journal.rows("truth.event")
        if row.values["what"] == RECORDED_OUTAGE
    ]
    # the first pair of far is over when the outage ends
    assert outages == [
        (far_behind_a, at(1, "09:55"), 1),
        (far_behind_near, ONLINE, 1),
        (far_behind_near, at(1, "10:30"), 0),
    ]
    assert follows(result)["far"]
    found = failover(result)
    assert found["data_loss_us"] == 2 * MINUTE
    most_us = 8 * ceil_div(8 * 20_000_000, 200_000_000) + 8 * SECOND  # sent, hashed and restored
    nothing_crosses_us = at(1, "10:30") - ONLINE
    assert 0 <= found["unprotected_us"] - nothing_crosses_us <= most_us


def test_series_that_a_copy_does_not_write_are_those_of_all() -> None:
    """Without near's own `none` the link of near is down as well: it lacks three logs at 10:07."""
    usual = "recorded={outages: {spans: 35700-37800, period: 1 day}}"
    both = ran("copies/recorded", usual)
    assert failover(both)["data_loss_us"] == FAILED - at(1, "09:50")
    one = ran("copies/recorded", usual, "copies.near.recorded={outages: none}")
    assert failover(one)["data_loss_us"] == 2 * MINUTE


def test_recorded_restores_are_slow_at_one_standby() -> None:
    """A log of 20 MB is hashed in 40 ms; at 20 MB/s it is restored in a second, after another one
    for what is fixed. far needs three times as long for that.
    """
    result = ran(
        "copies/recorded",
        "events=[]",
        "sla=[]",
        "run_for=1 h",
        "secondary.restore_rate=20 MB/s",
        "copies.far.recorded={restores: {values: 3000000, step: 1 h}}",
    )
    took: list[set[int]] = [set(), set()]
    landed = {(r.entity, r.values["file"]): r.time_us for r in rows(result, "truth.landed")}
    for row in rows(result, "truth.restored"):
        since_us = landed[row.entity, row.values["file"]]
        took[pair_of(row.entity)].add(row.time_us - since_us)
    hashed_us, restored_us = 40_000, 2 * SECOND
    assert took == [{hashed_us + restored_us}, {hashed_us + 3 * restored_us}]


# ---- a standby is lost
def test_where_the_preferred_one_is_dead_the_next_takes_over_in_its_turn() -> None:
    result = ran(LOST)
    found = failover(result)
    assert found["data_loss_us"] == 120 * SECOND
    assert found["phases_us"]["detect"] == 40 * SECOND + 25_000
    assert found["new_primary"] == "far"
    assert heard(result, "seen.ClaimGiven") == [(1, FAILED + 40 * SECOND + 25_000)]
    assert heard(result, "seen.ClaimRefused") == []


def test_it_stays_lost_behind_the_new_primary_and_is_seeded_when_it_is_back() -> None:
    result = ran(LOST)
    sound(result)
    (back,) = [pair for pair, (_, place, _) in enumerate(roles(result), 1) if place == "near"]
    landed = [row.time_us for row in result.journal.rows("truth.landed")
              if pair_of(row.entity) == back]  # fmt: skip
    assert landed and min(landed) > at(1, "17:00")


# ---- planned
def test_a_swap_leaves_two_places_behind_that_need_no_seed() -> None:
    result = ran(SWAP)
    first, second = sound(result)["failovers"]
    assert (first["new_primary"], first["follow"]) == ("near", ["A", "far"])
    assert (second["new_primary"], second["follow"]) == ("far", ["A", "near"])
    for found in (first, second):
        assert (found["data_loss_us"], found["seeded_anew"]) == (0, [])
    assert rows(result, "truth.landed", kind=0) == []


def test_the_one_that_took_over_loses_its_site_later_and_the_third_takes_over() -> None:
    result = ran(TWO, 'events=[{at: "Mon 10:07", lose: site}, {at: "Mon 12:07", lose: site}]')
    first, second = sound(result)["failovers"]
    assert (first["new_primary"], second["new_primary"]) == ("near", "far")
    assert 120 * SECOND - 1_000 <= second["data_loss_us"] <= 120 * SECOND  # to one commit
    assert second["primary"] == "near"


# ---- never two
def test_nobody_else_is_given_a_claim_until_it_is_let_go_or_lost() -> None:
    world = World(ran(TWO).scenario)
    claims, told = Claims(world.agenda, 30 * SECOND), []
    assert claims.claim("near", told.append, True) == "near"
    assert claims.claim("far", told.append, True) == "near"
    claims.release("far", False)  # who does not have it cannot let it go
    assert (claims.holder, told) == ("near", [])
    claims.died("near")
    claims.lives("near")
    world.agenda.run_until(31 * SECOND)
    assert claims.holder == "near"
    claims.died("near")
    world.agenda.run_until(62 * SECOND)
    assert (claims.holder, told) == ("", [False])
    assert claims.claim("far", told.append, True) == "far"
    claims.keep("near")  # who does not have it cannot keep it
    assert not claims.kept
    claims.keep("far")
    claims.died("far")
    world.agenda.run_until(93 * SECOND)
    assert claims.claim("near", told.append, True) == "far"


BY_DATA_LINK = [
    "heartbeat={path: data link}",
    "failover={mode: automatic}",
    "run_for=1 day",
    "databases.crm.size=5 GB",
]


def by_data_link(*events: str, copies: str = "far: {}") -> Result:
    """near and another copy, with heartbeats on the data link."""
    given = [f"copies={{near: {{}}, {copies}}}", f"events=[{', '.join(events)}]"]
    return ran("faults/base", *BY_DATA_LINK, *given)


FAR_IS_CUT = '{at: "Mon 10:09", copy: far, link_outage: {duration: 30 min}}'


@pytest.mark.parametrize("copies", ["far: {}", "far: {store: {}}"])
@pytest.mark.parametrize("choose", ["preferred", "least_loss"])
def test_a_copy_whose_own_link_is_cut_does_not_take_over(copies: str, choose: str) -> None:
    """near hears the primary all the time: only the path to far is cut."""
    mode = f"failover={{mode: automatic, choose: {choose}}}"
    copies = f"copies={{near: {{}}, {copies}}}"
    result = ran("faults/base", *BY_DATA_LINK, mode, copies, f"events=[{FAR_IS_CUT}]")
    assert sound(result)["failovers"] == []
    # a claim is refused once, not at every retry
    assert [pair for pair, _ in heard(result, "seen.ClaimRefused")] == [1]


def test_the_one_that_hears_it_last_takes_over_when_the_site_is_lost_meanwhile() -> None:
    """The last beat came just before 10:20:00. near claims when its silence is long enough, at
    10:20:20; far is notified then, and is refused a turn later.
    """
    result = by_data_link(FAR_IS_CUT, '{at: "Mon 10:19:55", lose: site}')
    assert failover(result)["new_primary"] == "near"
    assert sound(result)["failovers"][0]["discarded_transactions"] == 0
    (given,) = heard(result, "seen.ClaimGiven")
    assert given == (0, at(1, "10:20:20"))


def test_the_one_that_is_cut_takes_over_when_nobody_else_can() -> None:
    """near's site is lost first. Its manager's last word, that it hears the primary, holds for 30 s
    (failover.silent_for). Then far is notified, and claims after its turn of 10 s.
    """
    near_lost = '{at: "Mon 10:15", copy: near, lose_secondary: 10 h}'
    result = by_data_link(FAR_IS_CUT, near_lost, '{at: "Mon 10:15", lose: site}')
    assert failover(result)["new_primary"] == "far"
    assert heard(result, "seen.ClaimFreed") == [(1, at(1, "10:15:30"))]
    assert heard(result, "seen.ClaimGiven") == [(1, at(1, "10:15:40"))]


def test_an_order_needs_no_agreement_of_the_others() -> None:
    order = '{at: "Mon 10:15", copy: far, order_failover: {by: dba, planned: false}}'
    result = by_data_link(FAR_IS_CUT, order)
    assert failover(result)["new_primary"] == "far"


def test_a_store_that_is_the_only_copy_cannot_tell_a_cut_link_from_a_loss() -> None:
    """Nobody else hears the primary, so this is a split brain, and the result says so."""
    only = '{at: "Mon 10:09", link_outage: {duration: 30 min}}'
    result = ran("faults/base", *BY_DATA_LINK, "copies={vault: {store: {}}}", f"events=[{only}]")
    found = sound(result)["failovers"][0]
    assert found["new_primary"] == "vault"
    assert found["discarded_transactions"] > 0


def test_two_that_took_over_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is given the claim, and nobody waits for long."""
    scenario = load_scenario(
        SCENARIOS / f"{TWO}.yaml",
        ["failover.turn=1 s", "run_for=12 h", "databases.crm.size=5 GB"],
    )
    monkeypatch.setattr(Claims, "claim", lambda claims, place, *given: place)
    found = summary_json(run(scenario).summary)["violations"]
    said = "far was brought online although near has taken over"
    assert said in [one["detail"] for one in found]


def test_a_manager_that_dies_in_the_middle_leaves_it_to_the_other() -> None:
    """near's manager dies just before it fences, and is back after a minute; the lease of 30 s is
    over by then, and far claims a turn later.
    """
    result = ran(
        TWO,
        'events=[{at: "Mon 10:00", manager_crash: {before: Fence}, copy: near}, '
        '{at: "Mon 10:07", lose: site}]',
        "manager.restart_after=2 min",
    )
    found = failover(result)
    assert found["new_primary"] == "far"
    assert heard(result, "seen.ClaimGiven") == [
        (0, FAILED + 30 * SECOND),
        (1, FAILED + 70 * SECOND),
    ]
    sound(result)


def test_steps_and_verification_say_the_same() -> None:
    plain = ran(TWO)
    again = run(plain.scenario)
    assert again.digest == plain.digest


@pytest.mark.parametrize("rank", [0, 1])
def test_each_standby_has_the_luck_of_its_own_place(rank: int) -> None:
    result = ran(TWO, "secondary.restore_tail={p50: 1, p95: 9}", "run_for=3 h", "events=[]")
    mine = [r.time_us for r in result.journal.rows("truth.restored") if pair_of(r.entity) == rank]
    other = [r.time_us for r in result.journal.rows("truth.restored") if pair_of(r.entity) != rank]
    assert [b - a for a, b in pairwise(mine)] != [b - a for a, b in pairwise(other)]


# ---- events that befall one of them
QUIET = ("run_for=3 h", "sla=[{exposure.max: at most 3 h}]")
"""Two standbys, and nothing happens."""
AT_FAR = [
    "replication_off: 20 min",
    "staging_full: 20 min",
    "older_version: {database: crm}",
    "duplicate_file: {database: crm}",
]


def told_by(result: Result, rank: int) -> list[tuple[str, int, int, dict[str, Any]]]:
    """All that a standby's pair has recorded."""
    found = result.whole.legs[0].every[rank].journal.rows(*KIND_ID)
    return [(row.kind, row.time_us, row.entity, row.values) for row in found]


def by_pair(result: Result, kind: str) -> list[int]:
    return [pair_of(row.entity) for row in result.journal.rows(kind)]


@pytest.mark.parametrize("what", AT_FAR)
def test_what_befalls_one_on_its_way_leaves_the_other_as_it_was(what: str) -> None:
    before = ran(TWO, *QUIET, "events=[]")
    after = ran(TWO, *QUIET, f"events=[{{at: 61 min, {what}, copy: far}}]")
    sound(after)
    assert set(by_pair(after, "truth.event")) == {1}
    assert told_by(before, 0) == told_by(after, 0)
    assert told_by(before, 1) != told_by(after, 1)


def test_a_second_copy_in_the_primary_s_share_goes_to_all_of_them() -> None:
    other = "duplicate_file: {database: crm, name: other}"
    result = ran(TWO, *QUIET, f"events=[{{at: 61 min, {other}}}]")
    sound(result)
    names = [(pair_of(r.entity), r.values["name"]) for r in result.journal.rows("truth.landed")]
    logs = {name for pair, name in names if pair == 0}
    assert logs == {name for pair, name in names if pair == 1}
    assert len(logs) == len(rows(ran(TWO, *QUIET, "events=[]"), "truth.landed")) // 2 + 1


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("operator_mistake: wipes the secondary", "truth.copy_gone"),
        (
            "careless_clean_up: {where: secondary, database: crm, older_than: 2 min}",
            "truth.file_gone",
        ),
    ],
)
def test_a_mistake_at_one_of_them_takes_nothing_at_the_other(what: str, kind: str) -> None:
    result = ran(TWO, *QUIET, f"events=[{{at: 61 min, {what}, copy: far}}]")
    sound(result)
    assert set(by_pair(result, kind)) == {1}


@pytest.mark.parametrize(
    "what",
    [
        "careless_clean_up: {where: primary, database: crm, older_than: 2 min}",
        "operator_mistake: wipes the primary",
    ],
)
def test_what_befalls_the_primary_is_in_the_rows_of_each(what: str) -> None:
    result = ran(TWO, *QUIET, f"events=[{{at: 61 min, {what}}}]")
    sound(result)
    begun = [r for r in result.journal.rows("truth.event") if r.values["begins"]]
    assert [pair_of(row.entity) for row in begun] == [0, 1]


def test_logic_of_one_s_own_manages_each_of_them() -> None:
    """The example takes over when it is ordered to; far's life of it goes on behind near."""
    events = 'events=[{at: "Mon 01:02", order_failover: dba}]'
    scenario = load_scenario(SCENARIOS / f"{TWO}.yaml", [events, *QUIET], engine="model")
    result = run(with_manager(scenario, "examples.simple_manager:Simple"))
    sound(result)
    found = failover(result)
    assert (found["data_loss_us"], found["new_primary"]) == (0, "near")
    assert found["follow"] == ["A", "far"]
    builds = builders(result.journal, result.scenario)
    assert verify(result.journal, builds).mismatch is None


# ---- the policy
LEAST = "copies/least_loss"
RESTORES = 356_000_000
ARRIVES = 25_000
"""late and far hear the silence so much later: half of what 80 ms of way are beyond the usual 30."""
ONLINE_AND_SERVED = (10 + 60) * SECOND + 8_460_000


def test_the_copy_that_loses_least_takes_over() -> None:
    """48 logs from 06:10 to 10:05 wait at late: a second each, and 20 MB at 356 MB/s."""
    result = ran(LEAST)
    sound(result)
    found = failover(result)
    assert found["new_primary"] == "late" and found["data_loss_us"] == 120 * SECOND
    drain = 48 * (SECOND + ceil_div(20_000_000, RESTORES))
    assert found["phases_us"]["drain"] == drain
    before = (30 + 21) * SECOND + ARRIVES
    assert found["outage_us"] == before + drain + ONLINE_AND_SERVED


@pytest.mark.parametrize(
    ("choose", "place", "lost"),
    [
        ("preferred", "near", at(1, "10:07") - at(1, "08:00")),
        ("fastest", "near", at(1, "10:07") - at(1, "08:00")),
        ("{least_loss_within: 3 min}", "near", at(1, "10:07") - at(1, "08:00")),
        ("{least_loss_within: 3 min 1 s}", "late", 120 * SECOND),
        ("{least_loss_within: 1 h}", "late", 120 * SECOND),
    ],
)
def test_each_policy_takes_its_own(choose: str, place: str, lost: int) -> None:
    result = ran(LEAST, f"failover.choose={choose}")
    sound(result)
    found = failover(result)
    assert (found["new_primary"], found["data_loss_us"]) == (place, lost)


@pytest.mark.parametrize("choose", ["least_loss", "fastest"])
def test_what_was_foretold_comes_true_whatever_the_policy(choose: str) -> None:
    ways = failover(ran(LEAST, f"failover.choose={choose}"))["ways"]
    (taken,) = [way for way in ways if way["standing"] == "taken"]
    assert taken["came_loss_us"] == taken["loss_us"]
    assert taken["came_outage_us"] == taken["outage_us"]


def test_what_a_copy_says_of_itself_is_what_it_comes_to() -> None:
    """It knows the costs of restores, and counts the silence from when it has heard of it."""
    result = ran(LEAST)
    (offer,) = [r for r in result.journal.rows("seen.MakeOffer") if pair_of(r.entity) == 1]
    assert offer.values["takes_us"] + ARRIVES == failover(result)["outage_us"]
    start = result.scenario.start_utc_us
    assert offer.values["holds_until_utc_us"] - start == at(1, "10:05")


@pytest.mark.parametrize(("burns", "waits"), [("10:07:01", 10 * SECOND), ("10:06:59", 0)])
def test_the_dead_are_waited_for_a_turn_and_only_if_they_may_live(burns: str, waits: int) -> None:
    """The lease of 30 s is over at 10:07:31 or 10:07:29; the offers are made at 10:07:30."""
    near = f"{{at: 'Mon {burns}', lose_secondary: 5 h, copy: near}}"
    result = ran(LEAST, f"events=[{near}, {{at: 'Mon 10:07', lose: site}}]")
    sound(result)
    found = failover(result)["phases_us"]
    assert found["detect"] == 30 * SECOND + ARRIVES
    assert found["decide"] == waits


def test_by_hand_the_operator_is_paged_with_the_ways() -> None:
    result = ran(LEAST, "failover.mode=manual", "failover.operator.answers_in=4 min")
    sound(result)
    assert failover(result)["new_primary"] == "late"
    (page,) = result.journal.rows("seen.PageOperator")
    ways = page.values["reason"].split("taken: ")[1].split("; ")
    assert [way.split(" loses ")[0] for way in ways] == ["late", "vault", "near"]
    assert ways[0] == "late loses 0:02:00 and is back in 0:07:00"
    assert ways[2] == "near loses 2:07:00 and is back in 0:06:09"


def test_the_policy_holds_for_real_engines() -> None:
    changes = [
        "copies={near: {}, late: {link: {rtt: 80 ms}, replay: {delay: 1 h}}}",
        "run_for=4 h",
        "databases.crm.size=5 GB",
        "events=[{at: 'Mon 01:02', link_outage: 2 h, copy: near}, {at: 'Mon 02:07', lose: site}]",
    ]
    model = ran(LEAST, *changes)
    scenario = load_scenario(
        SCENARIOS / f"{LEAST}.yaml", [*changes, "engine.kind=sqlite"], timing="modelled"
    )
    real = run(scenario)
    assert failover(real)["new_primary"] == "late"
    assert real.digest == model.digest


def test_a_copy_that_claims_before_its_turn_would_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The policy takes the worst: near, whose turn is the last."""
    worst = (lambda offer, choose: offer.holds_until_utc_us,)
    monkeypatch.setitem(KEYS, CopyPolicy.LEAST_LOSS, worst)
    scenario = load_scenario(SCENARIOS / f"{LEAST}.yaml", [])
    found = summary_json(run(scenario).summary)["violations"]
    assert [one["invariant"] for one in found] == ["R14"]
    assert found[0]["detail"].endswith(
        "a copy claims to take over before its turn: 2 are before it"
    )


def test_alerts_of_all_copies_reach_nobody_while_the_channel_is_dead() -> None:
    """Both links are down from 1:01 on: each copy tells of silence, to nobody for an hour."""
    down = "{at: 61 min, link_outage: 90 min}, {at: 61 min, link_outage: 90 min, copy: far}"
    dead = "{at: 60 min, dead_alert_channel: 1 h}"
    result = ran(TWO, *QUIET, f"events=[{dead}, {down}]")
    told = list(result.journal.rows("seen.RaiseAlert", "seen.MonitorAlert"))
    assert {pair_of(row.entity) for row in told} == {0, 1}
    lost = list(result.journal.rows("truth.alert_lost"))
    early = [row for row in told if HOUR <= row.time_us < 2 * HOUR]
    assert sorted(row.time_us for row in lost) == sorted(row.time_us for row in early)
    assert early and len(early) < len(told)
    assert [pair_of(r.entity) for r in result.journal.rows("truth.event")
            if r.values["what"] == "dead_alert_channel" and r.values["begins"]] == [0, 1]  # fmt: skip


def test_a_dead_alert_channel_outlasts_a_failover() -> None:
    dead = "{at: 'Mon 10:00', dead_alert_channel: 3 h}, {at: 'Mon 10:07', lose: site}"
    result = ran(TWO, f"events=[{dead}]", "sla=[]")
    lost = [r.time_us for r in result.journal.rows("truth.alert_lost")]
    told = [r.time_us for r in result.journal.rows("seen.RaiseAlert", "seen.MonitorAlert")]
    assert sorted(lost) == sorted(
        at_us for at_us in told if at(1, "10:00") <= at_us < at(1, "13:00")
    )


@pytest.mark.parametrize(("where", "gone"), [("primary", {0, 1}), ("secondary", {1})])
def test_a_file_that_is_lost_at_the_primary_comes_to_no_copy(where: str, gone: set[int]) -> None:
    """The log of 1:05. far can have another copy of it only if it lies at the primary."""
    copy = "" if where == "primary" else ", copy: far"
    lost = f"{{at: 61 min, missing_file: {{database: crm, where: {where}}}{copy}}}"
    result = ran(TWO, *QUIET, f"events=[{lost}]", "databases.crm.incremental=every 2 h")
    assert summary_json(result.summary)["violations"] == []
    name = "crm_2026_01_05_01_05_00_log_000"
    landed = [r for r in result.journal.rows("truth.landed") if r.values["name"] == name]
    came = [pair_of(row.entity) for row in landed]
    assert came == ([] if where == "primary" else [0, 1, 1])
    rows_gone = [r for r in result.journal.rows("truth.file_gone") if r.values["why"] == "lost"]
    assert {pair_of(row.entity) for row in rows_gone} == gone


def test_a_file_that_is_lost_at_both_sides_is_left_at_the_other_copy() -> None:
    lost = "{at: 61 min, missing_file: {database: crm, where: both}, copy: far}"
    result = ran(TWO, *QUIET, f"events=[{lost}]", "databases.crm.incremental=every 2 h")
    assert summary_json(result.summary)["violations"] == []
    name = "crm_2026_01_05_01_05_00_log_000"
    landed = [r for r in result.journal.rows("truth.landed") if r.values["name"] == name]
    assert sorted(pair_of(row.entity) for row in landed) == [0, 1]
    restored = [pair_of(r.entity) for r in result.journal.rows("seen.Restored")
                if r.values["name"] == name]  # fmt: skip
    assert restored == [0]


def test_a_clean_up_at_both_sides_takes_the_primary_s_and_those_of_one_copy() -> None:
    what = "careless_clean_up: {where: both, database: crm, older_than: 2 min}"
    result = ran(TWO, *QUIET, f"events=[{{at: 62 min, {what}, copy: far}}]")
    assert summary_json(result.summary)["violations"] == []
    taken = [r for r in result.journal.rows("truth.file_gone") if r.values["why"] == "clean-up"]
    found = {(pair_of(row.entity), row.values["where"]) for row in taken}
    assert found == {(0, "primary"), (1, "primary"), (1, "secondary")}


# ---- the directory
CUT = (
    "events=[{at: Mon 08:50, link_outage: 20 min, copy: far}, "
    "{at: Mon 09:00, lose_secondary: 8 h, copy: near}, {at: Mon 10:07, lose: site}]"
)
EVERY_3_H = "directory={changes: 200 per day, replicate: every 3 h, lag: 1 min, provision: 2 min}"


@pytest.mark.parametrize(
    "name, events, since",
    [
        (TWO, (), "09:00"),  # near takes over: it was replicated to at 09:00
        (LOST, (), "09:00"),  # far does: so was it
        # far had no link at 09:00, and has what it was given at 06:00
        (LOST, (CUT,), "06:00"),
    ],
)
def test_each_standby_lacks_the_entries_since_it_was_replicated_to(
    name: str, events: tuple[str, ...], since: str
) -> None:
    """Entries are made at the primary: by the same draws, whichever standby takes over."""
    result = ran(name, EVERY_3_H, *events)
    missing = made(at(1, since), FAILED)
    assert missing > 5
    assert [r.values["missing"] for r in rows(result, "truth.directory")] == [missing]
    assert failover(result)["phases_us"]["provision"] == missing * 2 * MINUTE
