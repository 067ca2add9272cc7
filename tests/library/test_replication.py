"""Replication: a staging area that is purged, transfers that resume or start again, deltas, copy
jobs, slots.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result
from dr_sim.world.manager_config import manager_config
from dr_sim.world.world import World

from .runs import MINUTE, SECOND, alerts, at, ceil_div, log_cut, peak_us, ran, rows, times


def replication(name: str, *overrides: str) -> Result:
    result = ran(f"replication/{name}", *overrides)
    assert overrides or result.verdict.outcome is Outcome.PASS, result.verdict.lines
    return result


def sent(result: Result, file: int) -> list[int]:
    return [int(r.values["bytes"]) for r in rows(result, "truth.transfer_bytes", file=file)]


def test_staging_pauses_while_it_is_purged() -> None:
    result = replication("staging")
    landed = times(result, "truth.landed")
    pause = ceil_div(40_000_000, 1_000_000)
    late = [at_us - (n + 1) * 300 * SECOND - 2_800_000 for n, at_us in enumerate(landed)]
    assert late[6:14] == [pause, 0, pause, 0, pause, 0, pause, 0]
    assert max(late[:4]) < 10  # the first four find room
    assert peak_us(result) == 302_800_000 + pause
    assert len(rows(result, "truth.file_state", state="staging")) == sum(us > SECOND for us in late)


def test_a_cut_transfer_resumes() -> None:
    result = replication("resume")
    log = log_cut(result, at(1, "10:00"))
    assert sent(result, log) == [10_000_000, 10_000_000]
    assert peak_us(result) == 442 * SECOND


def test_or_starts_again() -> None:
    result = replication("restart")
    log = log_cut(result, at(1, "10:00"))
    assert sent(result, log) == [10_000_000, 20_000_000]
    assert peak_us(result) == 482 * SECOND


def test_only_the_delta_of_a_changed_file_crosses() -> None:
    result = replication("delta")
    log = log_cut(result, at(1, "10:00"))
    assert sent(result, log) == [20_000_000, 1_000_000]
    assert peak_us(result) == 302_880_000


@pytest.mark.parametrize("name", ["resume", "restart", "staging", "slots", "copy_job", "delta"])
def test_every_log_lands_whole_in_the_end(name: str) -> None:
    result = replication(name)
    finished = {
        r.values["file"]
        for r in rows(result, "truth.backup_finished")
        if r.time_us < result.scenario.run_for_us - 20 * MINUTE
    }
    assert finished <= {r.values["file"] for r in rows(result, "truth.landed", intact=1)}


def test_a_copy_job_takes_what_was_finished_before_it_began() -> None:
    result = replication("copy_job")
    begun = [r.time_us for r in rows(result, "truth.file_state", state="sending")]
    assert {t % (15 * MINUTE) for t in begun} == {0}
    assert begun.count(at(1, "10:15")) == 3
    third = 200_000_000 // 3
    assert peak_us(result) == at(1, "10:15") + ceil_div(160_000_000, third) - at(1, "09:55")
    assert alerts(result) == []  # what landed a microsecond ago and is being hashed is not missing


def test_one_slot_holds_up_the_logs() -> None:
    result = replication("slots")
    assert peak_us(result) == 2_151 * SECOND
    assert summary_json(result.summary)["backlog"]["not_landed_max"] == 7


# ---- groups, folders, memberships
def test_a_folder_that_is_switched_off_stops_and_the_others_go_on() -> None:
    result = replication("groups")
    web = log_cut(result, at(1, "10:00"), 1)
    assert sent(result, web) == [25_000_000, 25_000_000]
    states = [(r.time_us, r.values["state"]) for r in rows(result, "truth.file_state", file=web)]
    off, on = at(1, "10:00:06"), at(1, "10:30:06")
    assert states == [
        (at(1, "10:00:05"), "sending"),
        (off, "off"),
        (on, "sending"),
        (on + 7 * SECOND + 1, "landed"),
    ]
    for name, quiet in (("crm", True), ("web", False)):
        index = summary_json(result.summary)["databases"].index(name)
        landed = [
            r.time_us
            for r in rows(result, "truth.landed")
            if r.entity == index and off < r.time_us < on
        ]
        assert len(landed) == (6 if quiet else 0)
    # web's silence, and nothing else
    assert {r.entity for r in rows(result, "seen.RaiseAlert")} == {1}


def test_a_whole_group_is_switched_off_and_on() -> None:
    result = replication("groups")
    off = [r for r in rows(result, "truth.file_state", state="off") if r.time_us >= at(1, "16:00")]
    assert [r.time_us for r in off] == [at(1, "16:00:05") + n * 5 * MINUTE for n in range(12)]
    gone = times(result, "truth.file_state", state="sending")
    assert gone.count(at(1, "17:00")) == 12


def test_shares_bear_different_names_on_the_two_sides() -> None:
    result = replication("groups")
    world = World(result.scenario)
    world.run()
    names = {path.rsplit("/", 1)[0] for path in world.context.primary_files.paths()}
    assert names == {"//sql1/crm-backup", "//sql1/web-backup"}
    landed = {
        (path.rsplit("/", 1)[0], path.rsplit("/", 1)[1].split("_")[0])
        for path in world.context.secondary_files.paths()
    }
    assert landed == {("//dr1/crm", "crm"), ("//dr1/web", "web"), ("//dr1/web", "search")}
    config = {d.name: d.share_path for d in manager_config(result.scenario).databases}
    assert config == {"crm": "//dr1/crm/", "web": "//dr1/web/", "search": "//dr1/web/"}


def test_alerts_name_the_share_of_the_databases_own_folder() -> None:
    result = replication("groups", "events=[{at: 'Mon 10:03', missing_file: web}]")
    (text, *_) = [r.values["text"] for r in rows(result, "seen.RaiseAlert", event_id=1)]
    assert "transaction log [//dr1/web/web_2026_01_05_10_10_00_log_000]" in str(text)


def test_each_folder_has_a_staging_area_of_its_own() -> None:
    """Web's 130 MB hold two logs below its high watermark of 117 MB; while it is purged, crm's logs
    go on.
    """
    result = ran(
        "replication/groups",
        "events=[]",
        "replication.groups.pages.folders.web.staging=130 MB",
        "replication.purge_rate=1 MB/s",
        "databases.search.full=none",
    )
    paused = rows(result, "truth.file_state", state="staging")
    assert paused and {r.entity for r in paused} == {1}
    crm = [r.time_us for r in rows(result, "truth.landed") if r.entity == 0]
    assert max(later - t for t, later in pairwise(crm)) < 301 * SECOND
