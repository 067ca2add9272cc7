"""The cloud manager by itself: stories of requests, jobs, the mirror and failovers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dr_sim.cloud import CallerConfig
from dr_sim.cloud.commands import (
    AskScript,
    CleanUp,
    CopyScript,
    DoByHand,
    KillScript,
    Notify,
    ReadSide,
    ReportDrift,
    SiteProvisioned,
    StartScript,
    TellConfigurationTime,
)
from dr_sim.cloud.events import (
    AgentsObserved,
    ConfigurationTimeAsked,
    FoundThing,
    HandsDone,
    MappingEdited,
    MirrorSwitched,
    ProvisionAsked,
    SideRead,
    SilentAgent,
    SiteStands,
)
from dr_sim.cloud.jobs.job import JOBS
from dr_sim.cloud.mirror.inventory import EMPTY, chained
from dr_sim.cloud.words import CallOutcome, JobMove, JobState, Notice, WhyFailed, Word
from dr_sim.machines import CancelAlarm, IllegalTransitionError, SaveAll, TakeInventory
from dr_sim.stores import MemoryStore

from .bench import MINUTE, UTC, Bench, attempts_of, config


# ---- what a failover would wait
def test_it_says_what_each_site_would_wait_for() -> None:
    """A change that is pending at B is one script of 1 min; at C both things are made anew."""
    bench = Bench(config(every_us=5 * MINUTE))

    def told_us(site: str) -> int:
        asked = ConfigurationTimeAsked(bench.now_us, UTC + bench.now_us, 0, site)
        (answer,) = bench.tell(asked)
        assert isinstance(answer, TellConfigurationTime) and answer.site == site
        return answer.takes_us

    assert [told_us(site) for site in "ABC"] == [0, 0, MINUTE]
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.call("r2")
    bench.say("ops/r2", Word.DONE)
    assert [told_us(site) for site in "ABC"] == [0, 2 * MINUTE, MINUTE]
    wrong = MappingEdited(bench.now_us, UTC + bench.now_us, 0, "prod", "crm", "B", "crm-at-A")
    bench.tell(wrong)
    usual = replace(bench.config.usual, by_hand_us=10 * MINUTE)
    bench.config = replace(bench.config, usual=usual)
    bench.start()
    assert told_us("B") == 20 * MINUTE  # people do both


# ---- requests
def test_the_same_request_is_one_however_often_it_is_made() -> None:
    bench = Bench()
    assert bench.call("r1").outcome is CallOutcome.ACCEPTED
    assert len(bench.started()) == 1
    assert bench.call("r1").outcome is CallOutcome.AGAIN
    bench.start([["ops/r1", 1, "running", ""]])
    answer = bench.call("r1")
    assert (answer.outcome, answer.job, answer.state) == (
        CallOutcome.AGAIN,
        "ops/r1",
        JobState.RUNNING,
    )
    assert bench.started() == []


def test_the_same_id_with_other_parameters_is_refused_and_changes_nothing() -> None:
    bench = Bench()
    bench.call("r1")
    for other in ({"operation": "add"}, {"entity": "web"}, {"params": '{"id": "@crm", "x": "1"}'}):
        kept = bench.store.load()
        assert bench.call("r1", **other).outcome is CallOutcome.CONFLICT
        now = bench.store.load()
        assert {key for key in now if now[key] != kept.get(key)} == {
            key for key in now if key.startswith("log/") and key not in kept
        }
        assert bench.started() == []


def test_two_callers_may_use_the_same_id() -> None:
    bench = Bench()
    assert bench.call("r1").outcome is CallOutcome.ACCEPTED
    assert bench.call("r1", "web", caller="tenant").outcome is CallOutcome.ACCEPTED


@pytest.mark.parametrize("id_of", ["r1>site_b.0", "r1@site_b", "tenant/r1"])
def test_an_id_that_could_name_another_ones_job_is_refused(id_of: str) -> None:
    """r1's change has the job r1>site_b.0 at the other side, and r1@site_b after a failover."""
    bench = Bench()
    assert bench.call("r1").outcome is CallOutcome.ACCEPTED
    bench.started()
    assert bench.call(id_of).outcome is CallOutcome.UNKNOWN
    assert bench.started() == []


def test_a_put_is_named_by_what_it_is_put_on() -> None:
    bench = Bench()
    first = bench.call("", params='{"id": "@crm", "size": "1"}', put_on=0)
    assert first.outcome is CallOutcome.ACCEPTED
    assert bench.call("", params='{"id": "@crm", "size": "1"}', put_on=0).job == first.job
    assert bench.call("", params='{"id": "@crm", "size": "2"}', put_on=1).outcome is (
        CallOutcome.ACCEPTED
    )
    # the first one arrives once more, late: it was made on a state that is no more
    stale = bench.call("", params='{"id": "@crm", "size": "1"}', put_on=0)
    assert stale.outcome is CallOutcome.STALE


@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        ({"caller": "tenant", "network": "gov"}, CallOutcome.FORBIDDEN),
        ({"caller": "nobody"}, CallOutcome.FORBIDDEN),
        ({"operation": "fly"}, CallOutcome.UNKNOWN),
        ({"entity": "erp"}, CallOutcome.UNKNOWN),
        ({"params": "no JSON"}, CallOutcome.UNKNOWN),
        ({"params": '{"id": "@erp"}'}, CallOutcome.UNKNOWN),
    ],
)
def test_what_may_not_be_or_is_not_there_is_refused(
    other: dict[str, str], outcome: CallOutcome
) -> None:
    bench = Bench()
    entity = other.pop("entity", "crm")
    assert bench.call("r1", entity, **other).outcome is outcome
    assert bench.started() == []


