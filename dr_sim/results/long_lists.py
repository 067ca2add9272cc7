"""Alerts and dangers that are too many for summary.json: they are summed there, and each of them is
in a Parquet file beside it.

A fleet behind a link that is too slow raises a hundred thousand alerts. One by one they make a
summary of 40 MB, which no editor and no pipeline opens gladly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dr_sim.measures.summary.types import (
    AlertsOfAKind,
    AlertsSummary,
    AlertSummary,
    DangersOfAKind,
    EpisodeSummary,
    Summary,
)

_ONSET, _END = attrgetter("onset_us"), attrgetter("end_us")
MOST_LISTED = 1_000
"""Alerts, or dangers, that are listed one by one, as on the page."""
ALERTS_FILE, DANGERS_FILE = "alerts.parquet", "dangers.parquet"


def with_short_lists(summary: Summary) -> Summary:
    """Return a summary in which lists that are too long are summed instead."""
    alerts = summary.alerts
    short = alerts
    if len(alerts.each) > MOST_LISTED:
        short = replace(short, each=[], summed=_summed_alerts(alerts))
    if len(alerts.episodes) > MOST_LISTED:
        dangers = _summed_dangers(alerts)
        short = replace(short, episodes=[], dangers_summed=dangers)
    return replace(summary, alerts=short)


def write_long_lists(summary: Summary, folder: Path) -> None:
    """Write each alert, and each danger, into a file of its own, where they are summed in
    summary.json.
    """
    lists: dict[str, tuple[type, Sequence[Any]]] = {
        ALERTS_FILE: (AlertSummary, summary.alerts.each),
        DANGERS_FILE: (EpisodeSummary, summary.alerts.episodes),
    }
    for name, (of, rows) in lists.items():
        if len(rows) > MOST_LISTED:
            columns = {}
            for each in fields(of):
                columns[each.name] = [
                    getattr(row, each.name) for row in rows
                ]
            pq.write_table(pa.table(columns), folder / name)


def _summed_alerts(alerts: AlertsSummary) -> list[AlertsOfAKind]:
    groups: dict[tuple[str, int, str, bool], list[AlertSummary]] = {}
    for a in alerts.each:
        kind = a.source, a.event_id, a.level, a.false
        groups.setdefault(kind, []).append(a)
    return [
        AlertsOfAKind(
            source,
            event_id,
            level,
            false,
            count=len(of),
            databases=_databases(of),
            first_us=of[0].time_us,
            last_us=of[-1].time_us,
            text=of[0].text,
        )
        for (source, event_id, level, false), of in groups.items()
    ]


def _databases(of: Sequence[AlertSummary | EpisodeSummary]) -> int:
    """Return how many databases these are about."""
    return len({each.database for each in of})


def _summed_dangers(alerts: AlertsSummary) -> list[DangersOfAKind]:
    groups: dict[tuple[str, bool, bool, bool], list[EpisodeSummary]] = {}
    for e in alerts.episodes:
        due = e.due_us is not None
        groups.setdefault((e.limbs, due, e.missed, e.late), []).append(e)
    return [
        DangersOfAKind(
            limbs,
            due,
            missed,
            late,
            count=len(of),
            databases=_databases(of),
            first_us=min(map(_ONSET, of)),
            last_us=max(map(_END, of)),
        )
        for (limbs, due, missed, late), of in groups.items()
    ]
