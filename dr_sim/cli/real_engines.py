"""The face of commands that need a real engine: `dr-sim calibrate`, `dr-sim compare-engines`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dr_sim.cli.printing import note, show
from dr_sim.engines.sides import ENGINES
from dr_sim.errors import input_error
from dr_sim.files.output import check_place, write_together


def add_engines(commands: Any) -> None:
    """Add `dr-sim calibrate` and `dr-sim compare-engines`."""
    measure = commands.add_parser(
        "calibrate",
        help="measure the costs of a real engine on this machine, for "
        "scenarios",
    )
    measure.add_argument(
        "--engine",
        choices=[e for e in ENGINES if e != "model"],
        required=True,
        help="the engine to measure",
    )
    measure.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="COSTS.yaml",
        help="file for a scenario to extend",
    )
    measure.set_defaults(command=_calibrate)

    beside = commands.add_parser(
        "compare-engines",
        help="compare the model's prediction with a real engine's times",
    )
    beside.add_argument(
        "scenarios",
        type=Path,
        nargs="+",
        metavar="scenario",
        help="scenarios that name a real engine",
    )
    beside.add_argument(
        "--costs",
        action="append",
        default=[],
        metavar="ENGINE=COSTS.yaml",
        help="costs from `dr-sim calibrate`, instead of a "
        "measurement around each run (may be given "
        "twice)",
    )
    beside.set_defaults(command=_compare_engines)


def _calibrate(a: argparse.Namespace) -> int:
    from dr_sim.calibrate.calibration import calibrate
    from dr_sim.calibrate.cost_section import cost_section
    from dr_sim.screen.progress import progress_bar

    check_place(a.out)
    with progress_bar(f"calibrate {a.engine}") as (progress, _):
        costs = calibrate(a.engine, progress)
    text = cost_section(costs, a.out.name)
    write_together({a.out: text})
    print(text, end="")
    return 0


def _compare_engines(a: argparse.Namespace) -> int:
    from dr_sim.calibrate.compare_engines import compare, table
    from dr_sim.calibrate.cost_section import read_costs

    stored = {}
    for text in a.costs:
        engine, path = _costs_of(text)
        if engine in stored:
            raise input_error(
                "--costs", f"the costs of {engine} are given twice"
            )
        stored[engine] = read_costs(path)
    found = compare(a.scenarios, note, stored)
    show(table(found))
    return 0


def _costs_of(text: str) -> tuple[str, Path]:
    """Return the engine and the file that `--costs ENGINE=COSTS.yaml` names."""
    engine, _, path = text.partition("=")
    if engine not in ENGINES[1:] or not path:
        raise input_error(
            "--costs",
            f"{text!r}: write the engine and its file, as in {ENGINES[1]}=costs.yaml",
        )
    return engine, Path(path)
