"""Tells what replications say of a measure: estimate and interval of a mean, a quantile, a share of
time, a probability.

Values of single runs (data loss, outage and its phases, alerts) are a sample of independent runs:
one value a run, of its worst failover; runs without a failover say nothing of it. Curves (exposure,
replay lag) are taken over all the time of all runs: `exposure.p99` is the value that is exceeded 1
% of the time, and its interval follows from those of shares of time, the runs being what is
independent. Durations are in microseconds, shares in parts of 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dr_sim.experiments.replications import intervals
from dr_sim.experiments.replications.intervals import INFINITE, Interval
from dr_sim.experiments.replications.sample import (
    GRID_US,
    NO_END,
    CurveSample,
    Sample,
    Value,
)
from dr_sim.experiments.replications.sampling import worst_high
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.scenario.sla_measures import (
    COUNTS,
    is_curve,
    limit_of,
    split,
    usual_class,
)
from dr_sim.units import YEAR_US

CONFIDENCE = 0.95  # by convention, where nothing else is said
# an alert may come before it is due; nothing else that is measured goes below 0
BELOW_0 = ("alert_delay",)
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Question:
    """A measure with its statistic ('outage.p95', 'exposure.above_15_min', 'data_loss' for every
    run), of a database ('': the service) and a class of failure ('': any; of exposure: site).
    """

    measure: str
    database: str = ""
    failure_class: str = ""
    tenant: str = ""

    @staticmethod
    def of(line: SlaLine) -> Question:
        """Return what an SLA line asks."""
        return Question(
            line.measure, line.database, line.failure_class, line.tenant
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """n: the runs that the answer rests on; censored: those of them of which only a least value is
    known.
    """

    interval: Interval
    n: int
    censored: int = 0


def answer(
    samples: Sequence[Sample],
    question: Question,
    below: float | None = None,
    above: float | None = None,
    *,
    sure: bool = False,
) -> Estimate:
    """below, above: the probability with which the lower limit lies above the truth, the upper
    limit below it; by default a two-sided interval of 95 %. sure: an interval that holds whatever
    the law and whatever no run has shown, of a quantile and of a share of time, as a verdict wants
    it; of a mean the lower limit is such a one, and an upper one there is not.
    """
    side = (1 - CONFIDENCE) / 2
    below, above = (
        side if below is None else below,
        side if above is None else above,
    )
    base, statistic = split(question.measure)
    if is_curve(base):
        most = _most(samples, base, question)
        if statistic == "max" and most is not None:
            return most
        found_on_grid = _of_curves(
            curves_of(samples, base, question),
            question.measure,
            statistic,
            below,
            above,
            sure,
        )
        if statistic in QUANTILES and most is not None:
            return _at_most(found_on_grid, most.interval.estimate)
        return found_on_grid
    found = values_of(samples, base, question)
    low = [float(v.low) for v in found]
    high = [INFINITE if v.high is None else float(v.high) for v in found]
    censored = sum(v.high is None for v in found)
    if not found:
        return Estimate(Interval(math.nan, -INFINITE, INFINITE), 0)
    if statistic in QUANTILES:
        interval = intervals.quantile(
            low, high, QUANTILES[statistic], below, above, between=not sure
        )
    elif statistic == "mean":
        interval = intervals.mean(low, below, above)
        if base not in BELOW_0:
            least = (
                intervals.least_ratio(low, [1.0] * len(low), below)
                if sure
                else max(0.0, interval.low)
            )
            interval = Interval(interval.estimate, least, interval.high)
        if censored or (
            base in COUNTS and not any(low)
        ):  # what no run has shown has no mean yet
            interval = Interval(interval.estimate, interval.low, INFINITE)
    else:
        # what is the most of some runs is not the most of all
        interval = Interval(max(low), max(low), INFINITE)
    return Estimate(interval, len(found), censored)


def _at_most(found: Estimate, most: float) -> Estimate:
    """Return a quantile that is no larger than the greatest value of the runs it comes from: the
    grid is coarser than that.
    """
    of = found.interval
    interval = Interval(min(of.estimate, most), min(of.low, most), of.high)
    return replace(found, interval=interval)


def _most(
    samples: Sequence[Sample], base: str, question: Question
) -> Estimate | None:
    """The greatest value of a curve in these runs, to the microsecond; None where they kept the
    curve on its grid alone.
    """
    failure_class = _class_of(base, question)
    found = values_of(
        samples,
        f"{base}.max",
        replace(question, failure_class=failure_class),
    )
    if not found or any(v.high is None for v in found):
        return None
    most = float(max(v.low for v in found))
    return Estimate(Interval(most, most, INFINITE), len(found))


def values_of(
    samples: Sequence[Sample], base: str, question: Question
) -> list[Value]:
    """One value for each run that has one: of any class of failure the worst."""
    found = []
    for s in samples:
        of = [
            v
            for v in s.values_of(base, question.database, question.tenant)
            if question.failure_class in ("", v.failure_class)
        ]
        found += of if len(of) < 2 else [worst_of(of)]
    return found


def worst_of(values: Sequence[Value]) -> Value:
    """The largest of one measure, which is unknown to the top as soon as one of them is."""
    low = max(value.low for value in values)
    return replace(
        values[0],
        low=low,
        high=worst_high([value.high for value in values]),
    )


def curves_of(
    samples: Sequence[Sample], base: str, question: Question
) -> list[CurveSample]:
    """One curve for each run that has measured time."""
    wanted = _class_of(base, question)
    return [
        c
        for s in samples
        for c in s.curves_of(base, question.database, question.tenant)
        if c.failure_class == wanted and c.time_us
    ]


def _class_of(base: str, question: Question) -> str:
    """Return the class of failure for which a curve is kept; '' for one that depends on none."""
    usual = usual_class(base)
    return question.failure_class or usual if usual else ""


def shares_above(
    samples: Sequence[Sample], question: Question, limit_us: int
) -> dict[int, float]:
    """Return, by replication, the share of its time that a curve spent above a limit."""
    base = split(question.measure)[0]
    return {
        s.number: time_above(c, limit_us) / c.time_us
        for s in samples
        for c in curves_of([s], base, question)
    }


# ---- curves
def _of_curves(
    found: list[CurveSample],
    measure: str,
    statistic: str,
    below: float,
    above: float,
    sure: bool,
) -> Estimate:
    share = intervals.share if sure else intervals.usual_share
    n = len(found)
    if not n:
        return Estimate(Interval(math.nan, -INFINITE, INFINITE), 0)
    whole = [c.time_us for c in found]
    limit = limit_of(measure)
    if limit is not None:
        return Estimate(
            share(
                [time_above(c, limit) for c in found], whole, below, above
            ),
            n,
        )
    if statistic == "mean":
        return Estimate(
            _mean_over_time(found, whole, below, above, sure), n
        )
    grid = np.stack([c.above_grid() for c in found])
    if statistic == "max":
        return Estimate(Interval(_top(grid), _top(grid), INFINITE), n)
    return Estimate(
        _pooled_quantile(
            grid, whole, QUANTILES[statistic], below, above, share
        ),
        n,
    )


def time_above(curve: CurveSample, limit_us: int) -> float:
    """Return for how long a run was above a limit: exactly where the SLA names it, interpolated on
    the grid elsewhere.
    """
    for limit, above in curve.exactly:
        if limit == limit_us:
            return above
    return float(np.interp(limit_us, GRID_US, curve.above_grid()))


def _top(grid: np.ndarray) -> float:
    """Return the first limit of the grid that no run was above; INFINITE if there is none."""
    over = np.flatnonzero(grid.max(axis=0))
    if not len(over):
        return 0.0
    above = over[-1] + 1
    return float(GRID_US[above]) if above < len(GRID_US) else INFINITE


def _mean_over_time(
    found: list[CurveSample],
    whole: list[int],
    below: float,
    above: float,
    sure: bool,
) -> Interval:
    """Return the bounds of a mean of curves. Where one curve has no end, neither has the mean;
    those that have one bound it from below.
    """
    area = [
        0.0 if c.twice_area == NO_END else c.twice_area / 2 for c in found
    ]
    bounded = _ratio(area, whole, below, above, sure)
    if all(c.twice_area != NO_END for c in found):
        return bounded
    return Interval(INFINITE, bounded.low, INFINITE)


def _ratio(
    area: list[float],
    whole: list[int],
    below: float,
    above: float,
    sure: bool,
) -> Interval:
    """sum(area) / sum(whole): the mean over time; runs that ended early count for less."""
    estimate = sum(area) / sum(whole)
    typical = sum(whole) / len(whole)
    around = intervals.mean(
        [
            (a - estimate * w) / typical
            for a, w in zip(area, whole, strict=True)
        ],
        below,
        above,
    )
    least = (
        intervals.least_ratio(area, whole, below)
        if sure
        else max(0.0, estimate + around.low)
    )
    return Interval(estimate, least, estimate + around.high)


def _pooled_quantile(
    grid: np.ndarray,
    whole: list[int],
    q: float,
    below: float,
    above: float,
    share: Callable[..., Interval],
) -> Interval:
    """Return the bounds of a quantile from the shares of time above each limit: the quantile is
    above a limit if more than 1 - q of the time is.
    """
    estimate = _crossing(
        lambda k: float(grid[:, k].sum()) / sum(whole), 1 - q
    )
    low = _crossing(
        lambda k: share(grid[:, k].tolist(), whole, below, 0.5).low, 1 - q
    )

    def limit(k: int) -> float:
        return share(grid[:, k].tolist(), whole, 0.5, above).high

    # A share that no run shows is bounded less closely than one that many show, though it is
    # smaller: where the largest limit of which enough runs tell is low enough already, the crossing
    # lies at or before it.
    told = np.flatnonzero(
        np.count_nonzero(grid, axis=0) >= intervals.ENOUGH
    )
    last = (
        int(told[-1])
        if share is intervals.usual_share
        and len(told)
        and limit(int(told[-1])) <= 1 - q
        else None
    )
    high = _crossing(limit, 1 - q, last)
    return Interval(estimate, min(low, estimate), max(high, estimate))


def _crossing(
    share: Callable[[int], float], target: float, last: int | None = None
) -> float:
    """The limit, interpolated on the grid (up to number `last`), at which a falling share comes
    down to the target; inf if it never does.
    """
    low, high = 0, len(GRID_US) - 1 if last is None else last
    if share(low) <= target:
        return 0.0
    if share(high) > target:
        return INFINITE
    while high - low > 1:
        middle = (low + high) // 2
        if share(middle) > target:
            low = middle
        else:
            high = middle
    over, under = share(low), share(high)
    return float(
        GRID_US[low]
        + (GRID_US[high] - GRID_US[low]) * (over - target) / (over - under)
    )


# ---- probabilities
def any_of(
    samples: Sequence[Sample], base: str, question: Question
) -> Estimate:
    """The probability that a run has any of what a count counts."""
    found = values_of(samples, base, question)
    side = (1 - CONFIDENCE) / 2
    return Estimate(
        intervals.part(
            sum(v.low > 0 for v in found), len(found), side, side
        ),
        len(found),
    )


def miss_in_a_year(
    samples: Sequence[Sample], rpo: Rpo, per_year: float
) -> Estimate:
    """The probability that in a year at least one failure of a class, coming at random `per_year`
    times on average, loses more than the RPO. A failure at an instant of exposure x loses x, so
    failures that miss come at rate per_year while x is above the RPO: a run escapes them with
    exp(-rate * time above), a year is so many runs of new luck.
    """
    side = (1 - CONFIDENCE) / 2
    found = curves_of(samples, "exposure", rpo.question)
    if not found:
        return Estimate(Interval(math.nan, 0.0, 1.0), 0)
    missed = [
        -math.expm1(-per_year * time_above(c, rpo.bound_us) / YEAR_US)
        for c in found
    ]
    longest = max(c.time_us for c in found)
    most = -math.expm1(-per_year * longest / YEAR_US)
    of_run = intervals.share(missed, [most] * len(found), side, side)
    runs = YEAR_US / (sum(c.time_us for c in found) / len(found))
    low, estimate, high = (
        -math.expm1(runs * math.log1p(-min(x * most, most)))
        for x in (of_run.low, of_run.estimate, of_run.high)
    )
    return Estimate(Interval(estimate, low, high), len(found))


@dataclass(frozen=True, slots=True)
class Rpo:
    """How much a failure of a class may lose: of the service, a database or a tenant."""

    bound_us: int
    failure_class: str
    database: str = ""
    tenant: str = ""

    @property
    def question(self) -> Question:
        return Question(
            "exposure", self.database, self.failure_class, self.tenant
        )


def rpos_of(scenario: Scenario, samples: Sequence[Sample]) -> list[Rpo]:
    """Return those of which there are curves: of whatever the SLA bounds the data loss of, its
    first bound; of the service without one what the scenario calls danger.
    """
    lines = [
        x
        for x in scenario.sla
        if split(x.measure)[0] == "data_loss" and x.at_most
    ]
    found: dict[tuple[str, str, str], Rpo] = {}
    for failure_class in FAILURE_CLASSES:
        for x in lines:
            if x.failure_class in ("", failure_class):
                rpo = Rpo(x.bound, failure_class, x.database, x.tenant)
                found.setdefault((failure_class, x.database, x.tenant), rpo)
        found.setdefault(
            (failure_class, "", ""), Rpo(scenario.danger_us, failure_class)
        )
    return [
        rpo
        for rpo in found.values()
        if curves_of(samples, "exposure", rpo.question)
    ]


def failures_per_year(scenario: Scenario) -> dict[str, float]:
    """Failures a year by class, from `faults:`; a class that is not drawn is missing."""
    found: dict[str, float] = {}
    for fault in scenario.faults:
        if fault.kind.loses is None:
            continue
        lost = fault.kind.loses(fault.params)
        found[lost] = (
            found.get(lost, 0.0) + fault.num * YEAR_US / fault.den_us
        )
    return found


def has_luck(scenario: Scenario, samples: Sequence[Sample]) -> bool:
    """Return whether anything that is measured may be otherwise in another run: not if nothing is
    drawn and two agree in everything.
    """
    first = samples[0]
    return (
        bool(scenario.faults)
        or len(samples) < 2
        or any(
            (s.values, s.curves) != (first.values, first.curves)
            for s in samples
        )
    )
