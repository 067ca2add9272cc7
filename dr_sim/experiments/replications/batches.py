"""Replications cut into batches: large enough that handing one over costs nothing, small enough
that all end together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dr_sim.scenario.model import Scenario

# a batch this long makes its hand-over a thousandth of it, and is all that a kill -9 can cost
BATCH_S = 0.5
MOST_IN_BATCH = 256


@dataclass(slots=True)
class BatchJob:
    """Replications wanted of one scenario; key names the scenario among the jobs."""

    key: str
    scenario: Scenario
    numbers: Sequence[int]


Part = tuple[
    str, int, int
]  # key of the job, number of the first replication, how many


class Batches:
    """The jobs cut into batches, as large as the time that replications have taken so far allows.

    hands: how many batches may be under way or waiting with a worker at a time; they may become
    more or fewer. least_s: a batch is not cut shorter than this, where handing over costs so much
    that it would not pay.
    """

    def __init__(
        self, jobs: Sequence[BatchJob], hands: int, least_s: float = 0.0
    ) -> None:
        self._runs: deque[Part] = deque()
        for job in jobs:
            for first, count in stretches(job.numbers):
                self._runs.append((job.key, first, count))
        self.left = sum(
            count for _, _, count in self._runs
        )  # not handed out yet
        self.hands = hands
        self._least_s = least_s
        self._seconds: dict[str, float] = {}

    def took(self, key: str, seconds: float) -> None:
        """A replication's time, of the latest batch."""
        self._seconds[key] = (
            seconds
            if key not in self._seconds
            else 0.5 * (self._seconds[key] + seconds)
        )

    def expected_s(self) -> float:
        """Estimate the time of all that is left, by what each scenario's replications have taken;
        of one never tried, nothing.
        """
        return sum(
            self._seconds.get(key, 0.0) * count
            for key, _, count in self._runs
        )

    def next(self) -> Part | None:
        if not self._runs:
            return None
        key, first, count = self._runs.popleft()
        size = min(self._size(key), count)
        if size < count:
            self._runs.appendleft((key, first + size, count - size))
        self.left -= size
        return key, first, size

    def _size(self, key: str) -> int:
        if key not in self._seconds:
            return 1
        each = max(self._seconds[key], 1e-6)
        # the last batches end together
        fair = max(-(-self.left // self.hands), int(self._least_s / each))
        return max(1, min(MOST_IN_BATCH, int(BATCH_S / each), fair))

    def again(self, batch: Part) -> None:
        """A batch that was not played after all."""
        self._runs.appendleft(batch)
        self.left += batch[2]


def stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, count) of each stretch without a gap."""
    ordered = sorted(numbers)
    start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] != ordered[i - 1] + 1:
            yield ordered[start], i - start
            start = i
