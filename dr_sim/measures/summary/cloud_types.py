"""The types of a summary's part on the cloud manager: its calls and jobs, its machines, and how far
the two sides' configurations are apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.measures.cloud.machines import LoadNeeds
from dr_sim.measures.summary.curve_types import CurveSummary, PartedCurve
from dr_sim.measures.summary.fields import OMITTED


@dataclass(slots=True, kw_only=True)
class DriftSummary(PartedCurve):
    """How far the second side's configuration was behind, and beside it what the cloud manager
    believed.
    """

    reported: CurveSummary


@dataclass(slots=True)
class UpgradeSummary:
    """Calls while the cloud manager was upgraded."""

    began_us: int
    ended_us: int
    calls: int
    first_try_ppm: int | None
    unanswered: int


@dataclass(slots=True, kw_only=True)
class ApiSummary:
    """Calls of clients. outcomes: of those that were played one by one. lives: of the manager."""

    calls: int
    first_try: int
    unanswered: int
    first_try_ppm: int | None
    unanswered_ppm: int | None
    outcomes: dict[str, int]
    while_upgraded: list[UpgradeSummary]
    lives: int


@dataclass(slots=True, kw_only=True)
class JobsSummary:
    """twice, lost: changes that were carried out more than once at one side, or never. scripts: by
    what became of them. notices: by what somebody was told of. effects: by site and way.
    """

    twice: int
    lost: int
    scripts: dict[str, int]
    notices: dict[str, int]
    effects: dict[str, int]


@dataclass(slots=True)
class ProvisioningLine:
    """Holds what a part of a failover's wait went to."""

    what: str
    duration_us: int


@dataclass(slots=True)
class ProvisioningSummary:
    """A failover's wait for its site; the lines add up to it. ready: all was in place then."""

    began_us: int
    ended_us: int
    ready: bool
    lines: list[ProvisioningLine]


@dataclass(slots=True)
class ShortSummary:
    """A stretch in which fewer front ends ran at a site than they should. over: it ended within the
    run. least_ppm: the least part of them.
    """

    site: str
    began_us: int
    lasted_us: int
    over: bool
    least_ppm: int


@dataclass(slots=True)
class ToGoalSummary:
    """A stretch in which a farm lacked machines at a site. over: it ended within the run. reached:
    as the farm had its machines, and not as the site was lost or is used no more.
    """

    farm: str
    site: str
    began_us: int
    lasted_us: int
    over: bool
    reached: bool


@dataclass(slots=True)
class ImageSummary:
    """A copy of an image to a site."""

    image: str
    site: str
    began_us: int
    lasted_us: int
    sent_bytes: int
    arrived: bool


@dataclass(slots=True)
class PauseSummary:
    """Backups of a database that stood still while it was moved. over: they continued."""

    database: str
    tenants: list[str]
    began_us: int
    lasted_us: int
    over: bool


@dataclass(slots=True)
class FarmUpgradeSummary:
    """An upgrade of a farm. phases: when each began, by name."""

    farm: str
    image: str
    phases: dict[str, int]


@dataclass(slots=True)
class QuotaSummary:
    """A tenant's quota of machines in a network. most: that ran at one time at a site."""

    network: str
    tenant: str
    quota: int
    most: int


@dataclass(slots=True, kw_only=True)
class MachinesSummary:
    """degraded: at the active side. second_short: at the second one; second_least_ppm: the least
    part of the front ends that a failover would have found. counts: of machines, by what became of
    them. loads: that farms follow, quotas: of tenants; None where there are none.
    """

    degraded: list[ShortSummary]
    second_short: list[ShortSummary]
    second_least_ppm: int | None
    to_goal: list[ToGoalSummary]
    images: list[ImageSummary]
    upgrades: list[FarmUpgradeSummary]
    counts: dict[str, int]
    loads: list[LoadNeeds] | None = field(default=None, metadata=OMITTED)
    quotas: list[QuotaSummary] | None = field(
        default=None, metadata=OMITTED
    )


@dataclass(slots=True, kw_only=True)
class CloudSummary:
    """Holds what is measured of the cloud manager."""

    drift: DriftSummary
    provision_if_now: PartedCurve
    api: ApiSummary
    jobs: JobsSummary
    provisionings: list[ProvisioningSummary]
    pauses: list[PauseSummary]
    machines: MachinesSummary | None = field(default=None, metadata=OMITTED)

    def count(self, measure: str) -> int:
        """Return 'jobs_twice' or 'jobs_lost'."""
        return (
            self.jobs.twice if measure == "jobs_twice" else self.jobs.lost
        )

    def part(self, measure: str) -> int | None:
        """Return 'api.first_try' or 'api.unanswered'."""
        first = measure == "api.first_try"
        return self.api.first_try_ppm if first else self.api.unanswered_ppm
