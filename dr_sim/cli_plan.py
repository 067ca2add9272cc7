"""The face of what reads backup histories of PostgreSQL's tools."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dr_sim import units
from dr_sim.errors import InputError, Problem
from dr_sim.output import show
from dr_sim.units import UnitError

TOOLS = {
    "pgbackrest": "from the output of `pgbackrest info --output=json`",
    "walg": "from the output of `wal-g backup-list --json --detail`",
    "barman": "from the output of `barman list-backups` or `show-backup` with `-f json`, or of barman-cloud-backup-list",
}


def add_imports(kinds: Any) -> None:
    """Add the tools to `dr-sim import`."""
    for tool, words in TOOLS.items():
        parser = kinds.add_parser(tool, help=words)
        parser.add_argument("history", type=Path, help="what the tool printed")
        parser.add_argument("--archive-timeout", metavar="T", help="the server's archive_timeout, such as '60 s'")
        parser.add_argument("-o", "--out", type=Path, required=True, help="scenario file to write; its series lie beside it")
        parser.set_defaults(command=_import, tool=tool)


def _import(a: argparse.Namespace) -> int:
    from dr_sim.importers.import_postgres import Tool, import_postgres
    from dr_sim.output import keep_apart, read_bytes, write_together

    timeout_us = _option(a.archive_timeout, "--archive-timeout", units.parse_duration)
    imported = import_postgres(read_bytes(a.history), str(a.history), a.out.stem, Tool(a.tool), timeout_us)
    files = {**{a.out.parent / name: text for name, text in imported.series.items()}, a.out: imported.scenario}
    keep_apart(files, [a.history])
    write_together(files)
    show(imported.report)
    return 0


def _option(text: str | None, name: str, read: Callable[[str], int]) -> int | None:
    """The value of an option that is at least 1 of its unit; None if it is not given."""
    if text is None:
        return None
    try:
        value = read(text)
        if value < 1:
            raise UnitError(f"{text[:60]!r} is nothing: more is needed")
    except UnitError as wrong:
        raise InputError([Problem(name, 0, 0, str(wrong))]) from None
    return value
