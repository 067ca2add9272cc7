"""A scenario with one or several keys varied: every combination under the same random events, one
row a point and measure.

The points are scenarios of their own, made as `--set` makes them, so whatever a file may say can be
varied. They share seed and replications: what differs between two points is the keys and nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.errors import InputError, Problem, input_error
from dr_sim.errors.bugs import BrokenReplicationError
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.estimates import CONFIDENCE
from dr_sim.experiments.replications.executor import Executor
from dr_sim.experiments.replications.replicate import (
    Course,
    Progress,
    play_all,
)
from dr_sim.experiments.replications.store import BatchStore, key_of
from dr_sim.experiments.sweeps.edge import Best, Edge, edge_of, met
from dr_sim.experiments.sweeps.sweep_answer import SweepVerdict, answers
from dr_sim.experiments.sweeps.table_text import table_cells
from dr_sim.formatting.cell import in_cell
from dr_sim.formatting.layout import table_lines
from dr_sim.formatting.numbers import in_order
from dr_sim.formatting.words import counted
from dr_sim.loading import load_scenario
from dr_sim.scenario.asked_model import Sweep, SweepAnswer
from dr_sim.scenario.keys.experiment import (
    MOST_POINTS,
    check_answer,
    parse_answer,
    sweep_values,
)
from dr_sim.scenario.keys.sla import bound_of
from dr_sim.scenario.keys.standbys import copy_names
from dr_sim.scenario.model import Prices, Scenario
from dr_sim.scenario.sla_measures import (
    kind_of,
    split,
    unknown_place,
)
from dr_sim.units import UnitError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Point:
    """The keys' values, as texts, and the scenario that they make."""

    values: dict[str, str]
    scenario: Scenario


