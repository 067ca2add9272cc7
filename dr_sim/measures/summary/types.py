"""Tells what a summary holds: every number of a run, by name.

Durations and instants are integers in microseconds (`..._us`) and, where people read them, also
seconds (`..._s`, floats, for reading only); parts are in ppm; None is unknown. JSON is made of them
at the border alone (plain.py); a key that Python reserves has another name here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.measures.causes.pieces import LedgerLine
from dr_sim.measures.outage_now.ways import WaySummary
from dr_sim.measures.summary.cloud_types import CloudSummary
from dr_sim.measures.summary.curve_types import (
    ClassedCurve,
    CurveSummary,
    ExposureSummary,
    OutageIfNowSummary,
    PartedCurve,
    WaysOpenSummary,
)
from dr_sim.measures.summary.fields import OMITTED, key
from dr_sim.scenario.sla_measures import (
    CLOUD_CURVES,
    WAYS_OPEN,
)


# ---- alerts
@dataclass(slots=True, kw_only=True)
class AlertScore:
    """How well people were notified."""

    raised: int
    due: int
    missed: int
    late: int
    false: int
    max_delay_us: int | None


@dataclass(slots=True)
class AlertSummary:
    """One alert. database: '' for the whole service."""

    number: int
    time_us: int
    source: str
    database: str
    event_id: int
    level: str
    minutes: int
    text: str
    false: bool


@dataclass(slots=True)
class EpisodeSummary:
    """One danger that lasted. alert: the number of the alert that reported it."""

    database: str
    onset_us: int
    end_us: int
    ended_by_failure: bool
    due_us: int | None
    alert: int | None
    delay_us: int | None
    missed: bool
    late: bool
    limbs: str


@dataclass(slots=True)
class AlertsOfAKind:
    """Alerts that are alike. databases: how many they are about; text: that of the first."""

    source: str
    event_id: int
    level: str
    false: bool
    count: int
    databases: int
    first_us: int
    last_us: int
    text: str


@dataclass(slots=True)
class DangersOfAKind:
    """Dangers that are alike. due: they lasted so long that an alert was due. From the beginning of
    the first to the end of the last.
    """

    limbs: str
    due: bool
    missed: bool
    late: bool
    count: int
    databases: int
    first_us: int
    last_us: int


@dataclass(slots=True, kw_only=True)
class AlertsSummary(AlertScore):
    """Every alert and every danger, with a score of all databases, of each, of tenants. summed,
    dangers_summed: in their place, in a file, where they are too many (results/long_lists.py).
    """

    first: AlertSummary | None
    each: list[AlertSummary] = field(metadata=key("list"))
    summed: list[AlertsOfAKind] | None = field(
        default=None, metadata=OMITTED
    )
    episodes: list[EpisodeSummary]
    dangers_summed: list[DangersOfAKind] | None = field(
        default=None, metadata=OMITTED
    )
    by_database: dict[str, AlertScore]
    by_tenant: dict[str, AlertScore]


# ---- failovers
@dataclass(slots=True)
class LedgerSummary:
    """A number and the lines that add up to it; None: the number is unknown."""

    total_us: int | None
    note: str
    lines: list[LedgerLine]


@dataclass(slots=True, kw_only=True)
class CostSummary:
    """Holds what a failover cost the service, a database or a tenant. outage_us: None where users
    were not served again; phases_us: what the outage consists of. unprotected_us: until a new
    recovery network stood; censored: the run ended before.
    """

    data_loss_us: int | None
    outage_us: int | None
    outage_from_us: int | None
    served_again_us: int | None
    phases_us: dict[str, int]
    unprotected_us: int | None = None
    unprotected_censored: bool = False


@dataclass(slots=True, kw_only=True)
class DatabaseCost(CostSummary):
    """Holds what a failover cost one database. note: why its data loss is unknown."""

    note: str
    name: str
    failed_us: int
    recovery_point_us: int | None
    user_bytes_lost: int
    maintenance_bytes_lost: int
    transactions_lost: int
    discarded_bytes: int
    discarded_transactions: int


@dataclass(slots=True, kw_only=True)
class TenantCost(CostSummary):
    """Holds what a failover cost one tenant: the worst of its databases."""

    name: str
    databases: list[str]


@dataclass(slots=True)
class EndedWait:
    """The drain limit decided what was lost. files: how many were still on their way then."""

    time_us: int
    files: int


@dataclass(slots=True, kw_only=True)
class ToldSummary:
    """Whether anyone had been told, before the failure, of the danger that it met. answer: 'yes',
    'no' or 'no danger'.
    """

    answer: str
    database: str | None = field(default=None, metadata=OMITTED)
    onset_us: int | None = field(default=None, metadata=OMITTED)
    alert: AlertSummary | None = field(default=None, metadata=OMITTED)
    before_failure_us: int | None = field(default=None, metadata=OMITTED)
    after_fault_us: int | None = field(default=None, metadata=OMITTED)
    fault: str | None = field(default=None, metadata=OMITTED)


@dataclass(slots=True)
class SiteBack:
    """The old primary's site or host, that is back after its failover. role: 'second side' or
    'spare'. user_bytes, transactions: of what the failover lost, what is still there; not merged.
    """

    time_us: int
    what: str
    site: str
    role: str
    user_bytes: int
    transactions: int


@dataclass(slots=True)
class PhaseSpan:
    """One phase of an outage at its place in time. A phase may come back later; each attempt that
    failed is a span of its own.
    """

    phase: str
    begin_us: int
    duration_us: int


@dataclass(slots=True)
class CannotFollow:
    """A database whose copy at another standby could not follow the new primary, and why.
    seeded_by: from what it is restored.
    """

    place: str
    database: str
    why: str
    seeded_by: str


@dataclass(slots=True, kw_only=True)
class FailoverSummary(CostSummary):
    """One failover: what began it, what it cost, and why. drain_restoring_us: for so much of the
    drain a restore ran; drain_hung_us: one ran that hung until it was ended.
    """

    number: int
    failure_class: str = field(metadata=key("class"))
    by_itself: bool
    fell: bool
    unfenced: bool
    mode: str
    ordered_by: str | None
    ordered_us: int | None
    ordered_planned: bool | None
    failed_us: int
    events: str
    data_loss_s: float | None
    recovery_point_us: int | None
    worst_database: str
    user_bytes_lost: int | None
    maintenance_bytes_lost: int | None
    transactions_lost: int | None
    discarded_bytes: int
    discarded_transactions: int
    databases: list[DatabaseCost]
    loss_ledger: LedgerSummary
    outage_s: float | None
    outage_note: str
    phases: list[PhaseSpan]
    manager_down_us: int
    outage_ledger: LedgerSummary
    drain_restoring_us: int
    drain_hung_us: int
    limit_ended_the_wait: EndedWait | None
    requests_failed: int
    requests_offered: int
    two_primaries_us: int
    tenants: list[TenantCost]
    told: ToldSummary
    seeded_anew: list[str] = field(default_factory=list)
    leg: int = 1
    primary: str = ""
    new_primary: str = ""
    follow: list[str] = field(default_factory=list)
    cannot_follow: list[CannotFollow] = field(default_factory=list)
    unprotected_ledger: LedgerSummary | None = None
    back: SiteBack | None = None
    # where places are named under `copies`
    ways: list[WaySummary] = field(default_factory=list)


@dataclass(slots=True)
class RefusedOrder:
    """An order that was refused. what: what was ordered."""

    time_us: int
    operator: str
    reason: str
    events: str
    what: str = "to fail over"


@dataclass(frozen=True, slots=True)
class RotFound:
    """Facts about pages that have rotted. damaged_bytes: their size. noticed_by: what read
    them first, '' if nothing did. fulls: how many fulls were made that hold them.
    """

    damaged_bytes: int
    noticed_by: str
    fulls: int


@dataclass(slots=True)
class MistakeSummary:
    """A wrong change that was committed; with rot, pages that have rotted at the primary. gone: a
    failover left it behind. copied_back_bytes: so much was copied back from a database that was
    restored beside the service. place: where the way back was. given_up: places where such a
    restore was given up. noticed_us: when somebody noticed it. right_us: when users had again what
    it had destroyed. lasted_us: how long they had not, at least that where right_us is None.
    degraded_us: the same, the time in which the service was down left out. tenants: whose data it
    destroyed. stopped: those of them of whom nobody could work. stops_database, stops_service:
    nobody else could work there, either.
    """

    time_us: int
    database: str
    what: str
    gone: bool
    noticed_us: int | None = None
    right_us: int | None = None
    degraded_us: int = 0
    place: str = ""
    copied_back_bytes: int | None = None
    given_up: list[str] = field(default_factory=list)
    lasted_us: int = 0
    tenants: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    stops_database: bool = False
    stops_service: bool = False
    rot: RotFound | None = None


# ---- how each database stands (measures/standing.py)
@dataclass(frozen=True, slots=True)
class Spread:
    """A curve in three numbers; None: it has no time."""

    p50_us: int | None
    p99_us: int | None
    max_us: int | None


@dataclass(frozen=True, slots=True)
class TargetMet:
    """Holds what failovers cost at the worst, beside what the SLA allows. outcome: 'pass', 'fail',
    'unknown', or 'none' if there is no bound or no failure. value_us None: unknown, or no failure.
    """

    value_us: int | None
    bound_us: int | None
    outcome: str


@dataclass(slots=True)
class DatabaseStanding:
    """One row: of a database, or with an empty name of the service. misses: measures of the SLA's
    lines that it misses: those that name it, and those on exposure. cause: what most of `explained`
    is made of: of its data loss, of its highest exposure, or of a measure that it misses.
    """

    database: str
    data_loss: TargetMet
    outage: TargetMet
    before: Spread
    after: Spread
    lag: Spread
    alerts_raised: int
    alerts_missed: int
    alerts_false: int
    cause: str = ""
    cause_us: int | None = None
    misses: list[str] = field(default_factory=list)
    explained: str = ""
    explained_us: int | None = None


# ---- the run
@dataclass(slots=True)
class MeasuredTime:
    """From when to when was measured. up_until: when the first primary went down."""

    begin: int = field(metadata=key("from"))
    end: int
    up_until: int


@dataclass(slots=True)
class CopySummary:
    """One of several standbys in one leg: what it alone would have saved."""

    place: str
    exposure: CurveSummary
    outage_if_now: CurveSummary
    replay_lag: CurveSummary


@dataclass(slots=True)
class LegSummary:
    """Which site was the primary and which the secondary, from when to when. unprotected_us: from
    when to when there was no recovery network. exposure: by the best standby at each instant.
    copies: each of several standbys, the preferred one first.
    """

    leg: int
    begins_us: int
    ends_us: int
    primary: str
    secondary: str
    unprotected_us: list[int] | None
    exposure: CurveSummary
    copies: list[CopySummary] = field(default_factory=list)


@dataclass(slots=True)
class BacklogSummary:
    """How many backups had not landed, or not been restored."""

    not_landed_max: int
    not_landed_at_end: int
    not_restored_max: int
    not_restored_at_end: int


@dataclass(slots=True)
class LinkSummary:
    """Holds what the link was asked to carry, could and did carry while there was a primary."""

    offered_bytes: int
    could_carry_bytes: int
    overloaded: bool
    bytes_sent: int
    used_ppm: int | None
    down_us: int


@dataclass(slots=True, kw_only=True)
class RefusedTime:
    """For how long commits were refused, and how many."""

    time_us: int
    transactions: int


@dataclass(slots=True, kw_only=True)
class WritesRefusedSummary(RefusedTime):
    """The same for the service, each database and each tenant."""

    first_us: int | None
    by_database: dict[str, RefusedTime]
    by_tenant: dict[str, RefusedTime]


@dataclass(slots=True)
class SilentRecovery:
    """A promotion that reported success and was short. sound: what it holds is the primary's."""

    time_us: int
    database: str
    claimed: int
    held: int
    sound: bool


