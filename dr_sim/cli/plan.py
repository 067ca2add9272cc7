"""The face of `dr-sim plan`: which backups to restore, and in which order."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dr_sim import units
from dr_sim.cli.options import add_json, value_of
from dr_sim.cli.printing import show
from dr_sim.files.output import json_text, show_as_is


def add_plan(commands: Any) -> None:
    """Add `dr-sim plan`."""
    plan = commands.add_parser(
        "plan",
        help="say which backups to restore, in which order, from a real "
        "history or a run",
    )
    plan.add_argument(
        "history",
        type=Path,
        help="history of SQL Server, pgBackRest, WAL-G or Barman, or the folder of a run",
    )
    plan.add_argument(
        "--until",
        default="latest",
        metavar="TARGET",
        help="'2024-05-01 10:00' (UTC), an LSN, or latest (the default)",
    )
    plan.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="FILE",
        help="plan as if this file were gone (may be repeated)",
    )
    plan.add_argument(
        "--database",
        default="",
        help="only this database, stanza or server (default: each)",
    )
    plan.add_argument(
        "--fork",
        default="",
        help="follow this timeline or recovery fork (default: the one that covers the target)",
    )
    plan.add_argument(
        "--forks",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a fork history: 0000000N.history, or CSV of "
        "recovery forks (may be repeated)",
    )
    plan.add_argument(
        "--current",
        default="",
        metavar="POSITION",
        help="the primary's present position, [FORK@]LSN; logs that are "
        "missing up to it count as late",
    )
    plan.add_argument(
        "--policy",
        default="newest-set",
        choices=("newest-set", "least-time", "least-bytes"),
        help="how to choose among several ways",
    )
    plan.add_argument(
        "--reading",
        default="start",
        choices=("start", "finish"),
        help="a log covers an instant if its backup "
        "started (safe) or finished after that instant",
    )
    plan.add_argument(
        "--restore-rate",
        metavar="RATE",
        help="speed of a restore, for example '200 MB/s'",
    )
    plan.add_argument(
        "--restore-fixed",
        metavar="T",
        help="fixed cost of each file, for example '2 s'",
    )
    add_json(plan, "the plan as one JSON object")
    plan.set_defaults(command=_plan)


def _plan(a: argparse.Namespace) -> int:
    from dr_sim.backups.target import Policy, Reading
    from dr_sim.importers import plan_shown, restore_plan

    question = restore_plan.PlanQuestion(
        a.until,
        tuple(a.without),
        a.database,
        a.fork,
        a.current,
        Policy(a.policy),
        Reading(a.reading),
        tuple(a.forks),
        value_of(a.restore_rate, "--restore-rate", units.parse_disk_rate),
        value_of(
            a.restore_fixed,
            "--restore-fixed",
            units.parse_duration,
            least=0,
        ),
    )
    answers = restore_plan.plan_restore(a.history, question)
    if a.json:
        show_as_is(json_text(plan_shown.as_json(answers, a.history)))
    else:
        show(plan_shown.as_text(answers))
    return plan_shown.exit_code(answers)
