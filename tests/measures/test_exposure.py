"""Exposure is exact: against hand arithmetic, the base case of the sketches, and integration by
brute force.
"""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.measures.exposure.exposure import Curve, step_curve, true_exposure, worst
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.record.journal import Journal
from dr_sim.world.world import World
from tests.measures.make import HOUR, MIN, S, a_scenario, survivable, whole_of
from tests.world.build import ONE, scenario

P99 = Fraction(99, 100)


def base_case(logs: int) -> Curve:
    """20 MB logs every 5 min, 2 s backup, 0.8 s transfer, over whole cycles from one landing to
    another.
    """
    journal = Journal()
    survivable(journal, 0, 0)
    for k in range(1, logs + 1):
        survivable(journal, k * 300 * S + 2_800_000, k * 300 * S)
    journal.note("truth.end", (logs + 1) * 300 * S, -1)
    scenario = a_scenario()
    return true_exposure(journal, scenario, 0).window(302_800_000, logs * 300 * S + 2_800_000)


def test_the_base_case_is_exact() -> None:
    curve = base_case(288)
    assert curve.mean_us() == Fraction(152_800_000)
    assert curve.quantiles_us([P99]) == [299_800_000]
    assert curve.max_us() == 302_800_000


def test_quantiles_are_the_smallest_values_that_suffice() -> None:
    # 10 us at zero, then up to 30
    curve = Curve(np.array([0], np.int64), np.array([10], np.int64), 40)
    quarter, most = Fraction(1, 4), Fraction(3, 4)
    assert curve.quantiles_us([quarter, most, Fraction(1)]) == [0, 20, 30]
    assert curve.quantiles_us([Fraction(1, 3)]) == [Fraction(10, 3)]


def test_a_plateau_between_two_rises_is_skipped() -> None:
    # values 0..10 and then 50..60: half the time is at or below 10, and a little more takes 50
    curve = Curve(np.array([0, 10], np.int64), np.array([0, -40], np.int64), 20)
    assert curve.quantiles_us([Fraction(1, 2), Fraction(3, 4)]) == [10, 55]
    assert curve.above_us(10) == 10
    assert curve.above(10) == [(10, 20)]


def test_nothing_is_exposed_while_nothing_is_lacking() -> None:
    journal = Journal()
    survivable(journal, 0, 2 * HOUR)
    journal.note("truth.end", HOUR, -1)
    curve = true_exposure(journal, a_scenario(), 0)
    assert (curve.max_us(), curve.mean_us(), curve.duration_us) == (0, 0, HOUR)


def test_exposure_ends_with_the_primary_and_not_with_the_run() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    journal.note("truth.failed", 7 * MIN, -1, "site")
    journal.note("truth.end", HOUR, -1)
    curve = true_exposure(journal, a_scenario(), 0)
    assert (curve.end_us, curve.max_us()) == (7 * MIN, 7 * MIN)


def test_the_failure_of_one_database_does_not_end_another() -> None:
    journal = Journal()
    survivable(journal, 0, 0, entity=0)
    survivable(journal, 0, 0, entity=1)
    journal.note("truth.failed", 7 * MIN, 1, "database")
    journal.note("truth.end", HOUR, -1)
    scenario = a_scenario("crm", "erp")
    assert true_exposure(journal, scenario, 0).end_us == HOUR
    assert true_exposure(journal, scenario, 1).end_us == 7 * MIN
    assert whole_of(journal, scenario).exposure().end_us == 7 * MIN


def test_classes_are_kept_apart() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    survivable(journal, 10 * MIN, 9 * MIN, failure_class="host")
    journal.note("truth.end", HOUR, -1)
    assert true_exposure(journal, a_scenario(), 0, "site").max_us() == HOUR
    assert true_exposure(journal, a_scenario(), 0, "host").max_us() == 51 * MIN


def test_the_last_of_several_rows_at_one_instant_holds() -> None:
    curve = step_curve(np.array([0, 5, 5]), np.array([0, 0, 5]), 10)
    assert curve.max_us() == 5
    assert curve.at(5) == 5  # a failure at that instant comes before the landing


def test_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="without duration"):
        Curve(np.array([5]), np.array([0]), 9).window(20, 30).mean_us()


steps = st.lists(st.tuples(st.integers(1, 40), st.integers(-30, 60)), min_size=1, max_size=12)


def curve_of(rows: list[tuple[int, int]]) -> Curve:
    start = np.cumsum([0] + [length for length, _ in rows])
    return Curve(
        start[:-1].astype(np.int64),
        np.array([since for _, since in rows], np.int64),
        int(start[-1]),
    )


