"""Kinds of farms: what is wrong about one that serves other farms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.tree import Node

FEDERATED = "federated"


def check_kind(
    root: Any, tree: Node, name: str, farm: Any
) -> Iterator[Problem]:
    """Refuse a federated farm that follows users, and one that serves nobody. root: schema.Root, or
    what could be read of it.
    """
    if getattr(farm, "kind", None) != FEDERATED:
        return
    node = tree.at(("farms", name))
    load = getattr(farm, "load", None)
    if load is not None and load.shape != "none":
        told = f"farms.{name}.load: users do not reach a federated farm"
        yield node.at(("load",)).problem(
            f"{told}; leave it out, and set the number of its machines"
        )
    network = getattr(farm, "network", None)
    farms = (getattr(root, "farms", None) or {}).values()
    others = [
        each
        for each in farms
        if each is None
        or (each.network == network and each.kind != FEDERATED)
    ]
    if not others:
        told = f"farms.{name}.kind: there is no other farm in {network!r} that it could serve"
        yield node.at(("kind",)).problem(
            f"{told}; write one, or leave kind out"
        )
