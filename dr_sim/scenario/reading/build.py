"""The plain values of model.py, made from checked sections."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dr_sim import units
from dr_sim.scenario import model
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.cloud_model import SECOND
from dr_sim.scenario.fields import quantities, times
from dr_sim.scenario.fields.workload import SeriesFile
from dr_sim.scenario.keys import place_keys, schema
from dr_sim.scenario.keys.backup_stores import (
    COPIES,
    PRIMARY_SHARE,
    with_delays,
)
from dr_sim.scenario.keys.cloud_keys import cloud_of
from dr_sim.scenario.keys.events import FaultLine
from dr_sim.scenario.keys.experiment import Asked
from dr_sim.scenario.keys.failover_keys import FailoverKeys
from dr_sim.scenario.keys.recorded import series_of


def start_utc_us(root: schema.Root) -> int:
    """Instant 0, microseconds since 1970 UTC."""
    moment = root.start
    return times.to_utc_us(
        moment
        if moment.tzinfo
        else moment.replace(tzinfo=zoneinfo.ZoneInfo(root.time_zone))
    )


def schedule(value: model.Schedule, zone: str) -> model.Schedule:
    return value if value.zone else replace(value, zone=zone)


def database(
    name: str,
    keys: schema.DatabaseKeys,
    zone: str,
    series: dict[str, tuple[int, ...]],
) -> model.DatabaseSpec:
    volume = keys.log_volume
    if isinstance(volume, SeriesFile):
        volume = model.LogVolume(
            "series",
            series_interval_us=volume.interval_us,
            series_bytes=series[name],
        )
    silent = not volume.num_bytes and not any(volume.series_bytes)
    return model.DatabaseSpec(
        name=name,
        size_bytes=keys.size,
        machine=keys.machine,
        log_volume=volume,
        transactions_num=0
        if silent
        else keys.transactions[0],  # an idle database commits nothing
        transactions_den_us=keys.transactions[1],
        incremental_share_ppm=keys.incremental_share,
        full=schedule(keys.full, zone),
        incremental=schedule(keys.incremental, zone),
        log=schedule(keys.log, zone),
        serial=keys.serial,
        seeded=keys.seeded,
        log_capacity_bytes=keys.log_capacity,
        tenants=keys.tenants,
    )


def primary(keys: schema.PrimaryKeys) -> model.PrimarySpec:
    costs = {
        kind: getattr(keys, kind) for kind in ("full", "incremental", "log")
    }
    return model.PrimarySpec(
        disk_bytes_s=keys.disk,
        retention_us=keys.retention,
        retention_count=keys.keep_fulls,
        share_capacity_bytes=keys.share_capacity,
        **{
            kind: model.BackupCost(cost.fixed, cost.rate)
            for kind, cost in costs.items()
        },
    )


def link(keys: place_keys.LinkKeys) -> model.LinkSpec:
    return model.LinkSpec(
        bandwidth_bit_s=keys.bandwidth,
        rtt_us=keys.rtt,
        loss_ppb=keys.loss,
        mss_bytes=keys.mss,
        sharing=keys.sharing,
    )


def replication(keys: place_keys.ReplicationKeys) -> model.ReplicationSpec:
    return model.ReplicationSpec(
        slots=keys.slots,
        staging_bytes=keys.staging,
        high_watermark_ppm=keys.high_watermark,
        low_watermark_ppm=keys.low_watermark,
        purge_bytes_s=keys.purge_rate,
        retry_us=keys.retry,
        resume_above_bytes=keys.resume_above,
        every_us=keys.every,
        delta_ppm=keys.delta,
        folders=tuple(
            model.FolderSpec(
                group,
                name,
                folder.databases,
                folder.primary,
                folder.secondary,
                folder.staging,
            )
            for group, members in keys.groups.items()
            for name, folder in members.folders.items()
        ),
    )


def secondary(keys: place_keys.SecondaryKeys) -> model.SecondarySpec:
    usual = model.BackupCost(keys.restore_fixed, keys.restore_rate)
    return model.SecondarySpec(
        disk_bytes_s=keys.disk,
        hash_bytes_s=keys.hash_rate,
        copy_bytes_s=keys.copy_rate,
        restore=(
            keys.restore_full or usual,
            keys.restore_incremental or usual,
            usual,
        ),
        restore_tail=keys.restore_tail,
        retention_us=keys.retention,
        retention_count=keys.keep_fulls,
        share_capacity_bytes=keys.share_capacity,
        data_capacity_bytes=keys.data_capacity,
    )


def replay(keys: place_keys.ReplayKeys) -> model.Replay:
    return model.Replay(
        workers=keys.workers,
        on_hole=keys.on_hole,
        otherwise=keys.otherwise,
        delay_us=keys.delay,
        every_us=keys.every,
        attempts=keys.attempts,
        age_us=keys.age,
        retry_us=keys.retry,
        window_us=keys.window,
        critical_after_us=keys.critical_after,
        validate_hash="hash" in keys.validation,
        validate_properties="properties" in keys.validation,
        reverify_us=keys.reverify,
    )


def failover(keys: FailoverKeys) -> model.FailoverSpec:
    return model.FailoverSpec(
        mode=keys.mode,
        silent_for_us=keys.silent_for,
        machines_silent=keys.machines_silent,
        operators=keys.operators,
        on_duty=keys.on_duty,
        answers_in=keys.operator.answers_in,
        approves=keys.operator.approves,
        repairs_first=keys.operator.repairs_first,
        fence_us=keys.fence,
        fence_timeout_us=keys.fence_timeout,
        drain_limit_us=keys.drain_limit,
        planned_limit_us=None
        if keys.planned_limit == quantities.NEVER
        else keys.planned_limit,
        restore_limit_us=keys.restore_limit,
        recover=keys.recover,
        undo_bytes_s=keys.undo_rate,
        turn_us=keys.turn,
        lease_us=keys.lease,
        choose=keys.choose,
        switch_us=keys.redirect.switch,
        ttl_us=keys.redirect.ttl,
        reconnect_us=keys.redirect.reconnect,
        warm_up_us=keys.warm_up.length,
        warm_up_from_ppm=keys.warm_up.start,
    )


def standby(
    name: str,
    keys: place_keys.CopyKeys,
    zone: str,
    recorded: dict[tuple[str, ...], Any],
    full: model.BackupCost,
) -> model.StandbySpec:
    """Return a copy. recorded: the contents of files with recorded series, by the key's path. full:
    what a full costs at the primary.
    """
    return model.StandbySpec(
        name,
        link(keys.link),
        replication(keys.replication),
        secondary(keys.secondary),
        replay(keys.replay),
        series_of((COPIES, name, "recorded"), keys.recorded, recorded),
        backup_store(keys.store, zone, full) if keys.store else None,
    )


def backup_store(
    keys: place_keys.StoreKeys, zone: str, full: model.BackupCost
) -> model.BackupStoreSpec:
    """Return a store. full: what a full costs at the primary."""
    own = None
    if keys.schedule is not None:
        own = model.OwnSchedule(
            schedule(keys.schedule.full, zone),
            schedule(keys.schedule.incremental, zone),
            schedule(keys.schedule.log, zone),
            keys.schedule.cost or full,
        )
    return model.BackupStoreSpec(
        source="" if keys.source == PRIMARY_SHARE else keys.source,
        kinds=keys.takes,
        hold_us=keys.hold,
        every=schedule(keys.every, zone),
        transit_us=keys.transit,
        read_bytes_s=keys.read,
        machine_us=keys.machine,
        retention_us=keys.retention,
        retention_count=keys.keep_fulls,
        capacity_bytes=keys.capacity,
        own=own,
    )


@dataclass(slots=True)
class BesideSections:
    """The parts of a scenario that are read apart from its sections. series: the contents of
    log_volume files, by database; recorded: of files with recorded series, by the path of the key.
    """

    series: dict[str, tuple[int, ...]]
    recorded: dict[tuple[str, ...], Any]
    sla: tuple[SlaLine, ...]
    asked: Asked
    events: tuple[model.ScriptedEvent, ...] = ()
    faults: tuple[model.DrawnFault, ...] = ()


def scenario(
    root: schema.Root, beside: BesideSections, resolved: dict[str, object]
) -> model.Scenario:
    """Return the whole, out of sections without a mistake."""
    asked = beside.asked
    databases = tuple(
        database(name, keys, root.time_zone, beside.series)
        for name, keys in root.databases.items()
    )
    full = model.BackupCost(root.primary.full.fixed, root.primary.full.rate)
    standbys = tuple(
        standby(name, keys, root.time_zone, beside.recorded, full)
        for name, keys in (root.copies or {}).items()
    )
    return model.Scenario(
        name=root.name,
        description=root.description,
        seed=root.seed,
        replication_no=0,
        leg_no=1,
        start_utc_us=start_utc_us(root),
        time_zone=root.time_zone,
        run_for_us=root.run_for,
        measure_from_us=root.measure_from,
        databases=databases,
        machines=root.machines,
        primary=primary(root.primary),
        link=link(root.link),
        replication=replication(root.replication),
        secondary=secondary(root.secondary),
        replay=replay(root.replay),
        heartbeat=model.Heartbeat(
            every_us=root.heartbeat.every,
            own_path=root.heartbeat.path == "own",
        ),
        failover=failover(root.failover),
        users=model.UsersSpec(*root.users.requests, root.users.utilisation),
        engine=model.EngineSpec(
            root.engine.kind,
            root.engine.imitates,
            root.engine.scale,
            root.engine.timing,
        ),
        new_secondary_us=None
        if root.after_failover.new_secondary == quantities.NEVER
        else max(0, root.after_failover.new_secondary),
        new_secondary_built=root.after_failover.new_secondary
        == quantities.BUILT,
        manager_restart_us=root.manager.restart_after,
        danger_us=root.danger.above,
        danger_grace_us=root.danger.grace,
        danger_outage_us=None
        if root.danger.outage_above == quantities.NEVER
        else root.danger.outage_above,
        danger_behind_us=root.danger.behind,
        directory=model.DirectorySpec(
            *root.directory.changes,
            schedule(root.directory.replicate, root.time_zone),
            root.directory.lag,
            root.directory.provision,
        ),
        monitor=model.Monitor(
            root.monitor.enabled,
            root.monitor.every,
            root.monitor.backup_threshold,
            root.monitor.restore_threshold,
            root.monitor.repeat,
        ),
        recorded=series_of(("recorded",), root.recorded, beside.recorded),
        change_windows=model.ChangeWindows(
            schedule(root.change_windows.start, root.time_zone),
            root.change_windows.length,
        ),
        events=beside.events,
        faults=beside.faults,
        sla=beside.sla,
        replications=asked.replications,
        on_unknown=asked.on_unknown,
        sweep=asked.sweep,
        answer=asked.answer,
        prices=model.Prices(
            root.prices.link,
            root.prices.storage,
            root.prices.machine,
            root.prices.egress,
        ),
        resolved=resolved,
        cloud=cloud_of(root, _mirrored(standbys)),
        standbys=with_delays(standbys),
    )


def _mirrored(copies: Sequence[model.StandbySpec]) -> list[str]:
    """Return the places that a cloud manager may mirror to: those of the standbys."""
    if not copies:
        return [SECOND]
    return [spec.name for spec in copies if spec.store is None]


def drawn(line: FaultLine) -> model.DrawnFault | None:
    """Return the fault as it is drawn; None if it never happens."""
    together = line.together
    if not line.rate[0] and not together.with_site_loss and not line.steady:
        return None
    windows = (
        -1
        if together.in_change_windows is None
        else together.in_change_windows
    )
    chance, after = (
        (together.again.chance, together.again.after)
        if together.again
        else (0, None)
    )
    return model.DrawnFault(
        line.kind,
        *line.rate,
        line.params,
        windows,
        together.with_site_loss or 0,
        chance,
        after,
        line.steady,
        line.copy,
    )


def text_of_series(
    numbers: tuple[int, ...], interval_us: int
) -> dict[str, str]:
    """A recorded series written out, so that a resolved scenario needs no other file."""
    return {
        "bytes": " ".join(map(str, numbers)),
        "interval": units.format_duration(interval_us),
    }
