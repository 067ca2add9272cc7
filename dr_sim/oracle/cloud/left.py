"""The witness of what attempts leave behind (33 and 34 of docs/cloud.md).

A script that moves a database pauses its backups at the active side. They run again when the move
is done or cleaned up. So while they are paused, and the manager has heard that the script is over
or the script's time limit has passed, the manager orders something for the job or tells somebody,
again and again; and the job does not end (33).

A script that began and was not done may have left anything half done. After a calm nothing of that
kind is left at a side in use: the attempt was cleaned up, or the thing was made by another script
since (34).

Both are known from the scripts that really ran. The time begins anew with whatever else may be the
reason: an event, a restart, agents that are silent, a side at which no other script may begin. A
failover leaves the pauses of the old side behind with its backups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.breach import CloudBreach, breaches
from dr_sim.oracle.cloud.machines import MACHINE_SCRIPTS
from dr_sim.oracle.cloud.reach import REACH_ROWS, AgentsReach
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US

_MOVE = "move_database"
_ENDS = ("done", "failed", "killed", "died", "escaped")
_ALIVE = ("started", "running")
_ORDERS = (
    "cloud.StartScript",
    "cloud.AskScript",
    "cloud.KillScript",
    "cloud.CleanUp",
)
_ANEW = (
    *REACH_ROWS,
    *SITE_ROWS,
    "cloud.MappingEdited",
    "truth.cloud_second_side",
    "truth.cloud_store_restored",
    "truth.failed",
    "truth.fenced",
)
"""Kinds of record with which all waiting begins anew."""
_KINDS = tuple(
    dict.fromkeys(
        (
            *_ANEW,
            *_ORDERS,
            "cloud.AgentSaid",
            "cloud.Notify",
            "cloud.SaveAll",
            "truth.cloud_script",
            "truth.end",
        )
    )
)
_SLACK_US = MINUTE_US  # orders, their answers and notices are on their way
Side = tuple[int, str]  # network, site
Attempted = tuple[int, str, str]  # network, site, job


@dataclass(slots=True)
class _Paused:
    """Backups of a database that a job has paused. since_us: when something was last done about it.
    runs: the script does. over: the manager has heard that it does not.
    """

    database: str
    side: Side
    attempt: int
    since_us: int
    runs: bool = True
    over: bool = False


@dataclass(slots=True)
class _Undone:
    """A thing that a job may have left half changed. word: the last one of its script, and when."""

    thing: str
    word: str
    at_us: int


@dataclass(slots=True)
class _Left:
    """Holds what is known at a row. paused: by job. undone: jobs whose script began and was not
    done. scripts: how many run.
    """

    sites: SitesInUse
    reach: AgentsReach = field(default_factory=AgentsReach)
    paused: dict[str, _Paused] = field(default_factory=dict)
    undone: dict[Attempted, _Undone] = field(default_factory=dict)
    scripts: Counter[Side] = field(default_factory=Counter)
    last_us: int = 0  # when something last happened that is no retry


def left_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield the pauses about which nothing is done, and what is left half done."""
    spec = scenario.cloud
    assert spec is not None
    left = _Left(SitesInUse.at_first(spec))
    for row in journal.rows(*_KINDS):
        yield from breaches(row, _row(row, spec, left))


def _row(row: Row, spec: Cloud, left: _Left) -> Iterator[tuple[int, str]]:
    for sentence in _forgotten(row.time_us, spec, left):
        yield 33, sentence
    v = row.values
    if row.kind == "truth.cloud_script":
        _script(row, left)
    elif row.kind == "cloud.SaveAll":
        for sentence in _ended(row, left):
            yield 33, sentence
    elif row.kind == "cloud.AgentSaid":
        paused = left.paused.get(v["job"])
        its = paused is not None and paused.attempt == v["attempt"]
        if paused is not None and its and v["word"] not in _ALIVE:
            paused.over, paused.since_us = True, row.time_us
    elif row.kind in _ORDERS:
        _is_cared_for(v["job"], row.time_us, left)
    elif row.kind == "cloud.Notify":
        _is_cared_for(v["about"], row.time_us, left)
    elif row.kind == "truth.end":
        for sentence in _at_end(row.time_us, spec, left):
            yield 34, sentence
    else:
        _disturbed(row, left)