def test_a_caller_may_be_kept_to_some_operations() -> None:
    bench = Bench()
    bench.config = replace(bench.config, callers=(CallerConfig("ops", ("prod",), ("add",)),))
    bench.start()
    assert bench.call("r1").outcome is CallOutcome.FORBIDDEN
    assert bench.call("r2", operation="add").outcome is CallOutcome.ACCEPTED
    assert [key for key in bench.store.load() if key.startswith("log/")] == ["log/2.1", "log/2.2"]


def test_every_call_has_a_line_in_the_log_and_all_is_saved_before_anything_is_done() -> None:
    bench = Bench()
    for request in ("r1", "r1", "r2"):
        bench.call(request)
        save, *rest = bench.last
        assert isinstance(save, SaveAll)
        assert not any(isinstance(command, SaveAll) for command in rest)
        assert sum(key.startswith("log/") for key, _ in save.entries) == 1
    assert sum(key.startswith("log/") for key in bench.store.load()) == 3
    assert not any(key.startswith("log/") for key in bench.manager._kept)  # nobody reads them


# ---- jobs
def test_changes_of_one_thing_run_one_after_another_those_of_others_beside_them() -> None:
    bench = Bench()
    for n, entity in enumerate(("crm", "crm", "web")):
        bench.call(f"r{n}", entity)
    assert [bench.manager._book.open[f"ops/r{n}"].state for n in range(3)] == [
        JobState.STARTING,
        JobState.QUEUED,
        JobState.STARTING,
    ]
    bench.say("ops/r0", Word.DONE)
    assert {s.job for s in bench.started()} == {"ops/r1", "ops/r0>B.0"}


def test_an_attempt_is_saved_before_its_script_is_started() -> None:
    bench = Bench()
    bench.call("r1")
    (save,) = [c for c in bench.last if isinstance(c, SaveAll)]
    (start,) = bench.started()
    assert bench.last.index(save) < bench.last.index(start)
    assert json.loads(dict(save.entries)["job/ops/r1"])[10] == start.attempt == 1


def test_a_job_is_asked_about_and_never_given_up_because_it_is_old() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.STARTED)
    bench.look()
    assert [type(c) for c in bench.last if not isinstance(c, SaveAll)][:2] == [Notify, AskScript]
    for _ in range(50):  # nobody answers
        bench.look()
        assert bench.given(AskScript) and not bench.given(KillScript) and not bench.started()
    bench.say("ops/r1", Word.DONE)  # it had been done in time
    assert bench.call("r1").state is JobState.DONE


def overdue(bench: Bench) -> int:
    return [n.notice for n in bench.given(Notify)].count(Notice.JOB_OVERDUE)


def test_people_know_once_of_an_attempt_that_nobody_confirms() -> None:
    bench = Bench()
    bench.call("r1")
    while not overdue(bench):
        assert bench.now_us < 40 * MINUTE and not bench.given(KillScript)
        bench.look()
        assert bench.given(AskScript)
    assert bench.now_us == 30 * MINUTE
    for _ in range(20):
        bench.look()
        assert not overdue(bench) and not bench.started()
    bench.say("ops/r1", Word.DONE)  # it had been done, and nobody could hear it
    assert bench.call("r1").state is JobState.DONE


def silent(bench: Bench) -> list[tuple[str, int]]:
    """Who is reported as silent by the last event, and since when."""
    notices = [n for n in bench.given(Notify) if n.notice is Notice.AGENT_SILENT]
    return [(n.about, n.since_utc_us - UTC) for n in notices]


def observe(bench: Bench, *who: SilentAgent) -> None:
    bench.tell(AgentsObserved(bench.now_us, UTC + bench.now_us, bench.life, (), who))


def test_people_know_once_of_an_agent_for_which_jobs_wait_since_a_restart() -> None:
    """Nothing is started at A, so no attempt of r1 is ever overdue."""
    bench = Bench()
    at_a = SilentAgent("prod", "A")
    bench.now_us = 7 * MINUTE
    bench.start(silent=[("prod", "A"), ("prod", "B")])
    bench.call("r1")
    told = []
    for _ in range(20):
        bench.alarm("", "jobs")
        observe(bench, at_a, SilentAgent("prod", "B"))
        told += [(bench.now_us, *each) for each in silent(bench)]
        assert not bench.started()
    # nothing waits for B
    assert told == [(37 * MINUTE, "A", 7 * MINUTE)]
    bench.alarm("", "jobs")
    observe(bench)
    assert [each.job for each in bench.started()] == ["ops/r1"]


def test_nobody_is_told_of_a_silent_agent_for_which_nothing_waits() -> None:
    bench = Bench()
    bench.start(silent=[("prod", "A")])
    for _ in range(20):
        bench.alarm("", "jobs")
        observe(bench, SilentAgent("prod", "A"))
        assert not silent(bench)
    bench.call("r1")  # from now on something waits, for an agent that is silent for long
    bench.alarm("", "jobs")
    observe(bench, SilentAgent("prod", "A"))
    assert silent(bench) == [("A", 0)]


