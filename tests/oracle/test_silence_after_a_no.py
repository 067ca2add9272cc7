"""An operator's no is about one silence: the next one of the same machines is acted upon again."""

from __future__ import annotations

import pytest

from dr_sim.explore.case import Tree, load
from dr_sim.oracle.monitors.failover import causes
from dr_sim.oracle.monitors.story import Story
from dr_sim.recovery.failover.silence import Silence
from dr_sim.world.play import play

NO_TWICE: Tree = {
    "run_for": "5 h",
    "databases": {"crm": {"size": "1 GB"}},
    "link": {"bandwidth": "200 Mbit/s"},
    "heartbeat": {"path": "data link"},
    "failover": {"mode": "manual", "operator": {"approves": "false", "answers_in": "2 min"}},
    "events": [{"at": "1 h", "link_outage": "20 min"}, {"at": "3 h", "link_outage": "20 min"}],
}


def broken() -> list[str]:
    scenario = load(NO_TWICE)
    assert scenario is not None
    story = Story(play(scenario), scenario)
    return [each.sentence for each in causes.a_silent_primary_is_acted_upon(story)]


def test_the_operator_is_asked_at_each_silence() -> None:
    assert broken() == []


def test_a_no_that_holds_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def back(self: Silence, machine: str) -> bool:
        return self.silent.pop(machine, None) is not None

    monkeypatch.setattr(Silence, "back", back)
    assert broken() == ["the primary has been silent for long enough, and nothing is done"]
