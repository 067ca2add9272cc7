"""Screens and progress bars in the cells of notebooks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any


def in_cell(text: str) -> str:
    """A screen's text for a cell, as HTML."""
    return f'<pre style="line-height: 1.3">{escape(text)}</pre>'


def is_in_cell() -> bool:
    """Return whether this process runs a notebook's cells."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def cell_bar(
    what: str,
) -> tuple[Callable[[float], None], Callable[[], None]]:
    """Show a bar in the cell; return what moves it (parts from 0 to 1), and what takes it away."""
    # by name: whoever has no notebooks has no IPython
    show: Any = import_module("IPython.display")
    handle = show.display(show.HTML(_bar(what, 0.0)), display_id=True)

    def moved(part: float) -> None:
        handle.update(show.HTML(_bar(what, part)))

    def gone() -> None:
        handle.update(show.HTML(""))

    return moved, gone


def _bar(what: str, part: float) -> str:
    percent = f"{100 * part:.0f} %"
    return f'{escape(what)} <progress value="{part:.3f}">{percent}</progress> {percent}'
