"""Drift beyond its limit that nobody is notified of is found. What no manager could hear yet is not."""

from __future__ import annotations

import pytest

from dr_sim.cloud.commands import Notify
from dr_sim.cloud.jobs.job_orders import JobOrders
from dr_sim.cloud.out import Out
from dr_sim.explore.case import Tree
from dr_sim.loading import load_scenario
from dr_sim.machines import Command
from dr_sim.oracle.cloud.drift import drift_is_told
from dr_sim.units import MINUTE_US
from dr_sim.world.play import play

CLOUD: Tree = {
    "run_for": "6 h",
    "link": {"bandwidth": "200 Mbit/s"},
    "databases": {"crm": {"size": "1 GB", "full": "none", "incremental": "none"}},
    "networks": {"prod": {"farms": ["web"]}},
    "cloud": {"mirror": {"mode": "jobs", "every": "5 min", "audit": "0 s"}},
    "jobs": {"time_limit": "8 min", "retry": "5 min", "attempts": "2", "rebuild": "3 min"},
    "changes": {"takes": "1 min", "fail": "0 %"},
}
SECRET = {"at": "30 min", "admin_change": {"rotate_secret": "crm"}}


def silent(at: str, duration: str) -> Tree:
    return {"at": at, "agent_silent": {"site": "A", "duration": duration}}


def found(*events: Tree) -> list[int]:
    """When it is found, in minutes."""
    scenario = load_scenario({**CLOUD, "events": list(events)})
    return [each.time_us // MINUTE_US for each in drift_is_told(play(scenario), scenario)]


def never_asks(patch: pytest.MonkeyPatch) -> None:
    """A job whose start nobody has confirmed is not asked about any more."""
    patch.setattr(JobOrders, "ask", lambda self, job, out: None)


# The script is begun at 30:00 and done at 31:00; drift is beyond its limit of 15 min at 46 min.
@pytest.mark.parametrize(
    "event",
    [
        silent("1800 s 17752 us", "30 min"),
        silent("1800 s 17752 us", "3 h"),
        silent("1830 s", "30 min"),
    ],
    ids=["start unheard", "start unheard for long", "end unheard"],
)
def test_what_nobody_could_hear_breaks_nothing(event: Tree) -> None:
    assert not found(SECRET, event)


def tells_nobody(patch: pytest.MonkeyPatch) -> None:
    real = Out.all

    def without_notices(self: Out, texts: dict[str, str]) -> list[Command]:
        return [each for each in real(self, texts) if not isinstance(each, Notify)]

    patch.setattr(Out, "all", without_notices)


# Heard again at 60 min, known within the retry of 5 min, told at its limit of 15 min within a
# retry and a minute.
def test_a_job_that_is_never_asked_about_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    never_asks(monkeypatch)
    assert found(SECRET, silent("1800 s 17752 us", "30 min")) == [60 + 15 + 5 + 1]


# Where the start was heard, the time limit of the job counts, and the silence is no excuse.
def test_an_overdue_job_that_nobody_is_told_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tells_nobody(monkeypatch)
    assert found(SECRET, silent("1830 s", "3 h")) == [31 + 15 + 8 + 5 + 1]
