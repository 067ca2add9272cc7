"""Limits of a network at a site: how many machines the network may have, and how many each tenant.

Theory of operation. A network has at most as many machines at a site as its balancer and its
switches support. If tenants share a network, each may have a quota of machines. So a farm that
grows, by hand or with its load, takes no machine that another tenant may have. Machines that are
being removed count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from dr_sim.cloud.machines.machine_config import MachinesConfig


class Room:
    """Holds what a network may still have at a site. farms: of each machine that is there."""

    def __init__(
        self, config: MachinesConfig, network: str, farms: Iterable[str]
    ) -> None:
        there = list(farms)
        self._network = network
        self._quotas = config.quotas
        self._tenant: Callable[[str], str] = config.tenant
        most = config.most.get(network)
        self._left = None if most is None else most - len(there)
        self._taken: Counter[str] = Counter()
        if self._quotas:
            self._taken.update(map(config.tenant, there))

    def over_quota(self, farm: str) -> str:
        """Return the tenant, if he has all that his quota allows, else ''."""
        if not self._quotas:
            return ""
        tenant = self._tenant(farm)
        quota = self._quotas.get((self._network, tenant))
        full = quota is not None and self._taken[tenant] >= quota
        return tenant if full else ""

    @property
    def full(self) -> bool:
        """Tell whether the network has all that it may have."""
        return self._left is not None and self._left <= 0

    def take(self, farm: str) -> None:
        """Count one machine more."""
        if self._left is not None:
            self._left -= 1
        if self._quotas:
            self._taken[self._tenant(farm)] += 1

    def has(self, farm: str) -> bool:
        """Tell whether one machine more of a farm may be."""
        return not self.full and not self.over_quota(farm)
