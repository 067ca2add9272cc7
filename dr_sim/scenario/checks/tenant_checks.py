"""Checks of whose networks and databases there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.fields.fields import did_you_mean
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


def check_named_tenants(root: Any, tree: Node) -> Iterator[Problem]:
    """Yield clients and farms of a tenant that nothing else names, and clients that may use no
    network. root: schema.Root, or what could be read of it.
    """
    known = _known(root)
    if known is None:
        return
    networks = getattr(root, "networks", None) or {}
    for section in ("clients", "farms"):
        for name, keys in (getattr(root, section, None) or {}).items():
            node = tree.at((section, name, "tenant"))
            where = f"{section}.{name}.tenant"
            mine = getattr(keys, "tenant", None) or ()
            network = networks.get(getattr(keys, "network", ""))
            if getattr(network, "quotas", None):
                continue  # of farms: its quotas say whose there may be
            strangers = [each for each in mine if each not in known]
            if strangers:
                hint = _hint(strangers[0], known)
                yield node.problem(
                    f"{where}: unknown tenant {strangers[0][:40]!r}; {hint}"
                )
            elif section == "clients" and not _may_use_one(mine, networks):
                told = f"{where}: no network is shared or its own"
                yield node.problem(f"{told}; name another tenant")


def _hint(tenant: str, known: tuple[str, ...]) -> str:
    if known:
        return did_you_mean(tenant, known)
    return "no database or network names any; write 'tenants: [...]' beside the size of one"


def _may_use_one(mine: Iterable[str], networks: Mapping[str, Any]) -> bool:
    """Return whether a network is shared, or is dedicated to one of these tenants."""
    if not mine or not networks:
        return True
    theirs = [_tenants(network) for network in networks.values()]
    return any(not each or each.intersection(mine) for each in theirs)


def _known(root: Any) -> tuple[str, ...] | None:
    """Return the tenants that databases and networks name; None where one could not be read."""
    found: list[str] = []
    for keys in (getattr(root, "databases", None) or {}).values():
        theirs = getattr(keys, "tenants", None)
        if theirs is None:
            return None
        found += theirs
    for keys in (getattr(root, "networks", None) or {}).values():
        theirs = getattr(keys, "tenants", None)
        quotas = getattr(keys, "quotas", None)
        if theirs is None or quotas is None:
            return None
        found += (*theirs, *quotas)
    return tuple(dict.fromkeys(found))


def _tenants(keys: Any) -> frozenset[str]:
    return frozenset(getattr(keys, "tenants", None) or ())
