"""Upgrades of farms and moves of databases, in whole runs: small cases with the right answer by
hand, failovers in the middle, restarts, and bugs that the witness catches.

An order to an agent takes 15 ms, and so does its word. A deployment takes 682 s
(test_cloud_machines.py), and four run at one time: a round after the first begins 682.030 s after
the one before. A move takes 2 s to start and 90 s.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cloud.machines import vm_records
from dr_sim.cloud.machines.farm_goals import FarmGoals
from dr_sim.cloud.machines.upgrades import (
    UPGRADES,
    FarmUpgrade,
    UpgradeMove,
    Upgrades,
)
from dr_sim.cloud.words import UpgradePhase
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.verify import verify
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builders
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves
from tests.library.runs import ran as of_library
from tests.test_cloud_machines import (
    DEPLOY,
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

MOVE = 92 * S
TWO_IMAGES = (
    "images: {web 12.3: {size: 40 GB, at: [A, B]}}",
    "images: {web 12.3: {size: 40 GB, at: [A, B]}, web 12.4: {size: 40 GB, at: [A]}}",
)
FIXED = ("changes: {fail: 0 %}", "changes: {takes: 90 s, fail: 0 %}")
BIG_B = ("B: {compute: 4}", "B: {compute: 8}")
DATABASES = (
    "databases: {crm: {size: 1 GB, log: none, incremental: none}}",
    "databases:\n"
    "  a: {size: 1 GB, log: none, incremental: none, tenants: acme}\n"
    "  b: {size: 1 GB, log: none, incremental: none, tenants: acme}\n"
    "  c: {size: 1 GB, log: none, incremental: none, tenants: contoso}\n"
    "  d: {size: 1 GB, log: none, incremental: none}",
)
USUAL: Edits = (TWO_IMAGES, FIXED, BIG_B)
FEW = ("front_end: 12, timer: 2", "front_end: 3")


def upgrade(at: str = "1 h", at_once: int = 1, more: str = "") -> str:
    asked = f"{{farm: content, to: web 12.4, tenants_at_once: {at_once}}}"
    return f"events:\n  - {{at: {at}, upgrade: {asked}}}\n{more}"


def phases(of: World) -> dict[str, int]:
    (found,) = summary(of).cloud.machines.upgrades
    return dict(found.phases)


def moves(of: World, what: str) -> list[tuple[int, str, str]]:
    return [
        (at, v["site"], v["entity_name"])
        for at, v in rows(of, "truth.cloud_script")
        if v["script"] == "move_database" and v["what"] == what
    ]


def test_an_upgrade_deploys_moves_and_retires(tmp_path: Path) -> None:
    of = ran(tmp_path, upgrade(), USUAL)
    deployed = 60 * MINUTE + 4 * (DEPLOY + 30 * MS)
    assert phases(of)["moving"] == deployed
    begun, done = moves(of, "begins")[0], moves(of, "done")[0]
    assert begun == (deployed + 15 * MS, "A", "crm")
    assert done == (deployed + 15 * MS + MOVE, "A", "crm")
    assert phases(of)["retiring"] == deployed + 30 * MS + MOVE
    (pause,) = summary(of).cloud.pauses
    assert (pause.database, pause.lasted_us, pause.over) == ("crm", MOVE, True)
    found = summary(of).cloud.machines
    goal_of = {each.site: each for each in found.to_goal}
    assert goal_of["A"].lasted_us == deployed - 15 * MS - 60 * MINUTE
    assert found.degraded == [] and all(each.over for each in found.to_goal)
    assert found.counts["removed"] == 28
    # at B the mirrored move waits behind deployments, for the same four scripts at one time
    assert told(of) == [("drift", "1 change")]
    up = {m.image for m in of.pairs[0].cloud.hardware.machines.values()}  # type: ignore[union-attr]
    assert up == {"web 12.4"}


def test_a_move_is_mirrored_as_any_change(tmp_path: Path) -> None:
    of = ran(tmp_path, upgrade(), USUAL)
    assert [site for _, site, _ in moves(of, "done")] == ["A", "B"]


def sent(of: World, cut_us: int) -> tuple[int, int]:
    """(instant, bytes) of the first log that has crossed after that."""
    return next((at, v["bytes"]) for at, v in rows(of, "truth.transfer_bytes") if at > cut_us)


def test_an_image_on_the_link_makes_a_log_wait(tmp_path: Path) -> None:
    """Alone a log takes its bits over 200 Mbit/s; beside the image twice as long."""
    log = (
        "{size: 1 GB, log: every 5 min, log_volume: 100 MB per 5 min, incremental: none, "
        "full: none, seeded: true}"
    )
    base = (("{size: 1 GB, log: none, incremental: none}", log), *USUAL)
    at, amount = sent(ran(tmp_path, "", base), 75 * MINUTE)
    later, same = sent(ran(tmp_path, upgrade(), base), 75 * MINUTE)
    assert same == amount
    assert abs((later - at) - amount * 8 * S // (200 * 10**6)) <= 2


@pytest.mark.parametrize(
    ("at_once", "starts"),
    [(1, [["a", "b"], ["c"], ["d"]]), (2, [["a", "b", "c"], ["d"]]), (3, [["a", "b", "c", "d"]])],
)
def test_tenants_are_moved_so_many_at_one_time(
    at_once: int, starts: list[list[str]], tmp_path: Path
) -> None:
    """Databases of one tenant go together; one that names none goes by itself."""
    of = ran(tmp_path, upgrade(at_once=at_once), (DATABASES, *USUAL))
    by_start: dict[int, list[str]] = {}
    for at, site, database in moves(of, "begins"):
        if site == "A":
            by_start.setdefault(at, []).append(database)
    assert list(by_start.values()) == starts


@pytest.mark.long  # test_tenants_are_moved_so_many_at_one_time is cheaper
def test_stores_of_a_tenant_are_moved_together_and_pause_their_own_backups() -> None:
    found = of_library("cloud/tenant_stores").summary
    begun = 2 * HOUR_US + DEPLOY + 45 * MS
    assert [(each.database, each.began_us, each.lasted_us) for each in found.cloud.pauses] == [
        ("acme-content", begun, MOVE),
        ("acme-app", begun, MOVE),
        ("contoso-content", begun + MOVE + 30 * MS, MOVE),
        ("contoso-app", begun + MOVE + 30 * MS, MOVE),
    ]


def test_a_move_that_failed_is_tried_again_when_the_others_are_over(tmp_path: Path) -> None:
    fails = "  - {at: 1 h, script_fails: {script: move_database, site: A, times: 3}}\n"
    of = ran(tmp_path, upgrade(more=fails), (("run_for: 4 h", "run_for: 6 h"), *USUAL))
    assert len(moves(of, "failed")) == 3 and "over" in phases(of)
    (crm,) = of.pair.primary.databases
    assert crm.paused == [], "backups go on when the move is done, however often it was tried"
    assert [notice for notice, _ in told(of)] == ["job failed"]


def test_an_upgrade_whose_moves_never_succeed_is_held_with_both_farms(tmp_path: Path) -> None:
    fails = "  - {at: 1 h, script_fails: {script: move_database, site: A, times: all}}\n"
    of = ran(tmp_path, upgrade(more=fails), (("run_for: 4 h", "run_for: 6 h"), *USUAL))
    assert ("upgrade held", "content to web 12.4: not moved crm") in told(of)
    assert "held" in phases(of) and "retiring" not in phases(of)
    hardware = of.pairs[0].cloud.hardware  # type: ignore[union-attr]
    images = sorted({(m.site, m.image) for m in hardware.machines.values() if m.up})  # type: ignore[union-attr]
    assert images == [("A", "web 12.3"), ("A", "web 12.4"), ("B", "web 12.3"), ("B", "web 12.4")]


def test_where_there_is_no_room_for_both_old_machines_go_one_after_the_other(
    tmp_path: Path,
) -> None:
    """B has room for 16: two new machines are made there beside the 14 old ones."""
    of = ran(tmp_path, upgrade(), (("run_for: 4 h", "run_for: 8 h"), TWO_IMAGES, FIXED))
    assert "over" in phases(of)
    assert told(of)[0] == ("no room", "12 machines of content have no room at B")
    assert min(s.least_ppm for s in summary(of).cloud.machines.second_short) == 11 * 10**6 // 12


RECONCILE = ("mirror: {every: 5 min,", "mirror: {mode: reconcile, every: 0 s,")


@pytest.mark.parametrize("at", ["88 min", "95 min"])
def test_a_database_that_was_set_at_the_other_side_is_served_there_as_at_the_first(
    at: str, tmp_path: Path
) -> None:
    """Its move was mirrored by no job. After the failover old machines go at B."""
    more = f"  - {{at: {at}, order_failover: {{by: dba, planned: true}}}}\n"
    edits = (("run_for: 4 h", "run_for: 6 h"), RECONCILE, FEW, *USUAL)
    ran(tmp_path, upgrade(more=more), edits)


@pytest.mark.parametrize("lost_at", ["70 min", "105 min 30 s", "106 min", "110 min"])
def test_a_failover_in_the_middle_of_an_upgrade(lost_at: str, tmp_path: Path) -> None:
    """While machines are deployed, a database is moved, it has been mirrored or not, the old ones
    go.
    """
    more = f"  - {{at: {lost_at}, lose: site}}\nafter_failover: {{new_secondary: 10 min}}\n"
    edits = (("run_for: 4 h", "run_for: 12 h"), FEW, *USUAL)
    of = ran(tmp_path, upgrade("85 min" if lost_at != "70 min" else "1 h", more=more), edits)
    assert of.scenario.cloud is not None
    config = cloud_config(of.scenario.cloud, of.scenario)
    assert verify(of.journal, builders(of.journal, of.scenario), None, config).mismatch is None
    found = summary(of).cloud.machines
    assert not [each for each in found.degraded if not each.over]


UNMIRRORED = "  - {at: 50 min, mirror_off: 100 min}\n"
AT_BOTH = ("at: [A]}}", "at: [A, B]}}")
SOON: Edits = (FEW, *USUAL, AT_BOTH)


def test_at_the_second_side_old_machines_stay_until_the_moves_are_mirrored(tmp_path: Path) -> None:
    of = ran(tmp_path, upgrade(more=UNMIRRORED), SOON)
    gone = {
        site: [
            at
            for at, v in rows(of, "truth.cloud_machine")
            if (v["site"], v["what"]) == (site, "stopped")
        ]
        for site in "AB"
    }
    mirrored = max(at for at, site, _ in moves(of, "done") if site == "B")
    assert len(gone["A"]) == len(gone["B"]) == 3
    assert max(gone["A"]) < 150 * MINUTE < mirrored < min(gone["B"])


@pytest.mark.parametrize("mode", ["jobs", "reconcile", "runbook"])
def test_other_changes_of_the_databases_make_no_retired_machine_again(
    mode: str, tmp_path: Path
) -> None:
    """A change of the database is often pending at B while one machine after the other is retired,
    each in 15 min.
    """
    often = (
        "changes: {takes: 90 s, fail: 0 %}",
        "changes: {takes: 90 s, fail: 0 %, rate: 20 per h}",
    )
    mirror = ("mirror: {every: 5 min", f"mirror: {{mode: {mode}, every: 5 min")
    slow = (("at_once: 4", "at_once: 1"), ("remove: 1 min", "remove: 15 min"))
    of = ran(tmp_path, upgrade(), (*SOON, often, mirror, *slow))
    made: list[str] = []
    for _, v in rows(of, "truth.cloud_machine"):
        if v["image"] == "web 12.3" and v["what"] == "running":
            made.append(v["machine"])
    assert len(made) == len(set(made)) == 6


def test_who_retires_them_before_is_caught_by_a_failover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two scripts run at one time: B serves users of the old farm when its last machines go."""
    goes = "  - {at: 84 min 30 s, order_failover: {by: dba, planned: true}}\n"
    edits = (*SOON, ("at_once: 4", "at_once: 2"))
    more = UNMIRRORED + goes
    ran(tmp_path, upgrade(more=more), edits)
    monkeypatch.setattr(Upgrades, "are_moved", lambda *of: True)
    assert "cloud 12" in broken(world(tmp_path, upgrade(more=more), edits))


