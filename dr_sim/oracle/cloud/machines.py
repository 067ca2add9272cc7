"""The witness of the machine manager: what must never happen to machines, checked in every run.

It reads what really happened to machines (`truth.cloud_machine`), what the manager was told and
what it saved. Nothing of how it decides is imported. The numbers are those of docs/machines.md: 10
capacity, 11 records and machines, 12 one version for each farm, 16 a machine where it failed, 17
repair of many, 23 physical machines that are a network's own, 26 quotas of tenants.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dr_sim.formatting.words import counted
from dr_sim.oracle.cloud.breach import Broken, CloudBreach, breaches
from dr_sim.oracle.cloud.placing import owner_of
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.oracle.cloud.slots import SideOf, full_sides
from dr_sim.oracle.cloud.told import machines_read
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import FIRST, Cloud
from dr_sim.scenario.machine_model import FRONT_END, Farm, Machines
from dr_sim.scenario.model import Scenario
from dr_sim.units import PPM

MACHINE_SCRIPTS = ("deploy_machine", "remove_machine", "upgrade_machine")
_VM, _REMOVES = "vm/", "job/remove "
Place = tuple[
    str, str
]  # a site and a machine there, or a network and a site


_Alike = tuple[int, str, str]
"""An instant, a site, and how the names of a farm's machines of one role begin."""


@dataclass(slots=True)
class _There:
    """A virtual machine that takes room. up: it runs; was_up: it has run."""

    farm: str
    role: str
    image: str
    physical: str
    network: str
    up: bool = False
    was_up: bool = False
    upgrading: bool = False

    @property
    def may_be_silent(self) -> bool:
        """Return whether nothing but its death is a reason for it not to serve."""
        return self.was_up and not self.upgrading

    @property
    def of(self) -> tuple[str, str, str]:
        return self.farm, self.role, self.image


@dataclass(slots=True)
class _Watched:
    """Holds what has been read of the journal so far. silent: by network and site, the machines of
    which the manager was told that they are. jobs: that remove a machine. homes: by site and
    database, the farm and image that serve its users. upgraded: images of each farm that is or was
    upgraded; target: the last of them. goals: that were set, by farm and role, or the least that a
    load has needed; by_hand: farms whose front ends follow no load any more. removed: machines that
    are on their way out. replaced: the physical machines on which silent machines stood that are
    replaced, by instant, site and kind of name; new: the machines that got a record, by the same;
    came_with: that of each machine, until it may be put anywhere.
    spec: the scenario's, machine_spec its part of machines.
    """

    spec: Cloud
    machine_spec: Machines
    machines: dict[Place, _There] = field(default_factory=dict)
    failed_on: dict[Place, set[str]] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    copied: dict[str, str] = field(default_factory=dict)
    silent: dict[Place, set[str]] = field(default_factory=dict)
    jobs: dict[str, Place] = field(default_factory=dict)
    homes: dict[Place, Place] = field(default_factory=dict)
    copied_homes: dict[Place, Place] = field(default_factory=dict)
    upgraded: dict[str, set[str]] = field(default_factory=dict)
    target: dict[str, str] = field(default_factory=dict)
    goals: dict[Place, int] = field(default_factory=dict)
    copied_goals: dict[Place, int] = field(default_factory=dict)
    by_hand: set[str] = field(default_factory=set)
    removed: set[Place] = field(default_factory=set)
    replaced: dict[_Alike, list[str]] = field(default_factory=dict)
    new: dict[_Alike, list[str]] = field(default_factory=dict)
    came_with: dict[Place, _Alike] = field(default_factory=dict)
    sites: SitesInUse = field(default_factory=SitesInUse)
    last_us: int = 0  # when something last happened


