"""Every mistake gets one clear line: file, line, column, what is wrong, what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.faults import KINDS
from dr_sim.loading import load_scenario, validate
from dr_sim.scenario import dump_resolved
from tests.scenario.conftest import SMALLEST, Write

TOP = SMALLEST.count("\n")  # a line added below the smallest scenario is line TOP + 1 = 4

ADDED = [  # (what is added below the smallest scenario, the lines that are told)
    ("lnk: {}", ["4:1: unknown key 'lnk'; did you mean 'link'?"]),
    ("replicatons: 3", ["4:1: unknown key 'replicatons'; did you mean 'replications'?"]),
    ("replications: few", ["4:15: replications: write a whole number from 1 to 1,000,000"]),
    (
        "replications: {at_least: 5, at_most: 4}",
        ["4:26: replications.at_least (5) is more than at_most (4)"],
    ),
    (
        "replications: {until: {outage.p99: +/- 5 %}}",
        [
            "4:1: replications.at_most is missing; "
            "write how many runs there may be, as in "
            "at_most: 3000"
        ],
    ),
    (
        "replications: {until: {outage.p99: 5 %}, at_most: 9}",
        ["4:36: replications.until.outage.p99: how exact is written '+/- 5 %'"],
    ),
    (
        "on_unknown: pass",
        [
            "4:13: on_unknown is 'warn' or 'fail': what "
            "a check makes of an SLA that could not be "
            "judged"
        ],
    ),
    (
        "sweep: {link.loss: 1..2 %}",
        [
            "4:20: sweep.link.loss: '1..2 %' is no "
            "range; write '10..1000 Mbit/s, 9 log steps', "
            "or values with commas between, as in '5, 10, 20 Mbit/s'"
        ],
    ),
    (
        "sla: [{outage: at most 5 min, class: sites}]",
        ["4:38: sla: no class of failure 'sites'; write site, host or database"],
    ),
    (
        "sla: [{outage: at most 5 min, fault: link_outag}]",
        ["4:38: sla: unknown kind of event or fault 'link_outag'; did you mean 'link_outage'?"],
    ),
    (
        "sla: [{outage: at most 5 min, tenant: acme}]",
        [
            "4:39: sla: unknown tenant 'acme'; no "
            "database names any; write 'tenants: [...]' "
            "beside its size"
        ],
    ),
    (
        "sla: [{alerts_missed: at most 0, class: site}]",
        ["4:41: sla: alerts_missed is the same for every class; leave 'class' out"],
    ),
    (
        "events: [{at: 1 h, packet_loss: {loss: 100 %, duration: 1 h}}]",
        [
            "4:40: events.1.packet_loss.loss: at a loss of 100 % nothing arrives; write less, or "
            "an event link_outage"
        ],
    ),
    (
        "replay: {on_hole: bridges}",
        [
            "4:19: replay.on_hole: 'bridges' is not "
            "one of bridge, skip_ahead, resync; did you "
            "mean 'bridge'?"
        ],
    ),
    ("replay: {attempts: 0}", ["4:20: replay.attempts: must be above 0; write for example 3"]),
    (
        "replay: {attempts: 2.5}",
        ["4:20: replay.attempts: '2.5' is not a whole number from 0 up; write for example 16"],
    ),
    ("replay: {attemps: 3}", ["4:10: unknown key 'replay.attemps'; did you mean 'attempts'?"]),
    (
        "replay: {age: 15}",
        ["4:15: replay.age: '15' has no unit; write '15 s', '15 min', '15 h' or '15 days'"],
    ),
    ("replay: {age: }", ["4:14: replay.age: one value belongs here, not nothing"]),
    ("replay: {age: [1 h]}", ["4:15: replay.age: one value belongs here, not a list"]),
    (
        "replay: {validate: [properties]}",
        ["4:20: replay.validate: write [hash] or [hash, properties], or none"],
    ),
    ("replay: often", ["4:9: replay: a mapping of settings belongs here, not 'often'"]),
    (
        "replication: {staging: 32 Gbit}",
        [
            "4:24: replication.staging: '32 Gbit' is in bits, and a size is in bytes: 8 bits are "
            "a byte, write 4 GB"
        ],
    ),
    (
        "replication: {low_watermark: 95 %}",
        ["4:30: replication: low_watermark (95 %) must be below high_watermark (90 %)"],
    ),
    (
        "replication: {retention: 72 h}",
        [
            "4:15: unknown key 'replication.retention'; retention is set for each side: "
            "primary.retention, secondary.retention"
        ],
    ),
    ("seed: -1", ["4:7: seed: '-1' is not a whole number from 0 up; write for example 16"]),
    (
        "start: 5 January",
        [
            "4:8: start: '5 January' is not a date; "
            "write for example 2026-01-05 or '2026-01-05 "
            "08:00'"
        ],
    ),
    (
        "time_zone: Europe/Berlni",
        ["4:12: time_zone: unknown time zone 'Europe/Berlni'; did you mean 'Europe/Berlin'?"],
    ),
    (
        "measure_from: 14 days",
        ["4:15: measure_from: nothing would be measured, the run ends after 2 weeks; write less"],
    ),
    ("machines: []", ["4:11: machines: name at least one"]),
    ("machines: [a, a]", ["4:15: machines.1: 'a' is named twice"]),
    (
        "primary: {disk: 0 MB/s}",
        ["4:17: primary.disk: must be above 0; write for example 400 MB/s"],
    ),
    (
        "secondary: {copy_rate: 0 MB/s}",
        ["4:24: secondary.copy_rate: must be above 0, as in 300 MB/s; clone takes no time"],
    ),
    (
        "secondary: {restore_full: {fixed: 1 s}}",
        ["4:27: secondary.restore_full: write both, as in {fixed: 2 s, rate: 300 MB/s}"],
    ),
    (
        "secondary: {restore_full: {fixed: 1 s, speed: 2 MB/s}}",
        ["4:40: secondary.restore_full.speed: unknown key 'speed'; there is 'fixed', 'rate'"],
    ),
    (
        "secondary: {restore_full: {fixed: 1 s, rate: 0 MB/s}}",
        ["4:46: secondary.restore_full.rate: must be above 0, as in 300 MB/s"],
    ),
    (
        "secondary: {restore_full: 1 s}",
        ["4:27: secondary.restore_full: write {fixed: 2 s, rate: 300 MB/s}, or none"],
    ),
    (
        "secondary: {copy_rate: fast}",
        ["4:24: secondary.copy_rate: 'fast' is no rate; write clone, or for example 300 MB/s"],
    ),
    (
        "primary: {log: {rate: 169 Mbit/s}}",
        [
            "4:23: primary.log.rate: '169 Mbit/s' is in bits, and this rate is in bytes: 8 bits "
            "are a byte, write 21125 kB/s"
        ],
    ),
    (
        "primary: {differential: {fixed: 1 s}, incremental: {fixed: 1 s}}",
        ["4:39: 'differential' and 'incremental' say the same; write one of them"],
    ),
    (
        "heartbeat: {path: data}",
        ["4:19: heartbeat.path: 'data' is not one of own, data link; did you mean 'data link'?"],
    ),
    (
        "failover: {on_duty: joe}",
        ["4:21: failover.on_duty: 'joe' is not among failover.operators; there is 'dba'"],
    ),
    (
        "failover: {operators: [ann, bob], on_duty: anne}",
        ["4:44: failover.on_duty: 'anne' is not among failover.operators; did you mean 'ann'?"],
    ),
    (
        "failover: {silent_for: 5 s}",
        [
            "4:24: failover.silent_for: must not be shorter than heartbeat.every (10 s), or "
            "every pause is a failure"
        ],
    ),
    (
        "failover: {machines_silent: 2}",
        [
            "4:29: failover.machines_silent: there is 1 machine, so 2 can never be silent; write "
            "at most 1, or all"
        ],
    ),
    (
        "failover: {operator: {answers_in: {p50: 20 min, p95: 4 min}}}",
        [
            "4:54: failover.operator.answers_in.p95: p95 must be above p50, and p50 above 0, as "
            "in {p50: 4 min, p95: 20 min}"
        ],
    ),
    (
        "failover: {operator: {answers_in: {p50: 20 min, p99: 4 min}}}",
        ["4:49: failover.operator.answers_in.p99: unknown key 'p99'; did you mean 'p95'?"],
    ),
    (
        "failover: {operator: {answers_in: {p50: 4 min}}}",
        [
            "4:35: failover.operator.answers_in: a law is 4 min, or {p50: ..., p95: ...}, {mean: "
            "...} or {from: ..., to: ...}; this has p50"
        ],
    ),
    (
        "failover: {operator: {approves: maybe}}",
        ["4:33: failover.operator.approves: 'maybe' is neither; write true or false"],
    ),
    (
        "events: {at: Tue 21:30}",
        ["4:9: events is a list, each line as in '- {at: Tue 21:30, link_outage: 40 min}'"],
    ),
    (
        "events: [{at: Tue 21:30}]",
        [
            "4:10: event 1 says when, and not what happens; write for example "
            "'link_outage: 40 min', or what else `dr-sim faults` lists"
        ],
    ),
    (
        "events: [{link_outage: 3 min}]",
        [
            "4:10: event 1 has no 'at'; write when it happens, as in 'at: Tue 21:30' or 'every: daily 02:00'"
        ],
    ),
    (
        "events: [{at: 1 h, link_outag: 3 min}]",
        ["4:20: event 1: unknown kind 'link_outag'; did you mean 'link_outage'?"],
    ),
    (
        "events: [{at: 1 h, corrupt_file: log}]",
        [
            "4:20: event 1: unknown kind 'corrupt_file'; did you mean 'corrupt_in_transit' or "
            "'corrupt_at_rest'?"
        ],
    ),
    (
        "events: [{at: 1 h, link_outage: 3}]",
        [
            "4:33: events.1.link_outage.duration: '3' has no unit; write '3 s', '3 min', '3 h' "
            "or '3 days'"
        ],
    ),
    (
        "events: [{at: 1 h, link_outage: {for: 3 min}}]",
        [
            "4:20: events.1.link_outage.duration is missing; `dr-sim faults link_outage` shows its "
            "keys, with an example",
            "4:34: unknown key 'events.1.link_outage.for'; here may stand duration",
        ],
    ),
    (
        "events: [{at: Tuesdy 21:30, lose: site}]",
        ["4:15: event 1: 'Tuesdy' is no day of the week; did you mean Tue?"],
    ),
    (
        "events: [{at: '21:30', lose: site}]",
        [
            "4:15: event 1: '21:30' does not say which day; write 'Tue 21:30', 'day 9 02:47:12', "
            "'2 h 5 min' (after the start) "
            "or '2026-01-06 21:30'"
        ],
    ),
    (
        "events: [{at: Tue 24:00, lose: site}]",
        ["4:15: event 1: 'Tue 24:00': a time of day runs from 00:00 to 23:59:59"],
    ),
    (
        "events: [{at: day 15 00:00, lose: site}]",
        [
            "4:15: event 1: would never happen: it is 2 weeks after the start, and the run ends "
            "after 2 weeks; "
            "write an earlier instant or a longer run_for"
        ],
    ),
    (
        "events: [{at: day 99 02:05, lose: site}]",
        [
            "4:15: event 1: would never happen: it is 98 days 2 h 5 min after the start, and the "
            "run ends after 2 weeks; write an earlier instant or a longer run_for"
        ],
    ),
    (
        "events: [{at: Tue 2:05 pm, lose: site}]",
        ["4:15: event 1: 'pm' means nothing here; write 24 hours a day, as in 14:05"],
    ),
    (
        "link: {rtt: 30 ms",
        ["4:7: is not YAML: the '{' that begins here is not closed; write '}'"],
    ),
    (
        "machines: [sql1\nseed: 1",
        ["4:11: is not YAML: the '[' that begins here is not closed; write ']'"],
    ),
    (
        'name: "night\nseed: 1',
        [
            "4:7: is not YAML: the quote that begins here does not end; write it at the end of "
            "the text too"
        ],
    ),
    (
        "seed 1\nname: night",
        ["4:1: is not YAML: a colon and a space follow each key, as in 'run_for: 14 days'"],
    ),
    (
        "link:\n  rtt: 30 ms\n loss: 1 %",
        [
            "6:2: is not YAML: the line is indented unlike those around it; keys of one mapping, "
            "and items of one list, begin in the same column"
        ],
    ),
    (
        "qqqq: 1",
        [
            "4:1: unknown key 'qqqq'; here may stand name, description, seed, start, time_zone, "
            "run_for, measure_from, machines, databases, primary, link, replication, secondary, "
            "replay, heartbeat, copies and 28 more, which `dr-sim keys` lists"
        ],
    ),
    (
        "events: [{at: 2026-01-04 23:00, lose: site}]",
        [
            "4:15: event 1: is 1 h before the start, which is 2026-01-05 00:00; write a later "
            "instant, or another start"
        ],
    ),
    (
        "replication: {interval: 15 min}",
        [
            "4:15: unknown key 'replication.interval'; write 'every: 15 min', the interval of the "
            "copy job"
        ],
    ),
    (
        "replay: {recovery_min_apply_delay: 4h}",
        [
            "4:10: unknown key 'replay.recovery_min_apply_delay'; write 'delay: 4 h', how far "
            "replay lags on purpose"
        ],
    ),
    (
        "heartbeat: {interval: 3 s}",
        ["4:13: unknown key 'heartbeat.interval'; write 'every: 5 s', the time between heartbeats"],
    ),
    ("replay: {slots: 16}", ["4:10: unknown key 'replay.slots'; it stands under replication"]),
    (
        "replay: {'every:3 min': }",
        [
            "4:10: unknown key 'replay.every:3 min'; write 'every: 3 min', with a space after the "
            "colon"
        ],
    ),
    (
        "dwh: {size: 1 GB}",
        ["4:1: unknown key 'dwh'; a database stands under databases: indent its line"],
    ),
    (
        "\u00a0seed: 1",
        [
            "4:1: unknown key '\\xa0seed'; other characters than plain spaces stand beside it; "
            "write plain spaces"
        ],
    ),
    (
        "events: [{at: 1 h, paused_backups: {database: crm}}]",
        [
            "4:20: events.1.paused_backups.duration is missing; `dr-sim faults paused_backups` "
            "shows its keys, with an example"
        ],
    ),
    (
        "events: [{at: 1 h, lose: sites}]",
        [
            "4:26: events.1.lose.what: 'sites' is not one of site, host, database; did you mean "
            "'site'?"
        ],
    ),
    (
        "events: [{at: 1 h, index_maintenance: {database: crn, log: 3 GB}}]",
        ["4:50: events.1.index_maintenance.database: unknown database 'crn'; did you mean 'crm'?"],
    ),
    (
        "events: [{at: 1 h, lose: {what: host, database: crm}}]",
        [
            "4:49: events.1.lose.database: only a lost database is named by database; a host is "
            "named by machine"
        ],
    ),
    (
        "events: [{at: 1 h, lose: {what: site, machine: sql1}}]",
        ["4:48: events.1.lose.machine: only a lost host is named by machine"],
    ),
    (
        "events: [{at: 1 h, lose: {what: host, machine: sql2}}]",
        ["4:48: events.1.lose.machine: unknown machine 'sql2'; did you mean 'sql1'?"],
    ),
    (
        "faults: {link_outage: 3 per week}",
        ["4:23: faults.link_outage needs a rate, as in {rate: 3 per week, ...}"],
    ),
    (
        "faults: {link_outage: {rate: 3, duration: 1 min}}",
        ["4:30: faults.link_outage.rate: '3' is not a rate; write for example 3 per week"],
    ),
    (
        "faults: {link_outage: {rate: 1 per us, duration: 1 min}}",
        [
            "4:30: faults.link_outage.rate: would draw about 1,209,600,000,000 faults, more than "
            "1,000,000; write fewer"
        ],
    ),
    (
        "faults: {order_failover: {rate: 1 per day, by: dba}}",
        ["4:10: faults: 'order_failover' is not drawn at a rate; put it under events"],
    ),
    (
        "sla: {data_los: at most 15 min}",
        ["4:7: sla: unknown measure 'data_los'; did you mean 'data_loss'?"],
    ),
    ("sla: {data_loss: 15 min}", ["4:18: sla.data_loss: a bound is written 'at most 15 min'"]),
    (
        "sla: {rpo: 15 min, rto: 30 min}",
        [
            "4:12: sla.rpo (the same as data_loss): a bound is written 'at most 15 min'",
            "4:25: sla.rto (the same as outage): a bound is written 'at most 30 min'",
        ],
    ),
    (
        "failover: manual",
        [
            "4:11: failover: a mapping of settings belongs here, not 'manual'; write "
            "failover: {mode: manual}"
        ],
    ),
    ("sla: {data_loss: '> 15'}", ["4:18: sla.data_loss: a bound is written 'at most 15 min'"]),
    (
        "sla: {data_loss: > 15 min}",
        [
            "4:18: is not YAML: found character "
            "'>' that cannot start any token; "
            "a bound is written 'at most 15 min', and any other "
            "text with > or | in quotes"
        ],
    ),
    (
        "sla:\n  data_loss: > 15 min",
        [
            "5:16: is not YAML: expected a comment "
            "or a line break, but found '1'; "
            "a bound is written 'at most 15 min', and any other "
            "text with > or | in quotes"
        ],
    ),
    (
        "name: @night",
        [
            "4:7: is not YAML: found character '@' that "
            "cannot start any token; put the text in "
            "quotes"
        ],
    ),
    (
        "seed: 1234567890123456789",
        [
            "4:7: seed: '1234567890123456789' is a larger number than dr_sim can count; write "
            "one of at most 18 digits"
        ],
    ),
    (
        "sla: {rpo: at most 15}",
        [
            "4:12: sla.rpo (the same as data_loss): '15' has no unit; write '15 s', '15 min', '15 h' "
            "or '15 days'"
        ],
    ),
    (
        "sla: {exposure.above_15_min: at most 5 min}",
        [
            "4:30: sla.exposure.above_15_min: '5 min': 'min' is no unit for a part of something; "
            "write %, ppm or ppb, as in '30 %'"
        ],
    ),
    (
        "sla: {alerts_missed: at most none}",
        ["4:22: sla.alerts_missed: 'none' is not a whole number; write for example 'at most 0'"],
    ),
    (
        "sla: [{id: a, outage: at most 1 h, data_loss: at most 1 h}]",
        ["4:7: sla: a line has one measure, and this has outage and data_loss"],
    ),
    (
        "sla: [{id: a, replay_lag.p99: at most 1 h, class: site}]",
        ["4:51: sla: replay_lag is the same for every class; leave 'class' out"],
    ),
    (
        "sla: [{rpo: at most 1 h, database: crn}]",
        ["4:36: sla: unknown database 'crn'; did you mean 'crm'?"],
    ),
    (
        "sla: [{id: a, rpo: at most 1 h}, {id: a, rto: at most 1 h}]",
        ["4:34: sla: the id 'a' is already taken; write another 'id:'"],
    ),
    ("run_for: 1 day", ["4:1: the key 'run_for' is already in line 1; keep one of the two"]),
    (
        "note: a: b",
        [
            "4:8: is not YAML: mapping values are not "
            "allowed here; put a text that holds ': ' in "
            "quotes, or check the indentation"
        ],
    ),
    (
        "\tseed: 1",
        [
            "4:1: is not YAML: found character '\\t' "
            "that cannot start any token; indent with "
            "spaces, not tabs"
        ],
    ),
    ("seed: !!int 5\nname: !secret x", ["5:7: the tag !secret means nothing here; leave it out"]),
    (
        "description: &d [*d]",
        [
            "4:14: an alias stands inside what it names; write the value out",
            "4:14: description: one text belongs here, not a list",
        ],
    ),
]

DATABASE = [  # (a database, the lines that are told)
    ("{}", ["2:13: databases.crm.size is missing; write for example 'size: 500 GB'"]),
    ("", ["2:13: databases.crm.size is missing; write for example 'size: 500 GB'"]),
    ("{size: 0 GB}", ["2:25: databases.crm.size: must be above 0; write for example 500 GB"]),
    ("{size: -5 GB}", ["2:25: databases.crm.size: '-5 GB' is negative; a size must not be"]),
    ("{size: 500}", ["2:25: databases.crm.size: '500' has no "
        "unit; write '500 MB', '500 GB' or '500 GiB'"]),
    ("{size: 5 GB, on: sql9}", ["2:35: databases.crm.on: unknown "
        "machine 'sql9'; did you mean 'sql1'?"]),
    ("{size: 5 GB, machine: sql9}", ["2:40: databases.crm.machine: unknown "
        "machine 'sql9'; did you mean 'sql1'?"]),
    ("{size: 5 GB, full: none, seeded: false, log: none, differential: every 1 h}",
     ["2:83: databases.crm.differential: incremental backups need a full before them "
         "(4214); give it a full, or write none"]),
    ("{size: 1,5 GB}", ["2:25: '1,5 GB': between braces a comma ends the value; write 1.5 GB"]),
    ("{size: 1,500,000 MB, on: sql1}", ["2:25: '1,500,000 MB': between braces a "
        "comma ends the value; write 1500000 MB"]),
    ("{log: every 5 min, size: 1,50, on: sql1}",
     ["2:43: '1,50': between braces a comma ends the value; write 1.50",
      "2:43: databases.crm.size: '1.50' has no unit; write '1.50 MB', '1.50 GB' or '1.50 GiB'"]),
    ("{size: 5 GB, log: hourly}",
     ["2:36: databases.crm.log: 'hourly' is not a schedule; write 'every 1 h'"]),
    ("{size: 5 GB, full: every Sunday at 02:00}",
     ["2:37: databases.crm.full: 'every Sunday at 02:00' is not a schedule; "
         "write 'weekly Sun 02:00'"]),
    ("{size: 5 GB, full: every day 02:00}",
     ["2:37: databases.crm.full: 'every day 02:00' is not a schedule; write 'daily 02:00'"]),
    ("{size: 5 GB, log: every minute}",
     ["2:36: databases.crm.log: 'every minute' is not a schedule; write 'every 1 min'"]),
    ("{size: 5 GB, log: every 0 s}",
     ["2:36: databases.crm.log: 'every 0 s': an interval is at least 1 s; write none for "
         "no such backups"]),
    ("{size: 5 GB, log: every 5 min offset 5 min}",
     ["2:36: databases.crm.log: 'every 5 min offset 5 min': the offset must be shorter "
         "than the interval"]),
    ("{size: 5 GB, full: daily 01:00 Mars/Olympus}",
     ["2:37: databases.crm.full: unknown time zone 'Mars/Olympus'; write one such as "
         "Europe/Berlin or UTC"]),
    ("{size: 5 GB, full: {at: every 5 min, zone: UTC}}",
     ["2:61: databases.crm.full.zone: only a schedule by the calendar has a zone, and only one"]),
    ("{size: 5 GB, full: none, seeded: false, incremental: none}",
     ["2:37: databases.crm.log: log backups need a full before them (4214); give it a "
         "full, or write none"]),
    ("{size: 5 GB, log: every 1 s, transactions: 0 per s}",
     ["2:61: databases.crm.transactions: log is written by transactions; write more than "
         "0, or log_volume: 0 B/s"]),
    ("{size: 5 GB, log_volume: 20 MB}",
     ["2:43: databases.crm.log_volume: '20 MB' says how much but not how fast; write '20 MB/s'"]),
    ("{size: 5 GB, log_volume: {mean: 1 MB/s, profile: weekends}}",
     ["2:67: databases.crm.log_volume.profile: unknown profile 'weekends'; there is "
         "'steady', 'business_hours'"]),
    ("{size: 5 GB, log_volume: {series: nope.csv}}",
     ["2:52: databases.crm.log_volume: cannot read the series nope.csv: No such file or "
         "directory"]),
    ("{size: 5 GB, log_volume: {series: two.csv}}",
     ["2:52: databases.crm.log_volume: two.csv has 2 columns; say which with column: b"]),
    ("{size: 5 GB, log_volume: {series: two.csv, column: c}}",
     ["2:69: databases.crm.log_volume: two.csv has no column 'c'; there is 'a', 'b'"]),
    ("{size: 5 GB, log_volume: {series: two.csv, column: b}}",
     ["2:52: databases.crm.log_volume: two.csv row 3: 'x' is no number of bytes"]),
    ("{size: 5 GB, log_volume: {bytes: 1 2 x, interval: 5 min}}",
     ["2:51: databases.crm.log_volume.bytes: 'x' is no whole number of bytes"]),
    ("{size: 5 GB, log_volume: {profile: steady}}",
     ["2:43: databases.crm.log_volume: a log volume needs one of mean, series and bytes, "
         "as in {mean: 350 KiB/s}"]),
]  # fmt: skip


@pytest.mark.parametrize(("added", "told"), ADDED)
def test_a_line_for_each_mistake(write: Write, added: str, told: list[str]) -> None:
    path = write(SMALLEST + added + "\n")
    assert [str(problem) for problem in validate(path)] == [f"s.yaml:{line}" for line in told]


@pytest.mark.parametrize(("database", "told"), DATABASE)
def test_a_line_for_each_mistake_in_a_database(
    write: Write, database: str, told: list[str]
) -> None:
    write("a,b\n1,2\n3,x\n", "two.csv")
    path = write(SMALLEST.replace("{size: 500 GB}", database))
    assert [str(problem) for problem in validate(path)] == [f"s.yaml:{line}" for line in told]


def test_the_smallest_scenario_is_right(write: Write) -> None:
    assert validate(write(SMALLEST)) == []


def test_what_has_no_default_is_asked_for(write: Write) -> None:
    assert [str(problem) for problem in validate(write("seed: 1\n"))] == [
        "s.yaml:1:1: databases is missing; write for example 'databases: {crm: {size: 500 GB}}'",
        "s.yaml:1:1: link.bandwidth is missing; write for example 'bandwidth: 200 Mbit/s'",
        "s.yaml:1:1: run_for is missing; write for example 'run_for: 14 days'",
    ]


def test_a_date_with_another_day_of_the_week_is_refused(write: Write) -> None:
    order = "{by: dba, planned: false, stop_before: Mon 6 Jan 10:00}"
    text = f"""\
