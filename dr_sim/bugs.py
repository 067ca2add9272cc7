"""Errors that are not the user's: a bug in dr_sim, or in recovery logic of his own that it was
given.

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
WHOSE = "a bug in dr_sim, or in recovery logic of your own"
_LONGEST = 300  # characters of an exception's own text


class BrokenReplicationError(DrSimError):
    """A replication raised or ended its process: a bug in dr_sim."""

    exit_code = EXIT_BUG


@dataclass(frozen=True, slots=True)
class Broken:
    """One replication, or one scenario (number -1), that ended in an error: what it was in one
    line, and its traceback.
    """

    number: int
    error: str
    trace: str = ""


def broken_by(error: BaseException, number: int = -1) -> Broken:
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    text = "".join(char if char.isprintable() else "?" for char in text)
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    return Broken(number, short, "".join(traceback.format_exception(error)))


def told(broken: Sequence[Broken], of: int = 0) -> str:
    """One line about what broke. of: so many replications there were; 0: it was no replication."""
    first = broken[0]
    traces = [each.trace for each in broken[:10] if each.trace]
    place = f"; its traceback is in {put(chr(10).join(traces))}" if traces else ""
    what = ""
    if of and first.number >= 0:
        what = f"{len(broken)} of {of:,} replications broke, the first is number {first.number}: "
    return f"{what}{first.error}; {WHOSE}{place}"


def put(trace: str) -> str:
    """Write a traceback to a new file and return its name. Where none can be written it goes to
    standard error.
    """
    try:
        handle, path = tempfile.mkstemp(prefix=PREFIX, suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(trace)
    except OSError:
        print(trace, file=sys.stderr)
        return "the lines above"
    return path


def report(error: BaseException) -> int:
    """Say that this is a bug and where its traceback is; the exit code."""
    print(f"{told([broken_by(error)])}; nothing that was not finished was written", file=sys.stderr)
    return EXIT_BUG
