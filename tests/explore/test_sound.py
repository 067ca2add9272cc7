"""Cases in which nothing is wrong, and in which a monitor once said that something was."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.explore.case import load, look, read_tree

CASES = {
    # A log comes damaged, and is copied again at once. That copy is damaged too, and the retry counts
    # from then.
    "a store has a damaged log copied again at once": """\
run_for: 8 h
databases:
  crm: {size: 200 MB}
  web: {size: 200 MB}
link: {bandwidth: 200 Mbit/s}
copies: {vault: {store: {hold: 1 h, every: every 4 h, transit: 0 s, retention: 7 days}}}
events:
- {at: 2 h, corrupt_at_rest: {where: primary}}
""",
    # A full that was validated is sent again, and torn, while the manager is down. Its name, size and
    # time are the same, so nobody can tell before it is restored.
    "a damaged copy lands in the place of a whole one while the manager is down": """\
run_for: 8 h
databases: {crm: {size: 200 MB, full: every 2 h, log: none}}
link: {bandwidth: 200 Mbit/s}
events:
- {at: 4 h, order_failover: {by: dba}}
- {at: 14419 s, torn_copy: {database: crm, files: '3'}}
- {at: 250 min, manager_crash: {before: Validate, nth: '3'}}
- {at: 4 h, throttle: {to: 300 kbit/s, duration: 25 min}}
- {at: 3 h, duplicate_file: {database: crm}}
""",
    # The incremental of 6:30 is sooner here than the full of 6:00 on which it stands. Both are restored
    # at 6:34, and no full is asked for.
    "an incremental lands before the full on which it stands": """\
run_for: 750 min
databases:
  crm: {size: 5 GB, log_volume: 1 MB per 5 min, full: every 6 h, incremental: every 30 min, log: none}
link: {bandwidth: 20 Mbit/s}
""",
    # The manager dies before it announces that a planned failover has begun, and is down for longer
    # than an order counts. The limit of that failover is a reason to go back.
    "an order counts for as long as the manager is down": """\
run_for: 7 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 14409 s 735603 us, order_failover: {by: dba}}
- {at: 14349 s 735603 us, setup_differs: {database: crm}}
- {at: 14290 s 235603 us, manager_crash: {before: EnterPhase}}
""",
    # One copy has stopped the old primary, and cannot go on. The other one takes the order over,
    # though its chain is broken: it loses nothing that would come otherwise.
    "an order that is passed on is taken over a hole": """\
run_for: 4 h
databases: {crm: {size: 5 GB, log_volume: 1 MB per 5 min, log: every 15 min, serial: false}}
link: {bandwidth: 20 Mbit/s}
replay: {otherwise: skip_ahead}
manager: {restart_after: 3 min}
failover: {mode: manual, planned_limit: none, choose: fastest}
engine: {imitates: postgres}
copies: {near: {}, far: {}}
events:
- {at: 12580 s, order_failover: dba, copy: near}
- {at: 7269 s 835393 us, manager_crash: {before: AskShare}, copy: near}
- {at: 7309 s 933333 us, corrupt_in_transit: {database: crm, files: 12}, copy: far}
""",
    # A change is made just after its agents fell silent, and the manager, which did not hear of it,
    # is started anew. It learns half an hour later that the two sides have differed since.
    "a change that nobody could hear of is drift once it is heard of": """\
run_for: 225 min
databases: {crm: {size: 5 GB, log_volume: 1 MB per 5 min, incremental: none, log: every 15 min, on: sql1, tenants: contoso}}
machines: [sql1, sql2]
link: {bandwidth: 20 Mbit/s}
jobs: {time_limit: 8 min, rebuild: 3 min}
clients: {portal: {calls: 20 per h, actions: 50 %, tenant: contoso}}
networks: {shared: {tenants: shared, farms: [content]}}
physical: {A: {compute: 2}, B: {compute: 2}}
images: {old: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}}
farms: {content: {image: old, front_end: 4, timer: 1, network: shared}}
events:
- {at: 6303 s 217752 us, agent_silent: {duration: 30 min, site: A}}
- {at: 6304 s 217752 us, cloud_crash: {}}
""",
    # An incremental got past the break of 2:00, and the next log was restored. A failover to 2:10
    # restores anew. It ends at 2:00, as no log leads on from there, and people are told so.
    "a database that is restored anew lacks logs that it once had": """\