def values(curve: Curve) -> np.ndarray:
    """The curve in half microseconds, at the middle of every half: where its integral is the sum,
    exactly.
    """
    out = []
    for start, since, stop in zip(curve.start_us, curve.since_us, curve.stops_us(), strict=True):
        middle = np.arange(4 * int(start) + 1, 4 * int(stop), 2)  # in quarters
        out.append(np.maximum(middle - 4 * int(since), 0))
    return np.concatenate(out)


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(0, 100))
def test_against_brute_force(rows: list[tuple[int, int]], limit: int) -> None:
    curve = curve_of(rows)
    fine = values(curve)
    assert curve.mean_us() == Fraction(int(fine.sum()), 4 * len(fine))
    assert curve.above_us(limit) * 2 == int(np.sum(fine > 4 * limit))
    assert sum(end - begin for begin, end in curve.above(limit)) == curve.above_us(limit)
    for share in (Fraction(1, 2), Fraction(9, 10), P99, Fraction(1)):
        (x,) = curve.quantiles_us([share])
        at_or_below = curve.duration_us - sum(  # exactly, piece by piece
            max(Fraction(0), stop - max(start, since + x))
            for start, since, stop in zip(
                curve.start_us.tolist(),
                curve.since_us.tolist(),
                curve.stops_us().tolist(),
                strict=True,
            )
            if stop - since > x
        )
        assert at_or_below >= share * curve.duration_us
        if x > 0:
            # and no smaller one would do
            assert np.sum(fine < 4 * (x - Fraction(1, 2))) <= share * len(fine)


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, min_size=1, max_size=4))
def test_the_worst_is_the_pointwise_maximum(many: list[list[tuple[int, int]]]) -> None:
    curves = [curve_of(rows) for rows in many]
    together = worst(curves)
    end = min(c.end_us for c in curves)
    assert together.end_us == end
    expected = np.max([values(c)[: 2 * end] for c in curves], axis=0)
    assert np.array_equal(values(together), expected)


def test_a_database_year_takes_a_fraction_of_a_second() -> None:
    n = 105_120
    k = np.arange(n, dtype=np.int64)
    curve = Curve(k * 300 * S + 2_800_000, k * 300 * S, n * 300 * S + 2_800_000)
    begin = time.process_time()
    assert curve.mean_us() == Fraction(152_800_000)
    assert curve.quantiles_us([P99]) == [299_800_000]
    assert time.process_time() - begin < 0.5


# ---- class database: the log survives
HOLE = "events:\n  - {at: 16 min, missing_file: crm}\n"
"""The log cut at 20:00 vanishes as it is finished; it was all there was of what was written from
15:00 on.
"""


def test_class_database_is_exposed_while_the_log_does_not_go_on_from_the_files_and_only_then() -> (
    None
):
    """From when the log is gone, at 20:00 and what its backup took, until the incremental that
    bridges is finished.
    """
    world = World(scenario(ONE + HOLE))
    world.run()
    journal = world.journal
    gone = next(r.time_us for r in journal.rows("truth.backup_finished") if r.time_us > 20 * MIN)
    bridged = next(
        r.time_us for r in journal.rows("truth.backup_finished") if r.values["kind"] == 1
    )
    curve = true_exposure(journal, scenario(ONE + HOLE), 0, "database")
    since = 15 * MIN
    assert [curve.at(t) for t in (15 * MIN, gone, gone + 1, bridged, bridged + 1)] == [
        0, 0, gone + 1 - since, bridged - since, 0,
    ]  # fmt: skip
    assert curve.max_us() == bridged - since and curve.above(0) == [(gone, bridged)]
    assert curve.mean_us() == Fraction((bridged - since) ** 2 - (gone - since) ** 2, 2 * 2 * HOUR)


@pytest.mark.parametrize(("events", "loss_us"), [("", 0), (HOLE, 15 * MIN)])
def test_what_a_lost_database_loses_is_its_exposure(events: str, loss_us: int) -> None:
    """Lost at 30:00. Over the hole at 15:00 no tail helps."""
    text = (
        ONE
        + (events or "events:\n")
        + "  - {at: 30 min, lose: database}\nfailover: {mode: automatic}\n"
    )
    world = World(scenario(text))
    world.run()
    assert world.context.witness.violations == []
    assert true_exposure(world.journal, scenario(text), 0, "database").at(30 * MIN) == loss_us
    assert [f.data_loss_us for f in failovers(world.journal, scenario(text))] == [loss_us]
    assert (
        len([r for r in world.journal.rows("truth.survivable") if r.values["class"] == "database"])
        > 0
    ) is bool(events)
