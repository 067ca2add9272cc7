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
from collections.abc import Iterator

from dr_sim.oracle.cloud.asked import left_behind, note_edit, still_runs
from dr_sim.oracle.cloud.blocked import blocked_in_vain
from dr_sim.oracle.cloud.breach import CloudBreach
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
from dr_sim.oracle.cloud.seen import Broken, CloudSeen
from dr_sim.oracle.cloud.sites import SitesInUse
from dr_sim.oracle.cloud.tenants import tenants_broken
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
_KINDS = (
    "cloud.Called",
    "cloud.CallsAlike",
    "cloud.AnswerCall",
    "cloud.AgentSaid",
    "cloud.SaveAll",
    "cloud.StartScript",
    "cloud.Notify",
    "cloud.MappingEdited",
    "cloud.MirrorSwitched",
    "cloud.SiteProvisioned",
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
    "truth.cloud_left_behind",
    "truth.cloud_second_side",
    "truth.cloud_stands",
    "truth.cloud_site_lost",
    "truth.cloud_site_back",
    "truth.failed",
    "truth.fenced",
    "truth.event",
    "truth.end",
)


def cloud_broken(journal: Journal, scenario: Scenario) -> list[CloudBreach]:
    """Everything that broke, in the order of the journal; nothing where there is no manager."""
    if scenario.cloud is None:
        return []
    seen = CloudSeen(sites=SitesInUse.at_first(scenario.cloud))
    found = list(_over_rows(journal, scenario.cloud, seen))
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
    found += placing_broken(journal, scenario)
    found += retries_broken(journal, scenario)
    found += due_broken(journal, scenario)
    found += left_broken(journal, scenario)
    return sorted(found, key=lambda breach: (breach.time_us, breach.seq))


def _over_rows(
    journal: Journal, spec: Cloud, seen: CloudSeen
) -> Iterator[CloudBreach]:
    last = None
    for row in journal.rows(*_KINDS):
        last = row
        for number, sentence in _row(row, spec, seen):
            yield CloudBreach(
                row.time_us, row.seq, f"cloud {number}", sentence
            )
    if last is not None:
        for number, sentence in at_end(journal, spec, seen, last.time_us):
            yield CloudBreach(
                last.time_us, last.seq, f"cloud {number}", sentence
            )


def _row(row: Row, spec: Cloud, seen: CloudSeen) -> Broken:
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
        yield from ended(row, seen)
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
        yield from started(row, spec, seen)
    elif kind == "truth.cloud_script":
        yield from script(row, spec, seen)
    elif kind == "truth.cloud_effect":
        yield from effect(row, spec, seen)
    elif kind == "truth.cloud_farm_upgrade":
        seen.upgrades.add(
            f"move/{row.values['farm']}/{row.values['image']}/"
        )
    elif kind == "truth.cloud_forgotten":
        seen.not_known.add((row.entity, row.values["entity_name"]))
    elif kind == "truth.cloud_left_behind":
        yield from left_behind(row, seen)
    elif kind == "cloud.SiteProvisioned":
        yield from still_runs(row, seen)
    elif kind == "cloud.MappingEdited":
        note_edit(row, spec, seen)
    elif kind == "cloud.MirrorSwitched":
        switch = seen.known.mirror_off
        (switch.discard if row.values["on"] else switch.add)(row.entity)
        seen.known.off_since.pop(row.entity, None)
        if not row.values["on"]:
            seen.known.off_since[row.entity] = row.time_us
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
        if row.values["begins"]:
            old, link = seen.sites.active, spec.at != "apart"
            seen.left_silent = bool(
                seen.silent[old] or (link and seen.silent[_LINK])
            )
            seen.owed.clear()
            seen.goes_to = row.values["site"]
            seen.newer.clear()
            seen.older.clear()
            for of, changes in seen.order.items():
                seen.older[of] = set(changes)
        seen.sites.read(row)
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
        if detail.startswith("scripts are missing"):
            seen.scripts_missing = True
        if cuts := _CUTS.search(detail):
            seen.silent[cuts[1] or _LINK] += by


def _request(caller: str, row: Row) -> str:
    return f"{caller}/{row.values['request']}"


# ---- requests: 1, 2, 3, 7
def _called(row: Row, spec: Cloud, seen: CloudSeen) -> Broken:
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