def machines_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where there are no machines."""
    if scenario.cloud is None or scenario.cloud.machines is None:
        return
    seen = _Watched(
        scenario.cloud,
        scenario.cloud.machines,
        homes=_first_homes(scenario),
        sites=SitesInUse.at_first(scenario.cloud),
    )
    for row in journal.rows(*_KINDS):
        broken = (
            _at_end(row, journal, seen)
            if row.kind == "truth.end"
            else _row(row, seen)
        )
        yield from breaches(row, broken)


def _row(row: Row, seen: _Watched) -> Broken:
    """Take up a row, and yield what it breaks."""
    check = _CHECKS.get(row.kind)
    if check is not None:
        yield from check(row, seen)
        return
    note = _NOTES.get(row.kind)
    if note is not None:
        note(row, seen)
    else:
        seen.last_us = row.time_us
        seen.sites.read(row)


def _silent(row: Row, seen: _Watched) -> None:
    _silent_at(row, seen).update(json.loads(row.values["machines"]))


def _back(row: Row, seen: _Watched) -> None:
    back = json.loads(row.values["machines"])
    _silent_at(row, seen).difference_update(back)


def _read(row: Row, seen: _Watched) -> None:
    """Take up what a site has told of all its machines."""
    silent = _silent_at(row, seen)
    for at, runs in machines_read(row.values):
        there = seen.machines.get(at)
        if runs:
            silent.discard(at[1])
        elif there is not None and there.may_be_silent:
            silent.add(at[1])


def _notified(row: Row, seen: _Watched) -> None:
    """A machine that could not be deployed is tried again later, on any physical machine. One that
    was silent is replaced.
    """
    notice = row.values["notice"]
    if notice not in ("not deployed", "replaced"):
        return
    machine, _, rest = row.values["about"].partition(" at ")
    site, _, on = rest.partition(",")
    if notice == "not deployed":
        seen.failed_on.pop((site, machine), None)
        seen.came_with.pop((site, machine), None)
    else:
        alike = _alike(row, site, machine)
        physical = on.removeprefix(" on ")
        seen.replaced.setdefault(alike, []).append(physical)


def _alike(row: Row, site: str, machine: str) -> _Alike:
    return row.time_us, site, machine.rpartition("-")[0]


def _upgraded(row: Row, seen: _Watched) -> None:
    farm, image = _farm(row.values["farm"], seen), row.values["image"]
    known = seen.upgraded.setdefault(farm.name, {farm.image})
    known.add(image)
    seen.target[farm.name] = image
    if row.values["style"] != "new_farm":
        # databases are moved to no other farm
        for place, (of, _) in seen.homes.items():
            if of == farm.name:
                seen.homes[place] = (of, image)
    seen.last_us = row.time_us


def _goals(row: Row, seen: _Watched) -> None:
    farm = row.values["farm"]
    for role, count in json.loads(row.values["goals"]).items():
        seen.goals[farm, role] = count
        if role == FRONT_END:
            seen.by_hand.add(farm)
    seen.last_us = row.time_us


def _load(row: Row, seen: _Watched) -> None:
    """Take up what a farm's load needs. Fewer may go for a while after it needs more again."""
    farm = _farm(row.values["farm"], seen)
    if farm.load is None or farm.name in seen.by_hand:
        return
    needed = farm.load.needed(row.values["per_hour"])
    before = seen.goals.get((farm.name, FRONT_END), needed)
    seen.goals[farm.name, FRONT_END] = min(before, needed)


def _store_copied(row: Row, seen: _Watched) -> None:
    seen.copied = dict(seen.records)
    seen.copied_homes = dict(seen.homes)
    seen.copied_goals = dict(seen.goals)


def _store_restored(row: Row, seen: _Watched) -> None:
    """An upgrade since the copy, and the moves of it, may be forgotten."""
    seen.records = dict(seen.copied)
    seen.goals = dict(seen.copied_goals)
    seen.last_us = row.time_us
    seen.homes = {
        at: home
        for at, home in seen.homes.items()
        if seen.copied_homes.get(at) == home
    }


def _farm(name: str, seen: _Watched) -> Farm:
    return next(
        farm for farm in seen.machine_spec.farms if farm.name == name
    )


def _first_homes(scenario: Scenario) -> dict[Place, Place]:
    """Return which farm serves each database's users when the run begins."""
    assert (
        scenario.cloud is not None and scenario.cloud.machines is not None
    )
    homes: dict[Place, Place] = {}
    for farm in scenario.cloud.machines.farms:
        for i in farm.databases:
            for site in (FIRST, *scenario.cloud.places):
                home = (farm.name, farm.image)
                homes[site, scenario.databases[i].name] = home
    return homes


