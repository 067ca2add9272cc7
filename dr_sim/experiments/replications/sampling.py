"""The sample of one run: its values and curves, taken from the summary and the measured run.

What a sample holds is in sample.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dr_sim.experiments.replications.sample import (
    GRID_TYPE,
    GRID_US,
    MOST_DATABASES,
    NO_END,
    STOPPED,
    CurveSample,
    Of,
    Sample,
    Value,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.measures.outcome.mistake_parts import degraded, down
from dr_sim.measures.outcome.tenants import (
    asked_of,
    asked_of_class,
    databases_of,
)
from dr_sim.measures.summary.cloud_types import CloudSummary
from dr_sim.measures.summary.curve_types import CurveSummary, PartedCurve
from dr_sim.measures.summary.curves import (
    limits_us,
    place_curve,
    places_of,
)
from dr_sim.measures.summary.types import (
    AlertScore,
    AlertsSummary,
    CostSummary,
    FailoverSummary,
    MistakeSummary,
    Summary,
    WritesRefusedSummary,
)
from dr_sim.measures.whole import AnyCurve, Whole
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.scenario.sla_measures import (
    CLASSED_CURVES,
    CLOUD_COUNTS,
    CLOUD_CURVES,
    CLOUD_PARTS,
    PHASES,
    PLACED_CURVES,
    STATISTICS,
    WAYS_OPEN,
    is_curve,
    split,
)


def replication(scenario: Scenario, number: int) -> Scenario:
    """The same scenario on the luck of that replication: every draw is named by it."""
    return replace(scenario, replication_no=number)


def from_summary(
    whole: Whole, summary: Summary, scenario: Scenario
) -> Sample:
    """The sample of a run that is measured already."""
    values, curves = (
        list(_values(summary, scenario)),
        list(_curves(whole, scenario)),
    )
    violations, silent = (
        len(summary.violations),
        len(summary.silent_recoveries),
    )
    return Sample(
        scenario.replication_no,
        values,
        curves,
        violations,
        silent,
        sorted(summary.happened),
    )


# ---- values
def _values(summary: Summary, scenario: Scenario) -> Iterator[Value]:
    named = _named(scenario)
    yield from _of_failovers(summary.failovers, named)
    yield from _of_curves(summary, named)
    yield from _of_classes(summary)
    yield from _of_all_alerts(summary.alerts, named)
    yield from _of_refused(summary.writes_refused, named)
    yield from _of_ways(summary)
    yield from _of_mistakes(summary.mistakes, named, scenario)
    yield from _of_cloud(summary)
    yield from _of_link(summary)


def _of_curves(summary: Summary, named: Sequence[str]) -> Iterator[Value]:
    """Yield the curves of the service, its databases, tenants and places."""
    for head in ("exposure", "replay_lag", "outage_if_now"):
        of_class = "site" if head in CLASSED_CURVES else ""
        whole = summary.curve(head)
        yield from _of_curve(head, whole, "", of_class)
        for name in named:
            yield from _of_curve(
                head, whole.by_database[name], name, of_class
            )
        for tenant, curve in whole.by_tenant.items():
            yield from _of_curve(head, curve, "", of_class, tenant)
        for place, curve in whole.by_copy.items():
            yield from _of_curve(f"{head}@{place}", curve, "", of_class)


def _of_classes(summary: Summary) -> Iterator[Value]:
    """Yield the curves of other classes of failures than the site's, and those of the time before
    the first failure and after it.
    """
    for other, parted in summary.exposure.other_classes.items():
        yield from _of_class("exposure", parted, other)
    for other, parted in summary.outage_if_now.other_classes.items():
        yield from _of_class("outage_if_now", parted, other)
    for head, classed in (
        ("exposure_before", summary.exposure_before),
        ("exposure_after", summary.exposure_after),
    ):
        yield from _of_class(head, classed, "site")
        for other, parted in classed.other_classes.items():
            yield from _of_class(head, parted, other)


def _of_all_alerts(
    alerts: AlertsSummary, named: Sequence[str]
) -> Iterator[Value]:
    yield from _of_alerts(alerts, "")
    for name in named:
        yield from _of_alerts(alerts.by_database[name], name)
    for tenant, score in alerts.by_tenant.items():
        yield from _of_alerts(score, "", tenant)


def _of_refused(
    refused: WritesRefusedSummary, named: Sequence[str]
) -> Iterator[Value]:
    measure, unit = "writes_refused", "us"
    us = refused.time_us
    yield Value(measure, "", "", unit, us, us)
    for name in named:
        us = refused.by_database[name].time_us
        yield Value(measure, name, "", unit, us, us)
    for tenant, of in refused.by_tenant.items():
        us = of.time_us
        yield Value(measure, "", "", unit, us, us, tenant)


def _of_link(summary: Summary) -> Iterator[Value]:
    for measure, unit, value in (
        ("link_sent", "bytes", summary.link.bytes_sent),
        ("link_used", "ppm", summary.link.used_ppm),
        ("link_down", "us", summary.link.down_us),
        ("backlog", "count", summary.backlog.not_landed_max),
    ):
        if value is not None:
            yield Value(measure, "", "", unit, value, value)


def _of_ways(summary: Summary) -> Iterator[Value]:
    """Yield how many ways back were open. Of the time in which no primary was up nothing is known:
    there may have been none.
    """
    for measure in WAYS_OPEN:
        for failure_class, of in summary.ways_open_of(measure).items():
            if of.fewest is None:
                continue
            least = 0 if of.not_known else of.fewest
            about = ("", failure_class, "count", least, of.fewest)
            yield Value(measure, *about, note=of.note)


def _of_mistakes(
    mistakes: Sequence[MistakeSummary],
    named: Sequence[str],
    scenario: Scenario,
) -> Iterator[Value]:
    """Yield how long the service, each database and each tenant ran with each mistake, and how long
    those could not work whom it stopped.
    """
    parts = [("", ""), *((name, "") for name in named)]
    parts += [("", tenant) for tenant in databases_of(scenario)]
    for database, tenant in parts:
        for measure, of, each in (
            ("degraded", "", degraded(mistakes, database, tenant)),
            ("outage", STOPPED, down(mistakes, database, tenant)),
        ):
            for low, over in each:
                high = low if over else None
                yield Value(measure, database, of, "us", low, high, tenant)


def _of_cloud(summary: Summary) -> Iterator[Value]:
    """Yield the measures of a cloud manager, where there is one."""
    cloud = summary.cloud
    if cloud is None:
        return
    yield from _of_machines(cloud)
    for head in CLOUD_CURVES:
        yield from _of_curve(head, summary.curve(head), "", "")
    for measure in CLOUD_COUNTS:
        n = cloud.count(measure)
        yield Value(measure, "", "", "count", n, n)
    for measure in CLOUD_PARTS:
        part = cloud.part(measure)
        if part is not None:
            yield Value(measure, "", "", "ppm", part, part)


def _of_machines(cloud: CloudSummary) -> Iterator[Value]:
    """Pauses of backups, and what is measured of machines."""
    for pause in cloud.pauses:
        low, high = pause.lasted_us, pause.lasted_us if pause.over else None
        yield Value("pause", "", "", "us", low, high)
        yield Value("pause", pause.database, "", "us", low, high)
        for tenant in pause.tenants:
            yield Value("pause", "", "", "us", low, high, tenant)
    if cloud.machines is None:
        return
    for short in cloud.machines.degraded:
        low, high = short.lasted_us, short.lasted_us if short.over else None
        yield Value("degraded", "", "", "us", low, high)
    for way in cloud.machines.to_goal:
        low, high = way.lasted_us, way.lasted_us if way.over else None
        yield Value("to_goal", "", "", "us", low, high)


def _of_class(
    head: str, curve: PartedCurve, failure_class: str
) -> Iterator[Value]:
    """Values of the service, and of each database and tenant that the SLA asks it of."""
    yield from _of_curve(head, curve, "", failure_class)
    for name, each in curve.by_database.items():
        yield from _of_curve(head, each, name, failure_class)
    for place, each in curve.by_copy.items():
        yield from _of_curve(f"{head}@{place}", each, "", failure_class)
    for tenant, each in curve.by_tenant.items():
        yield from _of_curve(head, each, "", failure_class, tenant)


def _named(scenario: Scenario) -> list[str]:
    """The databases that have values of their own; a single one is the service."""
    asked = {line.database for line in scenario.sla}
    few = 1 < len(scenario.databases) <= MOST_DATABASES
    return [d.name for d in scenario.databases if few or d.name in asked]


def _of_failovers(
    failovers: list[FailoverSummary], named: list[str]
) -> Iterator[Value]:
    """Yield, by class of failure, measure by measure, the worst of the run's failovers: of the
    service, its databases and tenants.
    """
    for of in dict.fromkeys(f.failure_class for f in failovers):
        mine = [f for f in failovers if f.failure_class == of]
        yield from _costs("", "", of, mine)
        databases: dict[str, list[CostSummary]] = {}
        tenants: dict[str, list[CostSummary]] = {}
        for f in mine:
            for database in f.databases:
                databases.setdefault(database.name, []).append(database)
            for tenant in f.tenants:
                tenants.setdefault(tenant.name, []).append(tenant)
        for name, each in databases.items():
            if name in named:
                yield from _costs(name, "", of, each)
        for name, each in tenants.items():
            yield from _costs("", name, of, each)


def _costs(
    database: str,
    tenant: str,
    failure_class: str,
    each: Sequence[CostSummary],
) -> Iterator[Value]:
    """Yield the worst of failovers, or of what they were to one database or tenant."""
    about = (database, failure_class)
    lost = [(x.data_loss_us or 0, x.data_loss_us) for x in each]
    yield _worst("data_loss", *about, lost, tenant)
    out = [(sum(x.phases_us.values()), x.outage_us) for x in each]
    yield _worst("outage", *about, out, tenant)
    for phase in PHASES:
        ends = [
            (
                x.phases_us[phase],
                None if x.outage_us is None else x.phases_us[phase],
            )
            for x in each
        ]
        yield _worst(f"outage.{phase}", *about, ends, tenant)
    bare = [
        (
            x.unprotected_us or 0,
            None if x.unprotected_censored else x.unprotected_us,
        )
        for x in each
    ]
    yield _worst("unprotected", *about, bare, tenant)


def _worst(
    measure: str,
    database: str,
    failure_class: str,
    ends: list[tuple[int, int | None]],
    tenant: str = "",
) -> Value:
    lows, highs = zip(*ends, strict=True)
    return Value(
        measure,
        database,
        failure_class,
        "us",
        max(lows),
        worst_high(highs),
        tenant,
    )


def worst_high(highs: Sequence[int | None]) -> int | None:
    """Return the largest upper end; None (no upper end) as soon as one of them has none."""
    known = [high for high in highs if high is not None]
    return max(known) if len(known) == len(highs) else None


def _of_curve(
    head: str,
    curve: CurveSummary,
    database: str,
    failure_class: str,
    tenant: str = "",
) -> Iterator[Value]:
    if not curve.time_us:
        return
    about = (database, failure_class)
    for statistic in STATISTICS:
        value = curve.statistic(statistic)
        if value is None:  # without end
            yield Value(
                f"{head}.{statistic}", *about, "us", NO_WAY_US, None, tenant
            )
        else:
            yield Value(
                f"{head}.{statistic}", *about, "us", value, value, tenant
            )
    for limit, above in curve.above.items():
        yield Value(
            f"{head}.above_{limit}_us",
            *about,
            "ppm",
            above.ppm,
            above.ppm,
            tenant,
        )


def _of_alerts(
    score: AlertScore, database: str, tenant: str = ""
) -> Iterator[Value]:
    for name, count in (
        ("raised", score.raised),
        ("due", score.due),
        ("missed", score.missed),
        ("late", score.late),
        ("false", score.false),
    ):
        yield Value(
            f"alerts_{name}", database, "", "count", count, count, tenant
        )
    if score.due:
        delay = score.max_delay_us
        assert delay is not None
        high = None if score.missed else delay
        yield Value("alert_delay", database, "", "us", delay, high, tenant)


# ---- curves
def _curves(whole: Whole, scenario: Scenario) -> Iterator[CurveSample]:
    """Yield the curves of all legs."""
    taking = _Taking(scenario, whole.end_us)
    named = _named(scenario)
    for failure_class in FAILURE_CLASSES:
        if failure_class != "site":
            curve = whole.exposure("", failure_class)
            yield taking.sample(("exposure", "", ""), failure_class, curve)
            for name, tenant in asked_of_class(scenario, failure_class):
                curve = whole.exposure(name, failure_class, tenant)
                yield taking.sample(
                    ("exposure", name, tenant), failure_class, curve
                )
            continue
        for about in _everyone(named, scenario):
            database, tenant = about
            curve = whole.exposure(database, tenant=tenant)
            yield taking.sample(("exposure", *about), failure_class, curve)
    for line in scenario.sla:
        head = split(line.measure)[0]
        other = line.failure_class not in ("", "site")
        parted = head == "outage_if_now" and (
            line.database or line.tenant or other
        )
        if head in ("exposure_before", "exposure_after") or parted:
            failure_class = line.failure_class or "site"
            asked = whole.curve(
                head, line.database, failure_class, line.tenant
            )
            yield taking.sample(
                (head, line.database, line.tenant), failure_class, asked
            )
    yield taking.sample(
        ("outage_if_now", "", ""), "site", whole.outage_if_now()
    )
    for failure_class in FAILURE_CLASSES:
        for head in PLACED_CURVES:
            for place in places_of(scenario, head, failure_class):
                by_itself = place_curve(whole, head, place, failure_class)
                yield taking.sample(
                    (f"{head}@{place}", "", ""), failure_class, by_itself
                )
    for about in _everyone(named, scenario):
        yield taking.sample(
            ("replay_lag", *about), "", whole.replay_lag(*about)
        )
    if scenario.cloud is not None:
        yield taking.sample(("drift", "", ""), "", whole.drift())
        provision = whole.provision_if_now()
        yield taking.sample(("provision_if_now", "", ""), "", provision)


def _everyone(
    named: list[str], scenario: Scenario
) -> list[tuple[str, str]]:
    """(database, tenant) of whatever has a curve of its own, the service first."""
    databases = [(name, "") for name in named]
    tenants = [("", tenant) for tenant in asked_of(scenario)]
    return [("", ""), *databases, *tenants]


@dataclass(frozen=True, slots=True)
class _Taking:
    """Makes samples of curves, each over the measured part of a run that ends at end_us."""

    scenario: Scenario
    end_us: int

    def sample(
        self, of: Of, failure_class: str, curve: AnyCurve
    ) -> CurveSample:
        measure, database, tenant = of
        curve = curve.window(self.scenario.measure_from_us, self.end_us)
        whole = curve.duration_us
        above = curve.above_each_us(GRID_US)
        first = (
            int(np.searchsorted(-above, -whole, side="right"))
            if whole
            else 0
        )
        last = int(np.searchsorted(-above, 0, side="left"))
        exactly = [
            [limit, curve.above_us(limit)]
            for limit in limits_of(self.scenario)
        ]
        return CurveSample(
            measure,
            database,
            failure_class,
            whole,
            NO_END
            if curve.above_us(NO_WAY_US >> 1)
            else curve.twice_area(),
            first,
            above[first:last].astype(GRID_TYPE).tobytes(),
            exactly,
            tenant,
        )


def limits_of(scenario: Scenario) -> list[int]:
    """The limits above which time is kept exactly: those of the summary, and every bound on a
    curve's quantile.
    """
    bounds = {
        line.bound
        for line in scenario.sla
        if is_curve(split(line.measure)[0])
    }
    return sorted({*limits_us(scenario), *bounds})
