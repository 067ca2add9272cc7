"""Exposure and replay lag in a summary: mean, quantiles, maximum and time above limits, of all, of
each, of tenants.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from dr_sim.measures.outage_now.each_way import (
    exposure_of_place,
    outage_of_place,
)
from dr_sim.measures.outage_now.falling import Falling
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.measures.outcome.tenants import asked_of, asked_of_class
from dr_sim.measures.summary.curve_types import (
    ClassedCurve,
    CurveSummary,
    ExposureSummary,
    OutageIfNowSummary,
    PartedCurve,
    ReportedCurve,
    TimeAbove,
)
from dr_sim.measures.summary.values import half_up, seconds, shallow
from dr_sim.measures.whole import AnyCurve, Whole
from dr_sim.scenario.keys.standbys import copy_names
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.scenario.sla_measures import (
    head_of,
    limit_of,
    place_of,
    split,
)

QUANTILES = (50, 90, 95, 99)  # per cent
# the class that exposure means where none is named: only what has landed survives
EXPOSED_CLASS = "site"


def exposure_summary(whole: Whole) -> ExposureSummary:
    service = _with_parts(whole.exposure, whole)
    _add_copies(service, whole, "exposure", EXPOSED_CLASS)
    others = {
        other: _of_class(whole, other) for other in ("database", "host")
    }
    for other, parted in others.items():
        _add_copies(parted, whole, "exposure", other)
    return ExposureSummary(
        **shallow(service),
        failure_class=EXPOSED_CLASS,
        other_classes=others,
        reported=_reported(whole.reported(), whole),
    )


def exposure_part(whole: Whole, head: str) -> ClassedCurve:
    """Exposure before the first failure, or from it on: of the service, and of whatever the SLA
    asks it of.
    """
    asked = [
        line
        for line in whole.scenario.sla
        if split(line.measure)[0] == head
    ]

    def of(failure_class: str) -> PartedCurve:
        mine = [
            line
            for line in asked
            if (line.failure_class or EXPOSED_CLASS) == failure_class
        ]

        def part(database: str = "", tenant: str = "") -> CurveSummary:
            return curve_summary(
                whole.curve(head, database, failure_class, tenant),
                whole.scenario,
                whole.end_us,
            )

        parted = PartedCurve(
            **shallow(part()), by_database={}, by_tenant={}
        )
        for line in mine:
            if line.database:
                parted.by_database[line.database] = part(line.database)
            if line.tenant:
                parted.by_tenant[line.tenant] = part("", line.tenant)
        return parted

    return ClassedCurve(
        **shallow(of(EXPOSED_CLASS)),
        failure_class=EXPOSED_CLASS,
        other_classes={
            c: of(c) for c in FAILURE_CLASSES if c != EXPOSED_CLASS
        },
    )


def _reported(curve: AnyCurve, whole: Whole) -> ReportedCurve:
    """Return what the manager believed, and in which stretches of the time in which a primary was
    up it could say anything: a copy that was seeded says nothing until its first log has been
    validated.
    """
    parts = curve.window(
        whole.scenario.measure_from_us, whole.end_us
    ).parts()
    defined = [
        [part.begin_us, part.end_us] for part in parts if part.duration_us
    ]
    found = curve_summary(curve, whole.scenario, whole.end_us)
    return ReportedCurve(**shallow(found), defined_us=defined)


def _of_class(whole: Whole, failure_class: str) -> PartedCurve:
    """Exposure to the loss of a host or a database: the service's, and that of each database and
    tenant of which the SLA asks it.
    """

    def of(database: str = "", tenant: str = "") -> CurveSummary:
        return curve_summary(
            whole.exposure(database, failure_class, tenant),
            whole.scenario,
            whole.end_us,
        )

    parted = PartedCurve(**shallow(of()), by_database={}, by_tenant={})
    for database, tenant in asked_of_class(whole.scenario, failure_class):
        if database:
            parted.by_database[database] = of(database, tenant)
        if tenant:
            parted.by_tenant[tenant] = of(database, tenant)
    return parted


def outage_if_now_summary(whole: Whole) -> OutageIfNowSummary:
    """never_us: for how long nothing could have been promoted, whatever the time; a value that
    falls there is None.
    """
    found = _with_parts(whole.outage_if_now, whole)
    _add_copies(found, whole, "outage_if_now", EXPOSED_CLASS)
    asked = {
        line.failure_class
        for line in whole.scenario.sla
        if head_of(split(line.measure)[0]) == "outage_if_now"
    }
    others = {
        other: _with_parts(
            partial(whole.outage_if_now, failure_class=other), whole
        )
        for other in FAILURE_CLASSES
        if other in asked and other != EXPOSED_CLASS
    }
    for other, parted in others.items():
        _add_copies(parted, whole, "outage_if_now", other)
    return OutageIfNowSummary(
        **shallow(found),
        failure_class=EXPOSED_CLASS,
        other_classes=others,
        reported=_reported(whole.reported_outage(), whole),
    )


def lag_summary(whole: Whole) -> PartedCurve:
    return _with_parts(whole.replay_lag, whole)


def _add_copies(
    parted: PartedCurve, whole: Whole, head: str, failure_class: str
) -> None:
    """Add the curve of each named copy; for other classes than the usual one of those of which the
    SLA asks it.
    """
    for place in places_of(whole.scenario, head, failure_class):
        curve = place_curve(whole, head, place, failure_class)
        found = curve_summary(curve, whole.scenario, whole.end_us)
        parted.by_copy[place] = found


def places_of(
    scenario: Scenario, head: str, failure_class: str
) -> list[str]:
    """Return the named copies of which a curve is taken by itself: for the usual class all of
    them, else those of which the SLA asks it.
    """
    names = copy_names(scenario)
    if failure_class == EXPOSED_CLASS:
        return names
    asked = {
        place_of(line.measure)
        for line in scenario.sla
        if line.failure_class == failure_class
        and head_of(split(line.measure)[0]) == head
    }
    return [name for name in names if name in asked]


def place_curve(
    whole: Whole, head: str, place: str, failure_class: str
) -> AnyCurve:
    """Return the exposure or the outage_if_now of one copy by itself."""
    if head == "exposure":
        return exposure_of_place(whole, place, failure_class)
    return outage_of_place(whole, place, failure_class)


def _with_parts(of: Callable[..., AnyCurve], whole: Whole) -> PartedCurve:
    """Return the worst of the databases' curves, each of them, and the worst of each tenant's that
    the SLA names.
    """
    scenario, end = whole.scenario, whole.end_us
    worst = curve_summary(of(), scenario, end)
    parted = PartedCurve(**shallow(worst), by_database={}, by_tenant={})
    for database in scenario.databases:
        curve = of(database.name)
        parted.by_database[database.name] = curve_summary(
            curve, scenario, end
        )
    for tenant in asked_of(scenario):
        parted.by_tenant[tenant] = curve_summary(
            of(tenant=tenant), scenario, end
        )
    return parted


def curve_summary(
    curve: AnyCurve, scenario: Scenario, end: int
) -> CurveSummary:
    """mean, quantiles, maximum and the shares of time above the limits that the SLA and danger
    name. A curve with no time in the measured part of the run has none of them: None.
    """
    curve = curve.window(scenario.measure_from_us, end)
    total = curve.duration_us
    out = CurveSummary(time_us=total)
    never = (
        curve.above_us(NO_WAY_US // 2) if isinstance(curve, Falling) else 0
    )
    if isinstance(curve, Falling):
        out.never_us = never
    if not total:
        return out
    if not never:
        out.mean_us, out.max_us = half_up(curve.mean_us()), curve.max_us()
        out.mean_s, out.max_s = seconds(out.mean_us), seconds(out.max_us)
    values = curve.quantiles_us([Fraction(q, 100) for q in QUANTILES])
    known = [
        half_up(value) if value < NO_WAY_US // 2 else None
        for value in values
    ]
    out.p50_us, out.p90_us, out.p95_us, out.p99_us = known
    for limit in limits_us(scenario):
        above = curve.above_us(limit)
        # rounded up: a share that is not nothing is not shown as nothing
        out.above[limit] = TimeAbove(above, -(-above * 1_000_000 // total))
    return out


def limits_us(scenario: Scenario) -> list[int]:
    """The limits for which the time above is reported: danger, the SLA's data loss and its own
    limits of exposure.
    """
    found = {scenario.danger_us}
    found |= {
        line.bound
        for line in scenario.sla
        if line.measure.split(".")[0] == "data_loss"
    }
    found |= {
        limit
        for line in scenario.sla
        if (limit := limit_of(line.measure)) is not None
    }
    if scenario.replications is not None:
        found |= {rare.limit_us for rare in scenario.replications.rare}
    return sorted(found)
