"""The face of everything that takes more than one run: replications, check, baseline, compare, sweep."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dr_sim.errors import InputError, Problem
from dr_sim.scenario.model import Scenario


def add_to_run(run: argparse.ArgumentParser) -> None:
    """What `run` takes beside a single run's options."""
    run.add_argument("--replications", type=count, metavar="N", help="so many independent runs (default: the scenario's)")
    run.add_argument("--replication", type=int, metavar="I", help="a single run, on the luck of replication I (0 is the usual one)")
    add_executor(run)


def add_executor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=count, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--on", metavar="dask://HOST:PORT", help="play replications on a Dask cluster")


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("takes a whole number from 1")
    return value


def wants_replications(a: argparse.Namespace, scenario: Scenario) -> bool:
    """Whether `run` is asked for more than one run."""
    if a.replications is not None:
        if a.replication is not None or a.engine != "model":
            raise InputError([Problem("--replications", 0, 0, "goes with neither --replication nor --engine: leave one out")])
        return True
    return scenario.replications is not None and a.replication is None and a.engine == "model"


def run_replications(a: argparse.Namespace, scenario: Scenario) -> int:
    from dr_sim import api
    from dr_sim.experiments.files import folder_of, write_distribution
    from dr_sim.experiments.replicate import Course
    from dr_sim.experiments.store import Store
    from dr_sim.screen_distribution import screen

    folder = a.out or folder_of(scenario)
    course = Course(scenario, Store(folder, scenario))
    began = time.monotonic()
    with kept(course, folder), api.shown_progress(scenario.name) as progress, api.executor(a.workers, a.on) as playing:
        found = api.replicate_until(course, api.plan_of(scenario, a.replications), playing, progress)
    write_distribution(found, folder)
    if a.json:
        print(json.dumps(found.summary(), indent=1, ensure_ascii=False))
    else:
        print(screen(found, a.scenario, time.monotonic() - began, folder, colour=sys.stdout.isatty()))
    return found.exit_code


@contextmanager
def kept(course: object, folder: Path) -> Iterator[None]:
    """Says, on Ctrl-C, what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        done = len(getattr(course, "samples", ()))
        print(f"{done:,} replications are kept in {folder}; the same command goes on from there", file=sys.stderr)
        raise
