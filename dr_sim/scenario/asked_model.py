"""Questions to a scenario: its SLA, how many replications are to be run, what a sweep varies."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SlaLine:
    """measure: 'data_loss', 'outage.p95', 'exposure.p99', 'exposure.max', 'alerts_missed', ...; see
    scenario/sla_measures.py.

    failure_class: only failures (or exposure to failures) of this class; '' is every failure, and
    exposure to 'site'. fault: only runs in which one of that kind happened. file, line: where it
    was written.
    """

    id: str
    measure: str
    at_most: bool
    bound: int  # microseconds, ppm or a count, by measure
    database: str = ""
    line: int = field(
        default=0, compare=False
    )  # where it was written, not what it says
    failure_class: str = ""
    fault: str = ""
    file: str = field(default="", compare=False)
    tenant: str = (
        ""  # only what concerns this tenant: the databases it has data in
    )


@dataclass(frozen=True, slots=True)
class Until:
    """Enough when the interval of a measure is no wider, to either side, than this part of its
    estimate.
    """

    measure: str
    within_ppm: int


@dataclass(frozen=True, slots=True)
class RareQuestion:
    """How likely a failure at a random instant costs more than a limit: measure is 'data_loss' (of
    the loss of the primary's site) or 'outage' (of a failover that is begun then).
    """

    measure: str
    limit_us: int
    text: str  # as it was written


@dataclass(frozen=True, slots=True)
class Replications:
    """How many independent runs: at_least, then looks at growing numbers until every interval is
    narrow enough (or, in a check, every line is judged), at_most. budget_us: of real time, no
    further look after it. rare: each is answered from as many runs again, in which what leads
    there is drawn more often.
    """

    at_least: int
    at_most: int
    until: tuple[Until, ...] = ()
    budget_us: int | None = None
    rare: tuple[RareQuestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Tilt:
    """How one line of faults is drawn otherwise. fault: its index. rate_times: so many times as
    often. long_part: this part of its durations lasts at least one of least_us, each of them as
    likely.
    """

    fault: int
    rate_times: float
    long_part: float = 0.0
    least_us: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """A key of the scenario and the values, as texts, that it takes in turn."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SweepAnswer:
    """Holds what a sweep is asked for: the smallest (or largest) value of a key that meets a line;
    without one, the whole SLA.
    """

    key: str
    smallest: bool
    line: SlaLine | None
