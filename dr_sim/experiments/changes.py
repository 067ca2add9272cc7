"""The usual changes to a service that recovers by log shipping, as keys to set.

Each one is made from what the scenario says now: a link twice as wide is twice its own. A change
that would change nothing (priority where logs have it already) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dr_sim.errors import Problem
from dr_sim.scenario.copies import COPIES
from dr_sim.scenario.model import DatabaseSpec, Scenario, Schedule
from dr_sim.scenario.sources import read_tree
from dr_sim.units import (
    DAY_US,
    MINUTE_US,
    SECOND_US,
    format_bandwidth,
    format_duration,
)
from dr_sim.world.offered import offered

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_QUARTER_US = 15 * MINUTE_US
_SHORTEST_LOG_US = MINUTE_US
"""Log shipping jobs run at whole minutes."""
_MONTH_US = Fraction(365 * DAY_US, 12)
_GB_BITS = 8 * 10**9


@dataclass(frozen=True, slots=True)
class UsualChange:
    """One change. sets: as after `--set`. cost: more money a month, in millionths of the unit in
    which the scenario's prices are; None: a price is not known.
    """

    name: str
    sets: tuple[str, ...]
    cost: int | None = 0


@dataclass(frozen=True, slots=True)
class WrittenDatabase:
    """A database as it stands in the file. one: a database of the run that it made. number: how
    many it made.
    """

    name: str
    one: DatabaseSpec
    number: int


def usual_changes(
    path: Path | str, scenario: Scenario, overrides: Sequence[str] = ()
) -> list[UsualChange]:
    """Return the changes that could make a difference to this scenario, the plainest first."""
    databases = _written(path, scenario, overrides)
    return [
        *_wider_link(scenario),
        *_priority(scenario),
        *_more_logs(databases),
        *_more_workers(scenario),
        *_staggered_fulls(scenario, databases),
        *_no_delay(scenario),
        *_longer_retention(scenario),
        *_automatic(scenario),
    ]


def _written(
    path: Path | str, scenario: Scenario, overrides: Sequence[str]
) -> list[WrittenDatabase]:
    """Return the databases by the names in the file, which are the names that `--set` takes."""
    ignored: list[Problem] = []
    tree = read_tree(str(path), tuple(overrides), (), ignored)
    by_name = {database.name: database for database in scenario.databases}
    found = []
    written = tree.get("databases") if tree is not None else None
    for name, node in written.items() if written is not None else ():
        if node.get(COPIES) is None:
            found.append(WrittenDatabase(name, by_name[name], 1))
            continue
        alike = [
            d
            for d in scenario.databases
            if d.name.rpartition("-")[0] == name
        ]
        found.append(WrittenDatabase(name, alike[0], len(alike)))
    return found


# ---- the changes
def _wider_link(scenario: Scenario) -> Iterator[UsualChange]:
    if scenario.recorded_link.values:
        return
    now = scenario.link.bandwidth_bit_s
    price = scenario.prices.link
    cost = None if price < 0 else price * now // 10**6
    yield UsualChange(
        "a link twice as wide",
        (f"link.bandwidth={format_bandwidth(2 * now)}",),
        cost,
    )


def _priority(scenario: Scenario) -> Iterator[UsualChange]:
    if scenario.link.sharing != "priority":
        yield UsualChange(
            "priority to logs on the link", ("link.sharing=priority",)
        )


def _more_logs(
    databases: Sequence[WrittenDatabase],
) -> Iterator[UsualChange]:
    sets = []
    for each in databases:
        log = each.one.log
        if log.kind == "every" and log.interval_us >= 2 * _SHORTEST_LOG_US:
            interval = format_duration(log.interval_us // 2)
            sets.append(f"databases.{each.name}.log=every {interval}")
    if sets:
        yield UsualChange("log backups twice as often", tuple(sets))


def _more_workers(scenario: Scenario) -> Iterator[UsualChange]:
    workers = scenario.replay.workers
    if len(scenario.databases) > workers:
        yield UsualChange(
            "twice as many restore workers",
            (f"replay.workers={2 * workers}",),
        )


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
                sets.append(f"databases.{each.name}.full={text}")
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


def _no_delay(scenario: Scenario) -> Iterator[UsualChange]:
    if scenario.replay.delay_us:
        yield UsualChange("no replay delay", ("replay.delay=0 s",))


def _longer_retention(scenario: Scenario) -> Iterator[UsualChange]:
    """Both sides keep files for twice as long. What they keep more is what the backups offer."""
    primary = scenario.primary.retention_us
    secondary = scenario.secondary.retention_us
    sets = (
        f"primary.retention={format_duration(2 * primary)}",
        f"secondary.retention={format_duration(2 * secondary)}",
    )
    price = scenario.prices.storage
    bits = Fraction(
        offered(scenario).total * (primary + secondary), SECOND_US
    )
    cost = None if price < 0 else round(price * bits / _GB_BITS)
    yield UsualChange("backups kept twice as long", sets, cost)


def _automatic(scenario: Scenario) -> Iterator[UsualChange]:
    if scenario.failover.mode != "automatic":
        yield UsualChange(
            "failover without asking a person", ("failover.mode=automatic",)
        )


def cost_now(scenario: Scenario) -> int | None:
    """Return what the service's recovery costs a month as it is: link, kept backups, one standby
    machine and what is sent, in millionths of the money's unit. None: a price is not known.
    """
    prices = scenario.prices
    if min(prices.link, prices.storage, prices.machine, prices.egress) < 0:
        return None
    offered_bit_s = offered(scenario).total
    kept_us = (
        scenario.primary.retention_us + scenario.secondary.retention_us
    )
    link = prices.link * scenario.link.bandwidth_bit_s // 10**6
    kept = round(
        prices.storage
        * Fraction(offered_bit_s * kept_us, SECOND_US)
        / _GB_BITS
    )
    sent = round(
        prices.egress
        * Fraction(offered_bit_s)
        * _MONTH_US
        / SECOND_US
        / _GB_BITS
    )
    return link + kept + sent + prices.machine
