"""Confidence intervals that hold: for quantiles by order statistics, for means with the skewness
taken out, for parts exact.

A quantile's interval lies between order statistics, whatever the law: P(X_(r) <= quantile) is a
binomial tail. Between two of them it is interpolated (Nyblom, 'Note on interpolated order
statistics', Statistics & Probability Letters 14, 1992), or it would cover more than it says. Where
no order statistic is large enough for the confidence asked, that side is open: 300 runs say nothing
about an upper limit of the 99.9 % quantile.

A mean's interval inverts Hall's cubic transformation of Student's t ('On the removal of skewness by
transformation', J. R. Statist. Soc. B 54, 1992), which takes the skewness out that makes the usual
t interval miss on the side of the long tail. A part of few successes is Clopper and Pearson's ('The
use of confidence or fiducial limits', 1934); shares of time, 0 in most runs, are bounded by
betting, which no law can upset. What has not happened in any run is in no interval of a mean: a
tail that n runs have not shown is asked of a quantile or a share, whose intervals know n.

Values are floats here and only here: bounds are compared with integers afterwards. Coverage is
measured in tests/experiments/test_intervals.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

INFINITE = math.inf
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """estimate within [low, high]; a side that the sample cannot bound is -inf or inf."""

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


# ---- quantiles
def quantile(
    low: Sequence[float],
    high: Sequence[float],
    q: float,
    below: float,
    above: float,
    *,
    between: bool = True,
) -> Interval:
    """The interval of a quantile; its limits between order statistics, or without `between` the
    next order statistic outside, which covers whatever the law: interpolation is off where values
    bunch. low, high: for each run what its value is at least and at most (inf: it was censored);
    below, above: the probability with which the lower limit lies above, the upper limit below the
    quantile.
    """
    n = len(low)
    if not n:
        return Interval(math.nan, -INFINITE, INFINITE)
    lows, highs = (
        np.sort(np.asarray(low, np.float64)),
        np.sort(np.asarray(high, np.float64)),
    )
    at = lows[max(0, math.ceil(q * n - 1e-9) - 1)]
    return Interval(
        float(at),
        _lower(lows, q, below, between),
        0.0 - _lower(-highs[::-1], 1 - q, above, between),
    )


def _lower(ordered: Floats, q: float, error: float, between: bool) -> float:
    """A lower limit of the q-quantile that lies above it with probability `error`; -inf if none
    does so rarely.
    """
    n = len(ordered)
    wanted = 1 - error
    # P(X_(r) <= quantile) = P(at least r of n below it): falls with r
    reached = special.bdtrc(np.arange(0, n), n, q)  # for r = 1 .. n
    # the last r that is covered often enough
    r = int(np.searchsorted(-reached, -wanted, side="right"))
    if r == 0:
        return -INFINITE
    if r == n:
        return float(ordered[-1])
    here, there = float(reached[r - 1]), float(reached[r])
    if not between or not (
        math.isfinite(ordered[r - 1]) and math.isfinite(ordered[r])
    ):
        return float(ordered[r - 1])
    if here == wanted:
        part = 0.0
    else:
        part = 1 / (
            1
            + r
            * (1 - q)
            * (wanted - there)
            / ((n - r) * q * (here - wanted))
        )
    return float(ordered[r - 1] + part * (ordered[r] - ordered[r - 1]))


def runs_for_quantile(q: float, error: float) -> int:
    """Return how many runs it takes until the largest is an upper limit of the q-quantile, but for
    probability `error`.
    """
    return math.ceil(math.log(error) / math.log(q))


# ---- means
def mean(
    values: Sequence[float] | Floats,
    below: float,
    above: float,
    freedom: int = 0,
) -> Interval:
    """The interval of a mean; open where there are fewer than two values, and one point where all
    are the same. freedom: degrees of freedom, where the spread comes from fewer of them; 0: of all.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n < 2:
        return Interval(float(x[0]) if n else math.nan, -INFINITE, INFINITE)
    centre = float(x.mean())
    spread = float(x.std(ddof=1))
    if spread <= 1e-12 * max(abs(centre), float(np.abs(x).max())):
        return Interval(centre, centre, centre)
    skew = float(np.mean((x - centre) ** 3)) / float(x.std()) ** 3
    freedom = freedom or n - 1
    return Interval(
        centre,
        centre
        - spread
        * _hall(
            special.stdtrit(freedom, 1 - below) / math.sqrt(n), skew, n
        ),
        centre
        - spread
        * _hall(special.stdtrit(freedom, above) / math.sqrt(n), skew, n),
    )


