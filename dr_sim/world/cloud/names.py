"""The names in all networks: which things each of them has, under which identifiers a site knows
them, and which networks a client may use.
"""

from __future__ import annotations

from dr_sim.scenario.cloud_model import CloudClient, CloudNetwork
from dr_sim.scenario.model import Scenario


def things_of(
    network: CloudNetwork, scenario: Scenario
) -> dict[str, tuple[str, ...]]:
    """Return the things in a network that can be changed, by kind."""
    names = tuple(scenario.databases[i].name for i in network.databases)
    return {"database": names, "farm": network.farms}


def tenants_of(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Return whose data each database holds."""
    return {each.name: each.tenants for each in scenario.databases}


def may_change(client: CloudClient, tenants: tuple[str, ...]) -> bool:
    """Return whether a client may change what is those tenants': a tenant's client may change what
    is all its own, and what is nobody's by name.
    """
    return not client.tenants or set(tenants) <= set(client.tenants)


def identifier(site: str, network: str, entity: str) -> str:
    """Return the identifier of a thing at a site: no site knows the identifiers of another."""
    return f"{network}-{entity}-at-{site}"


def may_use(client: CloudClient, network: CloudNetwork) -> bool:
    """Return whether a client may use a network: a tenant's client may use the tenant's own and
    shared ones.
    """
    return (
        not client.tenants
        or not network.tenants
        or bool(set(client.tenants) & set(network.tenants))
    )


class CloudNames:
    """index: place of each network among all networks, by its name."""

    def __init__(
        self, networks: tuple[CloudNetwork, ...], scenario: Scenario
    ) -> None:
        self._networks = networks
        self.index = {network.name: i for i, network in enumerate(networks)}
        self._things = {
            network.name: things_of(network, scenario)
            for network in networks
        }
        self._owner: dict[str, tuple[str, str, str]] = {}
        self._tenants = tenants_of(scenario)

    def add_site(self, site: str) -> None:
        """Give the things of all networks identifiers at a site."""
        for network in self._networks:
            for entity in self.entities(network):
                name = identifier(site, network.name, entity)
                self._owner[name] = (network.name, site, entity)

    def identifiers_at(self, site: str) -> dict[str, dict[str, str]]:
        """Return the identifiers of things at a site, by network and thing."""
        found = {}
        for network in self._networks:
            names = self.entities(network)
            found[network.name] = {
                name: identifier(site, network.name, name) for name in names
            }
        return found

    def entities(self, network: CloudNetwork) -> tuple[str, ...]:
        """Return the things in a network that can be changed."""
        return tuple(
            e
            for names in self._things[network.name].values()
            for e in names
        )

    def things(self, network: str) -> dict[str, tuple[str, ...]]:
        return self._things[network]

    def all_things(self, network: str) -> tuple[tuple[str, ...], ...]:
        """Return the things in a network that can be changed; nothing if there is no such
        network.
        """
        return tuple(self._things.get(network, {}).values())

    def networks_of(self, client: CloudClient) -> list[str]:
        """Return the networks that a client may use."""
        return [
            network.name
            for network in self._networks
            if may_use(client, network)
        ]

    def may_change(self, client: CloudClient, entity: str) -> bool:
        """Return whether a client may change a thing of a network that it may use."""
        return may_change(client, self._tenants.get(entity, ()))

    def of_others(self, client: CloudClient) -> list[tuple[str, str]]:
        """Return what a client may not change in the networks that it may use: network, thing."""
        return [
            (network.name, entity)
            for network in self._networks
            if may_use(client, network)
            for entity in self.entities(network)
            if not self.may_change(client, entity)
        ]

    def network_of(self, entity: str) -> str:
        """Return the first network that has a thing of that name; '' if none has."""
        for network, things in self._things.items():
            if any(entity in names for names in things.values()):
                return network
        return ""

    def named(self, network: str, entity: str) -> str:
        """Return the name of a thing for people, with its network where another one has a thing of
        that name.
        """
        having = 0
        for things in self._things.values():
            having += any(entity in names for names in things.values())
        return entity if having == 1 else f"{entity} of {network}"

    def owner_of(self, name: str) -> str:
        """Return the site that the identifier belongs to; '' if there is none."""
        return self._owner[name][1] if name in self._owner else ""

    def entity_of(self, network: str, name: str) -> str:
        """Return the thing of a network that has an identifier; '' if none has."""
        found = self._owner.get(name, ("", "", ""))
        return found[2] if found[0] == network else ""