# ---- the flagship
def test_an_upgrade_in_the_middle_of_another_is_asked_for_in_vain(tmp_path: Path) -> None:
    """The farm goes on to 12.4, and every figure is what it is without the second line."""
    both = ("at: [A]}}", "at: [A, B]}}")
    more = "  - {at: 80 min, upgrade: {farm: content, to: web 12.3}}\n"
    alone = summary(ran(tmp_path, upgrade(), (*USUAL, both))).cloud.machines
    of = ran(tmp_path, upgrade(more=more), (*USUAL, both))
    found = summary(of).cloud.machines
    assert (found.to_goal, found.upgrades) == (alone.to_goal, alone.upgrades)
    details = [v["detail"] for _, v in rows(of, "truth.event")]
    assert "nothing: content is being upgraded to web 12.4 already" in details


def test_a_farm_that_has_the_image_is_not_upgraded_to_it(tmp_path: Path) -> None:
    more = "  - {at: 3 h 30 min, upgrade: {farm: content, to: web 12.4}}\n"
    of = ran(tmp_path, upgrade(more=more), (*USUAL, FEW))
    details = [v["detail"] for _, v in rows(of, "truth.event")]
    assert "nothing: content has web 12.4 already" in details


def test_a_goal_at_a_site_that_is_lost_was_not_reached(tmp_path: Path) -> None:
    lost = "  - {at: 90 min, lose: site}\n"
    of = ran(tmp_path, upgrade(more=lost), USUAL)
    (at_a,) = [each for each in summary(of).cloud.machines.to_goal if each.site == "A"]
    assert (at_a.began_us, at_a.lasted_us, at_a.over, at_a.reached) == (
        HOUR_US,
        30 * MINUTE,
        True,
        False,
    )
    words = "content at A: not reached in 30:00, until the site was no longer used"
    assert words in "\n".join(cloud_lines(summary(of), of.scenario))
    few = ran(tmp_path, upgrade(more=lost), (*USUAL, FEW))  # three machines are there in time
    assert "content at A: 11:22\n" in "\n".join(cloud_lines(summary(few), few.scenario))


