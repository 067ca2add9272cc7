"""Failovers, and repairs of machines, in which nothing is wrong, and of which a monitor or the witness
once said that something was; or in which the logic was wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.explore.case import load, look, read_tree

TWO = """\
run_for: 450 min
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
copies:
  near: {}
  vault: {store: {hold: 0 s, every: every 4 h, transit: 30 min, retention: 7 days}}
"""
MACHINES = """\
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 4}, B: {compute: 1}}
images:
  old: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}
  new: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}
farms: {content: {image: old, front_end: 4, timer: 1}}
"""
TAIL_IS_LOST = """\
run_for: 210 min
machines: [sql1, sql2]
databases: {crm: {size: 200 MB, on: sql2}, web: {size: 200 MB, log: every 15 min}}
link: {bandwidth: 200 Mbit/s}
events:
- {at: 130 min, lose: database}
- {at: 130 min, missing_file: web}
"""
STORE_GOES_BACK = """\
run_for: 9 h
databases: {crm: {size: 100 GB}}
link: {bandwidth: 1 Gbit/s}
copies: {vault: {store: {hold: 0 s, every: every 1 h, transit: 10 min, retention: 7 days}}}
failover: {mode: automatic}
heartbeat: {path: data link}
events:
- {at: 4 h, partition: {duration: 18 min}}
- {at: 15556 s, call_off_failover: {by: dba}}
- {at: 8 h, lose: site}
"""
CASES = {
    # A slow engine takes half an hour to say that the copy is broken. Its session is ended at the
    # limit, as any other is.
    "a restore that is about to be refused hangs": """\
