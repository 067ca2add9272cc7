"""A SQL Server's backup history in; a scenario, its series of log volumes, and a report of how well it fits out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dr_sim.errors import InputError, Problem
from dr_sim.importers.fit import DAY_US, DatabaseFit, fit_database
from dr_sim.importers.sqlserver_history import HistoryEntry, parse_history
from dr_sim.scenario.values import is_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

HOW_TSQL = """\
-- Run at the primary; save the result as CSV with column heads (or as JSON: add FOR JSON PATH at the end).
SELECT s.database_name, s.server_name, s.backup_set_uuid, s.type,
       s.backup_start_date, s.backup_finish_date, s.time_zone,
       s.first_lsn, s.last_lsn, s.checkpoint_lsn, s.database_backup_lsn, s.differential_base_lsn,
       s.first_recovery_fork_guid, s.last_recovery_fork_guid, s.fork_point_lsn,
       s.is_copy_only, s.recovery_model, s.backup_size, s.compressed_backup_size,
       f.device_type, f.physical_device_name
FROM msdb.dbo.backupset AS s
JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = s.media_set_id
WHERE s.type IN ('D', 'I', 'L') AND s.backup_start_date >= DATEADD(day, -35, GETDATE())
ORDER BY s.database_name, s.backup_start_date;
"""
"""What a DBA runs to export the history that import_history reads."""


@dataclass(frozen=True, slots=True)
class Imported:
    """scenario: YAML; series: text of each CSV file by its name, to lie beside the scenario; report: for people."""

    scenario: str
    series: dict[str, str]
    report: str


def import_history(data: bytes, file: str = "history", name: str = "imported") -> Imported:
    """Make a scenario of a history. file: the name that errors and comments give; name: of scenario and series.

    Raises InputError, with every mistake found, if the history cannot be read.
    """
    entries = parse_history(data, file)
    by_database: dict[str, list[HistoryEntry]] = {}
    for entry in entries:
        by_database.setdefault(entry.header.database, []).append(entry)
    fits: list[DatabaseFit] = []
    problems: list[Problem] = []
    for number, database in enumerate(sorted(by_database), 1):
        try:
            fit = fit_database(by_database[database])
        except ValueError as wrong:
            problems.append(Problem(file, 0, 0, f"database {_one_line(database)}: {wrong}"))
            continue
        if not is_name(database):
            fit.name = f"database {number}"
            while fit.name in by_database:
                fit.name += "'"
            fit.remarks.append(f"its real name, {_one_line(database)[:200]}, cannot stand in a scenario")
        fits.append(fit)
    if problems:
        raise InputError(problems)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name) or "imported"
    files = {fit.name: f"{stem}_log_{number}.csv" for number, fit in enumerate(fits, 1) if fit.series_bytes}
    series = {files[fit.name]: _series(fit) for fit in fits if fit.series_bytes}
    return Imported(_scenario(fits, files, file, stem), series, _report(fits, len(entries), file))


def _series(fit: DatabaseFit) -> str:
    lines = ["begins_utc,log_bytes"]
    for number, size in enumerate(fit.series_bytes):
        lines.append(f"{_utc(fit.begins_utc_us + number * fit.interval_us)},{size}")
    return "\n".join(lines) + "\n"


def _scenario(fits: Sequence[DatabaseFit], files: dict[str, str], file: str, stem: str) -> str:
    begins_us = min(fit.begins_utc_us for fit in fits)
    hours = max(-(-(max(fit.ends_utc_us for fit in fits) - begins_us) // (DAY_US // 24)), 1)
    if hours > 48:
        hours = -(-hours // 24) * 24
    length = f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} h"
    lines = [
        f"# Made from the backup history {_one_line(file)}. What is marked 'guessed' was not in it: put it right.",
        f"name: {json.dumps(stem, ensure_ascii=False)}",
        f'start: "{_utc(begins_us).rstrip("Z")}"  # UTC: when the history begins',
        "time_zone: UTC",
        f"run_for: {length}  # as long as the history",
        "databases:",
    ]
    for fit in fits:
        lines.append(f"  {json.dumps(fit.name, ensure_ascii=False)}:")
        lines.append(_line("size", fit.size.text, fit.size.guess))
        if fit.name in files:
            value = f"{{series: {files[fit.name]}, column: log_bytes, interval: {fit.log.text.removeprefix('every ')}}}"
            lines.append(_line("log_volume", value, fit.series_guess))
        else:
            lines.append(_line("log_volume", "1 MB per 5 min", "the history holds no logs"))
        for key, schedule in (("full", fit.full), ("incremental", fit.incremental), ("log", fit.log)):
            lines.append(_line(key, schedule.text, schedule.guess))
        lines += [f"    # {_one_line(remark)}" for remark in fit.remarks]
    lines += [
        "link: {bandwidth: 200 Mbit/s, rtt: 30 ms}  # guessed: put your own",
        "failover: {mode: automatic, silent_for: 30 s}  # guessed: put your own",
        "events:  # the questions: a link that is down for a while, and a site that is lost",
        f"  - {{at: {hours * 30} min, link_outage: 12.8 min}}  # median of two public uptime logs",
        f"  - {{at: {hours * 45 + 2} min, lose: site}}",
    ]
    return "\n".join(lines) + "\n"


def _line(key: str, value: str, guess: str) -> str:
    return f"    {key}: {value}" + (f"  # guessed: {guess}" if guess else "")


def _report(fits: Sequence[DatabaseFit], rows: int, file: str) -> str:
    lines = [f"{_one_line(file)}: {rows} rows, {len(fits)} databases"]
    for fit in fits:
        span = f"{_utc(fit.begins_utc_us)} to {_utc(fit.ends_utc_us)}"
        lines.append(f"{_one_line(fit.name)}: {fit.entries} backups, {span}")
        values = [("full", fit.full), ("incremental", fit.incremental), ("log", fit.log), ("size", fit.size)]
        for key, value in values:
            lines.append(f"  {key:<12}{value.text}" + (f"  (guessed: {value.guess})" if value.guess else ""))
        if fit.series_bytes:
            total, most = sum(fit.series_bytes), max(fit.series_bytes)
            guess = f"  (guessed: {fit.series_guess})" if fit.series_guess else ""
            lines.append(f"  log volume  {total} bytes in {len(fit.series_bytes)} intervals, at most {most}{guess}")
            lines.append(f"  gaps        {len(fit.holes)}")
        lines += [f"  - {_one_line(remark)}" for remark in fit.remarks]
    return "\n".join(lines) + "\n"


def _utc(utc_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=utc_us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
