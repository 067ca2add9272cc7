"""Machines of the cloud manager in the library: a scenario for each fault, with what it must show."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dr_sim.measures.cloud.machines import machine_counts
from dr_sim.measures.tables import tables
from dr_sim.runs.run import Result
from dr_sim.units import HOUR_US, MINUTE_US

from .runs import ran

MS, S = 1_000, 1_000_000
DEPLOY = 682 * S


def cloud(name: str) -> Result:
    return ran(f"cloud/faults/{name}")


def machines(result: Result) -> Any:
    return result.summary.cloud.machines


def told(result: Result) -> Counter[str]:
    return Counter(row.values["notice"] for row in result.journal.rows("cloud.Notify"))


def test_quiet_machines_are_left_alone() -> None:
    result = cloud("machines")
    assert machines(result).counts == {"running": 28} and told(result) == {}


def test_machines_of_a_dead_one_are_replaced_elsewhere() -> None:
    """Known after 1 min, replaced after 5 min more; the order takes 15 ms, the deployment 682 s."""
    result = cloud("bad_machine")
    first, second = machines(result).degraded
    assert (first.began_us, first.least_ppm) == (2 * HOUR_US, 10 * 10**6 // 12)
    assert first.lasted_us == 6 * MINUTE_US + 15 * MS + DEPLOY
    # the manager does not know that A-compute-1 is dead, and tries it: refused, 10 s of clean-up
    assert 10 * S < second.lasted_us - first.lasted_us < 11 * S
    assert told(result)["replaced"] == 4


def test_a_bad_image_that_shows_in_time_moves_nobody() -> None:
    result = cloud("bad_image")
    (upgrade,) = machines(result).upgrades
    assert set(upgrade.phases) == {"deploying"} and machines(result).degraded == []
    assert told(result)["replaced"] > 50


def test_what_others_take_is_refused_and_tried_again() -> None:
    result = cloud("capacity_taken")
    b = next(each for each in machines(result).to_goal if each.site == "B")
    assert 4 * HOUR_US < b.began_us + b.lasted_us < 5 * HOUR_US
    assert told(result)["not deployed"] > 10


def test_an_image_that_is_gone_is_copied_again() -> None:
    """Two refused deployments, 10 s of clean-up, 26:40 or more for the image, 682 s."""
    is_copied_again(cloud("install_point_lost"))


def test_an_image_that_is_an_older_one_is_copied_again() -> None:
    """Its checksum is not the one on record: refused as if there was none."""
    result = cloud("older_image")
    is_copied_again(result)
    reasons = Counter(row.values["reason"] for row in result.journal.rows("cloud.AgentSaid"))
    assert reasons["the image at the install point is an older one"] == 2


def is_copied_again(result: Result) -> None:
    (image,) = machines(result).images
    assert (image.site, image.arrived) == ("B", True) and image.lasted_us >= 1_600 * S
    (goal,) = machines(result).to_goal
    fixed = 6 * MINUTE_US + 10 * S + image.lasted_us + DEPLOY
    assert 0 < goal.lasted_us - fixed < S


def test_a_deployment_that_hangs_is_ended_and_made_elsewhere() -> None:
    result = cloud("deployment_stuck")
    (goal,) = machines(result).to_goal
    fixed = 6 * MINUTE_US + 30 * MINUTE_US + 11 * S + DEPLOY
    assert 0 < goal.lasted_us - fixed < S
    assert told(result) == {"replaced": 2, "job overdue": 1}


def test_a_move_that_stops_half_way_is_done_by_the_next_attempt() -> None:
    (pause,) = cloud("move_interrupted").summary.cloud.pauses
    assert pause.lasted_us == 2 * 32 * S + 5 * MINUTE_US + 30 * MS


def test_machines_are_counted_by_role_version_and_state() -> None:
    """At 2 h a physical machine dies with two of 14; two others take their place."""
    result = cloud("bad_machine")
    counts = machine_counts(tables(result.journal))
    assert {each.site for each in counts} == {"A", "B"}
    for each in counts:
        assert (
            each.steps[0] == (0, each.most) if each.state == "running" else each.steps[0] == (0, 0)
        )
        assert min(count for _, count in each.steps) >= 0
    running = [each for each in counts if each.state == "running" and each.site == "A"]
    at_last = sum(each.steps[-1][1] for each in running)
    assert sum(each.most for each in running) == at_last == 14
    assert min(count for each in running for _, count in each.steps) < 12
    assert any(each.state != "running" for each in counts)
