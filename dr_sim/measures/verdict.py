"""Pass, fail or unknown against the SLA in the scenario: three values, of which the worse wins, and
unknown is not pass.

A measure that has no value in this run (no failover happened, the run ended before users were
served again, no time was measured) is unknown, with the reason: an SLA on a number that nobody took
must not look met.

Which measures there are, and what their bounds are in, is said in
dr_sim/scenario/sla_measures.py. All are for the whole service (its worst database) unless the line
names a database or a tenant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from dr_sim.measures.outage_now.way_over import SITE
from dr_sim.measures.outcome.mistake_parts import degraded, down
from dr_sim.measures.summary.cloud_types import CloudSummary
from dr_sim.measures.summary.curve_types import (
    ClassedCurve,
    CurveSummary,
    PartedCurve,
    WaysOpenSummary,
)
from dr_sim.measures.summary.types import (
    AlertScore,
    AlertsSummary,
    CostSummary,
    DatabaseCost,
    FailoverSummary,
    RefusedTime,
    Summary,
    WritesRefusedSummary,
)
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import (
    CLOUD_COUNTS,
    CLOUD_PARTS,
    WAYS_OPEN,
    head_of,
    is_curve,
    kind_of,
    limit_of,
    place_of,
    split,
)
from dr_sim.units import clock


class Outcome(IntEnum):
    """In the order of severity: the worse wins."""

    PASS = 0
    UNKNOWN = 1
    FAIL = 2


EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.UNKNOWN: 3}
EXIT_VIOLATION = (
    4  # an invariant broke: no number of this run can be trusted
)
# a promotion reported success and the database holds less than was restored, or something else
EXIT_SILENT = 5

UNITS = {"duration": "us", "part": "ppm", "count": "count", "": ""}


@dataclass(slots=True)
class Judged:
    """One SLA line held against a run. value is None if it is unknown; reason says why it is
    unknown or only a lower bound.
    """

    line: SlaLine
    outcome: Outcome
    value: int | None
    unit: str
    reason: str = ""


@dataclass(slots=True)
class Verdict:
    lines: list[Judged]
    violations: int = 0
    silent: int = 0  # silent short recoveries

    @property
    def outcome(self) -> Outcome:
        """The worst of all lines; pass if the scenario has none. A violation is a fail whatever the
        lines say, and so is a silent short recovery.
        """
        return (
            Outcome.FAIL
            if self.violations or self.silent
            else max((j.outcome for j in self.lines), default=Outcome.PASS)
        )

    @property
    def exit_code(self) -> int:
        if self.violations:
            return EXIT_VIOLATION
        return EXIT_SILENT if self.silent else EXIT_CODES[self.outcome]


def judge(summary: Summary, scenario: Scenario) -> Verdict:
    """Every SLA line of the scenario against a run's summary (dr_sim/measures/summary)."""
    lines = [judge_line(summary, line) for line in scenario.sla]
    return Verdict(
        lines, len(summary.violations), len(summary.silent_recoveries)
    )


def judge_line(summary: Summary, line: SlaLine) -> Judged:
    """Judge one line against a run's summary."""
    unit = UNITS[kind_of(line.measure)]
    found = _value(summary, line)
    value = found.value
    if found.never:
        return Judged(
            line,
            Outcome.FAIL if line.at_most else Outcome.PASS,
            None,
            unit,
            found.reason,
        )
    if value is None:
        return Judged(line, Outcome.UNKNOWN, None, unit, found.reason)
    met = value <= line.bound if line.at_most else value >= line.bound
    # a lower bound can only prove that a value is too large or large enough, an upper bound that
    # it is small enough or too small
    if (found.at_least and met == line.at_most) or (
        found.at_most and met != line.at_most
    ):
        return Judged(line, Outcome.UNKNOWN, value, unit, found.reason)
    return Judged(
        line,
        Outcome.PASS if met else Outcome.FAIL,
        value,
        unit,
        found.reason,
    )


@dataclass(slots=True)
class _Found:
    """A measure's value in a run: None, or only a lower or upper bound, for a reason."""

    value: int | None
    reason: str = ""
    at_least: bool = False
    at_most: bool = False
    never: bool = False  # it is without end, and so above every bound


