"""The face of `dr-sim import`: a scenario of a real backup history."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim import units
from dr_sim.cli.help import next_step
from dr_sim.cli.options import value_of
from dr_sim.cli.printing import show
from dr_sim.errors import input_error
from dr_sim.files.output import keep_apart, read_bytes, write_together

if TYPE_CHECKING:
    from dr_sim.importers.import_history import Imported

_TOOLS = {
    "pgbackrest": "from the output of `pgbackrest info --output=json`",
    "walg": "from the output of `wal-g backup-list --json --detail`",
    "barman": "from the output of `barman list-backups` or `show-backup` with `-f json`, or of "
    "barman-cloud-backup-list",
}


def add_import(commands: Any) -> None:
    """Add `dr-sim import` and its kinds."""
    imports = commands.add_parser(
        "import", help="make a scenario from a real backup history"
    )
    kinds = imports.add_subparsers(metavar="KIND", required=True)
    _add_sqlserver(kinds)
    _add_postgres_tools(kinds)


def _add_sqlserver(kinds: Any) -> None:
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
    sqlserver.add_argument(
        "--monitor",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="log_shipping_monitor_secondary or _primary: thresholds, jobs, "
        "delay (may be given twice)",
    )
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


def _add_postgres_tools(kinds: Any) -> None:
    """Add the tools that back up PostgreSQL."""
    for tool, words in _TOOLS.items():
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
            "--out",
            type=Path,
            required=True,
            help="scenario file to write; its series lie beside it",
        )
        parser.set_defaults(command=_import_postgres, tool=tool)


def _import_sqlserver(a: argparse.Namespace) -> int:
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
    read = [path for path in (a.history, a.restores, *a.monitor) if path]
    _write(imported, a.out, read)
    return 0


def _import_postgres(a: argparse.Namespace) -> int:
    from dr_sim.importers.import_postgres import Tool, import_postgres

    timeout_us = value_of(
        a.archive_timeout, "--archive-timeout", units.parse_duration
    )
    imported = import_postgres(
        read_bytes(a.history),
        str(a.history),
        a.out.stem,
        Tool(a.tool),
        timeout_us,
    )
    _write(imported, a.out, [a.history])
    return 0


def _keep_edited(out: Path, text: str) -> None:
    """Raise InputError where the file holds something else: it was imported and edited, or is
    another scenario.
    """
    if out.is_file() and read_bytes(out) != text.encode():
        raise input_error(
            str(out),
            "is there already and would be replaced; name another file, or move it away",
        )


def _write(imported: Imported, out: Path, read: Sequence[Path]) -> None:
    """Write the scenario and its series, and say what fits and what was guessed."""

    files: dict[Path, str | bytes] = {}
    for name, text in imported.series.items():
        files[out.parent / name] = text
    files[out] = imported.scenario
    keep_apart(files, read)
    _keep_edited(out, imported.scenario)
    write_together(files)
    show(imported.report)
    show(next_step(out))
