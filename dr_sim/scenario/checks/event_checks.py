"""Tells what is wrong with the events and faults of a scenario although each of their values is
right by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.scenario.checks.checks import times_drawn, value_of
from dr_sim.scenario.checks.machine_checks import (
    farms_in,
    loads_in,
    physical_in,
)
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.fields.quantities import NEVER
from dr_sim.scenario.keys.cloud_keys import things_by_network, things_in
from dr_sim.scenario.keys.events import EventLine, FaultLine
from dr_sim.scenario.keys.standbys import FIRST_SECONDARY
from dr_sim.scenario.kind import RestOfScenario
from dr_sim.scenario.sites import site_name
from dr_sim.units import UnitError

MOST_FAULTS = 1_000_000
NO_MACHINES = "there are no machines; write physical, images and farms, or leave it out"
_MOST_OF_ONE_UNIT = (
    100  # a larger number of minutes or hours tells nobody a day
)
_STEPS = (
    ("day", "days", units.DAY_US),
    ("h", "h", units.HOUR_US),
    ("min", "min", units.MINUTE_US),
    ("s", "s", units.SECOND_US),
)
Line = TypeVar("Line", EventLine, FaultLine)
NO_CLOUD = "there is no cloud manager; write for example cloud: {}"


def check_events(
    lines: list[EventLine], start_utc_us: int, zone: str, run_for: int
) -> tuple[list[int], list[Problem]]:
    """The instant of each event, and what is wrong with them."""
    instants, problems = [], []
    for line in lines:
        try:
            at_us = (
                line.instant.resolve(start_utc_us, zone)
                if line.instant
                else 0
            )
            placed = getattr(line.params, "placed", None)
            if placed is not None:
                placed(start_utc_us, zone)
        except UnitError as wrong:  # a date with another day of the week
            at_us = 0
            problems.append(
                line.node.problem(f"event {line.number}: {wrong}")
            )
        instants.append(at_us)
        if at_us < 0:
            early = _in_words(-at_us)
            problems.append(
                line.node.problem(
                    f"event {line.number}: is {early} before the start, which is "
                    f"{_date(start_utc_us, zone)}; write a later instant, or another start"
                )
            )
        elif at_us >= run_for and line.instant:
            late = _Late("would never happen: it is", at_us, "")
            problems.append(late.problem(line, run_for))
        elif (late_us := _last_us(line, at_us)) >= run_for:
            late = _Late(
                "would do nothing: what it is for happens",
                late_us,
                "a shorter time ",
            )
            problems.append(late.problem(line, run_for))
    return instants, problems


def _date(utc_us: int, zone: str) -> str:
    """'2026-01-05 00:00', in that time zone."""
    utc = datetime.fromtimestamp(utc_us / units.SECOND_US, UTC)
    return utc.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def _in_words(us: int) -> str:
    """Return a duration as one says it: '4 days 2 h 5 min', and not '5885 min'."""
    exact = units.format_duration(us)
    if (
        len(exact.split()) > 2
        or float(exact.split()[0]) < _MOST_OF_ONE_UNIT
    ):
        return exact
    parts, rest = [], us
    for one, many, factor in _STEPS:
        count, rest = divmod(rest, factor)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return " ".join(parts) or exact


@dataclass(frozen=True, slots=True)
class _Late:
    """An instant after the end of the run: what is wrong with it, and what else would be right."""

    wrong: str
    at_us: int
    other: str

    def problem(self, line: EventLine, run_for: int) -> Problem:
        late = _in_words(self.at_us)
        ends = units.format_duration(run_for)
        right = "an earlier instant"
        right += f", {self.other}" if self.other else " "
        return line.node.problem(
            f"event {line.number}: {self.wrong} {late} after the start, and the run ends "
            f"after {ends}; write {right}or a longer run_for"
        )


def _last_us(line: EventLine, at_us: int) -> int:
    """Return when that happens for which an event is there; its instant where that is drawn."""
    law = line.kind.last(line.params) if line.params is not None else None
    if law is None or law.kind != "fixed" or not line.instant:
        return -1
    return at_us + int(law.a)


def check_lost(
    lines: list[EventLine], instants: list[int], root: Any
) -> list[Problem]:
    """Find what happens to a primary that is lost: where no new recovery network follows, it is
    lost once, and nothing can be done to it afterwards. Where there are several standbys, another
    one stands behind the next primary; and a store stands behind what was restored from it.
    """
    if value_of(value_of(root, "after_failover"), "new_secondary") != NEVER:
        return []
    copies: Any = value_of(root, "copies") or {}
    if len(copies) > 1 or any(
        value_of(keys, "store") for keys in copies.values()
    ):
        return []
    problems: list[Problem] = []
    losses: list[EventLine] = []
    databases = value_of(root, "databases") or {}
    for line in _in_time(lines, instants):
        if line.kind.brings_back:
            losses = _still_lost(line, losses)
        if line.kind.loses:
            before = next(
                (loss for loss in losses if _takes(loss, line)), None
            )
        elif line.kind.needs_primary:
            before = next(
                (
                    loss
                    for loss in losses
                    if _has_taken(
                        loss, value_of(line.params, "database"), databases
                    )
                ),
                None,
            )
        else:
            continue
        if before is not None:
            told = (
                f"event {line.number}: {line.kind.name} would change nothing: event "
                f"{before.number} has taken the {value_of(before.params, 'what')}"
            )
            problems.append(
                line.node.problem(
                    f"{told}; write an earlier instant, or leave it out"
                )
            )
        elif line.kind.loses and line.params is not None:
            losses.append(line)
    return problems


def _in_time(
    lines: list[EventLine], instants: list[int]
) -> list[EventLine]:
    each = sorted(
        zip(instants, lines, strict=True),
        key=lambda pair: (pair[0], pair[1].number),
    )
    return [line for _, line in each]


def check_returns(
    lines: list[EventLine], faults: list[FaultLine], instants: list[int]
) -> list[Problem]:
    """Find what comes back without having been lost, and sites that there are not. A loss that is
    drawn may have come before.
    """
    problems = []
    drawn = any(line.kind.loses for line in faults)
    lost: list[EventLine] = []
    for line in _in_time(lines, instants):
        if line.kind.loses and line.params is not None:
            lost.append(line)
        if not line.kind.brings_back or line.params is None:
            continue
        told = (
            _no_such_site(line, lines)
            if drawn
            else _comes_from_nowhere(line, lines, lost)
        )
        if told:
            problems.append(
                line.node.problem(
                    f"event {line.number}: {line.kind.name}: {told}"
                )
            )
        lost = _still_lost(line, lost)
    return problems


def _comes_from_nowhere(
    line: EventLine, lines: list[EventLine], lost: list[EventLine]
) -> str:
    """Say what is wrong with it; '' if something that it brings back is lost by then."""
    told = _no_such_site(line, lines)
    of_site = line.kind.brings_back == "site"
    found = any(
        _loses_a_site(x) if of_site else _brings_back(line, x) for x in lost
    )
    if told or found:
        return told
    what, machine = line.kind.brings_back, value_of(line.params, "machine")
    if any(value_of(loss.params, "what") == "site" for loss in lost):
        return "the whole site is lost by then; write site_returns"
    if what == "site" and any(
        value_of(loss.params, "what") == "host" for loss in lost
    ):
        return "no site is lost by then, only a host; write host_returns"
    named = f"machine {machine!r}" if machine else f"a {what}"
    return f"{named} must be lost first; write a later instant, or an event lose: {what} before it"


def _no_such_site(line: EventLine, lines: list[EventLine]) -> str:
    site = value_of(line.params, "site")
    losses = sum(1 for each in lines if _loses_a_site(each))
    names = tuple(site_name(number) for number in range(2 + losses))
    if site is None or site in names:
        return ""
    return f"unknown site {site!r}; {did_you_mean(site, names)}"


def _loses_a_site(line: EventLine) -> bool:
    return bool(line.kind.loses) and value_of(line.params, "what") == "site"


def _still_lost(line: EventLine, lost: list[EventLine]) -> list[EventLine]:
    """The losses that a return leaves: one site comes back at a time, the last one first."""
    found = [loss for loss in lost if not _brings_back(line, loss)]
    sites = [loss for loss in lost if _loses_a_site(loss)]
    return found + sites[:-1] if line.kind.brings_back == "site" else found


def _brings_back(line: EventLine, loss: EventLine) -> bool:
    """Return whether what that loss took is there again by it. Data that were destroyed are not."""
    what = value_of(loss.params, "what")
    if line.kind.brings_back == "site":
        return what in ("site", "host")
    machines = {value_of(each.params, "machine") for each in (line, loss)}
    return what == "host" and (None in machines or len(machines) == 1)


def _takes(loss: EventLine, later: EventLine) -> bool:
    """Had that loss taken all that the later one would take?"""
    what = value_of(loss.params, "what")
    if what == "site":
        return True
    then = value_of(later.params, "what")
    if what == then:
        key = {"host": "machine", "database": "database"}[what]
        return value_of(loss.params, key) in (
            None,
            value_of(later.params, key),
        )
    return bool(
        what == "host"
        and then == "database"
        and value_of(loss.params, "machine") is None
    )


def _has_taken(
    loss: EventLine, database: str | None, databases: Any
) -> bool:
    """Return whether that database at the primary is lost by it."""
    what = value_of(loss.params, "what")
    if what == "database":
        return value_of(loss.params, "database") in (None, database)
    return bool(
        what == "site"
        or value_of(loss.params, "machine")
        in (None, value_of(databases.get(database), "machine"))
    )


def with_logs(
    lines: list[Line], databases: Any, problems: list[Problem]
) -> list[Line]:
    """Return the lines without those about the log backups of a database that takes none. Only a
    line that names all databases may leave some out, and it must keep one; else it is a problem.
    """
    found: list[Line] = []
    left_out: list[Line] = []
    for line in lines:
        to = left_out if _has_no_log(line, databases) else found
        to.append(line)
    keep_one = {id(line.node) for line in found}
    told: dict[str, Problem] = {}
    for line in left_out:
        if not line.of_all or id(line.node) not in keep_one:
            problem = line.node.problem(_takes_no_logs(line))
            told.setdefault(str(problem), problem)
    problems.extend(told.values())
    return found


def _has_no_log(line: EventLine | FaultLine, databases: Any) -> bool:
    """Return whether it is about the log backups of a database that takes none."""
    if (
        not line.kind.needs_log
        or getattr(line.params, "kind", "log") != "log"
    ):
        return False
    name = getattr(line.params, "database", None)
    log = value_of((databases or {}).get(name), "log")
    return log is not None and log.kind == "none"


def _takes_no_logs(line: EventLine | FaultLine) -> str:
    name = value_of(line.params, "database")
    takes = "no database takes" if line.of_all else f"{name} takes no"
    right = "leave it out" if line.of_all else "name a database that does"
    return f"{_where(line)}: {takes} log backups (log: none), so nothing can happen to one; {right}"


def check_kinds(
    lines: Sequence[EventLine | FaultLine],
    events: list[EventLine],
    root: Any,
) -> list[Problem]:
    """Ask each line's own kind what is wrong with its parameters in this scenario."""
    engine = value_of(root, "engine")
    around = RestOfScenario(
        value_of(engine, "kind") or "",
        value_of(engine, "imitates") or "",
        things_in(root),
        tuple(value_of(root, "databases") or ()),
        [(line.kind, line.params) for line in events],
        *_places(value_of(root, "copies") or {}),
        networks=things_by_network(root),
        farms=farms_in(root),
        loads=loads_in(root),
        images=tuple(value_of(root, "images") or ()),
        physical=physical_in(root),
        sizes=_sizes(value_of(root, "databases") or {}),
        tenants=_tenants(value_of(root, "databases") or {}),
    )
    problems = []
    for line in lines:
        if line.params is None:
            continue
        if line.kind.needs_cloud and not around.things:
            wrong = [NO_CLOUD]
        elif line.kind.needs_machines and not around.farms:
            wrong = [NO_MACHINES]
        else:
            wrong = line.kind.check(line.params, around)
        for told in wrong:
            problems.append(line.node.problem(f"{_where(line)}: {told}"))
    return problems


