"""A job for which nothing is done when it is due is found; one that waits for a slot is not."""

from __future__ import annotations

import pytest

from dr_sim.cloud import job_dues
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud_retries import retries_broken
from dr_sim.world.play import play

CLOUD: Tree = {
    "run_for": "2 h",
    "link": {"bandwidth": "20 Mbit/s"},
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "cloud": {"mirror": {"mode": "jobs"}},
    "clients": {"portal": {"calls": "60 per h", "actions": "100 %"}},
    "changes": {"takes": "3 min"},
    "jobs": {"time_limit": "8 min", "retry": "1 min", "rebuild": "3 min", "at_once": "2"},
    "events": [{"at": "30 min", "script_fails": {"times": "2", "duration": "1 h"}}],
}
SILENT = {"at": "50 min", "agent_silent": {"duration": "20 min", "site": "A"}}


def late(*events: Tree, at_once: str = "2") -> list[str]:
    """Return what is late in a run with these events."""
    jobs = {**CLOUD["jobs"], "at_once": at_once}
    tree = {**CLOUD, "jobs": jobs, "events": [*CLOUD["events"], *events]}
    scenario = load(tree)
    assert scenario is not None
    return [each.sentence for each in retries_broken(play(scenario), scenario)]


@pytest.mark.parametrize("at_once", ["1", "8"])
def test_retries_come_in_time(at_once: str) -> None:
    assert not late(SILENT, at_once=at_once)


def test_an_alarm_that_is_not_brought_forward_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    set_alarm = job_dues.JobDues.set_alarm

    def keeps(self: job_dues.JobDues, out: job_dues.Out) -> None:
        if not self.alarm_us:
            set_alarm(self, out)

    monkeypatch.setattr(job_dues.JobDues, "set_alarm", keeps)
    assert any(
        "it has failed, and nothing is ordered" in sentence for sentence in late(at_once="8")
    )
