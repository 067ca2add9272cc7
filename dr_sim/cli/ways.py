"""The face of `dr-sim ways`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dr_sim.cli.options import add_seed, add_set
from dr_sim.cli.printing import show
from dr_sim.errors import input_error

MISTAKE, ROTTEN = "mistake", "rotting_pages"
TRIED = (MISTAKE, ROTTEN)
"""Classes of which each way back is tried in a run of its own."""


def add_ways(commands: Any) -> None:
    """Add `dr-sim ways`."""
    ways = commands.add_parser(
        "ways",
        help="list the ways back from a failure at an instant: what each "
        "loses, how long it takes",
    )
    ways.add_argument("scenario", type=Path, help="scenario file (YAML)")
    ways.add_argument(
        "--at",
        required=True,
        metavar="T",
        help="the instant, as under events: 'Wed 02:40', '2 h 5 min', ...",
    )
    ways.add_argument(
        "--class",
        dest="failure_class",
        choices=("site", "host", "database", *TRIED),
        default="site",
        help="what would be lost (default: the site), a mistake, or pages "
        "that rot at the primary",
    )
    ways.add_argument(
        "--noticed",
        default="",
        metavar="D",
        help="for a mistake or rotten pages: time until people notice, "
        "e.g. '90 min'",
    )
    ways.add_argument(
        "--database",
        default="",
        metavar="NAME",
        help="for a mistake or rotten pages: the database (default: the "
        "first one)",
    )
    ways.add_argument(
        "--lost",
        default="",
        metavar="SIZE",
        help="for a mistake or rotten pages: the amount of destroyed data, "
        "which a restore beside the service copies back",
    )
    add_seed(ways)
    add_set(ways, "one key, e.g. link.loss=1%%")
    ways.set_defaults(command=_ways)


def _ways(a: argparse.Namespace) -> int:
    from dr_sim.experiments.mistake_ways import (
        AskedMistake,
        mistake_asked_about,
        mistake_ways,
    )
    from dr_sim.loading import load_scenario
    from dr_sim.runs.run import run
    from dr_sim.screen.mistake_ways import mistake_ways_text
    from dr_sim.screen.ways import ways_if

    _check_options(a)
    scenario = load_scenario(a.scenario, a.set, a.seed)
    if a.failure_class in TRIED:
        rotten = a.failure_class == ROTTEN
        asked = AskedMistake(
            a.at, a.noticed, a.database, a.lost or "0 B", rotten
        )
        of = mistake_asked_about(scenario, asked)
        show(mistake_ways_text(scenario, of, mistake_ways(scenario, of)))
        return 0
    show(ways_if(run(scenario).whole, a.at, a.failure_class))
    return 0


def _check_options(a: argparse.Namespace) -> None:
    """Raise InputError for what is asked of a mistake beside another class."""
    if a.failure_class in TRIED:
        return
    for option in ("noticed", "database", "lost"):
        if getattr(a, option):
            told = (
                f"it is about a mistake, and --class is {a.failure_class}: "
                f"write --class {MISTAKE}, or leave it out"
            )
            raise input_error(f"--{option}", told)
