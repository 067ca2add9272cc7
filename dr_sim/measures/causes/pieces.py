"""Pieces of time with a cause each, and the lines of a ledger that they become."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from dr_sim.measures.causes.causes import BackupFate, Causes, SafeTime

UNEXPLAINED = "unexplained"  # time that no record accounts for


@dataclass(slots=True)
class LedgerLine:
    """One stretch of time and what it was spent on."""

    begin_us: int
    duration_us: int
    cause: str
    detail: str = ""


@dataclass(slots=True)
class Lost:
    """From that instant on a file is of no use. based: there is something to restore it onto, so
    the file itself is lost. cause: cause and detail while nothing is done about it; None: a hole in
    the chain, or no copy.
    """

    at_us: int
    based: bool
    cause: tuple[str, str] | None = None


Piece = tuple[int, str, str]
"""An instant, and the cause and detail that hold until then."""
Hopes = Generator[Piece, None, Lost | None]
"""Pieces; at the end, whether the file was of no use."""


def as_lines(
    pieces: Iterable[Piece], from_us: int, until_us: int
) -> list[LedgerLine]:
    """Return [from_us, until_us) as lines of consecutive pieces; the rest of the time is
    unexplained.
    """
    lines: list[LedgerLine] = []
    at = from_us
    for stop, cause, detail in pieces:
        stop = min(stop, until_us)
        if stop <= at:
            continue
        if lines and (lines[-1].cause, lines[-1].detail) == (cause, detail):
            lines[-1].duration_us += stop - at
        else:
            lines.append(LedgerLine(at, stop - at, cause, detail))
        at = stop
        if at >= until_us:
            break
    if at < until_us:
        lines.append(LedgerLine(at, until_us - at, UNEXPLAINED))
    return lines


def holding_at(kept: list[SafeTime], time_us: int) -> SafeTime | None:
    """Return the time that holds at an instant; None if there is none."""
    return next(
        (each for each in kept if each.begin_us <= time_us < each.end_us),
        None,
    )


def name_of(causes: Causes, file: BackupFate) -> str:
    """Return the file's name, or a description of a backup that has none yet."""
    if file.name:
        return file.name
    begun_utc_us = causes.scenario.start_utc_us + file.begin_us
    begun = datetime.fromtimestamp(begun_utc_us // 1_000_000, UTC)
    return f"the {file.word} begun {begun:%Y-%m-%dT%H:%M:%SZ}"


def noted(cause: str, label: str) -> str:
    """Return a cause with its events in brackets, if there are any."""
    return f"{cause} ({label})" if label else cause


def value_or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
