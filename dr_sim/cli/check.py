"""The face of commands for CI: `dr-sim check` and the baseline that it compares with."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from dr_sim.cli.options import (
    add_executor,
    add_played,
    add_replications,
    add_set,
    duration,
)
from dr_sim.cli.playing import as_asked, warn_of_overload
from dr_sim.cli.printing import note, show
from dr_sim.experiments.judging import tolerance as tolerances
from dr_sim.files.output import (
    check_outputs,
    show_as_is,
    write_together,
)
from dr_sim.units import UnitError


def add_check(commands: Any) -> None:
    """Add `dr-sim check`."""
    check = commands.add_parser(
        "check",
        help="judge the SLA of every scenario in some files and folders, "
        "for CI",
    )
    check.add_argument(
        "paths",
        type=_named,
        nargs="+",
        metavar="PATH",
        help="scenario files, or folders that contain some",
    )
    add_set(check, "one key in all scenarios")
    add_replications(
        check,
        "number of runs of each scenario (default: "
        "what the scenario asks for)",
    )
    check.add_argument(
        "--budget",
        type=duration,
        metavar="TIME",
        help="time limit, e.g. '5 min': after it only the smallest "
        "number of runs that each scenario asks for is played",
    )
    check.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="a baseline; a value that is worse than in the baseline fails",
    )
    check.add_argument(
        "--tolerance",
        type=_tolerance,
        default=tolerances.DEFAULT,
        metavar="T",
        help="with --against: the smallest difference that matters: '5 "
        "s', '2 %%', or both ('2 %% or 5 s'; the larger counts). "
        "Default: 1 %% or 1 s, because durations are shown to the "
        "second",
    )
    check.add_argument(
        "--junit", type=Path, metavar="FILE", help="write JUnit XML"
    )
    check.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write a summary for a pull request",
    )
    check.add_argument(
        "--github",
        action="store_true",
        help="print annotations (automatic if GITHUB_ACTIONS is true)",
    )
    add_executor(check)
    add_played(check)
    check.set_defaults(command=_check)


def add_baseline(commands: Any) -> None:
    """Add `dr-sim baseline`."""
    baseline = commands.add_parser(
        "baseline",
        help="store the values of every replication, to compare with later",
    )
    baseline.add_argument(
        "paths",
        type=_named,
        nargs="+",
        metavar="PATH",
        help="scenario files, or folders that contain some",
    )
    baseline.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="Parquet file to write",
    )
    add_replications(
        baseline,
        "number of runs of each scenario (default: "
        "what the scenario asks for)",
    )
    add_executor(baseline)
    baseline.set_defaults(command=_baseline)


def _named(text: str) -> Path:
    """A path that says something: an empty one, of a variable that is not set, would be the folder
    one happens to be in.
    """
    if not text:
        raise argparse.ArgumentTypeError(
            "is empty: name a scenario, or a folder ('.' is this one)"
        )
    return Path(text)


def _tolerance(text: str) -> tolerances.Tolerance:
    try:
        return tolerances.parse_tolerance(text)
    except UnitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _check(a: argparse.Namespace) -> int:
    from dr_sim import api
    from dr_sim.experiments.judging import baseline, report
    from dr_sim.experiments.judging.check import (
        Against,
        check,
        load_all,
        told_before,
    )
    from dr_sim.experiments.replications import until

    against = baseline.read(a.against) if a.against is not None else None
    loaded = [
        (path, as_asked(scenario, a))
        for path, scenario in load_all(a.paths, a.set)
    ]
    check_outputs(
        [a.junit, a.markdown],
        [
            *(path for path, _ in loaded),
            *([a.against] if a.against is not None else []),
        ],
    )
    too_much = warn_of_overload(
        (scenario.name, scenario) for _, scenario in loaded
    )
    for line in told_before(loaded, a.replications):
        note(line)
    began = time.monotonic()
    with (
        api.shown_progress("check") as progress,
        until.executor(a.workers, a.on) as playing,
    ):
        found = check(
            loaded,
            playing,
            n=a.replications,
            budget_us=a.budget,
            against=None
            if against is None
            else Against(against, a.tolerance),
            progress=progress,
        )
    if files := report.write_reports(found, a.junit, a.markdown):
        write_together(files)
    show(report.text(found, time.monotonic() - began))
    for line in too_much:
        show(line)
    for line in (
        report.github_lines(found)
        if a.github or os.environ.get("GITHUB_ACTIONS") == "true"
        else ()
    ):
        show_as_is(line)
    return found.exit_code


def _baseline(a: argparse.Namespace) -> int:
    from dr_sim.experiments.judging import baseline
    from dr_sim.experiments.judging.check import load_all
    from dr_sim.experiments.replications import until

    loaded = load_all(a.paths)
    check_outputs([a.out], [path for path, _ in loaded])
    with until.executor(a.workers, a.on) as playing:
        numbers = [
            until.plan_of(s, a.replications).at_least for _, s in loaded
        ]
        told = baseline.make(loaded, numbers, playing, a.out)
    for line in told:
        note(f"note: {line}")
    show(
        f"{a.out}: {len(loaded)} scenario{'s' * (len(loaded) > 1)}; dr-sim check "
        f"{' '.join(map(str, a.paths))} --against {a.out}"
    )
    return 0