def test_an_attempt_that_is_confirmed_late_has_its_whole_time_then() -> None:
    bench = Bench()
    bench.call("r1")
    for _ in range(3):
        bench.look()
    bench.say("ops/r1", Word.RUNNING)
    bench.look()
    assert overdue(bench) == 1 and bench.now_us == 3 * 5 * MINUTE + 30 * MINUTE


def test_an_overdue_job_is_ended_then_cleaned_then_cancelled() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.STARTED)
    bench.look()
    bench.say("ops/r1", Word.RUNNING)
    assert len(bench.given(KillScript)) == 1 and not bench.given(CleanUp)
    bench.look()
    assert len(bench.given(KillScript)) == 1 and not bench.given(CleanUp)
    bench.say("ops/r1", Word.GONE)
    assert len(bench.given(CleanUp)) == 1
    bench.say("ops/r1", Word.NOT_CLEANED)
    assert [n.notice for n in bench.given(Notify)] == [Notice.NOT_CLEANED]
    bench.look()
    assert len(bench.given(CleanUp)) == 1
    bench.say("ops/r1", Word.CLEANED)
    assert bench.call("r1").state is JobState.CANCELLED


def test_a_script_that_fails_is_tried_again_later_and_then_cleaned() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.FAILED, reason=WhyFailed.SCRIPT)
    assert bench.started() == []
    bench.look()
    (again,) = bench.started()
    assert (again.attempt, bench.now_us) == (2, 5 * MINUTE)
    bench.say("ops/r1", Word.FAILED, 2, WhyFailed.SCRIPT)
    assert len(bench.given(CleanUp)) == 1
    bench.say("ops/r1", Word.CLEANED, 2)
    assert bench.call("r1").state is JobState.FAILED


def test_words_about_earlier_attempts_and_ended_jobs_change_nothing() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.FAILED, reason=WhyFailed.SCRIPT)
    bench.look()
    assert bench.say("ops/r1", Word.DONE, 1) == []
    bench.say("ops/r1", Word.DONE, 2)
    assert bench.say("ops/r1", Word.FAILED, 2) == []
    assert bench.say("nobody's", Word.DONE) == []


def test_after_a_crash_what_agents_know_beats_what_is_stored() -> None:
    bench = Bench()
    bench.call("r1")
    bench.start([["ops/r1", 1, "done", ""]])
    assert bench.call("r1").state is JobState.DONE
    bench.call("r2", "web")
    bench.start()  # no agent knows of it: it is asked by name, and only then tried again
    assert bench.given(AskScript) and not bench.started()
    bench.say("ops/r2", Word.UNKNOWN)
    assert [s.attempt for s in bench.started() if s.job == "ops/r2"] == [2]


WHAT = ["prod", "A", "rotate", "ops/r9", '{"id": "crm-at-A"}']


def test_what_runs_and_is_not_stored_is_taken_up_where_it_stands() -> None:
    bench = Bench()
    bench.start([["ops/r9", 1, "started", "", *WHAT]])
    bench.call("r2")  # of the same thing: it waits
    assert bench.started() == []
    bench.say("ops/r9", Word.DONE)
    assert {(s.site, s.change) for s in bench.started()} == {("A", "ops/r2"), ("B", "ops/r9")}
    bench.start([["ops/r9", 1, "gone", "", *WHAT]])  # it is over, and stays so
    assert "job/ops/r9" not in bench.store.load()


def test_a_later_attempt_than_the_stored_one_is_taken_up() -> None:
    bench = Bench()
    bench.call("r1")
    bench.start([["ops/r1", 1, "failed", ""], ["ops/r1", 2, "started", ""]])
    assert bench.started() == []
    assert bench.call("r1").state is JobState.RUNNING
    bench.say("ops/r1", Word.FAILED, 2)  # the last of two attempts
    assert [c.attempt for c in bench.given(CleanUp)] == [2]


def test_what_waits_as_the_store_says_and_runs_as_its_agent_says_goes_first() -> None:
    """The store was put back to a copy in which both changes of a thing waited. The second one has
    begun since, so the first one waits for it.
    """
    bench = Bench()
    bench.start(silent=[["prod", "A"]])
    bench.call("r1")
    bench.call("r2")
    bench.start([["ops/r2", 1, "started", ""]])
    assert bench.started() == []
    bench.say("ops/r2", Word.DONE)
    assert [s.job for s in bench.started() if s.site == "A"] == ["ops/r1"]


def test_nothing_is_started_at_an_agent_that_was_silent_until_it_has_answered() -> None:
    bench = Bench()
    bench.start(silent=[["prod", "A"]])
    bench.call("r1")
    assert bench.started() == []
    assert bench.given(TakeInventory) == []
    bench.look()
    assert len(bench.given(TakeInventory)) == 1  # asked again after the time between questions
    now = bench.now_us
    bench.tell(AgentsObserved(now, UTC + now, bench.life, (), ()))
    assert [s.job for s in bench.started()] == ["ops/r1"]


def test_a_set_gets_a_new_name_in_each_life() -> None:
    """A store that is put back gives a number a second time; agents know the first job of it."""
    names = []
    bench = Bench(config("reconcile", every_us=MINUTE))
    for _ in range(2):
        bench.store = MemoryStore()
        bench.start()
        bench.call("r1")
        bench.say("ops/r1", Word.DONE)
        bench.alarm("prod", "mirror")
        read(bench, {"crm": "x"}, {})
        names += [s.job for s in bench.started()]
    assert len(set(names)) == 2


