"""A standby that is broken, dropped or gone: files are used wherever they survive, the newest
usable chain first.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.recovery.files.fetching import Fetching
from dr_sim.runs.run import Result, run
from dr_sim.screen.run import screen
from tests.at_length import some_or_all

from .runs import (
    DAY,
    HOUR,
    MINUTE,
    SCENARIOS,
    SECOND,
    alerts,
    failover,
    fault,
    peak_us,
    ran,
    rows,
    times,
)

CRM = (
    "  crm: {size: 50 GB, log_volume: 20 MB per 5 min, full: daily 01:00, differential: none, "
    "log: every 5 min%s}\n"
)
WITH_INCREMENTALS = (
    "  crm: {size: 50 GB, log_volume: 20 MB per 5 min, full: weekly Mon 01:00, differential: "
    "every 6 h, log: every 5 min}\n"
)
WITHOUT_LOGS = "  idx: {size: 20 GB, full: daily 01:00, differential: none, log: none}\n"
TUESDAY = DAY
WIPED = '{at: "Tue 10:16", operator_mistake: wipes the secondary host}'
HOST = '{at: "Tue 10:19", lose: host}'
ENGINES = ["", "engine: {imitates: postgres}\n"]


def happens(tmp_path: Path, *events: str, databases: str = CRM % "", more: str = "") -> Result:
    """A run of three days."""
    file = tmp_path / "standby.yaml"
    lines = "".join(f"  - {event}\n" for event in events)
    failing = "" if "failover:" in more else "failover: {mode: automatic}\n"
    link = "" if "link:" in more else "link: {bandwidth: 200 Mbit/s}\n"
    head = (
        f"name: standby\nrun_for: 3 days\n{link}{failing}{more}replication: {{staging: 640 GB}}\n"
    )
    file.write_text(f"{head}databases:\n{databases}events:\n{lines}", encoding="utf-8")
    result = run(load_scenario(file))
    assert summary_json(result.summary)["violations"] == []
    return result


def fetched(result: Result) -> list[list[str]]:
    return [json.loads(str(row.values["names"])) for row in rows(result, "seen.Fetch")]


def loss_and_outage(result: Result) -> tuple[int, int]:
    found = failover(result)
    return found["data_loss_us"], found["outage_us"]


# ---- the database is lost, the files are not
def test_a_standby_whose_redo_fails_is_restored_from_its_own_files() -> None:
    result = fault("standby_broken")
    (refused,) = rows(result, "seen.RestoreFailed")
    assert (refused.values["error_number"], refused.values["position_lost"]) == (3456, 1)
    first = next(row for row in rows(result, "seen.Restore") if row.time_us >= refused.time_us)
    assert (first.time_us, first.values["name"]) == (
        refused.time_us,
        "crm_2026_01_06_01_00_00_full_000",
    )
    restored = [t for t in times(result, "truth.restored") if t > refused.time_us]
    assert restored[0] - refused.time_us >= 50_000_000_000 * SECOND // 356_000_000
    assert fetched(result) == [] and peak_us(result) < 6 * MINUTE
    assert loss_and_outage(result)[0] == MINUTE
    assert {event for _, event, *_ in alerts(result)} >= {19}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("what", ["site", "host", "database"])
@pytest.mark.parametrize("how", some_or_all(["dropped", "brought online", "redo fails"], 3))
@pytest.mark.parametrize(
    "lost_at, lost_us, longest_us",
    [("10:19", 4 * MINUTE, 7 * MINUTE), ("10:31", MINUTE, 3 * MINUTE)],
)
def test_a_loss_after_the_standby_broke_costs_time_and_no_more_data(
    tmp_path: Path, how: str, what: str, engine: str, lost_at: str, lost_us: int, longest_us: int
) -> None:
    broken = f'{{at: "Tue 10:16", standby_broken: {{database: crm, how: {how}}}}}'
    result = happens(tmp_path, broken, f'{{at: "Tue {lost_at}", lose: {what}}}', more=engine)
    loss, outage = loss_and_outage(result)
    assert loss == (0 if what == "database" else lost_us)
    assert outage <= longest_us and fetched(result) == [] and peak_us(result) < 6 * MINUTE


@pytest.mark.parametrize("how", ["dropped", "brought online", "redo fails"])
def test_a_manager_that_died_in_between_reads_the_files_that_it_took_for_restored(
    tmp_path: Path, how: str
) -> None:
    broken = f'{{at: "Tue 10:16", standby_broken: {{database: crm, how: {how}}}}}'
    crash = '{at: "Tue 10:17", manager_crash: {}}'
    result = happens(tmp_path, broken, crash, '{at: "Tue 10:19", lose: site}')
    assert loss_and_outage(result)[0] == 4 * MINUTE


def test_nothing_is_lost_when_a_dropped_standby_is_failed_over_to_by_plan(tmp_path: Path) -> None:
    order = '{at: "Tue 10:17", order_failover: dba}'
    result = happens(tmp_path, '{at: "Tue 10:16", operator_mistake: wipes the secondary}', order)
    assert loss_and_outage(result)[0] == 0


def test_a_wipe_of_the_host_takes_the_files_too_and_a_drop_does_not(tmp_path: Path) -> None:
    for what, gone in [("wipes the secondary", False), ("wipes the secondary host", True)]:
        result = happens(tmp_path, f'{{at: "Tue 10:16", operator_mistake: {what}}}')
        assert (times(result, "truth.file_gone", why="wiped") != []) is gone
        assert (peak_us(result) > HOUR) is gone


# ---- the files survive in the primary's share
def test_a_standby_that_is_gone_is_restored_from_the_share_of_the_dead_host() -> None:
    result = ran("standby/gone")
    assert result.verdict.outcome is Outcome.PASS
    lost_at = TUESDAY + 16 * HOUR + 2 * MINUTE
    assert [t for t in times(result, "seen.TakeBackup") if t > lost_at] == []
    # nobody deletes at the dead host; its new machine does, by age
    deleted = times(result, "truth.file_gone", where="primary", why="retention")
    assert min(deleted) > lost_at + 48 * HOUR
    names = [name for fetch in fetched(result) for name in fetch]
    assert [name for name in names if "_full_" in name] == ["crm_2026_01_06_01_00_00_full_000"]
    assert min(names) == "crm_2026_01_06_01_00_00_full_000"


def test_a_wiped_standby_gets_the_full_of_the_night_again_and_no_new_one() -> None:
    """By hand in the scenario. The logs go on beside it."""
    result = ran("standby/refilled")
    assert times(result, "seen.TakeBackup", kind=int(Kind.FULL)) == []
    refused = TUESDAY + 6 * HOUR + 5 * MINUTE + 2_374_524
    sent = [
        str(row.values["name"]) for row in rows(result, "seen.Recopy") if row.time_us == refused
    ]
    assert sent[-53] == "crm_2026_01_06_01_00_00_full_000"
    assert (min(sent[-52:]), max(sent[-52:])) == (
        "crm_2026_01_06_01_45_00_log_000",
        "crm_2026_01_06_06_00_00_log_000",
    )
    whole_us = 501_040_000_000 * 8 // 1000 + 14 * 160_000  # and 14 more logs
    (landed,) = [
        row.time_us
        for row in rows(result, "truth.landed", kind=int(Kind.FULL))
        if refused < row.time_us < refused + 2 * HOUR
    ]
    assert landed == refused + whole_us + 1  # rounded up once
    assert peak_us(result) == landed
    assert {event for _, event, *_ in alerts(result)} == {19}


BREAKS_IN: list[tuple[str, int | None]] = [
    ('{at: "Tue 02:16", lose: host}', MINUTE),
    ('{at: "Tue 02:16", link_outage: 40 min}', None),
    ('{at: "Tue 02:16", manager_crash: {}}', None),
    ('{at: "Tue 02:16", lose_secondary: 1 h}', None),
    ('{at: "Tue 02:01", corrupt_at_rest: {where: primary, database: crm, kind: full}}', None),
    (
        '{at: "Tue 02:16", careless_clean_up: {where: primary, database: crm, older_than: 30 min}}',
        None,
    ),
]


@pytest.mark.parametrize("breaks_in", some_or_all(BREAKS_IN, 3), ids=str)
def test_what_is_sent_again_comes_through_whatever_breaks_into_it(
    tmp_path: Path, breaks_in: tuple[str, int | None]
) -> None:
    """At 02:15 the full and 14 logs are sent again, 50.28 GB: 33 min 31 s at 200 Mbit/s."""
    event, lost_us = breaks_in
    wiped = '{at: "Tue 02:11", operator_mistake: wipes the secondary host}'
    result = happens(tmp_path, wiped, event)
    if lost_us is not None:
        loss, outage = loss_and_outage(result)
        assert loss == lost_us and outage < 50 * MINUTE
        return
    until_us = TUESDAY + 6 * HOUR
    found = [row.time_us for row in rows(result, "truth.restored") if row.time_us < until_us]
    assert until_us - found[-1] < 6 * MINUTE


def test_two_standbys_that_are_wiped_get_the_chain_each_over_its_own_link(tmp_path: Path) -> None:
    events = [
        f'{{at: "Tue 02:11", operator_mistake: wipes the secondary host, copy: {copy}}}'
        for copy in ("near", "far")
    ]
    result = happens(tmp_path, *events, more="copies: {near: {}, far: {}}\n")
    assert times(result, "seen.TakeBackup", kind=int(Kind.FULL)) == []
    sent = rows(result, "seen.Recopy", name="crm_2026_01_06_01_00_00_full_000")
    assert len(sent) == len({row.entity for row in sent}) == 2


PLANTED = [
    (False, "standby/refilled", "lie in the primary's share"),
    (True, "standby/gone", "its logs outweigh a new full"),
]


@pytest.mark.parametrize("answer, name, sentence", PLANTED)
def test_a_wrong_choice_of_the_first_copy_is_found(
    monkeypatch: pytest.MonkeyPatch, answer: bool, name: str, sentence: str
) -> None:
    """Planted: new fulls come always, or never, before what survives."""
    monkeypatch.setattr(Fetching, "is_worth_it", lambda self, utc_us: answer)
    result = run(load_scenario(SCENARIOS / f"{name}.yaml"))
    found = summary_json(result.summary)["violations"]
    assert any(sentence in str(each) for each in found), found


def test_what_was_wiped_just_before_is_found_out_when_it_is_to_be_brought_online() -> None:
    result = ran("standby/wiped_just_before")
    assert result.verdict.outcome is Outcome.PASS
    assert [row.values["error_number"] for row in rows(result, "seen.RecoverFailed")] == [3118]


@pytest.mark.parametrize("sharing", ["fair", "fifo", "priority"])
def test_only_the_newest_chain_of_many_is_fetched(sharing: str) -> None:
    result = ran("standby/many_chains", f"link.sharing={sharing}")
    assert result.verdict.outcome is Outcome.PASS
    fulls = [name for fetch in fetched(result) for name in fetch if "_full_" in name]
    assert fulls == ["crm_2026_01_10_01_00_00_full_000"]
    assert 21 in {event for _, event, *_ in alerts(result)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("what, lost_us", [("host", 4 * MINUTE), ("database", 0)])
@pytest.mark.parametrize("databases", [CRM % "", WITH_INCREMENTALS])
def test_a_chain_of_any_kind_is_fetched(
    tmp_path: Path, databases: str, what: str, lost_us: int, engine: str
) -> None:
    result = happens(
        tmp_path, WIPED, f'{{at: "Tue 10:19", lose: {what}}}', databases=databases, more=engine
    )
    loss, outage = loss_and_outage(result)
    assert loss == lost_us and outage < 50 * MINUTE


def test_the_last_full_of_a_database_without_logs_is_fetched(tmp_path: Path) -> None:
    result = happens(tmp_path, WIPED, HOST, databases=WITHOUT_LOGS)
    loss, outage = loss_and_outage(result)
    assert loss < 9 * HOUR + 19 * MINUTE and outage < 20 * MINUTE


def test_an_older_chain_takes_the_place_of_one_whose_full_is_corrupt(tmp_path: Path) -> None:
    corrupt = '{at: "Tue 09:00", corrupt_at_rest: {where: primary, database: crm, kind: full}}'
    events = [
        '{at: "Wed 10:16", operator_mistake: wipes the secondary host}',
        '{at: "Wed 10:19", lose: host}',
    ]
    corrupt = corrupt.replace("Tue", "Wed")
    result = happens(tmp_path, corrupt, *events)
    names = [name for fetch in fetched(result) for name in fetch if "_full_" in name]
    assert names == ["crm_2026_01_07_01_00_00_full_000", "crm_2026_01_06_01_00_00_full_000"]
    assert loss_and_outage(result)[0] == 4 * MINUTE


@pytest.mark.parametrize(
    "event",
    [
        '{at: "Tue 10:17", link_outage: 40 min}',
        '{at: "Tue 10:30", link_outage: 20 min}',
        '{at: "Tue 10:40", lose_secondary: 1 h}',
        '{at: "Tue 10:30", manager_crash: {}}',
    ],
)
def test_a_fetch_goes_on_after_what_broke_into_it(tmp_path: Path, event: str) -> None:
    loss, outage = loss_and_outage(happens(tmp_path, WIPED, HOST, event))
    assert loss == 4 * MINUTE and outage < 110 * MINUTE


@pytest.mark.parametrize("at", ["10:19:36", "10:19:40"])
def test_a_standby_that_is_lost_in_the_middle_of_a_failover_is_restored_when_it_is_back(
    tmp_path: Path, at: str
) -> None:
    lost = f'{{at: "Tue {at}", lose_secondary: 1 h}}'
    loss, outage = loss_and_outage(happens(tmp_path, HOST, lost))
    assert loss == 4 * MINUTE and outage < 110 * MINUTE


def test_databases_that_are_well_do_not_wait_for_the_one_that_is_fetched(tmp_path: Path) -> None:
    databases = CRM % "" + (CRM % "").replace("crm", "web")
    wiped = '{at: "Tue 10:16", operator_mistake: {what: wipes the secondary host, database: web}}'
    result = happens(tmp_path, wiped, HOST, databases=databases)
    at = {row.entity: row.time_us for row in rows(result, "truth.promoted")}
    assert at[0] < TUESDAY + 10 * HOUR + 21 * MINUTE < at[1] - 30 * MINUTE
    assert loss_and_outage(result)[0] == 4 * MINUTE


def test_a_machine_of_several_that_is_silent_is_not_asked_for_a_backup(tmp_path: Path) -> None:
    databases = CRM % ", on: a" + (CRM % ", on: b").replace("crm", "web")
    wiped = '{at: "Tue 10:16", operator_mistake: {what: wipes the secondary host, database: web}}'
    lost = '{at: "Tue 10:19", lose: {what: host, machine: b}}'
    result = happens(tmp_path, wiped, lost, databases=databases, more="machines: [a, b]\n")
    assert times(result, "seen.TakeBackup", kind=int(Kind.FULL)) == []
    last = [row.time_us for row in rows(result, "truth.restored") if row.entity == 1]
    # from the share, though nobody has failed over
    assert last[-1] < TUESDAY + 11 * HOUR + 20 * MINUTE


@pytest.mark.parametrize("order", [True, False])
def test_a_manual_failover_to_an_empty_standby_needs_a_way_back(
    tmp_path: Path, order: bool
) -> None:
    events = [WIPED, HOST]
    if order:
        events.append('{at: "Tue 10:20", order_failover: {by: dba, planned: false}}')
    result = happens(tmp_path, *events, more="failover: {mode: manual}\n")
    loss, outage = loss_and_outage(result)
    assert loss == 4 * MINUTE and outage < 55 * MINUTE


def test_a_planned_order_on_an_empty_standby_is_refused(tmp_path: Path) -> None:
    result = happens(tmp_path, WIPED, '{at: "Tue 10:30", order_failover: dba}')
    assert [str(row.values["reason"]) for row in rows(result, "seen.RefuseOrder")] != []
    assert summary_json(result.summary)["failovers"] == []


def test_a_full_that_was_cut_off_opens_no_gate(tmp_path: Path) -> None:
    """The host dies in the middle of the first full; the share holds a part of it and logs, and
    there is no way back.
    """
    databases = (
        "  crm: {size: 50 GB, seeded: 'false', full: weekly Mon 01:00, differential: none, "
        "log: every 5 min}\n"
    )
    result = happens(tmp_path, '{at: "Mon 01:03", lose: host}', databases=databases)
    assert times(result, "truth.promoted") == [] and times(result, "seen.Recover") == []
    assert {event for _, event, *_ in alerts(result)} >= {15}


# ---- the drain limit
def test_the_screen_says_when_the_drain_limit_decided_the_result() -> None:
    result = ran("faults/operator_wrong_way")
    ended = failover(result)["limit_ended_the_wait"]
    (rang,) = times(result, "seen.Alarm", what="drain")
    assert ended == {"time_us": rang, "files": 2}
    text = screen(result.summary, result.scenario, result.verdict, Path("x.yaml"), 0.0, Path("out"))
    assert (
        "drain limit ended the wait Mon 10:24:05 (10:00): 2 files still on the way, left behind"
        in text
    )


@pytest.mark.parametrize(
    "name", ["standby/many_chains", "faults/lose_host", "faults/corrupt_in_drain"]
)
def test_the_drain_limit_is_not_named_where_it_decided_nothing(name: str) -> None:
    assert all(
        f["limit_ended_the_wait"] is None for f in summary_json(ran(name).summary)["failovers"]
    )


def test_a_rebuild_that_gets_on_is_not_said_to_stand(tmp_path: Path) -> None:
    """The logs that follow the full lie here since hours, and are restored one after the other. One
    more lands meanwhile.
    """
    broken = '{at: "Tue 10:03", standby_broken: {database: crm, how: dropped}}'
    slow = '{at: "Tue 10:04", slow_restore: {by: 2, duration: 1 h}}'
    result = happens(tmp_path, broken, slow)
    assert 18 not in {event_id for _, event_id, _, _ in alerts(result)}
    assert summary_json(result.summary)["alerts"]["false"] == 0


# ---- a hole, by PostgreSQL's rules
def test_a_backup_on_a_base_that_lies_here_gets_past_a_hole_without_a_new_base(
    tmp_path: Path,
) -> None:
    """The standby began with another base than Tuesday's. At 10:20:01 (15 min after what is missing
    was cut) a backup on top of Tuesday's base is asked for; both are restored from the landing
    folder: 50 GB at 356 MB/s and the backup take two and a half minutes. No base is sent.
    """
    result = happens(
        tmp_path,
        '{at: "Tue 10:04", missing_file: {database: crm, kind: log, where: primary}}',
        more="engine: {imitates: postgres}\n",
    )
    asked = [row.values["kind"] for row in rows(result, "seen.TakeBackup")]
    assert asked == [Kind.INCREMENTAL]
    assert 21 * MINUTE < peak_us(result) < 22 * MINUTE
    assert summary_json(result.summary)["replay_lag"]["max_us"] < 26 * MINUTE
