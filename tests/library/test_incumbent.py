"""Built-in log shipping on the same luck: what it would have told, held against the same danger;
the README's table.
"""

from __future__ import annotations

from pathlib import Path

from dr_sim.experiments.policies import policy_table
from dr_sim.measures.alerts import judge
from dr_sim.measures.incumbent import BACKUP, RESTORE, incumbent_alerts, judge_incumbent
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
    late = [e for e in quality.episodes if e.late]
    assert len(late) == 5 and all(e.delay_us is not None and e.delay_us > 45 * MINUTE for e in late)


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
