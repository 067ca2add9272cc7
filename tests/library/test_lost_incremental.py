"""An incremental that is lost at both sides, and what is taken in its place (R11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.runs.run import run

SERVICE = """
run_for: 4 days
start: 2026-01-05 00:00
databases:
  app: {{size: 50 GB, log_volume: 20 MB per 5 min, full: weekly Mon 01:00,
         incremental: daily 03:00, log: every 5 min}}
link: {{bandwidth: 200 Mbit/s}}
engine: {{imitates: {rules}}}
events:
  - {{at: "Wed 03:01", missing_file: {{database: app, kind: incremental, where: both}}}}
"""


@pytest.mark.parametrize(("rules", "kind"), [
    ("postgres", Kind.FULL),
    ("sql_server", Kind.INCREMENTAL),
])  # fmt: skip
def test_what_stands_on_the_lost_one_does_not_replace_it(
    tmp_path: Path, rules: str, kind: Kind
) -> None:
    """That of Thu 03:00 is lost. By PostgreSQL's rules the next one would stand on it: a full is
    asked for. By SQL Server's rules the next one stands on the full of Monday.
    """
    path = tmp_path / "s.yaml"
    path.write_text(SERVICE.format(rules=rules), encoding="utf-8")
    result = run(load_scenario(path))
    assert result.summary.violations == []
    asked = [row.values["kind"] for row in result.journal.rows("seen.TakeBackup")]
    assert asked == [kind]
