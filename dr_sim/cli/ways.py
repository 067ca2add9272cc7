"""The face of `dr-sim ways`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dr_sim.cli.options import add_seed, add_set
from dr_sim.files.output import show


def add_ways(commands: Any) -> None:
    """Add `dr-sim ways`."""
    ways = commands.add_parser(
        "ways",
        help="the ways back if a failure came at an instant: what each loses, how long it takes",
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
        choices=("site", "host", "database"),
        default="site",
        help="what would be lost (default: the site)",
    )
    add_seed(ways)
    add_set(ways, "one key, e.g. link.loss=1%%")
    ways.set_defaults(command=_ways)


def _ways(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario
    from dr_sim.runs.run import run
    from dr_sim.screen.ways import ways_if

    scenario = load_scenario(a.scenario, a.set, a.seed)
    show(ways_if(run(scenario).whole, a.at, a.failure_class))
    return 0
