"""Replications of one scenario until what it asks for is known: to a width, or to a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dr_sim.errors.bugs import BrokenReplicationError
from dr_sim.experiments import input_checks
from dr_sim.experiments.distribution import Distribution
from dr_sim.experiments.estimates import Question, answer
from dr_sim.experiments.executor import Executor, open_executor
from dr_sim.experiments.judge import Errors, judge_line
from dr_sim.experiments.replicate import (
    Course,
    Progress,
    look_by_look,
    looks,
)
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.asked_model import Replications
from dr_sim.scenario.model import Scenario


def plan_of(scenario: Scenario, n: int | None) -> Replications:
    """Return what the scenario asks for; exactly n if that is given."""
    input_checks.whole("n", n)
    if n is not None:
        return Replications(n, n)
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
    return found


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
    verdicts = [
        judge_line(found.samples, line, errors, luck=found.luck)
        for line in found.scenario.sla
    ]
    return any(v.outcome is Outcome.UNKNOWN and v.n for v in verdicts)


def _narrow(found: Distribution, measure: str, within_ppm: int) -> bool:
    i = answer(found.samples, Question(measure)).interval
    reach = i.estimate * within_ppm / 1e6
    return i.high - i.estimate <= reach and i.estimate - i.low <= reach
