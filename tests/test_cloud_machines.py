"""Machines, images and farms in whole runs: small cases with the right answer by hand, to the
microsecond; restarts; and bugs that the witness catches.

An order to an agent takes 15 ms, and so does its word. A deployment takes 2 s to start, 320 s for
the copy of 40 GB at 1 Gbit/s, and 360 s: 682 s. Four scripts run at one time at a side.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cloud.machines import machines as room
from dr_sim.cloud.machines import placing, vm_records, vm_repair
from dr_sim.cloud.machines.vm import VmMove
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import views_of
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.verify import verify
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builders
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves

MS, S = 1_000, 1_000_000
MINUTE = 60 * S
HOUR_US = 60 * MINUTE
DEPLOY = 682 * S
COPY = 1_600 * S  # 40 GB at 200 Mbit/s, alone
BASE = """\
run_for: 4 h
databases: {crm: {size: 1 GB, log: none, incremental: none}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [content]}}
cloud: {mirror: {every: 5 min, audit: 30 min}}
jobs: {at_once: 4, attempts: 3, retry: 5 min, clean_up: 10 s}
changes: {fail: 0 %}
physical: {A: {compute: 10}, B: {compute: 4}}
images: {web 12.3: {size: 40 GB, at: [A, B]}}
farms: {content: {network: prod, image: web 12.3, front_end: 12, timer: 2}}
deployment: {takes: 6 min, remove: 1 min, silent_for: 1 min, repair_after: 5 min}
failover: {mode: automatic}
"""
IMAGE_AT_A = ("at: [A, B]", "at: [A]")
SMALL_B = ("B: {compute: 4}", "B: {compute: 2}")
LOST = "after_failover: {new_secondary: 10 min}\nevents: [{at: 2 h, lose: site}]\n"
Edits = tuple[tuple[str, str], ...]


def world(folder: Path, more: str = "", edits: Edits = ()) -> World:
    text = BASE
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "s.yaml"
    path.write_text(text + more)
    return World(load_scenario(path))


def ran(folder: Path, more: str = "", edits: Edits = ()) -> World:
    of = world(folder, more, edits)
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    return of


def rows(of: World, kind: str) -> list[tuple[int, dict[str, Any]]]:
    return [(row.time_us, row.values) for row in of.journal.rows(kind)]


def summary(of: World) -> Any:
    return summarise(Whole.of(of.journal, of.scenario))


def told(of: World) -> list[tuple[str, str]]:
    return [(v["notice"], v["about"]) for _, v in rows(of, "cloud.Notify")]


# ---- physics
def test_where_both_sides_stand_nothing_is_deployed(tmp_path: Path) -> None:
    of = ran(tmp_path)
    found = summary(of).cloud.machines
    assert found.counts == {"running": 28}
    assert found.degraded == found.second_short == found.to_goal == found.images == []
    assert told(of) == []


def test_an_image_crosses_once_and_machines_follow_in_rounds(tmp_path: Path) -> None:
    """Read at 60 ms, copied by 1600.060 s; said and ordered in 30 ms; four rounds, 30 ms apart."""
    of = ran(tmp_path, edits=(IMAGE_AT_A,))
    found = summary(of).cloud.machines
    (image,) = found.images
    assert (image.began_us, image.lasted_us, image.sent_bytes) == (60 * MS, COPY, 40 * 10**9)
    (goal,) = found.to_goal
    by = 60 * MS + COPY + 30 * MS + 4 * DEPLOY + 3 * 30 * MS
    assert (goal.site, goal.began_us, goal.lasted_us, goal.over) == ("B", 0, by, True)


def test_an_image_shares_the_link_with_backups(tmp_path: Path) -> None:
    """A full of 1 GB at 10 min has half of the link: 80 s instead of 40 s, and the image is 40 s later."""
    full = "{size: 1 GB, log: none, incremental: none, full: every 1 week offset 10 min}"
    edits = (IMAGE_AT_A, ("{size: 1 GB, log: none, incremental: none}", full))
    of = ran(tmp_path, edits=edits)
    (image,) = summary(of).cloud.machines.images
    assert abs(image.lasted_us - (COPY + 40 * S)) <= 1


def test_a_link_that_is_down_holds_an_image_up_and_it_goes_on_from_there(tmp_path: Path) -> None:
    of = ran(tmp_path, "events: [{at: 10 min, link_outage: 7 min}]\n", (IMAGE_AT_A,))
    (image,) = summary(of).cloud.machines.images
    assert (image.lasted_us, image.arrived) == (COPY + 7 * MINUTE, True)


def test_a_site_that_is_lost_cuts_the_image_off_and_nobody_can_be_served(tmp_path: Path) -> None:
    lost = "events: [{at: 10 min, lose: site}]\n"
    of = ran(tmp_path, lost, (IMAGE_AT_A,))
    found = summary(of).cloud.machines
    (image,) = found.images
    assert (image.lasted_us, image.arrived) == (10 * MINUTE - 60 * MS, False)
    assert ("no image", "web 12.3 at B") in told(of)
    assert found.degraded[-1].least_ppm == 0 and not found.degraded[-1].over


def test_an_install_point_that_loses_its_images_cuts_off_what_comes_there(tmp_path: Path) -> None:
    """Said in 15 ms, ordered again 5 min later, and then as if it had begun there."""
    lost = "events: [{at: 10 min, install_point_lost: B}]\n"
    found = summary(ran(tmp_path, lost, (IMAGE_AT_A,))).cloud.machines
    again = 10 * MINUTE + 15 * MS + 5 * MINUTE
    assert [(i.began_us, i.lasted_us, i.arrived) for i in found.images] == [
        (60 * MS, 10 * MINUTE - 60 * MS, False),
        (again, COPY, True),
    ]
    (goal,) = found.to_goal
    assert goal.lasted_us == again + COPY + 30 * MS + 4 * DEPLOY + 3 * 30 * MS


def test_an_image_that_is_lost_at_its_source_never_comes(tmp_path: Path) -> None:
    lost = "events: [{at: 10 min, install_point_lost: A}]\n"
    of = ran(tmp_path, lost, (IMAGE_AT_A,))
    found = summary(of).cloud.machines
    assert [(i.lasted_us, i.arrived) for i in found.images] == [(10 * MINUTE - 60 * MS, False)]
    (goal,) = found.to_goal
    assert (goal.over, goal.reached) == (False, False)
    assert told(of) == [("no image", "web 12.3 at B")]  # once: nothing of it changes


def test_an_image_that_is_lost_elsewhere_stops_no_other(tmp_path: Path) -> None:
    two = ("at: [A, B]}}", "at: [A]}, web 12.4: {size: 40 GB, at: [A, B]}}")
    lost = "events: [{at: 10 min, install_point_lost: {site: B, image: web 12.4}}]\n"
    (image,) = summary(ran(tmp_path, lost, (two,))).cloud.machines.images
    assert (image.lasted_us, image.arrived) == (COPY, True)


def test_an_image_that_becomes_an_older_one_at_its_source_never_comes(tmp_path: Path) -> None:
    """What is under way is of neither: it is cut off, and nobody has the right one any more."""
    older = "events: [{at: 10 min, older_image: {site: A, image: web 12.3}}]\n"
    of = ran(tmp_path, older, (IMAGE_AT_A,))
    found = summary(of).cloud.machines
    assert [(i.lasted_us, i.arrived) for i in found.images] == [(10 * MINUTE - 60 * MS, False)]
    assert ("no image", "web 12.3 at B") in told(of)
    (goal,) = found.to_goal
    assert (goal.over, goal.reached) == (False, False)


def test_an_older_image_is_found_at_a_failover_and_no_machine_is_made_of_it(tmp_path: Path) -> None:
    """Two of B's machines are missing when A is lost: with the older image they stay missing."""
    lost = LOST.replace("[", "[{at: 1 h, older_image: {site: B, image: web 12.3}}, ")
    killed = lost.replace("[", "[{at: 3 h, bad_machine: B-compute-1}, ")
    of = ran(tmp_path, killed)
    assert ("no image", "web 12.3 at B") in told(of)
    assert summary(of).cloud.machines.images == []  # the new second side has none to copy either
    made = of.journal.rows("truth.cloud_machine")
    late = [r for r in made if r.time_us > 3 * HOUR_US and r.values["what"] == "running"]
    assert late == []


