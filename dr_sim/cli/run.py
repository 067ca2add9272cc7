"""The face of `dr-sim run`: one run of a scenario, or many replications of it."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.cli.options import (
    add_executor,
    add_json,
    add_played,
    add_replications,
    add_seed,
    add_set,
)
from dr_sim.cli.playing import as_asked, kept, warn_of_overload
from dr_sim.cli.printing import show
from dr_sim.engines.sides import ENGINES, TIMINGS
from dr_sim.errors import input_error
from dr_sim.files.output import json_rows, json_text, show_as_is

if TYPE_CHECKING:
    from dr_sim.scenario.model import Scenario

_PLAYED = 0.8  # of the bar: the rest is for measuring and drawing


def add_run(commands: Any) -> None:
    """Add `dr-sim run`."""
    run = commands.add_parser(
        "run", help="simulate a scenario; print one screen; write results"
    )
    run.add_argument("scenario", type=Path, help="scenario file (YAML)")
    add_seed(run)
    add_set(run, "one key, e.g. link.loss=1%%")
    run.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder for the results (default: results/<scenario>/<run>)",
    )
    run.add_argument(
        "--engine",
        choices=ENGINES,
        help="the database engine; replaces the scenario's own",
    )
    run.add_argument(
        "--timing",
        choices=TIMINGS,
        help="source of durations: the scenario's costs, or the clock "
        "(real engines)",
    )
    add_json(run, "the summary as one JSON object")
    run.add_argument(
        "--no-report",
        action="store_true",
        help="write only numbers and records, no page and no pictures; "
        "faster",
    )
    add_replications(
        run, "number of independent runs (default: the scenario's)"
    )
    run.add_argument(
        "--replication",
        type=int,
        metavar="I",
        help="one run with the random events of replication I (0 is the "
        "usual one)",
    )
    add_executor(run)
    add_played(run)
    run.set_defaults(command=_run)


def _run(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario
    from dr_sim.results import run_folder as runs
    from dr_sim.runs.run import run
    from dr_sim.screen.progress import part_of, progress_bar
    from dr_sim.screen.run import coloured, in_colour, screen

    loaded = load_scenario(
        a.scenario, a.set, a.seed, engine=a.engine, timing=a.timing
    )
    scenario = as_asked(loaded, a)
    if _wants_replications(a, scenario):
        return _run_replications(a, scenario)
    if a.replication is not None:
        scenario = replace(scenario, replication_no=a.replication)
    parent = runs.results_parent(scenario, Path("results"))
    runs.check_target(a.out or parent / "1", replaced=a.out is not None)
    warn_of_overload([(scenario.name, scenario)])
    with progress_bar(scenario.name) as (progress, seconds):
        result = run(scenario, part_of(progress, 0.0, _PLAYED))
        drawing = runs.Drawing(
            not a.no_report, part_of(progress, _PLAYED, 1.0)
        )
        if a.out is None:
            folder = runs.write_next_results(result, parent, drawing)
        else:
            folder = a.out
            runs.write_results(result, folder, drawing)
        took = seconds()
    if a.json:
        show_as_is(json_rows(runs.full_summary(result)))
    else:
        shown = screen(
            result.summary,
            scenario,
            result.verdict,
            a.scenario,
            took,
            folder,
        )
        show(coloured(shown) if in_colour() else shown)
    return result.verdict.exit_code


def _wants_replications(a: argparse.Namespace, scenario: Scenario) -> bool:
    """Return whether `run` is asked for more than one run."""
    if a.replications is not None:
        if a.replication is not None:
            raise input_error(
                "--replications",
                "does not go with --replication: leave one out",
            )
        return True
    return scenario.replications is not None and a.replication is None


def _run_replications(a: argparse.Namespace, scenario: Scenario) -> int:
    from dr_sim import api
    from dr_sim.experiments.replications import until
    from dr_sim.experiments.replications.replicate import Course
    from dr_sim.experiments.replications.store import BatchStore
    from dr_sim.results.many_folder import folder_of, write_distribution
    from dr_sim.screen.distribution import screen
    from dr_sim.screen.run import coloured, in_colour

    folder = a.out or folder_of(scenario)
    course = Course(scenario, BatchStore(folder, scenario))
    too_much = warn_of_overload([(scenario.name, scenario)])
    began = time.monotonic()
    with (
        kept(course, folder),
        api.shown_progress(scenario.name) as progress,
        until.executor(a.workers, a.on) as playing,
    ):
        found = until.replicate_until(
            course,
            until.plan_of(scenario, a.replications),
            playing,
            progress,
        )
    until.some_of(found)
    write_distribution(found, folder)
    if a.json:
        show_as_is(json_text(found.summary()))
    else:
        shown = screen(found, a.scenario, time.monotonic() - began, folder)
        show(coloured(shown) if in_colour() else shown)
        for line in too_much:
            show(line)
    return found.exit_code
