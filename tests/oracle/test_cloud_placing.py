"""A machine that is put beside others of its kind, where another physical machine is free of them,
is found.
"""

from __future__ import annotations

import dataclasses

import pytest

from dr_sim.cloud.machines import placing
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.placing import placing_broken
from dr_sim.world.play import play

KIND = {"role": "front_end", "size": "4 GB", "cpus": "8", "ram": "32 GB"}
CLOUD: Tree = {
    "run_for": "1 h",
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "link": {"bandwidth": "200 Mbit/s"},
    "cloud": {"mirror": {"mode": "jobs"}},
    "physical": {"A": {"compute": "3"}, "B": {"compute": "3"}},
    "images": {"old": {**KIND, "at": ["A", "B"]}},
    "farms": {"content": {"image": "old", "front_end": "2", "timer": "1"}},
    "deployment": {"takes": "2 min", "repair_after": "5 min"},
    "events": [{"at": "10 min", "set_goals": {"farm": "content", "front_end": "5"}}],
}


def crowded() -> list[str]:
    scenario = load(CLOUD)
    assert scenario is not None
    return [each.sentence for each in placing_broken(play(scenario), scenario)]


def test_machines_of_a_role_are_spread() -> None:
    assert not crowded()


def test_machines_that_are_put_together_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    take = placing.Used.take

    def forgets(self: placing.Used, image: placing.ImageConfig, farm: str, role: str) -> None:
        take(self, dataclasses.replace(image, cpus=0), farm, role)
        self.alike[farm, role] = 0

    monkeypatch.setattr(placing.Used, "take", forgets)
    assert any("beside" in sentence for sentence in crowded())
