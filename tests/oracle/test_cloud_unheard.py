"""A request that waits for agents that are silent since before a restart is reported, or found."""

from __future__ import annotations

import pytest

from dr_sim.cloud.jobs import jobs
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.unheard import unheard_broken
from dr_sim.world.play import play

CLOUD: Tree = {
    "run_for": "3 h",
    "link": {"bandwidth": "20 Mbit/s"},
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "cloud": {"mirror": {"mode": "jobs"}},
    "jobs": {"time_limit": "8 min", "retry": "1 min", "rebuild": "3 min"},
    "changes": {"takes": "3 min"},
}
SILENT = {"at": "59 min", "agent_silent": {"duration": "1 h", "site": "A"}}
CRASH = {"at": "60 min", "cloud_crash": {"duration": "30 s"}}
CHANGE = {"at": "62 min", "admin_change": {"rotate_secret": "crm"}}


def unreported(*events: Tree) -> list[int]:
    """Return the minutes in which a request is found that waits, and nobody knows it."""
    scenario = load({**CLOUD, "events": list(events)})
    assert scenario is not None
    found = unheard_broken(play(scenario), scenario)
    return [each.time_us // 60_000_000 for each in found]


def test_a_request_that_waits_for_a_silent_agent_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not unreported(SILENT, CRASH, CHANGE)
    monkeypatch.setattr(jobs.JobBook, "_notify_silent", lambda *_: None)
    # asked for at 62:00; the next record after 72:00 finds it
    assert len(unreported(SILENT, CRASH, CHANGE)) == 1


@pytest.mark.parametrize("events", [(SILENT, CHANGE), (SILENT, CRASH), (CRASH, CHANGE)])
def test_without_one_of_the_three_nothing_is_to_be_reported(
    events: tuple[Tree, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.JobBook, "_notify_silent", lambda *_: None)
    assert not unreported(*events)
