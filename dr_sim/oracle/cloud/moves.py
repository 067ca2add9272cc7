"""The witness of the moves of an upgrade (law 28 of docs/machines.md): databases are moved to
machines that run.

A move is ordered when its job is first saved. At that instant as many machines of the new image run
at the active side as the farm's goals say. Those that died so short a time ago that nobody can have
noticed count as running. Nothing is said once the store was put back to an old copy: it may hold
orders of another time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.formatting.words import counted
from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.sites import SITE_ROWS, SitesInUse
from dr_sim.oracle.cloud.told import RUNNING, Place
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.machine_model import Farm, Machines
from dr_sim.scenario.model import Scenario

_MOVE = "job/move/"
_KINDS = (
    "cloud.ReportUpgrade",
    "cloud.SaveAll",
    "truth.cloud_farm_goals",
    "truth.cloud_machine",
    "truth.cloud_store_restored",
    *SITE_ROWS,
)
_ON_ITS_WAY_US = 10_000_000
"""How long the news that a machine is silent may be on its way."""


@dataclass(slots=True)
class _MachinesSeen:
    """Holds what is known at a row. runs: farm, role and image of each machine that runs, or died a
    short time ago. died_us: of those that died. goals: that were set, by farm and role. to: the
    image of each farm's upgrade. ordered: the moves that were.
    """

    sites: SitesInUse
    runs: dict[Place, tuple[str, str, str]] = field(default_factory=dict)
    died_us: dict[Place, int] = field(default_factory=dict)
    goals: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    to: dict[str, str] = field(default_factory=dict)
    ordered: set[str] = field(default_factory=set)


def moves_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where no farm is upgraded."""
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    if not any(journal.rows("truth.cloud_farm_upgrade")):
        return
    seen = _MachinesSeen(SitesInUse.at_first(spec))
    for row in journal.rows(*_KINDS):
        if row.kind == "truth.cloud_store_restored":
            return
        if row.kind != "cloud.SaveAll":
            _take_up(row, seen)
        elif _MOVE in row.values["entries"]:
            for sentence in _ordered(row, spec.machines, seen):
                yield CloudBreach(
                    row.time_us, row.seq, "cloud 28", sentence
                )


def _take_up(row: Row, seen: _MachinesSeen) -> None:
    v = row.values
    if row.kind == "cloud.ReportUpgrade":
        seen.to[v["farm"]] = v["image"]
    elif row.kind == "truth.cloud_farm_goals":
        for role, count in json.loads(v["goals"]).items():
            seen.goals.setdefault((v["farm"], role), []).append(count)
    elif row.kind == "truth.cloud_machine":
        at: Place = (v["site"], v["machine"])
        seen.died_us.pop(at, None)
        if v["what"] == RUNNING:
            seen.runs[at] = (v["farm"], v["role"], v["image"])
        elif v["what"] == "down" and at in seen.runs:
            seen.died_us[at] = row.time_us
        else:
            seen.runs.pop(at, None)
    else:
        seen.sites.read(row)


def _ordered(
    row: Row, machines: Machines, seen: _MachinesSeen
) -> Iterator[str]:
    """Look at the moves that are ordered by this row."""
    for key, _ in pairs_from_text(row.values["entries"]):
        if not key.startswith(_MOVE) or key in seen.ordered:
            continue
        seen.ordered.add(key)
        of = key.removeprefix(_MOVE)
        for farm in machines.farms:
            to = seen.to.get(farm.name, "")
            # those that are mirrored, or continue at another side, were ordered before
            follows = ">" in of or "@" in of
            if to and of.startswith(f"{farm.name}/{to}/") and not follows:
                yield from _lacking(of, farm, row.time_us, machines, seen)


def _lacking(
    move: str,
    farm: Farm,
    now_us: int,
    machines: Machines,
    seen: _MachinesSeen,
) -> Iterator[str]:
    """Say which role of a farm lacks machines that run."""
    site, to = seen.sites.active, seen.to[farm.name]
    since_us = now_us - machines.silent_us - _ON_ITS_WAY_US
    run = Counter(
        role
        for at, (name, role, image) in seen.runs.items()
        if (at[0], name, image) == (site, farm.name, to)
        and seen.died_us.get(at, now_us) >= since_us
    )
    for role, goal in farm.goals:
        least = min(goal, *seen.goals.get((farm.name, role), [goal]))
        if run[role] < least:
            yield (
                f"move/{move} is ordered with {counted(run[role], 'machine')} of role {role} on "
                f"{to} at {site}: the goal is {least}"
            )
