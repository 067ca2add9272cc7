"""A refusal that passes says nothing about the remedy (R11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result, run

from .runs import HOUR, MINUTE, peak_us, ran, rows

SCENARIO = """
name: refused
run_for: 14 h
databases:
  notes: {{size: 500 GB, log_volume: 20 MB per 5 min, full: none, differential: none, log: every 5 min}}
link: {{bandwidth: 200 Mbit/s}}
{engine}
events:
  - {{at: 1 h 20 min, second_log_job: notes}}
  - {{at: 1 h 2 min, {event}}}
"""


def kinds_asked(result: Result) -> set[Kind]:
    asked = {Kind(int(row.values["kind"])) for row in rows(result, "seen.TakeBackup")}
    return asked - {Kind.LOG}


def test_paused_jobs_leave_the_incremental_the_remedy() -> None:
    result = ran("policies/paused_jobs")
    assert result.verdict.outcome is Outcome.PASS
    assert kinds_asked(result) == {Kind.INCREMENTAL}
    (landed,) = [row.time_us for row in rows(result, "truth.landed", kind=int(Kind.INCREMENTAL))]
    resumed_us = HOUR + 40 * MINUTE
    assert resumed_us < landed < resumed_us + 5 * MINUTE
    assert peak_us(result) < HOUR + 10 * MINUTE


@pytest.mark.parametrize("engine", ["", "engine: {imitates: postgres}"])
@pytest.mark.parametrize(
    "event",
    [
        "paused_backups: {database: notes, duration: 3 h}",
        "disk_full: {disk: primary_share, duration: 3 h}",
        "readers: {database: notes, duration: 3 h}",
        "disk_full: {disk: secondary_share, duration: 3 h}",
        "partition: {cut: both, duration: 3 h}",
    ],
)
def test_no_obstacle_that_passes_makes_a_full_of_an_incremental(
    event: str, engine: str, tmp_path: Path
) -> None:
    file = tmp_path / "refused.yaml"
    file.write_text(SCENARIO.format(event=event, engine=engine))
    result = run(load_scenario(file))
    assert kinds_asked(result) <= {Kind.INCREMENTAL}
    assert rows(result, "truth.restored")[-1].time_us > 13 * HOUR
    assert summary_json(result.summary)["violations"] == []


def test_an_alert_calls_only_a_log_a_transaction_log() -> None:
    """The newest full is empty and refused in the failover; in the other run it is a log."""

    def texts(name: str) -> list[str]:
        told = rows(ran(name), "seen.RaiseAlert", event_id=3)
        return [str(row.values["text"]) for row in told]

    (full,) = texts("faults/empty_fulls_then_a_loss")
    assert "while restoring backup file [//secondary/landing/crm_" in full and "_full_000]" in full
    logs = texts("faults/setup_differs")
    assert logs and all("while restoring transaction log [" in text for text in logs)
