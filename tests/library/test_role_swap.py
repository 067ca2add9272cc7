"""Roles that change: what goes on after a promotion, and what needs a new seed (R16, W5)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from dr_sim.backups.chain import chain_is_valid
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.loading import load_scenario
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.legs import Leg
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.plain import summary_json
from dr_sim.oracle.witnessed import Lineage
from dr_sim.record.journal import Row
from dr_sim.record.pairs import pair_of
from dr_sim.results.run_folder import read_results, write_results
from dr_sim.runs.run import Result, run
from dr_sim.world import play
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.roles import succession
from dr_sim.world.world import World

from .runs import DAY, HOUR, MINUTE, SCENARIOS, SECOND, at, failovers, ran

SWAP = "after_failover/role_swap"
SEVERAL = "after_failover/role_swap_several"
RULES = ["sql_server", "postgres"]
SILENCE = "failover={mode: automatic, silent_for: 30 s}"


def swap(*overrides: str, rules: str = "sql_server", name: str = SWAP) -> Result:
    return ran(name, f"engine.imitates={rules}", *overrides)


def legs(result: Result) -> list[Leg]:
    return list(result.whole.legs)


def in_leg(result: Result, number: int, record: str, **wanted: int | str) -> list[Row]:
    journal = legs(result)[number - 1].journal
    return [r for r in journal.rows(record) if all(r.values[k] == v for k, v in wanted.items())]


def refused_logs(result: Result, number: int) -> list[Row]:
    skipped = in_leg(result, number, "truth.backup_skipped", kind=Kind.LOG)
    return [r for r in skipped if "4214" in r.values["reason"] or "4214" in r.values["words"]]


# ---- the swap itself
@pytest.mark.parametrize("rules", RULES)
def test_a_planned_swap_loses_nothing_and_is_unprotected_for_one_interval(rules: str) -> None:
    result = swap(rules=rules)
    for found in failovers(result):
        assert (found["data_loss_us"], found["class"]) == (0, "planned")
        assert 0 < found["unprotected_us"] < 5 * MINUTE + 5 * SECOND
        assert sum(found["phases_us"].values()) == found["outage_us"] < 90 * SECOND
        assert found["seeded_anew"] == []
    assert [(leg.primary, leg.secondary) for leg in legs(result)] == [
        ("A", "B"),
        ("B", "A"),
        ("A", "B"),
    ]
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_nothing_but_logs_crosses_the_link_for_it(rules: str) -> None:
    result = swap(rules=rules)
    for number in (2, 3):
        assert {r.values["kind"] for r in in_leg(result, number, "truth.backup_begin")} == {
            Kind.LOG
        }
        assert in_leg(result, number, "truth.backup_skipped") == []


@pytest.mark.parametrize("rules", RULES)
def test_forks_positions_and_commits_are_numbered_on(rules: str) -> None:
    """What the tail ended with is where the new primary begins, and its first log begins there."""
    result = swap(rules=rules)
    for number in (2, 3):
        (promoted,) = in_leg(result, number - 1, "truth.promoted")
        (begins,) = in_leg(result, number, "truth.begins")
        tail = in_leg(result, number - 1, "truth.restored")[-1].values
        first = in_leg(result, number, "truth.backup_begin")[0].values
        assert begins.values["follows"] == 1
        assert begins.values["fork"] == promoted.values["fork"] == first["fork"] == number
        assert (
            begins.values["lsn"]
            == promoted.values["fork_point_lsn"]
            == tail["redo_lsn"]
            == first["first_lsn"]
        )
        assert begins.values["commits"] == promoted.values["commits"] == tail["commits"]
    last = in_leg(result, 3, "truth.commits_total")[-1].values["commits"]
    assert abs(last - 24 * HOUR // (100_000)) < 2 * 10 * 90, (
        "ten a second but for the outages, through all legs"
    )


@pytest.mark.parametrize("rules", RULES)
def test_old_full_and_all_logs_are_one_chain_over_both_forks(rules: str) -> None:
    """By the rules of the chain, which know nothing of legs: the seed, every log of each leg, in
    order.
    """
    result = swap(rules=rules)
    seed = BackupHeader(
        "app", -1, Kind.FULL, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, False, False, 500_000_000_000
    )
    made = [seed]
    for leg in legs(result):
        end = leg.journal.rows("truth.promoted")
        until = next((r.time_us for r in end), 1 << 62)
        for event in leg.journal.rows("seen.Validated"):
            if event.time_us <= until:
                made.append(leg.journal.told(event.seq).header)
    assert {h.fork for h in made} == {1, 2, 3}
    assert len(made) > 280
    assert chain_is_valid(made)
    without = [h for h in made if not (h.fork == 2 and h.first_fork == 1)]
    assert not chain_is_valid(without), "the log that crosses the fork is needed"


@pytest.mark.parametrize("rules", RULES)
def test_exposure_goes_on_through_the_swap(rules: str) -> None:
    """At the promotion nothing is exposed; then it rises until the first log of the new primary has
    landed.
    """
    result = swap(rules=rules)
    second = legs(result)[1]
    (landed, *_) = in_leg(result, 2, "truth.landed")
    curve = true_exposure(second.journal, second.scenario, 0, "site")
    assert curve.at(0) == 0
    assert landed.time_us - 1 - curve.at(landed.time_us - 1) < SECOND // 10, "the next commit"
    assert curve.at(landed.time_us + 1) < 5 * SECOND
    assert result.whole.exposure().max_us() < 5 * MINUTE + 5 * SECOND
    reported = result.whole.reported()
    assert abs(reported.max_us() - result.whole.exposure().max_us()) < 5 * SECOND


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("times", [1, 5])
def test_as_many_times_as_it_is_ordered(rules: str, times: int) -> None:
    orders = ", ".join(
        f"{{at: {hour} h, order_failover: dba}}" for hour in range(1, 2 * times + 1, 2)
    )
    result = swap(f"events=[{orders}]", "run_for=12 h", rules=rules)
    assert [f["data_loss_us"] for f in failovers(result)] == [0] * times
    assert all(f["unprotected_us"] < 6 * MINUTE for f in failovers(result))
    assert legs(result)[-1].primary == "BA"[(times + 1) % 2]
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_back_again_before_the_first_log_was_cut(rules: str) -> None:
    """The tail of the new primary then holds all that was written there."""
    result = swap(
        "events=[{at: 602 min, order_failover: dba}, {at: 604 min, order_failover: dba}]",
        rules=rules,
    )
    first, second = failovers(result)
    assert (first["data_loss_us"], second["data_loss_us"]) == (0, 0)
    assert second["unprotected_us"] < 6 * MINUTE
    (begins,) = in_leg(result, 3, "truth.begins")
    assert (begins.values["fork"], begins.values["follows"]) == (3, 1)
    assert summary_json(result.summary)["violations"] == []


def test_an_idle_database_follows_by_an_empty_tail() -> None:
    """Nothing has been written since the last log: no tail is taken in the failover, and the old
    primary is not ahead.
    """
    result = swap("databases.app.log_volume=0 B per 5 min")
    for number in (1, 2):
        assert all(r.values["name"] == "" for r in in_leg(result, number, "seen.TailTaken"))
    assert [f["seeded_anew"] for f in failovers(result)] == [[], []]
    assert summary_json(result.summary)["violations"] == []


def test_the_delay_of_a_new_secondary_is_for_a_new_one() -> None:
    """The old primary is there already, unless its site or machine is lost."""
    delayed = swap("after_failover.new_secondary=3 h")
    assert [f["unprotected_us"] for f in failovers(delayed)] == [
        f["unprotected_us"] for f in failovers(swap())
    ]
    lost = swap("after_failover.new_secondary=3 h", "events=[{at: 1 h, lose: host}]")
    assert legs(lost)[1].scenario.secondary_from_us == 3 * HOUR
    never = swap("after_failover.new_secondary=none")
    assert failovers(never)[0]["unprotected_censored"]


# ---- several databases
@pytest.mark.parametrize("rules", RULES)
def test_each_database_is_decided_on_by_itself(rules: str) -> None:
    result = swap(name=SEVERAL, rules=rules)
    assert [f["seeded_anew"] for f in failovers(result)] == [["search"], ["search"]]
    for found in failovers(result):
        each = {d["name"]: d for d in found["databases"]}
        assert each["app"]["unprotected_us"] < 6 * MINUTE
        assert each["erp"]["unprotected_us"] < 6 * MINUTE
        assert 16 * MINUTE < each["search"]["unprotected_us"] < 17 * MINUTE
        assert found["data_loss_us"] == 0
    assert summary_json(result.summary)["violations"] == []


def test_of_an_unplanned_failover_only_what_diverged_is_seeded_anew() -> None:
    """erp's logs are missing from 09:30 on, as one is gone for good: it is promoted short of what
    the old primary has.
    """
    events = (
        "events=[{at: 9 h 30 min, missing_file: erp}, "
        "{at: 9 h 41 min, order_failover: {by: dba, planned: false}}]"
    )
    result = swap(events, "replay.on_hole=skip_ahead", name=SEVERAL)
    (found,) = failovers(result)
    each = {d["name"]: d for d in found["databases"]}
    assert each["erp"]["data_loss_us"] > 10 * MINUTE
    assert found["seeded_anew"] == ["erp", "search"]
    assert each["app"]["data_loss_us"] == 0
    assert each["app"]["unprotected_us"] < 6 * MINUTE
    assert summary_json(result.summary)["violations"] == []


# ---- with faults
@pytest.mark.parametrize("rules", RULES)
def test_a_link_that_is_down_during_the_tail_makes_it_longer_and_loses_nothing(rules: str) -> None:
    events = (
        "events=[{at: 10 h 2 min 6 s, link_outage: 20 min}, {at: 10 h 2 min, order_failover: dba}]"
    )
    result = swap(events, rules=rules)
    (found,) = failovers(result)
    assert found["data_loss_us"] == 0
    assert 20 * MINUTE < found["outage_us"] < 30 * MINUTE
    assert sum(found["phases_us"].values()) == found["outage_us"]
    assert found["phases_us"]["drain"] > 19 * MINUTE
    assert found["unprotected_us"] < 6 * MINUTE
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_an_old_primary_that_dies_right_after_is_seeded_anew(rules: str) -> None:
    """A minute after the swap, before the first log: what was to follow is gone with all its
    files.
    """
    events = (
        "events=[{at: 10 h 2 min, order_failover: dba}, {at: 10 h 4 min, lose_secondary: 10 min}]"
    )
    result = swap(events, "databases.app.size=50 GB", rules=rules)
    (found,) = failovers(result)
    assert found["data_loss_us"] == 0
    assert 30 * MINUTE < found["unprotected_us"] < 3 * HOUR
    assert not found["unprotected_censored"]
    second = legs(result)[1]
    assert Kind.FULL in {r.values["kind"] for r in in_leg(result, 2, "truth.backup_finished")}
    full = next(r for r in in_leg(result, 2, "truth.landed", kind=Kind.FULL))
    curve = true_exposure(second.journal, second.scenario, 0, "site")
    assert curve.at(full.time_us - 1) == second.begins_us + full.time_us - 1, (
        "the whole history: its logs alone are of no use"
    )
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_a_new_primary_that_dies_right_after_loses_what_was_written_since(rules: str) -> None:
    """The old primary takes over again from where it ended; what the new one has is another
    history.
    """
    events = "events=[{at: 10 h 2 min, order_failover: dba}, {at: 10 h 4 min, lose: host}]"
    result = swap(events, SILENCE, rules=rules)
    first, second = failovers(result)
    assert first["data_loss_us"] == 0
    promoted_us = legs(result)[1].begins_us
    lost_us = 10 * HOUR + 4 * MINUTE - promoted_us
    assert 0 <= lost_us - second["data_loss_us"] < SECOND // 10, "from the first commit on"
    assert second["seeded_anew"] == ["app"]
    assert in_leg(result, 3, "truth.begins")[0].values["fork"] == 3
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_two_primaries_part_and_the_old_one_is_seeded_anew(rules: str) -> None:
    """It could not be fenced and went on: it has what the new one lacks."""
    events = "events=[{at: 10 h, partition: {cut: both, duration: 3 h}}]"
    result = swap(
        events, SILENCE, "heartbeat={path: data link}", "databases.app.size=5 GB", rules=rules
    )
    (found,) = failovers(result)
    assert found["two_primaries_us"] > 0
    assert found["discarded_transactions"] > 0
    assert found["seeded_anew"] == ["app"]
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_an_unplanned_failover_that_left_nothing_behind_needs_no_seed(rules: str) -> None:
    result = swap(
        "events=[{at: 10 h 2 min, order_failover: {by: dba, planned: false}}]", rules=rules
    )
    (found,) = failovers(result)
    assert found["data_loss_us"] == 0
    assert found["seeded_anew"] == []
    assert found["unprotected_us"] < 6 * MINUTE


# ---- log backups after a promotion
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("what", ["site", "host", "database"])
def test_after_an_unplanned_promotion_log_backups_work_at_once(what: str, rules: str) -> None:
    result = ran(
        SWAP, f"engine.imitates={rules}", f"events=[{{at: 10 h 2 min, lose: {what}}}]",
        SILENCE if what != "database" else "failover={mode: manual}",
        *(["events=[{at: 10 h 2 min, lose: database}, {at: 10 h 3 min, order_failover: {by: "
            "dba, planned: false}}]"] if what == "database" else []),
    )  # fmt: skip
    assert refused_logs(result, 2) == []
    logs = in_leg(result, 2, "truth.backup_finished", kind=Kind.LOG)
    assert logs[0].time_us < 5 * MINUTE + 5 * SECOND
    (full, *others) = in_leg(result, 2, "truth.backup_finished", kind=Kind.FULL)
    assert len([r for r in logs if r.time_us < full.time_us]) >= 8
    assert others == [], (
        "one full is enough: nobody asks for a second while the first is on its way"
    )
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize("rules", RULES)
def test_logs_alone_protect_nobody(rules: str) -> None:
    """They land every five minutes; until the full that they belong to has landed the whole history
    is exposed.
    """
    result = swap("events=[{at: 10 h 2 min, lose: site}]", SILENCE, rules=rules)
    second = legs(result)[1]
    landed = in_leg(result, 2, "truth.landed", kind=Kind.LOG)
    full = in_leg(result, 2, "truth.landed", kind=Kind.FULL)[0].time_us
    curve = true_exposure(second.journal, second.scenario, 0, "site")
    assert len([r for r in landed if r.time_us < full]) > 50
    assert curve.at(full - 1) == second.begins_us + full - 1
    assert curve.at(full + 1) < 6 * MINUTE, "the logs that landed before it go on from it"
    (found,) = failovers(result)
    assert found["unprotected_us"] > full


def test_a_database_that_never_had_a_full_is_refused_until_it_has_one() -> None:
    """4214 where it is true: in the first leg, by SQL Server's rules."""
    result = swap("events=[]", "databases.app.seeded=false", "databases.app.full=weekly Mon 04:00")
    refused = refused_logs(result, 1)
    (full, *_) = in_leg(result, 1, "truth.backup_finished", kind=Kind.FULL)
    assert refused
    assert max(r.time_us for r in refused) < full.time_us


