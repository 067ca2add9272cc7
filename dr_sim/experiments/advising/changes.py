"""The usual changes to a service that recovers by log shipping, as keys to set.

Each one is made from what the scenario says now: a link twice as wide is twice its own. A change
that would change nothing (priority where logs have it already) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dr_sim.errors import Problem
from dr_sim.experiments.advising.costs import (
    cost_of_links,
    cost_of_retention,
)
from dr_sim.experiments.advising.more_copies import one_more_copy
from dr_sim.experiments.advising.usual_change import UsualChange, step
from dr_sim.scenario.keys.copies import COPIES
from dr_sim.scenario.keys.standbys import several
from dr_sim.scenario.model import (
    DatabaseSpec,
    Scenario,
    Schedule,
    StandbySpec,
)
from dr_sim.scenario.reading.sources import read_tree
from dr_sim.scenario.reading.tree import Node
from dr_sim.units import (
    DAY_US,
    MINUTE_US,
    SECOND_US,
    format_bandwidth,
    format_duration,
)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_QUARTER_US = 15 * MINUTE_US
_SHORTEST_LOG_US = MINUTE_US
"""Log shipping jobs run at whole minutes."""


@dataclass(frozen=True, slots=True)
class WrittenDatabase:
    """A database as it stands in the file. one: a database of the run that it made. number: how
    many it made.
    """

    name: str
    one: DatabaseSpec
    number: int


@dataclass(frozen=True, slots=True)
class _ScenarioFile:
    """A scenario, and the tree of the file that it was made of."""

    scenario: Scenario
    tree: Node

    def each_own(
        self, section: str, key: str, attribute: str, stores: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Yield ('link', value) of a section and ('copies.far.link', value) of each copy that
        writes that key itself; without the first where all copies do. stores: of stores too.
        """
        own = []
        inherited = not self.scenario.standbys
        for spec in self.scenario.standbys:
            if spec.store is not None and not stores:
                continue
            if self._writes(spec.name, section, key):
                where = f"{COPIES}.{step(spec.name)}.{section}"
                own.append((where, getattr(spec, section)))
            else:
                inherited = True
        if inherited:
            yield (
                section,
                getattr(getattr(self.scenario, section), attribute),
            )
        for where, keys in own:
            yield where, getattr(keys, attribute)

    def recorded_links(self) -> list[str]:
        """Return the sections, as in each_own, whose bandwidth is in no use: the links that it is
        for have a recorded one.
        """
        usual: list[Scenario | StandbySpec] = []
        recorded = []
        for spec in self.scenario.standbys:
            if not self._writes(spec.name, "link", "bandwidth"):
                usual.append(spec)
            elif spec.recorded.link.values:
                recorded.append(f"{COPIES}.{step(spec.name)}.link")
        if all(
            each.recorded.link.values for each in usual or [self.scenario]
        ):
            recorded.append("link")
        return recorded

    def _writes(self, copy: str, *path: str) -> bool:
        here = self.tree.get(COPIES)
        for name in (copy, *path):
            here = here.get(name) if here is not None else None
        return here is not None


def usual_changes(
    path: Path | str, scenario: Scenario, overrides: Sequence[str] = ()
) -> list[UsualChange]:
    """Return the changes that could make a difference to this scenario, the plainest first."""
    ignored: list[Problem] = []
    tree = read_tree(str(path), tuple(overrides), (), ignored)
    assert tree is not None, "it has been loaded"
    file = _ScenarioFile(scenario, tree)
    databases = _written(file)
    return [
        *_wider_link(file),
        *_priority(file),
        *_more_logs(databases),
        *_more_workers(file),
        *_staggered_fulls(scenario, databases),
        *_no_delay(file),
        *_longer_retention(file),
        *_automatic(scenario),
        *_by_policy(scenario),
        *one_more_copy(path, scenario, overrides),
    ]


def _written(file: _ScenarioFile) -> list[WrittenDatabase]:
    """Return the databases by the names in the file, which are the names that `--set` takes."""
    databases = file.scenario.databases
    by_name = {database.name: database for database in databases}
    found = []
    written = file.tree.get("databases")
    for name, node in written.items() if written is not None else ():
        if node.get(COPIES) is None:
            found.append(WrittenDatabase(name, by_name[name], 1))
            continue
        alike = [d for d in databases if d.name.rpartition("-")[0] == name]
        found.append(WrittenDatabase(name, alike[0], len(alike)))
    return found


# ---- the changes
def _wider_link(file: _ScenarioFile) -> Iterator[UsualChange]:
    scenario = file.scenario
    recorded = file.recorded_links()
    sets = [
        f"{link}.bandwidth={format_bandwidth(2 * now)}"
        for link, now in file.each_own(
            "link", "bandwidth", "bandwidth_bit_s"
        )
        if link not in recorded
    ]
    if not sets:
        return
    name = "a link twice as wide"
    if len(scenario.standbys) > 1:
        name = "links twice as wide"
    yield UsualChange(name, tuple(sets), cost_of_links(scenario))


