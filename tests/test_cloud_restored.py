"""The configuration database is put back to an old copy while scripts run: the manager learns from its
agents what still runs, starts nothing beside it, and the witness finds nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.manager import CloudManager
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.world.world import World
from tests.cloud.drawn import jobs_and_changes

BASE = """\
run_for: 2 h
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
cloud: {mirror: {mode: jobs, every: 5 min}}
jobs: {at_once: AT_ONCE}
changes: {rate: 0 per day, takes: 10 min, fail: 0 %}
events:
  - {at: 1 h, cloud_store_restored: 5 min}
  - {at: 62 min, admin_change: {rotate_secret: a}}
  - {at: 66 min, admin_change: {rotate_secret: SECOND}}
"""


def world(text: str, folder: Path) -> World:
    path = folder / "s.yaml"
    path.write_text(text)
    return World(load_scenario(path))


def two_changes(second: str, at_once: int, folder: Path) -> World:
    return world(BASE.replace("SECOND", second).replace("AT_ONCE", str(at_once)), folder)


def broken(of: World) -> set[str]:
    of.run()
    return {breach.invariant for breach in cloud_broken(of.journal, of.scenario)}


def at_a(of: World, what: str) -> list[int]:
    """When that happened to scripts at A, in seconds."""
    rows = of.journal.rows("truth.cloud_script")
    return [
        round(r.time_us / 1e6) for r in rows if (r.values["site"], r.values["what"]) == ("A", what)
    ]


@pytest.mark.parametrize(("second", "at_once"), [("b", 1), ("a", 4)])
def test_a_script_that_the_store_forgot_keeps_its_place(
    second: str, at_once: int, tmp_path: Path
) -> None:
    """The first runs from 62:00 to 72:02, across 65:00; the second waits for it, to 82:04."""
    of = two_changes(second, at_once, tmp_path)
    assert broken(of) == set()
    assert at_a(of, "begins") == [62 * 60, 72 * 60 + 2]
    assert at_a(of, "done") == [72 * 60 + 2, 82 * 60 + 4]


def test_beside_it_another_thing_is_changed(tmp_path: Path) -> None:
    of = two_changes("b", 2, tmp_path)
    assert broken(of) == set()
    assert at_a(of, "begins") == [62 * 60, 66 * 60]


@pytest.mark.parametrize(
    ("second", "at_once", "caught"), [("b", 1, "cloud 10"), ("a", 4, "cloud 9")]
)
def test_a_manager_that_does_not_take_it_up_again_is_caught(
    second: str, at_once: int, caught: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CloudManager, "_is_known", lambda self, job: True)
    found = broken(two_changes(second, at_once, tmp_path))
    # what it does not know of it cannot tell anybody either
    assert found == {caught, "cloud 15"}


def test_a_manager_that_starts_scripts_where_nobody_has_answered_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents at A are silent from 64 to 70 min, so at 65:30 the manager does not learn what runs."""
    silent = "  - {at: 64 min, agent_silent: {site: A, duration: 6 min}}\n"
    text = BASE.replace("SECOND", "a").replace("AT_ONCE", "4") + silent
    of = world(text, tmp_path)
    assert broken(of) == set()
    # asked each 5 min from 65:30 on: answered at 70:30, while the first still runs
    assert at_a(of, "begins") == [62 * 60, 72 * 60 + 2]
    monkeypatch.setattr(JobBook, "is_heard", lambda self, agent: True)
    assert "cloud 9" in broken(world(text, tmp_path))


# ---- many small runs
def drawn(number: int) -> str:
    """A small scenario: a store that is put back among changes, crashes and silent agents."""
    draw = random.Random(number)
    pick = draw.choice
    mode = pick(["jobs", "jobs", "reconcile", "runbook"])
    every = pick(["1 min", "5 min", "10 min"])
    audit = pick(["0 s", "10 min", "1 h"])
    policy = pick(["retry", "skip", "rebuild"])
    mirror = (
        f"{{mode: {mode}, every: {every}, audit: {audit}, "
        f"on_failure: {policy if mode == 'jobs' else 'retry'}}}"
    )
    events = [
        f"{{at: {draw.randint(600, 7_000)} s, cloud_store_restored: {pick(['1 us', '5 min', '40 min'])}}}"
    ]
    others = [
        *["admin_change: {rotate_secret: a}", "admin_change: {rotate_secret: b}"] * 2,
        "cloud_crash: {}",
        "cloud_crash: {duration: 3 min}",
        "agent_silent: {site: A, duration: 8 min}",
        "script_hangs: {site: B}",
        "script_half_done: {site: B, times: 1}",
        "cloud_upgrade: {style: in_place, takes: 2 min}",
        "changed_by_hand: {entity: web, site: B}",
    ]
    for _ in range(draw.randint(2, 7)):
        events.append(f"{{at: {draw.randint(300, 8_000)} s, {pick(others)}}}")
    return f"""\
run_for: 3 h
seed: {number}
databases: {{a: {{size: 1 GB}}, b: {{size: 1 GB}}}}
link: {{bandwidth: 200 Mbit/s}}
networks: {{prod: {{farms: [web]}}}}
cloud: {{at: {pick(["apart", "primary"])}, restart_after: {pick(["0 s", "30 s"])}, mirror: {mirror}}}
{jobs_and_changes(pick)}\
events: [{", ".join(events)}]
"""


def nothing_breaks(numbers: range, folder: Path) -> None:
    for number in numbers:
        of = world(drawn(number), folder)
        assert broken(of) == set(), drawn(number)


def test_small_runs_over_a_store_that_is_put_back_break_nothing(tmp_path: Path) -> None:
    nothing_breaks(range(2), tmp_path)


@pytest.mark.long
def test_hundreds_of_small_runs_over_a_store_that_is_put_back_break_nothing(
    tmp_path: Path,
) -> None:
    nothing_breaks(range(2, 302), tmp_path)
