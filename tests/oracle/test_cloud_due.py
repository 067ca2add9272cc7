"""A change that goes to the other side too early or too late is found."""

from __future__ import annotations

from typing import Any

import pytest

from dr_sim.cloud.mirror import sending
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.due import due_broken
from dr_sim.world.play import play

CLOUD: Tree = {
    "run_for": "2 h",
    "link": {"bandwidth": "20 Mbit/s"},
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "cloud": {"mirror": {"mode": "jobs", "every": "5 min"}},
    "clients": {"portal": {"calls": "20 per h", "actions": "100 %"}},
    "changes": {"takes": "1 min"},
    "jobs": {"time_limit": "8 min", "retry": "1 min", "rebuild": "3 min"},
}


def broken(**mirror: str) -> list[str]:
    scenario = load({**CLOUD, "cloud": {"mirror": {**CLOUD["cloud"]["mirror"], **mirror}}})
    assert scenario is not None
    return [each.sentence for each in due_broken(play(scenario), scenario)]


@pytest.mark.parametrize(
    "mirror",
    [{}, {"every": "0 s"}, {"mode": "runbook"}],
    ids=["every 5 min", "at once", "people"],
)
def test_changes_go_when_the_mirror_is_due(mirror: dict[str, str]) -> None:
    assert not broken(**mirror)


NIGHT: Tree = {
    **CLOUD,
    "seed": "2",
    "run_for": "8 h",
    "clients": {"portal": {"calls": "12 per h", "actions": "100 %"}},
    "physical": {"A": {"compute": "4"}, "B": {"compute": "4"}},
    "images": {"old": {"size": "4 GB", "at": ["A", "B"]}, "new": {"size": "4 GB", "at": ["A"]}},
    "farms": {"content": {"image": "old", "front_end": "2"}},
    "deployment": {"takes": "2 min"},
    "events": [{"at": "30 min", "upgrade": {"farm": "content", "to": "new"}}],
}


@pytest.mark.parametrize("every", ["0 s", "5 min"])
def test_a_change_waits_for_a_move_that_people_make(every: str) -> None:
    """Nobody requested the move: what it is of is known from what it changed."""
    scenario = load({**NIGHT, "cloud": {"mirror": {"mode": "runbook", "every": every}}})
    assert scenario is not None
    journal = play(scenario)
    moved = [row for row in journal.rows("cloud.DoByHand") if "move/" in row.values["work"]]
    assert moved
    assert not list(due_broken(journal, scenario))


def test_changes_that_go_at_once_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    take = sending.Sending.take

    def hurries(self: sending.Sending, job: Any, before: str, out: Any) -> None:
        take(self, job, before, out)
        self._due_upto = self.number
        self._submit_next(job.entity, out)

    monkeypatch.setattr(sending.Sending, "take", hurries)
    assert any("before the mirror is due" in sentence for sentence in broken())


@pytest.mark.parametrize("mode", ["jobs", "runbook"])
def test_changes_that_miss_their_time_are_found(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def misses(self: sending.Sending, out: Any) -> None:
        self._due_upto = self.number - 1
        for change in list(self.backlog.changes.values()):
            self._submit_next(change.entity, out)

    monkeypatch.setattr(sending.Sending, "all", misses)
    assert any("after the mirror was due" in sentence for sentence in broken(mode=mode))
