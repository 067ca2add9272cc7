"""`copies: 100` of a database: 100 equal databases, crm-001 to crm-100, each with files, jobs and a
replay of its own.

They are made of the tree, so everything after it sees databases that were written one by one, and
`--set databases.crm.copies=200` and a sweep over it work. They share whatever databases share:
their machine's disk, the link, a staging area, the secondary's disk, the restore workers. A
replicated folder that holds crm holds them all.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace

from dr_sim.errors import Problem
from dr_sim.scenario.reading.tree import Node

COPIES = "copies"
MOST_COPIES = 1_000
FEWEST_DIGITS = 3
SCHEMA = {
    "type": "integer", "minimum": 1, "maximum": MOST_COPIES,
    "description": (
                   "number of equal databases, with -001, -002 and so on "
                   "after the name; they share link, disks and workers"
                   ),
}  # fmt: skip


def multiply(tree: Node, problems: list[Problem]) -> dict[str, str]:
    """Put the copies in the place of what was written. The answer: the name of each copy, and the
    name that was written.
    """
    databases = tree.get("databases")
    if databases is None or not isinstance(databases.value, dict):
        return {}
    named: dict[str, list[str]] = {}
    every: dict[str, Node] = {}
    for name, node in databases.value.items():
        copies = (
            node.value.pop(COPIES, None)
            if isinstance(node.value, dict)
            else None
        )
        count = _count(name, copies, problems) if copies is not None else 0
        if not count:
            every[name] = node
            continue
        digits = max(FEWEST_DIGITS, len(str(count)))
        named[name] = [
            f"{name}-{i:0{digits}d}" for i in range(1, count + 1)
        ]
        taken = next(
            (
                each
                for each in named[name]
                if each in databases.value or each in every
            ),
            None,
        )
        if taken is not None:
            problems.append(
                node.key_problem(
                    f"databases.{name}: a copy of it would be called {taken!r}, as "
                    "another is; rename one"
                )
            )
        every.update((each, deepcopy(node)) for each in named[name])
    databases.value = every
    for _, group in tree.at(("replication", "groups")).items():
        for _, folder in (
            group.get("folders") or Node("", 0, 0, None)
        ).items():
            _put_into(folder.get("databases"), named)
    return {each: name for name, copies in named.items() for each in copies}


def _count(name: str, node: Node, problems: list[Problem]) -> int:
    """Return how many; 0 and a problem if that is not told."""
    text = (
        node.value.strip().replace(",", "")
        if isinstance(node.value, str)
        else ""
    )
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= MOST_COPIES:
        return int(text)
    told = (
        f"databases.{name}.{COPIES}: is a whole number from 1 to {MOST_COPIES:,}, as in "
        f"{COPIES}: 100"
    )
    problems.append(node.problem(told))
    return 0


def _put_into(folder: Node | None, named: dict[str, list[str]]) -> None:
    """Let a list that names a database with copies name the copies instead."""
    if folder is None or not isinstance(folder.value, list):
        return
    databases = []
    for node in folder.value:
        if isinstance(node.value, str) and node.value in named:
            databases += [
                replace(node, value=copy) for copy in named[node.value]
            ]
        else:
            databases.append(node)
    folder.value = databases


def told_once(
    problems: list[Problem], copies: dict[str, str]
) -> list[Problem]:
    """A mistake in what was written once is one line, however many copies it has."""
    return [
        replace(
            problem, message=_of_what_was_written(problem.message, copies)
        )
        for problem in problems
    ]


def _of_what_was_written(message: str, copies: dict[str, str]) -> str:
    for copy, name in copies.items():
        for end in (".", ":", " "):
            message = message.replace(
                f"databases.{copy}{end}", f"databases.{name}{end}"
            )
    return message
