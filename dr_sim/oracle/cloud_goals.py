"""The witness of goals: how many machines must run before one more may go.

It reads what really runs, what people have set, and what the manager saved. The number is that of
docs/machines.md: 24 a machine that runs goes because fewer are wanted only if as many others of its
farm and role run there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud_breach import CloudBreach
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.model import Scenario

Place = tuple[str, str]  # a site and a machine there
Broken = Iterator[tuple[int, str]]
_REMOVES = "job/remove "
_RUNNING = "running"
_KINDS = (
    "cloud.MachinesSilent",
    "cloud.MachinesBack",
    "cloud.MachinesRead",
    "cloud.ReportUpgrade",
    "cloud.SaveAll",
    "truth.cloud_farm_goals",
    "truth.cloud_farm_upgrade",
    "truth.cloud_machine",
    "truth.cloud_store_restored",
)


@dataclass(slots=True)
class _HasRun:
    """A machine that runs, or has run."""

    farm: str
    role: str
    up: bool = True


@dataclass(slots=True)
class _Goals:
    """Holds what has been read of the journal so far. there: machines that have run. silent: those
    of which the manager was told that they do not answer. removed: those that it has ordered to be
    removed. goals: each one so far, by farm and role. upgraded: farms that ever were; upgrading:
    farms whose upgrade goes on.
    """

    there: dict[Place, _HasRun] = field(default_factory=dict)
    silent: set[Place] = field(default_factory=set)
    removed: set[Place] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)
    goals: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    upgraded: set[str] = field(default_factory=set)
    upgrading: set[str] = field(default_factory=set)


def goals_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where there are no machines."""
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    seen = _Goals()
    for farm in spec.machines.farms:
        for role, count in farm.goals:
            seen.goals[farm.name, role] = [count]
    for row in journal.rows(*_KINDS):
        for number, sentence in _row(row, seen):
            yield CloudBreach(
                row.time_us, row.seq, f"cloud {number}", sentence
            )


def _row(row: Row, seen: _Goals) -> Broken:
    kind, v = row.kind, row.values
    if kind == "cloud.MachinesSilent":
        seen.silent.update(_named(v))
    elif kind == "cloud.MachinesBack":
        seen.silent.difference_update(_named(v))
    elif kind == "cloud.MachinesRead":
        _read(v, seen)
    elif kind == "truth.cloud_farm_goals":
        for role, count in json.loads(v["goals"]).items():
            seen.goals.setdefault((v["farm"], role), []).append(count)
    elif kind == "truth.cloud_farm_upgrade":
        seen.upgraded.add(v["farm"])
        seen.upgrading.add(v["farm"])
    elif kind == "cloud.ReportUpgrade":
        if v["phase"] == "over":
            seen.upgrading.discard(v["farm"])
    elif kind == "truth.cloud_store_restored":
        seen.upgrading = set(seen.upgraded)  # it may go on with one
    elif kind == "truth.cloud_machine":
        _machine(v, seen)
    else:
        yield from _saved(row, seen)


def _named(v: dict[str, str]) -> list[Place]:
    return [(v["site"], name) for name in json.loads(v["machines"])]


def _read(v: dict[str, str], seen: _Goals) -> None:
    """Take up what a site has told of all its machines."""
    if not v["machines"]:
        return
    for name, state, *_ in json.loads(v["machines"])["machines"]:
        at = (v["site"], name)
        if state == _RUNNING:
            seen.silent.discard(at)
        else:
            seen.silent.add(at)


def _machine(v: dict[str, str], seen: _Goals) -> None:
    at: Place = (v["site"], v["machine"])
    if v["what"] == _RUNNING:
        there = seen.there.setdefault(at, _HasRun(v["farm"], v["role"]))
        there.up = True
    elif v["what"] == "removed":
        seen.there.pop(at, None)
    elif at in seen.there:
        seen.there[at].up = False


def _saved(row: Row, seen: _Goals) -> Broken:
    """Look at each machine that the manager orders to be removed."""
    entries = row.values["entries"]
    if _REMOVES not in entries:
        return
    for key, value in pairs_from_text(entries):
        if not key.startswith(_REMOVES) or not value or key in seen.jobs:
            continue
        seen.jobs.add(key)
        _, _, _, site, machine, *_ = json.loads(value)
        at = (site, machine)
        first = at not in seen.removed
        seen.removed.add(at)
        if first:
            yield from _goes(at, seen)


def _goes(at: Place, seen: _Goals) -> Broken:
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
    if others < wanted:
        yield (
            24,
            f"{at[1]} at {at[0]} is removed, and {others} others run, where {wanted} are wanted",
        )
