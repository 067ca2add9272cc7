"""The witness of goals: how many machines must run before one more may be removed.

It reads what really runs, what people have set, what users ask for, and what the manager saved. The
numbers are those of docs/machines.md. 24: a running machine is removed because fewer are wanted
only if as many others of its farm and role run there as are wanted; where front ends follow a load,
as many as the load has needed in any interval of `deployment.fewer_after`. 25: a farm that lacks
front ends for its load gets them, or a notice says why not.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dr_sim.formatting.words import counted
from dr_sim.oracle.cloud.breach import Broken, CloudBreach, breaches
from dr_sim.oracle.cloud.machines import calm_us
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.oracle.cloud.told import (
    RUNNING,
    Place,
    machines_named,
    machines_read,
)
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.machine_model import FRONT_END, FarmLoad
from dr_sim.scenario.model import Scenario

_REMOVES = "job/remove "
REASONS = (
    "no room",
    "at the limit",
    "at the quota",
    "no image",
    "not deployed",
    "many failed",
    "job failed",
    "job overdue",
    "agent silent",
    "not cleaned",
)


@dataclass(slots=True)
class _HasRun:
    """A machine that runs, or has run. upgrading: its image is changed where it is."""

    farm: str
    role: str
    image: str
    up: bool = True
    upgrading: bool = False


@dataclass(slots=True)
class _Load:
    """A load that front ends follow. at_us, per_hour: since when it was how much. lacks_us: since
    when fewer front ends run at the active side than it needs, none came, and nothing else
    happened; None: as many run.
    """

    follows: FarmLoad
    network: str
    at_us: list[int] = field(default_factory=list)
    per_hour: list[int] = field(default_factory=list)
    lacks_us: int | None = None

    def counted(self, begin_us: int, end_us: int) -> int:
        """Return how many requests an hour came in that time, on average."""
        total = 0
        i = max(0, bisect_right(self.at_us, begin_us) - 1)
        at = begin_us
        while at < end_us:
            more = i + 1 < len(self.at_us)
            until = min(end_us, self.at_us[i + 1]) if more else end_us
            total += self.per_hour[i] * (until - at)
            at, i = until, i + 1
        return total // (end_us - begin_us)


@dataclass(slots=True)
class _Goals:
    """Holds what has been read of the journal so far. there: machines that have run. silent: those
    of which the manager was told that they do not answer. removed: those that it has ordered to be
    removed. jobs: that remove one. goals: each one so far, by farm and role. images: that farms are
    to have. upgraded: farms that ever were; upgrading: farms whose upgrade is in progress. loads:
    of the farms that follow one. up_us: when the manager last began or ended a life. told: networks
    of which people were told why machines are missing. on: events that last.
    spec: the scenario's.
    """

    spec: Cloud
    there: dict[Place, _HasRun] = field(default_factory=dict)
    silent: set[Place] = field(default_factory=set)
    removed: set[Place] = field(default_factory=set)
    jobs: dict[str, Place] = field(default_factory=dict)
    goals: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    upgraded: set[str] = field(default_factory=set)
    upgrading: set[str] = field(default_factory=set)
    loads: dict[str, _Load] = field(default_factory=dict)
    up_us: int = 0
    told: set[str] = field(default_factory=set)
    on: set[int] = field(default_factory=set)
    sites: SitesInUse = field(default_factory=SitesInUse)


def goals_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where there are no machines."""
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    seen = _Goals(spec, sites=SitesInUse.at_first(spec))
    for farm in spec.machines.farms:
        seen.images[farm.name] = farm.image
        for role, count in farm.goals:
            seen.goals[farm.name, role] = [count]
        if farm.load is not None:
            seen.loads[farm.name] = _Load(farm.load, farm.network)
    for row in journal.rows(*_KINDS):
        yield from breaches(row, _row(row, seen))


