"""A request that waits for nothing is found; one that waits for a script, a slot or an agent is
not.
"""

from __future__ import annotations

import pytest

from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.jobs.job_lanes import JobLanes
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.waiting import waiting_broken
from dr_sim.world.play import play

CLOUD: Tree = {
    "run_for": "3 h",
    "link": {"bandwidth": "20 Mbit/s"},
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "cloud": {"mirror": {"mode": "jobs"}},
    "clients": {"portal": {"calls": "60 per h", "actions": "100 %"}},
    "changes": {"takes": "3 min"},
    "jobs": {"time_limit": "8 min", "retry": "1 min", "rebuild": "3 min", "at_once": "2"},
}
SILENT = {"at": "30 min", "agent_silent": {"duration": "1 h", "site": "A"}}
HANG = {"at": "30 min", "script_hangs": {"times": "30", "duration": "1 h"}}


LOST = {"lost_request": {"share": "60 %"}}
"""A caller asks about its last request, which may not have arrived then."""


def late(*events: Tree, at_once: str = "2", **more: Tree) -> int:
    """Return how many requests wait for nothing in a run with these events."""
    jobs = {**CLOUD["jobs"], "at_once": at_once}
    scenario = load({**CLOUD, **more, "jobs": jobs, "events": list(events)})
    assert scenario is not None
    return len(list(waiting_broken(play(scenario), scenario)))


def test_a_caller_that_asks_about_a_request_before_it_arrives_names_no_thing() -> None:
    portal = {"calls": "6 per min", "actions": "30 %"}
    assert not late(clients={"portal": portal}, faults=LOST)


@pytest.mark.parametrize("event", (SILENT, HANG), ids=("silent", "hangs"))
def test_what_waits_for_an_agent_or_for_a_script_waits_for_a_reason(event: Tree) -> None:
    assert not late(event)


def test_what_waits_for_a_slot_waits_for_a_reason() -> None:
    assert not late(at_once="1")


def test_a_request_that_nobody_begins_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    leave = JobLanes.leave
    ready = JobLanes.now_ready

    def forgets(self: JobLanes, job: CloudJob) -> None:
        monkeypatch.setattr(JobLanes, "now_ready", lambda self, job: None)
        leave(self, job)
        monkeypatch.setattr(JobLanes, "now_ready", ready)

    monkeypatch.setattr(JobLanes, "leave", forgets)
    assert late()