def test_a_stuck_move_costs_the_night_and_who_was_told_when() -> None:
    result = of_library("cloud/stuck_move")
    (failover,) = result.summary.failovers
    assert failover.data_loss_s == (11 * HOUR_US + 15 * MINUTE) // S
    asked = 4 * HOUR_US
    moved = asked + 4 * (DEPLOY + 30 * MS) + 15 * MS
    long, short, later = sorted(
        result.summary.cloud.pauses, key=lambda p: (p.began_us, -p.lasted_us)
    )
    assert (long.database, long.began_us) == ("crm", moved)
    assert long.lasted_us == 16 * HOUR_US - moved
    assert (short.database, short.lasted_us) == ("shop", MOVE)
    assert later.database == "crm" and later.began_us > 16 * HOUR_US
    notices = [
        (row.time_us, row.values["notice"])
        for row in result.journal.rows("cloud.Notify")
        if "crm" in row.values["about"]
    ]
    # at the limit, 30 min after the word that it was started; then the clean-up, 10 s later
    assert notices[0] == (moved + 15 * MS + 30 * MINUTE, "job overdue")
    assert notices[1][1] == "not cleaned" and notices[1][0] - notices[0][0] < 12 * S
    again = [at for at, what in notices if what == "not cleaned" and at < 16 * HOUR_US]
    assert {b - a for a, b in pairwise(again)} == {5 * MINUTE}
    (first, *_) = [
        row for row in result.journal.rows("seen.RaiseAlert") if row.values["event_id"] == 2
    ]
    assert 5 * HOUR_US < first.time_us < 5 * HOUR_US + MINUTE


