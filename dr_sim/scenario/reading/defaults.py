"""Every default of a scenario: (key path, what it stands for as text, where it comes from).

'*' is any database. A source is a publication named in full words, one of dr_sim's own requirements
on the recovery service, or 'assumed'. What has no line here must be written. Defaults of event and
fault kinds stand with their fields.
"""

from __future__ import annotations

_LIMITS = "the recovery service's own limits"
_SCHEDULE = "the recovery service's own schedule"
_DFS = "Windows DFS Replication FAQ"

DEFAULTS: tuple[tuple[str, str, str], ...] = (
    ("description", '""', "none needed"),
    ("seed", "1", "assumed"),
    ("start", "2026-01-05", "assumed: a Monday"),
    ("time_zone", "UTC", "assumed"),
    ("measure_from", "0 s", "assumed: from the start"),
    ("machines", "[sql1]", "assumed"),
    # ---- databases ----
    ("databases.*.log_volume", "20 MB per 5 min", "assumed"),
    (
        "databases.*.transactions",
        "10 per s",
        "assumed: 6.7 kB of log each at 20 MB per 5 min",
    ),
    (
        "databases.*.incremental_share",
        "60 %",
        "assumed: 25 GB after a week of 40 GB of log",
    ),
    ("databases.*.full", "weekly Sun 01:00", _SCHEDULE),
    ("databases.*.incremental", "daily 01:00", _SCHEDULE),
    ("databases.*.log", "every 5 min", _SCHEDULE),
    (
        "databases.*.serial",
        "false",
        "assumed: SQL Server lets logs go on during a full",
    ),
    (
        "databases.*.seeded",
        "true",
        "assumed: the secondary is in place when the run begins",
    ),
    (
        "databases.*.log_capacity",
        "none",
        "assumed: its log grows as it needs to",
    ),
    (
        "databases.*.tenants",
        "none",
        "assumed: nobody asks whose data it is",
    ),
    # ---- the primary ----
    ("primary.disk", "400 MB/s", "assumed"),
    ("primary.full.fixed", "5 s", "assumed"),
    (
        "primary.full.rate",
        "191 MB/s",
        "field reports: 20, 143, 191 and 299 MB/s",
    ),
    ("primary.incremental.fixed", "5 s", "assumed"),
    (
        "primary.incremental.rate",
        "191 MB/s",
        "field reports: 20, 143, 191 and 299 MB/s",
    ),
    ("primary.log.fixed", "1 s", "assumed"),
    (
        "primary.log.rate",
        "169 MB/s",
        "a real 3,553 MB log backup that took 21 s",
    ),
    ("primary.retention", "72 h", "built-in SQL Server log shipping"),
    ("primary.keep_fulls", "2", "assumed"),
    ("primary.share_capacity", "none", "assumed: the share never fills up"),
    # ---- the link ----
    ("link.rtt", "30 ms", "assumed"),
    ("link.loss", "0 %", "assumed"),
    (
        "link.mss",
        "1460 B",
        "Ethernet's 1,500 less 40 of TCP and IP headers",
    ),
    (
        "link.sharing",
        "fair",
        "assumed: concurrent TCP streams share max-min fairly",
    ),
    # ---- replication ----
    ("replication.slots", "16", _DFS),
    (
        "replication.staging",
        "4096 MiB",
        f"{_DFS} (4,096 MB, which Windows counts in MiB)",
    ),
    ("replication.high_watermark", "90 %", _DFS),
    ("replication.low_watermark", "60 %", _DFS),
    ("replication.purge_rate", "1 GB/s", "assumed"),
    ("replication.retry", "3 min", "assumed"),
    ("replication.resume_above", "64 KiB", f"{_DFS} (64 KB)"),
    ("replication.every", "0 s", "assumed: as soon as a file is finished"),
    (
        "replication.delta",
        "100 %",
        "assumed: of logs and compressed backups nearly everything crosses",
    ),
    (
        "replication.groups",
        "{}",
        "assumed: one folder of all databases, //primary/backup to //secondary/landing",
    ),
    # ---- the secondary ----
    (
        "secondary.disk",
        "1 GB/s",
        "assumed: hashing and restoring do not wait for it one at a time",
    ),
    ("secondary.hash_rate", "500 MB/s", "assumed"),
    (
        "secondary.copy_rate",
        "clone",
        "assumed: the restore folder is on the share's volume, whose file system clones "
        "blocks (ReFS, XFS, Btrfs)",
    ),
    (
        "secondary.restore_rate",
        "356 MB/s",
        "assumed: 500 GB in 23 min 24 s",
    ),
    ("secondary.restore_fixed", "1 s", "assumed"),
    (
        "secondary.restore_full",
        "none",
        "assumed: fulls are restored at the cost of any restore",
    ),
    ("secondary.restore_incremental", "none", "assumed: as for fulls"),
    (
        "secondary.restore_tail",
        "1",
        "assumed: no tail; field reports tell of 25 times and more",
    ),
    ("secondary.retention", "72 h", "built-in SQL Server log shipping"),
    ("secondary.keep_fulls", "2", "assumed"),
    (
        "secondary.share_capacity",
        "none",
        "assumed: the share never fills up",
    ),
    (
        "secondary.data_capacity",
        "none",
        "assumed: the disk holds what is restored",
    ),
    # ---- replay ----
    ("replay.workers", "4", "assumed"),
    (
        "replay.on_hole",
        "bridge",
        "assumed: an incremental is smaller than a full",
    ),
    ("replay.otherwise", "resync", "assumed"),
    ("replay.delay", "0 s", "assumed"),
    (
        "replay.every",
        "0 s",
        "the recovery service's own rule: as soon as a log has landed",
    ),
    ("replay.attempts", "3", _LIMITS),
    ("replay.age", "15 min", _LIMITS),
    ("replay.retry", "5 min", _LIMITS),
    ("replay.window", "15 min", _LIMITS),
    ("replay.critical_after", "30 min", _LIMITS),
    ("replay.validate", "[hash]", "assumed"),
    ("replay.reverify", "0 s", "assumed: on arrival only"),
    # ---- detection and failover ----
    ("heartbeat.every", "10 s", "AWS: health probes every 10 or 30 s"),
    ("heartbeat.path", "own", "assumed"),
    ("failover.mode", "manual", "assumed"),
    ("failover.silent_for", "30 s", "AWS: health probes every 10 or 30 s"),
    ("failover.machines_silent", "all", "assumed"),
    ("failover.operators", "[dba]", "assumed"),
    (
        "failover.operator.answers_in",
        "{p50: 4 min, p95: 20 min}",
        "assumed",
    ),
    ("failover.operator.approves", "true", "assumed"),
    ("failover.operator.repairs_first", "0 s", "assumed: none is tried"),
    ("failover.fence", "5 s", "assumed"),
    (
        "failover.fence_timeout",
        "21 s",
        "Microsoft: a TCP attempt takes 21 s",
    ),
    ("failover.drain_limit", "10 min", "assumed"),
    (
        "failover.planned_limit",
        "30 min",
        "assumed: half of an hour's maintenance window",
    ),
    (
        "failover.restore_limit",
        "4 h",
        "field report: a log restore that ended after 3 h 10 (undo of a huge open transaction)",
    ),
    ("failover.turn", "10 s", "Patroni: loop_wait is 10 s by default"),
    ("failover.lease", "30 s", "Patroni: ttl is 30 s by default"),
    (
        "failover.choose",
        "preferred",
        "assumed: people know which copy is their first",
    ),
    ("failover.recover", "10 s", "assumed"),
    (
        "failover.undo_rate",
        "85 MB/s",
        "assumed: half the speed of a log backup, since each page is read and written",
    ),
    (
        "failover.redirect.switch",
        "60 s",
        "AWS: managed failover 60-120 s typical",
    ),
    (
        "failover.redirect.ttl",
        "0 s",
        "assumed: a virtual IP moves, no name changes",
    ),
    (
        "failover.redirect.reconnect",
        "0 s",
        "assumed: connections are closed, so clients come back at once",
    ),
    ("failover.warm_up.for", "45 s", "assumed"),
    ("failover.warm_up.from", "50 %", "assumed"),
    # ---- what holds the databases ----
    ("engine.kind", "model", "assumed: a run takes about a second"),
    ("engine.imitates", "sql_server", "the recovery service's own engine"),
    (
        "engine.scale",
        "100000",
        "assumed: a service of 500 GB is 5 MB on disk",
    ),
    (
        "engine.timing",
        "modelled",
        "assumed: a run is the same on every machine",
    ),
    (
        "after_failover.new_secondary",
        "0 s",
        "assumed: a machine stands ready",
    ),
    # ---- a store; it is one if `store` is written ----
    ("copies.*.store.from", "primary", "assumed"),
    (
        "copies.*.store.takes",
        "[full, incremental, log]",
        "assumed: all backups are kept",
    ),
    (
        "copies.*.store.hold",
        "0 s",
        "assumed: a backup goes when it is finished",
    ),
    ("copies.*.store.every", "none", "assumed: a backup goes when it may"),
    ("copies.*.store.transit", "0 s", "assumed: nothing but the link"),
    ("copies.*.store.read", "200 MB/s", "assumed"),
    (
        "copies.*.store.machine",
        "10 min",
        "assumed: a virtual machine is ordered, started and set up",
    ),
    (
        "copies.*.store.retention",
        "35 days",
        "the most that Amazon RDS keeps automated backups",
    ),
    ("copies.*.store.keep_fulls", "2", "assumed: as secondary.keep_fulls"),
    ("copies.*.store.capacity", "none", "assumed: it never fills up"),
    (
        "copies.*.store.schedule.incremental",
        "none",
        "assumed: a second tool takes fulls",
    ),
    (
        "copies.*.store.schedule.log",
        "none",
        "assumed: both tools use the same logs",
    ),
    (
        "copies.*.store.schedule.cost",
        "none",
        "assumed: as a full of the databases' schedules",
    ),
    # ---- users, the manager, danger ----
    ("users.requests", "100 per s", "assumed"),
    ("users.utilisation", "60 %", "assumed"),
    ("manager.restart_after", "30 s", "assumed"),
    (
        "monitor.enabled",
        "true",
        "built-in SQL Server log shipping: the alert job is there by default",
    ),
    (
        "monitor.every",
        "2 min",
        "built-in SQL Server log shipping: the alert job",
    ),
    (
        "monitor.backup_threshold",
        "60 min",
        "built-in SQL Server log shipping",
    ),
    (
        "monitor.restore_threshold",
        "45 min",
        "built-in SQL Server log shipping",
    ),
    ("monitor.repeat", "5 min", _LIMITS),
    # ---- what changes cost, for `dr-sim advise` ----
    ("prices.link", "none", "assumed: nobody has said"),
    ("prices.storage", "none", "assumed: nobody has said"),
    ("prices.machine", "none", "assumed: nobody has said"),
    ("prices.egress", "none", "assumed: nobody has said"),
    (
        "danger.above",
        "15 min",
        "the recovery service's own limits: the age of a log",
    ),
    (
        "danger.outage_above",
        "none",
        "the scenario's own SLA; else 1 h: Amazon Web Services' disaster recovery paper "
        "has minutes for a warm standby, hours for a restore",
    ),
    (
        "danger.behind",
        "45 min",
        "built-in SQL Server log shipping: restore_threshold, above which it alerts (14421)",
    ),
    (
        "danger.grace",
        "6 min",
        "the recovery service's own limits: one retry, and a minute for a log backup to finish",
    ),
    ("recorded.link", "none", "assumed: the link is as link says"),
    (
        "recorded.outages",
        "none",
        "assumed: only those under events and faults",
    ),
    ("recorded.restores", "none", "assumed: only secondary.restore_tail"),
    ("directory.changes", "0 per day", "assumed: no directory to speak of"),
    (
        "directory.replicate",
        "every 180 min",
        "Active Directory's default between sites",
    ),
    ("directory.lag", "1 min", "assumed"),
    ("directory.provision", "30 s", "assumed"),
    # ---- the cloud manager; it is there if any of its sections is written ----
    (
        "networks",
        "{}",
        "assumed: one network, main, of all databases and the usual farms",
    ),
    ("networks.*.tenants", "shared", "assumed"),
    (
        "networks.*.farms",
        "[content, services, directory]",
        "the service's own farms",
    ),
    (
        "networks.*.databases",
        "all",
        "assumed: those that no other network names",
    ),
    (
        "networks.*.most_machines",
        "1000",
        "AWS's quota of targets behind one application load balancer",
    ),
    (
        "networks.*.own_machines.compute",
        "0",
        "assumed: networks share physical machines",
    ),
    (
        "networks.*.own_machines.storage",
        "0",
        "assumed: networks share physical machines",
    ),
    ("networks.*.quotas", "{}", "assumed: nobody has a quota"),
    ("cloud.at", "apart", "assumed: it outlives the loss of either side"),
    ("cloud.rtt", "30 ms", "assumed: as link.rtt"),
    ("cloud.answers_in", "20 ms", "assumed"),
    ("cloud.restart_after", "30 s", "assumed: as manager.restart_after"),
    (
        "cloud.mirror.mode",
        "jobs",
        "the recovery service's own rule: a script runs at both sides",
    ),
    (
        "cloud.mirror.every",
        "5 min",
        "the recovery service's own schedule: as log backups",
    ),
    ("cloud.mirror.audit", "1 h", "assumed"),
    (
        "cloud.mirror.limit",
        "15 min",
        "the recovery service's own limits: the age of a log",
    ),
    ("cloud.mirror.on_failure", "retry", "assumed"),
    ("cloud.provision.at_most", "30 min", "assumed"),
    (
        "cloud.provision.otherwise",
        "redirect",
        "assumed: service first, the rest after it",
    ),
    ("jobs.time_limit", "30 min", "assumed"),
    ("jobs.retry", "5 min", _LIMITS),
    ("jobs.attempts", "3", _LIMITS),
    ("jobs.start", "2 s", "assumed: a fresh process and its environment"),
    ("jobs.clean_up", "10 s", "assumed"),
    ("jobs.at_once", "4", "assumed: as replay.workers"),
    ("jobs.set", "2 min", "assumed"),
    ("jobs.rebuild", "20 min", "assumed"),
    ("jobs.by_hand", "{p50: 10 min, p95: 40 min}", "assumed"),
    (
        "jobs.forgotten",
        "3 %",
        "assumed: of steps in a list that people work off",
    ),
    (
        "changes.rate",
        "0 per day",
        "assumed: none but those that clients ask for",
    ),
    ("changes.takes", "{p50: 40 s, p95: 6 min}", "assumed"),
    ("changes.fail", "1 %", "assumed"),
    ("clients", "{}", "assumed: nobody but those who make changes"),
    ("clients.*.calls", "40 per min", "assumed"),
    ("clients.*.actions", "5 %", "assumed"),
    ("clients.*.timeout", "5 s", "assumed"),
    ("clients.*.retries", "6", "assumed"),
    ("clients.*.tenant", "none", "assumed: it may use every network"),
    # ---- machines; they are there if any of their sections is written ----
    ("physical", "{}", "assumed: nothing is deployed"),
    ("physical.*.compute", "0", "assumed: none but those that are written"),
    ("physical.*.storage", "0", "assumed: none but those that are written"),
    ("images", "{}", "assumed: nothing is deployed"),
    ("images.*.role", "front_end", "assumed"),
    ("images.*.cpus", "8", "assumed"),
    ("images.*.ram", "32 GB", "assumed"),
    ("images.*.class", "compute", "assumed"),
    (
        "images.*.at",
        "[A, B]",
        "the service's own rule: both sides are alike",
    ),
    ("farms", "{}", "assumed: nothing is deployed"),
    ("farms.*.network", "main", "assumed: the network if none is named"),
    ("farms.*.kind", "content", "assumed: it serves users"),
    ("farms.*.databases", "all", "assumed: those that no other farm names"),
    ("farms.*.front_end", "0", "assumed: none but those that are written"),
    (
        "farms.*.application",
        "0",
        "assumed: none but those that are written",
    ),
    ("farms.*.timer", "0", "assumed: none but those that are written"),
    ("farms.*.search", "0", "assumed: none but those that are written"),
    ("farms.*.directory", "0", "assumed: none but those that are written"),
    ("farms.*.tenant", "none", "assumed: a farm serves all tenants"),
    ("farms.*.load", "none", "assumed: people set the goals"),
    ("farms.*.per_machine", "50 per s", "assumed"),
    ("deployment.takes", "{p50: 6 min, p95: 12 min}", "assumed"),
    ("deployment.remove", "1 min", "assumed"),
    (
        "deployment.install_rate",
        "1 Gbit/s",
        "assumed: one port of a usual switch",
    ),
    ("deployment.silent_for", "1 min", "assumed"),
    ("deployment.repair_after", "5 min", _LIMITS),
    (
        "deployment.most_silent",
        "40 %",
        "Cluster API: the example in its MachineHealthCheck (maxUnhealthy)",
    ),
    (
        "deployment.load_every",
        "15 s",
        "Kubernetes' horizontal autoscaler: it looks every 15 s",
    ),
    (
        "deployment.fewer_after",
        "5 min",
        "Kubernetes' horizontal autoscaler: the most that was wanted in the last 300 s",
    ),
    ("deployment.compute.cpus", "32", "assumed"),
    ("deployment.compute.ram", "256 GB", "assumed"),
    ("deployment.storage.cpus", "16", "assumed"),
    ("deployment.storage.ram", "128 GB", "assumed"),
    (
        "change_windows.start",
        "none",
        "assumed: changes are made at any time",
    ),
    ("change_windows.length", "4 h", "assumed"),
)

DERIVED: tuple[tuple[str, str], ...] = (
    ("name", "the file's name"),
    ("databases.*.machine", "the first of machines"),
    ("failover.on_duty", "the first of failover.operators"),
)
"""Defaults that follow from the rest of the scenario."""
