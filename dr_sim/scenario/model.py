"""A scenario as the rest of dr_sim sees it: plain values in integers, no YAML, no units, no
defaults left open.

Durations and instants are microseconds since the scenario's start, sizes bytes, bandwidths bit/s,
disk rates bytes/s. The loader builds these; `defaults.py` says where every default comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from dr_sim.units import DAY_US

if TYPE_CHECKING:
    from dr_sim.scenario.cloud_model import Cloud

from dr_sim.scenario.asked_model import (
    Replications,
    SlaLine,
    Sweep,
    SweepAnswer,
    Tilt,
)
from dr_sim.scenario.kind import EventKind

FAILURE_CLASSES = ("database", "host", "site")
"""Classes of failure, by what is lost: the worst last."""


@dataclass(frozen=True, slots=True)
class Law:
    """A law of a duration (microseconds) or of a factor (millionths).

    kind: 'fixed' (a), 'exponential' (mean a), 'uniform' (a..b), 'lognormal' (median a, 95th
    percentile b).
    """

    kind: str
    a: int
    b: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a backup job starts. kind: 'none', 'every' (interval_us after each whole multiple since
    the start plus offset_us), 'daily', 'weekly' (on each of these weekdays, 0 = Monday), 'monthly'.

    times_us: after local midnight, each of them on each such day, ascending. month_day: of a
    monthly one, 1 to 28, or -1 for the last day; 0: it starts on the nth (1 to 4, or -1 for the
    last) of its one weekday.
    """

    kind: str
    interval_us: int = 0
    offset_us: int = 0
    weekdays: tuple[int, ...] = ()
    times_us: tuple[int, ...] = ()
    month_day: int = 0
    nth: int = 0
    zone: str = "UTC"  # IANA name


@dataclass(frozen=True, slots=True)
class LogVolume:
    """How fast a database writes log that users' commits make.

    shape 'steady': num bytes every den_us. 'business_hours': the same mean over a week, by the
    hourly weights in world/kernel/workload.py. 'series': bytes[i] during the i-th interval of
    series_interval_us, repeated from its start.
    """

    shape: str
    num_bytes: int = 0
    den_us: int = 1_000_000
    series_interval_us: int = 0
    series_bytes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupCost:
    """Holds what one backup at the primary, or one restore at the secondary, costs: fixed_us, then
    nominal bytes at rate_bytes_s of the shared disk.
    """

    fixed_us: int
    rate_bytes_s: int


@dataclass(frozen=True, slots=True)
class DatabaseSpec:
    name: str
    size_bytes: int
    machine: str
    log_volume: LogVolume
    # users' transactions: num every den_us on average; they follow the log volume
    transactions_num: int
    transactions_den_us: int
    # of the log written since its base, what an incremental holds (pages, not log)
    incremental_share_ppm: int
    full: Schedule
    incremental: Schedule
    log: Schedule
    serial: bool  # its jobs never run side by side: a log waits for a full
    seeded: bool  # a full of it lies restored at the secondary when the run begins
    log_capacity_bytes: int = (
        0  # the most its transaction log holds; 0: not limited
    )
    tenants: tuple[str, ...] = ()  # whose data it holds; they share it


@dataclass(frozen=True, slots=True)
class PrimarySpec:
    disk_bytes_s: int  # shared by all backup jobs of a machine
    full: BackupCost
    incremental: BackupCost
    log: BackupCost
    retention_us: int
    retention_count: int  # least number of fulls to keep, at any age
    share_capacity_bytes: int = (
        0  # of the disk that holds the backup share; 0: not limited
    )


USUAL_RTT_US = 30_000
"""A round trip that is within the figures that a scenario gives (assumed; the default of link.rtt).
"""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    bandwidth_bit_s: int
    rtt_us: int
    loss_ppb: int  # parts in 10^9
    mss_bytes: int
    sharing: str  # 'fair', 'fifo', 'priority'

    @property
    def distance_us(self) -> int:
        """Return what a round trip lasts beyond the usual one, whatever happens to the link."""
        return max(0, self.rtt_us - USUAL_RTT_US)


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """A replicated folder: a share at the primary and one at the secondary, with a staging area of
    its own.
    """

    group: str
    name: str
    databases: tuple[str, ...]
    primary_share: str
    secondary_share: str
    staging_bytes: int


