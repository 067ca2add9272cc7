"""People who configure the second side: what they forget stays missing until an audit finds it.

Work is asked for when the mirror is due, at 65:00 and 75:00, and takes two minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.commands import DoByHand
from dr_sim.cloud.mirror.mirror import Mirror
from dr_sim.loading import load_scenario
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.world.cloud.people import People
from dr_sim.world.world import World

BASE = """\
run_for: 3 h
databases: {crm: {size: 1 GB, log_volume: 1 MB per 30 min}}
link: {bandwidth: 200 Mbit/s}
cloud: {mirror: {mode: runbook, every: 5 min, audit: 1 h, limit: 15 min}}
jobs: {by_hand: 2 min, forgotten: 0 %}
changes: {rate: 0 per day, takes: 30 s, fail: 0 %}
events:
  - {at: 61 min, admin_change: {rotate_secret: crm}}
  - {at: 70 min, admin_change: {rotate_secret: crm}}
"""
MS = 1_000


def played(folder: Path, *sets: str) -> tuple[Whole, set[str]]:
    path = folder / "s.yaml"
    path.write_text(BASE)
    scenario = load_scenario(path, sets)
    journal = World(scenario).run()
    found = {breach.invariant for breach in cloud_broken(journal, scenario)}
    return Whole.of(journal, scenario), found


def notices(whole: Whole) -> list[str]:
    return [row.values["notice"] for row in whole.legs[0].journal.rows("cloud.Notify")]


def test_a_change_that_people_forgot_stays_missing_until_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is done at A at 61:32.030. The second one, made at B by 77:00, does not bring it in.
    The audit of 120:00 reads for 30 ms, and people set crm in two minutes: 60:28.000 of drift.
    """

    def first(self: People, work: DoByHand) -> bool:
        return work.work.startswith("1#")

    monkeypatch.setattr(People, "_forget", first)
    whole, broken = played(tmp_path)
    assert broken == set()
    assert whole.drift().max_us() == 3_628_000 * MS
    assert notices(whole) == ["different"]
    believed = list(whole.legs[0].journal.rows("cloud.ReportDrift"))[-1]
    assert believed.values["changes"] == 0


def test_where_nothing_is_forgotten_the_audit_finds_nothing(tmp_path: Path) -> None:
    """From 61:32.030 to 67:00 and from 70:32.030 to 77:00."""
    whole, broken = played(tmp_path)
    assert broken == set()
    assert whole.drift().max_us() == 387_970 * MS
    assert notices(whole) == []


ALL = ("jobs.forgotten=100 %", "cloud.mirror.audit=20 min")


def test_what_is_forgotten_nobody_can_be_told_of_before_the_audit(tmp_path: Path) -> None:
    assert played(tmp_path, "jobs.forgotten=100 %", "cloud.mirror.audit=0 s")[1] == set()
    whole, broken = played(tmp_path, *ALL)
    assert broken == set()
    assert "different" in notices(whole)


def test_an_audit_that_finds_nothing_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mirror, "_compare", lambda self, *what: None)
    assert played(tmp_path, *ALL)[1] == {"cloud 15"}
