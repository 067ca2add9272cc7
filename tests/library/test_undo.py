"""Bringing a copy online undoes open transactions (SQL Server's rules), and takes a time by a
law.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run
from tests.library.runs import ran

S = 1_000_000
MIN = 60 * S


def recover_us(result: Result) -> int:
    (failover,) = summary_json(result.summary)["failovers"]
    assert summary_json(result.summary)["violations"] == []
    return int(failover["phases_us"]["recover"])


def played(tmp_path: Path, more: str) -> Result:
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 6 h\ndatabases: {crm: {size: 50 GB, full: none, differential: none}}\n"
        "link: {bandwidth: 1 Gbit/s}\n" + more,
        encoding="utf-8",
    )
    return run(load_scenario(path))


def test_an_open_transaction_is_undone_at_the_promotion() -> None:
    """10 s, and 8.5 GB at 85 MB/s."""
    assert recover_us(ran("faults/long_transaction")) == 110 * S


@pytest.mark.parametrize(
    ("event", "undo_s"),
    [
        # open until 1 h 14
        ("long_transaction: {database: crm, log: 850 MB, open_for: 10 min}", 10),
        # committed at 1 h 4, before the last cut
        ("long_transaction: {database: crm, log: 850 MB}", 0),
        # half of it is written by 1 h 10
        ("index_maintenance: {database: crm, log: 850 MB, over: 20 min}", 5),
        ("index_maintenance: {database: crm, log: 850 MB}", 0),
    ],
)
def test_only_what_was_written_and_is_open_at_the_last_cut(
    tmp_path: Path, event: str, undo_s: int
) -> None:
    """The site is lost at 1 h 12; the last log that had landed was cut at 1 h 10."""
    more = (
        f"failover: {{mode: automatic}}\nevents:\n  - {{at: 1 h, {event}}}\n  - {{at: 1 h 12 "
        f"min, lose: site}}\n"
    )
    assert recover_us(played(tmp_path, more)) == (10 + undo_s) * S


def test_postgres_has_nothing_to_undo(tmp_path: Path) -> None:
    more = """
failover: {mode: automatic}
engine: {imitates: postgres}
events:
  - {at: 1 h, long_transaction: {database: crm, log: 850 MB, open_for: 3 h}}
  - {at: 1 h 12 min, lose: site}
"""
    assert recover_us(played(tmp_path, more)) == 10 * S


def test_recover_may_be_a_law(tmp_path: Path) -> None:
    """A uniform law from 20 s to 40 s; another seed draws another time."""
    more = """
failover: {mode: automatic, recover: {from: 20 s, to: 40 s}}
events: [{at: 1 h 12 min, lose: site}]
"""
    found = {recover_us(played(tmp_path, f"{more}seed: {seed}\n")) for seed in (1, 2, 3)}
    assert len(found) == 3 and all(20 * S <= x <= 40 * S for x in found)
