"""Valid scenarios that between them use every section and every kind of value."""

from __future__ import annotations

from functools import cache
from pathlib import Path

NIGHTLY = """\
# our Tuesday night, and the site going away in the middle of it
name: nightly
time_zone: Europe/Berlin
run_for: 14 days
databases:
  crm:
    size: 500 GB
    log_volume: {mean: 350 KiB/s, profile: business_hours}
    full: weekly Sun 01:00
    differential: daily 01:00
    log: every 5 min
  search: {size: 40 GB, full: weekly Sat 03:00, log: none}
link: {bandwidth: 200 Mbit/s, rtt: 30 ms, loss: 0.01 %, sharing: fair}
replication: {slots: 16, staging: 64 GB, retry: 3 min}
replay: {workers: 4, on_hole: bridge, otherwise: resync}
failover: {mode: manual, silent_for: 30 s, operator: {answers_in: {p50: 4 min, p95: 20 min}}}
events:
  - {at: Tue 21:30, index_maintenance: {database: crm, log: 3.5 GB}}
  - {at: Wed 02:05, link_outage: 40 min}
  - {at: "Wed 02:47:12", lose: site}
sla: {data_loss: at most 15 min, outage: at most 30 min}
"""

EVERYTHING = """\
name: "every: thing # here"
description: |
  Two lines,
  and a "quote" \\ é \U0001f600.
seed: 7
start: 2026-03-28 12:00
time_zone: America/New_York
run_for: 3 weeks
measure_from: 1 day
machines: [sql 1, "sql:2", ünï]
databases:
  "a.b c": &one
    size: 1.5 TiB
    "on": sql:2
    log_volume: {bytes: 1 20 300, interval: 10 min}
    transactions: 0.5 per s
    incremental_share: 12.5 %
    full: {at: weekly Mon 02:00, zone: Europe/Berlin}
    incremental: daily 03:00 UTC
    log: every 10 min offset 1 min
    serial: yes
    seeded: true
  "true": *one
  null_: {size: 1 GB, log_volume: 0 B/s, log: none, incremental: none, full: none}
primary: {disk: 1 GB/s, log: {fixed: 0 s, rate: 1 GiB/s}, retention: 1 week, keep_fulls: 0}
link: {bandwidth: 12.5 MB/s, rtt: 0 s, loss: 3 ppb, mss: 9000 B, sharing: priority}
replication: {slots: 1, high_watermark: 100 %, low_watermark: 0 %, every: 15 min, delta: 25 %, resume_above: 0 B}
secondary: {restore_tail: {p50: 1, p95: 2.5}, hash_rate: 100 MB/s, restore_incremental: {fixed: 2 s, rate: 80 MB/s}}
replay: {on_hole: skip_ahead, delay: 1 h, every: 15 min, validate: [hash, properties], reverify: 1 day, attempts: 4}
heartbeat: {every: 1 s, path: data link}
failover:
  mode: automatic
  silent_for: 0:30
  machines_silent: 2
  operators: [ann, bob]
  on_duty: bob
  operator: {answers_in: {from: 1 min, to: 1 h 30 min}, approves: no}
  redirect: {switch: 1 s, ttl: 5 min, reconnect: 21 s}
  warm_up: {for: 0 s, from: 100 %}
users: {requests: 1.5 per s, utilisation: 100 %}
manager: {restart_after: 0 s}
danger: {above: 30 min, grace: 0 s}
engine: {kind: sqlite, imitates: postgres, scale: 1000, timing: measured}
events:
  - at: day 2 00:00
    link_outage: {duration: {mean: 1 h}}
  - {at: "2026-04-02T12:00:00Z", lose: {what: host, machine: ünï}}
  - {at: Sun 02:30, lose: {what: database, database: a.b c}}
faults:
  link_outage: [{rate: 3 per week, duration: {p50: 2 min, p95: 20 min}}, {rate: 1 per month, duration: 1 h}]
sla:
  - {id: "a: b", rpo: at most 15 min, database: "a.b c"}
  - {exposure.above_90_s: at most 0.1 %}
  - {alerts_missed: at most 0}
"""


@cache
def library() -> list[str]:
    """The texts of the project's own scenarios that stand alone and are right. They are loaded by
    the tests that take them: both workers collect all tests.
    """
    texts = []
    for path in sorted((Path(__file__).resolve().parents[2] / "scenarios").rglob("*.yaml")):
        if "bad_input" in path.parts:
            continue  # shows what is refused
        text = path.read_text(encoding="utf-8")
        if "extends:" not in text and "series:" not in text:
            texts.append(text)
    return texts
