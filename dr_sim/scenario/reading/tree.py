"""A scenario file as a tree of texts that knows where each of them stands.

Every leaf is the text that was written (YAML 1.2, so `yes`, `1:30` and `0.10` arrive as people
wrote them); the types of fields make values of it. Duplicate keys are refused. Nothing here
knows what a key means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from dr_sim.errors import Problem
from dr_sim.scenario.reading.syntax import not_yaml, unreadable

MAX_BYTES = 4 * 2**20
MAX_NODES = 200_000
MAX_DEPTH = 30
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in [
        "str",
        "int",
        "float",
        "bool",
        "null",
        "timestamp",
        "map",
        "seq",
        "merge",
        "value",
    ]
}

Path = tuple[str, ...]


@dataclass(slots=True)
class Node:
    """A value and where it stands. line and column count from 1; line 0: from `--set`. source: of a
    default; written: the word that stands there for its key, if that is another one.
    """

    file: str
    line: int
    column: int
    value: str | list[Node] | dict[str, Node] | None
    key_line: int = 0
    key_column: int = 0
    source: str = ""
    written: str = ""

    def problem(self, message: str) -> Problem:
        return Problem(self.file, self.line, self.column, message)

    def key_problem(self, message: str) -> Problem:
        """Return a problem at its key, if it has one."""
        if self.key_line:
            return Problem(
                self.file, self.key_line, self.key_column, message
            )
        return self.problem(message)

    def get(self, key: str) -> Node | None:
        return self.value.get(key) if isinstance(self.value, dict) else None

    def items(self) -> Iterator[tuple[str, Node]]:
        """The children of a mapping or a list (numbered from 0)."""
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, list):
            for i, child in enumerate(self.value):
                yield str(i), child

    def at(self, path: tuple[str | int, ...]) -> Node:
        """The deepest node on the path that is there."""
        node = self
        for step in path:
            if isinstance(node.value, dict) and str(step) in node.value:
                node = node.value[str(step)]
            elif (
                isinstance(node.value, list)
                and isinstance(step, int)
                and step < len(node.value)
            ):
                node = node.value[step]
            else:
                break
        return node

    def as_written(self, path: tuple[str | int, ...]) -> list[str]:
        """The steps of a path in the words of the file."""
        words, node = [], self
        for i, step in enumerate(path):
            child = self.at(path[: i + 1])
            words.append(
                child.written
                if child is not node and child.written
                else str(step)
            )
            node = child
        return words

    def plain(self) -> Any:
        """Texts in dicts and lists."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def fits(path: Path, pattern: Path) -> bool:
    """Return whether it is that key path, in which '*' is any key."""
    return len(path) == len(pattern) and all(
        p in ("*", step) for p, step in zip(pattern, path, strict=True)
    )


def beside(
    node: Node,
    value: str | list[Node] | dict[str, Node] | None,
    source: str = "",
) -> Node:
    """A node that is not written anywhere; problems with it are shown at `node`."""
    return Node(
        node.file,
        node.line,
        node.column,
        value,
        node.key_line,
        node.key_column,
        source,
    )


def parse_yaml(
    text: str, file: str, problems: list[Problem]
) -> Node | None:
    """The tree of one YAML document; None (and a problem) if there is none to work with.

    file: how problems name it. Duplicate keys, aliases to themselves, tags and keys that are no
    text are problems.
    """
    if len(text) > MAX_BYTES:
        problems.append(
            Problem(
                file,
                1,
                1,
                f"is larger than {MAX_BYTES // 2**20} MiB, too large for a scenario",
            )
        )
        return None
    try:
        composed = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        problems.append(not_yaml(error, file))
        return None
    except RecursionError:
        problems.append(
            Problem(
                file,
                1,
                1,
                f"is nested too deeply; a scenario needs at most {MAX_DEPTH} levels",
            )
        )
        return None
    except YAMLError as error:
        problems.append(unreadable(text, file, error))
        return None
    except Exception as error:
        # the parser's own slips on broken input: still the input that is wrong
        problems.append(
            Problem(
                file,
                1,
                1,
                f"cannot be read as YAML ({type(error).__name__})",
            )
        )
        return None
    if composed is None:
        return Node(file, 1, 1, None)
    composer = _Composer(file, problems)
    tree = composer.node(composed, 0)
    return None if composer.unsafe else tree


def _shown_tag(tag: Any) -> str:
    return str(tag).replace("tag:yaml.org,2002:", "!!")[:40]


