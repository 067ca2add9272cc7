"""The face of commands that look into the results of a run: `dr-sim explain`, `dr-sim report` and
`dr-sim verify`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.cli.options import add_manager
from dr_sim.cli.playing import managed
from dr_sim.cli.printing import note, show
from dr_sim.errors import input_error
from dr_sim.errors.bugs import BUILT_IN
from dr_sim.files.output import write_together
from dr_sim.formatting.words import counted

if TYPE_CHECKING:
    from dr_sim.scenario.model import Scenario


def add_results(commands: Any) -> None:
    """Add `dr-sim explain`, `dr-sim report` and `dr-sim verify`."""
    explain = commands.add_parser(
        "explain",
        help="explain a number of a run by causes that add up to it",
        usage="dr-sim explain [-h] [--database DATABASE] [--all] results\n"
        "       [--failover N | --at T | --lag T | --alert N | --alerts | --ways]",
    )
    explain.add_argument("results", type=Path, help="folder of a run")
    what = explain.add_mutually_exclusive_group()
    what.add_argument(
        "--failover",
        type=int,
        metavar="N",
        help="data loss and outage of the N-th failover (default: of the first; without one, the "
        "highest exposure)",
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
        help="the number of alerts of each kind, when they came, and the "
        "text of the first",
    )
    what.add_argument(
        "--ways",
        action="store_true",
        help="the ways back of each failover: taken, failed, possible, closed and why",
    )
    explain.add_argument(
        "--database", help="for this database (default: the worst)"
    )
    explain.add_argument(
        "--all",
        action="store_true",
        help="list each stretch of time and each alert instead of sums",
    )
    explain.set_defaults(command=_explain)

    report = commands.add_parser(
        "report",
        help="show which assumed inputs would change a run's verdict; "
        "write its report.html again",
    )
    report.add_argument("results", type=Path, help="folder of a run")
    add_manager(report, "as in the run")
    report.set_defaults(command=_report)

    verify = commands.add_parser(
        "verify",
        help="give a run's events to new recovery objects and compare "
        "their commands",
    )
    verify.add_argument("results", type=Path, help="folder of a run")
    add_manager(verify, "as in the run")
    verify.set_defaults(command=_verify)


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
    from dr_sim.experiments.comparing.assumptions import examine
    from dr_sim.figures.timeline import Timeline
    from dr_sim.figures.views import views_of
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
                show,
            )
            if stored.scenario.sla
            else None
        )
    write_together(
        {
            a.results / REPORT_FILE: report_html(
                Timeline(views_of(whole)), shown, examined
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
    from dr_sim.world.cloud.manager_config import cloud_config
    from dr_sim.world.own_logic import builders

    stored = read_results(a.results, journal_as_written=False)
    _same_manager(a, stored.scenario)
    journal, of = stored.journal, stored.scenario
    cloud = None if of.cloud is None else cloud_config(of.cloud, of)
    found = verify(journal, builders(journal, of), stored.checks, cloud)
    file = a.results / JOURNAL_FILE
    if found.mismatch is not None:
        m = found.mismatch
        note(f"{file}: row {m.seq} ({m.kind} at {m.time_us} us): {m.what}")
        return 4
    if journal.digest() != stored.digest:
        note(
            f"{file}: its digest is not the one in {a.results}/manifest.json: rows "
            "were added or taken away"
        )
        return 4
    same = f"{counted(found.events, 'event')} gave the same {counted(found.commands, 'command')}"
    print(f"holds: {counted(found.rows, 'row')}, {same}")
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
    managed(scenario, a.manager)
