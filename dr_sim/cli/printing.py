"""Prints what people read on a terminal."""

from __future__ import annotations

import sys

from dr_sim.files.output import printable, show_as_is
from dr_sim.formatting.layout import fitted


def show(text: str) -> None:
    """Print a text; its lines fit the screen."""
    show_as_is(fitted(text))


def note(text: str) -> None:
    """Print a line on standard error. It fits the screen if a person reads it there; a program
    reads it as one line.
    """
    line = printable(text)
    to_screen = sys.stderr.isatty()
    print(fitted(line) if to_screen else line, file=sys.stderr, flush=True)
