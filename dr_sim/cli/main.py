"""The face: one function per subcommand. Everything they print comes from elsewhere."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim import bugs
from dr_sim.bugs import BUILT_IN
from dr_sim.cli import advise as cli_advise
from dr_sim.cli import completion as cli_completion
from dr_sim.cli import experiments as cli_experiments
from dr_sim.cli import explore as cli_explore
from dr_sim.cli import library as cli_library
from dr_sim.cli import plan as cli_plan
from dr_sim.cli import reference as cli_reference
from dr_sim.cli import ways as cli_ways
from dr_sim.cli.help import (
    HelpFormatter,
    Parser,
    complete_help,
    main_epilog,
    next_step,
    unknown_options,
)
from dr_sim.engines.sides import ENGINES, TIMINGS
from dr_sim.errors import DrSimError, input_error
from dr_sim.files.output import mute, printable, show
from dr_sim.files.reading import outside_allowed
from dr_sim.version import VERSION

if TYPE_CHECKING:
    from dr_sim.scenario.model import Scenario

_PLAYED = 0.8  # of the bar: the rest is for measuring and drawing
_READS_SCENARIOS = (
    "run",
    "validate",
    "check",
    "baseline",
    "compare",
    "sweep",
    "policies",
    "advise",
    "ways",
    "compare-engines",
    "report",
    "explore",
    "shrink",
)


def main(
    argv: list[str] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> int:
    """Run one subcommand and return its exit code. interrupted: whether an interrupt may have made
    the error that is met.
    """
    for name in (
        "stdout",
        "stderr",
    ):  # closed from the start (>&-): nobody wants to read it
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that lacks a letter of a name still shows the rest
            stream.reconfigure(errors="backslashreplace")
    # where it keeps its settings is nothing to tell a user of ours
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    manager = ""
    if "_ARGCOMPLETE" in os.environ:
        cli_completion.answer_shell(parser_of_all())
    try:
        arguments = _parsed(argv)
        command: Callable[[argparse.Namespace], int] = arguments.command
        named = getattr(arguments, "manager", "")
        manager = named if isinstance(named, str) else " and ".join(named)
        allowed = outside_allowed.set(
            outside_allowed.get()
            or getattr(arguments, "allow_outside", False)
        )
        try:
            code = command(arguments)
        finally:
            outside_allowed.reset(allowed)
        sys.stdout.flush()
        return code
    except DrSimError as error:
        print(printable(str(error)), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "interrupted; what is not finished was not written",
            file=sys.stderr,
        )
        return 130
    except (
        BrokenPipeError
    ):  # the reader of our output went away (| head): nothing is wrong
        mute()
        return 0
    except OSError as error:
        if interrupted():
            raise
        if not _in_printing(error):
            return bugs.report(error, manager)
        mute()
        print(
            f"standard output: cannot be written ({error.strerror})",
            file=sys.stderr,
        )
        return 2
    except Exception as error:
        if interrupted():
            raise
        return bugs.report(error, manager)


def _in_printing(error: OSError) -> bool:
    """The face itself writes nothing but what it prints, so its own errors of that kind are the
    output's: a full disk.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_code is show.__code__ or frame.f_globals["__name__"] in (
        __name__,
        cli_experiments.__name__,
    )


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; an option that the command does not know is told with its usage."""
    arguments, extra = parser_of_all().parse_known_args(argv)
    if extra:
        of: argparse.ArgumentParser = arguments.parser
        of.error(unknown_options(of, extra))
    return arguments


def parser_of_all() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = Parser(
        prog="dr-sim",
        description="Simulates disaster recovery by log "
        "shipping and measures data loss and outage.",
        epilog=main_epilog(),
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"dr-sim {VERSION}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    _add_run(commands)
    cli_library.add_commands(commands)
    cli_experiments.add_commands(commands)
    cli_advise.add_advise(commands)
    cli_explore.add_explore(commands)
    cli_explore.add_cutsets(commands)
    _add_files(commands)
    _add_results(commands)
    _add_engines(commands)
    _add_import(commands)
    cli_plan.add_plan(commands)
    cli_ways.add_ways(commands)
    _add_lists(commands)
    cli_reference.add_commands(commands)
    cli_completion.add_commands(commands)
    for one in commands.choices.values():
        one.set_defaults(parser=one)
    for name in _READS_SCENARIOS:
        commands.choices[name].add_argument(
            "--allow-outside",
            action="store_true",
            help="let scenarios name files outside the folder that the command is run from",
        )
    complete_help(parser)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run", help="simulate a scenario; print one screen; write results"
    )
    run.add_argument("scenario", type=Path, help="scenario file (YAML)")
    run.add_argument(
        "--seed", type=int, help="in place of the scenario's own"
    )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. link.loss=1%%",
    )
    run.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder for the results (default: results/<scenario>/<run>)",
    )
    run.add_argument(
        "--engine",
        choices=ENGINES,
        help="what holds the databases, in place of the scenario's own",
    )
    run.add_argument(
        "--timing",
        choices=TIMINGS,
        help="durations by the costs in the scenario, or by the clock (real engines)",
    )
    run.add_argument(
        "--json",
        action="store_true",
        help="print the summary as one JSON object",
    )
    run.add_argument(
        "--no-report",
        action="store_true",
        help="write numbers and records only, no page and no pictures: faster",
    )
    cli_experiments.add_to_run(run)
    run.set_defaults(command=_run)


def _add_files(commands: Any) -> None:
    """Add the commands that look at scenario files alone."""
    validate = commands.add_parser(
        "validate", help="check scenario files: one line for each mistake"
    )
    validate.add_argument(
        "scenarios", type=Path, nargs="+", metavar="scenario"
    )
    validate.set_defaults(command=_validate)

    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of scenario files, for editors",
    )
    schema.set_defaults(command=_schema)


def _add_results(commands: Any) -> None:
    """Add the commands that look into the results of a run."""
    explain = commands.add_parser(
        "explain",
        help="a ledger of causes that adds up to a number of a run",
        usage="dr-sim explain [-h] [--database DATABASE] [--all] results\n"
        "       (--failover N | --at T | --lag T | --alert N | --alerts | --ways)",
    )
    explain.add_argument("results", type=Path, help="folder of a run")
    what = explain.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--failover",
        type=int,
        metavar="N",
        help="data loss and outage of the N-th failover",
    )
    what.add_argument(
        "--at",
        metavar="T",
        help="exposure at an instant, as under events: 'Wed 02:40', '2 h 5 min', ...",
    )
    what.add_argument(
        "--lag",
        metavar="T",
        help="how far the secondary's replay was behind at an instant",
    )
    what.add_argument(
        "--alert",
        type=int,
        metavar="N",
        help="the minutes in the N-th alert",
    )
    what.add_argument(
        "--alerts",
        action="store_true",
        help="how many alerts of each kind, when, and the text of the first",
    )
    what.add_argument(
        "--ways",
        action="store_true",
        help="the ways back of each failover: taken, possible, closed and why",
    )
    explain.add_argument(
        "--database", help="of this database (default: the worst)"
    )
    explain.add_argument(
        "--all",
        action="store_true",
        help="each stretch of time and each alert, not their sums",
    )
    explain.set_defaults(command=_explain)

    report = commands.add_parser(
        "report",
        help="look into which assumed inputs would flip a run's verdict; renew its report.html",
    )
    report.add_argument("results", type=Path, help="folder of a run")
    cli_experiments.add_manager(
        report, "logic of your own that the run had"
    )
    report.set_defaults(command=_report)

    verify = commands.add_parser(
        "verify",
        help="feed a run's events to fresh recovery objects: same commands?",
    )
    verify.add_argument("results", type=Path, help="folder of a run")
    cli_experiments.add_manager(
        verify, "logic of your own that the run had"
    )
    verify.set_defaults(command=_verify)


def _add_engines(commands: Any) -> None:
    """Add the commands that take a real engine."""
    measure = commands.add_parser(
        "calibrate",
        help="measure what a real engine costs here; write the costs of a scenario",
    )
    measure.add_argument(
        "--engine",
        choices=[e for e in ENGINES if e != "model"],
        required=True,
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
        help="the model's prediction beside what a real engine does by the clock",
    )
    beside.add_argument(
        "scenarios",
        type=Path,
        nargs="+",
        metavar="scenario",
        help="scenarios that name a real engine",
    )
    beside.add_argument("--costs", action="append", default=[], metavar="ENGINE=COSTS.yaml",
                        help="what `dr-sim calibrate` wrote, in place of measuring around each "
                            "run (may be given twice)")  # fmt: skip
    beside.set_defaults(command=_compare_engines)


def _add_import(commands: Any) -> None:
    imports = commands.add_parser(
        "import", help="make a scenario of a real backup history"
    )
    kinds = imports.add_subparsers(metavar="KIND", required=True)
    sqlserver = kinds.add_parser(
        "sqlserver",
        help="from SQL Server's msdb: JSON, or CSV of backupset",
    )
    sqlserver.add_argument(
        "history", type=Path, nargs="?", help="the exported history"
    )
    sqlserver.add_argument(
        "--restores",
        type=Path,
        metavar="CSV",
        help="restorehistory of the secondary: rates, jobs, delay",
    )
    sqlserver.add_argument("--monitor", type=Path, action="append", default=[], metavar="CSV",
                           help="log_shipping_monitor_secondary or _primary: thresholds, jobs, "
                               "delay (may be given twice)")  # fmt: skip
    sqlserver.add_argument(
        "-o",
        "--out",
        type=Path,
        help="scenario file to write; its series lie beside it",
    )
    sqlserver.add_argument(
        "--how",
        action="store_true",
        help="print the T-SQL that exports each of them",
    )
    sqlserver.set_defaults(command=_import_sqlserver)
    cli_plan.add_imports(kinds)


def _add_lists(commands: Any) -> None:
    policies = commands.add_parser(
        "policies",
        help="run scenarios on the same luck; a table with a row each",
    )
    policies.add_argument(
        "scenarios", type=Path, nargs="+", metavar="scenario"
    )
    policies.add_argument(
        "--seed", type=int, help="in place of the first scenario's own"
    )
    policies.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key in each",
    )
    cli_experiments.add_played(policies)
    policies.set_defaults(command=_policies)


def _run(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario
    from dr_sim.results import run_folder as runs
    from dr_sim.runs.run import run
    from dr_sim.screen.progress import part_of, progress_bar
    from dr_sim.screen.run import coloured, in_colour, screen

    loaded = load_scenario(
        a.scenario, a.set, a.seed, engine=a.engine, timing=a.timing
    )
    scenario = cli_experiments.as_asked(loaded, a)
    if cli_experiments.wants_replications(a, scenario):
        return cli_experiments.run_replications(a, scenario)
    if a.replication is not None:
        scenario = replace(scenario, replication_no=a.replication)
    parent = runs.results_parent(scenario, Path("results"))
    runs.check_target(a.out or parent / "1", replaced=a.out is not None)
    cli_experiments.warn_of_overload([(scenario.name, scenario)])
    with progress_bar(scenario.name) as (progress, seconds):
        result = run(scenario, part_of(progress, 0.0, _PLAYED))
        drawing = runs.Drawing(
            not a.no_report, part_of(progress, _PLAYED, 1.0)
        )
        if a.out is None:
            folder = runs.write_next_results(result, parent, drawing)
        else:
            folder = a.out
            runs.write_results(result, folder, drawing)
        took = seconds()
    if a.json:
        shown = json.dumps(
            runs.full_summary(result), indent=1, ensure_ascii=False
        )
    else:
        shown = screen(
            result.summary,
            scenario,
            result.verdict,
            a.scenario,
            took,
            folder,
        )
        shown = coloured(shown) if in_colour() else shown
    show(shown)
    return result.verdict.exit_code


def _validate(a: argparse.Namespace) -> int:
    from dr_sim.loading import load_scenario, validate

    problems = [p for path in a.scenarios for p in validate(path)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        loaded = [load_scenario(path) for path in a.scenarios]
        cli_experiments.warn_of_overload(
            (scenario.name, scenario) for scenario in loaded
        )
        print(
            f"{len(a.scenarios)} scenario{'s' * (len(a.scenarios) > 1)}: no mistakes"
        )
    return 2 if problems else 0


def _schema(a: argparse.Namespace) -> int:
    from dr_sim.loading import json_schema

    print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
    return 0


def _explain(a: argparse.Namespace) -> int:
    from dr_sim.results.run_folder import read_results
    from dr_sim.screen.explain import Wanted, alerts_of, explain

    run = read_results(a.results).whole
    if a.ways:
        from dr_sim.screen.ways import ways_taken

        show(ways_taken(run))
        return 0
    if a.alerts:
        show(alerts_of(run, a.database, everything=a.all))
        return 0
    wanted = Wanted(
        a.failover,
        a.at,
        a.alert,
        a.lag,
        a.database,
        a.all,
        source=str(a.results),
    )
    show(explain(run, wanted))
    return 0


def _report(a: argparse.Namespace) -> int:
    from dr_sim.experiments.assumptions import examine
    from dr_sim.figures.views import views_of
    from dr_sim.files.output import write_together
    from dr_sim.measures.standing import summary_of
    from dr_sim.measures.verdict import judge
    from dr_sim.report import Shown, report_html
    from dr_sim.results.run_folder import (
        REPORT_FILE,
        SCENARIO_FILE,
        check_summary,
        read_results,
    )
    from dr_sim.screen.progress import progress_bar

    stored = read_results(a.results)
    check_summary(a.results)
    _same_manager(a, stored.scenario)
    whole = stored.whole
    summary = summary_of(whole)
    shown = Shown(
        summary, judge(summary, stored.scenario), stored.journal.digest()
    )
    with progress_bar("assumptions") as (progress, _):
        examined = (
            examine(
                a.results / SCENARIO_FILE,
                shown.verdict.outcome.name.lower(),
                progress,
                stored.scenario.manager,
            )
            if stored.scenario.sla
            else None
        )
    write_together(
        {
            a.results / REPORT_FILE: report_html(
                views_of(whole), shown, examined
            )
        }
    )
    for flip in examined.flips if examined else []:
        show(
            f"{flip.key}: {flip.assumed} was assumed; at {flip.tried} the verdict is "
            f"{flip.outcome} ({flip.words})"
        )
    if examined and not examined.flips:
        show(
            f"none of {examined.tried} assumed numbers flips the verdict, at a tenth or "
            "at ten times its value"
        )
    show(f"{a.results}/  {REPORT_FILE}")
    return 0


def _verify(a: argparse.Namespace) -> int:
    from dr_sim.record.verify import verify
    from dr_sim.results.run_folder import JOURNAL_FILE, read_results
    from dr_sim.world.cloud.service import cloud_config
    from dr_sim.world.own_logic import builders

    stored = read_results(a.results, journal_as_written=False)
    _same_manager(a, stored.scenario)
    journal, of = stored.journal, stored.scenario
    cloud = None if of.cloud is None else cloud_config(of.cloud, of)
    found = verify(journal, builders(journal, of), stored.checks, cloud)
    file = a.results / JOURNAL_FILE
    if found.mismatch is not None:
        m = found.mismatch
        print(
            f"{file}: row {m.seq} ({m.kind} at {m.time_us} us): {m.what}",
            file=sys.stderr,
        )
        return 4
    if journal.digest() != stored.digest:
        print(
            f"{file}: its digest is not the one in {a.results}/manifest.json: rows "
            "were added or taken away",
            file=sys.stderr,
        )
        return 4
    same = f"{found.events} events gave the same {found.commands} commands"
    print(f"holds: {found.rows} rows, {same}")
    return 0


def _same_manager(a: argparse.Namespace, scenario: Scenario) -> None:
    """A run is looked into with the manager that it had. No code is imported because a results
    folder names it: a user's own is named again.
    """
    if a.manager in ("", BUILT_IN) and not scenario.manager:
        return
    if a.manager != scenario.manager:
        had = f"was run with --manager {scenario.manager or BUILT_IN}; write that here too"
        raise input_error(str(a.results), had)
    cli_experiments.managed(scenario, a.manager)


def _calibrate(a: argparse.Namespace) -> int:
    from dr_sim.calibrate.calibration import calibrate
    from dr_sim.calibrate.cost_section import cost_section
    from dr_sim.files.output import check_place, write_together
    from dr_sim.screen.progress import progress_bar

    check_place(a.out)
    with progress_bar(f"calibrate {a.engine}") as (progress, _):
        costs = calibrate(a.engine, progress or (lambda part: None))
    text = cost_section(costs, a.out.name)
    write_together({a.out: text})
    print(text, end="")
    return 0


def _compare_engines(a: argparse.Namespace) -> int:
    from dr_sim.calibrate.compare_engines import compare, table
    from dr_sim.calibrate.cost_section import read_costs

    stored = {}
    for text in a.costs:
        engine, _, path = text.partition("=")
        if engine not in ENGINES[1:] or not path:
            raise input_error(
                "--costs",
                f"{text!r}: write the engine and its file, as in {ENGINES[1]}=costs.yaml",
            )
        if engine in stored:
            raise input_error(
                "--costs", f"the costs of {engine} are given twice"
            )
        stored[engine] = read_costs(Path(path))
    show(
        table(
            compare(
                a.scenarios,
                lambda text: print(text, file=sys.stderr, flush=True),
                stored,
            )
        )
    )
    return 0


def _import_sqlserver(a: argparse.Namespace) -> int:
    from dr_sim.files.output import keep_apart, read_bytes, write_together
    from dr_sim.importers.how import HOW_TSQL
    from dr_sim.importers.import_history import import_history

    if a.how:
        print(HOW_TSQL, end="")
        return 0
    if a.history is None or a.out is None:
        raise input_error(
            "import sqlserver",
            "takes HISTORY and -o SCENARIO.yaml, or --how",
        )
    restores = (
        (read_bytes(a.restores), str(a.restores)) if a.restores else None
    )
    monitor = [(read_bytes(path), str(path)) for path in a.monitor]
    imported = import_history(
        read_bytes(a.history), str(a.history), a.out.stem, restores, monitor
    )
    files = {
        **{
            a.out.parent / name: text
            for name, text in imported.series.items()
        },
        a.out: imported.scenario,
    }
    keep_apart(
        files,
        [path for path in (a.history, a.restores, *a.monitor) if path],
    )
    write_together(files)
    show(imported.report)
    show(next_step(a.out))
    return 0


def _policies(a: argparse.Namespace) -> int:
    from dr_sim.experiments.policies import policy_table

    broken: list[bugs.Broken] = []
    show(
        policy_table(
            a.scenarios,
            a.set,
            a.seed,
            broken,
            lambda scenario: cli_experiments.as_asked(scenario, a),
        )
    )
    for each in broken:
        print(bugs.told([each]), file=sys.stderr)
    if broken:
        return bugs.EXIT_BUG
    return 0


if __name__ == "__main__":
    sys.exit(main())
