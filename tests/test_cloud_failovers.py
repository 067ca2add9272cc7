"""Failovers while changes are on their way: of each thing the older goes before the newer, nothing is
begun at a side that is left, and the witness finds nothing in small runs drawn at random.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dr_sim.cloud.manager import CloudManager
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.verify import verify
from dr_sim.units import MINUTE_US
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builders
from dr_sim.world.world import World
from tests.cloud.drawn import jobs_and_changes

BASE = """\
run_for: 3 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
cloud: {mirror: {mode: jobs, every: 5 min, audit: 0 s}, provision: {at_most: 1 h}}
jobs: {retry: 10 s, attempts: 3, start: 2 s, clean_up: 5 s, by_hand: 5 min, forgotten: 0 %}
changes: {rate: 0 per day, takes: 5 min, fail: 0 %}
"""
PLANNED = "{at: 60 min, order_failover: {by: dba, planned: true}}"
CHANGE = "admin_change: {rotate_secret: crm}"


def played(events: list[str], folder: Path, *sets: str, base: str = BASE) -> tuple[World, set[str]]:
    path = folder / "s.yaml"
    path.write_text(base + f"events: [{', '.join(events)}]\n")
    of = World(load_scenario(path, sets))
    of.run()
    return of, {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}


def scripts(of: World, site: str, what: str) -> list[tuple[int, str]]:
    """When that happened to scripts at a site, in seconds since 60 min; and to which jobs."""
    rows = of.journal.rows("truth.cloud_script")
    return [
        (round(r.time_us / 1e6) - 3_600, r.values["job"])
        for r in rows
        if (r.values["site"], r.values["what"]) == (site, what)
    ]


# two changes are done at A and not mirrored; a third is asked for at B while the first is made there
OVERTAKING = [
    "{at: 20 min, mirror_off: 2 h}",
    f"{{at: 30 min, {CHANGE}}}",
    f"{{at: 40 min, {CHANGE}}}",
    PLANNED,
    f"{{at: 62 min, {CHANGE}}}",
]


@pytest.mark.parametrize("mode", ["jobs", "runbook"])
def test_what_is_asked_for_in_a_failover_waits_for_what_is_older(mode: str, tmp_path: Path) -> None:
    """A script takes 302 s, and people 300 s for each change. It waits for both older ones."""
    of, broken = played(OVERTAKING, tmp_path, f"cloud.mirror.mode={mode}")
    assert broken == set()
    begins_us = next(iter(of.journal.rows("truth.cloud_provision"))).time_us
    begun_s, job = scripts(of, "B", "begins")[-1]
    assert job == "operators/e3"
    each_s = 302.03 if mode == "jobs" else 300
    assert begun_s == pytest.approx(begins_us / 1e6 - 3_600 + 2 * each_s, abs=1)
    effects = [
        r.values["change"] for r in of.journal.rows("truth.cloud_effect") if r.values["site"] == "B"
    ]
    assert effects == ["operators/e1", "operators/e2", "operators/e3"]


@pytest.mark.parametrize("mode", ["jobs", "runbook"])
def test_a_request_that_overtakes_what_is_older_is_caught(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CloudManager, "_may_begin", lambda self, job: True)
    _, broken = played(OVERTAKING, tmp_path, f"cloud.mirror.mode={mode}")
    assert "cloud 9" in broken


def test_it_waits_for_a_script_that_still_runs_at_the_old_side(tmp_path: Path) -> None:
    """It runs there from 58:00 to 63:02, and is made at B until 68:04."""
    events = [f"{{at: 58 min, {CHANGE}}}", PLANNED, f"{{at: 61 min, {CHANGE}}}"]
    of, broken = played(events, tmp_path)
    assert broken == set()
    assert scripts(of, "A", "done")[0] == (182, "operators/e1")
    assert scripts(of, "B", "begins") == [(182, "operators/e1>B.0"), (484, "operators/e2")]


def test_a_script_that_fails_at_the_side_that_is_left_is_done_at_the_new_one(
    tmp_path: Path,
) -> None:
    """It fails at A at 63:02, two minutes into the failover, is cleaned up there and begun at B."""
    fails = "{at: 57 min, script_fails: {site: A, times: 1}}"
    of, broken = played([fails, f"{{at: 58 min, {CHANGE}}}", PLANNED], tmp_path)
    assert broken == set()
    # what is made at A later is mirrored from B
    begun = [job for _, job in scripts(of, "A", "begins") if ">" not in job]
    assert begun == ["operators/e1"]
    assert scripts(of, "A", "cleaned") == [(187, "operators/e1")]
    assert scripts(of, "B", "begins") == [(187, "operators/e1@B")]


RUNS_AT_A = [f"{{at: 58 min, {CHANGE}}}", PLANNED, f"{{at: 61 min, {CHANGE}}}"]


def notices(of: World) -> list[tuple[int, str, str]]:
    """What somebody was told of, and when, in seconds since 60 min."""
    return [
        (round(r.time_us / 1e6) - 3_600, r.values["notice"], r.values["about"])
        for r in of.journal.rows("cloud.Notify")
    ]


def test_a_failover_waits_no_longer_for_an_old_side_that_is_lost(tmp_path: Path) -> None:
    """A script runs at A from 58:00 on, and dies with A at 62:00. It is begun at B then, and the
    failover has ended; what was asked for at 61:00 follows at 67:02.
    """
    events = [*RUNS_AT_A, "{at: 62 min, lose: site}"]
    of, broken = played(events, tmp_path, "after_failover.new_secondary=none")
    assert broken == set()
    (ended,) = of.journal.rows("cloud.SiteProvisioned")
    assert ended.time_us == 62 * MINUTE_US
    assert scripts(of, "B", "begins") == [(120, "operators/e1@B"), (422, "operators/e2")]


SILENT = [*RUNS_AT_A, "{at: 62 min, agent_silent: {site: A, duration: 20 h}}"]


def test_a_failover_whose_old_side_is_silent_for_good_is_told_at_its_limit_and_at_each_retry(
    tmp_path: Path,
) -> None:
    """Nobody knows whether the script at A was done, so what is newer of the same thing waits. The
    limit of drift is 15 min, and the retry 10 s.
    """
    of, broken = played(SILENT, tmp_path)
    assert broken == set()
    begins_us = next(iter(of.journal.rows("truth.cloud_provision"))).time_us
    told = [(at_s, about) for at_s, what, about in notices(of) if what == "failover not ended"]
    first_s = round(begins_us / 1e6) - 3_600 + 15 * 60
    assert told[:3] == [(first_s + 10 * n, "to B") for n in range(3)]
    assert not scripts(of, "B", "begins")


@pytest.mark.parametrize("second", ["none", "10 min"])
def test_who_tells_nobody_of_a_failover_that_does_not_end_is_caught(
    second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = (f"after_failover.new_secondary={second}",)
    assert played(SILENT, tmp_path, *sets)[1] == set()
    monkeypatch.setattr(CloudManager, "_failover_is_open", lambda self, out: None)
    assert played(SILENT, tmp_path, *sets)[1] == {"cloud 15"}


def test_who_tells_once_and_not_when_a_new_second_side_stands_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host is lost: the failover begins after 60 min, and a new second
    side is in place 30 min after it began. The manager tells until 85 min.
    """
    real = CloudManager._failover_is_open
    events = ["{at: 60 min, lose: host}" if e == PLANNED else e for e in SILENT]
    sets = (
        "failover.mode=automatic",
        "cloud.provision.at_most=10 min",
        "after_failover.new_secondary=30 min",
    )
    of, broken = played(events, tmp_path, *sets)
    (in_place,) = of.journal.rows("truth.cloud_second_side")
    assert broken == set() and in_place.time_us > 90 * MINUTE_US
    monkeypatch.setattr(
        CloudManager,
        "_failover_is_open",
        lambda self, out: real(self, out) if out.mono_us < 85 * MINUTE_US else None,
    )
    of, broken = played(events, tmp_path, *sets)
    assert broken == {"cloud 15"}
    assert [what for _, what, _ in notices(of)].count("failover not ended") > 1


