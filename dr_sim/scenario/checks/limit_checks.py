"""Checks of what networks, and the tenants that share them, may have of machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.machine_model import CLASSES, ROLES
from dr_sim.scenario.reading.tree import Node


def check_limits(root: Any, tree: Node) -> Iterator[Problem]:
    """Yield what networks and tenants are to have beyond what they may. root: schema.Root, or what
    could be read of it.
    """
    yield from _beyond(root, tree)
    yield from _owned(root, tree)
    yield from _quotas(root, tree)


def own_of(network: Any) -> tuple[tuple[str, int], ...]:
    """Return how many physical machines of each class are a network's alone, as far as it could be
    read.
    """
    own = getattr(network, "own_machines", None)
    counts = ((name, getattr(own, name, None) or 0) for name in CLASSES)
    return tuple((name, count) for name, count in counts if count)


def _items(root: Any, section: str) -> list[tuple[str, Any]]:
    """Return the entries of a section that could be read."""
    found = getattr(root, section, None) or {}
    return [
        (name, keys) for name, keys in found.items() if keys is not None
    ]


def _beyond(root: Any, tree: Node) -> Iterator[Problem]:
    """Networks whose farms are to have more machines than there may be."""
    wanted: dict[str, int] = {}
    for _, farm in _items(root, "farms"):
        network = getattr(farm, "network", None) or ""
        goals = [getattr(farm, role, None) or 0 for role in ROLES]
        wanted[network] = wanted.get(network, 0) + sum(goals)
    for name, network in _items(root, "networks"):
        most = getattr(network, "most_machines", None)
        count = wanted.get(name, 0)
        if most is not None and count > most:
            told = f"networks.{name}.most_machines: its farms are to have {count:,} machines"
            yield tree.at(("networks", name)).key_problem(
                f"{told}, and {most:,} may be; write more, or fewer under farms"
            )


def _owned(root: Any, tree: Node) -> Iterator[Problem]:
    """Networks that are to have more physical machines of their own than there are."""
    owned: dict[str, int] = dict.fromkeys(CLASSES, 0)
    for name, network in _items(root, "networks"):
        for of, count in own_of(network):
            owned[of] += count
            for site, physical in _items(root, "physical"):
                there = getattr(physical, of, None)
                if there is None or owned[of] <= there:
                    continue
                told = f"networks.{name}.own_machines.{of}: {owned[of]} in all at {site}"
                node = tree.at(("networks", name, "own_machines", of))
                yield node.problem(
                    f"{told}, where there are {there}; write fewer, or more of physical.{site}.{of}"
                )
                return


def _quotas(root: Any, tree: Node) -> Iterator[Problem]:
    """Yield quotas that would isolate nobody, or that nobody could keep to."""
    farms = dict(_items(root, "farms"))
    networks = dict(_items(root, "networks"))
    for name, farm in farms.items():
        yield from _farm(name, farm, networks, tree)
    for name, network in networks.items():
        quotas = getattr(network, "quotas", None)
        if not quotas or None in quotas.values():
            continue
        node = tree.at(("networks", name, "quotas"))
        yield from _of_strangers(name, network, node)
        yield from _sum(name, network, node)
        for tenant, quota in quotas.items():
            wanted = _wanted(name, tenant, farms)
            if wanted > quota:
                told = f"networks.{name}.quotas.{tenant}: its farms are to have {wanted:,} machines"
                yield node.at((tenant,)).problem(
                    f"{told}, and {quota:,} may be; write more, or fewer under farms"
                )


def _farm(
    name: str, farm: Any, networks: Any, tree: Node
) -> Iterator[Problem]:
    """Farms that count for nobody, or for more than one."""
    node = tree.at(("farms", name))
    whose = getattr(farm, "tenant", None)
    if whose is None:
        return
    if len(whose) > 1:
        told = f"farms.{name}.tenant: its machines count for one tenant's quota"
        yield node.at(("tenant",)).problem(f"{told}; name one")
        return
    quotas = (
        getattr(networks.get(getattr(farm, "network", "")), "quotas", None)
        or {}
    )
    if not quotas or set(whose) & set(quotas):
        return
    told = f"farms.{name}.tenant: its network has quotas"
    if whose:
        hint = did_you_mean(whose[0], tuple(quotas))
        yield node.at(("tenant",)).problem(
            f"{told}, and none for {whose[0]!r}; {hint}"
        )
    else:
        known = ", ".join(quotas)
        yield node.key_problem(
            f"{told}, and the farm is nobody's; write one of {known}"
        )


def _of_strangers(name: str, network: Any, node: Node) -> Iterator[Problem]:
    theirs = getattr(network, "tenants", None)
    for tenant in network.quotas:
        if theirs and tenant not in theirs:
            told = f"networks.{name}.quotas: the network is dedicated, and not to {tenant!r}"
            hint = did_you_mean(tenant, tuple(theirs))
            yield node.problem(f"{told}; {hint}")
            return


def _sum(name: str, network: Any, node: Node) -> Iterator[Problem]:
    """Quotas that cannot all be used: one tenant could take what another may have."""
    most = getattr(network, "most_machines", None)
    total = sum(network.quotas.values())
    if most is not None and total > most:
        told = f"networks.{name}.quotas: {total:,} in all, and the network may have {most:,}"
        yield node.problem(
            f"{told}; write fewer, or more of networks.{name}.most_machines"
        )


def _wanted(network: str, tenant: str, farms: Any) -> int:
    """Return how many machines a tenant's farms in a network are to have at least."""
    total = 0
    for farm in farms.values():
        if getattr(farm, "network", None) != network:
            continue
        if tenant in (getattr(farm, "tenant", None) or ()):
            total += sum(getattr(farm, role, None) or 0 for role in ROLES)
    return total
