"""One complete tree, made from files and `--set`: extends, overrides, other words for keys,
defaults.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from dr_sim.errors import Problem
from dr_sim.files.reading import is_utf16, read_inside
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.keys.cloud_keys import SECTIONS as CLOUD_SECTIONS
from dr_sim.scenario.keys.events import from_plain
from dr_sim.scenario.keys.machine_keys import SECTIONS as MACHINE_SECTIONS
from dr_sim.scenario.keys.schema import ALIASES, WHOLE
from dr_sim.scenario.reading import given
from dr_sim.scenario.reading.defaults import DEFAULTS, DERIVED
from dr_sim.scenario.reading.given import given_tree
from dr_sim.scenario.reading.parsed import parsed
from dr_sim.scenario.reading.tree import (
    MAX_BYTES,
    Node,
    Path,
    apply_override,
    beside,
    fits,
    parse_override,
    parse_yaml,
)

MOST_EXTENDS = 20
_HOLDS_NOTHING = (
    "holds nothing; `dr-sim new FILE` writes a scenario to start from"
)
_LIBRARY = (
    "scenarios"  # the folder of the library's scenarios, in a copy of it
)


Options = tuple[tuple[str, Path, str], ...]
"""Keys that have an option of their own on the command line: (the option as written, the key's
path, its value).
"""


def read_tree(
    path: str | Mapping[str, Any],
    overrides: tuple[str, ...],
    options: Options,
    problems: list[Problem],
) -> Node | None:
    """The scenario's own file (or mapping) over what it extends, then `--set`, then the options,
    then defaults. None if there is nothing to check.
    """
    if isinstance(path, str):
        tree = _read_file(path, (), None, problems)
        name = os.path.splitext(os.path.basename(path))[0]
    else:
        plain, name = given_tree(path, problems), given.NAME
        # a value of another type is reported alone: the other problems follow from it
        tree = (
            None
            if problems
            else _laid_on_its_base(plain, name, (), problems)
        )
    if tree is None:
        return None
    for text in overrides:
        if parsed := parse_override(text, problems):
            steps, node = parsed
            place = _canonical_path(steps)
            node.written = steps[-1] if steps[-1] != place[-1] else ""
            if not _names_nobody(tree, place, node, problems):
                apply_override(tree, place, node, problems)
    for label, steps, value in options:
        apply_override(tree, steps, Node(label, 0, 0, value), problems)
    _canonical(tree, (), problems)
    fill_defaults(tree, name)
    return tree


def _names_nobody(
    tree: Node, path: Path, node: Node, problems: list[Problem]
) -> bool:
    """A problem if one key inside a database, a group or a copy that is not there is set: a slip of
    the pen would add another one.
    """
    inside_of = (
        ("database", ("databases",)),
        ("group", ("replication", "groups")),
        ("copy", ("copies",)),
    )
    for what, above in inside_of:
        names = (
            names_of(tree.at(above))
            if tree.at(above) is not tree.at(above[:-1])
            else ()
        )
        inside = len(path) > len(above) + 1 and path[: len(above)] == above
        if inside and names and path[len(above)] not in (*names, "*"):
            name = path[len(above)]
            whole = f"{'.'.join((*above, name))}={{...}}"
            problems.append(
                node.problem(
                    f"unknown {what} {name!r}; {did_you_mean(name, names)} (a new one is "
                    f"set whole: --set '{whole}')"
                )
            )
            return True
    return False


# ---- files
def _read_file(
    path: str,
    inside: tuple[str, ...],
    at: Node | None,
    problems: list[Problem],
) -> Node | None:
    """inside: the files that extend this one, by their real paths; at: where the nearest of them
    names it.
    """
    text = _text(path, at, problems)
    if text is None:
        return None
    tree = parsed(text, path, problems)
    if tree is not None and tree.value is None and at is None:
        problems.append(tree.problem(_HOLDS_NOTHING))
        return None
    return (
        None
        if tree is None
        else _laid_on_its_base(tree, path, inside, problems)
    )


def _laid_on_its_base(
    tree: Node, path: str, inside: tuple[str, ...], problems: list[Problem]
) -> Node | None:
    """The tree of a file (or of a mapping, whose bases are looked for from here) over what it
    extends.
    """
    if tree.value is None:
        tree.value = {}
    if not isinstance(tree.value, dict):
        problems.append(
            tree.problem(
                "a scenario is a mapping; write for example 'run_for: 14 days' in its first line"
            )
        )
        return None
    _canonical(tree, (), problems)
    extends = tree.value.pop("extends", None)
    if extends is None or extends.value is None:
        return tree
    if not isinstance(extends.value, str):
        problems.append(
            extends.problem("extends: write the path of one scenario file")
        )
        return tree
    base_path = os.path.normpath(
        os.path.join(os.path.dirname(path), extends.value)
    )
    chain = (*inside, _identity(path))
    if _identity(base_path) in chain or len(chain) > MOST_EXTENDS:
        problems.append(
            extends.problem(
                f"extends: {extends.value!r} extends this file in turn; one of them must not"
            )
        )
        return tree
    base = _read_file(base_path, chain, extends, problems)
    return merged(base, tree, ()) if base is not None else tree


def _identity(path: str) -> str:
    """The same for every way to write one file's path."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path  # no file: reading it says why


