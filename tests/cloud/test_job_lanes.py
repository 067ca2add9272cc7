"""Lanes of jobs: what may begin next at an agent."""

from __future__ import annotations

from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.jobs.job_lanes import JobLanes
from dr_sim.cloud.words import JobKind, JobState


def job(name: str, order: int) -> CloudJob:
    return CloudJob(name, order, JobKind.CHANGE, "main", "A", "crm", "rotate_secret", "{}", name)


def test_a_job_that_is_ready_twice_begins_once() -> None:
    """It waits for its next try when one before it, that its agent knew of, is over: it is ready as
    the first of its lane, and once more when its time has come.
    """
    lanes, waits, found = JobLanes(), job("a/1", 1), job("a/0", 2)
    lanes.enter(waits)
    assert lanes.take(waits.agent) is waits
    lanes.put_in_front(found)
    lanes.leave(found)
    lanes.now_ready(waits)
    assert lanes.take(waits.agent) is waits
    assert lanes.take(waits.agent) is None


def test_a_job_that_its_agent_knew_of_goes_behind_one_that_is_at_work() -> None:
    """Its next try waits until the other one is over."""
    lanes, works, found = JobLanes(), job("a/1", 1), job("a/0", 2)
    lanes.enter(works)
    assert lanes.take(works.agent) is works
    works.state = JobState.RUNNING
    lanes.put_in_front(found)
    lanes.now_ready(found)
    assert lanes.take(works.agent) is None
    lanes.leave(works)
    assert lanes.take(works.agent) is found


def test_a_job_that_its_agent_has_begun_goes_before_one_that_waits() -> None:
    """Both wait, as the store says. The one in front does not begin beside the one that has."""
    lanes, waits, begun = JobLanes(), job("a/1", 1), job("a/2", 2)
    lanes.enter(waits)
    lanes.enter(begun)
    lanes.has_begun(begun)
    begun.state = JobState.RUNNING
    lanes.now_ready(waits)
    assert lanes.take(waits.agent) is None
    lanes.leave(begun)
    assert lanes.take(waits.agent) is waits
