"""A planned failover loses nothing, also where a log is missing that nobody has: the old primary is
there, and one more backup of it leads past the hole (R15, found by exploration).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import run

from .runs import MINUTE, alerts, rows

BASE = """\
run_for: 6 h
databases: {crm: {size: 200 MB, log_volume: 4 MB per 5 min, full: none, incremental: none}}
link: {bandwidth: 20 Mbit/s}
failover: {operators: [dba]}
"""
HOLES = {
    "taken elsewhere": "{at: 104 min, second_log_job: {database: crm}}",
    "deleted": "{at: 99 min, missing_file: crm}",
}


@pytest.mark.parametrize("rules", ["sql_server", "postgres"])
@pytest.mark.parametrize("incremental", ["none", "every 1 h"])
@pytest.mark.parametrize("hole", HOLES)
def test_it_loses_nothing(tmp_path: Path, rules: str, incremental: str, hole: str) -> None:
    path = tmp_path / "s.yaml"
    events = f"events:\n  - {HOLES[hole]}\n  - {{at: 105 min, order_failover: dba}}\n"
    path.write_text(BASE + events)
    result = run(
        load_scenario(
            path, [f"engine.imitates={rules}", f"databases.crm.incremental={incremental}"]
        )
    )
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    (failover,) = summary["failovers"]
    assert failover["data_loss_us"] == 0
    asked = [Kind(r.values["kind"]) for r in rows(result, "seen.TakeBackup")]
    # PostgreSQL's incremental stands on the backup before it, which the standby has not restored
    stands_on_another = rules == "postgres" and incremental != "none"
    assert asked == [Kind.INCREMENTAL, *([Kind.FULL] if stands_on_another else [])]


@pytest.mark.parametrize("rules", ["sql_server", "postgres"])
@pytest.mark.parametrize("ordered", ["100 min 1 s", "102 min", "104 min 59 s"])
def test_the_tail_covers_a_last_log_whose_backup_was_cut_off(
    tmp_path: Path, rules: str, ordered: str
) -> None:
    """A log that was cut off truncated nothing (R10). The order is obeyed at once, no other backup
    is made than the tail, and nobody is alerted.
    """
    path = tmp_path / "s.yaml"
    events = f"""events:
  - {{at: 98 min, backup_cut_off: crm}}
  - {{at: {ordered}, order_failover: dba}}
"""
    path.write_text(BASE + events)
    result = run(load_scenario(path, [f"engine.imitates={rules}"]))
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    assert rows(result, "truth.backup_cut_off")
    (failover,) = summary["failovers"]
    assert failover["data_loss_us"] == 0
    assert not rows(result, "seen.RefuseOrder")
    assert not rows(result, "seen.TakeBackup") and not alerts(result)


@pytest.mark.parametrize("limit", ["none", "30 min"])
def test_behind_a_tail_that_does_not_fit_it_waits_and_says_so_and_goes_back(
    tmp_path: Path, limit: str
) -> None:
    """The last log before the tail is lost. After its tail a database takes no backup any more, so
    people are told at each limit of 10 min. Stopped at 105:05, it goes back at 135:05, and 10 s
    later the old primary serves. Then an incremental leads past the hole, and nothing is lost.
    """
    path = tmp_path / "s.yaml"
    events = "{at: 104 min, missing_file: crm}, {at: 105 min, order_failover: dba}"
    path.write_text(BASE + f"events: [{events}]\n")
    result = run(load_scenario(path, [f"failover.planned_limit={limit}"]))
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    told = [t // MINUTE for t, event, _, _ in alerts(result) if event == 7]
    (found,) = summary["failovers"]
    assert found["unfenced"] is (limit != "none")
    if limit == "none":
        assert told[:3] == [115, 125, 135]
        return
    assert told == [115, 125]
    assert (found["outage_us"], found["data_loss_us"]) == (30 * MINUTE + 10_000_000, 0)
    assert rows(result, "truth.restored")[-1].time_us > 350 * MINUTE


def test_somebody_elses_log_job_takes_nothing_once_another_one_is_the_primary(
    tmp_path: Path,
) -> None:
    """Its server follows by then, and refuses: the job's second run is after the swap."""
    path = tmp_path / "s.yaml"
    job = "{at: 104 min, second_log_job: {database: crm, times: 2, every: 20 min}}"
    path.write_text(BASE + f"events: [{job}, {{at: 105 min, order_failover: dba}}]\n")
    result = run(load_scenario(path))
    assert summary_json(result.summary)["violations"] == []
    (skipped,) = rows(result, "truth.backup_skipped", reason="fenced")
    assert skipped.time_us == 124 * MINUTE
