"""The face of commands that look at scenario files alone: `dr-sim validate`, `dr-sim schema`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dr_sim.cli.playing import warn_of_overload
from dr_sim.cli.printing import note
from dr_sim.files.output import json_text


def add_files(commands: Any) -> None:
    """Add `dr-sim validate` and `dr-sim schema`."""
    validate = commands.add_parser(
        "validate", help="check scenario files: one line for each mistake"
    )
    validate.add_argument(
        "scenarios",
        type=Path,
        nargs="+",
        metavar="scenario",
        help="scenario files (YAML)",
    )
    validate.set_defaults(command=_validate)

    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of scenario files, for editors",
    )
    schema.set_defaults(command=_schema)


def _validate(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario, validate

    problems = [p for path in a.scenarios for p in validate(path)]
    loaded = []
    if not problems:
        loaded = [load_scenario(path) for path in a.scenarios]
    for path, scenario in zip(a.scenarios, loaded, strict=False):
        if scenario.sweep:
            from dr_sim.experiments.sweeps.sweep import wrong_sweeps

            problems += wrong_sweeps(path, scenario)
    for problem in problems:
        note(str(problem))
    if not problems:
        warn_of_overload((scenario.name, scenario) for scenario in loaded)
        print(
            f"{len(a.scenarios)} scenario{'s' * (len(a.scenarios) > 1)}: no mistakes"
        )
    return 2 if problems else 0


def _schema(a: argparse.Namespace) -> int:
    from dr_sim.loading import json_schema

    print(json_text(json_schema()))
    return 0
