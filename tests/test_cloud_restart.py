"""The cloud manager dies before each command, and at each save that fails, of small tales: in the end
everything is as if it had not, and the witness finds nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves

BASE = """\
run_for: 3 h
databases: {crm: {size: 1 GB, log_volume: 1 MB per 30 min}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
cloud: {mirror: {mode: MODE, every: 5 min, audit: 30 min}, restart_after: 7 s}
jobs: {time_limit: 4 min, retry: 1 min, at_once: 2, attempts: 2, clean_up: 5 s, set: 30 s, rebuild: 1 min,
       by_hand: 2 min, forgotten: 0 %}
changes: {rate: 0 per day, takes: 30 s, fail: 0 %}
"""
TWO_CHANGES = """\
events:
  - {at: 61 min, admin_change: {rotate_secret: crm}}
  - {at: 62 min, admin_change: {add_machine: web}}
"""
TALES = {
    "jobs": """\
events:
  - {at: 61 min, script_hangs: {site: A}}
  - {at: 61 min, admin_change: {rotate_secret: crm}}
  - {at: 62 min, admin_change: {rotate_secret: crm}}
  - {at: 62 min, admin_change: {add_machine: web}}
  - {at: 64 min, script_fails: {site: B, times: 2}}
  - {at: 65 min, admin_change: {change_schema: crm}}
  - {at: 67 min, changed_by_hand: {entity: web, site: B}}
  - {at: 68 min, mirror_off: 4 min}
  - {at: 69 min, wrong_mapping: {entity: crm, leads_to: nothing, duration: 5 min}}
  - {at: 80 min, cloud_upgrade: {style: in_place, takes: 1 min}}
""",
    "failover": """\
failover: {mode: automatic}
after_failover: {new_secondary: 10 min}
events:
  - {at: 61 min, admin_change: {rotate_secret: crm}}
  - {at: 62 min, admin_change: {add_machine: web}}
  - {at: 62 min, lose: site}
  - {at: 62 min, admin_change: {change_schema: crm}}
""",
    "reconcile": TWO_CHANGES,
    "runbook": TWO_CHANGES,
}
SAMPLED = 9


def world(tale: str, folder: Path) -> World:
    path = folder / "s.yaml"
    mode = tale if tale in ("reconcile", "runbook") else "jobs"
    path.write_text(BASE.replace("MODE", mode) + TALES[tale])
    return World(load_scenario(path))


def end(of: World) -> list[Any]:
    """What is configured at the active side, how far the other is behind, and what is still open."""
    assert cloud_broken(of.journal, of.scenario) == []
    cloud = of.pairs[0].cloud
    assert cloud is not None
    open_ = [
        key
        for key in cloud.driver.store.load()
        if key.startswith(("job/", "change/", "found/", "provision"))
    ]
    (made,) = cloud.configurations
    halves = [thing.half for side in made.sides.values() for thing in side.things.values()]
    versions = sum(change.startswith("operators/") for change in made.sides[made.source].applied)
    return [made.source, made.target, made.behind(), versions, set(halves), open_]


def crashed(tale: str, folder: Path, step: int) -> None:
    wanted = dies_before_commands(lambda: world(tale, folder), end, step)
    assert wanted[2] == (-1, 0) and not wanted[-1]


@pytest.mark.parametrize("tale", TALES)
def test_dead_before_a_command_it_ends_as_if_it_had_not_been(tale: str, tmp_path: Path) -> None:
    crashed(tale, tmp_path, SAMPLED)


@pytest.mark.parametrize("tale", TALES)
def test_at_a_save_that_fails_it_ends_as_if_it_had_not(tale: str, tmp_path: Path) -> None:
    fails_at_saves(lambda: world(tale, tmp_path), end, SAMPLED)


@pytest.mark.long
@pytest.mark.parametrize("tale", TALES)
def test_dead_before_any_command_it_ends_as_if_it_had_not_been(tale: str, tmp_path: Path) -> None:
    crashed(tale, tmp_path, 1)


@pytest.mark.long
@pytest.mark.parametrize("tale", TALES)
def test_at_any_save_that_fails_it_ends_as_if_it_had_not(tale: str, tmp_path: Path) -> None:
    fails_at_saves(lambda: world(tale, tmp_path), end, 1)