@pytest.mark.parametrize("rules", RULES)
def test_incrementals_stand_on_the_full_of_before(rules: str) -> None:
    """After a planned swap the tail ends in mid-segment: PostgreSQL's summaries of the log reach
    back, too.
    """
    result = swap("databases.app.differential=daily 12:00", rules=rules)
    (made, *_) = in_leg(result, 2, "truth.backup_finished", kind=Kind.INCREMENTAL)
    landed = [
        e
        for e in in_leg(result, 2, "seen.Validated")
        if e.values["header.kind"] == Kind.INCREMENTAL
    ]
    assert made.values["fork"] == 2
    assert landed[0].values["header.differential_base_lsn"] == 1, "that of the seed"
    assert summary_json(result.summary)["violations"] == []


# ---- what holds it
def test_the_lanes_and_the_steps_say_the_same_in_every_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = legs(swap(name=SEVERAL))
    assert len(list(quick[1].journal.rows("seen.Landed"))) > 90
    monkeypatch.setattr(play, "World", partial(World, express=False))
    slow = legs(run(load_scenario(SCENARIOS / f"{SEVERAL}.yaml", ["engine.imitates=sql_server"])))
    assert [leg.journal.digest() for leg in quick] == [leg.journal.digest() for leg in slow]


def test_a_stored_run_is_read_with_the_same_roles(tmp_path: Path) -> None:
    result = swap(name=SEVERAL)
    write_results(result, tmp_path / "r")
    stored = read_results(tmp_path / "r").whole
    assert [[d.seeded for d in leg.scenario.databases] for leg in stored.legs] == [
        [True, True, True], [True, True, False], [True, True, False],
    ]  # fmt: skip
    assert summarise(stored).failovers == result.summary.failovers


