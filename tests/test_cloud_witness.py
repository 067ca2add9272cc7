"""Bugs planted in the cloud manager, each caught by the witness; and a sound manager, crashed at every
command and disturbed by everything at once, which it finds nothing in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dr_sim.cloud import api, manager, out
from dr_sim.cloud.commands import Notify, SiteProvisioned
from dr_sim.cloud.events import AgentSaid
from dr_sim.cloud.jobs import job as job_room
from dr_sim.cloud.jobs import jobs
from dr_sim.cloud.mirror import drift, mapping, mirror, pending, sending
from dr_sim.cloud.words import JobMove, JobState, Notice, Word
from dr_sim.loading import load_scenario
from dr_sim.machines import Command, Event
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.verify import verify
from dr_sim.units import HOUR_US
from dr_sim.world.cloud import agents, lives
from dr_sim.world.cloud.lives import CloudLives
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builder
from dr_sim.world.world import World

BASE = """\
run_for: 6 h
databases: {crm: {size: 5 GB, log_volume: 1 MB per 5 min, tenants: contoso}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}, gov: {tenant: acme, farms: [web]}}
cloud: {mirror: {every: 5 min, audit: 30 min}}
jobs: {time_limit: 4 min, retry: 1 min, at_once: 2, rebuild: 3 min}
changes: {takes: {p50: 30 s, p95: 2 min}, fail: 2 %}
clients: {portal: {calls: 2 per min, actions: 50 %, tenant: contoso}}
"""
FAULTS = "faults: {lost_answer: {share: 10 %}, lost_request: {share: 5 %}, duplicate_request: {share: 10 %}, "


def world(tmp_path: Path, more: str, base: str = BASE) -> World:
    path = tmp_path / "s.yaml"
    path.write_text(base + more)
    return World(load_scenario(path))


def broken(of: World) -> set[str]:
    of.run()
    return {breach.invariant for breach in cloud_broken(of.journal, of.context.scenario)}


# ---- planted bugs
Patch = Callable[[pytest.MonkeyPatch], None]


def no_fingerprint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(api, "fingerprint", lambda e: "")


def rescue_by_age(patch: pytest.MonkeyPatch) -> None:
    def due(self: jobs.JobBook, job: job_room.CloudJob, o: out.Out) -> None:
        if job.state in (JobState.STARTING, JobState.RUNNING):
            self._again(job, o, at_once=True)
        else:
            real(self, job, o)

    real = jobs.JobBook._due
    patch.setattr(jobs.JobBook, "_due", due)


def clean_before_gone(patch: pytest.MonkeyPatch) -> None:
    def alive(self: jobs.JobBook, job: job_room.CloudJob, o: out.Out) -> None:
        if job.state is JobState.OVERDUE:
            self._begin_cleaning(job, JobState.CANCELLED, o)
        else:
            real(self, job, o)

    real = jobs.JobBook._alive
    patch.setattr(jobs.JobBook, "_alive", alive)


def forget_to_go_on_with_backups(patch: pytest.MonkeyPatch) -> None:
    """What a job has paused stays so: its clean-up is not run."""

    def begin(self: jobs.JobBook, job: job_room.CloudJob, aim: JobState, o: out.Out) -> None:
        self._move(job, JobMove.CLEAN)
        self._move(job, JobMove.CLEANED_CANCELLED)
        self._ended(job, o)

    patch.setattr(jobs.JobBook, "_begin_cleaning", begin)


def older_manager_acts(patch: pytest.MonkeyPatch) -> None:
    """Neither its store nor agents refuse what a manager commands that is over."""

    def tell_older(self: lives.CloudLives, event: Event) -> None:
        for command in self.older.handle(event) if self.older else ():
            self._world.do_for_older(command, 1 << 30)

    patch.setattr(lives.CloudLives, "tell_older", tell_older)


def forget_how_jobs_end(patch: pytest.MonkeyPatch) -> None:
    def ended(self: jobs.JobBook, job: job_room.CloudJob, o: out.Out) -> job_room.CloudJob:
        found = real(self, job, o)
        del o.saves[job_room.ENDED + job.id]
        return found

    real = jobs.JobBook._ended
    patch.setattr(jobs.JobBook, "_ended", ended)


def no_log(patch: pytest.MonkeyPatch) -> None:
    def called(self: api.Api, e: api.Called, active: str, o: out.Out) -> None:
        real(self, e, active, o)
        for key in [key for key in o.saves if key.startswith(api.LOG)]:
            del o.saves[key]

    real = api.Api.called
    patch.setattr(api.Api, "called", called)


def forget_requests(patch: pytest.MonkeyPatch) -> None:
    def asked(self: api.Api, e: api.Called, active: str, o: out.Out) -> api._Told:
        told = real(self, e, active, o)
        o.saves.pop(f"{api.REQUEST}{e.caller}/{e.request}", None)
        return told

    real = api.Api._asked
    patch.setattr(api.Api, "_asked", asked)


def save_after_start(patch: pytest.MonkeyPatch) -> None:
    def last(self: out.Out, kept: dict[str, str]) -> list[Command]:
        save, *others = real(self, kept)
        return [*others, save]

    real = out.Out.all
    patch.setattr(out.Out, "all", last)


def untranslated(patch: pytest.MonkeyPatch) -> None:
    def as_it_is(self: mapping.Mapping, params: str, site: str) -> str:
        return real(self, params, "A")

    real = mapping.Mapping.translated
    patch.setattr(mapping.Mapping, "translated", as_it_is)
    patch.setattr(agents.Agent, "_refusal", lambda self, *what: agents.WhyFailed.NONE)


def whosever_it_is(patch: pytest.MonkeyPatch) -> None:
    """An identifier is used as it stands in the table. The agent refuses it."""
    patch.setattr(mapping.Mapping, "is_of", lambda self, identifier, site: True)


def no_lanes(patch: pytest.MonkeyPatch) -> None:
    def in_one_of_its_own(self: job_room.CloudJob) -> None:
        self.lane = (self.network, self.site, self.id)
        self.agent = (self.network, self.site)

    patch.setattr(job_room.CloudJob, "__post_init__", in_one_of_its_own)
    patch.setattr(sending.Sending, "_submit_next", all_at_once)


def all_at_once(self: sending.Sending, entity: str, o: out.Out) -> None:
    for change in reversed(self.backlog.of(entity)):
        if change.way is pending.PendingWay.WAITING:
            self._submit(change, o)


def no_bound(patch: pytest.MonkeyPatch) -> None:
    def pump(self: jobs.JobBook, agent: tuple[str, str], o: out.Out) -> None:
        while not self._asleep and (job := self._lanes.take(agent)) is not None:
            self._start(job, o)
        self._dues.set_alarm(o)

    patch.setattr(jobs.JobBook, "pump", pump)


def refused_and_done(patch: pytest.MonkeyPatch) -> None:
    def asked(self: api.Api, e: api.Called, active: str, o: out.Out) -> api._Told:
        allowed = self._callers[e.caller]
        self._callers[e.caller] = replace(allowed, networks=tuple(self._entities))
        told = real(self, e, active, o)
        self._callers[e.caller] = allowed
        if e.network not in allowed.networks:
            told.outcome = api.CallOutcome.FORBIDDEN
        return told

    real = api.Api._asked
    patch.setattr(api.Api, "_asked", asked)


def at_the_other_side(patch: pytest.MonkeyPatch) -> None:
    def called(self: manager.CloudManager, e: api.Called, o: out.Out) -> None:
        self._api.called(e, "B", o)

    patch.setattr(manager.CloudManager, "_called", called)


def submitted_and_forgotten(patch: pytest.MonkeyPatch) -> None:
    def submit(self: sending.Sending, change: pending.Pending, o: out.Out) -> None:
        self.backlog.goes(change, pending.PendingWay.SUBMITTED, o)

    patch.setattr(sending.Sending, "_submit", submit)


def nobody_is_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(drift.DriftWatch, "rings", lambda self, o: None)


def told_of_something_else(patch: pytest.MonkeyPatch) -> None:
    """Somebody is told, and of a job instead of the drift."""

    def rings(self: drift.DriftWatch, o: out.Out) -> None:
        real(self, o)
        for command in o.commands:
            if isinstance(command, Notify):
                command.notice = Notice.JOB_FAILED

    real = drift.DriftWatch.rings
    patch.setattr(drift.DriftWatch, "rings", rings)


def done_twice(patch: pytest.MonkeyPatch) -> None:
    """A change that was mirrored is submitted once more."""

    def mirrored(self: sending.Sending, job: job_room.CloudJob, o: out.Out) -> bool:
        change = self.backlog.changes.get(job.number)
        if change is not None and job.state is JobState.DONE and not change.round:
            change.round = 1
            self._submit(change, o)
            return False
        return real(self, job, o)

    real = sending.Sending.mirrored
    patch.setattr(sending.Sending, "mirrored", mirrored)


def counts_as_done(word: Word) -> Patch:
    """An agent's word that says something else is taken for 'done'."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def said(self: jobs.JobBook, e: AgentSaid, o: out.Out) -> job_room.CloudJob | None:
            if e.word is word:
                e = replace(e, word=Word.DONE)
            return real(self, e, o)

        real = jobs.JobBook.said
        patch.setattr(jobs.JobBook, "said", said)

    return plant


