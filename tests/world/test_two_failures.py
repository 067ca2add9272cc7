"""A second, worse failure before the promotion takes with it what the first had left."""

from __future__ import annotations

from pathlib import Path

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import run

MINUTE = 60_000_000
TEXT = """\
run_for: 4 h
databases: {crm: {size: 1 GB, log_volume: 20 MB per 5 min, transactions: 10 per s, full: none, differential: none, log: every 5 min}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: manual, operator: {answers_in: 20 min}}
events:
  - {at: 1 h 2 min, lose: database}
"""


def test_a_site_lost_after_its_database_leaves_no_tail(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(TEXT)
    (alone,) = summary_json(run(load_scenario(path)).summary)["failovers"]
    assert alone["data_loss_us"] == 0  # the log survives a database: the tail is taken
    path.write_text(TEXT + "  - {at: 1 h 10 min, lose: site}\n")
    (both,) = summary_json(run(load_scenario(path)).summary)["failovers"]
    assert both["data_loss_us"] == 2 * 60 * 1_000_000  # since the last cut, at 1:00


TWICE = """\
run_for: 2 h
databases: {crm: {size: 1 GB, log_volume: 20 MB per 5 min, full: none, differential: none, log: every 5 min}}
link: {bandwidth: 2 Gbit/s}
failover: {mode: manual, operator: {answers_in: {p50: 5 min, p95: 8 min}}}
after_failover: {new_secondary: 1 min}
events: [{at: 1 h 2 min, lose: host}, {at: 1 h 30 min, lose: host}]
"""


def test_each_failover_has_an_answer_of_its_own(tmp_path: Path) -> None:
    """Two failovers of which each pages within the same hour of the run."""
    path = tmp_path / "twice.yaml"
    path.write_text(TWICE)
    times: dict[str, list[int]] = {"seen.OperatorAnswered": [], "truth.event": []}
    for row in run(load_scenario(path)).journal.rows():
        if row.kind in times:
            times[row.kind].append(row.time_us)
    lost, answered = times["truth.event"], times["seen.OperatorAnswered"]
    assert [at // (60 * MINUTE) for at in lost] == [1, 1] and len(answered) == 2
    assert answered[0] - lost[0] != answered[1] - lost[1]
