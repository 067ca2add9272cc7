"""How each database of a run stands: targets met or not, exposure, lag, loss, alerts, and the worst
cause; the worst database first, and the service above them.

Normal days (before the first failure) and the time from the first failure on are kept apart. Values
come from the summary where it has them; the rest is measured here from the same curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from dr_sim.measures.causes import Causes
from dr_sim.measures.exposure import Curve
from dr_sim.measures.ledger import Ledger, explain_at, loss_ledger
from dr_sim.measures.outcome import failovers
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.types import (
    CostSummary,
    DatabaseStanding,
    FailoverSummary,
    Spread,
    Summary,
    TargetMet,
)
from dr_sim.measures.sums import summed
from dr_sim.measures.verdict import Outcome
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario

MOST_CAUSES_SOUGHT = (
    12  # databases whose worst cause is looked for: as many as a screen shows
)
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
    each.sort(key=_badness, reverse=True)
    for row in each[:MOST_CAUSES_SOUGHT]:
        _find_cause(whole, row)
    service = _standing(whole, summary, "")
    service.cause, service.cause_us = each[0].cause, each[0].cause_us
    return [service, *each]


def _standing(whole: Whole, summary: Summary, name: str) -> DatabaseStanding:
    alerts = summary.alerts.by_database[name] if name else summary.alerts
    return DatabaseStanding(
        name,
        _target(summary, whole.scenario, name, ("data_loss", "data_loss_us")),
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
        int(x) for x in curve.quantiles_us([Fraction(1, 2), Fraction(99, 100)])
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


def _badness(row: DatabaseStanding) -> tuple[int, int, int]:
    """The worse, the larger."""
    ranks = {NO_TARGET: 0, "pass": 1, "unknown": 2, "fail": 3}
    outcome = max(ranks[row.data_loss.outcome], ranks[row.outage.outcome])
    cost = row.data_loss.value_us or 0
    return outcome, cost, max(row.before.max_us or 0, row.after.max_us or 0)


def _find_cause(whole: Whole, row: DatabaseStanding) -> None:
    """Name what most of its worst data loss is made of; without a failover, of its highest
    exposure.
    """
    found: list[Ledger] = []
    for leg, t in whole.each:
        names = [d.name for d in leg.scenario.databases]
        if row.database not in names:
            continue
        index = names.index(row.database)
        causes = Causes(t, leg.scenario)
        for failover in failovers(t, leg.scenario):
            mine = [loss for loss in failover.losses if loss.database == index]
            found += [loss_ledger(causes, loss) for loss in mine]
    if not found:
        found = _at_the_peak(whole, row.database)
    worst = max(found, key=lambda ledger: ledger.total_us or 0, default=None)
    if worst is None or not worst.lines:
        return
    sums = summed(
        (line.cause, line.duration_us, line.detail) for line in worst.lines
    )
    most = max(sums, key=lambda each: each.duration_us)
    row.cause, row.cause_us = most.cause, most.duration_us


def _at_the_peak(whole: Whole, name: str) -> list[Ledger]:
    """The ledger of a database's highest exposure in the first leg."""
    leg, _ = whole.each[0]
    curve = whole.curve("exposure_before", name)
    if not isinstance(curve, Curve) or not curve.duration_us:
        return []
    stops = curve.stops_us()
    peak_us = int(stops[int((stops - curve.since_us).argmax())])
    index = [d.name for d in leg.scenario.databases].index(name)
    return explain_at(
        leg.journal, leg.scenario, min(peak_us, curve.end_us - 1), index
    )[:1]


# ---- in words
NO_SETTING_HELPS = ("failed", "refused", "empty", "cut off")
"""Words of a cause against which no setting of a scenario is a remedy."""
HELP = {
    "paused": "a shorter replay.window, so that paused backup jobs are told sooner",
    "log interval": "a shorter log interval (databases.*.log)",
    "backup interval": "log backups (databases.*.log), or more frequent incrementals",
    "log backup": "a faster disk or log backup at the primary (primary.disk, primary.log.rate)",
    "link down": "a second path, or a shorter replication.retry",
    "replicator": "a shorter replication.retry",
    "transfer": "more link.bandwidth, or link.sharing: priority",
    "queued": "more link.bandwidth, link.sharing: priority, or more replication.slots",
    "copy job": "a shorter replication.every",
    "staging full": "a larger replication.staging",
    "replication s": "a shorter replay.window, so that its standstill is told sooner",
    "hole in the chain": "replay.on_hole: bridge, and incrementals to bridge with",
    "waits for": "more link.bandwidth: a full must cross it",
}
"""Names what would help against a cause, by words in it; the first that fits counts."""
ADVISE_TRIES = ("link.bandwidth", "databases.*.log")
"""Keys that `dr-sim advise` changes (dr_sim/experiments/changes.py)."""
BRIDGED_SOONER = "a shorter replay.age, after which a hole is bridged"


def remedy(cause: str, scenario: Scenario) -> str:
    """Return what would help against a cause; '' if that is not known."""
    if any(words in cause for words in NO_SETTING_HELPS):
        return ""
    if "hole in the chain" in cause and scenario.replay.on_hole == "bridge":
        return BRIDGED_SOONER
    return next((helps for words, helps in HELP.items() if words in cause), "")
