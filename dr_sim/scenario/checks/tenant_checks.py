"""Checks of whose networks and databases there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.reading.tree import Node


def check_tenants(
    root: Any, tree: Node, things_of: dict[str, tuple[str, ...]]
) -> Iterator[Problem]:
    """Yield databases of somebody in a network that is dedicated to others. root: schema.Root, or
    what could be read of it. things_of: by network, what changes are made to.
    """
    databases = getattr(root, "databases", None) or {}
    for network, keys in (getattr(root, "networks", None) or {}).items():
        theirs = _tenants(keys)
        for name in things_of.get(network, ()) if theirs else ():
            strangers = _tenants(databases.get(name)) - theirs
            if not strangers:
                continue
            told = f"networks.{network}: {name!r} holds data of {min(strangers)!r}"
            whose = " and ".join(sorted(theirs))
            remedy = "name it in a network that is shared or theirs"
            yield tree.at(("networks", network)).key_problem(
                f"{told}, and the network is dedicated to {whose}; {remedy}"
            )
            break


def _tenants(keys: Any) -> frozenset[str]:
    return frozenset(getattr(keys, "tenants", None) or ())
