"""A resolved scenario as YAML: complete, each default with its source, and loading it gives the
same scenario again.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from dr_sim.scenario.keys.schema import APART, Root
from dr_sim.scenario.keys.standbys import COPIES
from dr_sim.scenario.keys.standbys import SECTIONS as STANDBY_SECTIONS
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.defaults import DEFAULTS, DERIVED
from dr_sim.scenario.reading.sources import default_value, first_of
from dr_sim.scenario.reading.tree import Node, Path

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._/%+()-]|:(?=\S))*(?<! )")
# YAML would make a date of it, and a schema for texts refuse that
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NULLS = ("null", "Null", "NULL")


class Resolved(dict[str, Any]):
    """The scenario as plain texts, lists and dicts; sources: where each default in it comes from,
    by key path.
    """

    def __init__(
        self, values: dict[str, Any], sources: dict[Path, str]
    ) -> None:
        super().__init__(values)
        self.sources = sources

    def __reduce__(
        self,
    ) -> tuple[type[Resolved], tuple[dict[str, Any], dict[Path, str]]]:
        return (Resolved, (dict(self), self.sources))


def resolved_of(tree: Node) -> Resolved:
    """The complete tree in the order of the schema."""
    sources: dict[Path, str] = {}
    order = [*(name for name in Root.model_fields), *APART]
    values = {
        name: _plain(node, (name,), sources)
        for name in order
        if (node := tree.get(name)) is not None
    }
    # one that was written out, as in a resolved scenario, keeps its source
    for pattern, text, source in _PATTERNS:
        for here, node in _nodes(tree, pattern):
            if here not in sources and node.plain() == default_value(text):
                sources[here] = source
    first = {
        "machine": first_of(tree.get("machines")),
        "on_duty": first_of(
            (tree.get("failover") or tree).get("operators")
        ),
    }
    for path, source in DERIVED:
        for here, node in _nodes(tree, tuple(path.split("."))):
            if (
                here not in sources
                and node.value is not None
                and node.value == first.get(here[-1])
            ):
                sources[here] = source
    return Resolved(
        {
            name: value
            for name, value in values.items()
            if value is not None
        },
        sources,
    )


def _patterns(path: Path) -> list[Path]:
    """Return where a default is: in its section, and in that of each standby with a name."""
    if path[0] in STANDBY_SECTIONS:
        return [path, (COPIES, "*", *path)]
    return [path]


_PATTERNS = [
    (pattern, text, source)
    for path, text, source in DEFAULTS
    for pattern in _patterns(tuple(path.split(".")))
]


def _nodes(tree: Node, pattern: Path) -> list[tuple[Path, Node]]:
    """Every node at a key path in which '*' is any key."""
    found: list[tuple[Path, Node]] = [((), tree)]
    for step in pattern:
        found = [
            ((*path, key), child)
            for path, node in found
            for key, child in _children(node, step)
        ]
    return found


def _children(node: Node, step: str) -> Iterable[tuple[str, Node]]:
    """Return what a mapping has under a key, or all of it if that is '*'."""
    if not isinstance(node.value, dict):
        return ()
    if step == "*":
        return node.value.items()
    child = node.value.get(step)
    return () if child is None else ((step, child),)


def _plain(node: Node, path: Path, sources: dict[Path, str]) -> Any:
    if node.source:
        sources[path] = node.source
    if isinstance(node.value, dict):
        return {
            key: _plain(child, (*path, key), sources)
            for key, child in node.value.items()
        }
    if isinstance(node.value, list):
        return [
            _plain(child, (*path, str(i)), sources)
            for i, child in enumerate(node.value)
        ]
    return node.value


def dump_resolved(scenario: Scenario) -> str:
    """The YAML text. Needs the `resolved` that load_scenario put there."""
    resolved = scenario.resolved
    sources = resolved.sources if isinstance(resolved, Resolved) else {}
    lines = ["# Every default is filled in; its source stands beside it."]
    _mapping(resolved, (), 0, sources, lines)
    return "\n".join(lines) + "\n"


def _mapping(
    values: dict[str, Any],
    path: Path,
    indent: int,
    sources: dict[Path, str],
    lines: list[str],
) -> None:
    for key, value in values.items():
        _entry(
            f"{' ' * indent}{_key(key)}:",
            value,
            (*path, key),
            indent + 2,
            sources,
            lines,
        )


def _entry(
    head: str,
    value: Any,
    path: Path,
    indent: int,
    sources: dict[Path, str],
    lines: list[str],
) -> None:
    comment = f"  # default: {sources[path]}" if path in sources else ""
    flow = _flow(value)
    if not isinstance(value, dict | list):
        if (
            value is not None
            and len(value) > 4 * _WIDTH
            and path[-1] == "bytes"
        ):
            lines.append(f"{head} >-{comment}")
            lines.extend(
                textwrap.wrap(
                    value,
                    _WIDTH,
                    initial_indent=" " * indent,
                    subsequent_indent=" " * indent,
                )
            )
        else:
            lines.append(f"{head} {_scalar(value)}{comment}")
    elif not value or (
        len(head) + len(flow) < _WIDTH
        and (comment or _is_short(value, path, sources))
    ):
        lines.append(f"{head} {flow}{comment}")
    elif isinstance(value, dict):
        lines.append(f"{head}{comment}")
        _mapping(value, path, indent, sources, lines)
    else:
        lines.append(f"{head}{comment}")
        for i, item in enumerate(value):
            _item(item, (*path, str(i)), indent, sources, lines)


def _item(
    item: Any,
    path: Path,
    indent: int,
    sources: dict[Path, str],
    lines: list[str],
) -> None:
    if not isinstance(item, dict) or not item:
        lines.append(f"{' ' * indent}- {_flow(item)}")
        return
    first = len(lines)
    _mapping(item, path, indent + 2, sources, lines)
    lines[first] = f"{' ' * indent}- {lines[first].lstrip()}"


def _is_short(value: Any, path: Path, sources: dict[Path, str]) -> bool:
    """One level of texts, none of them a default that needs a line for its source; not a
    section.
    """
    if len(path) < 2 and isinstance(value, dict):
        return False
    children = (
        value.items()
        if isinstance(value, dict)
        else ((str(i), child) for i, child in enumerate(value))
    )
    return all(
        not isinstance(child, dict | list) and (*path, key) not in sources
        for key, child in children
    )


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{_key(key, flow=True)}: {_flow(child)}"
                for key, child in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_flow(child) for child in value) + "]"
    return _scalar(value, flow=True)


def _key(text: str, *, flow: bool = False) -> str:
    return _scalar(text, flow=flow) if ":" not in text else _quoted(text)


def _scalar(text: str | None, *, flow: bool = False) -> str:
    if text is None:
        return "null"
    if (
        _PLAIN.fullmatch(text)
        and not _DATE.match(text)
        and text not in _NULLS
        and not (flow and ":" in text)
    ):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\U{ord(char):08x}"
