"""Keys that would have no effect, because what they are about is not part of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.reading.defaults import DEFAULTS
from dr_sim.scenario.reading.tree import Node

_OF_MACHINES = ("most_machines", "own_machines", "quotas")
_OF_LOADS = ("load_every", "fewer_after")
_DEFAULTS = {path: text for path, text, _ in DEFAULTS}


def check_idle(root: Any, tree: Node) -> Iterator[Problem]:
    """Yield keys that were written and would change nothing. root: schema.Root, or what could be
    read of it.
    """
    if getattr(root, "deployment", None) is None:
        yield from _without_machines(tree)
        return
    farms = getattr(root, "farms", None) or {}
    for name, farm in farms.items():
        node = _written(tree, "farms", name, "per_machine")
        if node is not None and not _follows_load(farm):
            told = f"farms.{name}.per_machine: the farm follows no load"
            yield node.problem(
                f"{told}; write farms.{name}.load, or leave it out"
            )
    if any(_follows_load(farm) for farm in farms.values()):
        return
    for key in _OF_LOADS:
        node = _written(tree, "deployment", key)
        if node is not None:
            told = f"deployment.{key}: no farm follows a load"
            yield node.problem(
                f"{told}; write farms.*.load, or leave it out"
            )


def _without_machines(tree: Node) -> Iterator[Problem]:
    """Yield limits of machines where there are no machines."""
    for name, _ in tree.at(("networks",)).items():
        for key in _OF_MACHINES:
            node = _written(tree, "networks", name, key)
            if node is None:
                continue
            told = f"networks.{name}.{key}: there are no machines"
            yield node.key_problem(
                f"{told}; write physical, images and farms, or leave it out"
            )


def _follows_load(farm: Any) -> bool:
    """Return whether a farm follows a load, or its load could not be read."""
    load = getattr(farm, "load", None)
    return load is None or bool(load.shape != "none")


def _written(tree: Node, *path: str) -> Node | None:
    """Return what people wrote there; None if that is the default, or nothing. A scenario may be
    written with all its defaults (`dr-sim validate --resolved`).
    """
    node: Node | None = tree
    for key in path:
        node = node.get(key) if node is not None else None
    if node is None or _is_default(node, path):
        return None
    return node


def _is_default(node: Node, path: tuple[str, ...]) -> bool:
    if node.source:
        return True
    if isinstance(node.value, dict):
        return all(
            _is_default(child, (*path, key)) for key, child in node.items()
        )
    anywhere = ".".join((path[0], "*", *path[2:]))
    usual = _DEFAULTS.get(".".join(path), _DEFAULTS.get(anywhere))
    return node.value == usual
