"""A progress bar on a terminal or in a notebook's cell, for what takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dr_sim.formatting.cell import cell_bar, is_in_cell

if TYPE_CHECKING:
    from rich.progress import Progress

SHOW_AFTER_S = 1.0


@contextmanager
def progress_bar(
    what: str,
) -> Iterator[tuple[Callable[[float], None] | None, Callable[[], float]]]:
    """Yields (progress(part done) or None off a terminal, seconds passed so far)."""
    began = time.monotonic()
    if is_in_cell():
        with _in_cell(what, began) as told:
            yield told, lambda: time.monotonic() - began
        return
    if not sys.stderr.isatty():
        yield None, lambda: time.monotonic() - began
        return
    shown: list[Progress] = []

    def progress(part: float) -> None:
        if not shown and time.monotonic() - began > SHOW_AFTER_S:
            shown.append(_started_bar(what))
        for bar in shown:
            bar.update(bar.task_ids[0], completed=part)

    try:
        yield progress, lambda: time.monotonic() - began
    finally:
        for bar in shown:
            bar.stop()


def _started_bar(what: str) -> Progress:
    """Show a bar on the terminal, with one task."""
    # here: what is over before a bar is due need not import what draws it
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task(what, total=1.0)
    bar.start()
    return bar


@contextmanager
def _in_cell(what: str, began: float) -> Iterator[Callable[[float], None]]:
    """A bar in a notebook's cell, moved at most so often that a person sees it."""
    taken_away: list[Callable[[], None]] = []
    move: list[Callable[[float], None]] = []
    shown_s = began

    def progress(part: float) -> None:
        nonlocal shown_s
        now = time.monotonic()
        if now - shown_s < SHOW_AFTER_S:
            return
        shown_s = now
        if not move:
            moved, gone = cell_bar(what)
            move.append(moved)
            taken_away.append(gone)
        move[0](part)

    try:
        yield progress
    finally:
        for gone in taken_away:
            gone()


def part_of(
    progress: Callable[[float], None] | None, begins: float, ends: float
) -> Callable[[float], None] | None:
    """The progress of one stretch of a bar: a value from 0 to 1 moves it from begins to ends."""
    if progress is None:
        return None

    def told(part: float) -> None:
        progress(begins + part * (ends - begins))

    return told
