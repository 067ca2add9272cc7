"""How each database of a run stands: targets met or not, exposure, lag, loss, alerts, and the worst
cause; the worst database first, and the service above them.

Normal days (before the first failure) and the time from the first failure on are kept apart. Values
come from the summary where it has them; the rest is measured here from the same curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.ledger import (
    Ledger,
    NoSuchThing,
    explain_exposure,
    loss_ledger,
)
from dr_sim.measures.causes.sums import summed
from dr_sim.measures.exposure.exposure import Curve
from dr_sim.measures.outcome.outcome import FailoverOutcome, failovers
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.types import (
    CostSummary,
    DatabaseStanding,
    FailoverSummary,
    Spread,
    Summary,
    TargetMet,
)
from dr_sim.measures.verdict import Judged, Outcome, judge, judge_line
from dr_sim.measures.whole import Whole
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import EXPOSURES, split
from dr_sim.units import MINUTE_US, SECOND_US

MOST_CAUSES_SOUGHT = 12  # databases whose highest exposure is explained: as many as a screen shows
NO_TARGET = "none"  # the SLA says nothing of it, or nothing failed


def summary_of(whole: Whole) -> Summary:
    """Return the summary of a run that people look at: with how each database stands."""
    summary = summarise(whole)
    summary.standings = standings(whole, summary)
    return summary


def standings(whole: Whole, summary: Summary) -> list[DatabaseStanding]:
    """The service first, then every database, the worst first."""
    scenario = whole.scenario
    each = [_standing(whole, summary, d.name) for d in scenario.databases]
    missed = _missed(summary, each, judge(summary, scenario).lines)
    for name, lines in missed.items():
        row = next(row for row in each if row.database == name)
        measures = [each.line.measure for each in lines]
        row.misses = list(dict.fromkeys(measures))
    named = _named_in_failover(summary)
    each.sort(key=lambda row: _badness(row, named), reverse=True)
    seen = _seen(whole)
    sought = each if summary.failovers else each[:MOST_CAUSES_SOUGHT]
    for row in sought:
        _find_cause(whole, seen, row, missed.get(row.database, []))
    service = _standing(whole, summary, "")
    service.cause, service.cause_us = each[0].cause, each[0].cause_us
    return [service, *each]


def _missed(
    summary: Summary,
    rows: Sequence[DatabaseStanding],
    judged: Sequence[Judged],
) -> dict[str, list[Judged]]:
    """Return the lines that each database misses: those that name it, and those on exposure of the
    whole service that its own exposure misses. If no database misses such a line by itself, the
    one with the highest exposure does.
    """
    missed: dict[str, list[Judged]] = {}
    worst = max(rows, key=_peak_us).database
    for each in judged:
        line = each.line
        narrowed = line.tenant or line.fault or line.failure_class
        if each.outcome is not Outcome.FAIL or narrowed:
            continue
        if line.database:
            missed.setdefault(line.database, []).append(each)
        elif split(line.measure)[0] in EXPOSURES:
            own = _own(summary, line, rows)
            for name, judged_alone in (own or {worst: each}).items():
                missed.setdefault(name, []).append(judged_alone)
    return missed


def _own(
    summary: Summary, line: SlaLine, rows: Sequence[DatabaseStanding]
) -> dict[str, Judged]:
    """Return the databases that miss a line of the whole service by themselves, each as judged."""
    names = [row.database for row in rows]
    alone = [
        judge_line(summary, replace(line, database=name)) for name in names
    ]
    return {
        each.line.database: each
        for each in alone
        if each.outcome is Outcome.FAIL
    }


def _standing(
    whole: Whole, summary: Summary, name: str
) -> DatabaseStanding:
    alerts = summary.alerts.by_database[name] if name else summary.alerts
    return DatabaseStanding(
        name,
        _target(
            summary, whole.scenario, name, ("data_loss", "data_loss_us")
        ),
        _target(summary, whole.scenario, name, ("outage", "outage_us")),
        _spread(whole.curve("exposure_before", name)),
        _spread(whole.curve("exposure_after", name)),
        _spread(whole.curve("replay_lag", name)),
        alerts.raised,
        alerts.missed,
        alerts.false,
    )


def _spread(curve: Any) -> Spread:
    if not curve.duration_us:
        return Spread(None, None, None)
    half, most = (
        int(x)
        for x in curve.quantiles_us([Fraction(1, 2), Fraction(99, 100)])
    )
    return Spread(half, most, int(curve.max_us()))


def _target(
    summary: Summary, scenario: Scenario, name: str, of: tuple[str, str]
) -> TargetMet:
    """Stand data_loss or outage (measure, key): the worst failover beside the tightest bound."""
    measure, key = of
    bounds = [
        line.bound
        for line in scenario.sla
        if line.measure == measure
        and line.at_most
        and not (line.tenant or line.failure_class or line.fault)
        and line.database in ("", name)
    ]
    bound = min(bounds, default=None)
    values = [
        getattr(x, key) for f in summary.failovers for x in _parts(f, name)
    ]
    if not values:
        return TargetMet(None, bound, NO_TARGET)
    if None in values:
        known = [value for value in values if value is not None]
        missed = bound is not None and any(value > bound for value in known)
        outcome = Outcome.FAIL if missed else Outcome.UNKNOWN
        return TargetMet(
            None,
            bound,
            outcome.name.lower() if bound is not None else NO_TARGET,
        )
    worst = max(values)
    if bound is None:
        return TargetMet(worst, None, NO_TARGET)
    return TargetMet(
        worst,
        bound,
        (Outcome.PASS if worst <= bound else Outcome.FAIL).name.lower(),
    )


def _parts(failover: FailoverSummary, name: str) -> Sequence[CostSummary]:
    """The failover itself for the service, else what it did to that database."""
    return (
        [x for x in failover.databases if x.name == name]
        if name
        else [failover]
    )


def _named_in_failover(summary: Summary) -> str:
    """Return the database that the section of the costliest failover names; '' without one."""
    costliest = max(
        summary.failovers, key=lambda f: f.data_loss_us or 0, default=None
    )
    return "" if costliest is None else costliest.worst_database


def _badness(
    row: DatabaseStanding, named: str
) -> tuple[int, int, bool, int, int]:
    """The worse, the larger. What is equal as far as a table shows it is equal here; then the
    database that is named beside the failover is the worst, so that the screen names one. Then the
    time before the first failure decides, since after it all lack the same.
    """
    ranks = {NO_TARGET: 0, "pass": 1, "unknown": 2, "fail": 3}
    outcome = max(ranks[row.data_loss.outcome], ranks[row.outage.outcome])
    if row.misses:
        outcome = ranks["fail"]
    cost = (row.data_loss.value_us or 0) // SECOND_US
    return (
        outcome,
        cost,
        row.database == named,
        _peak_us(row) // MINUTE_US,
        row.before.max_us or 0,
    )


def _peak_us(row: DatabaseStanding) -> int:
    return max(row.before.max_us or 0, row.after.max_us or 0)


@dataclass(frozen=True, slots=True)
class _SeenLeg:
    """One leg, its causes and its failovers: looked up once for all databases."""

    begins_us: int
    names: list[str]
    causes: Causes
    found: list[FailoverOutcome]


def _seen(whole: Whole) -> list[_SeenLeg]:
    legs = []
    for leg, t in whole.each:
        scenario = leg.scenario
        names = [d.name for d in scenario.databases]
        found = failovers(t, scenario)
        causes = Causes(t, scenario)
        legs.append(_SeenLeg(leg.begins_us, names, causes, found))
    return legs


def _find_cause(
    whole: Whole,
    legs: Sequence[_SeenLeg],
    row: DatabaseStanding,
    missed: Sequence[Judged],
) -> None:
    """Name what most of its worst data loss is made of; without a failover, of its highest
    exposure. Where its data loss meets its target and its exposure does not: of that exposure.
    """
    of_exposure = [
        each for each in missed if split(each.line.measure)[0] in EXPOSURES
    ]
    about = "data loss"
    found: list[Ledger] = []
    if of_exposure and row.data_loss.outcome != "fail":
        about = of_exposure[0].line.measure
        found = _of_the_line(whole, legs, row.database, of_exposure[0])
    if not found:
        about = "data loss"
        found = _of_the_losses(legs, row.database)
    if not found:
        about = "highest exposure"
        found = _at_the_peak(whole, legs, row.database)
    worst = max(
        found, key=lambda ledger: ledger.total_us or 0, default=None
    )
    if worst is None or not worst.lines:
        return
    sums = summed(
        (line.cause, line.duration_us, line.detail) for line in worst.lines
    )
    most = max(sums, key=lambda each: each.duration_us)
    row.cause, row.cause_us = most.cause, most.duration_us
    row.explained, row.explained_us = about, worst.total_us


def _of_the_losses(legs: Sequence[_SeenLeg], name: str) -> list[Ledger]:
    """The ledgers of what each failover cost a database."""
    found: list[Ledger] = []
    for leg in legs:
        if name not in leg.names:
            continue
        index = leg.names.index(name)
        losses = [x for f in leg.found for x in f.losses]
        mine = [loss for loss in losses if loss.database == index]
        found += [loss_ledger(leg.causes, loss) for loss in mine]
    return found


def _at_the_peak(
    whole: Whole, legs: Sequence[_SeenLeg], name: str
) -> list[Ledger]:
    """The ledger of a database's highest exposure before the first failure."""
    curve = whole.curve("exposure_before", name)
    return _where_it_is(legs, name, curve, None)