def least_ratio(
    over: Sequence[float], whole: Sequence[float], error: float
) -> float:
    """The lower limit of sum(over) / sum(whole), where no `over` is below 0: above the truth at
    most with probability `error`, whatever the law and however few the runs.

    A bet against a ratio of b multiplies its stake by 1 + part (over / b - whole) in each run,
    whole being at most 1: where b is the truth, by 1 on average. So all runs multiply it by 1 /
    error with probability `error` at most (Markov), and what they multiply more is not the truth.
    The parts are many, for small differences and for large ones, with equal stakes.
    """
    y, d = np.asarray(over, np.float64), np.asarray(whole, np.float64)
    if not len(d) or not y.any():
        return 0.0
    y, d = y / d.max(), d / d.max()
    parts = np.geomspace(0.2 / math.sqrt(len(d)), 0.99, 12)[:, None]
    low, high = 0.0, float(y.sum() / d.sum())
    for _ in range(40):
        tried = (low + high) / 2
        grown = np.log1p(parts * (y / tried - d)).sum(axis=1)
        if special.logsumexp(grown) - math.log(len(parts)) >= math.log(
            1 / error
        ):
            low = tried
        else:
            high = tried
    return low


def finite(value: float) -> float | None:
    """Return a number as JSON has it: None where it is not known, or has no limit."""
    return value if math.isfinite(value) else None


def _hall(t: float, skew: float, n: int) -> float:
    """The inverse of t = w + skew w^2 / 3 + skew^2 w^3 / 27 + skew / (6 n)."""
    if abs(skew) < 1e-6:
        return t
    return float(3 / skew * (np.cbrt(1 + skew * (t - skew / (6 * n))) - 1))


def part(successes: int, n: int, below: float, above: float) -> Interval:
    """The interval of a probability, from successes among n runs."""
    if not n:
        return Interval(math.nan, 0.0, 1.0)
    low = (
        float(special.betaincinv(successes, n - successes + 1, below))
        if successes
        else 0.0
    )
    high = (
        float(special.betaincinv(successes + 1, n - successes, 1 - above))
        if successes < n
        else 1.0
    )
    return Interval(successes / n, low, high)


def share(
    over: Sequence[float],
    whole: Sequence[float],
    below: float,
    above: float,
) -> Interval:
    """The interval of sum(over) / sum(whole), 0 <= over <= whole in each run: a share of time, 0 in
    nearly every run.

    By betting (Waudby-Smith and Ramdas, 'Estimating means of bounded random variables by betting',
    J. R. Statist. Soc. B 86, 2024): it covers at least as often as it says for every law and every
    number of runs, one run or all at 0 too.
    """
    y, d = np.asarray(over, np.float64), np.asarray(whole, np.float64)
    if not len(d) or d.max() <= 0:
        return Interval(math.nan, 0.0, 1.0)
    most = d.max()
    y, d = y / most, d / most
    low = _bet(y, d, below)
    high = 1 - _bet(d - y, d, above)
    estimate = float(y.sum() / d.sum())
    return Interval(estimate, min(low, estimate), max(high, estimate))


# runs that are neither at 0 nor at all their time: from there on a mean's interval covers 93 to 97
# %
ENOUGH = 10


def usual_share(
    over: Sequence[float],
    whole: Sequence[float],
    below: float,
    above: float,
) -> Interval:
    """The same share, narrower: the interval of a mean where enough runs tell something of it,
    `share` where they do not. What no run has shown is not in it; a verdict asks `share`.
    """
    y, d = np.asarray(over, np.float64), np.asarray(whole, np.float64)
    if min(np.count_nonzero(y), np.count_nonzero(d - y)) < ENOUGH:
        return share(over, whole, below, above)
    estimate = float(y.sum() / d.sum())
    around = mean((y - estimate * d) / d.mean(), below, above)
    return Interval(
        estimate,
        max(0.0, estimate + around.low),
        min(1.0, estimate + around.high),
    )


def _bet(y: Floats, d: Floats, error: float) -> float:
    """The lower limit: the largest share against which betting on more of it has not multiplied the
    stake by 1 / error.
    """
    n = len(y)
    count = np.arange(1, n + 1)
    so_far = (0.5 + np.cumsum(y)) / (1 + np.cumsum(d))
    spread = (0.25 + np.cumsum((y - so_far * d) ** 2)) / (count + 1)
    before = np.concatenate(
        ([0.25], spread[:-1])
    )  # a bet knows only the runs before it
    stake = np.sqrt(2 * math.log(1 / error) / (before * n))
    low, high = 0.0, 1.0
    for _ in range(50):
        tried = (low + high) / 2
        bets = np.minimum(stake, 0.9 / tried) * (y - tried * d)
        if float(np.log1p(bets).sum()) >= math.log(1 / error):
            low = tried
        else:
            high = tried
    return low
