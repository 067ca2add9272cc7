"""Tells what is measured of machines: how much of its goal serves users, what is missing at the
second side, how long a farm is on its way to its goal, images that crossed the link, and pauses of
backups.

Front ends that run, divided by their goal, are what serves users: below that the service is
degraded. It is known while the active side is there; while it is lost there is an outage instead.
The same part at the second side says what a failover would find.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.record.journal import Row
from dr_sim.scenario.cloud_model import FIRST
from dr_sim.scenario.machine_model import (
    FRONT_END,
    Farm,
    FarmLoad,
    Machines,
)
from dr_sim.scenario.model import Scenario
from dr_sim.units import PPM

_ROWS = (
    "truth.cloud_machine",
    "truth.cloud_farm_upgrade",
    "truth.cloud_farm_goals",
    "truth.cloud_load",
    *SITE_ROWS,
)
_MOVE = "move_database"
_FIRST_PHASE = "deploying"
_GONE = "removed"
_OVER = ("done", "cleaned", "died")
_ENDS = ("done", "failed", "killed", "died", "escaped")
_SHOWN = {
    "deploy_machine": "deploy",
    "remove_machine": "remove",
    "upgrade_machine": "upgrade in place",
    _MOVE: "move",
}


@dataclass(frozen=True, slots=True)
class Short:
    """A stretch in which fewer front ends ran than they should. ended_us: None if it lasted to the
    run's end. least_ppm: the least part of the goal.
    """

    site: str
    began_us: int
    ended_us: int | None
    least_ppm: int


@dataclass(frozen=True, slots=True)
class ToGoal:
    """A stretch in which a farm lacked machines at a side. ended_us: None: to the run's end.
    reached: it ended as the farm had them.
    """

    farm: str
    site: str
    began_us: int
    ended_us: int | None
    reached: bool


@dataclass(frozen=True, slots=True)
class ImageMoved:
    """A copy of an image to a site. ended_us: None if it was not over. arrived: it is whole."""

    image: str
    site: str
    began_us: int
    ended_us: int | None
    sent_bytes: int
    arrived: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Backups of a database that stood still because it was moved. ended_us: None: to the end."""

    database: int
    began_us: int
    ended_us: int | None


@dataclass(frozen=True, slots=True)
class Upgraded:
    """An upgrade of a farm: when each of its phases began, by name."""

    farm: str
    image: str
    phases: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LoadNeeds:
    """The least and the most that a farm's load was, in requests an hour, and the front ends that
    it needed then. ran: the most front ends that ran at one time at an active side.
    """

    farm: str
    least_per_hour: int
    most_per_hour: int
    least: int
    most: int
    ran: int


@dataclass(frozen=True, slots=True)
class MachineLevel:
    """From an instant on: part of the goal that runs at the active side and at the second one;
    None: there is no such side, or it is lost.
    """

    at_us: int
    active: str
    second: str
    serves_ppm: int | None
    would_serve_ppm: int | None
    in_use: tuple[str, ...]  # sites
    lacking: frozenset[tuple[str, str]]  # farm, site
    # that run at the active side, of the farms that have a load
    front_ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MachineFindings:
    """Everything about machines in a run."""

    levels: tuple[MachineLevel, ...]
    degraded: tuple[Short, ...]
    second_short: tuple[Short, ...]
    to_goal: tuple[ToGoal, ...]
    images: tuple[ImageMoved, ...]
    upgrades: tuple[Upgraded, ...]
    loads: tuple[LoadNeeds, ...]
    counts: Counter[str]  # machines, by what became of them


