"""The table of databases on the page of a run."""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.measures.summary.types import Summary
from dr_sim.report.page import MARKS
from dr_sim.units import clock


@dataclass(slots=True)
class StandingCell:
    """A cell: what is read, and what it is sorted by."""

    text: str
    value: float


@dataclass(slots=True)
class StandingRow:
    """One row of the table of databases. index: of the database, -1 for the service."""

    name: str
    index: int
    cells: list[StandingCell]
    cause: str
    misses: list[str]


STANDING_HEADS = (
    ("data loss", ("worst", "RPO")),
    ("outage", ("worst", "RTO")),
    ("exposure before the first failure", ("p50", "p99", "max")),
    ("from then on", ("p99", "max")),
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


def _time_cell(us: int | None) -> StandingCell:
    return (
        StandingCell("–", -1) if us is None else StandingCell(clock(us), us)
    )


def _count_cell(count: int) -> StandingCell:
    return StandingCell(f"{count:,}", count)


def _outcome_cell(outcome: str) -> StandingCell:
    order = {"none": 0, "pass": 1, "unknown": 2, "fail": 3}
    text = "–" if outcome == "none" else f"{MARKS[outcome]} {outcome}"
    return StandingCell(text, order[outcome])
