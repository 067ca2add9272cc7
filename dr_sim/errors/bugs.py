"""Errors that are not of the input: a bug in dr_sim, or in recovery logic of the user's own that it
was given (`--manager`). The words say which.

An SLA that is missed leaves with exit code 1, so an uncaught exception needs a code of its own. Its
traceback is put into a file, and one line says where.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.errors import DrSimError

EXIT_BUG = 70  # EX_SOFTWARE of BSD's sysexits.h: an internal software error
PREFIX = "dr_sim-bug-"
BUILT_IN = "dr_sim"  # names dr_sim's own recovery manager
WHOSE = "a bug in dr_sim"
_LONGEST = 300  # characters of an exception's own text


class BrokenReplicationError(DrSimError):
    """A replication raised or ended its process: a bug."""

    exit_code = EXIT_BUG


class OwnLogicError(Exception):
    """Signals that the user's own recovery logic has raised an exception, or has returned something
    else than a command. The text says what it did and on which occasion.
    """


@dataclass(frozen=True, slots=True)
class Broken:
    """One replication, or one scenario (number -1), that ended in an error: what it was in one
    line, and its traceback.
    """

    number: int
    error: str
    trace: str = ""
    whose: str = WHOSE  # '': the error says it


def in_one_line(error: BaseException) -> str:
    """An exception's class and text."""
    return _shortened(f"{type(error).__name__}: {error}")


def _shortened(words: str) -> str:
    text = " ".join(words.split()).removesuffix(":")
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def broken_by(
    error: BaseException, number: int = -1, manager: str = ""
) -> Broken:
    """Return what broke. manager: the name of the user's own, '' if the run had dr_sim's."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, OwnLogicError):
        return Broken(number, _shortened(str(error)), trace, "")
    return Broken(number, in_one_line(error), trace, whose(manager))


def whose(manager: str) -> str:
    """Say where an error may be that is not seen to come out of the user's own manager."""
    return (
        f"{WHOSE}, or what comes of your manager {manager}"
        if manager
        else WHOSE
    )


def breaker(manager: str) -> str:
    """Say who broke an invariant."""
    return f"broken by your manager {manager}" if manager else WHOSE


def told(broken: Sequence[Broken], of: int = 0) -> str:
    """One line about what broke. of: so many replications there were; 0: it was no replication."""
    first = broken[0]
    traces = [each.trace for each in broken[:10] if each.trace]
    place = (
        f"; its traceback is in {put(chr(10).join(traces))}"
        if traces
        else ""
    )
    what = ""
    if of and first.number >= 0:
        what = f"{len(broken)} of {of:,} replications broke, the first is number {first.number}: "
    whose = f"; {first.whose}" if first.whose else ""
    return f"{what}{first.error}{whose}{place}"


def put(trace: str) -> str:
    """Write a traceback to a new file and return its name. Where none can be written it goes to
    standard error.
    """
    try:
        handle, path = tempfile.mkstemp(prefix=PREFIX, suffix=".txt")
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="backslashreplace"
        ) as out:
            out.write(trace)
    except OSError:
        print(trace, file=sys.stderr)
        return "the lines above"
    return path


def report(error: BaseException, manager: str = "") -> int:
    """Say that this is a bug and where its traceback is; the exit code."""
    line = told([broken_by(error, manager=manager)])
    print(
        f"{line}; nothing that was not finished was written",
        file=sys.stderr,
    )
    return EXIT_BUG
