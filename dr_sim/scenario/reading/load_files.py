"""Files with loads of farms: read when the sections are read, and written out in their place."""

from __future__ import annotations

from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.fields.load_field import LoadFile, plain, read_load
from dr_sim.scenario.keys.events import from_plain
from dr_sim.scenario.reading.series import SeriesError
from dr_sim.scenario.reading.tree import Node


def read_loads(root: Any, tree: Node) -> list[Problem]:
    """Put what files hold in the place of their names, in the sections and in the tree. root:
    schema.Root, or what could be read of it.
    """
    problems = []
    farms = getattr(root, "farms", None) or {}
    for name, farm in list(farms.items()):
        wanted = getattr(farm, "load", None)
        if not isinstance(wanted, LoadFile):
            continue
        node = tree.at(("farms", name, "load"))
        try:
            load = read_load(wanted, node.file if node.line else tree.file)
        except SeriesError as error:
            farms[name] = farm.model_copy(update={"load": None})
            problems.append(
                node.at((error.inside,)).problem(
                    f"farms.{name}.load: {error}"
                )
            )
            continue
        farms[name] = farm.model_copy(update={"load": load})
        node.value = from_plain(node, plain(load), node.source).value
    return problems
