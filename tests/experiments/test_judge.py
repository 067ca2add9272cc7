"""SLA lines over replications: each verdict has a case on each side of it, and how many more runs
would decide is true.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dr_sim.experiments.judging.judge import Errors, LineVerdict, judge_line
from dr_sim.experiments.replications.estimates import (
    Question,
    Rpo,
    answer,
    any_of,
    miss_in_a_year,
    rpos_of,
)
from dr_sim.experiments.replications.sample import Sample
from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.asked_model import SlaLine
from tests.experiments.worlds import SMALL, S, exposed, sample

ONE_LOOK = Errors.shared(1, 1)
MIN = 60 * S
HOUR = 60 * MIN


def line(measure: str, bound: int, at_most: bool = True, failure_class: str = "") -> SlaLine:
    return SlaLine(measure, measure, at_most, bound, failure_class=failure_class)


def outages(n: int, seed: int = 1) -> list[Sample]:
    """Exponential with a mean of 10 min."""
    drawn = np.random.default_rng(seed).exponential(600 * S, n)
    return [sample(i, {"outage": round(x)}) for i, x in enumerate(drawn)]


def judged(samples: list[Sample], measure: str, bound: int, at_most: bool = True) -> LineVerdict:
    return judge_line(samples, line(measure, bound, at_most), ONE_LOOK)


@pytest.mark.parametrize(
    ("measure", "truth_s"),
    [("outage.mean", 600), ("outage.p50", 600 * math.log(2)), ("outage.p95", 600 * math.log(20))],
)
def test_a_line_passes_fails_or_is_unknown_by_where_its_bound_lies(
    measure: str, truth_s: float
) -> None:
    samples, truth = outages(2000), round(truth_s * S)
    assert judged(samples, measure, 2 * truth).outcome is Outcome.PASS
    assert judged(samples, measure, truth).outcome is Outcome.UNKNOWN
    assert judged(samples, measure, truth // 2).outcome is Outcome.FAIL
    assert judged(samples, measure, truth // 2, at_most=False).outcome is Outcome.PASS
    assert judged(samples, measure, truth, at_most=False).outcome is Outcome.UNKNOWN
    assert judged(samples, measure, 2 * truth, at_most=False).outcome is Outcome.FAIL


def test_red_by_chance_is_rarer_than_green_by_chance() -> None:
    """A bound between the 95 % limit and that of 1 in 1,000: too large to pass, not large enough to
    accuse anyone.
    """
    samples = outages(400)
    narrow = answer(samples, Question("outage.mean"), 0.05, 0.05, sure=True).interval
    wide = answer(samples, Question("outage.mean"), 0.001, 0.001, sure=True).interval
    bound = round((narrow.low + wide.low) / 2)
    assert wide.low < bound < narrow.low
    assert judged(samples, "outage.mean", bound).outcome is Outcome.UNKNOWN
    assert judged(samples, "outage.mean", round(wide.low) - S).outcome is Outcome.FAIL


def test_runs_all_alike_fail_a_mean_only_where_luck_could_not_make_them_so() -> None:
    """Values of 100 s, 1 in 20 of 10 s: a mean of 95.5 s. 36 % of checks see 20 runs of 100 s, and
    none of them may go red. Where nothing is drawn they are certain.
    """
    alike = [sample(i, {"outage": 100 * S}) for i in range(20)]
    asked = line("outage.mean", 96 * S)
    assert judge_line(alike, asked, ONE_LOOK).outcome is Outcome.UNKNOWN
    assert judge_line(alike, asked, ONE_LOOK, luck=False).outcome is Outcome.FAIL
    assert judge_line(alike, line("outage.mean", 50 * S), ONE_LOOK).outcome is Outcome.FAIL
    assert judge_line(alike, line("outage.mean", 101 * S), ONE_LOOK).outcome is Outcome.PASS


def test_every_line_and_look_makes_failing_harder() -> None:
    samples = outages(400)
    bound = round(answer(samples, Question("outage.mean"), 0.0005, 0.0005, sure=True).interval.low)
    assert judge_line(samples, line("outage.mean", bound), ONE_LOOK).outcome is Outcome.FAIL
    assert (
        judge_line(samples, line("outage.mean", bound), Errors.shared(10, 1)).outcome
        is Outcome.UNKNOWN
    )
    assert (
        judge_line(samples, line("outage.mean", bound), Errors.shared(1, 10)).outcome
        is Outcome.UNKNOWN
    )


def test_a_p99_needs_299_runs_and_says_so() -> None:
    found = judged(outages(100), "outage.p99", 10 * HOUR)
    assert (found.outcome, found.more) == (Outcome.UNKNOWN, 199)
    assert "about 200 more runs would decide" in found.reason
    assert judged(outages(299), "outage.p99", 10 * HOUR).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("measure", "at_most", "over", "n"),
    [
        ("outage.p95", True, 1, 40),
        ("outage.p95", True, 0, 30),
        ("outage.p90", True, 12, 60),
        ("outage.p50", False, 26, 60),
        ("outage.p95", False, 5, 60),
    ],
)
def test_as_many_more_runs_as_it_says_decide_a_quantile_if_they_are_like_these(
    measure: str, at_most: bool, over: int, n: int
) -> None:
    """`over` of the n runs are above the bound, and as many of those that follow."""

    def runs(wanted: int) -> list[Sample]:
        above = round(wanted * over / n)
        return [sample(i, {"outage": HOUR if i < above else MIN}) for i in range(wanted)]

    found = judged(runs(n), measure, 5 * MIN, at_most)
    assert found.outcome is Outcome.UNKNOWN and found.more is not None
    assert (
        judged(
            runs(n + found.more + found.more // 8 + n // max(1, over)), measure, 5 * MIN, at_most
        ).outcome
        is not Outcome.UNKNOWN
    )
    if found.more > 40:
        assert (
            judged(runs(n + found.more // 3), measure, 5 * MIN, at_most).outcome is Outcome.UNKNOWN
        )


@pytest.mark.parametrize(
    ("q", "part", "n"), [("p50", 0.5, 20), ("p90", 0.1, 60), ("p95", 0.05, 100), ("p99", 0.01, 300)]
)
def test_a_quantile_of_two_values_is_judged_by_a_binomial_tail_and_no_sooner(
    q: str, part: float, n: int
) -> None:
    """Nearly as many runs above the bound as may be, all of them far above: with k of n, red if k
    or more come 1 time in 1,000 of such luck, green if k or fewer come 1 time in 20.
    """
    for k in range(n + 1):
        runs = [sample(i, {"outage": HOUR if i < k else MIN}) for i in range(n)]
        outcome = judged(runs, f"outage.{q}", 5 * MIN).outcome
        red, green = stats.binom.sf(k - 1, n, part) <= 0.001, stats.binom.cdf(k, n, part) <= 0.05
        assert outcome is (Outcome.FAIL if red else Outcome.PASS if green else Outcome.UNKNOWN)


def test_how_many_more_runs_counts_those_in_which_nothing_happens() -> None:
    """One of four has a failover, of the others one has a link outage: 299 of them make a p99, of
    100 and 50 that are there.
    """
    runs = [sample(i, {"outage": MIN} if i % 4 == 0 else {}) for i in range(400)]
    for run in runs[::8]:
        run.happened.append("link_outage")
    asked = line("outage.p99", 5 * MIN)
    found, torn = (
        judge_line(runs, asked, ONE_LOOK),
        judge_line(runs, replace(asked, fault="link_outage"), ONE_LOOK),
    )
    assert (found.n, found.more, torn.n, torn.more) == (100, 4 * 199, 50, 8 * 249)
    assert "about 800 more runs would decide" in found.reason  # 796, at two digits
    runs[0] = sample(0, {"outage": 6 * MIN})
    told = judge_line(runs, line("outage", 5 * MIN), ONE_LOOK)
    assert told.reason == "broken in 1 of the 100 runs that have a value"


def test_runs_that_ended_too_early_are_told_of_where_more_like_them_would_not_decide() -> None:
    """One of 40 is less than the 5 % that a p95 lets pass, four are more."""
    for censored, more in ((1, True), (4, False)):
        runs = [sample(i, {"outage": (MIN, None) if i < censored else MIN}) for i in range(40)]
        found = judged(runs, "outage.p95", 5 * MIN)
        assert (found.outcome, found.more is not None) == (Outcome.UNKNOWN, more)
        assert ("more runs would decide" in found.reason) == more
        assert (f"{censored} of 40 runs ended before it was known" in found.reason) != more
    mean = judged(
        [sample(i, {"outage": (MIN, None) if i < 1 else MIN}) for i in range(40)],
        "outage.mean",
        5 * MIN,
    )
    assert (mean.outcome, mean.more) == (
        Outcome.UNKNOWN,
        None,
    ) and "1 of 40 runs ended before" in mean.reason


def test_two_failovers_of_a_run_are_one_value_and_each_class_has_its_own() -> None:
    """The site is lost and then a host: the run's outage is the worse of the two, and a line about
    one class is not judged by the other.
    """
    runs = [sample(i, {"outage": MIN}) for i in range(3)]
    for run in runs:
        run.values.append(replace(run.values[0], failure_class="host", low=HOUR, high=None))
    plain = line("outage", 5 * MIN)
    assert (judge_line(runs, plain, ONE_LOOK).outcome, judge_line(runs, plain, ONE_LOOK).n) == (
        Outcome.FAIL,
        3,
    )
    assert judge_line(runs, replace(plain, failure_class="site"), ONE_LOOK).outcome is Outcome.PASS
    assert judge_line(runs, replace(plain, bound=2 * HOUR), ONE_LOOK).outcome is Outcome.UNKNOWN


def test_how_many_more_would_decide_is_about_right() -> None:
    """On the line at 200 runs; with as many more as it says (and a half again) it is decided in
    most streams of luck.
    """
    bound, told, right = 620 * S, [], 0
    for seed in range(10):
        first = judged(outages(200, seed), "outage.mean", bound)
        if first.outcome is not Outcome.UNKNOWN or first.more is None or first.more > 20_000:
            continue
        told.append(first.more)
        right += (
            judged(outages(200 + 3 * first.more // 2, seed), "outage.mean", bound).outcome
            is not Outcome.UNKNOWN
        )
    assert len(told) >= 5
    assert right >= len(told) // 2


@pytest.mark.parametrize("measure", ["outage", "outage.max"])
def test_a_line_on_every_run_fails_by_one(measure: str) -> None:
    runs = [sample(i, {"outage": 5 * MIN}) for i in range(299)]
    assert judged(runs, measure, 5 * MIN).outcome is Outcome.PASS
    # 0.99 ** 299 = 5 %
    assert "at most 1 % of further runs would break it" in judged(runs, measure, 5 * MIN).reason
    one = [*runs, sample(299, {"outage": 5 * MIN + 1})]
    assert judged(one, measure, 5 * MIN).outcome is Outcome.FAIL
    assert judged(one, measure, 5 * MIN).reason == "broken in 1 of 300 runs"
    assert judged(one, measure, 5 * MIN, at_most=False).outcome is Outcome.PASS


def test_a_run_that_ended_too_early_is_not_met() -> None:
    runs = [sample(i, {"outage": MIN}) for i in range(50)]
    censored = [*runs, sample(50, {"outage": (MIN, None)})]
    assert judged(runs, "outage", 5 * MIN).outcome is Outcome.PASS
    assert judged(censored, "outage", 5 * MIN).outcome is Outcome.UNKNOWN
    assert judged(censored, "outage", MIN - 1).outcome is Outcome.FAIL
    assert judged(runs, "outage.mean", 5 * MIN).outcome is Outcome.PASS
    assert judged(censored, "outage.mean", 5 * MIN).outcome is Outcome.UNKNOWN
    # one of 51 does not move a median
    assert judged(censored, "outage.p50", 5 * MIN).outcome is Outcome.PASS


def test_one_run_is_judged_by_its_own_numbers() -> None:
    run = sample(
        0,
        {
            "exposure.p99": 5 * MIN,
            "exposure.above_900000000_us": 7,
            "exposure.max": HOUR,
            "outage": MIN,
        },
    )
    for measure, value in (
        ("exposure.p99", 5 * MIN),
        ("exposure.above_15_min", 7),
        ("exposure.max", HOUR),
        ("outage", MIN),
    ):
        assert judged([run], measure, value).outcome is Outcome.PASS
        assert judged([run], measure, value - 1).outcome is Outcome.FAIL
    assert judged([run], "outage.p95", HOUR).outcome is Outcome.UNKNOWN
    # no such value in this run
    assert judged([run], "exposure.p50", HOUR).outcome is Outcome.UNKNOWN


def test_nothing_happened_is_unknown() -> None:
    runs = [sample(i, {"alerts_missed": 0}) for i in range(50)]
    for measure in (
        "outage",
        "outage.p95",
        "data_loss.mean",
        "exposure.p99",
        "exposure.max",
        "alert_delay",
    ):
        found = judged(runs, measure, 10**15)
        assert (found.outcome, found.n, found.more) == (Outcome.UNKNOWN, 0, None)
        assert found.reason
    assert judged(runs, "alerts_missed", 0).outcome is Outcome.PASS


def test_a_class_of_failure_is_judged_by_itself() -> None:
    runs = [sample(i, {"outage": MIN}) for i in range(5)]
    for v in runs[0].values:
        v.failure_class, v.low, v.high = "host", HOUR, HOUR
    assert judge_line(runs, line("outage", 5 * MIN), ONE_LOOK).outcome is Outcome.FAIL
    assert (
        judge_line(runs, line("outage", 5 * MIN, failure_class="site"), ONE_LOOK).outcome
        is Outcome.PASS
    )
    assert (
        judge_line(runs, line("outage", 5 * MIN, failure_class="database"), ONE_LOOK).outcome
        is Outcome.UNKNOWN
    )


def test_a_line_about_a_fault_is_judged_over_the_runs_that_had_one() -> None:
    runs = [sample(i, {"outage": HOUR if i % 2 else MIN}) for i in range(10)]
    for run in runs[1::2]:
        run.happened.append("link_outage")
    plain = line("outage", 5 * MIN)
    assert judge_line(runs, plain, ONE_LOOK).outcome is Outcome.FAIL
    assert judge_line(runs, replace(plain, fault="link_outage"), ONE_LOOK).n == 5
    for run in runs:
        run.happened = [] if run.happened else ["throttle"]
    assert judge_line(runs, replace(plain, fault="throttle"), ONE_LOOK).outcome is Outcome.PASS
    assert (
        judge_line(runs, replace(plain, fault="link_outage"), ONE_LOOK).outcome is Outcome.UNKNOWN
    )


# ---- shares of time
def steady(n: int) -> list[Sample]:
    """Exposure evenly between 0 and 300 s, all the time: p99 is 297 s."""
    return [exposed(i, 100 * HOUR, 300 * S) for i in range(n)]


def test_a_quantile_over_time_is_judged_by_the_share_above_the_bound() -> None:
    runs = steady(1000)
    assert judged(runs, "exposure.p99", 297 * S).outcome is Outcome.UNKNOWN  # 1 %, of at most 1 %
    assert judged(runs, "exposure.p99", 301 * S).outcome is Outcome.PASS
    assert judged(runs, "exposure.p99", 200 * S).outcome is Outcome.FAIL
    assert judged(runs[:50], "exposure.p99", 301 * S).outcome is Outcome.UNKNOWN
    more = judged(runs[:50], "exposure.p99", 301 * S).more
    assert more is not None
    assert judged(steady(50 + 2 * more), "exposure.p99", 301 * S).outcome is Outcome.PASS


def test_a_rare_danger_is_seen_without_a_failure_in_it() -> None:
    """One run in 100 is an hour and a half above 15 min: 0.01 % of the time, where no failover
    happened at all.
    """
    runs = [
        exposed(i, 100 * HOUR, 300 * S, *((2 * HOUR, HOUR) if i % 100 == 0 else ()))
        for i in range(1000)
    ]
    found = judged(runs, "exposure.above_15_min", 10_000)
    assert found.outcome is Outcome.PASS
    assert found.value == pytest.approx(1e6 * 1.5 / 100 / 100, rel=0.02)
    assert judged(runs, "exposure.above_15_min", 1).outcome is not Outcome.PASS
    quantile = answer(runs, Question("exposure.p50")).interval
    assert quantile.low < quantile.estimate == pytest.approx(150 * S, rel=0.01)
    mean = answer(runs, Question("exposure.mean")).interval
    assert mean.low < 150.3 * S < mean.high


def test_the_probability_of_missing_the_rpo_in_a_year_is_that_of_a_failure_in_the_time_above_it() -> (
    None
):
    """Half of the time above 150 s, 2 failures a year: 1 - exp(-1)."""
    found = miss_in_a_year(steady(200), Rpo(150 * S, "site"), 2.0).interval
    assert found.estimate == pytest.approx(1 - math.exp(-1), rel=0.01)
    assert found.low < found.estimate < found.high
    assert miss_in_a_year(steady(200), Rpo(301 * S, "site"), 2.0).interval.estimate == 0
    never = miss_in_a_year(steady(200), Rpo(301 * S, "site"), 2.0).interval.high
    # 200 runs of 100 h are 2.3 years. If a part of all runs were wholly above: ln(40) / 200 of them
    # at most, nearly
    assert 0 < never < 1 - math.exp(-2 * 1.3 * math.log(40) / 200)


def test_the_rpo_missed_in_a_year_is_that_of_whom_the_sla_bounds_the_loss(tmp_path: Path) -> None:
    """A line about one database is not the service's RPO, which without a line of its own is what
    the scenario calls danger.
    """
    two = SMALL.replace("crm: {", "web: {size: 1 GB}\n  crm: {")
    (tmp_path / "s.yaml").write_text(
        two + "sla:\n  - {data_loss.p95: at most 2 min, database: web}\n  - {data_loss: at most "
        "4 min, class: host}\n"
    )
    scenario = load_scenario(tmp_path / "s.yaml")
    (run,) = steady(1)
    run.curves += [
        replace(run.curves[0], database="web"),
        replace(run.curves[0], failure_class="host"),
    ]
    assert rpos_of(scenario, [run]) == [
        Rpo(4 * MIN, "host"),
        Rpo(2 * MIN, "site", "web"),
        Rpo(scenario.danger_us, "site"),
    ]


def test_any_of_a_count() -> None:
    runs = [sample(i, {"alerts_missed": int(i < 3)}) for i in range(100)]
    i = any_of(runs, "alerts_missed", Question("alerts_missed")).interval
    assert (i.low, i.estimate, i.high) == (
        pytest.approx(0.00623, abs=1e-5),
        0.03,
        pytest.approx(0.08518, abs=1e-5),
    )


def test_a_bound_of_another_database_is_another_question() -> None:
    runs = [sample(i, {"data_loss": MIN}) for i in range(5)]
    other = replace(line("data_loss", 1), database="crm")
    assert judge_line(runs, other, ONE_LOOK).outcome is Outcome.UNKNOWN
