"""Everything that can happen to a service in a scenario: one file each, this tuple lists them
all.
"""

from __future__ import annotations

from dr_sim.faults import (
    ad_hoc_full,
    backup_cut_off,
    careless_clean_up,
    corrupt_at_rest,
    corrupt_in_transit,
    dead_alert_channel,
    disk_full,
    duplicate_file,
    half_written,
    index_maintenance,
    late_file,
    latency,
    link_outage,
    log_full,
    long_transaction,
    lose,
    lose_secondary,
    manager_crash,
    missing_file,
    mistake,
    older_version,
    operator_mistake,
    order_failover,
    packet_loss,
    partition,
    paused_backups,
    readers,
    recovery_model,
    replication_off,
    replication_stopped,
    restore_job_off,
    second_log_job,
    setup_differs,
    silent_backups,
    slow_restore,
    staging_full,
    standby_broken,
    throttle,
    torn_copy,
    wrong_clock,
)
from dr_sim.faults.kind import Effect, Explains, Kind, Occurrence

KINDS: tuple[Kind, ...] = (
    link_outage.KIND,
    packet_loss.KIND,
    latency.KIND,
    partition.KIND,
    throttle.KIND,
    corrupt_in_transit.KIND,
    torn_copy.KIND,
    half_written.KIND,
    corrupt_at_rest.KIND,
    backup_cut_off.KIND,
    silent_backups.KIND,
    missing_file.KIND,
    second_log_job.KIND,
    ad_hoc_full.KIND,
    recovery_model.KIND,
    careless_clean_up.KIND,
    late_file.KIND,
    duplicate_file.KIND,
    older_version.KIND,
    replication_stopped.KIND,
    paused_backups.KIND,
    slow_restore.KIND,
    readers.KIND,
    manager_crash.KIND,
    dead_alert_channel.KIND,
    wrong_clock.KIND,
    lose.KIND,
    lose_secondary.KIND,
    index_maintenance.KIND,
    order_failover.KIND,
    operator_mistake.KIND,
    replication_off.KIND,
    staging_full.KIND,
    disk_full.KIND,
    log_full.KIND,
    mistake.KIND,
    long_transaction.KIND,
    restore_job_off.KIND,
    setup_differs.KIND,
    standby_broken.KIND,
)

BY_NAME = {kind.name: kind for kind in KINDS}
RECORDED_OUTAGE = "recorded_outage"
"""An outage of the link that a recorded series holds (world/recorded.py): no line under `events:`
brings it.
"""
EXPLAINS: dict[str, tuple[Explains, ...]] = {kind.name: kind.explains for kind in KINDS} | {
    RECORDED_OUTAGE: (Explains.LINK_DOWN,)
}

__all__ = [
    "BY_NAME",
    "EXPLAINS",
    "KINDS",
    "RECORDED_OUTAGE",
    "Effect",
    "Explains",
    "Kind",
    "Occurrence",
]