def _text(
    path: str, at: Node | None, problems: list[Problem]
) -> str | None:
    def problem(message: str, line: int = 1, column: int = 1) -> None:
        told = (
            at.problem(f"extends: {path} {message}")
            if at is not None
            else Problem(path, line, column, message)
        )
        problems.append(told)

    try:
        data = read_inside(path, MAX_BYTES)
    except OSError as error:
        hint = (
            _instead(path) if isinstance(error, FileNotFoundError) else ""
        )
        problem(f"cannot be read: {error.strerror}{hint}")
        return None
    if is_utf16(data):
        problem("is UTF-16; save it as UTF-8")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = (
            len(
                before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")
            )
            + 1
        )
        problem(
            f"is not UTF-8: byte 0x{data[error.start]:02x}; save it as UTF-8",
            line,
            column,
        )
        return None


def _instead(path: str) -> str:
    """Return what else may have been meant by a path at which there is no file; '' if nobody
    knows.
    """
    folder, name = os.path.split(path)
    try:
        there = [
            each
            for each in os.listdir(folder or ".")
            if each.endswith((".yaml", ".yml"))
        ]
    except OSError:
        there = []
    near = difflib.get_close_matches(name, sorted(there), 1, 0.75)
    if f"{name}.yaml" in there:
        near = [f"{name}.yaml"]
    if near:
        return f"; did you mean {os.path.join(folder, near[0])}?"
    if PurePath(path).parts[:1] == (_LIBRARY,):
        return (
            "; `dr-sim library --copy .` copies dr_sim's own scenarios here"
        )
    if path == name and "." not in name:
        return (
            f"; a scenario is named by its file; `dr-sim library {shlex.quote(name)}` lists "
            "dr_sim's own of that name, and `dr-sim library --copy .` copies them here"
        )
    return ""


def merged(base: Node, over: Node, path: Path) -> Node:
    """over laid on base: mappings key by key, anything else (and mappings that are one value)
    replaced.
    """
    if over.value is None:
        return base
    if (
        isinstance(base.value, dict)
        and isinstance(over.value, dict)
        and not _is_one_value(path)
    ):
        children = dict(base.value)
        for key, child in over.value.items():
            children[key] = (
                merged(children[key], child, (*path, key))
                if key in children
                else child
            )
        over.value = children
    return over


def _is_one_value(path: Path) -> bool:
    """Return whether a mapping there is one value. A copy has the sections of the scenario."""
    inside_copy = path[2:] if path[:1] == ("copies",) else path
    return any(fits(inside_copy, whole) for whole in WHOLE)


# ---- other words
def _canonical_path(steps: Path) -> Path:
    renamed: list[str] = []
    for step in steps:
        here = (*renamed, step)
        renamed.append(
            next(
                (name for alias, name in ALIASES if fits(here, alias)), step
            )
        )
    return tuple(renamed)


