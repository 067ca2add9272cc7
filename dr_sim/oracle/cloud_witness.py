"""The witness of the cloud manager: what must never happen, checked in every run over its journal.

It knows what really happened (`truth.cloud_*`) and what the manager was told and commanded
(`cloud.*`), and nothing of how the manager decides: not a line of it is imported here. It is
excused by truth alone: a store that was put back to an old copy, a process that escaped its agent,
a change by hand, a manager that was down.

The numbers are those of docs/cloud.md. What concerns machines is in cloud_machines.py.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud_breach import CloudBreach
from dr_sim.oracle.cloud_drift import drift_is_told
from dr_sim.oracle.cloud_machines import MACHINE_SCRIPTS, machines_broken
from dr_sim.oracle.cloud_sites import SitesInUse
from dr_sim.oracle.cloud_upkeep import upkeep_broken
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US

_ENDS = ("done", "failed", "killed", "died", "escaped")
_LAST = ("done", "failed", "cancelled")
_READ = "read"
_CUTS = re.compile(r"^the agents of \w+ are silent|^link down")
_KINDS = (
    "cloud.Called",
    "cloud.CallsAlike",
    "cloud.AnswerCall",
    "cloud.AgentSaid",
    "cloud.SaveAll",
    "cloud.StartScript",
    "cloud.Notify",
    "truth.cloud_manager",
    "truth.cloud_store_copied",
    "truth.cloud_store_restored",
    "truth.cloud_commands_done",
    "truth.cloud_acknowledged",
    "truth.cloud_farm_upgrade",
    "truth.cloud_script",
    "truth.cloud_effect",
    "truth.cloud_forgotten",
    "truth.cloud_drift",
    "truth.cloud_provision",
    "truth.cloud_second_side",
    "truth.cloud_stands",
    "truth.cloud_site_lost",
    "truth.cloud_site_back",
    "truth.failed",
    "truth.fenced",
    "truth.event",
    "truth.end",
)


Key = tuple[int, str, str]  # network, site, and a job, a change or a thing


@dataclass(slots=True)
class _InStore:
    """Holds what the manager's store must know: it goes back with the store to an old copy."""

    asked: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # accepted -> what it asks for
    over: dict[str, str] = field(
        default_factory=dict
    )  # job -> the last state it was in
    attempt: dict[str, int] = field(
        default_factory=dict
    )  # job -> its newest attempt
    acknowledged: dict[str, int] = field(default_factory=dict)

    def copy(self) -> _InStore:
        return _InStore(
            dict(self.asked),
            dict(self.over),
            dict(self.attempt),
            dict(self.acknowledged),
        )


