"""The face of what plays scenarios under the same random events: `dr-sim compare`, `dr-sim
policies`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from dr_sim.cli.options import (
    add_executor,
    add_json,
    add_played,
    add_replications,
    add_seed,
    add_set,
    add_steps,
)
from dr_sim.cli.playing import as_asked, managed
from dr_sim.cli.printing import note, show
from dr_sim.errors import bugs, input_error
from dr_sim.files.output import show_as_is


def add_compare(commands: Any) -> None:
    """Add `dr-sim compare`."""
    compare = commands.add_parser(
        "compare",
        help="compare two scenarios under the same random events",
    )
    compare.add_argument(
        "a", type=Path, metavar="A.yaml", help="scenario file (YAML)"
    )
    compare.add_argument(
        "b",
        type=Path,
        metavar="B.yaml",
        help="the scenario to compare with A",
    )
    add_replications(
        compare,
        "number of runs of each (default: the larger number "
        "that they ask for)",
    )
    add_seed(compare, "seed of both (default: A's)")
    compare.add_argument(
        "--all",
        action="store_true",
        help="also show measures that do not differ",
    )
    add_json(compare, "the differences as JSON")
    compare.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder for the page (default: results/<A>/compare-<key>)",
    )
    add_executor(compare)
    add_steps(compare)
    compare.add_argument(
        "--manager",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="your own logic, which replaces the recovery manager in "
        "both; given twice: for A and for B ('dr_sim' is dr_sim's "
        "own)",
    )
    compare.set_defaults(command=_compare)


def add_policies(commands: Any) -> None:
    """Add `dr-sim policies`."""
    policies = commands.add_parser(
        "policies",
        help="run scenarios under the same random events; print a table "
        "with one row each",
    )
    policies.add_argument(
        "scenarios",
        type=Path,
        nargs="+",
        metavar="scenario",
        help="scenario files (YAML)",
    )
    add_seed(policies, "replaces the first scenario's own seed")
    add_set(policies, "one key in each scenario")
    add_played(policies)
    policies.set_defaults(command=_policies)


def _compare(a: argparse.Namespace) -> int:
    from dr_sim import api
    from dr_sim.loading import load_each
    from dr_sim.results.many_folder import (
        comparison_folder,
        write_comparison,
    )
    from dr_sim.screen.distribution import comparison

    if len(a.manager) > 2:
        raise input_error(
            "--manager", "is given once, or twice: of A and of B"
        )
    managers = (a.manager * 2)[:2] or ["", ""]
    loaded = load_each((a.a, a.b), api.load_scenario)
    first, second = (
        managed(replace(scenario, steps=a.steps), manager)
        for scenario, manager in zip(loaded, managers, strict=True)
    )
    with api.shown_progress("compare") as progress:
        found = api.compare(
            first,
            second,
            a.replications,
            seed=a.seed,
            workers=a.workers,
            on=a.on,
            progress=progress,
        )
    folder = a.out or comparison_folder(found.a.scenario, found.b.scenario)
    names = write_comparison(found, (str(a.a), str(a.b)), folder)
    if a.json:
        show_as_is(found.differences.to_json(orient="records", indent=1))
    else:
        show(comparison(found, str(a.a), str(a.b), everything=a.all))
        show(f"\n{folder}/  {' '.join(names)}")
    if found.a.broken or found.b.broken:
        return bugs.EXIT_BUG
    return 4 if found.a.violations or found.b.violations else 0


def _policies(a: argparse.Namespace) -> int:
    from dr_sim.experiments.comparing.policies import policy_table

    broken: list[bugs.Broken] = []
    show_as_is(
        policy_table(
            a.scenarios,
            a.set,
            a.seed,
            broken,
            lambda scenario: as_asked(scenario, a),
        )
    )
    for each in broken:
        note(bugs.told([each]))
    if broken:
        return bugs.EXIT_BUG
    return 0