# ---- one that is taken back
def taken_back(at: str, edits: Edits, folder: Path, more: str = "") -> World:
    back = f"  - {{at: {at}, roll_back_upgrade: content}}\n"
    return ran(folder, upgrade(more=more + back), edits)


def at_end(of: World) -> dict[str, set[str]]:
    """The images of machines that run at each side, and those that serve databases there."""
    running: dict[str, set[str]] = {}
    machines: dict[tuple[str, str], str] = {}
    for _, v in rows(of, "truth.cloud_machine"):
        machines[v["site"], v["machine"]] = v["image"] if v["what"] == "running" else ""
    for (site, _), image in machines.items():
        running.setdefault(site, set()).add(image)
    return {site: images - {""} for site, images in running.items()}


def homes(of: World) -> dict[tuple[str, str], str]:
    """The image of the machines that serve each database at each side, if it was ever moved."""
    moved = [(v["site"], v["entity_name"], v["params"]) for _, v in rows(of, "truth.cloud_effect")]
    return {(site, name): "web 12.4" if "12.4" in of_ else "web 12.3" for site, name, of_ in moved}


def test_taken_back_while_it_deploys_the_new_machines_go_when_they_are_made(tmp_path: Path) -> None:
    """At 65 min the first four new machines are being made at A. They are there 682 s after they
    were ordered, are removed in 62 s, and nobody has been moved.
    """
    of = taken_back("65 min", (FEW, *USUAL), tmp_path)
    assert at_end(of) == {"A": {"web 12.3"}, "B": {"web 12.3"}}
    assert moves(of, "begins") == []
    gone = [at for at, v in rows(of, "truth.cloud_machine") if v["what"] == "removed"]
    assert set(gone) == {HOUR_US + 15 * MS + DEPLOY + 30 * MS + 62 * S}
    there, back = summary(of).cloud.machines.upgrades
    assert (there.image, back.image) == ("web 12.4", "web 12.3")
    assert list(dict(back.phases)) == ["deploying", "moving", "retiring", "over"]
    assert summary(of).cloud.machines.degraded == []


