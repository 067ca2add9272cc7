"""Find the assumed inputs that would change the verdict.

A scenario says little and assumes much. Every default has a source, but a source is not a
measurement of the user's own shop. So each number that the user did not write is tried at half and
at twice its value, one number at a time. Where that changes nothing, a tenth and ten times are
tried. All runs use the same seed and streams. An input that changes the verdict is worth measuring;
any other needs no argument.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

from dr_sim.errors import InputError
from dr_sim.experiments.flips import Examined, Flip
from dr_sim.formatting.numbers import value_text
from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Verdict
from dr_sim.runs.run import run
from dr_sim.scenario.dump import Resolved

FACTORS = ((0.5, 2.0), (0.1, 10.0))  # the nearer are tried first
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(\s*)(\S.*)?")
# keys that state the question, not an assumption
_NOT_ASSUMED = (
    "seed",
    "start",
    "measure_from",
    "run_for",
    "events",
    "faults",
    "sla",
)


def examine(
    path: Path,
    verdict: str,
    progress: Callable[[float], None] | None = None,
    manager: str = "",
) -> Examined:
    """Run the scenario again with each assumed number smaller and larger, on all cores.

    verdict: the outcome of the original run; manager: the name of its recovery manager.
    """
    scenario = load_scenario(path)
    assert isinstance(scenario.resolved, Resolved)
    numbers = list(_numbers(scenario.resolved))
    found = Examined(
        [], len(numbers), len(scenario.resolved.sources) - len(numbers)
    )
    with ProcessPoolExecutor(
        initializer=_leave_interrupts_to_the_parent
    ) as pool:
        flips = pool.map(
            _flips, repeat(path), repeat(verdict), numbers, repeat(manager)
        )
        for i, some in enumerate(flips, 1):
            found.flips.extend(some)
            if progress is not None:
                progress(i / len(numbers))
    return found


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _flips(
    path: Path, verdict: str, number: tuple[str, str, str], manager: str
) -> list[Flip]:
    """Return the changes of the verdict as one number is changed; empty if the verdict is the same
    at ten times and at a tenth.
    """
    key, assumed, source = number
    for factors in FACTORS:
        found = []
        tried = dict.fromkeys(scaled(assumed, factor) for factor in factors)
        for text in tried:
            other = _tried(path, key, text, manager)
            if (
                other is not None
                and (outcome := other.outcome.name.lower()) != verdict
            ):
                found.append(
                    Flip(key, assumed, source, text, outcome, _words(other))
                )
        if found:
            return found
    return []


def _numbers(resolved: Resolved) -> Iterator[tuple[str, str, str]]:
    """Yield (key, value, source) of each default that is a number, with or without a unit, and not
    0.
    """
    for path, source in resolved.sources.items():
        if path[0] in _NOT_ASSUMED:
            continue
        value: Any = resolved
        for step in path:
            value = (
                value[int(step)] if isinstance(value, list) else value[step]
            )
        match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
        if match and float(match[1]):
            yield ".".join(path), value, source


def scaled(text: str, factor: float) -> str:
    """Multiply a number with a unit: '30 s' times 2 is '60 s'. Whole numbers stay whole (rounded
    up), and no percentage exceeds 100 %.
    """
    match = _NUMBER.fullmatch(text)
    assert match
    value = float(match[1]) * factor
    if match[3] == "%":
        value = min(value, 100.0)
    if match[3] is None and value != int(value):
        value = int(value) + 1
    return f"{value:.10g}{match[2]}{match[3] or ''}"


def _tried(path: Path, key: str, text: str, manager: str) -> Verdict | None:
    """Return the verdict with one key set; None where the scenario does not allow that value."""
    try:
        scenario = load_scenario(path, [f"{key}={text}"])
    except InputError:
        return None
    return run(replace(scenario, manager=manager)).verdict


def _words(verdict: Verdict) -> str:
    lines = [j for j in verdict.lines if j.outcome is verdict.outcome]
    return "; ".join(
        f"{j.line.measure.replace('_', ' ')} {value_text(j.value, j.unit)}"
        for j in lines
    )
