"""Backups that stay paused while nothing is done about it, and what an attempt leaves half done, are
found. A move that hangs and is cleaned up late is not.
"""

from __future__ import annotations

import pytest

from dr_sim.cloud.jobs import jobs
from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import JobMove, JobState
from dr_sim.explore.case import Tree
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.left import left_broken
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US
from dr_sim.world.play import play

CLOUD: Tree = {
    "run_for": "6 h",
    "link": {"bandwidth": "200 Mbit/s"},
    "databases": {"crm": {"size": "1 GB", "full": "none", "incremental": "none"}},
    "networks": {"prod": {"farms": ["web"]}},
    "cloud": {"mirror": {"mode": "jobs", "every": "5 min", "audit": "0 s"}},
    "jobs": {"time_limit": "8 min", "retry": "1 min", "attempts": "2", "rebuild": "3 min"},
    "changes": {"takes": "3 min", "fail": "0 %"},
}
HANGS = {"at": "29 min", "script_hangs": {"site": "A", "times": "1"}}
MOVE = {"at": "30 min", "admin_change": {"move_database": "crm"}}
NOT_CLEANED = {
    "at": "29 min",
    "clean_up_fails": {"site": "A", "times": "all", "duration": "31 min"},
}
CRASH = {"at": "45 min", "cloud_crash": {"duration": "2 min"}}


def run(*events: Tree) -> tuple[Journal, Scenario]:
    scenario = load_scenario({**CLOUD, "events": list(events)})
    return play(scenario), scenario


def found(*events: Tree) -> list[tuple[str, str, int]]:
    """What is found: the number of the law, its sentence, and when, in minutes."""
    return [
        (each.invariant, each.sentence, each.time_us // MINUTE_US)
        for each in left_broken(*run(*events))
    ]


def test_a_move_whose_clean_up_fails_for_a_while_is_told_and_breaks_nothing() -> None:
    """It hangs until its limit at 38 min. Its clean-up fails at each retry, until 60 min."""
    journal, scenario = run(HANGS, MOVE, NOT_CLEANED, CRASH)
    assert not list(left_broken(journal, scenario))
    told = [row for row in journal.rows("cloud.Notify") if row.values["notice"] == "not cleaned"]
    assert len(told) > 15
    (cleaned,) = [
        row for row in journal.rows("truth.cloud_script") if row.values["what"] == "cleaned"
    ]
    assert cleaned.time_us // MINUTE_US == 60


@pytest.mark.parametrize(
    "event",
    [
        {"at": "30 min", "agent_silent": {"site": "A", "duration": "2 h"}},
        {"at": "30 min", "cloud_crash": {"duration": "2 h"}},
        {"at": "35 min", "lose": "site"},
        {"at": "35 min", "order_failover": {"by": "dba", "planned": "true"}},
    ],
    ids=["agents are silent", "no manager", "site lost", "swap"],
)
def test_what_the_manager_cannot_know_or_do_breaks_nothing(event: Tree) -> None:
    assert not found(HANGS, MOVE, event)


# ---- planted bugs
def ends_without_cleaning(patch: pytest.MonkeyPatch) -> None:
    def begin(self: jobs.JobBook, job: CloudJob, aim: JobState, out: Out) -> None:
        self._move(job, JobMove.CLEAN)
        self._move(job, JobMove.CLEANED_CANCELLED)
        self._ended(job, out)

    patch.setattr(jobs.JobBook, "_begin_cleaning", begin)


def takes_a_clean_up_for_ordered(patch: pytest.MonkeyPatch) -> None:
    """After a restart: the order may never have left, or may have failed."""
    compare = jobs.JobBook._compare

    def compares(self: jobs.JobBook, job: CloudJob, word: object, out: Out) -> CloudJob | None:
        if job.state is JobState.CLEANING:
            return None
        return compare(self, job, word, out)  # type: ignore[arg-type]

    patch.setattr(jobs.JobBook, "_compare", compares)


def never_looks_at_the_limit(patch: pytest.MonkeyPatch) -> None:
    due = jobs.JobBook._due

    def dues(self: jobs.JobBook, job: CloudJob, out: Out) -> None:
        if job.state is not JobState.RUNNING:
            due(self, job, out)

    patch.setattr(jobs.JobBook, "_due", dues)


def test_a_job_that_ends_while_backups_are_paused_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not found(HANGS, MOVE)
    ends_without_cleaning(monkeypatch)
    broken = found(HANGS, MOVE)
    assert (
        "cloud 33",
        "operators/e1 is cancelled, and the backups of crm stay paused",
        38,
    ) in broken
    assert [number for number, _, _ in broken] == ["cloud 33", "cloud 34"]


def test_a_clean_up_that_is_not_repeated_after_a_restart_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    takes_a_clean_up_for_ordered(monkeypatch)
    paused, left = found(HANGS, MOVE, NOT_CLEANED, CRASH)
    assert paused[0] == "cloud 33"
    assert paused[1].startswith(
        "the backups of crm stay paused: the script of operators/e1 is gone"
    )
    assert left[0] == "cloud 34" and "(not cleaned)" in left[1]


def test_a_script_that_runs_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    never_looks_at_the_limit(monkeypatch)
    assert [number for number, _, _ in found(HANGS, MOVE)] == ["cloud 33", "cloud 34"]


HALF = {"at": "29 min", "script_half_done": {"site": "A", "times": "2", "script": "rotate_secret"}}
SECRET = {"at": "30 min", "admin_change": {"rotate_secret": "crm"}}


def test_what_is_left_half_done_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both attempts stop half-way; the second one at 37 min."""
    assert not found(HALF, SECRET)
    ends_without_cleaning(monkeypatch)
    ((number, sentence, _),) = found(HALF, SECRET)
    assert number == "cloud 34"
    assert sentence == (
        "operators/e1 was begun and not done at A (failed), and what it has left of crm is never "
        "cleaned up"
    )


def test_a_clean_up_that_is_tried_once_and_told_to_nobody_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No notice of a clean-up that fails, and no repetition of it."""

    def cleaned(self: jobs.JobBook, job: CloudJob, e: object, out: Out) -> CloudJob | None:
        del self._dues._jobs[job.id]
        return None

    monkeypatch.setattr(jobs.JobBook, "_cleaned", cleaned)
    assert "cloud 33" in {number for number, _, _ in found(HANGS, MOVE, NOT_CLEANED)}
