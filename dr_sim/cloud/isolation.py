"""Isolation of tenants: the requests that a tenant's client may make.

Theory of operation. A thing belongs to one tenant, to several tenants, or to nobody by name. A
tenant's client may change things that belong to its tenant alone, and things that belong to nobody
by name. Only the service itself changes a thing that several tenants share, because a change
affects all of them (a move pauses the backups of all of them). Parameters may name things, too: by
'@crm', or by an identifier of any site. The same rule applies to them, because a script works on
what its parameters name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf

from dr_sim.cloud.config import CallerConfig, CloudConfig
from dr_sim.cloud.mirror.mapping import Mapping

ID = "id"
"""The parameter that names the thing that is changed."""


class Isolation:
    """mappings: the mapping table of each network."""

    def __init__(
        self, config: CloudConfig, mappings: MappingOf[str, Mapping]
    ) -> None:
        self._mappings = mappings
        self._tenants: dict[tuple[str, str], frozenset[str]] = {}
        for network in config.networks:
            for entity in network.entities:
                key = (network.name, entity.name)
                self._tenants[key] = frozenset(entity.tenants)

    def may_change(
        self, caller: CallerConfig, network: str, entity: str
    ) -> bool:
        """Return whether a caller may ask for a change of a thing; of what there is not it may."""
        if not caller.tenants:
            return True
        owners = self._tenants.get((network, entity), frozenset())
        return owners.issubset(caller.tenants)

    def may_name(
        self, caller: CallerConfig, network: str, params: str
    ) -> bool:
        """Return whether a caller may change everything that the parameters name. Raises ValueError
        for what is no JSON object.
        """
        if not caller.tenants:
            return True
        return all(
            self.may_change(caller, of, entity)
            for _, of, entity in self._named(network, params)
        )

    def is_about(self, network: str, entity: str, params: str) -> bool:
        """Return whether the identifier among the parameters is that thing's. Raises ValueError for
        what is no JSON object.
        """
        return all(
            (of, named) == (network, entity)
            for key, of, named in self._named(network, params)
            if key == ID
        )

    def _named(
        self, network: str, params: str
    ) -> Iterator[tuple[str, str, str]]:
        """Yield the things that parameters name: the parameter, the network, the thing."""
        plain = json.loads(params)
        if not isinstance(plain, dict):
            raise ValueError("no JSON object")
        for key, value in plain.items():
            if not isinstance(value, str):
                continue
            if value.startswith("@"):
                yield key, network, value[1:]
                continue
            for of, mapping in self._mappings.items():
                entity = mapping.entity_of(value)
                if entity:
                    yield key, of, entity
