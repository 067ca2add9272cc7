"""The face of what reads backup histories: a restore plan, and imports from PostgreSQL's tools."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dr_sim import units
from dr_sim.cli.help import next_step
from dr_sim.errors import input_error
from dr_sim.files.output import show
from dr_sim.units import UnitError

TOOLS = {
    "pgbackrest": "from the output of `pgbackrest info --output=json`",
    "walg": "from the output of `wal-g backup-list --json --detail`",
    "barman": "from the output of `barman list-backups` or `show-backup` with `-f json`, or of "
    "barman-cloud-backup-list",
}


def add_imports(kinds: Any) -> None:
    """Add the tools to `dr-sim import`."""
    for tool, words in TOOLS.items():
        parser = kinds.add_parser(tool, help=words)
        parser.add_argument(
            "history", type=Path, help="what the tool printed"
        )
        parser.add_argument(
            "--archive-timeout",
            metavar="T",
            help="the server's archive_timeout, such as '60 s'",
        )
        parser.add_argument(
            "-o",
            "-o",
            "--out",
            type=Path,
            required=True,
            help="scenario file to write; its series lie beside it",
        )
        parser.set_defaults(command=_import, tool=tool)


def add_plan(commands: Any) -> None:
    """Add `dr-sim plan`."""
    plan = commands.add_parser(
        "plan",
        help="which backups to restore, in which order, from a real history or a run",
        epilog="exit codes: 0 the target can be reached; 1 it cannot; 2 the input is wrong",
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
        help="as if this file were gone (may be given again)",
    )
    plan.add_argument(
        "--database",
        default="",
        help="this database, stanza or server only (default: each)",
    )
    plan.add_argument(
        "--fork",
        default="",
        help="follow this timeline or recovery fork (default: the one that covers the target)",
    )
    plan.add_argument("--forks", action="append", type=Path, default=[], metavar="FILE",
                      help="a fork history: 0000000N.history, or CSV of recovery forks (may be "
                          "given again)")  # fmt: skip
    plan.add_argument(
        "--current",
        default="",
        metavar="POSITION",
        help="the primary's position now, [FORK@]LSN: a missing tail is late",
    )
    plan.add_argument(
        "--policy",
        default="newest-set",
        choices=("newest-set", "least-time", "least-bytes"),
        help="among several ways",
    )
    plan.add_argument("--reading", default="start", choices=("start", "finish"),
                      help="a log reaches an instant if its backup started (safe) or finished "
                          "after it")  # fmt: skip
    plan.add_argument(
        "--restore-rate", metavar="RATE", help="such as '200 MB/s'"
    )
    plan.add_argument(
        "--restore-fixed",
        metavar="T",
        help="a file's fixed cost, such as '2 s'",
    )
    plan.add_argument(
        "--json",
        action="store_true",
        help="print the plan as one JSON object",
    )
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
        _option(a.restore_rate, "--restore-rate", units.parse_disk_rate),
        _option(
            a.restore_fixed,
            "--restore-fixed",
            units.parse_duration,
            least=0,
        ),
    )
    answers = restore_plan.plan_restore(a.history, question)
    if a.json:
        show(
            json.dumps(
                plan_shown.as_json(answers, a.history),
                indent=1,
                ensure_ascii=False,
            )
        )
    else:
        show(plan_shown.as_text(answers))
    return plan_shown.exit_code(answers)


def _import(a: argparse.Namespace) -> int:
    from dr_sim.files.output import keep_apart, read_bytes, write_together
    from dr_sim.importers.import_postgres import Tool, import_postgres

    timeout_us = _option(
        a.archive_timeout, "--archive-timeout", units.parse_duration
    )
    imported = import_postgres(
        read_bytes(a.history),
        str(a.history),
        a.out.stem,
        Tool(a.tool),
        timeout_us,
    )
    files = {
        **{
            a.out.parent / name: text
            for name, text in imported.series.items()
        },
        a.out: imported.scenario,
    }
    keep_apart(files, [a.history])
    write_together(files)
    show(imported.report)
    show(next_step(a.out))
    return 0


def _option(
    text: str | None, name: str, read: Callable[[str], int], least: int = 1
) -> int | None:
    """The value of an option, at least so much of its unit; None if it is not given."""
    if text is None:
        return None
    try:
        value = read(text)
        if value < least:
            raise UnitError(f"{text[:60]!r} is nothing: more is needed")
    except UnitError as wrong:
        raise input_error(name, str(wrong)) from None
    return value
