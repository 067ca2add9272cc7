"""A SQL Server's backup history in; a scenario, its series of log volumes, and a report of how well
it fits out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.errors import InputError, Problem
from dr_sim.formatting.words import counted, size
from dr_sim.importers.fit import (
    DatabaseFit,
    Fitted,
    duration_text,
    fit_database,
    utc_text,
)
from dr_sim.importers.monitor import MonitorFit, read_monitor
from dr_sim.importers.restores import (
    RestoreFit,
    fit_restores,
    parse_restores,
)
from dr_sim.importers.sqlserver_history import HistoryEntry, read_history
from dr_sim.scenario.fields.values import is_name
from dr_sim.units import HOUR_US, MINUTE_US, SECOND_US


@dataclass(frozen=True, slots=True)
class Imported:
    """scenario: YAML; series: text of each CSV file by its name, to lie beside the scenario;
    report: for people.
    """

    scenario: str
    series: dict[str, str]
    report: str


# no log is this many times larger than its file: then a size in the history is wrong
MOST_COMPRESSED = 1_000
LINK_MBIT_S = 200  # guessed; so is its rtt

Table = tuple[bytes, str]
"""Content of a file, and the name that errors and comments give it."""


def import_history(
    data: bytes,
    file: str = "history",
    name: str = "imported",
    restores: Table | None = None,
    monitor: Sequence[Table] = (),
) -> Imported:
    """Make a scenario of a history. file: the name that errors and comments give; name: of scenario
    and series.

    restores: the secondary's restorehistory; monitor: log shipping's monitor tables; CSV both, as
    HOW_TSQL exports them. Raises InputError, with every mistake found, if one of them cannot be
    read.
    """
    history = read_history(data, file)
    entries = history.entries
    by_database: dict[str, list[HistoryEntry]] = {}
    for entry in entries:
        by_database.setdefault(entry.header.database, []).append(entry)
    fits: list[DatabaseFit] = []
    problems: list[Problem] = []
    for number, database in enumerate(sorted(by_database), 1):
        try:
            fit = fit_database(by_database[database])
        except ValueError as wrong:
            problems.append(
                Problem(
                    file, 0, 0, f"database {_one_line(database)}: {wrong}"
                )
            )
            continue
        if not is_name(database):
            fit.name = f"database {number}"
            while fit.name in by_database:
                fit.name += "'"
            fit.remarks.append(
                f"its real name, {_one_line(database)[:200]}, cannot stand in a scenario"
            )
        fits.append(fit)
    if problems:
        raise InputError(problems)
    settings = _settings(
        entries,
        {
            each: fit.interval_us
            for each, fit in zip(sorted(by_database), fits, strict=True)
        },
        restores,
        monitor,
    )
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name) or "imported"
    files = {
        fit.name: f"{stem}_log_{number}.csv"
        for number, fit in enumerate(fits, 1)
        if fit.series_bytes
    }
    series = {
        files[fit.name]: series_of(fit) for fit in fits if fit.series_bytes
    }
    return Imported(
        scenario_of(fits, files, file, stem, settings),
        series,
        report_of(fits, len(entries), history.remarks, file, settings),
    )


@dataclass(slots=True)
class Settings:
    """Findings about the service as a whole: values by their keys in the scenario, and remarks."""

    values: dict[tuple[str, str], Fitted]
    remarks: list[str]


def _settings(
    entries: Sequence[HistoryEntry],
    intervals_us: dict[str, int],
    restores: Table | None,
    monitor: Sequence[Table],
) -> Settings:
    """Prefer what was configured to what the restores tell; the report says where the two
    disagree.
    """
    told, configured = RestoreFit(), MonitorFit()
    if restores is not None:
        read, remarks = parse_restores(*restores, entries)
        told = fit_restores(read, intervals_us)
        told.remarks[:0] = remarks
    if monitor:
        configured = read_monitor(monitor, intervals_us)
    found = {
        ("replication", "every"): configured.copy_every,
        ("secondary", "restore_rate"): told.rate,
        ("secondary", "restore_fixed"): told.fixed,
        ("replay", "every"): configured.restore_every or told.every,
        ("replay", "delay"): configured.delay or told.delay,
        ("replay", "age"): configured.restore_threshold,
        ("replay", "window"): configured.backup_threshold,
        ("danger", "above"): configured.restore_threshold,
    }
    remarks = [*told.remarks, *configured.remarks]
    for words, wanted, seen in (
        ("restore job", configured.restore_every, told.every),
        ("delay", configured.delay, told.delay),
    ):
        if (
            wanted is not None
            and seen is not None
            and wanted.text != seen.text
        ):
            remarks.append(
                f"{words}: {wanted.text} configured, taken; the restores look like "
                f"{seen.text} ({seen.guess})"
            )
    return Settings(
        {key: value for key, value in found.items() if value is not None},
        remarks,
    )


def series_of(fit: DatabaseFit) -> str:
    lines = ["begins_utc,log_bytes"]
    for number, written in enumerate(fit.series_bytes):
        lines.append(
            f"{utc_text(fit.begins_utc_us + number * fit.interval_us)},{written}"
        )
    return "\n".join(lines) + "\n"


def scenario_of(
    fits: Sequence[DatabaseFit],
    files: dict[str, str],
    file: str,
    stem: str,
    settings: Settings,
    engine: str = "",
) -> str:
    """The scenario's text. files: name of each database's series; engine: a line of its own, '' for
    the default.
    """
    begins_us = min(fit.begins_utc_us for fit in fits)
    hours = max(
        -(-(max(fit.ends_utc_us for fit in fits) - begins_us) // HOUR_US), 1
    )
    worst = max(
        (_worst(fit, begins_us, _compression(fits)) for fit in fits),
        key=lambda each: each.lost_us,
    )
    hours = max(
        hours, -(-worst.at_s // 3600) + 1
    )  # an hour at least for what follows
    if hours > 48:
        hours = -(-hours // 24) * 24
    length = (
        f"{hours // 24} days"
        if hours % 24 == 0 and hours > 24
        else f"{hours} h"
    )
    lines = [
        f"# Made from the backup history {_one_line(file)}. What is marked 'guessed' was "
        "not in it: put it right.",
        f"name: {json.dumps(stem, ensure_ascii=False)}",
        f'start: "{utc_text(begins_us).rstrip("Z")}"  # UTC: when the history begins',
        "time_zone: UTC",
        f"run_for: {length}  # as long as the history, and an hour after the loss of the site",
        *([engine] if engine else []),
        "databases:",
    ]
    for fit in fits:
        lines.append(f"  {json.dumps(fit.name, ensure_ascii=False)}:")
        lines.append(_line("size", fit.size.text, fit.size.guess))
        if fit.name in files:
            value = (
                f"{{series: {files[fit.name]}, column: log_bytes, interval: "
                f"{duration_text(fit.interval_us)}}}"
            )
            lines.append(_line("log_volume", value, fit.series_guess))
        else:
            lines.append(
                _line(
                    "log_volume",
                    "1 MB per 5 min",
                    "the history holds no logs",
                )
            )
        for key, schedule in (
            ("full", fit.full),
            ("incremental", fit.incremental),
            ("log", fit.log),
        ):
            lines.append(_line(key, schedule.text, schedule.guess))
        lines += [f"    # {_one_line(remark)}" for remark in fit.remarks]
    section = ""
    for (group, key), setting in settings.values.items():
        if group != section:
            lines.append(f"{group}:")
            section = group
        lines.append("  " + _line(key, setting.text, setting.guess).strip())
    lines += [
        _link(_compression(fits)),
        "failover: {mode: automatic, silent_for: 30 s}  # guessed: put your own",
        *_events(worst, hours),
    ]
    return "\n".join(lines) + "\n"


def _compression(fits: Sequence[DatabaseFit]) -> int:
    """Return how many times larger logs are than their files, in tenths. It is 10 where nothing
    tells, where they hardly are, and where a damaged size makes them more than that can be.
    """
    plain = sum(fit.plain_log_bytes for fit in fits)
    stored = sum(fit.stored_log_bytes for fit in fits)
    believable = stored * 11 <= plain * 10 <= stored * MOST_COMPRESSED * 10
    return plain * 10 // stored if stored and believable else 10


def _link(tenths: int) -> str:
    """The guessed link. The series hold plain bytes and the link carries compressed ones: so it is
    wider by as much.
    """
    if tenths == 10:
        return "link: {bandwidth: 200 Mbit/s, rtt: 30 ms}  # guessed: put your own"
    return (
        f"link: {{bandwidth: {LINK_MBIT_S * tenths // 10} Mbit/s, rtt: 30 ms}}  # "
        f"guessed: {LINK_MBIT_S} Mbit/s; put your own, "
        f"times {tenths / 10:.1f}: log volumes here are plain bytes, and the files that "
        "cross the link are compressed"
    )


def _at(seconds: int) -> str:
    """Write an instant as a time from the start: '94 h 19 min', '47 h 9 min 30 s'."""
    minutes, rest = divmod(seconds, 60)
    parts = ((minutes // 60, "h"), (minutes % 60, "min"), (rest, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def _events(worst: _Worst, hours: int) -> list[str]:
    """The questions: a link that is down for a while, then the site lost at the worst instant of
    the history.
    """
    at_s, why = (
        worst.at_s,
        f"{worst.lost_us / MINUTE_US:.1f} min are lost, while a log of "
        f"{size(worst.log_bytes)} crosses the link",
    )
    if not worst.lost_us:
        at_s, why = (
            hours * 2700 + 120,
            "the history holds no logs: three quarters into it",
        )
    return [
        "events:  # the questions: a link that is down for a while, and a site that is lost",
        f"  - {{at: {_at(at_s // 2)}, link_outage: 12.8 min}}  # median of two public uptime logs",
        f"  - {{at: {_at(at_s)}, lose: site}}  # the worst instant: {why}",
    ]


@dataclass(frozen=True, slots=True)
class _Worst:
    """An instant, in seconds after the start, what a lost site would lose then, and the log that is
    on its way.
    """

    at_s: int
    lost_us: int
    log_bytes: int


def _worst(fit: DatabaseFit, begins_us: int, tenths: int) -> _Worst:
    """Return the time just before a log lands, where the last one that landed was cut longest ago.

    Logs cross the guessed link one after the other, each cut at the end of its interval.
    """
    worst = _Worst(0, 0, 0)
    if fit.log_interval_us:
        return _busiest(fit, begins_us)
    landed_us = 0
    for number, written in enumerate(fit.series_bytes):
        cut_us = (number + 1) * fit.interval_us
        landed_us = max(landed_us, cut_us) + written * 8 * 10 // (
            LINK_MBIT_S * tenths
        )
        lost_us = landed_us - number * fit.interval_us
        if (lost_us, written) > (worst.lost_us, worst.log_bytes):
            worst = _Worst(
                (fit.begins_utc_us - begins_us + landed_us) // SECOND_US,
                lost_us,
                written,
            )
    return worst


def _busiest(fit: DatabaseFit, begins_us: int) -> _Worst:
    """Return the time just before a log is cut at the end of the busiest interval of a series that
    does not tell of single logs.
    """
    if not any(fit.series_bytes):
        return _Worst(0, 0, 0)
    number = max(
        range(len(fit.series_bytes)),
        key=lambda i: (fit.series_bytes[i], -i),
    )
    per_log = (
        fit.series_bytes[number] * fit.log_interval_us // fit.interval_us
    )
    crossing_us = per_log * 8 // LINK_MBIT_S
    cut_us = (
        (number + 1)
        * fit.interval_us
        // fit.log_interval_us
        * fit.log_interval_us
    )
    at_us = fit.begins_utc_us - begins_us + cut_us + crossing_us
    return _Worst(
        at_us // SECOND_US, fit.log_interval_us + crossing_us, per_log
    )


def _line(key: str, value: str, guess: str) -> str:
    return f"    {key}: {value}" + (
        f"  # guessed: {guess}" if guess else ""
    )


def report_of(
    fits: Sequence[DatabaseFit],
    rows: int,
    remarks: Sequence[str],
    file: str,
    settings: Settings,
) -> str:
    """The report's text. rows: of the history; remarks: on the history as a whole."""
    found = f"{counted(rows, 'row')}, {counted(len(fits), 'database')}"
    lines = [f"{_one_line(file)}: {found}"]
    lines += [f"  - {_one_line(remark)}" for remark in remarks]
    for fit in fits:
        span = (
            f"{utc_text(fit.begins_utc_us)} to {utc_text(fit.ends_utc_us)}"
        )
        lines.append(
            f"{_one_line(fit.name)}: {counted(fit.entries, 'backup')}, {span}"
        )
        values = [
            ("full", fit.full),
            ("incremental", fit.incremental),
            ("log", fit.log),
            ("size", fit.size),
        ]
        for key, value in values:
            lines.append(
                f"  {key:<12}{value.text}"
                + (f"  (guessed: {value.guess})" if value.guess else "")
            )
        if fit.series_bytes:
            total, most = sum(fit.series_bytes), max(fit.series_bytes)
            guess = (
                f"  (guessed: {fit.series_guess})"
                if fit.series_guess
                else ""
            )
            lines.append(
                f"  log volume  {size(total)} in {counted(len(fit.series_bytes), 'interval')}, at "
                f"most {size(most)}{guess}"
            )
            lines.append(f"  gaps        {len(fit.holes)}")
        lines += [f"  - {_one_line(remark)}" for remark in fit.remarks]
    if settings.values or settings.remarks:
        lines.append("the secondary:")
    for (group, key), setting in settings.values.items():
        lines.append(
            f"  {group}.{key}: {setting.text}"
            + (f"  (guessed: {setting.guess})" if setting.guess else "")
        )
    lines += [f"  - {_one_line(remark)}" for remark in settings.remarks]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(
        character if character.isprintable() else "?" for character in text
    )
