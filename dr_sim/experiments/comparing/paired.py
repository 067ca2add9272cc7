"""Two versions under the same random events: the difference of a measure, replication by
replication, and whether it is more than chance.

Replication i of both meets the same faults at the same instants, so what is compared is not two
samples but the differences within pairs. Two questions are asked of them:
- how large is the mean difference? Its interval is that of a mean (intervals.mean);
- is there one at all, in either direction? The sign test on the pairs that differ, exact for every
law, and beside it Hoeffding's bound on a sum of randomly signed differences ('Probability
inequalities for sums of bounded random variables', J. Amer. Statist. Assoc. 58, 1963), which sees a
few large changes where signs see many small ones. Both assume only that without a change each pair
could as well be the other way round; each gets half of the error. A tolerance is taken off each
difference first, so that what is tested is whether the change is larger than that. Where runs of
both give the same value to the bit there is nothing to test: a version that changes nothing is
never accused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from dr_sim.experiments.judging.tolerance import NO_TOLERANCE, Tolerance
from dr_sim.experiments.replications import intervals
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.experiments.replications.sample import Sample
from dr_sim.formatting.numbers import number_texts
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.units import clock

Key = tuple[
    str, str, str, str, str
]  # measure, database, tenant, failure class, unit
JUDGED = (
    "data_loss",
    "outage",
    "unprotected",
    "exposure.mean",
    "exposure.p99",
    "exposure.max",
    "replay_lag.p99",
    "replay_lag.max",
    "alerts_missed",
    "alerts_late",
    "alerts_false",
    "alert_delay",
)
"""Names what a regression is looked for in: all of them worse when larger. Phases of the outage and
the other quantiles are shown by `compare`, and not judged: each question more makes every answer
less sure.
"""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """b - a of one measure over the pairs in which both have a value. p: how often chance alone
    would differ so much, or, with a tolerance, so much more than the tolerance. A mean is infinite
    where the value of a run is 'never'; then nothing bounds the difference.
    """

    measure: str
    database: str
    tenant: str
    failure_class: str
    unit: str
    a: float
    b: float
    interval: Interval
    p: float
    pairs: int
    differing: int


Table = Mapping[Key, Mapping[int, tuple[int, int | None]]]


def table_of(
    samples: Sequence[Sample],
) -> dict[Key, dict[int, tuple[int, int | None]]]:
    """Return, by measure, what each replication has of it, at least and at most."""
    found: dict[Key, dict[int, tuple[int, int | None]]] = {}
    for s in samples:
        for v in s.values:
            found.setdefault(
                (v.measure, v.database, v.tenant, v.failure_class, v.unit),
                {},
            )[s.number] = (v.low, v.high)
    return found


def differences(
    a: Table,
    b: Table,
    confidence: float = 0.95,
    tolerance: Tolerance = NO_TOLERANCE,
) -> Iterator[PairedDifference]:
    """Yield the difference of every measure that both have, over the replications in which both
    have it. A censored value counts as what it is at least: both of a pair ran equally long.
    """
    side = (1 - confidence) / 2
    for key in a:
        if key not in b:
            continue
        numbers = sorted(a[key].keys() & b[key].keys())
        if not numbers:
            continue
        x = np.array([a[key][i][0] for i in numbers], np.float64)
        y = np.array([b[key][i][0] for i in numbers], np.float64)
        d = y - x
        interval = intervals.mean(d.tolist(), side, side)
        before, after = float(x.mean()), float(y.mean())
        least = tolerance.least(before, key[-1])
        beyond = (
            d - math.copysign(least, interval.estimate) if np.any(d) else d
        )
        if max(x.max(), y.max()) >= NO_WAY_US:
            before, after = _mean(x), _mean(y)
            interval = Interval(math.nan, -math.inf, math.inf)
        differing = int(np.count_nonzero(d))
        yield PairedDifference(
            *key,
            before,
            after,
            interval,
            p_value(beyond),
            len(numbers),
            differing,
        )


def _mean(values: np.ndarray) -> float:
    """The mean, infinite where a value is 'never'."""
    return math.inf if values.max() >= NO_WAY_US else float(values.mean())


def p_value(d: np.ndarray) -> float:
    """Return how often chance alone gives differences at least as lopsided, either way."""
    d = d[d != 0]
    n = len(d)
    if not n:
        return 1.0
    fewer = min(int((d > 0).sum()), int((d < 0).sum()))
    signs = 2 * float(special.bdtr(fewer, n, 0.5))
    scaled = d / np.abs(d).max()
    sizes = 2 * math.exp(
        -(float(scaled.sum()) ** 2) / (2 * float(scaled @ scaled))
    )
    return min(1.0, 2 * min(signs, sizes))


def pairs_needed(alarm: float) -> int:
    """Return how many pairs must differ, all one way, until the sign test alone can be as sure as
    that.
    """
    return 1 + math.ceil(
        math.log2(2 / alarm)
    )  # both directions, and two tests


# ---- what is shown of them
def differing(found: list[PairedDifference]) -> list[PairedDifference]:
    """Return what differs, without exposure before the first failure where that is all of it."""
    by_name = {
        (d.measure, d.database, d.tenant, d.failure_class): d for d in found
    }

    def echoes(d: PairedDifference) -> bool:
        name = d.measure.replace("exposure_before", "exposure")
        whole = by_name.get((name, d.database, d.tenant, d.failure_class))
        return (
            name != d.measure
            and whole is not None
            and (whole.a, whole.b) == (d.a, d.b)
        )

    return [d for d in found if d.differing and not echoes(d)]


def ranked(found: list[PairedDifference]) -> list[PairedDifference]:
    """The largest difference first, in parts of the larger of the two values; what may be chance
    last.
    """

    def part(d: PairedDifference) -> float:
        if math.isnan(d.interval.estimate):
            return 1.0  # one of them is 'never'
        return abs(d.interval.estimate) / (max(abs(d.a), abs(d.b)) or 1.0)

    return sorted(found, key=lambda d: (not is_sure(d), -part(d)))


def without_parts(found: list[PairedDifference]) -> list[PairedDifference]:
    """Return what is shown where there is little room: what differs in single databases or tenants
    only where the service as a whole does not differ in the same measure.
    """

    def of_service(d: PairedDifference) -> bool:
        return not (d.database or d.tenant)

    told = {(d.measure, d.failure_class) for d in found if of_service(d)}
    return [
        d
        for d in found
        if of_service(d) or (d.measure, d.failure_class) not in told
    ]


def is_sure(d: PairedDifference) -> bool:
    """Return whether the interval of the mean difference is on one side of zero."""
    return d.interval.low > 0 or d.interval.high < 0


def mean_texts(d: PairedDifference) -> list[str]:
    """Return both means as texts, fine enough to tell them apart."""
    known = [x for x in (d.a, d.b) if math.isfinite(x)]
    texts = iter(number_texts(known, d.unit))
    return [
        next(texts) if math.isfinite(x) else "never" for x in (d.a, d.b)
    ]


_IN_WORDS = {
    "exposure_before": "exposure before the first failure",
    "exposure_after": "exposure after the first failure",
    "ways_open_before": "ways open before the first failure",
}
"""Measures whose names do not say by themselves what they are."""


_STATISTIC = re.compile(r"\.(mean|max|min|p[0-9.]+)$")


def in_words(measure: str) -> str:
    """Return a measure as people read it: 'exposure above 15:00' for
    'exposure.above_900000000_us', as samples keep it; 'exposure p99 of far alone' for
    'exposure@far.p99'.
    """
    head, _, limit = measure.partition(".above_")
    found = _STATISTIC.search(head)
    statistic = f" {found[1]}" if found else ""
    head, _, place = head[: found.start() if found else None].partition("@")
    words = _IN_WORDS.get(head, head).replace(".", ": ").replace("_", " ")
    if limit:
        statistic = f" above {clock(int(limit.removesuffix('_us')))}"
    alone = f" of {place} alone" if place else ""
    return f"{words}{statistic}{alone}"


def named(d: PairedDifference) -> str:
    """Return what differs: 'exposure p99 of crm (site)'."""
    of = "".join(f" of {name}" for name in (d.database, d.tenant) if name)
    lost = f" ({d.failure_class})" if d.failure_class else ""
    return f"{in_words(d.measure)}{of}{lost}"
