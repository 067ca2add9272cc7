"""The public Python face, as `dr_sim.load_scenario`, `run`, `replicate`, `compare`, `sweep`,
`with_manager`: objects with tidy DataFrames.

    import dr_sim

    scenario = dr_sim.load_scenario("mine.yaml", ["link.bandwidth=100 Mbit/s"])
    found = dr_sim.replicate(scenario, 300)
    found.estimates                        # a row a measure and statistic, with its interval
    found.interval("data_loss.p99")        # Interval(estimate, low, high), seconds

Every object has a picture too: plot() gives a matplotlib Figure. Durations in tables are seconds,
shares parts of 1. Progress is shown on a terminal and in a notebook's cell. Invalid input
raises one clear error before anything runs: InputError (a file), ValueError or TypeError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.experiments import input_checks
from dr_sim.experiments.comparing.comparison import Comparison
from dr_sim.experiments.given_scenarios import (
    ScenarioInput,
    a_scenario,
    named_scenarios,
)
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.replicate import (
    Course,
    Progress,
    play_all,
)
from dr_sim.experiments.replications.sample import Sample
from dr_sim.experiments.replications.sampling import (
    from_summary,
    replication,
)
from dr_sim.experiments.replications.store import BatchStore
from dr_sim.experiments.replications.until import (
    executor,
    plan_of,
    replicate_until,
    some_of,
)
from dr_sim.experiments.sweeps.sweep import (
    Point,
    Swept,
    play_sweep,
    points_of,
)
from dr_sim.formatting.cell import in_cell
from dr_sim.formatting.words import counted
from dr_sim.loading import load_scenario
from dr_sim.measures.exposure.exposure import Curve
from dr_sim.measures.legs import Leg
from dr_sim.measures.standing import summary_of
from dr_sim.measures.summary import Summary
from dr_sim.measures.verdict import Verdict, judge
from dr_sim.measures.whole import Whole
from dr_sim.record import frames
from dr_sim.record.journal import Journal
from dr_sim.scenario.asked_model import Replications
from dr_sim.scenario.model import Scenario
from dr_sim.screen.progress import progress_bar
from dr_sim.world.own_logic import Factory, with_manager
from dr_sim.world.play import play

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(repr=False)
class Run:
    """One replication, whole: its legs (one, and one more after each failover), every measure, the
    verdict.
    """

    scenario: Scenario
    journal: Journal
    whole: Whole  # its legs opened, and its curves
    summary: Summary
    verdict: Verdict

    def __repr__(self) -> str:
        of = self.scenario
        return (
            f"Run({of.name}, seed {of.seed}, {counted(len(self.summary.failovers), 'failover')}, "
            f"{self.verdict.outcome.name if of.sla else 'no SLA'})"
        )

    def _repr_html_(self) -> str:
        """The screen that `dr-sim run` prints, for a notebook's cell."""
        from dr_sim.screen.run import screen

        return in_cell(screen(self.summary, self.scenario, self.verdict))

    @property
    def legs(self) -> list[Leg]:
        return self.whole.legs

    @cached_property
    def digest(self) -> str:
        """Names the run bit for bit."""
        return self.journal.digest()

    @cached_property
    def measures(self) -> pd.DataFrame:
        """The same columns as Distribution.measures, for this replication."""
        return Distribution(self.scenario, [self.sample]).measures

    @cached_property
    def sample(self) -> Sample:
        return from_summary(self.whole, self.summary, self.scenario)

    def records(self, kind: str) -> pd.DataFrame:
        """All records of one kind, as 'truth.failed' or 'seen.RaiseAlert'; time_us since the start,
        leg: which of the legs' pairs of sites wrote it.
        """
        input_checks.kind_of_record(kind)
        return frames.frame(self.journal, kind)

    def exposure(
        self, database: str = "", failure_class: str = "site"
    ) -> Curve:
        """Return the true exposure over time, of a database or of the service ('')."""
        input_checks.part_of(self.scenario, database, failure_class)
        return self.whole.exposure(database, failure_class)

    def plot(self, what: str = "timeline") -> Figure:
        """'timeline': backups, link, replay lag, alerts and failovers; 'exposure': true beside
        reported, with the SLA's line.
        """
        from dr_sim.figures.on_matplotlib import figure_of
        from dr_sim.figures.pictures import (
            exposure_picture,
            timeline_picture,
        )
        from dr_sim.figures.timeline import Timeline
        from dr_sim.figures.views import views_of

        drawn = {"timeline": timeline_picture, "exposure": exposure_picture}
        if what not in drawn:
            raise ValueError(
                f"a picture of a run is 'timeline' or 'exposure', not {what!r}"
            )
        timeline = Timeline(views_of(self.whole), selectable=False)
        return figure_of(drawn[what](timeline))


def run(
    scenario: ScenarioInput,
    seed: int | None = None,
    number: int = 0,
    engine: str = "",
    steps: bool = False,
) -> Run:
    """Return one replication of a scenario, whole.

    scenario: a scenario, its file's path, or a mapping; seed: instead of the scenario's own;
    number: which replication; engine: the engine instead of its own; steps: every fast path is
    off, which is slower and gives the same records.
    """
    scenario = a_scenario(scenario)
    input_checks.whole("number", number, 0)
    input_checks.engine_named(engine)
    of = _stepped(
        replication(
            scenario if seed is None else replace(scenario, seed=seed),
            number,
        ),
        steps,
    )
    if engine:
        of = replace(of, engine=replace(of.engine, kind=engine))
    journal = play(of)
    whole = Whole.of(journal, of)
    summary = summary_of(whole)
    return Run(of, journal, whole, summary, judge(summary, of))