run_for: 8 h
databases: {web: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
events:
- {at: 1 h, lose: host}
- {at: 2 h, recovery_model: {database: web, duration: 2 min}}
- at: 130 min
  mistake: {database: web, noticed: 3 h, then: [restore_before, failover_before]}
""",
    # The copy has got past two holes, each with a full. It holds the mistake, so it is restored anew,
    # as somebody has ordered, from the full of before.
    "a copy is taken back by an order to an earlier instant": """\
run_for: 14 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
replay: {on_hole: resync}
events:
- {at: 226 min, second_log_job: {database: crm, times: 3}}
- {at: 5 h, mistake: {database: crm, noticed: 3 h, then: [failover_before, restore_before]}}
""",
    # A log is lost for good, and a full that gets past it is being restored for hours. That its
    # restore takes long is told by an event of its own.
    "logs wait for a full that is being restored, not for the one before them": """\
run_for: 75 min
databases: {crm: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
replay: {every: 15 min, age: 10 min, retry: 2 min, on_hole: resync}
events:
- {at: 30 min, recovery_model: {database: crm, duration: 2 min}}
- {at: 40 min, slow_restore: {by: '2000', duration: 20 min}}
""",
    # An incremental got past the damaged log of 3:20, and no copy of it is whole at the primary. The
    # manager dies as it tells so, and knows after that that nobody needs that log.
    "a damaged log that was told of is needed no more after a restart": """\
run_for: 5 h
databases: {crm: {size: 200 MB, incremental: every 2 h}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min, attempts: '3', age: 10 min, retry: 2 min}
events:
- {at: 12299 s 999999 us, corrupt_at_rest: {database: crm, where: secondary, files: '3'}}
- {at: 13502 s 118344 us, corrupt_at_rest: {database: crm, where: primary, files: '9'}}
- {at: 13502 s 118344 us, manager_crash: {before: RaiseAlert}}
""",
    # The copy is lost when a failover has begun, nothing else is here, and the failover is left. A full
    # is asked for then: in a failover none could be.
    "a copy that was lost in a failover that is left is restored again": """\
run_for: 8 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 7199 s, order_failover: {by: dba, planned: 'false'}}
- {at: 7199 s, standby_broken: {database: crm, how: redo fails}}
""",
    # The log of 2:30, which has waited for its delay, is restored up to the mistake of 2:15. The
    # manager dies before it has asked for the tail, and the copy still stands where it should.
    "a manager restarts when the copy has been restored up to the instant": """\
run_for: 210 min
databases: {crm: {size: 5 GB, log_volume: 1 MB per 5 min, full: none, incremental: none,
    log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
replay: {delay: 7 min}
events:
- {at: 8102 s, mistake: {database: crm, noticed: 20 min, then: [restore_before]}}
- {at: 0 s, manager_crash: {before: EnterPhase, nth: '3'}}
""",
    # The full is here and verified, and finds no room beside the copy. The manager dies between the
    # order to drop the copy and the order to read the full again.
    "a copy is dropped for a full that is here, and the manager dies": """\
run_for: 75 min
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
secondary: {data_capacity: 300 MB}
replay: {on_hole: resync}
events:
- {at: 20 min, recovery_model: {database: crm, duration: 2 min}}
- {at: 30 min, manager_crash: {before: Restore, nth: 2}}
""",
    # The log backups of an hour are empty. The next log holds all of their ranges, and waits for its
    # delay of 7 minutes: nothing is lacking any more.
    "a log that covers damaged ones waits on purpose": """\
run_for: 3 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
replay: {on_hole: skip_ahead, delay: 7 min}
events: [{at: 61 min, silent_backups: {database: crm, kind: log, duration: 58 min}}]
""",
    # A hole lies ahead, and is filled. Then the next one is told of, and then the first log of all
    # is refused: each is another danger, with 30 minutes of its own.
    "a hole ahead is filled, and another thing is told of": """\
run_for: 170 min
databases: {crm: {size: 200 MB, log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
replay: {every: 15 min, age: 10 min, retry: 2 min}
events:
- {at: 75 min, late_file: {database: crm, by: 33 min, files: 3}}
- {at: 75 min, setup_differs: {database: crm, because: disk_missing, repaired_after: 3 h}}
""",
    # The primary's site is lost, and the operator says no: nobody can make the two sides the same.
    "a side that is lost is not made the same as the other": """\
seed: 432576
run_for: 14 h
databases: {crm: {size: 1 GB, tenants: contoso}}
link: {bandwidth: 200 Mbit/s}
failover: {operator: {approves: false}}
cloud: {mirror: {mode: reconcile, every: 5 min, audit: 1 h}}
clients: {portal: {calls: 20 per h, actions: 50 %, tenant: contoso}}
networks: {shared: {tenants: shared, farms: [content]}}
events: [{at: 270 min, lose: site}]
""",
    # The planned order is refused at 7622 s, as a log is missing. At 7632 s the host without a
    # database has been silent for long enough, and a failover begins that is not planned.
    "silence begins a failover just after an order was refused": """\
run_for: 150 min
machines: [sql1, sql2]
databases: {crm: {size: 200 MB, on: sql1}}
link: {bandwidth: 200 Mbit/s}
replay: {age: 10 min, retry: 2 min}
failover: {mode: automatic, silent_for: 30 s, machines_silent: 1}
events:
- {at: 105 min, late_file: {database: crm, by: 33 min, files: 1}}
- {at: 7602 s, lose: {what: host, machine: sql2}}
- {at: 7622 s, order_failover: dba}
""",
    # An operator wants the old primary to serve, and no failover is on: the copy claims for that.
    "a copy claims by the order to call a failover off": """\
run_for: 2 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
failover: {silent_for: 90 s, mode: manual}
copies: {near: {}, far: {}}
events:
- {at: 5101 s, lose: host}
- {at: 5121 s, call_off_failover: {by: dba}, copy: near}
""",
    # There is no room for two copies, so the old one goes before the new full is restored. The
    # database has no logs: the delay is one of logs.
    "a full is what replay goes on with": """\
run_for: 420 min
databases: {crm: {size: 200 MB, full: every 2 h, log: none}}
link: {bandwidth: 20 Mbit/s}
secondary: {data_capacity: 200 MB}
replay: {reverify: 3 h, delay: 7 min}
""",
    # The log of 4:00 is hollow. That of 4:05 covers it, and waits for the restore job of 4:15.
    "what covers a hollow log waits for the restore job": """\
run_for: 8 h
databases:
  crm: {size: 1 GB, log_volume: 1 MB per 5 min}
  web: {size: 1 GB, full: none, incremental: every 2 h, log: every 5 min, on: sql1, serial: 'false'}
link: {bandwidth: 20 Mbit/s, sharing: fifo}
replay: {every: 15 min, age: 10 min, retry: 2 min}
events:
- {at: 2701 s, silent_backups: {database: crm, kind: log, duration: 200 min}}
""",
    # The log of 1:05 is restored, and the manager dies before it has kept that. So it counts the age
    # of the missing log of 1:10 from the log of 1:00.
    "a manager could not keep what was restored before a hole": """\
run_for: 110 min
databases: {web: {size: 200 MB, incremental: none}}
link: {bandwidth: 200 Mbit/s}
replay: {on_hole: resync}
manager: {restart_after: 30 s}
events:
- {at: 3901 s, manager_crash: {before: Save, nth: 2}}
- {at: 69 min, missing_file: web}
""",
    # The restore of a log hangs, and a log behind it is damaged. That one is told of once it is 15
    # minutes old; that the first one waits is told before.
    "a log hangs before the one on which the chain is stuck": """\
run_for: 3 h
databases: {crm: {size: 5 GB, incremental: every 2 h, serial: 'true'}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 8099 s 999999 us, backup_cut_off: {database: crm}}
- {at: 7092 s, restore_job_off: {}}
""",
    # Nobody reads a copy that is gone: each full that lands could be restored.
    "readers find no copy": """\
run_for: 190 min
databases: {archive: {size: 200 MB, log: none}}
link: {bandwidth: 200 Mbit/s}
replay: {every: 15 min}
events:
- {at: 58 min, lose_secondary: 90 min}
- {at: 140 min, readers: {database: archive, duration: 45 min}}
""",
    # A log is missing, so none lands for half an hour: it is the restore job's hour that tells that
    # those that are here wait.
    "no log lands while the restore job is off": """\
run_for: 4 h
databases: {crm: {size: 1 GB, log: every 15 min}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min, age: 15 min, retry: 5 min}
events:
- {at: 194 min, restore_job_off: {}}
- {at: 198 min, missing_file: crm}
""",
    # The manager begins anew with what lies here. The next hour of the restore job is soon.
    "a manager that was restarted tells of logs that wait for the restore job": """\
run_for: 4 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min, age: 15 min, retry: 5 min}
events:
- {at: 173 min, slow_restore: {by: 2000, duration: 4 h}}
- {at: 186 min, manager_crash: {}}
""",
    # What gets past a log that is lost is asked for while one before it is being restored.
    "a log hangs before one that is lost": """\
run_for: 4 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min, age: 10 min, retry: 2 min, delay: 7 min}
events:
- {at: 136 min, restore_job_off: {}}
- {at: 137 min, missing_file: crm}
""",
    # The incremental over the hole takes an hour to be restored.
    "what gets past a lost log is being restored": """\
run_for: 5 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min, age: 15 min, retry: 2 min}
events:
- {at: 139 min, slow_restore: {by: 2000, duration: 4 h}}
- {at: 137 min, missing_file: crm}
""",
    # Under the name of the second full the first one lies here, once more.
    "a full lies here twice, and one of the two is hashed again": """\
run_for: 40 h
databases: {crm: {size: 1 GB, full: daily 03:00}}
link: {bandwidth: 200 Mbit/s}
replay: {reverify: 3 h}
events: [{at: 95420 s, older_version: {database: crm, kind: full, files: 1}}]
""",
    # The incremental over the hole lies here; each log before the hole takes half an hour.
    "what gets past a lost log lies here": """\
run_for: 6 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 30 min, age: 15 min, retry: 5 min, delay: 7 min}
events:
- {at: 167 min, slow_restore: {by: 2000, duration: 4 h}}
- {at: 168 min, missing_file: crm}
""",
    # The hour of the restore job comes while an incremental is being restored, outside of its hours.
    "the restore job waits for a restore": """\
run_for: 8 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 60 min, age: 15 min, retry: 5 min, delay: 7 min}
events:
- {at: 155 min, slow_restore: {by: 2000, duration: 4 h}}
- {at: 156 min, missing_file: crm}
""",
    # The full is deleted, and the manager dies before it deletes the incrementals on it.
    "the manager dies in the middle of old files": """\
