"""Tells what may stand in a scenario file, key by key: the border where people's texts become typed
values.

Nothing here has a default: defaults.py fills the tree before it is validated, so that each default
passes through the same types as what people write. `events`, `faults` and `sla` are read by
events.py and sla.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from dr_sim.scenario.cloud_keys import (
    ChangesKeys,
    ClientKeys,
    CloudKeys,
    JobsKeys,
    NetworkKeys,
)
from dr_sim.scenario.failover_keys import (
    AfterFailoverKeys,
    FailoverKeys,
    HeartbeatKeys,
)
from dr_sim.scenario.laws import FactorLaw
from dr_sim.scenario.machine_keys import (
    DeploymentKeys,
    FarmKeys,
    ImageKeys,
    PhysicalKeys,
)
from dr_sim.scenario.named import MachineName
from dr_sim.scenario.quantities import (
    Bandwidth,
    Capacity,
    Count,
    DiskRate,
    Duration,
    DurationOrNone,
    Loss,
    Period,
    PeriodOrAtOnce,
    Ppm,
    Price,
    Reverify,
    RoundTrip,
    Seed,
    Size,
    YesNo,
)
from dr_sim.scenario.recorded import (
    RecordedLink,
    RecordedOutages,
    RecordedRestores,
)
from dr_sim.scenario.section import Section, about
from dr_sim.scenario.values import (
    BackupKinds,
    CopyRate,
    Moment,
    Name,
    NameList,
    Positive,
    Rate,
    RestoreCost,
    RunLength,
    ScheduleField,
    ShareName,
    Tenants,
    Validation,
    ZoneName,
)
from dr_sim.scenario.workload import LogVolumeField


def if_any(description: str) -> Any:
    """A section that is there only if the scenario has a cloud manager."""
    return Field(default=None, description=description)


class DatabaseKeys(Section):
    size: Annotated[Size, Positive] = about(
        "size of its data, what a full backup holds"
    )
    machine: MachineName = about("the machine it lives on")
    log_volume: LogVolumeField = about("how fast users' commits write log")
    transactions: Rate = about(
        "users' transactions; they follow the log volume"
    )
    incremental_share: Ppm = about(
        "of the log written since its base, what an incremental holds"
    )
    full: ScheduleField = about("when full backups start")
    incremental: ScheduleField = about(
        "when incremental (differential) backups start"
    )
    log: ScheduleField = about(
        "when log backups start; none: it has no log backups"
    )
    serial: YesNo = about("its backup jobs never run side by side")
    seeded: YesNo = about(
        "a full of it lies restored at the secondary when the run begins"
    )
    log_capacity: Capacity = about(
        "the most its transaction log may hold; when it is full commits are refused "
        "(9002), and by PostgreSQL's rules the server falls"
    )
    tenants: Tenants = about(
        "whose data it holds, one name or several: tenants share databases, and one may "
        "have several"
    )


class BackupCostKeys(Section):
    fixed: Duration = about("fixed cost of one backup")
    rate: Annotated[DiskRate, Positive] = about(
        "speed of one backup by itself"
    )


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
    keep_fulls: Count = about("least number of fulls to keep, at any age")
    share_capacity: Capacity = about(
        "what the backup share's disk holds; a backup that does not fit fails (3202)"
    )


class LinkKeys(Section):
    bandwidth: Annotated[Bandwidth, Positive] = about(
        "capacity of the link"
    )
    rtt: RoundTrip = about(
        "round-trip time; what exceeds 30 ms delays whatever crosses (up to there it is part of "
        "the costs and time-outs that are written), and with loss all of it slows each stream"
    )
    loss: Loss = about("packet loss; it slows each TCP stream")
    mss: Annotated[Size, Positive] = about("payload of one packet")
    sharing: Literal["fair", "fifo", "priority"] = about(
        "how transfers share the link; priority: logs before incrementals before fulls"
    )


class FolderKeys(Section):
    databases: NameList = about("whose backups it holds")
    primary: ShareName = about("the share at the primary")
    secondary: ShareName = about(
        "the share at the secondary; it bears another name"
    )
    staging: Annotated[Size, Positive] = about(
        "quota of the folder's own staging area"
    )


class GroupKeys(Section):
    folders: dict[str, FolderKeys] = about("replicated folders by name")


class ReplicationKeys(Section):
    slots: Annotated[Count, Positive] = about("concurrent transfers")
    staging: Annotated[Size, Positive] = about("quota of the staging area")
    high_watermark: Ppm = about(
        "staging above this part of its quota is purged, and replication pauses meanwhile"
    )
    low_watermark: Ppm = about("purging stops at this part of the quota")
    purge_rate: Annotated[DiskRate, Positive] = about("speed of purging")
    retry: PeriodOrAtOnce = about(
        "back-off after a cut transfer; 0 s: goes on as soon as the link is back"
    )
    resume_above: Size = about(
        "larger files resume after a cut, others start again"
    )
    every: PeriodOrAtOnce = about(
        "a copy job at whole multiples; 0 s: as soon as a file is finished"
    )
    delta: Ppm = about("part of a changed file that crosses the link")
    groups: dict[str, GroupKeys] = about(
        "replication groups by name; none: one folder of all databases"
    )


class SecondaryKeys(Section):
    disk: Annotated[DiskRate, Positive] = about(
        "disk shared by hashing, copying and restoring"
    )
    hash_rate: Annotated[DiskRate, Positive] = about(
        "speed of hashing one file by itself"
    )
    copy_rate: CopyRate = about(
        "speed of copying one file into the restore folder by itself; clone: its blocks "
        "are shared, in no time"
    )
    restore_rate: Annotated[DiskRate, Positive] = about(
        "speed of one restore by itself"
    )
    restore_fixed: Duration = about("fixed cost of one restore")
    restore_full: RestoreCost = about(
        "of fulls, if that is another: {fixed, rate}; none: as restore_fixed and restore_rate"
    )
    restore_incremental: RestoreCost = about("the same for incrementals")
    restore_tail: FactorLaw = about(
        "law of a factor on every restore's duration"
    )
    retention: Duration = about(
        "how long backup files are kept at the secondary"
    )
    keep_fulls: Count = about("least number of fulls to keep, at any age")
    share_capacity: Capacity = about(
        "what the landing share's disk holds; replication stops when it is full"
    )
    data_capacity: Capacity = about(
        "what the restored databases' disk holds; a restore that does not fit fails (3257)"
    )


class ReplayKeys(Section):
    workers: Annotated[Count, Positive] = about(
        "restores that run at one time, one a database"
    )
    on_hole: Literal["bridge", "skip_ahead", "resync"] = about(
        "what to do about a log that cannot be had again"
    )
    otherwise: Literal["bridge", "skip_ahead", "resync"] = about(
        "what to do when on_hole cannot"
    )
    delay: Duration = about(
        "how far replay lags on purpose, as a defence against mistakes"
    )
    every: PeriodOrAtOnce = about(
        "a restore job at whole multiples; 0 s: as soon as a log has landed"
    )
    attempts: Annotated[Count, Positive] = about(
        "reads of one log before it is in trouble"
    )
    age: Duration = about(
        "time since its backup finished after which a log is in trouble"
    )
    retry: Annotated[Period, Positive] = about(
        "time between retries, and between alerts"
    )
    window: Annotated[Period, Positive] = about(
        "no new log for so long: alert"
    )
    critical_after: Duration = about(
        "an alert turns critical after so long without a successful restore"
    )
    validation: Validation = about(
        "what is compared on arrival; none: the engine meets whatever has landed",
        alias="validate",
    )
    reverify: Reverify = about(
        "time between checks of what has landed; 0 s: on arrival only"
    )


class StoreKeys(Section):
    source: Name = about(
        "where its backups come from: primary, or the name of a store that is written before it",
        alias="from",
    )
    takes: BackupKinds = about("the kinds of backups that it keeps")
    hold: Duration = about(
        "a backup stays at its source for so long before it may go"
    )
    every: ScheduleField = about(
        "when the backups that may go are fetched; none: each as soon as it may go"
    )
    transit: Duration = about(
        "on the way, beyond the link: a courier, for example; what is on its way survives the "
        "loss of its source"
    )
    read: Annotated[DiskRate, Positive] = about(
        "speed at which it is read, shared by all that is read there"
    )
    machine: Duration = about(
        "time to get a machine there to restore onto, after a failure"
    )
    retention: Duration = about("how long backups are kept there")
    keep_fulls: Count = about("least number of fulls to keep, at any age")
    capacity: Capacity = about(
        "what it holds; nothing more is sent when it is full"
    )


class RecordedKeys(Section):
    link: RecordedLink = about(
        "a recorded series of the link's bandwidth, in place of link.bandwidth"
    )
    outages: RecordedOutages = about("recorded outages of the link")
    restores: RecordedRestores = about(
        "recorded rates of a disk: restores are slower where it was slower than usual"
    )


class CopyKeys(Section):
    store: StoreKeys = if_any(
        "it is no standby, but a store: it keeps backups, and the service is restored from it"
    )
    link: LinkKeys = about("its link; what is not written is as under link")
    replication: ReplicationKeys = about(
        "how backup files get there; else as under replication"
    )
    secondary: SecondaryKeys = about(
        "its disks, what restores cost there; else as under secondary"
    )
    replay: ReplayKeys = about(
        "how it checks and restores what lands; else as under replay"
    )
    recorded: RecordedKeys = about(
        "recorded conditions of its link and its disk; else as under recorded"
    )


class UsersKeys(Section):
    requests: Rate = about("requests that users offer")
    utilisation: Ppm = about("the part of the warm capacity that they need")


class ManagerKeys(Section):
    restart_after: Duration = about(
        "a crashed recovery manager is back after so long"
    )


class MonitorKeys(Section):
    enabled: YesNo = about(
        "a monitor on a third machine watches the histories of backups and restores"
    )
    every: Annotated[Period, Positive] = about(
        "its alert job runs at whole multiples of this"
    )
    backup_threshold: Duration = about("no backup for so long: alert 14420")
    restore_threshold: Duration = about(
        "no restore for so long, or what is not restored is older: alert 14421"
    )
    repeat: Annotated[Period, Positive] = about(
        "an alert that is up is raised again after so long"
    )


class DangerKeys(Section):
    above: Duration = about(
        "true exposure above this is a danger of which somebody must be notified"
    )
    outage_above: DurationOrNone = about(
        "so is an outage, should the site be lost now, above this; none: above the "
        "tightest outage that the SLA allows, or 1 h"
    )
    behind: Duration = about(
        "so is a standby that lags by more than this, what it has landed and not restored included"
    )
    grace: Duration = about("time to tell them in")


class EngineKeys(Section):
    kind: Literal["model", "sqlite", "postgres"] = about(
        "what holds the databases: a model in memory, or real ones"
    )
    imitates: Literal["sql_server", "postgres"] = about(
        "whose chain rules the model follows"
    )
    scale: Annotated[Count, Positive] = about(
        "real engines keep this many times fewer bytes on disk"
    )
    timing: Literal["modelled", "measured"] = about(
        "durations by the scenario's costs, or by the clock of real engines"
    )


class ChangeWindowKeys(Section):
    start: ScheduleField = about("when one begins; none: there are none")
    length: Annotated[Duration, Positive] = about("how long it lasts")


class DirectoryKeys(Section):
    changes: Rate = about(
        "accounts and computers that are made or changed; none: no directory to speak of"
    )
    replicate: ScheduleField = about(
        "when it replicates, apart from the files"
    )
    lag: Duration = about("how long a replication takes")
    provision: Duration = about(
        "time to make one entry by hand that is missing in a failover"
    )


class PriceKeys(Section):
    link: Price = about("of one Mbit/s of the link, a month")
    storage: Price = about("of one GB of backups kept, a month")
    machine: Price = about("of one more machine, a month")
    egress: Price = about("of one GB sent over the link")


class Root(Section):
    name: Name = about("the scenario's name")
    description: str = about("what it shows")
    seed: Seed = about("seed of every random draw")
    start: Moment = about("instant 0, local in time_zone")
    time_zone: ZoneName = about("the zone of schedules and instants")
    run_for: RunLength = about("length of the run")
    measure_from: Duration = about("nothing before this is measured")
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
        "the standbys and stores by name, the preferred one first, each at a place of its own; "
        "none written: one standby, as link, replication, secondary, replay and recorded say"
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
    "images.*.size": "40 GB",
    "farms.*.image": "web 12.3",
}
"""Names what to write where something required is missing."""

ALIASES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("databases", "*", "differential"), "incremental"),
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
