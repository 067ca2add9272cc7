"""Alerts and dangers in a summary: every one, and how well people were notified, of all databases,
of each, of tenants.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.measures.alerts.alerts import (
    Alert,
    AlertQuality,
    Episode,
    judge,
)
from dr_sim.measures.exposure.exposure import NEVER_US, first_full_us
from dr_sim.measures.legs import Leg
from dr_sim.measures.outcome.tenants import asked_of
from dr_sim.measures.summary.types import (
    AlertScore,
    AlertsSummary,
    AlertSummary,
    EpisodeSummary,
)
from dr_sim.measures.summary.values import in_the_run_s_time
from dr_sim.measures.tables import Tables, writes_stopped_us
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario


def qualities_of(whole: Whole) -> list[AlertQuality]:
    """Judge, of each leg of each standby (Whole.every), the alerts and dangers, in the leg's time;
    alerts are numbered through the whole run.
    """
    found, before = [], 0
    for leg, t in whole.every:
        quality = judge(
            t, leg.scenario, until_us=_stopped_beside_us(whole, leg)
        )
        if leg.scenario.ranks > 1:
            due_us = [
                _due_from_us(whole, leg, t, i)
                for i in range(len(leg.scenario.databases))
            ]
            quality.episodes = [
                e
                for e in quality.episodes
                if e.onset_us >= due_us[e.database]
            ]
            quality.whole_run = [
                e
                for e in quality.whole_run
                if e.onset_us >= due_us[e.database]
            ]
        for alert in quality.alerts:
            alert.number += before
        before += len(t["seen.RaiseAlert"]["seq"]) + len(
            t["seen.MonitorAlert"]["seq"]
        )
        found.append(quality)
    return found


def _due_from_us(whole: Whole, leg: Leg, t: Tables, database: int) -> int:
    """Return from when on a danger at that copy must be reported. A standby that is being seeded,
    while another one stands behind the primary, is not counted on yet; nor is a store without a
    full.
    """
    if leg.scenario.store is not None:
        return _store_holds_a_full_us(t, database)
    name = leg.scenario.databases[database].name
    standing = [
        one.scenario.rank
        for one, _ in whole.at(leg)
        for d in one.scenario.databases
        if d.name == name and d.seeded
    ]
    if not standing or leg.scenario.rank in standing:
        return 0
    restored = t.of("truth.restored", database)["time_us"][:1].tolist()
    return int(restored[0]) if restored else NEVER_US


def _store_holds_a_full_us(t: Tables, database: int) -> int:
    """Return when the first full was there; 0: the store has kept backups of an earlier role."""
    if len(t.of("truth.carried", database)["seq"]):
        return 0
    return first_full_us(t, database)


def _stopped_beside_us(whole: Whole, leg: Leg) -> int | None:
    """Return when the failover of any copy behind the leg's primary stopped its writes; None: none
    did.
    """
    stops = [
        at_us
        for _, t in whole.at(leg)
        for at_us in writes_stopped_us(t)
        if len(whole.at(leg)) > 1
    ]
    return min(stops, default=None)


def alerts_summary(
    whole: Whole, qualities: Sequence[AlertQuality]
) -> AlertsSummary:
    """Add up all legs: an alert that was missed after a failover was missed. A standby is judged by
    itself: that another one protects the service is no reason not to tell of a broken one.
    """
    each = [
        (leg, q) for (leg, _), q in zip(whole.every, qualities, strict=True)
    ]
    told = [
        in_the_run_s_time(alert_summary(leg.scenario, a), leg.begins_us)
        for leg, q in each
        for a in q.alerts
    ]
    names = [d.name for d in whole.scenario.databases]
    scores: dict[str, list[AlertScore]] = {name: [] for name in names}
    for leg, quality in each:
        for i, d in enumerate(leg.scenario.databases):
            scores[d.name].append(_score(quality.of(i)))
    by_tenant: dict[str, AlertScore] = {}
    for tenant, of in asked_of(whole.scenario).items():
        by_tenant[tenant] = _added(
            [score for i in of for score in scores[names[i]]]
        )
    service = _added([_score(q) for q in qualities])
    episodes = []
    for leg, quality in each:
        for episode in quality.episodes:
            episodes.append(
                in_the_run_s_time(
                    _episode(leg.scenario, episode), leg.begins_us
                )
            )
    return AlertsSummary(
        raised=service.raised,
        due=service.due,
        missed=service.missed,
        late=service.late,
        false=service.false,
        max_delay_us=service.max_delay_us,
        first=told[0] if told else None,
        each=told,
        episodes=episodes,
        by_database={name: _added(scores[name]) for name in names},
        by_tenant=by_tenant,
    )


def alert_summary(scenario: Scenario, alert: Alert) -> AlertSummary:
    return AlertSummary(
        alert.number,
        alert.time_us,
        alert.source,
        ""
        if alert.database < 0
        else scenario.databases[alert.database].name,
        alert.event_id,
        alert.level,
        alert.minutes,
        alert.text,
        alert.false_alarm,
    )


def _episode(scenario: Scenario, e: Episode) -> EpisodeSummary:
    return EpisodeSummary(
        scenario.databases[e.database].name,
        e.onset_us,
        e.end_us,
        e.ended_by_failure,
        e.due_us,
        None if e.alert is None else e.alert.number,
        e.delay_us,
        e.missed,
        e.late,
        e.limbs,
    )


def _added(scores: Sequence[AlertScore]) -> AlertScore:
    delays = [
        score.max_delay_us
        for score in scores
        if score.max_delay_us is not None
    ]
    total = AlertScore(
        raised=0,
        due=0,
        missed=0,
        late=0,
        false=0,
        max_delay_us=max(delays, default=None),
    )
    for score in scores:
        total.raised += score.raised
        total.due += score.due
        total.missed += score.missed
        total.late += score.late
        total.false += score.false
    return total


def _score(quality: AlertQuality) -> AlertScore:
    return AlertScore(
        raised=len(quality.alerts),
        due=quality.due,
        missed=quality.missed,
        late=quality.late,
        false=quality.false,
        max_delay_us=quality.max_delay_us,
    )