@dataclass(frozen=True, slots=True)
class ReplicationSpec:
    slots: int
    staging_bytes: int
    high_watermark_ppm: int
    low_watermark_ppm: int
    purge_bytes_s: int
    retry_us: int  # back-off after a cut transfer; 0: continues as soon as the link is back
    resume_above_bytes: (
        int  # larger files resume after a cut, others start again
    )
    every_us: int  # 0: as soon as a file is finished; else a copy job at whole multiples
    delta_ppm: int  # part of a changed file that crosses the link; 1_000_000: all of it
    # each database is in one; none: all are in one with the usual names
    folders: tuple[FolderSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class SecondarySpec:
    disk_bytes_s: int  # shared by hashing, copying and restoring
    hash_bytes_s: int
    copy_bytes_s: (
        int  # into the restore folder; 0: blocks are cloned, in no time
    )
    restore: tuple[
        BackupCost, BackupCost, BackupCost
    ]  # by kind: of a full, an incremental, a log
    restore_tail: Law  # factor in millionths on every restore's duration
    retention_us: int
    retention_count: int
    share_capacity_bytes: int = (
        0  # of the disk that holds the landing share; 0: not limited
    )
    data_capacity_bytes: int = (
        0  # of the disk that holds the restored databases; 0: not limited
    )


@dataclass(frozen=True, slots=True)
class Replay:
    workers: int
    on_hole: str  # 'bridge', 'skip_ahead', 'resync'
    otherwise: str  # what to do when on_hole cannot
    delay_us: int
    every_us: int  # 0: at once; else a restore job at whole multiples
    attempts: int
    age_us: int
    retry_us: int
    window_us: int  # no new log for so long: alert
    critical_after_us: int
    validate_hash: bool  # False: neither on arrival nor, by the engine, before a restore
    validate_properties: bool
    reverify_us: int  # 0: only on arrival


@dataclass(frozen=True, slots=True)
class OwnSchedule:
    """A store's own schedule: a second chain of each database (world/primary/own_backups.py).

    incremental: kind 'none' where there are none. log: kind 'none' where it gets the logs of the
    databases' schedules. cost: of each full at the primary.
    """

    full: Schedule
    incremental: Schedule
    log: Schedule
    cost: BackupCost

    @property
    def has_logs(self) -> bool:
        """Return whether its logs are backed up for it alone."""
        return self.log.kind != "none"

    @property
    def has_incrementals(self) -> bool:
        return self.incremental.kind != "none"

    @property
    def made_for_it(self) -> str:
        """Return the kinds of backups that are made for it alone, in words."""
        kinds = ["fulls"]
        if self.has_incrementals:
            kinds.append("incrementals")
        if self.has_logs:
            kinds.append("logs")
        before = ", ".join(kinds[:-1])
        return f"{before} and {kinds[-1]}" if before else kinds[-1]


@dataclass(frozen=True, slots=True)
class BackupStoreSpec:
    """A place that keeps backup files and replays none (scenario/keys/backup_stores.py).

    source: the store that feeds it, '' for the primary's share. kinds: words of the backups that it
    takes. hold_us: how long a file stays at its source before it may go. every: when what may go is
    fetched; kind 'none': at once. transit_us: on the way, beyond the link. machine_us: until there
    is a machine to restore onto. delay_us: how much later than it was finished a backup lies here
    at the worst, by all levels, without the links; held_us: the part of it that is the same for all
    (the waits for `every` are not). seeded: the databases of which a full lies here
    when the run begins. own: the fulls that are taken for it alone; None: it takes those of the
    databases' schedules.
    """

    source: str
    kinds: tuple[str, ...]
    hold_us: int
    every: Schedule
    transit_us: int
    read_bytes_s: int
    machine_us: int
    retention_us: int
    retention_count: int
    capacity_bytes: int
    delay_us: int = 0
    held_us: int = 0
    seeded: tuple[str, ...] = ()
    own: OwnSchedule | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded series, begun again when it is over: values[i] holds during its i-th step_us.
    None: no values.

    The link's: bit/s. Restores: a factor on their durations, in millionths.
    """

    step_us: int = 0
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outages:
    """Recorded outages of the link, begun again after period_us: (begin, end) within it."""

    period_us: int = 0
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedSeries:
    """The recorded conditions of a standby: of its link with the primary, and of restores there."""

    link: Recorded = Recorded()
    outages: Outages = Outages()
    restores: Recorded = Recorded()


@dataclass(frozen=True, slots=True)
class StandbySpec:
    """One of several standbys, at the place that bears its name (scenario/keys/standbys.py).
    store: it is none, but keeps backup files.
    """

    name: str
    link: LinkSpec
    replication: ReplicationSpec
    secondary: SecondarySpec
    replay: Replay
    recorded: RecordedSeries
    store: BackupStoreSpec | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    every_us: int
    own_path: bool  # False: over the data link


@dataclass(frozen=True, slots=True)
class Choose:
    """Which of several copies takes over.

    policy: 'preferred', 'least_loss', 'fastest', 'least_loss_within'; within_us: of the last one,
    how long the outage may be.
    """

    policy: str
    within_us: int = 0


@dataclass(frozen=True, slots=True)
class FailoverSpec:
    mode: str  # 'manual', 'automatic'
    silent_for_us: int
    machines_silent: int  # 0: all of them
    operators: tuple[str, ...]  # who may order one
    on_duty: str  # who is paged
    answers_in: Law
    approves: bool
    repairs_first: (
        Law  # time that people try to repair before he gives his word
    )
    fence_us: int  # a fence that is obeyed
    fence_timeout_us: int  # one that cannot reach anything
    drain_limit_us: int
    planned_limit_us: int | None  # None: it waits without an end
    restore_limit_us: int
    recover: Law  # time to bring a database online
    undo_bytes_s: int  # at which open transactions are undone then
    turn_us: int  # with several standbys: how long each waits for the one before it
    lease_us: int  # with several standbys: how long a dead one keeps what it has claimed
    choose: Choose  # with several copies: which of them takes over
    switch_us: int
    ttl_us: int
    reconnect_us: int
    warm_up_us: int
    warm_up_from_ppm: int  # capacity right after the switch


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The kind of server that holds the databases."""

    kind: str  # 'model', 'sqlite', 'postgres'
    imitates: str  # the model: 'sql_server', 'postgres'
    scale: (
        int  # real engines: bytes on disk are nominal ones divided by this
    )
    timing: str  # 'modelled': durations by the scenario's costs; 'measured': by the clock

    @property
    def postgres_rules(self) -> bool:
        """Do PostgreSQL's rules hold, by the real server or by the model of it?"""
        return self.kind == "postgres" or (
            self.kind == "model" and self.imitates == "postgres"
        )


@dataclass(frozen=True, slots=True)
class UsersSpec:
    requests_num: int
    requests_den_us: int
    utilisation_ppm: int  # of the warm capacity


@dataclass(frozen=True, slots=True)
class ScriptedEvent:
    """One line under `events:`. params is the validated Params object of its kind (see
    dr_sim/faults).
    """

    number: int  # 1-based, as people count them in the file
    at_us: int
    kind: EventKind
    params: Any
    copy: str = ""  # the standby that it affects; '': the first one, or none of them


@dataclass(frozen=True, slots=True)
class DrawnFault:
    """One line under `faults:`: occurrences as a Poisson process, num every den_us on average (0:
    none by themselves).

    in_windows_ppm: the part of them that falls into change windows, -1: no matter when.
    with_site_ppm: how likely one comes with the loss of the primary's site. again_ppm: how likely
    each is followed by one more, after again_in.
    """

    kind: EventKind
    num: int
    den_us: int
    params: Any
    in_windows_ppm: int = -1
    with_site_ppm: int = 0
    again_ppm: int = 0
    again_in: Law | None = None
    always: bool = False  # it is on from the start to the end
    copy: str = ""  # as of a ScriptedEvent


@dataclass(frozen=True, slots=True)
class DirectorySpec:
    """Accounts and computers: num changes every den_us on average; replicated by that schedule,
    there lag_us later; one that is missing in a failover takes provision_us to make by hand. No
    changes: there is no directory to speak of.
    """

    changes_num: int
    changes_den_us: int
    replicate: Schedule
    lag_us: int
    provision_us: int

    @property
    def gaps(self) -> Law:
        """The times between two entries. Only where there are changes."""
        return Law("exponential", self.changes_den_us // self.changes_num)


@dataclass(frozen=True, slots=True)
class ChangeWindows:
    """When changes are made: a time of length_us from each start on."""

    start: Schedule
    length_us: int


@dataclass(frozen=True, slots=True)
class Monitor:
    """The monitor on a third machine (dr_sim/monitor). repeat_us: an alert that is up is raised
    again after so long.
    """

    enabled: bool
    every_us: int = 120_000_000
    backup_threshold_us: int = 3_600_000_000
    restore_threshold_us: int = 2_700_000_000
    repeat_us: int = 300_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Holds what things cost, in millionths of the money's unit; -1: not known. link: of 1 Mbit/s a
    month; storage: of 1 GB a month; machine: of one a month; egress: of 1 GB sent.
    """

    link: int = -1
    storage: int = -1
    machine: int = -1
    egress: int = -1


@dataclass(frozen=True, slots=True)
class HeldElsewhere:
    """Holds what a place that is neither the primary's nor behind it holds of a database, for some
    time of a leg: so many commits, up to that position. lacking_us: when the first that it lacks
    was written.
    """

    database: int
    place: str
    from_us: int
    until_us: int
    lacking_us: int
    commits: int
    lsn: int


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One stretch of an attempt to take over at a place that failed, in the leg's time. number:
    which attempt, from 1 on. what: what the stretch was spent on.
    """

    number: int
    place: str
    from_us: int
    until_us: int
    what: str


@dataclass(frozen=True, slots=True, repr=False)
class Scenario:
    name: str
    description: str
    seed: int
    replication_no: int
    leg_no: int  # 1 until the first change of roles: see dr_sim/measures/legs.py
    start_utc_us: int  # instant 0, microseconds since 1970 UTC
    time_zone: str
    run_for_us: int
    measure_from_us: int
    databases: tuple[DatabaseSpec, ...]
    machines: tuple[str, ...]
    primary: PrimarySpec
    link: LinkSpec
    replication: ReplicationSpec
    secondary: SecondarySpec
    replay: Replay
    heartbeat: Heartbeat
    failover: FailoverSpec
    users: UsersSpec
    engine: EngineSpec
    # after a promotion a new secondary is in place after so long; None: never
    new_secondary_us: int | None
    # it is in place when the machines of all farms run there
    new_secondary_built: bool
    manager_restart_us: (
        int  # a crashed recovery manager is back after so long
    )
    danger_us: int  # true exposure above this is a danger of which somebody must be notified
    danger_grace_us: int
    # so is an outage_if_now above this; None: above what the SLA allows
    danger_outage_us: int | None = None
    danger_behind_us: int = (
        45 * 60_000_000
    )  # so is a standby that is further behind
    # of a leg after a change of roles: when in the run it begins, how long after that its second
    # side is in place, and what other places hold
    begins_us: int = 0
    secondary_from_us: int = 0
    held_elsewhere: tuple[HeldElsewhere, ...] = ()
    # of a leg with several copies: attempts to take over that failed
    failed_attempts: tuple[FailedAttempt, ...] = ()
    directory: DirectorySpec = DirectorySpec(0, 1, Schedule("none"), 0, 0)
    monitor: Monitor = Monitor(False)
    recorded: RecordedSeries = RecordedSeries()
    change_windows: ChangeWindows = ChangeWindows(Schedule("none"), 0)
    events: tuple[ScriptedEvent, ...] = ()
    faults: tuple[DrawnFault, ...] = ()
    sla: tuple[SlaLine, ...] = ()
    replications: Replications | None = None
    on_unknown: str = "fail"  # or 'warn': what a check makes of a line that could not be judged
    sweep: tuple[Sweep, ...] = ()
    answer: SweepAnswer | None = None
    prices: Prices = Prices()
    # as written back to results/, defaults filled in
    resolved: dict[str, Any] = field(default_factory=dict)
    cloud: Cloud | None = None  # the cloud manager and what is around it
    steps: bool = (
        False  # every fast path is off (--steps): the records are the same
    )
    # the recovery manager of the user's own, 'package.module:Factory' (--manager); '': dr_sim's
    manager: str = ""
    # the laws of luck of which a replication draws one (world/kernel/tilted.py); none: the
    # scenario's own
    tilts: tuple[tuple[Tilt, ...], ...] = ()
    standbys: tuple[
        StandbySpec, ...
    ] = ()  # none: one, by the sections above
    # of the standby that looks at it: its place in the order of those that there are
    rank: int = 0
    ranks: int = 1
    # its place, where that has draws of its own; '': those of the first standby
    draws_at: str = ""
    # what it is at that place, where that is no standby
    store: BackupStoreSpec | None = None

    @property
    def has_stores(self) -> bool:
        """Return whether any place keeps backup files without replaying them."""
        return any(spec.store is not None for spec in self.standbys)

    @property
    def own_schedule(self) -> OwnSchedule | None:
        """Return the schedule of its own of the store that sees this scenario; None: it has none,
        or no store sees it.
        """
        return None if self.store is None else self.store.own

    @property
    def _own_schedules(self) -> Iterator[OwnSchedule]:
        """Yield the schedules of their own of all stores."""
        for spec in self.standbys:
            if spec.store is not None and spec.store.own is not None:
                yield spec.store.own

    @property
    def has_own_backups(self) -> bool:
        """Return whether a store has a schedule of its own."""
        return any(True for _ in self._own_schedules)

    @property
    def has_own_logs(self) -> bool:
        """Return whether a store has logs of a schedule of its own."""
        return any(own.has_logs for own in self._own_schedules)

    @property
    def has_standbys(self) -> bool:
        """Return whether any place replays what it gets: the only one does where none is named."""
        return not self.standbys or any(
            spec.store is None for spec in self.standbys
        )

    @property
    def delays_replay(self) -> bool:
        """Return whether replay lags on purpose at any place."""
        delays = [spec.replay.delay_us for spec in self.standbys]
        return any([self.replay.delay_us, *delays])

    @property
    def brings_back(self) -> bool:
        """Return whether what was lost may come back later."""
        return any(event.kind.brings_back for event in self.events)

    @property
    def goes_back(self) -> bool:
        """Return whether somebody may order to restore a database as of an earlier instant."""
        lines = [(event.kind, event.params) for event in self.events]
        lines += [(fault.kind, fault.params) for fault in self.faults]
        return any(kind.goes_back(params) for kind, params in lines)

    def __repr__(self) -> str:
        databases = f"{len(self.databases)} database{'s' * (len(self.databases) != 1)}"
        days = self.run_for_us / DAY_US
        return f"Scenario({self.name}, seed {self.seed}, {days:g} d, {databases})"

    def spelled_out(self) -> str:
        """Every field with its value: two scenarios with the same text are the same."""
        return ", ".join(
            f"{of.name}={getattr(self, of.name)!r}" for of in fields(self)
        )
