"""Replications of one scenario until what it asks for is known: to a width, or to a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dr_sim.errors.bugs import BrokenReplicationError
from dr_sim.experiments import input_checks
from dr_sim.experiments.judging.judge import Errors, judge_lines
from dr_sim.experiments.replications import rare
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.estimates import Question, answer
from dr_sim.experiments.replications.executor import Executor, open_executor
from dr_sim.experiments.replications.replicate import (
    Course,
    Progress,
    look_by_look,
    looks,
    play_all,
)
from dr_sim.experiments.replications.store import BatchStore
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.asked_model import Replications
from dr_sim.scenario.model import Scenario


def plan_of(scenario: Scenario, n: int | None) -> Replications:
    """Return what the scenario asks for; exactly n if that is given."""
    input_checks.whole("n", n)
    if n is not None:
        asked = scenario.replications
        return Replications(n, n, rare=asked.rare if asked else ())
    return scenario.replications or Replications(1, 1)


@contextmanager
def executor(
    workers: int | None = None, on: str | None = None
) -> Iterator[Executor]:
    """Open what plays replications; it is closed at the end."""
    input_checks.whole("workers", workers)
    playing = open_executor(workers, on)
    try:
        yield playing
    finally:
        playing.close()


def replicate_until(
    course: Course,
    plan: Replications,
    playing: Executor,
    progress: Progress | None = None,
    until_judged: bool = False,
    lines: int = 0,
) -> Distribution:
    """Look by look, until `until:` is reached (and, until_judged, every SLA line is decided).
    lines: of a whole check.
    """
    total = len(looks(plan))
    found = Distribution(course.scenario, [], total, lines)
    for _, n, _ in look_by_look([course], plan, playing, progress):
        found = course.found(n, total, lines)
        if found.broken and not found.n:
            break
        if not plan.until and not until_judged:
            continue
        if all(
            _narrow(found, u.measure, u.within_ppm) for u in plan.until
        ) and not (until_judged and undecided(found, lines, total)):
            break
    if plan.rare and found.n and not until_judged:
        return _with_rare(course, found, plan, playing, progress)
    return found


def _with_rare(
    course: Course,
    found: Distribution,
    plan: Replications,
    playing: Executor,
    progress: Progress | None,
) -> Distribution:
    """Answer what is asked of rare things, each by as many runs again. A check asks nothing of
    them.
    """
    courses = []
    for number, question in enumerate(plan.rare, start=1):
        scenario = rare.tilted(course.scenario, question)
        store = None
        if course.store is not None:
            folder = course.store.folder / f"rare_{number}"
            store = BatchStore(folder, scenario)
        courses.append(Course(scenario, store))
    runs = found.n + len(found.broken)
    play_all(courses, runs, playing, progress)
    answers = [
        rare.estimate(each.first(runs), question)
        for each, question in zip(courses, plan.rare, strict=True)
    ]
    broken = [*found.broken]
    for each in courses:
        broken += each.broken.values()
    return replace(found, rare=tuple(answers), broken=tuple(broken))


def some_of(found: Distribution) -> Distribution:
    """found itself. BrokenReplicationError if every replication of it broke, so that there is no
    number at all.
    """
    if found.broken and not found.n:
        raise BrokenReplicationError(found.told_broken)
    return found


def undecided(found: Distribution, lines: int, total: int) -> bool:
    """Return whether more runs could decide a line."""
    errors = Errors.shared(lines or len(found.scenario.sla), total)
    verdicts = judge_lines(
        found.samples, found.scenario.sla, errors, found.luck
    )
    return any(v.outcome is Outcome.UNKNOWN and v.n for v in verdicts)


def _narrow(found: Distribution, measure: str, within_ppm: int) -> bool:
    i = answer(found.samples, Question(measure)).interval
    reach = i.estimate * within_ppm / 1e6
    return i.high - i.estimate <= reach and i.estimate - i.low <= reach