_LAYOUT = "\n\t"  # a description may have several lines


def wrong_character(text: str) -> str:
    """Return what is wrong with a text that is shown to people and to build servers; '' if nothing
    is.

    Control characters act on terminals and in logs of build servers, XML has no room for them, and
    direction marks make a name look like another one.
    """
    for char in text:
        kind = unicodedata.category(char)
        if kind == "Cs":
            return "holds half a character; write the whole one"
        if kind in ("Zl", "Zp") or (kind == "Cc" and char not in _LAYOUT):
            return f"holds the control character U+{ord(char):04X}; leave it out"
        if char in _DIRECTIONS or ord(char) & 0xFFFE == 0xFFFE:
            return f"holds the invisible character U+{ord(char):04X}; leave it out"
    return ""


_DIRECTIONS = frozenset(
    map(
        chr,
        (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F),
    )
)
_ONE_LINE_EXCEPT = ("description",)


class _Composer:
    """Walks ruamel's nodes once for each place where they are used, so that aliases count every
    time.
    """

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.count = 0
        self.open: set[int] = set()
        # a text holds what must not be shown: nothing more is said of this file
        self.unsafe = False

    def node(self, yaml_node: Any, depth: int) -> Node:
        mark = yaml_node.start_mark
        node = Node(self.file, mark.line + 1, mark.column + 1, None)
        self.count += 1
        refusal = self.refusal(yaml_node, depth)
        if refusal:
            if self.count <= MAX_NODES + 1:  # a bomb is reported once
                self.problems.append(node.problem(refusal))
            return node
        if str(yaml_node.tag) not in _PLAIN_TAGS:
            self.problems.append(
                node.problem(
                    f"the tag {_shown_tag(yaml_node.tag)} means nothing here; leave it out"
                )
            )
        self.open.add(id(yaml_node))
        if isinstance(yaml_node, MappingNode):
            node.value = self.mapping(yaml_node, depth)
        elif isinstance(yaml_node, SequenceNode):
            node.value = [
                self.node(child, depth + 1)
                for child in yaml_node.value
                if not self.full()
            ]
        elif isinstance(yaml_node, ScalarNode) and yaml_node.tag != _NULL:
            node.value = str(yaml_node.value)
            if wrong := wrong_character(node.value):
                self.problems.append(node.problem(wrong))
                self.unsafe = True
        self.open.discard(id(yaml_node))
        return node

    def full(self) -> bool:
        return self.count > MAX_NODES

    def refusal(self, yaml_node: Any, depth: int) -> str:
        if self.full():
            return f"holds more than {MAX_NODES} values, too many for a scenario"
        if depth > MAX_DEPTH:
            return f"is nested too deeply; a scenario needs at most {MAX_DEPTH} levels"
        return (
            "an alias stands inside what it names; write the value out"
            if id(yaml_node) in self.open
            else ""
        )

    def mapping(self, yaml_node: Any, depth: int) -> dict[str, Node]:
        children: dict[str, Node] = {}
        last: Node | None = None
        cut: list[
            Node
        ] = []  # numbers with commas in them, one place for each comma
        for key_node, value_node in yaml_node.value:
            if self.full():
                break
            mark = key_node.start_mark
            if not isinstance(key_node, ScalarNode):
                self.problems.append(
                    Problem(
                        self.file,
                        mark.line + 1,
                        mark.column + 1,
                        "a key is a text; write it in one word",
                    )
                )
                continue
            key = str(key_node.value)
            if key_node.tag == _MERGE:
                merge = (
                    "'<<' (a merge key) is YAML 1.1; write the keys out, or use 'extends: "
                    "other.yaml'"
                )
                self.problems.append(
                    Problem(
                        self.file, mark.line + 1, mark.column + 1, merge
                    )
                )
                continue
            if (
                yaml_node.flow_style
                and last is not None
                and _goes_on(last, key_node, value_node)
            ):
                last.value = f"{last.value},{key}"
                cut.append(last)
                continue
            wrong = wrong_character(key) or (
                "holds a line break; leave it out" if "\n" in key else ""
            )
            if wrong:
                place = (self.file, mark.line + 1, mark.column + 1)
                self.problems.append(Problem(*place, f"a key {wrong}"))
                self.unsafe = True
                continue
            child = self.node(value_node, depth + 1)
            if (
                isinstance(child.value, str)
                and "\n" in child.value
                and key not in _ONE_LINE_EXCEPT
            ):
                self.problems.append(
                    child.problem(f"{key}: write it in one line")
                )
            child.key_line, child.key_column = (
                mark.line + 1,
                mark.column + 1,
            )
            if key in children:
                first = children[key]
                self.problems.append(
                    child.key_problem(
                        f"the key {key!r} is already in line {first.key_line}; keep one of the two"
                    )
                )
                continue
            children[key] = last = child
        for node in {id(node): node for node in cut}.values():
            written, node.value = (
                node.value,
                _without_commas(str(node.value)),
            )
            self.problems.append(
                node.problem(
                    f"{written!r}: between braces a comma ends the value; write {node.value}"
                )
            )
        return children


