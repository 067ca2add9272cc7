"""The witness of what people have asked for of farms: after a calm each farm has the machines and
the image that it is to have, or a notice says why not (35).

It reads what people set, what really runs and the notices. Front ends that follow a load are left
to 25. The number is that of docs/machines.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.formatting.words import counted
from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.goals import REASONS
from dr_sim.oracle.cloud.machines import calm_us
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.oracle.cloud.slots import full_sides
from dr_sim.oracle.cloud.told import RUNNING, Place
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.machine_model import FRONT_END
from dr_sim.scenario.model import Scenario

_KINDS = (
    "cloud.Notify",
    "cloud.ReportUpgrade",
    "truth.cloud_farm_goals",
    "truth.cloud_farm_upgrade",
    "truth.cloud_image",
    "truth.cloud_load",
    "truth.cloud_machine",
    "truth.cloud_manager",
    *SITE_ROWS,
    "truth.event",
    "truth.end",
)
_FORGETS = ("truth.cloud_store_restored", "truth.cloud_older")
"""After these the manager may not know what people have asked for."""
_WHY_NOT = (*REASONS, "upgrade held")


@dataclass(slots=True)
class _Asked:
    """Holds what has been read of the journal so far. goals: by farm and role; images: by farm;
    runs: farm, role and image of each machine that runs. told: networks of which a notice says why
    machines are missing. on: events that last. is_up: whether the manager is. last_us: when
    something last happened.
    """

    sites: SitesInUse
    goals: dict[tuple[str, str], int] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    runs: dict[Place, tuple[str, str, str]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    on: set[int] = field(default_factory=set)
    is_up: bool = True
    last_us: int = 0


def goals_not_met(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where there are no machines."""
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    if any(True for _ in journal.rows(*_FORGETS)):
        return
    seen = _Asked(SitesInUse.at_first(spec))
    for farm in spec.machines.farms:
        seen.images[farm.name] = farm.image
        for role, count in farm.goals:
            if farm.load is None or role != FRONT_END:
                seen.goals[farm.name, role] = count
    for row in journal.rows(*_KINDS):
        if row.kind != "truth.end":
            _read(row, spec, seen)
            continue
        for sentence in _at_end(row, journal, spec, seen):
            yield CloudBreach(row.time_us, row.seq, "cloud 35", sentence)


def _read(row: Row, spec: Cloud, seen: _Asked) -> None:
    kind, v = row.kind, row.values
    if kind == "cloud.Notify":
        if v["notice"] in _WHY_NOT:
            seen.told.add(spec.networks[row.entity].name)
        return
    seen.last_us = row.time_us
    if kind == "truth.cloud_farm_goals":
        for role, count in json.loads(v["goals"]).items():
            seen.goals[v["farm"], role] = count
    elif kind == "truth.cloud_farm_upgrade":
        seen.images[v["farm"]] = v["image"]
    elif kind == "truth.cloud_machine":
        at = (v["site"], v["machine"])
        seen.runs.pop(at, None)
        if v["what"] == RUNNING:
            seen.runs[at] = (v["farm"], v["role"], v["image"])
    elif kind == "truth.cloud_manager":
        seen.is_up = bool(v["up"])
    elif kind == "truth.event" and v["begins"]:
        seen.on.add(v["number"])
    elif kind == "truth.event":
        seen.on.discard(v["number"])
    else:
        seen.sites.read(row)


def _at_end(
    row: Row, journal: Journal, spec: Cloud, seen: _Asked
) -> Iterator[str]:
    machines, active = spec.machines, seen.sites.active
    assert machines is not None
    if row.time_us - seen.last_us < calm_us(spec):
        return
    if seen.on or not seen.is_up or active in seen.sites.lost:
        return
    full = full_sides(journal, spec, seen.last_us, row.time_us)
    network_of = {farm.name: farm.network for farm in machines.farms}
    busy = {spec.networks[of].name for of, site in full if site == active}
    for (farm, role), goal in sorted(seen.goals.items()):
        network, image = network_of[farm], seen.images[farm]
        if network in seen.told or network in busy:
            continue
        mine = (farm, role, image)
        run = sum(
            at[0] == active and of == mine for at, of in seen.runs.items()
        )
        if run < goal:
            yield (
                f"{farm} has {counted(run, 'machine')} of role {role} with {image} at {active}: "
                f"the goal is {goal}, and no notice says why"
            )
