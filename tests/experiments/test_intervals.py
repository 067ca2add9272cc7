"""Intervals that cover as often as they say, on laws whose truth is known, and open sides where a
sample cannot know.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from dr_sim.experiments.replications import intervals
from dr_sim.experiments.replications.intervals import Interval

SIDE = 0.025
Draw = Callable[[np.random.Generator, int], np.ndarray]
# how to draw it, its quantiles, its mean
LAWS: dict[str, tuple[Draw, Callable[[float], float], float]] = {
    "exponential": (lambda g, n: g.exponential(1, n), stats.expon.ppf, 1.0),
    "uniform": (lambda g, n: g.random(n), stats.uniform.ppf, 0.5),
    "lognormal": (lambda g, n: g.lognormal(0, 1, n), stats.lognorm(1).ppf, math.exp(0.5)),
    "normal": (lambda g, n: g.normal(0, 1, n), stats.norm.ppf, 0.0),
    "two humps": (
        lambda g, n: np.where(g.random(n) < 0.3, g.normal(10, 1, n), g.normal(0, 1, n)),
        lambda q: _two_humps(q),
        3.0,
    ),
}


def _two_humps(q: float) -> float:
    grid = np.linspace(-5, 15, 200_001)
    return float(
        grid[np.searchsorted(0.7 * stats.norm.cdf(grid) + 0.3 * stats.norm.cdf(grid - 10), q)]
    )


def covered(
    draw: Draw, n: int, truth: float, interval: Callable[[np.ndarray], Interval], times: int
) -> float:
    generator = np.random.default_rng(20_260_105)
    hits = 0
    for _ in range(times):
        found = interval(draw(generator, n))
        hits += found.low <= truth <= found.high
    return hits / times


def quantile_of(q: float) -> Callable[[np.ndarray], Interval]:
    return lambda x: intervals.quantile(x, x, q, SIDE, SIDE)


def mean_of(x: np.ndarray) -> Interval:
    return intervals.mean(x, SIDE, SIDE)


@pytest.mark.long
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("q", "n"), [(0.5, 20), (0.5, 200), (0.9, 80), (0.95, 200), (0.99, 600)])
def test_a_quantiles_interval_of_95_percent_covers_93_to_97(law: str, q: float, n: int) -> None:
    draw, ppf, _ = LAWS[law]
    if law == "two humps" and q == 0.5:
        pytest.skip(
            "between the humps lies next to nothing: the interval of a quantile there is "
            "as wide as the gap"
        )
    assert 0.93 <= covered(draw, n, ppf(q), quantile_of(q), 5000) <= 0.97


@pytest.mark.long
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [100, 300, 1000])
def test_a_means_interval_of_95_percent_covers_93_to_97(law: str, n: int) -> None:
    draw, _, truth = LAWS[law]
    if (law, n) == ("lognormal", 100):
        pytest.skip("a tail that 100 values do not show: 92 to 93 %, said in the README")
    assert 0.93 <= covered(draw, n, truth, mean_of, 5000) <= 0.97


@pytest.mark.parametrize("law", ["exponential", "uniform"])
def test_both_intervals_cover_on_known_laws(law: str) -> None:
    draw, ppf, truth = LAWS[law]
    # 4 standard errors of 800 tries
    assert 0.92 <= covered(draw, 200, ppf(0.95), quantile_of(0.95), 800) <= 0.98
    assert 0.92 <= covered(draw, 100, truth, mean_of, 800) <= 0.98


def test_the_usual_t_interval_would_not_have_passed() -> None:
    """The mutant: Student's t on a mean of few values, many of them 0, with a long tail."""
    draw: Draw = lambda g, n: np.where(g.random(n) < 0.05, g.exponential(20, n), g.random(n))  # noqa: E731

    def students(x: np.ndarray) -> Interval:
        reach = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
        return Interval(float(x.mean()), float(x.mean() - reach), float(x.mean() + reach))

    truth = 0.05 * 20 + 0.95 * 0.5
    assert covered(draw, 300, truth, students, 600) < 0.93
    assert covered(draw, 300, truth, mean_of, 600) > 0.93


