"""Files that were parsed before. A sweep loads one file for every point, and most files of a team
extend the same base.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from dr_sim.errors import Problem
from dr_sim.scenario.reading.tree import Node, parse_yaml

LARGEST = 2**16
"""Characters of a text whose tree is kept. Larger ones hold series, and are few."""
MOST = 128


def parsed(text: str, file: str, problems: list[Problem]) -> Node | None:
    """Return what parse_yaml does: a tree of its own for each caller, who may change it."""
    if len(text) > LARGEST:
        return parse_yaml(text, file, problems)
    tree, found = _kept(text)
    problems.extend(replace(problem, file=file) for problem in found)
    return None if tree is None else _copy_of(tree, file)


@lru_cache(maxsize=MOST)
def _kept(text: str) -> tuple[Node | None, tuple[Problem, ...]]:
    found: list[Problem] = []
    tree = parse_yaml(text, "", found)
    return tree, tuple(found)


def _copy_of(node: Node, file: str) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _copy_of(each, file) for key, each in value.items()}
    elif isinstance(value, list):
        value = [_copy_of(each, file) for each in value]
    return Node(
        file,
        node.line,
        node.column,
        value,
        node.key_line,
        node.key_column,
    )
