"""Two versions under the same random events: no alarm without a change, told when there is one, and
better is not worse.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from dr_sim.experiments.comparing.paired import (
    JUDGED,
    Key,
    PairedDifference,
    differences,
    in_words,
    is_sure,
    mean_texts,
    p_value,
    pairs_needed,
    ranked,
    table_of,
    without_parts,
)
from dr_sim.experiments.judging.baseline import changed
from dr_sim.experiments.judging.tolerance import DEFAULT, NO_TOLERANCE, Tolerance, parse_tolerance
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.units import UnitError
from tests.experiments.worlds import S, sample

ALARM = 0.001
Cells = dict[Key, dict[int, tuple[int, int | None]]]


def tables(generator: np.random.Generator, n: int) -> tuple[Cells, Cells]:
    """Two versions between which nothing has changed but the luck: every measure of a run goes with
    the others, most runs agree to the bit, and what differs has a long tail.
    """
    before: Cells = {}
    now: Cells = {}
    luck = generator.lognormal(0, 1, n)
    for j, measure in enumerate(JUDGED):
        rerolled = generator.random(n) < (0.1, 0.5, 1.0)[j % 3]
        a = luck * generator.lognormal(0, 1, n)
        b = np.where(rerolled, luck * generator.lognormal(0, 1, n), a)
        key = (measure, "", "", "site" if measure.startswith("exposure") else "", "us")
        before[key] = {i: (round(x * S), round(x * S)) for i, x in enumerate(a)}
        now[key] = {i: (round(x * S), round(x * S)) for i, x in enumerate(b)}
    return before, now


def alarms(checks: int, n: int) -> int:
    generator = np.random.default_rng(42)
    found = 0
    for _ in range(checks):
        before, now = tables(generator, n)
        found += any(
            c.worse for c in changed(before, now, False, ALARM / len(before), NO_TOLERANCE)
        )
    return found


@pytest.mark.long
def test_a_check_without_a_change_alarms_at_most_1_time_in_1000() -> None:
    """4,000 whole checks of 12 measures; at 1 in 1,000 there are at most 4 + 3 sqrt(4) = 10 in 99.7
    % of cases.
    """
    assert alarms(4_000, 100) <= 10


def test_hardly_ever_an_alarm_without_a_change() -> None:
    assert alarms(60, 50) <= 1  # 2 or more of 60 at 1 in 1,000: 1 in 600


def test_at_a_rate_of_one_in_three_it_would_alarm() -> None:
    """The experiment can see alarms: asked for 1 in 3 for each measure, it has them."""
    generator = np.random.default_rng(42)
    found = 0
    for _ in range(20):
        before, now = tables(generator, 60)
        found += bool(changed(before, now, False, 0.33, NO_TOLERANCE))
    assert found > 10


def test_p_values_are_no_smaller_than_chance() -> None:
    """Of differences that are as likely one way as the other, at most 1 in 20 has a p of 1 in
    20.
    """
    generator = np.random.default_rng(7)
    for law in (stats.norm(), stats.t(1.5), stats.laplace()):
        found = [p_value(law.rvs(30, random_state=generator)) for _ in range(2000)]
        assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_a_small_change_in_every_run_and_a_large_one_in_few_are_both_seen() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 300)
    assert p_value(noise) > 0.01
    assert p_value(noise + 1) < 1e-6  # more runs one way than the other
    few = np.zeros(300)
    few[:20] = 1.0
    assert p_value(few) < 1e-4
    assert p_value(np.zeros(300)) == 1.0


def before_and_now(change_us: int, n: int = 60) -> tuple[Cells, Cells]:
    a = [sample(i, {"outage": 100 * S + i, "alerts_missed": 0}) for i in range(n)]
    b = [sample(i, {"outage": 100 * S + i + change_us, "alerts_missed": 0}) for i in range(n)]
    return table_of(a), table_of(b)


@pytest.mark.parametrize(("change_us", "worse"), [(1, True), (-1, False)])
def test_a_change_of_a_microsecond_in_every_run_is_told_and_which_way(
    change_us: int, worse: bool
) -> None:
    (found,) = changed(*before_and_now(change_us), False, 1e-6, NO_TOLERANCE)
    assert (found.worse, found.difference.measure, found.difference.differing) == (
        worse,
        "outage",
        60,
    )


def test_no_change_is_none() -> None:
    assert changed(*before_and_now(0), False, 0.5, NO_TOLERANCE) == []
    assert changed(*before_and_now(0), True, 0.5, NO_TOLERANCE) == []


def test_where_nothing_is_drawn_one_run_is_enough() -> None:
    (found,) = changed(*before_and_now(1, n=1), True, 1e-9, NO_TOLERANCE)
    assert found.worse and found.certain
    assert changed(*before_and_now(1, n=1), False, 1e-9, NO_TOLERANCE) == []


def test_fewer_pairs_than_needed_cannot_alarm_and_as_many_can() -> None:
    for alarm in (0.001, 1e-5):
        n = pairs_needed(alarm)
        assert p_value(np.ones(n)) <= alarm < p_value(np.ones(n - 1))


@pytest.mark.parametrize(
    ("change_us", "told"), [(S - 100, False), (S, False), (3 * S, True), (-3 * S, True)]
)
def test_a_change_counts_only_beyond_the_tolerance(change_us: int, told: bool) -> None:
    """1 s and 1 % of 100 s are the same here."""
    for certain, alarm in ((True, 1e-9), (False, 1e-6)):
        found = changed(*before_and_now(change_us), certain, alarm, DEFAULT)
        assert bool(found) is told


@pytest.mark.parametrize(
    ("text", "change_us", "told"),
    [("5 %", 4 * S, False), ("5 %", 6 * S, True), ("4 s", 3 * S, False), ("4 s", 5 * S, True),
     ("2 % or 10 s", 9 * S, False), ("0 s", 1, True)],
)  # fmt: skip
def test_a_tolerance_is_a_part_or_a_time_and_the_larger_counts(
    text: str, change_us: int, told: bool
) -> None:
    assert bool(changed(*before_and_now(change_us), True, 1e-9, parse_tolerance(text))) is told


def test_counts_have_no_absolute_tolerance() -> None:
    a = table_of([sample(0, {"alerts_missed": 0})])
    b = table_of([sample(0, {"alerts_missed": 1})])
    assert changed(a, b, True, 1e-9, Tolerance(0, 3600 * S))


@pytest.mark.parametrize("text", ["", "fast", "5", "-1 s", "5 s or soon"])
def test_what_is_no_tolerance(text: str) -> None:
    with pytest.raises(UnitError):
        parse_tolerance(text)


def shifted(generator: np.random.Generator, by: float, runs: int = 300) -> tuple[Cells, Cells]:
    """Return an outage of about 100 s in both versions, in the second longer by `by` seconds and
    noise.
    """
    key = ("outage", "", "", "", "us")
    a = 100 + generator.normal(0, 5, runs)
    b = a + by + generator.normal(0, 5, runs)
    cells = [{i: (round(x * S), round(x * S)) for i, x in enumerate(of)} for of in (a, b)]
    return {key: cells[0]}, {key: cells[1]}


def test_a_true_change_at_the_tolerance_alarms_no_more_often_than_no_change() -> None:
    """The tolerance is 2 s, and so is the true change: 200 checks at 1 in 100 give at most 6 alarms
    in 99 % of cases (binomial). With a tolerance of 0 s nearly all of them alarm.
    """
    generator = np.random.default_rng(5)
    worlds = [shifted(generator, 2.0) for _ in range(200)]
    tolerance = parse_tolerance("2 s")
    assert sum(bool(changed(*w, False, 0.01, tolerance)) for w in worlds) <= 6
    assert sum(bool(changed(*w, False, 0.01, NO_TOLERANCE)) for w in worlds) > 190


def test_twice_the_tolerance_is_found() -> None:
    """300 runs, noise of 5 s a run, a tolerance of 2 s: a change of 4 s is found in 95 % of checks
    at the error that one of twelve comparisons gets.
    """
    generator = np.random.default_rng(6)
    worlds = [shifted(generator, 4.0) for _ in range(100)]
    found = sum(bool(changed(*w, False, ALARM / 12, parse_tolerance("2 s"))) for w in worlds)
    assert found >= 95


def test_the_difference_has_the_interval_of_a_mean_of_pairs() -> None:
    """Luck that both share falls out: 10 s between runs, a tenth of a second between versions."""
    generator = np.random.default_rng(5)
    luck, own = generator.normal(600, 10, 200), generator.normal(3, 0.1, 200)
    a = table_of([sample(i, {"outage": round(x * S)}) for i, x in enumerate(luck)])
    b = table_of(
        [
            sample(i, {"outage": round((x + d) * S)})
            for i, (x, d) in enumerate(zip(luck, own, strict=True))
        ]
    )
    (found,) = differences(a, b)
    assert found.interval.low < 3 * S < found.interval.high
    assert found.interval.half_width < 0.02 * S


def test_a_database_is_shown_only_where_the_service_does_not_say_it() -> None:
    """With 200 databases the same change would fill every row; the table holds them all."""

    def found(measure: str, database: str, failure_class: str = "") -> PairedDifference:
        half = Interval(1.0, 0.5, 1.5)
        key = (measure, database, "", failure_class, "us")
        return PairedDifference(*key, 1.0, 2.0, half, 0.1, 4, 4)

    service, same = found("replay_lag.p50", ""), found("replay_lag.p50", "crm")
    other, another_class = found("data_loss", "crm"), found("replay_lag.p50", "crm", "host")
    assert without_parts([same, service, other, another_class]) == [service, other, another_class]
    assert without_parts([same, other]) == [same, other]


def test_never_has_no_mean() -> None:
    """In one run of B nothing could be promoted for half of the time: its p90 is 'never'."""
    key = ("outage_if_now.p90", "", "", "site", "us")
    a: Cells = {key: {0: (120 * S, 120 * S), 1: (130 * S, 130 * S)}}
    b: Cells = {key: {0: (120 * S, 120 * S), 1: (NO_WAY_US, None)}}
    (found,) = differences(a, b)
    assert mean_texts(found) == ["2:05", "never"]
    assert (found.interval.low, found.interval.high) == (-math.inf, math.inf)
    assert found.differing == 1 and not is_sure(found)
    assert ranked([found]) == [found]
    (finite,) = differences(a, a)
    assert mean_texts(finite) == ["2:05", "2:05"] and finite.interval.low == 0


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("exposure_after.p99", "exposure after the first failure p99"),
        ("exposure_before.max", "exposure before the first failure max"),
        ("exposure.above_900000000_us", "exposure above 15:00"),
    ],
)
def test_a_measure_is_named_as_people_read_it(measure: str, words: str) -> None:
    assert in_words(measure) == words