@pytest.mark.parametrize("minutes", [72, 73, 74])
def test_taken_back_later_users_are_moved_back_first(minutes: int, tmp_path: Path) -> None:
    """The three new machines run at A at 71:22, crm is moved until 72:54, and then the old ones
    go.
    """
    of = taken_back(f"{minutes} min", (FEW, *USUAL), tmp_path)
    assert at_end(of) == {"A": {"web 12.3"}, "B": {"web 12.3"}}
    assert homes(of) == {("A", "crm"): "web 12.3", ("B", "crm"): "web 12.3"}
    assert summary(of).cloud.machines.degraded == []
    first, second = (at for at, site, _ in moves(of, "done") if site == "A")
    assert second - first >= MOVE


def test_of_several_only_those_that_were_moved_go_back(tmp_path: Path) -> None:
    """a and b are moved, and c is on its way; d has not begun."""
    edits = (DATABASES, FEW, *USUAL)
    of = taken_back("74 min", edits, tmp_path)
    done = [name for _, site, name in moves(of, "done") if site == "A"]
    assert sorted(done) == ["a", "a", "b", "b", "c", "c"]
    assert set(homes(of).values()) == {"web 12.3"}


def test_one_that_is_held_can_be_taken_back(tmp_path: Path) -> None:
    fails = "  - {at: 1 h, script_fails: {script: move_database, site: A, times: all, duration: 90 min}}\n"
    of = taken_back("3 h", (FEW, *USUAL), tmp_path, fails)
    assert "upgrade held" in [notice for notice, _ in told(of)]
    assert at_end(of) == {"A": {"web 12.3"}, "B": {"web 12.3"}}


