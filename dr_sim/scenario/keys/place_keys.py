"""Sections of a scenario about a place where backups go: the link to it, how files get there, its
disks, how they are checked and replayed there, or kept in a store. A place under `copies` has all
of them; the only standby has them at the top of the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from dr_sim.scenario.fields.laws import FactorLaw
from dr_sim.scenario.fields.quantities import (
    Bandwidth,
    Capacity,
    Count,
    DiskRate,
    Duration,
    Loss,
    Period,
    PeriodOrAtOnce,
    Ppm,
    Reverify,
    RoundTrip,
    Size,
)
from dr_sim.scenario.fields.values import (
    BackupKinds,
    CopyRate,
    Name,
    NameList,
    Positive,
    RestoreCost,
    ScheduleField,
    ShareName,
    Validation,
)
from dr_sim.scenario.keys.recorded import (
    RecordedLink,
    RecordedOutages,
    RecordedRestores,
)
from dr_sim.scenario.keys.section import Section, about, if_any


class LinkKeys(Section):
    bandwidth: Annotated[Bandwidth, Positive] = about(
        "capacity of the link"
    )
    rtt: RoundTrip = about(
        "round-trip time. The part above 30 ms delays everything that "
        "crosses the link; the part up to 30 ms is already in the costs "
        "and time-outs of the scenario. With packet loss, the whole time "
        "slows each stream"
    )
    loss: Loss = about("packet loss; it slows each TCP stream")
    mss: Annotated[Size, Positive] = about("payload of one packet")
    sharing: Literal["fair", "fifo", "priority"] = about(
        "how transfers share the link; priority: logs before incrementals before fulls"
    )


class FolderKeys(Section):
    databases: NameList = about("databases whose backups it holds")
    primary: ShareName = about("the share at the primary")
    secondary: ShareName = about(
        "the share at the secondary; it has another name"
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
        "above this share of its quota the staging area is purged, and "
        "replication pauses during the purge"
    )
    low_watermark: Ppm = about("purging stops at this share of the quota")
    purge_rate: Annotated[DiskRate, Positive] = about("speed of purging")
    retry: PeriodOrAtOnce = about(
        "wait after a cut transfer; 0 s: the transfer continues as soon "
        "as the link is back"
    )
    resume_above: Size = about(
        "larger files continue after a cut; smaller ones start again"
    )
    every: PeriodOrAtOnce = about(
        "interval of a copy job that runs at whole multiples; 0 s: each "
        "file is copied as soon as it is finished"
    )
    delta: Ppm = about("share of a changed file that crosses the link")
    groups: dict[str, GroupKeys] = about(
        "replication groups by name; none: one folder of all databases"
    )


class SecondaryKeys(Section):
    disk: Annotated[DiskRate, Positive] = about(
        "disk shared by hashing, copying and restoring"
    )
    hash_rate: Annotated[DiskRate, Positive] = about(
        "speed of hashing one file alone"
    )
    copy_rate: CopyRate = about(
        "speed of copying one file alone into the restore folder; clone: "
        "its blocks are shared, which takes no time"
    )
    restore_rate: Annotated[DiskRate, Positive] = about(
        "speed of one restore alone"
    )
    restore_fixed: Duration = about("fixed cost of one restore")
    restore_full: RestoreCost = about(
        "cost of restoring a full, if it differs: {fixed, rate}; none: "
        "as restore_fixed and restore_rate"
    )
    restore_incremental: RestoreCost = about("the same for incrementals")
    restore_tail: FactorLaw = about(
        "law of a factor that multiplies the duration of every restore"
    )
    retention: Duration = about(
        "how long backup files are kept at the secondary"
    )
    keep_fulls: Count = about(
        "smallest number of fulls to keep, whatever their age"
    )
    share_capacity: Capacity = about(
        "capacity of the landing share's disk; replication stops when it "
        "is full"
    )
    data_capacity: Capacity = about(
        "capacity of the restored databases' disk; a restore that does "
        "not fit fails (3257)"
    )


class ReplayKeys(Section):
    workers: Annotated[Count, Positive] = about(
        "number of restores that run at one time, at most one for each "
        "database"
    )
    on_hole: Literal["bridge", "skip_ahead", "resync"] = about(
        "how to repair a missing log that nobody can copy again"
    )
    otherwise: Literal["bridge", "skip_ahead", "resync"] = about(
        "what to do if on_hole is not possible"
    )
    delay: Duration = about(
        "how far replay lags on purpose, as a defence against mistakes"
    )
    every: PeriodOrAtOnce = about(
        "interval of a restore job that runs at whole multiples; 0 s: "
        "each log is restored as soon as it has landed"
    )
    attempts: Annotated[Count, Positive] = about(
        "number of reads of one log after which it counts as in trouble"
    )
    age: Duration = about(
        "age limit: time since its backup finished after which a log "
        "counts as in trouble"
    )
    retry: Annotated[Period, Positive] = about(
        "time between retries, and between alerts"
    )
    window: Annotated[Period, Positive] = about(
        "time without a new log after which an alert is raised"
    )
    critical_after: Duration = about(
        "time since a danger was first reported after which its alert is critical"
    )
    validation: Validation = about(
        "what is compared when a file arrives; none: the engine gets the "
        "file as it has landed",
        alias="validate",
    )
    reverify: Reverify = about(
        "time between checks of landed files; 0 s: only when a file arrives"
    )


class OwnScheduleKeys(Section):
    full: ScheduleField = about("when a full is taken for this store alone")
    incremental: ScheduleField = about(
        "when an incremental on its own backups is taken (by PostgreSQL's "
        "rules alone)"
    )
    log: ScheduleField = about(
        "when a log is backed up for this store alone; none: it gets the "
        "logs of the schedules under databases"
    )
    cost: RestoreCost = about(
        "what one costs at the primary: {fixed, rate}; none: as under "
        "primary.full"
    )


class StoreKeys(Section):
    source: Name = about(
        "source of its backups: primary, or the name of a store that is "
        "written before it",
        alias="from",
    )
    takes: BackupKinds = about("the kinds of backups that it keeps")
    hold: Duration = about(
        "time that a backup stays at its source before it may leave"
    )
    every: ScheduleField = about(
        "when backups that may leave are fetched; none: each as soon as "
        "it may leave"
    )
    transit: Duration = about(
        "time on the way in addition to the link, for example with a "
        "courier; a backup on its way survives the loss of its source"
    )
    read: Annotated[DiskRate, Positive] = about(
        "speed of reading from it, shared by everything that is read there"
    )
    machine: Duration = about(
        "time to get a machine for the restore there, after a failure"
    )
    retention: Duration = about("how long backups are kept there")
    keep_fulls: Count = about(
        "smallest number of fulls to keep, whatever their age"
    )
    capacity: Capacity = about(
        "capacity; nothing more is sent when it is full"
    )
    schedule: OwnScheduleKeys = if_any(
        "its own schedule, a second chain of each database: it takes these "
        "backups instead of the fulls and incrementals under databases"
    )


class RecordedKeys(Section):
    link: RecordedLink = about(
        "a recorded series of the link's bandwidth, which replaces "
        "link.bandwidth"
    )
    outages: RecordedOutages = about("recorded outages of the link")
    restores: RecordedRestores = about(
        "recorded rates of a disk: restores are slower at times when it "
        "was slower than usual"
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
