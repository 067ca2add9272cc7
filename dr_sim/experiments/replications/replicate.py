"""Replications of one or several scenarios until enough is known: looks at fixed numbers, whoever
played them.

What is known is asked at growing numbers of replications (each half as many again), always of the
first so many and of no other. So the end, and every number in it, is the same for any count of
workers, after an interruption, and on a cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dr_sim.errors.bugs import Broken
from dr_sim.experiments.replications.batches import BatchJob
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.executor import Executor
from dr_sim.experiments.replications.sample import Sample, unpack
from dr_sim.experiments.replications.store import BatchStore
from dr_sim.scenario.asked_model import Replications
from dr_sim.scenario.model import Scenario

GROWTH = 1.5
Progress = Callable[
    [int, int], None
]  # replications done, of so many by the next look


def looks(plan: Replications) -> list[int]:
    """Return how many replications there are at each look; the last is at_most."""
    found = [plan.at_least]
    while found[-1] < plan.at_most:
        found.append(
            min(plan.at_most, max(found[-1] + 1, int(found[-1] * GROWTH)))
        )
    return found


@dataclass(slots=True)
class Course:
    """One scenario's replications: those that are there, and where they are kept, if they are."""

    scenario: Scenario
    store: BatchStore | None = None
    samples: dict[int, Sample] = field(default_factory=dict)
    # replications that ended in an error; the others continue
    broken: dict[int, Broken] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.store is not None:
            self.samples = self.store.samples

    def first(self, n: int) -> list[Sample]:
        """Replications 0 to n - 1, without those that broke."""
        return [self.samples[i] for i in range(n) if i not in self.broken]

    def found(self, n: int, looks: int = 1, lines: int = 0) -> Distribution:
        """Return the distribution over these replications, with those that broke."""
        broken = tuple(self.broken[i] for i in sorted(self.broken) if i < n)
        return Distribution(
            self.scenario, self.first(n), looks, lines, broken
        )

    def missing(self, n: int) -> list[int]:
        return [
            i
            for i in range(n)
            if i not in self.samples and i not in self.broken
        ]

    def keep(self, packed: bytes | Broken) -> int:
        """A finished batch, or a replication that broke; how many replications it is."""
        if isinstance(packed, Broken):
            self.broken[packed.number] = packed
            return 1
        batch = unpack(packed)
        if self.store is not None:
            self.store.keep(batch, packed)
        self.samples.update((s.number, s) for s in batch)
        return len(batch)


def play_all(
    courses: Sequence[Course],
    n: int | Sequence[int],
    executor: Executor,
    progress: Progress | None = None,
) -> None:
    """See to it that every course has its first n replications (or each its own number). Each batch
    is kept before the next is looked at.
    """
    each = [n] * len(courses) if isinstance(n, int) else list(n)
    jobs = [
        BatchJob(str(i), c.scenario, c.missing(k))
        for i, (c, k) in enumerate(zip(courses, each, strict=True))
    ]
    jobs = [job for job in jobs if job.numbers]
    whole = sum(each)
    left = sum(len(job.numbers) for job in jobs)
    for key, batch in executor.play(jobs) if jobs else ():
        left -= courses[int(key)].keep(batch)
        if progress is not None:
            progress(whole - left, whole)


def look_by_look(
    courses: Sequence[Course],
    plan: Replications,
    executor: Executor,
    progress: Progress | None = None,
) -> Iterator[tuple[int, int, bool]]:
    """(number of the look, replications there are, whether it is the last), until the caller stops
    asking, at_most is reached or the budget is spent. The first look is always there.
    """
    began = time.monotonic()
    numbers = looks(plan)
    for i, n in enumerate(numbers):
        play_all(courses, n, executor, progress)
        spent = (
            plan.budget_us is not None
            and (time.monotonic() - began) * 1e6 >= plan.budget_us
        )
        last = spent or i + 1 == len(numbers)
        yield i, n, last
        if last:
            return
