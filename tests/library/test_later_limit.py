"""A database that the others did not wait for has a limit of its own for files that do not come
(W2): a failover never waits for what cannot come while another way is open.
"""

from __future__ import annotations

from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run

from .runs import MINUTE, SECOND, at, rows

TWO = """
run_for: 1 day
databases:
  small: {size: 5 GB, log_volume: 2 MB per 5 min, full: daily 01:00, differential: none, log: every 5 min}
  large: {size: 300 GB, log_volume: 2 MB per 5 min, full: daily 01:00, differential: none, log: every 5 min}
link: {bandwidth: 1 Gbit/s}
copies:
  vault: {store: {read: 200 MB/s, machine: 10 min}, replay: {workers: 1}}
failover: {mode: automatic}
after_failover: {new_secondary: none}
events:
  - {at: "Mon 11:57", link_outage: 11 h}
  - {at: "Mon 12:02", lose: host}
"""
LIMIT = 10 * MINUTE


def played(tmp_path: Path) -> Result:
    path = tmp_path / "mine.yaml"
    path.write_text(TWO, encoding="utf-8")
    return run(load_scenario(path))


def test_it_is_brought_online_without_what_the_link_cannot_bring(tmp_path: Path) -> None:
    """Its full takes 25 min. The small one is done 3 min later. The log of 12:00 is at the
    primary, behind a link that is down until 22:57.
    """
    result = played(tmp_path)
    found = summary_json(result.summary)
    assert found["violations"] == []
    promoted = {row.entity: row.time_us for row in rows(result, "truth.promoted")}
    restored = [r for r in rows(result, "truth.restored") if r.entity == 1]
    assert len(promoted) == 2
    assert restored[0].time_us < promoted[0] < promoted[1]
    last_us = max(row.time_us for row in restored)
    assert promoted[1] <= max(restored[0].time_us + LIMIT, last_us) + 11 * SECOND
    assert promoted[1] < at(1, "13:00")
    told = [r.values["database"] for r in rows(result, "seen.RaiseAlert", event_id=6)]
    assert set(told) == {"small", "large"}