start: 2026-01-05
events:
  - {{at: Mon 6 Jan 11:00, link_outage: 1 min}}
  - {{at: Tue 6 Jan 11:00, order_failover: {order}}}
"""
    assert [str(problem) for problem in validate(write(SMALLEST + text))] == [
        f"s.yaml:{line}:{column}: event {number}: 6 Jan 2026 is a Tuesday; write 'Tue 6 Jan ...', "
        "or the date as in '2026-01-06 21:30'"
        for line, column, number in ((6, 10, 1), (7, 10, 2))
    ]


def test_all_mistakes_in_one_pass(write: Write) -> None:
    text = """\
run_for: 14
machines: [sql1]
databases:
  crm:
    size: 500
    log: hourly
link: {bandwith: 200 Mbit/s, loss: 0.01}
failover: {on_duty: joe, mode: magic}
events:
  - {at: soon, link_outage: 40}
faults: {gremlins: {rate: 3 per week}}
sla: {rpo: at most 15}
"""
    assert [str(problem) for problem in validate(write(text))] == [
        "s.yaml:1:10: run_for: '14' has no unit; write '14 s', '14 min', '14 h' or '14 days'",
        "s.yaml:5:11: databases.crm.size: '500' has no unit; write '500 MB', '500 GB' or '500 GiB'",
        "s.yaml:6:10: databases.crm.log: 'hourly' is not a schedule; write 'every 1 h'",
        "s.yaml:7:8: unknown key 'link.bandwith'; did you mean 'bandwidth'?",
        "s.yaml:7:36: link.loss: '0.01' has no unit; write '0.01 %', '0.01 ppm' or '0.01 ppb'",
        "s.yaml:8:21: failover.on_duty: 'joe' is not among failover.operators; there is 'dba'",
        "s.yaml:8:32: failover.mode: 'magic' is not one of manual, automatic",
        "s.yaml:10:10: event 1: 'soon' is not an instant; write 'Tue 21:30', 'day 9 02:47:12', "
        "'2 h 5 min' (after the start) or '2026-01-06 21:30'",
        "s.yaml:10:29: events.1.link_outage.duration: '40' has no unit; write '40 s', '40 "
        "min', '40 h' or '40 days'",
        "s.yaml:11:10: faults: unknown kind 'gremlins'; there is " + _drawable(),
        "s.yaml:12:12: sla.rpo (the same as data_loss): '15' has no unit; write '15 s', '15 min', '15 h' or "
        "'15 days'",
    ]


def _drawable() -> str:
    from dr_sim.faults import KINDS
    from dr_sim.scenario.fields.unknown_kinds import MOST_LISTED

    names = [kind.name for kind in KINDS if kind.drawable]
    more = len(names) - MOST_LISTED
    return f"{', '.join(names[:MOST_LISTED])} and {more} more, which `dr-sim faults` lists"


def test_the_error_holds_every_line(write: Write) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(write(SMALLEST + "seed: x\nstart: y\n"))
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(4, 7), (5, 8)]
    assert str(caught.value).split("\n") == [str(problem) for problem in caught.value.problems]
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("latin.yaml", b"name: caf\xe9\n", "latin.yaml:1:10: is not UTF-8: "
            "byte 0xe9; save it as UTF-8"),
        *((f"{code}.yaml", "\ufeffname: x\n".encode(code), f"{code}.yaml:1:1: is UTF-16; "
            "save it as UTF-8") for code in ("utf-16-le", "utf-16-be")),
        ("plain.yaml", "name: x\n".encode("utf-16-le"), "plain.yaml:1:1: is UTF-16; "
            "save it as UTF-8"),
        ("nul.yaml", b"name: a\x00b\n", "nul.yaml:1:8: is not YAML: U+0000 is "
            "no character for a text file; remove it"),
        ("list.yaml", b"- 1\n", "list.yaml:1:1: a scenario is a mapping; "
            "write for example 'run_for: 14 days' in "
            "its first line"),
        ("two.yaml", b"a: 1\n---\nb: 2\n",
         "two.yaml:2:1: is not YAML: found another document; write one scenario a file, "
             "without '---' between"),
        ("deep.yaml", b"[" * 1000, "deep.yaml:1:1: is nested too deeply; "
            "a scenario needs at most 30 levels"),
        ("empty.yaml", b"", "empty.yaml:1:1: holds nothing; "
            "`dr-sim new FILE` writes a scenario to start from"),
        ("large.yaml", b"#" * (4 * 2**20 + 1), "large.yaml:1:1: cannot be "
            "read: it is larger than 4 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_file(write: Write, name: str, data: bytes, told: str) -> None:
    write("", name)
    Path(name).write_bytes(data)
    assert [str(problem) for problem in validate(name)] == [told]


def test_files_that_cannot_be_read(write: Write) -> None:
    write("")
    assert [str(p) for p in validate("nope.yaml")] == [
        "nope.yaml:1:1: cannot be read: No such file or directory"
    ]
    assert [str(p) for p in validate("quickstart")] == [
        "quickstart:1:1: cannot be read: No such file or directory; a scenario is named by its "
        "file; `dr-sim library quickstart` lists dr_sim's own of that name, and `dr-sim library "
        "--copy .` copies them here"
    ]
    assert [str(p) for p in validate("w.yaml")] == [
        "w.yaml:1:1: cannot be read: No such file or directory; did you mean s.yaml?"
    ]
    assert [str(p) for p in validate("scenarios/night.yaml")] == [
        "scenarios/night.yaml:1:1: cannot be read: No such file or directory; "
        "`dr-sim library --copy .` copies dr_sim's own scenarios here"
    ]
    assert [str(p) for p in validate(".")] == [".:1:1: cannot be read: Is a directory"]


def test_a_bomb_of_aliases_is_told_once(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(9)]
    told = [
        str(problem) for problem in validate(write("\n".join(lines))) if "values" in problem.message
    ]
    assert told == [
        line for line in told if "holds more than 200000 values, too many for a scenario" in line
    ]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("link.loss", "--set link.loss: write --set key.path=value, "
            "for example --set link.loss=1%"),
        ("=3", "--set =3: write --set key.path=value, for example --set link.loss=1%"),
        ("link.loss=0.01", "--set link.loss=0.01: link.loss: '0.01' "
            "has no unit; write '0.01 %', '0.01 ppm' "
            "or '0.01 ppb'"),
        ("link.los=1 %", "--set link.los=1 %: unknown key 'link.los'; did you mean 'loss'?"),
        ("link.loss.x=1", "--set link.loss.x=1: link.loss is one value, so it has no 'x' inside"),
        ("events.3.at=1 h", "--set events.3.at=1 h: events has items 1 to 1, and no '3'"),
        ("events.1.at=x", "--set events.1.at=x: event 1: 'x' is not "
            "an instant; write 'Tue 21:30', 'day 9 "
            "02:47:12', "
         "'2 h 5 min' (after the start) or '2026-01-06 21:30'"),
        ("databases.crn.size=1 GB", "--set databases.crn.size=1 GB: unknown "
            "database 'crn'; did you mean 'crm'? "
         "(a new one is set whole: --set 'databases.crn={...}')"),
        ("replication.groups.b.folders=[crm]", "--set replication.groups.b.folders=[crm]: "
            "unknown group 'b'; there is 'a' "
         "(a new one is set whole: --set 'replication.groups.b={...}')"),
        ("link=[", "--set link=[: is not YAML: expected the "
            "node content, but found '<stream end>'; "
         "check brackets, quotes and indentation"),
    ],
)  # fmt: skip
def test_overrides_are_named(write: Write, override: str, told: str) -> None:
    groups = (
        "replication: {groups: {a: {folders: {f: {databases: [crm], primary: //p/a, "
        "secondary: //s/a, staging: 4 GB}}}}}\n"
    )
    path = write(
        SMALLEST.replace("Mbit/s", "Mbit/s, loss: 1 %")
        + "events: [{at: 1 h, lose: site}]\n"
        + groups
    )
    assert [str(problem) for problem in validate(path, [override])] == [told]


def test_a_database_more_is_set_whole(write: Write) -> None:
    """A slip of the pen adds none; and where nothing is named yet, any name is right."""
    write(SMALLEST)
    assert [d.name for d in load_scenario("s.yaml", ["databases.crn={size: 1 GB}"]).databases] == [
        "crm",
        "crn",
    ]
    write(SMALLEST.replace("databases: {crm: {size: 500 GB}}\n", ""))
    assert [d.name for d in load_scenario("s.yaml", ["databases.crn.size=1 GB"]).databases] == [
        "crn"
    ]


def test_extends_points_into_the_file_that_holds_the_mistake(write: Write) -> None:
    write(SMALLEST + "seed: x\n", "base/a.yaml")
    path = write("extends: base/a.yaml\nstart: y\n")
    assert [str(problem).split(": ")[0] for problem in validate(path)] == [
        "s.yaml:2:8",
        "base/a.yaml:4:7",
    ]


def test_a_misspelled_key_is_one_mistake(write: Write) -> None:
    """Also where another word for it is misspelled; and what is really missing beside it is
    told.
    """
    path = write(
        "runfor: 14 days\ndatabases: {crm: {siz: 5 GB, differentail: none}}\nlink: "
        "{sharing: fair}\n"
    )
    assert [str(problem) for problem in validate(path)] == [
        "s.yaml:1:1: unknown key 'runfor'; did you mean 'run_for'?",
        "s.yaml:2:19: unknown key 'databases.crm.siz'; did you mean 'size'?",
        "s.yaml:2:30: unknown key 'databases.crm.differentail'; did you mean 'differential'?",
        "s.yaml:3:1: link.bandwidth is missing; write for example 'bandwidth: 200 Mbit/s'",
    ]
    # what the base would have held is not asked for
    (told,) = validate(write("extends: nope.yaml\nseed: 3\n"))
    assert "cannot be read" in told.message


def test_extends_that_lead_nowhere(write: Write) -> None:
    assert [str(p) for p in validate(write("extends: nope.yaml\n" + SMALLEST))] == [
        "s.yaml:1:10: extends: nope.yaml cannot be read: No such file or directory"
    ]
    write("extends: s.yaml\n", "t.yaml")
    assert [str(p) for p in validate(write("extends: t.yaml\n" + SMALLEST))] == [
        "t.yaml:1:10: extends: 's.yaml' extends this file in turn; one of them must not"
    ]
    assert [str(p) for p in validate(write("extends: [a, b]\n" + SMALLEST))] == [
        "s.yaml:1:10: extends: write the path of one scenario file"
    ]


def test_paths_and_texts_that_no_file_system_takes(write: Write) -> None:
    assert [str(p) for p in validate(write('extends: "a\\0b"\n' + SMALLEST))] == [
        "s.yaml:1:10: holds the control character U+0000; leave it out"
    ]
    assert [
        str(p) for p in validate(write(SMALLEST.replace("GB", 'GB, log_volume: {series: "a\\0b"}')))
    ] == ["s.yaml:2:54: holds the control character U+0000; leave it out"]
    assert [str(p) for p in validate(write(SMALLEST + 'description: "\\ud83d"\n'))] == [
        "s.yaml:4:14: holds half a character; write the whole one"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "events: [{at: 1 h, missing_file: crm}]",
        "faults: {missing_file: {rate: 1 per week, database: crm}}",
    ],
)
def test_what_is_done_to_logs_needs_some(write: Write, line: str) -> None:
    path = write(SMALLEST.replace("size: 500 GB", "size: 500 GB, log: none") + line + "\n")
    (problem,) = validate(path)
    assert problem.line == TOP + 1
    assert "missing_file: crm takes no log backups (log: none)" in problem.message
    assert validate(write(SMALLEST + line + "\n")) == []


ABOUT_LOGS = {
    "backup_cut_off": "",
    "half_written": "",
    "missing_file": "",
    "recovery_model": ", duration: 5 min",
    "rotting_pages": "",
    "second_log_job": "",
}
SOME_LOGS = (
    "run_for: 14 days\nlink: {bandwidth: 200 Mbit/s}\n"
    "databases: {crm: {size: 500 GB}, web: {size: 1 GB, log: none}, erp: {size: 1 GB}}\n"
)


def about_logs(kind: str, named: str) -> list[str]:
    """Return that kind as an event that repeats, and as a fault."""
    value = f"database: {named}{ABOUT_LOGS[kind]}"
    return [
        f"events: [{{every: daily 03:00, {kind}: {{{value}}}}}]\n",
        f"faults: {{{kind}: {{rate: 1 per week, {value}}}}}\n",
    ]


def test_each_event_about_logs_is_tested() -> None:
    assert set(ABOUT_LOGS) == {kind.name for kind in KINDS if kind.needs_log}


@pytest.mark.parametrize("kind", ABOUT_LOGS)
def test_all_databases_are_those_that_have_logs(write: Write, kind: str) -> None:
    event, fault = about_logs(kind, "all")
    scenario = load_scenario(write(SOME_LOGS + event + fault))
    named = [line.params.database for line in scenario.events]
    assert named == ["crm"] * 14 + ["erp"] * 14
    assert [line.params.database for line in scenario.faults] == ["crm", "erp"]
    again = load_scenario(write(dump_resolved(scenario)))
    assert again.events == scenario.events and again.faults == scenario.faults


@pytest.mark.parametrize("kind", ABOUT_LOGS)
def test_what_names_a_database_without_logs_is_refused_once(write: Write, kind: str) -> None:
    for named, told in (
        ("[crm, web]", "web takes no log backups (log: none), so nothing can happen to one; name"),
        ("all", "no database takes log backups (log: none), so nothing can happen to one; leave"),
    ):
        text = SOME_LOGS
        if named == "all":
            text = text.replace("size: 500 GB", "size: 1 GB, log: none")
            text = text.replace("erp: {size: 1 GB", "erp: {size: 1 GB, log: none")
        for line in about_logs(kind, named):
            (problem,) = validate(write(text + line))
            assert f"{kind}: {told}" in problem.message


def test_names_of_databases(write: Write) -> None:
    for name, shown in (('" "', "' '"), ('"a\\tb"', r"'a\tb'"), ("x" * 129, repr("x" * 40))):
        told = f"s.yaml:2:13: databases: {shown} is no name; use 1 to 128 printable characters"
        assert [str(p) for p in validate(write(SMALLEST.replace("crm", name)))] == [told]
    told = (
        "s.yaml:2:12: databases: name at least one, as in {crm: {size: 500 GB}}; a line of its own "
        "is indented"
    )
    assert [str(p) for p in validate(write(SMALLEST.replace("crm: {size: 500 GB}", "")))] == [told]


def test_a_link_that_loses_everything_is_refused(write: Write) -> None:
    path = write(SMALLEST)
    (told,) = validate(path, ["link.loss=100 %"])
    assert str(told).endswith(
        "link.loss: at a loss of 100 % nothing arrives; write less, or an event link_outage"
    )
    assert validate(path, ["link.loss=99.9 %"]) == []


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("lose: site", "lose: site", "lose would change nothing: event 1 has taken the site"),
        ("lose: host", "lose: database", "lose would change nothing: event 1 has taken the host"),
        (
            "lose: database",
            "lose: {what: database, database: crm}",
            "lose would change nothing: event 1 has taken the database",
        ),
        (
            "lose: site",
            "index_maintenance: {database: crm, log: 1 GB}",
            "index_maintenance would change nothing: event 1 has taken the site",
        ),
        (
            "lose: host",
            "backup_cut_off: crm",
            "backup_cut_off would change nothing: event 1 has taken the host",
        ),
        (
            "lose: {what: host, machine: sql1}",
            "recovery_model: {database: crm, duration: 5 min}",
            "recovery_model would change nothing: event 1 has taken the host",
        ),
        (
            "lose: {what: database, database: crm}",
            "paused_backups: {database: crm, duration: 5 min}",
            "paused_backups would change nothing: event 1 has taken the database",
        ),
        ("lose: site", "corrupt_at_rest: crm", ""),
        ("lose: database", "lose: host", ""),
        ("lose: host", "lose: site", ""),
        ("lose: {what: database, database: crm}", "lose: database", ""),
        ("lose: host", "link_outage: 5 min", ""),
        ("lose: site", "manager_crash: {}", ""),
        ("lose: site", "link_outage: 5 min", ""),
    ],
)
def test_what_befalls_a_primary_that_is_gone_is_refused(
    write: Write, first: str, second: str, told: str
) -> None:
    path = write(SMALLEST + f"events:\n  - {{at: 2 h, {first}}}\n  - {{at: 3 h, {second}}}\n")
    found = [
        str(p).split(": ", 2)[-1] for p in validate(path, ["after_failover.new_secondary=none"])
    ]
    assert validate(path) == []  # the second meets the new primary
    assert found == ([f"{told}; write an earlier instant, or leave it out"] if told else [])


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("link_outage: 5 min", "site_returns: A", "a site must be lost first; write a later"),
        ("link_outage: 5 min", "host_returns: sql1", "machine 'sql1' must be lost first; write"),
        ("lose: database", "host_returns: {}", "a host must be lost first; write a later instant"),
        ("lose: host", "site_returns: {}", "no site is lost by then, only a host; write host_ret"),
        ("lose: site", "host_returns: {}", "the whole site is lost by then; write site_returns"),
        ("lose: site", "site_returns: Q", "unknown site 'Q'; there is 'A', 'B', 'C'"),
        ("site_returns: A", "lose: site", "a site must be lost first; write a later instant, or"),
        ("lose: site", "site_returns: A", ""),
        ("lose: host", "host_returns: sql1", ""),
    ],
)
def test_only_what_was_lost_can_come_back(write: Write, first: str, second: str, told: str) -> None:
    path = write(SMALLEST + f"events:\n  - {{at: 2 h, {first}}}\n  - {{at: 3 h, {second}}}\n")
    found = [str(p).split(": ", 3)[-1] for p in validate(path)]
    assert len(found) == bool(told)
    assert all(each.startswith(told) for each in found)


def test_a_loss_that_is_drawn_may_have_come_before(write: Write) -> None:
    drawn = "faults: {lose: {rate: 1 per day, what: site}}\n"
    assert validate(write(SMALLEST + "events: [{at: 3 h, site_returns: A}]\n" + drawn)) == []
    lost_again = (
        "events: [{at: 1 h, lose: site}, {at: 2 h, site_returns: A}, {at: 3 h, lose: site}]"
    )
    path = write(SMALLEST + lost_again + "\n")
    assert validate(path, ["after_failover.new_secondary=none"]) == []


@pytest.mark.parametrize(("rtt", "more"), [("61 s", "1 s"), ("1 min", "61 s")])
def test_a_round_trip_beyond_a_minute_is_refused(rtt: str, more: str) -> None:
    detour = {"at": "1 h", "latency": {"more": more, "duration": "1 h"}}
    with pytest.raises(InputError, match="'61 s' is more than 1 min, the most for a round trip"):
        load_scenario(
            {
                "run_for": "1 day",
                "databases": {"crm": {"size": "1 GB"}},
                "link": {"bandwidth": "200 Mbit/s", "rtt": rtt},
                "events": [detour],
            }
        )
