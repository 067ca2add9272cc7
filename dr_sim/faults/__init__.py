"""Everything that can happen to a service in a scenario: one file each, this tuple lists them all."""

from __future__ import annotations

from dr_sim.faults import (
    backup_cut_off,
    corrupt_at_rest,
    corrupt_in_transit,
    index_maintenance,
    late_file,
    link_outage,
    lose,
    manager_crash,
    missing_file,
    order_failover,
    packet_loss,
    partition,
    paused_backups,
    throttle,
)
from dr_sim.faults.kind import Kind, Occurrence

KINDS: tuple[Kind, ...] = (
    link_outage.KIND,
    packet_loss.KIND,
    partition.KIND,
    throttle.KIND,
    corrupt_in_transit.KIND,
    corrupt_at_rest.KIND,
    backup_cut_off.KIND,
    missing_file.KIND,
    late_file.KIND,
    paused_backups.KIND,
    manager_crash.KIND,
    lose.KIND,
    index_maintenance.KIND,
    order_failover.KIND,
)

__all__ = ["KINDS", "Kind", "Occurrence"]