@pytest.mark.parametrize("part", [0.0, 0.003, 0.02, 0.3])
@pytest.mark.parametrize("n", [5, 60])
def test_a_share_of_time_is_never_covered_too_rarely(part: float, n: int) -> None:
    """However rare: 19 of 20 runs at 0, all of them at 0."""
    draw: Draw = lambda g, n: np.where(g.random(n) < part, g.random(n), 0.0)  # noqa: E731
    assert (
        covered(draw, n, part / 2, lambda x: intervals.share(x, np.ones(len(x)), SIDE, SIDE), 200)
        >= 0.95
    )


@pytest.mark.long
@pytest.mark.parametrize("n", [40, 300])
@pytest.mark.parametrize("law", ["uniform", "beta", "half at 0"])
def test_the_narrower_share_covers_93_to_97(law: str, n: int) -> None:
    draw: Draw = {
        "uniform": lambda g, n: g.random(n),
        "beta": lambda g, n: g.beta(2, 6, n),
        "half at 0": lambda g, n: np.where(g.random(n) < 0.5, g.random(n), 0.0),
    }[law]
    truth = {"uniform": 0.5, "beta": 0.25, "half at 0": 0.25}[law]
    found = covered(
        draw, n, truth, lambda x: intervals.usual_share(x, np.ones(len(x)), SIDE, SIDE), 5000
    )
    assert 0.93 <= found <= 0.97


def test_the_narrower_share_is_the_sure_one_where_few_runs_tell() -> None:
    few = [0.0] * 50 + [0.5] * 9
    assert intervals.usual_share(few, [1.0] * 59, SIDE, SIDE) == intervals.share(
        few, [1.0] * 59, SIDE, SIDE
    )
    more = [0.0] * 50 + [0.5] * 10
    assert (
        intervals.usual_share(more, [1.0] * 60, SIDE, SIDE).high
        < intervals.share(more, [1.0] * 60, SIDE, SIDE).high
    )
    even = intervals.usual_share([0.5] * 20, [1.0] * 20, SIDE, SIDE)
    assert (even.low, even.high) == (0.5, 0.5)


def test_a_share_where_runs_ended_early_weighs_them_by_their_time() -> None:
    found = intervals.share([0.0, 5.0], [10.0, 90.0], SIDE, SIDE)
    assert found.estimate == pytest.approx(0.05)
    assert found.low <= 0.05 <= found.high <= 1


def test_a_quantile_that_no_run_can_bound_is_open() -> None:
    x = list(range(300))
    assert intervals.quantile(x, x, 0.99, 0.05, 0.05).high < math.inf  # 0.99 ** 300 < 5 %
    assert intervals.quantile(x[:298], x[:298], 0.99, 0.05, 0.05).high == math.inf
    assert intervals.runs_for_quantile(0.99, 0.05) == 299  # Wilks' number
    assert intervals.quantile(x[:5], x[:5], 0.5, SIDE, SIDE) == Interval(2.0, -math.inf, math.inf)
    assert intervals.quantile([], [], 0.5, SIDE, SIDE).low == -math.inf


def test_a_censored_run_may_be_any_longer() -> None:
    low = [float(i) for i in range(100)]
    known = intervals.quantile(low, low, 0.9, SIDE, SIDE)
    high = [x if x < 80 else math.inf for x in low]
    assert known.high < math.inf
    assert intervals.quantile(low, high, 0.9, SIDE, SIDE) == Interval(
        known.estimate, known.low, math.inf
    )
    few = [x if x < 99 else math.inf for x in low]
    assert intervals.quantile(low, few, 0.5, SIDE, SIDE) == intervals.quantile(
        low, low, 0.5, SIDE, SIDE
    )


def test_every_censored_run_more_widens_the_interval_or_leaves_it() -> None:
    """Wherever the limit falls: on a known value, on a censored one, between the two."""
    low = [float(i) for i in range(100)]
    limits = []
    for censored in range(100):
        high = [x if x < 100 - censored else math.inf for x in low]
        limits.append(intervals.quantile(low, high, 0.9, SIDE, SIDE).high)
    assert limits == sorted(limits) and not any(map(math.isnan, limits))
    assert limits[0] < math.inf == limits[-1]