def test_a_second_side_that_is_in_place_first_is_known_after_all_commands(tmp_path: Path) -> None:
    """A script runs at A until 63:02 and is made at B until 68:04: the failover ends then. The new
    second side is in place before. The manager hears of it at that instant, when all its commands
    are carried out: the record is what the manager gives when it is played again.
    """
    sets = ("after_failover.new_secondary=1 min", "cloud.provision.at_most=1 min")
    of, broken = played([f"{{at: 58 min, {CHANGE}}}", PLANNED], tmp_path, *sets)
    (in_place,) = of.journal.rows("truth.cloud_second_side")
    (ended,) = of.journal.rows("cloud.SiteProvisioned")
    (stands,) = of.journal.rows("cloud.SiteStands")
    assert in_place.time_us < ended.time_us == stands.time_us
    assert broken == set()
    assert of.scenario.cloud is not None
    config = cloud_config(of.scenario.cloud, of.scenario)
    found = verify(of.journal, builders(of.journal, of.scenario), cloud=config)
    assert found.mismatch is None


# ---- many small runs
def drawn(number: int) -> str:
    """A small scenario: a failover among changes and crashes, and in half of them a store that is
    put back.
    """
    draw = random.Random(f"failovers {number}")
    pick = draw.choice
    mode = pick(["jobs", "jobs", "reconcile", "runbook"])
    policy = pick(["retry", "skip", "rebuild"]) if mode == "jobs" else "retry"
    every, audit = pick(["0 s", "1 min", "10 min"]), pick(["0 s", "10 min", "1 h"])
    mirror = f"{{mode: {mode}, every: {every}, audit: {audit}, on_failure: {policy}}}"
    planned = "order_failover: {by: dba, planned: true}"
    kind = pick([planned, "lose: site", planned, "lose: database"])
    events = [f"{{at: {draw.randint(3_600, 7_000)} s, {kind}}}"]
    if draw.random() < 0.5:
        at_s, copy = draw.randint(600, 8_000), pick(["1 us", "5 min", "40 min"])
        events.append(f"{{at: {at_s} s, cloud_store_restored: {copy}}}")
    others = [
        *["admin_change: {rotate_secret: a}", "admin_change: {rotate_secret: b}"] * 2,
        "cloud_crash: {}",
        "cloud_crash: {duration: 3 min}",
        "agent_silent: {site: A, duration: 8 min}",
        "agent_silent: {site: B, duration: 8 min}",
        "script_hangs: {site: B}",
        "script_half_done: {site: B, times: 1}",
        "cloud_upgrade: {style: in_place, takes: 2 min}",
        "changed_by_hand: {entity: web, site: B}",
        "mirror_off: 20 min",
    ]
    for _ in range(draw.randint(2, 7)):
        events.append(f"{{at: {draw.randint(300, 9_000)} s, {pick(others)}}}")
    return f"""\
run_for: 4 h
seed: {number}
databases: {{a: {{size: 1 GB}}, b: {{size: 1 GB}}}}
link: {{bandwidth: 200 Mbit/s}}
networks: {{prod: {{farms: [web]}}}}
failover: {{mode: automatic}}
after_failover: {{new_secondary: {pick(["10 min", "none"])}}}
cloud: {{at: {pick(["apart", "apart", "primary"])}, restart_after: {pick(["0 s", "30 s"])}, mirror: {mirror},
        provision: {{at_most: {pick(["5 min", "30 min"])}, otherwise: redirect}}}}
{jobs_and_changes(pick)}\
events: [{", ".join(events)}]
"""


