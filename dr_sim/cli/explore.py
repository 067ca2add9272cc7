"""The face of `dr-sim explore`, `dr-sim shrink` and `dr-sim cutsets`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.cli.options import add_manager, count, duration
from dr_sim.cli.playing import managed
from dr_sim.cli.printing import note, show
from dr_sim.errors import input_error
from dr_sim.formatting.words import counted

if TYPE_CHECKING:
    from dr_sim.explore.against.asking import OtherSide
    from dr_sim.explore.against.code import OtherCode
    from dr_sim.explore.search import Exploration


_SMALLEST = {
    "run_for": "1 h",
    "databases": {"crm": {"size": "1 GB"}},
    "link": {"bandwidth": "200 Mbit/s"},
}
"""A scenario into which every manager can be put."""


def add_explore(commands: Any) -> None:
    """Add `dr-sim explore` and `dr-sim shrink`."""
    explore = commands.add_parser(
        "explore",
        help="search for events that break a requirement; write the "
        "smallest case",
    )
    explore.add_argument(
        "scenario",
        type=Path,
        nargs="?",
        help="the service to explore, without its events (default: many "
        "services that are drawn)",
    )
    explore.add_argument(
        "--budget",
        type=duration,
        default=duration("10 min"),
        metavar="TIME",
        help="limit in real time (default: 10 min)",
    )
    explore.add_argument(
        "--runs",
        type=count,
        metavar="N",
        help="stop after this number of cases",
    )
    explore.add_argument(
        "--seed", type=int, default=1, help="seed of the draws (default: 1)"
    )
    explore.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes (default: a core)",
    )
    explore.add_argument(
        "--on",
        default="",
        metavar="dask://HOST:PORT",
        help="run the cases on a Dask cluster",
    )
    explore.add_argument(
        "--first", action="store_true", help="stop at the first case found"
    )
    explore.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="state and found cases (default: explorations/<scenario>)",
    )
    explore.add_argument(
        "--mode",
        choices=("both", "recoverable", "beyond"),
        default="both",
        help="recoverable: only events that the design can handle, so "
        "everything must be restored at the end; beyond: any event, "
        "and the logic must do nothing wrong (default: both, half "
        "of the cases each)",
    )
    add_manager(explore)
    _add_against(explore)
    explore.set_defaults(command=_explore)

    shrink = commands.add_parser(
        "shrink",
        help="reduce a scenario that breaks a requirement to its "
        "smallest form",
    )
    shrink.add_argument("scenario", type=Path, help="scenario file (YAML)")
    shrink.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path(),
        help="folder for the scenario and the test "
        "(default: the current folder)",
    )
    shrink.add_argument(
        "--runs",
        type=count,
        metavar="N",
        default=250,
        help="largest number of runs to try (default: 250)",
    )
    add_manager(shrink)
    _add_against(shrink)
    shrink.set_defaults(command=_shrink)


def _add_against(command: Any) -> None:
    command.add_argument(
        "--against",
        metavar="REF",
        help="run each case with other code too, and find what is worse "
        "here: a git ref (HEAD, HEAD~1, origin/main), or a folder that "
        "holds the other dr_sim; none: do not compare (default: HEAD, "
        "if dr_sim runs from a git checkout whose code is changed)",
    )


@contextmanager
def _compared(a: argparse.Namespace) -> Iterator[OtherCode | None]:
    """Open the code to compare with, if there is any to compare with."""
    from dr_sim.explore.against.code import (
        HEAD,
        NONE,
        OPTION,
        changed_files,
        other_code,
        parts_of,
    )

    cluster = getattr(a, "on", "")
    if a.against == NONE or (cluster and a.against is None):
        yield None
        return
    if cluster:
        raise input_error(
            f"{OPTION} {a.against}",
            "works on this machine only: leave out --on",
        )
    named, parts = a.against, parts_of(a.manager)
    if named is None:
        changed = changed_files(parts)
        note(_told_of(changed, parts[0]))
        if not changed:
            yield None
            return
        named = HEAD
    with other_code(named, parts) as code:
        yield code


def _told_of(changed: int | None, part: Path) -> str:
    """Say what the code is compared with, if nobody has named it."""
    from dr_sim.explore.against.code import HEAD, NONE, OPTION

    if changed is None:
        return (
            f"{part} is in no git checkout: no case is compared with other code "
            f"({OPTION} names a folder)"
        )
    if not changed:
        return (
            f"no Python file differs from {HEAD}: no case is compared with other code "
            f"({OPTION} names a branch, or {HEAD}~1)"
        )
    what = counted(changed, "Python file")
    return (
        f"{what} differ{'s' * (changed == 1)} from {HEAD}: each case is compared with it "
        f"({OPTION} {NONE} switches this off)"
    )


@contextmanager
def _other_side(
    code: OtherCode | None, manager: str
) -> Iterator[OtherSide | None]:
    """Open the process that plays cases with the other code."""
    from dr_sim.explore.against.asking import OtherSide

    if code is None:
        yield None
        return
    with closing(OtherSide(code, manager)) as other:
        other.ready()
        yield other


def add_cutsets(commands: Any) -> None:
    """Add `dr-sim cutsets`."""
    cutsets = commands.add_parser(
        "cutsets",
        help="find the smallest sets of files whose loss, with the "
        "primary's site, breaks the RPO",
    )
    cutsets.add_argument("results", type=Path, help="folder of a run")
    cutsets.add_argument(
        "--at",
        type=duration,
        metavar="TIME",
        help="instant since the start (default: before the first failure)",
    )
    cutsets.add_argument(
        "--rpo",
        type=duration,
        metavar="TIME",
        default=duration("15 min"),
        help="the largest data loss that is allowed (default: 15 min)",
    )
    cutsets.add_argument(
        "--database",
        metavar="NAME",
        help="for this database (default: the first)",
    )
    cutsets.add_argument(
        "--count",
        type=count,
        metavar="N",
        default=5,
        help="number of sets (default: 5)",
    )
    cutsets.set_defaults(command=_cutsets)


def _cutsets(a: argparse.Namespace) -> int:
    from dr_sim.explore.cutsets import cut_sets
    from dr_sim.formatting.words import instant
    from dr_sim.results.run_folder import read_results
    from dr_sim.units import format_duration

    stored = read_results(a.results)
    scenario = stored.scenario
    names = [d.name for d in scenario.databases]
    if a.database not in (None, *names):
        raise input_error("--database", f"is one of {', '.join(names)}")
    index = 0 if a.database is None else names.index(a.database)
    at_us = stored.whole.first_failure_us - 1 if a.at is None else a.at
    if not 0 < at_us <= stored.whole.end_us:
        raise input_error("--at", "is not within the run")
    found = cut_sets(
        stored.legs[0].journal, scenario, index, at_us, a.rpo, a.count
    )
    when, rpo = instant(at_us, scenario), format_duration(a.rpo)
    if not found.certificate:
        show(
            f"{found.database} at {when}: what is here does not hold an RPO of {rpo} anyway"
        )
        return 1
    lines = [
        f"{found.database} at {when}: with the primary's site, what else must be lost to lose more "
        f"than {rpo}?"
    ]
    for place, (cut, seen, rate) in enumerate(found.ranked(scenario), 1):
        by_rate = f"{rate:.2g} an hour; " if rate else ""
        told = "confirmed by a run" if seen else "NOT confirmed by a run"
        lines.append(f"{place:>3}. {', '.join(cut)} ({by_rate}{told})")
    things = f"{found.of:,} things here (files that are whole, and the restored copy)"
    smallest = (
        f"One of the {things} is enough"
        if found.certificate == 1
        else f"No set of fewer than {found.certificate} of the {things} does"
    )
    lines.append(f"{smallest}: that is exact, by the rules of the chain.")
    show("\n".join(lines))
    return 0 if all(found.confirmed) else 4


def _explore(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario

    # one line for each mistake, before anything is begun
    managed(load_scenario(a.scenario or _SMALLEST), a.manager)
    with (
        _compared(a) as code,
        _other_side(code, a.manager) as other,
    ):
        return _explored(a, other)


def _explored(a: argparse.Namespace, other: OtherSide | None) -> int:
    from dr_sim.experiments.replications.store import code_digest
    from dr_sim.explore import search
    from dr_sim.explore.draw import CaseMode
    from dr_sim.world.own_logic import source_digest

    name = "drawn" if a.scenario is None else a.scenario.stem
    folder = a.out or Path("explorations") / name
    _check_folder(folder)
    state = search.Exploration.read(folder, a.seed, CaseMode(a.mode))
    if state.seed != a.seed:
        raise input_error(
            str(folder),
            f"holds an exploration of seed {state.seed}: write --seed "
            f"{state.seed}, or another --out",
        )
    if state.mode != a.mode:
        raise input_error(
            str(folder),
            f"holds an exploration of mode {state.mode}: write --mode "
            f"{state.mode}, or another --out",
        )
    code = code_digest()
    if a.manager:
        code += source_digest(a.manager)
    for gone in state.take_code(code, a.manager, other):
        note(
            f"not shown any more: {gone.sign.requirement}: {gone.sentence}"
        )
    services = search.services_of(a.seed, a.scenario, a.manager)
    if not services:
        raise input_error(
            str(a.scenario), "cannot be run without its events"
        )
    workers = a.workers or os.cpu_count() or 1
    budget = search.Budget(
        a.budget / 1_000_000,
        a.runs,
        a.manager,
        workers,
        a.on,
        None if other is None else other.code,
    )

    def tell(now: Exploration) -> None:
        now.write(folder)
        print(
            f"\r{counted(now.runs, 'case')}, {counted(len(now.reached), 'pair')} reached, "
            f"{len(now.found)} found ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    for found in search.explore(state, services, budget, tell):
        state.found.append(found)
        path = search.finish(found, folder, manager=a.manager, other=other)
        print(end="\r", file=sys.stderr)  # over the counts
        note(f"{found.sign.requirement}: {found.sentence}\n   {path}")
        state.write(folder)
        if a.first:
            break
    differing = state.differing
    if not state.found and differing is not None:
        search.finish(differing, folder, manager=a.manager, other=other)
    state.write(folder)
    print(file=sys.stderr)
    show(_report(state, folder))
    if state.found:
        return 4
    return 3 if state.differs else 0


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise input_error(str(folder), "is no folder")


def _events(tree: Mapping[str, Any]) -> str:
    """Return how many events a scenario has."""
    return counted(len(tree.get("events", [])), "event")


def _report(state: Exploration, folder: Path) -> str:
    lines = [
        f"{counted(state.runs, 'case')} in {state.cpu_s / 60:.1f} CPU minutes, seed {state.seed}; "
        f"{counted(len(state.reached), 'pair')} of records reached; "
        f"{len(state.found)} found in {folder}",
        f"{state.recoverable:,} of them are recoverable by design: after the calm all must be "
        "restored again",
    ]
    for found in state.found:
        lines.append(f"  {found.sign.requirement}: {found.sentence}")
        lines += [f"     {row}" for row in found.rows.splitlines()]
        lines.append(
            f"     case {found.number}, {_events(found.tree)} after "
            f"{counted(found.shrink_runs, 'run')} of shrinking; "
            f"with SQLite's files: {found.on_sqlite}"
        )
    if state.differs:
        lines.append(
            f"{counted(state.differs, 'case')} differ{'s' * (state.differs == 1)} from the other "
            "code, and nothing that is measured is worse:"
        )
        if state.differing is not None:
            lines.append(f"  {state.differing.sentence}")
            lines += [
                f"  {row}" for row in state.differing.rows.splitlines()
            ]
    if state.never_reached:
        lines.append("never reached, so nothing is said about it:")
        lines += [f"  {probe}" for probe in state.never_reached]
    return "\n".join(lines)


def _shrink(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario

    managed(load_scenario(a.scenario), a.manager)
    with (
        _compared(a) as code,
        _other_side(code, a.manager) as other,
    ):
        return _shrunk(a, other)


def _shrunk(a: argparse.Namespace, other: OtherSide | None) -> int:
    from dr_sim.explore import search
    from dr_sim.explore.against.difference import look_beside
    from dr_sim.explore.case import load, read_tree

    tree = read_tree(a.scenario)
    scenario = load(tree, a.manager)
    if scenario is None:
        raise input_error(
            str(a.scenario), "names files, and cannot be cut down"
        )
    looked = look_beside(tree, scenario, other=other)
    signs = looked.signs or looked.differs
    if not signs:
        same = (
            ""
            if other is None
            else f", and the run is the same as with {other.code.name}"
        )
        show(
            f"{a.scenario}: no requirement and no invariant breaks{same}: "
            "there is nothing to shrink"
        )
        return 0
    for sign, _ in search.worth_a_find(signs):
        found = search.Found(sign, signs[sign], -1, tree)
        path = search.finish(found, a.out, a.runs, a.manager, other)
        show(
            f"{sign.requirement}: {found.sentence}\n   {path}: "
            f"{_events(found.tree)}, {counted(found.shrink_runs, 'run')}"
        )
    return 4 if looked.signs else 3