def test_where_none_goes_on_nothing_is_taken_back_and_the_record_says_so(tmp_path: Path) -> None:
    of = ran(tmp_path, "events: [{at: 1 h, roll_back_upgrade: content}]\n", USUAL)
    details = [v["detail"] for _, v in rows(of, "truth.event")]
    assert "nothing: no upgrade of content goes on" in details


def test_upgraded_to_the_same_image_again_users_are_moved_again(tmp_path: Path) -> None:
    """A second move to an image is another one than the first."""
    back = "  - {at: 100 min, upgrade: {farm: content, to: web 12.3}}\n"
    again = "  - {at: 140 min, upgrade: {farm: content, to: web 12.4}}\n"
    of = ran(tmp_path, upgrade(more=back + again), (FEW, *USUAL))
    assert [name for _, site, name in moves(of, "done") if site == "A"] == ["crm"] * 3
    assert homes(of)["A", "crm"] == "web 12.4"


def test_who_retires_new_machines_before_users_are_moved_back_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def roll_back(self: Any, farm: str, out: Any) -> bool:
        found = real(self, farm, out)
        self.on[farm].waiting = []
        return found

    real = Upgrades.roll_back
    monkeypatch.setattr(Upgrades, "roll_back", roll_back)
    back = "  - {at: 73 min, roll_back_upgrade: content}\n"
    assert "cloud 12" in broken(world(tmp_path, upgrade(more=back), (FEW, *USUAL)))


# ---- restarts
BACK = upgrade("10 min", more="  - {at: 22 min, roll_back_upgrade: content}\n")


def test_dead_before_any_command_one_that_is_taken_back_ends_all_the_same(tmp_path: Path) -> None:
    edits = (FEW, ("run_for: 4 h", "run_for: 3 h"), *USUAL)
    wanted = dies_before_commands(lambda: world(tmp_path, BACK, edits), after, 5)
    assert wanted[2:] == ([], [], "web 12.3")


def test_at_a_save_that_fails_one_that_is_taken_back_ends_all_the_same(tmp_path: Path) -> None:
    edits = (FEW, ("run_for: 4 h", "run_for: 3 h"), *USUAL)
    fails_at_saves(lambda: world(tmp_path, BACK, edits), after, 3)


TALE = upgrade("10 min", more="  - {at: 10 min, script_fails: {script: move_database, times: 1}}\n")


def after(of: World) -> Any:
    upgrades = [key for key in of.pairs[0].cloud.driver.store.load() if "upgrade/" in key]  # type: ignore[union-attr]
    return *end(of), upgrades, of.pairs[0].cloud.driver.store.load().get("farm/content")  # type: ignore[union-attr]


def test_dead_before_any_command_an_upgrade_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    edits = (FEW, ("run_for: 4 h", "run_for: 3 h"), *USUAL)
    wanted = dies_before_commands(lambda: world(tmp_path, TALE, edits), after, 5)
    assert wanted[2:] == ([], [], "web 12.4")


def test_at_a_save_that_fails_an_upgrade_ends_as_if_it_had_not(tmp_path: Path) -> None:
    edits = (FEW, ("run_for: 4 h", "run_for: 3 h"), *USUAL)
    fails_at_saves(lambda: world(tmp_path, TALE, edits), after, 3)


# ---- the table, and planted bugs
def test_an_upgrade_that_is_over_is_never_taken_further_and_one_that_is_held_only_back() -> None:
    assert [phase for phase in UPGRADES.states if UPGRADES.ends(phase)] == [UpgradePhase.OVER]
    assert [move for move in UpgradeMove if UPGRADES.allows(UpgradePhase.HELD, move)] == [
        UpgradeMove.ROLL_BACK
    ]


def broken(of: World) -> set[str]:
    of.run()
    return {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}


