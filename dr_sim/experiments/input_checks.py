"""Checks of what the public face is given: one clear error before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dr_sim.engines.sides import ENGINES
from dr_sim.loading.load import Source, load_scenario
from dr_sim.record.kinds import KIND_ID
from dr_sim.scenario.experiment import sweep_values
from dr_sim.scenario.fields import did_you_mean
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario, Sweep

ScenarioInput = Scenario | Source
"""A scenario, the path of its file, or a mapping that holds what the file would."""


def a_scenario(given: ScenarioInput) -> Scenario:
    """Return the scenario; a file or a mapping is loaded. TypeError for anything else."""
    if isinstance(given, Scenario):
        return given
    if isinstance(given, (str, os.PathLike, Mapping)):
        return load_scenario(given)
    raise TypeError(
        f"takes a scenario, its file's path or a mapping, not {_short(given)}"
    )


def named_scenarios(
    given: Mapping[str, ScenarioInput],
) -> dict[str, Scenario]:
    """Return scenarios by name. ValueError if there are none."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"takes scenarios by name, as in {{'now': a, 'then': b}}, not {_short(given)}"
        )
    if not given:
        raise ValueError("no scenarios to put side by side")
    return {name: a_scenario(one) for name, one in given.items()}


def whole(name: str, given: int | None, least: int = 1) -> None:
    """ValueError if it is given, and no whole number from `least` on."""
    if given is not None and (
        isinstance(given, bool)
        or not isinstance(given, int)
        or given < least
    ):
        raise ValueError(
            f"{name} is a whole number from {least}, not {_short(given)}"
        )


def engine_named(given: str) -> None:
    """'' is the scenario's own."""
    if given and given not in ENGINES:
        raise ValueError(
            f"engine is {', '.join(repr(e) for e in ENGINES[:-1])} or {ENGINES[-1]!r}, "
            f"not {_short(given)}"
        )


def part_of(
    scenario: Scenario,
    database: str = "",
    failure_class: str = "",
    tenant: str = "",
) -> None:
    """ValueError for a database, a class of failure or a tenant that is not there."""
    databases = [d.name for d in scenario.databases]
    tenants = sorted({t for d in scenario.databases for t in d.tenants})
    for what, given, known in (
        ("database", database, databases),
        ("class of failure", failure_class, list(FAILURE_CLASSES)),
        ("tenant", tenant, tenants),
    ):
        if given and given not in known:
            raise ValueError(
                f"no {what} {given!r}; {did_you_mean(given, known)}"
            )


def kind_of_record(name: str) -> None:
    if name not in KIND_ID:
        raise ValueError(
            f"no records {name!r}; {did_you_mean(name, list(KIND_ID))}"
        )


def swept(vary: Mapping[str, Any]) -> tuple[Sweep, ...]:
    """{'link.bandwidth': '10..1000 Mbit/s, 9 log steps', 'replay.workers': [1, 2]}, read."""
    if not isinstance(vary, Mapping):
        raise TypeError(
            f"vary is a mapping, as in {{'link.bandwidth': '10..1000 Mbit/s, 9 log "
            f"steps'}}, not {_short(vary)}"
        )
    found = tuple(
        Sweep(
            key,
            sweep_values(v)
            if isinstance(v, str)
            else tuple(map(str, _listed(key, v))),
        )
        for key, v in vary.items()
    )
    for of in found:
        if not of.values:
            raise ValueError(f"{of.key} has no values to take")
    return found


def _listed(key: str, values: Any) -> Sequence[Any]:
    if not isinstance(values, Sequence):
        raise TypeError(
            f"{key} takes a range as a text, or a list of values, not {_short(values)}"
        )
    return values


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"a {type(given).__name__}"
