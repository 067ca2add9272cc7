"""The job manager: a durable queue, one lane for each thing that is changed.

Theory of operation. Jobs of one thing at one side stand in a lane and run one after the other, in
the order in which they were made (job_lanes.py): that is what keeps changes in order. In a failover
older changes come to the new side from the other one while newer ones are asked for there: the
older go before the newer. Of each side at most so many scripts run at one time.

An attempt has a number, saved before its script is started. Its agent starts each attempt once. A
new attempt begins only when the agent says that the one before it is over: done, failed, gone, or
never started. So a job is given up because its agent says so, never because it is old. A job that
passes its time limit is overdue: its agent is asked about it, and only an attempt that still runs
is ended. If nobody has said in that time that the attempt has begun, people are notified, too.
Clean-up begins when the agent has said that no process of it is alive.

No instant is stored: after a restart every open job is asked about at once. The store may have been
put back to an old copy, which knows fewer jobs and attempts than the agents do. So agents report
each attempt that is not over, and a job that the store does not have is taken up again as they know
it. Nothing is started at an agent that has not answered since the restart: it is asked again.

A job that took the place of one at another site, and has no identifiers of its own site yet, waits
for the mapping table: its agent would only refuse it, until all attempts are used up.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable

from dr_sim.cloud.commands import Notify
from dr_sim.cloud.config import CloudConfig
from dr_sim.cloud.events import AgentSaid
from dr_sim.cloud.jobs.job import AS_A_WHOLE, ENDED, JOBS, OPEN, CloudJob
from dr_sim.cloud.jobs.job_dues import JobDues
from dr_sim.cloud.jobs.job_lanes import JobLanes
from dr_sim.cloud.jobs.job_orders import JobOrders
from dr_sim.cloud.mirror.inventory import chained
from dr_sim.cloud.mirror.mapping import Mapping, UntranslatableError
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import (
    OUT_OF_SERVICE,
    JobKind,
    JobMove,
    JobState,
    Notice,
    WhyFailed,
    Word,
)
from dr_sim.machines import TakeInventory

BUSY = frozenset(
    (
        JobState.STARTING,
        JobState.RUNNING,
        JobState.OVERDUE,
        JobState.KILLING,
        JobState.CLEANING,
    )
)
_BEFORE_AN_ATTEMPT = (
    JobState.QUEUED,
    JobState.STARTING,
    JobState.RUNNING,
    JobState.OVERDUE,
)
"""States that another attempt may follow."""
_LIVE = BUSY - {JobState.CLEANING}
# members that each word of an agent is compared with: a member costs several times a name
_QUEUED, _STARTING, _CLEANING = (
    JobState.QUEUED,
    JobState.STARTING,
    JobState.CLEANING,
)
_CHANGE, _JOB_DONE = JobKind.CHANGE, JobState.DONE
_DEPLOY = (
    JobKind.DEPLOY
)  # it is tried once: then the machine goes elsewhere
_DONE, _UNREACHABLE = Word.DONE, Word.UNREACHABLE
_DONE_BEFORE = Word.DONE_BEFORE
_START, _STARTED, _MADE = JobMove.START, JobMove.STARTED, JobMove.DONE
_ALIVE = frozenset((Word.STARTED, Word.RUNNING))


class JobBook:
    """All open jobs. A caller that hands it an event learns which job ended by it."""

    def __init__(
        self,
        config: CloudConfig,
        stored: dict[str, str],
        mappings: dict[str, Mapping],
    ) -> None:
        self._config = config.jobs
        self._mappings = mappings
        self.open: dict[str, CloudJob] = {}
        # whether a job that has not begun may begin, and whether nobody wants it there any more
        self.may_begin: Callable[[CloudJob], bool] = lambda job: True
        self.is_stray: Callable[[CloudJob], bool] = lambda job: False
        self.strays: list[
            CloudJob
        ] = []  # that came to nothing, and are to be done at the active side
        self._held: dict[str, CloudJob] = {}  # that may not begin yet
        self._lanes = JobLanes()
        self._busy: dict[tuple[str, str], int] = defaultdict(int)
        self._dues = JobDues(self.open)
        self._orders = JobOrders(config, self._dues)
        self._asleep = True  # until it is known what agents are doing
        # agents that have not said yet what they are doing, and since when; None once people know
        self._unheard: dict[tuple[str, str], int | None] = {}
        found = [
            CloudJob.from_text(key.removeprefix(OPEN), text)
            for key, text in stored.items()
            if key.startswith(OPEN)
        ]
        found.sort(key=lambda job: job.order)
        self._next_order = found[-1].order + 1 if found else 1
        for job in found:
            self._enter(job)

    def _enter(self, job: CloudJob) -> None:
        self.open[job.id] = job
        self._lanes.enter(job)
        if job.state is not _QUEUED:
            self._busy[job.agent] += 1

    # ---- what others ask
    def changing(self, network: str, sites: tuple[str, str]) -> set[str]:
        """Return the things that may be half changed at those sides: an attempt at a job of them
        has begun, and the job is not over.
        """
        return self._lanes.changing(network, sites)

    def of_lane(
        self, network: str, site: str, entity: str
    ) -> Iterable[CloudJob]:
        """Return the jobs of that thing at that side, the first one first."""
        return self._lanes.of(network, site, entity)

    def add(self, job: CloudJob, out: Out) -> None:
        """Take a job in. Adding one that is open already changes nothing."""
        if job.id in self.open:
            return
        self._number(job)
        self._enter(job)
        self._save(job, out)
        self.pump(job.agent, out)

    def _number(self, job: CloudJob) -> None:
        job.order = self._next_order
        self._next_order += 1

    def _number_from(self, first: CloudJob, out: Out) -> None:
        """Save a job that came in front of others, and number the jobs of its lane anew from it on:
        a later life enters them by their numbers, and must find them in this order.
        """
        behind = False
        for job in self._lanes.of(*first.lane):
            behind = behind or job is first
            if behind:
                self._number(job)
                self._save(job, out)

    # ---- life
    @property
    def asleep(self) -> bool:
        """Return whether no agent has been heard in this life."""
        return self._asleep

    def adopt(self, job: CloudJob, out: Out) -> None:
        """Take up a job that an agent knows and the store does not. It began after all jobs of its
        lane that the store has and that have begun.
        """
        job.state = JOBS.after(JobState.QUEUED, JobMove.FOUND)
        job.tries = job.attempt - 1
        self.open[job.id] = job
        self._lanes.put_in_front(job)
        self._busy[job.agent] += 1
        self._number_from(job, out)

    def given_up(self, site: str) -> None:
        """Ask no more what its agents are doing: nothing of that site is used."""
        self._unheard = {
            agent: since_us
            for agent, since_us in self._unheard.items()
            if agent[1] != site
        }

    def not_heard(self, agent: tuple[str, str], out: Out) -> None:
        """Start nothing at an agent before it has said what it is doing: its site is used again."""
        self._unheard.setdefault(agent, out.mono_us)

    def wake(
        self, said: list[AgentSaid], silent: list[tuple[str, str]], out: Out
    ) -> list[CloudJob]:
        """Take up the answers of agents, which beat what is stored. Return the jobs that ended.

        Attempts that no agent knows were never started. Agents that are silent are asked again.
        Nothing is started before all answers are taken up (`awake`).
        """
        first, self._asleep = self._asleep, True
        self._still_unheard(silent, first, out)
        known = {(word.job, word.attempt): word for word in said}
        newest = {
            word.job: word.attempt
            for word in sorted(said, key=lambda each: each.attempt)
        }
        ended = []
        for job in list(self.open.values()):
            if newest.get(job.id, 0) > job.attempt:
                self._catch_up(job, newest[job.id], out)
            if job.state is JobState.QUEUED:
                continue
            if first:
                job.unheard_us = out.mono_us
            if job.agent in silent:
                retry_us = out.mono_us + self._config.retry_us
                self._dues.look_at(job, retry_us)
                continue
            word = known.get((job.id, job.attempt))
            over = self._compare(job, word, out)
            if over is not None:
                ended.append(over)
        self._dues.ask_again_us = 0
        if self._unheard:
            self._dues.ask_again_us = out.mono_us + self._config.retry_us
            self._notify_silent(out)
        return ended

    def _still_unheard(
        self, silent: list[tuple[str, str]], first: bool, out: Out
    ) -> None:
        """Keep the agents that are silent: all of them in the first answers of this life, and else
        those of which nothing was heard before.
        """
        before = self._unheard
        if first:
            before = dict.fromkeys(silent, out.mono_us)
        self._unheard = {
            agent: since_us
            for agent, since_us in before.items()
            if agent in silent
        }

    def _notify_silent(self, out: Out) -> None:
        """Notify people of agents that have been silent for the time limit, while jobs that have
        not begun wait for them: no attempt of these can be overdue.
        """
        waiting = {
            job.agent for job in self.open.values() if job.state is _QUEUED
        }
        for agent, since_us in self._unheard.items():
            if since_us is None or agent not in waiting:
                continue
            if out.mono_us - since_us < self._config.time_limit_us:
                continue
            self._unheard[agent] = None
            network, site = agent
            since_utc_us = out.utc_us - (out.mono_us - since_us)
            out.commands.append(
                Notify(network, Notice.AGENT_SILENT, site, since_utc_us)
            )

    def awake(self, out: Out) -> None:
        """Start what may start: all answers are taken up, with what follows of them."""
        self._asleep = False
        for agent in self._lanes.agents():
            self.pump(agent, out)
        self._dues.set_alarm(out)

    def _compare(
        self, job: CloudJob, word: AgentSaid | None, out: Out
    ) -> CloudJob | None:
        """Compare an open job with the answer of its agent, None if that knows nothing of it.
        Return the job if it has ended.
        """
        if job.state is JobState.CLEANING and (
            word is None or word.word is not Word.CLEANED
        ):
            self._orders.clean(job, out)
            return None
        if word is None:
            # asked by name, so that its agent refuses it from now on
            self._orders.ask(job, out)
            return None
        over = self.said(word, out)
        if over is not None:
            return over
        if job.state is JobState.KILLING:
            self._due(job, out)
        elif not job.due_us:
            limit_us = out.mono_us + self._config.time_limit_us
            self._dues.look_at(job, limit_us)
        return None

    def _catch_up(self, job: CloudJob, attempt: int, out: Out) -> None:
        """The agent knows a later attempt at a job than the store."""
        if job.state not in _BEFORE_AN_ATTEMPT:
            return
        if job.state is not JobState.QUEUED:
            self._move(job, JobMove.AGAIN)
        self._lanes.has_begun(job)
        self._move(job, JobMove.FOUND)
        job.attempt = attempt
        job.tries = max(job.tries, attempt - 1)
        job.due_us = 0
        self._number_from(job, out)

    def is_heard(self, agent: tuple[str, str]) -> bool:
        """Tell whether that agent has said in this life what it is doing."""
        return agent not in self._unheard

    def pump(self, agent: tuple[str, str], out: Out) -> None:
        """Start what may start at that agent."""
        if self._asleep or (self._unheard and not self.is_heard(agent)):
            return
        while self._busy[agent] < self._config.at_once:
            job = self._lanes.take(agent)
            if job is None:
                break
            if not self.may_begin(job):
                self._held[job.id] = job
            elif not job.is_moved or self._has_identifiers(job, out):
                self._start(job, out)
        self._dues.set_alarm(out)

    def release(self, out: Out) -> None:
        """Look again at the jobs that could not begin: something else may be over by now."""
        held, self._held = self._held, {}
        for job in held.values():
            waits = job.id in self.open and job.state is _QUEUED
            if waits and self._lanes.is_first(job):
                self._lanes.not_ready(job)
                self._lanes.now_ready(job)
                self.pump(job.agent, out)

    def _has_identifiers(self, job: CloudJob, out: Out) -> bool:
        """Translate a job that was moved here. Where the mapping table does not lead to identifiers
        of this site the job waits, and somebody is notified.
        """
        mapping = self._mappings[job.network]
        if mapping.are_of(job.params, job.site):
            return True
        try:
            job.params = mapping.translated(job.params, job.site)
        except UntranslatableError as why:
            if not job.waits:
                about = f"{job.id}: {why}"
                out.commands.append(
                    Notify(job.network, Notice.BLOCKED, about, out.utc_us)
                )
            job.waits = True
            self._dues.look_at(job, out.mono_us + self._config.retry_us)
            return False
        return True

    def _start(self, job: CloudJob, out: Out) -> None:
        self._move(job, _START)
        job.unheard_us = out.mono_us
        job.attempt += 1
        self._save(job, out)
        self._orders.start(job, out)

    def look(self, out: Out) -> None:
        """The alarm went off: look at every job whose time has come."""
        if self._dues.rang(out.mono_us):
            out.commands.append(TakeInventory())
        for job in self._dues.due(out.mono_us):
            self._due(job, out)
        self._dues.set_alarm(out)

    def _due(self, job: CloudJob, out: Out) -> None:
        state = job.state
        if state is JobState.QUEUED:
            self._lanes.now_ready(job)
            self.pump(job.agent, out)
        elif state is JobState.CLEANING:
            self._orders.clean(job, out)
        elif state is JobState.KILLING:
            self._orders.kill(job, out)
        else:
            if state is JobState.RUNNING:
                self._move(job, JobMove.LIMIT)
                self._save(job, out)
                self._notify_overdue(job, out)
            elif self._is_unheard(job, out):
                self._notify_overdue(job, out)
            self._orders.ask(job, out)

    def _is_unheard(self, job: CloudJob, out: Out) -> bool:
        """Return whether nobody has said for the time limit that an attempt has begun, and people
        do not know it. The job is not given up: its agent may have begun it.
        """
        since_us = job.unheard_us
        if job.state is not _STARTING or since_us is None:
            return False
        return out.mono_us - since_us >= self._config.time_limit_us

    def _notify_overdue(self, job: CloudJob, out: Out) -> None:
        job.unheard_us = None
        out.commands.append(
            Notify(job.network, Notice.JOB_OVERDUE, job.id, out.utc_us)
        )

    # ---- what agents say
    def said(self, e: AgentSaid, out: Out) -> CloudJob | None:
        """Return the job if it ended by it."""
        job = self.open.get(e.job)
        if (
            job is None
            or job.attempt != e.attempt
            or e.word is _UNREACHABLE
        ):
            return None
        state = job.state
        if state is _CLEANING:
            return self._cleaned(job, e, out)
        if state not in _LIVE:
            return None
        if e.word in _ALIVE:
            self._alive(job, out)
        elif e.word is _DONE or e.word is _DONE_BEFORE:
            job.done_before = e.word is _DONE_BEFORE
            self._move(job, _MADE)
            return self._ended(job, out)
        elif e.word is Word.UNKNOWN and state is not JobState.KILLING:
            if self._left_as_stray(job):
                self._move(job, JobMove.SIDE_GONE)
                return self._ended(job, out)
            if state is _STARTING and self._was_never_begun(job):
                return self._not_begun(job, out)
            self._again(job, out, at_once=True)
        elif (
            e.word in (Word.FAILED, Word.GONE)
            and state is not JobState.KILLING
        ):
            self._failed(job, e, out)
        elif e.word in (Word.GONE, Word.UNKNOWN, Word.FAILED):
            self._begin_cleaning(job, JobState.CANCELLED, out)
        elif (
            e.word is Word.CLEANED
        ):  # in a life that the store has forgotten
            return self._was_cleaned(job, out)
        return None

    def _was_never_begun(self, job: CloudJob) -> bool:
        """Return whether a job takes a machine out of service, and no attempt before this one has
        begun.
        """
        return job.kind in OUT_OF_SERVICE and not job.tries

    def _not_begun(self, job: CloudJob, out: Out) -> CloudJob:
        job.never_begun = True
        self._move(job, JobMove.NOT_BEGUN)
        return self._ended(job, out)

    def take_back(self, agent: tuple[str, str], out: Out) -> list[CloudJob]:
        """Close the jobs that would take machines out of service at that agent and wait. Return
        them.
        """
        waiting = [
            job
            for job in self.open.values()
            if job.agent == agent
            and job.state is _QUEUED
            and self._was_never_begun(job)
        ]
        # the last one first: none begins in the place of one that is closed
        for job in sorted(waiting, key=lambda each: -each.order):
            self._not_begun(job, out)
        return waiting

    def _was_cleaned(self, job: CloudJob, out: Out) -> CloudJob | None:
        """An attempt is over, and nobody knows how. What was moved here came to nothing when it was
        here before: it is done by a new job.
        """
        if not job.is_moved:
            self._begin_cleaning(job, JobState.FAILED, out)
            return None
        self.strays.append(job)
        self._move(job, JobMove.SIDE_GONE)
        return self._ended(job, out)

    def _alive(self, job: CloudJob, out: Out) -> None:
        if job.state is _STARTING:
            self._move(job, _STARTED)
            due_us = out.mono_us + self._config.time_limit_us
            self._dues.look_at(job, due_us)
            if due_us < self._dues.alarm_us:  # else it is early enough
                self._dues.set_alarm(out)
        elif job.state is JobState.OVERDUE:
            self._move(job, JobMove.KILL)
            self._save(job, out)
            self._orders.kill(job, out)
            self._dues.set_alarm(out)

    def _left_as_stray(self, job: CloudJob) -> bool:
        """Return whether a job that came to nothing is not tried again where it is. Note it if a
        caller asked for it: it is to be done elsewhere then.
        """
        stray = self.is_stray(job)
        if stray and job.kind is _CHANGE:
            self.strays.append(job)
        return stray

    def _failed(self, job: CloudJob, e: AgentSaid, out: Out) -> None:
        if self._left_as_stray(job):
            self._begin_cleaning(job, JobState.CANCELLED, out)
            return
        wants_script = e.reason in (
            WhyFailed.NO_SCRIPT,
            WhyFailed.OLD_SCRIPT,
        )
        if wants_script:
            self._orders.copy(job, out)
        # a script that is not there says nothing of the change: it is copied, and as many attempts
        # are free; if the copies do not help the job fails all the same. A copy that an earlier
        # life ordered may be lost with it, so only those of this life count
        free = wants_script and job.copies < self._config.attempts
        if wants_script:
            job.copies += 1
        if not free:
            job.tries += 1
        attempts = 1 if job.kind is _DEPLOY else self._config.attempts
        if job.tries < attempts:
            self._again(job, out, at_once=wants_script)
            return
        out.commands.append(
            Notify(job.network, Notice.JOB_FAILED, job.id, out.utc_us)
        )
        self._begin_cleaning(job, JobState.FAILED, out)

    def _again(self, job: CloudJob, out: Out, at_once: bool) -> None:
        self._move(job, JobMove.AGAIN)
        self._save(job, out)
        job.due_us = 0
        if at_once:
            self._lanes.now_ready(job)
        else:
            self._dues.look_at(job, out.mono_us + self._config.retry_us)
        self.pump(job.agent, out)

    def _begin_cleaning(
        self, job: CloudJob, aim: JobState, out: Out
    ) -> None:
        self._move(job, JobMove.CLEAN)
        job.aim = aim
        self._save(job, out)
        self._orders.clean(job, out)
        self._dues.set_alarm(out)

    def _cleaned(
        self, job: CloudJob, e: AgentSaid, out: Out
    ) -> CloudJob | None:
        if e.word is Word.NOT_CLEANED:
            out.commands.append(
                Notify(job.network, Notice.NOT_CLEANED, job.id, out.utc_us)
            )
        if e.word is not Word.CLEANED:
            return None
        cancelled = job.aim is JobState.CANCELLED
        self._move(
            job,
            JobMove.CLEANED_CANCELLED
            if cancelled
            else JobMove.CLEANED_FAILED,
        )
        return self._ended(job, out)

    def withdraw(self, site: str, gone: bool, out: Out) -> list[CloudJob]:
        """Close the jobs of a site at which nothing is started any more, and return them. gone:
        what is under way there is not waited for; otherwise it continues.

        Jobs of which an attempt has begun are left to their agents: if the site is ever used again,
        these report what is not over (`adopt`).
        """
        if gone:
            self.given_up(site)
        closed = [
            job
            for job in self.open.values()
            if job.site == site and (gone or job.state is JobState.QUEUED)
        ]
        # those that wait first, the last one first: none takes the place of one that is closed
        for job in sorted(
            closed,
            key=lambda each: (
                each.state is not JobState.QUEUED,
                -each.order,
            ),
        ):
            self._move(job, JobMove.SIDE_GONE)
            if job.attempt:
                self._closed(job, out)
            else:
                self._ended(job, out)
        return closed

    # ---- bookkeeping
    def _move(self, job: CloudJob, move: JobMove) -> None:
        before = job.state in BUSY
        job.state = state = JOBS.after(job.state, move)
        after = state in BUSY
        if before is not after:
            self._busy[job.agent] += 1 if after else -1

    def _ended(self, job: CloudJob, out: Out) -> CloudJob:
        out.saves[OPEN + job.id] = ""
        out.saves[ENDED + job.id] = job.state._value_
        self._closed(job, out)
        return job

    def _closed(self, job: CloudJob, out: Out) -> None:
        """Take out a job, which is open no more."""
        del self.open[job.id]
        out.saves[OPEN + job.id] = ""
        self._lanes.leave(job)
        if job.kind is _CHANGE and job.state is _JOB_DONE:
            self._sets_have(job, out)
        self.pump(job.agent, out)

    def _sets_have(self, change: CloudJob, out: Out) -> None:
        """A change was done. A set of the thing that waits at that side was made without it, and
        would undo it: it sets the thing with that change. (A failover brings both to one side.)
        """
        for job in self._lanes.of(*change.lane):
            is_set = job.kind in AS_A_WHOLE and not change.done_before
            if is_set and not self.is_stray(change):
                asked = json.loads(job.params)
                asked["value"] = chained(asked["value"], change.change)
                job.params = json.dumps(asked)
                self._save(job, out)

    def _save(self, job: CloudJob, out: Out) -> None:
        out.saves[OPEN + job.id] = job
