"""A farm that never gets what people have asked for is found, unless a notice says why."""

from __future__ import annotations

import pytest

from dr_sim.cloud.machines.farm_goals import FarmGoals
from dr_sim.cloud.machines.upgrades import Upgrades
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.goals_met import goals_not_met
from dr_sim.world.play import play
from tests.oracle.test_cloud_placing import CLOUD, KIND

ASKED: Tree = {**CLOUD, "run_for": "6 h"}
UPGRADED: Tree = {
    **ASKED,
    "images": {**CLOUD["images"], "new": {**KIND, "at": ["A", "B"]}},
    "events": [{"at": "10 min", "upgrade": {"farm": "content", "to": "new"}}],
}


def missing(tree: Tree) -> list[str]:
    scenario = load(tree)
    assert scenario is not None
    return [each.sentence for each in goals_not_met(play(scenario), scenario)]


@pytest.mark.parametrize("tree", [ASKED, UPGRADED])
def test_a_farm_gets_what_is_asked_for(tree: Tree) -> None:
    assert not missing(tree)


def test_goals_that_are_not_heard_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FarmGoals, "set", lambda *_: False)
    (told,) = missing(ASKED)
    assert "2 machines of role front_end" in told


def test_an_upgrade_that_does_not_begin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upgrades, "asked", lambda *_: False)
    goals = {each.partition("the goal is ")[2][0] for each in missing(UPGRADED)}
    assert goals == {"1", "2"}


def test_what_a_notice_explains_is_no_break() -> None:
    many = {"at": "10 min", "set_goals": {"farm": "content", "front_end": "90"}}
    assert not missing({**ASKED, "events": [many]})