def _stepped(scenario: Scenario, steps: bool) -> Scenario:
    """With every fast path off, if that is asked for."""
    return replace(scenario, steps=True) if steps else scenario


def replicate(  # noqa: PLR0913, users name what they set
    scenario: ScenarioInput,
    n: int | None = None,
    *,
    seed: int | None = None,
    workers: int | None = None,
    on: str | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    steps: bool = False,
) -> Distribution:
    """Replications 0 to n - 1; without n as many as the scenario's `replications:` asks for (1 if
    it has none).

    workers: processes of this machine (default: one a core); on: 'dask://HOST:PORT' instead;
    folder: keeps finished batches, so that the same call continues where it was interrupted; steps:
    as of run.
    """
    scenario = _stepped(a_scenario(scenario), steps)
    of = scenario if seed is None else replace(scenario, seed=seed)
    plan = plan_of(of, n)
    course = Course(
        of, None if folder is None else BatchStore(Path(folder), of)
    )
    with (
        executor(workers, on) as playing,
        _shown(progress, of.name) as told,
    ):
        return some_of(replicate_until(course, plan, playing, told))


# ---- comparisons
def compare(  # noqa: PLR0913, users name what they set
    a: ScenarioInput,
    b: ScenarioInput,
    n: int | None = None,
    *,
    seed: int | None = None,
    workers: int | None = None,
    on: str | None = None,
    progress: Progress | None = None,
    steps: bool = False,
) -> Comparison:
    """n replications of both, under the same random events: b gets a's seed (or the seed given). n:
    by default the larger number that they ask for; steps: as of run.
    """
    input_checks.whole("n", n)
    given = [a_scenario(one) for one in (a, b)]
    seed = given[0].seed if seed is None else seed
    both = [replace(_stepped(of, steps), seed=seed) for of in given]
    courses = [Course(of) for of in both]
    if n is None:
        n = max(plan_of(of, None).at_most for of in both)
    with (
        executor(workers, on) as playing,
        _shown(progress, "compare") as told,
    ):
        play_all(courses, n, playing, told)
    first, second = (some_of(c.found(n)) for c in courses)
    return Comparison(first, second)


# ---- sweeps
def sweep(  # noqa: PLR0913, users name what they set
    path: Path | str | Mapping[str, Any],
    vary: Mapping[str, str | Sequence[object]] | None = None,
    n: int | None = None,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    workers: int | None = None,
    on: str | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    steps: bool = False,
    manager: str | Factory = "",
) -> Swept:
    """Every combination of values of some keys, n replications each (default: what the scenario
    asks for).

    path: a scenario file, or a mapping, as of load_scenario; vary: {'link.bandwidth': '10..1000
    Mbit/s, 9 log steps', 'replay.on_hole': ['resync', 'bridge']}, by default the file's own
    `sweep:`. InputError (UnitError for a bad range) if a point is no scenario, ValueError if
    nothing varies. steps: as of run; manager: as of with_manager.
    """
    if isinstance(path, Scenario):
        raise TypeError(
            "sweep takes the path of a scenario file (or a mapping), since each point is read from "
            "it anew, not a scenario"
        )
    base = load_scenario(path, overrides, seed)
    sweeps = base.sweep if vary is None else input_checks.swept(vary)
    if not sweeps:
        raise ValueError(
            f"{base.name} says nothing to vary; give vary={{'link.bandwidth': '10..1000 "
            f"Mbit/s, 9 log steps'}}, or a 'sweep:' in the file"
        )
    points = [
        replace(
            p, scenario=with_manager(_stepped(p.scenario, steps), manager)
        )
        for p in points_of(path, sweeps, overrides, seed)
    ]
    return _play_points(
        points, plan_of(base, n), workers, on, folder, progress
    )


def side_by_side(  # noqa: PLR0913, users name what they set
    scenarios: Mapping[str, ScenarioInput],
    n: int | None = None,
    *,
    seed: int | None = None,
    workers: int | None = None,
    on: str | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> Swept:
    """Scenarios that differ in more than a key or two, by name, n replications each on the luck of
    the first: a sweep whose one key is 'scenario'. n: by default the largest number that they ask
    for. Raises ValueError if there are none.
    """
    given = named_scenarios(scenarios)
    seed = next(iter(given.values())).seed if seed is None else seed
    points = [
        Point({"scenario": name}, replace(of, seed=seed))
        for name, of in given.items()
    ]
    plan = max(
        (plan_of(p.scenario, n) for p in points),
        key=lambda plan: plan.at_most,
    )
    return _play_points(points, plan, workers, on, folder, progress)


def _play_points(
    points: list[Point],
    plan: Replications,
    workers: int | None,
    on: str | None,
    folder: Path | str | None,
    progress: Progress | None,
) -> Swept:
    with (
        executor(workers, on) as playing,
        _shown(progress, f"{len(points)} points") as told,
    ):
        return play_sweep(
            points,
            plan.at_most,
            playing,
            None if folder is None else Path(folder),
            told,
        )


@contextmanager
def _shown(
    progress: Progress | None, what: str
) -> Iterator[Progress | None]:
    """Yield what the caller gave; else a bar, on a terminal or in a notebook's cell."""
    if progress is not None:
        yield progress
        return
    with shown_progress(what) as bar:
        yield bar


@contextmanager
def shown_progress(what: str) -> Iterator[Progress]:
    """A bar on a terminal and in a notebook's cell; elsewhere a line on stderr now and then."""
    with progress_bar(what) as (part, _):
        yield lambda done, whole: part(done / whole)


__all__ = [
    "Comparison",
    "Distribution",
    "Run",
    "Scenario",
    "Swept",
    "compare",
    "load_scenario",
    "replicate",
    "run",
    "side_by_side",
    "sweep",
    "with_manager",
]
