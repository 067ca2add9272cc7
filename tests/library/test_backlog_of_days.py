"""A place that was lost for days comes back to a narrow link: the full and the logs of these days
cross it together. Nothing can be restored before the full has landed, and nobody is to blame (R7).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.oracle.monitors.liveness import restored_after_the_storm
from dr_sim.oracle.monitors.story import Story
from dr_sim.record.journal import Journal, Row
from dr_sim.runs.run import Result, run
from dr_sim.scenario.model import Scenario

DAYS = """
run_for: 4 days
databases:
  crm: {size: 2 GB, log_volume: 100 MB per 5 min, full: daily 00:00, differential: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s}
copies:
  near: {link: {bandwidth: 3 Mbit/s}}
  vault: {store: {read: 50 MB/s, machine: 5 min}}
failover: {mode: automatic}
after_failover: {new_secondary: none}
events:
  - {at: "Mon 19:55:57", lose: site}
  - {at: "Mon 19:55:58", lose_secondary: 60 h, copy: near}
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Result:
    path: Path = tmp_path_factory.mktemp("days") / "mine.yaml"
    path.write_text(DAYS, encoding="utf-8")
    return run(load_scenario(path))


def accused(rows: list[Row], scenario: Scenario) -> list[str]:
    journal = Journal()
    for row in rows:
        journal.note(row.kind, row.time_us, row.entity, *row.values.values())
    story = Story(journal, scenario)
    return [breach.requirement for breach in restored_after_the_storm(story)]


def test_a_first_full_that_is_still_on_its_way_breaks_nothing(played: Result) -> None:
    assert list(played.journal.rows("truth.violation")) == []


def test_a_full_that_has_landed_and_is_not_restored_does(played: Result) -> None:
    """The planted bug: of the same rows, the first that landed was the full."""
    (near,) = [leg for leg in played.whole.legs[1].every if leg.secondary == "near"]
    rows = list(near.journal.rows())
    assert accused(rows, near.scenario) == []
    place = next(i for i, row in enumerate(rows) if row.kind == "truth.landed")
    full = replace(rows[place], values={**rows[place].values, "kind": int(Kind.FULL)})
    assert accused([*rows[:place], full, *rows[place:]], near.scenario) == ["R7"]