def _degraded(summary: Summary, line: SlaLine) -> _Found:
    """The longest time that the service ran with a mistake, or with too few front ends."""
    found = degraded(summary.mistakes, line.database, line.tenant)
    reason = "it was degraded at the run's end"
    if any(not over for _, over in found):
        reason = _NOT_RIGHT
    machines = summary.cloud.machines if summary.cloud else None
    if line.database or line.tenant:
        machines = None
    if machines is not None:
        found += [(each.lasted_us, each.over) for each in machines.degraded]
    elif not found:
        return _Found(None, "no mistake happened in this run")
    return _longest(found, reason)


def _stopped_by_mistakes(summary: Summary, line: SlaLine) -> list[_Found]:
    """Return the outages of those who could not work without what a mistake had destroyed."""
    if line.failure_class:
        return []
    found = down(summary.mistakes, line.database, line.tenant)
    return [_longest([one], _NOT_RIGHT) for one in found]


def _longest(found: list[tuple[int, bool]], reason: str) -> _Found:
    """The longest of these stretches, (how long, whether it is over); nothing if there is none."""
    lasts = any(not over for _, over in found)
    longest = max((us for us, _ in found), default=0)
    return _Found(longest, reason if lasts else "", at_least=lasts)


def _pause(summary: Summary, line: SlaLine) -> _Found:
    """The longest pause of backups, of a database or a tenant if the line names one."""
    assert summary.cloud is not None
    found = [
        (each.lasted_us, each.over)
        for each in summary.cloud.pauses
        if line.database in ("", each.database)
        and (not line.tenant or line.tenant in each.tenants)
    ]
    return _longest(found, "backups were paused at the run's end")


def _to_goal(summary: Summary) -> _Found:
    """The longest time that a farm lacked machines at a side."""
    assert summary.cloud is not None and summary.cloud.machines is not None
    found = [
        (each.lasted_us, each.over)
        for each in summary.cloud.machines.to_goal
    ]
    return _longest(
        found, "a farm had not reached its goal by the run's end"
    )


def _value(summary: Summary, line: SlaLine) -> _Found:
    base, statistic = split(line.measure)
    if line.fault and line.fault not in summary.happened:
        return _Found(None, f"no {line.fault} happened in this run")
    if is_curve(base):
        curve = summary.curve(head_of(base))
        return _of_curve(curve, statistic, limit_of(line.measure), line)
    if base in WAYS_OPEN:
        found = summary.ways_open_of(base)
        return _of_ways(found[line.failure_class or SITE], line)
    if statistic not in ("", "max"):
        return _Found(
            None,
            f"one run has no {statistic} of its own; ask for more with --replications",
        )
    if summary.cloud is not None and base in (*CLOUD_COUNTS, *CLOUD_PARTS):
        return _of_cloud(summary.cloud, base)
    if base.startswith("alert"):
        return _of_alerts(_score(summary.alerts, line), base)
    if base == "writes_refused":
        return _Found(_refused(summary.writes_refused, line).time_us)
    if base == "degraded":
        return _degraded(summary, line)
    if base == "pause":
        return _pause(summary, line)
    if base == "to_goal":
        return _to_goal(summary)
    return _of_failovers(summary, line, base)


def _of_cloud(cloud: CloudSummary, base: str) -> _Found:
    if base in CLOUD_COUNTS:
        return _Found(cloud.count(base))
    part = cloud.part(base)
    why = "no client called in this run" if part is None else ""
    return _Found(part, why)


def _of_failovers(summary: Summary, line: SlaLine, base: str) -> _Found:
    """Return the worst of a measure over the failovers that a line asks for."""
    met = [
        f
        for f in summary.failovers
        if line.failure_class in ("", f.failure_class)
    ]
    stopped = (
        _stopped_by_mistakes(summary, line) if base == "outage" else []
    )
    if not met and not stopped:
        which = (
            f" of class {line.failure_class}" if summary.failovers else ""
        )
        return _Found(
            None,
            f"no failover{which} happened in this run; exposure says what one would have cost",
        )
    head, _, phase = base.partition(".")
    each = [
        _of_failover(of, head, phase, failover)
        for failover in met
        for of in _concerned(failover, line)
    ]
    each += stopped
    unknown = next((f for f in each if f.value is None), None)
    known = [f for f in each if f.value is not None]
    worst = max(known, key=lambda f: f.value or 0, default=None)
    if worst is None or (
        unknown is not None and (worst.value or 0) <= line.bound
    ):
        return unknown or worst or _Found(None)
    reason = next((f.reason for f in [*known, *each] if f.reason), "")
    return _Found(
        worst.value,
        reason,
        unknown is not None or any(f.at_least for f in known),
    )


