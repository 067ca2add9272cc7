"""Random scenarios: options drawn as well as faults (a swarm), then a storm, then calm or a
failure.
"""

from __future__ import annotations

import random
from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.scenario.model import Scenario

FAULTS = {
    "link_outage": lambda r, db: f"link_outage: {r.choice([1, 4, 11, 40])} min",
    "packet_loss": lambda r, db: f"packet_loss: {{loss: "
        f"{r.choice(['0.1 %', '1 %', '5 %'])}, duration: 30 min}}",
    "partition": lambda r, db: f"partition: {{cut: "
        f"{r.choice(['to_secondary', 'to_primary', 'both'])}, duration: "
        f"{r.choice([2, 20])} min}}",
    "throttle": lambda r, db: f"throttle: {{to: {r.choice(['300 kbit/s', '2 Mbit/s'])}, "
        f"duration: 25 min}}",
    "corrupt_in_transit": lambda r, db: f"corrupt_in_transit: {{database: "
        f"{db}, files: {r.choice([1, 2, 5])}}}",
    "corrupt_at_rest": lambda r, db: f"corrupt_at_rest: {{database: {db}, where: "
        f"{r.choice(['primary', 'secondary'])}, "
        f"files: {r.choice([1, 3, 9])}}}",
    "backup_cut_off": lambda r, db: f"backup_cut_off: {{database: {db}, "
        f"after: {r.choice([0, 30, 99])} %}}",
    "missing_file": lambda r, db: f"missing_file: {db}",
    "late_file": lambda r, db: f"late_file: {{database: {db}, by: "
        f"{r.choice(['20 s', '6 min', '33 min'])}, files: "
        f"{r.choice([1, 3])}}}",
    "older_version": lambda r, db: f"older_version: {{database: {db}, kind: "
        f"{r.choice(['log', 'log', 'incremental', 'full'])}, files: {r.choice([1, 3])}}}",
    "paused_backups": lambda r, db: f"paused_backups: {{database: {db}, "
        f"duration: {r.choice([7, 35])} min}}",
    "manager_crash": lambda r, db: "manager_crash: {}",
    "index_maintenance": lambda r, db: f"index_maintenance: {{database: {db}, "
        f"log: {r.choice(['200 MB', '2 GB'])}}}",
    "latency": lambda r, db: f"latency: {{more: {r.choice(['200 ms', '2 s'])}, duration: 40 min}}",
    "torn_copy": lambda r, db: f"torn_copy: {{database: {db}, leaves: "
        f"{r.choice(['the part', 'whole size'])}, files: "
        f"{r.choice([1, 3])}}}",
    "half_written": lambda r, db: f"half_written: {{database: {db}, "
        f"after: {r.choice([1, 50, 99])} %}}",
    "duplicate_file": lambda r, db: f"duplicate_file: {{database: {db}, name: "
        f"{r.choice(['same', 'other'])}, after: "
        f"{r.choice(['0 s', '1 min', '20 min'])}}}",
    "silent_backups": lambda r, db: f"silent_backups: {{database: {db}, kind: "
        f"{r.choice(['any', 'full', 'log'])}, "
        f"duration: {r.choice([4, 40, 200])} min}}",
    "second_log_job": lambda r, db: f"second_log_job: {{database: {db}, times: "
        f"{r.choice([1, 3])}, every: 17 min}}",
    "ad_hoc_full": lambda r, db: f"ad_hoc_full: {{database: {db}, "
        f"copy_only: {r.choice(['true', 'false'])}}}",
    "recovery_model": lambda r, db: f"recovery_model: {{database: {db}, "
        f"duration: {r.choice([2, 50])} min}}",
    "careless_clean_up": lambda r, db: f"careless_clean_up: {{where: "
        f"{r.choice(['primary', 'secondary'])}, database: {db}, "
        f"older_than: {r.choice(['0 s', '3 min', '2 h'])}}}",
    "replication_stopped": lambda r, db: f"replication_stopped: {{resumed_in: "
        f"{r.choice([0, 20])} min, at_latest: 3 h}}",
    "slow_restore": lambda r, db: f"slow_restore: {{by: "
        f"{r.choice(['3', '{p50: 3, p95: 40}'])}, duration: 1 h}}",
    "readers": lambda r, db: f"readers: {{database: {db}, duration: {r.choice([3, 45])} min}}",
    "staging_full": lambda r, db: f"staging_full: {r.choice([3, 50])} min",
    "dead_alert_channel": lambda r, db: "dead_alert_channel: 2 h",
    "wrong_clock": lambda r, db: f"wrong_clock: {{side: {r.choice(['primary', 'secondary'])}, "
        f"{r.choice(['ahead: 7 min', 'behind: 1 h'])}, duration: {r.choice([30, 150])} min}}",
    "lose_secondary": lambda r, db: f"lose_secondary: {r.choice([5, 90])} min",
    "operator_mistake": lambda r, db: "operator_mistake: "
        f"{r.choice(['wipes the secondary', 'wipes the secondary host'])}",
    "standby_broken": lambda r, db: f"standby_broken: {{database: {db}, how: "
        f"{r.choice(['dropped', 'brought online', 'redo fails'])}}}",
}  # fmt: skip
ENDS = (
    "lose: site",
    "lose: host",
    "lose: database",
    "order_failover: {by: dba, planned: true}",
    "order_failover: {by: dba, planned: false}",
    "order_failover: {by: mallory, planned: false}",
    "",
)