def _silent_at(row: Row, seen: _Watched) -> set[str]:
    """Return the machines of a network at a site that do not answer."""
    side = (row.values["network"], row.values["site"])
    return seen.silent.setdefault(side, set())


# ---- 10, 12
def _machine(row: Row, seen: _Watched) -> Broken:
    v = row.values
    seen.last_us = row.time_us
    at: Place = (v["site"], v["machine"])
    if v["what"] == "removed":
        gone = seen.machines.pop(at, None)
        if gone is not None and not gone.was_up:
            seen.failed_on.setdefault(at, set()).add(gone.physical)
        return
    there = seen.machines.get(at)
    if there is None:
        network = seen.spec.networks[row.entity].name
        there = seen.machines[at] = _There(
            v["farm"], v["role"], v["image"], v["physical"], network
        )
        yield from _over_capacity(at, there, seen)
        yield from _over_limit(at, there, seen)
        yield from _over_quota(at, there, seen)
        yield from _among_others(at, there, seen.spec)
    silent = at[1] in seen.silent.get((there.network, at[0]), ())
    if v["what"] == "stopped" and there.up and not silent:
        yield from _in_use(at, there, seen)
    there.up = v["what"] == "running"
    there.was_up = there.was_up or there.up
    there.upgrading = v["what"] == "upgrading"
    if there.up:
        seen.removed.discard(at)
        there.image = v["image"]  # it may have been upgraded where it is
        yield from _of_one_version(at, there, seen)


def _over_capacity(at: Place, new: _There, seen: _Watched) -> Broken:
    """Check that what runs or is being made on a physical machine has room there."""
    machines = seen.machine_spec
    site, physical = at[0], new.physical
    kind = machines.image(new.image).machine_class
    size = next(of for of in machines.classes if of.name == kind)
    cpus = ram = 0
    for (where, _), there in seen.machines.items():
        if where == site and there.physical == physical:
            image = machines.image(there.image)
            cpus, ram = cpus + image.cpus, ram + image.ram_bytes
    if f"-{kind}-" not in physical:
        yield 10, f"{at[1]} is put on {physical}, which is not of {kind}"
    if cpus > size.cpus or ram > size.ram_bytes:
        yield 10, f"{physical} has no room for {at[1]}, which is put there"


def _over_limit(at: Place, new: _There, seen: _Watched) -> Broken:
    """Check that a network has no more machines at a site than its balancer takes."""
    most = next(
        of.most_machines
        for of in seen.spec.networks
        if of.name == new.network
    )
    count = sum(
        there.up or not there.was_up
        for (site, _), there in seen.machines.items()
        if site == at[0] and there.network == new.network
    )
    if count > most:
        yield (
            10,
            f"{at[1]} is machine {count} of {new.network} at {at[0]}, which may have {most}",
        )


def _over_quota(at: Place, new: _There, seen: _Watched) -> Broken:
    """Check that a tenant's farms have no more machines in a network at a site than its quota."""
    whose = {farm.name: farm.tenant for farm in seen.machine_spec.farms}
    tenant = whose[new.farm]
    network = next(
        of for of in seen.spec.networks if of.name == new.network
    )
    quota = dict(network.quotas).get(tenant)
    if quota is None:
        return
    count = sum(
        there.up or not there.was_up
        for (site, _), there in seen.machines.items()
        if site == at[0]
        and there.network == new.network
        and whose[there.farm] == tenant
    )
    if count > quota:
        yield (
            26,
            f"{at[1]} is machine {count} of {tenant} at {at[0]}, whose quota is {quota}",
        )


def _among_others(at: Place, new: _There, spec: Cloud) -> Broken:
    """Check that a machine runs on the physical machines of its network, where that has its own,
    and on none that is another's.
    """
    owner = owner_of(spec, new.physical)
    mine = next(of for of in spec.networks if of.name == new.network)
    if owner == (mine.name if mine.own else ""):
        return
    whose = f"is {owner}'s own" if owner else "is nobody's own"
    yield (
        23,
        f"{at[1]} of {mine.name} is put on {new.physical}, which {whose}",
    )