def _row(row: Row, seen: _Goals) -> Broken:
    """Take up a row, and yield what it breaks."""
    yield from _lacking(row, seen)
    if row.kind == "cloud.SaveAll":
        yield from _saved(row, seen)
        return
    note = _NOTES.get(row.kind)
    if note is not None:
        note(row, seen)
    else:
        seen.sites.read(row)


def _silent(row: Row, seen: _Goals) -> None:
    seen.silent.update(machines_named(row.values))


def _back(row: Row, seen: _Goals) -> None:
    seen.silent.difference_update(machines_named(row.values))


def _read(row: Row, seen: _Goals) -> None:
    """Take up what a site has told of all its machines."""
    for at, runs in machines_read(row.values):
        if runs:
            seen.silent.discard(at)
        else:
            seen.silent.add(at)


def _goals_set(row: Row, seen: _Goals) -> None:
    farm = row.values["farm"]
    for role, count in json.loads(row.values["goals"]).items():
        seen.goals.setdefault((farm, role), []).append(count)
        if role == FRONT_END:
            seen.loads.pop(farm, None)  # by hand from now on


def _load_changed(row: Row, seen: _Goals) -> None:
    load = seen.loads.get(row.values["farm"])
    if load is not None:
        load.at_us.append(row.time_us)
        load.per_hour.append(row.values["per_hour"])


def _manager(row: Row, seen: _Goals) -> None:
    seen.up_us = row.time_us


def _notified(row: Row, seen: _Goals) -> None:
    if row.values["notice"] in REASONS:
        seen.told.add(seen.spec.networks[row.entity].name)


def _event(row: Row, seen: _Goals) -> None:
    if row.values["begins"]:
        seen.on.add(row.values["number"])
    else:
        seen.on.discard(row.values["number"])


def _upgraded(row: Row, seen: _Goals) -> None:
    farm = row.values["farm"]
    seen.images[farm] = row.values["image"]
    seen.upgraded.add(farm)
    seen.upgrading.add(farm)


def _upgrade_reported(row: Row, seen: _Goals) -> None:
    if row.values["phase"] == "over":
        seen.upgrading.discard(row.values["farm"])


def _store_restored(row: Row, seen: _Goals) -> None:
    """The manager may continue with an upgrade that was over."""
    seen.upgrading = set(seen.upgraded)


def _machine(row: Row, seen: _Goals) -> None:
    v = row.values
    at: Place = (v["site"], v["machine"])
    there = seen.there.get(at)
    if v["what"] == RUNNING:
        if there is None or there.upgrading:
            # it was half made, or being upgraded, when its site was read
            seen.silent.discard(at)
        seen.there[at] = _HasRun(v["farm"], v["role"], v["image"])
    elif v["what"] == "removed":
        seen.there.pop(at, None)
    elif there is not None:
        there.up, there.upgrading = False, v["what"] == "upgrading"


def _saved(row: Row, seen: _Goals) -> Broken:
    """Look at each machine that the manager orders to be removed."""
    entries = row.values["entries"]
    if _REMOVES not in entries:
        return
    for key, value in pairs_from_text(entries):
        if not key.startswith(_REMOVES):
            continue
        if not value:
            _is_over(seen.jobs.get(key), seen)
            continue
        if key in seen.jobs:
            continue
        _, _, _, site, machine, *_ = json.loads(value)
        at = seen.jobs[key] = (site, machine)
        first = at not in seen.removed
        seen.removed.add(at)
        if first:
            yield from _goes(at, row.time_us, seen)


def _is_over(at: Place | None, seen: _Goals) -> None:
    """A job that was to remove a machine is over. One that still runs stays where it is."""
    there = seen.there.get(at) if at else None
    if at is not None and there is not None and there.up:
        seen.removed.discard(at)


