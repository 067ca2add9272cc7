"""The syntax trees of source files, parsed once for all tests of a module that read them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _nodes(text: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_parsed(text)))


def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file. Nobody may change it: others read the same one."""
    return _parsed(path.read_text(encoding="utf-8"))


def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file's tree, as ast.walk yields them: several tests look at each."""
    return _nodes(path.read_text(encoding="utf-8"))


def forget_trees() -> None:
    """Give the memory of all trees back."""
    _nodes.cache_clear()
    _parsed.cache_clear()
