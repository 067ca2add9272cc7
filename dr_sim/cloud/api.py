"""The API: requests and puts, which get the same answer however often they are sent.

A request has an id, which its caller chooses. A fingerprint of everything in the request is stored
with the id: the same id with other content is refused, and changes nothing. A put has no id: its
name is the network, the thing and the operation, and the same put twice has the effect of one. The
request, its job and its line in the log become durable together, before the answer is sent.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from dr_sim.cloud.commands import AnswerCall
from dr_sim.cloud.config import CloudConfig
from dr_sim.cloud.events import Called, CallsAlike
from dr_sim.cloud.isolation import Isolation
from dr_sim.cloud.jobs.job import ENDED, CloudJob
from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.mirror.mapping import Mapping, UntranslatableError
from dr_sim.cloud.out import LOG, Out
from dr_sim.cloud.texts import listed, parts_names
from dr_sim.cloud.words import CallOutcome, JobKind, JobState

# members that each call meets: a member costs several times a name
_CHANGE, _ACCEPTED = JobKind.CHANGE, CallOutcome.ACCEPTED
READ = "read"
REQUEST, PUT = "request/", "put/"


def fingerprint(e: Called) -> str:
    """Return what tells one request from another under the same id."""
    asked = (
        f"[{quoted(e.operation)}, {quoted(e.network)}, {quoted(e.entity)}, "
        f"{quoted(e.params)}]"
    )
    return hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()


def _key_of(change: str) -> str:
    """Return the key under which it is kept who does a change: put/.../count, or a request."""
    if change.startswith(PUT):
        return change.rpartition("/")[0]
    return REQUEST + change


@dataclass(slots=True)
class _Told:
    """An answer, and the job that comes of the call if it is new."""

    outcome: CallOutcome
    job: str = ""
    new: CloudJob | None = None


class Api:
    def __init__(
        self,
        config: CloudConfig,
        incarnation: int,
        stored: dict[str, str],
        book: JobBook,
        mappings: dict[str, Mapping],
    ) -> None:
        self._config = config
        self._incarnation = incarnation
        self._kept = stored
        self._book = book
        self._mappings = mappings
        self._isolation = Isolation(config, mappings)
        self._callers = {caller.name: caller for caller in config.callers}
        self._entities: dict[str, frozenset[str]] = {}
        for network in config.networks:
            self._entities[network.name] = frozenset(
                entity.name for entity in network.entities
            )
        self._calls = 0

    def called(self, e: Called, active: str, out: Out) -> None:
        """active: the site at which what is asked for is done."""
        if e.operation == READ:
            told = self._read(e)
        elif e.request:
            told = self._asked(e, active, out)
        else:
            told = self._put(e, active, out)
        self._calls += 1
        line = (
            f"[{quoted(e.caller)}, {quoted(e.request)}, {quoted(e.operation)}, "
            f'"{told.outcome._value_}", {quoted(told.job)}]'
        )
        out.saves[f"{LOG}{self._incarnation}.{self._calls}"] = line
        if told.new is not None:
            self._book.add(told.new, out)
        out.commands.append(
            AnswerCall(e.call, told.outcome, told.job, self.state(told.job))
        )

    def alike(self, e: CallsAlike, out: Out) -> None:
        """One line in the log for calls that all asked the same."""
        key = f"{REQUEST}{e.caller}/{e.request}"
        outcome = (
            CallOutcome.FOUND if key in self._kept else CallOutcome.UNKNOWN
        )
        self._calls += e.calls
        line = listed(e.caller, e.request, READ, outcome, e.calls)
        out.saves[f"{LOG}{self._incarnation}.{self._calls}"] = line

    def state(self, job: str) -> JobState:
        """Return how it stands with a job; QUEUED if there is none of that name."""
        found = self._book.open.get(job)
        if found is not None:
            return found.state
        return JobState(self._kept.get(ENDED + job, JobState.QUEUED))

    def moved(self, change: str, job: str, out: Out) -> None:
        """Another job does what that request, or that put, asked for."""
        known = self._asked_for(change)
        if known:
            out.saves[_key_of(change)] = listed(known[0], job, *known[2:])

    def is_elsewhere(self, job: CloudJob) -> bool:
        """Return whether another job does what was asked for instead of this one."""
        text = self._kept.get(_key_of(job.change))
        if text is None or f", {quoted(job.id)}" in text:
            return False  # as nearly always
        return bool(self._asked_for(job.change))

    def _asked_for(self, change: str) -> list[Any]:
        """Return what is kept of a request, or of a put if no later one has followed; else []."""
        text = self._kept.get(_key_of(change))
        known: list[Any] = json.loads(text) if text is not None else []
        if change.startswith(PUT) and known:
            is_last = str(known[2]) == change.rpartition("/")[2]
            return known if is_last else []
        return known

    def _read(self, e: Called) -> _Told:
        text = self._kept.get(f"{REQUEST}{e.caller}/{e.request}")
        if text is None:
            return _Told(CallOutcome.UNKNOWN)
        return _Told(CallOutcome.FOUND, json.loads(text)[1])

    def _asked(self, e: Called, active: str, out: Out) -> _Told:
        if parts_names(e.request):
            return _Told(CallOutcome.UNKNOWN)
        key = f"{REQUEST}{e.caller}/{e.request}"
        known = self._kept.get(key)
        if known is not None:
            print_of, job = json.loads(known)
            same = print_of == fingerprint(e)
            return (
                _Told(CallOutcome.AGAIN, job)
                if same
                else _Told(CallOutcome.CONFLICT)
            )
        outcome = self._outcome(e)
        if outcome is not _ACCEPTED:
            return _Told(outcome)
        told = self._new(e, f"{e.caller}/{e.request}", active)
        if told.new is not None:
            out.saves[key] = f'["{fingerprint(e)}", {quoted(told.job)}]'
        return told

    def _put(self, e: Called, active: str, out: Out) -> _Told:
        outcome = self._outcome(e)
        if outcome is not _ACCEPTED:
            return _Told(outcome)  # what others have put is not told either
        key = f"{PUT}{e.network}/{e.entity}/{e.operation}"
        print_of, job, count = json.loads(
            self._kept.get(key, '["", "", 0]')
        )
        if print_of == fingerprint(e):
            return _Told(CallOutcome.AGAIN, job)
        if e.put_on not in (-1, count):
            return _Told(CallOutcome.STALE)
        told = self._new(e, f"{key}/{count + 1}", active)
        if told.new is not None:
            out.saves[key] = listed(fingerprint(e), told.job, count + 1)
        return told

    def _may(self, e: Called) -> bool:
        """Return whether that caller may ask for that, of that thing in that network. Raises
        ValueError for parameters that are no JSON object.
        """
        caller = self._callers.get(e.caller)
        if caller is None or e.network not in caller.networks:
            return False
        operations = caller.operations
        if operations is not None and e.operation not in operations:
            return False
        if not self._isolation.may_change(caller, e.network, e.entity):
            return False
        return self._isolation.may_name(caller, e.network, e.params)

    def _outcome(self, e: Called) -> CallOutcome:
        """Return whether something new that is asked for is accepted, and if not, why."""
        try:
            if not self._may(e):
                return CallOutcome.FORBIDDEN
            about = self._isolation.is_about(e.network, e.entity, e.params)
        except ValueError:
            return CallOutcome.UNKNOWN
        known = e.entity in self._entities.get(e.network, frozenset())
        if not known or e.operation not in self._config.operations:
            return CallOutcome.UNKNOWN
        return _ACCEPTED if about else CallOutcome.UNKNOWN

    def _new(self, e: Called, name: str, active: str) -> _Told:
        """Return the job of what may be asked for, and the answer."""
        try:
            params = self._mappings[e.network].translated(e.params, active)
        except (UntranslatableError, ValueError):
            return _Told(CallOutcome.UNKNOWN)
        job = CloudJob(
            id=name,
            order=0,
            kind=_CHANGE,
            network=e.network,
            site=active,
            entity=e.entity,
            script=e.operation,
            params=params,
            change=name,
        )
        return _Told(_ACCEPTED, name, job)
