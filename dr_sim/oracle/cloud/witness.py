"""The witness of the cloud manager: what must never happen, checked in every run over its journal.

It knows what really happened (`truth.cloud_*`) and what the manager was told and commanded
(`cloud.*`), and nothing of how the manager decides: not a line of it is imported here. It is
excused by truth alone: a store that was put back to an old copy, a process that escaped its agent,
a change by hand, a manager that was down.

The numbers are those of docs/cloud.md. Requests are here; jobs and their effects are in scripts.py,
the calm at a run's end in calm.py, drift in drift.py, failovers in failover.py, machines in
machines.py and goals.py, placement in placing.py, retries in retries.py, the mirror's times in
due.py, requests that wait in waiting.py, and what attempts leave behind in left.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from dr_sim.oracle.cloud.asked import left_behind, note_edit, still_runs
from dr_sim.oracle.cloud.blocked import blocked_in_vain
from dr_sim.oracle.cloud.breach import Broken, CloudBreach, breaches
from dr_sim.oracle.cloud.calm import at_end
from dr_sim.oracle.cloud.drift import drift_is_told
from dr_sim.oracle.cloud.due import due_broken
from dr_sim.oracle.cloud.first import first_broken
from dr_sim.oracle.cloud.goals import goals_broken
from dr_sim.oracle.cloud.goals_met import goals_not_met
from dr_sim.oracle.cloud.left import left_broken
from dr_sim.oracle.cloud.machines import machines_broken
from dr_sim.oracle.cloud.moves import moves_broken
from dr_sim.oracle.cloud.placing import placing_broken
from dr_sim.oracle.cloud.retries import retries_broken
from dr_sim.oracle.cloud.scripts import effect, ended, script, started
from dr_sim.oracle.cloud.seen import CloudSeen
from dr_sim.oracle.cloud.sites import SitesInUse
from dr_sim.oracle.cloud.tenants import tenants_broken
from dr_sim.oracle.cloud.unheard import unheard_broken
from dr_sim.oracle.cloud.upkeep import upkeep_broken
from dr_sim.oracle.cloud.waiting import waiting_broken
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario

_LAST = ("done", "failed", "cancelled")
_READ = "read"
_CUTS = re.compile(r"^the agents of (\w+) are silent|^link down")
_LINK = ""  # stands for the link among the sites that are silent


def cloud_broken(journal: Journal, scenario: Scenario) -> list[CloudBreach]:
    """Everything that broke, in the order of the journal; nothing where there is no manager."""
    if scenario.cloud is None:
        return []
    seen = CloudSeen(
        scenario.cloud, sites=SitesInUse.at_first(scenario.cloud)
    )
    found = list(_over_rows(journal, seen))
    found += drift_is_told(journal, scenario)
    found += machines_broken(journal, scenario)
    found += upkeep_broken(journal, scenario)
    found += goals_broken(journal, scenario)
    found += goals_not_met(journal, scenario)
    found += blocked_in_vain(journal, scenario)
    found += moves_broken(journal, scenario)
    found += first_broken(journal, scenario)
    found += tenants_broken(journal, scenario)
    found += waiting_broken(journal, scenario)
    found += unheard_broken(journal, scenario)
    found += placing_broken(journal, scenario)
    found += retries_broken(journal, scenario)
    found += due_broken(journal, scenario)
    found += left_broken(journal, scenario)
    return sorted(found, key=lambda breach: (breach.time_us, breach.seq))


def _over_rows(journal: Journal, seen: CloudSeen) -> Iterator[CloudBreach]:
    last = None
    for row in journal.rows(*_KINDS):
        last = row
        yield from breaches(row, _row(row, seen))
    if last is not None:
        yield from breaches(last, at_end(journal, seen, last.time_us))


def _row(row: Row, seen: CloudSeen) -> Broken:
    """Take up a row, and yield what it breaks."""
    check = _CHECKS.get(row.kind)
    if check is not None:
        yield from check(row, seen)
    note = _NOTES.get(row.kind)
    if note is not None:
        note(row, seen)


# ---- what is noted
def _agent_said(row: Row, seen: CloudSeen) -> None:
    job = row.values["job"]
    newest = seen.known.attempt.get(job) == row.values["attempt"]
    done = row.values["word"] in ("done", "done before")
    seen.told_done = job if newest and done else ""


def _calls_alike(row: Row, seen: CloudSeen) -> None:
    seen.logged = False


def _saved(row: Row, seen: CloudSeen) -> None:
    seen.logged = seen.logged or _has_log_line(row.values["entries"])
    if seen.told_done:
        seen.known.over[seen.told_done] = "done"
        seen.told_done = ""


def _notified(row: Row, seen: CloudSeen) -> None:
    if row.values["notice"] == "job failed":
        seen.told_of.add(row.values["about"])


def _may_be_forgotten(row: Row, seen: CloudSeen) -> None:
    """The word about a job that failed may be lost with the manager, or with its store."""
    seen.told_of.update(seen.begun_at)


def _store_copied(row: Row, seen: CloudSeen) -> None:
    seen.copied = seen.known.copy()


def _store_restored(row: Row, seen: CloudSeen) -> None:
    _may_be_forgotten(row, seen)
    seen.restored_us = row.time_us
    seen.known = seen.copied.copy()


def _farm_upgrade(row: Row, seen: CloudSeen) -> None:
    v = row.values
    seen.upgrades.add(f"move/{v['farm']}/{v['image']}/")


def _forgotten(row: Row, seen: CloudSeen) -> None:
    seen.not_known.add((row.entity, row.values["entity_name"]))


def _mirror_switched(row: Row, seen: CloudSeen) -> None:
    known = seen.known
    known.off_since.pop(row.entity, None)
    if row.values["on"]:
        known.mirror_off.discard(row.entity)
    else:
        known.mirror_off.add(row.entity)
        known.off_since[row.entity] = row.time_us


def _acknowledged(row: Row, seen: CloudSeen) -> None:
    name = _request(row.values["client"], row)
    seen.known.acknowledged.setdefault(name, row.time_us)


def _manager(row: Row, seen: CloudSeen) -> None:
    """A life of the manager begins or ends."""
    seen.up = bool(row.values["up"])
    seen.calls.clear()
    seen.logged = True
    seen.told_done = ""
    seen.last_disturbed_us = row.time_us


def _provision(row: Row, seen: CloudSeen) -> None:
    if row.values["begins"]:
        old, link = seen.sites.active, seen.spec.at != "apart"
        seen.left_silent = bool(
            seen.silent[old] or (link and seen.silent[_LINK])
        )
        seen.owed.clear()
        seen.goes_to = row.values["site"]
        seen.newer.clear()
        seen.older.clear()
        for thing, changes in seen.order.items():
            seen.older[thing] = set(changes)
    seen.sites.read(row)


def _second_side(row: Row, seen: CloudSeen) -> None:
    seen.in_place = row.values["site"]
    seen.last_disturbed_us = row.time_us


def _stands(row: Row, seen: CloudSeen) -> None:
    seen.sites.read(row)
    seen.in_place = ""
    seen.order.clear()
    seen.reached.clear()
    seen.older.clear()
    seen.newer.clear()
    seen.last_disturbed_us = row.time_us


def _site_lost(row: Row, seen: CloudSeen) -> None:
    seen.sites.read(row)


def _site_back(row: Row, seen: CloudSeen) -> None:
    """Things that died there may be half done, and are to be cleaned up."""
    seen.sites.read(row)
    at = row.values["site"]
    seen.died = {key for key in seen.died if key[1] != at}


def _event(row: Row, seen: CloudSeen) -> None:
    seen.last_disturbed_us = row.time_us
    detail = row.values["detail"]
    if detail.startswith("scripts are missing"):
        seen.scripts_missing = True
    if cuts := _CUTS.search(detail):
        by = 1 if row.values["begins"] else -1
        seen.silent[cuts[1] or _LINK] += by


def _request(caller: str, row: Row) -> str:
    return f"{caller}/{row.values['request']}"


# ---- requests: 1, 2, 3, 7
def _called(row: Row, seen: CloudSeen) -> Broken:
    if _may_call(row.values["caller"], row.values["network"], seen.spec):
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


def _answered(row: Row, seen: CloudSeen) -> Broken:
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


_CHECKS: dict[str, Callable[[Row, CloudSeen], Broken]] = {
    "cloud.Called": _called,
    "cloud.AnswerCall": _answered,
    "cloud.SaveAll": ended,
    "cloud.StartScript": started,
    "cloud.SiteProvisioned": still_runs,
    "truth.cloud_script": script,
    "truth.cloud_effect": effect,
    "truth.cloud_left_behind": left_behind,
}
"""Checks by the kind of row. A check comes before the note of the same row."""

_NOTES: dict[str, Callable[[Row, CloudSeen], None]] = {
    "cloud.AgentSaid": _agent_said,
    "cloud.CallsAlike": _calls_alike,
    "cloud.SaveAll": _saved,
    "cloud.Notify": _notified,
    "cloud.MappingEdited": note_edit,
    "cloud.MirrorSwitched": _mirror_switched,
    "truth.cloud_commands_done": _may_be_forgotten,
    "truth.cloud_store_copied": _store_copied,
    "truth.cloud_store_restored": _store_restored,
    "truth.cloud_farm_upgrade": _farm_upgrade,
    "truth.cloud_forgotten": _forgotten,
    "truth.cloud_acknowledged": _acknowledged,
    "truth.cloud_manager": _manager,
    "truth.cloud_provision": _provision,
    "truth.cloud_second_side": _second_side,
    "truth.cloud_stands": _stands,
    "truth.cloud_site_lost": _site_lost,
    "truth.cloud_site_back": _site_back,
    "truth.event": _event,
}
"""Notes by the kind of row."""

_ONLY_LAST = (
    "truth.cloud_drift",
    "truth.failed",
    "truth.fenced",
    "truth.end",
)
"""Kinds that count only as the last row: the run is calm until then."""

_KINDS = tuple({**_CHECKS, **_NOTES, **dict.fromkeys(_ONLY_LAST)})
