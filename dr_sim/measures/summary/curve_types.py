"""The types of curves in a summary, and of the ways back that were open."""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.measures.outage_now.ways import WaySummary
from dr_sim.measures.summary.fields import OMITTED, key


@dataclass(slots=True)
class TimeAbove:
    """How long a curve was above a limit. ppm: of the time that was measured, rounded up."""

    time_us: int
    ppm: int


@dataclass(slots=True, kw_only=True)
class CurveSummary:
    """Mean, quantiles and maximum of a curve over the measured time; None where no time was, or
    where the value has no end. above: by limit, microseconds. never_us: for how long there was no
    value at all, of a curve that may have none.
    """

    time_us: int
    mean_us: int | None = None
    max_us: int | None = None
    mean_s: float | None = None
    max_s: float | None = None
    p50_us: int | None = None
    p90_us: int | None = None
    p95_us: int | None = None
    p99_us: int | None = None
    above: dict[int, TimeAbove] = field(default_factory=dict)
    never_us: int | None = field(default=None, metadata=OMITTED)

    def statistic(self, name: str) -> int | None:
        """Return 'mean', 'max' or a quantile, 'p50' and the like."""
        found: int | None = getattr(self, f"{name}_us")
        return found

    def known(self, name: str) -> int:
        """Return a statistic of a curve that has one: time was measured, and it has an end."""
        found = self.statistic(name)
        assert found is not None, f"{name} of a curve without a value"
        return found


@dataclass(slots=True, kw_only=True)
class PartedCurve(CurveSummary):
    """The worst of all databases' curves, each of them, and the worst of each tenant's. by_copy: of
    each named copy, were it the only way back.
    """

    by_database: dict[str, CurveSummary]
    by_tenant: dict[str, CurveSummary]
    by_copy: dict[str, CurveSummary] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ClassedCurve(PartedCurve):
    """A curve for the loss of a site, and what it would be for other classes of failure."""

    failure_class: str = field(metadata=key("class"))
    other_classes: dict[str, PartedCurve]


@dataclass(slots=True, kw_only=True)
class ReportedCurve(CurveSummary):
    """Holds what the manager believed. defined_us: when it could say anything."""

    defined_us: list[list[int]]


@dataclass(slots=True, kw_only=True)
class ExposureSummary(ClassedCurve):
    """True exposure, and beside it what the manager believed."""

    reported: ReportedCurve


@dataclass(slots=True, kw_only=True)
class OutageIfNowSummary(ClassedCurve):
    """Holds what an outage would have been, if the site had been lost at any time; of other classes
    of failure where the SLA asks for them; and what the recovery manager believed of the loss of
    the site.
    """

    reported: ReportedCurve


@dataclass(slots=True, kw_only=True)
class WaysOpenSummary:
    """How many ways back from one class of failure were open. fewest: at the worst instant; None:
    no time was measured. first_us: from when to when there were so few for the first time, ways:
    each of them then, with_fewest_us: for how long there were so few in all. In words, since_when:
    that, why: which were closed then and why, not_known: from when to the end of the run no primary
    was up ('' if one was).
    """

    time_us: int
    fewest: int | None
    with_fewest_us: int
    since_when: str = ""
    why: str = ""
    not_known: str = ""
    first_us: list[int] = field(default_factory=list)
    ways: list[WaySummary] = field(default_factory=list)

    @property
    def note(self) -> str:
        """Return since when there were so few, and why."""
        return "; ".join(filter(None, (self.since_when, self.why)))
