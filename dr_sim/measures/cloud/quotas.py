"""Tells how much of their quotas of machines tenants used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dr_sim.measures.tables import Tables
from dr_sim.scenario.cloud_model import Cloud


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """most: machines of a tenant that ran at one time at a site."""

    network: str
    tenant: str
    quota: int
    most: int


def quota_use(t: Tables, spec: Cloud) -> list[QuotaUse]:
    """Return the use of each quota. t: of the first leg, in which the cloud manager lives."""
    assert spec.machines is not None
    if not any(network.quotas for network in spec.networks):
        return []
    whose = {farm.name: farm.tenant for farm in spec.machines.farms}
    runs: set[tuple[str, str]] = set()
    now: Counter[tuple[int, str, str]] = Counter()
    most: Counter[tuple[int, str]] = Counter()
    for row in t.rows("truth.cloud_machine"):
        v = row.values
        at, tenant = (v["site"], v["machine"]), whose[v["farm"]]
        of = (row.entity, tenant, v["site"])
        if v["what"] == "running" and at not in runs:
            runs.add(at)
            now[of] += 1
            most[of[:2]] = max(most[of[:2]], now[of])
        elif v["what"] != "running" and at in runs:
            runs.discard(at)
            now[of] -= 1
    found = []
    for i, network in enumerate(spec.networks):
        for tenant, quota in network.quotas:
            found.append(
                QuotaUse(network.name, tenant, quota, most[i, tenant])
            )
    return found