@dataclass(repr=False)
class Swept:
    """A finished sweep. table: a row a point, measure and statistic, one column more for each key
    that was varied.
    """

    keys: tuple[str, ...]
    points: list[Point]
    distributions: list[Distribution]
    # points at which every replication broke
    without: list[tuple[Point, Distribution]] = field(default_factory=list)

    def __repr__(self) -> str:
        least = min((found.n for found in self.distributions), default=0)
        values = {key: self.values_of(key) for key in self.keys}
        varied = ", ".join(
            f"{n} value{'s' * (n != 1)} of {key}"
            for key, n in values.items()
        )
        return f"Swept({varied}, {counted(least, 'run')} a point)"

    def _repr_html_(self) -> str:
        """The table that `dr-sim sweep` prints, for a notebook's cell."""
        return in_cell(
            table_text(self, measures_of(self.points[0].scenario))
        )

    def values_of(self, key: str) -> int:
        """Return how many values of that key the points have."""
        return len({point.values[key] for point in self.points})

    @property
    def table(self) -> pd.DataFrame:
        """The keys (texts, as in the scenario), then the columns of Distribution.estimates."""
        return self._by_point(
            [found.estimates for found in self.distributions]
        )

    @property
    def measures(self) -> pd.DataFrame:
        """The single replications of every point: the keys, then the columns of
        Distribution.measures.
        """
        return self._by_point(
            [found.measures for found in self.distributions]
        )

    def _by_point(self, tables: list[pd.DataFrame]) -> pd.DataFrame:
        """One table below the other, each behind its point's values."""
        import pandas as pd

        frames = []
        for point, table in zip(self.points, tables, strict=True):
            frame = table.copy()
            for i, key in enumerate(self.keys):
                frame.insert(i, key, point.values[key])
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def curve(
        self,
        measure: str,
        database: str = "",
        failure_class: str = "",
        confidence: float = CONFIDENCE,
    ) -> pd.DataFrame:
        """One measure at every point: the keys, estimate, low, high; durations in seconds, shares
        in parts of 1.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for point, found in zip(
            self.points, self.distributions, strict=True
        ):
            i = found.interval(measure, database, failure_class, confidence)
            rows.append(
                {
                    **point.values,
                    "estimate": i.estimate,
                    "low": i.low,
                    "high": i.high,
                    "n": found.n,
                }
            )
        return pd.DataFrame(rows)

    def edge(
        self,
        measure: str,
        at_most: float | None = None,
        best: Best = "last",
        database: str = "",
        failure_class: str = "",
        confidence: float = CONFIDENCE,
    ) -> Edge:
        """Look along one key that varies: which values surely meet a bound (seconds, parts; by
        default the scenario's SLA on that measure), which surely miss it, and which are between.
        best: the end of the values at which it is met most easily, from the smallest to the largest
        where they are numbers, else as they were given. Raises ValueError if there are several keys
        or no bound.
        """
        if len(self.keys) != 1:
            raise ValueError(
                "an edge is looked for along one key, and these are "
                f"{', '.join(self.keys) or 'none'}"
            )
        bound = (
            at_most
            if at_most is not None
            else bound_of(self.points[0].scenario, measure, database)
        )
        if bound is None:
            raise ValueError(
                f"{measure}: no bound is given, and the SLA of "
                f"{self.points[0].scenario.name} has none"
            )
        curve = self.curve(measure, database, failure_class, confidence)
        verdicts = {
            value: met(low, high, bound)
            for value, low, high in zip(
                curve[self.keys[0]],
                curve["low"],
                curve["high"],
                strict=True,
            )
        }
        values = in_order(list(verdicts))
        return edge_of(
            self.keys[0],
            values,
            [verdicts[value] for value in values],
            best,
        )

    def answer(self, asked: str) -> list[SweepVerdict]:
        """'smallest link.bandwidth with exposure.p99 at most 15 min', or 'largest KEY' for the
        whole SLA: what is known, for each combination of the other keys' values. UnitError (a
        ValueError) if it cannot be read, or there is no SLA.
        """
        found = parse_answer(asked)
        check_answer(found, list(self.keys))
        if found.line is None and not self.points[0].scenario.sla:
            raise UnitError(
                f"the SLA of {self.points[0].scenario.name} has no lines; write '... with "
                "exposure.p99 at most 15 min'"
            )
        return answers(self, found)

    def plot(
        self,
        measure: str,
        database: str = "",
        failure_class: str = "",
        sla: float | None = None,
    ) -> Any:
        """A matplotlib Figure: a curve with its interval for one key, a heat map for two; sla: a
        line or contour, in the measure's unit (seconds, parts), by default the scenario's bound on
        that measure.
        """
        from dr_sim.figures.drawing import Panel, picture_of
        from dr_sim.figures.on_matplotlib import figure_of
        from dr_sim.figures.sweep import DrawnMeasure, sweep_chart

        chart = sweep_chart(
            self, DrawnMeasure(measure, database, failure_class, sla)
        )
        return figure_of(
            picture_of(self.points[0].scenario.name, [Panel(chart)])
        )


def vary(texts: Iterable[str]) -> tuple[Sweep, ...]:
    """'link.bandwidth=10..1000Mbit/s:log9' and the like, as after --vary. InputError with every
    mistake.
    """
    out, problems = [], []
    for text in texts:
        key, equals, values = text.partition("=")
        try:
            if not equals or not key.strip():
                raise UnitError(
                    "write --vary key.path=values, for example --vary "
                    "link.bandwidth=10..1000Mbit/s:log9"
                )
            out.append(Sweep(key.strip(), sweep_values(values)))
        except UnitError as error:
            problems.append(Problem(f"--vary {text}", 0, 0, str(error)))
    if problems:
        raise InputError(problems)
    return tuple(out)


def points_of(
    path: Path | str | Mapping[str, Any],
    sweeps: Sequence[Sweep],
    overrides: Iterable[str] = (),
    seed: int | None = None,
) -> list[Point]:
    """Every combination of the values, the last key's changing fastest. Raises InputError if any of
    them is no scenario.
    """
    keys = [s.key for s in sweeps]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(
            [
                Problem(
                    f"--vary {key}",
                    0,
                    0,
                    "is varied twice; write all its values in one, with commas between",
                )
                for key in twice
            ]
        )
    combinations = list(product(*(s.values for s in sweeps)))
    if len(combinations) > MOST_POINTS:
        raise input_error(
            str(path) if isinstance(path, (str, Path)) else "vary",
            f"has {len(combinations):,} points, more than {MOST_POINTS:,}; vary less",
        )
    points: list[Point] = []
    known: dict[str, dict[str, str]] = {}
    for values in combinations:
        at = dict(zip(keys, values, strict=True))
        try:
            scenario = load_scenario(path, [*overrides, *_set(at)], seed)
        except InputError as error:
            raise InputError(
                [_as_varied(p, at) for p in error.problems]
            ) from None
        if (same := known.setdefault(_said(scenario), at)) is not at:
            told = f"makes the same runs as {' '.join(_set(same))}; leave one of them out"
            raise input_error(f"--vary {' '.join(_set(at))}", told)
        points.append(Point(at, scenario))
    return points


def wrong_sweeps(path: Path, scenario: Scenario) -> list[Problem]:
    """Return what is wrong with the keys that a scenario sweeps, and with the ends of their values:
    they are no keys of the file, so loading it does not meet them.
    """
    problems = []
    for key, values in ((s.key, s.values) for s in scenario.sweep):
        ends = tuple(dict.fromkeys((values[0], values[-1])))
        try:
            points_of(path, [Sweep(key, ends)])
        except InputError as error:
            told = [f"sweep.{key}: {p.message}" for p in error.problems]
            problems += [Problem(str(path), 0, 0, text) for text in told]
    return problems


def _said(scenario: Scenario) -> str:
    """Two scenarios with one such text are the same, however their quantities are written."""
    plain = replace(
        scenario,
        resolved={},
        replications=None,
        on_unknown="",
        sweep=(),
        answer=None,
        description="",
        prices=Prices(),
    )
    return blake2b(plain.spelled_out().encode()).hexdigest()


def _set(at: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in at.items()]


def _as_varied(problem: Problem, at: dict[str, str]) -> Problem:
    """An error in the input at one point, in the words of a sweep."""
    for said in _set(at):
        if problem.file == f"--set {said}":
            return replace(problem, file=f"--vary {said}")
    return replace(
        problem, message=f"{problem.message} (at {', '.join(_set(at))})"
    )


def play_sweep(
    points: list[Point],
    n: int,
    executor: Executor,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Swept:
    """n replications of every point, all points at once. folder: keeps a folder of batches for each
    point.
    """
    courses = [
        Course(
            p.scenario,
            None
            if folder is None
            else BatchStore(folder / key_of(p.scenario), p.scenario),
        )
        for p in points
    ]
    play_all(courses, n, executor, progress)
    found = [c.found(n) for c in courses]
    keys = tuple(points[0].values) if points else ()
    swept = Swept(keys, [], [], [])
    for point, distribution in zip(points, found, strict=True):
        if distribution.broken and not distribution.n:
            swept.without.append((point, distribution))
        else:
            swept.points.append(point)
            swept.distributions.append(distribution)
    if swept.without and not swept.points:
        raise BrokenReplicationError(swept.without[0][1].told_broken)
    return swept


def asked_of(
    text: str | None, scenario: Scenario, sweeps: Sequence[Sweep]
) -> SweepAnswer | None:
    """Parse the question after --answer, or in the scenario. Raises InputError if it asks for what
    is not varied.
    """
    try:
        asked = scenario.answer if text is None else parse_answer(text)
        if asked is not None:
            check_answer(asked, [s.key for s in sweeps])
            if asked.line is None and not scenario.sla:
                raise UnitError(
                    "the scenario has no sla to meet; write '... with exposure.p99 at most 15 min'"
                )
            told = ""
            if asked.line is not None:
                names = copy_names(scenario)
                told = unknown_place(asked.line.measure, names)
            if told:
                raise UnitError(told)
    except UnitError as error:
        raise input_error(
            "--answer" if text is not None else "answer", str(error)
        ) from None
    return asked


def measures_of(
    scenario: Scenario, asked: SweepAnswer | None = None
) -> list[str]:
    """Return what a sweep shows where nobody says: what is asked for, the SLA's measures, a line on
    every run by its most; else exposure.p99.
    """
    found = []
    for line in (
        *(
            [asked.line]
            if asked is not None and asked.line is not None
            else []
        ),
        *scenario.sla,
    ):
        if kind_of(line.measure) == "count" or line.database or line.tenant:
            continue
        has_statistic = bool(split(line.measure)[1])
        found.append(
            line.measure if has_statistic else f"{line.measure}.max"
        )
    return list(dict.fromkeys(found)) or ["exposure.p99"]


def check_measures(measures: Sequence[str], scenario: Scenario) -> None:
    """InputError for what a sweep cannot draw."""
    problems = []
    for measure in measures:
        told = ""
        if not kind_of(measure) or not split(measure)[1]:
            told = (
                "is no measure with a statistic; write for example exposure.p99, outage.p95 or "
                "exposure.above_15_min"
            )
        else:
            told = unknown_place(measure, copy_names(scenario))
        if told:
            problems.append(Problem(f"--measure {measure}", 0, 0, told))
    if problems:
        raise InputError(problems)


def table_text(swept: Swept, measures: Sequence[str]) -> str:
    """One line a point: its values, and each measure with its interval."""
    lines = [[*swept.keys, *measures]]
    for point, found in zip(swept.points, swept.distributions, strict=True):
        values = [point.values[key] for key in swept.keys]
        lines.append([*values, *table_cells(found, measures)])
    return "\n".join(table_lines(lines, names=len(swept.keys)))