def test_a_quantiles_limits_are_order_statistics_with_a_binomial_between() -> None:
    """Ten values, the median: P(3rd <= median) = 94.5 %, P(2nd <= median) = 98.9 %: the 97.5 %
    limit lies between.
    """
    x = [float(i) for i in range(1, 11)]
    found = intervals.quantile(x, x, 0.5, SIDE, SIDE)
    assert 2 < found.low < 3
    assert found.low + found.high == pytest.approx(11)


def test_parts_are_clopper_and_pearsons() -> None:
    found = intervals.part(0, 10, SIDE, SIDE)
    assert (found.low, found.estimate) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025**0.1)
    assert intervals.part(10, 10, SIDE, SIDE).high == 1
    half = intervals.part(5, 10, SIDE, SIDE)
    # their table
    assert (half.low, half.high) == (
        pytest.approx(0.1871, abs=1e-4),
        pytest.approx(0.8129, abs=1e-4),
    )


@pytest.mark.parametrize("skew", [-2.0, 0.0, 0.5, 6.0])
@pytest.mark.parametrize("t", [-0.4, 0.0, 0.25])
def test_a_means_limits_invert_halls_transformation(skew: float, t: float) -> None:
    """t = w + skew w^2 / 3 + skew^2 w^3 / 27 + skew / (6 n), as Hall (1992) gives it."""
    w = intervals._hall(t, skew, 25)
    assert w + skew * w**2 / 3 + skew**2 * w**3 / 27 + skew / 150 == pytest.approx(t)


def test_a_mean_of_one_value_is_not_known_and_of_equal_ones_it_is() -> None:
    assert intervals.mean([3.0], SIDE, SIDE) == Interval(3.0, -math.inf, math.inf)
    assert intervals.mean([3.0] * 5, SIDE, SIDE) == Interval(3.0, 3.0, 3.0)


def test_the_least_mean_of_equal_values_by_hand() -> None:
    """Twelve stakes, each multiplied by 1 + part (100 / b - 1) in each of 20 runs: together by 20
    at the limit of 95 %.
    """
    limit = intervals.least_ratio([100.0] * 20, [1.0] * 20, 0.05)
    parts = [0.2 / math.sqrt(20) * (0.99 * math.sqrt(20) / 0.2) ** (k / 11) for k in range(12)]
    assert sum((1 + part * (100 / limit - 1)) ** 20 for part in parts) / 12 == pytest.approx(
        20, rel=1e-6
    )
    # runs half as long, half as much in each
    assert intervals.least_ratio([50.0] * 20, [0.5] * 20, 0.05) == pytest.approx(limit)


@pytest.mark.long
@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize(
    "law", ["some are shorter", "exponential", "lognormal", "one in a hundred"]
)
def test_a_least_mean_is_above_the_truth_no_oftener_than_it_says(law: str, n: int) -> None:
    """1,000 samples: 5 % of them, and three times its deviation, 7.1 %. The usual mean's limit is a
    mutant: where values are all alike but a few it lies above in 36 % of samples of 20.
    """
    rng = np.random.default_rng(7)
    drawn = {
        "some are shorter": np.where(rng.random((1000, n)) < 0.05, 10.0, 100.0),
        "exponential": rng.exponential(1.0, (1000, n)),
        "lognormal": rng.lognormal(0.0, 1.5, (1000, n)),
        "one in a hundred": np.where(rng.random((1000, n)) < 0.01, 100.0, 0.0),
    }[law]
    truth = {
        "some are shorter": 95.5,
        "exponential": 1.0,
        "lognormal": math.exp(1.125),
        "one in a hundred": 1.0,
    }[law]
    wrong = sum(intervals.least_ratio(x.tolist(), [1.0] * n, 0.05) > truth for x in drawn)
    assert wrong <= 71
    if law == "some are shorter" and n == 20:
        assert sum(intervals.mean(x, 0.05, 0.05).low > truth for x in drawn) > 300
    # and it is not shy: a mean of half of it is found out in nearly all
    if law == "exponential" and n == 100:
        assert sum(intervals.least_ratio(x.tolist(), [1.0] * n, 0.05) > 0.5 for x in drawn) > 990