def _of_the_line(
    whole: Whole, legs: Sequence[_SeenLeg], name: str, missed: Judged
) -> list[Ledger]:
    """The ledger of a database's exposure at an instant at which it was what the line was judged
    by; at its peak where that is a share of the time.
    """
    head, statistic = split(missed.line.measure)
    curve = whole.curve(head, name)
    asked = missed.unit == "us" and statistic != "mean"
    return _where_it_is(legs, name, curve, missed.value if asked else None)


def _where_it_is(
    legs: Sequence[_SeenLeg], name: str, curve: Any, value_us: int | None
) -> list[Ledger]:
    """The ledger at the first instant at which a curve has that value; at its peak where it has
    not, or where none is asked for.
    """
    if not isinstance(curve, Curve) or not curve.duration_us:
        return []
    stops = curve.stops_us()
    highest = stops - curve.since_us
    piece = int(highest.argmax())
    at_us = int(stops[piece])
    if value_us is not None and value_us < int(highest[piece]):
        lowest = curve.start_us - curve.since_us
        (there,) = ((lowest <= value_us) & (highest >= value_us)).nonzero()
        if len(there):
            at_us = int(curve.since_us[there[0]]) + value_us
    at_us = min(at_us, curve.end_us - 1)
    leg = [each for each in legs if each.begins_us <= at_us][-1]
    if name not in leg.names:
        return []
    index = leg.names.index(name)
    try:
        return explain_exposure(leg.causes, at_us - leg.begins_us, index)[
            :1
        ]
    except NoSuchThing:
        return []  # no primary took its writes then
