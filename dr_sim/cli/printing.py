"""Prints what people read on a terminal."""

from __future__ import annotations

from dr_sim.files.output import show_as_is
from dr_sim.formatting.layout import fitted


def show(text: str) -> None:
    """Print a text; its lines fit the screen."""
    show_as_is(fitted(text))