run_for: 25 h
databases: {crm: {size: 1 GB, full: every 6 h, incremental: every 2 h, log: none}}
link: {bandwidth: 200 Mbit/s}
secondary: {retention: 4 h, keep_fulls: 1}
events: [{at: 1 h, manager_crash: {before: Delete, nth: 5}}]
""",
    # The age limit is half an hour, and a log waits for as long on purpose.
    "logs that wait are told of at the age that the scenario asks for": """\
run_for: 9 h
databases: {crm: {size: 1 GB, log: every 15 min}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min, age: 30 min, retry: 2 min, delay: 20 min}
events: [{at: 123 min, slow_restore: {by: 2000, duration: 4 h}}]
""",
    # The standby is broken, and its database has no logs: nobody is told before the next backup.
    "a copy that breaks by itself is not known to be gone": """\
run_for: 750 min
databases: {crm: {size: 200 MB, log: none}}
link: {bandwidth: 200 Mbit/s}
events: [{at: 6 h, standby_broken: {database: crm}}]
""",
    # A log landed torn while no manager ran. The next one has it copied again: it is not new, and
    # the last new log landed before the standby was lost.
    "a log that is copied again after a restart is no new log": """\
run_for: 4 h
databases: {crm: {size: 200 MB, log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
events:
- {at: 2 h, lose_secondary: 90 min}
- {at: 2 h, recovery_model: {database: crm, duration: 50 min}}
- {at: 3 h, corrupt_at_rest: {where: primary}}
- {at: 2 h, manager_crash: {before: AskPrimary}}
""",
    # A copy that follows a new primary has logs at hand, and one of them is damaged. It is copied
    # again ten minutes later: it has not landed late.
    "a log that is copied again behind a new primary has not landed late": """\
run_for: 4 h
databases: {archive: {size: 200 MB, log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
replay: {reverify: 3 h}
copies: {near: {}, far: {replay: {delay: 20 min}}}
events:
- {at: 9599 s, order_failover: {by: dba}, copy: near}
- {at: 9649 s, corrupt_at_rest: {files: 3}, copy: far}
""",
    # A full and an incremental begin at one LSN, and the clean-up deletes the full on its way. The
    # incrementals that follow stand on the full: they are of no use, and people are notified.
    "an incremental that began where a lost full did is not its stand-in": """\
run_for: 30 h
databases:
  crm: {size: 200 MB, log_volume: 1 MB per 5 min, full: every 2 h, incremental: every 30 min, log: none}
link: {bandwidth: 200 Mbit/s}
replay: {every: 15 min}
events:
- {at: 50411 s, careless_clean_up: {database: crm, older_than: 0 s}}
- {at: 820 min, manager_crash: {}}
""",
    # After a restart retention reads the headers of logs that were taken for restored. While they
    # are hashed they do not wait to be restored.
    "a log that is only looked into does not wait": """\
run_for: 1500 min
databases: {crm: {size: 200 MB, log: every 30 min}}
link: {bandwidth: 200 Mbit/s}
replay: {every: 15 min}
events: [{at: 11 h, manager_crash: {}}]
""",
    # The manager dies before it hands over the full that takes the place of the copy. It is handed
    # over at the restart, and not after the next full has landed.
    "a full that takes the place of the copy is restored after a restart": """\
run_for: 210 min
databases: {crm: {size: 200 MB, full: daily 03:00}}
link: {bandwidth: 200 Mbit/s}
replay: {on_hole: resync}
events:
- {at: 150 min, recovery_model: {database: crm, duration: 2 min}}
- {at: 160 min, recovery_model: {database: crm, duration: 50 min}}
- {at: 160 min, manager_crash: {before: Restore}}
""",
    # Files rot that were restored before, the newest full among them. Then the copy breaks. The full
    # is sent again: it is no second one for which the chain before it may be forgotten.
    "a full that is sent again is no other full": """\
run_for: 50 h
databases: {crm: {size: 200 MB, full: daily 03:00, log: every 30 min}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 28 h, corrupt_at_rest: {files: 9}}
- {at: 29 h, standby_broken: {database: crm}}
""",
    # People have named a full before it is here. It is set aside when it has come; a restart knows
    # it as it is.
    "a full with rotten pages that comes after people have named it": """\
run_for: 12 h
databases: {crm: {size: 1 GB, full: every 4 h}}
link: {bandwidth: 20 Mbit/s}
events: [{at: 230 min, rotting_pages: {database: crm, queried: 11 min}}]
""",
    # A log comes damaged to a store, and its copy is 30 minutes on its way. Meanwhile a full comes
    # that holds what the log holds. The store has restored a full of its own before, in a failover
    # that was called off.
    "a full comes to a store before the copy of a damaged log": """\
run_for: 8 h
databases: {crm: {size: 1 GB, full: daily 03:00}, web: {size: 1 GB, full: every 6 h, log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
heartbeat: {path: data link}
failover: {mode: automatic}
copies:
  near: {}
  vault: {store: {every: every 4 h, transit: 30 min, retention: 7 days}}
events:
- {at: 1313 s, torn_copy: {database: crm, leaves: the part}, copy: vault}
- {at: 1143 s, link_outage: 11 min, copy: vault}
""",
    # An incremental stands on a full that is 35 minutes on its way. Another full is asked for, and
    # the manager dies before it says so a third time. It knows that one is coming.
    "a full that was asked for is on its way over a restart": """\
run_for: 8 h
databases:
  web: {size: 5 GB, full: every 2 h, incremental: every 30 min, log: none, serial: true}
link: {bandwidth: 20 Mbit/s}
events: [{at: 3 h, manager_crash: {before: RaiseAlert, nth: 3}}]
""",
    # A store comes back empty. A full is sent to it again, so it lacks no log that ends before that.
    "a store that lacks old logs has a newer full": """\
run_for: 8 h
databases: {crm: {size: 200 MB, full: none}}
link: {bandwidth: 20 Mbit/s}
replication: {slots: 1}
replay: {retry: 2 min}
copies:
  near: {}
  tape: {store: {hold: 1 h, every: none, retention: 7 days}}
events:
- {at: 3 h, lose_secondary: 90 min, copy: tape}
- {at: 4 h, lose_secondary: 90 min, copy: tape}
- {at: 2 h, lose_secondary: 5 min, copy: near}
- {at: 4 h, lose_secondary: 5 min, copy: near}
""",
    # The newest full holds rotten pages: it is set aside, and not hashed again.
    "a full that people have called rotten is not hashed again": """\
run_for: 14 h
databases: {crm: {size: 200 MB, full: daily 03:00}}
link: {bandwidth: 200 Mbit/s}
replay: {reverify: 3 h}
events: [{at: 1 h, rotting_pages: {database: crm, queried: 20 min}}]
""",
}


@pytest.mark.parametrize("text", CASES.values(), ids=list(CASES))
def test_nothing_is_said_of_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.yaml"
    path.write_text(text, encoding="utf-8")
    scenario = load(read_tree(path))
    assert scenario is not None
    assert look(scenario).signs == {}
