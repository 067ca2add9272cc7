"""Goals of farms that people set while a run goes on, and how many machines a network may have: whole
runs by hand arithmetic, restarts, and planted bugs.

An order to an agent takes 15 ms, and so does its word. A deployment takes 682 s, four run at one time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.machines import farm_goals, limits
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves
from tests.test_cloud_machines import (
    DEPLOY,
    FEW,
    HOUR_US,
    MINUTE,
    MS,
    Edits,
    S,
    end,
    ran,
    rows,
    summary,
    told,
    world,
)

LIMIT = (
    "networks: {prod: {farms: [content]}}",
    "networks: {prod: {farms: [content], most_machines: 16}}",
)
BIG_B = ("B: {compute: 4}", "B: {compute: 8}")


def set_goals(*lines: str) -> str:
    return "events: [" + ", ".join(lines) + "]\n"


AT_1H = "{at: 1 h, set_goals: {farm: content, front_end: 20}}"


def test_both_sides_grow_to_what_is_set(tmp_path: Path) -> None:
    """8 front ends more, in two rounds. B has room for 4 x 8 = 32."""
    of = ran(tmp_path, set_goals(AT_1H), (BIG_B,))
    found = summary(of).cloud.machines
    two_rounds = 15 * MS + DEPLOY + 30 * MS + DEPLOY
    for each in found.to_goal:
        assert (each.began_us, each.lasted_us, each.reached) == (HOUR_US, two_rounds, True)
    assert {each.site for each in found.to_goal} == {"A", "B"}
    (short,) = found.degraded
    assert (short.began_us, short.least_ppm) == (HOUR_US, 12 * 10**6 // 20)
    assert short.lasted_us == two_rounds
    assert told(of) == []


def test_what_is_too_many_is_retired_the_newest_first(tmp_path: Path) -> None:
    """A removal takes 2 s to start and 1 min. The timers are left as they are."""
    of = ran(tmp_path, set_goals("{at: 1 h, set_goals: {farm: content, front_end: 10}}"))
    gone = [
        (at_us, v["site"], v["machine"])
        for at_us, v in rows(of, "truth.cloud_machine")
        if v["what"] == "removed"
    ]
    at_us = HOUR_US + 15 * MS + 62 * S
    assert {when for when, _, _ in gone} == {at_us}
    names = {machine for _, site, machine in gone if site == "A"}
    assert names == {"content-front_end-11", "content-front_end-12"}
    assert summary(of).cloud.machines.degraded == []


def test_a_goal_that_the_store_has_forgotten_holds_no_more(tmp_path: Path) -> None:
    """The farm was upgraded before. The copy of 50:00 comes back at 90:00: 8 of 20 front ends go
    again.
    """
    upgrade = (
        "{at: 1 min, upgrade: {farm: content, to: web 2, style: in_place, machines_at_once: 4}}"
    )
    back = "{at: 50 min, cloud_store_restored: 40 min}"
    images = ("at: [A, B]}}", "at: [A, B]}, web 2: {size: 4 GB, at: [A, B]}}")
    quick = ("takes: 6 min", "takes: 3 min")
    of = ran(tmp_path, set_goals(upgrade, back, AT_1H), (BIG_B, images, quick))
    gone = [v for _, v in rows(of, "truth.cloud_machine") if v["what"] == "removed"]
    assert {v["site"] for v in gone} == {"A", "B"}
    assert len(gone) == 2 * 8


def test_a_role_that_the_farm_did_not_have(tmp_path: Path) -> None:
    of = ran(tmp_path, set_goals("{at: 1 h, set_goals: {farm: content, search: 2}}"))
    made = [v["role"] for _, v in rows(of, "truth.cloud_machine") if v["what"] == "provisioning"]
    assert made == ["search"] * 4


def test_a_network_has_no_more_than_its_balancer_takes(tmp_path: Path) -> None:
    """14 are there, 22 are to be, 16 may be. With fewer front ends there is room for the others."""
    fewer = "{at: 3 h, set_goals: {farm: content, front_end: 13}}"
    of = ran(tmp_path, set_goals(AT_1H, fewer), (BIG_B, LIMIT))
    limit = ("at the limit", "6 machines of prod are beyond 16 at {}")
    assert told(of) == [(limit[0], limit[1].format(site)) for site in "AB"]
    made = [v for _, v in rows(of, "truth.cloud_machine") if v["what"] == "provisioning"]
    assert len(made) == 4
    assert {each.least_ppm for each in summary(of).cloud.machines.degraded} == {600_000}


def test_at_the_limit_a_dead_machine_is_replaced_when_it_is_removed(tmp_path: Path) -> None:
    """It is known after 1 min and retired after 5 more; it is removed in 62 s, and a deployment
    takes 682 s. Each word and each order takes 15 ms.
    """
    limit = (LIMIT[0], LIMIT[1].replace("16", "3"))
    dies = "{at: 1 h, bad_machine: {machine: A-compute-1}}"
    of = ran(tmp_path, set_goals(dies), (FEW, limit))
    (short,) = summary(of).cloud.machines.degraded
    assert short.began_us == HOUR_US
    known_us, removed_us = 360 * S, 15 * MS + 62 * S + 15 * MS
    first_us = known_us + removed_us + 15 * MS + DEPLOY
    # the machine that died is tried first, as it is empty: refused, cleaned up, tried elsewhere
    assert 0 <= short.lasted_us - first_us < 15 * S


@pytest.mark.parametrize("front_ends", [1, 6])
@pytest.mark.parametrize("minutes", [72, 73, 74])
def test_goals_that_are_set_in_an_upgrade_hold_for_both_images(
    minutes: int, front_ends: int, tmp_path: Path
) -> None:
    """The new machines run at 71:22, crm is moved until 72:54, and the old ones go by 74."""
    images = "images: {web 12.3: {size: 40 GB, at: [A, B]}}"
    two = (images, images[:-1] + ", web 12.4: {size: 40 GB, at: [A, B]}}")
    takes = ("changes: {fail: 0 %}", "changes: {takes: 90 s, fail: 0 %}")
    upgrade = "{at: 1 h, upgrade: {farm: content, to: web 12.4}}"
    goals = f"{{at: {minutes} min, set_goals: {{farm: content, front_end: {front_ends}}}}}"
    of = ran(tmp_path, set_goals(upgrade, goals), (FEW, two, takes, BIG_B))
    (_, records, _) = end(of)
    assert records == 2 * front_ends


Patch = pytest.MonkeyPatch


def test_who_does_not_look_at_the_limit_is_caught(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(limits.Room, "full", False)
    of = world(tmp_path, set_goals(AT_1H), (BIG_B, LIMIT))
    of.run()
    assert {breach.invariant for breach in cloud_broken(of.journal, of.scenario)} == {"cloud 10"}


def test_a_goal_that_sinks_while_machines_are_deployed_takes_no_machine_that_is_needed(
    tmp_path: Path,
) -> None:
    """8 of 20 are being deployed when 12 are enough again: 12 run all the time. Those that come are
    too many, and the newest go, each when it runs.
    """
    fewer = "{at: 65 min, set_goals: {farm: content, front_end: 12}}"
    of = ran(tmp_path, set_goals(AT_1H, fewer), (BIG_B,))
    (short,) = summary(of).cloud.machines.degraded
    assert (short.began_us, short.lasted_us) == (HOUR_US, 5 * MINUTE)
    (up, records, jobs) = end(of)
    assert (len(up), records, jobs) == (28, 28, [])


def test_who_takes_machines_that_run_while_others_are_deployed_is_caught(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(farm_goals, "_while_others_run", lambda first, mine, goal: first)
    fewer = "{at: 65 min, set_goals: {farm: content, front_end: 12}}"
    of = world(tmp_path, set_goals(AT_1H, fewer), (BIG_B,))
    of.run()
    assert {breach.invariant for breach in cloud_broken(of.journal, of.scenario)} == {"cloud 24"}


# ---- restarts
GROWS: Edits = (FEW, ("run_for: 4 h", "run_for: 3 h"))
FEW_MORE = set_goals("{at: 1 h, set_goals: {farm: content, front_end: 5}}")


def make(folder: Path) -> World:
    return world(folder, FEW_MORE, GROWS)


def test_dead_before_any_command_it_grows_all_the_same(tmp_path: Path) -> None:
    wanted = dies_before_commands(lambda: make(tmp_path), end, 2)
    assert wanted == ([(site, "front_end") for site in "AB" for _ in range(5)], 10, [])


def test_at_a_save_that_fails_it_grows_all_the_same(tmp_path: Path) -> None:
    fails_at_saves(lambda: make(tmp_path), end, 2)


# ---- wrong lines
@pytest.mark.parametrize(
    ("line", "edits", "wanted"),
    [
        ("{at: 1 h, set_goals: {farm: contents, front_end: 3}}", (), "did you mean 'content'"),
        ("{at: 1 h, set_goals: {farm: content}}", (), "no role is set"),
        ("{at: 1 h, set_goals: {farm: content, front_end: 2001}}", (), "more machines than can be"),
        (AT_1H, ((LIMIT[0], LIMIT[1].replace("16", "13")),), "to have 14 machines, and 13 may be"),
    ],
)
def test_a_wrong_line_is_refused(line: str, edits: Edits, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=wanted):
        world(tmp_path, set_goals(line), edits)


def test_the_scenario_of_growth_is_as_by_hand(tmp_path: Path) -> None:
    """90 machines in five rounds of 20."""
    path = Path(__file__).parent.parent / "scenarios" / "cloud" / "growth.yaml"
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    five = 15 * MS + 5 * DEPLOY + 4 * 30 * MS
    grown = [each for each in summary(of).cloud.machines.to_goal if each.began_us == 2 * HOUR_US]
    assert [(each.site, each.lasted_us) for each in grown] == [("A", five), ("B", five)]
    limit = [about for notice, about in told(of) if notice == "at the limit"]
    assert limit == [f"10 machines of prod are beyond 100 at {site}" for site in "AB"]
