"""Numbers as texts: no exponents, and two values that differ never look the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.experiments.comparing.paired import in_words
from dr_sim.formatting.numbers import (
    bracketed,
    figures,
    interval_beside,
    number_text,
    number_texts,
    value_and_bound,
    with_interval,
)

S = 1_000_000


@pytest.mark.parametrize(
    ("x", "most", "text"),
    [(100, 2, "100"), (99.97, 2, "100"), (1234, 3, "1,230"), (0.00512, 2, "0.0051"), (0, 3, "0"), (-4.26, 2, "-4.3")],
)  # fmt: skip
def test_figures_have_no_exponent(x: float, most: int, text: str) -> None:
    assert figures(x, most) == text


@pytest.mark.parametrize(
    ("a", "b", "unit", "texts"),
    [
        (300 * S, 301 * S, "us", ["5:00", "5:01"]),
        (300 * S, 300 * S + S // 2 - 1, "us", ["5:00.0", "5:00.5"]),
        (7 * 3600 * S, 7 * 3600 * S + 1, "us", ["7:00:00.000000", "7:00:00.000001"]),
        (12 * S, 12 * S, "us", ["12 s", "12 s"]),
        (999_999, 1_000_000, "ppm", ["99.9999 %", "100 %"]),
        (41_234, 41_239, "count", ["41,234", "41,239"]),
        (10**9, 10**9 + 1, "bytes", ["1 GB", "1.000000001 GB"]),
    ],
)  # fmt: skip
def test_two_values_are_told_apart(a: float, b: float, unit: str, texts: list[str]) -> None:
    assert number_texts([a, b], unit) == texts


@given(
    st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(["us", "ppm", "bytes", "count"])
)
def test_values_that_differ_never_look_the_same(a: int, b: int, unit: str) -> None:
    first, second = number_texts([a, b], unit)
    assert (first == second) is (a == b)
    assert "e+" not in number_text(a, unit)


def test_a_missed_bound_never_looks_met() -> None:
    assert value_and_bound(900 * S, 900 * S, True, "us") == ("15:00", "at most 15:00")
    assert value_and_bound(900 * S + 400_000, 900 * S, True, "us") == ("15:00.4", "at most 15:00.0")
    assert value_and_bound(None, 900 * S, True, "us") == ("unknown", "at most 15:00")


def test_an_interval_without_an_end_is_said_in_words() -> None:
    assert bracketed("4:41", "5:10") == "[4:41, 5:10]"
    assert bracketed("0:00", "?") == "[0:00 or more]"
    assert bracketed("?", "5:10") == "[5:10 or less]"
    assert bracketed("?", "?") == "[not known yet]"
    assert bracketed("5:01", "5:01") == "[5:01]"


def test_a_value_stands_alone_where_its_interval_would_say_the_same() -> None:
    assert with_interval("5:01", "5:01", "5:01") == "5:01"
    assert with_interval("5:00", "4:41", "5:10") == "5:00 [4:41, 5:10]"
    assert with_interval("5:00", "5:00", "?") == "5:00 [5:00 or more]"
    assert with_interval("5:00", "5:01", "5:01") == "5:00 [5:01]"  # the two differ: both are shown
    assert interval_beside("5:01", "5:01", "5:01") == ""


def test_a_measure_is_named_in_words() -> None:
    assert in_words("exposure_before.p99") == "exposure before the first failure p99"
    assert in_words("exposure.above_900000000_us") == "exposure above 15:00"
    assert in_words("data_loss.mean") == "data loss mean"
    assert in_words("outage.drain.p95") == "outage: drain p95"
    assert in_words("exposure@far.p50") == "exposure p50 of far alone"
    assert in_words("exposure@far.off.above_900000000_us") == (
        "exposure above 15:00 of far.off alone"
    )
    assert in_words("alerts_missed") == "alerts missed"