def test_an_old_primary_that_is_taken_for_a_copy_and_is_none_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Plant the bug: it has written what never landed, and nobody looks where it ended. It takes
    none of the new one's logs.
    """

    def taken_for_a_copy(context: Context, db: PrimaryDatabase, lineage: Lineage) -> bool:
        return context.primary_engine.state(db.spec.name).restoring

    events = (
        "events=[{at: 10 h, missing_file: erp}, {at: 10 h 6 min, order_failover: {by: dba, "
        "planned: false}}, {at: 12 h, order_failover: dba}]"
    )
    overrides = [events, "replay.on_hole=skip_ahead", "databases.erp.incremental=none"]
    found = run(load_scenario(SCENARIOS / f"{SEVERAL}.yaml", overrides))
    assert "erp" in failovers(found)[0]["seeded_anew"]
    assert summary_json(found.summary)["violations"] == []
    monkeypatch.setattr(succession, "_stands_at", taken_for_a_copy)
    found = run(load_scenario(SCENARIOS / f"{SEVERAL}.yaml", overrides))
    assert failovers(found)[0]["seeded_anew"] == ["search"], "erp is believed to follow"
    assert [r for r in in_leg(found, 2, "truth.restored") if r.entity == 1] == []
    assert failovers(found)[0]["unprotected_censored"]


def test_an_idle_primary_that_nobody_could_fence_does_not_follow() -> None:
    """It has nothing that the new one lacks, but it still took writes when the new one began."""
    events = "events=[{at: 10 h, partition: {cut: both, duration: 3 h}}]"
    idle = ("databases.app.log_volume=0 B per 5 min", "databases.app.size=5 GB")
    result = swap(events, SILENCE, "heartbeat={path: data link}", *idle)
    (found,) = failovers(result)
    assert found["seeded_anew"] == ["app"]


def test_the_case_that_was_reported() -> None:
    """Planned at 10:02: loss 0, unprotected about an interval."""
    result = swap('events=[{at: "Mon 10:02", order_failover: dba}]')
    (found,) = failovers(result)
    assert found["ordered_us"] == at(1, "10:02")
    assert (found["data_loss_us"], found["unprotected_us"] < 15 * MINUTE) == (0, True)


# ---- real servers
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def test_the_old_primary_of_a_real_server_follows_too(engine: str) -> None:
    result = run(load_scenario(SCENARIOS / "real/role_swap.yaml", engine=engine, timing="modelled"))
    assert [f["seeded_anew"] for f in failovers(result)] == [[], []]
    assert [f["data_loss_us"] for f in failovers(result)] == [0, 0]
    assert all(f["unprotected_us"] < 11 * MINUTE for f in failovers(result))
    assert (
        summary_json(result.summary)["violations"]
        == summary_json(result.summary)["silent_recoveries"]
        == []
    )
    assert [r.values["fork"] for r in in_leg(result, 3, "truth.begins")] == [3]
    if engine == "postgres":  # whose rules the model follows there
        model = legs(ran("real/role_swap"))
        assert [leg.journal.digest() for leg in legs(result)] == [
            leg.journal.digest() for leg in model
        ]


def test_a_new_primary_that_fails_before_anything_is_restored_was_unprotected_until_then(
    tmp_path: Path,
) -> None:
    """The swap promotes at 4:02:12; two minutes after the order its site is lost, before its first
    log.
    """
    text = (
        "run_for: 8 h\ndatabases: {app: {size: 5 GB, full: none, incremental: "
        "none}}\nlink: {bandwidth: 200 Mbit/s}\n"
        "failover: {mode: automatic}\nevents:\n  - {at: Mon 04:02, order_failover: dba}\n "
        " - {at: Mon 04:04, lose: site}\n"
    )
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    first, second = summary_json(run(load_scenario(path)).summary)["failovers"]
    assert MINUTE < first["unprotected_us"] < 2 * MINUTE
    assert not first["unprotected_censored"] and not second["unprotected_censored"]


# ---- what earlier roles have left at a site
def test_what_has_landed_at_a_primary_before_goes_by_age_and_takes_room_again() -> None:
    """B's landing share holds three days of logs when B becomes the primary; A's backup share what
    it made, when A is the primary again.
    """
    events = (
        'events=[{at: "Tue 10:02", order_failover: dba}, {at: "Wed 18:02", order_failover: dba}]'
    )
    kept = [f"{side}.retention=1 day" for side in ("primary", "secondary")]
    daily = ["run_for=3 days", "databases.app.full=daily 01:00", "sla=[{outage: at most 1 h}]"]
    world = World(load_scenario(SCENARIOS / f"{SWAP}.yaml", [events, *kept, *daily]))
    journal = world.run()
    gone = [r for r in journal.rows("truth.file_gone") if pair_of(r.entity) == 0]
    later = {r.values["where"] for r in gone if r.time_us > at(2, "11:00")}
    assert later == {"primary", "secondary"}
    for pair in world.pairs[:1]:  # the run ends a day and a half after the first swap
        files = pair.files_at("primary", 0) + pair.files_at("secondary", 0)
        assert all(f.modified_utc_us > world.scenario.start_utc_us + DAY for f in files)
    assert not any(pair.context.witness.violations for pair in world.pairs)
    last = world.pairs[2]
    mine = sum(f.nominal_bytes for f in last.files_at("primary", 0))
    left = sum(f.nominal_bytes for f in world.pairs[0].files_at("primary", 0))
    assert last.primary.share.used_bytes == mine + left
