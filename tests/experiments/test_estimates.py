"""Quantiles over all the time of all runs: their intervals are closed where enough runs tell, and
cover as often as they say.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from dr_sim.experiments.replications.estimates import Question, _crossing, _pooled_quantile, answer
from dr_sim.experiments.replications.intervals import usual_share
from dr_sim.experiments.replications.sample import GRID_US, NO_END
from tests.experiments.worlds import S, exposed, sample

DAY_US = 86400 * S
SIDE = 0.025


def test_a_tail_that_few_runs_show_leaves_no_quantile_open_that_many_bound() -> None:
    """24 days; in 12 of them half an hour in which exposure goes up to an hour: 1 % of the time, so
    nothing to the p95.
    """
    runs = [exposed(i, DAY_US, 300 * S, 1800 * S if i % 2 else 0, 3600 * S) for i in range(24)]
    of_time = answer(runs, Question("exposure.p95")).interval
    assert 280 * S < of_time.low <= of_time.estimate <= of_time.high < 320 * S
    # 24 runs cannot be sure of what none has shown
    assert answer(runs, Question("exposure.p95"), sure=True).interval.high == math.inf
    few = [exposed(i, DAY_US, 300 * S, 1800 * S if i < 3 else 0, 3600 * S) for i in range(9)]
    assert answer(few, Question("exposure.p95")).interval.high == math.inf


def test_no_quantile_over_time_is_above_the_most() -> None:
    """The most of each run is known to the microsecond, and its curve on a coarser grid."""
    runs = [exposed(i, DAY_US, 172_000 * S) for i in range(9)]
    for run in runs:
        run.values += sample(0, {"exposure.max": 170_000 * S}).values
    most = answer(runs, Question("exposure.max")).interval
    tail = answer(runs, Question("exposure.p99")).interval
    assert most.estimate == 170_000 * S
    assert tail.low <= tail.estimate <= most.estimate < tail.high


def test_a_mean_s_interval_goes_below_0_only_where_values_do() -> None:
    for measure, low in (("outage.detect", 0.0), ("alert_delay", None)):
        runs = [sample(i, {measure: S if i % 9 else 400 * S}) for i in range(12)]
        found = answer(runs, Question(f"{measure}.mean")).interval
        assert found.estimate > 0
        assert found.low == 0.0 if low is not None else found.low < 0


def test_the_mean_over_a_time_without_a_way_over_has_no_end() -> None:
    """For some time of one run nothing could be promoted: mean and most have a least, no number."""
    runs = [exposed(i, DAY_US, 300 * S, 0, 3600 * S) for i in range(9)]
    bounded = answer(runs, Question("exposure.mean")).interval
    curve = runs[4].curves[0]
    curve.twice_area = NO_END
    curve.first, curve.above_us = len(GRID_US), b""  # some time lies above every limit
    mean = answer(runs, Question("exposure.mean")).interval
    assert mean.estimate == mean.high == math.inf
    assert 0 <= mean.low <= bounded.low
    assert answer(runs, Question("exposure.max")).interval.estimate == math.inf


@pytest.mark.long
@pytest.mark.parametrize(("a_run", "q", "n"), [(1, 0.95, 24), (3, 0.99, 60), (8, 0.95, 24)])
def test_a_quantile_over_time_covers_93_to_97_or_more(a_run: int, q: float, n: int) -> None:
    """A week of a sawtooth up to 302 s with a_run outages of lognormal length on average."""
    generator = np.random.default_rng(20_260_105)
    week = 7 * DAY_US

    def above(weeks: int) -> np.ndarray:
        peak = 300e6 + generator.lognormal(math.log(768e6), 1.08, generator.poisson(a_run * weeks))
        at = np.searchsorted(np.sort(peak), GRID_US)
        rest = np.concatenate((np.cumsum(np.sort(peak)[::-1])[::-1], [0.0]))
        return (
            np.clip(1 - GRID_US / 302e6, 0, 1) * week * weeks
            + rest[at]
            - (len(peak) - at) * GRID_US
        )

    true_share = above(200_000) / (200_000 * week)
    truth = _crossing(lambda k: float(true_share[k]), 1 - q)
    hits = 0
    for _ in range(1000):
        grid = np.array([above(1) for _ in range(n)])
        found = _pooled_quantile(grid, [week] * n, q, SIDE, SIDE, usual_share)
        hits += found.low <= truth <= found.high
    assert hits / 1000 >= 0.92  # 0.93, less two standard errors of 1,000 tries
