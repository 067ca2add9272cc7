"""The mapping table of a network, as a manager has stored it."""

from __future__ import annotations

import json
from collections.abc import Mapping as Stored

from dr_sim.cloud.config import NetworkConfig
from dr_sim.cloud.mirror.mapping import Mapping
from dr_sim.cloud.mirror.mirror import MAPPED, SITE


def table_of(network: NetworkConfig, stored: Stored[str, str]) -> Mapping:
    """Return the rows of the configuration, with those that were changed or added."""
    return Mapping(
        network,
        _mapped(network.name, stored),
        _added(network.name, stored),
    )


def _added(
    network: str, stored: Stored[str, str]
) -> dict[str, dict[str, str]]:
    """Identifiers of the sites that were added to a network, by site and entity."""
    prefix = f"{SITE}{network}/"
    return {
        key.removeprefix(prefix): json.loads(text)
        for key, text in stored.items()
        if key.startswith(prefix)
    }


def _mapped(
    network: str, stored: Stored[str, str]
) -> dict[tuple[str, str], str]:
    """Rows of a network's mapping table that were changed."""
    prefix = f"{MAPPED}{network}/"
    found = {}
    for key, identifier in stored.items():
        if key.startswith(prefix):
            entity, _, site = key.removeprefix(prefix).rpartition("/")
            found[entity, site] = identifier.strip()
    return found
