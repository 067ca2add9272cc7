"""Upgrades that replace machines where they are, in whole runs: small cases with the right answer
by hand, failovers in the middle, restarts, and a bug that the witness catches.

An order to an agent takes 15 ms, and so does its word. A removal takes 62 s, a deployment 682 s
(test_cloud_machines.py). So a machine that is replaced does not serve for 744.030 s, and the next
one goes 30 ms after it serves again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.machines.farm_goals import FarmGoals
from dr_sim.errors import InputError
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.verify import verify
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builders
from tests.cloud.dying import dies_before_commands, fails_at_saves
from tests.library.runs import ran as of_library
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

REMOVE = 62 * S
AWAY = REMOVE + DEPLOY + 30 * MS
BOTH = ("web 12.4: {size: 40 GB, at: [A]}", "web 12.4: {size: 40 GB, at: [A, B]}")
USUAL: Edits = (TWO_IMAGES, FIXED, BIG_B, FEW)
THERE: Edits = (*USUAL, BOTH)


def replaced(at: str = "1 h", at_once: int = 1, more: str = "") -> str:
    style = f"style: replaced, machines_at_once: {at_once}"
    asked = f"{{farm: content, to: web 12.4, {style}}}"
    return f"events:\n  - {{at: {at}, upgrade: {asked}}}\n{more}"


def test_one_machine_after_the_other_is_removed_and_made_anew(tmp_path: Path) -> None:
    of = ran(tmp_path, replaced(), THERE)
    found = summary(of).cloud.machines
    first = HOUR_US + 15 * MS
    assert [(each.began_us, each.lasted_us) for each in found.degraded] == [
        (first + turn * (AWAY + 30 * MS), AWAY) for turn in range(3)
    ]
    assert {each.least_ppm for each in found.degraded} == {2 * 10**6 // 3}
    # over when the last old machine is known to be gone: the new one is being made then
    assert phases(of) == {
        "deploying": HOUR_US,
        "replacing": HOUR_US,
        "over": HOUR_US + 2 * (AWAY + 30 * MS) + REMOVE + 30 * MS,
    }
    assert at_end(of) == {"A": {"web 12.4"}, "B": {"web 12.4"}}
    assert moves(of, "begins") == summary(of).cloud.pauses == told(of) == []


def test_all_of_a_role_at_one_time_are_away_as_long_as_one(tmp_path: Path) -> None:
    of = ran(tmp_path, replaced(at_once=3), THERE)
    (degraded,) = summary(of).cloud.machines.degraded
    assert (degraded.lasted_us, degraded.least_ppm) == (AWAY, 0)


def test_the_only_new_machine_that_runs_stays_when_fewer_are_wanted(tmp_path: Path) -> None:
    """Two of three machines are removed at 60:00. One new one runs at 72:24, and the third old one
    goes; the other deployment fails. At 75:00 one machine is wanted, and one runs. Those that are
    being deployed go when they are made. The upgrade is not over: B has yet to get the image.
    """
    more = (
        "  - {at: 61 min, script_fails: {script: deploy_machine, site: A, times: 1}}\n"
        "  - {at: 75 min, set_goals: {farm: content, front_end: 1}}\n"
    )
    of = ran(tmp_path, replaced(at_once=2, more=more), USUAL)
    run: set[str] = set()
    for at, v in rows(of, "truth.cloud_machine"):
        if v["site"] == "A":
            run = run | {v["machine"]} if v["what"] == "running" else run - {v["machine"]}
        assert run or at < 75 * 60 * S
    assert len(run) == 1


def test_nothing_goes_where_the_image_is_yet_to_be_copied(tmp_path: Path) -> None:
    """It is copied for the first machine that waits for it; 15 ms after it is there that is known,
    and 15 ms later the first old one stops.
    """
    of = ran(tmp_path, replaced(), USUAL)
    (image,) = summary(of).cloud.machines.images
    assert (image.site, image.lasted_us, image.arrived) == ("B", COPY, True)
    gone = [
        at
        for at, v in rows(of, "truth.cloud_machine")
        if (v["site"], v["what"]) == ("B", "stopped")
    ]
    assert gone[0] == image.began_us + COPY + 30 * MS
    assert at_end(of) == {"A": {"web 12.4"}, "B": {"web 12.4"}}


def test_no_room_for_a_second_farm_is_needed(tmp_path: Path) -> None:
    """A physical machine has room for four; three front ends run on the only one."""
    full = (("A: {compute: 10}, B: {compute: 8}", "A: {compute: 1}, B: {compute: 1}"),)
    of = ran(tmp_path, replaced(), (*THERE, *full))
    assert "over" in phases(of) and told(of) == []


@pytest.mark.parametrize("minutes", [61, 66, 75, 85])
def test_taken_back_the_old_machines_are_made_anew(minutes: int, tmp_path: Path) -> None:
    """While the first is removed, while it is made, with the second, with the third."""
    back = f"  - {{at: {minutes} min, roll_back_upgrade: content}}\n"
    of = ran(tmp_path, replaced(more=back), THERE)
    assert at_end(of) == {"A": {"web 12.3"}, "B": {"web 12.3"}}
    assert moves(of, "begins") == []
    there, again = summary(of).cloud.machines.upgrades
    assert (there.image, again.image) == ("web 12.4", "web 12.3")
    assert list(dict(again.phases)) == ["deploying", "replacing", "over"]
    assert {each.least_ppm for each in summary(of).cloud.machines.degraded} == {2 * 10**6 // 3}


@pytest.mark.parametrize("lost_at", ["61 min", "66 min", "75 min"])
def test_a_failover_in_the_middle(lost_at: str, tmp_path: Path) -> None:
    more = f"  - {{at: {lost_at}, lose: site}}\nafter_failover: {{new_secondary: 10 min}}\n"
    of = ran(tmp_path, replaced(more=more), (("run_for: 4 h", "run_for: 12 h"), *THERE))
    assert of.scenario.cloud is not None
    config = cloud_config(of.scenario.cloud, of.scenario)
    assert verify(of.journal, builders(of.journal, of.scenario), None, config).mismatch is None
    assert at_end(of)["B"] == {"web 12.4"}


def test_a_later_upgrade_by_a_new_farm_moves_whom_the_replaced_one_serves(tmp_path: Path) -> None:
    """The witness knows that databases are served by the machines of 12.4 by then."""
    more = "  - {at: 3 h, upgrade: {farm: content, to: web 12.3}}\n"
    of = ran(tmp_path, replaced(more=more), (("run_for: 4 h", "run_for: 8 h"), *THERE))
    assert [site for _, site, _ in moves(of, "done")] == ["A", "B"]
    assert at_end(of) == {"A": {"web 12.3"}, "B": {"web 12.3"}}


# ---- orders that reach nobody
SILENT = "  - {at: 58 min, agent_silent: {site: B, duration: 20 min}}\n"


def test_an_order_that_an_agent_never_got_is_decided_again(tmp_path: Path) -> None:
    """All machines of B are silent when each is ordered to go. They serve when that can be done: one
    after the other goes, as if nothing had been.
    """
    of = ran(tmp_path, replaced(more=SILENT), THERE)
    away: set[str] = set()
    for _, v in rows(of, "truth.cloud_machine"):
        if v["site"] == "B" and v["what"] == "stopped":
            away.add(v["machine"])
        elif v["site"] == "B" and v["what"] == "running":
            away = set()
        assert len(away) <= 1
    assert at_end(of) == {"A": {"web 12.4"}, "B": {"web 12.4"}}


def test_who_carries_out_an_old_order_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobBook, "_was_never_begun", lambda self, job: False)
    of = world(tmp_path, replaced(more=SILENT), THERE)
    of.run()
    found = {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}
    assert "cloud 19" in found


# ---- restarts
SHORT: Edits = (("run_for: 4 h", "run_for: 2 h"), *THERE)


def test_dead_before_any_command_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    wanted = dies_before_commands(lambda: world(tmp_path, replaced("10 min"), SHORT), after, 5)
    assert wanted[2:] == ([], [], "web 12.4")


def test_at_a_save_that_fails_it_ends_as_if_it_had_not(tmp_path: Path) -> None:
    fails_at_saves(lambda: world(tmp_path, replaced("10 min"), SHORT), after, 3)


# ---- the library, a planted bug, and bad input
def test_in_the_library_two_at_a_time_take_six_turns() -> None:
    """Orders are given when changes leave room for them, so a turn may take a little longer."""
    result = of_library("cloud/faults/upgrade_replaced")
    found = result.summary.cloud.machines
    turns_us = 6 * (AWAY + 30 * MS)
    longest_us = sum(each.lasted_us for each in found.degraded)
    assert turns_us - 6 * 30 * MS <= longest_us < turns_us + 3 * 60 * S
    assert {each.least_ppm for each in found.degraded} == {10 * 10**6 // 12}
    assert result.summary.cloud.pauses == []


def test_one_that_goes_before_the_one_before_is_back_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_at_once(self: Any, new: Any, upgrade: Any, side: Any) -> Any:
        upgrade.at_once = new.count
        return real(self, new, upgrade, side)

    real = FarmGoals._one_for_another
    monkeypatch.setattr(FarmGoals, "_one_for_another", all_at_once)
    of = world(tmp_path, replaced(), THERE)
    of.run()
    assert "cloud 19" in {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("style: replaced, tenants_at_once: 2", "tenants_at_once is for style: new_farm"),
        ("machines_at_once: 2", "machines_at_once is for style: replaced or in_place"),
        ("style: in_situ", "'in_situ' is not one of new_farm, replaced, in_place"),
    ],
)
def test_a_number_that_a_style_has_no_use_for_is_refused(
    keys: str, words: str, tmp_path: Path
) -> None:
    line = f"events: [{{at: 1 h, upgrade: {{farm: content, to: web 12.4, {keys}}}}}]\n"
    with pytest.raises(InputError, match=words):
        world(tmp_path, line, USUAL)


def test_the_screen_of_a_run_that_ends_in_the_middle_of_it(tmp_path: Path) -> None:
    of = ran(tmp_path, replaced(), (*THERE, ("run_for: 4 h", "run_for: 75 min")))
    assert "old machines were still there" in "\n".join(cloud_lines(summary(of), of.scenario))