@dataclass(slots=True)
class _Seen:
    """Holds what has been read of the journal so far."""

    known: _InStore = field(default_factory=_InStore)
    copied: _InStore = field(
        default_factory=_InStore
    )  # as of the last copy of the store
    calls: dict[int, Row] = field(
        default_factory=dict
    )  # those not answered yet
    logged: bool = (
        True  # the last call that was received has a line in the log
    )
    may_be: set[str] = field(
        default_factory=set
    )  # requests of callers who may make them
    upgrades: set[str] = field(
        default_factory=set
    )  # beginnings of the names of moves that belong to upgrades
    restored_us: int = -1  # when the store was last put back
    told_done: str = (
        ""  # the job of which the manager has just heard that it is done
    )
    change_of: dict[str, str] = field(
        default_factory=dict
    )  # job -> the change it makes
    alive: dict[Key, int] = field(
        default_factory=dict
    )  # job -> its attempt
    at_once: dict[tuple[int, str], int] = field(default_factory=dict)
    wrong_mappings: int = 0  # how many rows of the mapping table are wrong
    at_work: dict[Key, str] = field(
        default_factory=dict
    )  # thing -> the job whose script changes it
    changing: dict[Key, str] = field(
        default_factory=dict
    )  # change -> the job that makes it
    done: dict[Key, str] = field(
        default_factory=dict
    )  # change -> the job that made it
    escaped: set[Key] = field(default_factory=set)  # changes, by side
    cleaned: set[Key] = field(default_factory=set)
    made: set[Key] = field(default_factory=set)  # jobs that were done
    died: set[Key] = field(
        default_factory=set
    )  # jobs whose process died with a site that is lost
    begun_at: dict[str, set[Key]] = field(
        default_factory=lambda: defaultdict(set)
    )  # by job
    order: dict[tuple[int, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    reached: dict[tuple[int, str], int] = field(default_factory=dict)
    told_of: set[str] = field(
        default_factory=set
    )  # jobs that were given up, as somebody was told
    older: dict[tuple[int, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # changes of a thing at the side that a failover leaves
    newer: dict[tuple[int, str], str] = field(
        default_factory=dict
    )  # a later one that took effect at the side to which it goes
    sites: SitesInUse = field(default_factory=SitesInUse)
    in_place: str = ""  # a new second side that no manager configures yet
    up: bool = True  # the manager is
    cut: int = 0  # why agents cannot be reached: so many reasons
    begun: dict[str, int] = field(
        default_factory=dict
    )  # change -> when, first
    lane_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    last_disturbed_us: int = 0


def cloud_broken(journal: Journal, scenario: Scenario) -> list[CloudBreach]:
    """Everything that broke, in the order of the journal; nothing where there is no manager."""
    if scenario.cloud is None:
        return []
    found = list(_over_rows(journal, scenario.cloud, _Seen()))
    found += drift_is_told(journal, scenario)
    found += machines_broken(journal, scenario)
    found += upkeep_broken(journal, scenario)
    return sorted(found, key=lambda breach: (breach.time_us, breach.seq))


def _over_rows(
    journal: Journal, spec: Cloud, seen: _Seen
) -> Iterator[CloudBreach]:
    last = None
    for row in journal.rows(*_KINDS):
        last = row
        for number, sentence in _row(row, spec, seen):
            yield CloudBreach(
                row.time_us, row.seq, f"cloud {number}", sentence
            )
    if last is not None:
        for number, sentence in _at_end(journal, spec, seen, last.time_us):
            yield CloudBreach(
                last.time_us, last.seq, f"cloud {number}", sentence
            )


Broken = Iterator[tuple[int, str]]


def _row(row: Row, spec: Cloud, seen: _Seen) -> Broken:
    kind = row.kind
    if kind == "cloud.Called":
        yield from _called(row, spec, seen)
    elif kind == "cloud.AgentSaid":
        newest = (
            seen.known.attempt.get(row.values["job"])
            == row.values["attempt"]
        )
        seen.told_done = (
            row.values["job"]
            if newest and row.values["word"] in ("done", "done before")
            else ""
        )
    elif kind == "cloud.CallsAlike":
        seen.logged = False
    elif kind == "cloud.AnswerCall":
        yield from _answered(row, seen)
    elif kind == "cloud.SaveAll":
        seen.logged = seen.logged or _has_log_line(row.values["entries"])
        yield from _ended(row, seen)
        if seen.told_done:
            seen.known.over[seen.told_done], seen.told_done = "done", ""
    elif kind == "cloud.Notify":
        if row.values["notice"] == "job failed":
            seen.told_of.add(row.values["about"])
    elif kind in (
        "truth.cloud_commands_done",
        "truth.cloud_store_restored",
    ):
        # the word about a job that failed may be lost with the manager, or with its store
        seen.told_of.update(seen.begun_at)
        if kind == "truth.cloud_store_restored":
            seen.restored_us = row.time_us
            seen.known = seen.copied.copy()
    elif kind == "cloud.StartScript":
        yield from _started(row, spec, seen)
    elif kind == "truth.cloud_script":
        yield from _script(row, spec, seen)
    elif kind == "truth.cloud_effect":
        yield from _effect(row, spec, seen)
    elif kind == "truth.cloud_farm_upgrade":
        seen.upgrades.add(
            f"move/{row.values['farm']}/{row.values['image']}/"
        )
    elif kind == "truth.cloud_acknowledged":
        seen.known.acknowledged.setdefault(
            _request(row.values["client"], row), row.time_us
        )
    elif kind == "truth.cloud_store_copied":
        seen.copied = seen.known.copy()
    elif kind == "truth.cloud_manager":
        seen.up = bool(row.values["up"])
        seen.calls.clear()
        seen.logged = True
        seen.told_done = ""
        seen.last_disturbed_us = row.time_us
    elif kind == "truth.cloud_provision":
        seen.sites.read(row)
        if row.values["begins"]:
            seen.newer.clear()
            seen.older.clear()
            for of, changes in seen.order.items():
                seen.older[of] = set(changes)
    elif kind == "truth.cloud_second_side":
        seen.in_place = row.values["site"]
        seen.last_disturbed_us = row.time_us
    elif kind == "truth.cloud_stands":
        seen.sites.read(row)
        seen.in_place = ""
        seen.order.clear()
        seen.reached.clear()
        seen.older.clear()
        seen.newer.clear()
        seen.last_disturbed_us = row.time_us
    elif kind == "truth.cloud_site_lost":
        seen.sites.read(row)
    elif kind == "truth.cloud_site_back":
        # what died there may be half done, and is to be cleaned up
        seen.sites.read(row)
        at = row.values["site"]
        seen.died = {key for key in seen.died if key[1] != at}
    elif kind == "truth.event":
        seen.last_disturbed_us = row.time_us
        detail, by = row.values["detail"], 1 if row.values["begins"] else -1
        if "mapping" in detail:
            seen.wrong_mappings += by
        if _CUTS.search(detail):
            seen.cut += by


def _request(caller: str, row: Row) -> str:
    return f"{caller}/{row.values['request']}"


# ---- requests: 1, 2, 3, 7
def _called(row: Row, spec: Cloud, seen: _Seen) -> Broken:
    if _may_call(row.values["caller"], row.values["network"], spec):
        seen.may_be.add(_request(row.values["caller"], row))
    if not seen.logged:
        yield 7, "a call has no line in the log"
    seen.logged = False
    seen.calls[row.values["call"]] = row


def _may_call(caller: str, network: str, spec: Cloud) -> bool:
    """A tenant's client may use what is the tenant's, and what is shared."""
    mine = next((c.tenants for c in spec.clients if c.name == caller), ())
    theirs = next(
        (n.tenants for n in spec.networks if n.name == network), None
    )
    if theirs is None:
        return False
    return not mine or not theirs or bool(set(mine) & set(theirs))


def _has_log_line(entries: str) -> bool:
    """Return whether a save keeps a line of the log."""
    return any(
        key.startswith("log/") for key, _ in pairs_from_text(entries)
    )


def _answered(row: Row, seen: _Seen) -> Broken:
    if not seen.logged:
        yield (
            7,
            f"call {row.values['call']} is answered before it has a line in the log",
        )
    call = seen.calls.pop(row.values["call"], None)
    if call is None:
        return
    v, outcome = call.values, row.values["outcome"]
    name = _request(v["caller"], call)
    if v["request"] and v["operation"] != _READ:
        asks = (v["operation"], v["network"], v["entity"], v["params"])
        known = seen.known.asked.get(name)
        if outcome == "accepted" and known is not None:
            yield 2, f"{name} was accepted before, and is accepted again"
        if outcome == "accepted" or (outcome == "again" and known is None):
            seen.known.asked[name] = asks
            seen.lane_of[name] = (v["network"], v["entity"])
        if known is not None and known != asks and outcome != "conflict":
            yield (
                3,
                f"{name} asks for something else than before, and is answered {outcome!r}",
            )
    elif outcome == "unknown" and name in seen.known.asked:
        yield 2, f"{name} was accepted, and is not known any more"
    job, state = row.values["job"], row.values["state"]
    before = seen.known.over.get(job)
    if job and before is not None and state != before:
        yield 6, f"{job} was {before}, and is {state}"
    if job and state in _LAST:
        seen.known.over[job] = state


# ---- jobs: 1, 3, 4, 5, 6, 10, 11, 13
def _started(row: Row, spec: Cloud, seen: _Seen) -> Broken:
    v = row.values
    job, change = v["job"], v["change"]
    seen.change_of[job] = change
    seen.known.attempt[job] = v["attempt"]
    if job in seen.known.over:
        yield 6, f"{job} was {seen.known.over[job]}, and is started"
    asks = seen.known.asked.get(change)
    if asks is not None and v["script"] != asks[0]:
        yield (
            3,
            f"{change} asks for {asks[0]}, and {v['script']} is started",
        )
    by_mirror = ">" in job or v["script"] in MACHINE_SCRIPTS
    if (
        v["site"] != seen.sites.active
        and seen.sites.second
        and not by_mirror
    ):
        yield (
            13,
            f"{job} is done at {v['site']}, which is not the active side",
        )


def _script(row: Row, spec: Cloud, seen: _Seen) -> Broken:
    v = row.values
    job, what = v["job"], v["what"]
    side = (row.entity, v["site"])
    key: Key = (*side, job)
    change = seen.change_of.get(job, job)
    made: Key = (*side, change)
    thing: Key = (*side, v["entity_name"])
    if v["script"] in MACHINE_SCRIPTS:
        # machines that die are replaced as long as they do: that is no calm
        seen.last_disturbed_us = row.time_us
    if what == "begins":
        seen.begun_at[job].add(key)
        seen.begun.setdefault(change, row.time_us)
        if key in seen.alive:
            yield (
                4,
                f"attempt {seen.alive[key]} of {job} lives, and {v['attempt']} begins",
            )
        elif made in seen.changing:
            yield (
                4,
                f"{change} is being made by {seen.changing[made]}, and {job} begins",
            )
        # a wrong mapping may lead the work of one thing to another
        astray = seen.wrong_mappings and v["site"] != seen.sites.active
        other = None if astray else seen.at_work.get(thing)
        if other is not None and key not in seen.alive:
            yield (
                9,
                f"{other} changes {v['entity_name']} at {v['site']}, and {job} begins",
            )
        seen.alive[key] = v["attempt"]
        seen.changing[made] = job
        if not astray:
            seen.at_work[thing] = job
        seen.at_once[side] = seen.at_once.get(side, 0) + 1
        if seen.at_once[side] > spec.jobs.at_once:
            yield (
                10,
                f"{seen.at_once[side]} scripts run at {v['site']}, {spec.jobs.at_once} may",
            )
    elif what in _ENDS:
        if seen.alive.pop(key, None) is not None:
            seen.at_once[side] -= 1
        seen.changing.pop(made, None)
        if seen.at_work.get(thing) == job:
            del seen.at_work[thing]
        if what == "died":
            seen.died.add(key)
        if what == "escaped":
            seen.escaped.add(made)
        if what == "done":
            twice = seen.done.get(made)
            if (
                twice is not None
                and made not in seen.escaped
                and seen.restored_us < 0
            ):
                yield (
                    1,
                    f"{change} was made at {v['site']} by {twice}, and again by {job}",
                )
            seen.done[made] = job
            seen.made.add(key)
    elif what == "cleaning":
        if key in seen.alive:
            yield (
                5,
                f"{job} is cleaned up while attempt {seen.alive[key]} lives",
            )
        if key in seen.cleaned:
            yield 5, f"{job} is cleaned up again"
    elif what == "cleaned":
        seen.cleaned.add(key)


def _ended(row: Row, seen: _Seen) -> Broken:
    """A job that is saved as done was really done. One that was given up was told to somebody."""
    entries = row.values["entries"]
    if "ended/" not in entries:
        return
    for name, state in pairs_from_text(entries):
        job = name.removeprefix("ended/")
        if job == name:
            continue
        if state == "done" and not seen.begun_at[job] & seen.made:
            yield 1, f"{job} counts as done, and no script of it was done"
        if state == "failed" and job not in seen.told_of:
            yield 15, f"{job} is given up, and nobody is told"
        if state in ("cancelled", "failed"):
            yield from _not_cleaned(job, state, seen)


def _not_cleaned(job: str, state: str, seen: _Seen) -> Broken:
    """A job that came to nothing, and had begun, was cleaned up by then: half-done work would lie
    there, and what it had paused would stay paused. While a failover goes on jobs of the old side
    are closed as they are.
    """
    begun = seen.begun_at[job] - seen.made - seen.died
    if seen.sites.second and begun and not begun & seen.cleaned:
        yield 5, f"{job} is {state}, and was never cleaned up"


def _effect(row: Row, spec: Cloud, seen: _Seen) -> Broken:
    v = row.values
    site, change, entity = v["site"], v["change"], v["entity_name"]
    if site == seen.sites.active:
        seen.last_disturbed_us = row.time_us
    for value in json.loads(v["params"]).values():
        owner = value.rpartition("-at-")[2] if "-at-" in value else site
        if owner != site:
            yield 8, f"{value} is in use at {site}"
    thing = (row.entity, entity)
    if not seen.sites.second:
        yield from _in_failover(row, seen)
    if v["how"] != "script":
        return
    if change not in seen.may_be and not _is_of_upgrade(change, seen):
        yield (
            11,
            f"{change} takes effect at {site}, and nobody who may has asked for it",
        )
    if site == seen.sites.active:
        seen.order[thing].append(change)
        return
    if site != seen.sites.second or change not in seen.order[thing]:
        return
    if (row.entity, site, change) in seen.escaped:
        return  # it comes when it comes: nobody can hold it back
    place = seen.order[thing].index(change)
    if place < seen.reached.get(thing, -1):
        later = seen.order[thing][seen.reached[thing]]
        yield (
            9,
            f"{change} of {entity} takes effect at {site} after {later}, which came later",
        )
    seen.reached[thing] = max(place, seen.reached.get(thing, -1))


def _is_of_upgrade(change: str, seen: _Seen) -> bool:
    """Tell whether a change moves a database for an upgrade that somebody has asked for."""
    return any(change.startswith(move) for move in seen.upgrades)


def _in_failover(row: Row, seen: _Seen) -> Broken:
    """An older change takes effect at the new side after a newer one of its thing.
    A store that was put back has forgotten what is older.
    """
    v = row.values
    change, thing = v["change"], (row.entity, v["entity_name"])
    if v["site"] != seen.sites.active:
        seen.older[thing].add(change)
    elif change not in seen.older[thing]:
        if v["how"] == "script":
            seen.newer.setdefault(thing, change)
    elif thing in seen.newer and seen.restored_us < 0:
        made: Key = (row.entity, v["site"], change)
        if made not in seen.escaped:
            yield (
                9,
                f"{change} of {v['entity_name']} takes effect at {v['site']} "
                f"after {seen.newer[thing]}, which came later",
            )


# ---- at the end: 1, 14
_CLOSE_US = MINUTE_US  # acknowledgements that are closer may come in another order than requests


def _at_end(
    journal: Journal, spec: Cloud, seen: _Seen, end_us: int
) -> Broken:
    newest: dict[tuple[str, str], int] = {}
    for name, at_us in seen.known.acknowledged.items():
        if name in seen.begun and name in seen.lane_of:
            lane = seen.lane_of[name]
            newest[lane] = max(newest.get(lane, -1), at_us)
    for name, at_us in seen.known.acknowledged.items():
        lane = seen.lane_of.get(name, ("", ""))
        if (
            name not in seen.begun
            and newest.get(lane, -1) > at_us + _CLOSE_US
        ):
            yield (
                1,
                f"{name} was acknowledged and never begun, and later requests were",
            )
    if end_us - seen.last_disturbed_us < _calm_us(spec):
        return
    if not seen.sites.second:
        yield from _failover_is_open(seen)
        return
    if len(seen.sites.there()) < 2:
        return  # one of them is lost
    if spec.mirror.mode == "runbook" or spec.mirror.on_failure == "skip":
        return
    for key, attempt in seen.alive.items():
        yield (
            14,
            f"after a long calm attempt {attempt} of {key[2]} still runs",
        )
    if not spec.mirror.audit_us:
        return
    behind: dict[int, Row] = {
        row.entity: row for row in journal.rows("truth.cloud_drift")
    }
    for network, row in behind.items():
        if row.values["since_us"] >= 0:
            name = spec.networks[network].name
            yield (
                14,
                f"after a long calm the two sides of {name} are not the same",
            )


def _failover_is_open(seen: _Seen) -> Broken:
    """A new second side is in place, the manager can reach everything, and has not ended the
    failover before it.
    """
    reachable = not seen.cut and seen.sites.active not in seen.sites.lost
    if seen.in_place and seen.up and reachable:
        yield (
            14,
            f"after a long calm the failover to {seen.sites.active} has not ended, and "
            f"{seen.in_place} is not made the same",
        )


def _calm_us(spec: Cloud) -> int:
    """Return after how long without a change, an event or a crash nothing should be left to do."""
    jobs, mirror = spec.jobs, spec.mirror
    attempts = (
        jobs.attempts * (jobs.time_limit_us + jobs.retry_us)
        + jobs.clean_up_us
    )
    return 3 * attempts + 2 * (mirror.audit_us + mirror.every_us)
