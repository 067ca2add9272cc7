"""The witness of the machine manager: what must never happen to machines, checked in every run.

It reads what really happened to machines (`truth.cloud_machine`), what the manager was told and
what it saved. Nothing of how it decides is imported. The numbers are those of docs/machines.md: 10
capacity, 11 records and machines, 12 one version for each farm, 16 a machine where it failed, 17
repair of many, 23 physical machines that are a network's own, 26 quotas of tenants.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.placing import owner_of
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.oracle.cloud.slots import SideOf, full_sides
from dr_sim.oracle.cloud.told import machines_read
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import FIRST, Cloud
from dr_sim.scenario.machine_model import FRONT_END
from dr_sim.scenario.model import Scenario
from dr_sim.units import PPM

MACHINE_SCRIPTS = ("deploy_machine", "remove_machine", "upgrade_machine")
_VM, _REMOVES = "vm/", "job/remove "
_KINDS = (
    "truth.cloud_machine",
    "cloud.MachinesSilent",
    "cloud.MachinesBack",
    "cloud.MachinesRead",
    "truth.cloud_farm_upgrade",
    "truth.cloud_farm_goals",
    "truth.cloud_load",
    "truth.cloud_effect",
    "cloud.StartScript",
    "cloud.Notify",
    "cloud.SaveAll",
    "truth.cloud_store_copied",
    "truth.cloud_store_restored",
    *SITE_ROWS,
    "truth.event",
    "truth.end",
)
Place = tuple[
    str, str
]  # a site and a machine there, or a network and a site
Broken = Iterator[tuple[int, str]]


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
    are on their way out.
    """

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
    sites: SitesInUse = field(default_factory=SitesInUse)
    last_us: int = 0  # when something last happened


def machines_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where there are no machines."""
    if scenario.cloud is None or scenario.cloud.machines is None:
        return
    seen = _Watched(
        homes=_first_homes(scenario),
        sites=SitesInUse.at_first(scenario.cloud),
    )
    for row in journal.rows(*_KINDS):
        for number, sentence in _row(row, journal, scenario.cloud, seen):
            yield CloudBreach(
                row.time_us, row.seq, f"cloud {number}", sentence
            )


def _row(row: Row, journal: Journal, spec: Cloud, seen: _Watched) -> Broken:
    kind, v = row.kind, row.values
    if kind == "truth.cloud_machine":
        seen.last_us = row.time_us
        yield from _machine(row, spec, seen)
    elif kind == "cloud.MachinesSilent":
        _silent_at(v, seen).update(json.loads(v["machines"]))
    elif kind == "cloud.MachinesBack":
        _silent_at(v, seen).difference_update(json.loads(v["machines"]))
    elif kind == "cloud.MachinesRead":
        silent = _silent_at(v, seen)
        for at, runs in machines_read(v):
            there = seen.machines.get(at)
            if runs:
                silent.discard(at[1])
            elif there is not None and there.may_be_silent:
                silent.add(at[1])
    elif kind == "cloud.Notify":
        if v["notice"] == "not deployed":  # later it is tried again
            machine, _, rest = v["about"].partition(" at ")
            site = rest.partition(",")[0]
            seen.failed_on.pop((site, machine), None)
    elif kind == "cloud.StartScript":
        yield from _started(row, seen)
    elif kind == "cloud.SaveAll":
        yield from _saved(row, spec, seen)
    elif kind == "truth.cloud_farm_upgrade":
        machines = spec.machines
        assert machines is not None
        farm = next(
            each for each in machines.farms if each.name == v["farm"]
        )
        known = seen.upgraded.setdefault(farm.name, {farm.image})
        known.add(v["image"])
        seen.target[farm.name] = v["image"]
        if v["style"] != "new_farm":  # databases are moved to no other farm
            for place, (of, _) in seen.homes.items():
                if of == farm.name:
                    seen.homes[place] = (of, v["image"])
        seen.last_us = row.time_us
    elif kind == "truth.cloud_farm_goals":
        for role, count in json.loads(v["goals"]).items():
            seen.goals[v["farm"], role] = count
            if role == FRONT_END:
                seen.by_hand.add(v["farm"])
        seen.last_us = row.time_us
    elif kind == "truth.cloud_load":
        _load(v["farm"], v["per_hour"], spec, seen)
    elif kind == "truth.cloud_effect":
        _moved(row, seen)
    elif kind == "truth.cloud_store_copied":
        seen.copied = dict(seen.records)
        seen.copied_homes = dict(seen.homes)
        seen.copied_goals = dict(seen.goals)
    elif kind == "truth.cloud_store_restored":
        seen.records = dict(seen.copied)
        seen.goals = dict(seen.copied_goals)
        seen.last_us = row.time_us
        # an upgrade since the copy, and the moves of it, may be forgotten
        seen.homes = {
            at: home
            for at, home in seen.homes.items()
            if seen.copied_homes.get(at) == home
        }
    elif kind == "truth.end":
        yield from _at_end(row, journal, spec, seen)
    else:
        seen.last_us = row.time_us
        seen.sites.read(row)


def _load(name: str, per_hour: int, spec: Cloud, seen: _Watched) -> None:
    """Take up what a farm's load needs. Fewer may go for a while after it needs more again."""
    assert spec.machines is not None
    farm = next(each for each in spec.machines.farms if each.name == name)
    if farm.load is None or name in seen.by_hand:
        return
    needed = farm.load.needed(per_hour)
    before = seen.goals.get((name, FRONT_END), needed)
    seen.goals[name, FRONT_END] = min(before, needed)


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