def _sizes(databases: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes that could be read."""
    sizes = {name: value_of(of, "size") for name, of in databases.items()}
    return {name: size for name, size in sizes.items() if size}


def _tenants(databases: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return whose data each database holds, as far as that could be read."""
    return {
        name: tuple(value_of(of, "tenants") or ())
        for name, of in databases.items()
    }


def _places(
    copies: Mapping[str, Any],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the places of standbys, and those of stores."""
    if not copies:
        return (FIRST_SECONDARY,), ()
    stores = [name for name in copies if value_of(copies[name], "store")]
    standbys = [name for name in copies if name not in stores]
    return tuple(standbys), tuple(stores)


def _where(line: EventLine | FaultLine) -> str:
    """Name a line as people find it in their file."""
    if isinstance(line, EventLine):
        return f"event {line.number}: {line.kind.name}"
    return f"faults.{line.kind.name}"


def check_faults(
    lines: list[FaultLine], run_for: int, windows: Any
) -> list[Problem]:
    problems = []
    start = value_of(windows, "start")
    for line in lines:
        if (
            line.together.in_change_windows is not None
            and start is not None
            and start.kind == "none"
        ):
            told = (
                f"faults.{line.kind.name}.in_change_windows: there are no change windows; write "
                f"change_windows: {{start: weekly Tue 21:00}}"
            )
            problems.append(line.node.problem(told))
        times = times_drawn(line, run_for)
        if times > MOST_FAULTS:
            told = (
                f"faults.{line.kind.name}.rate: would draw about {times:,} faults, "
                f"more than {MOST_FAULTS:,}; write fewer"
            )
            problems.append(line.node.problem(told))
    return problems
