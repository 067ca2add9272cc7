"""Upgrades of machines where they are, as of domain controllers: whole runs by hand arithmetic,
failures, restarts, and bugs that the witness catches.

An order to an agent takes 15 ms, and so does its word. An upgrade takes as long as a deployment, 682 s: the
image comes to the machine, and scripts run. One goes after another: the next is ordered 15 ms after one is
over, and begins 15 ms later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dr_sim.cloud.machines.farm_goals import FarmGoals
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.verify import verify
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builders
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves
from tests.test_cloud_machines import (
    COPY,
    DEPLOY,
    HOUR_US,
    MS,
    Edits,
    S,
    ran,
    rows,
    summary,
    told,
    world,
)
from tests.test_cloud_upgrades import BIG_B, FEW, FIXED, TWO_IMAGES, after, at_end, moves, phases

BOTH = ("web 12.4: {size: 40 GB, at: [A]}", "web 12.4: {size: 40 GB, at: [A, B]}")
USUAL: Edits = (TWO_IMAGES, FIXED, BIG_B, FEW)
THERE: Edits = (*USUAL, BOTH)
TURN = DEPLOY + 30 * MS


def in_place(at_once: int = 1, more: str = "") -> str:
    style = f"style: in_place, machines_at_once: {at_once}"
    asked = f"{{farm: content, to: web 12.4, {style}}}"
    return f"events:\n  - {{at: 1 h, upgrade: {asked}}}\n{more}"


def names(of: World) -> set[tuple[str, str]]:
    """Site and name of every machine that there has been."""
    return {(v["site"], v["machine"]) for _, v in rows(of, "truth.cloud_machine")}


def test_one_machine_after_the_other_becomes_one_of_the_new_image(tmp_path: Path) -> None:
    """Each is away for its script alone; the same machines are there in the end."""
    of = ran(tmp_path, in_place(), THERE)
    first = HOUR_US + 15 * MS
    assert [(each.began_us, each.lasted_us) for each in summary(of).cloud.machines.degraded] == [
        (first + turn * TURN, DEPLOY) for turn in range(3)
    ]
    assert phases(of) == {
        "deploying": HOUR_US,
        "replacing": HOUR_US,
        "over": HOUR_US + 3 * TURN,
    }
    assert at_end(of) == {"A": {"web 12.4"}, "B": {"web 12.4"}}
    assert moves(of, "begins") == summary(of).cloud.pauses == told(of) == []
    what = [v["what"] for _, v in rows(of, "truth.cloud_machine")]
    assert what.count("upgrading") == 6 and "removed" not in what
    assert len(names(of)) == 6


def test_where_the_image_is_yet_to_be_copied_it_is_copied_first(tmp_path: Path) -> None:
    of = ran(tmp_path, in_place(), USUAL)
    (image,) = summary(of).cloud.machines.images
    assert (image.site, image.lasted_us, image.arrived) == ("B", COPY, True)
    begun = [
        at
        for at, v in rows(of, "truth.cloud_machine")
        if (v["site"], v["what"]) == ("B", "upgrading")
    ]
    assert begun[0] == image.began_us + COPY + 30 * MS


def test_no_room_for_another_machine_is_needed(tmp_path: Path) -> None:
    full = (("A: {compute: 10}, B: {compute: 8}", "A: {compute: 1}, B: {compute: 1}"),)
    of = ran(tmp_path, in_place(at_once=3), (*THERE, *full))
    (degraded,) = summary(of).cloud.machines.degraded
    assert (degraded.lasted_us, degraded.least_ppm) == (DEPLOY, 0)
    assert "over" in phases(of) and told(of) == []


def test_a_script_that_fails_is_tried_again_and_the_machine_is_away_until_then(
    tmp_path: Path,
) -> None:
    """It fails at its end, and is tried 5 min later: then it does not fail."""
    fails = "  - {at: 1 h, script_fails: {script: upgrade_machine, site: A, times: 1}}\n"
    of = ran(tmp_path, in_place(more=fails), THERE)
    first, second, *_ = summary(of).cloud.machines.degraded
    assert first.lasted_us == 2 * DEPLOY + 30 * MS + 300 * S
    assert second.lasted_us == DEPLOY
    assert at_end(of) == {"A": {"web 12.4"}, "B": {"web 12.4"}}


def test_one_that_always_fails_holds_the_upgrade_and_runs_as_before(tmp_path: Path) -> None:
    fails = "  - {at: 1 h, script_fails: {script: upgrade_machine, site: A, times: all}}\n"
    of = ran(tmp_path, in_place(more=fails), THERE)
    held = [about for notice, about in told(of) if notice == "upgrade held"]
    assert held == ["content to web 12.4: not upgraded content-front_end-1 at A"]
    assert at_end(of)["A"] == {"web 12.3"}
    assert phases(of).keys() == {"deploying", "replacing", "held"}
    assert "or a machine not upgraded" in "\n".join(cloud_lines(summary(of), of.scenario))


UPGRADED = """\
run_for: 4 h
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 6}, B: {compute: 6}}
images: {web 1: {size: 4 GB, at: [A, B]}, web 2: {size: 4 GB, at: [A, B]}}
farms: {content: {image: web 1, front_end: FRONT_ENDS, timer: 1}}
deployment: {takes: 5 min}
changes: {fail: 0 %}
cloud: {mirror: {audit: 0 s}}
"""
IN_PLACE = "upgrade: {farm: content, to: web 2, style: in_place, machines_at_once: AT_ONCE}"


def upgraded(folder: Path, front_ends: int, at_once: int, more: str) -> World:
    events = f"events: [{{at: 1 h, {IN_PLACE}}}, {more}]\n".replace("AT_ONCE", str(at_once))
    path = folder / "s.yaml"
    path.write_text(UPGRADED.replace("FRONT_ENDS", str(front_ends)) + events)
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    return of


def test_a_machine_that_is_read_while_it_is_upgraded_is_not_silent(tmp_path: Path) -> None:
    """After a planned failover the manager reads A in the middle of its upgrade. Later a machine
    dies: one of three is silent, and it is replaced.
    """
    more = (
        "{at: 61 min, order_failover: {by: dba, planned: true}}, "
        "{at: 97 min, bad_machine: {machine: A-compute-1, duration: 20 min}}"
    )
    of = upgraded(tmp_path, 2, 2, more)
    assert [notice for notice, _ in told(of)] == ["replaced"]


def test_a_silent_machine_goes_for_its_replacement_only_when_that_runs(tmp_path: Path) -> None:
    """Each machine dies 5 min after it got the bad image, and one script runs at a time. The order
    to remove the timer waits for its turn when another one dies, so it is taken back: half of the
    machines are silent. It is not given again because there are two timers by then, of which one
    is being deployed.
    """
    more = "{at: 30 min, bad_image: {image: web 2, after: 5 min}}"
    of = upgraded(tmp_path, 3, 1, more + "]\njobs: {at_once: 1, attempts: 1}\n#")
    assert "many failed" in [notice for notice, _ in told(of)]


@pytest.mark.parametrize("minutes", [61, 75, 85])
def test_taken_back_each_machine_becomes_what_it_was(minutes: int, tmp_path: Path) -> None:
    back = f"  - {{at: {minutes} min, roll_back_upgrade: content}}\n"
    of = ran(tmp_path, in_place(more=back), THERE)
    assert at_end(of) == {"A": {"web 12.3"}, "B": {"web 12.3"}}
    assert len(names(of)) == 6
    assert {each.least_ppm for each in summary(of).cloud.machines.degraded} == {2 * 10**6 // 3}


@pytest.mark.parametrize("lost_at", ["61 min", "66 min", "75 min"])
def test_a_failover_in_the_middle(lost_at: str, tmp_path: Path) -> None:
    more = f"  - {{at: {lost_at}, lose: site}}\nafter_failover: {{new_secondary: 10 min}}\n"
    of = ran(tmp_path, in_place(more=more), (("run_for: 4 h", "run_for: 12 h"), *THERE))
    assert of.scenario.cloud is not None
    config = cloud_config(of.scenario.cloud, of.scenario)
    assert verify(of.journal, builders(of.journal, of.scenario), None, config).mismatch is None
    assert at_end(of)["B"] == {"web 12.4"}


def test_goals_that_are_set_meanwhile_hold(tmp_path: Path) -> None:
    """A fourth is made of the new image; then two are too many, and old ones go first."""
    more = (
        "  - {at: 65 min, set_goals: {farm: content, front_end: 4}}\n"
        "  - {at: 90 min, set_goals: {farm: content, front_end: 2}}\n"
    )
    of = ran(tmp_path, in_place(more=more), THERE)
    assert at_end(of) == {"A": {"web 12.4"}, "B": {"web 12.4"}}
    assert len(names(of)) == 8


def test_a_machine_that_dies_in_the_middle_is_replaced_and_the_upgrade_is_held(
    tmp_path: Path,
) -> None:
    """Its script fails at its end, and twice more as its physical machine does not answer. At B
    the upgrade stands still as well.
    """
    dies = "  - {at: 65 min, bad_machine: {machine: A-compute-1}}\n"
    of = ran(tmp_path, in_place(more=dies), THERE)
    assert [notice for notice, _ in told(of)][-2:] == ["upgrade held", "replaced"]
    assert at_end(of)["A"] == {"web 12.3"}
    (degraded,) = summary(of).cloud.machines.degraded
    assert degraded.over


# ---- planted bug
def test_who_takes_too_many_at_one_time_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_of_them(self: Any, side: Any) -> Any:
        return [vm for vm in self._records.at(side) if vm.state == "running" and self._upgrades.on]

    monkeypatch.setattr(FarmGoals, "to_upgrade", all_of_them)
    of = world(tmp_path, in_place(), THERE)
    of.run()
    assert {breach.invariant for breach in cloud_broken(of.journal, of.scenario)} == {"cloud 19"}


# ---- restarts
def make(folder: Path) -> World:
    return world(folder, in_place(), (*THERE, ("run_for: 4 h", "run_for: 150 min")))


def end(of: World) -> Any:
    return after(of), len(names(of))


def test_dead_before_any_command_it_ends_the_same(tmp_path: Path) -> None:
    dies_before_commands(lambda: make(tmp_path), end, 2)


def test_at_a_save_that_fails_it_ends_the_same(tmp_path: Path) -> None:
    fails_at_saves(lambda: make(tmp_path), end, 2)
