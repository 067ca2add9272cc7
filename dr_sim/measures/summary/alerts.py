"""Alerts and dangers in a summary: every one, and how well people were told, of all databases, of
each, of tenants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dr_sim.measures.alerts import Alert, AlertQuality, Episode, judge
from dr_sim.measures.summary.values import in_the_run_s_time
from dr_sim.measures.tenants import asked_of
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario


def qualities_of(whole: Whole) -> list[AlertQuality]:
    """Of each leg the alerts and dangers, in the leg's time; alerts are numbered through the whole
    run.
    """
    found, before = [], 0
    for leg, t in whole.each:
        quality = judge(t, leg.scenario)
        for alert in quality.alerts:
            alert.number += before
        before += len(t["seen.RaiseAlert"]["seq"]) + len(t["seen.MonitorAlert"]["seq"])
        found.append(quality)
    return found


def alerts_summary(whole: Whole, qualities: Sequence[AlertQuality]) -> dict[str, Any]:
    """Of all legs: an alert that was missed after a failover was missed."""
    each = list(zip(whole.legs, qualities, strict=True))
    told = [
        in_the_run_s_time(alert_summary(leg.scenario, a), leg.begins_us)
        for leg, q in each
        for a in q.alerts
    ]
    names = [d.name for d in whole.scenario.databases]
    scores: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for leg, quality in each:
        for i, d in enumerate(leg.scenario.databases):
            scores[d.name].append(_score(quality.of(i)))
    return {
        **_added([_score(q) for q in qualities]),
        "first": told[0] if told else None,
        "list": told,
        "episodes": [
            in_the_run_s_time(_episode(leg.scenario, e), leg.begins_us)
            for leg, q in each
            for e in q.episodes
        ],
        "by_database": {name: _added(scores[name]) for name in names},
        "by_tenant": {
            tenant: _added([score for i in of for score in scores[names[i]]])
            for tenant, of in asked_of(whole.scenario).items()
        },
    }


def alert_summary(scenario: Scenario, alert: Alert) -> dict[str, Any]:
    return {
        "number": alert.number,
        "time_us": alert.time_us,
        "source": alert.source,
        "database": "" if alert.database < 0 else scenario.databases[alert.database].name,
        "event_id": alert.event_id,
        "level": alert.level,
        "minutes": alert.minutes,
        "text": alert.text,
        "false": alert.false_alarm,
    }


def _episode(scenario: Scenario, e: Episode) -> dict[str, Any]:
    return {
        "database": scenario.databases[e.database].name,
        "onset_us": e.onset_us,
        "end_us": e.end_us,
        "ended_by_failure": e.ended_by_failure,
        "due_us": e.due_us,
        "alert": None if e.alert is None else e.alert.number,
        "delay_us": e.delay_us,
        "missed": e.missed,
        "late": e.late,
        "limbs": e.limbs,
    }


def _added(scores: Sequence[dict[str, Any]]) -> dict[str, int | None]:
    found: dict[str, int | None] = {
        key: sum(score[key] for score in scores)
        for key in ("raised", "due", "missed", "late", "false")
    }
    delays = [score["max_delay_us"] for score in scores if score["max_delay_us"] is not None]
    return found | {"max_delay_us": max(delays, default=None)}


def _score(quality: AlertQuality) -> dict[str, int | None]:
    return {
        "raised": len(quality.alerts),
        "due": quality.due,
        "missed": quality.missed,
        "late": quality.late,
        "false": quality.false,
        "max_delay_us": quality.max_delay_us,
    }