def test_a_physical_machine_that_dies_under_a_deployment_fails_it(tmp_path: Path) -> None:
    """The 15th machine at A is being made where everything dies for an hour: it is made elsewhere."""
    grows = "{at: 1 h, set_goals: {farm: content, front_end: 13}}"
    dies = "{at: 65 min, bad_machine: {machine: A-compute-5, duration: 1 h}}"
    of = ran(tmp_path, f"events: [{grows}, {dies}]\n")
    assert [about for notice, about in told(of) if notice == "job failed"]
    goal = next(each for each in summary(of).cloud.machines.to_goal if each.site == "A")
    assert goal.reached and goal.lasted_us > 2 * DEPLOY


def test_after_a_failover_users_are_served_by_what_has_room(tmp_path: Path) -> None:
    """Two machines of 32 processors hold 8 of 14: 8 of 12 front ends are 66.6666 %."""
    of = ran(tmp_path, LOST, (SMALL_B,))
    found = summary(of).cloud.machines
    assert found.second_least_ppm == 0  # the new second site begins with nothing
    (short, new) = found.second_short
    assert (short.site, short.began_us, short.least_ppm) == ("B", 0, 8 * 10**6 // 12)
    (degraded,) = found.degraded
    (begun,) = [at for at, v in rows(of, "truth.cloud_provision") if v["begins"]]
    assert (degraded.site, degraded.began_us, degraded.least_ppm) == ("B", begun, 666_666)
    assert short.lasted_us == begun and not degraded.over
    assert new.site == "C" and new.over
    assert told(of)[0] == ("no room", "6 machines of content have no room at B")
    lines = "\n".join(cloud_lines(summary(of), of.scenario))
    assert "at the worst 66 % of the front ends served; it lasted to the end" in lines


def test_a_change_begins_before_machines_that_wait_longer(tmp_path: Path) -> None:
    """One script at a time at B, which needs four machines. A change of 40:00 is mirrored at 45:00,
    while the second machine is made: it begins when that is there, and the third machine after it.
    """
    edits = (
        IMAGE_AT_A,
        ("at_once: 4", "at_once: 1"),
        ("front_end: 12, timer: 2", "front_end: 4"),
        ("changes: {fail: 0 %}", "changes: {takes: 90 s, fail: 0 %}"),
    )
    change = "events: [{at: 40 min, admin_change: {rotate_secret: crm}}]\n"
    of = ran(tmp_path, change, edits)
    begun = [
        (at, v["script"])
        for at, v in rows(of, "truth.cloud_script")
        if (v["site"], v["what"]) == ("B", "begins")
    ]
    first = 60 * MS + COPY + 30 * MS
    second = first + DEPLOY + 30 * MS
    mirrored = second + DEPLOY + 30 * MS
    third = mirrored + 92 * S + 30 * MS
    fourth = third + DEPLOY + 30 * MS
    assert begun == [
        (first, "deploy_machine"),
        (second, "deploy_machine"),
        (mirrored, "rotate_secret"),
        (third, "deploy_machine"),
        (fourth, "deploy_machine"),
    ]


def test_a_deployment_that_fails_goes_elsewhere(tmp_path: Path) -> None:
    """It fails after 682 s at B; 10 s of clean-up; the side is read; 682 s on another machine."""
    fails = "events: [{at: 1 s, script_fails: {script: deploy_machine, site: B, times: 1}}]\n"
    of = ran(tmp_path, fails, (IMAGE_AT_A,))
    made = [v for _, v in rows(of, "truth.cloud_machine") if v["what"] == "provisioning"]
    first = next(v for v in made if v["site"] == "B")
    again = [v for v in made if v["machine"] == first["machine"]]
    assert len(again) == 2 and again[0]["physical"] != again[1]["physical"]
    (goal,) = summary(of).cloud.machines.to_goal
    assert goal.over


def test_a_silent_network_of_machines_is_not_rebuilt(tmp_path: Path) -> None:
    """The management network of A is down for 20 min: after 1 + 5 min all 14 are silent."""
    of = ran(tmp_path, "events: [{at: 1 h, agent_silent: {site: A, duration: 20 min}}]\n")
    assert summary(of).cloud.machines.counts == {"running": 28}
    (many,) = [(at, v) for at, v in rows(of, "cloud.Notify") if v["notice"] == "many failed"]
    assert many[1]["about"] == "14 of 14 machines at A: none is replaced"
    assert many[0] == 66 * MINUTE


def test_a_network_that_fell_silent_while_the_manager_was_down_is_told_of(tmp_path: Path) -> None:
    """The manager is back at 69:00 and reads B, which does not answer: all 14 machines there count
    as silent, and 5 min later somebody is told.
    """
    silent = (
        "events:\n"
        "  - {at: 59 min, cloud_crash: {duration: 10 min}}\n"
        "  - {at: 60 min, agent_silent: {site: B, duration: 40 min}}\n"
    )
    of = ran(tmp_path, silent)
    (notice,) = [(at, v) for at, v in rows(of, "cloud.Notify") if v["notice"] == "many failed"]
    assert notice[1]["about"] == "14 of 14 machines at B: none is replaced"
    assert notice[0] // S == 74 * 60


def test_the_record_of_a_run_with_machines_holds(tmp_path: Path) -> None:
    of = ran(tmp_path, LOST, (SMALL_B, IMAGE_AT_A))
    assert of.scenario.cloud is not None
    config = cloud_config(of.scenario.cloud, of.scenario)
    found = verify(of.journal, builders(of.journal, of.scenario), None, config)
    assert found.mismatch is None


# ---- restarts
TALE = "farms: {content: {network: prod, image: web 12.3, front_end: 12, timer: 2}}"
FEW = (TALE, TALE.replace("front_end: 12, timer: 2", "front_end: 3"))
TALES = {
    "image": (
        "events: [{at: 30 min, script_fails: {script: deploy_machine, times: 1}}]\n",
        (IMAGE_AT_A, FEW),
    ),
    "failover": (LOST, (FEW, SMALL_B)),
}


def end(of: World) -> Any:
    """How many machines of each farm run at each side in use, which records there are, what is open."""
    assert cloud_broken(of.journal, of.scenario) == []
    cloud = of.pairs[0].cloud
    assert cloud is not None and cloud.hardware is not None
    sides = {cloud.sites.active, cloud.sites.second}
    stored = cloud.driver.store.load()
    up = sorted(
        (m.site, m.role) for m in cloud.hardware.machines.values() if m.up and m.site in sides
    )
    records = [key for key in stored if key.startswith("vm/") and key.split("/")[1] in sides]
    return up, len(records), [key for key in stored if key.startswith("job/")]


@pytest.mark.parametrize("tale", TALES)
def test_dead_before_any_command_it_ends_as_if_it_had_not_been(tale: str, tmp_path: Path) -> None:
    wanted = dies_before_commands(lambda: world(tmp_path, *TALES[tale]), end, 3)
    assert not wanted[2]


@pytest.mark.parametrize("tale", TALES)
def test_at_a_save_that_fails_it_ends_as_if_it_had_not(tale: str, tmp_path: Path) -> None:
    fails_at_saves(lambda: world(tmp_path, *TALES[tale]), end, 2)


# ---- planted bugs
Patch = Callable[[pytest.MonkeyPatch], None]


def any_class(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(placing, "_fits", lambda wanted, physical, of: True)


def where_it_failed(patch: pytest.MonkeyPatch) -> None:
    """A machine is put again where it failed."""

    def fits(wanted: placing.WantedPlace, physical: Any, of: placing.Used) -> bool:
        again = placing.WantedPlace(wanted.image, wanted.farm, wanted.role)
        return real(again, physical, of)

    real = placing._fits
    patch.setattr(placing, "_fits", fits)


def repair_them_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(vm_repair, "_PPM", 0)


def forget_records(patch: pytest.MonkeyPatch) -> None:
    """A machine that runs has no record."""

    def moved(self: vm_records.VmRecords, vm: Any, move: Any, out: Any) -> None:
        real(self, vm, move, out)
        if move is VmMove.DEPLOYED:
            out.saves[f"vm/{vm.site}/{vm.name}"] = ""

    real = vm_records.VmRecords.move
    patch.setattr(vm_records.VmRecords, "move", moved)


def replaced_at_once(patch: pytest.MonkeyPatch) -> None:
    """A machine is replaced as soon as it is silent."""

    def moved(self: vm_records.VmRecords, vm: Any, move: Any, out: Any) -> None:
        real(self, vm, move, out)
        vm.repair_us = min(vm.repair_us, out.mono_us)

    real = vm_records.VmRecords.move
    patch.setattr(vm_records.VmRecords, "move", moved)


def hear_nobody(patch: pytest.MonkeyPatch) -> None:
    """A machine that answers again is not heard."""
    patch.setattr(room.MachineManager, "back", lambda self, e, out: None)


SHORT = "events: [{at: 1 h, bad_machine: {machine: A-compute-1, duration: 4 min}}]\n"
PLANTED: tuple[tuple[str, Patch, str, Edits], ...] = (
    ("cloud 18", replaced_at_once, SHORT, ()),
    ("cloud 18", hear_nobody, SHORT, ()),
    ("cloud 10", any_class, LOST, (SMALL_B,)),
    ("cloud 11", forget_records, "", (IMAGE_AT_A, FEW, ("run_for: 4 h", "run_for: 12 h"))),
    (
        "cloud 16",
        where_it_failed,
        "events: [{at: 1 s, script_fails: {script: deploy_machine, site: B, times: 1}}]\n",
        (IMAGE_AT_A, FEW, ("B: {compute: 4}", "B: {compute: 3}")),
    ),
    (
        "cloud 17",
        repair_them_all,
        "events: [{at: 1 h, agent_silent: {site: A, duration: 20 min}}]\n",
        (),
    ),
)


@pytest.mark.parametrize(
    ("law", "bug", "more", "edits"), PLANTED, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_planted_bug_is_caught(
    law: str, bug: Patch, more: str, edits: Edits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)
    of = world(tmp_path, more, edits)
    of.run()
    assert law in {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}


# ---- faults that no file of the library shows
def test_no_machine_stays_where_every_deployment_fails(tmp_path: Path) -> None:
    more = "events: [{at: 1 s, bad_machine: {machine: B-compute-1, how: refuses}}]\n"
    of = ran(tmp_path, more, (IMAGE_AT_A, ("B: {compute: 4}", "B: {compute: 5}")))
    hardware = of.pairs[0].cloud.hardware  # type: ignore[union-attr]
    there = {m.physical for m in hardware.machines.values() if m.site == "B"}  # type: ignore[union-attr]
    assert "B-compute-1" not in there and summary(of).cloud.machines.to_goal[0].over


AT_A_1 = "bad_machine: {machine: A-compute-1, duration: 1 h}"


def running_again(of: World) -> list[int]:
    """When machines on A-compute-1 ran again, after the run's begin."""
    made = rows(of, "truth.cloud_machine")
    return [at for at, v in made if at and (v["physical"], v["what"]) == ("A-compute-1", "running")]


def test_a_physical_machine_stays_dead_until_the_last_reason_is_over(tmp_path: Path) -> None:
    """Dead from 1:00 to 2:00 and from 1:30 to 2:30; the one or two machines on it are not replaced."""
    more = f"events: [{{at: 60 min, {AT_A_1}}}, {{at: 90 min, {AT_A_1}}}]\n"
    of = ran(tmp_path, more, (("repair_after: 5 min", "repair_after: 3 h"),))
    assert set(running_again(of)) == {150 * MINUTE}


def test_nothing_starts_at_a_site_that_is_lost(tmp_path: Path) -> None:
    """The physical machine would be back at 2:00; the site is lost from 1:30 on."""
    more = f"events: [{{at: 60 min, {AT_A_1}}}, {{at: 90 min, lose: site}}]\n"
    of = ran(tmp_path, more, (("repair_after: 5 min", "repair_after: 3 h"),))
    assert running_again(of) == []


def test_deployments_fail_until_the_last_reason_is_over(tmp_path: Path) -> None:
    """The only physical machine of B refuses up to 0:40 and up to 1:40; its one machine is tried anew
    in between and runs only after that.
    """
    refuses = "bad_machine: {machine: B-compute-1, how: refuses, duration: D}"
    both = [refuses.replace("D", duration) for duration in ("40 min", "100 min")]
    more = f"events: [{{at: 1 s, {both[0]}}}, {{at: 2 s, {both[1]}}}]\n"
    edits = (
        IMAGE_AT_A,
        ("B: {compute: 4}", "B: {compute: 1}"),
        ("front_end: 12, timer: 2", "front_end: 1"),
        ("attempts: 3", "attempts: 1"),
    )
    of = ran(tmp_path, more, edits)
    made = rows(of, "truth.cloud_machine")
    at_b = [at for at, v in made if (v["site"], v["what"]) == ("B", "running")]
    assert at_b and min(at_b) > 100 * MINUTE


def test_an_image_that_dies_after_the_move_degrades_the_service(tmp_path: Path) -> None:
    """Machines die two hours after their deployment, in its waves of four, 682.030 s apart. A wave is
    replaced 6 min later, its removal takes 62 s and its deployment 682 s. So when the third one dies
    the first has been replaced, and the second has not: 4 of 12 front ends run.
    """
    image = "web 12.3: {size: 40 GB, at: [A, B]}"
    two = (image, f"{image}, web 12.4: {{size: 40 GB, at: [A, B]}}")
    more = (
        "events:\n  - {at: 1 min, bad_image: {image: web 12.4, after: 2 h}}\n"
        "  - {at: 2 min, upgrade: {farm: content, to: web 12.4}}\n"
    )
    of = ran(tmp_path, more, (two, ("B: {compute: 4}", "B: {compute: 8}")))
    (degraded,) = summary(of).cloud.machines.degraded
    assert degraded.began_us == 2 * MINUTE + 15 * MS + DEPLOY + 2 * HOUR_US
    assert degraded.least_ppm == 4 * 10**6 // 12
    assert [notice for notice, _ in told(of)].count("replaced") == 28


def test_machines_that_die_again_and_again_are_no_calm(tmp_path: Path) -> None:
    """Found by a storm: deployments that are under way at the end were taken for what hangs."""
    image = "web 12.3: {size: 40 GB, at: [A, B]}"
    two = (image, f"{image}, web 12.4: {{size: 40 GB, at: [A]}}")
    more = (
        "events:\n  - {at: 5 min, upgrade: {farm: content, to: web 12.4}}\n"
        "  - {at: 6 min, bad_image: {image: web 12.4, after: 5 min}}\n"
    )
    few = ("front_end: 12, timer: 2", "front_end: 5, timer: 1")
    of = ran(tmp_path, more, (two, few, ("run_for: 4 h", "run_for: 16 h")))
    assert [notice for notice, _ in told(of)].count("replaced") > 100


# ---- pictures
def lanes(of: World) -> dict[str, str]:
    timeline = Timeline(views_of(Whole.of(of.journal, of.scenario)), False)
    return {chart.key: chart.words for chart in timeline.lanes}


def test_the_page_shows_front_ends_and_jobs_over_time(tmp_path: Path) -> None:
    shown = lanes(ran(tmp_path, LOST, (SMALL_B,)))
    assert shown["machines"].startswith("Fewer front ends served than the goals say for 1 h 59")
    assert shown["machine_jobs"] == "14 scripts deployed, removed or moved something."


def test_without_machines_there_is_no_such_lane(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 1 h\ndatabases: {crm: {size: 1 GB}}\nlink: {bandwidth: 1 Gbit/s}\ncloud: {}\n"
    )
    of = World(load_scenario(path))
    of.run()
    assert not {"machines", "machine_jobs"} & set(lanes(of))
