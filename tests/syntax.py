"""The syntax trees of source files, parsed once for all tests of a module that read them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file. Nobody may change it: others read the same one."""
    return _parsed(path.read_text(encoding="utf-8"))


def forget_trees() -> None:
    """Give the memory of all trees back."""
    _parsed.cache_clear()
