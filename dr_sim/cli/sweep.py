"""The face of `dr-sim sweep`: what changes as keys of a scenario vary."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dr_sim.cli.options import (
    add_executor,
    add_played,
    add_replications,
    add_seed,
    add_set,
)
from dr_sim.cli.playing import as_asked, finished_is_kept, warn_of_overload
from dr_sim.cli.printing import show
from dr_sim.errors import input_error
from dr_sim.errors.bugs import EXIT_BUG
from dr_sim.formatting.words import counted


def add_sweep(commands: Any) -> None:
    """Add `dr-sim sweep`."""
    sweep = commands.add_parser(
        "sweep", help="vary keys of a scenario: a table and a picture"
    )
    sweep.add_argument("scenario", type=Path, help="scenario file (YAML)")
    sweep.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="e.g. link.bandwidth=10..1000Mbit/s:log9, 'link.bandwidth=5, 10, 20 Mbit/s', or "
        "replay.on_hole=resync,bridge",
    )
    add_set(sweep, "one key at every point")
    add_replications(
        sweep,
        "number of runs at each point (default: what "
        "the scenario asks for)",
    )
    add_seed(sweep)
    sweep.add_argument(
        "--measure",
        action="append",
        default=[],
        metavar="M",
        help="the measure to draw, e.g. exposure.p99 (default: those of "
        "the SLA)",
    )
    sweep.add_argument(
        "--answer",
        metavar="TEXT",
        help="the goal, e.g. 'smallest link.bandwidth with exposure.p99 "
        "at most 15 min' (default: the SLA)",
    )
    sweep.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder for the results (default: results/<scenario>/sweep-<key>)",
    )
    add_executor(sweep)
    add_played(sweep)
    sweep.set_defaults(command=_sweep)


def _sweep(a: argparse.Namespace) -> int:
    from dr_sim import api
    from dr_sim.experiments.replications import until
    from dr_sim.experiments.sweeps import sweep
    from dr_sim.experiments.sweeps.sweep_answer import answers
    from dr_sim.experiments.sweeps.sweep_answer import text as answer_text
    from dr_sim.report.sweep import SweepShown
    from dr_sim.results.many_folder import sweep_folder, write_sweep

    base = api.load_scenario(a.scenario, a.set, a.seed)
    sweeps = sweep.vary(a.vary) or base.sweep
    if not sweeps:
        told = (
            "says nothing to vary; write --vary link.bandwidth=10..1000Mbit/s:log9, or a "
            "'sweep:' in the file"
        )
        raise input_error(str(a.scenario), told)
    sweep.check_measures(a.measure, base)
    asked = sweep.asked_of(a.answer, base, sweeps)
    points = [
        replace(p, scenario=as_asked(p.scenario, a))
        for p in sweep.points_of(a.scenario, sweeps, a.set, a.seed)
    ]
    n = until.plan_of(base, a.replications).at_most
    folder = a.out or sweep_folder(base, sweeps)
    too_much = warn_of_overload(
        (_words_of(point.values), point.scenario) for point in points
    )
    with (
        finished_is_kept(folder),
        api.shown_progress(counted(len(points), "point")) as progress,
        until.executor(a.workers, a.on) as playing,
    ):
        found = sweep.play_sweep(
            points, n, playing, folder / "points", progress
        )
    measures = a.measure or sweep.measures_of(base, asked)
    found_out = answers(found, asked)
    names = write_sweep(
        found, SweepShown(measures, found_out, asked, n), folder
    )
    show(
        f"{sweep.table_text(found, measures)}\n\n{answer_text(found_out, asked, n)}"
    )
    for line in too_much:
        show(line)
    broken = [
        (point, d)
        for point, d in zip(found.points, found.distributions, strict=True)
        if d.broken
    ]
    broken += found.without
    for point, of in broken:
        show(f"BROKEN at {_words_of(point.values)}: {of.told_broken}")
    if len(names) == 1:
        names.append("(no picture: it has room for two keys that vary)")
    show(
        f"\n{folder}/  sweep.parquet measures.parquet answer.json {' '.join(names)}"
    )
    if broken:
        return EXIT_BUG
    return 4 if any(d.violations for d in found.distributions) else 0


def _words_of(values: Mapping[str, object]) -> str:
    """Return the values of a sweep's point: 'link.bandwidth=10 Mbit/s, replay.on_hole=resync'."""
    return ", ".join(f"{key}={value}" for key, value in values.items())