def test_a_farm_that_is_retired_before_its_users_are_moved_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on(self: Any, each: FarmUpgrade, out: Any) -> None:
        each.phase = UpgradePhase.RETIRING
        self._report(each, out)

    monkeypatch.setattr("dr_sim.cloud.machines.upgrades.Upgrades.go_on", go_on)
    assert "cloud 12" in broken(world(tmp_path, upgrade(), USUAL))


NEW_ONE_DIES = "  - {at: 80 min, bad_machine: {machine: A-compute-3, duration: 2 h}}\n"
TWO_MOVES: Edits = (
    ("databases: {crm: {size: 1 GB,", "databases: {b: {size: 1 GB}, crm: {size: 1 GB,"),
    (FIXED[0], "changes: {takes: 10 min, fail: 0 %}"),
    ("front_end: 12, timer: 2", "front_end: 2"),
    TWO_IMAGES,
)


def test_no_move_begins_while_new_machines_do_not_run(tmp_path: Path) -> None:
    """Both new machines run at 1:11:22.015 (682 s and one order). The first move takes 602 s. A new
    machine dies at 80:00, so it is replaced after 6 min; its replacement runs after 682.030 s more.
    Only then does the second move begin, in the instant in which the first would have let it.
    """
    of = world(tmp_path, upgrade(more=NEW_ONE_DIES), TWO_MOVES)
    assert broken(of) == set()
    at_a = [at for at, site, _ in moves(of, "begins") if site == "A"]
    assert at_a == [HOUR_US + 682 * S + 45 * MS, 86 * MINUTE + 682 * S + 45 * MS]


def test_a_move_to_machines_that_do_not_run_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_new_ones(self: FarmGoals, of: FarmUpgrade, side: Any) -> bool:
        return of.phase is UpgradePhase.MOVING or real(self, of, side)

    real = FarmGoals.has_new_ones
    monkeypatch.setattr(FarmGoals, "has_new_ones", has_new_ones)
    assert broken(world(tmp_path, upgrade(more=NEW_ONE_DIES), TWO_MOVES)) == {"cloud 28"}


def test_machines_of_another_version_in_a_farm_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def new(self: Any, side: Any, of: Any, not_on: Any, out: Any) -> None:
        real(self, side, (of[0], of[1], "web 12.4"), not_on, out)

    real = vm_records.VmRecords.new
    monkeypatch.setattr(vm_records.VmRecords, "new", new)
    images = ("at: [A, B]}}", "at: [A, B]}, web 12.4: {size: 40 GB, at: [A, B]}}")
    repairs = ("repair_after: 5 min", "repair_after: 5 min, most_silent: 100 %")
    silent = "events: [{at: 1 h, agent_silent: {site: A, duration: 20 min}}]\n"
    assert "cloud 12" in broken(world(tmp_path, silent, (images, repairs)))


def test_old_machines_that_go_before_new_ones_run_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FarmGoals, "_old_ones", lambda *of: 0)
    assert "cloud 19" in broken(world(tmp_path, upgrade(), USUAL))


def test_moves_that_never_end_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = world(tmp_path, upgrade(), (*USUAL, ("run_for: 4 h", "run_for: 30 h")))
    assert "cloud 20" not in broken(of)
    monkeypatch.setattr("dr_sim.cloud.machines.upgrades.Upgrades.move_ended", lambda *of: None)
    again = world(tmp_path, upgrade(), (*USUAL, ("run_for: 4 h", "run_for: 30 h")))
    assert "cloud 20" in broken(again)


def test_the_manager_is_not_blamed_for_machines_of_which_it_cannot_know(tmp_path: Path) -> None:
    """Four new machines at A die at 6,502.015 s, and it knows a minute later: four old ones have
    gone meanwhile.
    """
    bad = "  - {at: 1 min, bad_image: {image: web 12.4, after: 37 min}}\n"
    of = world(tmp_path, upgrade(more=bad), USUAL)
    assert "cloud 19" not in broken(of)
    gone = [at for at, v in rows(of, "truth.cloud_machine") if v["what"] == "stopped"]
    assert any(6502 * S < at < 6562 * S for at in gone)
