"""Front ends that follow their farm's load: whole runs by hand arithmetic, restarts, and planted bugs.

An order to an agent takes 15 ms, and so does its word. A deployment takes 682 s, a removal 62 s; four run
at one time. The load is counted in intervals of 15 s. 120 requests per s need 12 front ends.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.machines import farm_goals, load
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.cloud.loads import Week
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves
from tests.test_cloud_machines import (
    DEPLOY,
    HOUR_US,
    LOST,
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

FARM = "image: web 12.3, front_end: 12, timer: 2"
FOLLOWS = (FARM, "image: web 12.3, front_end: 2, timer: 2, load: 120 per s, per_machine: 10 per s")
BIG_B = ("B: {compute: 4}", "B: {compute: 10}")
EDITS: Edits = (FOLLOWS, BIG_B)
MEASURED = 15 * S
Patch = pytest.MonkeyPatch


def surge(by: str, how_long: str = "30 min", at: str = "1 h") -> str:
    return (
        f"events: [{{at: {at}, load_surge: {{farm: content, by: {by}, duration: {how_long}}}}}]\n"
    )


def seen(of: World) -> list[tuple[int, int]]:
    """When the manager was told of what load, in requests per s."""
    return [(at_us, v["per_hour"] // 3_600) for at_us, v in rows(of, "cloud.LoadSeen")]


def gone(of: World) -> list[tuple[int, str]]:
    return [
        (at_us, v["site"]) for at_us, v in rows(of, "truth.cloud_machine") if v["what"] == "stopped"
    ]


def test_it_begins_with_what_the_load_needs_and_stays_there(tmp_path: Path) -> None:
    of = ran(tmp_path, edits=EDITS)
    found = summary(of).cloud.machines
    assert found.counts == {"running": 28}
    assert found.degraded == found.to_goal == [] and told(of) == []
    (load,) = found.loads
    assert (load.farm, load.least, load.most, load.ran) == ("content", 12, 12, 12)


def test_both_sides_follow_a_surge_and_go_back_when_it_is_over(tmp_path: Path) -> None:
    """6 more in two rounds. The load is low from 1:30 on: known 15 s later, and 5 min after that 6 go,
    in two rounds.
    """
    of = ran(tmp_path, surge("1.5"), EDITS)
    (short,) = summary(of).cloud.machines.degraded
    assert (short.began_us, short.least_ppm) == (HOUR_US, 12 * 10**6 // 18)
    assert short.lasted_us == MEASURED + 15 * MS + 2 * DEPLOY + 30 * MS
    assert {each.lasted_us for each in summary(of).cloud.machines.to_goal} == {short.lasted_us}
    assert {each.site for each in summary(of).cloud.machines.to_goal} == {"A", "B"}
    first = HOUR_US + 30 * MINUTE + MEASURED + 5 * MINUTE + 15 * MS
    second = first + 62 * S + 30 * MS
    assert sorted(gone(of)) == sorted(
        (at_us, site) for at_us, n in ((first, 4), (second, 2)) for site in "AB" for _ in range(n)
    )
    (load,) = summary(of).cloud.machines.loads
    assert (load.least, load.most, load.ran) == (12, 18, 18)
    lines = "\n".join(cloud_lines(summary(of), of.scenario))
    assert "content: 120 to 180 requests per s needed 12 to 18 front ends; at the most 18" in lines


def test_what_is_told_is_the_mean_of_an_interval(tmp_path: Path) -> None:
    """It changes 10 s into an interval: 10 s of 120 and 5 s of 180 are 140, and then 180."""
    of = ran(tmp_path, surge("1.5", "1 h", at="3610 s"), EDITS)
    at_us = HOUR_US + 15 * S
    assert seen(of)[1:3] == [(at_us, 140), (at_us + 15 * S, 180)]


@pytest.mark.parametrize(("how_long", "removed"), [("5 min", 0), ("330 s", 8)])
def test_a_dip_that_is_over_in_time_takes_no_machine(
    how_long: str, removed: int, tmp_path: Path
) -> None:
    """Half the load for 5 min: the load is up again when fewer would be wanted. At 5:30 it is not:
    four of six go at each side, and the two that wait for a free script stay.
    """
    of = ran(tmp_path, surge("0.5", how_long), EDITS)
    assert len(gone(of)) == removed
    assert bool(summary(of).cloud.machines.degraded) is bool(removed)


def test_a_goal_that_people_set_is_by_hand_from_then_on(tmp_path: Path) -> None:
    events = (
        "events:\n- {at: 1 h, set_goals: {farm: content, front_end: 14}}\n"
        "- {at: 2 h, load_surge: {farm: content, by: 3}}\n"
    )
    of = ran(tmp_path, events, EDITS)
    found = summary(of).cloud.machines
    assert [short.least_ppm for short in found.degraded] == [12 * 10**6 // 14]
    assert found.loads[0].ran == 14


def test_goals_of_other_roles_are_still_set_by_hand(tmp_path: Path) -> None:
    events = (
        "events:\n- {at: 1 h, set_goals: {farm: content, timer: 1}}\n"
        "- {at: 2 h, load_surge: {farm: content, by: 1.5}}\n"
    )
    of = ran(tmp_path, events, EDITS)
    assert summary(of).cloud.machines.loads[0].ran == 18


def test_what_the_balancer_does_not_take_is_told(tmp_path: Path) -> None:
    limit = (
        "networks: {prod: {farms: [content]}}",
        "networks: {prod: {farms: [content], most_machines: 16}}",
    )
    of = ran(tmp_path, surge("1.5"), (*EDITS, limit))
    words = "4 machines of prod are beyond 16 at {}"
    assert told(of) == [("at the limit", words.format(site)) for site in "AB"]


def test_a_manager_that_was_down_is_told_the_last_load(tmp_path: Path) -> None:
    """It is down from 10 s before the surge for 30 s, and asks its agents first, in 30 ms."""
    crash = "{at: 3590 s, cloud_crash: {}}, "
    of = ran(tmp_path, surge("1.5").replace("[", f"[{crash}"), EDITS)
    up_us = HOUR_US + 20 * S + 30 * MS
    assert seen(of)[1] == (up_us, 180)


def test_after_a_failover_the_other_side_has_what_the_load_needs(tmp_path: Path) -> None:
    """The surge begins an hour before the site is lost, and lasts."""
    lost = LOST.replace("[", "[{at: 1 h, load_surge: {farm: content, by: 1.5}}, ")
    of = ran(tmp_path, lost, EDITS)
    assert [short.site for short in summary(of).cloud.machines.degraded] == ["A"]


def test_a_working_day_has_its_hours(tmp_path: Path) -> None:
    """The busiest hour of a week is below three times its mean."""
    text = "load: {mean: 120 per s, profile: business_hours}"
    of = world(tmp_path, "", ((FARM, FOLLOWS[1].replace("load: 120 per s", text)), BIG_B))
    farm = of.scenario.cloud.machines.farms[0]  # type: ignore[union-attr]
    assert farm.load is not None
    week = Week.of(farm.load, of.scenario)
    assert sum(week.lengths) == 7 * 24 * HOUR_US
    mean = sum(a * b for a, b in zip(week.levels, week.lengths, strict=True)) / sum(week.lengths)
    assert abs(mean - 120 * 3_600) < 1
    assert 2.5 * mean < max(week.levels) < 3 * mean


def test_a_farm_that_was_upgraded_where_it_is_may_have_fewer_later(tmp_path: Path) -> None:
    """Users are served by machines of the new image, and fewer of them are needed."""
    images = "images: {web 12.3: {size: 40 GB, at: [A, B]}}"
    two = (images, images[:-1] + ", web 12.4: {size: 40 GB, at: [A, B]}}")
    asked = "{at: 10 min, upgrade: {farm: content, to: web 12.4, style: in_place, machines_at_once: 12}}"
    of = ran(tmp_path, surge("0.5", "1 h").replace("[", f"[{asked}, "), (*EDITS, two))
    assert len(gone(of)) == 12


def test_silent_machines_that_the_load_needs_no_more_do_not_count_as_silent(tmp_path: Path) -> None:
    """Half of eight machines die just before the load needs fewer: those go first, and one that is
    still silent is replaced, as it is no large part of what is left.
    """
    few = (FARM, FOLLOWS[1].replace("timer: 2", "timer: 1").replace("120 per s", "40 per s"))
    small = ("A: {compute: 10}, B: {compute: 4}", "A: {compute: 2}, B: {compute: 10}")
    events = (
        "events:\n- {at: 30 min, load_surge: {farm: content, by: 1.75, duration: 30 min}}\n"
        "- {at: 59 min, bad_machine: {machine: A-compute-1}}\n"
    )
    ran(tmp_path, events, (few, small))


def test_a_machine_that_was_half_made_when_its_site_was_read_counts_when_it_runs(
    tmp_path: Path,
) -> None:
    """3 more are being deployed when the manager is back and reads, at 69:30. 3 others come later, and
    go: the first 3 are among those that are needed.
    """
    events = (
        "events:\n- {at: 1 h, load_surge: {farm: content, by: 1.25}}\n"
        "- {at: 69 min, cloud_crash: {}}\n"
        "- {at: 90 min, load_surge: {farm: content, by: 1.2, duration: 20 min}}\n"
    )
    of = ran(tmp_path, events, EDITS)
    assert len(gone(of)) == 6


# ---- planted bugs
def invariants(of: World) -> set[str]:
    of.run()
    return {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}


def test_who_wants_fewer_at_once_is_caught(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(load.LoadGoal, "due_us", property(lambda self: self.low_us))
    assert invariants(world(tmp_path, surge("0.5"), EDITS)) == {"cloud 24"}


def test_who_does_not_follow_is_caught(tmp_path: Path, monkeypatch: Patch) -> None:
    """On Thursday from 4 in the morning on: the load needs 4 front ends, and 31 at 10."""
    monkeypatch.setattr(farm_goals.FarmGoals, "load_seen", lambda self, e, out: False)
    text = "load: {mean: 120 per s, profile: business_hours}"
    day = ("run_for: 4 h", "start: 2026-01-08 04:00\nrun_for: 20 h")
    quick = ("attempts: 3, retry: 5 min", "attempts: 1, retry: 1 min, time_limit: 25 min")
    follows = (FARM, FOLLOWS[1].replace("load: 120 per s", text))
    assert invariants(world(tmp_path, "", (follows, BIG_B, day, quick))) == {"cloud 25"}


# ---- restarts
FEW: Edits = (
    (FARM, "image: web 12.3, front_end: 1, load: 20 per s, per_machine: 10 per s"),
    BIG_B,
    ("run_for: 4 h", "run_for: 2 h"),
)
RISES = surge("2", "40 min", at="30 min")


def make(folder: Path) -> World:
    return world(folder, RISES, FEW)


def test_dead_before_any_command_it_follows_all_the_same(tmp_path: Path) -> None:
    wanted = dies_before_commands(lambda: make(tmp_path), end, 2)
    assert wanted == ([(site, "front_end") for site in "AB" for _ in range(2)], 4, [])


def test_at_a_save_that_fails_it_follows_all_the_same(tmp_path: Path) -> None:
    fails_at_saves(lambda: make(tmp_path), end, 2)


# ---- wrong lines
LOAD = "load: 120 per s"


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (LOAD, "load: 120", "rate"),
        (LOAD, "load: [1]", "load is none"),
        (LOAD, "load: {profile: steady}", "needs a mean"),
        (LOAD, "load: {mean: 120 per s, profile: office}", "did you mean|unknown profile"),
        (LOAD, "load: {mean: 120 per s, shape: steady}", "unknown key 'shape'"),
        (LOAD, "load: 20001 per s", "more machines than can be played"),
        ("per_machine: 10 per s", "per_machine: 0 per s", "must be above 0"),
        ("content, by: 2", "contents, by: 2", "did you mean 'content'"),
        ("content, by: 2", "content, by: 101", "more than can be played"),
        (f", {LOAD}, per_machine: 10 per s", "", "follows no load"),
    ],
)
def test_a_wrong_line_is_one_clear_error(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    text = FOLLOWS[1] + "\x00" + surge("2")
    farm, events = text.replace(old, new).split("\x00")
    with pytest.raises(InputError, match=wanted) as found:
        world(tmp_path, events, ((FARM, farm),))
    assert len(str(found.value).splitlines()) == 1 and "s.yaml:" in str(found.value)


# ---- the scenario
def test_the_scenario_by_load_is_as_by_hand() -> None:
    """Front ends that are deployed at 06, 07, 08, 09, 10, 13 and 14 o'clock, 20 at one time."""
    path = Path(__file__).parent.parent / "scenarios" / "cloud" / "by_load.yaml"
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    shorts = summary(of).cloud.machines.degraded
    one = MEASURED + 15 * MS + DEPLOY
    two = one + 30 * MS + DEPLOY
    assert [short.lasted_us for short in shorts] == [one, one, two, one, one, one, one]
    hours = [(short.began_us // HOUR_US + 4, short.began_us % HOUR_US) for short in shorts]
    assert hours == [(hour, 0) for hour in (6, 7, 8, 9, 10, 13, 14)]
    assert {short.site for short in shorts} == {"A"}


@pytest.mark.long  # test_load_series.py holds the same cheaper
def test_the_scenario_load_series_is_as_by_hand() -> None:
    """20 more at noon and at 13:00, both in one round; at B fewer 30 min after the load has sunk."""
    path = Path(__file__).parent.parent / "scenarios" / "cloud" / "load_series.yaml"
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    shorts = summary(of).cloud.machines.degraded
    one = MEASURED + 15 * MS + DEPLOY
    assert [(s.began_us, s.lasted_us) for s in shorts] == [(4 * HOUR_US, one), (5 * HOUR_US, one)]
    at_b = [at_us for at_us, site in gone(of) if site == "B"]
    assert len(at_b) == 40
    assert min(at_b) == 7 * HOUR_US + MEASURED + 30 * MINUTE + 15 * MS
