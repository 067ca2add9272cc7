"""The face of commands for CI: `dr-sim check` and the baseline that it compares with."""

from __future__ import annotations

import argparse
import os
import sys
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
from dr_sim.experiments import tolerance as tolerances
from dr_sim.files.output import (
    check_outputs,
    printable,
    show,
    write_together,
)
from dr_sim.units import UnitError


def add_check(commands: Any) -> None:
    """Add `dr-sim check`."""
    check = commands.add_parser(
        "check",
        help="judge the SLA of every scenario under some paths, for CI",
    )
    check.add_argument(
        "paths",
        type=_named,
        nargs="+",
        metavar="PATH",
        help="scenario files, or folders with some",
    )
    add_set(check, "one key in all of them")
    add_replications(check, "of each (default: what it asks for)")
    check.add_argument(
        "--budget",
        type=duration,
        metavar="TIME",
        help="after this time, e.g. '5 min', nothing is begun beyond the runs that each "
        "asks for at least",
    )
    check.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="a baseline: what is worse than it fails",
    )
    check.add_argument(
        "--tolerance",
        type=_tolerance,
        default=tolerances.DEFAULT,
        metavar="T",
        help="with --against: the smallest difference that matters, '5 s', '2 %%', or both, '2 "
        "%% or 5 s', of which the larger"
        " counts (default: 1 %% or 1 s: durations are shown to the second)",
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
        help="print annotations (by itself where GITHUB_ACTIONS is true)",
    )
    add_executor(check)
    add_played(check)
    check.set_defaults(command=_check)


def add_baseline(commands: Any) -> None:
    """Add `dr-sim baseline`."""
    baseline = commands.add_parser(
        "baseline",
        help="store what every replication gives now, to compare with later",
    )
    baseline.add_argument(
        "paths",
        type=_named,
        nargs="+",
        metavar="PATH",
        help="scenario files, or folders with some",
    )
    baseline.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="Parquet file to write",
    )
    add_replications(baseline, "of each (default: what it asks for)")
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
    from dr_sim.experiments import baseline, report, until
    from dr_sim.experiments.check import (
        Against,
        check,
        load_all,
        told_before,
    )

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
        print(printable(line), file=sys.stderr)
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
        show(line)
    return found.exit_code


def _baseline(a: argparse.Namespace) -> int:
    from dr_sim.experiments import baseline, until
    from dr_sim.experiments.check import load_all

    loaded = load_all(a.paths)
    check_outputs([a.out], [path for path, _ in loaded])
    with until.executor(a.workers, a.on) as playing:
        numbers = [
            until.plan_of(s, a.replications).at_least for _, s in loaded
        ]
        told = baseline.make(loaded, numbers, playing, a.out)
    for line in told:
        print(f"note: {line}", file=sys.stderr)
    print(
        f"{a.out}: {len(loaded)} scenario{'s' * (len(loaded) > 1)}; dr-sim check "
        f"{' '.join(map(str, a.paths))} --against {a.out}"
    )
    return 0