@dataclass(slots=True)
class ViolationSummary:
    """An invariant that broke."""

    time_us: int
    invariant: str
    detail: str


@dataclass(slots=True, kw_only=True, repr=False)
class Summary:
    """All measures of one run. Without a failover `failovers` is empty.

    Everything is of all legs, in the whole run's time: failovers and alerts are numbered through,
    curves joined (dr_sim/measures/whole.py), counts added up.
    """

    name: str
    seed: int
    replication_no: int
    databases: list[str]
    start_utc_us: int
    time_zone: str
    measured_us: MeasuredTime
    legs: list[LegSummary]
    failovers: list[FailoverSummary]
    orders_refused: list[RefusedOrder]
    mistakes: list[MistakeSummary]
    exposure: ExposureSummary
    exposure_before: ClassedCurve
    exposure_after: ClassedCurve
    replay_lag: PartedCurve
    outage_if_now: OutageIfNowSummary
    backlog: BacklogSummary
    alerts: AlertsSummary
    link: LinkSummary
    backups: dict[str, int]
    writes_refused: WritesRefusedSummary
    happened: dict[str, int]
    silent_recoveries: list[SilentRecovery]
    violations: list[ViolationSummary]
    conservation: list[dict[str, dict[str, int]]]
    ways_open: dict[str, WaysOpenSummary]
    ways_open_before: dict[str, WaysOpenSummary]
    cloud: CloudSummary | None = field(default=None, metadata=OMITTED)
    standings: list[DatabaseStanding] = field(default_factory=list)

    def __repr__(self) -> str:
        failed = f"{len(self.failovers)} failover{'s' * (len(self.failovers) != 1)}"
        return f"Summary({self.name}, seed {self.seed}, {failed})"

    def curve(self, head: str) -> PartedCurve:
        """Return the curve that an SLA line means by its measure (CURVES in sla_measures.py)."""
        of = self.cloud if head in CLOUD_CURVES else self
        found: PartedCurve = getattr(of, head)
        return found

    def ways_open_of(self, measure: str) -> dict[str, WaysOpenSummary]:
        """Return 'ways_open' or 'ways_open_before', by class of failure."""
        whole, before = WAYS_OPEN
        return {whole: self.ways_open, before: self.ways_open_before}[
            measure
        ]
