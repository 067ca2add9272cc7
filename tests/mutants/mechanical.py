"""Bugs that a program plants: nobody chose them, so they say how much is found of what nobody thought
of. Each is one small edit of a statement of the logic; some change nothing that can be seen.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.mutants.planting import ROOT, Mutant, one

ROOMS = {"recovery": 5, "backups": 2, "cloud": 3}
"""Where bugs are planted, and how many of ten."""
_TURNED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Change:
    """What takes the place of a part of a text. wrong: it, in words."""

    begin: int
    end: int
    text: str
    wrong: str


class _Source:
    """A file, and where its nodes are in it."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        lines = self.text.encode().splitlines(keepends=True)
        self._begins = [0]
        for line in lines:
            self._begins.append(self._begins[-1] + len(line.decode()))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = self._begins[node.lineno - 1] + node.col_offset
        return begin, self._begins[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.expr | ast.stmt) -> str:
        begin, end = self.span(node)
        return self.text[begin:end]

    def inside(self, change: _Change) -> tuple[str, str]:
        """Return whole lines that are there once, and what the change makes of them."""
        begin = self.text.rfind("\n", 0, change.begin) + 1
        end = self.text.find("\n", change.end) + 1
        while self.text.count(self.text[begin:end]) > 1:
            begin = self.text.rfind("\n", 0, begin - 1) + 1
            end = self.text.find("\n", end) + 1
        old = self.text[begin:end]
        new = self.text[begin : change.begin] + change.text + self.text[change.end : end]
        return old, new


# ---- the kinds
def _comparison(source: _Source, node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = source.of(node.left), source.of(node.comparators[0])
        to = _TURNED[type(node.ops[0])]
        yield _Change(*source.span(node), f"{left} {to} {right}", "a comparison is turned")


def _condition(source: _Source, node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.If):
        of = source.of(node.test)
        yield _Change(*source.span(node.test), f"not ({of})", "a condition is inverted")
    if isinstance(node, ast.BoolOp):
        kept = source.of(node.values[-1])
        yield _Change(*source.span(node), f"({kept})", "a part of a condition is left out")
        kept = source.of(node.values[0])
        yield _Change(*source.span(node), f"({kept})", "a part of a condition is left out")


def _statement(source: _Source, node: ast.AST) -> Iterator[_Change]:
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    is_kept = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
    if isinstance(node, ast.Expr | ast.Assign) and (is_call or is_kept):
        yield _Change(*source.span(node), "pass", "a statement is left out")


def _order(source: _Source, node: ast.AST) -> Iterator[_Change]:
    body = getattr(node, "body", None)
    if not isinstance(node, ast.stmt) or not isinstance(body, list):
        return
    for one_, two in pairwise(body):
        if isinstance(one_, ast.Expr) and isinstance(two, ast.Expr):
            if not isinstance(one_.value, ast.Call):
                continue
            begin, end = source.span(one_)[0], source.span(two)[1]
            between = source.text[source.span(one_)[1] : source.span(two)[0]]
            text = source.of(two) + between + source.of(one_)
            yield _Change(begin, end, text, "two statements have changed places")


def _number(source: _Source, node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Subscript) and source.of(node.slice) in ("0", "-1"):
        to = "-1" if source.of(node.slice) == "0" else "0"
        yield _Change(*source.span(node.slice), to, "the other end of a list is taken")
    elif isinstance(node, ast.Constant) and type(node.value) is int and node.value < 1000:
        yield _Change(*source.span(node), str(node.value + 1), "a number is one too high")
    elif isinstance(node, ast.Name) and node.id in ("min", "max"):
        to = "max" if node.id == "min" else "min"
        yield _Change(*source.span(node), to, "min and max have changed places")


def _loop(source: _Source, node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Continue):
        yield _Change(*source.span(node), "break", "a loop ends too early")


KINDS: tuple[Callable[[_Source, ast.AST], Iterator[_Change]], ...] = (
    _comparison, _condition, _statement, _order, _number, _loop,
)  # fmt: skip


# ---- all of them
def _changes(source: _Source) -> Iterator[_Change]:
    """Yield what can be changed in functions."""
    functions = (n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef))
    for function in functions:
        for statement in function.body:
            for node in _below(statement):
                for kind in KINDS:
                    yield from kind(source, node)


def _below(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it but assertions, which say nothing to the user."""
    if isinstance(node, ast.Assert):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _below(child)


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def mechanical(count: int, seed: int) -> list[Mutant]:
    """Draw bugs. The same seed draws the same ones as long as the logic is the same."""
    r = random.Random(seed)
    per_room: dict[str, list[tuple[Path, _Source, _Change]]] = {}
    for room in ROOMS:
        for path in sorted((ROOT / "dr_sim" / room).rglob("*.py")):
            source = _Source(path)
            found = per_room.setdefault(room, [])
            found += [(path, source, change) for change in _changes(source)]
    mutants: dict[str, Mutant] = {}
    while len(mutants) < count:
        (room,) = r.choices(list(ROOMS), list(ROOMS.values()))
        kind = r.choice(sorted({change.wrong for _, _, change in per_room[room]}))
        of_kind = [each for each in per_room[room] if each[2].wrong == kind]
        path, source, change = r.choice(of_kind)
        line = source.text.count("\n", 0, change.begin) + 1
        at = path.relative_to(ROOT / "dr_sim").as_posix()
        name = f"{at}:{line}:{change.begin}"
        old, new = source.inside(change)
        if _is_python(source.text.replace(old, new)):
            mutants[name] = one(name, "", f"{change.wrong} ({at}:{line})", at, old, new)
    return list(mutants.values())