# ---- 33
def _forgotten(now_us: int, spec: Cloud, left: _Left) -> Iterator[str]:
    """Say which pauses have been left alone for too long."""
    jobs = spec.jobs
    rest_us = jobs.retry_us + jobs.clean_up_us + jobs.start_us + _SLACK_US
    for job, each in list(left.paused.items()):
        full = left.scripts[each.side] >= jobs.at_once
        if not left.reach.is_calm or (full and not each.runs):
            each.since_us = now_us
            continue
        limit_us = rest_us + (0 if each.over else jobs.time_limit_us)
        if now_us - each.since_us > limit_us:
            del left.paused[job]
            why = "runs for too long" if each.runs else "is gone"
            yield (
                f"the backups of {each.database} stay paused: the script of {job} {why}, and "
                f"nothing is done or told for {(now_us - each.since_us) / MINUTE_US:.3g} min"
            )


def _ended(row: Row, left: _Left) -> Iterator[str]:
    """Say which jobs are saved as ended while backups are paused by them."""
    entries = row.values["entries"]
    if not left.paused or "ended/" not in entries:
        return
    for key, state in pairs_from_text(entries):
        job = key.removeprefix("ended/")
        if job != key and job in left.paused:
            paused = left.paused.pop(job)
            yield (
                f"{job} is {state}, and the backups of {paused.database} stay paused"
            )


def _is_cared_for(job: str, now_us: int, left: _Left) -> None:
    if job in left.paused and left.paused[job].over:
        left.paused[job].since_us = now_us


# ---- 34
def _at_end(now_us: int, spec: Cloud, left: _Left) -> Iterator[str]:
    """Say what is left half done at the sides in use, after a calm. A clean-up that fails and is
    tried again is none.
    """
    if not (left.reach.is_calm and left.sites.second):
        return
    calm_us = _calm_us(spec)
    for (_, site, job), each in left.undone.items():
        since_us = max(left.last_us, each.at_us)
        used = site in left.sites.there()
        if used and now_us - since_us > calm_us:
            yield (
                f"{job} was begun and not done at {site} ({each.word}), and what it has left of "
                f"{each.thing} is never cleaned up"
            )
    left.undone.clear()


def _calm_us(spec: Cloud) -> int:
    """Return after how long without an event nothing should be left to do."""
    jobs, mirror = spec.jobs, spec.mirror
    attempt_us = jobs.time_limit_us + jobs.retry_us + jobs.clean_up_us
    return (
        3 * jobs.attempts * attempt_us
        + 2 * (mirror.audit_us + mirror.every_us)
        + _SLACK_US
    )


# ---- what happens
def _script(row: Row, left: _Left) -> None:
    v, what = row.values, row.values["what"]
    job, thing = v["job"], v["entity_name"]
    side: Side = (row.entity, v["site"])
    key: Attempted = (*side, job)
    if what == "begins":
        left.scripts[side] += 1
        if v["script"] not in MACHINE_SCRIPTS:
            left.undone[key] = _Undone(thing, what, row.time_us)
        if v["script"] == _MOVE and v["site"] == left.sites.active:
            left.paused[job] = _Paused(
                thing, side, v["attempt"], row.time_us
            )
        return
    if what in _ENDS:
        left.scripts[side] -= 1
    paused = left.paused.get(job)
    if paused is not None and paused.side == side:
        paused.runs = False
    if what in ("done", "cleaned"):
        if paused is not None and paused.side == side:
            del left.paused[job]
        left.undone.pop(key, None)
        if what == "done":  # it has made the thing, whatever was left of it
            for other, each in list(left.undone.items()):
                if other[:2] == side and each.thing == thing:
                    del left.undone[other]
    elif key in left.undone:
        left.undone[key].word = what
        left.undone[key].at_us = row.time_us


def _disturbed(row: Row, left: _Left) -> None:
    left.last_us = row.time_us
    left.reach.read(row)
    left.sites.read(row)
    if row.kind in ("truth.cloud_provision", "truth.cloud_site_lost"):
        active, lost = left.sites.active, left.sites.lost
        for job, each in list(left.paused.items()):
            if each.side[1] != active or active in lost:
                del left.paused[job]
    for each in left.paused.values():
        each.since_us = row.time_us
