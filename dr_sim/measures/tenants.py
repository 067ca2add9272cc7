"""What a failover cost each tenant: the databases that hold its data, and nothing else, are what a tenant sees.

A tenant's outage goes from the first instant at which less than 99 % of the requests to its databases succeed until the
first from which 99 % succeed again. Tenants share databases: the requests to one are offered by all its tenants alike. A
tenant with a database that nobody brought online is not served again: its outage is unknown, and at least as long as
the run, whatever the other tenants get.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.measures.outcome import Failover, exact, lacking, lengths_us, phase_spans
from dr_sim.measures.served import served_by
from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.scenario.model import Scenario


@dataclass(slots=True)
class TenantOutcome:
    """Of one failover. outage_us is 0 for a tenant whose users lost nothing (outage_from_us None), None if it is unknown."""

    tenant: str
    databases: list[int]
    outage_from_us: int | None
    served_again_us: int | None
    phases_us: dict[str, int]
    data_loss_us: int | None  # of its worst database; None: one of them is unknown

    @property
    def outage_us(self) -> int | None:
        if self.outage_from_us is None:
            return 0
        return None if self.served_again_us is None else self.served_again_us - self.outage_from_us


def databases_of(scenario: Scenario) -> dict[str, list[int]]:
    """By tenant, in the order in which they are named, the databases that hold its data."""
    found: dict[str, list[int]] = {}
    for i, database in enumerate(scenario.databases):
        for tenant in database.tenants:
            found.setdefault(tenant, []).append(i)
    return found


def asked_of(scenario: Scenario) -> dict[str, list[int]]:
    """Of those that the SLA names: of them exposure, lag and alerts are kept, too."""
    named = {line.tenant for line in scenario.sla}
    return {tenant: databases for tenant, databases in databases_of(scenario).items() if tenant in named}


def tenant_outcomes(t: Tables, scenario: Scenario, f: Failover) -> list[TenantOutcome]:
    """Of every tenant; without tenants none."""
    end = run_end_us(t, scenario)
    found = []
    for tenant, databases in databases_of(scenario).items():
        s = served_by(t, scenario, databases)
        begin = s.first_below(f.outage_from_us)
        again = None if begin is None else exact(t, s.again(begin, end))
        mine = [loss for loss in f.losses if loss.database in databases]
        spans = [] if begin is None else phase_spans(t, begin, end if again is None else again, lacking(s, mine))
        losses = [loss.data_loss_us for loss in mine]
        known = [loss for loss in losses if loss is not None]
        worst = max(known) if len(known) == len(losses) else None
        found.append(TenantOutcome(tenant, databases, begin, again, lengths_us(spans), worst))
    return found
