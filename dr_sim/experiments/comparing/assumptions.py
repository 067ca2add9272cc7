"""Find the assumed inputs that would change the verdict.

A scenario says little and assumes much. Every default has a source, but a source is not a
measurement of the user's own shop. So each number that the user did not write is tried at half and
at twice its value, one number at a time; what is assumed alike of several databases is one number.
Where that changes nothing, a tenth and ten times are tried. All runs use the same seed and streams.
An input that changes the verdict is worth measuring; any other needs no argument.

A fleet's run takes minutes and there are some sixty numbers. So what has been found is kept beside
the scenario until the examination is over, and one that was interrupted goes on from there.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dr_sim.errors import InputError
from dr_sim.experiments.comparing.flips import Examined, Flip
from dr_sim.experiments.replications.executor import cores
from dr_sim.experiments.replications.store import key_of
from dr_sim.files.output import write_whole, writing
from dr_sim.formatting.numbers import value_text
from dr_sim.formatting.words import counted
from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Verdict
from dr_sim.runs.run import run
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.dump import Resolved
from dr_sim.units import SECOND_US, clock

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


KEPT_FILE = "assumptions.json"
"""Name of the file with the findings of an examination so far, beside its scenario."""


Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Assumed:
    """A number that the user did not write, and its source. key: its name; keys: where it stands,
    several where it is assumed alike of several databases.
    """

    key: str
    value: str
    source: str
    keys: tuple[str, ...]

    @property
    def name(self) -> Name:
        return self.key, self.value, self.source


@dataclass(frozen=True, slots=True)
class _TrialRun:
    """The run whose assumptions are tried: its scenario, verdict and recovery manager."""

    path: Path
    verdict: str
    manager: str


def examine(
    path: Path,
    verdict: str,
    progress: Callable[[float], None] | None = None,
    manager: str = "",
    tell: Callable[[str], None] = lambda text: None,
) -> Examined:
    """Run the scenario again with each assumed number smaller and larger, on all cores.

    verdict: the outcome of the original run; manager: the name of its recovery manager; tell: is
    called with the plan, and with how long it will take. What an interrupted examination of the
    same run has found is taken over.
    """
    scenario = load_scenario(path)
    assert isinstance(scenario.resolved, Resolved)
    numbers = _numbers(scenario.resolved)
    left_out = len(scenario.resolved.sources) - sum(
        len(number.keys) for number in numbers
    )
    place = path.with_name(KEPT_FILE)
    kept = _KeptTrials(place, replace(scenario, manager=manager), verdict)
    left = [number for number in numbers if number.name not in kept.found]
    workers = max(1, min(cores(), len(left)))
    known = f" ({len(numbers) - len(left)} known)" if kept.found else ""
    tell(
        f"{counted(len(numbers), 'assumed number')}{known}, 2 to 4 runs for each, "
        f"{workers} at a time"
    )
    began = time.monotonic()
    of = _TrialRun(path, verdict, manager)
    with _processes(workers) as pool:
        under_way: dict[Future[list[Flip]], Assumed] = {
            pool.submit(_flips, of, number): number for number in left
        }
        for done, future in enumerate(as_completed(under_way), 1):
            number = under_way[future]
            kept.add(number, future.result())
            if done == workers < len(left):
                took_s = time.monotonic() - began
                _tell_time(took_s * (len(left) - done) / done, tell)
            if progress is not None:
                progress(len(kept.found) / len(numbers))
    kept.over()
    flips = [flip for number in numbers for flip in kept.found[number.name]]
    return Examined(flips, len(numbers), left_out)


def _tell_time(left_s: float, tell: Callable[[str], None]) -> None:
    if left_s >= 60:
        tell(
            f"about {clock(round(left_s * SECOND_US))} more; after Ctrl-C the same command goes on "
            "from there"
        )


class _KeptTrials:
    """Findings so far, in a file. They are true of one scenario, its verdict, and one version of
    all code that plays it.
    """

    def __init__(
        self, place: Path, scenario: Scenario, verdict: str
    ) -> None:
        self._place = place
        self._of = [key_of(scenario), verdict]
        self.found: dict[Name, list[Flip]] = {}
        try:
            read = json.loads(self._place.read_text(encoding="utf-8"))
            if read["of"] == self._of:
                for key, value, source, flips in read["found"]:
                    its = [Flip(**flip) for flip in flips]
                    self.found[key, value, source] = its
        except (OSError, ValueError, TypeError, KeyError):
            self.found.clear()  # there is none, or none that can be used

    def add(self, number: Assumed, flips: list[Flip]) -> None:
        self.found[number.name] = flips
        found = [
            [*name, list(map(asdict, its))]
            for name, its in self.found.items()
        ]
        with writing(self._place):
            write_whole(
                self._place, json.dumps({"of": self._of, "found": found})
            )

    def over(self) -> None:
        with writing(self._place):
            self._place.unlink(missing_ok=True)


# ---- processes
@contextmanager
def _processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open that many processes. When the block is left early, as by Ctrl-C, what they are doing is
    ended.
    """
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, initializer=_prepare) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                if process not in others:
                    process.terminate()
            raise


_ended = False


def _prepare() -> None:
    """Leave interrupts to the parent, which ends a run by the other signal: real engines leave no
    files and no servers behind.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: object) -> None:
    global _ended
    _ended = True
    sys.exit(0)


def _flips(of: _TrialRun, number: Assumed) -> list[Flip]:
    """Return the changes of the verdict as one number is changed; empty if the verdict is the same
    at ten times and at a tenth.
    """
    for factors in FACTORS:
        found = []
        tried = dict.fromkeys(
            scaled(number.value, factor) for factor in factors
        )
        for text in tried:
            # the pool catches what ends a run, and would begin the next
            other = None if _ended else _tried(of, number.keys, text)
            if other is None:
                continue
            outcome = other.outcome.name.lower()
            if outcome != of.verdict:
                found.append(
                    Flip(
                        number.key,
                        number.value,
                        number.source,
                        text,
                        outcome,
                        _words(other),
                    )
                )
        if found:
            return found
    return []


def _numbers(resolved: Resolved) -> list[Assumed]:
    """Return each default that is a number, with or without a unit, and not 0, in the order of the
    scenario. What is assumed alike of several databases is one of them.
    """
    found: dict[tuple[Any, ...], list[str]] = {}
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
            of_database = path[0] == "databases" and len(path) > 2
            place = ("databases", *path[2:]) if of_database else path
            found.setdefault((place, value, source), []).append(
                ".".join(path)
            )
    return [
        Assumed(_name(place, keys), value, source, tuple(keys))
        for (place, value, source), keys in found.items()
    ]


def _name(place: tuple[str, ...], keys: Sequence[str]) -> str:
    return (
        keys[0] if len(keys) == 1 else ".".join((place[0], "*", *place[1:]))
    )


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


def _tried(of: _TrialRun, keys: Sequence[str], text: str) -> Verdict | None:
    """Return the verdict with these keys set; None where the scenario does not allow that value."""
    try:
        scenario = load_scenario(of.path, [f"{key}={text}" for key in keys])
    except InputError:
        return None
    return run(replace(scenario, manager=of.manager)).verdict


def _words(verdict: Verdict) -> str:
    lines = [j for j in verdict.lines if j.outcome is verdict.outcome]
    return "; ".join(
        f"{j.line.measure.replace('_', ' ')} {value_text(j.value, j.unit)}"
        for j in lines
    )
