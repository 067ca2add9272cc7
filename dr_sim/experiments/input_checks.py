"""Checks of what the public face is given: one clear error before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dr_sim.engines.sides import ENGINES
from dr_sim.record.kinds import KIND_ID
from dr_sim.scenario.asked_model import Sweep
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.keys.experiment import sweep_values, with_one_unit
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario


def whole(name: str, given: int | None, least: int = 1) -> None:
    """Raises ValueError if it is given, and no whole number from `least` on."""
    if given is not None and (
        isinstance(given, bool)
        or not isinstance(given, int)
        or given < least
    ):
        raise ValueError(
            f"{name} is a whole number from {least}, not {shortened(given)}"
        )


def engine_named(given: str) -> None:
    """'' is the scenario's own."""
    if given and given not in ENGINES:
        raise ValueError(
            f"engine is {', '.join(repr(e) for e in ENGINES[:-1])} or {ENGINES[-1]!r}, "
            f"not {shortened(given)}"
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
            f"steps'}}, not {shortened(vary)}"
        )
    found = tuple(
        Sweep(
            key,
            sweep_values(v)
            if isinstance(v, str)
            else with_one_unit(tuple(map(str, _listed(key, v)))),
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
            f"{key} takes a range as a text, or a list of values, not {shortened(values)}"
        )
    return values


def shortened(given: object) -> str:
    """Return a value as code shows it, or its type where that is long."""
    text = repr(given)
    return text if len(text) <= 60 else f"a {type(given).__name__}"
