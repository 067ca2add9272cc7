"""The witness of the upkeep of machines: which machines are replaced, and which ones an upgrade
removes.

It reads the events of the manager about machines, its notices, and what really runs. The numbers
are those of docs/machines.md: 18 a replaced machine was silent for long enough, 19 old machines go
when new ones run in their place, 20 the moves of an upgrade end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dr_sim.formatting.words import counted
from dr_sim.oracle.cloud.breach import Broken, CloudBreach, breaches
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.oracle.cloud.slots import full_sides, others_at_work_us
from dr_sim.oracle.cloud.told import (
    RUNNING,
    Place,
    machines_named,
    machines_read,
)
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.machine_model import Machines
from dr_sim.scenario.model import Scenario

_ON_ITS_WAY_US = 10_000_000
"""How long an order may be on its way, until the machine has stopped."""


@dataclass(slots=True)
class _Upgrade:
    """The last that was reported of an upgrade. to: its image."""

    to: str
    phase: str


@dataclass(slots=True)
class _Kept:
    """Holds what has been read of the journal so far. databases: all of them. silent: since when
    the manager knows that a machine is silent. stopped: since when a machine does not run as a
    script was to remove it. runs: farm, role and image of each machine that runs. fell: when one
    that ran went down, and what it was. goals: that were set, by farm and role. may_lack: how many
    machines of a role a farm may lack in its upgrade. machines: what the scenario says of them.
    """

    databases: set[str]
    sites: SitesInUse
    machines: Machines
    silent: dict[Place, int] = field(default_factory=dict)
    stopped: dict[Place, int] = field(default_factory=dict)
    runs: dict[Place, tuple[str, str, str]] = field(default_factory=dict)
    fell: dict[Place, tuple[int, tuple[str, str, str]]] = field(
        default_factory=dict
    )
    goals: dict[Place, list[int]] = field(default_factory=dict)
    upgrades: dict[str, _Upgrade] = field(default_factory=dict)
    may_lack: dict[str, int] = field(default_factory=dict)
    last_us: int = 0  # when something last happened


def upkeep_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where there are no machines."""
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    seen = _Kept(
        databases={of.name for of in scenario.databases},
        sites=SitesInUse.at_first(spec),
        machines=spec.machines,
    )
    for row in journal.rows(*_KINDS):
        broken = (
            _at_end(row, journal, spec, seen)
            if row.kind == "truth.end"
            else _row(row, seen)
        )
        yield from breaches(row, broken)


def _row(row: Row, seen: _Kept) -> Broken:
    """Take up a row, and yield what it breaks."""
    check = _CHECKS.get(row.kind)
    if check is not None:
        yield from check(row, seen)
        return
    note = _NOTES.get(row.kind)
    if note is not None:
        note(row, seen)
    else:
        _something_happens(row, seen)


def _something_happens(row: Row, seen: _Kept) -> None:
    seen.last_us = row.time_us
    seen.sites.read(row)


def _silent(row: Row, seen: _Kept) -> None:
    for at in machines_named(row.values):
        seen.silent.setdefault(at, row.time_us)


def _back(row: Row, seen: _Kept) -> None:
    for at in machines_named(row.values):
        seen.silent.pop(at, None)


def _upgrade_reported(row: Row, seen: _Kept) -> None:
    v = row.values
    seen.upgrades[v["farm"]] = _Upgrade(v["image"], v["phase"])
    seen.last_us = row.time_us


def _goals_set(row: Row, seen: _Kept) -> None:
    farm = row.values["farm"]
    for role, count in json.loads(row.values["goals"]).items():
        seen.goals.setdefault((farm, role), []).append(count)


def _upgraded(row: Row, seen: _Kept) -> None:
    """One machine more goes at a time where there is no room for both farms."""
    v = row.values
    lack = 1 if v["style"] == "new_farm" else v["at_once"]
    seen.may_lack[v["farm"]] = lack
    seen.last_us = row.time_us


def _store_restored(row: Row, seen: _Kept) -> None:
    """The store may not know of the upgrades."""
    _something_happens(row, seen)
    seen.upgrades.clear()


# ---- 18
def _read(row: Row, seen: _Kept) -> None:
    """Take up what a site has told of all its machines. If it does not answer none of them does."""
    v = row.values
    if not v["machines"]:
        farms = {
            f.name for f in seen.machines.farms if f.network == v["network"]
        }
        for at, of in (seen.runs | _fallen(seen)).items():
            if at[0] == v["site"] and of[0] in farms:
                seen.silent.setdefault(at, row.time_us)
    for at, runs in machines_read(row.values):
        if runs:
            seen.silent.pop(at, None)
        else:
            seen.silent.setdefault(at, row.time_us)


def _fallen(seen: _Kept) -> dict[Place, tuple[str, str, str]]:
    """Return the machines that went down and have not come back."""
    return {at: of for at, (_, of) in seen.fell.items()}


