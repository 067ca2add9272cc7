"""A progress bar on a terminal or in a notebook's cell, for what takes longer than a second; a line
now and then elsewhere, as in the log of a CI job.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dr_sim.formatting.cell import cell_bar, is_in_cell
from dr_sim.units import SECOND_US, clock

if TYPE_CHECKING:
    from rich.progress import Progress

SHOW_AFTER_S = 1.0
LINE_EVERY_S = 30.0
"""Seconds between two lines where nobody sees a bar."""


@contextmanager
def progress_bar(
    what: str,
) -> Iterator[tuple[Callable[[float], None], Callable[[], float]]]:
    """Yields (progress(part done), seconds passed so far)."""
    began = time.monotonic()
    if is_in_cell():
        with _in_cell(what, began) as told:
            yield told, lambda: time.monotonic() - began
        return
    if not sys.stderr.isatty():
        yield _by_lines(what, began), lambda: time.monotonic() - began
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


def _by_lines(what: str, began: float) -> Callable[[float], None]:
    """Return a progress that writes a line now and then to stderr."""
    told_s = began

    def progress(part: float) -> None:
        nonlocal told_s
        now = time.monotonic()
        if now - told_s < LINE_EVERY_S or part >= 1:
            return
        told_s = now
        passed_s = now - began
        left = ""
        if part > 0:
            left_us = round((1 - part) / part * passed_s * SECOND_US)
            left = f", about {clock(left_us)} more"
        passed = clock(round(passed_s * SECOND_US))
        print(
            f"{what}: {100 * part:.0f} % done after {passed}{left}",
            file=sys.stderr,
            flush=True,
        )

    return progress


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
