"""Tells what users got: the part of offered requests that succeeded, piecewise linear in the
record, exactly.

A `truth.served` row says: from its instant to the next row's, the part that succeeds goes in a
straight line from from_ppm to to_ppm. Of the last row nobody knows when it would have reached
to_ppm, the run ended first: it is taken to stay at from_ppm, so that no recovery is assumed that
was not seen.

Where databases have tenants there are such rows of each database too. A tenant's requests are
offered evenly to the databases that hold its data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from dr_sim.measures.tables import WHOLE_SERVICE, Ints, Tables, run_end_us
from dr_sim.scenario.model import Scenario, UsersSpec

SERVED_AGAIN_PPM = (
    990_000  # the definition of an outage: 99 % of offered requests succeed
)
_PPM = 1_000_000


@dataclass(slots=True)
class Served:
    """Lines (begin_us, end_us, from_ppm, to_ppm) without a gap; before the first, and if there are
    none, all succeed.
    """

    lines: list[tuple[int, int, int, int]]
    end_us: int

    def first_below(self, from_us: int) -> int | None:
        """The first instant from from_us on at which less than 99 % succeed; None if that never
        happens.
        """
        for begin, end, a, b in self._from(from_us):
            if a < SERVED_AGAIN_PPM:
                return begin
            if b < SERVED_AGAIN_PPM:
                return begin + (a - SERVED_AGAIN_PPM) * (end - begin) // (
                    a - b
                )
        return None

    def again(self, from_us: int, until_us: int) -> int | None:
        """The first instant from from_us on from which 99 % succeed and continue to do so until
        until_us, rounded up to whole microseconds; None if less than that succeed at until_us.
        """
        found: int | None = from_us
        for begin, end, a, b in self._from(from_us):
            if begin >= until_us:
                break
            if b < SERVED_AGAIN_PPM:
                found = None if end >= until_us else end
            elif a < SERVED_AGAIN_PPM:
                # ceil of (99 % - a) / slope
                rise = -((a - SERVED_AGAIN_PPM) * (end - begin) // (b - a))
                found = begin + rise
        return found if found is not None and found < until_us else None

    def during(self, begin_us: int, end_us: int) -> tuple[int, int]:
        """The parts at the ends of a time in which no line begins or ends, rounded down."""
        for begin, end, a, b in self.lines:
            if begin <= begin_us and end_us <= end:
                at_end = a + (b - a) * (end_us - begin) // (end - begin)
                return a + (b - a) * (begin_us - begin) // (
                    end - begin
                ), at_end
        return _PPM, _PPM

    def failed(
        self, users: UsersSpec, from_us: int, until_us: int
    ) -> Fraction:
        """Requests offered in [from_us, until_us) that did not succeed, as an expectation: rate
        times the part.
        """
        twice_ppm_us = Fraction(0)
        for begin, end, a, b in self._from(from_us):
            stop = min(end, until_us)
            if stop > begin:
                at_stop = a + Fraction(
                    (b - a) * (stop - begin), end - begin
                )
                twice_ppm_us += (2 * _PPM - a - at_stop) * (stop - begin)
        return (
            twice_ppm_us
            / (2 * _PPM)
            * users.requests_num
            / users.requests_den_us
        )

    def _from(self, from_us: int) -> list[tuple[int, int, int, int]]:
        """The lines from from_us on, the first one cut there (its value rounded down)."""
        cut = []
        for begin, end, a, b in self.lines:
            if end <= from_us:
                continue
            if begin < from_us:
                a, begin = (
                    a + (b - a) * (from_us - begin) // (end - begin),
                    from_us,
                )
            cut.append((begin, end, a, b))
        return cut


def served(
    t: Tables, scenario: Scenario, entity: int = WHOLE_SERVICE
) -> Served:
    """Return the curve of the whole service, or of one database where that is recorded."""
    return _lines(t.of("truth.served", entity), run_end_us(t, scenario))


def served_by(
    t: Tables, scenario: Scenario, databases: Sequence[int]
) -> Served:
    """Return the curve of requests that go evenly to some databases: the mean of theirs."""
    each = [served(t, scenario, database) for database in databases]
    end = run_end_us(t, scenario)
    cuts = {end}
    for curve in each:
        for begin, stop, _, _ in curve.lines:
            cuts |= {begin, stop}
    lines = []
    for begin, stop in pairwise(sorted(cuts)):
        values = [curve.during(begin, stop) for curve in each]
        from_ppm = sum(value[0] for value in values) // len(each)
        to_ppm = sum(value[1] for value in values) // len(each)
        lines.append((begin, stop, from_ppm, to_ppm))
    return Served(lines, end)


def _lines(rows: dict[str, Ints], end: int) -> Served:
    times = rows["time_us"].tolist()
    stops = [*times[1:], end]
    begins_at, ends_at = rows["from_ppm"].tolist(), rows["to_ppm"].tolist()
    ends_at[-1:] = begins_at[-1:]
    # without rows stops has one more, the end
    lines = zip(times, stops, begins_at, ends_at, strict=False)
    return Served([line for line in lines if line[1] > line[0]], end)