def _of_curve(
    service: PartedCurve, statistic: str, limit: int | None, line: SlaLine
) -> _Found:
    if isinstance(service, ClassedCurve) and line.failure_class not in (
        "",
        service.failure_class,
    ):
        service = service.other_classes[line.failure_class]
    curve: CurveSummary = service
    place = place_of(line.measure)
    if place:
        curve = service.by_copy[place]
    elif line.database:
        curve = service.by_database[line.database]
    elif line.tenant:
        curve = service.by_tenant[line.tenant]
    if not curve.time_us:
        why = _NO_TIME.get(split(line.measure)[0], _NO_TIME_AT_ALL)
        return _Found(None, why)
    if limit is not None:
        return _Found(curve.above[limit].ppm)
    value = curve.statistic(statistic)
    if value is None:  # longer than any bound
        why = (
            f"for {clock(curve.never_us or 0)} there was no way back at all"
        )
        return _Found(None, why, never=True)
    return _Found(value)


def _of_ways(found: WaysOpenSummary, line: SlaLine) -> _Found:
    if found.fewest is None:
        return _Found(None, _NO_TIME.get(line.measure, _NO_TIME_AT_ALL))
    if found.fewest < line.bound:
        return _Found(found.fewest, found.note)
    if found.not_known:
        return _Found(found.fewest, found.not_known, at_most=True)
    return _Found(found.fewest)


def _score(alerts: AlertsSummary, line: SlaLine) -> AlertScore:
    """Return the score of the database or tenant that the line is about."""
    if line.database:
        return alerts.by_database[line.database]
    return alerts.by_tenant[line.tenant] if line.tenant else alerts


def _refused(writes: WritesRefusedSummary, line: SlaLine) -> RefusedTime:
    """Return the refusals of the database or tenant that the line is about."""
    if line.database:
        return writes.by_database[line.database]
    return writes.by_tenant[line.tenant] if line.tenant else writes


def _of_alerts(score: AlertScore, head: str) -> _Found:
    counts = {
        "alerts_missed": score.missed,
        "alerts_late": score.late,
        "alerts_false": score.false,
    }
    if head in counts:
        return _Found(counts[head])
    if not score.due:
        return _Found(
            None, "no danger lasted long enough to ask for an alert"
        )
    missed = score.missed > 0
    why = "an alert was missed: at least this long" if missed else ""
    return _Found(score.max_delay_us, why, missed)


def _concerned(
    failover: FailoverSummary, line: SlaLine
) -> list[CostSummary]:
    """Return what the failover was to whom the line is about; a database that was never brought
    online is in no later failover.
    """
    if line.database:
        return [of for of in failover.databases if of.name == line.database]
    if line.tenant:
        return [of for of in failover.tenants if of.name == line.tenant]
    return [failover]


def _of_failover(
    of: CostSummary, head: str, phase: str, failover: FailoverSummary
) -> _Found:
    """of: the failover itself, or what it was to one database or tenant
    (dr_sim/measures/outcome/parts.py).
    """
    own_note = of.note if isinstance(of, DatabaseCost) else ""
    note = own_note or failover.outage_note
    if head == "data_loss":
        worst = next(
            d
            for d in failover.databases
            if d.name == failover.worst_database
        )
        why = own_note or (worst.note if of is failover else _NOT_ONLINE)
        return _Found(
            of.data_loss_us, why if of.data_loss_us is None else ""
        )
    if head == "unprotected" and failover.by_itself:
        # the primary is the same, and so is what stands behind it
        return _Found(0)
    if head == "unprotected":
        if of.unprotected_us is None:
            return _Found(None, note or _NOT_ONLINE)
        censored = of.unprotected_censored
        return _Found(
            of.unprotected_us, _NOT_PROTECTED if censored else "", censored
        )
    censored = of.outage_us is None
    value = of.phases_us[phase] if phase else sum(of.phases_us.values())
    return _Found(value, note or _NOT_AGAIN if censored else "", censored)


_NO_TIME_AT_ALL = "no time was measured: the service was not up after the start of the measurement"
_NO_TIME = {
    "ways_open_before": "no time was measured: the first failure came before the measurement began",
    "exposure_before": "no time was measured: the first failure came before the measurement began",
    "exposure_after": "no time was measured: no database was up again after a failure",
}
_NOT_PROTECTED = (
    "the run ended before it was protected again: at least this long"
)
_NOT_RIGHT = "a mistake was not corrected by the run's end"
_NOT_AGAIN = (
    "the run ended before users were served again: at least this long"
)
_NOT_ONLINE = "a database that it concerns was never brought online"
