"""Finds the functions in which code differs from other code, and notes whether a case runs one.

Theory of operation. The files of both are compared as syntax trees, so comments and layout do not
count. Where something else than a function differs (a table, a default, a field), the functions
that name it count as changed. Each changed function gets one more statement, which notes that it
ran: its code object is replaced in place, so it does not matter who holds the function. A function
that cannot be replaced is not watched, and nothing else depends on it.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_MARK = "_dr_sim_runs_a_change"
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef)
_HOLD = ("__func__", "__wrapped__", "func", "fget", "fset")
"""Under these names methods, properties and decorated functions hold the function itself."""


@dataclass(slots=True)
class _Source:
    """The parts of a file: functions by their qualified names, and the other statements by what
    they define.
    """

    functions: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def _parts(tree: ast.Module) -> _Source:
    found = _Source()
    _add_parts(tree.body, "", found)
    return found


def _add_parts(
    body: Sequence[ast.stmt], within: str, found: _Source
) -> None:
    for statement in body:
        if isinstance(statement, _DEFINES):
            name = within + statement.name
            found.functions[name] = ast.dump(statement)
        elif isinstance(statement, ast.ClassDef):
            bases = [*statement.bases, *statement.decorator_list]
            found.others[statement.name] = " ".join(map(ast.dump, bases))
            _add_parts(statement.body, f"{within}{statement.name}.", found)
        else:
            text = ast.dump(statement)
            for name in _defined(statement):
                found.others[name] = found.others.get(name, "") + text


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement outside of functions defines."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def changed_functions(here: Path, there: Path) -> dict[str, frozenset[str]]:
    """Return the qualified names of the functions of a package, or of a module, that differ from
    those of another one, by the name of their module.
    """
    files = _modules(here)
    names: set[str] = set()
    found: dict[str, set[str]] = {}
    for module, path in files.items():
        other = there / path.relative_to(here) if here.is_dir() else there
        mine, theirs = _read(path), _read(other)
        if mine == theirs:
            continue
        ours, before = _parts(ast.parse(mine)), _parts(ast.parse(theirs))
        found[module] = _unlike(ours.functions, before.functions)
        names |= _unlike(ours.others, before.others)
        names |= _unlike(before.others, ours.others)
        gone = before.functions.keys() - ours.functions.keys()
        names.update(name.rpartition(".")[2] for name in gone)
    if names:
        for module, path in files.items():
            naming = _functions_naming(_read(path), names)
            found.setdefault(module, set()).update(naming)
    return {module: frozenset(of) for module, of in found.items() if of}


def _modules(part: Path) -> dict[str, Path]:
    """Return the files of a package, or of one module, by the names under which they are loaded."""
    if not part.is_dir():
        return {part.stem: part}
    found: dict[str, Path] = {}
    for path in sorted(part.rglob("*.py")):
        inside = path.relative_to(part.parent).with_suffix("")
        words = (
            inside.parts[:-1] if inside.name == "__init__" else inside.parts
        )
        found[".".join(words)] = path
    return found


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _unlike(one: Mapping[str, str], two: Mapping[str, str]) -> set[str]:
    return {name for name, text in one.items() if two.get(name) != text}


def _functions_naming(text: str, names: set[str]) -> set[str]:
    """Return the functions of a file that name one of these."""
    word = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    if not word.search(text):
        return set()
    functions = _parts(ast.parse(text)).functions
    quoted = re.compile("|".join(re.escape(f"'{name}'") for name in names))
    return {name for name, dump in functions.items() if quoted.search(dump)}


class ChangedFunctions:
    """Notes whether changed functions run. changed: their qualified names, by module."""

    @classmethod
    def between(
        cls, parts: Sequence[Path], others: Sequence[str]
    ) -> ChangedFunctions:
        """Return those of these packages that differ from the packages of the same names in other
        folders.
        """
        changed: dict[str, frozenset[str]] = {}
        for part in parts:
            there = [Path(folder) / part.name for folder in others]
            for each in filter(Path.exists, there):
                changed |= changed_functions(part, each)
        return cls(changed)

    def __init__(self, changed: Mapping[str, frozenset[str]]) -> None:
        self._ran = False
        for name, functions in changed.items():
            try:
                module = importlib.import_module(name)
            except (
                Exception
            ):  # code that is being changed may raise anything
                continue
            _watch(module, functions, self._note)

    def _note(self) -> None:
        self._ran = True

    def ran(self) -> bool:
        """Return whether one has run since this was asked last."""
        ran, self._ran = self._ran, False
        return ran


def _watch(module: ModuleType, names: frozenset[str], note: Any) -> None:
    """Let these functions of a module call note() when they begin."""
    path = Path(module.__file__ or "")
    codes = _marked(path, names)
    vars(module)[_MARK] = note
    for function in _functions_in(vars(module), module.__name__):
        code = codes.get(function.__qualname__)
        if (
            code is not None
            and code.co_freevars == function.__code__.co_freevars
        ):
            function.__code__ = code


def _marked(path: Path, names: frozenset[str]) -> dict[str, CodeType]:
    """Return the code of these functions with the mark, by their qualified names."""
    tree = ast.parse(_read(path))
    _add_marks(tree.body, "", names)
    compiled = compile(
        ast.fix_missing_locations(tree),
        str(path),
        "exec",
        dont_inherit=True,
    )
    return {
        code.co_qualname: code
        for code in _codes_in(compiled)
        if code.co_qualname in names
    }


def _add_marks(
    body: Sequence[ast.stmt], within: str, names: frozenset[str]
) -> None:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            _add_marks(statement.body, f"{within}{statement.name}.", names)
        elif (
            isinstance(statement, _DEFINES)
            and within + statement.name in names
        ):
            call = ast.Call(ast.Name(_MARK, ast.Load()), [], [])
            mark = ast.copy_location(ast.Expr(call), statement.body[0])
            statement.body.insert(0, mark)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes_in(each)


def _functions_in(
    names: Mapping[str, Any], module: str
) -> Iterator[FunctionType]:
    """Yield the functions that a module, or a class in it, defines."""
    for value in list(names.values()):
        if isinstance(value, type):
            if value.__module__ == module:
                yield from _functions_in(
                    {
                        name: each
                        for name, each in vars(value).items()
                        if each is not value
                    },
                    module,
                )
            continue
        held = [getattr(value, name, None) for name in _HOLD]
        for each in (value, *held):
            if isinstance(each, FunctionType) and each.__module__ == module:
                yield each
