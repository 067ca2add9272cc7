"""Tenants, whose data a service holds: the databases that hold a tenant's, and nothing else, are
what it sees of a failover.

Tenants share databases: the requests to one are offered by all its tenants alike.
"""

from __future__ import annotations

from dr_sim.measures.outcome.outcome import FailoverOutcome
from dr_sim.measures.outcome.parts import PartOutcome, part_outcome
from dr_sim.measures.tables import Tables
from dr_sim.scenario.model import Scenario


def databases_of(scenario: Scenario) -> dict[str, list[int]]:
    """Return, by tenant, in the order in which they are named, the databases that hold its data."""
    found: dict[str, list[int]] = {}
    for i, database in enumerate(scenario.databases):
        for tenant in database.tenants:
            found.setdefault(tenant, []).append(i)
    return found


def asked_of(scenario: Scenario) -> dict[str, list[int]]:
    """Return the databases of those that the SLA names: of them exposure, lag, alerts and refused
    writes are kept, too.
    """
    named = {line.tenant for line in scenario.sla}
    return {
        tenant: databases
        for tenant, databases in databases_of(scenario).items()
        if tenant in named
    }


def asked_of_class(
    scenario: Scenario, failure_class: str
) -> list[tuple[str, str]]:
    """(database, '') or ('', tenant) of which the SLA asks exposure to that class of failure by
    itself.
    """
    asked = [
        x
        for x in scenario.sla
        if x.failure_class == failure_class
        and x.measure.startswith("exposure.")
    ]
    return list(
        dict.fromkeys(
            (x.database, x.tenant) for x in asked if x.database or x.tenant
        )
    )


def tenant_outcomes(
    t: Tables, scenario: Scenario, f: FailoverOutcome
) -> dict[str, PartOutcome]:
    """Return the outcome of every tenant; without tenants none."""
    return {
        tenant: part_outcome(t, scenario, f, databases)
        for tenant, databases in databases_of(scenario).items()
    }
