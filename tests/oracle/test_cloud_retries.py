"""A job for which nothing is done when it is due is found; one that waits for a slot is not."""

from __future__ import annotations

import pytest

from dr_sim.cloud.jobs import job_dues, jobs
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.retries import retries_broken
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
    section = {**CLOUD["jobs"], "at_once": at_once}
    tree = {**CLOUD, "jobs": section, "events": [*CLOUD["events"], *events]}
    scenario = load(tree)
    assert scenario is not None
    return [each.sentence for each in retries_broken(play(scenario), scenario)]


@pytest.mark.parametrize("at_once", ["1", "8"])
def test_retries_come_in_time(at_once: str) -> None:
    assert not late(SILENT, at_once=at_once)


def test_a_script_that_runs_since_before_a_restart_takes_a_slot() -> None:
    """b runs from 65:00, across the upgrade of the manager, and d from 70:02. The agent has an
    older script for c, so c waits for one of the two slots.
    """
    kept = {key: value for key, value in CLOUD.items() if key != "clients"}
    database = CLOUD["databases"]["crm"]
    starts = {"a": "60 min", "b": "65 min", "c": "3901 s", "d": "3902 s"}
    changes = [{"at": at, "admin_change": {"rotate_secret": name}} for name, at in starts.items()]
    upgrade = {"at": "66 min", "cloud_upgrade": {"style": "in_place", "takes": "1 min"}}
    tree = {
        **kept,
        "databases": dict.fromkeys(starts, database),
        "changes": {"takes": "10 min", "fail": "0 %"},
        "jobs": {"at_once": "2", "retry": "20 s"},
        "events": [*changes, upgrade],
    }
    scenario = load(tree)
    assert scenario is not None
    assert not list(retries_broken(play(scenario), scenario))


def test_an_alarm_that_is_not_brought_forward_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    set_alarm = job_dues.JobDues.set_alarm

    def keeps(self: job_dues.JobDues, out: job_dues.Out) -> None:
        if not self.alarm_us:
            set_alarm(self, out)

    monkeypatch.setattr(job_dues.JobDues, "set_alarm", keeps)
    assert any(
        "it has failed, and nothing is ordered" in sentence for sentence in late(at_once="8")
    )


FOR_LONG = {"at": "50 min", "agent_silent": {"duration": "1 h", "site": "A"}}


def test_people_know_of_attempts_that_nobody_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not late(FOR_LONG, at_once="8")
    monkeypatch.setattr(jobs.JobBook, "_is_unheard", lambda *_: False)
    assert any(
        "nobody has said a word of attempt 1" in sentence
        for sentence in late(FOR_LONG, at_once="8")
    )


HANGS = {"at": "20 min", "script_hangs": {"site": "A", "times": "2"}}


def test_an_attempt_that_is_ended_takes_its_slot_until_it_is_clean() -> None:
    """With one slot the next request waits for the clean-up, which fails for 10 min."""
    fails = {"at": "20 min", "clean_up_fails": {"site": "A", "times": "all", "duration": "20 min"}}
    assert not late(HANGS, fails, at_once="1")


def test_an_attempt_that_is_ended_and_not_cleaned_up_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not late(HANGS, at_once="8")
    monkeypatch.setattr(jobs.JobBook, "_begin_cleaning", lambda self, job, aim, out: None)
    found = late(HANGS, at_once="8")
    assert any("it is ended, and is to be cleaned up" in sentence for sentence in found)
