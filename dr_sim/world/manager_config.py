"""The configuration of the recovery manager, from a scenario."""

from __future__ import annotations

from collections.abc import Container

from dr_sim.recovery.config import (
    DatabaseConfig,
    FailoverConfig,
    FailoverCosts,
    ManagerConfig,
    Mode,
    OnHole,
    ReplayConfig,
    RestoreCost,
)
from dr_sim.recovery.failover.policy import CopyChoice, CopyPolicy
from dr_sim.scenario.keys.backup_stores import as_kept
from dr_sim.scenario.model import DatabaseSpec, Scenario
from dr_sim.scenario.schedule import longest_gap_us
from dr_sim.scenario.usual import after_the_drain_us, usual_us
from dr_sim.world.link.folder import folders_of


def _others_due_us(database: DatabaseSpec) -> int:
    """Return how often a full or an incremental is due, at the longest; 0 if none is scheduled."""
    gaps = [
        longest_gap_us(s) for s in (database.full, database.incremental)
    ]
    return min((gap for gap in gaps if gap), default=0)


def _landing_us(scenario: Scenario, database: DatabaseSpec) -> int:
    """Return by when a log must have landed since it was finished. At a store a log that is held
    back, or on the road, is not late.
    """
    store = scenario.store
    if store is None:
        return scenario.replay.age_us
    by_design_us = longest_gap_us(database.log) + store.delay_us
    return scenario.replay.age_us + by_design_us


def manager_config(
    scenario: Scenario, serving: Container[str] | None = None
) -> ManagerConfig:
    """Return the configuration; all of it comes from the scenario. serving: the databases in
    service; None: all.
    """
    r, f, s = scenario.replay, scenario.failover, scenario.secondary
    store = scenario.store
    known = [
        d if store is None else as_kept(d, store)
        for d in scenario.databases
    ]
    databases = tuple(
        DatabaseConfig(
            name=d.name,
            log_interval_us=longest_gap_us(d.log),
            other_interval_us=_others_due_us(d),
            full_interval_us=longest_gap_us(d.full),
            landing_us=_landing_us(scenario, d),
            retention_us=s.retention_us,
            keep_fulls=s.retention_count,
            share_path=folder.secondary_share + "/",
            machine=d.machine,
        )
        for d, folder in zip(known, folders_of(scenario), strict=True)
        if serving is None or d.name in serving
    )
    replay = ReplayConfig(
        attempts=r.attempts,
        age_us=r.age_us,
        retry_us=r.retry_us,
        window_us=r.window_us,
        critical_after_us=r.critical_after_us,
        on_hole=OnHole(r.on_hole),
        otherwise=OnHole(r.otherwise),
        delay_us=r.delay_us,
        every_us=r.every_us,
        reverify_us=r.reverify_us,
        keeps=store is not None,
        restore=restore_costs(scenario),
        held_us=0 if store is None else store.held_us,
    )
    failover = FailoverConfig(
        mode=Mode(f.mode),
        silent_for_us=f.silent_for_us,
        machines_silent=f.machines_silent,
        machines=scenario.machines,
        operators=f.operators,
        on_duty=f.on_duty,
        drain_limit_us=f.drain_limit_us,
        planned_limit_us=f.planned_limit_us,
        restore_limit_us=f.restore_limit_us,
        directory=scenario.directory.changes_num > 0
        or scenario.cloud is not None,
        standbys=scenario.ranks,
        rank=scenario.rank,
        turn_us=f.turn_us,
        gets_machine=store is not None,
        choose=CopyChoice(CopyPolicy(f.choose.policy), f.choose.within_us),
        costs=_costs(scenario),
    )
    return ManagerConfig(
        databases=databases, replay=replay, failover=failover
    )


def restore_costs(
    scenario: Scenario,
) -> tuple[RestoreCost, RestoreCost, RestoreCost]:
    """Return the known costs of restores: the usual ones, whatever happens to them."""
    s = scenario.secondary
    full, incremental, log = (
        RestoreCost(cost.fixed_us, min(cost.rate_bytes_s, s.disk_bytes_s))
        for cost in s.restore
    )
    return full, incremental, log


def _costs(scenario: Scenario) -> FailoverCosts:
    """Return the known costs of a failover: the usual ones, whatever happens to it."""
    f, s, store = scenario.failover, scenario.secondary, scenario.store
    disk_bytes_s = s.disk_bytes_s
    before_us = f.fence_timeout_us
    if f.mode == Mode.MANUAL:
        before_us += usual_us(f.answers_in) + usual_us(f.repairs_first)
    if store is not None:
        before_us += store.machine_us
    return FailoverCosts(
        workers=scenario.replay.workers,
        hash_bytes_s=min(s.hash_bytes_s, disk_bytes_s),
        one_device=store is not None,
        device_bytes_s=disk_bytes_s,
        before_us=before_us,
        after_us=after_the_drain_us(scenario),
        asks=scenario.cloud is not None,
        configured_at_most_us=scenario.cloud.provision_us
        if scenario.cloud is not None
        else None,
    )