def _of_one_version(at: Place, new: _There, seen: _Watched) -> Broken:
    """All machines of a farm at a site are made of one image, but for upgrades."""
    images = {
        there.image
        for (site, _), there in seen.machines.items()
        if site == at[0] and there.farm == new.farm and there.up
    }
    if len(images) > 1 and not images <= seen.upgraded.get(new.farm, set()):
        named = " and ".join(sorted(images))
        yield 12, f"{new.farm} at {at[0]} has machines of {named}"


def _moved(row: Row, seen: _Watched) -> None:
    """A database is served by the machines of another image from now on: it was moved, or it was
    made there what it is at the other side.
    """
    v = row.values
    here, database = v["site"], v["entity_name"]
    params = json.loads(v["params"])
    if v["how"] == "script" and "farm" in params:
        # as the last of all, where it may have had an earlier place
        seen.homes.pop((here, database), None)
        seen.homes[here, database] = (params["farm"], params["image"])
    elif v["how"] != "script" and (here, database) in seen.homes:
        elsewhere = {
            site: home
            for (site, name), home in seen.homes.items()
            if name == database and site != here
        }
        if elsewhere:
            newest = list(elsewhere.values())[-1]
            active = seen.sites.active
            seen.homes[here, database] = elsewhere.get(active, newest)


def _in_use(at: Place, there: _There, seen: _Watched) -> Broken:
    """While a farm is upgraded no machine goes that still serves a database's users, unless as many
    others are left as the farm is to have.
    """
    if there.farm not in seen.upgraded or at[0] != seen.sites.active:
        return
    left = sum(
        each.up and each.of == there.of
        for where, each in seen.machines.items()
        if where != at and where[0] == at[0]
    )
    if left >= _goal(there, seen):
        return
    for (site, database), home in seen.homes.items():
        if site == seen.sites.active and home == (there.farm, there.image):
            yield (
                12,
                f"{at[1]} is retired, and users of {database} are served by its farm",
            )
            return


def _goal(there: _There, seen: _Watched) -> int:
    """Return how many machines of its role the farm of a machine is to have."""
    goal = seen.goals.get((there.farm, there.role))
    if goal is not None:
        return goal
    return max(1, _farm(there.farm, seen).goal(there.role))


# ---- 16, 17
def _started(row: Row, seen: _Watched) -> Broken:
    v = row.values
    if v["script"] != "deploy_machine":
        return
    params = json.loads(v["params"])
    at: Place = (v["site"], params["machine"])
    physical = params["physical"]
    if physical in seen.failed_on.get(at, ()):
        yield 16, f"{at[1]} failed on {physical}, and is put there again"
    if physical == _left(at, seen):
        yield (
            16,
            f"{at[1]} replaces a machine that fell silent on {physical}, and is put there",
        )


def _left(at: Place, seen: _Watched) -> str:
    """Return the physical machine that a machine was made to leave; '' if it replaces none, or it
    is not known which.
    """
    alike = seen.came_with.get(at)
    if alike is None:
        return ""
    new, replaced = seen.new[alike], seen.replaced.get(alike, [])
    if len(new) != len(replaced):
        return ""
    return replaced[new.index(at[1])]


def _saved(row: Row, seen: _Watched) -> Broken:
    """Records are kept. A job that removes a silent machine that nobody has asked to go is a
    repair.
    """
    entries = row.values["entries"]
    if _VM not in entries:
        return
    for key, value in pairs_from_text(entries):
        if key.startswith(_VM):
            _recorded(row, key.removeprefix(_VM), value, seen)
        elif key.startswith(_REMOVES) and not value:
            _is_over(seen.jobs.get(key), seen)
        elif key.startswith(_REMOVES) and key not in seen.jobs:
            _, _, network, site, machine, *_ = json.loads(value)
            seen.jobs[key] = (site, machine)
            at = (site, machine)
            # one that was judged is not judged again
            if at not in seen.removed and not _is_asked_for(at, seen):
                yield from _repaired((network, site), machine, seen)
            seen.removed.add((site, machine))


def _recorded(row: Row, name: str, text: str, seen: _Watched) -> None:
    if name not in seen.records:
        site, _, machine = name.partition("/")
        alike = _alike(row, site, machine)
        seen.new.setdefault(alike, []).append(machine)
        seen.came_with[site, machine] = alike
    seen.records[name] = text


