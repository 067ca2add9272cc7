"""The lane of alerts: one row for each database, or for each kind of alert where there are many.

Of very many alerts, those of one kind about one database that are close together are drawn as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dr_sim.figures.charts import COLOUR_NAMES, MS_US, Chart
from dr_sim.figures.style import ALERT_MARKS
from dr_sim.formatting.words import counted
from dr_sim.measures.alerts.alerts import Alert
from dr_sim.units import SECOND_US

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

MOST_TEXTS = 1_000  # of so many alerts the texts are shown by hovering; of more only their kind
MOST_SIGNS = (
    30_000  # of alerts; of more those close together are drawn as one
)
MOST_ROWS = 16  # of alerts: a row for each database up to here, for each kind of alert beyond


def alert_lane(timeline: Timeline) -> Chart:
    alerts = timeline.seen.alerts
    databases = sorted({alert.database for alert in alerts})
    few = len(databases) <= MOST_ROWS
    keys = sorted({(a.database if few else a.event_id) for a in alerts})
    names = [
        (_subject(timeline, key) if few else _event(key)) for key in keys
    ]
    drawn = far_apart(alerts, MOST_SIGNS)
    marks = []
    for event_id in sorted({a.event_id for a in alerts}):
        chosen = [a for a in drawn if a.event_id == event_id]
        items = [
            [
                keys.index(a.database if few else event_id),
                a.time_us // MS_US,
                a.database,
                int(a.false_alarm),
            ]
            for a in chosen
        ]
        words = [
            f"{_subject(timeline, a.database)}: {a.text} ({a.level}"
            + (", false alarm)" if a.false_alarm else ")")
            for a in (chosen if len(alerts) <= MOST_TEXTS else ())
        ]
        sign, colour, _ = ALERT_MARKS[event_id]
        marks.append(
            {
                "type": "points",
                "shape": sign,
                "colour": COLOUR_NAMES[colour],
                "label": _event(event_id),
                "items": items,
                "words": words,
            }
        )
    qualities = [view.quality for view in timeline.seen.legs]
    due = sum(quality.due for quality in qualities)
    missed = sum(quality.missed for quality in qualities)
    late = sum(quality.late for quality in qualities)
    false = sum(quality.false for quality in qualities)
    told = (
        f"{counted(len(alerts), 'alert')}; {counted(due, 'lasting danger')} asked for "
        f"one, {missed} missed, {late} answered late; {false} false."
    )
    if not few:
        told += " They concern too many databases for a line each, so each kind has one."
    if len(drawn) < len(alerts):
        told += " Those of one kind about one database close together are drawn as one."
    return Chart(
        "alerts",
        "Alerts",
        told,
        timeline.lane({"rows": names or ["none"]}, marks),
    )


def _subject(timeline: Timeline, database: int) -> str:
    return (
        "whole service"
        if database < 0
        else timeline.scenario.databases[database].name
    )


def far_apart(alerts: Sequence[Alert], most: int) -> list[Alert]:
    """Alerts to be drawn, in their order: all where there are at most `most`. Else time is cut into
    slots of the smallest power of two seconds that leaves no more, and of one kind about one
    database the first in each slot is drawn. Slots of different databases begin at different
    instants, so that together they leave no holes. False alerts do not stand for true ones.
    """
    slot_us, drawn = 0, list(alerts)
    databases = 1 + max((alert.database for alert in alerts), default=0)
    while len(drawn) > most:
        slot_us = 2 * slot_us or SECOND_US
        last: dict[tuple[int, int, bool], int] = {}
        drawn = []
        for alert in alerts:
            key = (alert.event_id, alert.database, alert.false_alarm)
            shift_us = slot_us * max(0, alert.database) // databases
            slot = (alert.time_us + shift_us) // slot_us
            if last.get(key) != slot:
                last[key] = slot
                drawn.append(alert)
        if slot_us > 2 * alerts[-1].time_us:
            break  # all instants of a database are in one slot, or in two
    return drawn


def _event(event_id: int) -> str:
    """'2 no new logs': the number that the README lists, and what it is in short."""
    return f"{event_id} {ALERT_MARKS[event_id][2]}"
