"""Probabilities of rare losses: how likely a failure at a random instant loses more than a limit.

Theory of operation. The failure is not played: the share of its time in which a run was worse than
the limit is how likely one that comes at random meets it. What leads there, such as an outage of
the link that lasts for hours, is seldom too. So it is drawn more often (world/kernel/tilted.py),
and a run counts for as much less as it was drawn more often. Weights alone are wrong where
something else leads there than what was drawn more often. Therefore the scenario's own law is among
the laws, and what each law says of the others, which is known to be 1 on average, corrects the
estimate. Source: Owen and Zhou, Safe and effective importance sampling, J. Amer. Statist. Assoc. 95
(2000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dr_sim.experiments.replications import intervals
from dr_sim.experiments.replications.estimates import (
    CONFIDENCE,
    Question,
    curves_of,
    time_above,
)
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.experiments.replications.sample import CurveSample, Sample
from dr_sim.formatting.numbers import figures
from dr_sim.scenario.asked_model import RareQuestion, Tilt
from dr_sim.scenario.model import DrawnFault, Law, Scenario
from dr_sim.streams import chance_above

CURVE_OF = {"data_loss": "exposure", "outage": "outage_if_now"}
"""The curve that says, at each instant, what a failure would cost then."""

FEW_OF_LAW = 2.5
"""Runs that met it, for each law, below which the interval is the one that holds whatever the law:
from there on the usual one held the truth in 92 to 98 of 100 experiments (benchmarks/rare.py). Runs
that weigh much are those that several laws lead to, or none: few of many laws lack them."""

MOST_LONG = 0.9
"""Part of the durations that may be long: the others have a chance to be there too."""

PARTS = (0.5, 0.9)
"""Parts of the limit: an outage need not last as long, where files were on their way before."""

CUTS = (1 / 3, 2 / 3)
"""Parts of the time beyond the limit: a law with a long tail deals most of it to few durations."""

MIN_CHANCE, MAX_CHANCE = 1e-12, 0.5
"""Bounds of the chance of a duration that is drawn more often: one below is never met, one above is
nothing rare."""

MIN_OTHERS = 0.05
"""The least part of a fitted value that other runs are taken to have brought about."""

ALIKE_TIMES = 2
"""The spread is taken to come from this many times as many runs as would, if all weighed the same,
be as precise (Kish's number). Found by trial: with all runs that met it, the interval held the
truth of two lines of faults in 90 of 100 experiments, with Kish's number in 96 to 99, twice as
wide as with this one (94 to 98; benchmarks/rare.py)."""

Floats = np.ndarray


@dataclass(frozen=True, slots=True)
class RareEstimate:
    """The probability that is asked for. runs: that were played for it; met: in how many of them it
    was met at some instant. as_kills: so many failures at random instants, each in a run of its
    own, would be as precise (nan: too few met it). violations, silent: of these runs, as of any
    others.
    """

    question: RareQuestion
    interval: Interval
    runs: int
    met: int
    as_kills: float
    violations: int = 0
    silent: int = 0

    @property
    def texts(self) -> tuple[str, str, str]:
        """Return the probability, its interval and how it was found, in words."""
        interval = self.interval
        if self.met:
            value = f"{_chance(interval.estimate)}"
            between = f"[{_chance(interval.low)}, {_chance(interval.high)}]"
        else:
            value, between = "?", f"at most {_chance(interval.high)}"
        how = f"met in {self.met:,} of {self.runs:,} runs"
        if math.isfinite(self.as_kills):
            how += (
                f", as precise as {figures(self.as_kills, 2)} failures, each in a "
                "run of its own"
            )
        return value, between, how


def _chance(share: float) -> str:
    """Return a probability as people say it."""
    if share <= 0:
        return "0"
    if share > 0.01:
        return f"{figures(100 * share)} %"
    return f"1 in {figures(1 / share, 2)}"


# ---- what is drawn more often
def tilted(scenario: Scenario, question: RareQuestion) -> Scenario:
    """The same scenario with laws of luck that lead there more often: one for each line of faults
    that has a rate, and one for all of them together.
    """
    each = [
        _tilt_of(index, fault, scenario.run_for_us, question.limit_us)
        for index, fault in enumerate(scenario.faults)
        if fault.num
    ]
    laws: list[tuple[Tilt, ...]] = [(), *((tilt,) for tilt in each)]
    if len(each) > 1:
        laws.append(tuple(each))
    return replace(scenario, tilts=tuple(laws))


def _tilt_of(
    index: int, fault: DrawnFault, run_us: int, limit_us: int
) -> Tilt:
    """Let it come about once more in a run than it does, and let about one of them be long. Where
    none can be long, let it come more often instead.
    """
    expected = fault.num * run_us / fault.den_us
    once_more = 1 + 1 / expected
    law = getattr(fault.params, "duration", None)
    least_us = (
        _least_us(law, limit_us, run_us) if isinstance(law, Law) else ()
    )
    if not least_us:
        return Tilt(index, max(once_more, 1 + 1 / math.sqrt(expected)))
    long_part = min(MOST_LONG, 1 / (expected + 1))
    return Tilt(index, once_more, long_part, least_us)


def _least_us(law: Law, limit_us: int, run_us: int) -> tuple[int, ...]:
    """Return how long the long ones last at least, rising: parts of the limit, and what cuts the
    time beyond the limit, as the law deals it out to short and to long ones, in equal parts.
    """
    if limit_us >= run_us:
        return ()
    grid = np.geomspace(limit_us, run_us, 400)
    above = np.array([chance_above(law, int(x)) for x in grid])
    middle = (grid[1:] + grid[:-1]) / 2
    beyond = (above[:-1] - above[1:]) * (middle - limit_us)
    wanted = [limit_us * part for part in PARTS]
    if beyond.sum() > 0:
        dealt = beyond.cumsum() / beyond.sum()
        wanted += [
            float(middle[np.searchsorted(dealt, part)]) for part in CUTS
        ]
    return tuple(
        int(x)
        for x in wanted
        if MIN_CHANCE < chance_above(law, int(x)) < MAX_CHANCE
    )


# ---- what follows from the runs
def estimate(
    samples: Sequence[Sample], question: RareQuestion
) -> RareEstimate:
    """Return the share of time above the limit, weighted, with its interval."""
    base = CURVE_OF[question.measure]
    pairs = [
        (sample, curve)
        for sample in samples
        for curve in curves_of([sample], base, Question(base))
    ]
    n = len(pairs)
    if not n:
        nothing = Interval(math.nan, 0.0, 1.0)
        return RareEstimate(question, nothing, 0, 0, math.nan)
    logs = np.array([sample.logs for sample, _ in pairs])
    over, whole = _times([curve for _, curve in pairs], question.limit_us)
    met = int(np.count_nonzero(over))
    interval, spread = weighted_share(over, whole, logs)
    share = interval.estimate
    told = spread and not too_few(met, logs)
    kills = share * (1 - share) / spread if told else math.nan
    violations = sum(sample.violations for sample in samples)
    silent = sum(sample.silent for sample in samples)
    return RareEstimate(
        question, interval, n, met, kills, violations, silent
    )


def _times(
    curves: Sequence[CurveSample], limit_us: int
) -> tuple[Floats, Floats]:
    """Return the time above the limit, and all the time, of each run."""
    over = np.array(
        [time_above(curve, limit_us) for curve in curves], float
    )
    return over, np.array([curve.time_us for curve in curves], float)


def weighted_share(
    over: Floats, whole: Floats, logs: Floats
) -> tuple[Interval, float]:
    """Return sum(over) / sum(whole) as it is under the first of several laws, each of which had the
    same chance in each run, and the variance of that estimate. logs: a row a run, how much more
    likely each law made it than the first, as logarithms.
    """
    n, laws = logs.shape
    ratios, weights = _weights(logs)
    typical = float((weights * whole).mean())
    known = np.column_stack([np.ones(n), ratios[:, 1:] - 1])
    share = (
        _corrected(weights * over, known)[0]
        / _corrected(weights * whole, known)[0]
    )
    _, left = _corrected(weights * (over - share * whole), known)
    left /= _not_its_own(known)
    each = share + (left - left.mean()) / typical
    below = above = (1 - CONFIDENCE) / 2
    found = intervals.mean(each, below, above, _freedom(weights * over))
    low, high = max(0.0, found.low), min(1.0, found.high)
    if too_few(int(np.count_nonzero(over)), logs):
        low = min(
            low,
            intervals.least_ratio(
                (weights * over).tolist(), whole.tolist(), below
            ),
        )
        high = max(high, _upper(weights * over, whole, laws, above))
    return Interval(share, low, high), float(each.var(ddof=1)) / n


def too_few(met: int, logs: Floats) -> bool:
    """Return whether too few runs met it, or were played, for the usual interval."""
    runs, laws = logs.shape
    runs_left = runs - laws + 1  # when what each law says is fitted
    return bool(min(met, runs_left) < FEW_OF_LAW * laws)


def _weights(logs: Floats) -> tuple[Floats, Floats]:
    """Return how much more likely each law made each run than all of them together, and the same of
    the first law.
    """
    most = logs.max(axis=1, keepdims=True)
    parts = np.exp(logs - most)
    ratios = parts / parts.mean(axis=1, keepdims=True)
    return ratios, ratios[:, 0]


def _corrected(values: Floats, known: Floats) -> tuple[float, Floats]:
    """Return the mean of values, corrected by what has the mean 0, and what is left of each. known:
    a column of ones, and those that have the mean 0.
    """
    fitted, *_ = np.linalg.lstsq(known, values, rcond=None)
    return float(fitted[0]), values - known @ fitted


def _not_its_own(known: Floats) -> Floats:
    """Return the part of each run's fitted value that the other runs have brought about. What is
    left of a run, over that, is what would be left if it had not been among those fitted: few runs
    weigh most, and each draws the fit to itself. Source: MacKinnon and White, Some
    heteroskedasticity-consistent covariance matrix estimators, J. Econometrics 29 (1985), HC3.
    """
    its_own = (known * np.linalg.pinv(known).T).sum(axis=1)
    others: Floats = np.maximum(1 - its_own, MIN_OTHERS)
    return others


def _freedom(weighted: Floats) -> int:
    """Return the degrees of freedom of the spread of such an estimate: fewer than the runs that met
    it where few of these weigh most.
    """
    squares = float((weighted**2).sum())
    if not squares:
        return 1
    alike = float(weighted.sum()) ** 2 / squares
    met = int(np.count_nonzero(weighted))
    return max(1, min(met, round(ALIKE_TIMES * alike)) - 1)


def _upper(
    weighted: Floats, whole: Floats, laws: int, error: float
) -> float:
    """The upper limit, whatever the law: of shares from 0 to `laws`, as no weight is above that."""
    shares = weighted / (whole * laws)
    rest = intervals.least_ratio(
        (1 - shares).tolist(), [1.0] * len(shares), error
    )
    return min(1.0, laws * (1 - rest))


def estimate_json(found: RareEstimate) -> dict[str, Any]:
    """Return it as summary.json has it; what is not known is None."""
    interval = found.interval
    return {
        "asked": found.question.text,
        "probability": intervals.finite(interval.estimate),
        "low": interval.low,
        "high": interval.high,
        "confidence": CONFIDENCE,
        "runs": found.runs,
        "met_in_runs": found.met,
        "as_precise_as_kills": intervals.finite(found.as_kills),
    }
