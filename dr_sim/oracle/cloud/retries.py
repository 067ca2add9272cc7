"""The witness of retries: what the job manager owes a job, it does in time (31 of docs/cloud.md),
and it tells people of an attempt that nobody confirms (37).

Theory of operation. An order that no agent answers is given again, or asked about, after a retry. A
script that has begun is asked about at its time limit. An attempt that has failed is cleaned up at
once, or followed by the next one after a retry and as soon as a slot is free. One that was ended is
cleaned up at once. It takes a slot until it is clean. If no agent has said a word of an attempt for
the time limit, and until the next retry, people are notified (law 37). All of it is known from what
the manager was told and what it ordered, so no network lies between. A restart begins anew. From a
failover on this law says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US

_START, _CLEAN = "cloud.StartScript", "cloud.CleanUp"
_KILL = "cloud.KillScript"
_ORDERS = (_START, "cloud.AskScript", _KILL, _CLEAN)
_ENDS_ALL = (
    "truth.cloud_provision",
    "truth.cloud_store_restored",
    "truth.cloud_site_lost",
    "truth.failed",
    "truth.fenced",
)
_KINDS = (
    *_ORDERS,
    *_ENDS_ALL,
    "cloud.AgentSaid",
    "cloud.Notify",
    "truth.cloud_manager",
    "truth.cloud_script",
    "truth.end",
)
_ENDS = ("done", "failed", "killed", "died", "escaped")
_ALIVE = ("started", "running")
_NOT_THERE = ("failed", "gone", "unknown")
_OVER = ("done", "done before", "cleaned", "unknown")
_SLACK_US = 1_000_000
Side = tuple[str, str]  # network, site


@dataclass(slots=True)
class _Owed:
    """A job that is under way. order: the kind of the last one; owes: in words. waits: for a slot.
    due_us: when the next order must have come. known_us: when people must know that nobody has
    said a word of the attempt; None once a word has come, or a notice.
    """

    side: Side
    attempt: int
    order: str
    due_us: int
    known_us: int | None
    owes: str = "no answer has come"
    runs: bool = False
    waits: bool = False


@dataclass(slots=True)
class _Jobs:
    """owed: jobs that are under way, by name. run: the side of each script that runs or is cleaned
    up, by job; those that began before a restart take slots too.
    """

    spec: Cloud
    owed: dict[str, _Owed] = field(default_factory=dict)
    run: dict[str, Side] = field(default_factory=dict)

    def is_full(self, side: Side) -> bool:
        """Return whether jobs that are under way may take all that may run at one time there."""
        under_way = {
            job for job, each in self.owed.items() if each.side == side
        }
        under_way |= {job for job, at in self.run.items() if at == side}
        return len(under_way) > self.spec.jobs.at_once


def retries_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield the jobs for which nothing was done when it was due."""
    spec = scenario.cloud
    assert spec is not None
    jobs = _Jobs(spec)
    for row in journal.rows(*_KINDS):
        if row.kind in _ENDS_ALL:
            return
        for name in _late(jobs, row.time_us):
            owed = jobs.owed.pop(name)
            since_us = row.time_us - owed.due_us + spec.jobs.retry_us
            yield CloudBreach(
                row.time_us,
                row.seq,
                "cloud 31",
                f"attempt {owed.attempt} of {name}: {owed.owes}, and nothing is ordered for "
                f"{since_us / MINUTE_US:.3g} min; a retry comes after "
                f"{spec.jobs.retry_us / MINUTE_US:.3g} min",
            )
        for name in _unknown(jobs, row.time_us):
            jobs.owed[name].known_us = None
            limit = spec.jobs.time_limit_us / MINUTE_US
            yield CloudBreach(
                row.time_us,
                row.seq,
                "cloud 37",
                f"nobody has said a word of attempt {jobs.owed[name].attempt} of {name} for "
                f"{limit:.3g} min, and no notice says so",
            )
        _read(row, jobs)


def _unknown(jobs: _Jobs, now_us: int) -> list[str]:
    """Return the jobs of which people should know by now that nobody confirms them."""
    return [
        name
        for name, owed in jobs.owed.items()
        if owed.known_us is not None and owed.known_us < now_us
    ]


def _late(jobs: _Jobs, now_us: int) -> list[str]:
    """Return the jobs that are late. One that waits for a slot is late only once one is free."""
    late = []
    for name, owed in jobs.owed.items():
        if owed.waits and jobs.is_full(owed.side):
            owed.due_us = max(owed.due_us, now_us + _SLACK_US)
        elif owed.due_us < now_us:
            late.append(name)
    return late


def _read(row: Row, jobs: _Jobs) -> None:
    v = row.values
    if row.kind == "truth.cloud_manager":
        jobs.owed.clear()
    elif row.kind == "truth.cloud_script":
        if v["what"] == "begins":
            network = jobs.spec.networks[row.entity].name
            jobs.run[v["job"]] = (network, v["site"])
        elif v["what"] in _ENDS or v["what"] == "cleaned":
            jobs.run.pop(v["job"], None)
    elif row.kind == "cloud.AgentSaid":
        _said(row, jobs)
    elif row.kind == "cloud.Notify":
        owed = jobs.owed.get(v["about"])
        if owed is not None and v["notice"] == "job overdue":
            owed.known_us = None
    elif row.kind in _ORDERS:
        owed = jobs.owed.get(v["job"])
        due_us = row.time_us + jobs.spec.jobs.retry_us + _SLACK_US
        if row.kind == _CLEAN:
            jobs.run[v["job"]] = (v["network"], v["site"])
        if row.kind == _START:
            jobs.owed[v["job"]] = _Owed(
                (v["network"], v["site"]),
                v["attempt"],
                row.kind,
                due_us,
                due_us + jobs.spec.jobs.time_limit_us,
            )
        elif owed is not None:
            owed.order, owed.due_us = row.kind, due_us
            owed.owes, owed.waits = "no answer has come", False


def _said(row: Row, jobs: _Jobs) -> None:
    v = row.values
    owed = jobs.owed.get(v["job"])
    if owed is None or owed.attempt != v["attempt"]:
        return
    if v["word"] != "unreachable":
        owed.known_us = None
    spec = jobs.spec.jobs
    if v["word"] in _ALIVE:
        if not owed.runs and owed.order == _START:
            owed.runs = True
            owed.due_us = row.time_us + spec.time_limit_us + _SLACK_US
            owed.owes = "it is past its time limit"
    elif v["word"] in _NOT_THERE and owed.order == _KILL:
        owed.due_us = row.time_us + _SLACK_US
        owed.owes = "it is ended, and is to be cleaned up"
    elif v["word"] in ("failed", "gone") and owed.order != _CLEAN:
        owed.due_us = row.time_us + spec.retry_us + _SLACK_US
        owed.owes, owed.waits = "it has failed", True
    elif v["word"] in _OVER and not (
        owed.order == _CLEAN and v["word"] != "cleaned"
    ):
        del jobs.owed[v["job"]]