def test_hands_that_report_work_of_a_forgotten_number_change_nothing() -> None:
    bench = Bench(config("runbook", every_us=MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.alarm("prod", "mirror")
    (work,) = bench.given(DoByHand)
    bench.tell(HandsDone(bench.now_us, UTC + bench.now_us, 0, "prod", "1#prod ops/other"))
    assert bench.store.get("change/prod/1")
    bench.tell(HandsDone(bench.now_us, UTC + bench.now_us, 0, "prod", work.work))
    assert not bench.store.get("change/prod/1")


def test_a_thing_whose_changes_only_wait_is_compared() -> None:
    """In a long queue a thing always has a job in its lane; it stands still all the same."""
    bench = Bench(config(audit_us=MINUTE, at_once=1))
    bench.call("r1", "crm")
    bench.call("r2", "web")  # waits for its turn
    bench.alarm("prod", "audit")
    read(bench, {}, {"crm": "by hand", "web": "by hand"})
    assert [n.about for n in bench.given(Notify)] == ["web"]  # crm is being changed


def test_a_script_that_is_not_there_costs_no_attempt() -> None:
    bench = Bench(config(attempts=1))
    bench.call("r1")
    bench.say("ops/r1", Word.FAILED, 1, WhyFailed.OLD_SCRIPT)
    assert [s.attempt for s in bench.started()] == [2]
    bench.say("ops/r1", Word.FAILED, 2, WhyFailed.OLD_SCRIPT)  # the copy did not help
    assert bench.given(CleanUp)


def test_a_copy_that_was_ordered_in_an_earlier_life_is_ordered_again() -> None:
    bench = Bench(config(attempts=1))
    bench.call("r1")
    bench.say("ops/r1", Word.FAILED, 1, WhyFailed.NO_SCRIPT)
    bench.start()  # it died before it ordered the copy and the second attempt
    bench.say("ops/r1", Word.UNKNOWN, 2)
    bench.say("ops/r1", Word.FAILED, 3, WhyFailed.NO_SCRIPT)
    assert len(bench.given(CopyScript)) == 1 and [s.attempt for s in bench.started()] == [4]
    bench.say("ops/r1", Word.FAILED, 4, WhyFailed.NO_SCRIPT)  # the copy did not help
    assert bench.given(CleanUp)


def test_a_silent_agent_is_no_reason_to_do_anything() -> None:
    bench = Bench()
    bench.call("r1")
    bench.start(silent=[["prod", "A"]])
    assert bench.started() == [] and not bench.given(AskScript)


def test_last_states_are_never_left() -> None:
    for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        assert JOBS.ends(state)
        with pytest.raises(IllegalTransitionError):
            JOBS.after(state, JobMove.START)
    with pytest.raises(IllegalTransitionError):
        JOBS.after(JobState.RUNNING, JobMove.CLEANED_CANCELLED)


# ---- the mirror
def test_a_change_goes_to_the_other_side_with_that_sides_identifiers() -> None:
    bench = Bench()
    bench.call("r1")
    (here,) = bench.started()
    bench.say("ops/r1", Word.DONE)
    (there,) = bench.started()
    assert (here.site, json.loads(here.params)) == ("A", {"id": "crm-at-A"})
    assert (there.site, json.loads(there.params)) == ("B", {"id": "crm-at-B"})
    assert here.change == there.change == "ops/r1"


def test_done_its_number_and_the_way_to_the_other_side_are_saved_together() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    (save,) = bench.given(SaveAll)
    keys = dict(save.entries)
    assert keys["job/ops/r1"] == "" and keys["ended/ops/r1"] == "done"
    assert keys["number/prod"] == "1" and "change/prod/1" in keys and "job/ops/r1>B.0" in keys


def test_changes_wait_for_the_mirrors_time() -> None:
    bench = Bench(config(every_us=5 * MINUTE))
    bench.now_us = 2 * MINUTE
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    assert bench.started() == []
    bench.alarm("prod", "mirror")
    assert (bench.now_us, len(bench.started())) == (5 * MINUTE, 1)


def test_drift_is_reported_when_it_changes_and_told_beyond_its_limit() -> None:
    bench = Bench(config(every_us=60 * MINUTE))
    bench.now_us = MINUTE
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    assert bench.given(ReportDrift) == [ReportDrift("prod", UTC + MINUTE, 1)]
    bench.alarm("prod", "limit")
    assert bench.now_us == 16 * MINUTE
    assert [(n.notice, n.since_utc_us) for n in bench.given(Notify)] == [
        (Notice.DRIFT, UTC + MINUTE)
    ]
    bench.alarm("prod", "limit")
    assert bench.now_us == 21 * MINUTE and len(bench.given(Notify)) == 1
    bench.alarm("prod", "mirror")
    bench.say("ops/r1>B.0", Word.DONE)
    assert bench.given(ReportDrift) == [ReportDrift("prod", 0, 0)]


def test_switched_off_nothing_is_mirrored_and_switched_on_everything_is() -> None:
    bench = Bench()
    bench.tell(MirrorSwitched(0, UTC, 0, "prod", False))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.start()
    assert bench.started() == []
    bench.tell(MirrorSwitched(0, UTC, 0, "prod", True))
    assert len(bench.started()) == 1


@pytest.mark.parametrize("wrong", ["crm-at-A", ""])
def test_what_cannot_be_translated_waits_and_so_does_what_comes_after_it(wrong: str) -> None:
    bench = Bench()
    bench.tell(MappingEdited(0, UTC, 0, "prod", "crm", "B", wrong))
    for request in ("r1", "r2"):
        bench.call(request)
        bench.say(f"ops/{request}", Word.DONE)
        assert [n.notice for n in bench.given(Notify)] == [Notice.BLOCKED]
        assert not [s for s in bench.started() if s.site == "B"]
    bench.start()
    bench.tell(MappingEdited(0, UTC, 0, "prod", "crm", "B", "crm-at-B"))
    assert [s.job for s in bench.started()] == ["ops/r1>B.0"]
    bench.say("ops/r1>B.0", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r2>B.0"]


def fail_at_b(bench: Bench) -> None:
    """r1 is done at A; at B both attempts fail, and are cleaned up."""
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.say("ops/r1>B.0", Word.FAILED, 1, WhyFailed.SCRIPT)
    bench.look()
    bench.say("ops/r1>B.0", Word.FAILED, 2, WhyFailed.SCRIPT)
    bench.call("r2")
    bench.say("ops/r2", Word.DONE)
    bench.say("ops/r1>B.0", Word.CLEANED, 2)


def test_refused_there_it_is_tried_anew_and_the_next_waits() -> None:
    bench = Bench(config(on_failure="retry"))
    fail_at_b(bench)
    assert [s.job for s in bench.started()] == ["ops/r1>B.1"]


def test_refused_there_it_is_skipped_and_still_counts_as_missing() -> None:
    bench = Bench(config(on_failure="skip"))
    fail_at_b(bench)
    assert [s.job for s in bench.started()] == ["ops/r2>B.0"]
    bench.say("ops/r2>B.0", Word.DONE)
    assert bench.given(ReportDrift)[0].changes == 1


def test_refused_there_the_whole_thing_is_made_anew() -> None:
    bench = Bench(config(on_failure="rebuild"))
    fail_at_b(bench)
    (rebuild,) = bench.started()
    value = chained(chained(EMPTY, "ops/r1"), "ops/r2")
    assert rebuild.script == "rebuild"
    assert json.loads(rebuild.params) == {"id": "crm-at-B", "value": value}
    bench.say(rebuild.job, Word.DONE)
    assert bench.given(ReportDrift) == [ReportDrift("prod", 0, 0)]


def test_a_script_that_is_not_there_is_copied_and_tried_again_at_once() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.say("ops/r1>B.0", Word.FAILED, 1, WhyFailed.NO_SCRIPT)
    assert [(c.site, c.script) for c in bench.given(CopyScript)] == [("B", "rotate")]
    assert [s.attempt for s in bench.started()] == [2]


def read(bench: Bench, a: dict[str, str], b: dict[str, str]) -> None:
    """Both sides are read as that."""
    (first, _) = bench.given(ReadSide)
    for site, values in (("A", a), ("B", b)):
        entities = {
            name: FoundThing(values.get(name, EMPTY), (f"{name}-at-{site}",))
            for name in ("crm", "web")
        }
        bench.tell(
            SideRead(
                bench.now_us,
                UTC + bench.now_us,
                bench.life,
                "prod",
                site,
                first.number,
                entities,
            )
        )


def test_an_audit_finds_what_was_changed_by_hand_and_sets_it() -> None:
    bench = Bench(config(audit_us=60 * MINUTE))
    bench.alarm("prod", "audit")
    read(bench, {}, {"web": "0123456789abcdef"})
    assert [n.notice for n in bench.given(Notify)] == [Notice.DIFFERENT]
    (job,) = bench.started()
    assert (job.script, json.loads(job.params)["value"]) == ("set", EMPTY)
    bench.say(job.job, Word.DONE)
    assert bench.given(ReportDrift) == [ReportDrift("prod", 0, 0)]


def test_an_audit_finds_a_forgotten_change_behind_one_that_is_pending() -> None:
    bench = Bench(config(every_us=60 * MINUTE, audit_us=30 * MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.alarm("prod", "audit")
    read(bench, {"crm": chained(EMPTY, "ops/r1")}, {})
    assert bench.given(Notify) == []  # as it should be: it is on its way
    bench.alarm("prod", "audit")
    read(bench, {"crm": chained(chained(EMPTY, "lost"), "ops/r1")}, {})
    assert [n.notice for n in bench.given(Notify)] == [Notice.DIFFERENT]


def test_a_side_that_does_not_answer_is_not_read_again_and_again() -> None:
    bench = Bench(config(audit_us=60 * MINUTE))
    bench.call("r1")
    bench.alarm("prod", "audit")
    reading = bench.given(ReadSide)[0].number
    for site in ("A", "B"):
        bench.tell(
            SideRead(bench.now_us, UTC + bench.now_us, bench.life, "prod", site, reading, None)
        )
    bench.say("ops/r1", Word.DONE)
    assert bench.given(ReadSide) == []


def test_reconciling_sets_what_differs() -> None:
    bench = Bench(config("reconcile", every_us=5 * MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    assert bench.started() == []
    bench.alarm("prod", "mirror")
    value = chained(EMPTY, "ops/r1")
    read(bench, {"crm": value}, {})
    (job,) = bench.started()
    assert json.loads(job.params)["value"] == value
    bench.say(job.job, Word.DONE)
    assert bench.given(ReportDrift) == [ReportDrift("prod", 0, 0)]


def test_by_runbook_people_are_asked() -> None:
    bench = Bench(config("runbook", every_us=5 * MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.alarm("prod", "mirror")
    (work,) = bench.given(DoByHand)
    assert (work.site, work.entity, work.urgent) == ("B", "crm", False)
    assert json.loads(work.params) == {"id": "crm-at-B"}


# ---- a failover
def test_what_people_are_to_be_asked_again_is_saved_as_that() -> None:
    """The thing is to be set as a whole, which brings in the change that people were asked for."""
    bench = Bench(config("runbook", every_us=5 * MINUTE, audit_us=7 * MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.alarm("prod", "mirror")
    bench.alarm("prod", "audit")
    read(bench, {"crm": chained(EMPTY, "ops/r1")}, {"crm": "another"})
    assert '"by hand"' in bench.store.load()["change/prod/1"]
    bench.tell(ProvisionAsked(bench.now_us, UTC + bench.now_us, 0, "B", False))
    assert '"waiting"' in bench.store.load()["change/prod/1"]


def test_a_failover_waits_for_what_is_pending_and_for_nothing_else() -> None:
    bench = Bench(config(every_us=60 * MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert [s.job for s in bench.started()] == ["ops/r1>B.0"]
    assert not bench.given(SiteProvisioned)
    bench.start([["ops/r1>B.0", 1, "running", ""]])  # the manager dies and goes on
    bench.say("ops/r1>B.0", Word.DONE)
    assert bench.given(SiteProvisioned) == [SiteProvisioned("B", 1, 0, 0)]
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert len(bench.given(SiteProvisioned)) == 1  # asked again: it has been done


def test_what_was_asked_for_and_not_done_is_done_at_the_new_side() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.STARTED)
    bench.call("r2")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert [(s.job, s.change, s.site) for s in bench.started()] == [("ops/r1@B", "ops/r1", "B")]
    bench.say("ops/r1@B", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r2@B"]
    answer = bench.call("r1")
    assert (answer.outcome, answer.state) == (CallOutcome.AGAIN, JobState.DONE)


def test_in_a_failover_what_is_asked_for_waits_for_what_is_older() -> None:
    """r1 fails at B, so crm is made anew; r2 was promised at A, r3 is asked for at B meanwhile."""
    bench = Bench(config(every_us=60 * MINUTE, attempts=1))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.call("r2")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    bench.call("r3")
    bench.say("ops/r1>B.0", Word.FAILED, reason=WhyFailed.SCRIPT)
    bench.say("ops/r1>B.0", Word.CLEANED)
    (rebuild,) = bench.started()
    assert json.loads(rebuild.params)["value"] == chained(EMPTY, "ops/r1")
    bench.start([[rebuild.job, 1, "running", ""]])
    assert not bench.started()
    bench.say(rebuild.job, Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r2@B"]
    bench.say("ops/r2@B", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r3"]


def test_in_a_failover_a_request_waits_for_what_still_runs_at_the_old_side() -> None:
    bench = Bench(config(every_us=60 * MINUTE))
    bench.call("r1")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))
    bench.call("r2")
    assert not bench.started()
    bench.say("ops/r1", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r1>B.0"]
    bench.say("ops/r1>B.0", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r2"]


def test_a_request_waits_for_what_was_done_at_the_old_side_while_the_manager_was_down() -> None:
    bench = Bench(config(every_us=60 * MINUTE))
    bench.call("r1")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))
    bench.call("r2")
    bench.start([["ops/r1", 1, "done", ""]])
    assert [s.job for s in bench.started()] == ["ops/r1>B.0"]
    bench.say("ops/r1>B.0", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r2"]


def test_what_was_moved_to_a_side_and_came_to_nothing_there_before_is_done_by_a_new_job() -> None:
    """The agents of B cleaned up what was there when B was active before. The caller is answered
    with the new job.
    """
    bench = Bench()
    bench.call("r1")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert [s.job for s in bench.started()] == ["ops/r1@B"]
    bench.start([["ops/r1@B", 1, "cleaned", ""]])
    assert [(s.job, s.attempt) for s in bench.started()] == [("ops/r1@B.2", 1)]
    bench.say("ops/r1@B.2", Word.DONE)
    answer = bench.call("r1")
    assert (answer.job, answer.state) == ("ops/r1@B.2", JobState.DONE)


def test_a_put_that_was_moved_is_answered_with_the_job_that_does_it() -> None:
    bench = Bench()
    first = bench.call("")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    again = bench.call("")
    assert (again.outcome, again.job) == (CallOutcome.AGAIN, f"{first.job}@B")


def test_what_was_mirrored_to_a_side_that_is_the_active_one_now_is_not_tried_again() -> None:
    """It failed there when the side was left, and is heard of when that is used again."""
    bench = Bench(config(every_us=60 * MINUTE))
    found = ["ops/r1>B.0", 1, "failed", "the script failed", "prod", "B", "rotate", "ops/r1"]
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    bench.start([[*found, json.dumps({"id": "crm-at-B"})]])
    assert [c.job for c in bench.given(CleanUp)] == ["ops/r1>B.0"]
    bench.say("ops/r1>B.0", Word.CLEANED)
    assert bench.started() == [] and not bench.given(Notify)


@pytest.mark.parametrize("word", [Word.FAILED, Word.UNKNOWN])
def test_in_a_failover_nothing_is_begun_again_at_the_old_side(word: Word) -> None:
    """What failed is cleaned up first; what was never started need not be."""
    bench = Bench(config(every_us=60 * MINUTE))
    bench.call("r1")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))
    bench.say("ops/r1", word)
    if word is Word.FAILED:
        assert not bench.started()
        (clean_up,) = bench.given(CleanUp)
        assert clean_up.site == "A"
        bench.start([["ops/r1", 1, "failed", ""]])
        bench.say("ops/r1", Word.CLEANED)
    assert [(s.job, s.site) for s in bench.started()] == [("ops/r1@B", "B")]
    assert bench.call("r1").job == "ops/r1@B"


def test_in_a_failover_a_thing_that_is_set_keeps_what_was_done_at_the_new_side() -> None:
    """The store has forgotten r2, which runs at B. crm is to be made anew, after it."""
    bench = Bench(config(every_us=60 * MINUTE, attempts=1))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    known = ["rotate_secret", "ops/r2", '{"id": "crm-at-B"}']
    r2: list[str | int] = ["ops/r2", 1, "running", "", "prod", "B", *known]
    bench.start([["ops/r1>B.0", 1, "running", ""], r2])
    bench.say("ops/r1>B.0", Word.FAILED, reason=WhyFailed.SCRIPT)
    bench.say("ops/r1>B.0", Word.CLEANED)
    assert not bench.started()
    bench.say("ops/r2", Word.DONE)
    (rebuild,) = bench.started()
    value = chained(chained(EMPTY, "ops/r1"), "ops/r2")
    assert json.loads(rebuild.params) == {"id": "crm-at-B", "value": value}


@pytest.mark.parametrize("forgotten", [True, False], ids=["job", "attempt"])
def test_what_agents_were_found_to_run_goes_first_in_the_next_life_too(forgotten: bool) -> None:
    """The store has forgotten the job r0, or that r2 has begun. r1 and r2 are of the same thing."""
    bench = Bench()
    bench.start(silent=[["prod", "A"]])
    bench.call("r1")
    bench.call("r2")
    known = ["rotate_secret", "ops/r0", '{"id": "crm-at-A"}']
    runs: list[str | int] = ["ops/r0", 1, "running", "", "prod", "A", *known]
    if not forgotten:
        runs = ["ops/r2", 1, "running", ""]
    name = str(runs[0])
    bench.tell(AgentsObserved(0, UTC, bench.life, attempts_of(runs), ()))
    assert not bench.started()
    bench.start([runs])
    assert not bench.started()
    bench.say(name, Word.FAILED, reason=WhyFailed.SCRIPT)  # it waits for its second attempt
    bench.start()
    assert [(s.job, s.attempt) for s in bench.started()] == [(name, 2)]
    bench.say(name, Word.DONE, attempt=2)
    assert [s.job for s in bench.started() if s.site == "A"] == ["ops/r1"]


def test_in_a_failover_nothing_is_compared() -> None:
    """The new side has changes of its own by then: what is set to the old side's would lose them."""
    bench = Bench(config(every_us=60 * MINUTE, audit_us=30 * MINUTE))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.alarm("prod", "audit")
    reads = bench.given(ReadSide)
    assert len(reads) == 2
    bench.tell(ProvisionAsked(bench.now_us, UTC + bench.now_us, 0, "B", True))
    bench.call("r2", entity="web")
    bench.say("ops/r2", Word.DONE)
    for of in reads:  # the answers come when it has begun
        found = {name: FoundThing(EMPTY, (f"{name}-at-{of.site}",)) for name in ("crm", "web")}
        bench.tell(SideRead(bench.now_us, UTC, bench.life, "prod", of.site, of.number, found))
        assert not bench.started() and not bench.given(Notify)
    bench.alarm("prod", "audit")
    assert not bench.given(ReadSide)
    bench.start()
    assert not bench.given(ReadSide)


@pytest.mark.parametrize("wrong", ["crm-at-A", ""])
def test_what_was_promised_waits_for_its_identifier_at_the_new_side(wrong: str) -> None:
    bench = Bench(config(attempts=1))
    bench.tell(MappingEdited(0, UTC, 0, "prod", "crm", "B", wrong))
    bench.call("r1")
    bench.call("r2")
    bench.call("r3", entity="web")
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert [s.job for s in bench.started()] == ["ops/r3@B"]
    (notice,) = bench.given(Notify)
    assert notice.notice is Notice.BLOCKED and notice.about.startswith("ops/r1@B: ")
    bench.look()  # r3 is asked about
    assert not bench.given(Notify) and not bench.started()
    bench.start([["ops/r3@B", 1, "done", ""]])  # who dies has not told for ever
    assert len(bench.given(Notify)) == 1 and not bench.started()
    bench.tell(MappingEdited(bench.now_us, UTC, 0, "prod", "crm", "B", "crm-at-B"))
    bench.look()
    assert [(s.job, s.params) for s in bench.started()] == [("ops/r1@B", '{"id": "crm-at-B"}')]
    bench.say("ops/r1@B", Word.DONE)
    assert [(s.job, s.params) for s in bench.started()] == [("ops/r2@B", '{"id": "crm-at-B"}')]


def test_a_failover_starts_nothing_more_at_the_old_side_where_an_attempt_has_failed() -> None:
    """The first waits for its next attempt, the second one for the first: both go to the new side."""
    bench = Bench()
    bench.call("r1")
    bench.call("r2")
    bench.say("ops/r1", Word.FAILED, reason=WhyFailed.SCRIPT)
    bench.tell(ProvisionAsked(bench.now_us, UTC + bench.now_us, 0, "B", True))
    assert [(s.site, s.job) for s in bench.started()] == [("B", "ops/r1@B")]


def test_a_planned_failover_waits_for_what_is_under_way_at_the_old_side() -> None:
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.STARTED)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))
    assert not bench.given(SiteProvisioned)
    bench.say("ops/r1", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r1>B.0"]
    bench.say("ops/r1>B.0", Word.DONE)
    assert len(bench.given(SiteProvisioned)) == 1


def test_a_failover_waits_no_longer_for_an_old_side_that_is_lost() -> None:
    """r1 may run at A for ever, and r2 waits for it: with A lost both are done at B."""
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.STARTED)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))
    bench.call("r2")
    assert not bench.started()
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))  # as before
    assert not bench.started() and not bench.given(SiteProvisioned)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert [s.job for s in bench.started()] == ["ops/r1@B"]
    assert len(bench.given(SiteProvisioned)) == 1
    bench.say("ops/r1@B", Word.DONE)
    assert [s.job for s in bench.started()] == ["ops/r2"]


def test_a_failover_that_does_not_end_is_told_at_the_limit_of_drift_and_at_each_retry() -> None:
    """The limit is 15 min and the retry 5 min. The manager dies at 17 min, when it has told once,
    and a failover that has ended is not told.
    """
    bench = Bench()
    bench.call("r1")
    bench.say("ops/r1", Word.STARTED)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", True))
    bench.alarm("", "failover")
    assert bench.now_us == 15 * MINUTE
    told = [("prod", Notice.FAILOVER_OPEN, "to B", UTC), ("gov", Notice.FAILOVER_OPEN, "to B", UTC)]
    assert [(n.network, n.notice, n.about, n.since_utc_us) for n in bench.given(Notify)] == told
    assert bench.alarms["", "failover"] == 20 * MINUTE
    bench.now_us = 17 * MINUTE
    bench.start([["ops/r1", 1, "running", ""]])
    bench.alarm("", "failover")
    assert bench.now_us == 17 * MINUTE and len(bench.given(Notify)) == 2
    bench.say("ops/r1", Word.DONE)
    bench.say("ops/r1>B.0", Word.DONE)
    assert CancelAlarm("", "failover") in bench.given(CancelAlarm)


def test_what_cannot_be_translated_people_do_by_hand_in_a_failover() -> None:
    bench = Bench()
    bench.tell(MappingEdited(0, UTC, 0, "prod", "crm", "B", ""))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    assert [w.urgent for w in bench.given(DoByHand)] == [True]


def test_a_thing_that_cannot_be_translated_people_set_in_a_failover() -> None:
    bench = Bench(config(mode="reconcile", every_us=5 * MINUTE))
    bench.tell(MappingEdited(bench.now_us, UTC + bench.now_us, 0, "prod", "crm", "B", ""))
    bench.call("r1")
    bench.say("ops/r1", Word.DONE)
    bench.tell(ProvisionAsked(bench.now_us, UTC + bench.now_us, 0, "B", False))
    asked = bench.given(DoByHand)
    assert {(w.entity, w.urgent) for w in asked} == {("crm", True)}
    (work,) = {w.work for w in asked}
    bench.start()  # people may not have heard it
    assert {w.work for w in bench.given(DoByHand)} == {work}
    bench.tell(HandsDone(bench.now_us, UTC + bench.now_us, 0, "prod", work + "else"))
    assert not bench.given(SiteProvisioned)
    bench.tell(HandsDone(bench.now_us, UTC + bench.now_us, 0, "prod", work))
    assert bench.given(SiteProvisioned) == [SiteProvisioned("B", 0, 0, 1)]


def test_nothing_is_mirrored_where_there_is_no_other_side() -> None:
    bench = Bench()
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    bench.call("r1")
    assert [s.site for s in bench.started()] == ["B"]
    bench.say("ops/r1", Word.DONE)
    assert not bench.given(StartScript) and not bench.given(ReportDrift)


def test_a_new_side_that_no_life_has_read_yet_is_read_before_anything_is_set() -> None:
    """What is there already is left as it is; the rest is made anew."""
    bench = Bench()
    bench.tell(ProvisionAsked(0, UTC, 0, "B", False))
    bench.tell(SiteStands(0, UTC, 0, "A", {"prod": {}, "gov": {}}))
    bench.start()
    bench.call("r1", entity="web")
    assert [s.job for s in bench.started()] == ["ops/r1"]
    bench.start([["ops/r1", 1, "running", ""]])
    reads = {c.site: c.number for c in bench.given(ReadSide) if c.network == "prod"}
    assert sorted(reads) == ["A", "B"] and not bench.started()
