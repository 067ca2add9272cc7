"""The settings of built-in log shipping: rows of its monitor tables, each distinguished from the
other by its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.formatting.words import counted
from dr_sim.importers.cells import (
    BadValueError,
    as_text,
    as_whole,
    csv_rows,
    decoded,
    error,
    fold,
    optional,
    refusal,
    required,
)
from dr_sim.importers.fit import Fitted
from dr_sim.units import MINUTE_US, SECOND_US

_NO_TABLE = "no CSV of log_shipping_monitor_secondary or log_shipping_monitor_primary"
_LONGEST_MINUTES, _LONGEST_S = 60 * 24 * 366, 86_400 * 366


@dataclass(slots=True)
class MonitorFit:
    """Holds what was configured; None: not given. Where databases differ: the least threshold, the
    most of the rest.
    """

    restore_threshold: Fitted | None = None
    backup_threshold: Fitted | None = None
    delay: Fitted | None = None
    copy_every: Fitted | None = None
    restore_every: Fitted | None = None
    remarks: list[str] = field(default_factory=list)


# head, field of MonitorFit, unit, least, most, how databases that differ become one
_VALUES: tuple[
    tuple[str, str, int, int, int, Callable[[Collection[int]], int]], ...
] = (
    (
        "restore_threshold",
        "restore_threshold",
        MINUTE_US,
        1,
        _LONGEST_MINUTES,
        min,
    ),
    (
        "backup_threshold",
        "backup_threshold",
        MINUTE_US,
        1,
        _LONGEST_MINUTES,
        min,
    ),
    ("restore_delay", "delay", MINUTE_US, 0, _LONGEST_MINUTES, max),
    ("copy_every_s", "copy_every", SECOND_US, 1, _LONGEST_S, max),
    ("restore_every_s", "restore_every", SECOND_US, 1, _LONGEST_S, max),
)


def read_monitor(
    tables: Sequence[tuple[bytes, str]], databases: Collection[str]
) -> MonitorFit:
    """tables: (content, file name) of each; databases: names in the history, rows of others are
    left out.

    Raises InputError with every kind of mistake found, and if a table tells of none of the
    databases.
    """
    known = {name.lower() for name in databases}
    found: dict[str, list[int]] = {}
    fit = MonitorFit()
    problems: list[Problem] = []
    for data, file in tables:
        rows = csv_rows(
            decoded(data, file), file, "primary_database", _NO_TABLE
        )
        if not rows or not {
            fold("restore_threshold"),
            fold("backup_threshold"),
        } & set(rows[0][1]):
            what = (
                "it has neither restore_threshold nor backup_threshold"
                if rows
                else "it has no rows"
            )
            raise error(file, f"is {_NO_TABLE}: {what}", 1, 1)
        ours = 0
        for line, row in rows:
            try:
                if (
                    required(row, as_text, "primary_database").lower()
                    in known
                ):
                    ours += 1
                    _take(row, found, fit)
            except BadValueError as wrong:
                problems.append(Problem(file, line, 1, str(wrong)))
        if not ours and not problems:
            names = ", ".join(sorted(databases)[:5])
            problems.append(
                Problem(
                    file,
                    2,
                    1,
                    f"no primary_database in it is one of the history's: {names}",
                )
            )
        if ours < len(rows):
            fit.remarks.append(
                f"{counted(len(rows) - ours, 'row')} of {file} left out: of databases that the "
                "history does not hold"
            )
    if problems:
        raise refusal(problems)
    for head, name, unit, _, _, one in _VALUES:
        if values := found.get(head):
            setattr(
                fit, name, Fitted(units.format_duration(one(values) * unit))
            )
            if len(set(values)) > 1:
                fit.remarks.append(
                    f"databases differ in {head} ({min(values)} to {max(values)}): "
                    f"{one(values)} taken"
                )
    return fit


def _take(
    row: Mapping[str, object], found: dict[str, list[int]], fit: MonitorFit
) -> None:
    database = required(row, as_text, "primary_database")
    enabled = optional(row, as_whole, "threshold_alert_enabled")
    for head, _, unit, least, most, _ in _VALUES:
        value = optional(row, as_whole, head)
        if value is None:
            continue
        if not least <= value <= most:
            of = "minutes" if unit == MINUTE_US else "seconds"
            raise BadValueError(
                f"{head} is {value}, a whole number of {of} from {least} to {most} is needed"
            )
        if enabled == 0 and head.endswith("threshold"):
            fit.remarks.append(
                f"{database}: the alert on {head} is off, its {value} min are left out"
            )
            continue
        found.setdefault(head, []).append(value)
    latency = optional(row, as_whole, "last_restored_latency")
    if latency is not None:
        fit.remarks.append(
            f"{database}: the log restored last was {latency} min old"
        )
