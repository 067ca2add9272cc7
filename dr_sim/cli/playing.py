"""Parts of each command that plays scenarios: which manager plays, what is said before, what is
kept when it is interrupted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dr_sim.cli.printing import note

if TYPE_CHECKING:
    from dr_sim.scenario.model import Scenario

_GOES_ON = "the same command continues from there"


def as_asked(scenario: Scenario, a: argparse.Namespace) -> Scenario:
    """The scenario as `--steps` and `--manager` want it played."""
    return managed(replace(scenario, steps=a.steps), a.manager)


def managed(scenario: Scenario, manager: str) -> Scenario:
    """The scenario with that manager; modules in this folder can be named too."""
    if not manager:
        return scenario
    from dr_sim.world.own_logic import look_here_too, with_manager

    look_here_too()
    return with_manager(scenario, manager)


def warn_of_overload(named: Iterable[tuple[str, Scenario]]) -> list[str]:
    """Say on standard error, before anything is played, which links are offered more than they
    carry. Return these lines: they are said again beside the results.
    """
    from dr_sim.world.link.offered import overloads

    lines = overloads(named)
    for line in lines:
        note(line)
    return lines


@contextmanager
def kept(course: object, folder: Path) -> Iterator[None]:
    """Say, on Ctrl-C, how many replications are kept and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        done = len(getattr(course, "samples", ()))
        if done:
            note(
                f"{done:,} replication{'s are' if done != 1 else ' is'} kept in {folder}; "
                f"{_GOES_ON}"
            )
        raise


@contextmanager
def finished_is_kept(folder: Path) -> Iterator[None]:
    """Say, on Ctrl-C, that what is finished is kept and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"what is finished is kept in {folder}; {_GOES_ON}")
        raise
