"""A cloud manager that looks after machines has an agenda of its own, as long as no image can cross
the link and no database can be moved: quiet logs take their fast path.
"""

from __future__ import annotations

from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.scenario.model import Scenario
from dr_sim.world.world import World
from tests.world.test_express import both_ways, taken

TEXT = """
name: apart
start: 2026-01-05 00:00
run_for: 5 h
databases: {crm: {size: 1 GB, log_volume: 10 MB per 5 min, full: none, incremental: none}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {}}
changes: {rate: 6 per hour, fail: 0 %}
physical: {A: {compute: 2}, B: {compute: 2}}
images: {web 1: {size: 4 GB, at: [A, B]}, web 2: {size: 4 GB, at: [A]}}
farms: {content: {network: prod, image: web 1, front_end: 2}}
deployment: {takes: 1 min}
events:
  - {at: 1 h, bad_machine: {machine: A-compute-1, duration: 20 min}}
"""
UPGRADE = "  - {at: 2 h, upgrade: {farm: content, to: web 2}}\n"
LOST = "  - {at: 2 h, install_point_lost: {site: B}}\n"


def of(folder: Path, text: str) -> Scenario:
    path = folder / "s.yaml"
    path.write_text(text)
    return load_scenario(path)


def test_beside_machines_logs_take_the_fast_path_but_for_an_upgrade(tmp_path: Path) -> None:
    """Of 60 logs. An upgrade takes about half an hour with its image, then all is as before."""
    world = both_ways(of(tmp_path, TEXT + UPGRADE))
    assert 45 < taken(world) < 58
    assert world.pair.cloud is not None and not world.pair.cloud.context.plays_along


def test_an_image_that_is_lost_or_missing_ends_this(tmp_path: Path) -> None:
    world = both_ways(of(tmp_path, TEXT + LOST))
    assert world.pair.cloud is not None and world.pair.cloud.context.plays_along
    missing = World(of(tmp_path, TEXT.replace("at: [A, B]", "at: [A]")))
    assert missing.pair.cloud is not None and not missing.pair.cloud.context.apart
