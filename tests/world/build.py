"""Small scenarios and worlds for tests: written as users write them, run whole, read from their
journals.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from dr_sim.loading import load_scenario
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.world import World

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

ONE = """\
run_for: 2 h
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
"""
"""One seeded database with a log every five minutes, and nothing that goes wrong."""


@cache
def _loaded(text: str, overrides: tuple[str, ...]) -> Scenario:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.yaml"
        path.write_text(text, encoding="utf-8")
        return replace(load_scenario(path, overrides), new_secondary_us=None)


def scenario(text: str = ONE, *overrides: str) -> Scenario:
    """The scenario of that text; overrides as after --set. These tests look at one pair of sites:
    no other follows a failover.
    """
    return _loaded(text, overrides)


def world(text: str = ONE, *overrides: str) -> World:
    return World(scenario(text, *overrides))


def ran(text: str = ONE, *overrides: str) -> World:
    """A world after its run."""
    built = world(text, *overrides)
    built.run()
    return built


def during(
    text: str, overrides: tuple[str, ...], *what: tuple[int, Callable[[World], object]]
) -> World:
    """A world after its run, in which these things were done at these instants, as a fault is."""
    built = world(text, *overrides)
    for at_us, do in what:
        built.context.agenda.at(at_us, Class.FAULT, -1, do, built)
    built.run()
    return built


def rows(journal: Journal, kind: str, *fields: str) -> list[Any]:
    """Of every row of that kind: (time, the fields asked for), or only the time if none is."""
    found = []
    for row in journal.rows(kind):
        found.append((row.time_us, *(row.values[f] for f in fields)) if fields else row.time_us)
    return found


def violations(journal: Journal) -> list[str]:
    return [
        f"{r.values['invariant']}: {r.values['detail']}" for r in journal.rows("truth.violation")
    ]


@contextmanager
def within(cpu_s: int) -> Iterator[None]:
    """What takes longer fails: a loop without an end is told like any other mistake. By the CPU's
    clock, which does not mind what else the machine does.
    """

    def over(*_: object) -> None:
        raise AssertionError(f"no end after {cpu_s} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
