"""The witness of the mirror's times: a change goes to the other side when the mirror is due, not
before and not later (32 of docs/cloud.md).

Theory of operation. Without fixed times a change is submitted at once, else at the next of them.
It waits for the older changes of its thing. When a change was done is known from what the agent
said, and when it was submitted from the jobs that were saved, or from what people were asked to
do. That it comes late is judged as long as nothing else may be the reason: a restart, a switch, a
new row of the mapping table, a reading of both sides, a set of the whole thing, a script that
failed. In a failover all goes at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.asked import thing_of_set, things_of_requests
from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US

_JOB = "job/"
_MIRRORED = re.compile(r"^job/(.+)>[^>]+\.\d+$")
_WORK = re.compile(r"^\d+#\S+ (.+)$")
_ANEW = ("truth.cloud_manager", "cloud.MirrorSwitched")
"""Kinds of record after which changes that wait may go at another time."""
_NO_LATER = (
    "truth.cloud_manager",
    "cloud.MirrorSwitched",
    "cloud.MappingEdited",
)
"""Kinds of record after which nobody is late any more."""
_KINDS = (
    *_ANEW,
    "cloud.MappingEdited",
    "cloud.SideRead",
    "cloud.StartScript",
    "cloud.AgentSaid",
    "cloud.SaveAll",
    "cloud.DoByHand",
    "cloud.HandsDone",
    "cloud.ProvisionAsked",
    "cloud.SiteProvisioned",
    "truth.cloud_effect",
    "truth.cloud_store_restored",
    "truth.end",
)
_SLACK_US = 1_000_000


@dataclass(slots=True)
class _Waits:
    """A change that was done and is not at the other side. due_us: when the mirror is due.
    submitted: it has been, or may go in another way.
    """

    thing: str
    due_us: int
    submitted: bool = False


@dataclass(slots=True)
class _Changes:
    """thing_of: of each request, and of each change that was not requested, as a move: the thing
    that it changed. job_makes: the change of each job that was started. waits: changes
    by name, the oldest first. others: things whose changes may go in another way. urgent: a
    failover waits for changes.
    """

    spec: Cloud
    thing_of: dict[str, str]
    job_makes: dict[str, str] = field(default_factory=dict)
    waits: dict[str, _Waits] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    urgent: bool = False
    may_be_late: bool = True

    def due_us(self, now_us: int) -> int:
        every_us = self.spec.mirror.every_us
        return (now_us // every_us + 1) * every_us if every_us else now_us


def due_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield the changes that go too early or too late."""
    spec = scenario.cloud
    assert spec is not None
    requests = things_of_requests(journal)
    thing_of = {name: thing for name, (_, thing) in requests.items()}
    seen = _Changes(spec, thing_of)
    seen.may_be_late = spec.mirror.mode != "reconcile"
    lives = 0
    for row in journal.rows(*_KINDS):
        if row.kind == "truth.cloud_store_restored":
            return
        if row.kind == "truth.cloud_manager" and not lives:
            lives = 1
            continue
        sentences = [*_late(seen, row.time_us), *_read(row, seen)]
        for sentence in sentences:
            yield CloudBreach(row.time_us, row.seq, "cloud 32", sentence)


def _late(seen: _Changes, now_us: int) -> Iterator[str]:
    """Yield the changes that should have been submitted: of each thing the oldest."""
    if not seen.may_be_late or seen.urgent:
        return
    first: set[str] = set()
    for change, waits in list(seen.waits.items()):
        if waits.thing in first or waits.thing in seen.others:
            continue
        first.add(waits.thing)
        if not waits.submitted and waits.due_us + _SLACK_US < now_us:
            waits.submitted = True
            late_us = now_us - waits.due_us
            yield (
                f"{change} of {waits.thing} is not submitted to the other side, "
                f"{late_us / MINUTE_US:.3g} min after the mirror was due"
            )


def _read(row: Row, seen: _Changes) -> Iterator[str]:
    kind, v = row.kind, row.values
    if kind in _NO_LATER:
        seen.may_be_late = False
    if kind in _ANEW:
        seen.waits.clear()
    elif kind in ("cloud.ProvisionAsked", "cloud.SiteProvisioned"):
        seen.urgent = kind == "cloud.ProvisionAsked"
        seen.may_be_late = False
        seen.waits.clear()
    elif kind == "cloud.SideRead":
        for waits in seen.waits.values():
            waits.submitted = True  # it may be found there
    elif kind == "cloud.StartScript":
        seen.job_makes[v["job"]] = v["change"]
    elif kind == "truth.cloud_effect":
        seen.thing_of.setdefault(v["change"], v["entity_name"])
    elif kind == "cloud.AgentSaid":
        _said(row, seen)
    elif kind == "cloud.SaveAll" and _JOB in v["entries"]:
        yield from _saved(row, seen)
    elif kind == "cloud.DoByHand":
        yield from _asked_of_people(row, seen)
    elif kind == "cloud.HandsDone":
        work = _WORK.match(v["work"])
        if work is not None:
            _in_effect(work[1], row.time_us, seen)


def _said(row: Row, seen: _Changes) -> None:
    v = row.values
    job = v["job"]
    change = seen.job_makes.get(job, "")
    if v["word"] == "done" and change == job and not seen.urgent:
        thing = seen.thing_of.get(change, "")
        if thing:
            seen.waits[change] = _Waits(thing, seen.due_us(row.time_us))
    elif ">" in job and v["word"] == "done":
        _in_effect(change, row.time_us, seen)
    elif ">" in job and v["word"] in ("failed", "gone", "unknown"):
        seen.others.add(seen.thing_of.get(change, ""))


def _in_effect(change: str, now_us: int, seen: _Changes) -> None:
    """A change is at the other side: the next one of its thing may go."""
    gone = seen.waits.pop(change, None)
    if gone is None:
        return
    for waits in seen.waits.values():
        if waits.thing == gone.thing:
            waits.due_us = max(waits.due_us, now_us)


def _saved(row: Row, seen: _Changes) -> Iterator[str]:
    for key, text in pairs_from_text(row.values["entries"]):
        if not text:
            continue
        thing = thing_of_set(key.removeprefix(_JOB).rpartition(".")[0])
        if thing:
            seen.others.add(thing)
        submitted = _MIRRORED.match(key)
        if submitted is not None:
            yield from _goes(submitted[1], row.time_us, seen)


def _asked_of_people(row: Row, seen: _Changes) -> Iterator[str]:
    """People are asked to make a change at the other side."""
    if seen.urgent:
        return
    if row.values["urgent"]:
        yield "people are asked to hurry, and no failover waits for changes"
    work = _WORK.match(row.values["work"])
    if work is None:
        seen.others.add(row.values["entity"])  # it is set as a whole
    else:
        yield from _goes(work[1], row.time_us, seen)


def _goes(change: str, now_us: int, seen: _Changes) -> Iterator[str]:
    """A change goes to the other side: yield what is wrong if the mirror is not due."""
    waits = seen.waits.get(change)
    if waits is None or waits.submitted:
        return
    waits.submitted = True
    if now_us < waits.due_us:
        early_us = waits.due_us - now_us
        yield (
            f"{change} of {waits.thing} goes to the other side "
            f"{early_us / MINUTE_US:.3g} min before the mirror is due"
        )