def _silent_at(v: dict[str, str], seen: _Watched) -> set[str]:
    return seen.silent.setdefault((v["network"], v["site"]), set())


# ---- 10, 12
def _machine(row: Row, spec: Cloud, seen: _Watched) -> Broken:
    v = row.values
    at: Place = (v["site"], v["machine"])
    if v["what"] == "removed":
        gone = seen.machines.pop(at, None)
        if gone is not None and not gone.was_up:
            seen.failed_on.setdefault(at, set()).add(gone.physical)
        return
    there = seen.machines.get(at)
    if there is None:
        network = spec.networks[row.entity].name
        there = seen.machines[at] = _There(
            v["farm"], v["role"], v["image"], v["physical"], network
        )
        yield from _over_capacity(at, there, spec, seen)
        yield from _over_limit(at, there, spec, seen)
        yield from _over_quota(at, there, spec, seen)
        yield from _among_others(at, there, spec)
    silent = at[1] in seen.silent.get((there.network, at[0]), ())
    if v["what"] == "stopped" and there.up and not silent:
        yield from _in_use(at, there, spec, seen)
    there.up = v["what"] == "running"
    there.was_up = there.was_up or there.up
    there.upgrading = v["what"] == "upgrading"
    if there.up:
        seen.removed.discard(at)
        there.image = v["image"]  # it may have been upgraded where it is
        yield from _of_one_version(at, there, seen)


def _over_capacity(
    at: Place, new: _There, spec: Cloud, seen: _Watched
) -> Broken:
    """Check that what runs or is being made on a physical machine has room there."""
    machines = spec.machines
    assert machines is not None
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


def _over_limit(
    at: Place, new: _There, spec: Cloud, seen: _Watched
) -> Broken:
    """Check that a network has no more machines at a site than its balancer takes."""
    most = next(
        of.most_machines for of in spec.networks if of.name == new.network
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


def _over_quota(
    at: Place, new: _There, spec: Cloud, seen: _Watched
) -> Broken:
    """Check that a tenant's farms have no more machines in a network at a site than its quota."""
    assert spec.machines is not None
    whose = {farm.name: farm.tenant for farm in spec.machines.farms}
    tenant = whose[new.farm]
    network = next(of for of in spec.networks if of.name == new.network)
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


def _in_use(
    at: Place, there: _There, spec: Cloud, seen: _Watched
) -> Broken:
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
    goal = seen.goals.get((there.farm, there.role))
    if left >= (_first_goal(there, spec) if goal is None else goal):
        return
    for (site, database), home in seen.homes.items():
        if site == seen.sites.active and home == (there.farm, there.image):
            yield (
                12,
                f"{at[1]} is retired, and users of {database} are served by its farm",
            )
            return


def _first_goal(there: _There, spec: Cloud) -> int:
    """Return how many machines of its role the farm of a machine is to have at first."""
    assert spec.machines is not None
    farm = next(of for of in spec.machines.farms if of.name == there.farm)
    return max(1, farm.goal(there.role))


# ---- 16, 17
def _started(row: Row, seen: _Watched) -> Broken:
    v = row.values
    if v["script"] != "deploy_machine":
        return
    params = json.loads(v["params"])
    at: Place = (v["site"], params["machine"])
    if params["physical"] in seen.failed_on.get(at, ()):
        yield (
            16,
            f"{at[1]} failed on {params['physical']}, and is put there again",
        )


def _saved(row: Row, spec: Cloud, seen: _Watched) -> Broken:
    """Records are kept. A job that removes a silent machine that nobody has asked to go is a
    repair.
    """
    entries = row.values["entries"]
    if _VM not in entries:
        return
    for key, value in pairs_from_text(entries):
        if key.startswith(_VM):
            seen.records[key.removeprefix(_VM)] = value
        elif key.startswith(_REMOVES) and not value:
            _is_over(seen.jobs.get(key), seen)
        elif key.startswith(_REMOVES) and key not in seen.jobs:
            _, _, network, site, machine, *_ = json.loads(value)
            seen.jobs[key] = (site, machine)
            at = (site, machine)
            # one that was judged is not judged again
            if at not in seen.removed and not _is_asked_for(at, spec, seen):
                yield from _repaired((network, site), machine, spec, seen)
            seen.removed.add((site, machine))


def _is_over(at: Place | None, seen: _Watched) -> None:
    """A job that was to remove a machine is over. One that is still there stays where it is."""
    if at is not None and at in seen.machines:
        seen.removed.discard(at)


def _is_asked_for(at: Place, spec: Cloud, seen: _Watched) -> bool:
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
    goal = seen.goals.get((mine.farm, mine.role))
    return there > (_first_goal(mine, spec) if goal is None else goal)


def _repaired(
    side: Place, machine: str, spec: Cloud, seen: _Watched
) -> Broken:
    """While a large part of a network's machines at a site is silent none of them is replaced.
    Those that are on their way out are none of them: they have been judged.
    """
    assert spec.machines is not None
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
    if part > spec.machines.most_silent_ppm * len(there):
        yield (
            17,
            f"{len(silent & there)} of {len(there)} machines at {site} are silent, and "
            f"{machine} is replaced",
        )


# ---- 11
def _at_end(
    row: Row, journal: Journal, spec: Cloud, seen: _Watched
) -> Broken:
    """After a calm each machine has a record, and each record has a machine. One that is to be made
    may wait where other scripts leave no room for its own.
    """
    if row.time_us - seen.last_us < calm_us(spec):
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
            full_sides(journal, spec, seen.last_us, row.time_us),
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
