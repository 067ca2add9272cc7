"""Built-in log shipping under the same random events: what it would have told, held against the
same danger; the README's table.
"""

from __future__ import annotations

from pathlib import Path

from dr_sim.experiments.comparing.policies import policy_table
from dr_sim.measures.alerts.alerts import judge
from dr_sim.measures.alerts.incumbent import BACKUP, RESTORE, incumbent_alerts, judge_incumbent
from dr_sim.measures.summary.plain import summary_json

from .runs import MINUTE, SCENARIOS, SECOND, at, ran, rows, times

POLICIES = ("bridge", "skip_ahead", "resync", "incumbent")


def test_it_tells_when_the_alert_job_runs_after_its_thresholds() -> None:
    """Backups paused from 09:58 to 10:38: the last log, of 09:55, was finished at 09:55:02 and
    restored 1.9 s later. A restore alert is due 45 min after that, and the next log of 10:40 is
    restored before; a backup alert comes never.
    """
    result = ran("faults/paused_backups")
    assert incumbent_alerts(result.journal, result.scenario) == []
    longer = ran("faults/dead_alert_channel", "events.1.paused_backups.duration=3 h")
    told = incumbent_alerts(longer.journal, longer.scenario)
    restores = [a.time_us for a in told if a.event_id == RESTORE]
    backups = [a.time_us for a in told if a.event_id == BACKUP]
    assert restores[0] == at(1, "10:42")  # the first run of the job after 10:40:03.9
    assert backups[0] == at(1, "10:56")
    again = next(t for t in times(longer, "truth.restored") if t > at(1, "12:58"))
    assert restores == list(range(at(1, "10:42"), again, 2 * MINUTE))
    assert "No restore was performed for 46 minutes" in told[0].text and told[0].minutes == 46


def test_it_is_late_where_we_are_in_time() -> None:
    ours = ran("policies/bridge")
    assert (
        judge(ours.journal, ours.scenario).missed,
        judge_incumbent(ours.journal, ours.scenario).missed,
    ) == (0, 5)
    theirs = ran("policies/incumbent")
    quality = judge_incumbent(theirs.journal, theirs.scenario)
    assert (quality.due, quality.late, quality.missed, quality.false) == (8, 5, 0, 0)
    # The last log before a lost one is restored some seconds after a quarter hour. The next danger
    # begins a quarter hour later; the alert job, which runs every 2 min, tells 45 min after that
    # restore. So it is 46 min late after an odd quarter (12:15, 13:16), else 47.
    late = [e for e in quality.episodes if e.late]
    assert [(e.delay_us or 0) / MINUTE for e in late] == [46, 47, 47, 47, 47]
    # After the resync the copy waits for the restore job of the next quarter hour: due where that
    # is more than 6 min away, and told of already.
    again = [e for e in quality.episodes if e.due_us is not None and not e.late]
    ends = [e.end_us // MINUTE for e in again]
    assert ends == [at(1, "14:15") // MINUTE, at(2, "04:30") // MINUTE, at(9, "10:00") // MINUTE]
    assert [(e.end_us - e.onset_us) // SECOND for e in again] == [634, 637, 634]


def test_it_meets_the_same_luck_and_costs_more() -> None:
    runs = [ran(f"policies/{name}") for name in POLICIES]
    lost = [times(result, "truth.event", what="missing_file", begins=1) for result in runs]
    assert lost[0] == lost[3] and len(lost[0]) >= 5
    mean = [summary_json(result.summary)["exposure"]["mean_us"] for result in runs]
    assert mean[3] > 4 * mean[0] and mean[3] > 20 * 60 * SECOND
    assert rows(runs[3], "seen.Restore", replace=1) != []


def test_the_documentation_shows_what_the_command_prints() -> None:
    table = policy_table([SCENARIOS / f"policies/{name}.yaml" for name in POLICIES])
    assert table in (Path(__file__).parents[2] / "docs/python.md").read_text(encoding="utf-8")
