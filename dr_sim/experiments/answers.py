"""Tells what a notebook ends with: an answer in words, and beside it the same for machines.

    Answer(f"**{edge.meets}** is enough.", {"enough": edge.meets}, {"exposure.p99, s": interval})

Jupyter shows the words. The rest is kept in the cell's output under a type of its own (MIME), where
answer_in() finds it again: so a test, or a papermill run by night, can tell that a conclusion is
not what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dr_sim.experiments.replications.intervals import Interval, finite
from dr_sim.formatting.numbers import figures

MIME = "application/vnd.dr-sim.answer+json"
_STEPS_S = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


@dataclass(frozen=True, slots=True)
class Answer:
    """words: Markdown. conclusions: what must not change unnoticed, as texts ('200 Mbit/s',
    'less'). numbers: what they rest on, with their intervals, the unit in the name.
    """

    words: str
    conclusions: Mapping[str, str | None]
    numbers: Mapping[str, Interval] = field(default_factory=dict)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> dict[str, Any]:
        """Return what Jupyter asks for."""
        numbers = {
            name: [
                finite(each.estimate),
                finite(each.low),
                finite(each.high),
            ]
            for name, each in self.numbers.items()
        }
        kept = {"conclusions": dict(self.conclusions), "numbers": numbers}
        return {
            "text/plain": self.words,
            "text/markdown": self.words,
            MIME: kept,
        }


def answer_in(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The conclusions and numbers of an executed notebook (its JSON, or what nbformat reads).
    Raises ValueError if it has none.
    """
    found = [
        output["data"][MIME]
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if MIME in output.get("data", ())
    ]
    if not found:
        raise ValueError(
            "the notebook holds no answer: it was not executed to its end"
        )
    return dict(found[-1])


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each conclusion that is another now, is gone, or is new; empty if the answer is
    the same.
    """
    before, after = then["conclusions"], now["conclusions"]
    return [
        f"{name}: was {before.get(name, 'not there')!r}, is {after.get(name, 'not there')!r}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name, "not there") != after.get(name, "not there")
    ]


# ---- words
def sign(difference: Interval) -> str:
    """Return the sign of b - a: 'more', 'less', or 'no sure difference' where it may be 0."""
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "no sure difference"


def seconds(value: float) -> str:
    """'42 s', '12.4 min', '7.3 h': a duration for a sentence."""
    return _scaled(value, _STEPS_S, 2.0)


def share(value: float) -> str:
    """'0.12 %' of 0.0012."""
    return f"{figures(100 * value)} %" if math.isfinite(value) else "any"


def size(value: float) -> str:
    """'31.2 GB': decimal, as links are sold."""
    return _scaled(value, _BYTES, 1.0)


def within(
    interval: Interval, words: Any = seconds, confidence: float = 0.95
) -> str:
    """'5.2 min (95 %: 5.1 to 5.4 min)', by one of the functions above; a side that is not bounded
    is said.
    """
    low, high = (
        words(interval.low),
        words(interval.high)
        if math.isfinite(interval.high)
        else "no limit yet",
    )
    if (
        math.isfinite(interval.high)
        and low.rpartition(" ")[2] == high.rpartition(" ")[2]
    ):
        low = low.rpartition(" ")[0]
    return f"{words(interval.estimate)} ({100 * confidence:g} %: {low} to {high})"


def compared(
    difference: Interval, words: Any = seconds, confidence: float = 0.95
) -> str:
    """A paired difference: '13.1 min more (95 %: ...)', '11 GB less (95 %: ...)', 'the same in
    every run', 'no sure difference: ...'.
    """
    if difference.low == difference.high == 0:
        return "the same in every run"
    told = sign(difference)
    if told == "no sure difference":
        return (
            f"no sure difference: {within(difference, words, confidence)}"
        )
    if told == "less":
        difference = Interval(
            -difference.estimate, -difference.high, -difference.low
        )
    number, around, rest = within(difference, words, confidence).partition(
        " ("
    )
    return f"{number} {told}{around}{rest}"


def _scaled(
    value: float, steps: tuple[tuple[float, str], ...], at_least: float
) -> str:
    if not math.isfinite(value):
        return (
            "unknown"
            if math.isnan(value)
            else f"{'-' if value < 0 else ''}unlimited"
        )
    scale, unit = next(
        (step for step in steps if abs(value) >= at_least * step[0]),
        steps[-1],
    )
    return f"{figures(value / scale)} {unit}"
