"""Kinds of farms: what is wrong about one that serves other farms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.machine_model import FarmKind
from dr_sim.scenario.reading.tree import Node


def check_kind(
    root: Any, tree: Node, name: str, farm: Any
) -> Iterator[Problem]:
    """Refuse a farm that serves other farms and follows users, one that serves nobody, and a second
    one of a network's own. root: schema.Root, or what could be read of it.
    """
    kind = _kind(farm)
    if kind is None or kind.serves_users:
        return
    node = tree.at(("farms", name))
    load = getattr(farm, "load", None)
    if load is not None and load.shape != "none":
        told = f"farms.{name}.load: users do not reach a {kind} farm"
        yield node.at(("load",)).problem(
            f"{told}; leave it out, and set the number of its machines"
        )
    network = getattr(farm, "network", None)
    kinds = [
        _kind(each)
        for other, each in (getattr(root, "farms", None) or {}).items()
        if other != name and getattr(each, "network", network) == network
    ]
    told = f"farms.{name}.kind: {{}} in {network!r}"
    # one that could not be read may depend on it
    if not any(each is None or each.rank > kind.rank for each in kinds):
        none = told.format("there is no other farm")
        yield node.at(("kind",)).problem(
            f"{none} that it could serve; write one, or leave kind out"
        )
    if kind is FarmKind.NETWORK and kind in kinds:
        two = told.format("there is another network farm")
        yield node.at(("kind",)).problem(
            f"{two}; write one, and make the other federated"
        )


def _kind(farm: Any) -> FarmKind | None:
    """Return the kind of a farm; None if it could not be read."""
    written = getattr(farm, "kind", None)
    return None if written is None else FarmKind(written)
