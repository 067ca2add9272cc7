"""Options that several commands share, and the texts that they take.

A command adds an option with the function here, so that it is spelled and explained in one way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from dr_sim.errors import input_error
from dr_sim.units import UnitError, parse_duration


def add_set(parser: argparse.ArgumentParser, what: str = "one key") -> None:
    """Add `--set`: override keys of the scenario."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override {what}",
    )


def add_seed(
    parser: argparse.ArgumentParser,
    what: str = "replaces the scenario's own seed",
) -> None:
    """Add `--seed`."""
    parser.add_argument("--seed", type=int, help=what)


def add_replications(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--replications`: the number of independent runs."""
    parser.add_argument(
        "--replications", type=count, metavar="N", help=what
    )


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--json`: print what was found for other programs."""
    parser.add_argument("--json", action="store_true", help=f"print {what}")


def add_executor(parser: argparse.ArgumentParser) -> None:
    """Add where replications are played: `--workers`, `--on`."""
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes (default: one a core; on Windows always 1)",
    )
    parser.add_argument(
        "--on",
        metavar="dask://HOST:PORT",
        help="play replications on a Dask cluster",
    )


def add_played(parser: argparse.ArgumentParser) -> None:
    """Add how scenarios are played: `--steps`, `--manager`."""
    add_steps(parser)
    add_manager(parser)


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Add `--steps`."""
    parser.add_argument(
        "--steps",
        action="store_true",
        help="turn every fast path off: slower, the same records",
    )


def add_manager(
    parser: argparse.ArgumentParser,
    of: str = "which replaces the recovery manager",
) -> None:
    """Add `--manager`."""
    parser.add_argument(
        "--manager",
        metavar="MODULE:FACTORY",
        default="",
        help=f"your own logic, {of}",
    )


def count(text: str) -> int:
    """Read a whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("takes a whole number from 1")
    return value


def duration(text: str) -> int:
    """Read a duration such as '5 min', in microseconds."""
    try:
        return parse_duration(text)
    except UnitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def value_of(
    text: str | None, name: str, read: Callable[[str], int], least: int = 1
) -> int | None:
    """Return the value of an option, at least that much of its unit; None if it is not given."""
    if text is None:
        return None
    try:
        value = read(text)
        if value < least:
            raise UnitError(f"{text[:60]!r} is nothing: more is needed")
    except UnitError as wrong:
        raise input_error(name, str(wrong)) from None
    return value
