"""The face of `dr-sim advise`."""

from __future__ import annotations

import argparse
import json
import time
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
from dr_sim.cli.playing import as_asked, finished_is_kept
from dr_sim.cli.printing import show
from dr_sim.errors.bugs import EXIT_BUG
from dr_sim.files.output import show_as_is

if TYPE_CHECKING:
    from dr_sim.scenario.model import Scenario


def add_advise(commands: Any) -> None:
    """Add `dr-sim advise`."""
    parser = commands.add_parser(
        "advise",
        help="try the usual changes, and find the smallest set that "
        "meets the SLA",
    )
    parser.add_argument("scenario", type=Path, help="scenario file (YAML)")
    add_set(parser)
    add_seed(parser)
    add_replications(
        parser,
        "number of runs of each set (default: the smallest number that "
        "the scenario asks for)",
    )
    add_json(parser, "the advice as JSON")
    add_executor(parser)
    add_played(parser)
    parser.set_defaults(command=_advise)


def _advise(a: argparse.Namespace) -> int:
    from dr_sim import api
    from dr_sim.experiments.advising.advise import AdviceQuestion, advise
    from dr_sim.experiments.replications import until
    from dr_sim.results.many_folder import advice_folder
    from dr_sim.screen.advise import advice_text

    base = api.load_scenario(a.scenario, a.set, a.seed)
    runs = until.plan_of(base, a.replications).at_least

    def played(scenario: Scenario) -> Scenario:
        return as_asked(scenario, a)

    asked = AdviceQuestion(a.scenario, tuple(a.set), a.seed, runs, played)
    folder = advice_folder(base)
    began = time.monotonic()
    with (
        finished_is_kept(folder),
        api.shown_progress("advise") as progress,
        until.executor(a.workers, a.on) as playing,
    ):
        found = advise(asked, playing, folder, progress)
    if a.json:
        show_as_is(
            json.dumps(
                found.to_json(),
                indent=1,
                ensure_ascii=False,
                allow_nan=False,
            )
        )
    else:
        show(advice_text(found, time.monotonic() - began, str(a.scenario)))
    if found.broken:
        return EXIT_BUG
    return 0 if found.base.met or found.smallest is not None else 1
