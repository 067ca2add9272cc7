"""The cloud manager's part of the library: a scenario for each fault, with what it must show."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from dr_sim.faults import KINDS
from dr_sim.loading import load_scenario
from dr_sim.measures.cloud.cloud import calls
from dr_sim.measures.tables import tables
from dr_sim.runs.run import Result
from dr_sim.units import HOUR_US, MINUTE_US
from dr_sim.world.world import World

from .runs import SCENARIOS, clock, ran, rows

CLOUD_KINDS = {kind.name for kind in KINDS if kind.needs_cloud}
HERE = SCENARIOS / "cloud" / "faults"


def cloud(name: str) -> Result:
    return ran(f"cloud/faults/{name}")


def told(result: Result) -> dict[str, int]:
    found: dict[str, int] = result.summary.cloud.jobs.notices
    return found


def scripts(result: Result, *what: str) -> list[tuple[int, dict[str, Any]]]:
    return [
        (r.time_us, r.values)
        for r in result.journal.rows("truth.cloud_script")
        if r.values["what"] in what
    ]


def test_every_kind_has_a_scenario() -> None:
    used = {
        each.kind.name
        for path in HERE.glob("*.yaml")
        for of in (load_scenario(path),)
        for each in (*of.events, *of.faults)
    }
    assert used >= CLOUD_KINDS and len(CLOUD_KINDS) == 31


def test_quiet_hours_are_told_of_to_nobody() -> None:
    result = cloud("base")
    assert told(result) == {}
    # at most until the next whole five minutes, and then 32 s of a script and 15 ms to start it
    assert 300_000_000 < result.summary.cloud.drift.max_us <= 332_015_000


@pytest.mark.parametrize("name", ["lost_request", "lost_answer", "duplicate_request"])
def test_messages_that_are_lost_or_repeated_change_nothing_that_is_done(name: str) -> None:
    usual, now = cloud("base"), cloud(name)
    assert now.summary.cloud.jobs.effects == usual.summary.cloud.jobs.effects
    assert now.summary.cloud.api.unanswered == 0
    if name != "duplicate_request":
        assert now.summary.cloud.api.first_try_ppm < 700_000


def test_a_lost_answer_is_answered_again() -> None:
    outcomes = cloud("lost_answer").summary.cloud.api.outcomes
    assert outcomes["again"] > 20 and "conflict" not in outcomes


def test_an_id_that_is_used_again_is_refused_and_does_nothing() -> None:
    usual, now = cloud("base"), cloud("id_reused")
    refused = now.summary.cloud.api.outcomes["conflict"] + now.summary.cloud.api.outcomes["again"]
    usually = usual.summary.cloud.jobs.effects["A script"]
    assert now.summary.cloud.jobs.effects["A script"] == usually - refused


def test_a_tenants_client_is_refused_in_anothers_network() -> None:
    result = cloud("wrong_tenant_call")
    assert result.summary.cloud.api.outcomes["forbidden"] > 20
    theirs = {r.values["change"] for r in result.journal.rows("truth.cloud_effect") if r.entity}
    assert not [change for change in theirs if change.startswith("portal/")]


def test_a_job_past_its_limit_is_ended_then_cleaned_up() -> None:
    result = cloud("script_hangs")
    (killed,) = scripts(result, "killed")
    (cleaning,) = scripts(result, "cleaning")
    (begun,) = [x for x in scripts(result, "begins") if x[1]["job"] == killed[1]["job"]]
    # asked at the limit, ended by 1 s, and words take 15 ms each
    assert killed[0] - begun[0] == 10 * MINUTE_US + 1_000_000 + 4 * 15_000
    assert cleaning[0] == killed[0] + 2 * 15_000
    assert told(result) == {"job overdue": 1}


def test_a_clean_up_that_fails_is_tried_again_and_somebody_is_told() -> None:
    result = cloud("clean_up_fails")
    assert [x[1]["what"] for x in scripts(result, "cleaning", "not cleaned", "cleaned")] == [
        "cleaning",
        "not cleaned",
        "cleaning",
        "cleaned",
    ]
    assert told(result)["not cleaned"] == 1


def test_what_a_process_does_behind_the_managers_back_is_found_by_comparing() -> None:
    result = cloud("script_escapes")
    assert len(scripts(result, "escaped")) == len(scripts(result, "done late")) == 1
    assert told(result)["different"] == 1


def test_drift_is_told_of_at_its_limit_and_at_every_retry() -> None:
    result = cloud("mirror_off")
    notices = [r.time_us for r in result.journal.rows("cloud.Notify")]
    since = result.journal.rows("cloud.Notify")
    first = next(iter(since)).values["since_utc_us"] - result.scenario.start_utc_us
    assert notices[0] == first + 15 * MINUTE_US
    assert result.summary.cloud.drift.above[15 * MINUTE_US].time_us > 10 * MINUTE_US


def test_changes_by_hand_are_found_at_the_next_audit() -> None:
    result = cloud("changed_by_hand")
    found = [r.time_us for r in result.journal.rows("cloud.Notify")]
    assert [at // HOUR_US for at in found] == [3, 5]


def test_a_wrong_mapping_never_brings_an_identifier_of_the_primary_into_use() -> None:
    for name in ("wrong_mapping", "wrong_mapping_other", "base"):
        effects = [r.values for r in cloud(name).journal.rows("truth.cloud_effect")]
        assert all(f"-at-{v['site']}" in v["params"] for v in effects if v["how"] != "hand")
    assert told(cloud("wrong_mapping"))["blocked"] > 0
    assert told(cloud("wrong_mapping_other"))["different"] > 0


def test_scripts_that_are_missing_are_copied() -> None:
    result = cloud("script_missing")
    copied = Counter(r.values["script"] for r in result.journal.rows("cloud.CopyScript"))
    assert len(copied) == 5 and result.summary.cloud.jobs.scripts.get("failed", 0) == 0


def test_what_an_old_copy_of_the_store_forgot_is_found_and_done_once() -> None:
    result = cloud("cloud_store_restored")
    assert told(result)["different"] >= 1
    changes = Counter(
        (r.entity, r.values["site"], r.values["change"])
        for r in result.journal.rows("truth.cloud_effect")
        if r.values["how"] == "script"
    )
    assert set(changes.values()) == {1}


def test_silent_agents_are_no_reason_to_give_a_job_up() -> None:
    result = cloud("agent_silent")
    assert not scripts(result, "killed", "cleaning")
    assert result.summary.cloud.jobs.scripts["begins"] == 370


def test_an_upgrade_side_by_side_is_not_noticed_and_one_in_place_is() -> None:
    in_place, beside = cloud("cloud_upgrade").summary.cloud.api.while_upgraded
    assert in_place.first_try_ppm == 0
    assert beside.first_try_ppm == 1_000_000


def test_the_older_of_two_managers_is_refused_by_the_store() -> None:
    rows = [r.values["what"] for r in cloud("two_managers").journal.rows("truth.cloud_older")]
    assert rows.count("save refused") == 2


def test_a_move_that_hangs_pauses_backups_until_its_clean_up_has_run() -> None:
    result = cloud("admin_change")
    skipped = [r.time_us for r in result.journal.rows("truth.backup_skipped")]
    (cleaned,) = scripts(result, "cleaned")
    assert min(skipped) > 2 * HOUR_US and max(skipped) < cleaned[0] < 2 * HOUR_US + 26 * MINUTE_US
    assert result.summary.exposure.max_us > 25 * MINUTE_US


# ---- a failover
def test_a_failover_pays_for_drift() -> None:
    result = ran("cloud/drift")
    (failover,) = result.summary.failovers
    (provisioning,) = result.summary.cloud.provisionings
    took = provisioning.ended_us - provisioning.began_us
    assert failover.phases_us["provision"] == took
    assert sum(line.duration_us for line in provisioning.lines) == took
    assert provisioning.ready


def test_all_is_done_once_in_a_bad_network() -> None:
    result = ran("cloud/api_chaos")
    assert (result.summary.cloud.jobs.twice, result.summary.cloud.jobs.lost) == (0, 0)
    assert result.summary.cloud.api.lives > 4


def test_calls_that_are_only_counted_are_answered_as_those_that_are_played() -> None:
    """Counted or played one by one: the same calls, the same changes, the same drift."""
    scenario = cloud("base").scenario
    each = []
    for play_all in (False, True):
        world = World(scenario)
        assert world.pair.cloud is not None
        world.pair.cloud.front.play_all = play_all
        journal = world.run()
        t = tables(journal)
        drift = [(r.time_us, r.values) for r in t.rows("truth.cloud_drift")]
        each.append((calls(t, scenario, 0, scenario.run_for_us + 1), drift))
    assert each[0] == each[1]
    assert each[0][0].calls == 8 * 60 * 4 - 1  # the last one is made at the very end


def test_quiet_logs_take_their_fast_path_beside_a_cloud_manager() -> None:
    """What the databases record is the same with a cloud manager as without one."""
    scenario = cloud("base").scenario
    with_, without = World(scenario).run(), World(replace(scenario, cloud=None)).run()
    for kind in ("truth.landed", "truth.restored", "truth.survivable"):
        mine = [(r.time_us, r.values) for r in with_.rows(kind)]
        assert mine == [(r.time_us, r.values) for r in without.rows(kind)] != []


def test_the_standby_that_is_not_mirrored_is_made_when_it_takes_over() -> None:
    """The arithmetic is in the scenario: near would have waited for nothing."""
    summary = ran("cloud/two_standbys").summary
    (failover,) = summary.failovers
    waits = [x.duration_us for x in failover.outage_ledger.lines if x.cause == "provision"]
    assert waits == [302_060_000]
    assert summary.cloud.jobs.effects == {
        "A script": 2,
        "far set": 2,
        "near script": 2,
    }
    assert summary.cloud.jobs.scripts["begins"] == 6


def test_the_policy_counts_the_time_of_the_configuration() -> None:
    """The arithmetic is in the scenario: near is back after 2:59.6, far would be after 7:11.6."""
    result = ran("cloud/fastest")
    (failover,) = result.summary.failovers
    ways = {way.place: way.outage_us for way in failover.ways}
    assert ways == {"near": failover.outage_us, "far": 431_550_000}
    (near, far) = [row.values["takes_us"] for row in rows(result, "seen.MakeOffer")]
    assert near < 181_000_000 and far == 431_550_000


def test_a_site_is_built_beside_a_standby() -> None:
    """The arithmetic is in the scenario: D after 1 h 12, C after 45:28, unprotected for 4:02."""
    summary = ran("cloud/built_beside").summary
    (failover,) = summary.failovers
    assert clock(failover.unprotected_us or 0) == "4:02"
    machines = summary.cloud.machines
    assert machines is not None
    to_goal = {each.site: clock(each.lasted_us) for each in machines.to_goal}
    assert to_goal == {"C": "45:28", "D": "1:12:08"}


def test_a_restore_from_a_store_waits_for_the_configuration() -> None:
    """The arithmetic is in the scenario: 5:02 of 26:25, and machines after 39:08 and 50:30."""
    summary = ran("cloud/restored").summary
    for failover in summary.failovers:
        lines = failover.outage_ledger.lines
        waits = [x.duration_us for x in lines if x.cause == "provision"]
        assert waits == [600_000_000, 302_060_000]
    assert clock(summary.failovers[0].outage_us or 0) == "26:25"
    machines = summary.cloud.machines
    assert machines is not None
    assert [clock(x.lasted_us) for x in machines.degraded] == ["39:08", "39:08"]
    assert [clock(x.lasted_us) for x in machines.to_goal] == ["50:30", "50:30"]
