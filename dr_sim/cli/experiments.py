"""The face of everything that takes more than one run: replications, check, baseline, compare,
sweep.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dr_sim.bugs import EXIT_BUG
from dr_sim.errors import input_error
from dr_sim.experiments import tolerance as tolerances
from dr_sim.files.output import printable, show
from dr_sim.scenario.model import Scenario


def add_to_run(run: argparse.ArgumentParser) -> None:
    """Add what `run` takes beside a single run's options."""
    run.add_argument(
        "--replications",
        type=count,
        metavar="N",
        help="number of independent runs (default: the scenario's)",
    )
    run.add_argument(
        "--replication",
        type=int,
        metavar="I",
        help="a single run, on the luck of replication I (0 is the usual one)",
    )
    add_executor(run)
    add_played(run)


def add_executor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes (default: one a core; on Windows always 1)",
    )
    parser.add_argument(
        "--on",
        metavar="dask://HOST:PORT",
        help="play replications on a Dask cluster",
    )


def add_played(parser: argparse.ArgumentParser) -> None:
    """How scenarios are played."""
    parser.add_argument(
        "--steps",
        action="store_true",
        help="with every fast path off: slower, the same records",
    )
    add_manager(parser)


def add_manager(
    parser: argparse.ArgumentParser,
    of: str = "in the recovery manager's place",
) -> None:
    parser.add_argument(
        "--manager",
        metavar="MODULE:FACTORY",
        default="",
        help=f"logic of your own {of}",
    )


def as_asked(scenario: Scenario, a: argparse.Namespace) -> Scenario:
    """The scenario as `--steps` and `--manager` want it played."""
    return managed(replace(scenario, steps=a.steps), a.manager)


def managed(scenario: Scenario, manager: str) -> Scenario:
    """The scenario with that manager; modules in this folder can be named too."""
    if not manager:
        return scenario
    from dr_sim.world.own_logic import look_here_too, with_manager

    look_here_too()
    return with_manager(scenario, manager)


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("takes a whole number from 1")
    return value


def wants_replications(a: argparse.Namespace, scenario: Scenario) -> bool:
    """Whether `run` is asked for more than one run."""
    if a.replications is not None:
        if a.replication is not None:
            raise input_error(
                "--replications",
                "does not go with --replication: leave one out",
            )
        return True
    return scenario.replications is not None and a.replication is None


def run_replications(a: argparse.Namespace, scenario: Scenario) -> int:
    from dr_sim import api
    from dr_sim.experiments import until
    from dr_sim.experiments.replicate import Course
    from dr_sim.experiments.store import BatchStore
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
        show(json.dumps(found.summary(), indent=1, ensure_ascii=False))
    else:
        shown = screen(found, a.scenario, time.monotonic() - began, folder)
        show(coloured(shown) if in_colour() else shown)
        for line in too_much:
            show(line)
    return found.exit_code