def text(seed: int) -> str:
    """The YAML of the scenario of that seed: a day of one to three databases, up to eight faults
    and perhaps an end.
    """
    r = random.Random(seed)
    names = ["crm", "web", "archive"][: r.choice([1, 1, 2, 3])]
    lines = [
        f"name: storm-{seed}",
        f"seed: {seed}",
        "run_for: 16 h",
        "machines: [sql1, sql2]",
        "databases:",
    ]
    for name in names:
        full = r.choice(["every 6 h", "daily 03:00", "none"])
        lines += [
            f"  {name}:",
            f"    size: {r.choice(['200 MB', '5 GB', '60 GB'])}",
            "    log_volume: "
            f"{r.choice(['20 MB per 5 min', '1 MB per 5 min', '{mean: 60 kB/s, profile: business_hours}'])}",
            "    transactions: 10 per s",
            f"    full: {full}",
            f"    differential: {r.choice(['every 2 h', 'none'])}",
            f"    log: {r.choice(['every 5 min', 'every 15 min'])}",
            f"    on: {r.choice(['sql1', 'sql2'])}",
            f"    serial: {r.choice(['true', 'false'])}",
        ]
    lines += [
        f"link: {{bandwidth: {r.choice(['20 Mbit/s', '200 Mbit/s'])}, sharing: "
        f"{r.choice(['fair', 'fifo', 'priority'])}}}",
        f"replication: {{retry: {r.choice(['0 s', '1 min', '3 min'])}, staging: "
        f"{r.choice(['500 MB', '64 GB'])}, slots: {r.choice([1, 2, 16])}}}",
        "primary: {retention: 4 h, keep_fulls: 1}",
        f"secondary: {{retention: 4 h, keep_fulls: 1, restore_tail: "
        f"{r.choice(['1', '{p50: 1, p95: 6}'])}}}",
        f"replay: {{on_hole: {r.choice(['bridge', 'skip_ahead', 'resync'])}, otherwise: "
        f"resync, workers: {r.choice([1, 4])},"
        f" reverify: {r.choice(['0 s', '1 h'])}, delay: "
        f"{r.choice(['0 s', '0 s', '7 min'])}, every: "
        f"{r.choice(['0 s', '0 s', '15 min'])},"
        f" validate: {r.choice(['[hash]', '[hash, properties]'])}}}",
        f"heartbeat: {{path: {r.choice(['own', 'data link'])}}}",
        f"failover: {{mode: {r.choice(['automatic', 'manual'])}, silent_for: "
        f"{r.choice(['30 s', '90 s'])}, machines_silent: {r.choice(['1', 'all'])}}}",
        "events:",
    ]
    kinds = r.sample(sorted(FAULTS), r.randint(1, 6))
    for _ in range(r.randint(1, 8)):
        minute = r.randint(30, 13 * 60)
        lines.append(f"  - {{at: {minute} min, {FAULTS[r.choice(kinds)](r, r.choice(names))}}}")
    end = r.choice(ENDS)
    if end:
        lines.append(f"  - {{at: {r.randint(12 * 3600, 15 * 3600)} s, {end}}}")
    return "\n".join(lines) + "\n"


def scenario(seed: int, folder: Path, limited: bool = False) -> Scenario:
    """limited: on disks and with logs that can be full."""
    path = folder / f"storm-{seed}.yaml"
    path.write_text(text(seed), encoding="utf-8")
    return load_scenario(path, limits(seed) if limited else [])


def limits(seed: int) -> list[str]:
    """Small enough that many a backup, copy, restore or commit finds no room, for a while or for
    ever.
    """
    r = random.Random(f"limits {seed}")
    names = [
        line.strip(" :")
        for line in text(seed).splitlines()
        if line.startswith("  ") and line.endswith(":")
    ]
    sizes = [
        line.split(": ")[1] for line in text(seed).splitlines() if line.startswith("    size:")
    ]
    held = sum(
        {"MB": 1, "GB": 1000}[unit] * int(number)
        for number, unit in (size.split() for size in sizes)
    )
    out = [
        f"primary.share_capacity={r.choice(['none', '900 MB', '6 GB', '90 GB'])}",
        f"secondary.share_capacity={r.choice(['none', '700 MB', '5 GB', '80 GB'])}",
        f"secondary.data_capacity={r.choice(['none', f'{held} MB', f'{held * 3 // 2} MB'])}",
    ]
    return out + [
        f"databases.{name}.log_capacity={r.choice(['none', '30 MB', '150 MB', '1 GB'])}"
        for name in names
    ]
