"""The table of databases on the page of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import compress

from dr_sim.measures.summary.types import Summary
from dr_sim.report.page import MARKS, SortedCell
from dr_sim.units import clock

NOTHING = "–"  # in a cell without a value
StandingGroup = tuple[
    str, tuple[str, ...]
]  # a heading, and those of its columns


@dataclass(slots=True)
class StandingRow:
    """One row of the table of databases. index: of the database, -1 for the service."""

    name: str
    index: int
    cells: list[SortedCell]
    cause: str
    misses: list[str]


BEFORE, AFTER = "exposure before the first failure", "from then on"
ON_A_CARD = {AFTER: "exposure from then on"}
"""Headings that say too little where no other one stands beside them, as on a phone."""
WITHOUT_FAILURE = {BEFORE: "exposure"}
STANDING_HEADS: tuple[StandingGroup, ...] = (
    ("data loss", ("worst", "RPO")),
    ("outage", ("worst", "RTO")),
    (BEFORE, ("p50", "p99", "max")),
    (AFTER, ("p99", "max")),
    ("replay lag", ("p99",)),
    ("alerts", ("raised", "missed")),
    ("", ("worst cause",)),
)


def standings(summary: Summary) -> list[StandingRow]:
    """The service and each database, the worst first; nothing of a run of one database."""
    names = summary.databases
    if len(names) == 1:
        return []
    rows = []
    for row in summary.standings:
        before, after = row.before, row.after
        cells = [
            _time_cell(row.data_loss.value_us),
            _outcome_cell(row.data_loss.outcome),
            _time_cell(row.outage.value_us),
            _outcome_cell(row.outage.outcome),
            *map(_time_cell, (before.p50_us, before.p99_us, before.max_us)),
            *map(_time_cell, (after.p99_us, after.max_us)),
            _time_cell(row.lag.p99_us),
            _count_cell(row.alerts_raised),
            _count_cell(row.alerts_missed),
        ]
        index = names.index(row.database) if row.database else -1
        rows.append(
            StandingRow(
                row.database or "service",
                index,
                cells,
                row.cause,
                row.misses,
            )
        )
    return rows


def with_values(
    rows: list[StandingRow],
) -> tuple[list[StandingGroup], list[StandingRow]]:
    """Return the columns in which some row has a value: their heads, and the rows with them alone.
    A run without a failure has no data loss, for example.
    """
    columns = zip(*(row.cells for row in rows), strict=True)
    used = list(map(_has_values, columns))
    shown = [
        replace(row, cells=list(compress(row.cells, used))) for row in rows
    ]
    groups = []
    place = 0
    for group, heads in STANDING_HEADS:
        of = used[place : place + len(heads)] or [
            True
        ]  # the last is the cause
        place += len(heads)
        kept = tuple(compress(heads, of))
        if kept:
            groups.append((group, kept))
    if AFTER not in dict(groups):
        groups = [
            (WITHOUT_FAILURE.get(of, of), heads) for of, heads in groups
        ]
    return groups, shown


def _has_values(column: Iterable[SortedCell]) -> bool:
    return any(cell.text != NOTHING for cell in column)


def _time_cell(us: int | None) -> SortedCell:
    return (
        SortedCell(NOTHING, -1) if us is None else SortedCell(clock(us), us)
    )


def _count_cell(count: int) -> SortedCell:
    return SortedCell(f"{count:,}", count)


def _outcome_cell(outcome: str) -> SortedCell:
    order = {"none": 0, "pass": 1, "unknown": 2, "fail": 3}
    text = NOTHING if outcome == "none" else f"{MARKS[outcome]} {outcome}"
    return SortedCell(text, order[outcome])