def _goes(at: Place, now_us: int, seen: _Goals) -> Broken:
    """Check that enough others run, where a machine goes that runs as far as the manager knows."""
    mine = seen.there.get(at)
    if mine is None or not mine.up or at in seen.silent:
        return
    if mine.farm in seen.upgrading:
        return
    others = sum(
        (each.farm, each.role) == (mine.farm, mine.role)
        for where, each in seen.there.items()
        if where[0] == at[0]
        and where not in seen.removed
        and where not in seen.silent
    )
    # an earlier goal may be all that the manager knows
    wanted = min(seen.goals.get((mine.farm, mine.role), [0]))
    load = seen.loads.get(mine.farm)
    if load is not None and mine.role == FRONT_END:
        wanted = max(wanted, _needed(load, now_us, seen))
    if mine.image != seen.images[mine.farm]:
        # its site missed an upgrade, and may lack room for both
        wanted -= 1
    if others < wanted:
        yield (
            24,
            f"{at[1]} at {at[0]} is removed, and {others} others run, where {wanted} are wanted",
        )


def _needed(load: _Load, now_us: int, seen: _Goals) -> int:
    """Return the most front ends that the load has needed lately, as far as the manager was there
    to be told of it.
    """
    machines = seen.spec.machines
    assert machines is not None
    every_us = machines.load_every_us
    since_us = max(now_us - machines.fewer_after_us, seen.up_us + 1)
    needed = 0
    for end_us in range(
        -(-since_us // every_us) * every_us, now_us, every_us
    ):
        found = load.counted(end_us - every_us, end_us)
        needed = max(needed, load.follows.needed(found))
    return needed


# ---- 25
_HAPPENS = (
    "truth.cloud_farm_upgrade",
    "truth.cloud_store_restored",
    "truth.cloud_manager",
    "truth.event",
    *SITE_ROWS,
)


def _lacking(row: Row, seen: _Goals) -> Broken:
    """Look at farms that have lacked front ends for longer than anything takes, before this row."""
    kind = row.kind
    if kind not in (
        *_HAPPENS,
        "truth.cloud_machine",
        "truth.cloud_load",
        "truth.end",
    ):
        return
    is_machine = kind == "truth.cloud_machine"
    happens = kind in _HAPPENS or bool(seen.on)
    happens |= is_machine and row.values["what"] in (RUNNING, "down")
    for farm, load in seen.loads.items():
        run = _front_ends(farm, seen)
        now = load.per_hour[-1] if load.per_hour else 0
        needed = load.follows.needed(now)
        if run >= needed:
            load.lacks_us = None
            continue
        since_us = row.time_us if load.lacks_us is None else load.lacks_us
        load.lacks_us = None if happens else since_us
        if (
            row.time_us - since_us > calm_us(seen.spec)
            and load.network not in seen.told
        ):
            seen.told.add(load.network)
            told = f"{farm} has {counted(run, 'front end')}, and its load needs {needed}"
            yield 25, f"{told}: no notice says why"


def _front_ends(farm: str, seen: _Goals) -> int:
    """Return how many front ends of a farm run at the active side."""
    return sum(
        there.up and (there.farm, there.role) == (farm, FRONT_END)
        for (site, _), there in seen.there.items()
        if site == seen.sites.active
    )


_NOTES: dict[str, Callable[[Row, _Goals], None]] = {
    "cloud.MachinesSilent": _silent,
    "cloud.MachinesBack": _back,
    "cloud.MachinesRead": _read,
    "cloud.Notify": _notified,
    "cloud.ReportUpgrade": _upgrade_reported,
    "truth.cloud_farm_goals": _goals_set,
    "truth.cloud_farm_upgrade": _upgraded,
    "truth.cloud_load": _load_changed,
    "truth.cloud_machine": _machine,
    "truth.cloud_manager": _manager,
    "truth.cloud_store_restored": _store_restored,
    "truth.event": _event,
}
"""Notes by the kind of row."""

_KINDS = (*_NOTES, "cloud.SaveAll", *SITE_ROWS, "truth.end")
