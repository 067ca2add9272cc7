"""`copies:`, the standbys of a service by name: each at a place of its own, with its own link.

Where nothing is written there is one standby, as `link`, `replication`, `secondary`, `replay` and
`recorded` say. A copy has the same of each section, and what it writes itself is laid over it. It
stands at the place that bears its name. The first one is preferred: a failover goes to the first
that can take over, in the order in which they are written.

The link of a pair of places is that of the standby of the two. A place without keys of its own (the
first primary's, or a new site's) has the usual link, costs and recorded series.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.fields.values import LONGEST_NAME, is_name
from dr_sim.scenario.keys.backup_stores import (
    as_seen_at_store,
    check_stores,
)
from dr_sim.scenario.keys.events import EventLine, FaultLine
from dr_sim.scenario.kind import ALL, PRIMARY
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.sources import merged
from dr_sim.scenario.reading.tree import Node

COPIES = "copies"
SECTIONS = ("link", "replication", "secondary", "replay", "recorded")
FIRST_PRIMARY = "A"
"""The place at which the primary is when the run begins."""
FIRST_SECONDARY = "B"
"""The place of the standby where no `copies` are written."""
MOST = 8
_EXAMPLE = "copies: {near: {}, far: {link: {bandwidth: 20 Mbit/s}}}"


# ---- from the file
def read_copies(tree: Node, problems: list[Problem]) -> None:
    """Give each copy whole sections: what it writes is laid over the scenario's own."""
    copies = tree.get(COPIES)
    if copies is None:
        return
    if not isinstance(copies.value, dict) or not copies.value:
        problems.append(
            copies.problem(
                f"copies: is a mapping of standbys by name, as in {_EXAMPLE}"
            )
        )
        del tree.value[COPIES]  # type: ignore[union-attr, arg-type]
        return
    if len(copies.value) > MOST:
        told = f"copies: {len(copies.value)} standbys are more than {MOST}; write fewer"
        problems.append(copies.problem(told))
    for name, copy in copies.value.items():
        _whole(name, copy, tree, problems)


def _whole(
    name: str, copy: Node, tree: Node, problems: list[Problem]
) -> None:
    where = f"copies.{name}"
    if name == FIRST_PRIMARY:
        told = f"{where}: {FIRST_PRIMARY} is the place of the first primary; write another name"
        problems.append(copy.key_problem(told))
    if not is_name(name):
        told = f"copies: {name[:40]!r} is no name; use 1 to {LONGEST_NAME} printable characters"
        problems.append(copy.key_problem(told))
    if copy.value is None:
        copy.value = {}
    if not isinstance(copy.value, dict):
        problems.append(
            copy.problem(f"{where}: is a mapping of {', '.join(SECTIONS)}")
        )
        copy.value = {}
    written = copy.value.get("replication")
    groups = written.get("groups") if written is not None else None
    usual_groups = tree.at(("replication", "groups"))
    if groups is not None and groups.plain() != usual_groups.plain():
        told = f"{where}.replication.groups: groups are the same for all copies"
        problems.append(
            groups.key_problem(f"{told}; write them under replication")
        )
        assert written is not None and isinstance(written.value, dict)
        del written.value["groups"]
    for section in SECTIONS:
        usual = tree.get(section)
        if usual is None:
            continue
        own = copy.value.get(section)
        base = deepcopy(usual)
        copy.value[section] = (
            base if own is None else merged(base, own, (section,))
        )


def told_once(problems: list[Problem]) -> list[Problem]:
    """Leave out a problem of a copy where the section that it shares has it already."""
    elsewhere = {
        (p.file, p.line, p.column)
        for p in problems
        if not p.message.startswith("copies.")
    }
    return [
        problem
        for problem in problems
        if not problem.message.startswith("copies.")
        or (problem.file, problem.line, problem.column) not in elsewhere
    ]


# ---- what several standbys do not go with
def check_copies(
    root: Any,
    tree: Node,
    lines: Sequence[EventLine | FaultLine],
    names: tuple[str, ...],
) -> Iterator[Problem]:
    """Find what is not supported with several standbys, and copies that nobody has named."""
    for line in lines:
        yield from _line(line, names)
    yield from check_stores(root, tree, lines)


def _line(
    line: EventLine | FaultLine, names: tuple[str, ...]
) -> Iterator[Problem]:
    if isinstance(line, EventLine):
        where = f"event {line.number}"
    else:
        where = f"faults.{line.kind.name}"
    if line.copy and not names:
        told = f"{where}: this scenario names no copies; leave out copy, or write {_EXAMPLE}"
        yield line.node.problem(told)
        return
    if line.copy and line.copy not in names:
        yield line.node.problem(
            f"{where}: unknown copy {line.copy!r}; {did_you_mean(line.copy, names)}"
        )
    if line.params is None or len(names) < 2:
        return
    affects = line.kind.whom(line.params)
    if not affects:
        told = f"{where}: {line.kind.name} does not go with several standbys yet"
        yield line.node.problem(
            f"{told}; leave it out, or all copies but one"
        )
    elif affects in _WHOM and line.copy:
        yield line.node.problem(
            f"{where}: {line.kind.name} affects {_WHOM[affects]}; leave out copy"
        )


_WHOM = {PRIMARY: "the primary", ALL: "all copies"}


# ---- for the world and the measures
def several(scenario: Scenario) -> bool:
    """Has the service more than one standby?"""
    return len(scenario.standbys) > 1


def copy_names(scenario: Scenario) -> list[str]:
    """Return the names under `copies`, as they are written; none where there are none."""
    return [spec.name for spec in scenario.standbys]


def first_places(scenario: Scenario) -> tuple[str, ...]:
    """Return where the standbys are when the run begins, the preferred one first."""
    return tuple(copy_names(scenario)) or (FIRST_SECONDARY,)


def as_seen_at(
    scenario: Scenario, place: str, rank: int = 0, of: int = 1
) -> Scenario:
    """Return the scenario as it is for the standby at a place. rank: its place in the order of
    those that there are, 0 is preferred; of: how many there are.
    """
    spec = next(
        (spec for spec in scenario.standbys if spec.name == place), None
    )
    if spec is None:
        return replace(scenario, rank=rank, ranks=of, draws_at="")
    first = spec is scenario.standbys[0]
    seen = replace(
        scenario,
        draws_at="" if first else place,
        link=spec.link,
        replication=spec.replication,
        secondary=spec.secondary,
        replay=spec.replay,
        recorded=spec.recorded,
        rank=rank,
        ranks=of,
    )
    return (
        seen if spec.store is None else as_seen_at_store(seen, spec.store)
    )
