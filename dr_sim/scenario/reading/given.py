"""A scenario that is given as a mapping in Python, as the tree that a file would be.

Instead of a file and a line, problems name the path of the key: `databases.crm.size: ...`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.reading.tree import MAX_DEPTH, Node, wrong_character

NAME = "scenario"  # of one without a name; and where a problem of the whole of it is

Steps = tuple[str, ...]


def given_tree(given: Mapping[str, Any], problems: list[Problem]) -> Node:
    """The tree of a mapping: texts, numbers, True, False, None, lists and mappings."""
    return _node(given, (), problems)


def without_echo(problem: Problem) -> Problem:
    """A problem whose message begins with a path: that is its place, and is said once."""
    path, colon, rest = problem.message.partition(": ")
    if colon and (
        path == problem.file or path.startswith(f"{problem.file}.")
    ):
        return Problem(path, problem.line, problem.column, rest)
    return problem


def _node(value: Any, steps: Steps, problems: list[Problem]) -> Node:
    node = Node(".".join(steps) or NAME, 0, 0, None)
    if len(steps) > MAX_DEPTH:
        problems.append(
            node.problem(
                f"is nested too deeply; a scenario needs at most {MAX_DEPTH} levels"
            )
        )
    elif isinstance(value, Mapping):
        node.value = _mapping(value, steps, node, problems)
    elif isinstance(value, Sequence) and not isinstance(
        value, (str, bytes)
    ):
        node.value = [
            _node(child, (*steps, str(number)), problems)
            for number, child in enumerate(value, 1)
        ]
    elif value is not None:
        node.value = _text(value, node, problems)
    return node


def _mapping(
    value: Mapping[Any, Any],
    steps: Steps,
    node: Node,
    problems: list[Problem],
) -> dict[str, Node]:
    children = {}
    for key, child in value.items():
        wrong = (
            "" if isinstance(key, str) else f"is a text, not {key!r:.40}"
        )
        wrong = wrong or (
            wrong_character(key) if isinstance(key, str) else ""
        )
        if wrong or "\n" in key:
            problems.append(
                node.problem(
                    f"a key {wrong or 'holds a line break; leave it out'}"
                )
            )
            continue
        children[key] = _node(child, (*steps, key), problems)
    return children


def _text(value: Any, node: Node, problems: list[Problem]) -> str:
    """A leaf as it would be written in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return (
            str(int(value))
            if value.is_integer()
            else format(Decimal(repr(value)), "f")
        )
    if isinstance(value, str):
        wrong = wrong_character(value)
        if (
            not wrong
            and "\n" in value
            and not node.file.endswith("description")
        ):
            wrong = "write it in one line"
        if wrong:
            problems.append(node.problem(wrong))
        return value
    told = f"{value!r:.60} ({type(value).__name__}) is no text, number, list or mapping"
    problems.append(
        node.problem(f"{told}; write it as in a file, for example '15 min'")
    )
    return ""