_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\D.*)?")


def _goes_on(last: Node, key: ScalarNode, value: Any) -> bool:
    """Return whether it is no key but the rest of a number, as in {size: 1,5 GB}."""
    number = (
        isinstance(last.value, str)
        and last.value[-1:].isdecimal()
        and not key.style
        and str(key.value)[:1].isdecimal()
    )
    return (
        number
        and isinstance(value, ScalarNode)
        and value.tag == _NULL
        and not value.value
    )


def _without_commas(text: str) -> str:
    """Return what was meant: times of day, thousands, or decimals."""
    if ":" in text:
        return text.replace(",", " and ")
    return text.replace(
        ",",
        "" if _THOUSANDS.fullmatch(text) or text.count(",") > 1 else ".",
    )


# ---- --set
LONGEST_LABEL = 120  # characters of an override in a message about it
_STEP = re.compile(r'"([^"]+)"|([^."=]+)')


def parse_override(
    text: str, problems: list[Problem]
) -> tuple[Path, Node] | None:
    """'link.loss=1%' -> (('link', 'loss'), node). A step with a dot in it stands in double
    quotes.
    """
    label = f"--set {text if len(text) <= LONGEST_LABEL else text[:LONGEST_LABEL] + '...'}"
    steps, position = [], 0
    while match := _STEP.match(text, position):
        steps.append(match[1] or match[2].strip())
        position = match.end()
        if text[position : position + 1] != ".":
            break
        position += 1
    if not steps or not all(steps) or text[position : position + 1] != "=":
        problems.append(
            Problem(
                label,
                0,
                0,
                "write --set key.path=value, for example --set link.loss=1%",
            )
        )
        return None
    found: list[Problem] = []
    node = parse_yaml(text[position + 1 :], label, found)
    problems.extend(
        Problem(label, 0, 0, problem.message) for problem in found
    )
    if node is None:
        return None
    _unplace(node, label)
    return tuple(steps), node


def _unplace(node: Node, label: str) -> None:
    node.file, node.line, node.column, node.key_line, node.key_column = (
        label,
        0,
        0,
        0,
        0,
    )
    for _, child in node.items():
        _unplace(child, label)


def apply_override(
    tree: Node, path: Path, node: Node, problems: list[Problem]
) -> None:
    """Put node at path, making mappings on the way; list items count from 1, as people count them,
    and '*' is all that there are.
    """
    here = tree
    for i, step in enumerate(path):
        last = i == len(path) - 1
        if step == "*" and i:
            inner = [
                key if isinstance(here.value, dict) else str(int(key) + 1)
                for key, _ in here.items()
            ]
            if not inner:
                problems.append(
                    node.problem(
                        f"{'.'.join(path[:i])} has nothing inside that * could stand for"
                    )
                )
            for one in inner:
                apply_override(
                    here, (one, *path[i + 1 :]), deepcopy(node), problems
                )
            return
        if isinstance(here.value, list):
            if not step.isdecimal() or not 1 <= int(step[:9]) <= len(
                here.value
            ):
                where = ".".join(path[:i])
                problems.append(
                    node.problem(
                        f"{where} has items 1 to {len(here.value)}, and no {step!r}"
                    )
                )
                return
            index = int(step) - 1
            if last:
                here.value[index] = node
            here = here.value[index]
            continue
        if here.value is None:
            here.value = {}
        if not isinstance(here.value, dict):
            problems.append(
                node.problem(
                    f"{'.'.join(path[:i])} is one value, so it has no {step!r} inside"
                )
            )
            return
        if last:
            here.value[step] = node
        elif step not in here.value:
            here.value[step] = beside(node, {})
        here = here.value[step]