def nothing_breaks(numbers: list[int], folder: Path) -> None:
    path = folder / "drawn.yaml"
    for number in numbers:
        path.write_text(drawn(number))
        of = World(load_scenario(path))
        of.run()
        assert cloud_broken(of.journal, of.scenario) == [], drawn(number)


FOUND = [17, 22, 49, 111]
"""In these something broke once: an older change came after a newer one (17, 22, 49), and a script
that a store had forgotten was begun again at a side that was the second one by then (111).
"""


def test_small_runs_with_failovers_break_nothing(tmp_path: Path) -> None:
    nothing_breaks(FOUND, tmp_path)


@pytest.mark.long
def test_hundreds_of_small_runs_with_failovers_break_nothing(tmp_path: Path) -> None:
    nothing_breaks([number for number in range(301) if number not in FOUND], tmp_path)


MOVED_IN_A_SWAP = """\
run_for: 3 h
databases: {crm: {size: 1 GB, log: every 5 min}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
cloud: {mirror: {mode: jobs, every: 0 s}, provision: {at_most: 2 min, otherwise: redirect}}
jobs: {time_limit: 1 h}
changes: {takes: 20 min, fail: 0 %}
events:
  - {at: 60 min, admin_change: {move_database: crm}}
  - {at: 65 min, order_failover: {by: dba, planned: true}}
"""


def test_a_move_pauses_backups_where_users_are_served(tmp_path: Path) -> None:
    """The swap is over at 67:18, when its limit has passed, and the move runs at A until 80:02.
    Then it is made at B, which serves by then: no log is cut there from 80:02 to 100:04.
    """
    path = tmp_path / "s.yaml"
    path.write_text(MOVED_IN_A_SWAP)
    of = World(load_scenario(path))
    of.run()
    skipped = [row.time_us // 60_000_000 for row in of.journal.rows("truth.backup_skipped")]
    assert skipped == [65, 85, 90, 95, 100]