failed_counts_as_done = counts_as_done(Word.FAILED)
unknown_counts_as_done = counts_as_done(Word.UNKNOWN)


def given_up_without_a_word(patch: pytest.MonkeyPatch) -> None:
    def failed(self: jobs.JobBook, job: job_room.CloudJob, e: AgentSaid, o: out.Out) -> None:
        real(self, job, e, o)
        o.commands[:] = [
            c for c in o.commands if not (isinstance(c, Notify) and c.notice is Notice.JOB_FAILED)
        ]

    real = jobs.JobBook._failed
    patch.setattr(jobs.JobBook, "_failed", failed)


def failover_never_ends(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(manager.CloudManager, "_maybe_provisioned", lambda self, o: None)


def failover_never_ends_and_nobody_is_told(patch: pytest.MonkeyPatch) -> None:
    failover_never_ends(patch)
    patch.setattr(manager.CloudManager, "_failover_is_open", lambda self, o: None)


def leads_to_another_thing(patch: pytest.MonkeyPatch) -> None:
    """The mapping table gives the identifier of another thing of the site."""

    def identifier(self: mapping.Mapping, entity: str, site: str) -> str:
        of_site = [of for of, at in self._rows if at == site]
        return real(self, min(of_site), site)

    real = mapping.Mapping.identifier
    patch.setattr(mapping.Mapping, "identifier", identifier)


def ends_a_failover_at_once(patch: pytest.MonkeyPatch) -> None:
    """The manager says that a site is configured without bringing anything in."""

    def maybe_provisioned(self: manager.CloudManager, o: out.Out) -> None:
        if self._provision is not None:
            o.commands.append(SiteProvisioned(self._provision[0], 0, 0, 0))
            self._over(o)

    patch.setattr(manager.CloudManager, "_maybe_provisioned", maybe_provisioned)


def a_restart_forgets_the_switch(patch: pytest.MonkeyPatch) -> None:
    def switched(self: mirror.Mirror, on: bool, o: out.Out) -> None:
        real(self, on, o)
        o.saves.pop(mirror.SWITCH + self.name)

    real = mirror.Mirror.switched
    patch.setattr(mirror.Mirror, "switched", switched)


FAILOVER = (
    "failover: {mode: automatic, operators: [dba]}\nafter_failover: {new_secondary: 15 min}\n"
    "events: [{at: 1 h, order_failover: dba}, {at: 2 h, hung_request: {share: 100 %}}]\n"
)
CALM = "events: [{at: 4 h, hung_request: {share: 100 %}}]\n"
FAILS = "events: [{at: 1 h, script_fails: {site: A, times: all, duration: 1 h}}]\n"
PLANTED: list[tuple[Patch, str, str]] = [
    (done_twice, "", "cloud 1"),
    (failed_counts_as_done, FAILS, "cloud 1"),
    (
        unknown_counts_as_done,
        "events: [{at: 1 h, agent_silent: {site: A, duration: 1 h}}]\n",
        "cloud 1",
    ),
    (given_up_without_a_word, FAILS, "cloud 15"),
    (forget_requests, FAULTS + "}\n", "cloud 2"),
    (no_fingerprint, "faults: {id_reused: {share: 30 %}}\n", "cloud 3"),
    (rescue_by_age, "", "cloud 4"),
    (forget_to_go_on_with_backups, "events: [{at: 1 h, script_hangs: {site: A}}]\n", "cloud 5"),
    (older_manager_acts, "events: [{at: 1 h, two_managers: {}}]\n", "cloud 11"),
    (clean_before_gone, "events: [{at: 1 h, script_hangs: {site: A}}]\n", "cloud 5"),
    (forget_how_jobs_end, "faults: {duplicate_request: {share: 1 %}}\n", "cloud 6"),
    (no_log, "", "cloud 7"),
    (save_after_start, "", "cloud 7"),
    (untranslated, "", "cloud 8"),
    (
        whosever_it_is,
        "events: [{at: 30 min, wrong_mapping: {entity: crm, leads_to: primary, duration: 2 h}}]\n",
        "cloud 8",
    ),
    (no_lanes, "", "cloud 9"),
    (no_bound, "networks: {prod: {farms: [a, b, c, d]}}\n", "cloud 10"),
    (refused_and_done, "faults: {wrong_tenant_call: {share: 50 %}}\n", "cloud 11"),
    (at_the_other_side, "", "cloud 13"),
    (submitted_and_forgotten, CALM, "cloud 14"),
    (leads_to_another_thing, "", "cloud 11"),
    (failover_never_ends, FAILOVER, "cloud 14"),
    (ends_a_failover_at_once, FAILOVER, "cloud 14"),
    (failover_never_ends_and_nobody_is_told, FAILOVER, "cloud 15"),
    (nobody_is_told, "events: [{at: 1 h, mirror_off: 2 h}]\n", "cloud 15"),
    (told_of_something_else, "events: [{at: 1 h, mirror_off: 2 h}]\n", "cloud 15"),
    (
        a_restart_forgets_the_switch,
        "events: [{at: 1 h, mirror_off: 20 min}, {at: 61 min, cloud_crash: {}}]\n",
        "cloud 21",
    ),
]
SOUND: set[tuple[str, str]] = set()
"""The scenarios that were found sound already: several bugs are planted into the same one."""


@pytest.mark.parametrize(
    ("plant", "more", "caught"), PLANTED, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_planted_bug_is_caught(
    plant: Patch, more: str, caught: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = (
        BASE
        if "networks" not in more
        else BASE.replace(
            "networks: {prod: {farms: [web]}, gov: {tenant: acme, farms: [web]}}\n", ""
        )
    )
    if (more, base) not in SOUND:
        assert broken(world(tmp_path, more, base)) == set(), "it is sound without the bug"
        SOUND.add((more, base))
    plant(monkeypatch)
    assert caught in broken(world(tmp_path, more, base))


UNHEARD = "events: [{at: 1 h, agent_silent: {site: A, duration: 3 h}}]\n"


def test_a_job_of_which_nobody_hears_is_told_at_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is done, and nobody can hear it: it is known as overdue, later than drift is told of
    otherwise. A manager that tells nothing at all is caught.
    """
    base = BASE.replace("time_limit: 4 min", "time_limit: 30 min")
    assert broken(world(tmp_path, UNHEARD, base)) == set()
    nobody_is_told(monkeypatch)
    real = out.Out.all

    def without_notices(self: out.Out, texts: dict[str, str]) -> list[Command]:
        return [each for each in real(self, texts) if not isinstance(each, Notify)]

    monkeypatch.setattr(out.Out, "all", without_notices)
    assert broken(world(tmp_path, UNHEARD, base)) == {"cloud 15"}


def test_what_nobody_could_see_excuses_no_other_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody audits. The web farm is changed by hand, and put right; hours later the database is
    behind beyond the limit. A manager that does not tell of the database is caught.
    """
    base = BASE.replace("every: 5 min, audit: 30 min", "mode: reconcile, audit: 0 s")
    base = base.replace("changes: {", "changes: {rate: 0 per day, ").replace("clients:", "#")
    more = (
        "events: [{at: 20 min, changed_by_hand: {entity: web, network: prod}}, "
        "{at: 30 min, admin_change: {rotate_secret: crm}}, {at: 1 h, mirror_off: 2 h}, "
        "{at: 65 min, admin_change: {rotate_secret: crm}}]\n"
    )
    assert broken(world(tmp_path, more, base)) == set()
    nobody_is_told(monkeypatch)
    assert broken(world(tmp_path, more, base)) == {"cloud 15"}


def test_a_store_that_is_put_back_must_know_what_it_knew_when_the_copy_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows no job that was begun after that; it must know each request from before."""
    more = "faults: {late_duplicate: {share: 20 %, later: 20 min}}\n"
    more += "events: [{at: 30 min, cloud_store_restored: {after: 1 us}}]\n"
    base = BASE.replace("6 h", "1 h")
    assert broken(world(tmp_path, more, base)) == set()

    def keep_nothing(self: CloudLives) -> None:
        self._copies.append((self._context.now_us, {}, frozenset()))
        self._context.note("truth.cloud_store_copied", -1)

    monkeypatch.setattr(CloudLives, "keep_copy", keep_nothing)
    assert "cloud 2" in broken(world(tmp_path, more, base))


PUT_BACK = (
    "{at: 0 h, wrong_mapping: {entity: crm, leads_to: other, duration: 50 min}}",
    "{at: 0 h, wrong_mapping: {entity: crm, leads_to: primary, duration: 1 h}}",
    "{at: 0 h, mirror_off: 50 min}",
)


@pytest.mark.parametrize("setting", PUT_BACK)
@pytest.mark.parametrize("mode", ["jobs", "reconcile"])
def test_an_old_copy_of_the_store_brings_back_what_people_had_put_right(
    setting: str, mode: str, tmp_path: Path
) -> None:
    """The row of the mapping table, or the switch of the mirror, is wrong in the copy. So it is
    wrong for good: the two sides are never the same again, by nobody's fault but that.
    """
    base = BASE.replace("{every: 5 min", f"{{mode: {mode}, every: 5 min").replace(
        ", gov: {t", "} #"
    )
    events = f"{setting}, {{at: 0 h, cloud_store_restored: {{after: 1 h}}}}, "
    more = f"events: [{events}{{at: 2 h, hung_request: {{share: 100 %}}}}]\n"
    of = world(tmp_path, more, base)
    assert broken(of) == set()
    assert of.pair.cloud is not None
    assert of.pair.cloud.configurations[0].behind()[1] > 0


@pytest.mark.parametrize("second", ["none", "10 min"])
def test_who_ends_a_failover_while_a_request_runs_at_the_old_side_is_caught(
    second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script runs at A as the failover begins, and the manager says at once that B is configured:
    what the script does stays at A.
    """
    base = BASE.replace("changes: {", "changes: {rate: 0 per day, ").replace(
        "{p50: 30 s, p95: 2 min}", "3 min"
    )
    more = (
        f"failover: {{mode: automatic, operators: [dba]}}\nafter_failover: {{new_secondary: {second}}}\n"
        "events: [{at: 58 min, admin_change: {rotate_secret: crm}}, "
        "{at: 1 h, order_failover: dba}]\n"
    )
    assert broken(world(tmp_path, more, base)) == set()
    ends_a_failover_at_once(monkeypatch)
    assert "cloud 14" in broken(world(tmp_path, more, base))


def test_every_invariant_of_this_part_has_a_planted_bug() -> None:
    numbers = {int(caught.split()[1]) for _, _, caught in PLANTED}
    assert numbers == set(range(1, 12)) | {13, 14, 15, 21}
    assert JobMove.CLEAN  # used by the table


# ---- a sound manager
STORM = (
    FAULTS + "late_duplicate: {share: 10 %, later: {mean: 10 min}}, id_reused: {share: 10 %}, "
    "hung_request: {share: 3 %}, wrong_tenant_call: {share: 10 %}, script_hangs: {rate: 12 per day}, "
    "script_fails: {rate: 20 per day, times: 2, duration: 10 min}, "
    "script_half_done: {rate: 12 per day, duration: 10 min}, "
    "clean_up_fails: {rate: 8 per day, duration: 10 min}, agent_silent: {rate: 8 per day, duration: {mean: 10 min}}, "
    "cloud_crash: {rate: 24 per day}, two_managers: {rate: 6 per day}, mirror_off: {rate: 6 per day, duration: 20 min}, "
    "changed_by_hand: {rate: 4 per day, entity: web}, script_missing: {rate: 4 per day}}\n"
)


@pytest.mark.parametrize("mode", ["jobs", "reconcile", "runbook"])
@pytest.mark.parametrize("seed", range(2))
def test_a_storm_breaks_nothing_and_its_record_holds(mode: str, seed: int, tmp_path: Path) -> None:
    base = BASE.replace("{every: 5 min", f"{{mode: {mode}, every: 5 min") + f"seed: {seed}\n"
    of = world(tmp_path, STORM, base)
    of.run()
    scenario = of.context.scenario
    assert cloud_broken(of.journal, scenario) == []
    assert scenario.cloud is not None
    found = verify(of.journal, {0: builder(scenario)}, cloud=cloud_config(scenario.cloud, scenario))
    assert found.mismatch is None


FAILOVERS = (
    "{at: 2 h, lose: site}, {at: 4 h, lose: site}",
    "{at: 2 h, order_failover: dba}, {at: 4 h, order_failover: dba}",
    "{at: 2 h, lose: site}, {at: 140 min, lose: site}, {at: 4 h, order_failover: dba}",
    "{at: 2 h, order_failover: dba}, {at: 121 min, lose: site}, {at: 4 h, lose: site}",
)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["jobs", "reconcile", "runbook"])
@pytest.mark.parametrize("events", FAILOVERS)
def test_a_storm_over_several_failovers_breaks_nothing(
    mode: str, events: str, tmp_path: Path
) -> None:
    base = BASE.replace(
        "{mirror: {every: 5 min",
        f"{{provision: {{at_most: 4 min}}, mirror: {{mode: {mode}, every: 5 min",
    )
    more = (
        f"failover: {{mode: automatic, operators: [dba]}}\nevents: [{events}]\n"
        "after_failover: {new_secondary: 15 min}\n"
    )
    of = world(tmp_path, STORM + more, base.replace("run_for: 6 h", "run_for: 8 h"))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == [] and len(of.pairs) > 2


def every(n: int, of: World) -> Callable[[Command], bool]:
    """Whether to die before a command: before each n-th, for two hours."""
    count: Iterator[int] = itertools.count(1)
    return lambda command: of.context.now_us < 2 * HOUR_US and next(count) % n == 0


@pytest.mark.parametrize("n", [3, 5, 8, 13])
def test_a_manager_that_dies_before_every_nth_command_does_everything_once(
    n: int, tmp_path: Path
) -> None:
    base = BASE.replace("run_for: 6 h", "run_for: 5 h") + "seed: 3\n"
    of = world(tmp_path, "events: [{at: 1 h, hung_request: {share: 100 %}}]\n", base)
    assert of.pair.cloud is not None
    of.pair.cloud.driver.hooks.before_command = every(n, of)
    of.run()
    assert cloud_broken(of.journal, of.context.scenario) == []
    assert [c.behind() for c in of.pair.cloud.configurations] == [(-1, 0), (-1, 0)]