def _replaced(row: Row, seen: _Kept) -> Broken:
    if row.values["notice"] != "replaced":
        return
    repair_us = seen.machines.repair_us
    machine, _, rest = row.values["about"].partition(" at ")
    site = rest.partition(",")[0]
    at = (site, machine)
    since_us = seen.stopped.get(at, seen.silent.get(at))
    if since_us is None:
        yield 18, f"{machine} at {site} is replaced, and it answers"
    elif row.time_us - since_us < repair_us:
        seconds = (row.time_us - since_us) // 1_000_000
        yield (
            18,
            f"{machine} at {site} is replaced when it has been silent for {seconds} s; "
            f"the limit is {repair_us // 1_000_000} s",
        )


# ---- 19
def _changed(row: Row, seen: _Kept) -> Broken:
    v = row.values
    seen.last_us = row.time_us
    at: Place = (v["site"], v["machine"])
    if v["what"] == RUNNING:
        seen.runs[at] = (v["farm"], v["role"], v["image"])
        seen.fell.pop(at, None)
        seen.stopped.pop(at, None)
        return
    if v["what"] == "stopped":
        seen.stopped[at] = row.time_us
    gone = seen.runs.pop(at, None)
    if gone is not None and v["what"] == "down":
        seen.fell[at] = (row.time_us, gone)
    goes = v["what"] in ("stopped", "upgrading")
    if gone is None or not goes or at in seen.silent:
        return
    upgrade = seen.upgrades.get(gone[0])
    if upgrade is None or upgrade.to == gone[2]:
        return
    goal = _least_goal(gone, seen)
    since_us = row.time_us - seen.machines.silent_us - _ON_ITS_WAY_US
    unknown = {
        place: of
        for place, (fell_us, of) in seen.fell.items()
        if fell_us >= since_us
    }
    left = sum(
        site == at[0] and of[:2] == gone[:2]
        for (site, _), of in (seen.runs | unknown).items()
    )
    if left < goal - seen.may_lack[gone[0]]:
        yield (
            19,
            f"{at[1]} at {at[0]} is retired with {counted(left, 'machine')} in its place: the goal "
            f"is {goal}",
        )


def _least_goal(gone: tuple[str, str, str], seen: _Kept) -> int:
    """Return the least goal that the farm has had for a role: what was ordered under an earlier one
    may be done under a later one.
    """
    farm, role, _ = gone
    of = next(each for each in seen.machines.farms if each.name == farm)
    return min(
        of.goal(role), *seen.goals.get((farm, role), [of.goal(role)])
    )


# ---- 20
def _at_end(row: Row, journal: Journal, spec: Cloud, seen: _Kept) -> Broken:
    """After a calm no database is being moved, if other scripts leave room for those that move, and
    the machines run to which they are moved.
    """
    calm_us = _calm_us(spec)
    since_us, until_us = seen.last_us, row.time_us
    moving = [
        (farm, upgrade.to)
        for farm, upgrade in sorted(seen.upgrades.items())
        if upgrade.phase == "moving"
    ]
    if not moving or until_us - since_us < calm_us:
        return
    if full_sides(journal, spec, since_us, until_us):
        return
    busy_us = others_at_work_us(journal, seen.databases, since_us, until_us)
    if until_us - since_us - busy_us < calm_us:
        return
    for farm, to in moving:
        if _lacks(farm, to, seen):
            continue
        yield 20, f"the upgrade of {farm} to {to} does not end"


def _lacks(farm: str, to: str, seen: _Kept) -> bool:
    """Return whether the active side lacks machines of the image to which a farm is upgraded."""
    of = next(each for each in seen.machines.farms if each.name == farm)
    for role, goal in of.goals:
        set_there = seen.goals.get((farm, role), [goal])
        run = [
            at
            for at, mine in seen.runs.items()
            if at[0] == seen.sites.active and mine == (farm, role, to)
        ]
        if len(run) < max(goal, *set_there):
            return True
    return False


def _calm_us(spec: Cloud) -> int:
    """Return how long all moves may take: as many rounds as a job has attempts, of a job each."""
    jobs = spec.jobs
    attempt_us = jobs.time_limit_us + jobs.retry_us + jobs.clean_up_us
    databases = sum(len(network.databases) for network in spec.networks)
    return jobs.attempts**2 * max(1, databases) * attempt_us


_CHECKS: dict[str, Callable[[Row, _Kept], Broken]] = {
    "cloud.Notify": _replaced,
    "truth.cloud_machine": _changed,
}
"""Checks by the kind of row."""

_NOTES: dict[str, Callable[[Row, _Kept], None]] = {
    "cloud.MachinesSilent": _silent,
    "cloud.MachinesBack": _back,
    "cloud.MachinesRead": _read,
    "cloud.ReportUpgrade": _upgrade_reported,
    "truth.cloud_farm_goals": _goals_set,
    "truth.cloud_farm_upgrade": _upgraded,
    "truth.cloud_store_restored": _store_restored,
}
"""Notes by the kind of row. A row of another kind says that something happens."""

_KINDS = (*_CHECKS, *_NOTES, *SITE_ROWS, "truth.event", "truth.end")
