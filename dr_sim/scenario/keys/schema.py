"""Tells what may stand in a scenario file, key by key: the border where people's texts become typed
values.

Nothing here has a default: defaults.py fills the tree before it is validated, so that each default
passes through the same types as what people write. `events`, `faults` and `sla` are read by
events.py and sla.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from dr_sim.scenario.fields.named import MachineName
from dr_sim.scenario.fields.quantities import (
    Capacity,
    Count,
    DiskRate,
    Duration,
    DurationOrNone,
    Period,
    Ppm,
    Price,
    Seed,
    Size,
    YesNo,
)
from dr_sim.scenario.fields.values import (
    Moment,
    Name,
    NameList,
    Positive,
    Rate,
    RunLength,
    ScheduleField,
    Tenants,
    ZoneName,
)
from dr_sim.scenario.fields.workload import LogVolumeField
from dr_sim.scenario.keys.cloud_keys import (
    ChangesKeys,
    ClientKeys,
    CloudKeys,
    JobsKeys,
    NetworkKeys,
)
from dr_sim.scenario.keys.failover_keys import (
    AfterFailoverKeys,
    FailoverKeys,
    HeartbeatKeys,
)
from dr_sim.scenario.keys.machine_keys import (
    DeploymentKeys,
    FarmKeys,
    ImageKeys,
    PhysicalKeys,
)
from dr_sim.scenario.keys.place_keys import (
    CopyKeys,
    LinkKeys,
    RecordedKeys,
    ReplayKeys,
    ReplicationKeys,
    SecondaryKeys,
)
from dr_sim.scenario.keys.section import Section, about, if_any


class DatabaseKeys(Section):
    size: Annotated[Size, Positive] = about(
        "size of its data, which a full backup holds"
    )
    machine: MachineName = about("the machine that it runs on")
    log_volume: LogVolumeField = about(
        "rate at which users' commits write log"
    )
    transactions: Rate = about(
        "rate of users' transactions; it follows the log volume"
    )
    incremental_share: Ppm = about(
        "share of the log since its base that an incremental holds"
    )
    full: ScheduleField = about("when full backups start")
    incremental: ScheduleField = about(
        "when incremental (differential) backups start"
    )
    log: ScheduleField = about(
        "when log backups start; none: it has no log backups"
    )
    serial: YesNo = about("its backup jobs never run at the same time")
    seeded: YesNo = about(
        "a full of it is already restored at the secondary when the run "
        "begins"
    )
    log_capacity: Capacity = about(
        "capacity of its transaction log; when the log is full, commits "
        "are refused (9002); by PostgreSQL's rules the server crashes"
    )
    tenants: Tenants = about(
        "the tenants whose data it holds; tenants may share databases, "
        "and one tenant may have several databases"
    )


class BackupCostKeys(Section):
    fixed: Duration = about("fixed cost of one backup")
    rate: Annotated[DiskRate, Positive] = about("speed of one backup alone")


class PrimaryKeys(Section):
    disk: Annotated[DiskRate, Positive] = about(
        "disk of a machine, shared by its backup jobs"
    )
    full: BackupCostKeys = about("what a full backup costs")
    incremental: BackupCostKeys = about("what an incremental backup costs")
    log: BackupCostKeys = about("what a log backup costs")
    retention: Duration = about(
        "how long backup files are kept at the primary"
    )
    keep_fulls: Count = about(
        "smallest number of fulls to keep, whatever their age"
    )
    share_capacity: Capacity = about(
        "capacity of the backup share's disk; a backup that does not fit "
        "fails (3202)"
    )


class UsersKeys(Section):
    requests: Rate = about("requests that users offer")
    utilisation: Ppm = about("share of the warm capacity that they need")


class ManagerKeys(Section):
    restart_after: Duration = about(
        "time until a crashed recovery manager is back"
    )


class MonitorKeys(Section):
    enabled: YesNo = about(
        "a monitor on a third machine watches the histories of backups and restores"
    )
    every: Annotated[Period, Positive] = about(
        "interval of its alert job, which runs at whole multiples"
    )
    backup_threshold: Duration = about(
        "time without a backup after which alert 14420 is raised"
    )
    restore_threshold: Duration = about(
        "alert 14421 is raised if a backup is not restored, and there "
        "was no restore for so long or that backup is older"
    )
    repeat: Annotated[Period, Positive] = about(
        "time after which an active alert is raised again"
    )


class DangerKeys(Section):
    above: Duration = about(
        "true exposure above this is a danger that needs an alert"
    )
    outage_above: DurationOrNone = about(
        "an outage above this, if the site were lost now, is also such a "
        "danger; none: above the tightest outage that the SLA allows, or "
        "1 h"
    )
    behind: Duration = about(
        "a standby that lags by more than this is also such a danger; "
        "files that have landed but are not restored count as lag"
    )
    grace: Duration = about(
        "time that a danger may last before an alert is due"
    )


class EngineKeys(Section):
    kind: Literal["model", "sqlite", "postgres"] = about(
        "the database engine: a model in memory, or a real one"
    )
    imitates: Literal["sql_server", "postgres"] = about(
        "the engine whose chain rules the model follows"
    )
    scale: Annotated[Count, Positive] = about(
        "factor by which real engines keep fewer bytes on disk"
    )
    timing: Literal["modelled", "measured"] = about(
        "source of durations: the scenario's costs, or the clock of real "
        "engines"
    )


class ChangeWindowKeys(Section):
    start: ScheduleField = about(
        "when a change window begins; none: there are none"
    )
    length: Annotated[Duration, Positive] = about(
        "duration of a change window"
    )


class DirectoryKeys(Section):
    changes: Rate = about(
        "rate at which accounts and computers are made or changed; none: "
        "there is no directory"
    )
    replicate: ScheduleField = about(
        "when it replicates, separately from the files"
    )
    lag: Duration = about("how long a replication takes")
    provision: Duration = about(
        "time to make one missing entry by hand in a failover"
    )


class PriceKeys(Section):
    link: Price = about("price of one Mbit/s of the link for a month")
    storage: Price = about("price of one GB of stored backups for a month")
    machine: Price = about("price of one more machine for a month")
    egress: Price = about("price of one GB that is sent over the link")


class Root(Section):
    name: Name = about("the scenario's name")
    description: str = about("what the scenario shows")
    seed: Seed = about("seed of every random draw")
    start: Moment = about("instant 0, local in time_zone")
    time_zone: ZoneName = about("the zone of schedules and instants")
    run_for: RunLength = about("length of the run")
    measure_from: Duration = about(
        "the measures leave out everything before this"
    )
    machines: NameList = about("machines of the primary")
    databases: dict[str, DatabaseKeys] = about("databases by name")
    primary: PrimaryKeys = about(
        "the side that works: its disk, what backups cost there, how long they are kept"
    )
    link: LinkKeys = about("the network between the two sides")
    replication: ReplicationKeys = about(
        "how backup files are copied to the secondary"
    )
    secondary: SecondaryKeys = about(
        "the side that stands by: its disks, what restores cost there"
    )
    replay: ReplayKeys = about(
        "how landed backups are checked and restored"
    )
    heartbeat: HeartbeatKeys = about(
        "how the secondary hears from the primary"
    )
    copies: dict[str, CopyKeys] | None = if_any(
        "the standbys and stores by name, the preferred one first, each "
        "at its own place; if left out: one standby, as link, "
        "replication, secondary, replay and recorded say"
    )
    failover: FailoverKeys = about(
        "who decides on a failover, and what it takes"
    )
    after_failover: AfterFailoverKeys = about(
        "what is set up after a promotion"
    )
    users: UsersKeys = about("the requests that users make")
    manager: ManagerKeys = about("the program that restores and fails over")
    monitor: MonitorKeys = about("a monitor on a third machine")
    danger: DangerKeys = about("what somebody must be alerted of")
    engine: EngineKeys = about("what holds the databases")
    change_windows: ChangeWindowKeys = about("when changes are made")
    recorded: RecordedKeys = about(
        "conditions that were recorded elsewhere"
    )
    directory: DirectoryKeys = about(
        "accounts and computers that the service needs"
    )
    prices: PriceKeys = about("what things cost, for `dr-sim advise`")
    networks: dict[str, NetworkKeys] = if_any(
        "networks by name; each has a second one"
    )
    cloud: CloudKeys = if_any(
        "the cloud manager, and how it mirrors changes to the secondary"
    )
    jobs: JobsKeys = if_any("what the cloud manager's jobs take")
    changes: ChangesKeys = if_any("administrative changes at the primary")
    clients: dict[str, ClientKeys] = if_any(
        "who calls the cloud manager, by name"
    )
    physical: dict[str, PhysicalKeys] = if_any(
        "physical machines, by site; a later site has as many as A, if it is not named"
    )
    images: dict[str, ImageKeys] = if_any(
        "images that machines are made of, by name and version"
    )
    farms: dict[str, FarmKeys] = if_any(
        "farms by name, and how many machines of each role they are to have"
    )
    deployment: DeploymentKeys = if_any(
        "what it takes to deploy a machine, and to replace a silent one"
    )


APART = (
    "events",
    "faults",
    "sla",
    "replications",
    "on_unknown",
    "sweep",
    "answer",
)
"""Keys beside those of Root, which are read by modules of their own."""

EXAMPLES: dict[str, str] = {
    "run_for": "14 days",
    "databases": "{crm: {size: 500 GB}}",
    "link.bandwidth": "200 Mbit/s",
    "databases.*.size": "500 GB",
    "copies.*.store.schedule.full": "daily 02:00",
    "images.*.size": "40 GB",
    "farms.*.image": "web 12.3",
}
"""Names what to write where something required is missing."""

ALIASES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("databases", "*", "differential"), "incremental"),
    (("copies", "*", "store", "schedule", "differential"), "incremental"),
    (("databases", "*", "on"), "machine"),
    (("databases", "*", "tenant"), "tenants"),
    (("networks", "*", "tenant"), "tenants"),
    (("primary", "differential"), "incremental"),
    (("sla", "rpo"), "data_loss"),
    (("sla", "rto"), "outage"),
    (("sla", "*", "rpo"), "data_loss"),
    (("sla", "*", "rto"), "outage"),
)
"""Other words for a key, and the key."""

WHOLE: tuple[tuple[str, ...], ...] = (
    ("databases", "*", "log_volume"),
    ("databases", "*", "full"),
    ("databases", "*", "incremental"),
    ("databases", "*", "log"),
    ("secondary", "restore_full"),
    ("secondary", "restore_incremental"),
    ("secondary", "restore_tail"),
    ("failover", "operator", "answers_in"),
    ("failover", "operator", "repairs_first"),
    ("change_windows", "start"),
    ("directory", "replicate"),
    ("jobs", "set"),
    ("jobs", "rebuild"),
    ("jobs", "by_hand"),
    ("changes", "takes"),
    ("deployment", "takes"),
    ("deployment", "remove"),
    ("farms", "*", "load"),
    ("recorded", "link"),
    ("recorded", "outages"),
    ("recorded", "restores"),
    ("faults", "*"),
)
"""Mappings that are one value: `extends` replaces them whole."""
