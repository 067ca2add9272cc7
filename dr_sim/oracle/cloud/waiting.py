"""The witness of requests that wait: one that was acknowledged begins once nothing is in its way
(law 27 of docs/cloud.md).

A request waits for the scripts of its thing, and for a free slot at its side. Both are known from
the scripts that really ran. So a request that has waited for longer than two attempts may take,
while no script of its thing was heard of and a slot was free, is forgotten. The time begins anew
with whatever else may be the reason: an event, a restart, agents that are silent.
From a failover on this law says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.asked import things_of_requests
from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.reach import REACH_ROWS, AgentsReach
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario

_ENDS = ("done", "failed", "killed", "died", "escaped")
_ANEW = (
    *REACH_ROWS,
    "truth.failed",
    "truth.fenced",
    "cloud.MappingEdited",
)
"""Kinds of record with which all waiting begins anew."""
_ENDS_ALL = ("truth.cloud_provision", "truth.cloud_store_restored")
"""Kinds of record after which this law says nothing: in a failover what is asked for waits for what
is older, and for people; an old copy of the store may have forgotten requests.
"""
_KINDS = (
    *_ANEW,
    *_ENDS_ALL,
    "truth.cloud_acknowledged",
    "truth.cloud_script",
    "truth.end",
)


@dataclass(slots=True)
class _WaitingRequest:
    """A request that has not begun. thing: its network and what it is about."""

    thing: tuple[int, str]
    since_us: int


@dataclass(slots=True)
class _RequestsSeen:
    """Holds what is known at a row. things: of each accepted request, by caller and name. waiting:
    requests by the name of their job. scripts: how many run, by network and site.
    """

    things: dict[str, tuple[int, str]]
    waiting: dict[str, _WaitingRequest] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    scripts: Counter[tuple[int, str]] = field(default_factory=Counter)
    reach: AgentsReach = field(default_factory=AgentsReach)

    def anew(self, now_us: int) -> None:
        """Let all waiting begin anew."""
        for each in self.waiting.values():
            each.since_us = now_us


def waiting_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield the requests that wait for nothing."""
    spec = scenario.cloud
    assert spec is not None
    number_of = {each.name: i for i, each in enumerate(spec.networks)}
    things = {
        name: (number_of[network], thing)
        for name, (network, thing) in things_of_requests(journal).items()
    }
    seen, longest_us = _RequestsSeen(things), _longest_us(spec)
    for row in journal.rows(*_KINDS):
        if row.kind in _ENDS_ALL:
            return
        if not seen.reach.is_calm:
            seen.anew(row.time_us)
        late = [
            job
            for job, each in seen.waiting.items()
            if row.time_us - each.since_us > longest_us
        ]
        for job in late:
            del seen.waiting[job]
            yield CloudBreach(
                row.time_us,
                row.seq,
                "cloud 27",
                f"{job} was acknowledged, and does not begin, though nothing is in its way",
            )
        _read(row, spec, seen)


def _longest_us(spec: Cloud) -> int:
    """Return for how long a request may wait without a word of a script of its thing."""
    jobs = spec.jobs
    attempt_us = jobs.time_limit_us + jobs.retry_us
    return 2 * attempt_us + jobs.start_us + jobs.clean_up_us


def _read(row: Row, spec: Cloud, seen: _RequestsSeen) -> None:
    v = row.values
    if row.kind == "truth.cloud_acknowledged":
        thing = seen.things.get(f"{v['client']}/{v['request']}")
        if thing is not None and v["job"] not in seen.begun:
            waits = _WaitingRequest(thing, row.time_us)
            seen.waiting.setdefault(v["job"], waits)
    elif row.kind == "truth.cloud_script":
        _script(row, spec, seen)
    elif row.kind in _ANEW:
        seen.anew(row.time_us)
        seen.reach.read(row)


def _script(row: Row, spec: Cloud, seen: _RequestsSeen) -> None:
    """Take up a word of a script: what waits for it, or for a slot, waits for a reason."""
    v, side = row.values, (row.entity, row.values["site"])
    full = seen.scripts[side] >= spec.jobs.at_once
    if v["what"] == "begins":
        seen.scripts[side] += 1
        seen.begun.add(v["job"])
        seen.waiting.pop(v["job"], None)
    elif v["what"] in _ENDS:
        seen.scripts[side] -= 1
    full = full or seen.scripts[side] >= spec.jobs.at_once
    for each in seen.waiting.values():
        of_it = each.thing == (row.entity, v["entity_name"])
        if of_it or (full and each.thing[0] == row.entity):
            each.since_us = row.time_us