run_for: 2 h
databases: {web: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
replay: {retry: 2 min}
failover: {restore_limit: 30 min}
events:
- {at: 3880 s, lose: site}
- {at: 3879 s, standby_broken: {database: web}}
- {at: 3885 s, slow_restore: {by: '2000', duration: 2 h}}
""",
    # Readers have kept out two incrementals. They are disconnected once, and both are tried again at
    # once: the limit is shorter than the time until the next retry.
    "two files that readers have kept out are restored in a failover": """\
run_for: 2 h
databases: {crm: {size: 200 MB, log: every 15 min}}
link: {bandwidth: 20 Mbit/s}
failover: {mode: automatic, drain_limit: 3 min}
events:
- {at: 3842 s, lose: site}
- {at: 1500 s, readers: {database: crm, duration: 45 min}}
- {at: 0 h, recovery_model: {database: crm, duration: 2 min}}
""",
    # The manager, whose copy is the only one, is started anew while an operator is asked. It claims
    # nothing, and lets the old primary serve again later.
    "the only copy is asked about a failover, and its manager is started anew": """\
run_for: 2 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
heartbeat: {path: data link}
events:
- {at: 32 min, lose_secondary: 5 min}
- {at: 30 min, link_outage: 40 min}
""",
    # The manager dies before it orders the database online. What it has left behind lands meanwhile,
    # and is restored after the restart.
    "what was left behind lands before the database is ordered online": """\
run_for: 2 h
databases: {web: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
manager: {restart_after: 25 min}
events:
- {at: 1 h, order_failover: {by: dba, planned: 'false'}}
- {at: 1 h, replication_stopped: {}}
- {at: 0 h, manager_crash: {before: Recover}}
""",
    # The vault has saved that it only watches, and dies before it says so.
    "a phase that was saved is not said again after a restart": TWO
    + """\
failover: {choose: fastest}
events:
- {at: 4 h, manager_crash: {before: EnterPhase, nth: 3}, copy: vault}
- {at: 5 h, lose: site}
""",
    # A planned failover waits for a log that cannot be had, and goes back at its limit. The manager
    # dies when it has saved that, and before it says so.
    "people are told that the old primary is to serve again, whenever the manager dies": """\
run_for: 3 h
databases: {web: {size: 200 MB, log: every 5 min}}
link: {bandwidth: 20 Mbit/s}
failover: {planned_limit: 30 min}
events:
- {at: 7190 s, link_outage: 50 min}
- {at: 2 h, order_failover: {by: dba, planned: true}}
- {at: 2 h, manager_crash: {before: EnterPhase, nth: 2}}
""",
    # near's manager dies twice in the middle of an ordered failover. The vault has the claim when it
    # is back, and asks the operator, who takes ten minutes.
    "a copy leaves it to another, which asks the operator": TWO
    + """\
events:
- {at: 6 h, order_failover: {by: dba}, copy: near}
- {at: 21606 s, lose: site}
- {at: 6 h, manager_crash: {before: RaiseAlert}, copy: near}
- {at: 370 min, manager_crash: {before: SetAlarm}, copy: near}
""",
    # near dies when it has saved that it brings the database online, and before it orders that. far
    # was given the claim meanwhile, and is just about to be online when near is back.
    "a claim that is lost just before the database is ordered online": """\
run_for: 7 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
copies: {near: {}, far: {}}
failover: {mode: automatic}
manager: {restart_after: 66 s}
events:
- {at: 6 h, lose: site}
- {at: 6 h, manager_crash: {before: EnterPhase, nth: 5}, copy: near}
""",
    # near takes over. Of a database without logs nothing tells how near's backups hang together with
    # the copy at far: that is restored anew from the first full of near.
    "a database without logs follows another primary": """\
run_for: 12 h
databases: {web: {size: 200 MB, log: none, full: every 2 h, incremental: every 30 min}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
copies: {near: {}, far: {}}
events: [{at: 185 min, lose: host}]
""",
    # The same, and far takes over from near before anything has happened to the database.
    "a copy that nobody has written to follows another primary": """\
run_for: 4 h
databases: {web: {size: 200 MB, log: none}}
link: {bandwidth: 20 Mbit/s}
heartbeat: {path: data link}
failover: {mode: automatic}
copies: {near: {}, far: {}}
events:
- {at: 0 h, lose: host}
- {at: 2 h, partition: {duration: 40 s}, copy: far}
""",
    # near dies over the order to restore, which is durable. It is given again when near is back.
    "an order to an earlier instant is given again after a crash": """\
run_for: 8 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
replay: {on_hole: resync}
copies: {near: {}, far: {replay: {delay: 20 min}}}
events:
- {at: 2 h, missing_file: crm}
- {at: 3 h, mistake: {database: crm, noticed: 3 h, then: [restore_before]}}
- {at: 1 h, manager_crash: {before: EnterPhase}, copy: near}
""",
    # The full that had no room has room at the next retry, and takes 15 s to be restored.
    "a restore that is tried again takes its time": """\
run_for: 60 min
databases: {crm: {size: 5 GB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 12 min, mistake: {database: crm, noticed: 1 min, then: [failover_before]}}
- {at: 42 min, disk_full: {disk: secondary_data, duration: 10 min}}
""",
    # Two faults together make a restore take 22 hours.
    "a restore goes on long after the fault that slowed it": """\
run_for: 14 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
events:
- {at: 4 h, slow_restore: {by: 40, duration: 2 h}}
- {at: 5 h, slow_restore: {by: 2000, duration: 2 h}}
""",
    # The host with the log that waits for its time is wiped. It is lost, and stays at the primary.
    "a log that was lost here does not stay behind": """\
run_for: 60 min
databases: {crm: {size: 200 MB, log: every 15 min}, web: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
replay: {delay: 7 min}
heartbeat: {path: data link}
events:
- {at: 40 min, partition: {duration: 20 min}}
- {at: 40 min, operator_mistake: wipes the secondary host}
""",
    # The recovery manager dies while the directory is completed. The site is configured by then, and
    # it asks for that once more.
    "a site that is configured is asked for once more": """\
run_for: 60 min
machines: [sql1, sql2]
databases:
  web: {size: 200 MB}
  archive: {size: 1 GB, transactions: 10 per s, full: none, incremental: none, log: every 15 min,
            on: sql2, serial: false}
link: {bandwidth: 200 Mbit/s}
directory: {changes: 30 per h}
physical: {A: {compute: 2}, B: {compute: 1}}
images:
  old: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}
  new: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}
farms: {content: {image: old, front_end: 2, timer: 1}}
deployment: {takes: 2 min}
events:
- {at: 2707 s 445152 us, upgrade: {farm: content, to: new, tenants_at_once: 2}}
- {at: 3121 s 45918 us, lose: site}
- {at: 3001 s 45918 us, manager_crash: {before: AskShare, nth: 2}}
- {at: 3121 s 45918 us, manager_crash: {before: RaiseAlert, nth: 2}}
""",
    # The site is lost, and the operator says no. Then the farm is to have fewer machines.
    "a silent machine goes as people want fewer": MACHINES
    + """\
run_for: 100 min
failover: {operator: {approves: false}}
events:
- {at: 1 h, lose: site}
- {at: 90 min, set_goals: {farm: content, front_end: 1}}
""",
    # All machines at B are silent. The upgrade takes the old ones away, as there is no room for both.
    "a silent machine goes as its farm is upgraded": MACHINES
    + """\
run_for: 5 h
events:
- {at: 4 h, bad_machine: {machine: B-compute-1}}
- {at: 4 h, upgrade: {farm: content, to: new}}
""",
    # The site is lost just before the old primary is asked to serve again. The answer takes 21 s, and
    # near's manager dies over it: it is silence that decides.
    "an old primary that falls silent is left alone at once": """\
run_for: 4 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
copies: {near: {}, far: {}}
events:
- {at: 7500 s, lose: site}
- {at: 7502 s, call_off_failover: {by: dba}, copy: near}
- {at: 7522 s, manager_crash: {before: Save}, copy: near}
""",
    # The restores of the second failover begin by the clock of the second pair.
    "a restore hangs in a later failover": """\
run_for: 4 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
failover: {restore_limit: 30 min}
events:
- {at: 1 h, order_failover: {by: dba}}
- {at: 2 h, slow_restore: {by: '2000', duration: 2 h}}
- {at: 2 h, order_failover: {by: dba, planned: false}}
""",
    # far had the tail of the old primary before near took over, and follows near with it.
    "a log that a copy has brought along lies here": """\
run_for: 2 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {every: 15 min}
copies: {near: {}, far: {replay: {delay: 20 min}}}
events:
- {at: 75 min, wrong_clock: {side: secondary, ahead: 7 min, duration: 150 min}, copy: near}
- {at: 81 min, lose: database}
""",
    # The manager dies in a failover that silence has begun. An order to go to an earlier instant
    # waits for it, and is refused, as the failover is on: it asks for nothing.
    "an order to an earlier instant that comes too late asks for nothing": """\
run_for: 3 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
failover: {mode: automatic}
events:
- {at: 2 h, lose: site}
- {at: 2 h, manager_crash: {before: Fence}}
- {at: 110 min, mistake: {database: crm, noticed: 11 min, then: [failover_before]}}
""",
    # The manager dies over the order, which is durable by then. It is given again, and goes on.
    "an order to an earlier instant that is on is not refused": """\
run_for: 3 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
replay: {delay: 20 min}
events:
- {at: 2 h, mistake: {database: crm, noticed: 11 min, then: [failover_before]}}
- {at: 2 h, manager_crash: {before: Fence}}
""",
    # The tail is lost at the primary. The limit is over, and the manager dies when it is about to say
    # what stays behind: after that nothing shows it any more.
    "what stays behind is told, whenever the manager dies": TAIL_IS_LOST
    + "- {at: 130 min, manager_crash: {before: RaiseAlert}}\n",
    # It is dead when the limit is over, and does not know that a tail was taken.
    "what stays behind is told by a manager that was dead at the limit": TAIL_IS_LOST
    + "- {at: 8620 s, manager_crash: {}}\n",
    # A log is lost for good, and every full that is taken is empty: one lands every five minutes. That
    # a log is missing at the store is one danger all the time.
    "a store is told of fulls that come to nothing": """\
run_for: 2 h
databases: {web: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
replay: {on_hole: resync}
copies: {near: {}, vault: {store: {hold: 0 s, every: none, transit: 0 s, retention: 7 days}}}
events:
- {at: 30 min, recovery_model: {database: web, duration: 2 min}}
- {at: 0 h, silent_backups: {database: web, kind: full, duration: 200 min}}
""",
    # The copy is broken, and nothing of it can be had. People are told at every retry, by a manager
    # that was started meanwhile too.
    "a failover that nothing can end is told of after a restart": """\
run_for: 8 h
databases: {crm: {size: 200 MB, log: none}}
link: {bandwidth: 20 Mbit/s}
failover: {restore_limit: 30 min}
events:
- at: 2 h
  mistake: {database: crm, noticed: 1 min, then: [failover_before, restore_beside], lost: 50 MB}
- {at: 2 h, standby_broken: {database: crm}}
- {at: 4 h, manager_crash: {}}
""",
    # A store has restored a part when its failover is called off. It drops that, and keeps files: the
    # next failover restores all of it.
    "a store keeps no copy when its failover is left": STORE_GOES_BACK,
    # The manager dies before it drops it. What was restored before the restart is of use again.
    "a store whose manager dies keeps no copy either": STORE_GOES_BACK
    + "- {at: 15556 s, manager_crash: {before: Drop}}\n",
    # The restore that the first failover has begun hangs in the second, which the share's silence
    # does not hold up.
    "a restore goes on from one failover to the next": """\
run_for: 2 h
databases: {archive: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
heartbeat: {path: data link}
failover: {mode: automatic}
events:
- {at: 1246 s, slow_restore: {by: '2000', duration: 2 h}}
- {at: 5418 s, partition: {cut: to_secondary, duration: 20 min}}
- {at: 6018 s, call_off_failover: {by: dba}}
""",
    # The old primary could not be stopped, and is heard again while the manager is down. The order
    # to bring the database online is carried out meanwhile; the one that is given again is late.
    "a machine is heard again while the manager is down": """\
run_for: 3 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
heartbeat: {path: data link}
failover: {mode: automatic, recover: 40 min}
manager: {restart_after: 30 min}
events:
- {at: 1 h, partition: {duration: 20 min}}
- {at: 70 min, manager_crash: {}}
""",
    # The manager dies when it has saved that it drains, and before it says so. Its limit counts from
    # there: it is over at the restart, ten minutes later.
    "a drain counts from when it was saved": """\
run_for: 3 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
failover: {mode: automatic, drain_limit: 3 min}
manager: {restart_after: 10 min}
events:
- {at: 7220 s, lose: host}
- {at: 2 h, manager_crash: {before: EnterPhase, nth: 2}}
""",
    # The same of a planned one, which goes back half an hour after it was saved.
    "a planned failover goes back by the limit that was saved": """\
run_for: 4 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 20 Mbit/s}
manager: {restart_after: 30 s}
events:
- {at: 7220 s, order_failover: dba}
- {at: 2 h, manager_crash: {before: EnterPhase, nth: 2}}
- {at: 110 min, slow_restore: {by: 2000, duration: 2 h}}
""",
    # No full is old enough for a restore beside the service, so a failover to before the mistake is
    # ordered at once, and the manager dies of it. Only that order is given again.
    "an order that was refused is not given again": """\
run_for: 2 h
databases: {crm: {size: 5 GB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic, drain_limit: 3 min}
events:
- at: 4562 s
  mistake: {database: crm, noticed: 1 min, then: [restore_beside, restore_before], lost: 50 MB}
- {at: 0 s, manager_crash: {before: Fence}}
""",
    # A copy is being restored again when the drain's limit is over: it is waited for as the only way
    # back, and the other database goes on without it. That is saved at once.
    "what the others do not wait for any more is saved": """\
run_for: 5 h
machines: [sql1, sql2]
databases:
  web: {size: 5 GB, log_volume: 20 MB per 5 min, full: daily 03:00, incremental: every 2 h, on: sql2}
  archive: {size: 5 GB, log_volume: 20 MB per 5 min, full: every 6 h, incremental: every 2 h}
link: {bandwidth: 20 Mbit/s}
replication: {slots: 2}
copies: {near: {}}
events:
- {at: 13229 s, wrong_restore: {database: web, times: 1, noticed: 5 min}, copy: near}
- {at: 14406 s, mistake: {database: archive, noticed: 1 min, then: [failover_before]}}
""",
    # A planned failover is called off at its limit. The manager dies before the old primary is
    # ordered to serve again, and finds it silent. People decide on a failover, which is no planned
    # one any more: a log that the engine refuses here is lost.
    "a failover that people decide on after a planned one may lose something": """\
run_for: 4 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
heartbeat: {path: data link}
failover: {planned_limit: 2 min}
events:
- {at: 175 min, order_failover: {by: dba}}
- {at: 170 min, setup_differs: {database: crm}}
- {at: 177 min, link_outage: 11 min}
- {at: 2 h, manager_crash: {before: Unfence}}
""",
    # An unplanned order comes before the old primary has stopped, and is refused. So the failover
    # stays a planned one, and goes back at its limit.
    "an order that is refused makes no planned failover unplanned": """\
run_for: 1 h
databases: {web: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
failover: {planned_limit: 15 min}
copies: {near: {}}
events:
- {at: 1802 s, order_failover: {by: dba}, copy: near}
- {at: 1806 s, order_failover: {by: dba, planned: false}, copy: near}
- {at: 0 h, replication_off: {duration: 50 min}, copy: near}
""",
    # The copy near holds nothing and yields its claim to far, which claims at once. Far hears that
    # the claim was freed when its own is on its way already.
    "a copy that has claimed before it hears that nobody does need not claim again": """\
run_for: 4 h
databases: {web: {size: 5 GB}}
link: {bandwidth: 20 Mbit/s}
replication: {slots: 1}
manager: {restart_after: 3 min}
failover: {mode: automatic, choose: {least_loss_within: 1 h}}
copies: {near: {}, far: {}}
events:
- {at: 7327518 ms, lose_secondary: 5 min, copy: near}
- {at: 7838214 ms, lose: host}
- {at: 0 s, manager_crash: {before: AskShare}, copy: far}
""",
    # A failover to before a mistake restores the copy anew, and its full takes longer than the age
    # limit. With the full 12 logs wait, and not all 84 that lie here.
    "logs from before the full that takes the place of the copy do not wait": """\
run_for: 14 h
databases: {crm: {size: 200 MB, full: every 1 h}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 6 h, slow_restore: {by: 2000, duration: 2 h}}
- {at: 4 h, mistake: {database: crm, noticed: 3 h, then: [failover_before, restore_before]}}
""",
    # The database is lost while a log is backed up. That log was cut off, and the tail covers its
    # range: a planned failover loses nothing.
    "a planned failover may begin over a log whose backup was cut off": """\
run_for: 1 h
machines: [sql1, sql2]
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 30 min, order_failover: {by: dba}}
- {at: 10 min, lose: database}
""",
    # The copy is being replaced by a full that holds later writes, when people order to stop before.
    "an order to stop before what is being restored is refused": """\
run_for: 4 h
databases: {crm: {size: 200 MB, full: every 2 h, incremental: none, log: none}}
link: {bandwidth: 200 Mbit/s}
events: [{at: 7215 s, order_failover: {by: dba, planned: false, stop_before: 40 min}}]
""",
    # The manager that was ordered to take over dies in its failover, so the order is passed on. The
    # other copy claims a turn after that, before the silence of the primary is long enough.
    "turns are counted from when an order is passed on": """\
run_for: 4 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
failover: {silent_for: 90 s}
copies: {B: {}, C: {}}
events:
- {at: 164 min, order_failover: {by: dba, planned: false}, copy: B}
- {at: 164 min, lose: site}
- {at: 164 min, manager_crash: {before: SetAlarm}, copy: B}
""",
    # A failover is called off while its fence still hangs. The next one asks too, so two answers
    # come: the fence has failed. One alert says so.
    "two answers that the fence has failed come in one failover": """\
run_for: 1 h
databases: {web: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
replay: {retry: 2 min}
heartbeat: {path: data link}
failover: {mode: automatic}
after_failover: {new_secondary: 2 h}
events:
- {at: 1920 s, order_failover: {by: dba, planned: false}}
- {at: 1925 s, call_off_failover: {by: dba}}
- {at: 1919 s, link_outage: 4 min}
""",
    # The full that a planned failover waits for has landed and is hashed when the limit of the
    # drain is over. So it waits on, and says so (event 7).
    "a planned failover that waits for a hash says so": """\
run_for: 750 min
databases: {crm: {size: 5 GB, full: every 6 h, log: none}}
link: {bandwidth: 20 Mbit/s}
failover: {drain_limit: 3 min}
events: [{at: 23091 s, order_failover: {by: dba}}]
""",
    # The hash of a log has not agreed as often as it is copied again. It is copied again at the limit
    # of the drain, and the failover says that it waits for it (event 7).
    "a planned failover that waits for a damaged log says so": """\
run_for: 240 min
databases:
  crm: {size: 200 MB}
  web: {size: 200 MB, log_volume: 1 MB per 5 min, incremental: every 2 h}
link: {bandwidth: 20 Mbit/s}
replication: {slots: 1}
failover: {drain_limit: 3 min}
events:
- {at: 2 h, order_failover: {by: dba}}
- {at: 2 h, packet_loss: {loss: 1 %, duration: 30 min}}
- {at: 2 h, corrupt_in_transit: {files: 12}}
""",
    # The link goes down and the manager dies in a planned failover. The restart finds the primary
    # silent, so nothing is waited for, as when the primary dies in it (R15).
    "a planned failover whose primary a restart finds silent may lose something": """\
run_for: 2 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
heartbeat: {path: data link}
events:
- {at: 70 min, order_failover: {by: dba}}
- {at: 70 min, link_outage: 11 min}
- {at: 70 min, manager_crash: {}}
""",
    # The primary's clock was set back by an hour. It has shown the time of the mistake before, and a
    # restore beside the service stops there.
    "a restore beside stops where the clock has shown the instant first": """\
run_for: 4 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 3 h, wrong_clock: {side: primary, behind: 1 h}}
- {at: 13080 s, mistake: {database: crm, noticed: 1 min, then: [restore_beside], lost: 50 MB}}
""",
    # All four logs of the dead host's share have come, and there is no full: nothing leads back.
    "a share without a full is no way back": """\
run_for: 2 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic}
events:
- {at: 0 h, replication_off: {duration: 50 min}}
- {at: 1481 s, lose: host}
- {at: 1530 s, lose_secondary: 90 min}
""",
    # A full with rotten pages is made while the standby's site is lost. People say so when it is back,
    # and it is not restored.
    "what people know of a full is told a standby that comes back": """\
run_for: 4 h
databases: {crm: {size: 200 MB, full: daily 03:00}}
link: {bandwidth: 200 Mbit/s}
events:
- {at: 1 h, rotting_pages: {database: crm, queried: 20 min}}
- {at: 2 h, lose_secondary: 90 min}
""",
    # The standby's copy breaks while each full holds rotten pages, and people order a failover. What
    # is left of the copy is not brought online.
    "a failover leaves a copy with rotten pages offline": """run_for: 14 h
databases: {web: {size: 200 MB}, archive: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 7 h, standby_broken: {database: archive}}
- {at: 6 h, rotting_pages: {database: archive, queried: 3 h, then: [restore_pages, restore]}}
""",
}


@pytest.mark.parametrize("text", CASES.values(), ids=list(CASES))
def test_nothing_is_said_of_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.yaml"
    path.write_text(text, encoding="utf-8")
    scenario = load(read_tree(path))
    assert scenario is not None
    assert look(scenario).signs == {}