def _is_over(at: Place | None, seen: _Watched) -> None:
    """A job that was to remove a machine is over. One that is still there stays where it is."""
    if at is not None and at in seen.machines:
        seen.removed.discard(at)


def _is_asked_for(at: Place, seen: _Watched) -> bool:
    """Return whether people want that machine to go: its farm is upgraded to another image, or has
    more of its role than it is to have (a machine that replaced this one may run by now).
    """
    mine = seen.machines.get(at)
    if mine is None:
        return False
    if seen.target.get(mine.farm, mine.image) != mine.image:
        return True
    there = sum(
        (each.farm, each.role) == (mine.farm, mine.role)
        for where, each in seen.machines.items()
        if where[0] == at[0] and where not in seen.removed
    )
    return there > _goal(mine, seen)


def _repaired(side: Place, machine: str, seen: _Watched) -> Broken:
    """While a large part of a network's machines at a site is silent none of them is replaced.
    Those that are on their way out are none of them: they have been judged.
    """
    network, site = side
    silent = seen.silent.get(side, set())
    if machine not in silent:
        return
    there = {
        name
        for (where, name), each in seen.machines.items()
        if where == site
        and each.network == network
        and (where, name) not in seen.removed
    }
    part = len(silent & there) * PPM
    if part > seen.machine_spec.most_silent_ppm * len(there):
        yield (
            17,
            f"{machine} is replaced while {counted(len(silent & there), 'machine')} of "
            f"{len(there)} at {site} fail to answer",
        )


# ---- 11
def _at_end(row: Row, journal: Journal, seen: _Watched) -> Broken:
    """After a calm each machine has a record, and each record has a machine. One that is to be made
    may wait where other scripts leave no room for its own.
    """
    if row.time_us - seen.last_us < calm_us(seen.spec):
        return
    sides = seen.sites.there()
    recorded = {
        name
        for name, text in seen.records.items()
        if text and name.partition("/")[0] in sides and _is_made(text)
    }
    there = {
        f"{site}/{name}" for site, name in seen.machines if site in sides
    }
    for name in sorted(there - recorded):
        yield 11, f"machine {name} has no record"
    lacking = recorded - there
    if lacking:
        lacking -= _waiting(
            lacking,
            full_sides(journal, seen.spec, seen.last_us, row.time_us),
            seen,
        )
    for name in sorted(lacking):
        yield 11, f"record {name} has no machine"


def _waiting(
    names: set[str], full: set[SideOf], seen: _Watched
) -> set[str]:
    """Return the records of machines that are to be made at sides that are full."""
    sites = {site for _, site in full}
    return {
        name
        for name in names
        if name.partition("/")[0] in sites
        and json.loads(seen.records[name])[5] == "provisioning"
    }


def _is_made(text: str) -> bool:
    """Return whether a record says that there is a machine: it has a place."""
    _, _, _, _, physical, state, *_ = json.loads(text)
    return bool(physical) and state not in ("waiting", "retired")


def calm_us(spec: Cloud) -> int:
    """After so long without an event nothing should be left to do."""
    jobs, machines = spec.jobs, spec.machines
    assert machines is not None
    attempts = jobs.attempts * (jobs.time_limit_us + jobs.retry_us)
    waits = machines.silent_us + machines.repair_us + spec.restart_us
    return 3 * (attempts + jobs.clean_up_us) + 2 * waits


_CHECKS: dict[str, Callable[[Row, _Watched], Broken]] = {
    "truth.cloud_machine": _machine,
    "cloud.StartScript": _started,
    "cloud.SaveAll": _saved,
}
"""Checks by the kind of row."""

_NOTES: dict[str, Callable[[Row, _Watched], None]] = {
    "cloud.MachinesSilent": _silent,
    "cloud.MachinesBack": _back,
    "cloud.MachinesRead": _read,
    "cloud.Notify": _notified,
    "truth.cloud_farm_upgrade": _upgraded,
    "truth.cloud_farm_goals": _goals,
    "truth.cloud_load": _load,
    "truth.cloud_effect": _moved,
    "truth.cloud_store_copied": _store_copied,
    "truth.cloud_store_restored": _store_restored,
}
"""Notes by the kind of row. A row of another kind says that something happens."""

_KINDS = (*_CHECKS, *_NOTES, *SITE_ROWS, "truth.event", "truth.end")
