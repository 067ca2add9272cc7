"""A second loss, after the first one's failover: what a later pair's logic was told is read in its own
time (found by exploration).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import run


def test_silence_that_a_restarted_manager_is_told_of_is_long_enough(tmp_path: Path) -> None:
    """The manager is dead from 20 s before the second loss until 10 s after it. Its inventory says
    since when the primary is silent, so the failover begins 30 s after the last heartbeat.
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 6 h\n"
        "databases: {web: {size: 200 MB}}\n"
        "link: {bandwidth: 200 Mbit/s}\n"
        "failover: {mode: automatic}\n"
        "events: [{at: 1 min, lose: site}, {at: 16180 s, manager_crash: {}}, {at: 270 min, lose: site}]\n"
    )
    summary = summary_json(run(load_scenario(path)).summary)
    assert summary["violations"] == []
    second = summary["failovers"][1]
    assert second["phases_us"]["detect"] == 30_000_000


def test_a_database_that_is_restored_while_the_others_serve_is_restored_to_its_end(
    tmp_path: Path,
) -> None:
    """Of crm there is no copy yet when an operator orders the second failover, so archive does not
    wait for it. The manager dies after the full of crm and one log, with more logs to come.
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 150 min\n"
        "databases:\n"
        "  crm: {size: 5 GB, incremental: none}\n"
        "  archive: {size: 1 GB, full: none, incremental: none}\n"
        "link: {bandwidth: 20 Mbit/s}\n"
        "events:\n"
        "- {at: 84 min, lose: host}\n"
        "- {at: 115 min, order_failover: {by: dba, planned: false}}\n"
        "- {at: 125 min, manager_crash: {before: Restore, nth: 3}}\n"
    )
    summary = summary_json(run(load_scenario(path)).summary)
    assert summary["violations"] == []
    assert len(summary["failovers"]) == 2


@pytest.mark.parametrize("what", ["site", "host"])
def test_a_database_that_no_failover_brought_online_is_not_back_with_its_site(
    what: str, tmp_path: Path
) -> None:
    """The standby of crm is broken, and a new full takes longer than a minute to come. B is
    the primary without it, is lost, and is back.
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 6 h\n"
        "databases: {crm: {size: 1 GB, full: none}, web: {size: 1 GB, full: none}}\n"
        "link: {bandwidth: 20 Mbit/s}\n"
        "failover: {mode: automatic}\n"
        "after_failover: {new_secondary: 3 h}\n"
        "events:\n"
        "- {at: 50 min, standby_broken: {database: crm, how: redo fails}}\n"
        "- {at: 51 min, lose: site}\n"
        f"- {{at: 2 h, lose: {what}}}\n"
        f"- {{at: 3 h, {what}_returns: {{}}}}\n"
    )
    result = run(load_scenario(path))
    assert summary_json(result.summary)["violations"] == []
    opened = [row.entity & 0xFFFFF for row in result.journal.rows("truth.opened")]
    assert opened == [1]
