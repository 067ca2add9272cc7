"""One more copy, as a change: a second standby at another place, and a store where there is none.

The new copy has the scenario's own sections (`link`, `replication` ...). It is written behind the
others, so that what affects the first copy affects the same one as before. Only where there are
nothing but stores the new standby is written before them, because places take over in
the order in which they are written; then every event that names no copy is given the store's name,
so that the luck is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dr_sim.errors import InputError, Problem
from dr_sim.experiments.advising.costs import (
    CopyCost,
    costs_of_copies,
    parts_of_copy,
    sum_of_parts,
)
from dr_sim.experiments.advising.usual_change import UsualChange, step
from dr_sim.loading import load_scenario
from dr_sim.scenario.keys.standbys import (
    COPIES,
    FIRST_SECONDARY,
    MOST,
    copy_names,
)
from dr_sim.scenario.kind import COPY
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.sources import read_tree
from dr_sim.scenario.reading.tree import Node

_STANDBY, _STORE = "another", "another-store"


def one_more_copy(
    path: Path | str, scenario: Scenario, overrides: Sequence[str] = ()
) -> Iterator[UsualChange]:
    """Yield a standby more, and a store where there is none; not what the scenario refuses."""
    names = copy_names(scenario)
    if len(names) >= MOST:
        return
    standbys = [s for s in scenario.standbys if s.store is None]
    stores = [s for s in scenario.standbys if s.store is not None]
    found = []
    if stores and not standbys:
        sets = _before_the_stores(path, scenario, overrides)
        found.append(("a standby at another place", _STANDBY, sets))
    else:
        sets = (*_named(names), f"{_key(names, _STANDBY)}={{}}")
        many = "one more" if len(names) > 1 else "a second"
        found.append((f"{many} standby at another place", _STANDBY, sets))
    if not stores:
        sets = (*_named(names), f"{_key(names, _STORE)}={{store: {{}}}}")
        found.append(("a store at another place", _STORE, sets))
    for name, place, sets in found:
        with_it = _loaded(path, (*overrides, *sets))
        if with_it is not None:
            of_it = _cost_at(with_it, _free(names, place))
            parts = parts_of_copy(with_it, of_it)
            cost = sum_of_parts(parts)
            yield UsualChange(name, sets, cost, tuple(parts.items()))


def _loaded(
    path: Path | str, overrides: tuple[str, ...]
) -> Scenario | None:
    """Return the scenario with one more copy; None where it is refused."""
    try:
        return load_scenario(path, list(overrides))
    except InputError:
        return None


def _cost_at(scenario: Scenario, place: str) -> CopyCost:
    each = zip(copy_names(scenario), costs_of_copies(scenario), strict=True)
    return dict(each)[place]


def _named(names: Sequence[str]) -> tuple[str, ...]:
    """Name the one standby where none is named."""
    return () if names else (f"{COPIES}.{FIRST_SECONDARY}={{}}",)


def _key(names: Sequence[str], place: str) -> str:
    return f"{COPIES}.{step(_free(names, place))}"


def _free(names: Sequence[str], place: str) -> str:
    """Return a name that no copy has."""
    found, number = place, 2
    while found in names:
        found, number = f"{place}-{number}", number + 1
    return found


def _before_the_stores(
    path: Path | str, scenario: Scenario, overrides: Sequence[str]
) -> tuple[str, ...]:
    """Write the new standby before the stores, and name the first store where none is named."""
    ignored: list[Problem] = []
    tree = read_tree(str(path), tuple(overrides), (), ignored)
    names = copy_names(scenario)
    assert tree is not None, "it has been loaded"
    written = _as_written(tree.at((COPIES,)))
    copies = {_free(names, _STANDBY): {}, **written}
    first = step(names[0])
    sets = [f"{COPIES}={json.dumps(copies, ensure_ascii=False)}"]
    for event in scenario.events:
        if not event.copy and event.kind.whom(event.params) == COPY:
            sets.append(f"events.{event.number}.copy={first}")
    for fault in scenario.faults:
        if not fault.copy and fault.kind.whom(fault.params) == COPY:
            sets.append(f"faults.{fault.kind.name}.copy={first}")
    return tuple(dict.fromkeys(sets))


def _as_written(node: Node) -> Any:
    """Return what stands in the file, without the keys that have their defaults."""
    if not isinstance(node.value, dict):
        return node.plain()
    return {
        key: _as_written(child)
        for key, child in node.value.items()
        if not child.source
    }
