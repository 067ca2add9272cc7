"""What people write from habit: the reader says what to write here, and an editor that knows the
schema refuses the same texts.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.loading.editor import json_schema

USUAL = """\
name: usual
run_for: 14 days
databases:
  crm: {size: 50 GB, full: weekly Sun 01:00, differential: daily 01:00, log: every 5 min}
link: {bandwidth: 200 Mbit/s, rtt: 30 ms, loss: 0.01 %}
failover: {mode: automatic, silent_for: 30 s}
events:
  - {at: Tue 21:30, link_outage: 12 min}
  - {at: day 12 10:00, lose: site}
sla: {data_loss: at most 15 min, outage: at most 10 min}
"""
ACCEPTED = ""
WRITTEN = [
    ("log: every 5 min", "log: 5 min", "write 'every 5 min'"),
    ("log: every 5 min", "log: every 5min", ACCEPTED),
    ("log: every 5 min", "log: '*/5 * * * *'", "in words, not as cron does"),
    ("log: every 5 min", "log_interval: 5 min", "'log: every 5 min'"),
    ("log: every 5 min", "wal: every 5 min", "'log: every 5 min'"),
    ("log: every 5 min", "archive_timeout: 5 min", "'log: every 5 min'"),
    ("log: every 5 min", "log: every 5 min, recovery_model: full", "put it under events"),
    ("full: weekly Sun 01:00", "full: Sunday 01:00", ACCEPTED),
    ("full: weekly Sun 01:00", "full: weekly Sunday 1:00", ACCEPTED),
    ("full: weekly Sun 01:00", "full: sunday at 1am", "'weekly Sun 01:00'"),
    ("full: weekly Sun 01:00", "full_backup: weekly Sun 01:00", "'full: weekly Sun 01:00'"),
    ("differential: daily 01:00", "diff: daily 01:00", "'differential: daily 01:00'"),
    ("differential: daily 01:00", "incr: daily 01:00", "'differential: daily 01:00'"),
    ("differential: daily 01:00", "differential: nightly", "write 'daily 01:00'"),
    ("differential: daily 01:00", "differential: daily 25:00", "from 00:00 to 23:59:59"),
    ("size: 50 GB", "size: 50GB", ACCEPTED),
    ("size: 50 GB", "size: 50", "write '50 MB', '50 GB' or '50 GiB'"),
    ("size: 50 GB", "size: 50 gb", "did you mean GB?"),
    ("size: 50 GB", "size_gb: 50", "did you mean 'size'?"),
    ("bandwidth: 200 Mbit/s", "bandwidth: 200Mbps", ACCEPTED),
    ("bandwidth: 200 Mbit/s", "bandwidth: 1 Gbit", "write '1 Gbit/s'"),
    ("bandwidth: 200 Mbit/s", "speed: 200 Mbit/s", "write 'bandwidth: 200 Mbit/s'"),
    ("rtt: 30 ms", "latency: 30 ms", "write 'rtt: 30 ms'"),
    ("loss: 0.01 %", "loss: 0.01", "write '0.01 %'"),
    ("mode: automatic", "mode: auto", "did you mean 'automatic'?"),
    ("mode: automatic", "automatic: true", "write 'mode: automatic'"),
    ("silent_for: 30 s", "timeout: 30 s", "write 'silent_for: 30 s'"),
    ("silent_for: 30 s", "silent_for: 30", "write '30 s'"),
    ("lose: site", "lose: primary", "did you mean 'host'?"),
    ("lose: site", "lose: datacenter", "did you mean 'site'?"),
    ("lose: site", "site_lost: true", "unknown kind 'site_lost'; did you mean 'lose'?"),
    ("lose: site", "host-failure: sql1", "did you mean 'lose'?"),
    ("lose: site", "failover: now", "did you mean 'order_failover'?"),
    ("at: Tue 21:30", "at: Tuesday 21:30", ACCEPTED),
    ("at: Tue 21:30", "at: '21:30'", "does not say which day"),
    ("link_outage: 12 min", "network_outage: 12 min", "did you mean 'link_outage'?"),
    ("data_loss: at most 15 min", "data_loss: 15 min", "written 'at most 15 min'"),
    ("data_loss: at most 15 min", "data_loss: '<= 15 min'", "written 'at most 15 min'"),
    ("data_loss: at most 15 min", "availability: 99.9 %", "as in 'outage: at most 30 min'"),
    ("data_loss: at most 15 min", "mttr: 30 min", "write 'outage.mean: at most 30 min'"),
    ("data_loss: at most 15 min", "data_loss: '< 31 min'", "written 'at most 31 min'"),
    ("data_loss: at most 15 min", "data_loss: under 31 min", "written 'at most 31 min'"),
    ("data_loss: at most 15 min", "data_loss: 31 min max", "written 'at most 31 min'"),
    ("run_for: 14 days", "run_for: 2w", "did you mean weeks?"),
    ("run_for: 14 days", "run_for: 14d", ACCEPTED),
    ("databases:\n", "database:\n", "write databases:"),
    (
        "link: {bandwidth: 200 Mbit/s, rtt: 30 ms, loss: 0.01 %}",
        "link: 200 Mbit/s",
        "write link: {bandwidth: 200 Mbit/s}",
    ),
    ("sla:", "SLA:", "did you mean 'sla'?"),
    ("link: {", "Link: {", "unknown key 'Link'; did you mean 'link'?"),
    ("at: Tue 21:30", "at: 06.01.2026 21:30", "write '2026-01-06 21:30'"),
    ("at: Tue 21:30", "at: 13/01/2026", "write '2026-01-13'"),
    ("at: Tue 21:30", "at: 1/6/2026 9:30 PM", "write '2026-06-01 21:30' or '2026-01-06 21:30'"),
    ("at: Tue 21:30", "at: 06-01-26", "write '2026-01-06' or '2026-06-01'"),
    ("at: Tue 21:30", "at: Dienstag 21:30", "did you mean Tue?"),
    ("full: weekly Sun 01:00", "full: weekly So 01:00", "did you mean Sun?"),
    ("run_for: 14 days", "time_zone: IST", "write a place, as in 'Asia/Kolkata'"),
    ("lose: site", "lose: secondary", "lost by lose_secondary, as in 'lose_secondary: 4 h'"),
    ("lose: site", "lose: network", "lost by link_outage, as in 'link_outage: 40 min'"),
    ("lose: site", "lose: crm", "of one database write {what: database, database: crm}"),
    ("lose: site", "crash: crm", "did you mean 'lose'?"),
    ("link_outage: 12 min", "rebuild_index: crm", "did you mean 'index_maintenance'?"),
    ("link_outage: 12 min", "drop_table: crm", "did you mean 'mistake'?"),
    ("link_outage: 12 min", "switchover: now", "did you mean 'order_failover'?"),
    ("name: usual", "max_wal_size: 1 GB", "a server's setting has no place here"),
    ("name: usual", "availability_group: ag1", "dr_sim simulates log shipping"),
    ("name: usual", "replicas: 2", "several standbys are 'copies:"),
    ("name: usual", "schedule: daily", "each database has its own"),
]


@cache
def editor() -> Any:
    return Draft202012Validator(json_schema())


@pytest.mark.parametrize(("usual", "written", "hint"), WRITTEN, ids=[w for _, w, _ in WRITTEN])
def test_what_people_write_from_habit(tmp_path: Path, usual: str, written: str, hint: str) -> None:
    assert USUAL.count(usual) == 1
    text = USUAL.replace(usual, written)
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_scenario(path)
    except InputError as error:
        said = str(error)
        assert hint and hint in said, said
        accepted = False
    else:
        accepted = hint == ACCEPTED
        assert accepted
    assert editor().is_valid(yaml.load(text, yaml.BaseLoader)) == accepted