@contextmanager
def kept(course: object, folder: Path) -> Iterator[None]:
    """Says, on Ctrl-C, what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        done = len(getattr(course, "samples", ()))
        print(
            f"{done:,} replication{'s are' if done != 1 else ' is'} kept in {folder}; the "
            "same command goes on from there",
            file=sys.stderr,
        )
        raise


# ---- check, baseline, compare, sweep
def add_commands(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="judge the SLA of every scenario under some paths, for CI",
    )
    check.add_argument(
        "paths",
        type=named,
        nargs="+",
        metavar="PATH",
        help="scenario files, or folders with some",
    )
    check.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key in all of them",
    )
    check.add_argument(
        "--replications",
        type=count,
        metavar="N",
        help="of each (default: what it asks for)",
    )
    check.add_argument(
        "--budget",
        type=duration,
        metavar="TIME",
        help="after so much time, e.g. '5 min', nothing is begun beyond the runs that each "
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
        type=tolerance,
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

    baseline = commands.add_parser(
        "baseline",
        help="store what every replication gives now, to compare with later",
    )
    baseline.add_argument(
        "paths",
        type=named,
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
    baseline.add_argument(
        "--replications",
        type=count,
        metavar="N",
        help="of each (default: what it asks for)",
    )
    add_executor(baseline)
    baseline.set_defaults(command=_baseline)

    compare = commands.add_parser(
        "compare",
        help="two scenarios on the same luck: differences with intervals",
    )
    compare.add_argument("a", type=Path, metavar="A.yaml")
    compare.add_argument("b", type=Path, metavar="B.yaml")
    compare.add_argument(
        "--replications",
        type=count,
        metavar="N",
        help="of each (default: the larger number they ask for)",
    )
    compare.add_argument("--seed", type=int, help="of both (default: A's)")
    compare.add_argument(
        "--all", action="store_true", help="show what does not differ, too"
    )
    compare.add_argument(
        "--json", action="store_true", help="print the differences as JSON"
    )
    compare.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder for the page (default: results/<A>/compare-<key>)",
    )
    add_executor(compare)
    compare.add_argument(
        "--steps",
        action="store_true",
        help="with every fast path off: slower, the same records",
    )
    compare.add_argument(
        "--manager",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="logic of your own in the recovery manager's place, of both; given twice: of A and of "
        "B ('dr_sim' is dr_sim's own)",
    )
    compare.set_defaults(command=_compare)

    sweep = commands.add_parser(
        "sweep", help="vary keys of a scenario: a table and a picture"
    )
    sweep.add_argument("scenario", type=Path)
    sweep.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="e.g. link.bandwidth=10..1000Mbit/s:log9, or replay.on_hole=resync,bridge",
    )
    sweep.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key at every point",
    )
    sweep.add_argument(
        "--replications",
        type=count,
        metavar="N",
        help="at each point (default: what it asks for)",
    )
    sweep.add_argument(
        "--seed", type=int, help="in place of the scenario's own"
    )
    sweep.add_argument(
        "--measure",
        action="append",
        default=[],
        metavar="M",
        help="to draw, e.g. exposure.p99 (default: those of the SLA)",
    )
    sweep.add_argument(
        "--answer",
        metavar="TEXT",
        help="'smallest link.bandwidth with exposure.p99 at most 15 min' (default: the SLA)",
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


def named(text: str) -> Path:
    """A path that says something: an empty one, of a variable that is not set, would be the folder
    one happens to be in.
    """
    if not text:
        raise argparse.ArgumentTypeError(
            "is empty: name a scenario, or a folder ('.' is this one)"
        )
    return Path(text)


def duration(text: str) -> int:
    from dr_sim.units import UnitError, parse_duration

    try:
        return parse_duration(text)
    except UnitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def tolerance(text: str) -> tolerances.Tolerance:
    from dr_sim.units import UnitError

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
    from dr_sim.files.output import check_outputs, printable, write_together

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


def words_of(values: Mapping[str, object]) -> str:
    """Return the values of a sweep's point: 'link.bandwidth=10 Mbit/s, replay.on_hole=resync'."""
    return ", ".join(f"{key}={value}" for key, value in values.items())


def warn_of_overload(named: Iterable[tuple[str, Scenario]]) -> list[str]:
    """Say on standard error, before anything is played, which links are offered more than they
    carry. Return these lines: they are said again beside the results.
    """
    from dr_sim.world.offered import overloads

    lines = overloads(named)
    for line in lines:
        print(printable(line), file=sys.stderr)
    return lines


def _baseline(a: argparse.Namespace) -> int:
    from dr_sim.experiments import baseline, until
    from dr_sim.experiments.check import load_all
    from dr_sim.files.output import check_outputs

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


def _compare(a: argparse.Namespace) -> int:
    from dr_sim import api
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
    first, second = (
        managed(replace(api.load_scenario(path), steps=a.steps), manager)
        for path, manager in zip((a.a, a.b), managers, strict=True)
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
        show(found.differences.to_json(orient="records", indent=1))
    else:
        show(comparison(found, str(a.a), str(a.b), everything=a.all))
        show(f"\n{folder}/  {' '.join(names)}")
    if found.a.broken or found.b.broken:
        return EXIT_BUG
    return 4 if found.a.violations or found.b.violations else 0


def _sweep(a: argparse.Namespace) -> int:
    from dr_sim import api
    from dr_sim.experiments import sweep, until
    from dr_sim.experiments.sweep_answer import answers
    from dr_sim.experiments.sweep_answer import text as answer_text
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
        (words_of(point.values), point.scenario) for point in points
    )
    try:
        with (
            api.shown_progress(f"{len(points)} points") as progress,
            until.executor(a.workers, a.on) as playing,
        ):
            found = sweep.play_sweep(
                points, n, playing, folder / "points", progress
            )
    except KeyboardInterrupt:
        print(
            f"what is finished is kept in {folder}; the same command goes on from there",
            file=sys.stderr,
        )
        raise
    measures, found_out = (
        a.measure or sweep.measures_of(base, asked),
        answers(found, asked),
    )
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
        show(f"BROKEN at {words_of(point.values)}: {of.told_broken}")
    if len(names) == 1:
        names.append("(no picture: it has room for two keys that vary)")
    show(
        f"\n{folder}/  sweep.parquet measures.parquet answer.json {' '.join(names)}"
    )
    if broken:
        return EXIT_BUG
    return 4 if any(d.violations for d in found.distributions) else 0