def _priority(file: _ScenarioFile) -> Iterator[UsualChange]:
    sets = [
        f"{link}.sharing=priority"
        for link, now in file.each_own("link", "sharing", "sharing")
        if now != "priority"
    ]
    if sets:
        yield UsualChange("priority to logs on the link", tuple(sets))


def _more_logs(
    databases: Sequence[WrittenDatabase],
) -> Iterator[UsualChange]:
    sets = []
    for each in databases:
        log = each.one.log
        if log.kind == "every" and log.interval_us >= 2 * _SHORTEST_LOG_US:
            interval = format_duration(log.interval_us // 2)
            sets.append(f"databases.{step(each.name)}.log=every {interval}")
    if sets:
        yield UsualChange("log backups twice as often", tuple(sets))


def _more_workers(file: _ScenarioFile) -> Iterator[UsualChange]:
    sets = [
        f"{replay}.workers={2 * now}"
        for replay, now in file.each_own("replay", "workers", "workers")
        if len(file.scenario.databases) > now
    ]
    if sets:
        yield UsualChange("twice as many restore workers", tuple(sets))


def _staggered_fulls(
    scenario: Scenario, databases: Sequence[WrittenDatabase]
) -> Iterator[UsualChange]:
    """Fulls that start together start one after the other, each when the one before has been sent.

    Copies of one database share its schedule, so they cannot be told apart here.
    """
    together: dict[Schedule, list[WrittenDatabase]] = {}
    for each in databases:
        if _once_a_day(each.one.full) and each.number == 1:
            together.setdefault(each.one.full, []).append(each)
    sets: list[str] = []
    for schedule, group in together.items():
        later_us = 0
        for each in group:
            if later_us:
                text = _schedule_text(schedule, later_us)
                sets.append(f"databases.{step(each.name)}.full={text}")
            later_us += _sending_us(scenario, each.one)
    if sets:
        yield UsualChange("fulls one after the other", tuple(sets))


def _once_a_day(schedule: Schedule) -> bool:
    """Return whether it is daily, or weekly on one day, at one time."""
    once = len(schedule.times_us) == 1
    return once and (
        schedule.kind == "daily"
        or (len(schedule.weekdays) == 1 and not schedule.nth)
    )


def _sending_us(scenario: Scenario, database: DatabaseSpec) -> int:
    """Return how long the full has the link for itself, in whole quarters of an hour."""
    bits = 8 * database.size_bytes
    us = bits * SECOND_US // scenario.link.bandwidth_bit_s
    return -(-us // _QUARTER_US) * _QUARTER_US


def _schedule_text(schedule: Schedule, later_us: int) -> str:
    days, at_us = divmod(schedule.times_us[0] + later_us, DAY_US)
    hours, minutes = divmod(at_us // MINUTE_US, 60)
    day = "daily"
    if schedule.kind == "weekly":
        day = f"weekly {_DAYS[(schedule.weekdays[0] + days) % 7]}"
    return f"{{at: {day} {hours:02}:{minutes:02}, zone: {schedule.zone}}}"


def _no_delay(file: _ScenarioFile) -> Iterator[UsualChange]:
    sets = [
        f"{replay}.delay=0 s"
        for replay, now in file.each_own(
            "replay", "delay", "delay_us", False
        )
        if now
    ]
    if sets:
        yield UsualChange("no replay delay", tuple(sets))


def _longer_retention(file: _ScenarioFile) -> Iterator[UsualChange]:
    """All sides keep files for twice as long. What they keep more is what the backups offer."""
    scenario = file.scenario
    kept = [("primary", scenario.primary.retention_us)]
    kept += file.each_own("secondary", "retention", "retention_us", False)
    for spec in scenario.standbys:
        if spec.store is not None:
            place = f"{COPIES}.{step(spec.name)}.store"
            kept.append((place, spec.store.retention_us))
    sets = [
        f"{where}.retention={format_duration(2 * now)}"
        for where, now in kept
    ]
    yield UsualChange(
        "backups kept twice as long",
        tuple(sets),
        cost_of_retention(scenario),
    )


def _automatic(scenario: Scenario) -> Iterator[UsualChange]:
    if scenario.failover.mode != "automatic":
        yield UsualChange(
            "failover without asking a person", ("failover.mode=automatic",)
        )


def _by_policy(scenario: Scenario) -> Iterator[UsualChange]:
    """Have what each of several copies offers say which takes over, not their order."""
    if not several(scenario):
        return
    for policy, name in (
        ("least_loss", "the copy that loses least takes over"),
        ("fastest", "the fastest copy takes over"),
    ):
        if scenario.failover.choose.policy != policy:
            yield UsualChange(name, (f"failover.choose={policy}",))