class _Sides:
    """Which machines run where, as the rows are read."""

    def __init__(self, machines: Machines, sites: SitesInUse) -> None:
        self._farms = machines.farms
        self._image = {farm.name: farm.image for farm in machines.farms}
        self._goals = {farm.name: dict(farm.goals) for farm in self._farms}
        self._loads: dict[str, FarmLoad] = {}
        for farm in self._farms:
            if farm.load is not None:
                self._loads[farm.name] = farm.load
        self._sites = sites
        self._running: dict[tuple[str, str], tuple[str, ...]] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()

    def read(self, row: Row) -> None:
        v = row.values
        if row.kind == "truth.cloud_machine":
            self._machine(v["site"], v["machine"], v)
        elif row.kind == "truth.cloud_farm_upgrade":
            self._image[v["farm"]] = v["image"]
        elif row.kind == "truth.cloud_farm_goals":
            goals = json.loads(v["goals"])
            self._goals[v["farm"]].update(goals)
            if FRONT_END in goals:
                self._loads.pop(v["farm"], None)
        elif row.kind == "truth.cloud_load":
            load = self._loads.get(v["farm"])
            if load is not None:
                needed = load.needed(v["per_hour"])
                self._goals[v["farm"]][FRONT_END] = needed
        else:
            self._sites.read(row)

    def _machine(self, site: str, name: str, v: dict[str, str]) -> None:
        before = self._running.pop((site, name), None)
        if before is not None:
            self._counts[before] -= 1
        if v["what"] == "running":
            of = (site, v["farm"], v["role"], v["image"])
            self._running[site, name] = of
            self._counts[of] += 1

    def level(self, at_us: int) -> MachineLevel:
        sites = self._sites
        sides = sites.there()
        lacking = {
            (farm.name, site)
            for site in sides
            for farm in self._farms
            if self._lacks(farm, site)
        }
        return MachineLevel(
            at_us,
            sites.active,
            sites.second,
            self._part(sites.active),
            self._part(sites.second),
            sides,
            frozenset(lacking),
            tuple(
                self._front_ends(sites.active, farm.name)
                for farm in self._farms
                if farm.load is not None
            ),
        )

    def _front_ends(self, site: str, farm: str) -> int:
        """Return how many front ends of a farm run at a site."""
        return self._runs(site, farm, FRONT_END)

    def _runs(self, site: str, farm: str, role: str) -> int:
        """Return how many machines of a role of a farm run at a site."""
        wanted = (site, farm, role)
        return sum(
            count for of, count in self._counts.items() if of[:3] == wanted
        )

    def _lacks(self, farm: Farm, site: str) -> bool:
        """Tell whether a farm lacks machines of the image that it is to have."""
        image = self._image[farm.name]
        return any(
            self._counts[site, farm.name, role, image] < count
            for role, count in self._goals[farm.name].items()
        )

    def _part(self, site: str) -> int | None:
        """Return the part of all front ends' goals that serves there. In a network with farms that
        serve the others it is at most the part that runs of their machines.
        """
        goals: Counter[str] = Counter()
        run: Counter[str] = Counter()
        for farm in self._farms:
            if not farm.kind.serves_users:
                continue
            goal = self._goals[farm.name].get(FRONT_END, 0)
            goals[farm.network] += goal
            run[farm.network] += min(
                goal, self._front_ends(site, farm.name)
            )
        if site not in self._sites.there() or not goals.total():
            return None
        serve = 0
        for network, goal in goals.items():
            most = goal * self._serving_ppm(site, network)
            serve += min(run[network] * PPM, most)
        return serve // goals.total()

    def _serving_ppm(self, site: str, network: str) -> int:
        """Return the smallest part of a role's goal that runs of the farms that serve others."""
        least = PPM
        for farm in self._farms:
            if farm.kind.serves_users or farm.network != network:
                continue
            for role, goal in self._goals[farm.name].items():
                if goal:
                    runs = self._runs(site, farm.name, role)
                    least = min(least, runs * PPM // goal)
        return least


def machines_found(t: Tables, scenario: Scenario) -> MachineFindings | None:
    """Return the measures of machines; None where there are none. t: of the first leg, in which the
    cloud manager lives.
    """
    cloud = scenario.cloud
    if cloud is None or cloud.machines is None:
        return None
    machines, first = cloud.machines, SitesInUse.at_first(cloud)
    levels = tuple(_levels(t, machines, first))
    end_us = run_end_us(t, scenario)
    what = Counter(
        row.values["what"] for row in t.rows("truth.cloud_machine")
    )
    return MachineFindings(
        levels=levels,
        degraded=tuple(_short(levels, end_us, at_second=False)),
        second_short=tuple(_short(levels, end_us, at_second=True)),
        to_goal=tuple(_to_goal(levels)),
        images=tuple(_images(t)),
        upgrades=tuple(_upgrades(t)),
        loads=tuple(_loads(t, machines, levels)),
        counts=what,
    )


def _levels(
    t: Tables, machines: Machines, first: SitesInUse
) -> Iterator[MachineLevel]:
    """Yield each level that differs from the one before, at its instant. first: the sites in use
    when the run begins.
    """
    rows = sorted(
        (row for kind in _ROWS for row in t.rows(kind)),
        key=lambda row: row.seq,
    )
    sides = _Sides(machines, first)
    last: MachineLevel | None = None
    for i, row in enumerate(rows):
        sides.read(row)
        if i + 1 < len(rows) and rows[i + 1].time_us == row.time_us:
            continue
        level = sides.level(row.time_us)
        if last is None or replace(last, at_us=level.at_us) != level:
            last = level
            yield level


def _short(
    levels: tuple[MachineLevel, ...], end_us: int, at_second: bool
) -> Iterator[Short]:
    """Yield the stretches in which one side ran less than its goal."""
    begun: Short | None = None
    for level in levels:
        site = level.second if at_second else level.active
        part = level.would_serve_ppm if at_second else level.serves_ppm
        over = part is None or part == PPM
        if begun is not None and (over or begun.site != site):
            yield _ended(begun, level.at_us)
            begun = None
        if part is None or over:
            continue
        least = part if begun is None else min(part, begun.least_ppm)
        began_us = level.at_us if begun is None else begun.began_us
        begun = Short(site, began_us, None, least)
    if begun is not None and begun.began_us < end_us:
        yield begun


def _ended(short: Short, at_us: int) -> Short:
    return Short(short.site, short.began_us, at_us, short.least_ppm)


def _to_goal(levels: tuple[MachineLevel, ...]) -> Iterator[ToGoal]:
    """Yield how long each farm lacked machines at a side that was in use."""
    begun: dict[tuple[str, str], int] = {}
    for level in levels:
        for of in sorted(set(begun) - level.lacking):
            reached = of[1] in level.in_use
            yield ToGoal(*of, begun.pop(of), level.at_us, reached)
        for of in level.lacking:
            begun.setdefault(of, level.at_us)
    for of, began_us in sorted(begun.items()):
        yield ToGoal(*of, began_us, None, False)


def _images(t: Tables) -> Iterator[ImageMoved]:
    begun: dict[tuple[str, str], int] = {}
    for row in t.rows("truth.cloud_image"):
        v = row.values
        of = (v["image"], v["site"])
        if v["what"] == "copying":
            begun[of] = row.time_us
        elif v["what"] not in ("gone", "older") and of in begun:
            yield ImageMoved(
                *of,
                begun.pop(of),
                row.time_us,
                v["sent_bytes"],
                v["what"] == "there",
            )
    for of, began_us in begun.items():
        yield ImageMoved(*of, began_us, None, 0, False)


def _upgrades(t: Tables) -> Iterator[Upgraded]:
    """Yield each upgrade. One that is rolled back is two: there, and back."""
    found: list[tuple[str, str, dict[str, int]]] = []
    for row in t.rows("cloud.ReportUpgrade"):
        v = row.values
        if v["phase"] == _FIRST_PHASE:
            found.append((v["farm"], v["image"], {}))
        for farm, image, when in reversed(found):
            if (farm, image) == (v["farm"], v["image"]):
                when.setdefault(v["phase"], row.time_us)
                break
    for farm, image, when in found:
        yield Upgraded(farm, image, tuple(when.items()))


def _loads(
    t: Tables, machines: Machines, levels: tuple[MachineLevel, ...]
) -> Iterator[LoadNeeds]:
    """Yield what each load needed, also of a farm whose goal people have set meanwhile."""
    found: dict[str, list[int]] = {}
    for row in t.rows("truth.cloud_load"):
        v = row.values
        found.setdefault(v["farm"], []).append(v["per_hour"])
    with_load = [farm for farm in machines.farms if farm.load is not None]
    for i, farm in enumerate(with_load):
        assert farm.load is not None
        least, most = min(found[farm.name]), max(found[farm.name])
        yield LoadNeeds(
            farm.name,
            least,
            most,
            farm.load.needed(least),
            farm.load.needed(most),
            max(level.front_ends[i] for level in levels),
        )


# ---- pauses of backups
def pauses(t: Tables, scenario: Scenario) -> list[Pause]:
    """Return how long the backups of each database stood still while it was moved. A move begins
    at the active side; it is over when it is done, when its clean-up has run, or when that side is
    lost or no longer the active one.
    """
    index = {d.name: i for i, d in enumerate(scenario.databases)}
    active = FIRST
    begun: dict[str, tuple[int, int]] = {}
    found = []
    rows = [
        *t.rows("truth.cloud_script"),
        *t.rows("truth.cloud_provision"),
        *t.rows("truth.cloud_site_lost"),
    ]
    for row in sorted(rows, key=lambda each: each.seq):
        v = row.values
        if row.kind != "truth.cloud_script":
            lost = row.kind == "truth.cloud_site_lost"
            if (v["site"] == active) is lost:
                found += [Pause(*of, row.time_us) for of in begun.values()]
                begun.clear()
            active = active if lost else v["site"]
            continue
        job = v["job"]
        if v["what"] == "begins" and v["script"] == _MOVE:
            if v["site"] == active and job not in begun:
                begun[job] = (index[v["entity_name"]], row.time_us)
        elif v["what"] in _OVER and job in begun:
            found.append(Pause(*begun.pop(job), row.time_us))
    found += [Pause(*each, None) for each in begun.values()]
    return sorted(found, key=lambda pause: pause.began_us)


@dataclass(frozen=True, slots=True)
class MachineCount:
    """How many machines of a role and a version are in a state at a site. steps: (from when,
    how many), the first at 0; the last holds to the run's end.
    """

    site: str
    role: str
    image: str
    state: str
    steps: tuple[tuple[int, int], ...]

    @property
    def most(self) -> int:
        return max(count for _, count in self.steps)


def machine_counts(t: Tables) -> list[MachineCount]:
    """Return the counts of each site, role, version and state that occurs, in this order. t: of the
    first leg, in which the cloud manager lives.
    """
    now: dict[tuple[int, str, str], tuple[str, str, str, str]] = {}
    steps: dict[tuple[str, str, str, str], list[tuple[int, int]]] = {}

    def count(of: tuple[str, str, str, str], at_us: int, more: int) -> None:
        found = steps.setdefault(of, [(0, 0)])
        last_us, before = found[-1]
        if last_us == at_us:
            found.pop()
        found.append((at_us, before + more))

    for row in t.rows("truth.cloud_machine"):
        v = row.values
        machine = (row.entity, v["site"], v["machine"])
        of = now.pop(machine, None)
        if of is not None:
            count(of, row.time_us, -1)
        if v["what"] != _GONE:
            now[machine] = (v["site"], v["role"], v["image"], v["what"])
            count(now[machine], row.time_us, 1)
    found = [
        MachineCount(site, role, image, state, tuple(at))
        for (site, role, image, state), at in sorted(steps.items())
    ]
    return [each for each in found if each.most]


def machine_jobs(t: Tables, end_us: int) -> list[tuple[str, int, int, str]]:
    """Return (kind and site, from, until, words) of each script that deployed or removed a machine,
    or moved a database.
    """
    begun: dict[tuple[str, str, int], tuple[str, int, str]] = {}
    found = []
    for row in t.rows("truth.cloud_script"):
        v = row.values
        key = (v["site"], v["job"], v["attempt"])
        if v["what"] == "begins" and v["script"] in _SHOWN:
            kind = f"{_SHOWN[v['script']]} at {v['site']}"
            begun[key] = (kind, row.time_us, v["entity_name"])
        elif v["what"] in _ENDS and key in begun:
            kind, since_us, name = begun.pop(key)
            words = f"{name}: {v['what']}"
            found.append((kind, since_us, row.time_us, words))
    for kind, since_us, name in begun.values():
        found.append((kind, since_us, end_us, f"{name}: not over"))
    return sorted(found, key=lambda each: each[1])
