"""Answers of notebooks: words with their uncertainty, kept for machines, and a changed conclusion
is told.
"""

from __future__ import annotations

import math

import pytest

from dr_sim.experiments.answers import (
    MIME,
    Answer,
    answer_in,
    changes,
    compared,
    seconds,
    share,
    sign,
    size,
    within,
)
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.experiments.sweeps.edge import Edge, edge_of, met

VALUES = ("10", "20", "50", "100")


@pytest.mark.parametrize(
    ("verdicts", "best", "edge"),
    [
        ("no no yes yes", "last", ("50", (), "20")),
        ("no unknown yes yes", "last", ("50", ("20",), "10")),
        ("yes yes yes yes", "last", ("10", (), None)),
        ("no no no no", "last", (None, (), "100")),
        ("unknown unknown unknown unknown", "last", (None, VALUES[::-1], None)),
        # a lucky point behind one that is unknown counts for nothing
        ("no yes unknown yes", "last", ("100", ("50", "20"), "10")),
        ("yes yes no no", "first", ("20", (), "50")),
        ("yes unknown no no", "first", ("10", ("20",), "50")),
        ("no yes yes yes", "first", (None, VALUES, None)),
    ],
)
def test_where_a_bound_is_met(
    verdicts: str, best: str, edge: tuple[str | None, tuple[str, ...], str | None]
) -> None:
    assert edge_of("k", VALUES, verdicts.split(), best) == Edge("k", *edge)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1, 5, "yes"),
        (1, 5.1, "unknown"),
        (5, 9, "unknown"),
        (5.1, 9, "no"),
        (-math.inf, math.inf, "unknown"),
        (6, math.inf, "no"),
        (math.nan, math.nan, "unknown"),
    ],
)
def test_met(low: float, high: float, verdict: str) -> None:
    assert met(low, high, 5) == verdict


def test_an_answer_is_found_again_and_compared() -> None:
    told = Answer(
        "**50** is enough", {"enough": "50", "sign": "less"}, {"x, s": Interval(2.0, 1.0, math.inf)}
    )
    bundle = told._repr_mimebundle_()
    assert bundle["text/markdown"] == "**50** is enough"
    notebook = {
        "cells": [
            {"cell_type": "markdown"},
            {"outputs": [{"name": "stdout", "text": "x"}, {"data": bundle}]},
        ]
    }
    kept = answer_in(notebook)
    assert kept == {
        "conclusions": {"enough": "50", "sign": "less"},
        "numbers": {"x, s": [2.0, 1.0, None]},
    }
    assert changes(kept, kept) == []
    other = Answer("", {"enough": "50", "sign": "more", "new": None})._repr_mimebundle_()[MIME]
    assert changes(kept, other) == ["sign: was 'less', is 'more'", "new: was 'not there', is None"]
    with pytest.raises(ValueError, match="not executed"):
        answer_in({"cells": [{"outputs": []}]})


def test_words() -> None:
    assert [seconds(x) for x in (0.5, 100, 130, 7300, 200000, -600, math.inf, math.nan)] == [
        "0.5 s", "100 s", "2.17 min", "2.03 h", "2.31 days", "-10 min", "unlimited", "unknown"
    ]  # fmt: skip
    assert [size(x) for x in (999, 31.24e9, -2e6)] == ["999 B", "31.2 GB", "-2 MB"]
    assert within(Interval(130, 125, 140)) == "2.17 min (95 %: 2.08 to 2.33 min)"
    assert within(Interval(130, 30, math.inf)) == "2.17 min (95 %: 30 s to no limit yet)"
    assert within(Interval(0.01, 0.005, 0.02), share) == "1 % (95 %: 0.5 to 2 %)"
    assert [sign(Interval(0, *x)) for x in ((1, 2), (-2, -1), (-1, 1))] == [
        "more",
        "less",
        "no sure difference",
    ]
    assert compared(Interval(130, 125, 140)) == "2.17 min more (95 %: 2.08 to 2.33 min)"
    assert compared(Interval(-2e9, -3e9, -1e9), size) == "2 GB less (95 %: 1 to 3 GB)"
    assert compared(Interval(0, 0, 0)) == "the same in every run"
    assert compared(Interval(5, -1, 9)) == "no sure difference: 5 s (95 %: -1 to 9 s)"