def _canonical(node: Node, path: Path, problems: list[Problem]) -> None:
    """Other words for a key become the key, down to three levels, and to five under copies: there
    the last of them stands.
    """
    if isinstance(node.value, dict):
        renamed: dict[str, Node] = {}
        written: dict[str, str] = {}
        for key, child in node.value.items():
            name = _canonical_path((*path, key))[-1]
            if name in renamed:
                problems.append(
                    child.key_problem(
                        f"{written[name]!r} and {key!r} say the same; write one of them"
                    )
                )
                continue
            renamed[name], written[name] = child, key
            if key != name:
                child.written = key
        node.value = renamed
    if len(path) < (4 if path[:1] == ("copies",) else 2):
        for key, child in node.items():
            _canonical(child, (*path, key), problems)


# ---- defaults
@lru_cache(maxsize=256)
def default_value(text: str) -> Any:
    """A default as plain texts, lists and dicts."""
    node = parse_yaml(text, "defaults", [])
    return node.plain() if node is not None else None


def fill_defaults(tree: Node, stem: str) -> None:
    """Every key with a default is there afterwards, but where something that is no mapping is in
    its way.
    """
    assert isinstance(tree.value, dict)
    with_cloud = any(section in tree.value for section in CLOUD_SECTIONS)
    with_machines = any(
        section in tree.value for section in MACHINE_SECTIONS
    )
    for path, text, source in DEFAULTS:
        section = path.split(".")[0]
        if section in MACHINE_SECTIONS and not with_machines:
            continue
        if section in CLOUD_SECTIONS and not with_cloud:
            continue
        for parent, key in _parents(tree, tuple(path.split("."))):
            assert isinstance(parent.value, dict)
            if key not in parent.value:
                parent.value[key] = from_plain(
                    parent, default_value(text), source
                )
    sources = dict(DERIVED)
    _derive(tree, (), "name", stem, sources["name"])
    first_machine = first_of(tree.get("machines"))
    databases = tree.get("databases")
    for name, _ in (
        databases.items()
        if databases is not None and isinstance(databases.value, dict)
        else ()
    ):
        _derive(
            tree,
            ("databases", name),
            "machine",
            first_machine,
            sources["databases.*.machine"],
        )
    failover = tree.get("failover")
    operators = failover.get("operators") if failover is not None else None
    _derive(
        tree,
        ("failover",),
        "on_duty",
        first_of(operators),
        sources["failover.on_duty"],
    )


IF_WRITTEN = ("databases", "copies", "store", "schedule")
"""Mappings that no default makes."""


def _parents(tree: Node, path: Path) -> list[tuple[Node, str]]:
    """The mappings that the last key of path belongs to, made where they are missing."""
    here = [tree]
    for step in path[:-1]:
        inner: list[Node] = []
        for node in here:
            if step == "*":
                inner.extend(child for _, child in node.items())
                continue
            assert isinstance(node.value, dict)
            if step not in node.value and step not in IF_WRITTEN:
                node.value[step] = beside(node, {})
            if step in node.value:
                inner.append(node.value[step])
        for node in inner:
            if node.value is None:
                node.value = {}
        here = [node for node in inner if isinstance(node.value, dict)]
    return [(node, path[-1]) for node in here]


def _derive(
    tree: Node, path: Path, key: str, value: str | None, source: str
) -> None:
    parent = tree.at(path)
    if (
        isinstance(parent.value, dict)
        and key not in parent.value
        and value is not None
    ):
        parent.value[key] = beside(parent, value, source)


def first_of(node: Node | None) -> str | None:
    """Return the first text of a list, None if it cannot be known."""
    if (
        node is not None
        and isinstance(node.value, list)
        and node.value
        and isinstance(node.value[0].value, str)
    ):
        return node.value[0].value
    return None


def names_of(node: Node | None) -> tuple[str, ...]:
    """The texts in a list, the keys of a mapping."""
    if node is None:
        return ()
    if isinstance(node.value, dict):
        return tuple(node.value)
    return tuple(
        child.value
        for _, child in node.items()
        if isinstance(child.value, str)
    )
